"""Home of those who run the day: the board in numbers, and what waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from appointments.today import Day, Person, day_at_a_glance
from pages.components import frame, show
from pages.home.tiles import Link, Tile, Wait, more, strip, waits

MOST = 5
FLOW = Link("today/flow.py", "flow")
ROSTER = Link("appointments/roster.py", "roster")
CHECKOUT = Link("today/checkout.py", "checkout")
DRUG_LOG = Link("today/drug_log.py", "drug-log")
To = Callable[[Person], Link]


def draw(may: frozenset[str]) -> None:
    """Draw it."""
    today = day_at_a_glance(show.today(), by=frame.actor())
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("Today in the clinic", anchor=False)
        if st.button("Open patient flow", icon=":material/view_kanban:", key="home_flow"):
            FLOW.follow()
    if not today.booked and not any(stage.count for stage in today.stages):
        st.info("Nobody is booked today. Book appointments on the roster, or take a walk-in there.")
        return
    _strip(today, may)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch", key="home_ready"):
        home: To = _ticket if "billing.checkout" in may else _visit
        _people("Ready to go home", today.ready, "Nobody is waiting to go home.", home,
                CHECKOUT if home is _ticket else FLOW, key="ready", since=True)  # fmt: skip
    with right, st.container(border=True, height="stretch", key="home_arriving"):
        _people("Next to arrive", [*today.late, *today.arriving], "Everybody expected today has arrived.",
                _booked if "appointments.view" in may else _visit, ROSTER, key="arriving",
                late={person.appointment_id for person in today.late})  # fmt: skip
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch", key="home_consent"):
        _people(
            "Consent missing",
            today.no_consent,
            "Everybody in the clinic before surgery has signed.",
            _visit,
            FLOW,
            key="consent",
        )
    if "drugs.view" in may:
        with right, st.container(border=True, height="stretch", key="home_counts"):
            _counts(today)


def _strip(today: Day, may: frozenset[str]) -> None:
    roster = ROSTER if "appointments.view" in may else FLOW
    checkout = CHECKOUT if "billing.view" in may else FLOW
    ends = {"ready": checkout, "checked_out": checkout}
    coming = len(today.late) + len(today.arriving)
    cells = [Tile("To arrive", str(coming), roster)]
    cells += [Tile(stage.label, str(stage.count), ends.get(stage.stage, FLOW)) for stage in today.stages]
    strip([*cells, Tile("No-show", str(today.no_show), roster)], key="home_stages")


def _ticket(person: Person) -> Link:
    return Link("today/ticket.py", "ticket", {"visit": person.appointment_id})


def _visit(person: Person) -> Link:
    return Link("today/visit.py", "visit", {"id": person.appointment_id})


def _booked(person: Person) -> Link:
    return Link(ROSTER.script, ROSTER.path, {"appointment": person.appointment_id})


def _counts(today: Day) -> None:
    name = {"AM": "Morning", "PM": "Evening"}[today.count_session]
    st.subheader("Drug counts", anchor=False)
    lines = [Wait(bottle, f"{name} count is missing", "", DRUG_LOG) for bottle in today.counts_missing[:MOST]]
    waits(lines, f"{name} count: every open controlled bottle is counted.", label="Drug counts", key="count_rows")
    more(len(today.counts_missing) - len(lines), DRUG_LOG, key="count_more")


def _people(
    title: str, people: Sequence[Person], empty: str, to: To, rest: Link, *, key: str, since: bool = False,
    late: set[str] | frozenset[str] = frozenset(),
) -> None:  # fmt: skip
    st.subheader(f"{title} ({len(people)})" if people else title, anchor=False)
    lines = [
        Wait(
            one.patient, one.client + (", late" if one.appointment_id in late else ""),
            f"since {show.clock_time(one.at)}" if since else show.clock_time(one.at), to(one),
        )
        for one in people[:MOST]
    ]  # fmt: skip
    waits(lines, empty, label=title, key=f"{key}_rows")
    more(len(people) - len(lines), rest, key=f"{key}_more")
