"""All reports, grouped, each with what it answers."""

import itertools

import streamlit as st

from pages.components import frame
from reports import saved

cards = saved.cards(by=frame.actor())
frame.head("Reports", f"{len(cards)} reports, each with the definition of its numbers")
for group, members in itertools.groupby(cards, key=lambda card: card.folder):
    st.subheader(group, anchor=False)
    with st.container(key=f"report_cards_{group.lower().replace(' ', '_')}"):
        for card in members:
            with st.container(key=f"report_card_{card.name}", gap=None):
                st.page_link(
                    "reporting/report.py",
                    label=f"**{frame.plain(card.spec.title)}**",
                    query_params={"name": card.name},
                )
                st.caption(frame.plain(card.spec.purpose))
