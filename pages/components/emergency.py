"""Breaking glass on screen: the banner while a record is open, and the form that opens one."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
from security import break_glass
from security.access import allowed_now


def banner() -> None:
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


def ask(client_id: str) -> None:
    """The form that opens a restricted record; says whom to ask where the role does not allow it."""
    if "security.break_glass" not in allowed_now(frame.actor()):
        st.info(
            "This record is restricted. Ask an administrator if you need something from it.", icon=":material/lock:"
        )
        return
    with st.expander("Open this restricted record in an emergency", icon=":material/emergency:"):
        st.caption("It opens for 60 minutes. The owner is told, and somebody else reviews it within 72 hours.")
        with st.form(f"glass-{client_id}", border=False):
            reason = st.text_input("Why now", key=f"reason-{client_id}", max_chars=300)
            password = st.text_input("Your password", type="password", key=f"glass-password-{client_id}")
            if st.form_submit_button("Open the record", type="primary"):
                with frame.refusals():
                    name = f"glass-{client_id}"
                    key = frame.form_key(name)
                    break_glass.open_record(client_id, reason, password, by=frame.actor(), key=key)
                    frame.new_form_key(name)
                    st.rerun()
