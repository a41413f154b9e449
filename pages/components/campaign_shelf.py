"""What segments and templates are offered alike: copies, versions and removal."""

from __future__ import annotations

from typing import Any

import streamlit as st

from campaigns import shelf
from data.definitions import Kind
from pages.components import definition_history, frame
from pages.components.shelf import item

LIST = {"segment": "campaigns/segments.py", "template": "campaigns/templates.py"}
ONE = {"segment": "campaigns/segment.py", "template": "campaigns/template.py"}


def menu(kind: Kind[Any], slug: str, label: str) -> None:
    """The small menu beside the title of a saved one."""
    with st.popover("More", icon=":material/more_horiz:", key=f"{kind.name}_menu"):
        if item("Copy", "content_copy", f"copy_{kind.name}"):
            _copy(kind, slug)
        if item("Versions", "history", f"versions_{kind.name}"):
            _versions(kind, slug)
        if item("Remove", "delete", f"remove_{kind.name}"):
            _remove(kind, slug, label)


def _copy(kind: Kind[Any], slug: str) -> None:
    one = shelf.one(kind, slug, by=frame.actor()).document
    made = one.model_copy(update={"label": f"{one.label}, copy"[:80]})
    form = f"copy-{kind.name}-{slug}"
    with frame.refusals():
        copied = shelf.keep(kind, made, by=frame.actor(), key=frame.form_key(form))
        frame.new_form_key(form)
        st.switch_page(ONE[kind.name], query_params={"name": copied})


@st.dialog("Versions", width="large")
def _versions(kind: Kind[Any], slug: str) -> None:
    found = shelf.told_versions(kind, slug, by=frame.actor())

    def back(number: int, key: str) -> None:
        shelf.go_back(kind, slug, number, by=frame.actor(), key=key)
        for slot in [one for one in st.session_state if f"{kind.name}:{slug}" in str(one)]:
            del st.session_state[slot]

    definition_history.draw(found, key=f"{kind.name}-{slug}", roll_back=back)


@st.dialog("Remove it?")
def _remove(kind: Kind[Any], slug: str, label: str) -> None:
    st.markdown(f"**{frame.plain(label)}** leaves the list. What was sent with it keeps its own copy.")
    form = f"remove-{kind.name}-{slug}"
    with frame.refusals(), st.container(horizontal=True):
        if st.button(f"Remove the {kind.name}", type="primary", key="remove_yes"):
            shelf.remove(kind, slug, by=frame.actor(), key=frame.form_key(form))
            frame.new_form_key(form)
            st.switch_page(LIST[kind.name])
        if st.button("Keep it", key="remove_no"):
            st.rerun()
