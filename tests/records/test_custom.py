"""The clinic's own fields on clients and patients."""

import pytest

from data import definitions
from data.card_numbers import CardNumberTyped
from data.errors import BadInput, EditedMeanwhile
from data.session import write
from records import clients, custom, patients, search
from records.clients import ClientForm
from records.patients import PatientForm
from records.settings import CUSTOM_FIELD, CustomField
from reports.fields import model_of
from security import audit, settings
from security.rules import look


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


def kept_as(clinic, slug: str, **facts) -> None:
    """Save a field the way the editor does."""
    number = {entry.slug: entry.number for entry in settings.entries("custom-field", by=clinic.actor("adam"))}
    body = CustomField(**facts)
    settings.save_definition("custom-field", slug, body, expected=number.get(slug, 0), by=clinic.actor("adam"))


def test_fields_are_asked_in_their_order_those_switched_off_no_longer_and_their_answers_stay(clinic, fields):
    sam = clinic.actor("sam")
    client_id = clients.add(ClientForm("Lee"), answers={"colony": "Pier 4", "cats": 2}, by=sam)
    kept_as(clinic, "cats", entity="client", label="Cats", kind="number", order=1)
    kept_as(clinic, "county", entity="client", label="County", kind="choice", choices=["Ulster", "Kings"], order=2)
    kept_as(clinic, "colony", entity="client", label="Colony", active=False)
    assert list(custom.fields_of("client", by=sam))[-2:] == ["cats", "county"]
    assert "colony" not in custom.fields_of("client", by=sam)
    opened = clients.open_client(client_id, by=sam)
    clients.change(client_id, ClientForm("Lee"), version=opened.client.version, answers={"colony": "Dock"}, by=sam)
    assert clients.open_client(client_id, by=sam).answers == {"colony": "Pier 4", "cats": 2}
    with look(clinic.actor("adam"), "reports.view") as session:
        assert model_of(session).entities["client"].fields["own_colony"].label == "Colony"


def test_a_field_that_was_answered_keeps_its_record_and_its_kind(clinic, fields):
    sam = clinic.actor("sam")
    clients.add(ClientForm("Lee"), answers={"colony": "Pier 4", "county": "Orange", "letters": True}, by=sam)
    for slug, facts in (
        ("colony", {"entity": "patient", "label": "Colony"}),
        ("colony", {"entity": "client", "label": "Colony", "kind": "number"}),
        ("letters", {"entity": "client", "label": "Wants letters", "kind": "number"}),
    ):
        with pytest.raises(custom.FieldInUse, match="1 records"):
            kept_as(clinic, slug, **facts)
    with pytest.raises(custom.LabelTaken):
        kept_as(clinic, "second", entity="client", label="COUNTY")
    with pytest.raises(BadInput, match="two entries"):
        kept_as(clinic, "second", entity="client", label="Second", kind="choice", choices=["One"])
    kept_as(clinic, "colony", entity="client", label="Colony", kind="choice", choices=["Pier 5", "Dock"])
    kept_as(clinic, "county", entity="client", label="County", kind="choice", choices=["Ulster", "Kings"])
    client = search.find("Lee", by=sam)[0]
    opened = clients.open_client(client.id, by=sam)
    assert opened.answers["county"] == "Orange"
    clients.change(client.id, ClientForm("Lee"), version=opened.client.version, answers=opened.answers, by=sam)
    with pytest.raises(custom.BadAnswer):
        version = clients.open_client(client.id, by=sam).client.version
        clients.change(client.id, ClientForm("Lee"), version=version, answers={"county": "Dutchess"}, by=sam)
    assert custom.answered("county", by=clinic.actor("adam")) == 1


def test_what_is_needed_is_asked_for_where_it_is_asked(clinic, fields):
    sam = clinic.actor("sam")
    kept_as(clinic, "tag", entity="patient", label="Rabies tag", required=True)
    kept_as(clinic, "colony", entity="client", label="Colony", required=True, when_new=False)
    client_id = clients.add(ClientForm("Lee"), answers={"cats": 1}, by=sam)
    opened = clients.open_client(client_id, by=sam)
    with pytest.raises(custom.AnswerNeeded, match="Colony is needed"):
        clients.change(client_id, ClientForm("Lee"), version=opened.client.version, answers={"cats": 2}, by=sam)
    with pytest.raises(custom.AnswerNeeded, match="Rabies tag"):
        patients.add(client_id, PatientForm("Tom", species="cat"), answers={"tag": " "}, by=sam)
    patient_id = patients.add(client_id, PatientForm("Tom", species="cat"), answers={"tag": "R-1"}, by=sam)
    seen = patients.open_patient(patient_id, by=sam).patient.version
    patients.change(patient_id, PatientForm("Tom", species="cat"), version=seen, answers={"tag": "R-2"}, by=sam)
    with pytest.raises(EditedMeanwhile):
        patients.change(patient_id, PatientForm("Tom", species="cat"), version=seen, answers={"tag": "R-3"}, by=sam)
    assert patients.add(client_id, PatientForm("Tim", species="cat"), by=sam), "who does not ask needs no answer"


def test_clients_are_found_by_the_answers_that_say_so(clinic, fields):
    sam = clinic.actor("sam")
    lee = clients.add(ClientForm("Lee"), answers={"colony": "Jardín Norte"}, by=sam)
    tom = patients.add(lee, PatientForm("Tom", species="cat"), answers={"tag": "QX-77"}, by=sam)
    patients.add(lee, PatientForm("Tim", species="cat"), by=sam)
    assert search.find("jardin", by=sam) == search.find("qx-77", by=sam) == []
    kept_as(clinic, "colony", entity="client", label="Colony", find_by=True)
    kept_as(clinic, "tag", entity="patient", label="Rabies tag", find_by=True)
    assert [one.id for one in search.find("JARDIN nor", by=sam)] == [lee]
    found, animals = search.find_with_patients("qx 77", by=sam)
    assert [one.id for one in found] == [lee] and [one.id for one in animals] == [tom]
    clients.restrict(lee, True, reason="threat", by=clinic.actor("olive"))
    assert search.find("jardin", by=sam) == []
