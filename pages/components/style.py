"""The little CSS that the theme in .streamlit/config.toml cannot say, in style.css beside this."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent
CSS = f"<style>{(HERE / 'style.css').read_text()}{(HERE / 'counter.css').read_text()}</style>"


def apply() -> None:
    """Add the style sheet to this run."""
    st.html(CSS)
