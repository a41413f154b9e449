"""Card slips: keyed once by their serial and part, paid onto the visit's ticket, destroyed by a named person.

A slip never holds a card number. One without an authorization was not charged yet: ``outage/slip_claims.py`` says how
its money is taken, once. One that was charged and does not fit its ticket yet (the services are not entered, or nobody
knows whose it is) is kept as keyed and waits; applying it later writes the payment at the time it was taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from billing import checkout, ledger
from billing.amounts import decimal_text
from billing.open_links import STANDING
from billing.payments import BRANDS, DetailMissing, Tender, checked_reason, take_payment, void_payment
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, NotFound, Refusal
from data.models import (
    Appointment,
    CardSlip,
    Client,
    Clinic,
    FormSheet,
    Outage,
    Patient,
    Payment,
    PaymentRequest,
    User,
)
from data.session import ClinicSession
from data.types import clock, is_id
from forms.token import SLIP, is_slip, typed
from outage.account import SLIPS_A_SHEET
from outage.account_paper import forms_of
from outage.outages import PartClosed, outage_at
from records.access import NAME, Closed, client_for
from records.checks import check_email, check_phone, check_texts, clean
from records.search import beside
from security.actor import Actor
from security.rules import Work, act, look, together

SLACK = timedelta(minutes=5)


class NoSuchSlip(BadInput):
    """There is no card slip {serial}-{part}. Read the serial and the part printed on the slip once more; each sheet has
    {most} parts."""


class SlipNumber(BadInput):
    """'{typed}' is not the number of a slip. Type it as it is printed at the top right, such as 118-2."""


class NotASlip(BadInput):
    """Serial {serial} belongs to a form called {title}, not to card slips. Read the number on the slip once more."""


class SlipUsed(BadInput):
    """Slip {serial}-{part} was {how} before. Each slip counts once: look at the list of slips."""


class SheetSpoiled(BadInput):
    """The slips of sheet {serial} were marked as {state}. Take that back first if one was used after all."""


class NoOutageThen(BadInput):
    """No outage that is open covers that time. Check the time on the slip, or declare the outage first."""


class SlipTime(BadInput):
    """A slip cannot have been taken later than now. Check the day and the time."""


class DoesNotFit(Refusal):
    """Only {balance} is open on the ticket of visit {number}, but the slip says {amount}. Enter what was done for the
    visit first, then apply the slip."""


class WhoseSlip(BadInput):
    """Say for which visit this slip is: its number, or the serial of one of its sheets."""


class AlreadyApplied(Refusal):
    """This slip is on a ticket already."""


class NotCharged(Refusal):
    """The card of slip {name} was not charged yet, so there is nothing to put on a ticket. Charge it, or send a payment
    request."""


class StillNeeded(Refusal):
    """Slip {name} was not charged yet, so its paper is still needed. Charge the card, or send a payment request."""


class PaidOnline(Refusal):
    """Slip {name} was paid on the processor's page, so it is not taken back here. Give the money back on the invoice
    first, if that is right."""


class RequestStands(Refusal):
    """A payment request for slip {name} is open. Withdraw it first, so that nobody pays a slip that is not there."""


class NothingToDestroy(BadInput):
    """Choose at least one keyed slip whose paper is still there."""


@dataclass(frozen=True)
class NewSlip:
    """What stands on a slip. ``appointment_id`` where it is known whose it is; without ``authorization`` it was not
    charged yet."""

    serial: int
    part: int
    amount_cents: int
    taken_at: datetime
    last4: str = ""
    brand: str = ""
    authorization: str = ""
    payer: str = ""
    appointment_id: str | None = None
    phone: str = ""
    email: str = ""


@dataclass(frozen=True)
class Keyed:
    """A slip that was keyed; ``reference`` of its payment, empty while it waits, and ``why`` it waits."""

    slip_id: str
    reference: str = ""
    why: str = ""


@dataclass(frozen=True)
class SlipRow:
    """One keyed slip in the list. ``visit`` is None where nobody knows whose it is. ``claimed_by`` is charging it since
    ``claimed_at`` at ``processor``; ``request_id`` is a payment request that can still be paid; ``channel`` is that of
    its payment."""

    id: str
    serial: int
    part: int
    amount_cents: int
    last4: str
    brand: str
    authorization: str
    taken_at: datetime
    payer: str
    visit: int | None
    whose: str
    reference: str
    reason: str
    keyed_by: str
    destroyed_by: str
    destroyed_at: datetime | None
    channel: str = ""
    processor: str = ""
    claimed_by: str = ""
    claimed_at: datetime | None = None
    request_id: str = ""
    asked_at: datetime | None = None
    phone: str = ""
    email: str = ""
    new_phone: str = ""
    """The phone on the slip, where the record of its client has none."""
    new_email: str = ""
    """The same of the e-mail."""
    ask_at: str = ""
    """Where a payment request goes: the address on the client's record, else the one on the slip."""

    @property
    def can_be_asked(self) -> bool:
        """Whether there is an address to send a payment request to."""
        return bool(self.ask_at)

    @property
    def name(self) -> str:
        """``118-2``."""
        return f"{self.serial}-{self.part}"

    @property
    def about(self) -> str:
        """Whose it is; where nobody knows, what the slip says of who paid."""
        if self.visit:
            return f"visit {self.visit} · {self.whose}"
        return " · ".join(filter(None, (self.payer, self.phone, self.email))) or "nobody knows whose"

    @property
    def waits(self) -> bool:
        """Whether it was charged and is not on a ticket yet."""
        return not self.reference and not self.reason and bool(self.authorization)

    @property
    def is_spent(self) -> bool:
        """Whether its paper is there and needed no more."""
        return self.destroyed_at is None and (not self.is_uncharged or bool(self.request_id))

    @property
    def is_uncharged(self) -> bool:
        """Whether nobody took its money yet."""
        return not self.reference and not self.reason and not self.authorization


@dataclass(frozen=True)
class Visit:
    """A visit that a number on paper may mean."""

    appointment_id: str
    number: int
    whose: str


def slip_number(text: str) -> tuple[int, int]:
    """The serial and the part of a slip as somebody typed them: ``118-2``, or the whole code off the slip. Raises
    SlipNumber."""
    plain = typed(text)
    if is_slip(plain) and len(plain) >= len(SLIP) + 8:
        digits = plain[len(SLIP) : len(SLIP) + 8]
        if digits.isalnum() and digits.isascii():
            return int(digits[:7], 36), int(digits[7], 36)
    found = NUMBER.fullmatch(text)
    if found is None:
        raise SlipNumber(typed=text.strip()[:40])
    return int(found[1]), int(found[2])


NUMBER = re.compile(r"\s*#?\s*(\d{1,9})\s*[-/. ]\s*(\d)\s*")


def key_slip(slip: NewSlip, *, by: Actor, key: str | None = None) -> Keyed:
    """Key one slip, and pay it onto its visit's ticket where it was charged and fits; a ticket is opened where there is
    none.

    Raises NoSuchSlip, NotASlip, SlipUsed, SheetSpoiled, NoOutageThen, SlipTime, PartClosed, DetailMissing,
    CardNumberTyped, BadPhone, BadEmail, TooLong, BadInput, NotFound, RestrictedRecord, NotPermitted.
    """
    with together(by, "outage.enter", key=key) as work:
        if work.repeated:
            return Keyed(*work.result)
        check_card(slip.last4, slip.brand, slip.authorization)
        refuse_card_numbers({"Paid by": slip.payer})
        phone, email = _contact(slip)
        if slip.amount_cents <= 0:
            raise BadInput(problem="Enter the total on the slip: more than zero.")
        if slip.taken_at > clock.now() + SLACK:
            raise SlipTime()
        sheet, row = _place(work.session, slip.serial, slip.part)
        outage = _outage(work.session, slip.taken_at)
        visit = visit_row(work.session, slip.appointment_id, by) if slip.appointment_id else None
        row.outage_id, row.amount_cents, row.reason = outage.id, slip.amount_cents, ""
        row.last4, row.brand = slip.last4.strip(), brand_of(slip.brand)
        row.processor, row.claimed_at, row.claimed_by_id = "", None, None
        row.authorization, row.taken_at = slip.authorization.strip(), slip.taken_at
        row.payer, row.phone, row.email = " ".join(slip.payer.split())[:120], phone, email
        row.appointment_id, row.client_id = (visit.id, visit.client_id) if visit else (None, None)
        _keep(work, sheet, row, outage)
        reference, why = applied(work, row, visit)
        work.audit(
            "slip.keyed", "card_slip", row.id, serial=slip.serial, part=slip.part, amount_cents=slip.amount_cents,
            appointment=row.appointment_id, payment=row.payment_id,
        )  # fmt: skip
        work.result = [row.id, reference, why]
        return Keyed(row.id, reference, why)


def apply_slip(slip_id: str, appointment_id: str | None = None, *, by: Actor, key: str | None = None) -> Keyed:
    """Pay a slip that waits onto the ticket of its visit, or of the one named now; one that was not charged yet only
    learns whose it is. Raises AlreadyApplied, NotCharged, WhoseSlip, DoesNotFit, PartClosed, NotFound,
    RestrictedRecord, NotPermitted."""
    with together(by, "outage.enter", key=key) as work:
        if work.repeated:
            return Keyed(*work.result)
        row = slip_row(work.session, slip_id)
        if standing_payment(work.session, row) is not None or row.reason:
            raise AlreadyApplied()
        if not row.authorization and (row.appointment_id or not appointment_id):
            raise NotCharged(name=name_of(work.session, row))
        wanted = appointment_id or row.appointment_id
        if wanted is None:
            raise WhoseSlip()
        visit = visit_row(work.session, wanted, by)
        row.appointment_id, row.client_id = visit.id, visit.client_id
        reference, _ = applied(work, row, visit)
        if not reference and row.authorization:
            raise does_not_fit(work.session, row, visit)
        work.audit("slip.applied", "card_slip", row.id, appointment=visit.id, payment=row.payment_id)
        work.result = [row.id, reference, ""]
        return Keyed(row.id, reference)


def does_not_fit(session: ClinicSession, row: CardSlip, visit: Appointment, *, asked: int = 0) -> DoesNotFit:
    """That a ticket asks for less than its slip says, without what was ``asked`` for otherwise."""
    clinic = session.get_one(Clinic, session.clinic_id)
    balance = decimal_text(max(_balance(session, visit.id) - asked, 0), currency=clinic.currency)
    amount = decimal_text(row.amount_cents, currency=clinic.currency)
    return DoesNotFit(balance=balance, amount=amount, number=visit.number)


def spoil_slip(serial: int, part: int, reason: str, *, by: Actor, key: str | None = None) -> str:
    """Account for a slip that was spoiled, with the reason; returns its id. Raises NoSuchSlip, NotASlip, SlipUsed,
    SheetSpoiled, NoOutageThen, ReasonMissing, CardNumberTyped, NotPermitted."""
    with act(by, "outage.enter", key=key) as work:
        if work.repeated:
            return str(work.result)
        reason = checked_reason(reason)[:200]
        sheet, row = _place(work.session, serial, part)
        outage = _outage(work.session, None)
        row.outage_id, row.amount_cents, row.reason, row.taken_at = outage.id, 0, reason, clock.now()
        row.appointment_id = row.client_id = None
        row.last4 = row.brand = row.authorization = row.payer = row.phone = row.email = row.processor = ""
        row.claimed_at = row.claimed_by_id = None
        _keep(work, sheet, row, outage)
        work.audit("slip.spoiled", "card_slip", row.id, serial=serial, part=part, reason=reason)
        work.result = row.id
        return row.id


def take_back(slip_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Take back what was keyed wrongly, so that the slip can be keyed again; its payment is voided. Raises
    ReasonMissing, PaidOnline, RequestStands, PartClosed, NotFound, TooMuchBack, NotPermitted."""
    with together(by, "outage.enter", key=key) as work:
        if work.repeated:
            return
        reason = checked_reason(reason)
        row = slip_row(work.session, slip_id)
        if standing_requests_of(work.session, [row.id]):
            raise RequestStands(name=name_of(work.session, row))
        payment = standing_payment(work.session, row)
        if payment is not None:
            if work.session.scalar(select(Payment.channel).where(Payment.id == payment)) == "payment_request":
                raise PaidOnline(name=name_of(work.session, row))
            void_payment(payment, reason, by=by)
        row.deleted_at, row.payment_id = clock.now(), None
        row.destroyed_at = row.destroyed_by_id = row.claimed_at = row.claimed_by_id = None
        work.audit("slip.taken_back", "card_slip", row.id, reason=reason, payment=payment)


def destroy_slips(slip_ids: Sequence[str], *, by: Actor, key: str | None = None) -> int:
    """Write down, by name, that the paper of keyed slips was destroyed; returns how many. Raises NothingToDestroy,
    StillNeeded, PartClosed, NotPermitted."""
    with act(by, "outage.enter", key=key) as work:
        if work.repeated:
            return int(work.result)
        wanted = [one for one in slip_ids if is_id(one)]
        statement = select(CardSlip).where(CardSlip.id.in_(wanted), CardSlip.destroyed_at.is_(None))
        rows = work.session.scalars(statement).all()
        if not rows:
            raise NothingToDestroy()
        asked = standing_requests_of(work.session, [row.id for row in rows])
        for row in rows:
            _check_open(work.session, row)
            if not (row.reason or row.payment_id or row.authorization or row.id in asked):
                raise StillNeeded(name=name_of(work.session, row))
            row.destroyed_at, row.destroyed_by_id = clock.now(), by.user_id
            work.audit("slip.destroyed", "card_slip", row.id)
        work.result = len(rows)
        return len(rows)


def slips(outage_id: str, *, by: Actor) -> list[SlipRow]:
    """The keyed slips of an outage, by serial and part. Raises NotPermitted."""
    with look(by, "outage.enter") as session:
        statement = (
            select(
                CardSlip,
                FormSheet.serial,
                Appointment.number,
                Patient.name,
                Client,
                Payment.reference,
                Payment.channel,
            )
            .join(FormSheet, (FormSheet.clinic_id == CardSlip.clinic_id) & (FormSheet.id == CardSlip.form_sheet_id))
            .outerjoin(
                Appointment,
                (Appointment.clinic_id == CardSlip.clinic_id) & (Appointment.id == CardSlip.appointment_id),
            )
            .outerjoin(Patient, (Patient.clinic_id == Appointment.clinic_id) & (Patient.id == Appointment.patient_id))
            .outerjoin(
                Client,
                (Client.clinic_id == CardSlip.clinic_id)
                & (Client.id == func.coalesce(Appointment.client_id, CardSlip.client_id)),
            )  # after a merging the visit knows whose it is
            .outerjoin(Payment, (Payment.clinic_id == CardSlip.clinic_id) & (Payment.id == CardSlip.payment_id))
            .where(CardSlip.outage_id == outage_id if is_id(outage_id) else CardSlip.id.is_(None))
            .order_by(FormSheet.serial, CardSlip.part)
        )
        found = list(session.execute(statement))
        paid = [row[0].payment_id for row in found if row[0].payment_id]
        voids = select(Payment.reverses_id).where(Payment.reverses_id.in_(paid), Payment.kind == "void")
        voided = set(session.scalars(voids)) if paid else set()
        names = dict(session.execute(select(User.id, User.name)).tuples().all())
        asked = standing_requests_of(session, [row[0].id for row in found])
        closed = Closed(session, by)
        rows = []
        for slip, serial, number, animal, client, reference, channel in found:
            hidden = client is not None and closed.hides(client.id, client.restricted)
            request = asked.get(slip.id)
            known = number is not None and client is not None and not hidden
            phone, email = ("", "") if hidden else (slip.phone, slip.email)
            rows.append(
                SlipRow(
                    slip.id, serial, slip.part, slip.amount_cents, slip.last4, slip.brand, slip.authorization,
                    slip.taken_at, "" if hidden else slip.payer, number, _whose(animal, client, hidden),
                    "" if slip.payment_id in voided else reference or "", slip.reason,
                    names.get(slip.by_user_id or "", "Operator"),
                    names.get(slip.destroyed_by_id or "", "Operator") if slip.destroyed_at else "", slip.destroyed_at,
                    channel or "", slip.processor,
                    names.get(slip.claimed_by_id or "", "Operator") if slip.claimed_at else "", slip.claimed_at,
                    request.id if request else "", request.sent_at if request else None,
                    phone, email, phone if known and not client.phone else "",
                    email if known and not client.email else "", (client.email or email) if known else "",
                )
            )  # fmt: skip
        return rows


def open_slips(first: date, last: date, *, by: Actor) -> tuple[int, int]:
    """How many keyed slips of these days, both included, are on no ticket yet, charged or not, and their cents. No
    settlement can meet them before. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        zone = ZoneInfo(session.get_one(Clinic, session.clinic_id).zone)
        since, until = (datetime.combine(day, time(), zone) for day in (first, last + timedelta(days=1)))
        voided = select(Payment.reverses_id).where(Payment.kind == "void", Payment.reverses_id.is_not(None))
        count, cents = session.execute(
            select(func.count(), func.coalesce(func.sum(CardSlip.amount_cents), 0)).where(
                CardSlip.taken_at >= since, CardSlip.taken_at < until, CardSlip.reason == "",
                CardSlip.payment_id.is_(None) | CardSlip.payment_id.in_(voided),
            )
        ).one()  # fmt: skip
        return int(count), int(cents)


def visits_like(text: str, *, by: Actor) -> list[Visit]:
    """The visits that a number on a slip may mean: a visit's number, or the serial of one of its sheets. Of a closed
    record only the number is told. Raises NotPermitted."""
    digits = text.strip().lstrip("#").lstrip("0")
    if not digits.isdecimal() or len(digits) > 9:
        return []
    with look(by, "outage.enter") as session:
        by_serial = select(FormSheet.appointment_id).where(
            FormSheet.serial == int(digits), FormSheet.appointment_id.is_not(None)
        )
        statement = (
            select(Appointment.id, Appointment.number, Patient.name, Client)
            .join(Client, (Client.clinic_id == Appointment.clinic_id) & (Client.id == Appointment.client_id))
            .join(Patient, (Patient.clinic_id == Appointment.clinic_id) & (Patient.id == Appointment.patient_id))
            .where((Appointment.number == int(digits)) | Appointment.id.in_(by_serial))
            .order_by(Appointment.day.desc())
        )
        closed = Closed(session, by)
        return [
            Visit(row[0], row[1], _whose(row[2], row[3], closed.hides(row[3].id, row[3].restricted)))
            for row in session.execute(statement)
        ]


def _whose(animal: str | None, client: Client | None, hidden: bool) -> str:
    if hidden:
        return NAME
    if client is None:
        return ""
    owner = f"{client.last_name}, {client.first_name}" if client.first_name else client.last_name
    return " · ".join(part for part in (animal, beside(animal, owner)) if part) if animal else owner


def check_card(last4: str, brand: str, authorization: str) -> None:
    """Refuse what cannot stand on a slip; without an authorization the digits may be missing too. Raises DetailMissing,
    CardNumberTyped."""
    if authorization.strip():
        _tender(last4, brand, authorization).check()
        return
    refuse_card_numbers({"The last four digits": last4, "The brand": brand})
    if last4.strip() and not re.fullmatch(r"[0-9]{4}", last4.strip()):
        raise DetailMissing(tender="card", what="the last four digits of the card, four figures and no more")


def _contact(slip: NewSlip) -> tuple[str, str]:
    """The phone and the e-mail on a slip. Raises BadPhone, BadEmail, TooLong, CardNumberTyped."""
    phone, email = clean(slip.phone), clean(slip.email)
    check_texts({"The phone": (phone, 40), "The e-mail": (email, 254)})
    check_phone(phone)
    check_email(email)
    return phone, email


def _tender(last4: str, brand: str, authorization: str) -> Tender:
    return Tender("card", last4.strip(), brand_of(brand), authorization.strip(), channel="slip")


def brand_of(text: str) -> str:
    """The brand as the counter writes it: ``vi`` and ``VISA`` are Visa."""
    wanted = text.strip().casefold()
    found = [one for one in BRANDS if one.casefold().startswith(wanted)] if len(wanted) > 1 else []
    if wanted in ("mc", "master card"):
        return "Mastercard"
    if wanted in ("american express", "ax"):
        return "Amex"
    return found[0] if len(found) == 1 else text.strip()[:20]


def _place(session: ClinicSession, serial: int, part: int) -> tuple[FormSheet, CardSlip]:
    """The sheet of slips and the row of one of them, new or taken back before. Raises NoSuchSlip, NotASlip, SlipUsed,
    SheetSpoiled."""
    sheet = None
    if 0 < serial < 2**31 and 1 <= part <= SLIPS_A_SHEET:
        sheet = session.scalars(select(FormSheet).where(FormSheet.serial == serial)).one_or_none()
    if sheet is None:
        raise NoSuchSlip(serial=serial, part=part, most=SLIPS_A_SHEET)
    about = forms_of(session, {sheet.edition})[sheet.edition]
    if not about.slip:
        raise NotASlip(serial=serial, title=about.title)
    if sheet.state in ("spoiled", "waived"):
        raise SheetSpoiled(serial=serial, state=sheet.state)
    statement = select(CardSlip).where(CardSlip.form_sheet_id == sheet.id, CardSlip.part == part)
    row = session.scalars(statement, execution_options={"include_deleted": True}).one_or_none()
    if row is not None and row.deleted_at is None:
        raise SlipUsed(serial=serial, part=part, how="marked as spoiled" if row.reason else "keyed")
    if row is None:
        row = CardSlip(form_sheet_id=sheet.id, part=part)
    row.deleted_at = None
    return sheet, row


def _keep(work: Work, sheet: FormSheet, row: CardSlip, outage: Outage) -> None:
    row.by_user_id = work.by.user_id
    if sheet.state == "printed":
        sheet.state = "used"
    if sheet.outage_id is None:
        sheet.outage_id = outage.id
    work.session.add(row)
    work.session.flush()
    parts = len(work.session.scalars(select(CardSlip.id).where(CardSlip.form_sheet_id == sheet.id)).all())
    if parts == SLIPS_A_SHEET:
        sheet.state = "entered"


def applied(work: Work, row: CardSlip, visit: Appointment | None) -> tuple[str, str]:
    """Take the payment of a slip where it fits the ticket: its reference, else why it waits."""
    if not row.authorization:
        return "", "Charge the card, or send a payment request."
    if visit is None:
        return "", "Nobody knows yet whose it is."
    may = work.session.info.get("may")
    if not work.by.is_trusted and "billing.checkout" not in (may or ()):
        return "", "Somebody who may take payments has to apply it."
    ticket = checkout.open_ticket(visit.id, by=work.by, event_at=row.taken_at, source="paper")
    stands = ledger.standing_of(work.session, ticket)
    if not stands.is_live or stands.balance < row.amount_cents:
        return "", "The ticket asks for less. Enter what was done, then apply it."
    taken = take_payment(
        [ticket], row.amount_cents, _tender(row.last4, row.brand, row.authorization), by=work.by,
        event_at=row.taken_at, source="paper",
    )  # fmt: skip
    row.payment_id = taken.payment_id
    work.session.flush()
    return taken.reference, ""


def _balance(session: ClinicSession, appointment_id: str) -> int:
    invoice = checkout.invoice_of(session, appointment_id)
    stands = ledger.standing_of(session, invoice.id) if invoice else None
    return stands.balance if stands and stands.is_live else 0


def standing_payment(session: ClinicSession, row: CardSlip) -> str | None:
    """The payment of a slip, unless it was voided."""
    if row.payment_id is None:
        return None
    void = select(Payment.id).where(Payment.reverses_id == row.payment_id, Payment.kind == "void")
    return None if session.scalar(void) else row.payment_id


def standing_requests_of(session: ClinicSession, slip_ids: Sequence[str]) -> dict[str, PaymentRequest]:
    """By slip, the payment request of it that can still be paid."""
    statement = select(PaymentRequest).where(
        PaymentRequest.card_slip_id.in_(slip_ids), PaymentRequest.state.in_(STANDING)
    )
    return {str(one.card_slip_id): one for one in session.scalars(statement)}


def name_of(session: ClinicSession, row: CardSlip) -> str:
    """What is printed on a slip: ``118-2``."""
    return f"{session.scalar(select(FormSheet.serial).where(FormSheet.id == row.form_sheet_id))}-{row.part}"


def slip_row(session: ClinicSession, slip_id: str) -> CardSlip:
    """The slip behind an id, of an outage whose money part is open; raises NotFound, PartClosed."""
    row: Any = None
    if is_id(slip_id):
        row = session.scalars(select(CardSlip).where(CardSlip.id == slip_id)).one_or_none()
    if row is None:
        raise NotFound(what="card slip", name="with this address")
    _check_open(session, row)
    return row  # type: ignore[no-any-return]


def _check_open(session: ClinicSession, row: CardSlip) -> None:
    closed = select(Outage.money_closed_at).where(Outage.id == row.outage_id)
    if row.outage_id and session.scalar(closed) is not None:
        raise PartClosed(part="money")


def _outage(session: ClinicSession, taken_at: datetime | None) -> Outage:
    """The outage in which a slip was taken; without a time, or a little outside of the times, the newest open one."""
    found = outage_at(session, taken_at) if taken_at else None
    if found is None:
        statement = select(Outage).where(Outage.money_closed_at.is_(None)).order_by(Outage.began_at.desc())
        near = session.scalars(statement).first()
        if near is not None and (taken_at is None or _away(near, taken_at) < NEAR):
            found = near
    if found is None:
        raise NoOutageThen()
    if found.money_closed_at is not None:
        raise PartClosed(part="money")
    return found


NEAR = timedelta(hours=12)
"""So far outside of the outage's times a slip may have been taken and still be of it."""


def _away(outage: Outage, taken_at: datetime) -> timedelta:
    """How far outside of the times an instant lies."""
    return max(outage.began_at - taken_at, taken_at - (outage.ended_at or taken_at))


def visit_row(session: ClinicSession, appointment_id: str, by: Actor) -> Appointment:
    """The visit a slip is for, where its record is open to this person; raises NotFound, RestrictedRecord."""
    found = None
    if is_id(appointment_id):
        found = session.scalars(select(Appointment).where(Appointment.id == appointment_id)).one_or_none()
    if found is None:
        raise NotFound(what="visit", name="with this number")
    client_for(session, found.client_id, by)
    return found
