"""The card in the middle of the pages that come before signing in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from html import escape

import streamlit as st


@contextlib.contextmanager
def card(*, wide: bool = False) -> Iterator[None]:
    """One card, centred."""
    with st.container(key="door_wide" if wide else "door"):
        yield


def head(title: str, words: str = "") -> None:
    """The mark, a title and a line below it; nothing here names a clinic."""
    line = f"<p>{escape(words)}</p>" if words else ""
    st.html(f'<div class="door-head"><img src="/icons/mark.svg" alt=""><h1>{escape(title)}</h1>{line}</div>')
