"""Selling something to a client who has no visit today: find the client, then the ticket."""

from __future__ import annotations

import streamlit as st

from billing import checkout
from pages.components import frame, show
from records import search


@st.dialog("Sell over the counter")
def ask() -> None:
    """Find the client; the ticket opens on their name."""
    query = st.text_input(
        "Client or patient", key="sale_find", live="250ms", placeholder="Name, phone, number, patient or microchip",
        autocomplete="off",
    )  # fmt: skip
    found = search.find(query, by=frame.actor(), limit=6) if query else []
    with st.container(key="book_picks", gap="xsmall"):
        for one in found:
            more = (", ".join(one.patients[:4]), show.phone(one.phone), f"No. {one.number}")
            label = f"**{show.plain(one.name)}** · " + " · ".join(show.plain(part) for part in more if part)
            if st.button(label, key=f"sale_{one.id}", width="stretch"):
                _open(one.id)
    if not query:
        st.caption("A product or a single service, without an appointment. Find the client, then add what is sold.")
    elif not found and len(query.strip()) > 1:
        st.caption("Nobody found. Check the spelling, or add the client under Clients & patients first.")


def _open(client_id: str) -> None:
    with frame.refusals():
        key = frame.form_key(f"sale_{client_id}")
        ticket = checkout.open_counter_ticket(client_id, by=frame.actor(), key=key)
        frame.new_form_key(f"sale_{client_id}")
        st.switch_page("today/ticket.py", query_params={"id": ticket})
