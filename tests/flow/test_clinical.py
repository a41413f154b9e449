"""Clinical records: one per stage and visit, versions, ranges with sentences, what carries over to the patient."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from appointments import clinical, flow, moves
from appointments.clinical import CheckInEntry, DischargeEntry, ExamEntry, Reading, RecoveryEntry, SurgeryEntry
from data.card_numbers import CardNumberTyped
from data.errors import BadInput, EditedMeanwhile, NotPermitted
from data.models import AuditLog, Exam, Patient
from data.session import read, write
from data.types import clock
from tests.screen import opened


def test_a_whole_visit_is_recorded_and_read_back(clinic, clinic_day):
    visit, sam, clara = clinic_day.visit(sex="unknown"), clinic.actor("sam"), clinic.users["clara"]
    begun = clock.now() - timedelta(minutes=30)
    clinical.record_stage(
        visit, CheckInEntry(identity_confirmed=True, consent="signed", fasted=True), version=None, by=sam
    )
    exam = ExamEntry(weight_grams=3_150, temperature_hundredths=3_860, pulse=160, sex_found="female", approved=True,
                     abnormalities=["heart murmur"])  # fmt: skip
    clinical.record_stage(visit, exam, version=None, by=sam)
    surgery = SurgeryEntry("spay", surgeon_id=clara, ended_at=begun + timedelta(minutes=12), tattoo=True)
    clinical.record_stage(visit, surgery, version=None, by=sam, event_at=begun)
    clinical.observe(visit, Reading("in_surgery", heart_rate=150, respiration=20), by=sam)
    clinical.record_stage(visit, RecoveryEntry(temperature_hundredths=3_720, pain=1), version=None, by=sam)
    clinical.record_stage(visit, DischargeEntry("Ada Marsh", True), version=None, by=sam)
    found = clinical.visit(visit, by=sam)
    assert (found.check_in.consent, found.exam.pulse, found.surgery.procedure) == ("signed", 160, "spay")
    assert (found.surgery.ended_at - found.surgery.event_at) == timedelta(minutes=12)
    assert (found.recovery.pain, found.discharge.released_to, found.observations[0].heart_rate) == (1, "Ada Marsh", 150)
    assert (found.weight_grams, found.sex) == (3_150, "female")
    with read(clinic.id) as session:
        assert session.get_one(Patient, (clinic.id, found.patient_id)).altered is True
        actions = list(session.scalars(select(AuditLog.action).order_by(AuditLog.seq)))[-8:]
        details = " ".join(session.scalars(select(AuditLog.detail)))
    assert actions[-1] == "appointment.viewed" and "exam.saved" in actions
    assert "3150" not in details and "Ada Marsh" not in details
    (card,) = flow.board(clinic_day.today, by=sam)
    assert (card.consent_missing, card.high_risk, card.surgeon) == (False, True, "CC")


def test_two_editors_of_one_record_the_second_hears_who_was_first_and_nothing_is_lost(clinic, clinic_day):
    visit, sam, clara = clinic_day.visit(), clinic.actor("sam"), clinic.actor("clara")
    first = clinical.record_stage(visit, ExamEntry(pulse=150), version=None, by=sam)
    with pytest.raises(EditedMeanwhile, match="Sam Stone changed this exam"):
        clinical.record_stage(visit, ExamEntry(pulse=170), version=None, by=clara)
    second = clinical.record_stage(visit, ExamEntry(pulse=155), version=first, by=clara)
    with pytest.raises(EditedMeanwhile, match="Clara Chen changed this exam"):
        clinical.record_stage(visit, ExamEntry(pulse=180), version=first, by=sam)
    assert second > first and clinical.visit(visit, by=sam).exam.pulse == 155


def test_of_many_first_saves_at_once_one_wins(clinic, clinic_day):
    visit, sam = clinic_day.visit(), clinic.actor("sam")

    def save(pulse):
        try:
            clinical.record_stage(visit, ExamEntry(pulse=pulse), version=None, by=sam)
            return 1
        except EditedMeanwhile:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(save, range(100, 108))) == 1
    with read(clinic.id) as session:
        assert len(list(session.scalars(select(Exam)))) == 1


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (ExamEntry(weight_grams=4_200_000), "A weight of 4200 kg cannot be right"),
        (ExamEntry(temperature_hundredths=10_150), "A temperature of 101.5 °C"),
        (ExamEntry(pulse=5), "A pulse of 5 cannot be right: it lies between 10 and 400"),
        (ExamEntry(body_condition=12), "A body condition of 12"),
        (RecoveryEntry(pain=11), "A pain score of 11"),
        (SurgeryEntry(" "), "which procedure"),
        (CheckInEntry(consent="maybe"), "Consent is signed"),
    ],
)
def test_values_no_patient_has_are_refused_with_a_sentence(sqlite_clinic, sqlite_day, entry, sentence):
    visit = sqlite_day.visit()
    with pytest.raises(BadInput, match=sentence):
        clinical.record_stage(visit, entry, version=None, by=sqlite_clinic.actor("sam"))
    found = clinical.visit(visit, by=sqlite_clinic.actor("sam"))
    assert (found.exam, found.recovery, found.surgery, found.check_in) == (None, None, None, None)


def test_times_that_cannot_be_are_refused(sqlite_clinic, sqlite_day):
    visit, sam, now = sqlite_day.visit(), sqlite_clinic.actor("sam"), clock.now()
    with pytest.raises(moves.InTheFuture):
        clinical.record_stage(visit, ExamEntry(), version=None, by=sam, event_at=now + timedelta(hours=1))
    with pytest.raises(clinical.EndsBeforeItBegins):
        ended = SurgeryEntry("spay", ended_at=now - timedelta(minutes=9))
        clinical.record_stage(visit, ended, version=None, by=sam, event_at=now)
    with pytest.raises(BadInput, match="at least one reading"):
        clinical.observe(visit, Reading("recovering"), by=sam)


def test_back_entry_keeps_event_time_and_entry_time_apart(clinic, clinic_day):
    visit, sam = clinic_day.visit(), clinic.actor("sam")
    then = clock.now() - timedelta(hours=5)
    clinical.record_stage(visit, ExamEntry(pulse=150), version=None, by=sam, event_at=then, source="paper")
    exam = clinical.visit(visit, by=sam).exam
    assert abs(exam.event_at - then) < timedelta(milliseconds=1) and exam.source == "paper"
    assert exam.entered_at - exam.event_at > timedelta(hours=4)


def test_recording_needs_its_permission(sqlite_clinic, sqlite_day):
    from data import definitions
    from security.roles import ROLE, Role

    with write(sqlite_clinic.id) as session:
        role = Role(label="Staff", permissions=["flow.view", "flow.move"])
        definitions.save(session, ROLE, "staff", role, by_user_id=None)
    visit = sqlite_day.visit()
    with pytest.raises(NotPermitted, match="record exams"):
        clinical.record_stage(visit, ExamEntry(pulse=150), version=None, by=sqlite_clinic.actor("sam"))
    assert clinical.visit(visit, by=sqlite_clinic.actor("sam")).patient == "Biscuit"


def test_a_weight_far_from_the_last_one_asks_for_a_second_look(sqlite_clinic, sqlite_day):
    far = [text for text in ("12", "7,1", "5.4", "2.8", "1.2", "0", "abc", "") if clinical.doubtful_weight(text, 3_200)]
    assert far == ["12", "7,1", "1.2"]
    assert not clinical.doubtful_weight("12", None)
    visit = sqlite_day.visit(stage="checked_in")
    clinical.record_stage(visit, ExamEntry(weight_grams=3_200), version=None, by=sqlite_clinic.operator)
    at = opened(sqlite_clinic, "clara", "today/visit.py", id=visit)
    assert not [one for one in at.warning if "last known weight" in one.value]
    at.text_input(key=f"exam:{visit}:weight").set_value("7.1").run()
    assert [one for one in at.warning if "last known weight is 3.2" in one.value]


@given(st.integers(680, 1_130))
def test_a_temperature_typed_in_tenths_of_either_scale_is_shown_as_it_was_typed(tenths):
    kept = clinical.hundredths_celsius(tenths / 10, scale="F")
    assert clinical.fahrenheit(kept) == tenths / 10
    assert clinical.hundredths_celsius(tenths / 10, scale="C") == tenths * 10


def test_the_caution_of_a_visit_is_changed_once_and_never_over_somebody_else(clinic, clinic_day):
    visit, sam = clinic_day.visit(), clinic.actor("sam")
    seen = clinical.visit(visit, by=sam)
    clinical.set_caution(visit, " Bites when picked up ", version=seen.version, by=sam, key="c1")
    clinical.set_caution(visit, "Bites when picked up", version=seen.version, by=sam, key="c1")
    now = clinical.visit(visit, by=sam)
    assert now.caution == "Bites when picked up" and now.caution in now.cautions
    with pytest.raises(EditedMeanwhile):
        clinical.set_caution(visit, "Calm", version=seen.version, by=sam)
    with pytest.raises(clinical.CautionTooLong, match="301 characters"):
        clinical.set_caution(visit, "x" * 301, version=now.version, by=sam)
    with pytest.raises(CardNumberTyped):
        clinical.set_caution(visit, "4242424242424242", version=now.version, by=sam)
