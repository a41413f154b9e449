"""Numbers as tiles, and short lists: the pieces of the home page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import streamlit as st


@dataclass(frozen=True)
class Tile:
    """A number with what it is, and how it compares. ``tone`` good, bad or empty colours the comparison."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


def tiles(items: Iterable[Tile]) -> None:
    """Side by side on a desk, two abreast on a phone."""
    cells = "".join(
        f'<div class="tile"><span>{escape(item.label)}</span><b>{escape(item.value)}</b>'
        f'<small class="{item.tone}">{escape(item.note)}</small></div>'
        for item in items
    )
    st.html(f'<div class="tiles">{cells}</div>')


def strip(items: Iterable[tuple[str, int]]) -> None:
    """Stages with their counts in one row."""
    cells = "".join(
        f'<div class="{"none" if not count else ""}"><b>{count}</b><span>{escape(label)}</span></div>'
        for label, count in items
    )
    st.html(f'<div class="strip">{cells}</div>')


def waits(items: Iterable[tuple[str, str, str]], empty: str) -> None:
    """A short list: who, what about it, and a time or amount on the right."""
    rows = "".join(
        f'<div class="bill-line"><div><span>{escape(title)}</span><small>{escape(about)}</small></div>'
        f"<b>{escape(right)}</b></div>"
        for title, about, right in items
    )
    if rows:
        st.html(f'<div class="bill-list">{rows}</div>')
    else:
        st.caption(empty)
