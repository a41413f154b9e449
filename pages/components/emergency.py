"""Emergency access on screen: the wall before a restricted record, and the banner while one is open to this person."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
from records.access import RestrictedRecord
from security import break_glass


def draw() -> None:
    """Say which restricted records this person has open, with the way to give them back. Draws nothing otherwise."""
    by = frame.actor()
    for opening in break_glass.my_openings(by=by):
        with st.container(horizontal=True, vertical_alignment="center", key=f"emergency-{opening.id}"):
            st.error(
                f"Emergency access to client {opening.client_number} until {show.clock_time(opening.until)}. "
                "Every look is recorded and will be reviewed.",
                icon=":material/emergency:",
            )
            if st.button("Close the record", key=f"close-{opening.id}"):
                break_glass.close_record(opening.id, by=by)
                st.rerun()


def wall(refusal: RestrictedRecord, may: frozenset[str]) -> None:
    """What stands in place of a restricted record, whichever page would have shown it: who may open it, and the way in
    for an emergency to those who may break the glass."""
    frame.head("Restricted record")
    st.warning(refusal.message, icon=":material/lock:")
    if "security.break_glass" not in may:
        return
    with st.form("break_glass", width=560):
        reason = st.text_input("Why it has to be opened now", key="glass_reason", max_chars=300, autocomplete="off")
        password = st.text_input("Your password", key="glass_password", type="password")
        st.caption("It stays open to you for an hour. The owner is told, and somebody else reviews it.")
        if st.form_submit_button("Open the record", type="primary"):
            with frame.refusals():
                key = frame.form_key("break_glass")
                break_glass.open_record(refusal.client_id, reason, password, by=frame.actor(), key=key)
                frame.new_form_key("break_glass")
                st.rerun()
