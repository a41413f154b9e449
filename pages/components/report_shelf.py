"""What can be done with a report besides running it: pin, copy, versions, place and readers, remove."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.components import board_shelf, frame, shelf, subscribe_item
from reports import saved
from reports.saved import Card

NEW_FOLDER = "New folder …"
EVERYBODY = "Everybody who runs reports sees it"


def menu(card: Card, params: dict[str, Any]) -> None:
    """The small menu beside a report's title. ``params`` are what it is shown with."""
    changes = ("reports.sql" if card.in_sql else "reports.build") in frame.may()
    if not changes and not {"reports.build", "reports.schedule"} & frame.may():
        return
    with st.popover("More", icon=":material/more_horiz:", key="report_menu"):
        if "reports.build" in frame.may() and shelf.item("Pin to a dashboard", "keep", "pin_report"):
            board_shelf.pin(card, params)
        subscribe_item.of_report(card.name, params)
        if changes and card.saved:
            if shelf.item("Copy", "content_copy", "copy_report"):
                copy(card)
            if shelf.item("Folder and readers", "folder", "place_report"):
                place(card)
            if shelf.item("Versions", "history", "report_versions"):
                st.switch_page("reporting/versions.py", query_params={"name": card.name})
            if shelf.item("Remove", "delete", "remove_report"):
                remove(card)


@st.dialog("Copy this report")
def copy(card: Card) -> None:
    """A copy of one's own, which one may change."""
    title = st.text_input("Title", f"Copy of {card.spec.title}"[:80], key="copy_title", max_chars=80)
    folder = _folder(card.saved.folder if card.saved else "", "copy")
    shared = _readers(False, "copy")
    with frame.refusals():
        if st.button("Save the copy", type="primary", key="copy_save"):
            made = saved.copy_report(
                card.name, title, folder=folder, shared=shared, by=frame.actor(), key=frame.form_key("copy_report")
            )
            frame.new_form_key("copy_report")
            st.switch_page("reporting/report.py", query_params={"name": made})


@st.dialog("Folder and readers")
def place(card: Card) -> None:
    """Title, folder and readers."""
    assert card.saved is not None
    title = st.text_input("Title", card.spec.title, key="place_title", max_chars=80)
    folder = _folder(card.saved.folder, "place")
    shared = _readers(card.saved.shared, "place")
    with frame.refusals():
        if st.button("Save", type="primary", key="place_save"):
            saved.place_report(
                card.name, title=title, folder=folder, shared=shared, version=card.number, by=frame.actor(),
                key=frame.form_key("place_report"),
            )  # fmt: skip
            frame.new_form_key("place_report")
            st.toast("Saved.", icon=":material/check:")
            st.rerun()


@st.dialog("Remove this report")
def remove(card: Card) -> None:
    """Asks once more."""
    shelf.ask_removal(
        "report",
        f"**{frame.plain(card.spec.title)}** leaves the library for everybody. Its versions are kept: "
        "whoever builds reports can put it back from the end of the library.",
        f"remove_{card.name}_{card.number}",
        lambda key: saved.remove_report(card.name, by=frame.actor(), key=key),
        key="remove",
    )


def taken_out() -> None:
    """At the end of the library: what was removed, and the way back."""
    by = frame.actor()
    shelf.taken_out(
        "reports", saved.removed_reports(by=by),
        lambda name, key: saved.restore_report(name, by=by, key=key), key="restore",
    )  # fmt: skip


def _folder(current: str, key: str) -> str:
    options = list(dict.fromkeys(["", *([current] if current else []), *saved.folders(by=frame.actor())]))
    chosen = st.selectbox(
        "Folder", [*options, NEW_FOLDER], index=options.index(current), key=f"{key}_folder",
        format_func=lambda name: name or "No folder",
    )  # fmt: skip
    if chosen != NEW_FOLDER:
        return chosen
    return st.text_input("Name of the new folder", key=f"{key}_new_folder", max_chars=60)


def _readers(shared: bool, key: str) -> bool:
    return st.toggle(EVERYBODY, shared, key=f"{key}_shared")
