"""Walk-ins from paper: client, patient and appointment on the spot, and the sheet bound to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, time
from typing import Any

from sqlalchemy import select

from appointments import booking
from appointments.booking import Booking
from appointments.times import instant_of
from data import definitions
from data.errors import BadInput
from data.models import Appointment, Clinic, Location, Patient, Service
from data.session import ClinicSession
from data.types import clock
from forms.definition import Form
from forms.editions import edition_of
from outage.charged import code_for
from outage.entry_screen import day_of
from outage.keyed import AlreadyEntered, Spoiled, house_of, keep_entry, machine_of, sheet_and_entry
from outage.landing import Landing, land
from outage.typed import NotReadable, Problem, read_sheet
from outage.visit_records import channels, own_fields, type_for
from records import search
from records.clients import ClientForm
from records.patients import PatientForm
from records.settings import SPECIES
from security.actor import Actor
from security.rules import Work, look, together

DAY, PLACE, CLIENT, PATIENT = "_day", "_location", "_client", "_patient"
"""What is chosen on the screen beside the fields of the paper."""


class NotAWalkIn(BadInput):
    """Sheet {serial} does not tell who came. Bind it to a visit on the Review page first."""


def enter_walk_in(sheet_id: str, values: Mapping[str, Any], *, by: Actor, key: str | None = None) -> str:
    """Make client, patient and appointment of a walk-in from its sheet; returns the appointment's id.

    ``values`` are the answers by field key; beside them ``_client`` and ``_patient`` may name those that are known
    already (ids), ``_location`` where they came, ``_day`` when. Raises NotReadable, AlreadyEntered, NotAWalkIn, Spoiled
    and what ``booking.walk_in`` raises.
    """
    with together(by, "outage.enter", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        sheet, row = sheet_and_entry(session, sheet_id)
        if sheet.state == "spoiled":
            raise Spoiled(serial=sheet.serial)
        if sheet.state == "entered" or sheet.appointment_id:
            raise AlreadyEntered(serial=sheet.serial)
        form = edition_of(session, sheet.edition).body
        targets = {one.target for one in form.fields()}
        if form.subject != "nothing" or not {"client.last_name", "patient.name"} & targets:
            raise NotAWalkIn(serial=sheet.serial)
        day = as_day(values.get(DAY), day_of(session, sheet))
        house = house_of(session, str(values.get(PLACE) or "") or None, day)
        machine = machine_of(session, [sheet_id])[sheet_id]
        found = land([read_sheet(sheet_id, form, values, machine, house)], house)
        appointment_id = _booked(work, form, found, values, sheet_id, day)
        sheet.appointment_id = appointment_id
        keep_entry(session, sheet, row, form, values, machine, found.odd, by)
        work.audit("entry.walk_in", "form_sheet", sheet_id, serial=sheet.serial, appointment=appointment_id)
        work.result = appointment_id
        return appointment_id


@dataclass(frozen=True)
class MayBe:
    """A client who may be whom a walk-in sheet names; ``patients`` are ids and names of the living."""

    id: str
    number: int
    name: str
    phone: str
    patients: tuple[tuple[str, str], ...]


def may_be(told: Mapping[str, str], *, by: Actor) -> list[MayBe]:
    """Clients with the same phone, e-mail or full name as the paper tells, by ``first_name``, ``last_name``, ``phone``
    and ``email``. Raises NotPermitted."""
    first, last, phone, email = (told.get(name, "") for name in ("first_name", "last_name", "phone", "email"))
    found = search.alike(first_name=first, last_name=last, phone=phone, email=email, by=by)
    open_ones = [one for one in found if not one.restricted]
    if not open_ones:
        return []
    with look(by, "clients.view") as session:
        statement = select(Patient.client_id, Patient.id, Patient.name).where(
            Patient.client_id.in_([one.id for one in open_ones]), Patient.died_on.is_(None)
        )
        mine: dict[str, list[tuple[str, str]]] = {}
        for client_id, patient_id, name in session.execute(statement.order_by(Patient.name)):
            mine.setdefault(client_id, []).append((patient_id, name))
    return [MayBe(one.id, one.number, one.name, one.phone, tuple(mine.get(one.id, ()))) for one in open_ones]


def _booked(
    work: Work, paper: Form, found: Landing, values: Mapping[str, Any], sheet_id: str, day: date
) -> str:  # fmt: skip
    session, by, got = work.session, work.by, found.got
    zone, place = _place(session, str(values.get(PLACE) or ""))
    arrived = got.get("check_in.event_at") or min(instant_of(day, time(8), zone), clock.now())
    patient = _patient_form(session, found, sheet_id, day)
    known = set(session.scalars(select(Service.code)))
    codes = []
    for marked in got.get("appointment.services", ()):
        code = code_for(marked, patient.species, known)
        if code is None:
            found.odd.append(Problem(sheet_id, "services", f"'{marked}' is not on the price list."))
        else:
            codes.append(code)
    client_id, patient_id = str(values.get(CLIENT) or ""), str(values.get(PATIENT) or "")
    if not client_id and not got.get("client.last_name"):
        found.problems.append(
            Problem(sheet_id, _key(paper, "client.last_name"), "Last name: the paper must tell who came.")
        )
    for_themselves = not client_id and session.get_one(Clinic, session.clinic_id).kind == "human"
    if not patient_id and not patient.name and not for_themselves:
        found.problems.append(Problem(sheet_id, _key(paper, "patient.name"), "Patient's name: say who the patient is."))
    if found.problems:
        raise NotReadable.of(found.problems)
    appointment_id = booking.walk_in(
        Booking(
            client_id, patient_id, place, type_for(session, codes), day, time(8), services=codes,
            funding=found.text("appointment.funding"), notes=found.text("appointment.notes"),
            caution=found.text("appointment.caution")[:300],
        ),
        new_client=None if client_id else _client_form(found), new_patient=None if patient_id else patient, by=by,
        arrived_at=arrived, source="paper",
    )  # fmt: skip
    _own_fields(session, found, appointment_id, by)
    return appointment_id


def _key(paper: Form, place: str) -> str:
    """The field of the paper whose answer lands there."""
    return next((one.key for one in paper.fields() if one.target == place), "")


def _own_fields(session: ClinicSession, found: Landing, appointment_id: str, by: Actor) -> None:
    visit = session.get_one(Appointment, (session.clinic_id, appointment_id))
    channels(session, found, visit.client_id, by)
    own_fields(session, found, {"client": visit.client_id, "patient": visit.patient_id, "appointment": visit.id})


def _client_form(found: Landing) -> ClientForm:
    names = {one.name for one in fields(ClientForm)}
    said = {place.split(".")[1]: str(value) for place, value in found.got.items() if place.startswith("client.")}
    return ClientForm(**{"last_name": ""} | {name: value for name, value in said.items() if name in names})


def _patient_form(session: ClinicSession, found: Landing, sheet_id: str, day: date) -> PatientForm:
    names = {one.name for one in fields(PatientForm)}
    said = {place.split(".")[1]: value for place, value in found.got.items() if place.startswith("patient.")}
    form = PatientForm(**{"name": ""} | {name: value for name, value in said.items() if name in names})
    years, months = int(said.get("age_years") or 0), int(said.get("age_months") or 0)
    if form.born_on is None and (years or months):
        back = day.year * 12 + day.month - 1 - years * 12 - months
        form = replace(form, born_on=date(back // 12, back % 12 + 1, 1), born_estimated=True)
    kinds = definitions.load_all(session, SPECIES)
    slug = next((slug for slug, kind in kinds.items() if form.species.casefold() in (slug, kind.label.casefold())), "")
    if form.species and kinds and not slug:
        found.problems.append(Problem(sheet_id, "species", f"Species: '{form.species}' is not one of this clinic."))
    return replace(form, species=slug or form.species, microchip=str(form.microchip))


def _place(session: ClinicSession, location_id: str) -> tuple[str, str]:
    statement = select(Location).where(Location.active).order_by(Location.name)
    rows = session.scalars(statement).all()
    row = next((row for row in rows if row.id == location_id), rows[0] if rows else None)
    if row is None:
        raise BadInput(problem="No location is in use. Add one under Settings first.")
    return row.zone, row.id


def as_day(typed: Any, usual: date) -> date:
    """The day that was chosen on the screen, else the usual one. Raises BadInput."""
    if not typed:
        return usual
    try:
        return date.fromisoformat(str(typed))
    except ValueError:
        raise BadInput(problem=f"'{typed}' is not a day. Write it like 2026-05-31.") from None
