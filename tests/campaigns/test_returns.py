"""What comes back counts once and stops the address it went to, and nobody else's."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from campaigns import mailbox, returns, suppressions
from campaigns.mailbox import BadPassword, MailboxClosed
from campaigns.notices import Notice
from campaigns.settings import Mailbox
from data.models import ClinicSecret, MailEvent, OutboxMessage
from data.session import read, write
from data.types import clock, new_id
from messages import delivery
from messages.outbox import queue
from tests import fake_imap
from tests.campaigns.test_consents import MAIL, a_client, seal, why
from tests.campaigns.test_notices import ONE, report
from web import bounces
from web.routes import middleware, routes


def sent(clinic, number=0, state="sent", recipient=MAIL):
    with write(clinic.id) as session:
        made = queue(session, purpose="receipt", dedupe_key=f"k{number}", recipient=recipient, subject="", text="")
        session.flush()
        session.get_one(OutboxMessage, (clinic.id, made)).state = state
        seal(session, clinic)
        return made


def take(clinic, *notices):
    return returns.take_in([(f"test:{one.message}:{one.kind}", one) for one in notices], by=clinic.operator)


def row(clinic, message):
    with read(clinic.id) as session:
        return session.get_one(OutboxMessage, (clinic.id, message))


def test_an_address_that_is_gone_is_stopped_at_once_and_only_once(clinic):
    client, message = a_client(clinic, "marketing"), sent(clinic)
    gone = Notice("hard_bounce", message, "550 5.1.1\r\nBcc: x")
    assert take(clinic, gone, Notice("hard_bounce", new_id()), Notice("soft_bounce", "nonsense")).unknown == 2
    assert take(clinic, gone).known == 1
    assert why(clinic, client, purpose="reminder") == "the address takes no messages"
    assert "550 5.1.1" in row(clinic, message).reply and "\n" not in row(clinic, message).reply
    with read(clinic.id) as session:
        [event] = session.scalars(select(MailEvent))
        assert event.outbox_id == message and event.kind == "hard_bounce"
    [stop] = suppressions.suppressions(by=clinic.actor("adam")).newest
    suppressions.lift_one(stop.id, "It works again", by=clinic.actor("adam"))
    assert why(clinic, client) == ""
    assert take(clinic, gone).known == 1 and why(clinic, client) == "", "the same report counts no second time"


def test_an_address_that_takes_nothing_again_and_again_is_stopped(clinic):
    client, day = a_client(clinic, "marketing"), clock.now()
    messages = [sent(clinic, number) for number in range(9)]
    steps = ["soft", "soft", "soft", "delivered", "soft", "soft", "soft", "soft"]
    for number, step in enumerate(steps):
        clock.set(day + timedelta(days=number))
        assert why(clinic, client) == "", number
        kind = "delivered" if step == "delivered" else "soft_bounce"
        for _ in range(2):
            take(clinic, Notice(kind, messages[number], "452"))
    assert why(clinic, client) == "the address takes no messages"


def test_a_mail_about_an_invoice_goes_to_no_address_that_is_gone(clinic):
    take(clinic, Notice("hard_bounce", sent(clinic, recipient="gone@example.org"), "550 5.1.1"))
    take(clinic, Notice("complaint", sent(clinic, 1, recipient="angry@example.org"), "abuse"))
    judge = delivery.JUDGES["alert"]
    with read(clinic.id) as session:
        for key, recipient, why in (
            ("invoice-1", "Gone@example.org", "the address takes no messages"), ("invoice-2", "angry@example.org", ""),
            ("request-3", "gone@example.org", "the address takes no messages"), ("backup-4", "gone@example.org", ""),
        ):  # fmt: skip
            mail = OutboxMessage(channel="email", purpose="alert", dedupe_key=key, recipient=recipient)
            assert judge(session, mail) == why, key


def test_a_complaint_stops_marketing_alone_and_an_event_settles_what_was_uncertain(clinic):
    client, message = a_client(clinic, "marketing"), sent(clinic, state="uncertain")
    assert take(clinic, Notice("complaint", message, "abuse")).stopped == 1
    assert why(clinic, client) == "reported a message as unwanted" and why(clinic, client, purpose="reminder") == ""
    assert row(clinic, message).state == "sent" and row(clinic, message).sent_at


def test_a_mail_service_tells_by_an_address_of_its_own(clinic):
    client, message = a_client(clinic, "marketing"), sent(clinic)
    bounces.STRANGERS.clear()
    ways = [route for route in routes if getattr(route, "path", "").startswith("/bounces/")]
    window = TestClient(Starlette(routes=ways, middleware=middleware), base_url="http://localhost",
                        client=("127.0.0.1", 5000))  # fmt: skip
    told = {"events": [{"id": "e1", "kind": "hard_bounce", "message": f"<{message}@ballast.invalid>", "detail": "550"}]}
    assert window.post("/bounces/harbor/", json=told).status_code == 404
    assert window.post("/bounces/harbor/guess", json=told).status_code == 404, "no secret was drawn yet"
    drawn = returns.draw_hook(by=clinic.actor("adam"), key="k")
    assert returns.draw_hook(by=clinic.actor("adam"), key="k") == drawn
    for wrong in (f"/bounces/harbor/{drawn[:-1]}", f"/bounces/other/{drawn}", f"/bounces/harbor%00/{drawn}",
                  "/bounces/harbor/%C3%A9"):  # fmt: skip
        assert window.post(wrong, json=told).status_code == 404
    good = f"/bounces/harbor/{drawn}"
    assert window.get(good).status_code == 405
    for nonsense in ("", "[", "[1]", "{}", '{"events": {}}', json.dumps([{"id": "a", "kind": "x", "message": "m"}]),
                     "[" * 100_000, json.dumps({"events": [{}] * 501}), b"\xff\xfe"):  # fmt: skip
        answer = window.post(good, content=nonsense)
        assert answer.status_code == 400 and "no list of events" in answer.text, nonsense
    assert window.post(good, content=b" " * 300_000).status_code == 413
    assert why(clinic, client) == ""
    assert window.post(good, json=told).json() == {"new": 1, "known": 0, "unknown": 0}
    assert window.post(good, json=told).json() == {"new": 0, "known": 1, "unknown": 0}
    other = told["events"][0] | {"id": "e2", "message": new_id()}
    assert window.post(good, json=[other]).json()["unknown"] == 1
    assert why(clinic, client) == "the address takes no messages"
    for _ in range(bounces.STRANGERS.most):
        window.post("/bounces/harbor/guess", json=told)
    assert window.post("/bounces/harbor/guess", json=told).status_code == 429
    assert window.post(good, json=told).status_code == 200


def test_the_mailbox_is_read_once_and_what_was_read_is_marked(clinic):
    client, message = a_client(clinic, "marketing"), sent(clinic)
    adam = clinic.actor("adam")
    with fake_imap.serving() as box:
        box.put(b"Subject: Lunch\r\n\r\nAt noon?\r\n")
        box.put(report().replace(ONE.encode(), message.encode()).replace(b"\n", b"\r\n"))
        assert mailbox.read_mailbox(by=adam) == returns.Taken(), "switched off"
        settings = Mailbox(active=True, host="127.0.0.1", port=box.port, user="bounces@clinic.example")
        number = mailbox.save_mailbox(settings, "wrong", expected=0, by=adam)
        with pytest.raises(MailboxClosed, match="could not be read"):
            mailbox.read_mailbox(by=adam)
        mailbox.save_mailbox(settings, box.password, expected=number, by=adam)
        assert mailbox.mailbox(by=adam)[2] and box.password not in repr(mailbox.mailbox(by=adam))
        assert mailbox.read_mailbox(by=adam) == returns.Taken(new=1, stopped=1)
        assert box.seen == {1, 2} and mailbox.read_mailbox(by=adam) == returns.Taken()
        box.seen.clear()
        assert mailbox.read_mailbox(by=adam) == returns.Taken(known=1), "a crash before marking counts nothing twice"
        lost = settings.model_copy(update={"folder": 'x" (evil'})
        mailbox.save_mailbox(lost, expected=0, by=adam)
        with pytest.raises(MailboxClosed):
            mailbox.read_mailbox(by=adam)
    with pytest.raises(MailboxClosed):
        mailbox.read_mailbox(by=adam)
    assert why(clinic, client) == "the address takes no messages"
    with read(clinic.id) as session:
        assert all(b"open sesame" not in body for body in session.scalars(select(ClinicSecret.body)))


def test_a_mailbox_elsewhere_is_read_over_tls_only_and_takes_no_commands(sqlite_clinic):
    adam = sqlite_clinic.actor("adam")
    for bad in ("a\r\nb", "a\0b"):
        with pytest.raises(BadPassword):
            mailbox.save_mailbox(Mailbox(), bad, expected=0, by=adam)
    for field in ({"user": "a\r\nX LOGOUT"}, {"host": "a b"}, {"folder": "a\nb"}):
        with pytest.raises(ValueError):
            Mailbox(**field)
