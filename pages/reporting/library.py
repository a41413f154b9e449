"""All reports, grouped: those the product ships with and those that people built, each with what it answers."""

from __future__ import annotations

import itertools

import streamlit as st

from pages.components import frame, report_shelf
from records.folding import fold
from reports import saved
from reports.saved import Card


def main() -> None:
    """The page."""
    cards = saved.cards(by=frame.actor())
    action = frame.head("Reports", _facts(cards))
    builds = "reports.build" in frame.may()
    if (
        builds
        and report_shelf.has_builder()
        and action.button("New report", icon=":material/add:", key="new_report", type="primary")
    ):
        st.switch_page("reporting/builder.py")
    shown = _wanted(cards)
    if not shown:
        st.info("No report has these words. Try fewer letters, or look at all of them.", icon=":material/search_off:")
    shown.sort(key=lambda card: card.saved is None)  # what the clinic built comes first
    for (_, folder), members in itertools.groupby(shown, key=lambda card: (card.saved is None, card.folder)):
        _folder(folder, list(members))
    if builds:
        report_shelf.taken_out()


def _facts(cards: list[Card]) -> str:
    own = sum(card.saved is not None for card in cards)
    if not own:
        return f"{len(cards)} reports, each with the definition of its numbers"
    return f"{len(cards)} reports, {own} of them built here, each with the definition of its numbers"


def _wanted(cards: list[Card]) -> list[Card]:
    """Those that the row of choices leaves."""
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom"):
        asked = st.text_input(
            "Find a report", key="find_report", placeholder="Find a report", icon=":material/search:",
            label_visibility="collapsed", width=280, live=True, bind="query-params",
        )  # fmt: skip
        whose = "All"
        if any(card.saved for card in cards):
            whose = st.segmented_control(
                "Whose reports", ["All", "Built here", "Mine"], default="All", key="whose", required=True,
                label_visibility="collapsed", bind="query-params",
            ) or "All"  # fmt: skip
    words = fold(asked or "").split()
    return [
        card for card in cards
        if all(word in fold(f"{card.spec.title} {card.about} {card.folder} {card.owner}") for word in words)
        and (whose == "All" or (card.mine if whose == "Mine" else card.saved is not None))
    ]  # fmt: skip


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
                    whose = "You" if card.mine else card.owner
                    circle = "" if card.saved.shared else " · only you see it" if card.mine else " · not shared"
                    st.caption(f":material/person: {frame.plain(whose or 'Ballast')}{circle}")


def _short(about: str) -> str:
    return about if len(about) <= 150 else about[:150].rsplit(" ", 1)[0] + " …"


main()
