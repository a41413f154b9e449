"""What the counter sees: who is ready to go home, and a ticket with everything on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import and_, or_, select

from appointments.funding import fund_balance
from appointments.moves import stage_label
from appointments.stages import ON_SITE
from billing import ledger
from billing.checkout import invoice_of, suggestions_of
from billing.lines import places, price_for, standing_lines
from billing.payments import BEFORE_SERVICE
from billing.pricing import gross_of
from billing.settings import PACKAGE, TAX
from data import definitions
from data.models import (
    Appointment,
    Client,
    Fund,
    Invoice,
    InvoiceEvent,
    InvoiceLine,
    Patient,
    Payment,
    PaymentAllocation,
    Service,
    User,
)
from data.session import ClinicSession
from records.access import NAME, Closed
from records.standing import Standing, standings
from security.actor import Actor
from security.rules import look, remembered
from security.viewing import note_view

CARRIED_DAYS = 3
ORDER = ("ready", "recovering", "held_overnight", "in_surgery", "induced", "premedicated", "examined", "checked_in")


@dataclass(frozen=True)
class Waiting:
    """One visit on the counter's list. ``balance`` is None while it has no ticket."""

    appointment_id: str
    invoice_id: str | None
    number: int
    patient: str
    species: str
    client_id: str
    client: str
    phone: str
    stage: str
    stage_label: str
    """The clinic's word for the stage."""
    since: datetime
    balance: int | None
    total: int | None
    label: str
    funding: str


@dataclass(frozen=True)
class Line:
    """One charge that counts."""

    id: str
    description: str
    quantity: int
    unit_price_cents: int
    gross_cents: int
    discount_cents: int
    discount_reason: str
    subsidy_cents: int
    fund: str
    fund_code: str
    net_cents: int
    tax_cents: int
    tax_label: str
    tax_included: bool
    day: date
    provider: str
    reversed: bool = False
    is_reversal: bool = False
    package: str = ""
    """What the package is called that it is part of."""
    package_id: str | None = None


@dataclass(frozen=True)
class Paid:
    """One payment, and how much of it went to this invoice."""

    id: str
    reference: str
    kind: str
    tender: str
    detail: str
    amount_cents: int
    allocated_cents: int
    tendered_cents: int | None
    at: datetime
    by: str
    is_voided: bool
    deposit: bool = False
    reason: str = ""
    """Why it was voided, on the void."""


@dataclass(frozen=True)
class Offer:
    """A service that may be charged, at the price for this patient."""

    code: str
    name: str
    category: str
    price_cents: int


@dataclass(frozen=True)
class FundChoice:
    """A grant or voucher in use. ``left_cents`` is None where nobody keeps its pot."""

    code: str
    name: str
    discount_cents: int
    left_cents: int | None


@dataclass(frozen=True)
class Happened:
    """A line of the document's life."""

    kind: str
    at: datetime
    by: str
    amount_cents: int
    reason: str


@dataclass(frozen=True)
class Sibling:
    """Another ticket of the same client on the same day."""

    invoice_id: str | None
    appointment_id: str | None
    patient: str
    stage: str
    balance: int | None
    total: int | None


@dataclass(frozen=True)
class Ticket:
    """An invoice with all that hangs on it."""

    id: str
    number: int
    client_id: str
    client: str
    patient: str
    species: str
    weight_grams: int | None
    appointment_id: str | None
    stage: str
    stage_label: str
    issued_on: date
    due_on: date | None
    description: str
    lines: list[Line]
    all_lines: list[Line]
    payments: list[Paid]
    events: list[Happened]
    standing: Standing
    discounts_cents: int
    subsidies_cents: int
    gross_cents: int
    taxes: list[tuple[str, int, bool]]
    """Label, cents, whether prices include it."""
    suggestions: list[Offer]
    siblings: list[Sibling]

    @property
    def discounts(self) -> list[tuple[str, int]]:
        """What is taken off in cents, by reason or package, in the order of the lines."""
        off: dict[str, int] = {}
        for line in self.lines:
            if line.discount_cents:
                reason = line.discount_reason or "Discount"
                off[reason] = off.get(reason, 0) + line.discount_cents
        return list(off.items())

    @property
    def is_before_service(self) -> bool:
        """Whether what is paid now is a deposit."""
        return bool(self.appointment_id) and self.standing.document == "draft" and self.stage in BEFORE_SERVICE

    @property
    def deposit_cents(self) -> int:
        """What was paid before the service, void deposits taken off."""
        return sum(one.allocated_cents for one in self.payments if one.deposit and one.kind != "refund")


@remembered("billing.view")
def waiting(day: date, *, by: Actor) -> list[Waiting]:
    """Who is in the house or went home on this day, ready first. Raises NotPermitted."""
    with look(by, "billing.view") as session:
        since = day - timedelta(days=CARRIED_DAYS)  # a plain range of days, so that the index on the day is used
        gone = and_(Appointment.day == day, Appointment.stage.in_(("checked_out", "died", "declined")))
        shown = and_(Appointment.day.between(since, day), or_(Appointment.stage.in_(ON_SITE), gone))
        rows = session.execute(
            select(Appointment, Patient.name, Patient.species, Client)
            .join(Patient, Patient.id == Appointment.patient_id)
            .join(Client, Client.id == Appointment.client_id)
            .where(shown)
        ).all()
        words = {stage: stage_label(session, stage) for stage in {row[0].stage for row in rows}}
        invoices = _invoices_by_appointment(session, [row[0].id for row in rows])
        found, closed = [], Closed(session, by)
        for appointment, patient, species, client in rows:
            invoice_id, stands = invoices.get(appointment.id, (None, None))
            if closed.hides(client.id, client.restricted):
                found.append(
                    Waiting(
                        appointment.id, invoice_id, appointment.number, NAME, species, client.id, "", "",
                        appointment.stage, words[appointment.stage], appointment.stage_at, None, None, "", "",
                    )
                )  # fmt: skip
                continue
            found.append(
                Waiting(
                    appointment.id, invoice_id, appointment.number, patient, species, client.id, _name(client),
                    client.phone, appointment.stage, words[appointment.stage], appointment.stage_at,
                    stands.balance if stands else None, stands.total if stands else None,
                    stands.label if stands else "", appointment.funding,
                )
            )  # fmt: skip
        rank = {stage: place for place, stage in enumerate(ORDER)}
        return sorted(found, key=lambda row: (rank.get(row.stage, len(ORDER)), row.since))


@dataclass(frozen=True)
class CounterTicket:
    """A ticket without a visit."""

    invoice_id: str
    number: int
    client: str
    total: int
    balance: int
    label: str


@remembered("billing.view")
def counter_tickets(day: date, *, by: Actor) -> list[CounterTicket]:
    """What was sold over the counter on this day, the newest first; empty tickets and void ones are left out.

    Raises NotPermitted.
    """
    with look(by, "billing.view") as session:
        rows = session.execute(
            select(Invoice, Client)
            .join(Client, Client.id == Invoice.client_id)
            .where(Invoice.appointment_id.is_(None), Invoice.issued_on == day, Invoice.reference == "")
            .where(Invoice.id.in_(select(InvoiceLine.invoice_id)))
            .order_by(Invoice.number.desc())
        ).all()
        stands = standings(session, [invoice.id for invoice, _ in rows])
        closed = Closed(session, by)
        return [
            CounterTicket(
                invoice.id, invoice.number, NAME if closed.hides(client.id, client.restricted) else _name(client),
                stands[invoice.id].total, stands[invoice.id].balance,
                stands[invoice.id].label,
            )
            for invoice, client in rows
            if stands[invoice.id].document != "void"
        ]  # fmt: skip


def ticket(invoice_id: str, *, by: Actor) -> Ticket:
    """The ticket or invoice with everything on it. Raises NotPermitted, NotFound, RestrictedRecord."""
    with look(by, "billing.view") as session:
        shown = _ticket(session, ledger.invoice_row(session, invoice_id, by))
    note_view(by, "client", shown.client_id)
    return shown


@dataclass(frozen=True)
class AlsoOpen:
    """Another invoice of the client with money still to come."""

    invoice_id: str
    number: int
    patient: str
    issued_on: date
    balance: int


def also_open(invoice_id: str, *, by: Actor) -> list[AlsoOpen]:
    """What else the client of a ticket owes, the oldest first; tickets in the making are left out.

    Raises NotPermitted, NotFound, RestrictedRecord.
    """
    with look(by, "billing.view") as session:
        invoice = ledger.invoice_row(session, invoice_id, by)
        rows = session.execute(
            select(Invoice, Patient.name)
            .outerjoin(Appointment, Appointment.id == Invoice.appointment_id)
            .outerjoin(Patient, Patient.id == Appointment.patient_id)
            .where(Invoice.client_id == invoice.client_id, Invoice.id != invoice_id)
            .order_by(Invoice.issued_on, Invoice.number)
        ).all()
        stands = standings(session, [one.id for one, _ in rows])
        return [
            AlsoOpen(one.id, one.number, patient or "", one.issued_on, stands[one.id].balance)
            for one, patient in rows
            if stands[one.id].document == "open" and stands[one.id].balance
        ]


@remembered("billing.view")
def price_list(invoice_id: str | None = None, *, by: Actor) -> list[Offer]:
    """The services that may be charged, by category and name, at the price for the ticket's patient."""
    with look(by, "billing.view") as session:
        appointment = None
        if invoice_id is not None:
            invoice = ledger.invoice_row(session, invoice_id, by)
            appointment = _visit(session, invoice)
        services = session.scalars(
            select(Service).where(Service.active.is_(True)).order_by(Service.category, Service.name)
        )
        return [_offer(session, service, appointment) for service in services]


@remembered("billing.view")
def funds(*, by: Actor) -> list[FundChoice]:
    """The grants and vouchers in use, with what their pots still hold."""
    with look(by, "billing.view") as session:
        rows = session.scalars(select(Fund).where(Fund.active.is_(True)).order_by(Fund.name)).all()
        found = []
        for fund in rows:
            left, filled = fund_balance(session, fund.id)
            keeps_pot = filled and fund.kind != "third_party"
            found.append(FundChoice(fund.code, fund.name, fund.discount_cents, left if keeps_pot else None))
        return found


def _ticket(session: ClinicSession, invoice: Invoice) -> Ticket:
    client = session.scalars(select(Client).where(Client.id == invoice.client_id)).one()
    appointment = _visit(session, invoice)
    patient = None
    if appointment is not None:
        patient = session.scalars(select(Patient).where(Patient.id == appointment.patient_id)).one_or_none()
    rows = standing_lines(session, invoice.id)
    every = _lines(session, invoice.id)
    standing_ids = {row.id for row in rows}
    lines = [line for line in every if line.id in standing_ids]
    suggestions = suggestions_of(session, appointment, rows) if appointment is not None else []
    return Ticket(
        id=invoice.id,
        number=invoice.number,
        client_id=client.id,
        client=_name(client),
        patient=patient.name if patient else "",
        species=patient.species if patient else "",
        weight_grams=patient.weight_grams if patient else None,
        appointment_id=invoice.appointment_id,
        stage=appointment.stage if appointment else "",
        stage_label=stage_label(session, appointment.stage) if appointment else "",
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        description=invoice.description,
        lines=lines,
        all_lines=every,
        payments=_payments(session, invoice.id),
        events=_events(session, invoice.id),
        standing=ledger.standing_of(session, invoice.id),
        discounts_cents=sum(line.discount_cents for line in lines),
        subsidies_cents=sum(line.subsidy_cents for line in lines),
        gross_cents=sum(line.gross_cents for line in lines),
        taxes=_taxes(every),
        suggestions=[_offer(session, service, appointment) for service in suggestions],
        siblings=_siblings(session, invoice, appointment),
    )


def _lines(session: ClinicSession, invoice_id: str) -> list[Line]:
    taxes, packages = definitions.load_all(session, TAX), definitions.load_all(session, PACKAGE)
    rows = session.execute(
        select(InvoiceLine, Fund.name, Fund.code, User.initials)
        .outerjoin(Fund, Fund.id == InvoiceLine.fund_id)
        .outerjoin(User, User.id == InvoiceLine.provider_id)
        .where(InvoiceLine.invoice_id == invoice_id)
        .order_by(InvoiceLine.entered_at, InvoiceLine.id)
    ).all()
    gone = {row.reverses_id for row, *_ in rows}
    place = places([row for row, *_ in rows])
    return [
        Line(
            row.id, row.description, row.quantity, row.unit_price_cents, gross_of(row.quantity, row.unit_price_cents),
            row.discount_cents, row.discount_reason, row.subsidy_cents, fund or "", code or "", row.net_cents,
            row.tax_cents, taxes[row.tax_code].label if row.tax_code in taxes else row.tax_code, row.tax_included,
            row.day, initials or "", reversed=row.id in gone, is_reversal=row.reverses_id is not None,
            package=packages[row.package_code].label if row.package_code in packages else row.package_code,
            package_id=row.package_id,
        )
        for row, fund, code, initials in sorted(rows, key=lambda one: place[one[0].id])
    ]  # fmt: skip


def _taxes(lines: list[Line]) -> list[tuple[str, int, bool]]:
    sums: dict[tuple[str, bool], int] = {}
    for line in lines:
        if line.tax_label:
            sums[line.tax_label, line.tax_included] = sums.get((line.tax_label, line.tax_included), 0) + line.tax_cents
    return [(label, cents, included) for (label, included), cents in sums.items()]


def _payments(session: ClinicSession, invoice_id: str) -> list[Paid]:
    rows = session.execute(
        select(Payment, PaymentAllocation, User.name)
        .join(PaymentAllocation, PaymentAllocation.payment_id == Payment.id)
        .outerjoin(User, User.id == Payment.by_user_id)
        .where(PaymentAllocation.invoice_id == invoice_id)
        .order_by(Payment.entered_at, Payment.id)
    ).all()
    ids = [payment.id for payment, *_ in rows]
    voided = set(
        session.scalars(select(Payment.reverses_id).where(Payment.reverses_id.in_(ids), Payment.kind == "void"))
    )
    return [
        Paid(
            payment.id, payment.reference, payment.kind, payment.tender, tender_detail(payment), payment.amount_cents,
            part.amount_cents, payment.tendered_cents, payment.event_at, name or "", payment.id in voided, part.deposit,
            payment.notes if payment.kind == "void" else "",
        )
        for payment, part, name in rows
    ]  # fmt: skip


def tender_detail(payment: Payment) -> str:
    """``Visa 4242, code 123456``: all that is known of a card or check."""
    if payment.tender == "check" and payment.check_number:
        return f"no. {payment.check_number}"
    parts = [" ".join(part for part in (payment.brand, payment.last4) if part)]
    if payment.authorization:
        parts.append(f"code {payment.authorization}")
    return ", ".join(part for part in parts if part)


def _events(session: ClinicSession, invoice_id: str) -> list[Happened]:
    rows = session.execute(
        select(InvoiceEvent, User.name)
        .outerjoin(User, User.id == InvoiceEvent.by_user_id)
        .where(InvoiceEvent.invoice_id == invoice_id)
        .order_by(InvoiceEvent.entered_at, InvoiceEvent.id)
    )
    return [Happened(row.kind, row.event_at, name or "", row.amount_cents, row.reason) for row, name in rows]


def _siblings(session: ClinicSession, invoice: Invoice, appointment: Appointment | None) -> list[Sibling]:
    day = appointment.day if appointment else invoice.issued_on
    statement = (
        select(Appointment, Patient.name)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(
            Appointment.client_id == invoice.client_id,
            Appointment.day == day,
            Appointment.stage.in_((*ON_SITE, "checked_out")),
        )
    )
    visits = [row for row in session.execute(statement) if row[0].id != invoice.appointment_id]
    found = []
    for visit, name in visits:
        other = invoice_of(session, visit.id)
        stands = ledger.standing_of(session, other.id) if other else None
        found.append(
            Sibling(
                other.id if other else None, visit.id, name, visit.stage, stands.balance if stands else None,
                stands.total if stands else None,
            )
        )  # fmt: skip
    return found


def _invoices_by_appointment(session: ClinicSession, ids: list[str]) -> dict[str, tuple[str, Standing]]:
    rows = session.execute(
        select(Invoice.id, Invoice.appointment_id).where(Invoice.appointment_id.in_(ids)).order_by(Invoice.number)
    ).all()
    stands = standings(session, [row.id for row in rows])
    return {row.appointment_id: (row.id, stands[row.id]) for row in rows if stands[row.id].document != "void"}


def _offer(session: ClinicSession, service: Service, appointment: Appointment | None) -> Offer:
    return Offer(service.code, service.name, service.category, price_for(session, service, appointment))


def _visit(session: ClinicSession, invoice: Invoice) -> Appointment | None:
    if not invoice.appointment_id:
        return None
    return session.scalars(select(Appointment).where(Appointment.id == invoice.appointment_id)).one_or_none()


def _name(client: Client) -> str:
    return f"{client.first_name} {client.last_name}".strip()
