"""The clinic's own fields of appointments: asked in booking, shown on the roster, printed into forms."""

from dataclasses import replace

import pytest

from appointments.booking import Details, book, change, walk_in
from appointments.roster import open_appointment, roster
from data.errors import EditedMeanwhile
from outage.facts import of_appointments
from outage.printing import wording
from records import clients, custom, patients
from records.clients import ClientForm
from records.patients import PatientForm
from records.settings import CustomField
from security import settings
from security.rules import look
from tests.appointments.conftest import next_monday


@pytest.fixture
def fields(clinic):
    adam = clinic.actor("adam")
    for slug, facts in {
        "trap": {"entity": "appointment", "label": "Trap", "kind": "number", "required": True, "on_roster": True},
        "ride": {"entity": "appointment", "label": "Needs a ride", "kind": "check", "on_roster": True},
        "back": {"entity": "appointment", "label": "Back on", "kind": "date", "when_new": False},
        "colony": {"entity": "client", "label": "Colony", "required": True},
        "housing": {"entity": "patient", "label": "Housing", "on_roster": True},
    }.items():
        settings.save_definition("custom-field", slug, CustomField(**facts), expected=0, by=adam)


def test_an_appointment_keeps_its_answers_and_shows_them_where_the_field_says(clinic, desk, fields):
    sam = clinic.actor("sam")
    with pytest.raises(custom.AnswerNeeded, match="Trap"):
        book(replace(desk.booking(), answers={"ride": True}), by=sam)
    one = book(replace(desk.booking(), answers={"trap": 1200, "ride": True}), by=sam)
    seen = desk.row(one).version
    change(one, Details(answers={"trap": 18, "back": "2026-12-01"}), version=seen, by=sam)
    with pytest.raises(EditedMeanwhile):
        change(one, Details(answers={"trap": 19}), version=seen, by=sam)
    assert open_appointment(one, by=sam).answers == {"trap": 18, "ride": True, "back": "2026-12-01"}
    (row,) = roster(next_monday(), by=sam)
    assert row.own == "Needs a ride · Trap: 18"
    with look(sam, "outage.print") as session:
        told = of_appointments(session, [row], wording(session))[one]
    assert (told["appointment.custom.back"], told["appointment.custom.ride"]) == ("Dec 1, 2026", "yes")


def test_somebody_new_is_asked_at_the_booking_and_written_with_it(clinic, desk, fields):
    sam = clinic.actor("sam")
    asked = replace(desk.booking(("", "")), answers={"trap": 3}, patient_answers={"housing": "Barn"})
    people = {"new_client": ClientForm("Lee"), "new_patient": PatientForm("Tom", species="cat")}
    with pytest.raises(custom.AnswerNeeded, match="Colony"):
        walk_in(replace(asked, client_answers={"colony": ""}), **people, by=sam)
    one = walk_in(replace(asked, client_answers={"colony": "Pier 4"}), **people, by=sam)
    row = open_appointment(one, by=sam).row
    assert row.own == "Trap: 3 · Housing: Barn"
    assert clients.open_client(row.client_id, by=sam).answers == {"colony": "Pier 4"}
    assert patients.open_patient(row.patient_id, by=sam).answers == {"housing": "Barn"}
    clients.restrict(row.client_id, True, reason="threat", by=clinic.actor("olive"))
    hidden = open_appointment(one, by=sam)
    assert (hidden.row.own, hidden.answers) == ("", {})
