"""A text with places for names: a click on a chip writes the name's place where the cursor stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.components.draft_text import CSS, PAUSE_MS

ASSETS = Path(__file__).parent / "assets"
_PROSE = st.components.v2.component(
    "ballast_prose",
    html='<div class="prose"></div>\n',
    css=CSS + (ASSETS / "prose.css").read_text(encoding="utf-8"),
    js=(ASSETS / "prose.js").read_text(encoding="utf-8"),
)


def draw(label: str, text: str, chips: dict[str, str], *, longest: int, key: str, take: Callable[[str], None]) -> None:
    """Draw the field. ``chips`` maps what is written (``{patient.name}``) to its words; ``take`` gets the text after
    each pause."""

    def typed() -> None:
        told = (st.session_state.get(key) or {}).get("text")
        if isinstance(told, str):
            take(told[:longest])

    data = {
        "label": label, "text": text, "born": key, "longest": longest, "pause": PAUSE_MS,
        "chips": [{"write": write, "words": words} for write, words in chips.items()],
    }  # fmt: skip
    _PROSE(key=key, data=data, default={"text": text}, on_text_change=typed)
