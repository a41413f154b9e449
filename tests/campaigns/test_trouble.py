"""What the mail server took nothing of goes on by itself once it works; a server that hangs holds up nothing else."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import select

import worker as background
from campaigns import launch, mailbox, trouble
from campaigns.settings import Mailbox
from data import jobs
from data.models import AuditLog, CampaignRun, Job
from data.session import read, write
from data.types import clock
from messages import delivery, wire
from tests import inbox as inboxes
from tests.campaigns.reach import by_state, furnished
from tests.messages.rough import rough
from tests.screen import opened, told
from worker import Worker

PEOPLE = [(name, f"{name}@example.org") for name in ("amy", "bea", "cal")]
DEAD = "smtp://127.0.0.1:9"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    trouble._tries.clear()
    monkeypatch.setattr(wire, "TIMEOUT", 0.5)


def run_of(clinic):
    with read(clinic.id) as session:
        return session.scalars(select(CampaignRun)).one()


def later(minutes):
    clock.set(clock.now() + timedelta(minutes=minutes))


def test_a_run_goes_on_by_itself_once_mail_works_and_home_says_so_meanwhile(clinic, monkeypatch):
    with furnished(clinic, monkeypatch, PEOPLE):
        monkeypatch.setenv("BALLAST_SMTP_URL", DEAD)
        launch.launch("news", key="k", by=clinic.operator)
        delivery.deliver(clinic.id, "w")
        assert trouble.is_trouble(run_of(clinic).state, run_of(clinic).reason)
        [alarm] = trouble.alarms(by=clinic.actor("adam"))
        assert "goes on by itself" in alarm.sentence and alarm.page == "mail" and "Errno" not in alarm.sentence
        assert trouble.go_on(clinic.id, "email") == 0, "not before the first break is over"
        asked = []
        works = trouble.works
        monkeypatch.setattr(trouble, "works", lambda *what: asked.append(what) or works(*what))
        for _ in range(40):  # 40 minutes of a dead server
            later(1)
            assert trouble.go_on(clinic.id, "email") == 0
        assert 4 <= len(asked) <= 7, "longer and longer breaks"
        with inboxes.serving() as (box, url):
            monkeypatch.setenv("BALLAST_SMTP_URL", url)
            later(30)
            assert trouble.go_on(clinic.id, "email") == 1 and trouble.alarms(by=clinic.actor("adam")) == []
            assert box.mails == [], "to ask sends nothing"
            delivery.deliver(clinic.id, "w")
            assert by_state(clinic) == {"sent": 3} and len(box.mails) == 3
    with read(clinic.id) as session:
        by = session.scalars(select(AuditLog.actor).where(AuditLog.action == "campaign.resumed")).all()
    assert by == ["worker"]


def test_a_persons_pause_stays_one(sqlite_clinic, monkeypatch):
    clinic = sqlite_clinic
    with furnished(clinic, monkeypatch, PEOPLE), inboxes.serving() as (_, url):
        monkeypatch.setenv("BALLAST_SMTP_URL", DEAD)
        launch.launch("news", key="k", by=clinic.operator)
        delivery.deliver(clinic.id, "w")
        launch.pause(run_of(clinic).id, "I want to look first", by=clinic.actor("adam"))
        monkeypatch.setenv("BALLAST_SMTP_URL", url)
        trouble.go_on(clinic.id, "email")
        later(500)
        assert trouble.go_on(clinic.id, "email") == 0 and trouble.alarms(by=clinic.actor("adam")) == []
        assert (run_of(clinic).state, run_of(clinic).reason) == ("paused", "I want to look first")


def test_a_server_that_takes_nothing_after_all_is_asked_less_and_less(sqlite_clinic, monkeypatch):
    clinic = sqlite_clinic
    with furnished(clinic, monkeypatch, PEOPLE), rough({("DATA", "*"): "421 not now"}) as server:
        monkeypatch.setenv("BALLAST_SMTP_URL", server.url)
        launch.launch("news", key="k", by=clinic.operator)
        went_on = 0
        for _ in range(60):
            delivery.deliver(clinic.id, "w")
            later(1)
            went_on += trouble.go_on(clinic.id, "email")
        assert 2 <= went_on <= 8 and not server.mails


def test_a_refused_sender_is_trouble_until_the_server_takes_it(sqlite_clinic, monkeypatch):
    with rough({("MAIL", ""): "550 not from you"}) as server:
        monkeypatch.setenv("BALLAST_SMTP_URL", server.url)
        assert not trouble.works(sqlite_clinic.id, "email")
        server.script.clear()
        assert trouble.works(sqlite_clinic.id, "email")
        monkeypatch.setenv("BALLAST_SMTP_URL", "")
        assert not trouble.works(sqlite_clinic.id, "email")
    assert not trouble.works(sqlite_clinic.id, "sms"), "no account"


@pytest.mark.slow
def test_a_hanging_server_holds_up_no_other_work(sqlite_clinic, monkeypatch):
    clinic = sqlite_clinic
    monkeypatch.setattr(wire, "TIMEOUT", 3.0)
    done = []
    monkeypatch.setitem(background.HANDLERS, "probe", lambda *_: done.append(time.monotonic()) or {})
    with furnished(clinic, monkeypatch, PEOPLE), rough({("HELLO", ""): "hang"}) as server:
        monkeypatch.setenv("BALLAST_SMTP_URL", server.url)
        launch.launch("news", key="k", by=clinic.operator)
        with write(clinic.id) as session:
            jobs.enqueue(session, "probe", "probe:1", {})
        worker, began = Worker(), time.monotonic()
        worker.round(wait=False)
        assert done and done[0] - began < 2, "the job is done while the server hangs"
        assert worker._senders["email"].is_alive()
        worker.stopping.set()
        worker._senders["email"].join(10)
    assert run_of(clinic).state == "paused"


def test_a_mailbox_that_cannot_be_read_is_an_alert_with_its_reason(sqlite_clinic, monkeypatch):
    clinic, by = sqlite_clinic, sqlite_clinic.actor("adam")
    box = Mailbox(host="127.0.0.1", port=9, user="bounces@example.org", active=True)
    mailbox.save_mailbox(box, "password", expected=0, by=by)
    zone = "America/New_York"
    with write(clinic.id) as session:
        jobs.ensure(session, "mailbox", background.READ_MAILBOX, zone)
    assert trouble.alarms(by=by) == []
    later(11)
    job = jobs.claim(clinic.id, "w", zone, only=["mailbox"])
    worker_clinic = next(one for one in background.clinics() if one.id == clinic.id)
    Worker._carry_out(worker_clinic, job)
    [alarm] = trouble.alarms(by=by)
    assert alarm.sentence.startswith("Bounces are not read. The mailbox of bounces@example.org at 127.0.0.1")
    home = told(opened(clinic, "adam", "home/home.py"))
    assert "Bounces are not read" in home and "/do-not-contact" in home
    with read(clinic.id) as session:
        row = session.scalars(select(Job).where(Job.kind == "mailbox")).one()
    monkeypatch.setitem(background.HANDLERS, "mailbox", lambda *_: {"new": 0})
    later(5)
    again = jobs.claim(clinic.id, "w", zone, only=["mailbox"])
    assert again.id == row.id and trouble.alarms(by=by), "while it is tried again it still stands"
    Worker._carry_out(worker_clinic, again)
    assert trouble.alarms(by=by) == [], "it works again"
