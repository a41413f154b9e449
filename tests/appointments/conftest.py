"""People with animals, and days to book them on."""

from datetime import date, time, timedelta

import pytest
from sqlalchemy import select

from appointments.booking import Booking, book
from data import definitions
from data.models import Client, Location, Patient
from data.session import read
from data.types import clock
from records.clients import next_number
from security.rules import act


def next_monday(weeks: int = 0) -> date:
    today = clock.today("America/New_York")
    return today + timedelta(days=7 - today.weekday() + 7 * weeks)


class Desk:
    """Shortcuts over the rules, for one clinic."""

    def __init__(self, clinic):
        self.clinic = clinic
        with read(clinic.id) as session:
            self.main = session.scalar(select(Location.id).where(Location.name == "Main"))

    def patient(self, name="Bella", last_name="Reyes", **facts):
        with act(self.clinic.operator, "clients.edit") as work:
            number = next_number(work.session)
            client = Client(number=number, last_name=last_name, first_name="Ana", phone="(555) 010-1234")
            work.session.add(client)
            work.session.flush()
            patient = Patient(client_id=client.id, name=name, **facts)
            work.session.add(patient)
            work.audit("client.added", "client", client.id)
            return client.id, patient.id

    def booking(self, patient=None, **facts):
        client_id, patient_id = patient or self.patient()
        facts = {"type": "surgery", "day": next_monday(), "time": time(8, 0), "location_id": self.main} | facts
        return Booking(client_id=client_id, patient_id=patient_id, **facts)

    def book(self, patient=None, *, by=None, overbook=False, past=False, key=None, **facts):
        booking = self.booking(patient, **facts)
        return book(booking, by=by or self.clinic.actor("sam"), overbook=overbook, past=past, key=key)

    def type(self, slug, **facts):
        from appointments.settings import APPOINTMENT_TYPE

        with act(self.clinic.operator, "settings.edit") as work:
            present = definitions.load_all(work.session, APPOINTMENT_TYPE).get(slug)
            body = (present.model_dump() if present else {"label": slug.title()}) | facts
            document = APPOINTMENT_TYPE.parse(body)
            definitions.save(work.session, APPOINTMENT_TYPE, slug, document, by_user_id=None)
            work.audit("settings.changed", "definition", slug)

    def location(self, name, zone, **facts):
        with act(self.clinic.operator, "settings.edit") as work:
            row = Location(name=name, zone=zone, **facts)
            work.session.add(row)
            work.audit("settings.changed", "location", name)
            return row.id

    def row(self, appointment_id):
        from data.models import Appointment

        with read(self.clinic.id) as session:
            return session.get(Appointment, (self.clinic.id, appointment_id))


@pytest.fixture
def desk(clinic):
    return Desk(clinic)


@pytest.fixture
def sqlite_desk(sqlite_clinic):
    return Desk(sqlite_clinic)
