"""A report as a file: one menu of downloads, made when it is clicked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from functools import partial

import streamlit as st

from forms.print import within
from pages.components import frame
from reports import export, saved
from reports.run import run_spec
from reports.spec import ReportSpec
from reports.streamed import can_stream, write_csv
from security.actor import Actor

KINDS = {
    "csv": ("Download CSV", "csv"),
    "xlsx": ("Download Excel", "table_view"),
    "pdf": ("Download PDF", "picture_as_pdf"),
    "parquet": ("Download Parquet", "database"),
}


def downloads(
    name: str, params: dict[str, str | date | None], *, disabled: bool, spec: ReportSpec | None = None,
    key: str = "download", kinds: Sequence[str] = tuple(KINDS), suffix: str = "",
) -> None:  # fmt: skip
    """The menu, for those who may take results out; of the report kept under the name, or of ``spec``."""
    by = frame.actor()
    if "reports.export" not in frame.may():
        return
    with st.popover("Download", icon=":material/download:", disabled=disabled, key=f"{key}s"):
        for kind in kinds:
            label, icon = KINDS[kind]
            st.download_button(
                label, partial(make, name, params, kind, by, spec), file_name=_file_name(name + suffix, params, kind),
                mime=export.FORMATS[kind], key=f"{key}_{kind}", icon=f":material/{icon}:", type="tertiary",
                on_click="ignore", width="stretch",
            )  # fmt: skip


def make(
    name: str, params: dict[str, str | date | None], kind: str, by: Actor, spec: ReportSpec | None = None
) -> bytes:
    """The bytes of one download; audited as an export. Raises NotPermitted, PrintTookTooLong."""
    spec = spec or saved.card(name, by=by).spec
    if kind == "csv" and can_stream(spec):
        file = io.BytesIO()
        write_csv(name, spec, params, file, by=by)
        return file.getvalue()
    return within(20, export.render, run_spec(name, spec, params, by=by, form=kind), kind)


def _file_name(name: str, params: dict[str, str | date | None], kind: str) -> str:
    days = [str(value) for value in params.values() if isinstance(value, date)]
    return "_".join([name, *days]) + f".{kind}"
