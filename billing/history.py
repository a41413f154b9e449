"""The invoices and payments of one client. Every amount is a sum of append-only rows, in cents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select

from data.models import Appointment, Invoice, InvoiceLine, Patient, Payment
from data.session import ClinicSession
from data.types import clock
from records.access import client_for
from records.checks import clinic_in
from records.family import family
from records.standing import Standing, standings
from security.actor import Actor
from security.rules import look


@dataclass(frozen=True)
class InvoiceSummary:
    """One invoice: charged (net and tax), paid, forgiven, what is still open, and its state in a word."""

    id: str
    number: int
    issued_on: date
    due_on: date | None
    description: str
    currency: str
    charged_cents: int
    paid_cents: int
    forgiven_cents: int
    open_cents: int
    """What the client still owes on it."""
    state: str
    """draft, open, part paid, paid, overdue, void, forgiven."""


@dataclass(frozen=True)
class PaymentSummary:
    """One payment, refund (negative) or void (negative)."""

    id: str
    reference: str
    day: date
    kind: str
    amount_cents: int
    currency: str
    tender: str
    card: str
    """Brand and last four digits."""


@dataclass(frozen=True)
class ClientAccount:
    """A client's side of the books. Money in cents of the clinic's currency."""

    currency: str
    invoices: list[InvoiceSummary] = field(default_factory=list)
    payments: list[PaymentSummary] = field(default_factory=list)

    @property
    def charged_cents(self) -> int:
        """All that was ever charged and not voided."""
        return sum(i.charged_cents for i in self.invoices if i.state not in ("void", "draft"))

    @property
    def paid_cents(self) -> int:
        """All money received less what was given back."""
        return sum(p.amount_cents for p in self.payments)

    @property
    def open_cents(self) -> int:
        """What is owed on all invoices."""
        return sum(i.open_cents for i in self.invoices)


def of_client(client_id: str, *, by: Actor) -> ClientAccount:
    """A client's invoices and payments, the latest first. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "billing.view") as session:
        client = client_for(session, client_id, by)
        ids = family(session, client.id)
        clinic = clinic_in(session)
        today = clock.today(clinic.zone)
        invoices = session.scalars(
            select(Invoice).where(Invoice.client_id.in_(ids)).order_by(Invoice.issued_on.desc(), Invoice.number.desc())
        ).all()
        payments = session.scalars(
            select(Payment).where(Payment.client_id.in_(ids)).order_by(Payment.day.desc(), Payment.event_at.desc())
        ).all()
        return ClientAccount(clinic.currency, _summaries(session, list(invoices), today), [_line(p) for p in payments])


def _summaries(session: ClinicSession, invoices: list[Invoice], today: date) -> list[InvoiceSummary]:
    ids = [invoice.id for invoice in invoices]
    if not ids:
        return []
    named, stands = _services(session, ids), standings(session, ids)
    return [
        InvoiceSummary(
            invoice.id, invoice.number, invoice.issued_on, invoice.due_on,
            invoice.description or named.get(invoice.id, ""), invoice.currency, one.total, one.paid, one.forgiven,
            one.owed, state_of(one, invoice.due_on, today),
        )
        for invoice in invoices
        for one in [stands[invoice.id]]
    ]  # fmt: skip


def patients_of(session: ClinicSession, invoices: Iterable[InvoiceSummary]) -> dict[str, str]:
    """The name of the patient of each invoice that belongs to a visit."""
    rows = (
        select(Invoice.id, Patient.name)
        .join(Appointment, (Appointment.clinic_id == Invoice.clinic_id) & (Appointment.id == Invoice.appointment_id))
        .join(Patient, (Patient.clinic_id == Appointment.clinic_id) & (Patient.id == Appointment.patient_id))
        .where(Invoice.id.in_([one.id for one in invoices]))
    )
    return dict(session.execute(rows).tuples().all())


def state_of(stands: Standing, due_on: date | None, today: date) -> str:
    """The state of an invoice in a word."""
    if stands.document in ("void", "draft"):
        return stands.document
    if not stands.balance:
        return "forgiven" if stands.document == "forgiven" and not stands.paid else "paid"
    if due_on is not None and due_on < today:
        return "overdue"
    return "part paid" if stands.paid else "open"


def _services(session: ClinicSession, ids: list[str]) -> dict[str, str]:
    """What each invoice charges, in words: the services whose lines were not taken back, in their order."""
    lines = select(InvoiceLine.invoice_id, InvoiceLine.description, InvoiceLine.quantity).order_by(InvoiceLine.id)
    found: dict[str, dict[str, int]] = {}
    for invoice_id, name, quantity in session.execute(lines.where(InvoiceLine.invoice_id.in_(ids))):
        charged = found.setdefault(invoice_id, {})
        charged[name] = charged.get(name, 0) + quantity
    return {
        invoice_id: ", ".join(name for name, quantity in charged.items() if quantity > 0)
        for invoice_id, charged in found.items()
    }


def _line(payment: Payment) -> PaymentSummary:
    card = f"{payment.brand} {payment.last4}".strip() if payment.last4 else ""
    return PaymentSummary(
        payment.id, payment.reference, payment.day, payment.kind, payment.amount_cents, payment.currency,
        payment.tender, card,
    )  # fmt: skip
