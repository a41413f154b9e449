"""Whatever the mail server does, each mail ends in the state that is true of it, and nothing is doubled."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from campaigns import launch, sending
from data.models import CampaignRun
from data.session import read
from data.types import clock
from messages import delivery, wire
from security.actor import Actor
from tests.campaigns.reach import by_state, furnished, rows
from tests.messages.rough import rough

PEOPLE = [(name, f"{name}@example.org") for name in ("amy", "bea", "cal", "dan", "eve")]
BOTH = pytest.mark.parametrize("pipelining", [True, False])


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(wire, "TIMEOUT", 0.3)
    monkeypatch.setattr(wire, "BODY_TIMEOUT", 0.3)


def sent_to(clinic, monkeypatch, server, **campaign):
    """Launch to five people, and one turn of a worker; gives each one's state by name."""
    with furnished(clinic, monkeypatch, PEOPLE, **campaign):
        monkeypatch.setenv("BALLAST_SMTP_URL", server.url)
        launch.launch("news", key="k", by=Actor.operator(clinic.id))
        delivery.deliver(clinic.id, "w")
        return {row.recipient.split("@")[0]: row for row in rows(clinic)}


def run_state(clinic):
    with read(clinic.id) as session:
        return session.scalars(select(CampaignRun.state)).one()


@BOTH
@pytest.mark.parametrize(
    ("verb", "answer", "state"),
    [
        ("RCPT", "550 no such mailbox", "failed"), ("RCPT", "451 greylisted", "deferred"),
        ("DATA", "451 not now", "deferred"), ("DATA", "554 no", "failed"),
        ("END", "550 looks like spam", "failed"), ("END", "452 full", "deferred"),
    ],
)  # fmt: skip
def test_one_refused_mail_has_its_state_and_the_others_arrive(
    sqlite_clinic, monkeypatch, pipelining, verb, answer, state
):
    with rough({(verb, "cal"): answer}, pipelining=pipelining) as server:
        found = sent_to(sqlite_clinic, monkeypatch, server)
        assert sorted(who for who, _ in server.mails) == ["amy", "bea", "dan", "eve"]
        assert found["cal"].state == state and found["cal"].reply.startswith(answer[:3])
        assert {row.state for name, row in found.items() if name != "cal"} == {"sent"}
        assert server.connections == 1 and run_state(sqlite_clinic) == "running"


@BOTH
def test_a_server_that_says_421_is_asked_again_over_a_new_connection(sqlite_clinic, monkeypatch, pipelining):
    with rough({("RCPT", "cal"): ["421 too many"]}, pipelining=pipelining) as server:
        found = sent_to(sqlite_clinic, monkeypatch, server)
        assert sorted(who for who, _ in server.mails) == ["amy", "bea", "dan", "eve"]
        assert found["cal"].state == "deferred" and server.connections == 2
        clock.set(clock.now() + timedelta(minutes=2))
        delivery.deliver(sqlite_clinic.id, "w")
        assert by_state(sqlite_clinic) == {"sent": 5}


@BOTH
@pytest.mark.parametrize("ends", ["drop", "take-drop", pytest.param("hang", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("purpose", "state"), [("marketing", "uncertain"), ("reminder", "deferred")])
def test_a_connection_lost_after_a_body_leaves_that_mail_in_doubt_and_no_other(
    sqlite_clinic, monkeypatch, pipelining, ends, purpose, state
):
    with rough({("END", "cal"): ends}, pipelining=pipelining) as server:
        found = sent_to(sqlite_clinic, monkeypatch, server, purpose=purpose)
        assert found["cal"].state == "sending"
        assert {row.state for name, row in found.items() if name != "cal"} == {"sent"}
        clock.set(clock.now() + timedelta(minutes=1))
        delivery.settle_expired(sqlite_clinic.id)
        assert {row.recipient: row.state for row in rows(sqlite_clinic)}["cal@example.org"] == state
        got = [who for who, _ in server.mails]
        assert len(got) == len(set(got)) == (5 if ends == "take-drop" else 4)


@pytest.mark.parametrize("at", [("HELLO", ""), ("MAIL", ""), ("RCPT", "amy"), ("DATA", "amy")])
@pytest.mark.parametrize("does", ["drop", pytest.param("hang", marks=pytest.mark.slow)])
def test_a_server_that_takes_nothing_pauses_the_run_and_nobody_is_counted_as_tried(
    sqlite_clinic, monkeypatch, at, does
):
    with rough({at: does}) as server:
        found = sent_to(sqlite_clinic, monkeypatch, server)
        assert {row.state for row in found.values()} == {"pending"} and {row.attempts for row in found.values()} == {0}
        assert server.mails == [] and run_state(sqlite_clinic) == "paused"
        server.script.clear()
        launch.resume(found["amy"].run_id, by=Actor.operator(sqlite_clinic.id))
        delivery.deliver(sqlite_clinic.id, "w")
        sending.tend(sqlite_clinic.id)
        assert len(server.mails) == 5 and run_state(sqlite_clinic) == "finished"


@BOTH
def test_a_sender_who_is_refused_costs_no_recipient_their_mail(sqlite_clinic, monkeypatch, pipelining):
    with rough({("MAIL", ""): "550 who are you"}, pipelining=pipelining) as server:
        found = sent_to(sqlite_clinic, monkeypatch, server)
        assert {row.state for row in found.values()} == {"pending"} and run_state(sqlite_clinic) == "paused"


@BOTH
def test_a_server_that_takes_two_mails_a_connection_gets_them_all(sqlite_clinic, monkeypatch, pipelining):
    with rough({}, pipelining=pipelining, drop_after=2) as server:
        found = sent_to(sqlite_clinic, monkeypatch, server)
        assert sorted(who for who, _ in server.mails) == ["amy", "bea", "cal", "dan", "eve"]
        assert {row.state for row in found.values()} == {"sent"} and server.connections == 3


@pytest.mark.parametrize(
    ("log", "state"),
    [("", "uncertain"), ("lines", "sent"), ("lines-empty", "deferred"), ("postfix", "sent"),
     ("postfix-cut", "deferred"), ("postfix-late", "uncertain")],
)  # fmt: skip
def test_a_mail_in_doubt_is_settled_by_the_relays_log_where_that_can_say(
    sqlite_clinic, monkeypatch, tmp_path, log, state
):
    with rough({("END", "cal"): "take-drop"}) as server:
        found = sent_to(sqlite_clinic, monkeypatch, server)
    name, before = found["cal"].message_id, (clock.now() - timedelta(hours=1)).isoformat()
    late = (clock.now() + timedelta(hours=1)).isoformat()
    queue = f"{before} mx postfix/cleanup[9]: 4F1A2B3C: message-id={name}\n"
    taken = f"{before} mx postfix/qmgr[8]: 4F1A2B3C: from=<a@b.c>, size=9, nrcpt=1 (queue active)\n"
    text = {
        "lines": f"{name}\tcal\n", "lines-empty": "<other@x>\n", "postfix": queue + taken,
        "postfix-cut": queue, "postfix-late": f"{late} mx postfix/master[1]: daemon started\n",
    }.get(log)  # fmt: skip
    if text:
        (tmp_path / "log").write_text(text)
        monkeypatch.setenv("BALLAST_RELAY_LOG", f"{log.split('-')[0]}:{tmp_path / 'log'}")
    clock.set(clock.now() + timedelta(minutes=1))
    delivery.settle_expired(sqlite_clinic.id)
    assert {row.recipient: row.state for row in rows(sqlite_clinic)}["cal@example.org"] == state


def test_an_unreadable_log_proves_nothing(sqlite_clinic, monkeypatch, tmp_path):
    with rough({("END", "cal"): "drop"}) as server:
        sent_to(sqlite_clinic, monkeypatch, server)
    monkeypatch.setenv("BALLAST_RELAY_LOG", f"lines:{tmp_path / 'none'}")
    clock.set(clock.now() + timedelta(minutes=1))
    delivery.settle_expired(sqlite_clinic.id)
    assert by_state(sqlite_clinic) == {"sent": 4, "uncertain": 1}
