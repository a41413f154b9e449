"""Booking, moving, cancelling, no-shows and walk-ins keep every promise of the roster."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import func, select

from appointments import booking as rules
from appointments.booking import (
    AlreadyBooked,
    ClosedThatDay,
    DayFull,
    Details,
    PastDay,
    PatientDied,
    PatientOfAnother,
    ReasonNeeded,
    TooEarlyForNoShow,
    UnknownChoice,
)
from appointments.moves import NotPossible
from appointments.stages import COUNTS_FOR_CAPACITY
from appointments.times import SkippedHour
from data.errors import EditedMeanwhile, NotPermitted
from data.models import Appointment, AuditLog, FlowEvent
from data.session import read
from data.types import clock
from security.rules import act
from tests.appointments.conftest import next_monday


def stages(desk, appointment_id):
    with read(desk.clinic.id) as session:
        statement = select(FlowEvent).where(FlowEvent.appointment_id == appointment_id).order_by(FlowEvent.id)
        return [event.to_stage for event in session.scalars(statement)]


def test_a_booking_is_a_row_an_event_and_an_audit_row(desk):
    one = desk.book(services=["rabies"], notes="Shy")
    row = desk.row(one)
    assert (row.stage, row.number, row.minutes, row.walk_in) == ("booked", 1, 15, False)
    assert row.starts_at.astimezone(UTC).hour in (12, 13)
    assert row.scheduled_on == clock.today("America/New_York")
    assert stages(desk, one) == ["booked"]
    with read(desk.clinic.id) as session:
        last = session.scalars(select(AuditLog).order_by(AuditLog.seq.desc())).first()
    assert (last.action, last.entity_id) == ("appointment.booked", one)
    assert "Shy" not in last.detail


def test_numbers_count_up_and_are_not_used_again(desk):
    first, second = desk.book(), desk.book()
    assert (desk.row(first).number, desk.row(second).number) == (1, 2)
    with act(desk.clinic.operator, "appointments.book") as work:
        work.session.get(Appointment, (desk.clinic.id, second)).deleted_at = clock.now()
        work.audit("appointment.removed", "appointment", second)
    assert desk.row(desk.book()).number == 3


def test_a_full_day_is_refused_and_may_be_overbooked_by_those_who_may(desk):
    desk.type("surgery", capacity=2)
    desk.book()
    desk.book()
    with pytest.raises(DayFull, match="2 of 2 places are taken"):
        desk.book()
    with pytest.raises(NotPermitted, match="beyond the capacity"):
        desk.book(overbook=True)
    assert desk.row(desk.book(by=desk.clinic.actor("mona"), overbook=True)).stage == "booked"
    assert desk.row(desk.book(type="recheck")).type == "recheck"


def test_a_place_may_hold_less_than_another(desk):
    annex = desk.location("Annex", "America/New_York", opening={"0": ["08:00", "12:00"]})
    desk.type("surgery", capacity_by_location={"Annex": 1})
    desk.book(location_id=annex)
    with pytest.raises(DayFull, match="at Annex"):
        desk.book(location_id=annex)
    desk.book()


def test_a_closed_day_is_refused_by_its_name(desk):
    with pytest.raises(ClosedThatDay, match="Main is closed on Sundays"):
        desk.book(day=next_monday() + timedelta(days=6))
    desk.book(day=next_monday() + timedelta(days=6), by=desk.clinic.actor("olive"), overbook=True)


def test_a_cancelled_place_is_free_again_and_taken_back_only_while_it_is(desk):
    desk.type("surgery", capacity=1)
    sam = desk.clinic.actor("sam")
    one = desk.book()
    with pytest.raises(ReasonNeeded):
        rules.cancel(one, " ", version=desk.row(one).version, by=sam)
    rules.cancel(one, "owner ill", version=desk.row(one).version, by=sam)
    two = desk.book()
    with pytest.raises(DayFull):
        rules.restore(one, version=desk.row(one).version, by=sam)
    rules.cancel(two, "moved away", version=desk.row(two).version, by=sam)
    assert rules.restore(one, version=desk.row(one).version, by=sam) == "booked"
    assert desk.row(one).cancel_reason == ""
    assert stages(desk, one) == ["booked", "cancelled", "booked"]


def test_the_same_patient_is_not_booked_twice_a_day(desk):
    patient = desk.patient()
    one = desk.book(patient)
    with pytest.raises(AlreadyBooked, match="Bella already has an appointment on"):
        desk.book(patient, time=time(10, 0), type="recheck")
    rules.cancel(one, "mistake", version=desk.row(one).version, by=desk.clinic.actor("sam"))
    desk.book(patient, time=time(10, 0))


def test_a_past_day_needs_a_second_look(desk):
    last_monday = next_monday(-2)
    with pytest.raises(PastDay):
        desk.book(day=last_monday)
    assert desk.row(desk.book(day=last_monday, past=True)).day == last_monday


def test_what_is_not_offered_is_refused(desk):
    with pytest.raises(UnknownChoice, match="service brain-transplant"):
        desk.book(services=["brain-transplant"])
    with pytest.raises(UnknownChoice, match="funding"):
        desk.book(funding="nobody")
    with pytest.raises(UnknownChoice, match="appointment type"):
        desk.book(type="seance")
    first, second = desk.patient(), desk.patient()
    with pytest.raises(PatientOfAnother):
        desk.book((first[0], second[1]))
    with pytest.raises(PatientDied, match="Bella is recorded as having died"):
        desk.book(desk.patient(died_on=date(2020, 1, 1)))
    with read(desk.clinic.id) as session:
        assert session.scalar(select(func.count(Appointment.id))) == 0


def test_moving_keeps_the_stage_and_the_history(desk):
    sam = desk.clinic.actor("sam")
    one = desk.book()
    rules.confirm(one, version=desk.row(one).version, by=sam)
    to = next_monday(1)
    rules.move(one, day=to, time=time(9, 30), version=desk.row(one).version, by=sam)
    row = desk.row(one)
    assert (row.day, row.stage) == (to, "confirmed")
    assert row.starts_at.astimezone(UTC).minute == 30
    assert stages(desk, one) == ["booked", "confirmed", "confirmed"]


def test_a_missed_appointment_is_moved_and_booked_again(desk):
    sam = desk.clinic.actor("sam")
    one = desk.book(day=next_monday(-2), past=True)
    rules.mark_no_show(one, version=desk.row(one).version, by=sam)
    rules.move(one, day=next_monday(), time=time(8, 0), version=desk.row(one).version, by=sam)
    assert desk.row(one).stage == "booked"


def test_a_patient_who_is_here_cannot_be_moved_or_cancelled(desk):
    sam = desk.clinic.actor("sam")
    one = rules.walk_in(desk.booking(), by=sam)
    for refused in (
        lambda: rules.move(one, day=next_monday(), time=time(8), version=desk.row(one).version, by=sam),
        lambda: rules.cancel(one, "gone", version=desk.row(one).version, by=sam),
        lambda: rules.mark_no_show(one, version=desk.row(one).version, by=sam),
    ):
        with pytest.raises(NotPossible):
            refused()
    assert desk.row(one).stage == "checked_in"


def test_a_move_into_a_full_day_or_by_a_stale_tab_is_refused(desk):
    desk.type("surgery", capacity=1)
    sam = desk.clinic.actor("sam")
    one = desk.book()
    desk.book(day=next_monday(1))
    with pytest.raises(DayFull):
        rules.move(one, day=next_monday(1), time=time(8), version=desk.row(one).version, by=sam)
    rules.move(one, day=next_monday(), time=time(11), version=desk.row(one).version, by=sam)
    with pytest.raises(EditedMeanwhile, match="changed this appointment"):
        rules.move(one, day=next_monday(2), time=time(8), version=1, by=sam)


def test_nobody_misses_a_day_that_has_not_come(desk):
    one = desk.book()
    with pytest.raises(TooEarlyForNoShow):
        rules.mark_no_show(one, version=desk.row(one).version, by=desk.clinic.actor("sam"))


def test_a_no_show_is_taken_back_to_the_stage_before(desk):
    sam = desk.clinic.actor("sam")
    one = desk.book(day=next_monday(-2), past=True)
    rules.confirm(one, version=desk.row(one).version, by=sam)
    rules.mark_no_show(one, version=desk.row(one).version, by=sam)
    assert rules.restore(one, version=desk.row(one).version, by=sam) == "confirmed"


def test_details_change_and_only_their_names_are_audited(desk):
    one = desk.book(notes="Old")
    rules.change(
        one, Details(services=["rabies"], notes="Secret words"), version=desk.row(one).version,
        by=desk.clinic.actor("sam"),
    )  # fmt: skip
    with read(desk.clinic.id) as session:
        last = session.scalars(select(AuditLog).order_by(AuditLog.seq.desc())).first()
    assert last.detail == '{"fields":["services","notes"]}'
    assert desk.row(one).services == ["rabies"]


def test_a_double_click_books_once(desk):
    patient = desk.patient()
    assert desk.book(patient, key="form-1") == desk.book(patient, key="form-1")


@pytest.mark.parametrize(
    "zone, day, at, sentence",
    [
        ("America/New_York", date(2027, 3, 14), time(2, 30), r"no 2:30.AM on Mar 14, 2027 .* 2:00.AM to 3:00.AM"),
        ("Australia/Lord_Howe", date(2027, 10, 3), time(2, 15), r"no 2:15.AM on Oct 3, 2027 .* 2:00.AM to 2:30.AM"),
    ],
)  # fmt: skip
def test_the_hour_that_is_skipped_cannot_be_booked(desk, zone, day, at, sentence):
    there = desk.location("There", zone)
    with pytest.raises(SkippedHour, match=sentence):
        desk.book(location_id=there, day=day, time=at)
    one = desk.book()
    with pytest.raises(SkippedHour):
        rules.move(one, location_id=there, day=day, time=at, version=desk.row(one).version, by=desk.clinic.actor("sam"))


@pytest.mark.parametrize(
    "zone, day, at, instant",
    [
        ("America/New_York", date(2027, 11, 7), time(1, 30), datetime(2027, 11, 7, 5, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", date(2027, 4, 4), time(1, 45), datetime(2027, 4, 3, 14, 45, tzinfo=UTC)),
    ],
)
def test_the_hour_that_comes_twice_means_the_first(desk, zone, day, at, instant):
    one = desk.book(location_id=desk.location("There", zone), day=day, time=at)
    assert (desk.row(one).starts_at, desk.row(one).day) == (instant, day)


def test_a_walk_in_is_checked_in_at_once_on_the_local_day(desk):
    clock.set(datetime(2027, 5, 4, 2, 30, 40, tzinfo=UTC))
    one = rules.walk_in(desk.booking(), by=desk.clinic.operator)
    row = desk.row(one)
    assert (row.day, row.stage, row.walk_in) == (date(2027, 5, 3), "checked_in", True)
    assert row.starts_at == datetime(2027, 5, 4, 2, 30, tzinfo=UTC)


def test_twenty_people_want_the_last_places_and_exactly_those_are_given(desk):
    desk.type("surgery", capacity=3)
    wishes = [desk.booking() for _ in range(20)]
    actors = [desk.clinic.actor("sam") for _ in range(20)]

    def try_it(n):
        try:
            rules.book(wishes[n], by=actors[n])
        except DayFull:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(try_it, range(20))) == 3
    with read(desk.clinic.id) as session:
        statement = select(func.count(Appointment.id)).where(Appointment.stage.in_(COUNTS_FOR_CAPACITY))
        assert session.scalar(statement) == 3
        numbers = session.scalars(select(Appointment.number)).all()
    assert sorted(numbers) == [1, 2, 3]


def test_a_role_without_booking_books_nothing(desk):
    from sqlalchemy import update

    from data.models import User

    with desk.clinic.database.engine.begin() as connection:
        connection.execute(update(User).where(User.username == "sam").values(role="nobody"))
    with pytest.raises(NotPermitted):
        desk.book()


def test_a_walk_in_adds_client_patient_and_visit_at_once_or_nothing(desk):
    from data.models import Client, Patient
    from records.clients import ClientForm
    from records.patients import PatientForm

    desk.type("surgery", capacity=1)
    new = {"new_client": ClientForm(last_name="Okafor"), "new_patient": PatientForm(name="Milo", species="cat")}
    nobody = rules.Booking("", "", desk.main, "surgery", next_monday(), time(8))
    one = rules.walk_in(nobody, by=desk.clinic.actor("sam"), **new)
    assert (desk.row(one).stage, desk.row(one).walk_in) == ("checked_in", True)
    with pytest.raises(DayFull):
        rules.walk_in(nobody, by=desk.clinic.actor("sam"), **new)
    with read(desk.clinic.id) as session:
        assert (session.scalar(select(func.count(Client.id))), session.scalar(select(func.count(Patient.id)))) == (1, 1)
