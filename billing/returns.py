"""Giving money back over several payments at once, by lines or by amount; and a client's credit.

Credit is what a client paid and no invoice takes: the rest of a payment, or more paid on an invoice than it came to.
It pays another ticket of the client, or goes back. A move is a pair of allocations of the same payment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from billing import ledger
from billing.amounts import decimal_text
from billing.lines import reverse, standing_line
from billing.open_links import end_requests
from billing.payments import (
    Taken,
    Tender,
    TooMuchBack,
    _end_called_off,
    _is_before_service,
    _open,
    _record,
    checked_reason,
    give_back_one,
    left_of,
)
from data.errors import BadInput, NotFound, Refusal
from data.models import Invoice, Payment, PaymentAllocation
from data.session import ClinicSession
from data.types import clock
from records.access import client_for
from records.family import family
from records.standing import standings
from security.actor import Actor
from security.rules import Work, act, look


class NoCredit(Refusal):
    """The client has {credit} of credit, which is less than {amount}. Look at the ticket again."""


@dataclass(frozen=True)
class Back:
    """Cents that go back to the client, of a certain payment, by a tender."""

    payment_id: str
    cents: int
    tender: Tender


@dataclass(frozen=True)
class Returnable:
    """A payment of an invoice of which something can still be given back."""

    payment_id: str
    reference: str
    tender: Tender
    left_cents: int
    paid_online: bool
    """Taken by a processor on its own page, which gives it back itself."""


@dataclass(frozen=True)
class Source:
    """Where credit comes from: a payment, and the invoice that was overpaid; none for a payment's own rest."""

    payment_id: str
    invoice_id: str | None
    is_deposit: bool
    cents: int


def returnable(invoice_id: str, *, by: Actor) -> list[Returnable]:
    """The payments of an invoice of which something is left, the latest first.

    Raises NotFound, RestrictedRecord, NotPermitted.
    """
    with look(by, "billing.view") as session:
        ledger.invoice_row(session, invoice_id, by)
        found = []
        for sale in _sales(session, invoice_id):
            left = left_of(session, sale.id, invoice_id)
            if left > 0:
                tender = Tender(sale.tender, sale.last4, sale.brand, sale.authorization, sale.check_number)
                found.append(Returnable(sale.id, sale.reference, tender, left, bool(sale.processor)))
        return found


def give_back(
    invoice_id: str,
    backs: Sequence[Back],
    reason: str,
    *,
    line_ids: Sequence[str] = (),
    by: Actor,
    key: str | None = None,
) -> list[Taken]:
    """Give money back of one or several payments of an invoice and, with ``line_ids``, take these lines off it; all or
    nothing. Without lines the charges stay, and what goes back is open again.

    Raises NotPermitted, TooMuchBack, ReasonMissing, DetailMissing, LineChanged, InvoiceClosed, NotFound, BadInput.
    """
    with act(by, "billing.refund", key=key) as work:
        if work.repeated:
            return [Taken(**dict(one)) for one in work.result]
        if not backs and not line_ids:
            raise BadInput(problem="Say how much is given back, and by which payment.")
        taken = give_back_in(work, invoice_id, backs, reason, line_ids)
        work.result = [one.__dict__ for one in taken]
        return taken


def give_back_in(
    work: Work, invoice_id: str, backs: Sequence[Back], reason: str, line_ids: Sequence[str] = ()
) -> list[Taken]:
    """The same inside another rule's transaction, which may order more back at a processor."""
    for back in backs:
        back.tender.check()
    reason = checked_reason(reason)
    invoice = ledger.locked_invoice(work, invoice_id)
    for line_id in dict.fromkeys(line_ids):
        line, of, day = standing_line(work, line_id)
        if of.id != invoice_id:
            raise NotFound(what="line", name="of this invoice")
        reverse(work, invoice, line, day)
    taken = [give_back_one(work, invoice, one.cents, one.tender, reason, one.payment_id) for one in backs]
    _end_called_off(work, invoice)
    work.audit(
        "invoice.given_back", "invoice", invoice_id, number=invoice.number, lines=len(set(line_ids)),
        cents=sum(back.cents for back in backs), reason=reason,
    )  # fmt: skip
    return taken


def credit(client_id: str, *, by: Actor) -> int:
    """The client's credit in cents. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "billing.view") as session:
        client = client_for(session, client_id, by)
        return sum(source.cents for source in credit_sources(session, client.id))


def loose_credit(client_id: str, *, by: Actor) -> int:
    """The part of the credit that no invoice holds and that can go back by itself: the rest of payments.

    Raises NotFound, RestrictedRecord, NotPermitted.
    """
    with look(by, "billing.view") as session:
        client = client_for(session, client_id, by)
        return sum(one.cents for one in credit_sources(session, client.id) if one.invoice_id is None)


def use_credit(invoice_id: str, cents: int, *, by: Actor, key: str | None = None) -> int:
    """Pay a ticket out of the client's credit; returns what is left of the credit.

    Raises NotPermitted, NotFound, InvoiceClosed, NoCredit, BadInput, FundEmpty.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return int(work.result)
        session = work.session
        invoice, stands = ledger.live_invoice(work, invoice_id)
        sources = [one for one in credit_sources(session, invoice.client_id) if one.invoice_id != invoice_id]
        total = sum(source.cents for source in sources)
        if cents <= 0 or cents > stands.balance:
            raise BadInput(problem="Enter an amount of the credit: more than zero, and at most what is due.")
        if cents > total:
            raise NoCredit(
                credit=decimal_text(total, currency=invoice.currency),
                amount=decimal_text(cents, currency=invoice.currency),
            )
        wanted = cents
        for source in sources:
            part = min(source.cents, wanted)
            if not part:
                break
            wanted -= part
            payment = session.get_one(Payment, (session.clinic_id, source.payment_id))
            if source.invoice_id is not None:
                _move(work, payment, source.invoice_id, -part, source.is_deposit)
            _move(work, payment, invoice_id, part, source.is_deposit)
        if not _is_before_service(work, invoice):
            _open(work, invoice)
        end_requests(work, invoice_id, "paid out of credit")
        work.audit("credit.used", "invoice", invoice_id, number=invoice.number, cents=cents)
        work.result = total - cents
        return total - cents


def refund_credit(
    client_id: str, cents: int, tender: Tender, reason: str, *, by: Actor, key: str | None = None
) -> list[Taken]:
    """Give back credit that no invoice holds: the rest of payments. Raises NotPermitted, TooMuchBack, ReasonMissing."""
    tender.check()
    with act(by, "billing.refund", key=key) as work:
        if work.repeated:
            return [Taken(**dict(one)) for one in work.result]
        session = work.session
        session.head()
        reason = checked_reason(reason)
        client = client_for(session, client_id, by)
        sources = [one for one in credit_sources(session, client.id) if one.invoice_id is None]
        total = sum(source.cents for source in sources)
        currency = ledger.clinic_row(session).currency
        if not 0 < cents <= total:
            raise TooMuchBack(
                paid=decimal_text(total, currency=currency), amount=decimal_text(cents, currency=currency)
            )
        taken = []
        for source in sources:
            part = min(source.cents, cents)
            if not part:
                break
            cents -= part
            sale = session.get_one(Payment, (session.clinic_id, source.payment_id))
            invoice = session.scalars(select(Invoice).where(Invoice.number == int(sale.invoice_reference))).one()
            back = _record(work, invoice, "refund", -part, tender, None, "live", notes=reason, reverses_id=sale.id)
            taken.append(Taken(back.id, back.reference, -part, 0))
            work.audit(
                "payment.refunded", "payment", back.id, reference=back.reference, amount_cents=part, of=sale.id,
                reason=reason,
            )  # fmt: skip
        work.result = [one.__dict__ for one in taken]
        return taken


def credit_sources(session: ClinicSession, client_id: str) -> list[Source]:
    """Where a client's credit lies, the rest of payments first. What files brought without an invoice is no credit:
    what it paid is only not known here."""
    session.flush()
    ids = family(session, client_id)
    found = []
    for sale_id, rest in _rests(session, ids).items():
        part = min(rest, left_of(session, sale_id)) if rest > 0 else 0
        if part > 0:
            found.append(Source(sale_id, None, False, part))
    invoice_ids = session.scalars(select(Invoice.id).where(Invoice.client_id.in_(ids)).order_by(Invoice.number)).all()
    stands = standings(session, invoice_ids)
    for invoice_id in invoice_ids:
        over = stands[invoice_id].overpaid
        for sale in _sales(session, invoice_id) if over else ():
            parts = _parts_of(session, sale.id, invoice_id, min(over, left_of(session, sale.id, invoice_id)))
            found += [Source(sale.id, invoice_id, is_deposit, cents) for is_deposit, cents in parts]
            over -= sum(cents for _, cents in parts)
    return found


def _rests(session: ClinicSession, client_ids: Sequence[str]) -> dict[str, int]:
    """What of each sale, and of what went back of it, no invoice holds."""
    sale = func.coalesce(Payment.reverses_id, Payment.id)
    mine = Payment.client_id.in_(client_ids), Payment.source != "import"
    moved = select(sale, func.sum(Payment.amount_cents)).where(*mine).group_by(sale)
    held = select(sale, func.sum(PaymentAllocation.amount_cents)).where(*mine).group_by(sale)
    held = held.join(PaymentAllocation, PaymentAllocation.payment_id == Payment.id)
    allocated = {row[0]: int(row[1]) for row in session.execute(held)}
    order = {row: None for row in session.scalars(
        select(Payment.id).where(*mine, Payment.kind == "sale").order_by(Payment.entered_at, Payment.id)
    )}  # fmt: skip
    sums = {row[0]: int(row[1]) - allocated.get(row[0], 0) for row in session.execute(moved)}
    return {sale_id: sums[sale_id] for sale_id in order if sums.get(sale_id)}


def _sales(session: ClinicSession, invoice_id: str) -> list[Payment]:
    """The sales of which something was once paid on an invoice, the latest first."""
    ids = select(PaymentAllocation.payment_id).where(PaymentAllocation.invoice_id == invoice_id)
    return list(
        session.scalars(
            select(Payment)
            .where(Payment.id.in_(ids), Payment.kind == "sale")
            .order_by(Payment.entered_at.desc(), Payment.id.desc())
        )
    )


def _parts_of(session: ClinicSession, sale_id: str, invoice_id: str, cents: int) -> list[tuple[bool, int]]:
    """Cents of a sale on an invoice, told apart by whether they are a deposit."""
    rows = session.execute(
        select(PaymentAllocation.deposit, func.sum(PaymentAllocation.amount_cents))
        .where(PaymentAllocation.payment_id == sale_id, PaymentAllocation.invoice_id == invoice_id)
        .group_by(PaymentAllocation.deposit)
        .order_by(PaymentAllocation.deposit)
    )
    parts = []
    for is_deposit, there in rows:
        part = max(0, min(int(there), cents))
        if part:
            parts.append((bool(is_deposit), part))
            cents -= part
    return parts


def _move(work: Work, payment: Payment, invoice_id: str, cents: int, is_deposit: bool) -> None:
    """Let a payment pay more or less of an invoice, from now on; the mark of a deposit goes with the money."""
    work.session.add(
        PaymentAllocation(
            payment_id=payment.id, invoice_id=invoice_id, amount_cents=cents, deposit=is_deposit,
            event_at=clock.now(), by_user_id=work.by.user_id,
        )
    )  # fmt: skip
    work.session.flush()
