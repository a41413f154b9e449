"""Labels and values side by side, as text that is never markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """Draw what has a value; lines within a value stay lines."""
    lines = "".join(
        f"<dt>{escape(label)}</dt><dd>{escape(value).replace(chr(10), '<br>')}</dd>" for label, value in pairs if value
    )
    st.html(f'<dl class="facts">{lines}</dl>')
