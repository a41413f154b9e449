"""Payment requests: asked for once, dead when the money came another way, and never a cent lost."""

import pytest
from sqlalchemy import select

from billing import checkout, invoices, payments, requests, tickets
from billing.client_billing import ONLY, SERVICE, ClientBilling, NoPortalAddress, ServiceOff, is_site
from billing.payments import NothingDue, Tender, TooMuch
from data import definitions
from data.models import Client, OutboxMessage, PaymentRequest, ProcessorOrder
from data.session import read, write
from messages.outbox import content_of
from tests import everything
from tests.billing.visits import visit

SITE = "https://clinic.example.org"


def switch_on(clinic, **more):
    with write(clinic.id) as session:
        definitions.save(session, SERVICE, ONLY, ClientBilling(enabled=True, **more), by_user_id=None)
        everything.seal(session, clinic)


def address(clinic, client_id, email="dana@example.org"):
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, client_id)).email = email
        everything.seal(session, clinic)


@pytest.fixture
def ticket(clinic):
    """A ticket with something open on it, and the client of it with an address; the service is on."""
    switch_on(clinic)
    appointment, client = visit(clinic)
    address(clinic, client)
    return checkout.open_ticket(appointment, by=clinic.actor("sam"))


def mails(clinic):
    with read(clinic.id) as session:
        rows = session.scalars(select(OutboxMessage).order_by(OutboxMessage.entered_at, OutboxMessage.id)).all()
        return [(row.recipient, row.subject, content_of(row).text) for row in rows]


def live(clinic, request_id):
    """As if the processor had made its page."""
    with write(clinic.id) as session:
        row = session.get_one(PaymentRequest, (clinic.id, request_id))
        row.state, row.processor, row.external_id = "live", "stripe", "cs_1"
        everything.seal(session, clinic)


def test_a_request_is_mailed_without_amount_patient_or_service(clinic, ticket):
    sam = clinic.actor("sam")
    made = requests.request_payment(ticket, site=SITE, by=sam, key="a")
    assert requests.request_payment(ticket, site=SITE, by=sam, key="a") == made
    [(recipient, subject, text)] = mails(clinic)
    assert recipient == "dana@example.org"
    assert f"{SITE}/portal/harbor" in text and "Harbor Spay" in text
    for word in ("Biscuit", "Dana", "spay\n", "Rabies", "163", "$"):
        assert word not in subject + text.replace("Harbor Spay", ""), word
    [one] = requests.requests_of(ticket, by=sam)
    assert one.stands and one.amount_cents == tickets.ticket(ticket, by=sam).standing.balance


def test_the_same_request_again_is_mailed_again_and_stays_one(clinic, ticket):
    sam = clinic.actor("sam")
    first = requests.request_payment(ticket, site=SITE, by=sam)
    assert requests.request_payment(ticket, site=SITE, by=sam) == first
    assert len(mails(clinic)) == 2
    other = requests.request_payment(ticket, 1_000, site=SITE, by=sam)
    states = {one.id: one.state for one in requests.requests_of(ticket, by=sam)}
    assert states == {first: "withdrawn", other: "open"}


def test_money_at_the_counter_ends_the_link_and_orders_its_page_away(clinic, ticket):
    sam = clinic.actor("sam")
    made = requests.request_payment(ticket, site=SITE, by=sam)
    live(clinic, made)
    due = tickets.ticket(ticket, by=sam).standing.balance
    taken = payments.take_payment([ticket], due, Tender("cash"), by=sam)
    [one] = requests.requests_of(ticket, by=sam)
    assert one.state == "withdrawn" and taken.reference in one.because
    with read(clinic.id) as session:
        [order] = session.scalars(select(ProcessorOrder)).all()
        assert (order.kind, order.state, order.external_id) == ("expire", "intended", "cs_1")
    with pytest.raises(NothingDue):
        requests.request_payment(ticket, site=SITE, by=sam)


def test_a_part_paid_leaves_the_requests_that_still_fit(clinic, ticket):
    sam = clinic.actor("sam")
    small = requests.request_payment(ticket, 2_000, site=SITE, by=sam)
    payments.take_payment([ticket], 1_000, Tender("cash"), by=sam)
    assert [one.id for one in requests.requests_of(ticket, by=sam) if one.stands] == [small]
    payments.take_payment([ticket], tickets.ticket(ticket, by=sam).standing.balance - 500, Tender("cash"), by=sam)
    assert not any(one.stands for one in requests.requests_of(ticket, by=sam))


def test_a_paid_request_is_one_payment_however_often_the_processor_says_so(clinic, ticket):
    sam, worker = clinic.actor("sam"), clinic.operator
    made = requests.request_payment(ticket, site=SITE, by=sam)
    due = tickets.ticket(ticket, by=sam).standing.balance
    known = {"last4": "4242", "brand": "Visa", "processor": "stripe"}
    first = requests.paid(made, due, **known, by=worker, key="event-1")
    assert requests.paid(made, due, **known, by=worker, key="event-1") == first
    assert requests.paid(made, due, **known, by=worker) == first
    shown = tickets.ticket(ticket, by=sam)
    assert shown.standing.balance == 0 and len(shown.payments) == 1
    [one] = requests.requests_of(ticket, by=sam)
    assert one.state == "paid" and one.reference == shown.payments[0].reference


def test_money_for_a_request_that_was_ended_is_kept_as_overpaid(clinic, ticket):
    sam = clinic.actor("sam")
    made = requests.request_payment(ticket, site=SITE, by=sam)
    due = tickets.ticket(ticket, by=sam).standing.balance
    payments.take_payment([ticket], due, Tender("cash"), by=sam)
    requests.paid(made, due, by=clinic.operator)
    stands = tickets.ticket(ticket, by=sam).standing
    assert (stands.paid, stands.overpaid) == (2 * due, due)


@pytest.mark.parametrize("end", ["void", "forgive"])
def test_a_void_or_forgiven_invoice_has_no_link_and_late_money_shows(clinic, ticket, end):
    mona = clinic.actor("mona")
    made = requests.request_payment(ticket, site=SITE, by=mona)
    rule = invoices.void_invoice if end == "void" else invoices.forgive
    rule(ticket, "made by mistake", by=mona)
    assert [one.state for one in requests.requests_of(ticket, by=mona)] == ["withdrawn"]
    requests.paid(made, 5_000, by=clinic.operator)
    stands = tickets.ticket(ticket, by=mona).standing
    assert stands.paid == 5_000
    assert stands.document == ("void" if end == "void" else "open")


def test_withdrawing_needs_a_reason_and_works_once(clinic, ticket):
    sam = clinic.actor("sam")
    made = requests.request_payment(ticket, site=SITE, by=sam)
    with pytest.raises(payments.ReasonMissing):
        requests.withdraw(made, " ", by=sam)
    requests.withdraw(made, "pays at the door", by=sam)
    with pytest.raises(requests.RequestOver):
        requests.withdraw(made, "again", by=sam)


def test_what_cannot_be_asked_for_is_refused_in_words(clinic):
    sam = clinic.actor("sam")
    appointment, client = visit(clinic)
    ticket = checkout.open_ticket(appointment, by=sam)
    with pytest.raises(ServiceOff):
        requests.request_payment(ticket, site=SITE, by=sam)
    switch_on(clinic)
    with pytest.raises(NoPortalAddress):
        requests.request_payment(ticket, by=sam)
    with pytest.raises(requests.NoAddress):
        requests.request_payment(ticket, site=SITE, by=sam)
    address(clinic, client)
    with pytest.raises(TooMuch):
        requests.request_payment(ticket, 10_000_000, site=SITE, by=sam)
    assert not mails(clinic)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("https://clinic.org", True), ("https://clinic.org:8443/", True), ("http://localhost:8501", True),
        ("http://clinic.org", False), ("https://clinic.org/x", False), ("https://a@clinic.org", False),
        ("https://", False), ("javascript:alert(1)", False), ("https://clinic.org\n.evil.org", False),
        ("https://clinic.org?x", False), ("https://[", False),
    ],
)  # fmt: skip
def test_the_address_of_an_installation(text, good):
    assert is_site(text) is good
