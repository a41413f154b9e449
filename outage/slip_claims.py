"""Taking the money of a slip, once: at the processor's own virtual terminal, or by a payment request.

One claim at a time. Whoever charges a slip claims it first, which ends every link on which the same money could be
paid, at the processor before anything else; while it is claimed, no payment request goes out. A link that was paid
meanwhile wins: the payment is on the ticket, and the slip is not charged. What a processor is told happens outside of
our own transactions, each of which looks again, so that a crash between two steps leaves a slip unpaid or paid, never
paid twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from billing import checkout, ledger
from billing.open_links import standing_requests
from billing.processors import orders
from billing.processors.base import Charge
from billing.processors.known import adapter_for
from billing.processors.settings import ONLINE, processors
from billing.requests import request_payment
from data.errors import BadInput, NotFound, Refusal
from data.models import CardSlip, Clinic, Payment, User
from data.session import ClinicSession
from data.types import clock
from outage.slip_contacts import keep_address, lacks_address
from outage.slips import (
    Keyed,
    applied,
    brand_of,
    check_card,
    does_not_fit,
    name_of,
    slip_row,
    slips,
    standing_payment,
    standing_requests_of,
    visit_row,
)
from security.actor import Actor
from security.profile import wording
from security.rules import act, look, together

DEAD = ("declined", "voided", "failed", "expired")
BEFORE = timedelta(hours=1)
"""So much earlier than the time on the slip a clock may have put its charge."""


class PaidAlready(Refusal):
    """Slip {name} is paid already, {reference}. Nothing more is to be taken for it. If its card was charged as well,
    void that charge in the virtual terminal now."""


class ChargedAlready(Refusal):
    """The card of slip {name} was charged already, authorization {code}. A payment request would take the money twice:
    apply the slip to its ticket instead."""


class BeingCharged(Refusal):
    """{who} has been charging slip {name} at the processor since {since}. Ask first whether the card went through; if
    it did not, say so in the slip's row."""


class TicketPaid(Refusal):
    """Only {balance} is open on the ticket of visit {number}, and money was paid on it. Look at the ticket before the
    card is charged for {amount}."""


class NobodyToAsk(BadInput):
    """Nobody knows whose slip {name} is. Say for which visit it is first."""


class WasSpoiled(Refusal):
    """Slip {name} was marked as spoiled, so there is no money to take."""


class NoCode(BadInput):
    """Type the authorization code that the processor shows for the charge."""


@dataclass(frozen=True)
class Terminal:
    """A merchant account at which a slip can be keyed; ``address`` of its virtual terminal, if it has one."""

    slug: str
    label: str
    address: str


@dataclass(frozen=True)
class Offer:
    """A charge at the processor that may be a slip's."""

    authorization: str
    last4: str
    brand: str
    at: datetime
    transaction: str


@dataclass(frozen=True)
class Asked:
    """What became of asking for the money of one slip; ``why`` it was not asked for."""

    name: str
    why: str = ""


def terminals(*, by: Actor) -> list[Terminal]:
    """Where slips can be keyed, those with a virtual terminal first. Raises NotPermitted."""
    with look(by, "outage.enter") as session:
        found = [
            Terminal(slug, one.label, one.terminal_address)
            for slug, one in processors(session).items() if one.active
        ]  # fmt: skip
    return sorted(found, key=lambda one: (not one.address, one.label))


def claim_slip(slip_id: str, processor: str = "", *, by: Actor, key: str | None = None) -> str:
    """Say that one is going to charge a slip at a processor; returns the address of its virtual terminal, empty where
    it has none. Links on which the same money could be paid die first.

    Raises PaidMeanwhile, ProcessorSilent, PaidAlready, ChargedAlready, BeingCharged, TicketPaid, WasSpoiled,
    PartClosed, NotFound, RestrictedRecord, NotPermitted.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        _check_unpaid(work.session, slip_row(work.session, slip_id))
        address = _address(work.session, processor)
    _end_links(slip_id, "its card slip is being charged", by)
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        row = slip_row(session, slip_id)
        _check_unpaid(session, row)
        if row.claimed_at is not None and row.claimed_by_id != by.user_id:
            raise _being_charged(session, row)
        if standing_requests_of(session, [row.id]):
            raise BadInput(problem="A payment request was sent for this slip just now. Look at its row again.")
        _check_ticket(session, row, by)
        row.claimed_at, row.claimed_by_id, row.processor = clock.now(), by.user_id, processor
        work.audit("slip.claimed", "card_slip", row.id, processor=processor)
        work.result = address
        return address


def release_slip(slip_id: str, *, by: Actor, key: str | None = None) -> None:
    """Say that a claimed slip was not charged after all. Raises PaidAlready, PartClosed, NotFound, NotPermitted."""
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return
        row = slip_row(work.session, slip_id)
        _check_unpaid(work.session, row)
        row.claimed_at = row.claimed_by_id = None
        work.audit("slip.released", "card_slip", row.id)


def charge_slip(
    slip_id: str, authorization: str, *, last4: str = "", brand: str = "", by: Actor, key: str | None = None
) -> Keyed:
    """Write down that a slip was charged, with the authorization the processor gave, and pay it onto its ticket where
    it fits. A link for it dies first.

    Raises NoCode, DetailMissing, CardNumberTyped, PaidMeanwhile, ProcessorSilent, PaidAlready, ChargedAlready,
    WasSpoiled, PartClosed, NotFound, RestrictedRecord, NotPermitted.
    """
    if not authorization.strip():
        raise NoCode()
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return Keyed(*work.result)
        row = slip_row(work.session, slip_id)
        _check_unpaid(work.session, row)
        check_card(last4 or row.last4, brand or row.brand, authorization)
    _end_links(slip_id, "its card slip was charged", by)
    with together(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return Keyed(*work.result)
        session = work.session
        row = slip_row(session, slip_id)
        _check_unpaid(session, row)
        if standing_requests_of(session, [row.id]):
            raise BadInput(problem="A payment request was sent for this slip just now. Look at its row again.")
        row.last4, row.brand = (last4 or row.last4).strip(), brand_of(brand or row.brand)
        row.authorization = authorization.strip()
        row.claimed_at = row.claimed_by_id = None
        visit = visit_row(session, row.appointment_id, by) if row.appointment_id else None
        reference, why = applied(work, row, visit)
        if visit is None:
            why = "Nobody knows yet whose it is."
        work.audit("slip.charged", "card_slip", row.id, processor=row.processor, payment=row.payment_id)
        work.result = [row.id, reference, why]
        return Keyed(row.id, reference, why)


def request_slip(slip_id: str, *, site: str = "", by: Actor, key: str | None = None) -> str:
    """Ask the client to pay an open slip on the processor's page; returns the request's id. The mail names neither the
    amount nor what it is for. It goes to the address on the client's record; where there is none, the one on the slip
    is written there first.

    Raises PaidAlready, ChargedAlready, BeingCharged, WasSpoiled, NobodyToAsk, DoesNotFit, PartClosed, NotPermitted and
    what ``request_payment`` raises.
    """
    with together(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        row = slip_row(session, slip_id)
        _check_unpaid(session, row)
        if row.claimed_at is not None:
            raise _being_charged(session, row)
        if row.appointment_id is None:
            raise NobodyToAsk(name=name_of(session, row))
        visit = visit_row(session, row.appointment_id, by)
        ticket = checkout.open_ticket(visit.id, by=by, event_at=row.taken_at, source="paper")
        if lacks_address(session, row, by):
            keep_address(row, by=by)
        stands = ledger.standing_of(session, ticket)
        asked = sum(one.amount_cents for one in standing_requests(session, ticket) if one.card_slip_id != row.id)
        if not stands.is_live or stands.balance - asked < row.amount_cents:
            raise does_not_fit(session, row, visit, asked=asked)
        request = request_payment(ticket, row.amount_cents, slip_id=row.id, site=site, by=by)
        work.audit("slip.asked", "card_slip", row.id, request=request)
        work.result = request
        return request


def request_open_slips(outage_id: str, *, site: str = "", by: Actor, key: str | None = None) -> list[Asked]:
    """Ask for the money of every open slip of an outage that no request stands for, each by itself. Raises
    NotPermitted."""
    told = []
    for one in slips(outage_id, by=by):
        if not one.is_uncharged or one.request_id or one.claimed_at:
            continue
        try:
            request_slip(one.id, site=site, by=by, key=f"{key}-{one.id}" if key else None)
        except Refusal as refusal:
            told.append(Asked(one.name, refusal.message))
        else:
            told.append(Asked(one.name))
    return told


def withdraw_slip_request(slip_id: str, *, by: Actor, key: str | None = None) -> None:
    """End the payment request of a slip; its page at the processor first. Raises PaidMeanwhile, ProcessorSilent,
    PartClosed, NotFound, NotPermitted."""
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return
        asked = standing_requests_of(work.session, [slip_row(work.session, slip_id).id])
    for request in asked.values():
        orders.withdraw_request(request.id, "the slip's payment request was withdrawn", by=by, key=key)


def charges_like(slip_id: str, processor: str = "", *, by: Actor) -> list[Offer]:
    """The charges at a processor that fit a slip by amount, digits and time and are no other slip's, the nearest first:
    one is offered, of several a person says which. Raises ProcessorSilent, ProcessorRefused, ProcessorUnready,
    PartClosed, NotFound, NotPermitted."""
    with look(by, "billing.checkout") as session:
        row = slip_row(session, slip_id)
        known = processors(session)
        slug = processor or row.processor
        if not slug:
            online = [name for name, one in known.items() if one.active and one.type in ONLINE]
            slug = online[0] if len(online) == 1 else ""
        if slug not in known:
            raise NotFound(what="processor", name=slug or "to ask")
        adapter = adapter_for(session, slug)
        zone = ZoneInfo(session.get_one(Clinic, session.clinic_id).zone)
        first, last = row.taken_at.astimezone(zone).date(), clock.today(zone.key)
        used = _used(session, row)
        amount, last4, taken_at, claimed_at = row.amount_cents, row.last4, row.taken_at, row.claimed_at
    charges = adapter.charges(first, last)
    return fitting(charges, amount, last4, taken_at, claimed_at or taken_at, used)


def fitting(
    charges: Sequence[Charge], amount: int, last4: str, taken_at: datetime, near: datetime, used: set[str]
) -> list[Offer]:
    """The charges that may be a slip's: of its amount and digits, not before it was taken, and not declined."""
    found = [
        one
        for one in charges
        if one.amount_cents == amount and one.authorization and one.status not in DEAD
        and one.at >= taken_at - BEFORE and one.authorization not in used
        and (not last4 or not one.last4 or one.last4 == last4)
    ]  # fmt: skip
    found.sort(key=lambda one: (abs(one.at - near), one.transaction))
    return [Offer(one.authorization, one.last4, one.brand, one.at, one.transaction) for one in found]


def _used(session: ClinicSession, row: CardSlip) -> set[str]:
    """Authorizations that other slips and payments of these days have."""
    since = row.taken_at - timedelta(days=1)
    slips = select(CardSlip.authorization).where(
        CardSlip.taken_at >= since, CardSlip.id != row.id, CardSlip.authorization != ""
    )
    paid = select(Payment.authorization).where(Payment.event_at >= since, Payment.authorization != "")
    return set(session.scalars(slips)) | set(session.scalars(paid))


def _end_links(slip_id: str, because: str, by: Actor) -> None:
    """End the requests on which the money of a slip could be paid: its own, and those of its ticket that ask for more
    than would be left."""
    with look(by, "billing.checkout") as session:
        row = slip_row(session, slip_id)
        mine = standing_requests_of(session, [row.id])
        wanted = [one.id for one in mine.values()]
        invoice = checkout.invoice_of(session, row.appointment_id) if row.appointment_id else None
        if invoice is not None:
            left = ledger.standing_of(session, invoice.id).balance - row.amount_cents
            others = [one for one in standing_requests(session, invoice.id) if one.card_slip_id is None]
            wanted += [one.id for one in others if one.amount_cents > left]
    for request_id in wanted:
        orders.withdraw_request(request_id, because, by=by)


def _check_unpaid(session: ClinicSession, row: CardSlip) -> None:
    """Refuse a slip whose money was taken. Raises WasSpoiled, PaidAlready, ChargedAlready."""
    if row.reason:
        raise WasSpoiled(name=name_of(session, row))
    payment = standing_payment(session, row)
    if payment is not None:
        reference = session.scalar(select(Payment.reference).where(Payment.id == payment))
        raise PaidAlready(name=name_of(session, row), reference=reference)
    if row.authorization:
        raise ChargedAlready(name=name_of(session, row), code=row.authorization)


def _check_ticket(session: ClinicSession, row: CardSlip, by: Actor) -> None:
    """Refuse to charge for a ticket that somebody paid in another way. Raises TicketPaid, RestrictedRecord."""
    if row.appointment_id is None:
        return
    visit = visit_row(session, row.appointment_id, by)
    invoice = checkout.invoice_of(session, visit.id)
    stands = ledger.standing_of(session, invoice.id) if invoice else None
    if stands is not None and stands.paid and stands.balance < row.amount_cents:
        refusal = does_not_fit(session, row, visit)
        raise TicketPaid(**refusal.facts)


def _being_charged(session: ClinicSession, row: CardSlip) -> BeingCharged:
    name = session.scalar(select(User.name).where(User.id == row.claimed_by_id)) if row.claimed_by_id else None
    since = wording(session).moment(row.claimed_at or clock.now())
    return BeingCharged(who=name or "The operator", name=name_of(session, row), since=since)


def _address(session: ClinicSession, slug: str) -> str:
    """The virtual terminal of a processor. Raises NotFound."""
    if not slug:
        return ""
    found = processors(session).get(slug)
    if found is None:
        raise NotFound(what="processor", name=slug)
    return found.terminal_address
