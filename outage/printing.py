"""Printing forms: for a day's roster, for one appointment, or blank stock; each sheet with a serial of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import func, select

from appointments.drug_register import bottles
from appointments.roster import RosterRow, rows_where
from data.errors import BadInput, NotFound
from data.models import Appointment, Clinic, FormSheet, PrintRun
from data.session import ClinicSession
from data.types import clock, is_id
from data.wording import Wording
from forms.editions import Edition, plates
from forms.press import Plate, Press, Sheet
from forms.print import within
from outage import facts
from security.actor import Actor
from security.profile import profile, wording
from security.rules import act, earlier, look

MOST = 500
DEADLINE_SECONDS = 60
STAYS_AWAY = ("cancelled", "no_show")
GONE = ("spoiled", "waived")
"""States of a sheet that nobody waits for any more."""


class NothingToPrint(BadInput):
    """There is nothing to print: {problem}"""


class ChangedSince(BadInput):
    """The roster or the form changed since this was printed. Print it anew, so that every sheet gets a serial of its
    own."""


class TooManySheets(BadInput):
    """At most {most} sheets are printed at once. Ask for fewer."""


@dataclass(frozen=True)
class Printed:
    """A finished print: the PDF, its runs, and of every page its place, code and zones (``forms print --zones``)."""

    pdf: bytes
    pages: list[dict[str, object]]
    runs: list[str]
    sheets: int
    serials: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """Sheets of one form that are to be printed; serials come when they are written down."""

    form: str
    purpose: str
    sheets: Sequence[Sheet]
    bottles: Sequence[str | None] = ()
    day: date | None = None


@dataclass(frozen=True)
class Asked:
    """What somebody asked to have printed: ``what`` is pack, roster, appointment, stock or again. Runs of one
    ``batch`` belong together; without one the first run gives it. ``instead`` are sheets this print replaces."""

    what: str
    batch: str = ""
    instead: Sequence[str] = ()
    why: str = ""


def print_for_roster(
    forms: Sequence[str], day: date, *, by: Actor, location_id: str = "", missing_only: bool = False,
    asked: Asked | None = None, key: str | None = None,
) -> Printed:  # fmt: skip
    """Print forms for everybody on a day's roster (canceled and missed visits left out), in the roster's order, the
    forms of one visit together; a bottle's form for every open bottle, a day's form once.

    ``missing_only`` leaves out visits and bottles that have a sheet of the form for this day already; a day's form is
    printed anew, and an unused one of the whole clinic counts as spoiled. Raises NothingToPrint, NotFound,
    NotReadableYet, NotPermitted.
    """
    ready = plates(list(forms), by=by)
    asked = asked or Asked("roster")
    with look(by, "outage.print") as session:
        jobs = _jobs_of_day(session, ready, day, location_id, by)
        if missing_only:
            jobs, older = _missing(session, jobs, day, _first_before(session, by, key))
            asked = asked if location_id else replace(asked, instead=older, why="A newer one was printed.")
    if not any(job.sheets for job in jobs):
        raise NothingToPrint(problem="everybody has a sheet already.")
    return print_jobs(ready, jobs, by=by, key=key, title=f"Forms for {day.isoformat()}", asked=asked)


def print_for_appointment(
    forms: str | Sequence[str], appointment_id: str, *, by: Actor, key: str | None = None
) -> Printed:
    """Print a form, or several, for one appointment. Raises NothingToPrint, NotFound, NotReadableYet, NotPermitted."""
    ready = plates([forms] if isinstance(forms, str) else list(forms), by=by)
    if not ready:
        raise NothingToPrint(problem="choose a form.")
    for plate, edition in ready.values():
        if edition.body.subject != "appointment":
            raise NothingToPrint(problem=f"'{plate.title}' is not a form for one appointment.")
    with look(by, "outage.print") as session:
        words = wording(session)
        rows = rows_where(session, Appointment.id == appointment_id, by=by) if is_id(appointment_id) else []
        if not rows:
            raise NotFound(what="appointment", name=appointment_id)
        told = facts.of_appointments(session, rows, words)[rows[0].id]
        sheet = Sheet(0, clinic_facts(session, words) | told, facts.heading(rows[0], words), appointment=rows[0].id)
    jobs = [Job(form, "appointment", [sheet], day=rows[0].day) for form in ready]
    title = ", ".join(plate.title for plate, _ in ready.values())
    return print_jobs(ready, jobs, by=by, key=key, title=title, asked=Asked("appointment"))


def print_blank(form: str, count: int, *, by: Actor, key: str | None = None) -> Printed:
    """Print blank stock: facts are left to be written, each sheet has its serial. Raises NothingToPrint,
    TooManySheets, NotFound, NotReadableYet, NotPermitted."""
    return print_stock({form: count}, by=by, key=key)


def print_stock(counts: Mapping[str, int], *, by: Actor, asked: Asked | None = None, key: str | None = None) -> Printed:
    """Blank stock of several forms in one print. Raises what ``print_blank`` raises."""
    if not counts or min(counts.values()) < 1:
        raise NothingToPrint(problem="ask for at least one sheet.")
    if sum(counts.values()) > MOST:
        raise TooManySheets(most=MOST)
    ready = plates(list(counts), by=by)
    with look(by, "outage.print") as session:
        told = clinic_facts(session, wording(session))
    jobs = [Job(form, "blank", [Sheet(0, told)] * count) for form, count in counts.items()]
    titles = ", ".join(plate.title for plate, _ in ready.values())
    return print_jobs(ready, jobs, by=by, key=key, title=f"{titles}, blank", asked=asked or Asked("stock"))


def _missing(session: ClinicSession, jobs: Sequence[Job], day: date, before: int | None) -> tuple[list[Job], list[str]]:
    """The jobs without visits and bottles that have a sheet, and the unused sheets of a day's form, which a new one
    replaces. ``before`` overlooks that serial and all after it."""
    visits = [sheet.appointment for job in jobs for sheet in job.sheets if sheet.appointment]
    of_day = (PrintRun.day == day) & FormSheet.appointment_id.is_(None)
    statement = (
        select(FormSheet)
        .join(PrintRun, (PrintRun.clinic_id == FormSheet.clinic_id) & (PrintRun.id == FormSheet.print_run_id))
        .where(FormSheet.form.in_({job.form for job in jobs}), FormSheet.state.not_in(GONE))
        .where(FormSheet.appointment_id.in_(visits) | of_day)
    )
    if before is not None:
        statement = statement.where(FormSheet.serial < before)
    standing = session.scalars(statement).all()
    have = {(one.form, one.appointment_id or one.bottle_id) for one in standing} - {(job.form, None) for job in jobs}
    left = []
    for job in jobs:
        bottles_of = job.bottles or [None] * len(job.sheets)
        kept = [
            (sheet, bottle)
            for sheet, bottle in zip(job.sheets, bottles_of, strict=True)
            if (job.form, sheet.appointment or bottle) not in have
        ]
        if kept:
            left.append(replace(job, sheets=[sheet for sheet, _ in kept], bottles=[bottle for _, bottle in kept]))
    older = [one.id for one in standing if not (one.appointment_id or one.bottle_id) and one.state == "printed"]
    return left, older


def _first_before(session: ClinicSession, by: Actor, key: str | None) -> int | None:
    """The first serial of the print this is the second click of."""
    done = earlier(session, by, "outage.print", key) if key else None
    return int(done.result["first"]) if done is not None else None  # type: ignore[index]


def _jobs_of_day(
    session: ClinicSession, ready: dict[str, tuple[Plate, Edition]], day: date, location_id: str, by: Actor
) -> list[Job]:
    words = wording(session)
    clinic = clinic_facts(session, words)
    conditions = [Appointment.day == day, Appointment.stage.not_in(STAYS_AWAY)]
    if location_id:
        conditions.append(Appointment.location_id == location_id)
    rows = rows_where(session, *conditions, by=by)
    jobs: list[Job] = []
    visits = [slug for slug, (_, edition) in ready.items() if edition.body.subject == "appointment"]
    told = facts.of_appointments(session, rows, words) if visits else {}
    for row in rows if visits else ():
        sheet = Sheet(0, clinic | told[row.id], facts.heading(row, words), appointment=row.id)
        jobs += [Job(slug, "roster", [sheet], day=day) for slug in visits]
    for slug, (plate, edition) in ready.items():
        if edition.body.subject == "day" and rows:
            jobs.append(Job(slug, "roster", [day_sheet(day, rows, words, clinic)], day=day))
        elif edition.body.subject == "bottle":
            enough = max(1, -(-len(rows) // max(1, _lines(edition))))
            standing = [one for one in bottles(by=by) if one.state == "open" for _ in range(enough)]
            sheets = [Sheet(0, clinic | facts.of_bottle(one, words), one.title) for one in standing]
            if sheets:
                jobs.append(Job(slug, "roster", sheets, [one.id for one in standing], day))
        elif edition.body.subject == "nothing":
            raise NothingToPrint(problem=f"'{plate.title}' belongs to nobody: print it as blank stock.")
    if not any(job.sheets for job in jobs):
        raise NothingToPrint(problem="nobody is booked for this day.")
    return jobs


def _lines(edition: Edition) -> int:
    """How many repeating lines a page has."""
    keys = {zone.key.rsplit(".", 1)[0] for zone in edition.page(1)[1] if zone.key.count(".") == 2}
    return len(keys)


def day_sheet(day: date, rows: Sequence[RosterRow], words: Wording, clinic: dict[str, str]) -> Sheet:
    """The sheet of a whole day, with a line for each visit."""
    lines = [facts.line(row, words) for row in rows]
    return Sheet(0, clinic | facts.of_day(day, rows, words), words.day(day, style="heading"), lines)


def print_jobs(
    ready: dict[str, tuple[Plate, Edition]], jobs: Sequence[Job], *, by: Actor, key: str | None, title: str,
    asked: Asked,
) -> Printed:  # fmt: skip
    """Write the sheets down with their serials, then print them."""
    with act(by, "outage.print", key=key) as work:
        session = work.session
        if work.repeated:
            first, runs = int(work.result["first"]), list(work.result["runs"])
            _same_as_before(session, ready, jobs, first)
        else:
            first = (session.scalar(select(func.max(FormSheet.serial))) or 0) + 1
            runs = _written(session, ready, jobs, first, by, asked)
            count = sum(len(job.sheets) for job in jobs)
            forms = sorted({job.form for job in jobs})
            spoil(session, asked.instead, asked.why)
            work.audit(
                "forms.printed", "print_run", runs[0], forms=forms, sheets=count, first=first, what=asked.what,
                instead=len(asked.instead), reason=asked.why,
            )  # fmt: skip
            work.result = {"first": first, "runs": runs}
        clinic = session.get_one(Clinic, session.clinic_id)
        name, printed = clinic.name, f"Printed {wording(session).moment(clock.now())}"

    def draw() -> Printed:
        press = Press(name, printed, title)
        serials = []
        for sheet, plate in _numbered(ready, jobs, first):
            press.add(plate, sheet)
            serials.append(sheet.serial)
        return Printed(press.pdf(), press.pages, runs, len(serials), serials)

    return within(DEADLINE_SECONDS, draw)


def spoil(session: ClinicSession, sheets: Sequence[str], why: str) -> int:
    """Within a rule: sheets that nobody will use, so that nothing waits for them; those in use stay. Says how many."""
    rows = session.scalars(select(FormSheet).where(FormSheet.id.in_(sheets), FormSheet.state == "printed")).all()
    for row in rows:
        row.state, row.reason = "spoiled", why
    return len(rows)


def _same_as_before(
    session: ClinicSession, ready: dict[str, tuple[Plate, Edition]], jobs: Sequence[Job], first: int
) -> None:
    """A print asked for again gets the same serials, so it must still be for the same people. Raises ChangedSince."""
    count = sum(len(job.sheets) for job in jobs)
    statement = select(FormSheet).where(FormSheet.serial >= first, FormSheet.serial < first + count)
    rows = {row.serial: row for row in session.scalars(statement)}
    serial = first
    for job in jobs:
        for sheet in job.sheets:
            row = rows.get(serial)
            edition = ready[job.form][1].number
            if row is None or (row.form, row.edition, row.appointment_id) != (job.form, edition, sheet.appointment):
                raise ChangedSince()
            serial += 1


def _numbered(ready: dict[str, tuple[Plate, Edition]], jobs: Sequence[Job], first: int) -> Any:
    serial = first
    for job in jobs:
        for sheet in job.sheets:
            yield replace(sheet, serial=serial), ready[job.form][0]
            serial += 1


def _written(
    session: ClinicSession, ready: dict[str, tuple[Plate, Edition]], jobs: Sequence[Job], first: int, by: Actor,
    asked: Asked,
) -> list[str]:  # fmt: skip
    """One run for each form and purpose, one row for each sheet."""
    runs: dict[str, PrintRun] = {}
    rows = []
    serial = first
    for job in jobs:
        plate, edition = ready[job.form]
        run = runs.get(job.form)
        if run is None:
            run = runs[job.form] = PrintRun(
                form=job.form, form_version=edition.version, purpose=job.purpose, count=0, by_user_id=by.user_id,
                day=job.day, what=asked.what, batch=asked.batch,
            )  # fmt: skip
            session.add(run)
        run.count += len(job.sheets)
        for place, sheet in enumerate(job.sheets):
            layout = plate.layout
            pages = max(1, -(-len(sheet.lines) // layout.lines)) if layout.lines else len(layout.pages)
            rows.append(
                FormSheet(
                    print_run_id=run.id, serial=serial, form=job.form, form_version=edition.version,
                    edition=edition.number, pages=pages, appointment_id=sheet.appointment,
                    bottle_id=job.bottles[place] if job.bottles else None,
                )
            )  # fmt: skip
            serial += 1
    session.flush()
    for run in runs.values():
        run.batch = run.batch or next(iter(runs.values())).id
    session.add_all(rows)
    session.flush()
    return [run.id for run in runs.values()]


def clinic_facts(session: ClinicSession, words: Wording) -> dict[str, str]:
    """What every form may say of the clinic, within a rule."""
    return facts.of_clinic(session.get_one(Clinic, session.clinic_id).name, profile(session), words)
