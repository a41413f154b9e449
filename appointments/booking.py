"""Booking, moving, cancelling, no-shows, walk-ins.

Every rule here takes the clinic's head row first, so that the last place of a day is given once, however many people
press the button. ``overbook`` needs its own permission. Each change of stage is one flow event (appointments/moves.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm.attributes import flag_modified

from appointments import capacity
from appointments.early_ticket import paid_ahead
from appointments.funding import follow
from appointments.moves import (
    NotPossible,
    appointment_for_change,
    record_move,
    record_rescheduling,
    stage_label,
    standing_moves,
    undo_last_move,
)
from appointments.settings import APPOINTMENT_TYPE, AppointmentType
from appointments.stages import BEFORE_ARRIVAL, COUNTS_FOR_CAPACITY
from appointments.times import instant_of, local_of
from data import definitions
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, EditedMeanwhile, NotFound, Refusal
from data.models import Appointment, Client, Clinic, Fund, Location, Patient, Service, User
from data.session import ClinicSession
from data.types import clock
from data.wording import Wording
from records import custom
from records.access import Closed, client_for, visit_for
from security.actor import Actor
from security.rules import Work, act, authorize

if TYPE_CHECKING:
    from records.clients import ClientForm
    from records.patients import PatientForm


class DayFull(Refusal):
    """{type} at {place} is full on {day}: {taken} of {capacity} places are taken. Choose another day, or book beyond
    the capacity if your role may."""


class ClosedThatDay(Refusal):
    """{place} is closed on {weekday}s. Choose another day, or book anyway if your role may book beyond the capacity."""


class AlreadyBooked(Refusal):
    """{patient} already has an appointment on {day} at {time}. Open that one instead of booking a second."""


class PastDay(Refusal):
    """{day} is in the past. Tick the box to say that you mean to enter a past appointment."""


class PatientOfAnother(BadInput):
    """This patient belongs to another client. Choose the patient again."""


class PatientDied(BadInput):
    """{patient} is recorded as having died on {day}. Correct the patient's record first if that is a mistake."""


class UnknownChoice(BadInput):
    """The {what} {name} is not offered any more. Choose another one."""


class TooEarlyForNoShow(Refusal):
    """{day} has not come yet, so nobody can have missed it. Cancel the appointment instead."""


class DepositTaken(Refusal):
    """{paid} was paid ahead for this visit. Refund it on the ticket first, or say that the ticket keeps it for another
    day."""


class ReasonNeeded(BadInput):
    """Say why the appointment is canceled, so that the next person to open it knows."""


@dataclass(frozen=True)
class Booking:
    """What it takes to book. ``day`` and ``time`` are those of the location; ``minutes`` None takes the type's."""

    client_id: str
    patient_id: str
    location_id: str
    type: str
    day: date
    time: time
    minutes: int | None = None
    services: Sequence[str] = ()
    """Codes of the price list."""
    funding: str = ""
    """Code of a grant or voucher."""
    notes: str = ""
    caution: str = ""
    provider_id: str | None = None
    answers: Mapping[str, object] | None = None
    """To the clinic's own fields of appointments; None where they were not asked."""
    client_answers: Mapping[str, object] | None = None
    """The same for a new client, and for a new patient."""
    patient_answers: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Details:
    """What may be changed about an appointment besides its day, time and stage."""

    services: Sequence[str] = ()
    funding: str = ""
    notes: str = ""
    caution: str = ""
    provider_id: str | None = None
    answers: Mapping[str, object] | None = None


def book(
    booking: Booking,
    *,
    by: Actor,
    new_client: ClientForm | None = None,
    new_patient: PatientForm | None = None,
    overbook: bool = False,
    past: bool = False,
    source: str = "live",
    key: str | None = None,
) -> str:
    """Book an appointment; returns its id.

    ``new_client`` and ``new_patient`` are added where the booking names none (permission clients.edit).
    ``overbook`` accepts a full or closed day (permission appointments.overbook), ``past`` a day gone by. Raises
    DayFull, ClosedThatDay, AlreadyBooked, PastDay, SkippedHour, PatientOfAnother, PatientDied, UnknownChoice,
    FundEmpty (the grant has nothing left), NotFound, RestrictedRecord, NotPermitted.
    """
    with act(by, "appointments.book", key=key) as work:
        if work.repeated:
            return str(work.result)
        desk = _Desk(work, overbook=overbook, past=past)
        booking = desk.welcome(booking, new_client, new_patient)
        appointment = desk.new(booking, stage="booked", source=source)
        work.audit(
            "appointment.booked", "appointment", appointment.id,
            day=booking.day.isoformat(), type=booking.type, overbooked=overbook,
        )  # fmt: skip
        work.result = appointment.id
        return appointment.id


def walk_in(
    booking: Booking,
    *,
    new_client: ClientForm | None = None,
    new_patient: PatientForm | None = None,
    by: Actor,
    overbook: bool = False,
    arrived_at: datetime | None = None,
    source: str = "live",
    key: str | None = None,
) -> str:
    """Take somebody who came without an appointment: client, patient and appointment at once, already checked in.

    ``new_client`` and ``new_patient`` are added where the booking names none (permission clients.edit); ``booking.day``
    and ``time`` are replaced by the arrival's. One from paper was seen, so that no capacity stands against it. Returns
    the appointment's id. Raises what ``book`` raises and what adding a client or a patient raises.
    """
    with act(by, "appointments.book", key=key) as work:
        if work.repeated:
            return str(work.result)
        desk = _Desk(work, overbook=overbook, past=True, happened=source == "paper")
        booking = desk.welcome(booking, new_client, new_patient)
        at = arrived_at or clock.now()
        there = local_of(at, desk.location(booking.location_id).zone)
        booking = replace(booking, day=there.date(), time=there.time())
        appointment = desk.new(booking, stage="checked_in", source=source, event_at=at)
        work.audit(
            "appointment.walk_in", "appointment", appointment.id,
            day=booking.day.isoformat(), type=booking.type, new_client=new_client is not None,
            new_patient=new_patient is not None, overbooked=overbook,
        )  # fmt: skip
        work.result = appointment.id
        return appointment.id


def move(
    appointment_id: str,
    *,
    day: date,
    time: time,
    version: int,
    by: Actor,
    location_id: str | None = None,
    type: str | None = None,
    overbook: bool = False,
    past: bool = False,
    key: str | None = None,
) -> None:
    """Move an appointment to another day, time, place or type. One that was cancelled or missed is booked again.

    Raises EditedMeanwhile, NotPossible (the patient is here already) and what ``book`` raises.
    """
    with act(by, "appointments.book", key=key) as work:
        if work.repeated:
            return
        row = _row(work, appointment_id, version)
        if row.stage not in (*BEFORE_ARRIVAL, "cancelled", "no_show"):
            raise NotPossible(here=stage_label(work.session, row.stage).lower(), there="another day")
        desk = _Desk(work, overbook=overbook, past=past)
        before = (row.day, row.location_id, row.type, row.stage)
        location = desk.location(location_id or row.location_id)
        kind = desk.kind(type or row.type, present=row.type)
        starts_at = desk.instant(day, time, location)
        desk.check_day(day, location, type or row.type, kind, but=row)
        desk.check_duplicate(row.patient_id, day, location, but=row)
        if type and type != row.type:
            row.minutes = kind.minutes
        row.starts_at, row.day, row.location_id, row.type = starts_at, day, location.id, type or row.type
        if before[3] in ("cancelled", "no_show"):
            row.cancel_reason = ""
            record_move(work, row, "booked", reason="booked again")
            follow(work, row, must=True)
        else:
            record_rescheduling(work, row, reason=f"moved from {before[0].isoformat()}")
        work.audit(
            "appointment.moved", "appointment", row.id,
            from_day=before[0].isoformat(), to_day=day.isoformat(), other_place=before[1] != row.location_id,
            other_type=before[2] != row.type, overbooked=overbook,
        )  # fmt: skip


def change(appointment_id: str, details: Details, *, version: int, by: Actor, key: str | None = None) -> None:
    """Change the services, funding, notes, caution or provider.

    Raises EditedMeanwhile, UnknownChoice, FundEmpty, NotFound, RestrictedRecord.
    """
    with act(by, "appointments.book", key=key) as work:
        if work.repeated:
            return
        row = visit_for(work.session, _row(work, appointment_id, version), by)
        desk = _Desk(work)
        desk.check_choices(details, present=row)
        new = {
            "services": list(details.services), "funding": details.funding, "notes": _text(details.notes, 4000),
            "caution": _text(details.caution, 300), "provider_id": details.provider_id,
        }  # fmt: skip
        changed = [name for name, value in new.items() if getattr(row, name) != value]
        for name in changed:
            setattr(row, name, new[name])
        if own := custom.save_form(work.session, "appointment", row.id, details.answers):
            flag_modified(row, "caution")  # a second editor notices, although only answers changed
            changed += own
        if "funding" in changed:
            follow(work, row, must=True)
        work.audit("appointment.changed", "appointment", row.id, fields=changed)


def confirm(appointment_id: str, *, version: int, by: Actor, key: str | None = None) -> None:
    """The client said they will come. Raises NotPossible, EditedMeanwhile."""
    _to(appointment_id, "confirmed", version=version, by=by, key=key)


def cancel(
    appointment_id: str, reason: str, *, version: int, by: Actor, keep_deposit: bool = False, key: str | None = None
) -> None:
    """Cancel with a reason; the place is free again, and a ticket opened ahead is void.

    With money on that ticket the person says that it stays there for now (``keep_deposit``). Raises ReasonNeeded,
    DepositTaken, NotPossible, EditedMeanwhile.
    """
    if not reason.strip():
        raise ReasonNeeded()
    with act(by, "appointments.book", key=key) as work:
        if work.repeated:
            return
        row = _row(work, appointment_id, version)
        paid = paid_ahead(work.session, row.id)
        if paid and not keep_deposit:
            client = work.session.get_one(Client, (work.session.clinic_id, row.client_id))
            hidden = Closed(work.session, by).hides(client.id, client.restricted)
            raise DepositTaken(paid="Money" if hidden else _wording(work.session).money(paid))
        row.cancel_reason = _text(reason, 200)
        record_move(work, row, "cancelled", reason=row.cancel_reason)
        work.audit("appointment.cancelled", "appointment", row.id, reason=row.cancel_reason, deposit_cents=paid)


def mark_no_show(appointment_id: str, *, version: int, by: Actor, key: str | None = None) -> None:
    """The patient did not come. Raises TooEarlyForNoShow, NotPossible, EditedMeanwhile."""
    _to(appointment_id, "no_show", version=version, by=by, key=key)


def restore(appointment_id: str, *, version: int, by: Actor, overbook: bool = False, key: str | None = None) -> str:
    """Undo a cancellation or a no-show; returns the stage it is in again.

    The place or the grant may have been given away meanwhile: raises DayFull or FundEmpty then, ClosedThatDay,
    AlreadyBooked, NotPossible, EditedMeanwhile.
    """
    with act(by, "appointments.book", key=key) as work:
        if work.repeated:
            return str(work.result)
        row = _row(work, appointment_id, version)
        if row.stage not in ("cancelled", "no_show"):
            raise NotPossible(here=stage_label(work.session, row.stage).lower(), there="the roster again")
        desk = _Desk(work, overbook=overbook, past=True)
        location = desk.location(row.location_id)
        desk.check_day(row.day, location, row.type, desk.kind(row.type, present=row.type), but=row)
        desk.check_duplicate(row.patient_id, row.day, location, but=row)
        was, row.cancel_reason = row.stage, ""
        standing = standing_moves(work.session, row.id)
        if standing and standing[-1].to_stage == was and standing[-1].from_stage in BEFORE_ARRIVAL:
            undo_last_move(work, row)
        else:
            record_move(work, row, "booked", reason="taken back")
        follow(work, row, must=True)
        work.audit("appointment.restored", "appointment", row.id, was=was, now=row.stage, overbooked=overbook)
        work.result = row.stage
        return row.stage


def next_number(session: ClinicSession) -> int:
    """The next free appointment number. The clinic's head row is locked first, so that two never get the same."""
    session.head()
    highest = session.scalar(select(func.max(Appointment.number)), execution_options={"include_deleted": True})
    return (highest or 0) + 1


def _to(appointment_id: str, stage: str, *, version: int, by: Actor, key: str | None) -> None:
    with act(by, "appointments.book", key=key) as work:
        if work.repeated:
            return
        row = _row(work, appointment_id, version)
        if stage == "no_show":
            location = _Desk(work).location(row.location_id)
            if row.day > clock.today(location.zone):
                raise TooEarlyForNoShow(day=_wording(work.session).day(row.day))
        record_move(work, row, stage)
        work.audit(f"appointment.{stage}", "appointment", row.id)


def _row(work: Work, appointment_id: str, version: int) -> Appointment:
    row = appointment_for_change(work.session, appointment_id)
    if row.version != version:
        moves = standing_moves(work.session, row.id)
        user_id = moves[-1].by_user_id if moves else None
        name = work.session.scalar(select(User.name).where(User.id == user_id)) if user_id else None
        raise EditedMeanwhile(who=name or "Somebody else", what="appointment")
    return row


def _wording(session: ClinicSession) -> Wording:
    clinic = session.get_one(Clinic, session.clinic_id)
    return Wording.of(clinic)


def _text(text: str, most: int) -> str:
    text = text.strip()
    refuse_card_numbers({"This text": text})
    if len(text) > most:
        raise BadInput(problem=f"That text has {len(text)} characters; {most} fit here. Shorten it.")
    return text


class _Desk:
    """The checks of one booking transaction, while the clinic's head row is held."""

    def __init__(self, work: Work, *, overbook: bool = False, past: bool = False, happened: bool = False) -> None:
        self.work, self.session, self.past = work, work.session, past
        self.overbook = overbook or happened
        if overbook:
            authorize(work.session, work.by, "appointments.overbook")
        self.session.head()
        self.clinic = work.session.get_one(Clinic, work.session.clinic_id)
        self.wording = _wording(work.session)

    def welcome(self, booking: Booking, new_client: ClientForm | None, new_patient: PatientForm | None) -> Booking:
        """Add the client and the patient where they are new; the booking with their ids.

        In a clinic for people a new client without a named patient is the patient.
        """
        if new_client is None and new_patient is None:
            return booking
        from records import clients, patients
        from records.search import full_name

        authorize(self.session, self.work.by, "clients.edit")
        own = False
        if new_client is not None:
            client = clients.insert(self.session, new_client)
            custom.save_form(self.session, "client", client.id, booking.client_answers, new=True)
            booking = replace(booking, client_id=client.id)
            if self.clinic.kind == "human" and new_patient is not None and not new_patient.name.strip():
                own, new_patient = True, replace(new_patient, name=full_name(client)[:120])
        if new_patient is not None:
            row = patients.insert(self.session, booking.client_id, new_patient, is_client=own, by=self.work.by)
            custom.save_form(self.session, "patient", row.id, booking.patient_answers, new=True)
            booking = replace(booking, patient_id=row.id)
        return booking

    def new(self, booking: Booking, *, stage: str, source: str, event_at: datetime | None = None) -> Appointment:
        """Check everything and write the appointment with its first event."""
        location = self.location(booking.location_id)
        kind = self.kind(booking.type)
        walked_in = stage == "checked_in"
        self.check_patient(booking)
        starts_at = event_at if walked_in and event_at else self.instant(booking.day, booking.time, location)
        self.check_choices(booking)
        self.check_day(booking.day, location, booking.type, kind, closed_too=not walked_in)
        self.check_duplicate(booking.patient_id, booking.day, location)
        appointment = Appointment(
            number=next_number(self.session),
            client_id=booking.client_id,
            patient_id=booking.patient_id,
            location_id=location.id,
            type=booking.type,
            starts_at=starts_at.replace(second=0, microsecond=0),
            day=booking.day,
            minutes=booking.minutes or kind.minutes,
            walk_in=walked_in,
            scheduled_on=clock.today(location.zone),
            provider_id=booking.provider_id,
            services=list(booking.services),
            funding=booking.funding,
            notes=_text(booking.notes, 4000),
            caution=_text(booking.caution, 300),
        )
        record_move(self.work, appointment, stage, event_at=event_at, source=source)
        custom.save_form(self.session, "appointment", appointment.id, booking.answers, new=True)
        follow(self.work, appointment, must=True)
        return appointment

    def location(self, location_id: str) -> Location:
        row = self.session.scalars(select(Location).where(Location.id == location_id)).one_or_none()
        if row is None:
            raise NotFound(what="location", name="that was chosen")
        return row

    def kind(self, slug: str, *, present: str = "") -> AppointmentType:
        kind = definitions.load_all(self.session, APPOINTMENT_TYPE).get(slug)
        if kind is None or (not kind.active and slug != present):
            raise UnknownChoice(what="appointment type", name=slug)
        return kind

    def instant(self, day: date, at: time, location: Location) -> datetime:
        starts_at = instant_of(day, at, location.zone, place=location.name, wording=self.wording)
        if day < clock.today(location.zone) and not self.past:
            raise PastDay(day=self.wording.day(day))
        return starts_at

    def check_patient(self, booking: Booking) -> None:
        patient = self.session.scalars(select(Patient).where(Patient.id == booking.patient_id)).one_or_none()
        client = self.session.scalars(select(Client).where(Client.id == booking.client_id)).one_or_none()
        if client is None:
            raise NotFound(what="client", name="that was chosen")
        client_for(self.session, client.id, self.work.by)
        if patient is None:
            raise NotFound(what="patient", name="that was chosen")
        if patient.client_id != client.id:
            owner = self.session.scalar(select(Client.merged_into_id).where(Client.id == patient.client_id))
            if owner != client.id:
                raise PatientOfAnother()
        if patient.died_on is not None and patient.died_on <= booking.day:
            raise PatientDied(patient=patient.name, day=self.wording.day(patient.died_on))

    def check_choices(self, details: Booking | Details, present: Appointment | None = None) -> None:
        """Services, funding and provider must be offered now, or stand on the appointment already."""
        old_services = set(present.services) if present else set()
        asked = set(details.services) - old_services
        if asked:
            known = set(
                self.session.scalars(select(Service.code).where(Service.code.in_(asked), Service.active.is_(True)))
            )
            for code in sorted(asked - known):
                raise UnknownChoice(what="service", name=code)
        if details.funding and details.funding != (present.funding if present else ""):
            fund = select(Fund.id).where(Fund.code == details.funding, Fund.active.is_(True))
            if self.session.scalar(fund) is None:
                raise UnknownChoice(what="funding", name=details.funding)
        if details.provider_id and self.session.scalar(select(User.id).where(User.id == details.provider_id)) is None:
            raise NotFound(what="provider", name="that was chosen")

    def check_day(
        self,
        day: date,
        location: Location,
        slug: str,
        kind: AppointmentType,
        *,
        but: Appointment | None = None,
        closed_too: bool = True,
    ) -> None:
        """Raise ClosedThatDay or DayFull, unless overbooking. ``but`` does not count as taken."""
        if self.overbook:
            return
        if closed_too and not capacity.opens_on(location, day):
            raise ClosedThatDay(place=location.name, weekday=_weekday(day, self.wording))
        count = select(func.count(Appointment.id)).where(
            Appointment.day == day,
            Appointment.location_id == location.id,
            Appointment.type == slug,
            Appointment.stage.in_(COUNTS_FOR_CAPACITY),
        )
        if but is not None:
            count = count.where(Appointment.id != but.id)
        taken, most = self.session.scalar(count) or 0, capacity.capacity_of(kind, location)
        if taken >= most:
            raise DayFull(type=kind.label, place=location.name, day=self.wording.day(day), taken=taken, capacity=most)

    def check_duplicate(
        self, patient_id: str, day: date, location: Location, *, but: Appointment | None = None
    ) -> None:
        """Raise AlreadyBooked when the patient has another appointment that day."""
        same = (
            select(Appointment.starts_at, Patient.name, Client.id, Client.restricted)
            .join(Patient, (Patient.clinic_id == Appointment.clinic_id) & (Patient.id == Appointment.patient_id))
            .join(Client, (Client.clinic_id == Patient.clinic_id) & (Client.id == Patient.client_id))
            .where(
                Appointment.patient_id == patient_id, Appointment.day == day, Appointment.stage.in_(COUNTS_FOR_CAPACITY)
            )
        )
        if but is not None:
            same = same.where(Appointment.id != but.id)
        found = self.session.execute(same).first()
        if found is not None:
            hidden = Closed(self.session, self.work.by).hides(found.id, found.restricted)
            raise AlreadyBooked(
                patient="This patient" if hidden else found.name,
                day=self.wording.day(day),
                time=self.wording.clock_time(found.starts_at, zone=location.zone),
            )


def _weekday(day: date, wording: Wording) -> str:
    from babel.dates import format_date

    from data.wording import known_locale

    return str(format_date(day, "EEEE", locale=known_locale(wording.locale)))
