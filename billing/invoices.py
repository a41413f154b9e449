"""All invoices of the clinic, a client's invoices, and the ends an invoice can come to: void, forgiven, reopened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import String, cast, func, or_, select

from appointments.funding import follow, give_back
from appointments.moves import appointment_for_change
from billing import ledger
from billing.lines import standing_lines
from billing.open_links import STANDING, end_requests
from billing.payments import checked_reason
from data.errors import Refusal
from data.models import Appointment, Client, Invoice, Patient, PaymentRequest
from records.access import NAME, Closed, client_for
from records.standing import Standing, standings
from security.actor import Actor
from security.rules import act, look, remembered

STATUSES = {
    "": "All", "open": "Still open", "paid": "Paid", "partial": "Part paid", "unpaid": "Unpaid", "draft": "Draft",
    "refunded": "Refunded", "forgiven": "Forgiven", "void": "Void",
}  # fmt: skip


class StillPaid(Refusal):
    """Money was taken for this invoice. Refund it or void the payment first; then the invoice can be voided."""


class NothingToForgive(Refusal):
    """Nothing is open on this invoice, so there is nothing to forgive."""


@dataclass(frozen=True)
class Row:
    """One invoice in a list."""

    id: str
    number: int
    issued_on: date
    client_id: str
    client: str
    patient: str
    total: int
    balance: int
    status: str
    document: str
    description: str = ""
    """What an invoice without a visit is for."""
    is_asked_for: bool = False
    """Whether a payment request stands."""


@dataclass(frozen=True)
class Listing:
    """A list of invoices with its sums over every row found, of which ``rows`` are the first."""

    rows: list[Row]
    found: int
    total: int
    balance: int


@remembered("billing.invoices")
def invoices(first: date, last: date, *, status: str = "", search: str = "", limit: int = 500, by: Actor) -> Listing:
    """The clinic's invoices issued in these days (both included), newest first. Raises NotPermitted.

    One of a restricted record keeps its number, day and sums, so that the books add up, and is found by its number.
    """
    with look(by, "billing.invoices") as session:
        statement = (
            select(*_HEAD, Patient.name, Client.first_name, Client.last_name, Client.restricted)
            .join(Client, Client.id == Invoice.client_id)
            .outerjoin(Appointment, Appointment.id == Invoice.appointment_id)
            .outerjoin(Patient, Patient.id == Appointment.patient_id)
            .where(Invoice.issued_on >= first, Invoice.issued_on <= last)
            .order_by(Invoice.issued_on.desc(), Invoice.number.desc())
        )
        words = search.strip().lower()
        if words:
            like = f"%{words}%"
            statement = statement.where(
                or_(
                    func.lower(Client.first_name + " " + Client.last_name).like(like),
                    func.lower(Patient.name).like(like),
                    cast(Invoice.number, String) == words.lstrip("#"),
                )
            )
        within = select(Invoice.id).where(Invoice.issued_on >= first, Invoice.issued_on <= last)
        stands = standings(session, within)
        rows, closed = [], Closed(session, by)
        for row in session.execute(statement):
            if not _fits(stands[row.id], status):
                continue
            if not closed.hides(row.client_id, row.restricted):
                rows.append(_row(row, f"{row.first_name} {row.last_name}".strip(), stands[row.id]))
            elif not words or str(row.number) == words.lstrip("#"):
                rows.append(replace(_row(row, NAME, stands[row.id]), patient=NAME if row.name else "", description=""))
        asked = set(
            session.scalars(
                select(PaymentRequest.invoice_id).where(
                    PaymentRequest.state.in_(STANDING), PaymentRequest.invoice_id.in_(within)
                )
            )
        )
        rows = [replace(row, is_asked_for=True) if row.id in asked else row for row in rows]
        counted = [row for row in rows if row.document != "void"]
        return Listing(rows[:limit], len(rows), sum(row.total for row in counted), sum(row.balance for row in counted))


def invoices_of(client_id: str, *, by: Actor) -> list[Row]:
    """A client's invoices, newest first. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "billing.view") as session:
        client_for(session, client_id, by)
        statement = (
            select(*_HEAD, Patient.name)
            .outerjoin(Appointment, Appointment.id == Invoice.appointment_id)
            .outerjoin(Patient, Patient.id == Appointment.patient_id)
            .where(Invoice.client_id == client_id)
            .order_by(Invoice.number.desc())
        )
        found = session.execute(statement).all()
        stands = standings(session, [row.id for row in found])
        return [_row(row, "", stands[row.id]) for row in found]


def void_invoice(invoice_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Say that an invoice never should have been. Raises NotPermitted, StillPaid, ReasonMissing, InvoiceClosed."""
    with act(by, "billing.refund", key=key) as work:
        if work.repeated:
            return
        reason = checked_reason(reason)
        invoice, stands = ledger.live_invoice(work, invoice_id)
        if stands.paid:
            raise StillPaid()
        for line in standing_lines(work.session, invoice_id):
            give_back(work, line.id)
        ledger.add_event(work, invoice_id, "voided", amount=stands.total, reason=reason)
        if invoice.appointment_id:
            follow(work, appointment_for_change(work.session, invoice.appointment_id))
        end_requests(work, invoice_id, "the invoice is void")
        work.audit("invoice.voided", "invoice", invoice_id, number=invoice.number, reason=reason)


def forgive(invoice_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Let go of what is still open. Raises NotPermitted, NothingToForgive, ReasonMissing, InvoiceClosed."""
    with act(by, "billing.refund", key=key) as work:
        if work.repeated:
            return
        reason = checked_reason(reason)
        invoice, stands = ledger.live_invoice(work, invoice_id)
        if not stands.balance:
            raise NothingToForgive()
        ledger.open_document(work, invoice)
        ledger.add_event(work, invoice_id, "forgiven", amount=stands.balance, reason=reason)
        end_requests(work, invoice_id, "the rest was forgiven")
        work.audit(
            "invoice.forgiven", "invoice", invoice_id, number=invoice.number, amount_cents=stands.balance, reason=reason
        )


_HEAD = (Invoice.id, Invoice.number, Invoice.issued_on, Invoice.client_id, Invoice.description)


def _row(row: Any, client: str, stands: Standing) -> Row:
    return Row(
        row.id, row.number, row.issued_on, row.client_id, client, row.name or "", stands.total, stands.balance,
        stands.label, stands.document, row.description,
    )  # fmt: skip


def _fits(stands: Standing, status: str) -> bool:
    if not status:
        return True
    if status == "open":
        return stands.balance > 0 and stands.document != "void"
    return stands.label == status
