"""Stage changes: written in one place, never lost, undone by an event."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from appointments.moves import (
    InTheFuture,
    MovedMeanwhile,
    NothingToUndo,
    NotPossible,
    appointment_for_change,
    record_move,
    undo_last_move,
)
from data.models import Appointment, Client, FlowEvent, Location, Patient
from data.session import read, write
from data.types import clock
from security.rules import act


def booked(clinic):
    with act(clinic.operator, "appointments.book") as work:
        client = Client(number=1, last_name="Reyes")
        work.session.add(client)
        work.session.flush()
        patient = Patient(client_id=client.id, name="Bella")
        work.session.add(patient)
        work.session.flush()
        appointment = Appointment(
            number=1,
            client_id=client.id,
            patient_id=patient.id,
            location_id=work.session.scalar(select(Location.id)),
            type="surgery",
            starts_at=clock.now(),
            day=date(2026, 11, 23),
        )
        record_move(work, appointment, "booked")
        work.audit("appointment.booked", "appointment", appointment.id)
        return appointment.id


def move(clinic, appointment_id, to, **options):
    with act(clinic.operator, "flow.move") as work:
        row = appointment_for_change(work.session, appointment_id)
        record_move(work, row, to, **options)
        work.audit("appointment.moved", "appointment", appointment_id, to=to)


def undo(clinic, appointment_id):
    with act(clinic.operator, "flow.move") as work:
        stage = undo_last_move(work, appointment_for_change(work.session, appointment_id), reason="wrong row")
        work.audit("appointment.move_undone", "appointment", appointment_id)
        return stage


def stage(clinic, appointment_id):
    with read(clinic.id) as session:
        return session.get(Appointment, (clinic.id, appointment_id)).stage


def test_a_move_writes_the_event_and_the_stage_together(clinic):
    one = booked(clinic)
    move(clinic, one, "checked_in", event_at=clock.now() - timedelta(minutes=9), source="paper")
    with read(clinic.id) as session:
        events = session.scalars(select(FlowEvent).order_by(FlowEvent.id)).all()
        row = session.get(Appointment, (clinic.id, one))
    assert [(e.from_stage, e.to_stage, e.source) for e in events] == [
        ("", "booked", "live"),
        ("booked", "checked_in", "paper"),
    ]
    assert (row.stage, row.stage_at) == ("checked_in", events[1].event_at)
    assert events[1].event_at < events[1].entered_at


def test_the_second_station_is_told_and_loses_nothing(clinic):
    one = booked(clinic)
    move(clinic, one, "checked_in", expected_stage="booked")
    with pytest.raises(MovedMeanwhile, match="already moved this patient to checked in"):
        move(clinic, one, "confirmed", expected_stage="booked")
    assert stage(clinic, one) == "checked_in"


def test_backwards_needs_an_undo(clinic):
    one = booked(clinic)
    move(clinic, one, "examined")
    with pytest.raises(NotPossible, match="examined cannot be moved to booked"):
        move(clinic, one, "booked")
    assert undo(clinic, one) == "booked"
    move(clinic, one, "checked_in")
    move(clinic, one, "examined")
    assert undo(clinic, one) == "checked_in"
    assert undo(clinic, one) == "booked"
    with pytest.raises(NothingToUndo):
        undo(clinic, one)
    with read(clinic.id) as session:
        assert len(session.scalars(select(FlowEvent)).all()) == 7


def test_a_time_to_come_is_refused(clinic):
    one = booked(clinic)
    with pytest.raises(InTheFuture):
        move(clinic, one, "checked_in", event_at=clock.now() + timedelta(hours=1))
    assert stage(clinic, one) == "booked"


def test_two_stations_at_once_move_once(clinic):
    from concurrent.futures import ThreadPoolExecutor

    one = booked(clinic)

    def station(_):
        try:
            move(clinic, one, "checked_in", expected_stage="booked")
        except MovedMeanwhile:
            return "told"
        return "moved"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(station, range(8)))
    assert sorted(outcomes) == ["moved"] + ["told"] * 7


def test_a_rule_that_forgot_the_audit_row_moves_nothing(clinic):
    one = booked(clinic)
    with pytest.raises(AssertionError), act(clinic.operator, "flow.move") as work:
        record_move(work, appointment_for_change(work.session, one), "checked_in")
    with write(clinic.id) as session:
        assert appointment_for_change(session, one).stage == "booked"
