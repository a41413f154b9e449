"""What can be done with a dashboard besides looking at it, and how a report gets onto one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.components import frame, shelf, subscribe_item
from reports import dashboards, tiles
from reports.dashboards import Board, Dashboard, Tile
from reports.saved import Card

NEW = "A new dashboard …"
SHOWN = {"chart": "Chart", "table": "Table", "number": "Big number"}
SIZES = {"chart": (2, 2), "table": (2, 3), "number": (1, 1)}
"""Width and height a tile begins with, by what it shows."""


def menu(board: Board) -> None:
    """The small menu beside a dashboard's title, for those who build reports."""
    builds = "reports.build" in frame.may()
    if not builds and "reports.schedule" not in frame.may():
        return
    with st.popover("More", icon=":material/more_horiz:", key="board_menu"):
        subscribe_item.item(board=board.name)
        if not builds:
            return
        if shelf.item("Change", "edit", "change_board"):
            st.query_params["change"] = "1"
            st.rerun()
        if shelf.item("Copy", "content_copy", "copy_board"):
            with frame.refusals():
                key = frame.form_key(f"copy_{board.name}")
                made = dashboards.copy_dashboard(board.name, "", by=frame.actor(), key=key)
                frame.new_form_key(f"copy_{board.name}")
                st.switch_page("reporting/dashboard.py", query_params={"name": made, "change": "1"})
        if shelf.item("Versions", "history", "board_versions"):
            st.switch_page("reporting/versions.py", query_params={"board": board.name})
        if shelf.item("Remove", "delete", "remove_board"):
            remove(board)


@st.dialog("Remove this dashboard")
def remove(board: Board) -> None:
    """Asks once more."""
    shelf.ask_removal(
        "dashboard",
        f"**{frame.plain(board.dashboard.title)}** leaves the library for everybody. Its reports stay, and it can be "
        "put back from the end of the library.",
        f"remove_board_{board.name}_{board.number}",
        lambda key: dashboards.remove_dashboard(board.name, by=frame.actor(), key=key),
        key="remove_board",
    )


@st.dialog("New dashboard")
def begin() -> None:
    """A new, empty one that opens to be filled."""
    title = st.text_input("Title", key="board_title", max_chars=80, placeholder="The clinic today")
    shared = st.toggle("Everybody who runs reports sees it", False, key="board_shared")
    with frame.refusals():
        if st.button("Make the dashboard", type="primary", key="board_make"):
            made = dashboards.save_dashboard(
                Dashboard(title=title.strip() or "Dashboard", shared=shared), by=frame.actor(),
                key=frame.form_key("new_board"),
            )  # fmt: skip
            frame.new_form_key("new_board")
            st.switch_page("reporting/dashboard.py", query_params={"name": made, "change": "1"})


@st.dialog("Pin to a dashboard")
def pin(card: Card, params: dict[str, Any]) -> None:
    """Put the report, as it is broken down now, on a dashboard."""
    found = {board.name: board.dashboard.title for board in dashboards.boards(by=frame.actor())}
    name = st.selectbox("Dashboard", [*found, NEW], format_func=lambda one: found.get(one, NEW), key="pin_board")
    title = st.text_input("Title of the new dashboard", key="pin_title", max_chars=80) if name == NEW else ""
    counts = bool(card.spec.measures) or card.in_sql
    ways = ["chart"] * (card.spec.chart.kind != "none") + ["table"] + ["number"] * counts
    way = st.segmented_control(
        "Shown as", ways, default=ways[0], format_func=SHOWN.__getitem__, key="pin_show", required=True
    ) or ways[0]  # fmt: skip
    number = number_of(card, "pin") if way == "number" else ""
    with frame.refusals():
        if st.button("Pin the report", type="primary", key="pin_save"):
            width, height = SIZES[way]
            kept = {key: value for key, value in params.items() if key not in ("from", "to", "as_of", "date")}
            tile = Tile(id="new", report=card.name, show=way, number=number, width=width, height=height, params=kept)
            made = dashboards.pin(
                card.name, tile, name=None if name == NEW else name, title=title, by=frame.actor(),
                key=frame.form_key("pin"),
            )  # fmt: skip
            frame.new_form_key("pin")
            st.switch_page("reporting/dashboard.py", query_params={"name": made})


def number_of(card: Card, key: str, start: str = "") -> str:
    """Which number of a report is told big."""
    labels = tiles.numbers(card.name, by=frame.actor())
    if not labels:
        st.caption("This report lists rows and has no number to show.")
        return ""
    begins = list(labels).index(start) if start in labels else 0
    chosen = st.selectbox("Number", list(labels), index=begins, format_func=labels.__getitem__, key=f"{key}_number")
    return str(chosen)


def taken_out() -> None:
    """At the end of the library: the dashboards that were removed, and the way back."""
    by = frame.actor()
    shelf.taken_out(
        "dashboards", dashboards.removed_dashboards(by=by),
        lambda name, key: dashboards.restore_dashboard(name, by=by, key=key), key="restore_board",
    )  # fmt: skip
