"""Which dialog is open over a page, so that it stays open whatever else makes the page run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

_SLOT = "_appointments_dialog"


def open_with(prefix: str, draw: Callable[..., None], **facts: Any) -> None:
    """Open a dialog anew: what was typed into the last of its kind (keys beginning with ``prefix``) is forgotten."""
    for key in [key for key in st.session_state if str(key).startswith(prefix)]:
        del st.session_state[key]
    st.session_state[_SLOT] = (draw, facts)


def draw() -> None:
    """Draw the open dialog, if any; once, at the end of the page."""
    if _SLOT in st.session_state:
        function, facts = st.session_state[_SLOT]
        function(**facts)


def close() -> None:
    """Nothing is open any more."""
    st.session_state.pop(_SLOT, None)
