"""The services that sheets mark as done, and the lines of the ticket they became."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select

from billing import checkout, ledger
from billing.lines import standing_lines
from data.models import Appointment, BackEntry, FormSheet, Patient, Service
from data.session import ClinicSession
from forms.definition import Form
from forms.editions import editions_of
from outage.landing import AS_BOOKED
from security.rules import Work

TARGET = "checkout.services"


def marked_on(form: Form, typed: Mapping[str, Any]) -> list[str]:
    """What was keyed as done from a sheet, in the words of its form; as booked where nothing was."""
    found: list[str] = []
    for one in form.fields():
        value = typed.get(one.key) if one.target == TARGET else None
        found += [str(item) for item in (value if isinstance(value, list) else [value] if value else [])]
    asks = any(one.target == TARGET for one in form.fields())
    return found or (["as_booked"] if asks else [])


def codes_of(session: ClinicSession, appointment: Appointment, marked: Collection[str]) -> tuple[list[str], list[str]]:
    """The codes of the price list for what was marked, and what is not on it."""
    patient = session.held(Patient, appointment.patient_id)
    species = patient.species if patient is not None else ""
    known = set(session.scalars(select(Service.code)))
    codes: list[str] = []
    unknown: list[str] = []
    for one in marked:
        if one in AS_BOOKED:
            codes += [code for code in appointment.services if code in known]
            continue
        code = code_for(one, species, known)
        if code is None:
            unknown.append(one)
        else:
            codes.append(code)
    return codes, unknown


def code_for(marked: str, species: str, known: Collection[str]) -> str | None:
    """The code of the price list for a service as paper calls it: ``spay`` of a cat is ``cat-spay``."""
    return next((code for code in (f"{species.lower()}-{marked}", marked) if code in known), None)


def take_off(
    work: Work, appointment: Appointment, marked: Collection[str], sheet: str, keep: Collection[str] = ()
) -> list[str]:
    """Take off the ticket of a visit what a sheet had brought there, unless another sheet of it marks it as well or it
    is to be kept; returns what a person has to do where money was paid on it already."""
    session = work.session
    invoice = checkout.invoice_of(session, appointment.id)
    if invoice is None:
        return []
    codes, _ = codes_of(session, appointment, marked)
    wrong = set(codes) - set(keep) - _marked_elsewhere(session, appointment, sheet)
    ids = set(session.scalars(select(Service.id).where(Service.code.in_(wrong))))
    lines = [line for line in standing_lines(session, invoice.id) if line.service_id in ids and line.source == "paper"]
    if not lines:
        return []
    stands = ledger.standing_of(session, invoice.id)
    names = ", ".join(line.description for line in lines)
    if stands.paid or not stands.is_live:
        is_one = len(lines) == 1
        return [f"{names} {'is' if is_one else 'are'} not marked on its paper, but paid. Take "
                f"{'it' if is_one else 'them'} off the ticket and give the money back, if that is right."]  # fmt: skip
    for line in lines:
        checkout.remove_line(line.id, by=work.by)
    return []


def _marked_elsewhere(session: ClinicSession, appointment: Appointment, sheet: str) -> set[str]:
    rows = session.execute(
        select(FormSheet.edition, BackEntry.typed)
        .join(FormSheet, (FormSheet.clinic_id == BackEntry.clinic_id) & (FormSheet.id == BackEntry.form_sheet_id))
        .where(
            FormSheet.appointment_id == appointment.id, FormSheet.state == "entered", FormSheet.id != sheet,
            BackEntry.appointment_id == appointment.id,
        )
    ).all()  # fmt: skip
    editions = editions_of(session, {edition for edition, _ in rows})
    marked = [one for edition, typed in rows for one in marked_on(editions[edition].body, typed)]
    return set(codes_of(session, appointment, marked)[0])
