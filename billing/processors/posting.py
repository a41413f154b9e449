"""Money that moved at a processor, in the ledger: once, in the transaction that ends the order it was moved by.

What a processor says is charged or given back has happened, so nothing here refuses it: what is more than an invoice
had open is kept on it and goes back to the card.
"""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import func, select

from billing import ledger, payments, requests
from billing.payments import Tender
from billing.processors.base import Returned, Sale
from data.models import Invoice, Payment, PaymentAllocation, PaymentRequest, ProcessorOrder
from data.session import ClinicSession
from data.types import clock, new_id
from security.rules import Work

TWICE = "It had been paid another way meanwhile"


def book_sale(work: Work, order: ProcessorOrder, sale: Sale) -> str:
    """The payment of a page that was paid; returns its id. What the invoice did not need any more is ordered back."""
    session = work.session
    cents = sale.amount_cents or order.amount_cents
    digits = sale.last4 if re.fullmatch(r"\d{4}", sale.last4) else ""
    code = sale.authorization if digits and re.fullmatch(r"[A-Za-z0-9-]{2,20}", sale.authorization) else ""
    request = session.get_one(PaymentRequest, (session.clinic_id, str(order.payment_request_id)))
    if request.payment_id is None:
        payment_id = requests.paid(
            request.id, cents, last4=digits, brand=sale.brand[:20], authorization=code, tender=sale.tender,
            processor=order.processor[:40], event_at=_happened(sale.at), by=work.by,
        )  # fmt: skip
    else:  # another page of the same request was paid before: this is money of its own
        tender = Tender(sale.tender, digits, sale.brand[:20], code, channel="payment_request",
                        processor=order.processor[:40])  # fmt: skip
        taken = payments.receive_payment(str(order.invoice_id), cents, tender, event_at=_happened(sale.at), by=work.by)
        payment_id = taken.payment_id
    stands = ledger.standing_of(session, str(order.invoice_id))
    excess = min(cents, stands.overpaid)
    if excess:
        order_back(session, payment_id, order.processor, excess, order.currency, reason=TWICE, by_user_id=None)
    return payment_id


def order_back(
    session: ClinicSession, payment_id: str, slug: str, cents: int, currency: str, *, reason: str,
    by_user_id: str | None, invoice_id: str | None = None,
) -> ProcessorOrder:  # fmt: skip
    """Write down that money is to go back to the card it came from; with ``invoice_id``, of this invoice first."""
    order = ProcessorOrder(
        processor=slug, kind="refund", order_key=new_key(), state="intended", amount_cents=cents, currency=currency,
        payment_id=payment_id, invoice_id=invoice_id, facts={"reason": reason}, due_at=clock.now(),
        by_user_id=by_user_id,
    )  # fmt: skip
    session.add(order)
    session.flush()
    return order


def book_return(work: Work, order: ProcessorOrder, returned: Returned) -> str:
    """The refund (or void) that a processor carried out, spread over the invoices the sale paid; returns its id."""
    session = work.session
    sale = session.get_one(Payment, (session.clinic_id, str(order.payment_id)))
    parts = _parts(session, sale, order.amount_cents, order.invoice_id)
    invoice = session.get_one(Invoice, (session.clinic_id, parts[0][0]))
    reason = str(order.facts.get("reason", ""))
    tender = Tender(
        kind=sale.tender, last4=sale.last4, brand=sale.brand, channel=sale.channel, processor=order.processor[:40]
    )
    kind = "void" if returned.kind == "void" else "refund"
    deposit = -sum(cents for _, cents, is_deposit in parts if is_deposit)
    payment = payments._record(
        work, invoice, kind, -order.amount_cents, tender, _happened(returned.at), "live", notes=reason,
        reverses_id=sale.id, deposit=deposit,
    )  # fmt: skip
    for invoice_id, cents, is_deposit in parts:
        payments._allocate(work, payment, invoice_id, -cents, deposit=is_deposit)
        if kind == "refund":
            ledger.add_event(work, invoice_id, "refunded", amount=cents, reason=reason)
        payments._end_called_off(work, session.get_one(Invoice, (session.clinic_id, invoice_id)))
    work.audit(
        "payment.refunded" if kind == "refund" else "payment.voided", "payment", payment.id,
        reference=payment.reference, amount_cents=order.amount_cents, reason=reason, processor=order.processor,
    )  # fmt: skip
    return payment.id


def unbook_return(work: Work, order: ProcessorOrder) -> str:
    """A refund that never reached the card, out of the books again by a row of its own; returns its id."""
    session = work.session
    made = session.get_one(Payment, (session.clinic_id, str(order.made_payment_id)))
    rows = list(session.scalars(select(PaymentAllocation).where(PaymentAllocation.payment_id == made.id)))
    invoice = session.get_one(Invoice, (session.clinic_id, rows[0].invoice_id))
    tender = Tender(kind=made.tender, last4=made.last4, brand=made.brand, channel=made.channel,
                    processor=made.processor)  # fmt: skip
    reason = "The refund did not reach the card"
    payment = payments._record(
        work, invoice, made.kind, -made.amount_cents, tender, clock.now(), "live", notes=reason,
        reverses_id=made.reverses_id, deposit=-made.deposit_cents,
    )  # fmt: skip
    for row in rows:
        payments._allocate(work, payment, row.invoice_id, -row.amount_cents, deposit=row.deposit)
        ledger.add_event(work, row.invoice_id, "refunded", amount=row.amount_cents, reason=reason)
    work.audit("refund.returned", "payment", payment.id, reference=payment.reference, amount_cents=-made.amount_cents)
    return payment.id


def given_back(session: ClinicSession, payment_id: str) -> int:
    """Cents of a sale that were given back or voided, as a positive number."""
    total = select(func.coalesce(func.sum(Payment.amount_cents), 0)).where(Payment.reverses_id == payment_id)
    return -int(session.scalar(total) or 0)


def new_key() -> str:
    """A number of ours for an order: 20 letters, as the shortest field of a processor takes, and no digit in it."""
    value, letters = int(new_id().replace("-", ""), 16), ""
    for _ in range(28):
        value, place = divmod(value, 24)
        letters += "abcdefghjkmnpqrstuvwxyza"[place]
    return letters[:20]


def _parts(
    session: ClinicSession, sale: Payment, cents: int, invoice_id: str | None = None
) -> list[tuple[str, int, bool]]:
    """Invoice, cents and whether it was a deposit: what is left of the sale's allocations, those of ``invoice_id``
    first, then the first ones first."""
    back = select(Payment.id).where(Payment.reverses_id == sale.id)
    left: dict[tuple[str, bool], int] = {}
    rows = select(PaymentAllocation).where(
        (PaymentAllocation.payment_id == sale.id) | PaymentAllocation.payment_id.in_(back)
    )
    for row in session.scalars(rows.order_by(PaymentAllocation.event_at, PaymentAllocation.id)):
        place = (row.invoice_id, row.deposit)
        left[place] = left.get(place, 0) + row.amount_cents
    parts = []
    for (of, is_deposit), there in sorted(left.items(), key=lambda one: one[0][0] != invoice_id):
        part = min(max(there, 0), cents)
        if part:
            parts.append((of, part, is_deposit))
            cents -= part
    if cents:  # more than is left of it by our books, and yet it went back
        (of, is_deposit), *_ = left
        parts.append((of, cents, is_deposit))
    return parts


def _happened(at: datetime | None) -> datetime:
    now = clock.now()
    return min(at, now) if at is not None else now
