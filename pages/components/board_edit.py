"""Changing a dashboard without code: its words, its period and filters, and tile by tile; beneath, how it will look."""

from __future__ import annotations

from typing import Any

import streamlit as st

from data.definitions import BadDefinition
from pages.components import board_shelf, board_tiles, frame, preparing, report_choices, show
from pages.components.draft_form import Draft
from reports import dashboards, saved, tiles
from reports.dashboards import DASHBOARD, Board, Dashboard, Narrowing, Tile
from reports.periods import days_of, label_of
from reports.saved import Card

WIDTHS = {1: "A quarter", 2: "Half", 3: "Three quarters", 4: "Whole width"}
HEIGHTS = {1: "Low", 2: "Normal", 3: "Tall", 4: "Very tall"}


class Edited:
    """A dashboard being changed: a copy in this session, kept as a draft until it is saved or thrown away.

    ``number`` is the version it was begun from. Where a newer one stands by now, what was changed is kept and comes on
    top of that when the page is drawn again.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self._from = f"_board_from:{board.name}"
        self.number: int = st.session_state.setdefault(self._from, board.number)
        self.draft = Draft(f"dashboard:{board.name}", version=self.number)
        self._slot = self.draft.key(f"_board:{board.name}")
        if self._slot not in st.session_state:
            stored = board.dashboard.model_dump(mode="json")
            try:
                self.work = DASHBOARD.parse(self.draft.over(stored))
            except BadDefinition:  # a draft of an older version of Ballast
                self.work = board.dashboard

    @property
    def work(self) -> Dashboard:
        """As it stands now."""
        return st.session_state[self._slot]  # type: ignore[no-any-return]

    @work.setter
    def work(self, work: Dashboard) -> None:
        st.session_state[self._slot] = work

    def key(self, name: str) -> str:
        """The key of a widget."""
        return self.draft.key(name)

    def keep(self) -> None:
        """Keep it as a draft."""
        self.draft.keep(self.work.model_dump(mode="json"))
        if self.number != self.board.number:
            self._let_go()
            self.draft.begin_anew()
            st.rerun()

    def leave(self) -> None:
        """Saved, or thrown away."""
        self._let_go()
        self.draft.forget()
        del st.query_params["change"]
        st.rerun()

    def _let_go(self) -> None:
        st.session_state.pop(self._slot, None)
        st.session_state.pop(self._from, None)

    def tiles(self, tiles: list[Tile]) -> None:
        """Other tiles, or in another order."""
        self.work = self.work.model_copy(update={"tiles": tiles})


def draw(board: Board) -> None:
    """The whole editor. What is changed is kept as a draft until it is saved or thrown away."""
    with st.container(key="report_back"):
        st.page_link(
            "reporting/dashboard.py", label=frame.plain(board.dashboard.title), icon=":material/arrow_back:",
            query_params={"name": board.name},
        )  # fmt: skip
    made = Edited(board)
    actions = frame.head(f"Change {board.dashboard.title}", "Nothing changes for others until you save.")
    made.draft.line()
    cards = {card.name: card for card in saved.cards(by=frame.actor())}
    made.work = _frame(made)
    made.tiles([_tile(made, tile, place, cards) for place, tile in enumerate(made.work.tiles)])
    _add(made, cards)
    made.keep()
    with actions:
        _save(made)
        if st.button("Leave without saving", key="board_leave"):
            made.leave()
    work = made.work
    if work.tiles:
        st.subheader("How it will look", anchor=False)
        preparing.wait()
        days = days_of(work.preset, show.today()) if work.preset else None
        board_tiles.grid(work, label_of(work.preset) if work.preset else "", days, {})


def _frame(made: Edited) -> Dashboard:
    work, key = made.work, made.key
    with st.container(border=True, key="edit-frame"):
        left, right = st.columns(2)
        title = left.text_input("Title", work.title, key=key("edit_title"), max_chars=80)
        description = right.text_input("What it is for", work.description, key=key("edit_description"), max_chars=200)
        left, middle, right = st.columns(3, vertical_alignment="bottom")
        folder = left.text_input("Folder", work.folder, key=key("edit_folder"), max_chars=60)
        with middle:
            preset = _preset("Period at first", work.preset, key("edit_preset"), "As each report has it")
        shared = right.toggle("Everybody who runs reports sees it", work.shared, key=key("edit_shared"))
        offered = tiles.filter_fields(work, by=frame.actor())
        labels = {one.field: one.label for one in work.filters} | offered
        chosen = st.multiselect(
            "Filters over all tiles", list(labels), [one.field for one in work.filters],
            format_func=labels.__getitem__, key=key("edit_filters"), max_selections=6, placeholder="None",
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


def _tile(made: Edited, tile: Tile, place: int, cards: dict[str, Card]) -> Tile:
    key = made.key
    card = cards.get(tile.report)
    with st.container(border=True, key=f"edit-tile-{tile.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            name = card.spec.title if card else f"{tile.report} (gone)"
            st.markdown(f"**{place + 1}. {frame.plain(tile.title or name)}**", width="content")
            with st.container(horizontal=True, width="content", gap="xsmall"):
                _moves(made, tile, place)
        first, second, third, fourth = st.columns([3, 2, 2, 2])
        title = first.text_input("Title", tile.title, key=key(f"title_{tile.id}"), placeholder=name, max_chars=80)
        shown = list(board_shelf.SHOWN)
        way = second.selectbox(
            "Shown as", shown, index=shown.index(tile.show), format_func=board_shelf.SHOWN.__getitem__,
            key=key(f"show_{tile.id}"),
        )  # fmt: skip
        width = third.selectbox(
            "Width", list(WIDTHS), index=tile.width - 1, format_func=WIDTHS.__getitem__, key=key(f"width_{tile.id}")
        )
        height = fourth.selectbox(
            "Height",
            list(HEIGHTS),
            index=tile.height - 1,
            format_func=HEIGHTS.__getitem__,
            key=key(f"height_{tile.id}"),
        )
        changes: dict[str, Any] = {"title": title.strip(), "show": way, "width": width, "height": height}
        if card is not None:
            changes |= _of_report(made, tile, card, way)
    return tile.model_copy(update=changes)


def _of_report(made: Edited, tile: Tile, card: Card, way: str) -> dict[str, Any]:
    """What depends on the report: its number, its period, what it is broken down by."""
    changes: dict[str, Any] = {}
    first, second, third = st.columns([3, 3, 3])
    if "from" in card.spec.parameters:
        with first:
            changes["preset"] = _preset("Period", tile.preset, made.key(f"preset_{tile.id}"), "The dashboard's")
    if way == "number":
        with second:
            changes["number"] = board_shelf.number_of(card, made.key(f"tile_{tile.id}"), tile.number)
    elif "by" in card.spec.parameters:
        labels = {choice.name: choice.label for choice in card.spec.breakdowns}
        names = list(labels)
        current = str(tile.params.get("by") or names[0])
        by = second.selectbox(
            "Broken down by", names, index=names.index(current) if current in names else 0,
            format_func=labels.__getitem__, key=made.key(f"by_{tile.id}"),
        )  # fmt: skip
        changes["params"] = {**tile.params, "by": by}
    third.empty()
    return changes


def _moves(made: Edited, tile: Tile, place: int) -> None:
    last = len(made.work.tiles) - 1
    for label, icon, step, stops in (
        ("Earlier", "arrow_upward", -1, place == 0), ("Later", "arrow_downward", 1, place == last),
    ):  # fmt: skip
        st.button(
            label, icon=f":material/{icon}:", key=made.key(f"icononly-{label.lower()}-{tile.id}"), disabled=stops,
            help=label, on_click=_move, args=(made, tile.id, step),
        )  # fmt: skip
    st.button(
        "Take away", icon=":material/close:", key=made.key(f"icononly-away-{tile.id}"), help="Take this tile away",
        on_click=_take_away, args=(made, tile.id),
    )  # fmt: skip


def _move(made: Edited, id: str, step: int) -> None:
    placed = list(made.work.tiles)
    place = next(number for number, tile in enumerate(placed) if tile.id == id)
    placed.insert(place + step, placed.pop(place))
    made.tiles(placed)


def _take_away(made: Edited, id: str) -> None:
    made.tiles([tile for tile in made.work.tiles if tile.id != id])


def _add(made: Edited, cards: dict[str, Card]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="edit_add"):
        st.selectbox(
            "Add a report", list(cards), index=None, format_func=lambda name: cards[name].spec.title, key="add_report",
            placeholder="Choose a report", width=320,
        )  # fmt: skip
        st.button(
            "Add a tile", icon=":material/add:", key="add_tile", on_click=_added, args=(made, cards),
            disabled=len(made.work.tiles) >= dashboards.MOST_TILES,
        )  # fmt: skip


def _added(made: Edited, cards: dict[str, Card]) -> None:
    card = cards.get(st.session_state.get("add_report") or "")
    if card is None:
        return
    way = "chart" if card.spec.chart.kind != "none" else "table"
    width, height = board_shelf.SIZES[way]
    tile = Tile(id=made.work.free_id(), report=card.name, show=way, width=width, height=height)  # type: ignore[arg-type]
    made.tiles([*made.work.tiles, tile])
    st.session_state["add_report"] = None


def _save(made: Edited) -> None:
    if not st.button("Save dashboard", type="primary", icon=":material/save:", key="board_save"):
        return
    name = made.board.name
    with made.draft.saving():
        dashboards.save_dashboard(
            made.work, name=name, version=made.number, by=frame.actor(), key=frame.form_key(f"board_{name}")
        )
        frame.new_form_key(f"board_{name}")
        st.toast("Saved.", icon=":material/check:")
        made.leave()
