"""Where a field of the clinic's own is used: its key for forms, its place in reports, how many records answer it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.components import frame, show
from records import custom

WHERE = {
    "client": "when a client is added or edited, and on the client's page",
    "patient": "when a patient is added or edited, and on the patient's page",
    "appointment": "when an appointment is booked or opened",
}


def draw(slug: str, body: dict[str, Any]) -> None:
    """One quiet block beneath the form."""
    count = custom.answered(slug, by=frame.actor())
    records = "1 record answers" if count == 1 else f"{show.number(count)} records answer"
    asked = f"Asked {WHERE[body['entity']]}." if body["active"] else "No longer asked."
    st.caption(f"{asked} {records} it.")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="custom_field_keys"):
        st.caption("In forms:", width="content")
        st.code(f"{{{body['entity']}.custom.{slug}}}", language=None, width="content")
        st.caption(f"In reports on {body['entity']}s:", width="content")
        st.code(str(body["label"]), language=None, width="content")
