"""Cards that lead to pages, three abreast on a desk and one below the other on a phone."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Card:
    """Where a card leads (a script below pages/), what it is called, and one sentence about it."""

    script: str
    title: str
    icon: str
    about: str
    query: dict[str, str] | None = None


def draw(cards: list[Card]) -> None:
    """Draw the cards in rows of three."""
    for start in range(0, len(cards), 3):
        columns = st.columns(3)
        for column, card in zip(columns, cards[start : start + 3], strict=False):
            with column.container(border=True, height="stretch", gap="xxsmall", key=f"card-{card.title}"):
                st.page_link(card.script, label=card.title, icon=f":material/{card.icon}:", query_params=card.query)
                st.caption(card.about)
