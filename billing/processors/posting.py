"""Money that moved at a processor, in the ledger: once, in the transaction that ends the order it was moved by.

What a processor says is charged or given back has happened, so nothing here refuses it: what is more than an invoice
had open is kept on it and goes back to the card.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from billing import ledger, payments
from billing.payments import Tender
from billing.processors.base import Returned, Sale
from data.models import Invoice, Payment, PaymentAllocation, PaymentRequest, ProcessorOrder
from data.session import ClinicSession
from data.types import clock, new_id
from security.rules import Work

TWICE = "It had been paid another way meanwhile"


def tender_of(sale: Sale, slug: str) -> Tender:
    """How money came by a processor's page."""
    digits = sale.last4 if len(sale.last4) == 4 and sale.last4.isdigit() else ""
    return Tender(
        kind=sale.tender, last4=digits, brand=sale.brand[:20], authorization=sale.authorization[:20],
        channel="payment_request", processor=slug[:40],
    )  # fmt: skip


def book_sale(
    work: Work, order: ProcessorOrder, request: PaymentRequest | None, sale: Sale, *, plainly: bool = False
) -> str:
    """The payment of a page that was paid; returns its id. What the invoice did not need any more is ordered back.

    ``plainly`` leaves the state of the ticket alone, where its own rules refused the payment.
    """
    session = work.session
    invoice = session.get_one(Invoice, (session.clinic_id, str(order.invoice_id)))
    cents, at = sale.amount_cents or order.amount_cents, _happened(sale.at)
    tender = tender_of(sale, order.processor)
    if request is not None:
        request.state, request.ended_at, request.ended_because = "paid", clock.now(), ""
        session.flush()
    stands = ledger.standing_of(session, invoice.id)
    forgiven = stands.document == "forgiven" and stands.forgiven >= cents
    if not plainly and (forgiven or (stands.is_live and stands.balance >= cents)):
        taken = payments.take_payment([invoice.id], cents, tender, by=work.by, event_at=at)
        payment_id, excess = taken.payment_id, 0
    else:
        excess = cents - max(stands.balance, 0) if stands.is_live else cents
        payment = payments._record(work, invoice, "sale", cents, tender, at, "live")
        payments._allocate(work, payment, invoice.id, cents, deposit=False)
        payment_id = payment.id
        work.audit(
            "payment.taken", "payment", payment.id, reference=payment.reference, tender=tender.kind,
            amount_cents=cents, invoices=[invoice.number], excess_cents=excess,
        )  # fmt: skip
    if request is not None:
        request.payment_id = payment_id
    if excess:
        order_back(session, payment_id, order.processor, excess, order.currency, reason=TWICE, by_user_id=None)
    return payment_id


def order_back(
    session: ClinicSession, payment_id: str, slug: str, cents: int, currency: str, *, reason: str,
    by_user_id: str | None,
) -> ProcessorOrder:  # fmt: skip
    """Write down that money is to go back to the card it came from."""
    order = ProcessorOrder(
        processor=slug, kind="refund", order_key=new_key(), state="intended", amount_cents=cents, currency=currency,
        payment_id=payment_id, facts={"reason": reason}, due_at=clock.now(), by_user_id=by_user_id,
    )  # fmt: skip
    session.add(order)
    session.flush()
    return order


def book_return(work: Work, order: ProcessorOrder, returned: Returned) -> str:
    """The refund (or void) that a processor carried out, spread over the invoices the sale paid; returns its id."""
    session = work.session
    sale = session.get_one(Payment, (session.clinic_id, str(order.payment_id)))
    parts = _parts(session, sale, order.amount_cents)
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


def _parts(session: ClinicSession, sale: Payment, cents: int) -> list[tuple[str, int, bool]]:
    """Invoice, cents and whether it was a deposit: what is left of the sale's allocations, the first ones first."""
    back = select(Payment.id).where(Payment.reverses_id == sale.id)
    left: dict[tuple[str, bool], int] = {}
    rows = select(PaymentAllocation).where(
        (PaymentAllocation.payment_id == sale.id) | PaymentAllocation.payment_id.in_(back)
    )
    for row in session.scalars(rows.order_by(PaymentAllocation.event_at, PaymentAllocation.id)):
        place = (row.invoice_id, row.deposit)
        left[place] = left.get(place, 0) + row.amount_cents
    parts = []
    for (invoice_id, is_deposit), there in left.items():
        part = min(max(there, 0), cents)
        if part:
            parts.append((invoice_id, part, is_deposit))
            cents -= part
    if cents:  # more than is left of it by our books, and yet it went back
        (invoice_id, is_deposit), *_ = left
        parts.append((invoice_id, cents, is_deposit))
    return parts


def _happened(at: datetime | None) -> datetime:
    now = clock.now()
    return min(at, now) if at is not None else now
