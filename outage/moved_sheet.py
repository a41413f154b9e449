"""A sheet that was keyed for the wrong visit: what it brought there is taken out again when it is keyed for the right
one. Drug lines move with the sheet (``outage.drug_lines``); what cannot be told apart any more is said in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import select

from appointments import clinical, flow, moves
from data.models import Appointment, BackEntry, Exam, FormSheet, Observation, Patient
from data.session import ClinicSession
from data.types import clock
from forms.definition import Form
from forms.editions import editions_of
from outage.charged import marked_on, take_off
from outage.landing import STAGES
from outage.typed import Problem
from records import patients
from records.access import visit_for
from security.rules import Work

WHY = "Its sheet was another visit's"


def take_from(work: Work, sheet: FormSheet, row: BackEntry, form: Form) -> list[Problem]:
    """Take out of the visit that a sheet was keyed for before what came from it; returns what a person should know.

    Raises RestrictedRecord and what the rules of the records raise.
    """
    session = work.session
    visit = visit_for(session, moves.appointment_for_change(session, str(row.appointment_id)), work.by)
    others = _other_forms(session, visit.id, sheet.id)
    _records(session, visit, form, others)
    left = [*_moves(work, visit, sheet.id), *take_off(work, visit, marked_on(form, row.typed), sheet.id)]
    _patient(work, visit, form, row.typed)
    work.audit("entry.moved", "appointment", visit.id, sheet=sheet.serial, left=len(left))
    words = f"Keyed for visit {visit.number} before: what it brought there was taken out. Look there at what the " \
            "sheet says of the owner and the animal."  # fmt: skip
    return [Problem(sheet.id, "", words), *(Problem(sheet.id, "", f"Visit {visit.number}: {one}") for one in left)]


def _other_forms(session: ClinicSession, visit: str, sheet: str) -> list[Form]:
    """The forms of the visit's other sheets that were entered."""
    rest = select(FormSheet).where(
        FormSheet.appointment_id == visit, FormSheet.state == "entered", FormSheet.id != sheet
    )
    sheets = session.scalars(rest).all()
    editions = editions_of(session, {one.edition for one in sheets})
    return [editions[one.edition].body for one in sheets]


def _asked(form: Form) -> set[str]:
    found = {one.target for one in form.fields() if one.target}
    return found | ({"surgery.tattoo", "surgery.ear_tip"} if "surgery.marks" in found else set())


def _records(session: ClinicSession, visit: Appointment, form: Form, others: list[Form]) -> None:
    """What paper wrote: gone where no other sheet speaks of the stage, else without the answers of this one."""
    mine, theirs = _asked(form), {place for other in others for place in _asked(other)}
    there = clinical.records_of(session, visit.id)
    for stage, kind in STAGES.items():
        record = there[kind.model]
        if record is None or record.deleted_at is not None or record.source != "paper":
            continue
        kept = {place for place in theirs if place.startswith(f"{stage}.")}
        if not others or not kept:
            record.deleted_at = clock.now()
            continue
        blank = clinical.entry_of(None, kind)
        for name in {place.partition(".")[2] for place in mine - kept if place.startswith(f"{stage}.")} & blank.keys():
            setattr(record, name, blank[name])
    if "observation" not in theirs:
        lines = select(Observation).where(Observation.appointment_id == visit.id, Observation.source == "paper")
        for line in session.scalars(lines):
            line.deleted_at = clock.now()
    session.flush()


def _moves(work: Work, visit: Appointment, sheet: str) -> list[str]:
    """The moves that stand on the sheet, where none was made after them."""
    standing = moves.standing_moves(work.session, visit.id)
    mine = [one for one in standing if one.form_sheet_id == sheet]
    if not mine:
        return []
    label = moves.stage_label(work.session, visit.stage).lower()
    if [one.id for one in standing[-len(mine) :]] != [one.id for one in mine] or not mine[0].from_stage:
        return [f"it stays {label}, since it was moved by hand meanwhile. Take back what is wrong on Patient flow."]
    flow.take_back(visit.id, visit.stage, (mine[0].from_stage,), by=work.by, reason=WHY)
    return []


def _patient(work: Work, visit: Appointment, form: Form, typed: Mapping[str, Any]) -> None:
    """The chip, the weight and a death that the sheet brought."""
    session, by = work.session, work.by
    patient = session.get_one(Patient, (session.clinic_id, visit.patient_id))
    if patient.died_on == visit.day and any(value == "died" for value in typed.values() if isinstance(value, str)):
        patients.record_death(patient.id, None, version=patient.version, by=by)
    weights = select(Exam.weight_grams).join(
        Appointment, (Appointment.clinic_id == Exam.clinic_id) & (Appointment.id == Exam.appointment_id)
    )
    mine = (Appointment.patient_id == patient.id) & Exam.weight_grams.is_not(None)
    if "exam.weight_grams" in _asked(form):
        patient.weight_grams = session.scalars(weights.where(mine).order_by(Exam.event_at.desc())).first()
        session.flush()
    chips = [typed.get(one.key) for one in form.fields() if one.target == "patient.microchip"]
    if patient.microchip and patient.microchip in {str(chip or "").strip() for chip in chips}:
        names = [one.name for one in fields(patients.PatientForm)]
        now = patients.PatientForm(**{name: getattr(patient, name) for name in names})
        patients.change(patient.id, replace(now, microchip=""), version=patient.version, by=by)
