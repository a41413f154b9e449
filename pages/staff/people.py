"""Staff: everybody with an account as colleagues see them."""

from __future__ import annotations

import streamlit as st

from pages.components import avatar, frame, show, states
from pages.components.definition_form import DAYS
from security import staff

by = frame.actor()
everybody = staff.list_staff(by=by, disabled=bool(st.session_state.get("former")))
frame.head("Staff", f"{len(everybody)} {'person' if len(everybody) == 1 else 'people'}")
with st.container(horizontal=True, vertical_alignment="center", key="staff_filters"):
    sought = st.text_input(
        "Find", key="find-staff", placeholder="Name, role or phone", label_visibility="collapsed", width=320
    )
    if "staff.edit" in frame.may():
        st.toggle("Show those who left", key="former")
wanted = [row for row in everybody if sought.casefold() in f"{row.name} {row.role_label} {row.phone}".casefold()]
if not wanted:
    st.info("Nobody fits. Try a part of the name.", icon=":material/info:")
for start in range(0, len(wanted), 3):
    for column, row in zip(st.columns(3), wanted[start : start + 3], strict=False):
        with column.container(border=True, height="stretch", key=f"staff-{row.id}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                avatar.draw(row.initials, row.colour)
                with st.container(gap=None):
                    st.page_link(
                        "staff/profile.py", label=f"**{show.plain(row.name)}**", query_params={"person": row.id}
                    )
                    st.caption(show.plain(row.role_label + (f" · {row.licence}" if row.licence else "")))
                states.badge(row.status)
            contact = " · ".join(part for part in (show.phone(row.phone), row.email) if part)
            st.caption(show.plain(contact) or "No contact details yet")
            days = ", ".join(DAYS[day][:3] for day in row.working_days)
            st.caption(f"Works {days}" if days else "Working days not entered")
