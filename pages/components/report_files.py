"""A report as a file: one menu of downloads, made when it is clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import streamlit as st

from forms.print import within
from pages.components import frame, show
from reports import export, paper, waiting
from reports.drill import counting
from reports.result import Result
from reports.run import run_spec
from reports.spec import ReportSpec
from reports.streamed import can_stream
from security.actor import Actor

KINDS = {
    "csv": ("Download CSV", "csv"),
    "xlsx": ("Download Excel", "table_view"),
    "pdf": ("Download PDF", "picture_as_pdf"),
    "parquet": ("Download Parquet", "database"),
}
WORTH_SAYING, SAMPLE = 1_000, 200
TOO_LONG = "Paper takes {} lines. Choose a shorter period, or download it as Excel or CSV."


def downloads(
    name: str, params: dict[str, Any], spec: ReportSpec, result: Result, *, key: str = "download",
    kinds: Sequence[str] = tuple(KINDS), suffix: str = "",
) -> None:  # fmt: skip
    """The menu, for those who may take results out; a long list says first how much it will be."""
    by = frame.actor()
    if "reports.export" not in frame.may():
        return
    with st.popover("Download", icon=":material/download:", disabled=not result.rows, key=f"{key}s"):
        count = _count(name, params, spec, result)
        if can_stream(spec) and count >= WORTH_SAYING:
            st.caption(_size(result, count))
        for kind in kinds:
            label, icon = KINDS[kind]
            file_name = _file_name(name + suffix, params, kind)
            if kind == "csv" and can_stream(spec):
                address = f"/report-files/{waiting.offer(name, spec, params, file_name, by=by)}"
                st.link_button(label, address, icon=f":material/{icon}:", type="tertiary", width="stretch")
                continue
            st.download_button(
                label, partial(make, name, params, kind, by, spec), file_name=file_name,
                mime=export.FORMATS[kind], key=f"{key}_{kind}", icon=f":material/{icon}:", type="tertiary",
                on_click="ignore", width="stretch", disabled=kind == "pdf" and count > paper.LONGEST,
                help=TOO_LONG.format(show.number(paper.LONGEST)) if kind == "pdf" and count > paper.LONGEST else None,
            )  # fmt: skip


def make(name: str, params: dict[str, Any], kind: str, by: Actor, spec: ReportSpec) -> bytes:
    """The bytes of one download; audited as an export. Raises NotPermitted, PrintTookTooLong."""
    return within(20, export.render, run_spec(name, spec, params, by=by, form=kind), kind)


def _count(name: str, params: dict[str, Any], spec: ReportSpec, result: Result) -> int:
    """How many rows a file holds."""
    if not result.cut or not can_stream(spec):
        return len(result.rows)
    counted = run_spec(name, counting(spec), params, by=frame.actor(), form="choices")
    count = counted.rows[0][0] if counted.rows else len(result.rows)
    return min(count, spec.limit) if spec.limit else count


def _size(result: Result, count: int) -> str:
    """How many rows, and about how much that is as CSV, from the rows that are there."""
    sample = replace(result, rows=result.rows[:SAMPLE])
    size = len(export.to_csv(sample)) * count / len(sample.rows)
    told = f"{show.number(round(size / 1e6, 1 if size < 1e7 else 0))} MB" if size >= 1e5 else "less than 0.1 MB"
    return f"{show.number(count)} rows, about {told} as CSV"


def _file_name(name: str, params: dict[str, Any], kind: str) -> str:
    days = [str(value) for value in params.values() if isinstance(value, date)]
    return "_".join([name, *days]) + f".{kind}"
