"""An invoice from the client's profile: who may, what it comes to, and what the mail says."""

import pytest
from sqlalchemy import select

from billing import history, sending, tickets
from billing.client_billing import ServiceOff
from billing.requests import NoAddress, address_for
from data.card_numbers import CardNumberTyped
from data.errors import BadInput, NotPermitted
from data.models import Client, InvoiceEvent
from data.session import read, write
from records.access import RestrictedRecord
from tests import everything
from tests.billing.test_requests import SITE, address, mails, switch_on
from tests.billing.visits import visit


@pytest.fixture
def client(clinic):
    switch_on(clinic, providers=["clara"])
    _, client = visit(clinic)
    address(clinic, client)
    return client


def test_an_invoice_is_created_sent_and_sent_again(clinic, client):
    mona = clinic.actor("mona")
    made = sending.create_invoice(client, "Recheck of the knee", 12_345, tax_code="sales", by=mona, key="a")
    assert sending.create_invoice(client, "Recheck of the knee", 12_345, tax_code="sales", by=mona, key="a") == made
    shown = tickets.ticket(made, by=mona)
    assert (shown.standing.document, shown.standing.total) == ("draft", 12_345 + 864)
    assert (shown.due_on - shown.issued_on).days == 14
    told = address_for(made, by=mona)
    for key in ("b", "b", "c"):
        sending.send_invoice(made, site=SITE, by=mona, key=key)
    assert tickets.ticket(made, by=mona).standing.document == "open"
    assert {to for to, _, _ in mails(clinic)} == {told}, "it goes where the page says"
    told = mails(clinic)
    assert len(told) == 2
    assert not any(word in subject + text for _, subject, text in told for word in ("knee", "123", "132", "Dana"))
    [one] = history.of_client(client, by=mona).invoices
    assert (one.state, one.open_cents, one.description) == ("open", 13_209, "Recheck of the knee")
    with read(clinic.id) as session:
        kinds = session.scalars(select(InvoiceEvent.kind).order_by(InvoiceEvent.entered_at, InvoiceEvent.id)).all()
    assert kinds == ["drafted", "opened", "sent", "sent"]


def test_only_those_assigned_or_allowed_may(clinic, client):
    with pytest.raises(NotPermitted):
        sending.create_invoice(client, "Recheck", 100, by=clinic.actor("sam"))
    made = sending.create_invoice(client, "Recheck", 100, by=clinic.actor("clara"))
    with pytest.raises(NotPermitted):
        sending.send_invoice(made, site=SITE, by=clinic.actor("sam"))
    with pytest.raises(NotPermitted):
        sending.issue_invoice(made, by=clinic.actor("sam"))
    sending.send_invoice(made, site=SITE, by=clinic.actor("clara"))
    assert [sending.may_send(by=clinic.actor(name)) for name in ("sam", "clara", "mona")] == [False, True, True]
    switch_on(clinic)
    with pytest.raises(NotPermitted):
        sending.send_invoice(made, site=SITE, by=clinic.actor("clara"))


def test_while_the_service_is_off_nobody_sends(clinic):
    _, client = visit(clinic)
    with pytest.raises(ServiceOff):
        sending.create_invoice(client, "Recheck", 100, by=clinic.actor("adam"))
    assert not sending.may_send(by=clinic.actor("adam"))


def test_without_an_address_it_is_issued_and_printed(clinic, client):
    mona = clinic.actor("mona")
    address(clinic, client, "")
    made = sending.create_invoice(client, "Recheck", 100, by=mona)
    with pytest.raises(NoAddress):
        sending.send_invoice(made, site=SITE, by=mona)
    assert tickets.ticket(made, by=mona).standing.document == "draft"
    sending.issue_invoice(made, by=mona)
    assert tickets.ticket(made, by=mona).standing.document == "open"


def test_what_makes_no_invoice_is_refused(clinic, client):
    mona = clinic.actor("mona")
    for words, cents in ((" ", 100), ("x" * 301, 100), ("Recheck", 0), ("Recheck", -5)):
        with pytest.raises(BadInput):
            sending.create_invoice(client, words, cents, by=mona)
    with pytest.raises(CardNumberTyped):
        sending.create_invoice(client, "4242 4242 4242 4242", 100, by=mona)
    from billing import checkout

    ticket = checkout.open_ticket(visit(clinic, client_id=client)[0], by=mona)
    with pytest.raises(sending.StillTicket):
        sending.send_invoice(ticket, site=SITE, by=mona)
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, client)).restricted = True
        everything.seal(session, clinic)
    with pytest.raises(RestrictedRecord):
        sending.create_invoice(client, "Recheck", 100, by=mona)
