"""Emergency access on screen: the banner while a record is open to this person, and the alert to reviewers."""

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


def alert(may: frozenset[str]) -> None:
    """For the home of those who review: how many emergency accesses wait, and whether one is late."""
    if "security.audit" not in may:
        return
    waiting = break_glass.openings(by=frame.actor(), only_waiting=True)
    if not waiting:
        return
    late = " The review of one is overdue." if any(row.is_overdue for row in waiting) else ""
    records = "1 restricted record was" if len(waiting) == 1 else f"{len(waiting)} restricted records were"
    with st.container(horizontal=True, vertical_alignment="center", key="emergency-alert"):
        st.warning(f"{records} opened in an emergency and waits for a review.{late}", icon=":material/emergency:")
        st.page_link("settings/reviews.py", label="Review emergency access")
