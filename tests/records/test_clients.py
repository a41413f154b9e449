"""Clients and patients: entering, changing, finding, merging."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from data.card_numbers import CardNumberTyped
from data.errors import EditedMeanwhile, NotFound, NotPermitted
from data.models import AuditLog, Client, Location, Patient
from data.session import read, write
from data.types import clock
from records import checks, clients, merging, notes, patients, search
from records.access import NAME, RestrictedRecord
from records.clients import ClientForm
from records.patients import PatientForm

MARIA = ClientForm("Núñez-O'Brien", "María", phone="(212) 555-0101", email="maria@example.org", city="Albany")
TOMCAT = PatientForm("Señor Whiskers", species="cat", sex="male", microchip="985 112 003 456 789")


def numbers(found):
    return [line.number for line in found]


def audit_of(clinic, entity_id):
    with read(clinic.id) as session:
        return list(session.scalars(select(AuditLog).where(AuditLog.entity_id == entity_id).order_by(AuditLog.seq)))


def test_a_client_gets_the_next_number_and_one_audit_row_without_contact_values(clinic):
    sam = clinic.actor("sam")
    first, second = clients.add(MARIA, by=sam), clients.add(ClientForm("Smith"), by=sam)
    opened = [clients.open_client(client_id, by=sam).client.number for client_id in (first, second)]
    assert opened == [1001, 1002]
    added = [row for row in audit_of(clinic, first) if row.action == "client.added"]
    assert len(added) == 1
    assert "Brien" not in added[0].detail
    assert "555" not in added[0].detail


def test_a_refused_form_uses_up_no_number(clinic):
    sam = clinic.actor("sam")
    with pytest.raises(checks.BadEmail):
        clients.add(ClientForm("Smith", email="smith at home"), by=sam)
    assert clients.open_client(clients.add(ClientForm("Smith"), by=sam), by=sam).client.number == 1001


@pytest.mark.parametrize(
    ("form", "failure", "words"),
    [
        (ClientForm("  "), checks.Missing, "last name is empty"),
        (ClientForm("Smith", email="a@b"), checks.BadEmail, "a@b"),
        (ClientForm("Smith", email="a@b.org\nBcc: x@y.org"), checks.BadEmail, "not an e-mail"),
        (ClientForm("Smith", phone="call me"), checks.BadPhone, "call me"),
        (ClientForm("Smith", phone="12345"), checks.BadPhone, "7 to 15"),
        (ClientForm("S" * 121), checks.TooLong, "121 characters"),
        (ClientForm("Smith", caution="pays with 4111 1111 1111 1111"), CardNumberTyped, "The caution"),
        (ClientForm("Smith", address="4111-1111-1111-1111"), CardNumberTyped, "The address"),
    ],
)
def test_each_bad_field_is_named_in_a_sentence(sqlite_clinic, form, failure, words):
    with pytest.raises(failure, match=words):
        clients.add(form, by=sqlite_clinic.actor("sam"))
    with read(sqlite_clinic.id) as session:
        assert session.scalars(select(Client)).all() == []


def test_a_double_click_adds_one_client(clinic):
    sam = clinic.actor("sam")
    assert clients.add(MARIA, by=sam, key="k1") == clients.add(MARIA, by=sam, key="k1")
    assert search.how_many(by=sam) == (1, 0)


def test_a_patient_of_a_veterinary_clinic_needs_a_client_and_a_species(clinic):
    sam = clinic.actor("sam")
    with pytest.raises(patients.PatientNeedsClient):
        patients.add(None, TOMCAT, by=sam)
    with pytest.raises(patients.SpeciesNeeded):
        patients.add(clients.add(MARIA, by=sam), PatientForm("Tom"), by=sam)


def test_a_birth_date_in_the_future_is_refused(clinic):
    sam = clinic.actor("sam")
    tomorrow = clock.today("America/New_York") + timedelta(days=1)
    with pytest.raises(checks.BornInFuture, match="future"):
        patients.add(clients.add(MARIA, by=sam), PatientForm("Tom", species="cat", born_on=tomorrow), by=sam)


def test_a_microchip_belongs_to_one_patient(clinic):
    sam = clinic.actor("sam")
    patients.add(clients.add(MARIA, by=sam), TOMCAT, by=sam)
    other = clients.add(ClientForm("Smith"), by=sam)
    with pytest.raises(patients.ChipTaken, match="Señor Whiskers of client 1001"):
        patients.add(other, PatientForm("Tom", species="cat", microchip="985112003456789"), by=sam)


QUERIES = (
    ["nunez", "NÚÑEZ", "obrien", "maria o", "brien mar", "212 555", "(212)555-0101", "+1 212 555 0101", "5550101",
     "1001", "senor", "whisk", "985112", "985 112 003", "maria@example"]
)  # fmt: skip


def test_a_client_is_found_by_anything_people_say(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(MARIA, by=sam)
    patients.add(client_id, TOMCAT, by=sam)
    clients.add(ClientForm("Smith", "John", phone="646 777 8888"), by=sam)
    assert {query: numbers(search.find(query, by=sam)) for query in QUERIES} == {query: [1001] for query in QUERIES}


def test_the_exact_number_then_beginnings_come_first(clinic):
    sam = clinic.actor("sam")
    clients.add(ClientForm("Baker", phone="555 100 1003"), by=sam)
    clients.add(ClientForm("Hannah"), by=sam)
    clients.add(ClientForm("Anna"), by=sam)
    assert numbers(search.find("anna", by=sam)) == [1003, 1002]
    assert numbers(search.find("1003", by=sam)) == [1003, 1001]


def test_wildcards_and_short_words_find_nobody(clinic):
    sam = clinic.actor("sam")
    clients.add(MARIA, by=sam)
    for query in ("", " ", "a", "%", "_", "%%", "' DROP TABLE --", "zz%", "#", "+"):
        assert search.find(query, by=sam) == [], query


def test_two_editors_the_second_is_told_and_nothing_is_lost(clinic):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    client_id = clients.add(MARIA, by=sam)
    seen = clients.open_client(client_id, by=sam).client.version
    clients.change(client_id, ClientForm("Núñez", "María", phone="646 555 0000"), version=seen, by=mona)
    with pytest.raises(EditedMeanwhile, match="Mona Marsh changed this client"):
        clients.change(client_id, ClientForm("Smith"), version=seen, by=sam)
    assert clients.open_client(client_id, by=sam).client.phone == "646 555 0000"
    assert numbers(search.find("646555", by=sam)) == [1001]
    assert search.find("obrien", by=sam) == []


def test_a_patient_moves_and_is_found_under_the_new_client(clinic):
    sam = clinic.actor("sam")
    old, new = clients.add(MARIA, by=sam), clients.add(ClientForm("Shelter"), by=sam)
    patient_id = patients.add(old, TOMCAT, by=sam)
    patients.move(patient_id, new, version=1, by=sam)
    assert numbers(search.find("whiskers", by=sam)) == [1002]


def test_a_death_is_recorded_and_can_be_withdrawn(clinic):
    sam = clinic.actor("sam")
    patient_id = patients.add(clients.add(MARIA, by=sam), TOMCAT, by=sam)
    today = clock.today("America/New_York")
    with pytest.raises(checks.DiedInFuture):
        patients.record_death(patient_id, today + timedelta(days=1), version=1, by=sam)
    patients.record_death(patient_id, today, version=1, by=sam)
    assert search.how_many(by=sam) == (1, 0)
    patients.record_death(patient_id, None, version=2, by=sam)
    assert search.how_many(by=sam) == (1, 1)


def test_a_person_may_be_their_own_client(clinic):
    from data.models import Clinic

    sam = clinic.actor("sam")
    with write(clinic.id) as session:
        session.get_one(Clinic, clinic.id).kind = "human"
    client_id, patient_id = patients.add_person(
        ClientForm("Lee", "Ann"), PatientForm("", sex="female", born_on=date(1980, 2, 29)), by=sam
    )
    opened = clients.open_client(client_id, by=sam)
    assert [(p.id, p.name, p.is_client) for p in opened.patients] == [(patient_id, "Ann Lee", True)]
    clients.change(client_id, ClientForm("Lee-Park", "Ann"), version=opened.client.version, by=sam)
    assert clients.open_client(client_id, by=sam).patients[0].name == "Ann Lee-Park"


def test_duplicates_are_offered_by_phone_mail_and_name(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(MARIA, by=sam)
    blank = {"first_name": "", "last_name": "", "phone": "", "email": ""}
    for given in (
        {"phone": "+1 212-555-0101"}, {"email": "MARIA@example.org"},
        {"first_name": "Maria", "last_name": "Nunez O'Brien"},
    ):  # fmt: skip
        assert numbers(search.alike(**blank | given, by=sam)) == [1001], given
        assert search.alike(**blank | given, by=sam, but=client_id) == []
    assert search.alike(**blank | {"first_name": "Maria", "last_name": "Smith"}, by=sam) == []
    for name in ("Ash", "Birch", "Cedar", "Elm", "Fir", "Oak"):  # a shelter's phone
        clients.add(ClientForm(name, phone="646 555 0101"), by=sam)
    clients.add(ClientForm("Pine", first_name="Ada", phone="646 555 0101"), by=sam)
    given = {"first_name": "Ada", "last_name": "Pine", "phone": "646 555 0101"}
    found = search.alike(**blank | given, by=sam)
    assert len(found) == 5 and found[0].name == "Ada Pine", "who agrees in most comes first"


def _with_history(clinic, by):
    """Two records of one person, each with a note, a patient, an appointment."""
    from data.models import Appointment, Consent, Invoice, Payment

    ids = [clients.add(MARIA, by=by), clients.add(ClientForm("Nunez", "M", phone="646 555 9999"), by=by)]
    for number, client_id in enumerate(ids):
        patient = patients.add(client_id, PatientForm(f"Pet {number}", species="cat"), by=by)
        notes.write(client_id, f"note {number}", access="everyone", by=by)
        with write(clinic.id) as session:
            place = session.scalars(select(Location.id)).first()
            now, today = clock.now(), date(2026, 3, 2)
            session.add_all(
                [
                    Appointment(number=number + 1, client_id=client_id, patient_id=patient, location_id=place,
                                type="surgery", starts_at=now, day=today, stage_at=now),
                    Consent(client_id=client_id, channel="email", purpose="marketing", given=True, event_at=now),
                    Invoice(number=number + 1, client_id=client_id, issued_on=today, currency="USD"),
                    Payment(reference=f"P{number}", kind="sale", amount_cents=100 + number, currency="USD",
                            tender="cash", client_id=client_id, day=today, event_at=now),
                ]
            )  # fmt: skip
    return ids


def test_after_a_merge_everything_is_read_under_the_one_that_stays(clinic):
    import appointments.history
    import billing.history

    mona = clinic.actor("mona")
    stays, goes = _with_history(clinic, mona)
    one, two = merging.compare(stays, goes, by=mona)
    assert two.counts == {"patients": 1, "appointments": 1, "documents": 0, "invoices": 1, "notes": 1, "payments": 1,
                          "consents": 1}  # fmt: skip
    versions = (one.client.version, two.client.version)
    assert merging.merge(stays, goes, versions=versions, take=frozenset({"phone"}), by=mona, key="m") == stays
    assert merging.merge(stays, goes, versions=versions, by=mona, key="m") == stays
    opened = clients.open_client(goes, by=mona)
    assert (opened.client.id, opened.client.phone, opened.merged) == (stays, "646 555 9999", [1002])
    assert sorted(p.name for p in opened.patients) == ["Pet 0", "Pet 1"]
    assert sorted(n.body for n in notes.of_client(stays, by=mona)) == ["note 0", "note 1"]
    assert len(appointments.history.of_client(stays, by=mona)) == 2
    account = billing.history.of_client(goes, by=mona)
    assert (len(account.invoices), account.paid_cents) == (2, 201)
    assert numbers(search.find("1002", by=mona)) == [1001]
    assert search.how_many(by=mona)[0] == 1
    clients.change(goes, ClientForm("Renamed"), version=opened.client.version, by=mona)
    assert clients.open_client(stays, by=mona).name == "Renamed"


def test_merging_twice_leaves_pointers_of_one_step(clinic):
    mona = clinic.actor("mona")
    a, b, c = (clients.add(ClientForm(name), by=mona) for name in ("Ash", "Birch", "Cedar"))
    notes.write(a, "from ash", access="everyone", by=mona)

    def version(client_id):
        return clients.open_client(client_id, by=mona).client.version

    merging.merge(b, a, versions=(version(b), version(a)), by=mona)
    merging.merge(c, b, versions=(version(c), version(b)), by=mona)
    assert clients.open_client(a, by=mona).client.id == c
    assert [n.body for n in notes.of_client(a, by=mona)] == ["from ash"]
    assert numbers(search.find("birch", by=mona)) == numbers(search.find("ash", by=mona)) == [1003]
    with pytest.raises(merging.AlreadyMerged):
        merging.compare(a, c, by=mona)
    with pytest.raises(merging.SameClient):
        merging.compare(c, c, by=mona)


def test_a_merge_of_what_changed_meanwhile_is_refused_and_staff_may_not_merge(clinic):
    sam, mona = clinic.actor("sam"), clinic.actor("mona")
    a, b = clients.add(ClientForm("Ash"), by=sam), clients.add(ClientForm("Birch"), by=sam)
    with pytest.raises(NotPermitted):
        merging.compare(a, b, by=sam)
    seen = tuple(side.client.version for side in merging.compare(a, b, by=mona))
    clients.change(b, ClientForm("Beech"), version=seen[1], by=sam)
    with pytest.raises(EditedMeanwhile):
        merging.merge(a, b, versions=seen, by=mona)


def test_reading_a_client_is_audited_once_for_five_minutes_and_session(clinic):
    sam = clinic.actor("sam")
    client_id = clients.add(MARIA, by=sam)
    start = clock.now()

    def views():
        return [row.actor for row in audit_of(clinic, client_id) if row.action == "client.viewed"]

    clients.open_client(client_id, by=sam)
    clients.open_client(client_id, by=sam)
    assert views() == ["sam"]
    clients.open_client(client_id, by=clinic.actor("mona"))
    assert views() == ["sam", "mona"]
    clock.set(start + timedelta(minutes=6))
    clients.open_client(client_id, by=sam)
    assert views() == ["sam", "mona", "sam"]


def test_a_restricted_client_opens_only_through_broken_glass(clinic):
    from data.models import BreakGlass
    from security import audit

    adam, sam = clinic.actor("adam"), clinic.actor("sam")
    client_id = clients.add(MARIA, by=sam)
    with pytest.raises(NotPermitted):
        clients.restrict(client_id, True, reason="asked for it", by=sam)
    clients.restrict(client_id, True, reason="asked for it", by=adam)
    assert search.find("nunez", by=sam) == []
    (line,) = search.find("nunez", by=adam)
    assert (line.restricted, line.name, line.phone, line.patients) == (True, NAME, "", [])
    for person in (sam, adam, clinic.actor("olive")):
        with pytest.raises(RestrictedRecord):
            clients.open_client(client_id, by=person)
        with pytest.raises(RestrictedRecord):
            notes.of_client(client_id, by=person)
    with write(clinic.id) as session:
        until = clock.now() + timedelta(hours=1)
        session.add(BreakGlass(user_id=adam.user_id, client_id=client_id, reason="bite", until=until))
        session.flush()
        audit.append(session, adam, "glass.broken", "client", client_id)
    assert clients.open_client(client_id, by=adam).name.startswith("María")
    with pytest.raises(RestrictedRecord):
        clients.open_client(client_id, by=sam)


def test_an_address_of_nothing_is_not_found(clinic):
    sam = clinic.actor("sam")
    for client_id in ("", "x", "../../etc", "0197b5a0-0000-7000-8000-000000000000"):
        with pytest.raises(NotFound):
            clients.open_client(client_id, by=sam)


def test_a_client_of_another_clinic_is_not_found(clinic):
    from security.actor import Actor
    from security.clinics import NewClinic, create_clinic

    other = Actor.operator(create_clinic(NewClinic("other", "Other")))
    theirs = clients.add(ClientForm("Theirs"), by=other)
    with pytest.raises(NotFound):
        clients.open_client(theirs, by=clinic.actor("olive"))
    assert search.find("theirs", by=clinic.actor("olive")) == []


def test_hidden_patients_stay_out_of_lists(clinic):
    sam = clinic.actor("sam")
    patient_id = patients.add(clients.add(MARIA, by=sam), TOMCAT, by=sam)
    with write(clinic.id) as session:
        session.scalars(select(Patient).where(Patient.id == patient_id)).one().deleted_at = clock.now()
    assert search.find("nunez", by=sam)[0].patients == []


def test_patients_are_found_themselves_by_name_chip_and_their_owners_number(clinic):
    sam = clinic.actor("sam")
    lee = clients.add(ClientForm("Lee", first_name="Ann", phone="(646) 555-0199"), by=sam)
    moss = clients.add(ClientForm("Moss", first_name="Bo"), by=sam)
    rex = patients.add(lee, PatientForm("Rex", species="dog", microchip="985112001234567"), by=sam)
    milo = patients.add(lee, PatientForm("Milo", species="cat"), by=sam)
    other = patients.add(moss, PatientForm("Rexine", species="cat"), by=sam)

    def ids(query):
        return [one.id for one in search.find_with_patients(query, by=sam)[1]]

    assert ids("rex") == [rex, other]
    assert ids("rex lee") == [rex]
    assert ids("985112001234567") == [rex, milo]
    assert ids("646-555-0199") == [milo, rex]
    assert ids(str(search.find("lee", by=sam)[0].number)) == [milo, rex]
    assert ids("lee") == []
    assert [one.name for one in search.find_with_patients("lee", by=sam)[0]] == ["Ann Lee"]
    clients.restrict(lee, True, reason="known to us", by=clinic.actor("adam"))
    assert ids("rex") == [other]
    assert search.find_with_patients("x", by=sam) == ([], [])
