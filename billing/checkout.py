"""The ticket at the counter: what a visit is charged, and closing the visit.

A line is never changed. Another quantity, price, discount or grant is a reversing line and a new one, so that every
total can be told again from the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import select

from appointments.funding import OFF, FundEmpty, follow, has_enough
from appointments.moves import appointment_for_change, record_move
from appointments.stages import EXITS
from billing import ledger
from billing.amounts import decimal_text
from billing.lines import (
    Item,
    add_item,
    as_item,
    charging,
    charging_day,
    item_for,
    positive,
    refuse_in_package,
    reverse,
    standing_line,
    standing_lines,
    visit_of,
)
from billing.pricing import MILLION, gross_of, half_up
from billing.settings import DISCOUNT, SERVICE
from data import definitions
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, NotFound, Refusal
from data.models import (
    Appointment,
    Exam,
    Fund,
    Invoice,
    InvoiceLine,
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


class BadDiscount(BadInput):
    """A discount of {discount} is more than the line costs. Enter at most what the line comes to."""


class NotFundable(BadInput):
    """{fund} is not in use any more. Choose another grant or voucher."""


class StillOpen(Refusal):
    """Part of this ticket is still unpaid. Take the payment, or say why the patient goes home with an open balance."""


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
                add_item(work, invoice, item_for(work.session, service, appointment), appointment.day, event_at, source)
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
            day = charging_day(session, invoice, document)
            for service in services_on(session, [listed[code] for code in added], appointment.day):
                add_item(work, invoice, item_for(session, service, appointment), day, event_at, source)
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
        appointment = visit_of(work.session, invoice)
        item = replace(item_for(work.session, service, appointment), quantity=positive(quantity))
        line = add_item(work, invoice, item, charging_day(work.session, invoice, stands.document), None, "live")
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

    A price or discount needs billing.discount. Raises NotPermitted, LineChanged, InPackage,
    InvoiceClosed, BadDiscount.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        old, invoice, day = standing_line(work, line_id)
        refuse_in_package(work.session, old)
        new = as_item(work.session, old)
        if quantity is not None:
            new = _discounted(work.session, replace(new, quantity=positive(quantity)))
        if unit_price_cents is not None:
            new = replace(new, unit_price_cents=max(0, unit_price_cents))
        if discount_cents is not None and discount_cents != old.discount_cents:
            new = replace(new, discount_cents=discount_cents, discount_code="")
        if discount_reason is not None:
            refuse_card_numbers({"The reason": discount_reason})
            new = replace(new, discount_reason=discount_reason.strip()[:200])
        by_hand = new.unit_price_cents != old.unit_price_cents or not new.discount_code
        if by_hand and (new.unit_price_cents, new.discount_cents) != (old.unit_price_cents, old.discount_cents):
            authorize(work.session, by, "billing.discount")
        if not 0 <= new.discount_cents <= gross_of(new.quantity, new.unit_price_cents):
            raise BadDiscount(discount=decimal_text(new.discount_cents, currency=invoice.currency))
        with charging(work, invoice.id):
            reverse(work, invoice, old, day)
            line = add_item(work, invoice, new, day, None, "live")
        work.audit(
            "ticket.line_changed", "invoice", invoice.id, line=line_id, new_line=line.id, quantity=new.quantity,
            price_changed=new.unit_price_cents != old.unit_price_cents, discount_cents=new.discount_cents,
            reason=new.discount_reason,
        )  # fmt: skip
        work.result = line.id
        return line.id


def remove_line(line_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take a line off the ticket by a reversing line.

    Raises NotPermitted, LineChanged, InPackage, InvoiceClosed.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return
        old, invoice, day = standing_line(work, line_id)
        refuse_in_package(work.session, old)
        with charging(work, invoice.id):
            reverse(work, invoice, old, day)
        work.audit("ticket.line_removed", "invoice", invoice.id, line=line_id)


def apply_fund(line_id: str, fund_code: str | None, *, by: Actor, key: str | None = None) -> str:
    """Let a grant or voucher pay part of a line, or (None) take it off again; returns the new line's id.

    Raises NotPermitted, LineChanged, InvoiceClosed, NotFundable, FundEmpty.
    """
    with act(by, "billing.checkout", key=key) as work:
        if work.repeated:
            return str(work.result)
        old, invoice, day = standing_line(work, line_id)
        fund = None
        if fund_code is not None:
            fund = work.session.scalars(select(Fund).where(Fund.code == fund_code)).one_or_none()
            if fund is None:
                raise NotFound(what="grant or voucher", name=fund_code)
            if not fund.active:
                raise NotFundable(fund=fund.name)
        with charging(work, invoice.id):
            reverse(work, invoice, old, day)
            if fund is not None and not has_enough(work.session, fund):
                raise FundEmpty(fund=fund.name)
            line = add_item(work, invoice, replace(as_item(work.session, old), fund=fund), day, None, "live")
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
    appointment = visit_of(work.session, invoice)
    if appointment is None:
        return False
    invoice.issued_on = invoice.due_on = appointment.day
    moved = False
    for line in standing_lines(work.session, invoice.id):
        if line.day != appointment.day:
            moved = True
            reverse(work, invoice, line, line.day)
            add_item(work, invoice, as_item(work.session, line), appointment.day, None, "live")
    return moved


def invoice_of(session: ClinicSession, appointment_id: str) -> Invoice | None:
    """The invoice of a visit that is not void, the newest where there are several."""
    rows = session.scalars(
        select(Invoice).where(Invoice.appointment_id == appointment_id).order_by(Invoice.number.desc())
    ).all()
    stands = standings(session, [row.id for row in rows]) if rows else {}
    return next((row for row in rows if stands[row.id].document != "void"), None)


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
    reverse(work, invoice, line, line.day)
    add_item(work, invoice, replace(as_item(session, line), fund=fund), line.day, event_at, source)


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


def _discounted(session: ClinicSession, item: Item) -> Item:
    """A discount of the clinic's list that is a share of the charge follows its quantity."""
    listed = definitions.load_all(session, DISCOUNT).get(item.discount_code)
    if listed is None or not listed.rate_millionths:
        return item
    cents = half_up(gross_of(item.quantity, item.unit_price_cents) * listed.rate_millionths, MILLION)
    return replace(item, discount_cents=cents)
