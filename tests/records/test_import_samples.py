"""The sample clinics come in with numbers equal to an independent count over the files."""

import csv
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from data.errors import BadInput
from data.models import Appointment, Client, FlowEvent, InvoiceLine, Patient, Payment, User
from data.session import read
from opening.importing import WrongKindOfClinic, import_folder
from opening.start import furnish
from security import audit
from security.actor import Actor
from security.clinics import NewClinic, create_clinic

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.fixture(params=["sqlite", "postgres"])
def human(request):
    """A human clinic on each database."""
    request.getfixturevalue(f"{request.param}_clinic")
    return human_clinic()


@pytest.fixture
def human_sqlite(sqlite_clinic):
    """A human clinic on SQLCipher."""
    return human_clinic()


def human_clinic():
    new = NewClinic("human", "Human", zone="America/New_York", kind="human")
    clinic_id = create_clinic(new)
    furnish(clinic_id, new)
    return Actor.operator(clinic_id)


def rows(folder, name):
    with (SAMPLES / folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_medscheduler_keeps_every_status_its_no_show_rates_and_waiting_times(human):
    import_folder("medscheduler", SAMPLES / "medscheduler", by=human)
    expected = Counter(row["status"] for row in rows("medscheduler", "appointments.csv"))
    with read(human.clinic_id) as session:
        stages = dict(session.execute(select(Appointment.stage, func.count()).group_by(Appointment.stage)).all())
        assert stages == {
            "checked_out": expected["attended"], "no_show": expected["did not attend"],
            "cancelled": expected["cancelled"], "booked": expected["scheduled"], "unknown": expected["unknown"],
        }  # fmt: skip
        no_shows, attended = stages["no_show"], stages["checked_out"]
        assert no_shows == 598
        assert round(100 * no_shows / (no_shows + attended), 3) == 7.017
        assert round(100 * no_shows / sum(stages.values()), 3) == 5.730
        patients = session.scalar(select(func.count(Patient.id)))
        own = session.scalar(select(func.count(Patient.id)).where(Patient.is_client))
        assert patients == own == session.scalar(select(func.count(Client.id))) == 9264
        timed = sum(bool(row["check_in_time"]) for row in rows("medscheduler", "appointments.csv"))
        moves = select(FlowEvent.to_stage, func.count()).group_by(FlowEvent.to_stage)
        assert dict(session.execute(moves).all())["checked_in"] == timed
        assert set(session.scalars(select(FlowEvent.source))) == {"import"}
        assert audit.verify(session).bad_seq is None
    check_waiting_times(human)


def check_waiting_times(human):
    source = {row["appointment_id"]: row for row in rows("medscheduler", "appointments.csv")}
    with read(human.clinic_id) as session:
        events = defaultdict(dict)
        for reference, stage, at in session.execute(
            select(Appointment.reference, FlowEvent.to_stage, FlowEvent.event_at).join(
                FlowEvent, FlowEvent.appointment_id == Appointment.id
            )
        ):
            events[reference][stage] = at
    checked = 0
    for reference, stages in events.items():
        if "examined" in stages:
            wait = (stages["examined"] - stages["checked_in"]).total_seconds() / 60
            assert abs(wait - float(source[reference]["waiting_time"])) < 0.06, reference
            checked += 1
    assert checked == 7924


def test_synthea_cash_received_by_tender_is_that_of_the_file(human):
    import_folder("synthea", SAMPLES / "synthea", by=human)
    words = {"CASH": "cash", "CHECK": "check", "CC": "card", "ECHECK": "echeck", "COPAY": "copay"}
    count, cents, charged = Counter(), Counter(), Decimal(0)
    for row in rows("synthea", "claims_transactions.csv"):
        if row["TYPE"] == "PAYMENT":
            count[words[row["METHOD"]]] += 1
            cents[words[row["METHOD"]]] += int(Decimal(row["PAYMENTS"]) * 100)
        elif row["TYPE"] == "CHARGE":
            charged += Decimal(row["AMOUNT"])
    with read(human.clinic_id) as session:
        found = session.execute(
            select(Payment.tender, func.count(), func.sum(Payment.amount_cents)).group_by(Payment.tender)
        ).all()
        assert {tender: (n, int(total)) for tender, n, total in found} == {
            tender: (count[tender], cents[tender]) for tender in words.values()
        }
        assert int(session.scalar(select(func.sum(InvoiceLine.net_cents)))) == int(charged * 100)
        providers = {row["NAME"] for row in rows("synthea", "providers.csv")}
        named = session.scalars(
            select(User.name).join(Appointment, Appointment.provider_id == User.id).distinct()
        ).all()
        assert set(named) <= providers
        assert len(named) == len({row["PROVIDER"] for row in rows("synthea", "encounters.csv")})


@pytest.mark.slow
def test_importing_a_folder_again_adds_nothing(human_sqlite):
    first = import_folder("synthea", SAMPLES / "synthea", by=human_sqlite)
    again = import_folder("synthea", SAMPLES / "synthea", by=human_sqlite)
    assert [report.added for report in again] == [0] * len(first)
    assert [report.skipped for report in again] == [report.added for report in first]


@pytest.mark.slow
def test_a_folder_that_fails_late_leaves_nothing(human_sqlite, tmp_path):
    for name in ("providers.csv", "patients.csv", "encounters.csv", "claims_transactions.csv"):
        text = (SAMPLES / "synthea" / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("77.49", "seventy", 1) if name.startswith("claims") else text)
    with pytest.raises(BadInput, match="to put right"):
        import_folder("synthea", tmp_path, by=human_sqlite)
    with read(human_sqlite.clinic_id) as session:
        for model in (Patient, Client, Appointment, Payment, User):
            assert session.scalar(select(func.count()).select_from(model)) == 0, model
    assert import_folder("synthea", SAMPLES / "synthea", by=human_sqlite)[0].added == 166


def test_human_patients_are_not_put_into_a_veterinary_clinic(sqlite_clinic):
    with pytest.raises(WrongKindOfClinic, match="veterinary"):
        import_folder("medscheduler", SAMPLES / "medscheduler", by=sqlite_clinic.operator)
