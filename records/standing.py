"""Where an invoice stands, told from its append-only rows alone.

The document has one state (draft, open, void, forgiven), the money another (unpaid, partial, paid, refunded); neither
is stored, so neither can disagree with the rows. It stands below appointments and billing because rosters, the client's
page and the counter all tell what is owed, and must tell the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, select

from data.models import Invoice, InvoiceEvent, InvoiceLine, Payment, PaymentAllocation
from data.session import ClinicSession

_LEADS_TO = {"drafted": "draft", "opened": "open", "reopened": "open", "voided": "void", "forgiven": "forgiven"}


@dataclass(frozen=True)
class Standing:
    """An invoice's sums in cents. ``paid`` is what came in less what went back; ``balance`` is never negative."""

    document: str
    payment: str
    net: int = 0
    tax: int = 0
    total: int = 0
    received: int = 0
    refunded: int = 0
    paid: int = 0
    forgiven: int = 0
    balance: int = 0
    overpaid: int = 0

    @property
    def is_live(self) -> bool:
        """Whether lines and payments may still be added."""
        return self.document in ("draft", "open")

    @property
    def owed(self) -> int:
        """What is still to be paid; a ticket in the making is not owed yet."""
        return 0 if self.document == "draft" else self.balance

    @property
    def label(self) -> str:
        """The one word a list shows."""
        if self.document in ("void", "forgiven"):
            return self.document
        if self.document == "draft" and self.payment in ("unpaid", "paid") and not self.received:
            return "draft"
        return self.payment


def document_state(kinds: Iterable[str]) -> str:
    """The state after events of these kinds, in the order they were entered. A void invoice stays void."""
    state = "draft"
    for kind in kinds:
        if state == "void":
            break
        state = _LEADS_TO.get(kind, state)
    return state


def payment_state(total: int, received: int, refunded: int) -> str:
    """unpaid, partial, paid or refunded. Nothing owed counts as paid."""
    paid = received - refunded
    if refunded and paid <= 0:
        return "refunded"
    if paid >= total:
        return "paid"
    return "partial" if paid > 0 else "unpaid"


def standing(
    lines: Iterable[tuple[int, int]],
    events: Iterable[tuple[str, int]],
    allocations: Iterable[tuple[str, int]],
) -> Standing:
    """The standing from lines (net, tax), events (kind, amount) and allocations (payment kind, amount)."""
    net = tax = 0
    for line_net, line_tax in lines:
        net, tax = net + line_net, tax + line_tax
    kinds, forgiven = [], 0
    for kind, amount in events:
        kinds.append(kind)
        if kind == "forgiven":
            forgiven += amount
        elif kind == "reopened":
            forgiven = 0
    received = refunded = 0
    for kind, amount in allocations:
        if kind == "refund":
            refunded -= amount
        else:
            received += amount
    return from_sums(net, tax, document_state(kinds), forgiven, received, refunded)


def from_sums(net: int, tax: int, document: str, forgiven: int, received: int, refunded: int) -> Standing:
    """The same from sums a query made."""
    total, paid = net + tax, received - refunded
    left = (0 if document == "void" else total) - paid - (forgiven if document == "forgiven" else 0)
    return Standing(
        document=document,
        payment=payment_state(total, received, refunded),
        net=net,
        tax=tax,
        total=total,
        received=received,
        refunded=refunded,
        paid=paid,
        forgiven=forgiven if document == "forgiven" else 0,
        balance=max(0, left),
        overpaid=max(0, -left),
    )


def standings(session: ClinicSession, ids: Iterable[str] | Select[Any]) -> dict[str, Standing]:
    """Where invoices stand, in three queries; ``ids`` is a list or a SELECT of invoice ids."""
    wanted = ids if isinstance(ids, Select) else list(ids)
    sums = {
        row[0]: (int(row[1]), int(row[2]))
        for row in session.execute(
            select(InvoiceLine.invoice_id, func.sum(InvoiceLine.net_cents), func.sum(InvoiceLine.tax_cents))
            .where(InvoiceLine.invoice_id.in_(wanted))
            .group_by(InvoiceLine.invoice_id)
        )
    }
    amount = PaymentAllocation.amount_cents
    money = {
        row[0]: (int(row[1]), -int(row[2]))
        for row in session.execute(
            select(
                PaymentAllocation.invoice_id,
                func.sum(case((Payment.kind != "refund", amount), else_=0)),
                func.sum(case((Payment.kind == "refund", amount), else_=0)),
            )
            .join(Payment, Payment.id == PaymentAllocation.payment_id)
            .where(PaymentAllocation.invoice_id.in_(wanted))
            .group_by(PaymentAllocation.invoice_id)
        )
    }
    events: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for invoice_id, kind, cents in session.execute(
        select(InvoiceEvent.invoice_id, InvoiceEvent.kind, InvoiceEvent.amount_cents)
        .where(InvoiceEvent.invoice_id.in_(wanted))
        .order_by(InvoiceEvent.entered_at, InvoiceEvent.id)
    ):
        events[invoice_id].append((kind, int(cents)))
    known = session.scalars(select(Invoice.id).where(Invoice.id.in_(wanted)))
    found = {}
    for invoice_id in known:
        net, tax = sums.get(invoice_id, (0, 0))
        received, refunded = money.get(invoice_id, (0, 0))
        told = events.get(invoice_id, [])
        forgiven = 0
        for kind, cents in told:
            forgiven = forgiven + cents if kind == "forgiven" else 0 if kind == "reopened" else forgiven
        document = document_state(kind for kind, _ in told)
        found[invoice_id] = from_sums(net, tax, document, forgiven, received, refunded)
    return found


def voided_ids() -> Select[Any]:
    """The ids of void invoices, for narrowing a query."""
    return select(InvoiceEvent.invoice_id).where(InvoiceEvent.kind == "voided")


def unbilled_ids() -> Select[Any]:
    """The ids of void invoices and of tickets that are drafts: what reports of revenue leave out."""
    closed = select(InvoiceEvent.invoice_id).where(InvoiceEvent.kind.in_(("opened", "reopened", "forgiven")))
    return select(InvoiceEvent.invoice_id).where(
        (InvoiceEvent.kind == "voided") | ((InvoiceEvent.kind == "drafted") & InvoiceEvent.invoice_id.not_in(closed))
    )
