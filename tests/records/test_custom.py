"""The clinic's own fields on clients and patients."""

import pytest

from data import definitions
from data.card_numbers import CardNumberTyped
from data.session import write
from records import clients, custom, patients
from records.clients import ClientForm
from records.patients import PatientForm
from records.settings import CUSTOM_FIELD, CustomField
from security import audit


@pytest.fixture
def fields(clinic):
    made = {
        "county": CustomField(entity="client", label="County", kind="choice", choices=["Ulster", "Orange"]),
        "since": CustomField(entity="client", label="Client since", kind="date"),
        "letters": CustomField(entity="client", label="Wants letters", kind="check"),
        "colony": CustomField(entity="client", label="Colony", kind="text"),
        "cats": CustomField(entity="client", label="Cats", kind="number"),
        "tag": CustomField(entity="patient", label="Rabies tag", kind="text"),
    }
    with write(clinic.id) as session:
        for slug, field in made.items():
            definitions.save(session, CUSTOM_FIELD, slug, field, by_user_id=None)
        session.flush()
        audit.append(session, clinic.operator, "settings.changed")
    return made


def test_answers_are_kept_changed_and_taken_back(clinic, fields):
    sam = clinic.actor("sam")
    given = {"county": "Ulster", "since": "2024-02-29", "letters": True, "colony": "Pier 4", "cats": "12", "ghost": "x"}
    client_id = clients.add(ClientForm("Lee"), answers=given, by=sam)
    opened = clients.open_client(client_id, by=sam)
    assert opened.answers == {
        "county": "Ulster",
        "since": "2024-02-29",
        "letters": True,
        "colony": "Pier 4",
        "cats": 12,
    }
    form = ClientForm("Lee")
    clients.change(client_id, form, version=opened.client.version, answers={"colony": "", "cats": "3.5"}, by=sam)
    opened = clients.open_client(client_id, by=sam)
    assert (opened.answers.get("colony"), opened.answers["cats"], opened.client.version) == (None, 3.5, 3)
    clients.change(client_id, form, version=opened.client.version, answers={"colony": "Dock"}, by=sam)
    assert clients.open_client(client_id, by=sam).answers["colony"] == "Dock"


def test_an_answer_that_does_not_fit_is_named_and_nothing_is_written(clinic, fields):
    sam = clinic.actor("sam")
    for answers, words in (
        ({"county": "Kings"}, "County: 'Kings' does not fit. Choose one of: Ulster, Orange"),
        ({"since": "31/02/2024"}, "Client since"),
        ({"cats": "many"}, "Cats: 'many' does not fit. Write a number"),
        ({"cats": "nan"}, "Write a number"),
    ):
        with pytest.raises(custom.BadAnswer, match=words):
            clients.add(ClientForm("Lee"), answers=answers, by=sam)
    for slug, label, typed in (
        ("colony", "Colony", "4111 1111 1111 1111"),
        ("cats", "Cats", "4111111111111111"),
        ("cats", "Cats", "4.111111111111111e15"),
    ):
        with pytest.raises(CardNumberTyped, match=label):
            clients.add(ClientForm("Lee"), answers={slug: typed}, by=sam)
    assert clients.open_client(clients.add(ClientForm("Lee"), by=sam), by=sam).client.number == 1001


def test_patients_have_their_own(clinic, fields):
    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), by=sam)
    form = PatientForm("Tom", species="cat")
    patient_id = patients.add(client_id, form, answers={"tag": "R-1", "colony": "no"}, by=sam)
    assert patients.open_patient(patient_id, by=sam).answers == {"tag": "R-1"}
