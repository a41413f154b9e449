"""Which dialog is open over a page, so that it stays open whatever else makes the page run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.components.draft_form import reopen

_SLOT = "_appointments_dialog"


def open_with(prefix: str, draw: Callable[..., None], *, place: str, **facts: Any) -> None:
    """Open a dialog. Its fields (keys beginning with ``prefix``) begin with the draft kept at ``place``, if any."""
    reopen(place, prefix)
    st.session_state[_SLOT] = (draw, facts)


def draw() -> None:
    """Draw the open dialog, if any; once, at the end of the page."""
    if _SLOT in st.session_state:
        function, facts = st.session_state[_SLOT]
        function(**facts)


def close() -> None:
    """Nothing is open any more."""
    st.session_state.pop(_SLOT, None)
