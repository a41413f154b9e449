"""Emergency access: every restricted record that was opened, to be reviewed by somebody else within 72 hours."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
from pages.components.draft_text import draft_text, forget
from security import break_glass
from security.break_glass import Opening


def main() -> None:
    """What waits on top, what was reviewed below."""
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    everything = break_glass.openings(by=frame.actor())
    waiting = [row for row in everything if row.reviewed_at is None]
    overdue = sum(1 for row in waiting if row.is_overdue)
    facts = f"{len(waiting)} to review" + (f", {overdue} overdue" if overdue else "")
    frame.head("Emergency access", facts if everything else "Nothing was opened yet")
    if not waiting:
        st.info("No emergency access waits for a review. When somebody opens a restricted record, it is listed here.",
                icon=":material/info:")  # fmt: skip
    for row in waiting:
        one(row)
    if len(waiting) < len(everything):
        st.markdown("## Reviewed")
    for row in everything:
        if row.reviewed_at is not None:
            with st.container(border=True, gap="xxsmall"):
                facts_of(row)
                st.markdown(show.plain(f"“{row.review}”"))
                st.caption(show.plain(f"{row.reviewer}, {show.moment(row.reviewed_at)}"))


def one(row: Opening) -> None:
    """One access that waits for its review."""
    with st.container(border=True, key=f"opening-{row.id}"):
        facts_of(row)
        due = f"Review by {show.moment(row.review_by)}"
        st.badge(due, color="red" if row.is_overdue else "orange", icon=":material/schedule:")
        name = f"review-{row.id}"
        words = draft_text("What you found: was it needed, and what follows?", f"review:{row.id}", longest=2_000)
        if st.button("Record the review", type="primary", key=name):
            with frame.refusals():
                break_glass.review(row.id, words, by=frame.actor(), key=frame.form_key(name))
                frame.new_form_key(name)
                forget(f"review:{row.id}")
                st.toast("The review was recorded.", icon=":material/check:")
                st.rerun()


def facts_of(row: Opening) -> None:
    """Who opened what, when and why."""
    st.markdown(f"**{show.plain(row.person)}** opened the record of client {row.client_number}")
    open_still = " · open now" if row.is_open else ""
    st.caption(show.plain(f"{show.moment(row.opened_at)} to {show.clock_time(row.until)}{open_still}"))
    st.markdown(show.plain(f"Reason: {row.reason}"))


main()
