"""What was printed: the blank stock that is left, past prints with their serials, printing again, throwing away."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select

from appointments.drug_register import bottles
from appointments.roster import rows_where
from data import definitions
from data.errors import BadInput, NotFound
from data.models import Appointment, FormSheet, PrintRun, User
from data.session import ClinicSession
from data.types import is_id
from forms.definition import Form
from forms.editions import Edition, plates
from forms.press import Plate, Sheet
from forms.settings import FORM, all_forms
from outage import facts
from outage.printing import (
    GONE,
    STAYS_AWAY,
    Asked,
    Job,
    NothingToPrint,
    Printed,
    clinic_facts,
    day_sheet,
    print_jobs,
    spoil,
)
from records.checks import check_texts, clean, require
from security.actor import Actor
from security.profile import wording
from security.rules import act, earlier, look, remembered

WHY_MOST = 120


@dataclass(frozen=True)
class Stock:
    """Blank sheets of a form that were printed and are not used yet; ``low`` warns. ``older`` of them are of an
    earlier version, which stays readable; ``serials`` in words."""

    form: str
    title: str
    left: int
    low: bool
    wanted: int = 0
    older: int = 0
    serials: str = ""
    subject: str = "nothing"


@dataclass(frozen=True)
class Run:
    """One form of a print: how many sheets, which serials in words, and what became of them. Only ``unused`` sheets
    can be printed again or thrown away."""

    id: str
    form: str
    title: str
    version: int
    count: int
    serials: str
    unused: int
    used: int
    gone: int
    is_blank: bool = False


@dataclass(frozen=True)
class Batch:
    """What was printed at once: pack, roster, appointment, stock, or again."""

    id: str
    what: str
    at: datetime
    who: str
    day: date | None
    runs: list[Run]

    @property
    def sheets(self) -> int:
        """How many sheets of all forms."""
        return sum(run.count for run in self.runs)

    @property
    def unused(self) -> int:
        """How many nobody used yet."""
        return sum(run.unused for run in self.runs)


@dataclass(frozen=True)
class DaySheets:
    """How far a day is on paper already: visits booked, and of each form how many of them have a sheet."""

    booked: int
    have: dict[str, int]


@remembered("outage.print")
def blank_stock(*, by: Actor) -> list[Stock]:
    """How much blank stock of each form there is. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        statement = (
            select(FormSheet.form, FormSheet.form_version, FormSheet.serial)
            .join(PrintRun, (PrintRun.clinic_id == FormSheet.clinic_id) & (PrintRun.id == FormSheet.print_run_id))
            .where(PrintRun.purpose == "blank", FormSheet.state == "printed", FormSheet.appointment_id.is_(None))
            .order_by(FormSheet.serial)
        )
        left: dict[str, list[tuple[int, int]]] = {}
        for slug, version, serial in session.execute(statement):
            left.setdefault(slug, []).append((serial, version))
        found, numbers = [], definitions.numbers(session, FORM)
        for slug, one in all_forms(session).items():
            mine = left.get(slug, [])
            current = numbers.get(slug, 1)
            found.append(
                Stock(
                    slug, one.title, len(mine), len(mine) < one.low_stock, one.low_stock,
                    sum(version != current for _, version in mine), in_words(serial for serial, _ in mine), one.subject,
                )
            )  # fmt: skip
    return found


@remembered("outage.print")
def forms_to_print(*, by: Actor) -> dict[str, Form]:
    """Every form by slug. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        return all_forms(session)


@remembered("outage.print")
def sheets_of_day(day: date, forms: Sequence[str], *, by: Actor, location_id: str = "") -> DaySheets:
    """How many visits of a day have sheets of these forms. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        wanted = [Appointment.day == day, Appointment.stage.not_in(STAYS_AWAY)]
        if location_id:
            wanted.append(Appointment.location_id == location_id)
        booked = session.scalar(select(func.count(Appointment.id)).where(*wanted)) or 0
        statement = (
            select(FormSheet.form, func.count(FormSheet.appointment_id.distinct()))
            .join(
                Appointment,
                (Appointment.clinic_id == FormSheet.clinic_id) & (Appointment.id == FormSheet.appointment_id),
            )
            .where(FormSheet.form.in_(forms), FormSheet.state.not_in(GONE), *wanted)
            .group_by(FormSheet.form)
        )
        return DaySheets(booked, {form: count for form, count in session.execute(statement)})


def past_prints(*, by: Actor, limit: int = 30) -> list[Batch]:
    """The latest prints, newest first. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        newest = (
            select(PrintRun.batch).group_by(PrintRun.batch).order_by(func.max(PrintRun.printed_at).desc()).limit(limit)
        )
        runs = session.scalars(
            select(PrintRun).where(PrintRun.batch.in_(session.scalars(newest).all())).order_by(PrintRun.id)
        ).all()
        serials: dict[str, dict[str, list[int]]] = {}
        of = select(FormSheet.print_run_id, FormSheet.state, FormSheet.serial).order_by(FormSheet.serial)
        for run_id, state, serial in session.execute(of.where(FormSheet.print_run_id.in_([run.id for run in runs]))):
            serials.setdefault(run_id, {}).setdefault(state, []).append(serial)
        titles = {slug: one.title for slug, one in all_forms(session).items()}
        people = {user.id: user.name for user in session.scalars(select(User))}
        batches: dict[str, Batch] = {}
        for run in runs:
            batch = batches.setdefault(
                run.batch,
                Batch(run.batch, run.what, run.printed_at, people.get(run.by_user_id or "", "Ballast"), run.day, []),
            )
            if batch.day is None and run.day is not None:
                batches[run.batch] = replace(batch, day=run.day)
            states = serials.get(run.id, {})
            every = sorted(serial for mine in states.values() for serial in mine)
            batch.runs.append(
                Run(
                    run.id, run.form, titles.get(run.form, run.form), run.form_version, run.count, in_words(every),
                    len(states.get("printed", ())), len(states.get("used", ())) + len(states.get("entered", ())),
                    sum(len(states.get(state, ())) for state in GONE), run.purpose == "blank",
                )
            )  # fmt: skip
        return sorted(batches.values(), key=lambda batch: batch.at, reverse=True)


class BadSerials(BadInput):
    """'{typed}' is not understood as serials. Write them like 12 to 14, 20."""


def print_again(
    runs: Sequence[str], why: str, *, only: Collection[int] = (), by: Actor, key: str | None = None
) -> Printed:
    """Print the sheets of some runs that nobody used yet once more, with new serials; the old sheets count as spoiled,
    so that nothing waits for them. Visits that were canceled since get no new sheet. ``only`` leaves all but these
    serials alone.

    Raises NothingToPrint, NotFound, Missing, NotReadableYet, NotPermitted.
    """
    reason = _reason(why)
    with look(by, "outage.print") as session:
        done = earlier(session, by, "outage.print", key) if key else None
        ids: Any = done.result["runs"] if done is not None else runs  # type: ignore[index]
        old = _unused(session, list(ids), () if done is not None else only)
    if not old:
        raise NothingToPrint(problem="none of these sheets is left unused.")
    ready = plates(list(dict.fromkeys(sheet.form for sheet, _ in old)), by=by)
    jobs = _jobs_again(old, ready, by)
    if not jobs:
        raise NothingToPrint(problem="everybody these sheets were for was canceled. Throw the old sheets away instead.")
    asked = Asked("again", instead=[sheet.id for sheet, _ in old], why=f"Printed again: {reason}")
    return print_jobs(ready, jobs, by=by, key=key, title="Printed again", asked=asked)


def _jobs_again(
    old: Sequence[tuple[FormSheet, PrintRun]], ready: dict[str, tuple[Plate, Edition]], by: Actor
) -> list[Job]:
    """For each sheet one for the same visit, bottle, day or nobody, with the facts of now."""
    standing = {one.id: one for one in bottles(by=by) if one.state == "open"}
    jobs = []
    with look(by, "outage.print") as session:
        words = wording(session)
        clinic = clinic_facts(session, words)
        days = {run.day for sheet, run in old if run.day and ready[sheet.form][1].body.subject == "day"}
        visits = {sheet.appointment_id for sheet, _ in old if sheet.appointment_id}
        wanted = or_(Appointment.day.in_(days), Appointment.id.in_(visits))
        rows = rows_where(session, wanted, Appointment.stage.not_in(STAYS_AWAY), by=by)
        mine = {row.id: row for row in rows if row.id in visits}
        told = facts.of_appointments(session, list(mine.values()), words)
        for sheet, run in old:
            if sheet.appointment_id is not None:
                row = mine.get(sheet.appointment_id)
                if row is None:
                    continue
                one = Sheet(0, clinic | told[row.id], facts.heading(row, words), appointment=row.id)
            elif sheet.bottle_id is not None:
                bottle = standing.get(sheet.bottle_id)
                if bottle is None:
                    continue
                one = Sheet(0, clinic | facts.of_bottle(bottle, words), bottle.title)
            elif run.day in days and ready[sheet.form][1].body.subject == "day":
                one = day_sheet(run.day, [row for row in rows if row.day == run.day], words, clinic)
            else:
                one = Sheet(0, clinic)
            jobs.append(Job(sheet.form, run.purpose, [one], [sheet.bottle_id], run.day))
    return jobs


def throw_away(runs: Sequence[str], why: str, *, only: Collection[int] = (), by: Actor, key: str | None = None) -> int:
    """Say that the unused sheets of some runs are gone, so that nothing waits for them; returns how many.

    Raises NothingToPrint, Missing, NotFound, NotPermitted.
    """
    with act(by, "outage.print", key=key) as work:
        if work.repeated:
            return int(work.result)
        reason = _reason(why)
        sheets = [sheet.id for sheet, _ in _unused(work.session, list(runs), only)]
        if not sheets:
            raise NothingToPrint(problem="none of these sheets is left unused.")
        work.result = spoil(work.session, sheets, f"Thrown away: {reason}")
        work.audit("forms.thrown_away", "print_run", runs[0], sheets=work.result, reason=reason)
        return int(work.result)


def in_words(serials: Iterable[int]) -> str:
    """Serials as people read them: ``12 to 40, 44``; many scattered ones as ``between 1 and 119``."""
    ordered = sorted(serials)
    spans: list[list[int]] = []
    for serial in ordered:
        if spans and serial == spans[-1][1] + 1:
            spans[-1][1] = serial
        else:
            spans.append([serial, serial])
    if len(spans) > 4:
        return f"between {ordered[0]} and {ordered[-1]}"
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in spans)


def serials_of(typed: str) -> frozenset[int]:
    """The serials that somebody typed: ``12 to 14, 20`` or ``12-14 20``; none where nothing was. Raises BadSerials."""
    found: set[int] = set()
    for part in filter(None, re.split(r"[,;\s]+", re.sub(r"\s*(?:to|-|–)\s*", "-", typed.strip()))):
        first, _, last = part.partition("-")
        if not re.fullmatch(r"\d{1,8}(-\d{1,8})?", part):
            raise BadSerials(typed=typed[:60])
        span = range(int(first), int(last or first) + 1)
        if not span or len(span) > 10_000:
            raise BadSerials(typed=typed[:60])
        found.update(span)
    return frozenset(found)


def _unused(session: ClinicSession, runs: list[str], only: Collection[int]) -> list[tuple[FormSheet, PrintRun]]:
    """The sheets of some runs that nobody used, in the order of their serials. Raises NotFound."""
    known = {run.id: run for run in session.scalars(select(PrintRun).where(PrintRun.id.in_(filter(is_id, runs))))}
    if len(known) != len(set(runs)):
        raise NotFound(what="print", name="with this address")
    sheets = session.scalars(
        select(FormSheet)
        .where(FormSheet.print_run_id.in_(known), FormSheet.state == "printed")
        .order_by(FormSheet.serial)
    )
    return [(sheet, known[sheet.print_run_id]) for sheet in sheets if not only or sheet.serial in only]


def _reason(why: str) -> str:
    reason = clean(why)
    require("The reason", reason)
    check_texts({"The reason": (reason, WHY_MOST)})
    return reason
