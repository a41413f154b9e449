"""Home of those who run the day: the board in numbers, and what waits."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from appointments.today import Day, Person, day_at_a_glance
from pages.components import frame, show
from pages.home.tiles import strip, waits

MOST = 5


def draw(may: frozenset[str]) -> None:
    """Draw it."""
    today = day_at_a_glance(show.today(), by=frame.actor())
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("Today in the clinic", anchor=False)
        if st.button("Open patient flow", icon=":material/view_kanban:", key="home_flow"):
            st.switch_page("today/flow.py")
    if not today.booked and not any(stage.count for stage in today.stages):
        st.info("Nobody is booked today. Book appointments on the roster, or take a walk-in there.")
        return
    arrived = f"{today.arrived} of {today.booked} arrived"
    st.caption(arrived + (f", {today.no_show} did not come" if today.no_show else ""))
    strip((stage.label, stage.count) for stage in today.stages)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch", key="home_ready"):
        _ready(today, may)
    with right, st.container(border=True, height="stretch", key="home_arriving"):
        _arriving(today)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch", key="home_consent"):
        st.subheader(_counted("Consent missing", today.no_consent), anchor=False)
        _people(today.no_consent, "Everybody in the clinic before surgery has signed.")
    if "drugs.view" in may:
        with right, st.container(border=True, height="stretch", key="home_counts"):
            _counts(today)


def _ready(today: Day, may: frozenset[str]) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(_counted("Ready to go home", today.ready), anchor=False)
        if "billing.view" in may and today.ready and st.button("Check out", type="primary", key="home_checkout"):
            st.switch_page("today/checkout.py")
    _people(today.ready, "Nobody is waiting to go home.", since=True)


def _arriving(today: Day) -> None:
    st.subheader("Next to arrive", anchor=False)
    people = [*today.late, *today.arriving][:MOST]
    late = {person.appointment_id for person in today.late}
    waits(
        (
            (person.patient, person.client + (", late" if person.appointment_id in late else ""),
             show.clock_time(person.at))
            for person in people
        ),
        "Everybody expected today has arrived.",
    )  # fmt: skip
    more = len(today.late) + len(today.arriving) - len(people)
    if more > 0:
        st.caption(f"and {more} more")


def _counts(today: Day) -> None:
    name = {"AM": "Morning", "PM": "Evening"}[today.count_session]
    st.subheader("Drug counts", anchor=False)
    if not today.counts_missing:
        st.caption(f"{name} count: every open controlled bottle is counted.")
        return
    waits(((bottle, f"{name} count is missing", "") for bottle in today.counts_missing[:MOST]), "")
    if len(today.counts_missing) > MOST:
        st.caption(f"and {len(today.counts_missing) - MOST} more")


def _people(people: Sequence[Person], empty: str, *, since: bool = False) -> None:
    waits(
        ((one.patient, one.client, f"since {show.clock_time(one.at)}" if since else show.clock_time(one.at))
         for one in people[:MOST]),
        empty,
    )  # fmt: skip
    if len(people) > MOST:
        st.caption(f"and {len(people) - MOST} more")


def _counted(title: str, people: Sequence[Person]) -> str:
    return f"{title} ({len(people)})" if people else title
