"""The lines of a ticket inside a transaction: how a charge is written and how it is taken back.

A line is never changed. Another quantity, price, discount or grant is a reversing line and a new one, so that every
total can be told again from the rows. Rules of billing/ build on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from appointments.funding import add_fund_entry, follow, give_back
from billing import ledger
from billing.pricing import Amounts, TaxRate, amounts_of, gross_of, price_of, subsidy_of
from billing.settings import PACKAGE
from data import definitions
from data.errors import BadInput, EditedMeanwhile, NotFound, Refusal
from data.models import Appointment, Exam, Fund, Invoice, InvoiceLine, Patient, Service, Surgery
from data.session import ClinicSession
from data.types import clock, is_id
from security.rules import Work, authorize


class LineChanged(EditedMeanwhile):
    """Somebody else changed or removed this line while you had it open. Look at the ticket again."""


class InPackage(Refusal):
    """{line} is part of {package}. Take the package apart first; then its services stand at the price list's prices."""


@dataclass(frozen=True)
class Item:
    """One charge before its tax: what a person can decide about a line."""

    description: str
    quantity: int
    unit_price_cents: int
    tax: TaxRate
    service_id: str | None = None
    discount_cents: int = 0
    discount_reason: str = ""
    discount_code: str = ""
    package_code: str = ""
    package_id: str | None = None
    fund: Fund | None = None
    provider_id: str | None = None
    patient_id: str | None = None


def standing_lines(session: ClinicSession, invoice_id: str) -> list[InvoiceLine]:
    """The lines that count: neither reversed nor reversing. A changed line stays where it was."""
    rows = session.scalars(
        select(InvoiceLine).where(InvoiceLine.invoice_id == invoice_id).order_by(InvoiceLine.entered_at, InvoiceLine.id)
    ).all()
    reversed_ids = {row.reverses_id for row in rows}
    standing = [row for row in rows if row.reverses_id is None and row.id not in reversed_ids]
    place = places(rows)
    return sorted(standing, key=lambda row: place[row.id])


def places(rows: Sequence[InvoiceLine]) -> dict[str, int]:
    """Where each of an invoice's lines, given in the order they were written, stands on paper: a changed line stays
    where its service came onto the invoice."""
    first: dict[str, int] = {}
    return {row.id: first.setdefault(row.service_id or row.id, number) for number, row in enumerate(rows)}


def price_for(session: ClinicSession, service: Service, appointment: Appointment | None) -> int:
    """What this service costs for the patient of a visit, in cents."""
    species, weight = patient_facts(session, appointment if service.prices else None)
    return price_of(service.price_cents, service.prices, species=species, weight_grams=weight)


def patient_facts(session: ClinicSession, appointment: Appointment | None) -> tuple[str, int | None]:
    """Species and weight in grams of a visit's patient, the exam's weight before the one on record."""
    if appointment is None:
        return "", None
    patient = session.held(Patient, appointment.patient_id)
    assert patient is not None
    exam = session.scalar(select(Exam.weight_grams).where(Exam.appointment_id == appointment.id))
    return patient.species, exam if exam is not None else patient.weight_grams


def item_for(session: ClinicSession, service: Service, appointment: Appointment | None) -> Item:
    """One of a service at the price list's price for the patient of a visit."""
    provider = None
    if appointment is not None and service.procedure:
        surgeon = session.scalar(select(Surgery.surgeon_id).where(Surgery.appointment_id == appointment.id))
        provider = surgeon or appointment.provider_id
    return Item(
        description=service.name, quantity=1000, unit_price_cents=price_for(session, service, appointment),
        tax=ledger.tax_rate(session, service.tax_code), service_id=service.id, provider_id=provider,
        patient_id=appointment.patient_id if appointment else None,
    )  # fmt: skip


def as_item(session: ClinicSession, line: InvoiceLine) -> Item:
    """What a line charges, to charge it again."""
    fund = session.scalars(select(Fund).where(Fund.id == line.fund_id)).one_or_none() if line.fund_id else None
    return Item(
        description=line.description, quantity=line.quantity, unit_price_cents=line.unit_price_cents,
        tax=TaxRate(line.tax_code, line.tax_rate_millionths, line.tax_included), service_id=line.service_id,
        discount_cents=line.discount_cents, discount_reason=line.discount_reason, discount_code=line.discount_code,
        package_code=line.package_code, package_id=line.package_id, fund=fund, provider_id=line.provider_id,
        patient_id=line.patient_id,
    )  # fmt: skip


def add_item(
    work: Work, invoice: Invoice, item: Item, day: date, event_at: datetime | None, source: str
) -> InvoiceLine:
    """Write a charge; a draft's grant is promised by its pot, an invoice's is used."""
    session = work.session
    left = gross_of(item.quantity, item.unit_price_cents) - item.discount_cents
    subsidy = subsidy_of(left, item.fund.discount_cents) if item.fund else 0
    amounts = _taxed(session, invoice.id, left - subsidy, item.tax)
    line = InvoiceLine(
        invoice_id=invoice.id, day=day, patient_id=item.patient_id, service_id=item.service_id,
        description=item.description, quantity=item.quantity, unit_price_cents=item.unit_price_cents,
        discount_cents=item.discount_cents, discount_reason=item.discount_reason, discount_code=item.discount_code,
        package_code=item.package_code, package_id=item.package_id, subsidy_cents=subsidy,
        fund_id=item.fund.id if item.fund else None, net_cents=amounts.net_cents, tax_cents=amounts.tax_cents,
        tax_code=item.tax.code, tax_rate_millionths=item.tax.rate_millionths, tax_included=item.tax.included,
        provider_id=item.provider_id, event_at=event_at or clock.now(), source=source, by_user_id=work.by.user_id,
    )  # fmt: skip
    session.add(line)
    session.flush()
    if item.fund is not None:
        is_draft = ledger.standing_of(session, invoice.id).document == "draft"
        add_fund_entry(
            work, item.fund.id, "pending" if is_draft else "used", item.fund.deduction_cents, line.id,
            invoice.appointment_id, event_at=event_at, source=source,
        )  # fmt: skip
        appointment = visit_of(session, invoice)
        if is_draft and appointment is not None:
            follow(work, appointment)  # a visit that is off holds nothing
    return line


def reverse(work: Work, invoice: Invoice, line: InvoiceLine, day: date) -> None:
    """Take a charge back by its mirror, and what its grant promised or used with it."""
    session = work.session
    rate = TaxRate(line.tax_code, line.tax_rate_millionths, line.tax_included)
    if ledger.rounding_rule(session) == "invoice":
        amounts = _taxed(session, invoice.id, -(line.net_cents + (line.tax_cents if line.tax_included else 0)), rate)
    else:
        amounts = Amounts(-line.net_cents, -line.tax_cents)
    session.add(
        InvoiceLine(
            invoice_id=invoice.id, day=day, patient_id=line.patient_id, service_id=line.service_id,
            description=line.description, quantity=-line.quantity, unit_price_cents=line.unit_price_cents,
            discount_cents=-line.discount_cents, discount_reason=line.discount_reason,
            discount_code=line.discount_code, package_code=line.package_code, package_id=line.package_id,
            subsidy_cents=-line.subsidy_cents, fund_id=line.fund_id, net_cents=amounts.net_cents,
            tax_cents=amounts.tax_cents, tax_code=line.tax_code, tax_rate_millionths=line.tax_rate_millionths,
            tax_included=line.tax_included, provider_id=line.provider_id, reverses_id=line.id, event_at=clock.now(),
            by_user_id=work.by.user_id,
        )
    )  # fmt: skip
    session.flush()
    give_back(work, line.id)


def _taxed(session: ClinicSession, invoice_id: str, base: int, rate: TaxRate) -> Amounts:
    rounding = ledger.rounding_rule(session)
    before = ledger.running(session, invoice_id, rate) if rounding == "invoice" else None
    return amounts_of(base, rate, rounding, before)


def standing_line(work: Work, line_id: str) -> tuple[InvoiceLine, Invoice, date]:
    """A line that counts, its invoice, and the day a change of it is charged on.

    Raises NotFound, LineChanged, InvoiceClosed.
    """
    session = work.session
    session.head()
    found = select(InvoiceLine).where(InvoiceLine.id == line_id)
    line = session.scalars(found).one_or_none() if is_id(line_id) else None
    if line is None:
        raise NotFound(what="line", name="like this")
    reversal = session.scalar(select(InvoiceLine.id).where(InvoiceLine.reverses_id == line_id))
    if reversal is not None or line.reverses_id is not None:
        raise LineChanged()
    invoice, stands = ledger.live_invoice(work, line.invoice_id)
    return line, invoice, line.day if stands.document == "draft" else ledger.today(session)


def visit_of(session: ClinicSession, invoice: Invoice) -> Appointment | None:
    """The visit an invoice is for."""
    if not invoice.appointment_id:
        return None
    return session.held(Appointment, invoice.appointment_id)


def charging_day(session: ClinicSession, invoice: Invoice, document: str) -> date:
    """The day a new charge counts on: that of the visit while the ticket is a draft, today afterwards."""
    appointment = visit_of(session, invoice)
    return appointment.day if appointment is not None and document == "draft" else ledger.today(session)


def positive(quantity: int) -> int:
    """A quantity that can be charged. Raises BadInput."""
    if quantity <= 0:
        raise BadInput(problem="The quantity must be more than zero. Remove the line if it is not wanted.")
    return quantity


def refuse_in_package(session: ClinicSession, line: InvoiceLine) -> None:
    """Raise InPackage for a line whose price is part of a package's."""
    if line.package_id is not None:
        package = definitions.load_all(session, PACKAGE).get(line.package_code)
        raise InPackage(line=line.description, package=package.label if package else "a package")


@contextlib.contextmanager
def charging(work: Work, invoice_id: str) -> Iterator[None]:
    """Around whatever changes lines: to leave an issued invoice with more paid than owed is the first half of giving
    money back, and is for those who may do that. Raises NotPermitted."""
    before = ledger.standing_of(work.session, invoice_id)
    yield
    after = ledger.standing_of(work.session, invoice_id)
    if after.document != "draft" and after.overpaid > before.overpaid:
        authorize(work.session, work.by, "billing.refund")
