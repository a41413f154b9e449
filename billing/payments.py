"""Money taken and given back at the counter, and which invoices it pays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from appointments.early_ticket import drop_unpaid
from appointments.stages import BEFORE_ARRIVAL
from billing import ledger
from billing.amounts import decimal_text
from billing.checkout import bring_to_day
from billing.open_links import end_requests
from billing.periods import counting_day
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, NotFound, Refusal
from data.models import Appointment, Invoice, Payment, PaymentAllocation
from data.types import clock
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


class TooLittleCash(BadInput):
    """{tendered} in cash does not cover the {amount} to be paid. Enter what was handed over, or a smaller amount."""


class DetailMissing(BadInput):
    """A {tender} payment needs {what}."""


class TooMuchBack(Refusal):
    """Only {paid} of this invoice was paid, so {amount} cannot be given back."""


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


def take_payment(
    invoice_ids: Sequence[str],
    amount_cents: int,
    tender: Tender,
    *,
    tendered_cents: int | None = None,
    by: Actor,
    key: str | None = None,
    event_at: datetime | None = None,
    source: str = "live",
) -> Taken:
    """Record one payment for one or several invoices of a client, the first in the list paid first.

    ``tendered_cents`` is the cash handed over; the rest comes back as change. A draft becomes an invoice, unless the
    service is still to come: then what pays it is a deposit and the draft stays one. An invoice forgiven before is
    reopened. Raises NotPermitted, NothingDue, TooMuch, TooLittleCash, DetailMissing, BadInput,
    CardNumberTyped, InvoiceClosed, FundEmpty.
    """
    tender.check()
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return Taken(**dict(work.result))
        invoices, balances = _due(work, invoice_ids)
        cash = tendered_cents if tender.kind == "cash" else None
        _check_amount(amount_cents, sum(balances), cash, invoices[0].currency)
        ahead = [_is_before_service(work, invoice) for invoice in invoices]
        parts, left = [], amount_cents
        for balance in balances:
            parts.append(min(left, balance))
            left -= parts[-1]
        deposit = sum(part for part, is_ahead in zip(parts, ahead, strict=True) if is_ahead)
        payment = _record(
            work, invoices[0], "sale", amount_cents, tender, event_at, source, tendered=cash, deposit=deposit
        )
        for invoice, part, is_ahead in zip(invoices, parts, ahead, strict=True):
            if part:
                _allocate(work, payment, invoice.id, part, deposit=is_ahead)
        for invoice, is_ahead in zip(invoices, ahead, strict=True):
            if not is_ahead:
                stands = ledger.standing_of(work.session, invoice.id)
                now = None if stands.document == "draft" and bring_to_day(work, invoice) else stands
                ledger.open_document(work, invoice, stands=now, event_at=event_at, source=source)
        work.audit(
            "payment.taken", "payment", payment.id, reference=payment.reference, tender=tender.kind,
            amount_cents=amount_cents, invoices=[invoice.number for invoice in invoices], deposit_cents=deposit,
        )  # fmt: skip
        for invoice in invoices:
            end_requests(work, invoice.id, f"paid another way, {payment.reference}")
        change = (cash or amount_cents) - amount_cents
        taken = Taken(payment.id, payment.reference, amount_cents, change, deposit)
        work.result = taken.__dict__
        return taken


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
            now = None if stands.document == "draft" and bring_to_day(work, invoice) else stands
            ledger.open_document(work, invoice, stands=now, event_at=event_at)
        work.audit(
            "payment.received", "payment", payment.id, reference=payment.reference, channel=tender.channel,
            amount_cents=amount_cents, invoice=invoice.number,
        )  # fmt: skip
        end_requests(work, invoice.id, f"paid another way, {payment.reference}")
        taken = Taken(payment.id, payment.reference, amount_cents, 0, amount_cents * is_ahead)
        work.result = taken.__dict__
        return taken


def refund(
    invoice_id: str, amount_cents: int, tender: Tender, reason: str, *, by: Actor, key: str | None = None
) -> Taken:
    """Give money back. What lines are charged stays as it is: remove lines first when they should not be owed.

    Raises NotPermitted, TooMuchBack, ReasonMissing, DetailMissing.
    """
    tender.check()
    with act(by, "billing.refund", key=key) as work:
        if work.repeated:
            return Taken(**dict(work.result))
        reason = checked_reason(reason)
        invoice = ledger.locked_invoice(work, invoice_id)
        stands = ledger.standing_of(work.session, invoice_id)
        if not 0 < amount_cents <= stands.paid:
            raise TooMuchBack(
                paid=decimal_text(stands.paid, currency=invoice.currency),
                amount=decimal_text(amount_cents, currency=invoice.currency),
            )
        is_deposit = _is_before_service(work, invoice, called_off=True)
        payment = _record(
            work, invoice, "refund", -amount_cents, tender, None, "live", notes=reason,
            deposit=-amount_cents * is_deposit,
        )  # fmt: skip
        _allocate(work, payment, invoice_id, -amount_cents, deposit=is_deposit)
        ledger.add_event(work, invoice_id, "refunded", amount=amount_cents, reason=reason)
        _end_called_off(work, invoice)
        work.audit(
            "payment.refunded", "payment", payment.id, reference=payment.reference, amount_cents=amount_cents,
            invoice=invoice.number, reason=reason,
        )  # fmt: skip
        taken = Taken(payment.id, payment.reference, -amount_cents, 0)
        work.result = taken.__dict__
        return taken


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
        sale = session.scalars(select(Payment).where(Payment.id == payment_id)).one_or_none()
        if sale is None or sale.kind != "sale":
            raise NotFound(what="payment", name="like this")
        if session.scalar(select(Payment.id).where(Payment.reverses_id == payment_id, Payment.kind == "void")):
            raise AlreadyVoided()
        parts = session.scalars(select(PaymentAllocation).where(PaymentAllocation.payment_id == payment_id)).all()
        for part in parts:
            stands = ledger.standing_of(session, part.invoice_id)
            if part.amount_cents > stands.paid:
                raise TooMuchBack(
                    paid=decimal_text(stands.paid, currency=sale.currency),
                    amount=decimal_text(part.amount_cents, currency=sale.currency),
                )
        invoice = ledger.invoice_row(session, parts[0].invoice_id, by)
        tender = Tender(sale.tender, sale.last4, sale.brand, sale.authorization, sale.check_number, sale.channel)
        payment = _record(
            work, invoice, "void", -sale.amount_cents, tender, None, "live", notes=reason, reverses_id=sale.id,
            deposit=-sale.deposit_cents,
        )  # fmt: skip
        for part in parts:
            _allocate(work, payment, part.invoice_id, -part.amount_cents, deposit=part.deposit)
            _end_called_off(work, ledger.invoice_row(session, part.invoice_id, by))
        work.audit(
            "payment.voided", "payment", sale.id, reference=sale.reference, void=payment.reference, reason=reason
        )
        work.result = payment.reference
        return payment.reference


def _check_amount(cents: int, due: int, handed: int | None, currency: str) -> None:
    if cents <= 0:
        raise BadInput(problem="Enter the amount to be paid: more than zero.")
    if not due:
        raise NothingDue()
    if cents > due:
        raise TooMuch(amount=decimal_text(cents, currency=currency), balance=decimal_text(due, currency=currency))
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
