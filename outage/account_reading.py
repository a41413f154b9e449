"""The account of an outage, read once in about twenty queries whatever its size."""

from __future__ import annotations

from sqlalchemy import and_, exists, or_, select

from data.models import (
    Appointment,
    Client,
    Clinic,
    FlowEvent,
    Invoice,
    Outage,
    Patient,
    User,
    Waiver,
)
from data.session import ClinicSession
from data.types import clock
from data.wording import Wording
from outage.account import Account, VisitFacts, WaiverFacts
from outage.account_paper import drop_unneeded, read_entries, read_loose_pages, read_pages, read_sheets
from outage.account_taken import read_drugs, read_slips
from outage.outages import days_of, outage_for, rows_of
from records.access import NAME, Closed
from records.standing import standings
from security.actor import Actor

FINAL = ("checked_out", "declined", "died", "cancelled", "no_show")


def read_account(session: ClinicSession, outage_id: str, by: Actor) -> Account:
    """Read what belongs to an outage, within a rule. Raises NotFound."""
    stored = outage_for(session, outage_id)
    clinic = session.get_one(Clinic, session.clinic_id)
    may = session.info.get("may")
    account = Account(
        rows_of(session, stored.id)[0], Wording.of(clinic),
        by.is_trusted or (may is not None and "billing.view" in may),
    )  # fmt: skip
    read_sheets(session, account, stored)
    if stored.scope == "all":
        _read_visits(session, account, stored, by)
        drop_unneeded(account)
        read_pages(session, account)
        read_entries(session, account)
        read_loose_pages(session, account, stored)
        read_drugs(session, account, stored)
    read_slips(session, account, stored)
    for waiver, name in session.execute(
        select(Waiver, User.name)
        .outerjoin(User, (User.clinic_id == Waiver.clinic_id) & (User.id == Waiver.by_user_id))
        .where(Waiver.outage_id == stored.id)
        .order_by(Waiver.id)
    ):
        account.waivers[waiver.entity, waiver.entity_id] = WaiverFacts(
            waiver.id, waiver.entity, waiver.entity_id, waiver.reason, name or "Operator", waiver.entered_at
        )
    return account


def _read_visits(session: ClinicSession, account: Account, stored: Outage, by: Actor) -> None:
    first, last = days_of(stored.began_at, stored.ended_at, account.words.zone)
    used = {sheet.appointment_id for sheet in account.sheets.values() if sheet.appointment_id and sheet.has_come}
    on_paper = exists().where(
        FlowEvent.clinic_id == Appointment.clinic_id, FlowEvent.appointment_id == Appointment.id,
        FlowEvent.source == "paper",
    )  # fmt: skip
    in_time = and_(
        Appointment.day.between(first, last),
        Appointment.starts_at < (stored.ended_at or clock.now()),
        Appointment.stage.not_in(("cancelled", "requested", "unknown")),
        or_(Appointment.stage.not_in(FINAL), Appointment.stage_at >= stored.began_at, on_paper),
    )
    statement = (
        select(
            Appointment.id, Appointment.number, Patient.name, Client.id, Client.first_name, Client.last_name,
            Client.restricted, Appointment.day, Appointment.starts_at, Appointment.stage, Appointment.walk_in,
        )
        .join(Client, (Client.clinic_id == Appointment.clinic_id) & (Client.id == Appointment.client_id))
        .join(Patient, (Patient.clinic_id == Appointment.clinic_id) & (Patient.id == Appointment.patient_id))
    )  # fmt: skip
    rows = {
        row[0]: row for mine in (in_time, Appointment.id.in_(used)) for row in session.execute(statement.where(mine))
    }
    found = sorted(rows.values(), key=lambda row: (row.day, row.starts_at, row.number))
    bills = select(Invoice.number, Invoice.appointment_id, Invoice.id).where(Invoice.appointment_id.in_(list(rows)))
    invoices: dict[str | None, str] = {
        appointment_id: invoice_id for _, appointment_id, invoice_id in sorted(session.execute(bills).tuples())
    }
    stands = standings(session, invoices.values()) if invoices else {}
    closed = Closed(session, by)
    for row in found:
        hidden = closed.hides(row[3], row.restricted)
        owner = f"{row.last_name}, {row.first_name}" if row.first_name else row.last_name
        invoice = invoices.get(row[0])
        account.visits[row[0]] = VisitFacts(
            row[0], row.number, NAME if hidden else row.name, "" if hidden else owner, row.day, row.starts_at,
            row.stage, row.walk_in, hidden, invoice, stands.get(invoice or ""),
        )  # fmt: skip
