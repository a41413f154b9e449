"""Changing a record in place: its form, kept as a draft while somebody types, saved or discarded."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.components import frame
from pages.components.draft_form import DraftForm


def changes(form: DraftForm, place: str, draw: Callable[[], None], save: Callable[[str], object]) -> None:
    """Draw the form and its two buttons; ``save`` gets the idempotency key. Afterwards the text stands there again."""
    with st.container(border=True):
        form.line(discard=False)
        draw()
        form.keep()
    problem = st.container()
    with st.container(horizontal=True):
        wanted = st.button("Save changes", type="primary", key="save_changes") and not form.newer
        dropped = st.button("Discard", type="tertiary", key="discard_changes")
    with problem, form.saving():
        if wanted:
            save(frame.form_key(place))
            st.toast("The changes are saved.", icon=":material/check:")
        if wanted or dropped:
            form.forget()
            frame.new_form_key(place)
            st.session_state.pop(f"edit_{place}", None)
            st.rerun()
