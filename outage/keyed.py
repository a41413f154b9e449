"""Sheets and what was keyed of them: what every way of entering paper begins and ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import load_only

from data.errors import NotFound, Refusal
from data.models import BackEntry, Bottle, Clinic, DocumentPage, Drug, FormSheet, Location, User
from data.session import ClinicSession
from data.types import clock, is_id
from forms.definition import Form
from outage.typed import House, Problem, from_machine
from security.actor import Actor


class AlreadyEntered(Refusal):
    """Sheet {serial} was entered already. Reopen it, with the reason, to change what was entered."""


class OfAnother(Refusal):
    """Sheet {serial} belongs to another visit. Bind it to this one first."""


class Spoiled(Refusal):
    """Sheet {serial} was marked as spoiled. Take that back first if it was used after all."""


class NotEntered(Refusal):
    """Sheet {serial} is not entered yet. Enter it first."""


def sheet_and_entry(session: ClinicSession, sheet_id: str) -> tuple[FormSheet, BackEntry | None]:
    """A sheet with what was keyed of it, within a rule. Raises NotFound."""
    sheet = (
        session.scalars(select(FormSheet).where(FormSheet.id == sheet_id)).one_or_none() if is_id(sheet_id) else None
    )
    if sheet is None:
        raise NotFound(what="sheet", name="with this number")
    row = session.scalars(select(BackEntry).where(BackEntry.form_sheet_id == sheet_id)).one_or_none()
    return sheet, row


def machine_of(session: ClinicSession, sheet_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the machine read on the standing pages of sheets, by sheet id and field key, within a rule."""
    statement = select(DocumentPage).where(
        DocumentPage.form_sheet_id.in_(sheet_ids), DocumentPage.superseded_by_id.is_(None),
        DocumentPage.state.in_(("attached", "review")),
    )  # fmt: skip
    found: dict[str, dict[str, Any]] = {sheet_id: {} for sheet_id in sheet_ids}
    for page in session.scalars(statement):
        found[str(page.form_sheet_id)] |= page.fields
    return found


def house_of(session: ClinicSession, location_id: str | None, day: date) -> House:
    """The people, bottles and clock of the place, for reading what was typed, within a rule."""
    location = (
        session.scalars(select(Location).where(Location.id == location_id)).one_or_none() if location_id else None
    )
    if location is None:
        location = session.scalars(select(Location).where(Location.active).order_by(Location.name)).first()
    clinic = session.get_one(Clinic, session.clinic_id)
    hours = (location.opening or {}).get(str(day.weekday())) if location else None
    opens = (time.fromisoformat(hours[0]), time.fromisoformat(hours[1])) if hours else None
    drugs = {drug.id: drug for drug in session.scalars(select(Drug))}
    named = load_only(Bottle.number, Bottle.drug_id, Bottle.size, Bottle.opened_at, Bottle.closed_at)
    stock = session.scalars(select(Bottle).options(named)).all()
    return House(
        list(session.scalars(select(User).order_by(User.name))),
        {bottle.number.casefold(): (bottle, drugs[bottle.drug_id]) for bottle in stock},
        location.zone if location else clinic.zone, day, clinic.locale.endswith("US"), opens,
    )  # fmt: skip


def keep_entry(
    session: ClinicSession, sheet: FormSheet, row: BackEntry | None, form: Form, typed: Mapping[str, Any],
    machine: Mapping[str, Any], odd: Sequence[Problem], by: Actor,
) -> None:  # fmt: skip
    """Keep what was typed beside what the machine read, and that the sheet is entered, within a rule."""
    taken = {
        one.key: value
        for one in form.fields()
        if (value := from_machine(machine.get(one.key), critical=one.critical)) not in (None, False, [])
    }
    mine = [[one.key, one.sentence] for one in odd if one.sheet == sheet.id]
    row = row or BackEntry(form_sheet_id=sheet.id)
    row.appointment_id, row.state = sheet.appointment_id, "entered"
    row.typed = taken | {
        name: value for name, value in typed.items() if value not in (None, "", []) and _asks(form, name)
    }
    if mine:
        row.typed = row.typed | {"_exceptions": mine}
    row.machine = dict(machine)
    row.keyed_by_id, row.keyed_at = by.user_id, clock.now()
    session.add(row)
    sheet.state, sheet.reason = "entered", ""


def _asks(form: Form, name: str) -> bool:
    """Whether a form has a place for an answer of this name (``grid.line.column`` in repeating lines)."""
    key, _, rest = name.partition(".")
    asked = form.field(key)
    if asked is None or not rest:
        return asked is not None
    line, _, column = rest.partition(".")
    return line.isdigit() and any(cell.key == column for cell in asked.cells)
