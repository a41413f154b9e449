"""What stands in place of a restricted record: who may open it, and the way in for an emergency."""

from __future__ import annotations

import streamlit as st

from pages.components import frame
from records.access import RestrictedRecord
from security import break_glass


def draw(client_id: str, refusal: RestrictedRecord, may: frozenset[str]) -> None:
    """The wall, with the form for those who may break the glass."""
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
                break_glass.open_record(client_id, reason, password, by=frame.actor(), key=key)
                frame.new_form_key("break_glass")
                st.rerun()
