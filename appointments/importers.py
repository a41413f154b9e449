"""Appointments out of files: one row a visit, its stage, and the times it passed through the flow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select

from appointments.funding import HOLDS, promise_imported, visits_left
from appointments.settings import APPOINTMENT_TYPE, LOCATION, AppointmentType, LocationDocument
from appointments.stages import ATTENDED, FLOW, LABELS
from data import definitions
from data.models import Appointment, FlowEvent, Fund, Location, Patient, User
from data.session import ClinicSession
from data.types import new_id
from records.importers import References, staff_ids_of
from records.imports import Ground, Importer, Plan, Row, adopt_definition, register
from records.mapping import Field
from records.values import minutes_between

STAGES = {
    **{label.lower(): stage for stage, label in LABELS.items()},
    "attended": "checked_out", "completed": "checked_out", "complete": "checked_out", "done": "checked_out",
    "finished": "checked_out", "discharged": "checked_out", "arrived": "checked_in", "scheduled": "booked",
    "confirmed": "confirmed", "pending": "requested", "cancelled": "cancelled", "did not attend": "no_show",
    "dna": "no_show", "no show": "no_show", "noshow": "no_show", "missed": "no_show", "died": "died",
}  # fmt: skip
TIMED = ("checked_in", "examined", "premedicated", "induced", "in_surgery", "recovering", "ready", "checked_out")
_TIME_NAMES = {
    "checked_in": ("check in", "check-in time", "arrival", "arrived at"), "in_surgery": ("surgery start",),
    "recovering": ("surgery end",), "checked_out": ("check out", "check-out time", "departure", "discharged at"),
}  # fmt: skip

FIELDS = (
    Field("reference", "Reference", length=80, guarded=False, synonyms=("appointment id", "visit id", "id")),
    Field("patient", "Patient", required=True, length=80, guarded=False, help="The patient's reference",
          synonyms=("patient id", "animal id", "pet id", "patient reference")),
    Field("starts_at", "Date and time", "moment", required=True,
          synonyms=("start", "start time", "appointment", "appointment time", "date time", "datetime", "date")),
    Field("ends_at", "End", "moment", synonyms=("end", "end time", "stop")),
    Field("minutes", "Minutes", "integer", synonyms=("duration", "length")),
    Field("type", "Appointment type", length=80, synonyms=("visit type", "appointment type", "class")),
    Field("stage", "Status", "choice", choices=STAGES, synonyms=("status", "state", "outcome")),
    Field("location", "Location", synonyms=("site", "clinic location", "branch")),
    Field("provider", "Provider", guarded=False, synonyms=("vet", "veterinarian", "doctor", "surgeon", "clinician")),
    Field("scheduled_on", "Booked on", "date", synonyms=("scheduling date", "booked on", "created", "booking date")),
    Field("walk_in", "Walk-in", "yes_no"),
    Field("services", "Services", length=500, help="Codes, separated by semicolons"),
    Field("funding", "Grant or voucher", length=80),
    Field("notes", "Notes", length=4_000, synonyms=("comment", "comments", "description", "reason for visit")),
    Field("caution", "Caution", length=300),
    Field("cancel_reason", "Why canceled", length=200, synonyms=("cancellation reason",)),
    *(
        Field(f"{stage}_at", f"{LABELS[stage]} at", "moment", synonyms=_TIME_NAMES.get(stage, ()))
        for stage in TIMED
    ),
)  # fmt: skip
NAMES = ("patient_id", "starts_at", "type", "minutes")


def plan_appointments(ground: Ground, rows: list[Row]) -> Plan:
    """Appointments with their flow events; locations and appointment types the clinic lacks are made."""
    session, plan = ground.session, Plan()
    patients = {
        reference: (patient_id, client_id)
        for reference, patient_id, client_id in session.execute(
            select(Patient.reference, Patient.id, Patient.client_id).where(Patient.reference != "")
        )
    }
    staff, pots = People(ground), Pots(ground, plan)
    places, types = Places(ground, plan), Types(ground, plan)
    references, made_rows, events = References(ground, Appointment), [], []
    for row in rows:
        patient = patients.get(row.get("patient", ""))
        if patient is None and row.get("patient"):
            ground.problem(row, "patient", f"there is no patient with the reference '{row.cells['patient']}'.")
        place = places.of(row)
        starts = ground.instant(row, "starts_at", place["zone"])
        ends = ground.instant(row, "ends_at", place["zone"])
        if ends and starts and ends < starts:
            ground.problem(row, "ends_at", "the end lies before the start.")
        provider = row.get("provider")
        provider_id = staff.find(provider) if provider else None
        if provider and provider_id is None:
            ground.problem(row, "provider", f"there is nobody called '{provider}' among the staff.")
        passed = _passed(ground, row, place["zone"])
        if patient is None or starts is None or not references.first(row):
            continue
        kind = types.of(row)
        stage = row.get("stage") or (passed[-1][0] if passed else "booked")
        minutes = row.get("minutes") or (minutes_between(starts, ends) if ends else types.minutes(kind))
        made = {
            "id": new_id(), "reference": row.get("reference", ""), "patient_id": patient[0], "client_id": patient[1],
            "location_id": place["id"], "type": kind, "starts_at": starts, "day": ground.day(starts, place["zone"]),
            "minutes": minutes, "stage": stage, "walk_in": bool(row.get("walk_in")),
            "scheduled_on": row.get("scheduled_on"), "provider_id": provider_id,
            "services": [code.strip() for code in row.get("services", "").split(";") if code.strip()],
            "funding": pots.of(row, stage), "notes": row.get("notes", ""), "caution": row.get("caution", ""),
            "cancel_reason": row.get("cancel_reason", ""),
        }  # fmt: skip
        if references.known(row, made, NAMES):
            plan.skipped += 1
            continue
        moves = _moves(ground, row, made, passed)
        made["stage_at"] = moves[-1]["event_at"] if moves else starts
        made_rows.append(made)
        events += moves
    plan.add(Appointment, made_rows)
    plan.add(FlowEvent, events)
    plan.added = len(made_rows)
    return plan


def _passed(ground: Ground, row: Row, zone: str) -> list[tuple[str, datetime]]:
    """The stages with a time, in the order of the flow; times that run backwards are a problem."""
    found: list[tuple[str, datetime]] = []
    for stage in TIMED:
        at = ground.instant(row, f"{stage}_at", zone)
        if at is None:
            continue
        if found and at < found[-1][1]:
            before = LABELS[found[-1][0]].lower()
            ground.problem(row, f"{stage}_at", f"it lies before the time of '{before}'.")
        found.append((stage, at))
    if found and found[-1][1] > ground.now + timedelta(minutes=5):
        ground.problem(row, f"{found[-1][0]}_at", "it lies in the future, yet it says what has happened.")
    return found


def _moves(ground: Ground, row: Row, made: dict[str, Any], passed: list[tuple[str, datetime]]) -> list[dict[str, Any]]:
    """Flow events that lead to the stage: those with a time, then the stage itself if none told when."""
    stage = made["stage"]
    if stage in ("requested", "booked", "confirmed", "unknown") and not passed:
        return []
    if passed and stage in FLOW and passed[-1][0] in FLOW and FLOW.index(passed[-1][0]) > FLOW.index(stage):
        ground.problem(row, "stage", f"the status is '{stage}', yet a later stage has a time.")
    if not passed or passed[-1][0] != stage:
        end = made["starts_at"] + timedelta(minutes=made["minutes"]) if stage in ATTENDED else made["starts_at"]
        at = min(max(end, passed[-1][1]) if passed else end, ground.now)
        passed = [*passed, (stage, at)]
    here, events = "booked", []
    for there, at in passed:
        events.append(
            {"id": new_id(), "appointment_id": made["id"], "from_stage": here, "to_stage": there, "event_at": at,
             "source": "import", "by_user_id": ground.by.user_id}
        )  # fmt: skip
        here = there
    return events


class People:
    """Staff by name, user name, or the reference of an earlier import."""

    def __init__(self, ground: Ground) -> None:
        self.clinic_id = ground.clinic.id
        people = ground.session.execute(select(User.id, User.name, User.username)).all()
        self.ids = {person.id for person in people}
        self.names = {word.lower(): person.id for person in people for word in (person.username, person.name)}
        self.found: dict[str, str | None] = {}

    def find(self, word: str) -> str | None:
        """The person's id, or None."""
        if word not in self.found:
            ids = (i for i in staff_ids_of(self.clinic_id, word) if i in self.ids)
            self.found[word] = self.names.get(word.lower()) or next(ids, None)
        return self.found[word]


class Pots:
    """Grants and vouchers by code or name; what the visits to come ask of them is promised when they are shown."""

    def __init__(self, ground: Ground, plan: Plan) -> None:
        self.ground, self.plan = ground, plan
        rows = ground.session.scalars(select(Fund).where(Fund.active.is_(True))).all()
        self.left = {row.code: visits_left(ground.session, row) for row in rows}
        self.codes = {word.lower(): row.code for row in rows for word in (row.name, row.code)}
        self.asked = False

    def of(self, row: Row, stage: str) -> str:
        """The code of the row's grant or voucher; a word that names none stays as it is."""
        word = str(row.get("funding", ""))
        code = self.codes.get(word.lower())
        if not word or stage not in HOLDS:
            return code or word
        if code is None:
            self.ground.notice(row, f"there is no grant or voucher '{word}' in use, so nothing is promised")
            return word
        if not self.asked:
            self.asked = True
            by = self.ground.by.user_id
            self.plan.finish.append(lambda session, run_id: promise_imported(session, run_id, by))
        left = self.left[code]
        if left == 0:
            self.ground.notice(row, f"'{word}' has too little left for this visit, so nothing is promised")
        elif left is not None:
            self.left[code] = left - 1
        return code


class Places:
    """Locations by name. A new name makes a new location, in the zone of the row's ``zone`` or the clinic's."""

    def __init__(self, ground: Ground, plan: Plan) -> None:
        self.ground, self.plan = ground, plan
        rows = ground.session.scalars(select(Location).order_by(Location.active.desc(), Location.id)).all()
        self.known: dict[str, dict[str, Any]] = {
            row.name.lower(): {"id": row.id, "name": row.name, "zone": row.zone} for row in rows
        }
        self.first = next(iter(self.known.values()), None)
        self.new: list[dict[str, Any]] = []

    def of(self, row: Row) -> dict[str, Any]:
        """The location of a row; the clinic's first where the row names none."""
        name = row.get("location", "")
        if not name and self.first:
            return self.first
        name = name or "Main"
        if name.lower() not in self.known:
            zone = row.get("zone") or self.ground.clinic.zone
            if zone not in available_timezones():
                self.ground.problem(row, "zone", f"'{zone}' is not a time zone. Write it like America/Chicago.")
                zone = self.ground.clinic.zone
            made: dict[str, Any] = {
                "id": new_id(),
                "code": self._code(name),
                "name": name,
                "zone": zone,
                "opening": {},
                "address": "",
                "phone": "",
            }
            self.known[name.lower()] = made
            self.ground.notice(row, f"the location '{name}' is new and will be made")
            if not self.new:
                self.plan.inserts.insert(0, (Location, self.new))
                self.plan.finish.append(self._define)
            self.new.append(made)
            self.first = self.first or made
        return self.known[name.lower()]

    def _code(self, name: str) -> str:
        """A short name no other location has; that of one whose import was undone is free again."""
        plain = "-".join(name.lower().split())[:70]
        taken = set(definitions.load_all(self.ground.session, LOCATION)) | {made["code"] for made in self.new}
        return next(code for code in (plain, *(f"{plain}-{n}" for n in range(2, 1_000))) if code not in taken)

    def _define(self, session: ClinicSession, run_id: str) -> None:
        for made in self.new:
            document = LocationDocument(name=made["name"], zone=made["zone"])
            by = self.ground.by.user_id
            definitions.save(session, LOCATION, made["code"], document, by_user_id=by, comment="import")
            adopt_definition(session, LOCATION.name, made["code"], run_id)


class Types:
    """Appointment types by slug or label. A new word makes a new type."""

    def __init__(self, ground: Ground, plan: Plan) -> None:
        self.ground, self.plan = ground, plan
        self.known = definitions.load_all(ground.session, APPOINTMENT_TYPE)
        self.slugs = {word.lower(): slug for slug, kind in self.known.items() for word in (slug, kind.label)}
        self.first = next(
            (slug for slug in ("surgery", "visit") if slug in self.known), next(iter(self.known), "visit")
        )
        self.new: dict[str, AppointmentType] = {}

    def of(self, row: Row) -> str:
        """The slug of the row's type."""
        word = row.get("type", "")
        if not word:
            return self.first
        slug = self.slugs.get(word.lower())
        if slug is None:
            slug = "-".join(word.lower().split())
            self.slugs[word.lower()] = slug
            surgical = self.ground.clinic.kind == "veterinary" and "surg" in slug
            label = word[:1].upper() + word[1:]
            self.known[slug] = self.new[slug] = AppointmentType(label=label, surgical=surgical)
            self.ground.notice(row, f"the appointment type '{label}' is new and will be made")
            if len(self.new) == 1:
                self.plan.finish.append(self._define)
        return slug

    def minutes(self, slug: str) -> int:
        """How long a type takes."""
        return self.known[slug].minutes if slug in self.known else 15

    def _define(self, session: ClinicSession, run_id: str) -> None:
        for slug, document in self.new.items():
            by = self.ground.by.user_id
            definitions.save(session, APPOINTMENT_TYPE, slug, document, by_user_id=by, comment="import")
            adopt_definition(session, APPOINTMENT_TYPE.name, slug, run_id)


APPOINTMENTS = register(
    Importer("appointments", "Appointments", FIELDS, plan_appointments, "One row each visit, past or to come.", 30),
    "appointment", "visits", "encounters",
)  # fmt: skip
