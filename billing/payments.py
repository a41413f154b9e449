"""Money taken and given back at the counter, and which invoices it pays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from appointments.early_ticket import drop_unpaid
from appointments.stages import BEFORE_ARRIVAL
from billing import ledger
from billing.amounts import decimal_text
from billing.checkout import bring_to_day
from billing.open_links import end_requests
from billing.periods import counting_day
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, NotFound, Refusal
from data.models import Appointment, Invoice, Payment, PaymentAllocation, ProcessorOrder
from data.session import ClinicSession
from data.types import clock, is_id
from records.standing import Standing
from security.actor import Actor
from security.rules import Work, act

TENDERS = {"cash": "Cash", "card": "Card", "check": "Check", "echeck": "eCheck", "copay": "Copay", "other": "Other"}
BEFORE_SERVICE = (*BEFORE_ARRIVAL, "checked_in", "examined", "premedicated", "induced", "in_surgery")
"""Stages of a visit in which a payment is a deposit."""
ONLINE = ("payment_request", "integrated")
"""Channels on which a processor says itself what it took."""
BRANDS = ("Visa", "Mastercard", "Amex", "Discover", "Other")


class NothingDue(Refusal):
    """Nothing is open on this ticket any more. Somebody may have taken the payment already: look at it again."""


class TooMuch(BadInput):
    """{amount} is more than the {balance} still open. Only cash may be more than what is due, for change."""


class PartsDiffer(BadInput):
    """The parts for the tickets come to {parts}, but {amount} is paid. Change one of them."""


class TooLittleCash(BadInput):
    """{tendered} in cash does not cover the {amount} to be paid. Enter what was handed over, or a smaller amount."""


class DetailMissing(BadInput):
    """A {tender} payment needs {what}."""


class TooMuchBack(Refusal):
    """Only {paid} of this invoice was paid, so {amount} cannot be given back."""


class PartGivenBack(Refusal):
    """Part of this payment was given back already, so it cannot be voided. Refund what is left of it instead."""


class ReasonMissing(BadInput):
    """Say why: a few words are enough, and they stay with the invoice."""


class AlreadyVoided(Refusal):
    """This payment was voided before. Look at the invoice again."""


@dataclass(frozen=True)
class Tender:
    """How money moves. Never a card number: the last four digits, the brand and the authorization code."""

    kind: str
    last4: str = ""
    brand: str = ""
    authorization: str = ""
    check_number: str = ""
    channel: str = ""
    notes: str = ""
    processor: str = ""
    """The slug of the processor that took it on its own page."""

    def check(self) -> None:
        """Raise DetailMissing or CardNumberTyped for the first thing that is wrong."""
        if self.kind not in TENDERS:
            raise BadInput(problem=f"There is no way of paying called '{self.kind}'.")
        refuse_card_numbers(
            {
                "The last four digits": self.last4, "The authorization code": self.authorization,
                "The check number": self.check_number, "The note": self.notes, "The brand": self.brand,
                "The channel": self.channel, "The processor": self.processor,
            }
        )  # fmt: skip
        if self.channel in ONLINE and not self.last4 + self.authorization:
            return  # not every processor tells
        if self.kind == "card" and not re.fullmatch(r"\d{4}", self.last4):
            raise DetailMissing(tender="card", what="the last four digits of the card, four figures and no more")
        known = self.authorization or self.channel not in ONLINE
        if self.kind == "card" and known and not re.fullmatch(r"[A-Za-z0-9-]{2,20}", self.authorization):
            raise DetailMissing(tender="card", what="the authorization code from the terminal's slip")
        if self.kind == "check" and not re.fullmatch(r"[\w /-]{1,20}", self.check_number):
            raise DetailMissing(tender="check", what="the number printed on the check")


@dataclass(frozen=True)
class Taken:
    """A payment that was recorded."""

    payment_id: str
    reference: str
    amount_cents: int
    change_cents: int
    deposit_cents: int = 0
    """How much of it was taken before the service it pays for."""
    credit_cents: int = 0
    """How much of it pays nothing yet."""


@dataclass(frozen=True)
class Given:
    """One way in which money is given: with cash, ``tendered_cents`` is what was handed over."""

    tender: Tender
    cents: int
    tendered_cents: int | None = None


def take_payment(
    invoice_ids: Sequence[str],
    amount_cents: int,
    tender: Tender,
    *,
    tendered_cents: int | None = None,
    parts: Sequence[int] | None = None,
    keep_rest: bool = False,
    by: Actor,
    key: str | None = None,
    event_at: datetime | None = None,
    source: str = "live",
) -> Taken:
    """Record one payment for one or several invoices of a client, the first in the list paid first.

    ``parts`` says instead how much of it pays each of them. ``tendered_cents`` is the cash handed over; the rest comes
    back as change. With ``keep_rest`` what is more than is due stays the client's credit. A draft becomes an invoice,
    unless the service is still to come: then what pays it is a deposit and the draft stays one. An invoice forgiven
    before is reopened. Raises NotPermitted, NothingDue, TooMuch, TooLittleCash, DetailMissing, BadInput,
    CardNumberTyped, InvoiceClosed, FundEmpty.
    """
    tender.check()
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return Taken(**dict(work.result))
        given = [Given(tender, amount_cents, tendered_cents)]
        (taken,) = _take(work, invoice_ids, given, parts, keep_rest, event_at, source)
        work.result = taken.__dict__
        return taken


def take_split(
    invoice_ids: Sequence[str],
    given: Sequence[Given],
    *,
    parts: Sequence[int] | None = None,
    keep_rest: bool = False,
    by: Actor,
    key: str | None = None,
) -> list[Taken]:
    """Record money given in several ways at once, such as cash and a card, as one payment each; all or none.

    The first way pays the first invoice first. Raises what ``take_payment`` raises.
    """
    for one in given:
        one.tender.check()
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return [Taken(**dict(one)) for one in work.result]
        taken = _take(work, invoice_ids, given, parts, keep_rest, None, "live")
        work.result = [one.__dict__ for one in taken]
        return taken


def _take(
    work: Work,
    invoice_ids: Sequence[str],
    given: Sequence[Given],
    parts: Sequence[int] | None,
    keep_rest: bool,
    event_at: datetime | None,
    source: str,
) -> list[Taken]:
    invoices, balances = _due(work, invoice_ids)
    currency = invoices[0].currency
    if not given:
        raise BadInput(problem="Enter the amount to be paid: more than zero.")
    left = _parts(sum(one.cents for one in given), balances, parts, keep_rest, currency)
    ahead = [_is_before_service(work, invoice) for invoice in invoices]
    taken = []
    for one in given:
        cash = one.tendered_cents if one.tender.kind == "cash" else None
        _check_cash(one.cents, cash, currency)
        mine, over = [], one.cents
        for place, open_part in enumerate(left):
            mine.append(min(over, open_part))
            left[place] -= mine[-1]
            over -= mine[-1]
        deposit = sum(part for part, is_ahead in zip(mine, ahead, strict=True) if is_ahead)
        payment = _record(
            work, invoices[0], "sale", one.cents, one.tender, event_at, source, tendered=cash, deposit=deposit
        )
        for invoice, part, is_ahead in zip(invoices, mine, ahead, strict=True):
            if part:
                _allocate(work, payment, invoice.id, part, deposit=is_ahead)
        work.audit(
            "payment.taken", "payment", payment.id, reference=payment.reference, tender=one.tender.kind,
            amount_cents=one.cents, invoices=[invoice.number for invoice in invoices], deposit_cents=deposit,
            credit_cents=over,
        )  # fmt: skip
        change = (cash or one.cents) - one.cents
        taken.append(Taken(payment.id, payment.reference, one.cents, change, deposit, over))
    for invoice, is_ahead in zip(invoices, ahead, strict=True):
        if not is_ahead:
            _open(work, invoice, event_at, source)
        end_requests(work, invoice.id, f"paid another way, {taken[0].reference}")
    return taken


def _open(work: Work, invoice: Invoice, event_at: datetime | None = None, source: str = "live") -> None:
    """A ticket that is paid after its service is an invoice from then on."""
    stands = ledger.standing_of(work.session, invoice.id)
    now = None if stands.document == "draft" and bring_to_day(work, invoice) else stands
    ledger.open_document(work, invoice, stands=now, event_at=event_at, source=source)


def _parts(
    cents: int, balances: Sequence[int], wanted: Sequence[int] | None, keep_rest: bool, currency: str
) -> list[int]:
    """How much of an amount pays each balance."""
    due = sum(balances)
    if cents <= 0:
        raise BadInput(problem="Enter the amount to be paid: more than zero.")
    if not due and not keep_rest:
        raise NothingDue()
    if cents > due and not keep_rest:
        raise TooMuch(amount=decimal_text(cents, currency=currency), balance=decimal_text(due, currency=currency))
    if wanted is None:
        parts, left = [], cents
        for balance in balances:
            parts.append(min(left, balance))
            left -= parts[-1]
        return parts
    if len(wanted) != len(balances) or any(part < 0 for part in wanted):
        raise BadInput(problem="Say for each ticket how much of the payment is for it.")
    for part, balance in zip(wanted, balances, strict=True):
        if part > balance:
            raise TooMuch(
                amount=decimal_text(part, currency=currency), balance=decimal_text(balance, currency=currency)
            )
    if sum(wanted) != min(cents, due) and not (keep_rest and sum(wanted) <= cents):
        raise PartsDiffer(
            parts=decimal_text(sum(wanted), currency=currency), amount=decimal_text(cents, currency=currency)
        )
    return list(wanted)


def receive_payment(
    invoice_id: str,
    amount_cents: int,
    tender: Tender,
    *,
    event_at: datetime | None = None,
    by: Actor,
    key: str | None = None,
) -> Taken:
    """Record money that a processor has taken on its own page. It is never refused for its amount or the state of the
    invoice, as it has moved: what exceeds the balance shows as overpaid. Raises NotPermitted, NotFound,
    CardNumberTyped, DetailMissing, BadInput.
    """
    tender.check()
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return Taken(**dict(work.result))
        if amount_cents <= 0:
            raise BadInput(problem="A payment must be more than zero.")
        invoice = ledger.locked_invoice(work, invoice_id)
        stands = _reopened(work, invoice_id)
        is_ahead = _is_before_service(work, invoice)
        payment = _record(
            work, invoice, "sale", amount_cents, tender, event_at, "live", deposit=amount_cents * is_ahead
        )
        _allocate(work, payment, invoice.id, amount_cents, deposit=is_ahead)
        if stands.is_live and not is_ahead:
            _open(work, invoice, event_at)
        work.audit(
            "payment.received", "payment", payment.id, reference=payment.reference, channel=tender.channel,
            amount_cents=amount_cents, invoice=invoice.number,
        )  # fmt: skip
        end_requests(work, invoice.id, f"paid another way, {payment.reference}")
        taken = Taken(payment.id, payment.reference, amount_cents, 0, amount_cents * is_ahead)
        work.result = taken.__dict__
        return taken


def refund(
    invoice_id: str,
    amount_cents: int,
    tender: Tender,
    reason: str,
    *,
    payment_id: str | None = None,
    by: Actor,
    key: str | None = None,
) -> Taken:
    """Give money back, of a certain payment where one is named. What lines are charged stays as it is: remove lines
    first when they should not be owed.

    Raises NotPermitted, TooMuchBack, ReasonMissing, DetailMissing, NotFound.
    """
    tender.check()
    with act(by, "billing.refund", key=key) as work:
        if work.repeated:
            return Taken(**dict(work.result))
        reason = checked_reason(reason)
        invoice = ledger.locked_invoice(work, invoice_id)
        taken = give_back_one(work, invoice, amount_cents, tender, reason, payment_id)
        _end_called_off(work, invoice)
        work.result = taken.__dict__
        return taken


def give_back_one(
    work: Work, invoice: Invoice, cents: int, tender: Tender, reason: str, payment_id: str | None
) -> Taken:
    """One refund inside another rule's transaction. Raises TooMuchBack, NotFound."""
    stands = ledger.standing_of(work.session, invoice.id)
    payment_id = payment_id or _sale_for(work.session, invoice.id, cents, tender)
    left = stands.paid if payment_id is None else min(stands.paid, left_of(work.session, payment_id, invoice.id))
    if not 0 < cents <= left:
        raise TooMuchBack(
            paid=decimal_text(max(left, 0), currency=invoice.currency),
            amount=decimal_text(cents, currency=invoice.currency),
        )
    is_deposit = _is_before_service(work, invoice, called_off=True)
    payment = _record(
        work, invoice, "refund", -cents, tender, None, "live", notes=reason, reverses_id=payment_id,
        deposit=-cents * is_deposit,
    )  # fmt: skip
    _allocate(work, payment, invoice.id, -cents, deposit=is_deposit)
    ledger.add_event(work, invoice.id, "refunded", amount=cents, reason=reason)
    work.audit(
        "payment.refunded", "payment", payment.id, reference=payment.reference, amount_cents=cents,
        invoice=invoice.number, of=payment_id, reason=reason,
    )  # fmt: skip
    return Taken(payment.id, payment.reference, -cents, 0)


def _sale_for(session: ClinicSession, invoice_id: str, cents: int, tender: Tender) -> str | None:
    """The latest payment of an invoice that a refund can be of as a whole, one of its own kind before others."""
    sales = session.scalars(
        select(Payment)
        .join(PaymentAllocation, PaymentAllocation.payment_id == Payment.id)
        .where(PaymentAllocation.invoice_id == invoice_id, Payment.kind == "sale")
        .order_by(Payment.entered_at.desc(), Payment.id.desc())
    ).unique()
    fit = [sale for sale in sales if left_of(session, sale.id, invoice_id) >= cents]
    alike = [sale for sale in fit if (sale.tender, sale.last4) == (tender.kind, tender.last4)]
    return next((sale.id for sale in alike or fit), None)


def left_of(session: ClinicSession, payment_id: str, invoice_id: str | None = None) -> int:
    """What of a sale, or of its part for one invoice, was neither given back, voided nor is on its way back, in cents.

    Raises NotFound for anything but a sale.
    """
    session.flush()
    sale = session.held(Payment, payment_id) if is_id(payment_id) else None
    if sale is None or sale.kind != "sale":
        raise NotFound(what="payment", name="like this")
    back = select(Payment.id).where(Payment.reverses_id == payment_id)
    leaving = session.scalar(
        select(func.sum(ProcessorOrder.amount_cents)).where(
            ProcessorOrder.payment_id == payment_id, ProcessorOrder.kind == "refund",
            ProcessorOrder.state.in_(("intended", "sent", "uncertain")),
        )
    )  # fmt: skip
    gone = session.scalar(select(func.sum(Payment.amount_cents)).where(Payment.reverses_id == payment_id))
    whole = sale.amount_cents + int(gone or 0) - int(leaving or 0)
    if invoice_id is None:
        return whole
    part = session.scalar(
        select(func.sum(PaymentAllocation.amount_cents)).where(
            PaymentAllocation.invoice_id == invoice_id,
            (PaymentAllocation.payment_id == payment_id) | PaymentAllocation.payment_id.in_(back),
        )
    )
    return min(whole, int(part or 0))


def void_payment(payment_id: str, reason: str, *, by: Actor, key: str | None = None) -> str:
    """Take a payment back that never was, keyed by mistake or voided at the terminal; returns the void's reference.

    Raises NotPermitted, AlreadyVoided, TooMuchBack, ReasonMissing, NotFound.
    """
    with act(by, "billing.refund", key=key) as work:
        if work.repeated:
            return str(work.result)
        reason = checked_reason(reason)
        session = work.session
        session.head()
        sale = session.held(Payment, payment_id) if is_id(payment_id) else None
        if sale is None or sale.kind != "sale":
            raise NotFound(what="payment", name="like this")
        if session.scalar(select(Payment.id).where(Payment.reverses_id == payment_id, Payment.kind == "void")):
            raise AlreadyVoided()
        if left_of(session, payment_id) != sale.amount_cents:
            raise PartGivenBack()
        paid = _voidable_parts(session, sale)
        invoice = ledger.invoice_row(session, next(iter(paid))[0], by)
        tender = Tender(sale.tender, sale.last4, sale.brand, sale.authorization, sale.check_number, sale.channel)
        payment = _record(
            work, invoice, "void", -sale.amount_cents, tender, None, "live", notes=reason, reverses_id=sale.id,
            deposit=-sale.deposit_cents,
        )  # fmt: skip
        for (invoice_id, is_deposit), cents in paid.items():
            if cents:
                _allocate(work, payment, invoice_id, -cents, deposit=is_deposit)
            _end_called_off(work, ledger.invoice_row(session, invoice_id, by))
        work.audit(
            "payment.voided", "payment", sale.id, reference=sale.reference, void=payment.reference, reason=reason
        )
        work.result = payment.reference
        return payment.reference


def _voidable_parts(session: ClinicSession, sale: Payment) -> dict[tuple[str, bool], int]:
    """Cents by invoice and whether they are a deposit. Raises TooMuchBack where one was given back another way."""
    found: dict[tuple[str, bool], int] = {}
    for part in session.scalars(select(PaymentAllocation).where(PaymentAllocation.payment_id == sale.id)):
        found[part.invoice_id, part.deposit] = found.get((part.invoice_id, part.deposit), 0) + part.amount_cents
    for invoice_id in {invoice_id for invoice_id, _ in found}:
        paid = ledger.standing_of(session, invoice_id).paid
        cents = sum(cents for (of, _), cents in found.items() if of == invoice_id)
        if cents > paid:
            raise TooMuchBack(
                paid=decimal_text(paid, currency=sale.currency), amount=decimal_text(cents, currency=sale.currency)
            )
    if not found:
        raise NotFound(what="invoice of this payment", name="like this")
    return found


def _check_cash(cents: int, handed: int | None, currency: str) -> None:
    if cents <= 0:
        raise BadInput(problem="Enter the amount to be paid: more than zero.")
    if handed is not None and handed < cents:
        raise TooLittleCash(
            tendered=decimal_text(handed, currency=currency), amount=decimal_text(cents, currency=currency)
        )


def _due(work: Work, invoice_ids: Sequence[str]) -> tuple[list[Invoice], list[int]]:
    invoices, balances = [], []
    for invoice_id in dict.fromkeys(invoice_ids):
        invoice = ledger.locked_invoice(work, invoice_id)
        stands = _reopened(work, invoice_id)
        if not stands.is_live:
            raise ledger.InvoiceClosed(number=invoice.number, state=stands.document)
        invoices.append(invoice)
        balances.append(stands.balance)
    if not invoices:
        raise BadInput(problem="Choose at least one ticket to pay.")
    if len({invoice.client_id for invoice in invoices}) > 1:
        raise BadInput(problem="One payment can only pay tickets of one client. Take a payment for each client.")
    return invoices, balances


def _reopened(work: Work, invoice_id: str) -> Standing:
    """Where an invoice stands, opened again where it was forgiven: it is paid after all."""
    stands = ledger.standing_of(work.session, invoice_id)
    if stands.document == "forgiven":
        ledger.add_event(work, invoice_id, "forgiven", amount=-stands.forgiven, reason="paid after all")
        ledger.add_event(work, invoice_id, "reopened", reason="paid after all")
        stands = ledger.standing_of(work.session, invoice_id)
    return stands


def _is_before_service(work: Work, invoice: Invoice, *, called_off: bool = False) -> bool:
    """Whether the visit this draft is for has still to get its service, or with ``called_off`` never will."""
    if not invoice.appointment_id or ledger.standing_of(work.session, invoice.id).document != "draft":
        return False
    stage = work.session.scalar(select(Appointment.stage).where(Appointment.id == invoice.appointment_id))
    return stage in BEFORE_SERVICE or (called_off and stage in ("cancelled", "no_show"))


def _end_called_off(work: Work, invoice: Invoice) -> None:
    """With its deposit given back, the ticket of a visit that is off has nothing left to stand for."""
    if invoice.appointment_id:
        drop_unpaid(work, work.session.get_one(Appointment, (work.session.clinic_id, invoice.appointment_id)))


def _record(
    work: Work,
    invoice: Invoice,
    kind: str,
    amount: int,
    tender: Tender,
    event_at: datetime | None,
    source: str,
    **more: Any,
) -> Payment:
    session = work.session
    happened = event_at or clock.now()
    zone = ledger.clinic_row(session).zone
    payment = Payment(
        reference=ledger.next_payment_reference(session), kind=kind, amount_cents=amount, currency=invoice.currency,
        tender=tender.kind, channel=tender.channel or ("terminal" if tender.kind == "card" else "other"),
        last4=tender.last4, brand=tender.brand, authorization=tender.authorization,
        check_number=tender.check_number, client_id=invoice.client_id, location_id=invoice.location_id,
        invoice_reference=str(invoice.number), reverses_id=more.get("reverses_id"),
        deposit_cents=more.get("deposit", 0), tendered_cents=more.get("tendered"),
        day=counting_day(session, ledger.day_in(zone, happened)), notes=more.get("notes", tender.notes),
        processor=tender.processor,
        event_at=happened, source=source, by_user_id=work.by.user_id,
    )  # fmt: skip
    session.add(payment)
    session.flush()
    return payment


def _allocate(work: Work, payment: Payment, invoice_id: str, cents: int, *, deposit: bool) -> None:
    work.session.add(
        PaymentAllocation(
            payment_id=payment.id, invoice_id=invoice_id, amount_cents=cents, deposit=deposit,
            event_at=payment.event_at, source=payment.source, by_user_id=payment.by_user_id,
        )
    )  # fmt: skip
    work.session.flush()


def checked_reason(text: str) -> str:
    """Why something is taken back or let go, as it is kept. Raises ReasonMissing, CardNumberTyped."""
    refuse_card_numbers({"The reason": text})
    if not text.strip():
        raise ReasonMissing()
    return text.strip()[:300]
