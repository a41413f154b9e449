"""Printed sheets after printing: whose blank stock is, which were spoiled, which pages of a set are missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, select

from data.errors import BadInput, NotFound
from data.models import Appointment, Client, Definition, Document, DocumentPage, FormSheet, Patient
from data.session import ClinicSession
from data.types import clock, is_id
from forms.editions import edition_of, editions_of
from outage.outages import bind_used
from outage.page_pictures import PAPER
from outage.scan_lines import MORE_SENTENCES
from records.access import NAME, Closed, visit_for
from records.checks import check_texts, require
from security.actor import Actor
from security.rules import Work, act, look, remembered

LEFT_OUT = ("spoiled", "waived")


class NotForOne(BadInput):
    """{title} is not a form for one visit, so it is nobody's sheet."""


class BoundToAnother(BadInput):
    """Sheet {serial} was printed for another visit. Take the page up again on the Review page if it belongs here."""


class AlreadyEntered(BadInput):
    """Sheet {serial} was entered already. What was entered is changed in the record itself."""


class PagesScanned(BadInput):
    """Pages of sheet {serial} were scanned, so it is no spoiled sheet. Put these pages aside first."""


@dataclass(frozen=True)
class SheetPage:
    """One page of a sheet: nothing was scanned where ``page_id`` is empty."""

    number: int
    page_id: str = ""
    state: str = ""
    reason: str = ""

    @property
    def sentence(self) -> str:
        """What a person has to settle; nothing where all is well."""
        return MORE_SENTENCES.get(self.reason, "")


@dataclass(frozen=True)
class SheetPages:
    """A printed sheet with its pages; ``who`` is its patient and client, as far as the reader may know. ``is_older``:
    it was printed as an earlier version of its form."""

    id: str
    serial: int
    form: str
    title: str
    state: str
    appointment_id: str | None
    who: str
    pages: Sequence[SheetPage]
    is_older: bool = False

    @property
    def of(self) -> int:
        """How many pages it has."""
        return len(self.pages)

    @property
    def missing(self) -> list[int]:
        """The pages that were not scanned."""
        return [page.number for page in self.pages if not page.page_id]


@dataclass(frozen=True)
class OtherPage:
    """A page that is none of our forms, put to a visit by hand; ``document_id`` opens it."""

    page_id: str
    kind: str
    title: str
    document_id: str


@dataclass(frozen=True)
class VisitPages:
    """All paper of one visit."""

    sheets: Sequence[SheetPages]
    others: Sequence[OtherPage]

    @property
    def missing(self) -> int:
        """Pages of sheets that were begun, or of a used visit, that are not there."""
        return sum(len(sheet.missing) for sheet in self.sheets)


def bind(sheet_id: str, appointment_id: str, *, by: Actor, key: str | None = None) -> None:
    """Say whose a blank sheet is; its pages that waited for that are attached.

    Raises NotForOne, BoundToAnother, AlreadyEntered, NotFound, RestrictedRecord, NotPermitted.
    """
    with act(by, "outage.scan", key=key) as work:
        if work.repeated:
            return
        bound(work, sheet_of(work.session, sheet_id), appointment_id)


def bound(work: Work, sheet: FormSheet, appointment_id: str) -> None:
    """``bind`` within a rule."""
    session = work.session
    visit = visit_of(session, appointment_id, work.by)
    if sheet.state == "entered" and sheet.appointment_id != visit.id:
        raise AlreadyEntered(serial=sheet.serial)
    if sheet.appointment_id not in (None, visit.id):
        raise BoundToAnother(serial=sheet.serial)
    edition = edition_of(session, sheet.edition)
    if edition.body.subject not in ("appointment", "nothing") or edition.body.slip:
        raise NotForOne(title=edition.body.title)
    before, sheet.appointment_id = sheet.appointment_id, visit.id
    bind_used(session, [sheet])
    statement = standing().where(DocumentPage.form_sheet_id == sheet.id, DocumentPage.reason == "unbound")
    pages = list(session.scalars(statement))
    for page in pages:
        page.state, page.reason = "attached", "doubtful" if doubts_in(page) else ""
        if not page.reason:
            page.settled_by_id, page.settled_at = work.by.user_id, clock.now()
    detail = {"appointment": visit.id, "from": before, "pages": [page.id for page in pages]}
    work.audit("sheet.bound", "form_sheet", sheet.id, serial=sheet.serial, **detail)


def spoil(sheet_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Mark a sheet as spoiled: torn, misprinted, thrown away. It no longer counts as stock nor as missing.

    Raises Missing, TooLong, PagesScanned, AlreadyEntered, NotFound, RestrictedRecord, NotPermitted.
    """
    require("The reason", reason)
    check_texts({"The reason": (reason, 200)})
    with act(by, "outage.scan", key=key) as work:
        if work.repeated:
            return
        session = work.session
        sheet = sheet_of(session, sheet_id)
        if sheet.appointment_id is not None:
            visit_of(session, sheet.appointment_id, by)
        if sheet.state == "entered":
            raise AlreadyEntered(serial=sheet.serial)
        if session.scalars(standing().where(DocumentPage.form_sheet_id == sheet.id)).first() is not None:
            raise PagesScanned(serial=sheet.serial)
        before, sheet.state, sheet.reason = sheet.state, "spoiled", reason.strip()
        work.audit("sheet.spoiled", "form_sheet", sheet.id, serial=sheet.serial, reason=sheet.reason, before=before)


@remembered("outage.scan")
def missing_pages(*, by: Actor, outage_id: str | None = None) -> list[SheetPages]:
    """The sheets of which some pages were scanned and others not, oldest serial first; of one outage, or of all.
    Raises NotPermitted."""
    with look(by, "outage.scan") as session:
        begun = select(DocumentPage.form_sheet_id).where(
            DocumentPage.form_sheet_id.is_not(None), DocumentPage.superseded_by_id.is_(None),
            DocumentPage.state.in_(("attached", "review")),
        )  # fmt: skip
        wanted: list[ColumnElement[bool]] = [FormSheet.id.in_(begun), FormSheet.state.not_in(LEFT_OUT)]
        wanted.append(FormSheet.pages > 1)
        if outage_id is not None:
            wanted.append(FormSheet.outage_id == outage_id)
        return [sheet for sheet in sheets_where(session, wanted, by) if sheet.missing]


def pages_of(appointment_id: str, *, by: Actor) -> VisitPages:
    """The paper of one visit: its sheets with the pages scanned and missing, and what else was put to it.
    Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "outage.scan") as session:
        visit = visit_of(session, appointment_id, by)
        sheets = sheets_where(
            session, [FormSheet.appointment_id == visit.id, FormSheet.state.not_in(LEFT_OUT)], by
        )  # fmt: skip
        # a sheet that was printed again and not used is no gap
        used = {sheet.form for sheet in sheets if any(page.page_id for page in sheet.pages)}
        sheets = [one for one in sheets if any(page.page_id for page in one.pages) or one.form not in used]
        statement = (
            standing()
            .where(DocumentPage.appointment_id == visit.id, DocumentPage.form_sheet_id.is_(None))
            .order_by(DocumentPage.id)
        )
        loose = list(session.scalars(statement))
        papers = select(Document).where(Document.kind == PAPER, Document.appointment_id == visit.id)
        by_blob = {paper.blob: paper for paper in session.scalars(papers)}
        others = [
            OtherPage(page.id, page.kind, by_blob[page.picture].title, by_blob[page.picture].id)
            for page in loose
            if page.picture in by_blob
        ]
        return VisitPages(sheets, others)


@remembered("outage.scan")
def sheets_of_day(day: date, *, by: Actor) -> list[SheetPages]:
    """The sheets a page may be: those of a day's visits and bottles, and blank stock that is out; first those with
    pages missing. Raises NotPermitted."""
    with look(by, "outage.scan") as session:
        visits = session.scalars(select(Appointment.id).where(Appointment.day == day)).all()
        mine = [FormSheet.appointment_id.in_(visits), FormSheet.state.not_in(LEFT_OUT)]
        free = [FormSheet.appointment_id.is_(None), FormSheet.state.in_(("printed", "used"))]
        found = sheets_where(session, mine, by)
        found += [one for one in sheets_where(session, free, by, newest=400) if one.pages]
        return sorted(found, key=lambda one: (not one.missing, one.appointment_id is None, one.serial))


@dataclass(frozen=True)
class VisitChoice:
    """A visit that a page may belong to. ``starts_at`` is an instant."""

    id: str
    number: int
    starts_at: datetime
    who: str


@remembered("outage.scan")
def visits_of_day(day: date, *, by: Actor) -> list[VisitChoice]:
    """The visits of a day by time, without those whose record is closed to the reader. Raises NotPermitted."""
    with look(by, "outage.scan") as session:
        statement = select(Appointment).where(Appointment.day == day, Appointment.stage != "cancelled")
        visits = list(session.scalars(statement.order_by(Appointment.starts_at, Appointment.number)))
        names = who_of(session, [visit.id for visit in visits], by)
        return [
            VisitChoice(visit.id, visit.number, visit.starts_at, names[visit.id])
            for visit in visits
            if names[visit.id] != NAME
        ]


def sheets_where(
    session: ClinicSession, conditions: Collection[ColumnElement[bool]], by: Actor, *, newest: int = 0
) -> list[SheetPages]:
    """Sheets with their pages, within a rule. Slips are left out: nothing of them is ever scanned."""
    statement = select(FormSheet).where(*conditions).order_by(FormSheet.serial)
    if newest:
        statement = select(FormSheet).where(*conditions).order_by(FormSheet.serial.desc()).limit(newest)
    sheets = sorted(session.scalars(statement), key=lambda one: one.serial)
    editions = editions_of(session, {sheet.edition for sheet in sheets})
    sheets = [one for one in sheets if one.edition in editions and not editions[one.edition].body.slip]
    there: dict[tuple[str, int], DocumentPage] = {}
    ids = [sheet.id for sheet in sheets]
    for start in range(0, len(ids), 500):
        for page in session.scalars(standing().where(DocumentPage.form_sheet_id.in_(ids[start : start + 500]))):
            there[str(page.form_sheet_id), int(page.page or 0)] = page
    newest_of = versions_now(session) if sheets else {}
    names = who_of(session, [sheet.appointment_id for sheet in sheets if sheet.appointment_id], by)
    found = []
    for sheet in sheets:
        pages = []
        for number in range(1, sheet.pages + 1):
            page_there = there.get((sheet.id, number))
            pages.append(
                SheetPage(number, page_there.id, page_there.state, page_there.reason)
                if page_there is not None
                else SheetPage(number)
            )
        title = editions[sheet.edition].body.title
        who = names.get(sheet.appointment_id or "", "")
        older = sheet.form_version < newest_of.get(sheet.form, 0)
        found.append(
            SheetPages(sheet.id, sheet.serial, sheet.form, title, sheet.state, sheet.appointment_id, who, pages, older)
        )
    return found


def versions_now(session: ClinicSession) -> dict[str, int]:
    """The number of the current version of each form of the clinic."""
    statement = select(Definition.slug, Definition.number).where(Definition.kind == "form")
    return dict(session.execute(statement).tuples().all())


def who_of(session: ClinicSession, appointment_ids: Collection[str], by: Actor) -> dict[str, str]:
    """Patient and client of visits, as far as the reader may know, by the visit's id."""
    closed = Closed(session, by)
    wanted, found = sorted(set(appointment_ids)), {}
    for start in range(0, len(wanted), 500):
        statement = (
            select(Appointment.id, Patient.name, Client.id, Client.first_name, Client.last_name, Client.restricted)
            .join(Client, (Client.clinic_id == Appointment.clinic_id) & (Client.id == Appointment.client_id))
            .outerjoin(Patient, (Patient.clinic_id == Appointment.clinic_id) & (Patient.id == Appointment.patient_id))
            .where(Appointment.id.in_(wanted[start : start + 500]))
        )
        for visit_id, patient, client_id, first, last, restricted in session.execute(statement):
            name = f"{first} {last}".strip()
            hidden = closed.hides(client_id, restricted)
            found[visit_id] = NAME if hidden else f"{patient} ({name})" if patient and patient != name else name
    return found


def standing() -> Select[DocumentPage]:
    """Pages that count: put to a sheet or waiting, and not superseded."""
    return select(DocumentPage).where(
        DocumentPage.superseded_by_id.is_(None), DocumentPage.state.in_(("attached", "review"))
    )


def doubts_in(page: DocumentPage) -> list[str]:
    """The fields of a page that a person has to look at, by their keys."""
    return [key for key, found in page.fields.items() if isinstance(found, dict) and found.get("state") == "review"]


def sheet_of(session: ClinicSession, sheet_id: str) -> FormSheet:
    """A sheet by its id; raises NotFound."""
    row = session.scalars(select(FormSheet).where(FormSheet.id == sheet_id)).one_or_none() if is_id(sheet_id) else None
    if row is None:
        raise NotFound(what="printed sheet", name="with this address")
    return row


def sheet_of_serial(session: ClinicSession, serial: int) -> FormSheet:
    """A sheet by the number printed on it; raises NotFound."""
    row = session.scalars(select(FormSheet).where(FormSheet.serial == serial)).one_or_none()
    if row is None:
        raise NotFound(what="printed sheet", name=serial)
    return row


def visit_of(session: ClinicSession, appointment_id: str, by: Actor) -> Appointment:
    """A visit whose record is open to this person; raises NotFound, RestrictedRecord."""
    row = None
    if is_id(appointment_id):
        row = session.scalars(select(Appointment).where(Appointment.id == appointment_id)).one_or_none()
    if row is None:
        raise NotFound(what="appointment", name="with this address")
    return visit_for(session, row, by)
