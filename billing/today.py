"""The owner's and the manager's numbers for the home page, told from the system of record.

Revenue is what the report "Revenue by service" counts: the net of the lines of invoices that are neither void nor
drafts, on the day of the service. Cash received is payments less refunds and voids by the day they were posted.
Outstanding is the sum of the open balances of invoices; a ticket still in the making is not owed yet. All in cents.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select

from billing import ledger
from billing.receivables import by_age, open_charges
from data.models import Appointment, Client, Invoice, InvoiceLine, Patient, Payment
from data.session import ClinicSession
from records.access import NAME, Closed
from records.standing import standings, unbilled_ids
from security.actor import Actor
from security.rules import look, remembered


@dataclass(frozen=True)
class Compared:
    """A number beside the same number a year before; None where there was no such time."""

    now: int
    before: int | None

    @property
    def change_percent(self) -> int | None:
        """How much more it is than before, in whole percent."""
        if not self.before:
            return None
        return round((self.now - self.before) * 100 / self.before)


@dataclass(frozen=True)
class MoneyToday:
    """What the owner sees first."""

    today: Compared
    month: Compared
    received_today: int
    outstanding: int
    outstanding_count: int
    overdue: int
    """Part of the outstanding that is older than 30 days."""
    compared_day: date


@dataclass(frozen=True)
class OpenTicket:
    """An invoice with money still to come."""

    invoice_id: str
    number: int
    client: str
    patient: str
    issued_on: date
    balance: int
    is_draft: bool


def year_before(day: date) -> date:
    """The same calendar day a year earlier; Feb 29 becomes Feb 28."""
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


@remembered("reports.money")
def money_today(day: date, *, by: Actor) -> MoneyToday:
    """Revenue of this day and of its month so far, each against last year, and what is outstanding.

    Today is compared with the same weekday 52 weeks ago, the month with the same days of last year's month.
    Raises NotPermitted.
    """
    with look(by, "reports.money") as session:
        first, last_year = day.replace(day=1), year_before(day)
        weekday = day - timedelta(weeks=52)
        known = session.scalar(select(func.min(InvoiceLine.day)))
        has_year = known is not None and known <= last_year.replace(day=1)

        def before(start: date, end: date) -> int | None:
            return revenue(session, start, end) if has_year else None

        outstanding, count, overdue = _outstanding(session, day)
        received = session.scalar(select(func.sum(Payment.amount_cents)).where(Payment.day == day))
        return MoneyToday(
            today=Compared(revenue(session, day, day), before(weekday, weekday)),
            month=Compared(revenue(session, first, day), before(last_year.replace(day=1), last_year)),
            received_today=int(received or 0),
            outstanding=outstanding,
            outstanding_count=count,
            overdue=overdue,
            compared_day=weekday,
        )


@remembered("billing.invoices")
def open_tickets(day: date, *, limit: int = 8, by: Actor) -> tuple[list[OpenTicket], int, int]:
    """Invoices with an open balance, the largest first, without tickets of today still in the making; then how many
    there are and what they come to. Raises NotPermitted."""
    with look(by, "billing.invoices") as session:
        ids = ledger.open_ids(session)
        stands = {key: value for key, value in standings(session, ids).items() if value.balance}
        rows = session.execute(
            select(Invoice, Client.first_name, Client.last_name, Patient.name, Client.restricted)
            .join(Client, Client.id == Invoice.client_id)
            .outerjoin(Appointment, Appointment.id == Invoice.appointment_id)
            .outerjoin(Patient, Patient.id == Appointment.patient_id)
            .where(Invoice.id.in_(list(stands)))
        )
        found, closed = [], Closed(session, by)
        for invoice, given, family, patient, restricted in rows:
            if stands[invoice.id].document == "draft" and invoice.issued_on >= day:
                continue
            hidden = closed.hides(invoice.client_id, restricted)
            found.append(
                OpenTicket(
                    invoice.id, invoice.number, NAME if hidden else f"{given} {family}".strip(),
                    "" if hidden else patient or "", invoice.issued_on, stands[invoice.id].balance,
                    stands[invoice.id].document == "draft",
                )
            )  # fmt: skip
        found.sort(key=lambda row: (-row.balance, row.number))
        return found[:limit], len(found), sum(row.balance for row in found)


def revenue(session: ClinicSession, first: date, last: date) -> int:
    """Revenue of some days, both included, in cents."""
    statement = select(func.sum(InvoiceLine.net_cents)).where(
        InvoiceLine.day >= first, InvoiceLine.day <= last, InvoiceLine.invoice_id.not_in(unbilled_ids())
    )
    return int(session.scalar(statement) or 0)


def _outstanding(session: ClinicSession, day: date) -> tuple[int, int, int]:
    """What is open, on how many invoices, how much of it is old. A ticket not checked out yet is not owed yet."""
    stands = {
        key: value
        for key, value in standings(session, ledger.open_ids(session)).items()
        if value.balance and value.document != "draft"
    }
    owed: Counter[str] = Counter()
    for invoice_id, client_id in session.execute(
        select(Invoice.id, Invoice.client_id).where(Invoice.id.in_(list(stands)))
    ):
        owed[client_id] += stands[invoice_id].balance
    charges = open_charges(session, owed)
    young = by_age([one for some in charges.values() for one in some], day)[0]
    return owed.total(), len(stands), owed.total() - young
