"""Whatever people do, in whatever order, a day never holds more than its capacity unless somebody overbooked."""

from datetime import date, time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from appointments import booking as rules
from appointments.stages import COUNTS_FOR_CAPACITY
from appointments.times import instant_of, local_of
from data.errors import Refusal
from data.models import Appointment
from data.session import read
from tests.appointments.conftest import next_monday

STEP = st.tuples(st.sampled_from(["book", "cancel", "restore", "move"]), st.integers(0, 7), st.integers(0, 1))


@given(st.lists(STEP, max_size=14), st.integers(0, 3))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_order_of_steps_exceeds_the_capacity(sqlite_desk, steps, most):
    desk, by = sqlite_desk, sqlite_desk.clinic.operator
    desk.type("surgery", capacity=most)
    made: list[str] = []
    for what, which, week in steps:
        try:
            if what == "book":
                made.append(desk.book(by=by, day=next_monday(week)))
            elif made:
                one = made[which % len(made)]
                version = desk.row(one).version
                if what == "cancel":
                    rules.cancel(one, "any", version=version, by=by)
                elif what == "restore":
                    rules.restore(one, version=version, by=by)
                else:
                    rules.move(one, day=next_monday(week), time=time(9), version=version, by=by)
        except Refusal:
            continue
        with read(desk.clinic.id) as session:
            counts = session.execute(
                select(Appointment.day, func.count(Appointment.id))
                .where(Appointment.stage.in_(COUNTS_FOR_CAPACITY), Appointment.id.in_(made))
                .group_by(Appointment.day)
            ).all()
        assert all(count <= most for _, count in counts)
    for one in made:
        row = desk.row(one)
        if row.stage in COUNTS_FOR_CAPACITY:
            rules.cancel(one, "cleared", version=row.version, by=by)


@given(
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.times(),
    st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Europe/Berlin", "Asia/Kathmandu", "UTC"]),
)
def test_every_time_that_exists_comes_back_as_it_was_typed(day, at, zone):
    try:
        instant = instant_of(day, at, zone)
    except Refusal:
        return
    back = local_of(instant, zone)
    assert (back.date(), back.hour, back.minute) == (day, at.hour, at.minute)
