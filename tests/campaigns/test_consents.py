"""Nobody gets what they did not agree to, and a way out works at once, for years, and for one address alone."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from campaigns import consents, leaving, links
from campaigns.consents import may_name_phi, may_send, suppress, suppressed
from data.models import AuditLog, CampaignRun, Client, MailEvent, OutboxMessage, Patient, Suppression
from data.session import read, write
from data.types import clock, new_id
from records import clients
from records.clients import ClientForm
from records.consents import Answer, record_consents
from security import audit
from security.clinic_secrets import links_key

MAIL = "Dana@Example.org"


def seal(session, clinic):
    session.flush()
    audit.append(session, clinic.operator, "test.prepared", "clinic", clinic.id)


def a_client(clinic, *yes, no=(), **more):
    by = clinic.actor("sam")
    form = ClientForm("Fielding", **({"email": MAIL, "phone": "(555) 010-4477", "address": "1 Main St"} | more))
    client = clients.add(form, by=by)
    answers = [Answer("any", purpose, True) for purpose in yes] + [Answer("any", purpose, False) for purpose in no]
    record_consents(client, answers, "check-in", by=by)
    return client


def hashed(clinic, address=MAIL, channel="email"):
    with write(clinic.id) as session:
        found = links.address_hash(links_key(session), channel, address)
        seal(session, clinic)
        return found


def link(clinic, address=MAIL, channel="email", run=None):
    with write(clinic.id) as session:
        key = links_key(session)
        out = links.Out(clinic.id, channel, links.address_hash(key, channel, address))
        url = links.way_out("https://clinic.example", key, out, run)
        seal(session, clinic)
        assert url.startswith("https://clinic.example/u/") and address.lower() not in url.lower()
        return url.removeprefix("https://clinic.example/u/")


def why(clinic, client, channel="email", purpose="marketing", **more):
    with read(clinic.id) as session:
        return may_send(session, [client], channel, purpose, **more)[client]


def stop(clinic, channel, scope, reason, address=MAIL):
    name = hashed(clinic, address, channel)
    with write(clinic.id) as session:
        suppress(session, name, channel, scope, reason)
        seal(session, clinic)


def test_each_reason_is_told_and_the_rest_may_be_written_to(clinic):
    agreed, refused, silent = a_client(clinic, "marketing", email="a@x.org"), a_client(
        clinic, no=("marketing", "reminders"), email="b@x.org"), a_client(clinic, email="c@x.org")  # fmt: skip
    nowhere, closed = a_client(clinic, "marketing", email=""), a_client(clinic, "marketing", email="d@x.org")
    gone, bereft = a_client(clinic, "marketing", email="e@x.org"), a_client(clinic, "marketing", email="f@x.org")
    clients.restrict(closed, True, reason="Asked for it", by=clinic.actor("adam"))
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, gone)).merged_into_id = agreed
        session.add(Patient(client_id=bereft, name="Moon", species="cat", died_on=clock.now().date()))
        session.add(Patient(client_id=agreed, name="Sun", species="cat", died_on=clock.now().date()))
        session.add(Patient(client_id=agreed, name="Star", species="cat"))
        seal(session, clinic)
    nobody = new_id()
    everyone = [agreed, refused, silent, nowhere, closed, gone, bereft, nobody]
    with read(clinic.id) as session:
        marketing = may_send(session, everyone, "email", "marketing")
        reminder = may_send(session, everyone, "email", "reminder")
        notice = may_send(session, everyone, "sms", "notice")
    assert marketing == {
        agreed: "", refused: "refused marketing by e-mail", silent: "no consent to marketing by e-mail",
        nowhere: "no e-mail address", closed: "left out by the clinic", gone: "merged into another client",
        bereft: "no living patient", nobody: "no such client any more",
    }  # fmt: skip
    assert [one for one in everyone if not reminder[one]] == [agreed, silent]
    assert reminder[refused] == "refused reminders by e-mail"
    assert [one for one in everyone if not notice[one]] == [agreed, silent, nowhere]


def test_an_unsubscription_stops_marketing_at_once_and_nothing_else(clinic):
    client = a_client(clinic, "marketing")
    token = link(clinic)
    assert why(clinic, client) == ""
    for _ in range(3):
        assert leaving.unsubscribe(token)
    assert why(clinic, client) == "unsubscribed"
    assert why(clinic, client, purpose="reminder") == "" == why(clinic, client, "sms")
    with read(clinic.id) as session:
        assert len(session.scalars(select(Suppression)).all()) == 1
        [event] = session.scalars(select(MailEvent))
        assert event.kind == "unsubscribed" and event.outbox_id is None
        [row] = session.scalars(select(AuditLog).where(AuditLog.action == "address.left"))
        assert row.source == "portal" and MAIL.lower() not in str((row.detail, row.entity_id)).lower()
        assert suppressed(session, [hashed(clinic)], "email", "invoice") == {}
    assert leaving.choose(token, {"marketing": True, "reminders": False})
    assert why(clinic, client) == "" and why(clinic, client, purpose="reminder") == "unsubscribed"
    assert leaving.choose(token, {"reminders": True})
    assert why(clinic, client, purpose="reminder") == ""


def test_a_bounce_stops_everything_by_that_channel_and_its_link_does_not_lift_it(clinic):
    client = a_client(clinic, "marketing")
    token = link(clinic)
    stop(clinic, "email", "everything", "bounced")
    for purpose in ("marketing", "reminder", "notice"):
        assert why(clinic, client, purpose=purpose) == "the address takes no messages"
    assert why(clinic, client, "sms") == ""
    assert leaving.choose(token, {"marketing": True, "reminders": True})
    assert why(clinic, client) == "the address takes no messages"
    found = leaving.wishes(token)
    assert found.fixed == {"everything"} and not found.gets("reminders")


def test_a_link_works_after_the_client_is_gone(clinic):
    client = a_client(clinic, "marketing")
    token = link(clinic)
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, client)).deleted_at = clock.now()
        seal(session, clinic)
    assert leaving.unsubscribe(token)
    again = a_client(clinic, "marketing", email="dana@example.ORG")
    assert why(clinic, again) == "unsubscribed", "it survives an erasure and a new entry of the same address"
    assert link(clinic) == token, "the same link each time"


def test_a_link_says_which_message_it_stood_in_only_for_its_own_address(clinic):
    client = a_client(clinic, "marketing")
    with write(clinic.id) as session:
        run = CampaignRun(campaign="spring", key="k", name="Spring", day=clock.now().date(), begins_at=clock.now())
        session.add(run)
        session.flush()
        for address, name in ((MAIL, "own"), ("eve@example.org", "eve")):
            key = links_key(session)
            session.add(
                OutboxMessage(
                    channel="email", purpose="campaign", dedupe_key=name, recipient=address, body=b"",
                    run_id=run.id, client_id=client, address_hash=links.address_hash(key, "email", address),
                )
            )  # fmt: skip
        seal(session, clinic)
    token, _, query = link(clinic, run=run.id).partition("?r=")
    stranger = link(clinic, "nobody@example.org")
    assert leaving.unsubscribe(token, query) and leaving.unsubscribe(stranger, query)
    for wrong in ("", "0" * 32, "x" * 32, "%00", run.id):
        assert leaving.unsubscribe(token, wrong)
    with read(clinic.id) as session:
        own = session.scalars(select(OutboxMessage.id).where(OutboxMessage.dedupe_key == "own")).one()
        events = session.scalars(select(MailEvent).order_by(MailEvent.id)).all()
        assert [event.outbox_id for event in events] == [own, None]
        assert [row.run_id for row in session.scalars(select(Suppression).order_by(Suppression.id))] == [run.id, None]


def test_headers_for_mail_programs_take_no_line_break():
    url = "https://clinic.example/u/abc?r=1"
    assert links.list_unsubscribe_headers(url) == (
        ("List-Unsubscribe", f"<{url}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )  # fmt: skip
    for bad in ("https://x/u/a\r\nBcc: eve@x.org", "https://x/u/a>, <mailto:eve", "https://x/u/\u2028a", "a b"):
        with pytest.raises(ValueError):
            links.list_unsubscribe_headers(bad)


def test_details_may_be_named_for_those_who_permitted_it(clinic):
    yes, no, silent = a_client(clinic, "phi"), a_client(clinic, no=("phi",)), a_client(clinic)
    with read(clinic.id) as session:
        assert may_name_phi(session, [yes, no, silent], "email") == {yes}
        assert consents.deceased(session, [new_id()]) == set()


def test_the_address_that_would_be_used_is_what_counts(clinic):
    client = a_client(clinic, "marketing", email="new@example.org")
    stop(clinic, "email", "marketing", "unsubscribed", address="old@example.org")
    assert why(clinic, client) == ""
    assert why(clinic, client, hashes={client: hashed(clinic, "OLD@example.org")}) == "unsubscribed"
    stop(clinic, "letter", "marketing", "by_hand", address="1 main st.")
    assert why(clinic, client, "letter") == "asked not to be written to"
