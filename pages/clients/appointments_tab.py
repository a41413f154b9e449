"""Tab Appointments: what is coming, and what was."""

from __future__ import annotations

import streamlit as st

from appointments import history
from appointments.history import AppointmentLine
from pages.components import folding, frame, show
from records.clients import OpenedClient


def draw(opened: OpenedClient, may: frozenset[str]) -> None:  # noqa: ARG001
    """The tab."""
    table(history.of_client(opened.client.id, by=frame.actor()))


def table(visits: list[AppointmentLine], *, patient: bool = True) -> None:
    """Coming and past visits; ``patient`` names whose."""
    if not visits:
        st.info(
            "No appointments yet. Book appointment, at the top, makes the first one." if patient else "No visits yet."
        )
        return
    coming = sorted((visit for visit in visits if visit.is_coming), key=lambda visit: visit.starts_at)
    past = [visit for visit in visits if not visit.is_coming]
    for title, part in (("Coming", coming), ("Past", past)):
        if part:
            st.subheader(title, anchor=False)
            _draw(part, patient, title)


def _draw(visits: list[AppointmentLine], patient: bool, title: str) -> None:
    columns = {
        "Day": [f"{show.day(visit.day)}, {show.clock_time(visit.starts_at)}" for visit in visits],
        "Patient": [visit.patient for visit in visits],
        "Type": [visit.type + (" (walk-in)" if visit.walk_in else "") for visit in visits],
        "Stage": [visit.stage for visit in visits],
        "Location": [visit.location for visit in visits],
        "Clinician": [visit.provider for visit in visits],
        "Remarks": [visit.cancel_reason or visit.notes for visit in visits],
        "Number": [str(visit.number) for visit in visits],
    }
    if not patient:
        del columns["Patient"]
    if len(set(columns["Location"])) == 1:
        del columns["Location"]
    folding.table(columns, label=f"{title} appointments")
