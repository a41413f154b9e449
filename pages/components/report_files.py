"""A report as a file: one menu of downloads, made when it is clicked."""

from __future__ import annotations

from datetime import date
from functools import partial

import streamlit as st

from forms.print import Column, table_pdf, within
from pages.components import frame
from reports import export
from reports.run import Result, run
from security.actor import Actor

KINDS = {
    "csv": ("Download CSV", "csv"),
    "xlsx": ("Download Excel", "table_view"),
    "pdf": ("Download PDF", "picture_as_pdf"),
}


def downloads(name: str, params: dict[str, str | date | None], *, disabled: bool) -> None:
    """The menu, for those who may take results out."""
    by = frame.actor()
    if "reports.export" not in frame.may():
        return
    with st.popover("Download", icon=":material/download:", disabled=disabled, key="downloads"):
        for kind, (label, icon) in KINDS.items():
            st.download_button(
                label, partial(make, name, params, kind, by), file_name=_file_name(name, params, kind),
                mime=export.FORMATS[kind], key=f"download_{kind}", icon=f":material/{icon}:", type="tertiary",
                on_click="ignore", width="stretch",
            )  # fmt: skip


def make(name: str, params: dict[str, str | date | None], kind: str, by: Actor) -> bytes:
    """The bytes of one download; audited as an export. Raises NotPermitted, PrintTookTooLong."""
    result = run(name, params, by=by, form=kind)
    return within(20, pdf, result) if kind == "pdf" else export.render(result, kind)


def pdf(result: Result) -> bytes:
    """The printed form, with the choices and the definition on it."""
    printed = export.table(result)
    columns = [Column(label, "right" if number else "left", lines=8) for label, number in printed.columns]
    return table_pdf(
        result.title, result.facts, columns, printed.rows, clinic=result.clinic.name, totals=printed.total,
        definition=result.definition,
    )  # fmt: skip


def _file_name(name: str, params: dict[str, str | date | None], kind: str) -> str:
    days = [str(value) for value in params.values() if isinstance(value, date)]
    return "_".join([name, *days]) + f".{kind}"
