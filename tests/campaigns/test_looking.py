"""A page never waits for a campaign to be looked over, and what it shows is at most a minute behind the clinic."""

import threading

import pytest
from sqlalchemy import select

from campaigns import launch, looking
from data.errors import NotFound, NotPermitted
from data.models import AuditLog, Client
from data.session import read, write
from data.types import clock
from security import audit, looks
from security.actor import Actor
from tests.campaigns.reach import furnished

PEOPLE = [("Amy", "amy@example.org"), ("Bea", "bea@example.org"), ("Cal", "")]


@pytest.fixture
def reachable(sqlite_clinic, monkeypatch):
    monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:9")
    with furnished(sqlite_clinic, monkeypatch, PEOPLE) as ids:
        yield sqlite_clinic, ids


def touch(clinic):
    with write(clinic.id) as session:
        audit.append(session, Actor.operator(clinic.id), "test.changed", "", "", {})


def test_the_answer_comes_beside_the_page_and_stands_until_something_changed(reachable, monkeypatch):
    (clinic, ids), by = reachable, reachable[0].actor("adam")
    wait, asked, really = threading.Event(), [], launch.preview

    def slow(slug, *, by):
        asked.append(slug)
        assert wait.wait(20)
        return really(slug, by=by)

    monkeypatch.setattr(launch, "preview", slow)
    first = looking.looking("news", 1, by=by)
    assert first.wait(0.01) is None and first.is_at_work
    assert looking.looking("news", 1, anew=True, by=by) is first and len(asked) == 1, "one at a time"
    wait.set()
    looked = first.wait(20)
    assert looked.is_ready and looked.counts == {"pending": 2, "excluded": 1}
    assert looked.left_out == {"no e-mail address": 1} and looked.first == {("a", "email"): tuple(ids[:2])}
    assert looked.spots[ids[2]].reason == "no e-mail address"
    first._thread.join(20)
    touch(clinic)
    looking.looking("news", 1, by=by)
    assert len(asked) == 1, "for a minute it stands"
    looking.looking("news", 1, arrived=True, by=by)._thread.join(20)
    assert len(asked) == 2, "but not for somebody who has just come"
    looking.looking("news", 1, arrived=True, by=by)
    assert len(asked) == 2, "unless nothing changed"
    clock.set(clock.now() + looking.STALE * 2)
    touch(clinic)
    looking.looking("news", 1, by=by)._thread.join(20)
    assert len(asked) == 3
    looking.looking("news", 2, by=clinic.actor("adam"))._thread.join(20)
    assert len(asked) == 4, "another version is another answer"


def test_what_keeps_it_from_being_looked_over_is_said_and_names_are_for_who_may_see_clients(reachable):
    (clinic, ids), by = reachable, reachable[0].actor("adam")
    gone = looking.looking("gone", 1, by=by)
    with pytest.raises(NotFound):
        gone.wait(20)
    gone._thread.join(20)
    assert not looking.looking("gone", 1, by=by).is_at_work, "a page drawn again does not try it again"
    with pytest.raises(NotPermitted):
        looking.looking("news", 1, by=clinic.actor("sam"))
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, ids[1])).restricted = True
    looks._noted.clear()
    assert looking.recipients("news", tuple(ids[:2]), by=by) == {ids[0]: "Amy Vane"}
    assert looking.recipients("news", tuple(ids[:2]), by=by) == {ids[0]: "Amy Vane"}
    with read(clinic.id) as session:
        rows = session.scalars(select(AuditLog).where(AuditLog.action == "campaign.recipients_looked_at")).all()
    assert len(rows) == 1 and "Amy" not in str(rows[0].detail)
