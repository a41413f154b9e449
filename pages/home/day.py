"""Home of those who run the day: the board in numbers, and what waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from appointments.today import Day, Person, day_at_a_glance
from pages.components import frame, show
from pages.home.cards import Card, Wait, cards
from pages.home.links import Link
from pages.home.tiles import Tile, strip

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
        st.info("Nobody is booked today. Book under Appointments, or take a walk-in on the roster.")
        return
    _strip(today, may)
    home: To = _ticket if "billing.checkout" in may else _visit
    shown = [
        _people("Ready to go home", today.ready, "Nobody is waiting to go home.", home,
                CHECKOUT if home is _ticket else FLOW, since=True),
        _people("Next to arrive", [*today.late, *today.arriving], "Everybody expected today has arrived.",
                _booked if "appointments.view" in may else _visit, ROSTER,
                late={person.appointment_id for person in today.late}),
        _people("Consent missing", today.no_consent, "Everybody in the clinic before surgery has signed.", _visit,
                FLOW),
    ]  # fmt: skip
    if "drugs.view" in may:
        shown.append(_counts(today))
    cards(shown, key="home_day")


def _strip(today: Day, may: frozenset[str]) -> None:
    def listed(stage: str) -> Link:
        return Link(ROSTER.script, ROSTER.path, {"stage": stage}) if "appointments.view" in may else FLOW

    checkout = CHECKOUT if "billing.view" in may else FLOW
    ends = {"ready": checkout, "checked_out": checkout}
    coming = len(today.late) + len(today.arriving)
    cells = [Tile("To arrive", str(coming), listed("Expected"))]
    cells += [Tile(stage.label, str(stage.count), ends.get(stage.stage, FLOW)) for stage in today.stages]
    strip([*cells, Tile("No-show", str(today.no_show), listed("No-show"))], key="home_stages")


def _ticket(person: Person) -> Link:
    return Link("today/ticket.py", "ticket", {"visit": person.appointment_id})


def _visit(person: Person) -> Link:
    return Link("today/visit.py", "visit", {"id": person.appointment_id})


def _booked(person: Person) -> Link:
    return Link(ROSTER.script, ROSTER.path, {"appointment": person.appointment_id})


def _counts(today: Day) -> Card:
    name = {"AM": "Morning", "PM": "Evening"}[today.count_session]
    lines = [Wait(bottle, f"{name} count is missing", "", DRUG_LOG) for bottle in today.counts_missing[:MOST]]
    return Card(
        "Drug counts", lines, f"{name} count: every open controlled bottle is counted.",
        left_out=len(today.counts_missing) - len(lines), rest=DRUG_LOG,
    )  # fmt: skip


def _people(
    title: str, people: Sequence[Person], empty: str, to: To, rest: Link, *, since: bool = False,
    late: set[str] | frozenset[str] = frozenset(),
) -> Card:  # fmt: skip
    lines = [
        Wait(
            one.patient, one.client + (", late" if one.appointment_id in late else ""),
            f"since {show.clock_time(one.at)}" if since else show.clock_time(one.at), to(one),
        )
        for one in people[:MOST]
    ]  # fmt: skip
    return Card(f"{title} ({len(people)})" if people else title, lines, empty, left_out=len(people) - len(lines),
                rest=rest)  # fmt: skip
