"""What campaigns, segments and templates are offered alike: copies, versions, removal and the way back."""

from __future__ import annotations

from typing import Any

import streamlit as st

from campaigns import shelf
from data.definitions import Kind
from pages.components import definition_history, frame
from pages.components.shelf import ask_removal, item
from pages.components.shelf import taken_out as removed

LIST = {"campaign": "campaigns/campaigns.py", "segment": "campaigns/segments.py", "template": "campaigns/templates.py"}
ONE = {"campaign": "campaigns/campaign.py", "segment": "campaigns/segment.py", "template": "campaigns/template.py"}


LEAD = {"segment": ("Write to them", "send"), "template": ("Use in a campaign", "campaign")}


def lead_on(kind: Kind[Any], slug: str) -> None:
    """From a saved segment or template to a campaign that begins with it."""
    words, icon = LEAD[kind.name]
    if st.button(words, icon=f":material/{icon}:", key=f"lead_on_{kind.name}"):
        st.switch_page(ONE["campaign"], query_params={kind.name: slug})


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
    form = f"copy-{kind.name}-{slug}"
    with frame.refusals():
        copied = shelf.copy(kind, slug, by=frame.actor(), key=frame.form_key(form))
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
    ask_removal(
        kind.name,
        f"**{frame.plain(label)}** leaves the list, where it can be put back at the end. "
        "What was sent with it keeps its own copy.",
        f"remove-{kind.name}-{slug}",
        lambda key: shelf.remove(kind, slug, by=frame.actor(), key=key),
        key="remove", leads_to=LIST[kind.name],
    )  # fmt: skip


def taken_out(kind: Kind[Any]) -> None:
    """At the end of a list: what was removed, and the way back."""
    removed(
        f"{kind.name}s", shelf.removed(kind, by=frame.actor()),
        lambda slug, key: shelf.restore(kind, slug, by=frame.actor(), key=key), key=f"restore_{kind.name}",
    )  # fmt: skip
