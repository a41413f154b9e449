"""All reports, grouped: those the product ships with and those that people built, each with what it answers."""

from __future__ import annotations

import itertools

import streamlit as st

from pages.components import board_shelf, frame, report_shelf
from records.folding import fold
from reports import dashboards, saved
from reports.dashboards import Board
from reports.saved import Card


def main() -> None:
    """The page."""
    cards = saved.cards(by=frame.actor())
    action = frame.head("Reports", _facts(cards))
    builds = "reports.build" in frame.may()
    if builds:
        with action:
            if st.button("New dashboard", icon=":material/dashboard_customize:", key="new_board"):
                board_shelf.begin()
            if st.button("New report", icon=":material/add:", key="new_report", type="primary"):
                st.switch_page("reporting/builder.py")
    boards = dashboards.boards(by=frame.actor())
    words, whose = _choices(bool(boards) or any(card.saved for card in cards))
    found = [
        one for one in boards
        if _fits(words, one.dashboard.title, one.dashboard.description, one.folder, one.owner)
        and (one.mine or whose != "Mine")
    ]  # fmt: skip
    shown = [
        card for card in cards
        if _fits(words, card.spec.title, card.about, card.folder, card.owner)
        and (whose == "All" or (card.mine if whose == "Mine" else card.saved is not None))
    ]  # fmt: skip
    _boards(found)
    if not shown and not found:
        st.info("No report has these words. Try fewer letters, or look at all of them.", icon=":material/search_off:")
    shown.sort(key=lambda card: card.saved is None)  # what the clinic built comes first
    for (_, folder), members in itertools.groupby(shown, key=lambda card: (card.saved is None, card.folder)):
        _folder(folder, list(members))
    if builds:
        report_shelf.taken_out()
        board_shelf.taken_out()


def _facts(cards: list[Card]) -> str:
    own = sum(card.saved is not None for card in cards)
    if not own:
        return f"{len(cards)} reports, each with the definition of its numbers"
    return f"{len(cards)} reports, {own} of them built here, each with the definition of its numbers"


def _choices(built_here: bool) -> tuple[list[str], str]:
    """The words looked for, and whose reports."""
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom"):
        asked = st.text_input(
            "Find a report", key="find_report", placeholder="Find a report", icon=":material/search:",
            label_visibility="collapsed", width=280, live=True, bind="query-params",
        )  # fmt: skip
        whose = "All"
        if built_here:
            whose = st.segmented_control(
                "Whose reports", ["All", "Built here", "Mine"], default="All", key="whose", required=True,
                label_visibility="collapsed", bind="query-params",
            ) or "All"  # fmt: skip
    return fold(asked or "").split(), whose


def _fits(words: list[str], *told: str) -> bool:
    return all(word in fold(" ".join(told)) for word in words)


def _boards(boards: list[Board]) -> None:
    if not boards:
        return
    st.subheader("Dashboards", anchor=False)
    with st.container(key="report_cards_dashboards"):
        for one in boards:
            count = len(one.dashboard.tiles)
            with st.container(key=f"report_card_board_{one.name}", gap=None):
                st.page_link(
                    "reporting/dashboard.py", label=f"**{frame.plain(one.dashboard.title)}**",
                    query_params={"name": one.name},
                )  # fmt: skip
                told = one.dashboard.description or f"{count} {'tile' if count == 1 else 'tiles'}"
                st.caption(frame.plain(told))
                st.caption(_whose(one.mine, one.owner, one.dashboard.shared))


def _whose(mine: bool, owner: str, shared: bool) -> str:
    circle = "" if shared else " · only you see it" if mine else " · not shared"
    return f":material/person: {frame.plain('You' if mine else owner or 'Ballast')}{circle}"


def _folder(folder: str, cards: list[Card]) -> None:
    st.subheader(frame.plain(folder), anchor=False)
    with st.container(key=f"report_cards_{fold(folder).replace(' ', '_')}_{'own' if cards[0].saved else 'stock'}"):
        for card in cards:
            with st.container(key=f"report_card_{card.name}", gap=None):
                st.page_link(
                    "reporting/report.py",
                    label=f"**{frame.plain(card.spec.title)}**",
                    query_params={"name": card.name},
                )
                st.caption(frame.plain(_short(card.about)))
                if card.saved:
                    asked = " · asked in SQL" if card.in_sql else ""
                    st.caption(_whose(card.mine, card.owner, card.saved.shared) + asked)


def _short(about: str) -> str:
    return about if len(about) <= 150 else about[:150].rsplit(" ", 1)[0] + " …"


main()
