"""The ticket at the counter: what a visit is charged, and closing the visit.

A line is never changed. Another quantity, price, discount or grant is a reversing line and a new one, so that every
total can be told again from the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select

from appointments.funding import OFF, FundEmpty, add_fund_entry, follow, give_back, has_enough
from appointments.moves import appointment_for_change, record_move
from appointments.stages import EXITS
from billing import ledger
from billing.amounts import decimal_text
from billing.pricing import Amounts, TaxRate, amounts_of, gross_of, price_of, subsidy_of
from billing.settings import SERVICE
from data import definitions
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, EditedMeanwhile, NotFound, Refusal
from data.models import (
    Appointment,
    Exam,
    Fund,
    Invoice,
    InvoiceLine,
    Patient,
    Reminder,
    Service,
    Surgery,
)
from data.session import ClinicSession
from data.types import clock
from records.access import client_for, visit_for
from records.standing import standings, unbilled_ids, voided_ids
from security.actor import Actor
from security.rules import Work, act, authorize

FINDINGS = {
    "cryptorchid": "cryptorchid", "umbilical hernia": "hernia", "inguinal hernia": "hernia", "hernia": "hernia",
    "pregnant": "pregnant", "pyometra": "pyometra", "in heat": "in-heat",
}  # fmt: skip
"""What an exam or a surgery found, and the code of the service that usually goes with it."""


LEFT = tuple(stage for stage in EXITS if stage != "held_overnight")


class LineChanged(EditedMeanwhile):
    """Somebody else changed or removed this line while you had it open. Look at the ticket again."""


class BadDiscount(BadInput):
    """A discount of {discount} is more than the line costs. Enter at most what the line comes to."""


class NotFundable(BadInput):
    """{fund} is not in use any more. Choose another grant or voucher."""


class StillOpen(Refusal):
    """Part of this ticket is still unpaid. Take the payment, or say why the patient goes home with an open balance."""


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
    fund: Fund | None = None
    provider_id: str | None = None
    patient_id: str | None = None


def open_ticket(
    appointment_id: str, *, by: Actor, key: str | None = None, event_at: datetime | None = None, source: str = "live"
) -> str:
    """The invoice of a visit, made from the services asked for when there is none; returns its id.

    Raises NotPermitted, NotFound, RestrictedRecord.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        appointment = visit_for(work.session, appointment_for_change(work.session, appointment_id), by)
        found = invoice_of(work.session, appointment_id)
        if found is not None:
            work.result = found.id
            work.audit("ticket.opened", "invoice", found.id, existing=True)
            return found.id
        invoice = _new_invoice(work, appointment.client_id, appointment, event_at, source)
        for code in appointment.services:
            service = work.session.scalars(select(Service).where(Service.code == code)).one_or_none()
            if service is not None:
                _add(work, invoice, _item(work.session, service, appointment), appointment.day, event_at, source)
        follow(work, appointment)  # what the booking promised is the ticket's to promise from here
        _apply_booked_fund(work, invoice, appointment, event_at, source)
        work.audit("ticket.opened", "invoice", invoice.id, number=invoice.number, appointment=appointment_id)
        work.result = invoice.id
        return invoice.id


def charge_visit(
    appointment_id: str,
    codes: Sequence[str],
    *,
    by: Actor,
    key: str | None = None,
    event_at: datetime | None = None,
    source: str = "live",
) -> str:
    """Charge a visit these services and none besides, at the prices of its day, where they do not stand on its ticket
    already; returns the ticket's id. For what was marked on paper.

    Raises NotPermitted, NotFound, RestrictedRecord, InvoiceClosed.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        appointment = visit_for(session, appointment_for_change(session, appointment_id), by)
        invoice = invoice_of(session, appointment_id)
        is_new = invoice is None
        if invoice is None:
            invoice = _new_invoice(work, appointment.client_id, appointment, event_at, source)
        there = set() if is_new else {line.service_id for line in standing_lines(session, invoice.id)}
        listed = {row.code: row for row in session.hold(Service, Service.code.in_(codes))}
        for code in codes:
            if code not in listed:
                raise NotFound(what="service", name=code)
        added = [code for code in dict.fromkeys(codes) if listed[code].id not in there]
        if added:
            document = "draft" if is_new else ledger.live_invoice(work, invoice.id)[1].document
            day = _day(session, invoice, document)
            for service in services_on(session, [listed[code] for code in added], appointment.day):
                _add(work, invoice, _item(session, service, appointment), day, event_at, source)
        if is_new:
            follow(work, appointment)
            _apply_booked_fund(work, invoice, appointment, event_at, source)
        work.audit(
            "ticket.charged", "invoice", invoice.id, appointment=appointment_id, services=added, existing=not is_new,
            source=source,
        )  # fmt: skip
        work.result = invoice.id
        return invoice.id


def services_on(session: ClinicSession, services: Sequence[Service], day: date) -> list[Service]:
    """Services as the price list had them at the end of a day; as they are where their history does not reach back."""
    histories = definitions.histories(session, SERVICE, [service.code for service in services])
    zone = ledger.clinic_row(session).zone
    return [_service_on(service, histories.get(service.code, []), day, zone) for service in services]


def _service_on(service: Service, versions: Sequence[definitions.VersionRow], day: date, zone: str) -> Service:
    if not versions:
        return service
    then = next((one for one in versions if ledger.day_in(zone, one.at) <= day), versions[-1])
    if then.number == versions[0].number:
        return service
    old = SERVICE.parse(then.body, service.code)
    return Service(
        clinic_id=service.clinic_id, id=service.id, code=service.code, name=old.name, price_cents=old.price_cents,
        prices=[band.model_dump(mode="json") for band in old.prices], tax_code=old.tax_code, procedure=old.procedure,
    )  # fmt: skip


def open_counter_ticket(client_id: str, *, by: Actor, key: str | None = None) -> str:
    """A ticket without a visit, for something sold over the counter; the client's empty one of today where there is
    one. Returns its id. Raises NotPermitted, NotFound, RestrictedRecord.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        client = client_for(session, client_id, by)
        session.head()
        empty = session.scalars(
            select(Invoice).where(
                Invoice.client_id == client.id, Invoice.appointment_id.is_(None),
                Invoice.issued_on == ledger.today(session), Invoice.id.not_in(select(InvoiceLine.invoice_id)),
                Invoice.id.in_(unbilled_ids()), Invoice.id.not_in(voided_ids()),
            )
        ).first()  # fmt: skip
        invoice = empty or _new_invoice(work, client.id, None, None, "live")
        work.audit("ticket.opened", "invoice", invoice.id, number=invoice.number, existing=empty is not None)
        work.result = invoice.id
        return invoice.id


def add_line(invoice_id: str, service_code: str, *, quantity: int = 1000, by: Actor, key: str | None = None) -> str:
    """Charge a service of the price list; returns the line's id. Quantity in thousandths.

    Raises NotPermitted, NotFound, InvoiceClosed, BadInput.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        invoice, stands = ledger.live_invoice(work, invoice_id)
        service = work.session.scalars(select(Service).where(Service.code == service_code)).one_or_none()
        if service is None or not service.active:
            raise NotFound(what="service", name=service_code)
        appointment = _appointment(work.session, invoice)
        item = replace(_item(work.session, service, appointment), quantity=_positive(quantity))
        line = _add(work, invoice, item, _day(work.session, invoice, stands.document), None, "live")
        work.audit("ticket.line_added", "invoice", invoice_id, service=service_code, quantity=quantity)
        work.result = line.id
        return line.id


def change_line(
    line_id: str,
    *,
    quantity: int | None = None,
    unit_price_cents: int | None = None,
    discount_cents: int | None = None,
    discount_reason: str | None = None,
    by: Actor,
    key: str | None = None,
) -> str:
    """Charge a line differently: the line is reversed and a new one takes its place; returns the new line's id.

    A price or discount needs billing.discount. Raises NotPermitted, LineChanged, InvoiceClosed, BadDiscount.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        old, invoice, day = _standing_line(work, line_id)
        new = _as_item(work.session, old)
        if quantity is not None:
            new = replace(new, quantity=_positive(quantity))
        if unit_price_cents is not None:
            new = replace(new, unit_price_cents=max(0, unit_price_cents))
        if discount_cents is not None:
            new = replace(new, discount_cents=discount_cents)
        if discount_reason is not None:
            refuse_card_numbers({"The reason": discount_reason})
            new = replace(new, discount_reason=discount_reason.strip()[:200])
        if (new.unit_price_cents, new.discount_cents) != (old.unit_price_cents, old.discount_cents):
            authorize(work.session, by, "billing.discount")
        if not 0 <= new.discount_cents <= gross_of(new.quantity, new.unit_price_cents):
            raise BadDiscount(discount=decimal_text(new.discount_cents, currency=invoice.currency))
        _reverse(work, invoice, old, day)
        line = _add(work, invoice, new, day, None, "live")
        work.audit(
            "ticket.line_changed", "invoice", invoice.id, line=line_id, new_line=line.id, quantity=new.quantity,
            price_changed=new.unit_price_cents != old.unit_price_cents, discount_cents=new.discount_cents,
            reason=new.discount_reason,
        )  # fmt: skip
        work.result = line.id
        return line.id


def remove_line(line_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take a line off the ticket by a reversing line. Raises NotPermitted, LineChanged, InvoiceClosed."""
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return
        old, invoice, day = _standing_line(work, line_id)
        _reverse(work, invoice, old, day)
        work.audit("ticket.line_removed", "invoice", invoice.id, line=line_id)


def apply_fund(line_id: str, fund_code: str | None, *, by: Actor, key: str | None = None) -> str:
    """Let a grant or voucher pay part of a line, or (None) take it off again; returns the new line's id.

    Raises NotPermitted, LineChanged, InvoiceClosed, NotFundable, FundEmpty.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        old, invoice, day = _standing_line(work, line_id)
        fund = None
        if fund_code is not None:
            fund = work.session.scalars(select(Fund).where(Fund.code == fund_code)).one_or_none()
            if fund is None:
                raise NotFound(what="grant or voucher", name=fund_code)
            if not fund.active:
                raise NotFundable(fund=fund.name)
        _reverse(work, invoice, old, day)
        if fund is not None and not has_enough(work.session, fund):
            raise FundEmpty(fund=fund.name)
        line = _add(work, invoice, replace(_as_item(work.session, old), fund=fund), day, None, "live")
        work.audit("ticket.fund_applied", "invoice", invoice.id, line=line.id, fund=fund_code)
        work.result = line.id
        return line.id


def complete_checkout(
    invoice_ids: Sequence[str],
    *,
    open_because: str = "",
    by: Actor,
    key: str | None = None,
    event_at: datetime | None = None,
    source: str = "live",
) -> None:
    """Send the patients of these tickets home: drafts become invoices, visits become checked out.

    With an open balance it needs a reason. Raises NotPermitted, StillOpen, FundEmpty, and what a move can raise.
    """
    refuse_card_numbers({"The reason": open_because})
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return
        for invoice_id in invoice_ids:
            invoice = ledger.locked_invoice(work, invoice_id)
            stands = ledger.standing_of(work.session, invoice_id)
            if stands.balance and not open_because.strip():
                raise StillOpen()
            now = None if stands.document == "draft" and bring_to_day(work, invoice) else stands
            reason = open_because.strip()
            ledger.open_document(work, invoice, stands=now, reason=reason, event_at=event_at, source=source)
            if stands.balance and stands.document == "open":
                ledger.add_event(work, invoice_id, "left_open", amount=stands.balance, reason=open_because.strip())
            if invoice.appointment_id:
                appointment = appointment_for_change(work.session, invoice.appointment_id)
                if appointment.stage not in (*LEFT, "checked_out"):
                    record_move(work, appointment, "checked_out", event_at=event_at, source=source)
                _remind(work.session, invoice, appointment)
            work.audit(
                "checkout.completed", "invoice", invoice_id, balance_cents=stands.balance, reason=open_because.strip()
            )


def bring_to_day(work: Work, invoice: Invoice) -> bool:
    """Charge the lines of a draft on the day of its visit, where the visit was moved after the ticket was opened;
    returns whether any line was charged anew. The caller knows that it is a draft."""
    appointment = _appointment(work.session, invoice)
    if appointment is None:
        return False
    invoice.issued_on = invoice.due_on = appointment.day
    moved = False
    for line in standing_lines(work.session, invoice.id):
        if line.day != appointment.day:
            moved = True
            _reverse(work, invoice, line, line.day)
            _add(work, invoice, _as_item(work.session, line), appointment.day, None, "live")
    return moved


def invoice_of(session: ClinicSession, appointment_id: str) -> Invoice | None:
    """The invoice of a visit that is not void, the newest where there are several."""
    rows = session.scalars(
        select(Invoice).where(Invoice.appointment_id == appointment_id).order_by(Invoice.number.desc())
    ).all()
    stands = standings(session, [row.id for row in rows]) if rows else {}
    return next((row for row in rows if stands[row.id].document != "void"), None)


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


def suggestions_of(session: ClinicSession, appointment: Appointment, lines: Sequence[InvoiceLine]) -> list[Service]:
    """Services that the exam or the surgery speaks for and the ticket does not have yet."""
    exam = session.scalars(select(Exam).where(Exam.appointment_id == appointment.id)).one_or_none()
    surgery = session.scalars(select(Surgery).where(Surgery.appointment_id == appointment.id)).one_or_none()
    told = [word.lower() for word in (exam.abnormalities if exam else [])]
    if exam and exam.reproductive:
        told.append(exam.reproductive.lower())
    if surgery:
        told += [word for word in FINDINGS if word in surgery.findings.lower()]
    codes = list(dict.fromkeys(FINDINGS[word] for word in told if word in FINDINGS))
    if not codes:
        return []
    charged = {line.service_id for line in lines}
    services = session.scalars(select(Service).where(Service.code.in_(codes), Service.active.is_(True))).all()
    return [service for service in services if service.id not in charged]


def price_for(session: ClinicSession, service: Service, appointment: Appointment | None) -> int:
    """What this service costs for the patient of a visit, in cents."""
    species, weight = "", None
    if appointment is not None:
        patient = session.held(Patient, appointment.patient_id)
        assert patient is not None
        exam = None
        if service.prices:
            exam = session.scalar(select(Exam.weight_grams).where(Exam.appointment_id == appointment.id))
        species, weight = patient.species, exam if exam is not None else patient.weight_grams
    return price_of(service.price_cents, service.prices, species=species, weight_grams=weight)


def _new_invoice(
    work: Work, client_id: str, appointment: Appointment | None, event_at: datetime | None, source: str
) -> Invoice:
    session = work.session
    clinic = ledger.clinic_row(session)
    day = clock.today(clinic.zone)
    invoice = Invoice(
        number=ledger.next_invoice_number(session), client_id=client_id,
        appointment_id=appointment.id if appointment else None,
        location_id=appointment.location_id if appointment else None,
        issued_on=appointment.day if appointment else day, due_on=appointment.day if appointment else day,
        currency=clinic.currency,
    )  # fmt: skip
    session.add(invoice)
    session.flush()
    ledger.add_event(work, invoice.id, "drafted", event_at=event_at, source=source)
    return invoice


def _item(session: ClinicSession, service: Service, appointment: Appointment | None) -> Item:
    provider = None
    if appointment is not None and service.procedure:
        surgeon = session.scalar(select(Surgery.surgeon_id).where(Surgery.appointment_id == appointment.id))
        provider = surgeon or appointment.provider_id
    return Item(
        description=service.name, quantity=1000, unit_price_cents=price_for(session, service, appointment),
        tax=ledger.tax_rate(session, service.tax_code), service_id=service.id, provider_id=provider,
        patient_id=appointment.patient_id if appointment else None,
    )  # fmt: skip


def _as_item(session: ClinicSession, line: InvoiceLine) -> Item:
    fund = session.scalars(select(Fund).where(Fund.id == line.fund_id)).one_or_none() if line.fund_id else None
    return Item(
        description=line.description, quantity=line.quantity, unit_price_cents=line.unit_price_cents,
        tax=TaxRate(line.tax_code, line.tax_rate_millionths, line.tax_included), service_id=line.service_id,
        discount_cents=line.discount_cents, discount_reason=line.discount_reason, fund=fund,
        provider_id=line.provider_id, patient_id=line.patient_id,
    )  # fmt: skip


def _add(work: Work, invoice: Invoice, item: Item, day: date, event_at: datetime | None, source: str) -> InvoiceLine:
    session = work.session
    left = gross_of(item.quantity, item.unit_price_cents) - item.discount_cents
    subsidy = subsidy_of(left, item.fund.discount_cents) if item.fund else 0
    amounts = _taxed(session, invoice.id, left - subsidy, item.tax)
    line = InvoiceLine(
        invoice_id=invoice.id, day=day, patient_id=item.patient_id, service_id=item.service_id,
        description=item.description, quantity=item.quantity, unit_price_cents=item.unit_price_cents,
        discount_cents=item.discount_cents, discount_reason=item.discount_reason, subsidy_cents=subsidy,
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
        appointment = _appointment(session, invoice)
        if is_draft and appointment is not None:
            follow(work, appointment)  # a visit that is off holds nothing
    return line


def _reverse(work: Work, invoice: Invoice, line: InvoiceLine, day: date) -> None:
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


def _standing_line(work: Work, line_id: str) -> tuple[InvoiceLine, Invoice, date]:
    session = work.session
    session.head()
    line = session.scalars(select(InvoiceLine).where(InvoiceLine.id == line_id)).one_or_none()
    if line is None:
        raise NotFound(what="line", name="like this")
    reversal = session.scalar(select(InvoiceLine.id).where(InvoiceLine.reverses_id == line_id))
    if reversal is not None or line.reverses_id is not None:
        raise LineChanged()
    invoice, stands = ledger.live_invoice(work, line.invoice_id)
    return line, invoice, line.day if stands.document == "draft" else ledger.today(session)


def _apply_booked_fund(
    work: Work, invoice: Invoice, appointment: Appointment, event_at: datetime | None, source: str
) -> None:
    session = work.session
    if not appointment.funding or appointment.stage in OFF:
        return
    fund = session.scalars(select(Fund).where(Fund.code == appointment.funding)).one_or_none()
    if fund is None or not fund.active or not has_enough(session, fund):
        return
    services = {row.id for row in session.scalars(select(Service).where(Service.procedure != "")) if row.procedure}
    line = next((row for row in standing_lines(session, invoice.id) if row.service_id in services), None)
    if line is None:
        return
    _reverse(work, invoice, line, line.day)
    _add(work, invoice, replace(_as_item(session, line), fund=fund), line.day, event_at, source)


def _remind(session: ClinicSession, invoice: Invoice, appointment: Appointment) -> None:
    """What was done now is done; what it makes due again is written down."""
    for line in standing_lines(session, invoice.id):
        service = session.held(Service, line.service_id) if line.service_id else None
        if service is None or not service.reminder_days:
            continue
        due = appointment.day + timedelta(days=service.reminder_days)
        for row in session.scalars(
            select(Reminder).where(
                Reminder.patient_id == appointment.patient_id,
                Reminder.service_code == service.code,
                Reminder.done_at.is_(None),
                Reminder.due_on < due,
            )
        ):
            row.done_at = clock.now()
        known = select(Reminder.id).where(
            Reminder.patient_id == appointment.patient_id,
            Reminder.service_code == service.code,
            Reminder.due_on == due,
        )
        if session.scalar(known) is None:
            session.add(Reminder(patient_id=appointment.patient_id, service_code=service.code, due_on=due))


def _appointment(session: ClinicSession, invoice: Invoice) -> Appointment | None:
    if not invoice.appointment_id:
        return None
    return session.held(Appointment, invoice.appointment_id)


def _day(session: ClinicSession, invoice: Invoice, document: str) -> date:
    appointment = _appointment(session, invoice)
    return appointment.day if appointment is not None and document == "draft" else ledger.today(session)


def _positive(quantity: int) -> int:
    if quantity <= 0:
        raise BadInput(problem="The quantity must be more than zero. Remove the line if it is not wanted.")
    return quantity
