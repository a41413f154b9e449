"""Home of the administrator: what needs a look, each with the page that helps."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, show
from security.alerts import alerts

HELPS = {
    "users": ("settings/users.py", "Open users"),
    "reviews": ("settings/reviews.py", "Review"),
    "backups": ("settings/backups.py", "Open backups"),
}


def draw(may: frozenset[str]) -> None:  # noqa: ARG001 - every block is called alike
    """Draw it."""
    found = alerts(by=frame.actor())
    with st.container(border=True, key="home_alerts"):
        st.subheader(f"Needs a look ({len(found)})" if found else "Needs a look", anchor=False)
        if not found:
            st.caption("Nothing. Nobody is locked out, backups are fresh, and every task has run.")
        for number, alert in enumerate(found):
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                icon = ":red[:material/error:]" if alert.grade == "danger" else ":orange[:material/warning:]"
                st.markdown(f"{icon} {show.plain(alert.sentence)}", width="stretch")
                script, label = HELPS[alert.page]
                if st.button(label, key=f"alert_{number}", type="tertiary"):
                    st.switch_page(script)
