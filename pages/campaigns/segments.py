"""Segments: whom to write to, each with its tests in words and how many it finds at this moment."""

from __future__ import annotations

import streamlit as st

from campaigns import segments, starting
from campaigns.settings import SEGMENT
from data.errors import Refusal
from pages.components import campaign_shelf, frame, show


def main() -> None:
    """The page."""
    found = segments.lines(by=frame.actor())
    told = f"{show.count(len(found), 'segment')}, each worked out anew whenever it is used" if found else ""
    with frame.head("Segments", told or "Whom to write to, found by tests instead of lists"):
        if st.button("New segment", type="primary", icon=":material/add:", key="new_segment"):
            _begin()
    if found and st.query_params.pop("new", ""):
        _begin()
    if not found:
        st.info(
            "A segment finds people by what is known of them: what they had, what is due, when they came, what they "
            "agreed to. Begin with one of these, and change it.", icon=":material/group_work:",
        )  # fmt: skip
        _beginnings()
    else:
        with st.container(key="report_cards_segments"):
            for one in found:
                _card(one)
    campaign_shelf.taken_out(SEGMENT)


def _card(one: segments.Line) -> None:
    with st.container(key=f"report_card_{one.slug}", gap=None):
        st.page_link(
            "campaigns/segment.py", label=f"**{frame.plain(one.segment.label)}**", query_params={"name": one.slug}
        )
        st.caption(frame.plain(one.segment.description or "; ".join(one.words) or "Everybody"))
        st.caption(_found(one))
        if one.campaigns:
            st.caption(f":material/campaign: {frame.plain(', '.join(one.campaigns))}")


def _found(one: segments.Line) -> str:
    try:
        count = segments.count(one.segment, by=frame.actor())
    except Refusal as refusal:
        return f":material/error: {frame.plain(refusal.message)}"
    about = "" if one.segment.entity == "client" else f", {show.count(count.patients, 'patient')}"
    return f":material/group: {frame.plain(show.count(count.clients, 'client') + about)}"


@st.dialog("New segment", width="large")
def _begin() -> None:
    st.markdown("Begin with one of these and change it, or with no test at all.")
    _beginnings()


def _beginnings() -> None:
    with st.container(key="report_cards_beginnings"):
        for number, one in enumerate(starting.segments(frame.clinic().kind)):
            with st.container(key=f"report_card_begin_{number}", gap=None):
                st.page_link(
                    "campaigns/segment.py", label=f"**{frame.plain(one.label)}**", query_params={"like": str(number)}
                )
                st.caption(frame.plain(one.description))
        with st.container(key="report_card_begin_none", gap=None):
            st.page_link("campaigns/segment.py", label="**No test yet**", query_params={"like": ""})
            st.caption("Everybody, until you add one")


main()
