"""Visits to check out in tests."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from data.models import Appointment, Client, Exam, FlowEvent, Fund, FundEntry, Location, Patient
from data.session import write
from data.types import clock, new_id


def visit(
    clinic,
    *,
    client_id=None,
    name="Biscuit",
    species="dog",
    weight=9_000,
    services=("dog-spay", "rabies"),
    stage="ready",
    funding="",
    exam=None,
    day=None,
) -> tuple[str, str]:
    """A patient on site; returns the appointment's and the client's id."""
    with write(clinic.id) as session:
        number = session.head().change + 10_000
        if client_id is None:
            client = Client(id=new_id(), number=number, first_name="Dana", last_name="Fielding", search="dana fielding")
            session.add(client)
            client_id = client.id
        patient = Patient(
            id=new_id(), client_id=client_id, name=name, species=species, sex="female", weight_grams=weight
        )
        session.add(patient)
        session.flush()
        row = Appointment(
            id=new_id(), number=number, client_id=client_id, patient_id=patient.id,
            location_id=session.scalars(select(Location.id)).first(), type="surgery", starts_at=clock.now(),
            day=day or today(), stage=stage, stage_at=clock.now(), services=list(services), funding=funding,
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(FlowEvent(appointment_id=row.id, from_stage="recovering", to_stage=stage, event_at=clock.now()))
        if exam:
            session.add(Exam(appointment_id=row.id, event_at=clock.now(), **exam))
        session.flush()
        return row.id, client_id


def today() -> date:
    """The clinic's day."""
    return clock.today("America/New_York")


def pot(clinic, *, code="grant", discount=5_000, deduction=6_500, filled=100_000, kind="grant") -> str:
    """A grant with money in its pot."""
    with write(clinic.id) as session:
        fund = Fund(
            id=new_id(), code=code, name=code.title(), kind=kind, discount_cents=discount, deduction_cents=deduction
        )
        session.add(fund)
        session.flush()
        if filled:
            session.add(FundEntry(fund_id=fund.id, kind="received", amount_cents=filled, event_at=clock.now()))
        session.flush()
        return fund.id
