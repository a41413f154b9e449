"""The little CSS that the theme in .streamlit/config.toml cannot say, in the style sheets beside this."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
SHEETS = ("style.css", "forms.css", "counter.css", "doors.css", "boards.css", "subscriptions.css", "reconciliation.css")
CSS = f"<style>{''.join((HERE / sheet).read_text() for sheet in SHEETS)}</style>"


def apply() -> None:
    """Add the style sheet to this run."""
    st.html(CSS)
