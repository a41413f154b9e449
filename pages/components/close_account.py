"""Closing the account: the owner's own, with the clinic's name and the password typed."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
from security import account


def draw() -> None:
    """The way out, folded away."""
    name = frame.clinic().name
    with st.expander("Close the account", icon=":material/cancel:"):
        st.caption(
            "Everybody is signed out at once and nobody can sign in again. The records stay on this machine until you "
            "erase them. Export the clinic and make a backup first."
        )
        with st.form("close-account", border=False):
            typed = st.text_input(f"Type {show.plain(name)} to close it", key="close-name", max_chars=200)
            password = st.text_input("Your password", type="password", key="close-password")
            if st.form_submit_button("Close the account for good"):
                with frame.refusals():
                    account.close_account(typed, password, by=frame.actor(), key=frame.form_key("close-account"))
                    st.rerun()
