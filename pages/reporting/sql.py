"""A question in SQL: the tables on the left, the text, and what it answers."""

import streamlit as st

from pages.components import frame, preparing, sql_parts

with st.container(key="report_back"):
    st.page_link("reporting/library.py", label="All reports", icon=":material/arrow_back:")
frame.head("Ask in SQL", "One SELECT over tables that hold no names, notes or contact details")
preparing.wait()
with frame.refusals():
    card = sql_parts.chosen()
    with st.container(key="sql_page"):
        left, right = st.columns([1, 3], gap="large")
    with left:
        sql_parts.tables()
    with right:
        text = sql_parts.text_of(card)
        sql_parts.actions(card, text)
        sql_parts.answer(card)
