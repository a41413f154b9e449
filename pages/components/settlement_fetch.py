"""Fetching settlements by a processor's API: which one, which days."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from billing.processors.fetch import fetch_settlements
from billing.processors.settings import ONLINE
from billing.settlement.overview import Choices
from pages.components import frame, settlement_runs, show
from security.actor import Actor


def draw(offered: Choices, by: Actor) -> None:
    """A button that opens the choice of days, where a processor can be asked; draws into the page's head."""
    known = {slug: label for slug, (label, kind) in offered.processors.items() if kind in ONLINE}
    if not known:
        return
    closed = f"fetch-{st.session_state.get('_fetched', 0)}"  # under another key it closes, and shows what came in
    with st.popover("Fetch from a processor", icon=":material/cloud_download:", key=closed):
        slug = st.selectbox("Processor", list(known), format_func=known.__getitem__, key="fetch_processor", width=280)
        today = show.today()
        days = st.date_input(
            "Days", (today - timedelta(days=7), today), max_value=today, format=show.date_pattern(), key="fetch_days",
            width=280,
        )  # fmt: skip
        if not st.button("Fetch settlements", type="primary", key="fetch_go", width=280):
            return
        if not isinstance(days, tuple) or len(days) != 2:
            st.caption("Choose the first and the last day.")
            return
        with frame.refusals(), st.spinner("Asking the processor…"):
            landed = fetch_settlements(str(slug), days[0], days[1], by=by, key=frame.form_key("fetch"))
            frame.new_form_key("fetch")
            settlement_runs.landed(landed, by)
            st.session_state["_fetched"] = st.session_state.get("_fetched", 0) + 1
            st.rerun()
