"""Emergency access on screen: the banner while a record is open to this person."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
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
