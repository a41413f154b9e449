"""The snapshot: what is in it, what is not, and who gets it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from appointments.drug_log import NewBottle, Use, correct, log_use, open_bottle, receive
from data.errors import NotPermitted
from data.models import Appointment, AuditLog, Client, Drug, SnapshotDevice
from data.session import read, write
from data.types import clock
from outage import snapshot_devices
from outage.snapshot import snapshot, spare_forms
from security import audit
from security.actor import Actor
from tests.flow.conftest import Day


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(snapshot_devices, "slow_down", lambda address: None)


def computer(clinic, name="Front desk"):
    code = snapshot_devices.add_computer(name, by=clinic.actor("adam"))
    return snapshot_devices.enrol(code.lower().replace("-", " "))[0]


def made(clinic):
    return json.loads(snapshot(by=Actor.snapshot(clinic.id, "Front desk")).text)


def bottle(clinic, size=10_000):
    clara = clinic.actor("clara")
    with read(clinic.id) as session:
        drug = session.scalars(select(Drug).where(Drug.needs_witness.is_(False)).order_by(Drug.name)).first()
    new = NewBottle(drug.id, "K-17", size, clock.today("America/New_York"), lot="88213")
    found = receive(new, by=clara)
    open_bottle(found, by=clara)
    return found


def test_it_holds_the_days_their_drugs_the_bottles_and_whom_to_call(clinic):
    day, clara = Day(clinic), clinic.actor("clara")
    visit = day.visit("Luna", stage="recovering", client="Chen", caution="Bites")
    day.visit("Rex", stage="booked", day=day.today + timedelta(days=1))
    day.visit("Stayed", stage="held_overnight", day=day.today - timedelta(days=1))
    day.visit("Went", stage="checked_out", day=day.today - timedelta(days=1))
    day.visit("Gone", stage="cancelled")
    used = bottle(clinic)
    log_use(Use(used, given=500, appointment_id=visit, route="IM"), by=clara)
    wrong = log_use(Use(used, given=900, appointment_id=visit), by=clara)
    correct(wrong, "misread", by=clara)
    found = made(clinic)
    assert [one["day"] for one in found["days"]] == [day.today.isoformat(), (day.today + timedelta(days=1)).isoformat()]
    assert [len(one["rows"]) for one in found["days"]] == [1, 1]
    patients = {one["name"]: one for one in found["patients"]}
    assert patients.keys() == {"Luna", "Rex", "Stayed"} and patients["Stayed"]["since"].startswith("Here since")
    (line,) = patients["Luna"]["lines"]
    assert (line["bottle"], line["given"], line["route"]) == ("K-17", "0.50 mL", "IM")
    assert [(one["number"], one["lot"], one["balance"]) for one in found["bottles"]] == [("K-17", "88213", "9.50 mL")]
    assert {one["name"] for one in found["staff"]} >= {"Clara Chen", "Sam Stone"}
    assert "Chen, Ada" in {one["name"] for one in found["clients"]}


def test_restricted_records_are_left_out_everywhere_and_counted(clinic):
    day, clara = Day(clinic), clinic.actor("clara")
    visit = day.visit("Secretpet", client="Secretowner")
    log_use(Use(bottle(clinic), given=500, appointment_id=visit), by=clara)
    with write(clinic.id) as session:
        session.get_one(
            Client, (clinic.id, session.get_one(Appointment, (clinic.id, visit)).client_id)
        ).restricted = True
        session.flush()
        audit.append(session, clinic.operator, "test.restricted", "client", "")
    text = snapshot(by=Actor.snapshot(clinic.id, "x")).text
    assert "Secret" not in text
    found = json.loads(text)
    assert (found["withheld"], found["days"][0]["withheld"], found["patients"], found["clients"]) == (1, 1, [], [])
    assert found["bottles"][0]["balance"] == "9.50 mL"


def test_it_is_the_same_until_the_clinic_changes_though_computers_refresh(clinic):
    day, by = Day(clinic), Actor.snapshot(clinic.id, "x")
    day.visit("Luna")
    token = computer(clinic)
    first = snapshot(by=by)
    snapshot_devices.note_stored(snapshot_devices.holder(token))
    assert snapshot(by=by) is first
    day.visit("Rex")
    assert snapshot(by=by).digest != first.digest


def test_another_clinic_is_not_in_it(sqlite_clinic):
    from security.clinics import NewClinic, create_clinic

    Day(sqlite_clinic).visit("Luna")
    other = create_clinic(NewClinic("other", "Other Clinic"))
    found = json.loads(snapshot(by=Actor.snapshot(other, "x")).text)
    assert (found["clinic"], found["patients"], found["staff"]) == ("Other Clinic", [], [])


def test_a_code_works_once_and_for_an_hour(clinic):
    start = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    clock.set(start)
    adam = clinic.actor("adam")
    code, late = (snapshot_devices.add_computer(name, by=adam) for name in ("Front desk", "Surgery"))
    assert snapshot_devices.enrol("AAAA-AAAA") is None and snapshot_devices.enrol("") is None
    token, name, where = snapshot_devices.enrol(code)
    assert (name, where) == ("Front desk", "Harbor Spay & Neuter")
    assert snapshot_devices.enrol(code) is None
    clock.set(start + timedelta(hours=1, seconds=1))
    assert snapshot_devices.enrol(late) is None
    assert snapshot_devices.holder(token).name == "Front desk"
    for wrong in ("", "x", code, token + "x"):
        assert snapshot_devices.holder(wrong) is None
    with read(clinic.id) as session:
        kept = session.scalars(select(SnapshotDevice)).all()
        assert all(token not in (one.token_hash, one.code_hash) for one in kept)


def test_the_list_says_who_is_fresh_stale_or_waiting_and_taking_away_holds_at_once(clinic):
    start = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    clock.set(start)
    token = computer(clinic)
    snapshot_devices.add_computer("Surgery", by=clinic.actor("adam"))
    one = snapshot_devices.holder(token)
    states = lambda: {row.name: row.state for row in snapshot_devices.computers(by=clinic.operator)}  # noqa: E731
    assert states() == {"Front desk": "stale", "Surgery": "waiting"}
    snapshot_devices.note_stored(one)
    assert states()["Front desk"] == "fresh"
    clock.set(start + timedelta(hours=24, seconds=1))
    assert states()["Front desk"] == "stale"
    snapshot_devices.revoke_computer(one.id, by=clinic.operator)
    snapshot_devices.revoke_computer(one.id, by=clinic.operator)
    assert snapshot_devices.holder(token).revoked and "Front desk" not in states()
    snapshot_devices.note_stored(one)
    with read(clinic.id) as session:
        assert session.get_one(SnapshotDevice, (clinic.id, one.id)).refreshed_at == start


def test_a_computer_that_starts_over_is_off_the_list(clinic):
    token = computer(clinic)
    snapshot_devices.leave(snapshot_devices.holder(token))
    assert snapshot_devices.holder(token).revoked
    assert snapshot_devices.computers(by=clinic.operator) == []


def test_reading_is_audited_with_counts_and_the_computers_name(clinic):
    Day(clinic).visit("Luna")
    one = snapshot_devices.holder(computer(clinic))
    snapshot_devices.note_reading(one, "read", **snapshot(by=one.actor).counts)
    with read(clinic.id) as session:
        row = session.scalars(select(AuditLog).where(AuditLog.action == "snapshot.read")).one()
        assert (row.actor, row.source, row.entity_id) == ("snapshot on Front desk", "snapshot", one.id)
        assert json.loads(row.detail)["visits"] == 1 and "Luna" not in row.detail


def test_only_those_who_change_settings_see_the_computers(clinic):
    for rule in (lambda by: snapshot_devices.add_computer("x", by=by), lambda by: snapshot_devices.computers(by=by)):
        with pytest.raises(NotPermitted):
            rule(clinic.actor("sam"))


def test_blank_forms_carry_no_code_and_no_number(sqlite_clinic):
    import base64
    import io

    import pypdf

    made = spare_forms(by=Actor.snapshot(sqlite_clinic.id, "x"))
    found = {
        one["slug"]: pypdf.PdfReader(io.BytesIO(base64.b64decode(one["pdf"]))) for one in json.loads(made.text)["forms"]
    }
    assert found.keys() >= {"consent", "travel-sheet", "drug-log", "walk-in", "card-slip"}
    words = found["consent"].pages[0].extract_text()
    assert "Sheet without a code" in words and "Harbor Spay & Neuter" in words
    import pypdfium2
    import zxingcpp
    from PIL import Image

    page = pypdfium2.PdfDocument(base64.b64decode(json.loads(made.text)["forms"][1]["pdf"]))[0]
    picture: Image.Image = page.render(scale=2).to_pil()
    assert zxingcpp.read_barcodes(picture) == []
