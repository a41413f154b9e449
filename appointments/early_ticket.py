"""The early ticket of a visit that never comes: one that was opened before the patient arrived.

Nothing on it is owed, so it is void together with the visit. Money taken on it is a deposit: then the ticket stays
until somebody gives the money back, and is void with that, or books the visit again. Billing opens tickets; that this
end of theirs stands here keeps the visit and its ticket in one transaction.
"""

from __future__ import annotations

from sqlalchemy import func, select

from appointments.funding import OFF, give_back
from data.models import Appointment, Invoice, InvoiceEvent, InvoiceLine, PaymentAllocation
from data.session import ClinicSession
from data.types import clock
from security.rules import Work


def paid_ahead(session: ClinicSession, appointment_id: str) -> int:
    """What was paid on the early tickets of a visit and not given back, in cents."""
    return sum(_paid(session, invoice.id) for invoice in _drafts(session, appointment_id))


def drop_unpaid(work: Work, appointment: Appointment) -> None:
    """Void the early tickets of a visit that is off, where nothing is paid on them; the calling rule audits too."""
    session = work.session
    if appointment.stage not in OFF:
        return
    for invoice in _drafts(session, appointment.id):
        if _paid(session, invoice.id):
            continue
        lines = session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id)).all()
        for line in lines:
            give_back(work, line.id, "ticket void")
        reason = "visit canceled" if appointment.stage == "cancelled" else OFF[appointment.stage]
        session.add(
            InvoiceEvent(
                invoice_id=invoice.id, kind="voided", reason=reason, event_at=clock.now(), by_user_id=work.by.user_id,
                amount_cents=sum(line.net_cents + line.tax_cents for line in lines),
            )
        )  # fmt: skip
        work.audit("invoice.voided", "invoice", invoice.id, number=invoice.number, reason=reason)


def _drafts(session: ClinicSession, appointment_id: str) -> list[Invoice]:
    session.flush()
    drafted = select(InvoiceEvent.invoice_id).where(InvoiceEvent.kind == "drafted")
    ended = select(InvoiceEvent.invoice_id).where(InvoiceEvent.kind.in_(("opened", "reopened", "forgiven", "voided")))
    return list(
        session.scalars(
            select(Invoice).where(
                Invoice.appointment_id == appointment_id, Invoice.id.in_(drafted), Invoice.id.not_in(ended)
            )
        )
    )


def _paid(session: ClinicSession, invoice_id: str) -> int:
    statement = select(func.sum(PaymentAllocation.amount_cents)).where(PaymentAllocation.invoice_id == invoice_id)
    return int(session.scalar(statement) or 0)
