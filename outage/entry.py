"""Back entry: what stands on paper becomes the records of the visit, at the time it happened.

``enter`` writes a visit from all its sheets in one transaction: stage records, moves, drug lines, readings, services.
Who keyed and when is kept beside it (``BackEntry``), what was typed beside what the machine had read. What a person
should look at but nothing waits for (a missing witness, an empty field) is kept as an exception of the sheet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from appointments import flow
from appointments.moves import appointment_for_change
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, Refusal
from data.models import Appointment, BackEntry, FormSheet, PrintRun
from data.session import ClinicSession
from data.types import clock, is_id
from forms.definition import Form
from forms.editions import editions_of
from outage.bottle_sheets import Logged as Logged
from outage.bottle_sheets import enter_bottle as enter_bottle
from outage.charged import marked_on
from outage.entry_queue import Waiting as Waiting
from outage.entry_queue import exceptions as exceptions
from outage.entry_queue import to_enter as to_enter
from outage.entry_screen import Entry as Entry
from outage.entry_screen import open_entry as open_entry
from outage.keyed import (
    AlreadyEntered,
    NotEntered,
    OfAnother,
    Spoiled,
    house_of,
    keep_entry,
    machine_of,
    sheet_and_entry,
)
from outage.landing import Landing, land
from outage.late import closed_before
from outage.moved_sheet import take_from
from outage.outages import PartClosed, outage_for, zone_of
from outage.typed import Problem, read_sheet
from outage.visit_records import must_fit, write_visit
from outage.walk_ins import enter_walk_in as enter_walk_in
from outage.walk_ins import may_be as may_be
from records.access import visit_for
from security.actor import Actor
from security.profile import wording
from security.rules import Work, act, look, together

NO_SHOW = "no-show"
LATE = "Its outage was closed before this was entered: the recovery board lists it as late paper."


class NothingTyped(BadInput):
    """There is nothing to enter: no sheet was keyed."""


class ReportSigned(PartClosed):
    """The clinical part of this outage is closed and its report is signed, so its sheets stay as they were entered. Set
    right in the record of the visit, or in the drug log, what is wrong."""


class DayToCome(Refusal):
    """Visit {number} stands on {day}, which has not come yet. If the patient came on the day of this paper, move the
    appointment back to that day first."""


class OwnKeying(Refusal):
    """Drug lines are verified by a second person, and you keyed these yourself. Ask a colleague."""


class ReasonMissing(BadInput):
    """Say why the sheet is opened again: a few words are enough, and they stay with it."""


@dataclass(frozen=True)
class Entered:
    """What became of an entry: the visit, its stage now, and what somebody should look at."""

    appointment_id: str
    stage: str
    exceptions: list[Problem]


def enter(
    appointment_id: str, values: Mapping[str, Mapping[str, Any]], *, by: Actor, key: str | None = None
) -> Entered:
    """Enter the sheets of one visit. ``values``: by sheet id, what was typed or confirmed by field key
    (``grid.line.column`` in repeating lines); a box that is not named is taken as the machine read it, where it is sure
    and the field is not critical. ``-`` says that the paper is empty, ``?`` that nobody can read who signed.

    Everything is written at the time it happened, or nothing. Raises NotReadable (with every answer that needs another
    look), AlreadyEntered, OfAnother, Spoiled, DayToCome, and what the rules of the records raise.
    """
    plan = _read_ahead(appointment_id, values, by)
    with together(by, "outage.enter", key=key) as work:
        if work.repeated:
            return _answer(work.result)
        session = work.session
        appointment = visit_for(session, appointment_for_change(session, appointment_id), by)
        sheets = _sheets(session, values, appointment)
        if plan is None or plan.change != session.head().content_change:
            plan = _read(session, appointment, sheets, values)
        found = plan.found
        again = {sheet.id for sheet, row in sheets if row is not None and row.typed.get("_again")}
        must_fit(found)
        for sheet, row in sheets:
            if sheet.id in again and row is not None and row.appointment_id not in (None, appointment.id):
                found.odd += take_from(work, sheet, row, plan.forms[sheet.id])
        charged = {
            sheet.id: marked_on(plan.forms[sheet.id], row.typed)
            for sheet, row in sheets
            if row is not None and sheet.id in again and row.appointment_id == appointment.id
        }
        write_visit(work, found, appointment, again, charged)
        for sheet, row in sheets:
            form, machine = plan.forms[sheet.id], plan.machine[sheet.id]
            keep_entry(session, sheet, row, form, values[sheet.id], machine, found.odd, by)
        work.audit(
            "entry.entered", "appointment", appointment_id, sheets=[sheet.serial for sheet, _ in sheets],
            exceptions=len(found.odd), drugs=len(found.drugs),
        )  # fmt: skip
        work.result = _told(appointment, found)
        return _answer(work.result)


def no_show(appointment_id: str, *, by: Actor, key: str | None = None) -> None:
    """Whoever was booked for the paper's day and did not come: the visit is a no-show, its unused sheets are waived.

    Raises NotPossible for a patient who was here, NotFound, RestrictedRecord.
    """
    with together(by, "outage.enter", key=key) as work:
        if work.repeated:
            return
        session = work.session
        appointment = appointment_for_change(session, appointment_id)
        at = min(appointment.starts_at, clock.now())
        flow.advance(appointment_id, appointment.stage, "no_show", by=by, event_at=at, source="paper")
        unused = session.scalars(
            select(FormSheet).where(FormSheet.appointment_id == appointment_id, FormSheet.state == "printed")
        ).all()
        for sheet in unused:
            sheet.state, sheet.reason = "waived", NO_SHOW
        work.audit("entry.no_show", "appointment", appointment_id, sheets=[sheet.serial for sheet in unused])


def verify(sheet_id: str, *, by: Actor, key: str | None = None) -> None:
    """A second person has held the drug lines of a sheet against the paper. Raises OwnKeying, NotEntered, NotFound."""
    with act(by, "outage.enter", key=key) as work:
        if work.repeated:
            return
        sheet, row = _entered_sheet(work, sheet_id)
        if row.keyed_by_id == by.user_id:
            raise OwnKeying()
        row.state, row.verified_by_id, row.verified_at = "verified", by.user_id, clock.now()
        work.audit("entry.verified", "form_sheet", sheet_id, serial=sheet.serial)


def reopen(sheet_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Open an entered sheet again, so that it can be keyed anew; what was written stays until then, and drug lines are
    set right by reversing lines. Raises ReasonMissing, NotEntered, ReportSigned, NotFound, RestrictedRecord."""
    if not reason.strip():
        raise ReasonMissing()
    refuse_card_numbers({"The reason": reason})
    with act(by, "outage.enter", key=key) as work:
        if work.repeated:
            return
        sheet, row = _entered_sheet(work, sheet_id)
        if sheet.outage_id is not None and outage_for(work.session, sheet.outage_id).clinical_closed_at is not None:
            raise ReportSigned(part="clinical")
        row.typed = row.typed | {"_reason": reason.strip()[:200], "_again": True}
        row.state, row.verified_by_id, row.verified_at = "draft", None, None
        sheet.state = "used"
        work.audit("entry.reopened", "form_sheet", sheet_id, serial=sheet.serial, reason=reason.strip()[:200])


def begin(sheet_id: str, *, by: Actor, key: str | None = None) -> None:
    """Write down who began to key a sheet, once; what is typed is kept as a draft of that person."""
    with act(by, "outage.enter", key=key) as work:
        if work.repeated:
            return
        sheet, row = _open_sheet(work, sheet_id)
        if row is not None and (row.state != "draft" or row.keyed_by_id == by.user_id):
            return
        row = row or BackEntry(form_sheet_id=sheet_id, appointment_id=sheet.appointment_id)
        row.keyed_by_id, row.keyed_at = by.user_id, clock.now()
        work.session.add(row)
        work.audit("entry.begun", "form_sheet", sheet_id, serial=sheet.serial)


def _open_sheet(work: Work, sheet_id: str) -> tuple[FormSheet, BackEntry | None]:
    """A sheet with what was keyed of it, if its record is open to this person. Raises NotFound, RestrictedRecord."""
    sheet, row = sheet_and_entry(work.session, sheet_id)
    if sheet.appointment_id is not None:
        visit_for(work.session, appointment_for_change(work.session, sheet.appointment_id), work.by)
    return sheet, row


def _entered_sheet(work: Work, sheet_id: str) -> tuple[FormSheet, BackEntry]:
    """A sheet that was entered, with what was keyed of it. Raises NotEntered, NotFound, RestrictedRecord."""
    sheet, row = _open_sheet(work, sheet_id)
    if row is None or row.state == "draft":
        raise NotEntered(serial=sheet.serial)
    return sheet, row


def _sheets(
    session: ClinicSession, values: Mapping[str, Any], appointment: Appointment
) -> list[tuple[FormSheet, BackEntry | None]]:
    """The sheets that are keyed, in the order they were printed."""
    found = []
    for sheet_id in values:
        sheet, row = sheet_and_entry(session, sheet_id)
        if sheet.appointment_id != appointment.id:
            raise OfAnother(serial=sheet.serial)
        if sheet.state == "spoiled":
            raise Spoiled(serial=sheet.serial)
        if row is not None and row.state != "draft":
            raise AlreadyEntered(serial=sheet.serial)
        found.append((sheet, row))
    if not found:
        raise NothingTyped()
    return sorted(found, key=lambda one: one[0].serial)


@dataclass(frozen=True)
class _Plan:
    """What the sheets of a visit say, and the clinic's last change when they were read."""

    change: int | None
    found: Landing
    forms: dict[str, Form]
    machine: dict[str, dict[str, Any]]


def _read_ahead(appointment_id: str, values: Mapping[str, Mapping[str, Any]], by: Actor) -> _Plan | None:
    """Read the sheets before others have to wait; nothing where something is wrong, which is told in its turn."""
    try:
        with look(by, "outage.enter") as session:
            appointment = session.held(Appointment, appointment_id) if is_id(appointment_id) else None
            if appointment is None:
                return None
            return _read(session, appointment, _sheets(session, values, appointment), values)
    except Refusal:
        return None


def _read(
    session: ClinicSession, appointment: Appointment, sheets: Sequence[tuple[FormSheet, BackEntry | None]],
    values: Mapping[str, Mapping[str, Any]],
) -> _Plan:  # fmt: skip
    if appointment.day > clock.today(zone_of(session)):
        raise DayToCome(number=appointment.number, day=wording(session).day(appointment.day))
    house = house_of(session, appointment.location_id, appointment.day)
    machine = machine_of(session, [sheet.id for sheet, _ in sheets])
    editions = editions_of(session, {sheet.edition for sheet, _ in sheets})
    forms = {sheet.id: editions[sheet.edition].body for sheet, _ in sheets}
    read = [read_sheet(sheet.id, forms[sheet.id], values[sheet.id], machine[sheet.id], house) for sheet, _ in sheets]
    found = land(read, house)
    found.odd += _of_another_day(session, appointment, sheets)
    if closed_before(session, {sheet.outage_id for sheet, _ in sheets if sheet.outage_id}, appointment.day):
        found.odd.append(Problem(sheets[0][0].id, "", LATE))
    return _Plan(session.seen_change(), found, forms, machine)


def _of_another_day(
    session: ClinicSession, appointment: Appointment, sheets: Sequence[tuple[FormSheet, BackEntry | None]]
) -> list[Problem]:
    """What to look at where the visit was moved after its paper was printed: times on it count for the visit's day."""
    runs = select(PrintRun.id, PrintRun.day).where(PrintRun.id.in_({sheet.print_run_id for sheet, _ in sheets}))
    days = dict(session.execute(runs).tuples().all())
    words = wording(session)
    return [
        Problem(sheet.id, "", f"Printed for {words.day(day)}; its times are taken on {words.day(appointment.day)}.")
        for sheet, _ in sheets
        if (day := days.get(sheet.print_run_id)) is not None and day != appointment.day and sheet.appointment_id
    ]


def _told(appointment: Appointment, found: Landing) -> list[Any]:
    return [appointment.id, appointment.stage, *([one.sheet, one.key, one.sentence] for one in found.odd)]


def _answer(result: list[Any]) -> Entered:
    return Entered(result[0], result[1], [Problem(*one) for one in result[2:]])
