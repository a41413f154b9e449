"""The invoice's rows inside a transaction: standing, numbers, tax, events. Rules of billing/ build on it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from appointments.funding import FundEmpty, add_fund_entry, has_enough
from billing.pricing import NO_TAX, Rounding, Running, TaxRate
from billing.settings import TAX, TAX_RULES
from data import definitions
from data.errors import NotFound, Refusal
from data.kept import carried
from data.models import (
    Clinic,
    Fund,
    FundEntry,
    Invoice,
    InvoiceEvent,
    InvoiceLine,
    Payment,
    PaymentAllocation,
)
from data.session import ClinicSession
from data.types import clock, is_id
from records.access import client_for
from records.standing import Standing, standings, voided_ids
from security.actor import Actor
from security.rules import Work


class InvoiceClosed(Refusal):
    """Invoice {number} is {state}, so nothing can be added to it. Open a new ticket for what is to be charged now."""


def clinic_row(session: ClinicSession) -> Clinic:
    """The clinic of this transaction."""
    clinic = session.held(Clinic, session.clinic_id)
    assert clinic is not None
    return clinic


def today(session: ClinicSession) -> date:
    """The calendar day at the clinic."""
    return clock.today(clinic_row(session).zone)


def locked_invoice(work: Work, invoice_id: str) -> Invoice:
    """The invoice, after waiting for whoever else is writing in this clinic. Raises NotFound, RestrictedRecord."""
    work.session.head()
    return invoice_row(work.session, invoice_id, work.by)


def invoice_row(session: ClinicSession, invoice_id: str, by: Actor) -> Invoice:
    """The invoice's head. Raises NotFound, RestrictedRecord."""
    found = session.held(Invoice, invoice_id) if is_id(invoice_id) else None
    if found is None:
        raise NotFound(what="invoice", name="like this")
    client_for(session, found.client_id, by)
    return found


def live_invoice(work: Work, invoice_id: str) -> tuple[Invoice, Standing]:
    """The locked invoice and its standing; raises InvoiceClosed for a void or forgiven one, NotFound."""
    invoice = locked_invoice(work, invoice_id)
    stands = standing_of(work.session, invoice_id)
    if not stands.is_live:
        raise InvoiceClosed(number=invoice.number, state=stands.document)
    return invoice, stands


def standing_of(session: ClinicSession, invoice_id: str) -> Standing:
    """Where one invoice stands."""
    session.flush()
    return standings(session, [invoice_id])[invoice_id]


def open_ids(session: ClinicSession) -> frozenset[str]:
    """The invoices on which something is still to be paid or was paid too much, void ones aside.

    Found by sums over every invoice the first time, and afterwards over those alone that something happened to.
    """

    def follow(known: frozenset[str], since: int) -> frozenset[str]:
        touched = _touched(session, since)
        return (known - touched) | _unbalanced(session, touched) if touched else known

    change = session.seen_change()
    return carried(session.clinic_id, change, ("open invoices",), lambda: _unbalanced(session), follow)


def _touched(session: ClinicSession, since: int) -> frozenset[str]:
    """The invoices whose lines, money or state changed after a change number, by rows taken back too."""
    found: set[str] = set()
    for model in (InvoiceLine, PaymentAllocation, InvoiceEvent):
        rows = select(model.invoice_id).where(model.change > since).distinct()
        found |= set(session.scalars(rows, execution_options={"include_deleted": True}))
    return frozenset(found)


def _unbalanced(session: ClinicSession, among: frozenset[str] | None = None) -> frozenset[str]:
    lines, allocated = InvoiceLine.invoice_id, PaymentAllocation.invoice_id
    total = select(lines, func.sum(InvoiceLine.net_cents + InvoiceLine.tax_cents).label("cents")).group_by(lines)
    paid = select(allocated, func.sum(PaymentAllocation.amount_cents).label("cents")).group_by(allocated)
    if among is not None:
        total, paid = total.where(lines.in_(among)), paid.where(allocated.in_(among))
    charged, settled = total.subquery(), paid.subquery()
    statement = (
        select(charged.c.invoice_id)
        .outerjoin(settled, settled.c.invoice_id == charged.c.invoice_id)
        .where(charged.c.cents != func.coalesce(settled.c.cents, 0), charged.c.invoice_id.not_in(voided_ids()))
    )
    return frozenset(session.scalars(statement))


def next_invoice_number(session: ClinicSession) -> int:
    """The next free invoice number; the clinic's chain head is held, so no two transactions get the same."""
    session.head()
    statement = select(func.max(Invoice.number))
    return int(session.scalar(statement, execution_options={"include_deleted": True}) or 0) + 1


def next_payment_reference(session: ClinicSession) -> str:
    """The next free payment reference, ``P-000123``; held like the invoice number."""
    session.head()
    statement = (
        select(Payment.reference)
        .where(Payment.reference.between("P-000000", "P-999999"), Payment.reference.like("P-______"))
        .order_by(Payment.reference.desc())
        .limit(20)
    )
    last = next((text for text in session.scalars(statement) if text[2:].isdigit()), "P-000000")
    return f"P-{int(last[2:]) + 1:06d}"


def add_event(
    work: Work,
    invoice_id: str,
    kind: str,
    *,
    amount: int = 0,
    reason: str = "",
    event_at: datetime | None = None,
    source: str = "live",
) -> None:
    """Add a line to the life of the document."""
    work.session.add(
        InvoiceEvent(
            invoice_id=invoice_id, kind=kind, amount_cents=amount, reason=reason[:300],
            event_at=event_at or clock.now(), source=source, by_user_id=work.by.user_id,
        )
    )  # fmt: skip
    work.session.flush()


def open_document(
    work: Work, invoice: Invoice, *, stands: Standing | None = None, reason: str = "",
    event_at: datetime | None = None, source: str = "live",
) -> None:  # fmt: skip
    """A draft becomes an invoice: what its funds promised is now used. ``stands`` is where it stands, if known.

    Raises FundEmpty for a line whose promise was let go meanwhile and whose pot has nothing left.
    """
    stands = stands or standing_of(work.session, invoice.id)
    if stands.document != "draft":
        return
    entries = select(FundEntry).where(
        FundEntry.invoice_line_id.in_(select(InvoiceLine.id).where(InvoiceLine.invoice_id == invoice.id))
    )
    pending: dict[tuple[str, str], int] = defaultdict(int)
    for entry in work.session.scalars(entries):
        if entry.kind in ("pending", "released") and entry.invoice_line_id:
            sign = 1 if entry.kind == "pending" else -1
            pending[entry.fund_id, entry.invoice_line_id] += sign * entry.amount_cents
    for (fund_id, line_id), cents in pending.items():
        if cents > 0:
            for kind in ("released", "used"):
                add_fund_entry(
                    work, fund_id, kind, cents, line_id, invoice.appointment_id, "checked out", event_at, source
                )
    _use_unpromised(work, invoice, {line_id for (_, line_id), cents in pending.items() if cents > 0}, event_at, source)
    add_event(work, invoice.id, "opened", amount=stands.total, reason=reason, event_at=event_at, source=source)


def _use_unpromised(work: Work, invoice: Invoice, promised: set[str], event_at: datetime | None, source: str) -> None:
    """Take out of the pots what lines with a grant need and nothing holds for them: the visit was off for a while."""
    session = work.session
    mine = InvoiceLine.invoice_id == invoice.id
    gone = select(InvoiceLine.reverses_id).where(mine, InvoiceLine.reverses_id.is_not(None))
    lines = select(InvoiceLine.id, Fund).join(Fund, Fund.id == InvoiceLine.fund_id)
    lines = lines.where(mine, InvoiceLine.reverses_id.is_(None), InvoiceLine.id.not_in(gone), Fund.deduction_cents > 0)
    for line_id, fund in session.execute(lines).all():
        if line_id in promised:
            continue
        if not has_enough(session, fund):
            raise FundEmpty(fund=fund.name)
        add_fund_entry(
            work,
            fund.id,
            "used",
            fund.deduction_cents,
            line_id,
            invoice.appointment_id,
            "checked out",
            event_at,
            source,
        )
        session.flush()


def tax_rate(session: ClinicSession, code: str) -> TaxRate:
    """The tax of this code as it is today; none where the code names none."""
    tax = definitions.load_all(session, TAX).get(code) if code else None
    return TaxRate(code, tax.rate_millionths, tax.included) if tax else NO_TAX


def rounding_rule(session: ClinicSession) -> Rounding:
    """Whether tax is rounded per line or per invoice."""
    rules = definitions.load_all(session, TAX_RULES).get("rules")
    return rules.rounding if rules else "line"


def running(session: ClinicSession, invoice_id: str, rate: TaxRate) -> Running:
    """What the invoice's lines of one tax rate came to so far."""
    session.flush()
    net, tax = session.execute(
        select(func.sum(InvoiceLine.net_cents), func.sum(InvoiceLine.tax_cents)).where(
            InvoiceLine.invoice_id == invoice_id,
            InvoiceLine.tax_code == rate.code,
            InvoiceLine.tax_rate_millionths == rate.rate_millionths,
            InvoiceLine.tax_included == rate.included,
        )
    ).one()
    net, tax = int(net or 0), int(tax or 0)
    return Running(net + tax if rate.included else net, tax)


def day_in(zone: str, instant: datetime) -> date:
    """The calendar day of an instant in a zone."""
    return instant.astimezone(ZoneInfo(zone)).date()
