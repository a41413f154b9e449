"""Changing a dashboard without code: its words, its period and filters, and tile by tile; beneath, how it will look."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.components import board_shelf, board_tiles, frame, preparing, report_choices, show
from reports import dashboards, saved, tiles
from reports.dashboards import Board, Dashboard, Narrowing, Tile
from reports.periods import days_of, label_of
from reports.saved import Card

WIDTHS = {1: "A quarter", 2: "Half", 3: "Three quarters", 4: "Whole width"}
HEIGHTS = {1: "Low", 2: "Normal", 3: "Tall", 4: "Very tall"}
_WORK = "_board_work"


def draw(board: Board) -> None:
    """The whole editor. What is changed is kept in this session until it is saved or thrown away."""
    with st.container(key="report_back"):
        st.page_link(
            "reporting/dashboard.py", label=frame.plain(board.dashboard.title), icon=":material/arrow_back:",
            query_params={"name": board.name},
        )  # fmt: skip
    work = _work(board)
    actions = frame.head(f"Change {board.dashboard.title}", "Nothing changes for others until you save.")
    cards = {card.name: card for card in saved.cards(by=frame.actor())}
    work = _frame(work)
    arranged = [_tile(tile, place, len(work.tiles), cards) for place, tile in enumerate(work.tiles)]
    work = work.model_copy(update={"tiles": arranged})
    st.session_state[_WORK] = board.name, st.session_state[_WORK][1], work
    _add(work, cards)
    with actions:
        _save(board, work)
        if st.button("Leave without saving", key="board_leave"):
            _leave()
    if work.tiles:
        st.subheader("How it will look", anchor=False)
        preparing.wait()
        days = days_of(work.preset, show.today()) if work.preset else None
        board_tiles.grid(work, label_of(work.preset) if work.preset else "", days, {})


def _work(board: Board) -> Dashboard:
    """The copy being changed."""
    name, _, work = st.session_state.get(_WORK, ("", 0, None))
    if name != board.name:
        work = board.dashboard
        st.session_state[_WORK] = board.name, board.number, work
    return work  # type: ignore[no-any-return]


def _keep(work: Dashboard) -> None:
    name, number, _ = st.session_state[_WORK]
    st.session_state[_WORK] = name, number, work


def _frame(work: Dashboard) -> Dashboard:
    with st.container(border=True, key="edit-frame"):
        left, right = st.columns(2)
        title = left.text_input("Title", work.title, key="edit_title", max_chars=80)
        description = right.text_input("What it is for", work.description, key="edit_description", max_chars=200)
        left, middle, right = st.columns(3, vertical_alignment="bottom")
        folder = left.text_input("Folder", work.folder, key="edit_folder", max_chars=60)
        with middle:
            preset = _preset("Period at first", work.preset, "edit_preset", "As each report has it")
        shared = right.toggle("Everybody who runs reports sees it", work.shared, key="edit_shared")
        offered = tiles.filter_fields(work, by=frame.actor())
        labels = {one.field: one.label for one in work.filters} | offered
        chosen = st.multiselect(
            "Filters over all tiles", list(labels), [one.field for one in work.filters],
            format_func=labels.__getitem__, key="edit_filters", max_selections=6, placeholder="None",
        )  # fmt: skip
    short = {one.field: one.label for one in work.filters}
    filters = [Narrowing(field=path, label=short.get(path) or labels[path].split(" > ")[-1]) for path in chosen]
    words = {"title": title.strip(), "description": description, "folder": folder.strip(), "preset": preset}
    return work.model_copy(update={**words, "shared": shared, "filters": filters})


def _preset(label: str, current: str, key: str, none: str) -> str:
    names = list(dict.fromkeys(["", *report_choices.OFFERED, "today", "this_week", *([current] if current else [])]))
    return st.selectbox(
        label, names, index=names.index(current), key=key, format_func=lambda name: label_of(name) if name else none
    )


def _tile(tile: Tile, place: int, count: int, cards: dict[str, Card]) -> Tile:
    card = cards.get(tile.report)
    with st.container(border=True, key=f"edit-tile-{tile.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            name = card.spec.title if card else f"{tile.report} (gone)"
            st.markdown(f"**{place + 1}. {frame.plain(tile.title or name)}**", width="content")
            with st.container(horizontal=True, width="content", gap="xsmall"):
                _moves(tile, place, count)
        first, second, third, fourth = st.columns([3, 2, 2, 2])
        title = first.text_input("Title", tile.title, key=f"title_{tile.id}", placeholder=name, max_chars=80)
        shown = list(board_shelf.SHOWN)
        way = second.selectbox(
            "Shown as", shown, index=shown.index(tile.show), format_func=board_shelf.SHOWN.__getitem__,
            key=f"show_{tile.id}",
        )  # fmt: skip
        width = third.selectbox(
            "Width", list(WIDTHS), index=tile.width - 1, format_func=WIDTHS.__getitem__, key=f"width_{tile.id}"
        )
        height = fourth.selectbox(
            "Height", list(HEIGHTS), index=tile.height - 1, format_func=HEIGHTS.__getitem__, key=f"height_{tile.id}"
        )
        changes: dict[str, Any] = {"title": title.strip(), "show": way, "width": width, "height": height}
        if card is not None:
            changes |= _of_report(tile, card, way)
    return tile.model_copy(update=changes)


def _of_report(tile: Tile, card: Card, way: str) -> dict[str, Any]:
    """What depends on the report: its number, its period, what it is broken down by."""
    changes: dict[str, Any] = {}
    first, second, third = st.columns([3, 3, 3])
    if "from" in card.spec.parameters:
        with first:
            changes["preset"] = _preset("Period", tile.preset, f"preset_{tile.id}", "The dashboard's")
    if way == "number":
        with second:
            changes["number"] = board_shelf.number_of(card, f"tile_{tile.id}", tile.number)
    elif "by" in card.spec.parameters:
        labels = {choice.name: choice.label for choice in card.spec.breakdowns}
        names = list(labels)
        current = str(tile.params.get("by") or names[0])
        by = second.selectbox(
            "Broken down by", names, index=names.index(current) if current in names else 0,
            format_func=labels.__getitem__, key=f"by_{tile.id}",
        )  # fmt: skip
        changes["params"] = {**tile.params, "by": by}
    third.empty()
    return changes


def _moves(tile: Tile, place: int, count: int) -> None:
    for label, icon, step, stops in (
        ("Earlier", "arrow_upward", -1, place == 0), ("Later", "arrow_downward", 1, place == count - 1),
    ):  # fmt: skip
        st.button(
            label, icon=f":material/{icon}:", key=f"icononly-{label.lower()}-{tile.id}", disabled=stops, help=label,
            on_click=_move, args=(tile.id, step),
        )  # fmt: skip
    st.button(
        "Take away", icon=":material/close:", key=f"icononly-away-{tile.id}", help="Take this tile away",
        on_click=_take_away, args=(tile.id,),
    )  # fmt: skip


def _move(id: str, step: int) -> None:
    work: Dashboard = st.session_state[_WORK][2]
    placed = list(work.tiles)
    place = next(number for number, tile in enumerate(placed) if tile.id == id)
    placed.insert(place + step, placed.pop(place))
    _keep(work.model_copy(update={"tiles": placed}))


def _take_away(id: str) -> None:
    work: Dashboard = st.session_state[_WORK][2]
    _keep(work.model_copy(update={"tiles": [tile for tile in work.tiles if tile.id != id]}))


def _add(work: Dashboard, cards: dict[str, Card]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="edit_add"):
        st.selectbox(
            "Add a report", list(cards), index=None, format_func=lambda name: cards[name].spec.title, key="add_report",
            placeholder="Choose a report", width=320,
        )  # fmt: skip
        st.button(
            "Add a tile", icon=":material/add:", key="add_tile", on_click=_added, args=(cards,),
            disabled=len(work.tiles) >= dashboards.MOST_TILES,
        )  # fmt: skip


def _added(cards: dict[str, Card]) -> None:
    card = cards.get(st.session_state.get("add_report") or "")
    if card is None:
        return
    work: Dashboard = st.session_state[_WORK][2]
    way = "chart" if card.spec.chart.kind != "none" else "table"
    width, height = board_shelf.SIZES[way]
    tile = Tile(id=work.free_id(), report=card.name, show=way, width=width, height=height)  # type: ignore[arg-type]
    _keep(work.model_copy(update={"tiles": [*work.tiles, tile]}))
    st.session_state["add_report"] = None


def _save(board: Board, work: Dashboard) -> None:
    if not st.button("Save dashboard", type="primary", icon=":material/save:", key="board_save"):
        return
    with frame.refusals():
        dashboards.save_dashboard(
            work, name=board.name, version=st.session_state[_WORK][1], by=frame.actor(),
            key=frame.form_key(f"board_{board.name}"),
        )  # fmt: skip
        frame.new_form_key(f"board_{board.name}")
        st.toast("Saved.", icon=":material/check:")
        _leave()


def _leave() -> None:
    st.session_state.pop(_WORK, None)
    del st.query_params["change"]
    st.rerun()
