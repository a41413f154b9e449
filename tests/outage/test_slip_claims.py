"""The money of a slip is taken once: at the virtual terminal or by a payment request, whichever came first."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from billing import requests
from billing.client_billing import ONLY, SERVICE, ClientBilling
from billing.processors import orders
from billing.processors.base import Charge, Hosted, ProcessorSilent, Sale
from billing.processors.settings import PROCESSOR, Processor
from data import definitions
from data.errors import BadInput
from data.models import Appointment, AuditLog, CardSlip, Client, OutboxMessage, Payment, PaymentRequest
from data.session import read, write
from data.types import clock
from outage import slip_claims
from outage.board import board, papers
from outage.slip_claims import (
    BeingCharged,
    ChargedAlready,
    NobodyToAsk,
    NoCode,
    PaidAlready,
    TicketPaid,
    WasSpoiled,
    charge_slip,
    charges_like,
    claim_slip,
    fitting,
    release_slip,
    request_open_slips,
    request_slip,
    terminals,
    withdraw_slip_request,
)
from outage.slips import (
    DoesNotFit,
    NewSlip,
    NotCharged,
    PaidOnline,
    RequestStands,
    StillNeeded,
    apply_slip,
    destroy_slips,
    key_slip,
    slips,
    spoil_slip,
    take_back,
)
from records.access import RestrictedRecord
from security import audit
from tests.outage.paper_day import PaperDay
from tests.outage.test_slips import serial_of


class Pages:
    """A processor with pay pages in memory; ``paid`` are those a client paid, ``silent`` makes it answer nothing."""

    label = "Stripe"

    def __init__(self) -> None:
        self.pages, self.paid, self.ended, self.found, self.silent = {}, {}, [], [], False

    def checkout(self, ask) -> Hosted:
        self.pages[ask.key] = ask
        return Hosted(f"page-{len(self.pages)}", f"https://pay.example/{ask.key}", ask.expires_at)

    def expire(self, placed) -> Sale:
        if self.silent:
            raise ProcessorSilent(label=self.label)
        if placed.key not in self.paid:
            self.ended.append(placed.key)
        return self.state_of(placed)

    def state_of(self, placed) -> Sale:
        if placed.key in self.paid:
            return Sale("paid", f"ch-{placed.key}", placed.amount_cents, placed.currency, clock.now(), "1881", "Visa",
                        "B77")  # fmt: skip
        return Sale("expired" if placed.key in self.ended else "open")

    def pay(self) -> None:
        """The client pays the newest page that is still open."""
        self.paid[next(key for key in reversed(self.pages) if key not in self.ended)] = True

    def charges(self, first, last):
        return self.found


class SlipDay(PaperDay):
    """Slips nobody charged yet, of visits with tickets of 85.00."""

    def __init__(self, clinic, monkeypatch) -> None:
        super().__init__(clinic)
        self.processor = Pages()
        for module in (orders, slip_claims):
            monkeypatch.setattr(module, "adapter_for", lambda session, slug: self.processor)
        with write(clinic.id) as session:
            document = Processor(label="Stripe", type="stripe", takes_online=True)
            definitions.save(session, PROCESSOR, "stripe", document, by_user_id=None)
            service = ClientBilling(enabled=True, address="https://harbor.example")
            definitions.save(session, SERVICE, ONLY, service, by_user_id=None)
            self._done(session)
        self.serial = serial_of(clinic, self.sheet("card-slip"))

    def open_slip(self, part=1, cents=8500, *, email="ada@example.org", known=True, ticket=8500, written="") -> str:
        visit = self.visit(f"Luna{part}", stage="checked_out")
        self.invoice = self.ticket(visit, ticket)
        with write(self.clinic.id) as session:
            row = session.get_one(Appointment, (self.clinic.id, visit))
            session.get_one(Client, (self.clinic.id, row.client_id)).email = email
            self._done(session)
        new = NewSlip(self.serial, part, cents, self.began + timedelta(hours=1), "4242", "visa", "",
                      appointment_id=visit if known else None, email=written)  # fmt: skip
        return key_slip(new, by=self.clinic.actor("sam")).slip_id

    def of(self, slip_id):
        return next(one for one in slips(self.id, by=self.clinic.actor("sam")) if one.id == slip_id)

    def payments(self) -> list[tuple[str, int]]:
        with read(self.clinic.id) as session:
            return list(session.execute(select(Payment.channel, Payment.amount_cents)).tuples())

    def client_opens(self, request: str) -> None:
        orders.ask_checkout(request, by=self.clinic.operator)


@pytest.fixture
def day(clinic, monkeypatch):
    return SlipDay(clinic, monkeypatch)


@pytest.fixture
def lite(sqlite_clinic, monkeypatch):
    return SlipDay(sqlite_clinic, monkeypatch)


def test_a_slip_that_is_charged_at_the_terminal_is_claimed_charged_once_and_paid_onto_its_ticket(day):
    sam, clara = day.clinic.actor("sam"), day.clinic.actor("mona")
    one = day.open_slip()
    assert day.of(one).is_uncharged and not day.of(one).waits and day.payments() == []
    row = next(row for row in board(day.id, by=sam).rows if row.entity == "card_slip")
    assert row.money.words == "$85.00 not charged yet"
    with pytest.raises(NotCharged):
        apply_slip(one, by=sam)
    with pytest.raises(StillNeeded):
        destroy_slips([one], by=sam)
    assert not day.of(one).is_spent
    assert "not charged yet: keep" in next(paper.words for paper in papers(day.id, by=sam) if "slip" in paper.what)
    assert [(found.slug, found.address) for found in terminals(by=sam)] == [
        ("stripe", "https://dashboard.stripe.com/payments")
    ]
    assert claim_slip(one, "stripe", by=sam, key="c") == claim_slip(one, "stripe", by=sam, key="c")
    assert (day.of(one).claimed_by, day.of(one).processor) == ("Sam Stone", "stripe")
    with pytest.raises(BeingCharged, match="Sam Stone has been charging slip"):
        request_slip(one, by=sam)
    with pytest.raises(BeingCharged):
        claim_slip(one, "stripe", by=clara)
    release_slip(one, by=clara, key="r")
    claim_slip(one, "stripe", by=clara)
    with pytest.raises(NoCode):
        charge_slip(one, " ", by=sam)
    done = charge_slip(one, "A77", by=sam, key="k")
    assert done.reference and charge_slip(one, "A77", by=sam, key="k") == done
    assert day.payments() == [("slip", 8500)] and day.of(one).claimed_by == ""
    for again in (lambda: charge_slip(one, "A78", by=sam), lambda: claim_slip(one, by=sam),
                  lambda: request_slip(one, by=sam)):  # fmt: skip
        with pytest.raises(PaidAlready):
            again()


def test_a_link_dies_at_the_processor_before_its_slip_is_charged(day):
    sam = day.clinic.actor("sam")
    one = day.open_slip()
    request = request_slip(one, by=sam, key="q")
    assert request_slip(one, by=sam, key="q") == request and day.of(one).request_id == request
    row = next(row for row in board(day.id, by=sam).rows if row.entity == "card_slip")
    assert row.money.words == "$85.00 asked for by payment request"
    with pytest.raises(RequestStands):
        take_back(one, "Wrong", by=day.clinic.actor("mona"))
    day.client_opens(request)
    day.processor.silent = True
    with pytest.raises(ProcessorSilent):
        claim_slip(one, "stripe", by=sam)
    assert day.of(one).claimed_at is None and day.of(one).request_id
    day.processor.silent = False
    claim_slip(one, "stripe", by=sam)
    assert len(day.processor.ended) == 1 and day.of(one).request_id == ""
    charge_slip(one, "A77", by=sam)
    assert day.payments() == [("slip", 8500)]


def test_a_link_that_was_paid_meanwhile_wins_and_pays_the_slip(day):
    sam = day.clinic.actor("sam")
    one = day.open_slip()
    request = request_slip(one, by=sam)
    day.client_opens(request)
    day.processor.pay()
    with pytest.raises(orders.PaidMeanwhile):
        claim_slip(one, "stripe", by=sam)
    found = day.of(one)
    assert (found.channel, bool(found.reference), found.is_uncharged) == ("payment_request", True, False)
    assert day.payments() == [("payment_request", 8500)]
    with pytest.raises(PaidAlready, match="void that charge"):
        charge_slip(one, "A77", by=sam)
    with pytest.raises(PaidOnline):
        take_back(one, "Wrong", by=day.clinic.actor("mona"))
    identity = board(day.id, by=sam).identities[-1]
    assert identity.is_equal and [term.value for term in identity.lines[0]][:2] == [8500, 8500]


def test_money_that_comes_on_a_link_after_the_slip_was_charged_goes_back(day):
    sam = day.clinic.actor("sam")
    one = day.open_slip()
    request = request_slip(one, by=sam)
    withdraw_slip_request(one, by=sam)
    charge_slip(one, "A77", by=sam)
    requests.paid(request, 8500, processor="stripe", by=day.clinic.operator)
    with read(day.clinic.id) as session:
        slip = session.get_one(CardSlip, (day.clinic.id, one))
        assert session.get_one(Payment, (day.clinic.id, slip.payment_id)).channel == "slip"


def test_a_link_for_the_whole_ticket_dies_as_well_and_one_for_the_rest_stays(lite):
    sam = lite.clinic.actor("sam")
    one = lite.open_slip(cents=5000)
    whole = requests.request_payment(lite.invoice, 8500, by=sam)
    lite.client_opens(whole)
    claim_slip(one, "stripe", by=sam)
    rest = requests.request_payment(lite.invoice, 3500, by=sam)
    charge_slip(one, "A77", by=sam)
    with read(lite.clinic.id) as session:
        states = {row.id: row.state for row in session.scalars(select(PaymentRequest))}
    assert states == {whole: "withdrawn", rest: "open"} and len(lite.processor.ended) == 1


def test_every_open_slip_is_asked_for_at_once_and_those_that_cannot_be_say_why(day):
    sam = day.clinic.actor("sam")
    day.open_slip(1)
    unknown = day.open_slip(2, known=False)
    day.open_slip(3, email="")
    restricted = day.open_slip(4)
    with write(day.clinic.id) as session:
        slip = session.get_one(CardSlip, (day.clinic.id, restricted))
        session.get_one(Client, (day.clinic.id, slip.client_id)).restricted = True
        audit.append(session, day.clinic.operator, "test.made", "client", "")
    told = request_open_slips(day.id, by=sam, key="all")
    assert [bool(one.why) for one in told] == [False, True, True, True]
    assert "whose slip" in told[1].why and "no e-mail" in told[2].why and "restricted" in told[3].why
    again = request_open_slips(day.id, by=sam, key="all-2")
    assert [one.name for one in again] == [one.name for one in told[1:]]
    with pytest.raises(NobodyToAsk):
        request_slip(unknown, by=sam)
    with pytest.raises(RestrictedRecord):
        request_slip(restricted, by=sam)
    assert [one.can_be_asked for one in slips(day.id, by=sam)] == [True, False, False, False]


def test_what_cannot_be_taken_twice_or_from_nobody_is_refused(lite):
    sam = lite.clinic.actor("sam")
    one = lite.open_slip(1, 9000)
    with pytest.raises(DoesNotFit):
        request_slip(one, by=sam)
    half = lite.open_slip(2, 8500)
    requests.paid(requests.request_payment(lite.invoice, 8000, by=sam), 8000, by=lite.clinic.operator)
    with pytest.raises(TicketPaid, match=r"Only 5\.00 is open .* charged for 85\.00"):
        claim_slip(half, "stripe", by=sam)
    spoiled = spoil_slip(lite.serial, 3, "Coffee", by=sam)
    with pytest.raises(WasSpoiled):
        claim_slip(spoiled, by=sam)
    waits = lite.open_slip(4, 9900)
    assert "asks for less" in charge_slip(waits, "A1", by=sam).why
    with pytest.raises(ChargedAlready, match="authorization A1"):
        request_slip(waits, by=sam)
    with pytest.raises(BadInput):
        charge_slip(one, "4111 1111 1111 1111", by=sam)


def test_a_charge_is_offered_when_it_fits_and_never_one_that_another_slip_has(lite):
    sam = lite.clinic.actor("sam")
    one, other = lite.open_slip(1), lite.open_slip(2)
    now = clock.now()
    day_of = {"last4": "4242", "brand": "visa"}

    def charge(code, cents=8500, status="settled", at=now, **more):
        about = day_of | more
        return Charge(f"ch-{code}", cents, at, about["last4"], about["brand"], code, status)

    lite.processor.found = [
        charge("A1"), charge("A2", 8400), charge("A3", status="declined"), charge("A4", last4="1111"), charge(""),
        charge("A5", at=lite.began - timedelta(days=1)),
    ]  # fmt: skip
    assert [found.authorization for found in charges_like(one, "stripe", by=sam)] == ["A1"]
    charge_slip(one, "A1", by=sam)
    assert charges_like(other, "stripe", by=sam) == []
    lite.processor.found += [charge("B1", at=now - timedelta(hours=2)), charge("B2")]
    claim_slip(other, "stripe", by=sam)
    assert [found.authorization for found in charges_like(other, by=sam)] == ["B2", "B1"]
    assert fitting(lite.processor.found, 8500, "", now, now, set())[0].authorization == "A1"


@pytest.mark.parametrize("paid", [False, True])
def test_a_crash_between_the_end_of_the_link_and_the_payment_takes_nothing_twice(lite, monkeypatch, paid):
    sam = lite.clinic.actor("sam")
    one = lite.open_slip()
    lite.client_opens(request_slip(one, by=sam))
    if paid:
        lite.processor.pay()

    class Killed(BaseException):
        pass

    def dies(*_args, **_kwargs):
        raise Killed

    real = slip_claims.applied
    monkeypatch.setattr(slip_claims, "applied", dies)
    with pytest.raises(orders.PaidMeanwhile if paid else Killed):
        charge_slip(one, "A77", by=sam, key="k")
    monkeypatch.setattr(slip_claims, "applied", real)
    assert lite.payments() == ([("payment_request", 8500)] if paid else [])
    if paid:
        with pytest.raises(PaidAlready):
            charge_slip(one, "A77", by=sam, key="k")
    else:
        assert lite.of(one).is_uncharged
        charge_slip(one, "A77", by=sam, key="k")
    with read(lite.clinic.id) as session:
        assert session.scalar(select(func.count()).select_from(Payment)) == 1


def test_the_address_on_a_slip_is_where_its_request_goes_and_what_its_client_signs_in_with(day):
    sam = day.clinic.actor("sam")
    one = day.open_slip(1, email="", written="ada@example.org")
    two = day.open_slip(2, email="kept@example.org", written="other@example.org")
    assert day.of(one).can_be_asked and day.of(one).new_email == "ada@example.org"
    assert (day.of(one).ask_at, day.of(two).ask_at) == ("ada@example.org", "kept@example.org"), "told before it is sent"
    assert [asked.why for asked in request_open_slips(day.id, by=sam)] == ["", ""]
    with read(day.clinic.id) as session:
        sent = select(OutboxMessage.recipient).where(OutboxMessage.purpose == "alert")
        assert set(session.scalars(sent)) == {"ada@example.org", "kept@example.org"}
        known = select(Client.email).join(CardSlip, CardSlip.client_id == Client.id).order_by(CardSlip.part)
        assert session.scalars(known).all() == ["ada@example.org", "kept@example.org"]
        told = session.scalars(select(AuditLog.detail).where(AuditLog.action == "client.changed")).all()
        assert len(told) == 1 and "example.org" not in told[0]
    assert day.of(two).email == "other@example.org" and not day.of(two).new_email
