"""Home: the memos that somebody has not acknowledged yet, above everything else."""

from __future__ import annotations

import streamlit as st

from pages.components import frame
from pages.components.memo_card import body
from security.memos import acknowledge, for_me

FIRST = 3
"""How many stand open; the rest wait on the page of memos."""


def draw() -> None:
    """Draw them, the newest first."""
    found = for_me(by=frame.actor())
    for one in found[:FIRST]:
        with st.container(border=True, key=f"memo_home-{one.id}"):
            row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
            with row.container(gap="xxsmall", width="stretch"):
                body(one)
            if row.button("I have read it", key=f"memo_ack-{one.id}", icon=":material/check:"):
                acknowledge(one.id, by=frame.actor())
                st.rerun()
    if len(found) > FIRST:
        rest = len(found) - FIRST
        st.page_link("staff/memos.py", label=f"{rest} more {'memo' if rest == 1 else 'memos'}",
                     icon=":material/campaign:")  # fmt: skip
