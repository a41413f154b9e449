"""The worker does each job once, on time in the clinic's zone, and sends each mail once."""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

import worker as background
from data import definitions, jobs
from data.models import BackupRun, Job, OutboxMessage
from data.session import read, write
from data.types import clock
from messages import delivery, outbox, wire
from security import audit, backups
from security.actor import Actor
from security.clinics import NewClinic, create_clinic
from security.profile import PROFILE, ClinicProfile
from tests import inbox as inboxes
from tests.conftest import ROOT
from worker import Worker

ZONE = "America/New_York"


@pytest.fixture
def inbox(monkeypatch):
    with inboxes.serving() as (box, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        yield box


def post(clinic, key="k", recipient="amy@example.org", purpose="alert", subject="Something waits"):
    with write(clinic.id) as session:
        return outbox.queue(
            session, purpose=purpose, dedupe_key=key, recipient=recipient, subject=subject, text="Please look."
        )


def states(clinic):
    with read(clinic.id) as session:
        return sorted(session.scalars(select(OutboxMessage.state)))


def test_a_mail_is_sent_once(clinic, inbox):
    assert post(clinic) == post(clinic)
    worker = Worker()
    worker.round()
    worker.round()
    assert [mail.rcpt_tos for mail in inbox.mails] == [["amy@example.org"]]
    assert states(clinic) == ["sent"]


def test_a_final_refusal_fails_and_a_passing_one_is_tried_again_later(clinic, inbox):
    post(clinic)
    inbox.reply = "550 no such mailbox"
    delivery.deliver(clinic.id, "w")
    assert states(clinic) == ["failed"]
    post(clinic, "k2")
    inbox.reply = "451 try later"
    delivery.deliver(clinic.id, "w")
    assert states(clinic) == ["deferred", "failed"]
    inbox.reply = None
    delivery.deliver(clinic.id, "w")
    assert inbox.mails == []
    clock.set(datetime.now(UTC) + timedelta(minutes=2))
    delivery.deliver(clinic.id, "w")
    assert len(inbox.mails) == 1


def test_a_dead_mail_server_loses_nothing(clinic, monkeypatch):
    monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:9")
    post(clinic)
    assert delivery.deliver(clinic.id, "w") == {"deferred": 1}


def test_a_message_cut_off_while_sending_is_held_unless_a_miss_is_worse(clinic, inbox):
    ids = {purpose: post(clinic, purpose, purpose=purpose) for purpose in ("alert", "campaign")}
    with write(clinic.id) as session:
        for message_id in ids.values():
            row = session.get_one(OutboxMessage, (clinic.id, message_id))
            row.state, row.lease_owner, row.lease_until = "sending", "dead", clock.now() - timedelta(seconds=1)
    delivery.settle_expired(clinic.id)
    assert states(clinic) == ["deferred", "uncertain"]


def test_a_message_that_breaks_the_connection_each_time_is_given_up_and_never_sent_at_once_again(clinic):
    message_id = post(clinic)
    for tries in range(1, len(delivery.RETRY) + 2):
        with write(clinic.id) as session:
            row = session.get_one(OutboxMessage, (clinic.id, message_id))
            row.state, row.attempts, row.lease_until = "sending", tries, clock.now() - timedelta(seconds=1)
        delivery.settle_expired(clinic.id)
    assert states(clinic) == ["failed"]


def test_a_message_that_cannot_be_sent_keeps_no_other_from_going(clinic, inbox):
    post(clinic, "k1", recipient="josé@example.org")
    damaged = post(clinic, "k2", recipient="bea@example.org")
    post(clinic, "k3")
    with write(clinic.id) as session:
        session.get_one(OutboxMessage, (clinic.id, damaged)).body = b"no sealed text"
    Worker().round()
    assert [mail.rcpt_tos for mail in inbox.mails] == [["amy@example.org"]]
    assert states(clinic) == ["failed", "failed", "sent"]


@pytest.mark.parametrize(("purpose", "state", "arrived"), [("schedule", "uncertain", 1), ("alert", "sent", 2)])
def test_a_worker_killed_when_the_server_had_taken_a_mail_loses_none_and_doubles_only_what_must_not_be_missed(
    sqlite_clinic, monkeypatch, purpose, state, arrived
):
    first = post(sqlite_clinic, "schedule:run:amy@example.org", purpose=purpose)
    post(sqlite_clinic, "after", recipient="bea@example.org")
    with inboxes.serving() as (box, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        command = [sys.executable, "-m", "worker", "--once", "--home", str(sqlite_clinic.home.path)]
        process = subprocess.Popen(command, cwd=ROOT)
        box.after = lambda _: process.kill()
        process.wait(30)
        assert len(box.mails) == 1 and states(sqlite_clinic) == ["claimed", "sending"]
        box.after = None
        clock.set(clock.now() + delivery.LEASE * 2)
        monkeypatch.setattr(background, "RECURRING", {})
        Worker().round()
        clock.set(clock.now() + timedelta(minutes=5))
        Worker().round()
        with read(sqlite_clinic.id) as session:
            assert session.get_one(OutboxMessage, (sqlite_clinic.id, first)).state == state
        got = [inboxes.read(mail)["Message-ID"] for mail in box.mails if mail.rcpt_tos == ["amy@example.org"]]
        assert len(got) == arrived and len(set(got)) == 1
        assert len(box.to("bea@example.org")) == 1


def test_the_mail_servers_password_is_not_sent_in_the_clear_to_another_machine(clinic, inbox, monkeypatch):
    url = delivery.mail_server().replace("smtp://", "smtp://clinic:secret@")
    monkeypatch.setenv("BALLAST_SMTP_URL", url)
    monkeypatch.setattr(wire, "_is_this_machine", lambda _server: False)
    post(clinic)
    assert delivery.deliver(clinic.id, "w") == {"deferred": 1}
    with read(clinic.id) as session:
        assert "offers no encryption" in session.scalars(select(OutboxMessage.reply)).one()
    assert inbox.mails == []


def test_a_recipient_with_a_line_break_is_refused_and_injects_nothing(clinic, inbox):
    post(clinic, recipient="a@example.org\r\nBcc: b@example.org", subject="Hi\r\nBcc: c@example.org")
    delivery.deliver(clinic.id, "w")
    assert states(clinic) == ["failed"]
    assert inbox.mails == []


def test_the_text_of_a_message_lies_encrypted(sqlite_clinic):
    post(sqlite_clinic)
    with read(sqlite_clinic.id) as session:
        row = session.scalars(select(OutboxMessage)).one()
    assert b"Please look" not in row.body
    assert outbox.content_of(row).text == "Please look."


def test_two_workers_never_hold_one_job(clinic):
    with write(clinic.id) as session:
        jobs.enqueue(session, "tidy", "once", {})
    first, second = jobs.claim(clinic.id, "a", ZONE), jobs.claim(clinic.id, "b", ZONE)
    assert first is not None
    assert second is None


def test_workers_that_look_for_work_in_the_same_moment_all_go_on(clinic):
    """Each notes that it lives, in one row: none may stop because another was first."""
    Worker().round()
    together, failed = threading.Barrier(4), []

    def rounds():
        together.wait()
        try:
            for _ in range(4):
                Worker().round()
        except Exception as failure:
            failed.append(repr(failure))

    workers = [threading.Thread(target=rounds) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert not failed


def test_a_job_that_ends_its_worker_each_time_is_given_up_and_the_next_one_done(clinic):
    with write(clinic.id) as session:
        jobs.enqueue(session, "tidy", "deadly", {})
        jobs.enqueue(session, "tidy", "harmless", {}, due_at=clock.now() + timedelta(seconds=1))
    for _ in range(jobs.ATTEMPTS):
        clock.set(clock.now() + jobs.LEASE * 2)
        assert jobs.claim(clinic.id, "dies", ZONE).dedupe_key == "deadly"
    clock.set(clock.now() + jobs.LEASE * 2)
    assert jobs.claim(clinic.id, "lives", ZONE).dedupe_key == "harmless"
    with read(clinic.id) as session:
        given_up = session.scalars(select(Job).where(Job.dedupe_key == "deadly")).one()
    assert given_up.state == "failed" and "ended each time" in given_up.error


def test_a_job_of_a_dead_worker_comes_back(clinic):
    with write(clinic.id) as session:
        jobs.enqueue(session, "tidy", "once", {})
    jobs.claim(clinic.id, "dead", ZONE)
    clock.set(clock.now() + jobs.LEASE + timedelta(seconds=1))
    again = jobs.claim(clinic.id, "alive", ZONE)
    assert again is not None
    assert again.attempts == 2


@pytest.mark.parametrize(
    ("after", "due"),
    [
        ("2026-03-07T12:00:00+00:00", "2026-03-08T07:30:00+00:00"),  # 02:30 does not exist on 8 March: an hour later
        ("2026-03-08T12:00:00+00:00", "2026-03-09T06:30:00+00:00"),
        ("2026-10-31T12:00:00+00:00", "2026-11-01T07:30:00+00:00"),
    ],
)
def test_a_daily_job_keeps_its_wall_clock_over_daylight_saving(after, due):
    got = jobs.next_run("daily 02:30", "America/New_York", datetime.fromisoformat(after))
    assert got == datetime.fromisoformat(due)


def test_a_daily_job_follows_a_clock_that_was_set_back(sqlite_clinic):
    def due(now):
        clock.set(now)
        with write(sqlite_clinic.id) as session:
            jobs.ensure(session, "backup", "daily 01:30", ZONE)
            session.flush()
            return session.scalars(select(Job.due_at).where(Job.dedupe_key == "recurring:backup")).one()

    assert due(datetime(2031, 1, 5, 12, tzinfo=UTC)) == datetime(2031, 1, 6, 6, 30, tzinfo=UTC)
    assert due(datetime(2026, 1, 5, 12, tzinfo=UTC)) == datetime(2026, 1, 6, 6, 30, tzinfo=UTC)
    assert due(datetime(2026, 1, 6, 7, tzinfo=UTC)) == datetime(2026, 1, 6, 6, 30, tzinfo=UTC), "one that waits is kept"


def test_missed_runs_are_caught_up_by_one(sqlite_clinic):
    start = datetime(2026, 5, 1, 12, tzinfo=UTC)
    clock.set(start)
    Worker().round()
    clock.set(start + timedelta(days=4))
    worker = Worker()
    worker.round()
    worker.round()
    with read(sqlite_clinic.id) as session:
        assert len(session.scalars(select(BackupRun)).all()) == 1
        job = session.scalars(select(Job).where(Job.kind == "backup")).one()
        assert job.due_at > clock.now()


def test_what_a_killed_export_left_readable_is_removed_and_one_at_work_is_not(sqlite_clinic):
    staging = sqlite_clinic.home.path / "staging"
    for name, age in (("killed", 3600), ("at-work", 0)):
        folder = staging / name
        folder.mkdir()
        (folder / "client.csv").write_text("Vera Vane")
        for path in (folder / "client.csv", folder):
            os.utime(path, (time.time() - age,) * 2)
    (staging / "packed.zip").write_bytes(b"PK")
    os.utime(staging / "packed.zip", (time.time() - 3600,) * 2)
    worker = Worker()
    worker.round()
    clock.set(clock.now() + timedelta(minutes=1))
    worker.round()
    assert [entry.name for entry in staging.iterdir()] == ["at-work"]


def test_the_log_of_a_failed_job_holds_no_words_of_the_error(sqlite_clinic, monkeypatch, caplog):
    def fail(_clinic, _job):
        raise RuntimeError("canary-heron lives at Pier 4")

    monkeypatch.setitem(background.HANDLERS, "tidy", fail)
    with write(sqlite_clinic.id) as session:
        jobs.enqueue(session, "tidy", "once", {})
    Worker().round()
    assert "job tidy failed: RuntimeError" in caplog.text
    assert "canary-heron" not in caplog.text


def test_every_clinic_of_a_home_knows_of_its_backup_and_gets_its_copy(sqlite_clinic, tmp_path):
    other = create_clinic(NewClinic("annex", "Annex Clinic"))
    (tmp_path / "away").mkdir()
    with write(other) as session:
        profile = ClinicProfile(off_site_backup=str(tmp_path / "away"))
        definitions.save(session, PROFILE, "clinic", profile, by_user_id=None)
    backups.make_backup(by=sqlite_clinic.operator)
    assert backups.state(by=Actor.operator(other)).problems == []
    assert len(list((tmp_path / "away").iterdir())) == 1
    with read(other) as session:
        assert audit.verify(session).bad_seq is None
