"""Everything the person who keys one visit needs on the screen: the fields in the order of the paper, what the machine
read in them, where on the scanned page each stands, and what was typed before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from appointments.roster import rows_where
from appointments.stages import BEFORE_ARRIVAL
from data.errors import NotFound
from data.models import Appointment, BackEntry, Bottle, DocumentPage, Drug, FormSheet, Location, Outage, PrintRun, User
from data.session import ClinicSession
from data.types import clock, is_id
from forms.definition import Cell, FormField
from forms.editions import Edition, edition_of
from forms.field_setting import TEXT
from forms.print import text_width
from outage.entry_queue import exceptions_in, has_drugs, kind_of, title_of
from outage.keyed import house_of, machine_of
from outage.outages import zone_of
from outage.sheets import standing
from outage.typed import from_machine, initials_of
from records.access import visit_for
from records.search import beside
from security.actor import Actor
from security.rules import look
from security.viewing import note_view

BESIDE, LONGEST = 8.0, 400.0
"""Points between a box and its label, and what is shown at most of a label that goes on over several lines."""
CAPTIONS = 26.0
"""Points left of the bubbles of a number, for the ones, tens and hundreds."""
AIR = 5.0
EDGES = {"text": (0.0, AIR), "signature": (AIR / 2, 1.0)}
"""What is shown above and below of fields whose printed label comes close there: it would be cut in half."""


@dataclass(frozen=True)
class Seen:
    """Where a field stands on a scanned page: the page's id, and the place as shares of its width and height."""

    page: str
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class EntryField:
    """One field to key. ``machine`` is what was read, ``state`` read or review; ``filled`` what the field starts with
    (never for a critical one). ``cells`` are the columns of repeating lines, ``lines`` how many the paper has; ``seen``
    of a cell's line is found in ``spots`` by line and column."""

    key: str
    kind: str
    label: str
    section: str = ""
    options: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    least: float | None = None
    most: float | None = None
    decimals: int = 0
    critical: bool = False
    required: bool = False
    target: str = ""
    machine: Any = None
    state: str = ""
    filled: Any = None
    seen: Seen | None = None
    width: float = 12
    lines: int = 0
    cells: tuple[EntryField, ...] = ()
    spots: tuple[tuple[str, Seen], ...] = ()


@dataclass(frozen=True)
class EntrySheet:
    """One sheet on the screen. ``pages`` are its scanned pages by number, ``missing`` those that are not there."""

    id: str
    form: str
    title: str
    serial: int
    state: str
    entry: str
    pages: tuple[tuple[int, str], ...]
    missing: tuple[int, ...]
    fields: tuple[EntryField, ...]
    typed: dict[str, Any]
    keyed_by: str
    keyed_by_me: bool
    verified_by: str
    exceptions: tuple[tuple[str, str], ...]
    corrected: tuple[str, ...]
    """Fields in which a person typed otherwise than the machine had read."""
    drugs: bool


@dataclass(frozen=True)
class Entry:
    """Everything of one screen. ``people`` are names by initials, ``bottles`` drugs by number."""

    id: str
    kind: str
    title: str
    detail: str
    day: date
    stage: str
    may_miss: bool
    """Whether the visit can be marked as a no-show."""
    sheets: tuple[EntrySheet, ...]
    people: dict[str, str]
    bottles: dict[str, str]
    opens: tuple[int, int]
    """When the place opens and closes that day, in minutes: 2:15 on paper is the afternoon."""
    places: dict[str, str] = field(default_factory=dict)
    """The locations a walk-in may have come to."""


def open_entry(which: str, *, by: Actor) -> Entry:
    """The screen of a visit (all its sheets), or of one sheet without a visit, by its id. Reading it is audited.

    Raises NotFound, RestrictedRecord, NotPermitted.
    """
    with look(by, "outage.enter") as session:
        visit, sheet = _found(session, which)
        entry = _of_visit(session, visit, by) if visit is not None else _of_sheet(session, sheet, by)
    note_view(by, "appointment" if entry.kind == "visit" else "form_sheet", entry.id)
    return entry


def _found(session: ClinicSession, which: str) -> tuple[Appointment | None, FormSheet | None]:
    if is_id(which):
        visit = session.scalars(select(Appointment).where(Appointment.id == which)).one_or_none()
        if visit is not None:
            return visit, None
        sheet = session.scalars(select(FormSheet).where(FormSheet.id == which)).one_or_none()
        if sheet is not None and sheet.appointment_id:
            return session.scalars(select(Appointment).where(Appointment.id == sheet.appointment_id)).one(), None
        if sheet is not None:
            return None, sheet
    raise NotFound(what="visit or sheet", name="with this address")


def _of_visit(session: ClinicSession, visit: Appointment, by: Actor) -> Entry:
    visit_for(session, visit, by)
    (row,) = rows_where(session, Appointment.id == visit.id, by=by)
    statement = select(FormSheet).where(FormSheet.appointment_id == visit.id, FormSheet.state != "spoiled")
    sheets = [
        (sheet, edition)
        for sheet in session.scalars(statement.order_by(FormSheet.serial))
        if not (edition := edition_of(session, sheet.edition)).body.slip
    ]
    used = {sheet.form for sheet, _ in sheets if sheet.state in ("used", "entered")}
    sheets = [(sheet, edition) for sheet, edition in sheets if sheet.form not in used or sheet.state != "printed"]
    people, bottles, opens = _known(session, visit.location_id, visit.day)
    detail = [
        f"visit {row.number}",
        beside(row.animal, row.owner),
        row.species,
        row.details[1],
        ", ".join(row.services),
    ]
    return Entry(
        visit.id, "visit", row.animal, " · ".join(part for part in detail if part), visit.day, visit.stage,
        visit.stage in BEFORE_ARRIVAL, tuple(_entry_sheets(session, sheets, by)), people, bottles, opens,
    )  # fmt: skip


def _of_sheet(session: ClinicSession, sheet: FormSheet | None, by: Actor) -> Entry:
    assert sheet is not None
    edition = edition_of(session, sheet.edition)
    bottle = None
    if sheet.bottle_id:
        statement = select(Bottle, Drug).join(Drug, (Drug.clinic_id == Bottle.clinic_id) & (Drug.id == Bottle.drug_id))
        bottle = session.execute(statement.where(Bottle.id == sheet.bottle_id)).tuples().one()
    title, detail = title_of(sheet, edition.body, bottle)
    day = day_of(session, sheet)
    people, bottles, opens = _known(session, bottle[0].location_id if bottle else None, day)
    active = select(Location.id, Location.name).where(Location.active).order_by(Location.name)
    return Entry(
        sheet.id, kind_of(sheet, edition.body), title, detail, day, "", False,
        tuple(_entry_sheets(session, [(sheet, edition)], by)), people, bottles, opens,
        {row.id: row.name for row in session.execute(active)},
    )  # fmt: skip


def day_of(session: ClinicSession, sheet: FormSheet) -> date:
    """The day a sheet without a visit was used: that of its outage, else the one it was printed for, else today."""
    zone = zone_of(session)
    if sheet.outage_id:
        began = session.scalar(select(Outage.began_at).where(Outage.id == sheet.outage_id))
        if began is not None:
            return began.astimezone(ZoneInfo(zone)).date()
    printed = session.scalar(select(PrintRun.day).where(PrintRun.id == sheet.print_run_id))
    return min(printed or clock.today(zone), clock.today(zone))


def _known(
    session: ClinicSession, location_id: str | None, day: date
) -> tuple[dict[str, str], dict[str, str], tuple[int, int]]:
    """Who signs how, which bottle holds what (the open ones first), and when the place opens and closes."""
    house = house_of(session, location_id, day)
    people = {initials_of(one): one.name for one in house.people if one.status == "active"}
    stock = sorted(
        house.bottles.values(),
        key=lambda one: (one[0].closed_at is not None, one[0].opened_at is None, one[1].name, one[0].number),
    )
    bottles = {bottle.number: f"{drug.name} {drug.strength}".strip() for bottle, drug in stock[:300]}
    begins, ends = house.opens or (time(7), time(19))
    return people, bottles, (begins.hour * 60 + begins.minute, ends.hour * 60 + ends.minute)


def _entry_sheets(session: ClinicSession, sheets: Sequence[tuple[FormSheet, Edition]], by: Actor) -> list[EntrySheet]:
    ids = [sheet.id for sheet, _ in sheets]
    machine = machine_of(session, ids)
    rows = {
        row.form_sheet_id: row for row in session.scalars(select(BackEntry).where(BackEntry.form_sheet_id.in_(ids)))
    }
    names = dict(session.execute(select(User.id, User.name)).tuples().all())
    pages: dict[str, dict[int, DocumentPage]] = {}
    for page in session.scalars(standing().where(DocumentPage.form_sheet_id.in_(ids))):
        pages.setdefault(str(page.form_sheet_id), {})[int(page.page or 1)] = page
    found = []
    for sheet, edition in sheets:
        row, there = rows.get(sheet.id), pages.get(sheet.id, {})
        typed = {key: value for key, value in (row.typed if row else {}).items() if not key.startswith("_")}
        found.append(
            EntrySheet(
                sheet.id, sheet.form, edition.body.title, sheet.serial, sheet.state, row.state if row else "",
                tuple((number, page.id) for number, page in sorted(there.items()) if page.picture),
                tuple(number for number in range(1, sheet.pages + 1) if number not in there),
                tuple(_fields(edition, there, machine[sheet.id])), typed,
                names.get(row.keyed_by_id or "", "") if row else "", bool(row and row.keyed_by_id == by.user_id),
                names.get(row.verified_by_id or "", "") if row else "", tuple(exceptions_in(row)) if row else (),
                tuple(corrected(row)) if row and row.state != "draft" else (),
                has_drugs(edition.body),
            )
        )  # fmt: skip
    return found


def corrected(row: BackEntry) -> list[str]:
    """The fields in which a person typed otherwise than the machine had been sure of."""
    found = []
    for key, told in row.machine.items():
        if not isinstance(told, dict) or told.get("state") != "read" or key not in row.typed:
            continue
        value = told.get("value")
        if value not in (None, "", [], False) and str(row.typed[key]) != str(value):
            found.append(key)
    return found


def _fields(edition: Edition, pages: dict[int, DocumentPage], machine: dict[str, Any]) -> list[EntryField]:
    spots = _spots(edition, pages)
    found = []
    for section in edition.body.sections:
        for one in section.fields:
            if one.type in ("prose", "fact"):
                continue
            found.append(_field(one, section.title, machine, spots))
    return found


def _field(one: FormField, section: str, machine: dict[str, Any], spots: dict[str, Seen]) -> EntryField:
    told = machine.get(one.key)
    told = told if isinstance(told, dict) else {}
    cells: tuple[EntryField, ...] = ()
    mine: tuple[tuple[str, Seen], ...] = ()
    if one.type == "grid":
        cells = tuple(_cell(cell) for cell in one.cells)
        mine = tuple((key.split(".", 1)[1], seen) for key, seen in spots.items() if key.startswith(f"{one.key}."))
    return EntryField(
        one.key, one.type, one.label, section, tuple((option.value, option.label) for option in one.options), one.unit,
        one.least, one.most, one.decimals, one.critical, one.required, one.target, told.get("value"),
        str(told.get("state", "")), from_machine(told, critical=one.critical), spots.get(one.key), one.width,
        one.lines if one.type == "grid" else 0, cells, mine,
    )  # fmt: skip


def _cell(cell: Cell) -> EntryField:
    return EntryField(
        cell.key, cell.type, cell.label, "", tuple((option.value, option.label) for option in cell.options), cell.unit,
        decimals=cell.decimals, critical=cell.critical, target=cell.target, width=cell.width,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _labels_of(boxes: tuple[tuple[str, str, str], ...]) -> dict[tuple[str, str], float]:
    return {
        (key, option): min(BESIDE + text_width(label, TEXT), LONGEST) for key, option, label in boxes
    }  # fmt: skip


def _labels(edition: Edition) -> dict[tuple[str, str], float]:
    """How far the printed label of each box reaches to its right, in points."""
    boxes = []
    for one in edition.body.fields():
        if one.type in ("single", "multi"):
            boxes += [(one.key, option.value, option.label) for option in one.options]
        elif one.type == "check":
            boxes.append((one.key, "", one.label + (" *" if one.required else "")))
    return _labels_of(tuple(boxes))


def _spots(edition: Edition, pages: dict[int, DocumentPage]) -> dict[str, Seen]:
    """Where each field stands on its scanned page, with the labels of its boxes."""
    found: dict[str, Seen] = {}
    labels = _labels(edition)
    kinds = {one.key: one.type for one in edition.body.fields()}
    for number, page in pages.items():
        if not page.is_upright or not page.picture:
            continue
        (width, height), zones = edition.page(number)
        around: dict[str, list[float]] = {}
        for zone in zones:
            left, right = zone.x, zone.x + zone.w + labels.get((zone.key, zone.option), 0.0)
            if zone.type == "bubble_digits":
                left -= CAPTIONS
            box = around.setdefault(zone.key, [left, zone.y, right, zone.y + zone.h])
            box[0], box[1] = min(box[0], left), min(box[1], zone.y)
            box[2], box[3] = max(box[2], right), max(box[3], zone.y + zone.h)
        for key, (left, top, right, bottom) in around.items():
            above, below = EDGES.get(kinds.get(key, ""), (AIR / 2, AIR))
            left, top = max(left - AIR, 0), max(top - above, 0)
            right, bottom = min(right + AIR, width), min(bottom + below, height)
            found[key] = Seen(
                page.id, round(left / width, 5), round(top / height, 5), round((right - left) / width, 5),
                round((bottom - top) / height, 5),
            )  # fmt: skip
    return found
