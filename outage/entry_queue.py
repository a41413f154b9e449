"""What is to be keyed, visit by visit, in the order of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select

from appointments.roster import RosterRow, rows_where
from appointments.stages import BEFORE_ARRIVAL, ON_SITE
from data.models import (
    Appointment,
    BackEntry,
    Bottle,
    DocumentPage,
    Drug,
    FormSheet,
    Outage,
    User,
)
from data.session import ClinicSession
from data.types import clock
from data.wording import Wording
from forms.definition import Form
from forms.editions import editions_of
from outage.outages import days_of, outage_for, zone_of
from outage.sheets import standing
from records.search import beside
from security.actor import Actor
from security.profile import wording
from security.rules import look, remembered

LATELY = timedelta(days=2)
"""So long what was entered stays on the list where no outage is chosen."""
AWAY = ("no_show", "cancelled")
CHUNK = 500


@dataclass(frozen=True)
class SheetLine:
    """One sheet of the queue. ``scanned`` of ``pages`` are there; ``entry`` is draft, entered, verified or empty;
    ``drugs`` says that a second person verifies it."""

    id: str
    form: str
    title: str
    serial: int
    state: str
    pages: int
    scanned: int
    entry: str
    keyed_by: str
    drugs: bool
    exceptions: int

    @property
    def to_verify(self) -> bool:
        """Whether it waits for a second person."""
        return self.drugs and self.entry == "entered"


@dataclass(frozen=True)
class Waiting:
    """One screen of back entry: a visit with its sheets, a walk-in, the log of a bottle, or a sheet that is nobody's.

    ``kind``: visit, walk_in, bottle, unbound. ``state``: waiting (scanned, to be keyed), begun, printed (not scanned:
    key from the paper, or mark as a no-show), entered, away (nothing to key: not here, or entered at the screen).
    """

    id: str
    kind: str
    title: str
    detail: str
    number: int | None
    stage: str
    state: str
    sheets: tuple[SheetLine, ...]

    @property
    def to_verify(self) -> bool:
        """Whether drug lines of it wait for a second person."""
        return any(sheet.to_verify for sheet in self.sheets)

    @property
    def exceptions(self) -> int:
        """How much of it somebody should look at."""
        return sum(sheet.exceptions for sheet in self.sheets)


@remembered("outage.enter")
def to_enter(*, by: Actor, outage_id: str | None = None) -> list[Waiting]:
    """What there is to key: of an outage everybody booked in it and every sheet used in it; without one every sheet
    that was scanned and not entered, and what was entered lately. In the order of the day, the logs of bottles last,
    since they are held against the visits.

    Raises NotFound, NotPermitted.
    """
    with look(by, "outage.enter") as session:
        outage = outage_for(session, outage_id) if outage_id else None
        sheets, forms = _sheets(session, outage)
        ids = {sheet.appointment_id for sheet in sheets if sheet.appointment_id}
        if outage is not None and outage.scope == "all":
            first, last = days_of(outage.began_at, outage.ended_at, zone_of(session))
            booked = Appointment.starts_at.between(outage.began_at, outage.ended_at or clock.now())
            ids.update(session.scalars(select(Appointment.id).where(Appointment.day.between(first, last), booked)))
        lines = _lines(session, sheets, forms)
        of: dict[str, list[SheetLine]] = {}
        for sheet in sheets:
            of.setdefault(sheet.appointment_id or sheet.id, []).append(lines[sheet.id])
        words = wording(session)
        found = [_visit(row, of.get(row.id, []), words) for row in rows_where(session, Appointment.id.in_(ids), by=by)]
        loose = [sheet for sheet in sheets if sheet.appointment_id is None]
        bottles = _bottles(session, [sheet.bottle_id for sheet in loose if sheet.bottle_id])
        found += [_loose(sheet, lines[sheet.id], forms[sheet.edition], bottles) for sheet in loose]
        return sorted(found, key=lambda one: one.kind == "bottle")


def kind_of(sheet: FormSheet, form: Form) -> str:
    """What keying a sheet makes: visit, walk_in, bottle, or unbound where nobody said whose it is."""
    if sheet.appointment_id:
        return "visit"
    if form.subject == "bottle":
        return "bottle"
    return "walk_in" if form.subject == "nothing" else "unbound"


def has_drugs(form: Form) -> bool:
    """Whether a form has lines of drugs, which a second person verifies."""
    return any(one.target == "drug_log" for one in form.fields())


def _sheets(session: ClinicSession, outage: Outage | None) -> tuple[list[FormSheet], dict[int, Form]]:
    """Sheets that are keyed or to be keyed, with their forms by edition. Slips and rosters are not; blank stock only
    once it was used."""
    statement = select(FormSheet).where(FormSheet.state != "spoiled").order_by(FormSheet.serial)
    if outage is not None:
        used = FormSheet.state.in_(("used", "entered"))
        statement = statement.where(FormSheet.outage_id == outage.id, or_(FormSheet.appointment_id.is_not(None), used))
    else:
        lately = select(BackEntry.form_sheet_id).where(BackEntry.keyed_at > clock.now() - LATELY)
        statement = statement.where(or_(FormSheet.state == "used", FormSheet.id.in_(lately)))
    sheets = list(session.scalars(statement))
    editions = editions_of(session, {sheet.edition for sheet in sheets})
    forms = {number: one.body for number, one in editions.items() if not one.body.slip and one.body.subject != "day"}
    return [sheet for sheet in sheets if sheet.edition in forms], forms


def _lines(session: ClinicSession, sheets: Sequence[FormSheet], forms: dict[int, Form]) -> dict[str, SheetLine]:
    ids = [sheet.id for sheet in sheets]
    scanned: dict[str, int] = {}
    entries: dict[str, BackEntry] = {}
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        pages = standing().where(DocumentPage.form_sheet_id.in_(part)).with_only_columns(
            DocumentPage.form_sheet_id, func.count(func.distinct(DocumentPage.page))
        )  # fmt: skip
        for sheet_id, count in session.execute(pages.group_by(DocumentPage.form_sheet_id)):
            scanned[str(sheet_id)] = count
        for row in session.scalars(select(BackEntry).where(BackEntry.form_sheet_id.in_(part))):
            entries[row.form_sheet_id] = row
    people = dict(session.execute(select(User.id, User.name)).tuples().all()) if entries else {}
    found = {}
    for sheet in sheets:
        row_ = entries.get(sheet.id)
        form = forms[sheet.edition]
        found[sheet.id] = SheetLine(
            sheet.id, sheet.form, form.title, sheet.serial, sheet.state, sheet.pages,
            scanned.get(sheet.id, 0), row_.state if row_ else "",
            people.get(row_.keyed_by_id or "", "Operator") if row_ else "", has_drugs(form),
            len(exceptions_in(row_)) if row_ and row_.state != "draft" else 0,
        )  # fmt: skip
    return found


def exceptions_in(row: BackEntry) -> list[tuple[str, str]]:
    """What somebody should look at on an entered sheet: field key and sentence."""
    kept = row.typed.get("_exceptions")
    return [(str(one[0]), str(one[1])) for one in kept] if isinstance(kept, list) else []


@dataclass(frozen=True)
class Exceptional:
    """One thing on an entered sheet that somebody should look at; ``which`` opens its screen."""

    which: str
    title: str
    serial: int
    form: str
    sentence: str


def exceptions(*, by: Actor, outage_id: str | None = None) -> list[Exceptional]:
    """What to look at on the sheets that were entered: missing witnesses, fields left empty, quantities that differ
    between two papers, times out of order. Nothing waits for them. Raises NotFound, NotPermitted."""
    waiting = [one for one in to_enter(by=by, outage_id=outage_id) if one.exceptions]
    names = {sheet.id: (one, sheet) for one in waiting for sheet in one.sheets if sheet.exceptions}
    with look(by, "outage.enter") as session:
        rows = session.scalars(select(BackEntry).where(BackEntry.form_sheet_id.in_(names)))
        told = {row.form_sheet_id: exceptions_in(row) for row in rows}
    return [
        Exceptional(one.id, one.title, sheet.serial, sheet.title, sentence)
        for sheet_id, (one, sheet) in names.items()
        for _, sentence in told.get(sheet_id, ())
    ]


def _visit(row: RosterRow, sheets: list[SheetLine], words: Wording) -> Waiting:
    owner = "" if row.restricted else beside(row.animal, row.owner)
    detail = " · ".join(part for part in (words.clock_time(row.starts_at, zone=row.zone), owner, row.species) if part)
    return Waiting(row.id, "visit", row.animal, detail, row.number, row.stage, _state(row, sheets), tuple(sheets))


def _state(row: RosterRow, sheets: Sequence[SheetLine]) -> str:
    if any(sheet.entry == "draft" for sheet in sheets):
        return "begun"
    if any(sheet.state == "used" for sheet in sheets):
        return "waiting"
    if any(sheet.state == "entered" for sheet in sheets):
        lost = row.stage in ON_SITE and any(sheet.state == "printed" for sheet in sheets)
        return "printed" if lost else "entered"
    return "printed" if row.stage in BEFORE_ARRIVAL else "away"


def _loose(sheet: FormSheet, line: SheetLine, form: Form, bottles: dict[str, tuple[Bottle, Drug]]) -> Waiting:
    kind = kind_of(sheet, form)
    state = "entered" if sheet.state == "entered" else "begun" if line.entry == "draft" else "waiting"
    title, detail = title_of(sheet, form, bottles.get(sheet.bottle_id or ""))
    return Waiting(sheet.id, kind, title, detail, None, "", state, (line,))


def title_of(sheet: FormSheet, form: Form, bottle: tuple[Bottle, Drug] | None) -> tuple[str, str]:
    """What a sheet without a visit is called."""
    if bottle is not None:
        return bottle[0].number, f"{bottle[1].name} {bottle[1].strength}".strip()
    return ("Walk-in" if form.subject == "nothing" else form.title), f"sheet {sheet.serial}"


def _bottles(session: ClinicSession, ids: Sequence[str]) -> dict[str, tuple[Bottle, Drug]]:
    statement = select(Bottle, Drug).join(Drug, (Drug.clinic_id == Bottle.clinic_id) & (Drug.id == Bottle.drug_id))
    return {bottle.id: (bottle, drug) for bottle, drug in session.execute(statement.where(Bottle.id.in_(ids)))}
