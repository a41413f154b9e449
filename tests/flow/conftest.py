"""A day in the clinic: visits of named patients at a stage, made through the models."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from data.models import Appointment, Client, Location, Patient
from data.session import write
from data.types import clock
from security import audit
from security.actor import Actor


class Day:
    """Makes visits in a clinic; ``visit()`` gives the appointment's id."""

    def __init__(self, clinic) -> None:
        self.clinic = clinic

    @property
    def today(self):
        return clock.today("America/New_York")

    def visit(self, patient="Biscuit", stage="checked_in", client="Marsh", minutes_ago=10, day=None, **fields) -> str:
        with write(self.clinic.id) as session:
            taken = [session.scalar(select(func.max(one))) or 0 for one in (Client.number, Appointment.number)]
            number = max(taken) + 1
            owner = Client(number=number, first_name="Ada", last_name=client)
            session.add(owner)
            session.flush()
            sex = fields.pop("sex", "female")
            animal = Patient(client_id=owner.id, name=patient, species=fields.pop("species", "Cat"), sex=sex)
            session.add(animal)
            session.flush()
            now = clock.now()
            visit = Appointment(
                number=number,
                client_id=owner.id,
                patient_id=animal.id,
                location_id=session.scalars(select(Location.id).order_by(Location.name)).first(),
                type=fields.pop("type", "surgery"),
                starts_at=now,
                day=day or self.today,
                stage=stage,
                stage_at=now - timedelta(minutes=minutes_ago),
                **fields,
            )
            session.add(visit)
            session.flush()
            audit.append(session, Actor.operator(self.clinic.id), "appointment.booked", "appointment", visit.id)
            return visit.id

    def stage_of(self, appointment_id: str) -> str:
        with write(self.clinic.id) as session:
            return session.get_one(Appointment, (self.clinic.id, appointment_id)).stage


@pytest.fixture
def day_in() -> type[Day]:
    """Gives the day of a clinic at hand."""
    return Day


@pytest.fixture
def clinic_day(clinic) -> Day:
    """On each database in turn."""
    return Day(clinic)


@pytest.fixture
def sqlite_day(sqlite_clinic) -> Day:
    """On SQLCipher."""
    return Day(sqlite_clinic)
