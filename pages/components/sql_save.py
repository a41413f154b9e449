"""Keeping a question in SQL: its title, its place, who reads it."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, report_shelf, sql_chart
from pages.components.draft_form import DraftForm
from pages.components.draft_text import forget, typed_at
from reports import saved
from reports.queries import SavedQuery
from reports.saved import Card

READERS = "Each reads it with their own rights. Otherwise only you see it."


def place(card: Card | None) -> str:
    """Where the draft of this question's text is kept."""
    return f"sql:{card.name}" if card else "sql:new"


@st.dialog("Save query")
def save(card: Card | None, text: str) -> None:
    """Ask for what a kept question needs, and keep it: as a new version, or as a new one."""
    stored = card.saved if card and isinstance(card.saved, SavedQuery) else None
    form = DraftForm(f"save-{place(card)}", {
        "title": stored.title if stored else "", "purpose": stored.purpose if stored else "",
        "folder": stored.folder if stored else "", "shared": stored.shared if stored else True, "comment": "",
    }, prefix="sql_")  # fmt: skip
    st.text_input("Title", key=form.key("title"), max_chars=80, live=form.live)
    st.text_input("What it answers", key=form.key("purpose"), max_chars=200, live=form.live)
    folders = saved.folders(by=frame.actor())
    current = str(form["folder"] or "")
    st.selectbox(
        "Folder", list(dict.fromkeys(["", *folders, current])), key=form.key("folder"), accept_new_options=True,
        format_func=lambda name: name or "Without a folder",
    )  # fmt: skip
    st.toggle(report_shelf.EVERYBODY, key=form.key("shared"), help=READERS)
    if card:
        st.text_input("What did you change?", key=form.key("comment"), max_chars=200, live=form.live)
    form.keep()
    with st.container(horizontal=True):
        version = st.button("Save new version" if card else "Save query", key="sql_save_go", type="primary")
        copy = card is not None and st.button("Save as a copy", key="sql_save_copy")
    if version or copy:
        with frame.refusals():
            _keep(card, text, form, name=card.name if card and version else None)


def _keep(card: Card | None, text: str, form: DraftForm, *, name: str | None) -> None:
    stored = card.saved if card and isinstance(card.saved, SavedQuery) else None
    body = {
        "title": form["title"], "text": text.strip(), "purpose": form["purpose"], "folder": form["folder"] or "",
        "shared": form["shared"], "chart": sql_chart.kept(card, text),
    } | ({"preset": stored.preset} if stored else {})  # fmt: skip
    query = saved.QUERY.parse(body, form["title"] or "The query")
    made = saved.save_query(
        query, name=name, version=typed_at(place(card)) if name else None, comment=form["comment"] if name else "",
        by=frame.actor(), key=frame.form_key("sql_save"),
    )  # fmt: skip
    frame.new_form_key("sql_save")
    form.forget()
    forget(place(card))
    st.session_state.pop("sql_open", None)
    st.switch_page("reporting/report.py", query_params={"name": made})
