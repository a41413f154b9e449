"""What goes out by itself does so once a day by its key, makes up for missed days by its rule, and doubles nobody."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

import worker
from campaigns import launch, recurring, runs
from data import definitions
from data.errors import NotPermitted
from data.models import Appointment, Client, FlowEvent, Job
from data.session import read, write
from data.types import clock
from security.actor import Actor
from tests.campaigns.launched import book
from tests.campaigns.reach import Member, furnished, zone

BEGAN = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)  # a Thursday, three days before New York goes to summer time
PEOPLE = [("Amy", "amy@example.org"), ("Bea", "bea@example.org")]


@pytest.fixture
def going(clinic, monkeypatch):
    monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:9")
    clock.set(BEGAN)

    def furnish(**when):
        return furnished(clinic, monkeypatch, PEOPLE, when={"kind": "recurring", "active": True, "at": "09:00"} | when)

    return furnish


def work(clinic):
    """What the worker does of it."""
    recurring.plan(clinic.id, zone(clinic))
    done = []
    while (job := worker.jobs.claim(clinic.id, "w", zone(clinic), only=["campaign"])) is not None:
        done.append(recurring.carry_out(clinic_row(clinic), job))
        worker.jobs.finish(clinic.id, job, zone(clinic), done[-1])
    return done


def clinic_row(clinic):
    from security.clinics import clinic_of

    return clinic_of(clinic.id)


def days(clinic):
    with read(clinic.id) as session:
        keys = session.scalars(select(Job.dedupe_key).where(Job.kind == "campaign").order_by(Job.dedupe_key))
        return [key.rpartition(":")[2] for key in keys]


def launches(clinic):
    return runs.runs_of("news", by=Actor.operator(clinic.id))


def test_a_daily_one_runs_once_a_day_and_makes_up_for_a_gap_once(clinic, going):
    with going() as ids:
        assert work(clinic) == []  # 7 in the morning
        clock.set(datetime(2026, 3, 5, 14, 1, tzinfo=UTC))
        assert len(work(clinic)) == 1 and work(clinic) == []
        clock.set(datetime(2026, 3, 9, 12, 59, tzinfo=UTC))  # 8:59 in summer time; three days were missed
        assert [list(one) for one in work(clinic)] == [["skipped"]]  # both had it
        assert days(clinic) == ["2026-03-05", "2026-03-08"]
        book(clinic, ids[0], clock.now() - timedelta(days=9), stage="checked_out")  # was here on the 5th
        clock.set(datetime(2026, 3, 9, 13, 0, tzinfo=UTC))
        assert days(clinic)[-1] == "2026-03-08" and work(clinic)
        with write(clinic.id) as session:
            session.query(Appointment).one().starts_at = clock.now() - timedelta(days=1)
        clock.set(datetime(2026, 3, 10, 13, 0, tzinfo=UTC))
        work(clinic)
        assert [run.counts for run in launches(clinic)] == [{"pending": 1}, {"pending": 2}]
        clock.set(datetime(2026, 3, 9, 20, 0, tzinfo=UTC))  # the clock goes back: nothing again
        assert work(clinic) == [] and len(launches(clinic)) == 2


def test_a_clock_that_was_ahead_for_a_while_silences_no_day_before_it(clinic, going):
    """The launch of a day to come stood for all days until then."""
    with going():
        for at in (datetime(2026, 3, 5, 14, 1), datetime(2026, 3, 25, 14, 1), datetime(2026, 3, 6, 14, 1)):
            clock.set(at.replace(tzinfo=UTC))
            work(clinic)
        assert days(clinic) == ["2026-03-05", "2026-03-06", "2026-03-25"]
        clock.set(datetime(2026, 3, 26, 14, 1, tzinfo=UTC))
        work(clinic)
        assert days(clinic)[-1] == "2026-03-26" and len(days(clinic)) == 4


def test_the_31st_is_the_last_day_and_what_is_off_rests(clinic, going):
    with going(every="month", day=31):
        clock.set(datetime(2026, 4, 30, 13, 0, tzinfo=UTC))
        work(clinic)
        assert days(clinic) == ["2026-04-30"] and launches(clinic)[0].day.isoformat() == "2026-04-30"
        with write(clinic.id) as session:
            off = definitions.load(session, launch.CAMPAIGN, "news")
            off = off.model_copy(update={"when": off.when.model_copy(update={"active": False})})
            definitions.save(session, launch.CAMPAIGN, "news", off, by_user_id=None)
        clock.set(datetime(2026, 6, 2, 13, 0, tzinfo=UTC))
        assert work(clinic) == [] and days(clinic) == ["2026-04-30"]


def test_after_a_stage_each_missed_day_is_made_up_for_and_nobody_else_is_written_to(clinic, going, monkeypatch):
    with going(kind="stage", stage="checked_out", after_days=1) as ids:
        patients = [book(clinic, one, BEGAN, stage="checked_out") for one in ids]
        with write(clinic.id) as session:
            visits = {row.patient_id: row for row in session.query(Appointment)}
            for patient, at in zip(patients, (BEGAN, BEGAN + timedelta(days=1)), strict=True):
                visits[patient].day = at.date()
                session.add(FlowEvent(
                    appointment_id=visits[patient].id, from_stage="ready", to_stage="checked_out", event_at=at
                ))  # fmt: skip
            assert session.get_one(Client, (clinic.id, ids[0]))
        monkeypatch.setattr(
            launch, "members", lambda *_, **__: [Member(a, b) for a, b in zip(ids, patients, strict=True)]
        )
        clock.set(BEGAN + timedelta(days=4))
        done = work(clinic)
        assert days(clinic) == ["2026-03-05", "2026-03-06", "2026-03-07", "2026-03-08"]
        assert [list(one) for one in done] == [["skipped"], ["run"], ["run"], ["skipped"]]
        assert sorted((run.day.day, run.audience) for run in launches(clinic)) == [(6, 1), (7, 1)]
        assert work(clinic) == []


def fail(clinic, tries):
    """What the worker does where a launch does not come about."""
    with write(clinic.id) as session:
        for job in session.query(Job).where(Job.state == "waiting"):
            job.due_at = clock.now()
    for _ in range(tries):
        job = worker.jobs.claim(clinic.id, "w", zone(clinic), only=["campaign"])
        worker.Worker._carry_out(clinic_row(clinic), job)
        with write(clinic.id) as session:
            row = session.get_one(Job, (clinic.id, job.id))
            row.due_at = clock.now() if row.state == "waiting" else row.due_at


def test_a_launch_that_failed_is_told_until_the_day_is_launched_by_hand_once(clinic, going, monkeypatch):
    with going():
        monkeypatch.delenv("BALLAST_SMTP_URL")
        clock.set(datetime(2026, 3, 5, 14, 1, tzinfo=UTC))
        by = clinic.actor("adam")
        recurring.plan(clinic.id, zone(clinic))
        fail(clinic, 1)
        [told] = recurring.failures(by=by)
        assert (told.slug, told.day.day, told.why[:21]) == ("news", 5, "No mail server is set")
        assert told.again is not None and "mail server" in told.why
        fail(clinic, 4)
        [told] = recurring.failures("news", by=by)
        assert told.again is None and recurring.failures("other", by=by) == []
        with pytest.raises(launch.NotReady):
            recurring.launch_day("news", told.day, by=by)
        monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:9")
        run = recurring.launch_day("news", told.day, by=by)
        assert recurring.launch_day("news", by=by) == run and len(launches(clinic)) == 1
        assert recurring.failures(by=by) == []


def test_the_worker_and_a_person_make_one_launch_of_a_day_and_one_that_failed_is_made_anew(clinic, going, monkeypatch):
    with going():
        clock.set(datetime(2026, 3, 5, 14, 1, tzinfo=UTC))
        by = clinic.actor("adam")
        prepare = launch.prepare
        monkeypatch.setattr(launch, "prepare", lambda run_id, by: launch._fail(run_id, "the segment changed", by))
        recurring.launch_day("news", by=by)
        monkeypatch.setattr(launch, "prepare", prepare)
        assert len(work(clinic)) == 1
        assert sorted(one.state for one in launches(clinic)) == ["failed", "running"]
        recurring.launch_day("news", by=by)
        assert len(launches(clinic)) == 2
        for day in (datetime(2026, 3, 6), datetime(2026, 2, 20)):
            with pytest.raises(recurring.NotThatDay):
                recurring.launch_day("news", day.date(), by=by)
    with pytest.raises(NotPermitted):
        recurring.launch_day("news", by=clinic.actor("sam"))
