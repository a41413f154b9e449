"""The page from its beginning: after a save far down, what comes next stands at the top."""

from __future__ import annotations

import streamlit as st

_WANTED = "_to_top"
JS = """
export default function () {
  document.querySelector('[data-testid="stMain"]')?.scrollTo({ top: 0 });
}
"""
_SCROLL = st.components.v2.component("ballast_to_top", html="<span></span>\n", js=JS)


def ask() -> None:
    """The next run begins at the top."""
    st.session_state[_WANTED] = True


def draw() -> None:
    """Go there, once, where it was asked for."""
    if st.session_state.pop(_WANTED, False):
        _SCROLL(key="to_top")
