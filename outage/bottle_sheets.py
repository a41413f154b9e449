"""The log sheet of a bottle: its uses held against the travel sheets, the counts at opening and at close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from appointments import drug_log
from appointments.quantities import words
from appointments.times import instant_of
from data.errors import BadInput
from data.models import Appointment, Bottle, Drug, DrugCount, DrugLogEntry, FormSheet, User
from data.session import ClinicSession
from data.types import clock
from forms.editions import edition_of
from outage import drug_lines
from outage.entry_screen import day_of
from outage.keyed import AlreadyEntered, Spoiled, house_of, keep_entry, machine_of, sheet_and_entry
from outage.landing import DrugLine, Landing, land, thousandths
from outage.typed import Answers, NotReadable, Problem, read_sheet
from outage.walk_ins import DAY, as_day
from security.actor import Actor
from security.rules import Work, together

WITHOUT_REASON = "No reason stands on the sheet"


class NotALog(BadInput):
    """Sheet {serial} is not the log of a bottle."""


@dataclass(frozen=True)
class Logged:
    """What became of a bottle's sheet: lines written, lines that stood in the log already, what to look at."""

    written: int
    there: int
    exceptions: list[Problem]


def enter_bottle(sheet_id: str, values: Mapping[str, Any], *, by: Actor, key: str | None = None) -> Logged:
    """Enter the log sheet of a bottle. A use that a travel sheet, or somebody at the screen, has brought already (same
    bottle, visit and quantity, near in time) is not written again; one that differs is told. ``_day`` in ``values`` is
    the day of the sheet.

    Raises NotReadable, AlreadyEntered, NotALog, Spoiled and what the rules of the drug log raise.
    """
    with together(by, "outage.enter", key=key) as work:
        if work.repeated:
            return Logged(work.result[0], work.result[1], [Problem(*one) for one in work.result[2:]])
        session = work.session
        sheet, row = sheet_and_entry(session, sheet_id)
        if sheet.state == "spoiled":
            raise Spoiled(serial=sheet.serial)
        if row is not None and row.state != "draft":
            raise AlreadyEntered(serial=sheet.serial)
        form = edition_of(session, sheet.edition).body
        bottle = _bottle(session, sheet)
        day = as_day(values.get(DAY), day_of(session, sheet))
        house = house_of(session, bottle[0].location_id, day)
        house.log_of = bottle[0].number
        machine = machine_of(session, [sheet_id])[sheet_id]
        told = read_sheet(sheet_id, form, values, machine, house)
        found = land([told], house)
        lines = _lines(session, found, day)
        counts = _counts(told)
        if found.problems:
            raise NotReadable.of(found.problems)
        again = {sheet_id} if row is not None and row.typed.get("_again") else set()
        at = instant_of(day, house.opens[0] if house.opens else time(8), house.zone)
        timed = drug_lines.timed(found, [line for line, _ in lines], at)
        lines = [(line, visit) for line, (_, visit) in zip(timed, lines, strict=True)]
        begins = instant_of(day, time(0), house.zone) - timedelta(hours=1)
        mine = DrugLogEntry.bottle_id == bottle[0].id
        there = drug_lines.standing(session, mine, DrugLogEntry.event_at.between(begins, begins + timedelta(hours=26)))
        matched = drug_lines.log(work, found, lines, there, again)
        _count(work, found, told, bottle, day, counts, [line.at for line in timed if line.at], at)
        if told.values.get("bottle_empty") and bottle[0].closed_at is None:
            found.odd.append(
                Problem(sheet_id, "bottle_empty", f"Bottle {bottle[0].number} is empty: close it on the Drug log page.")
            )
        keep_entry(session, sheet, row, form, values, machine, found.odd, by)
        work.audit(
            "entry.bottle", "form_sheet", sheet_id, serial=sheet.serial, bottle=bottle[0].id, lines=len(lines),
            there=matched, exceptions=len(found.odd),
        )  # fmt: skip
        done = Logged(len(lines) - matched, matched, found.odd)
        work.result = [done.written, done.there, *([one.sheet, one.key, one.sentence] for one in found.odd)]
        return done


def _bottle(session: ClinicSession, sheet: FormSheet) -> tuple[Bottle, Drug]:
    if not sheet.bottle_id:
        raise NotALog(serial=sheet.serial)
    statement = select(Bottle, Drug).join(Drug, (Drug.clinic_id == Bottle.clinic_id) & (Drug.id == Bottle.drug_id))
    return session.execute(statement.where(Bottle.id == sheet.bottle_id)).tuples().one()


def _lines(session: ClinicSession, found: Landing, day: date) -> list[tuple[DrugLine, str | None]]:
    """The uses with the visits they name."""
    visits = _visits(session, {line.appointment_number for line in found.drugs if line.appointment_number}, day)
    lines: list[tuple[DrugLine, str | None]] = []
    for line in found.drugs:
        visit = visits.get(line.appointment_number or 0)
        number = line.key.split(".")[1]
        if line.appointment_number and visit is None:
            near = session.scalars(
                select(Appointment.number).where(Appointment.day == day).order_by(Appointment.number)
            ).all()
            told = f" That day's visits are {near[0]} to {near[-1]}; enter walk-ins first." if near else ""
            sentence = f"Line {number}: there is no visit {line.appointment_number}.{told}"
            found.problems.append(Problem(line.sheet, f"{line.key}.visit", sentence))
        elif visit is None and line.given:
            sentence = f"Line {number}: say for which visit it was given; only waste has none."
            found.problems.append(Problem(line.sheet, f"{line.key}.visit", sentence))
        elif visit is not None and visit.day != day:
            found.odd.append(Problem(line.sheet, line.key, f"Line {number}: visit {visit.number} is of another day."))
        lines.append((line, visit.id if visit is not None else None))
    return lines


def _visits(session: ClinicSession, numbers: set[int], day: date) -> dict[int, Appointment]:
    """Whom the numbers on a bottle's sheet mean: a visit of that day, or, of a walk-in who had no number yet, whose
    sheet it is."""
    found = {row.number: row for row in session.scalars(select(Appointment).where(Appointment.number.in_(numbers)))}
    away = {number for number in numbers if number not in found or found[number].day != day}
    statement = (
        select(FormSheet.serial, Appointment)
        .join(
            Appointment, (Appointment.clinic_id == FormSheet.clinic_id) & (Appointment.id == FormSheet.appointment_id)
        )
        .where(FormSheet.serial.in_(away))
    )
    for serial, visit in session.execute(statement).tuples():
        if visit.day == day or serial not in found:
            found[serial] = visit
    return found


def _counts(told: Answers) -> list[tuple[str, str, int]]:
    """The counts of the sheet: AM or PM, the field, the quantity in thousandths."""
    counts = []
    for one in told.form.fields():
        part = {"drug_count.am": "AM", "drug_count.pm": "PM"}.get(one.target)
        value = told.values.get(one.key)
        if part and isinstance(value, Decimal):
            counts.append((part, one.key, thousandths(value) or 0))
    return counts


def _count(
    work: Work, found: Landing, told: Answers, bottle: tuple[Bottle, Drug], day: date,
    counts: list[tuple[str, str, int]], used: list[datetime], opening: datetime,
) -> None:  # fmt: skip
    """Write the counts down: at opening before the first use, at close after the last."""
    session = work.session
    for part, key, counted in counts:
        first, last = min([opening, *used]), max([opening, *used])
        at = first - timedelta(minutes=1) if part == "AM" else min(last + timedelta(minutes=1), clock.now())
        same = select(DrugCount.id).where(
            DrugCount.bottle_id == bottle[0].id, DrugCount.day == day, DrugCount.session == part,
            DrugCount.counted == counted,
        )  # fmt: skip
        if session.scalar(same):
            continue
        expected = drug_log.balance(session, bottle[0].id, at)
        reason = str(told.values.get("difference") or "")
        if counted != expected:
            reason = reason or WITHOUT_REASON
            over = words(counted - expected, bottle[1].unit, sign=True)
            found.odd.append(Problem(told.sheet, key, f"{part} count of {bottle[0].number} differs by {over}."))
        drug_log.count(
            bottle[0].id, day, part, counted, by=work.by, reason=reason if counted != expected else "", event_at=at,
            source="paper", witness_id=_witness(work, told, part),
        )  # fmt: skip


def _witness(work: Work, told: Answers, part: str) -> str | None:
    """The second who signed beside a count, if that is somebody who may have watched whoever keys it."""
    signed = told.values.get(f"{part.lower()}_by")
    who = signed[1] if isinstance(signed, list) and len(signed) > 1 else None
    works = select(User.id).where(User.id == who, User.status == "active")
    return who if who and who != work.by.user_id and work.session.scalar(works) else None
