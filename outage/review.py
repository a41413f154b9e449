"""What the machine could not settle about scanned pages, and how a person settles it.

A page waits while its state is review, while it is foreign or a duplicate that nobody looked at, and while single
boxes of it are doubtful. Nothing that was read is overwritten: a person's answer stands beside the machine's, a page
that takes the place of another supersedes it, and a decision can be taken up again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from data.blobs import BlobStore
from data.engine import database
from data.errors import BadInput, NotFound, Refusal
from data.models import Document, DocumentPage, FormSheet, ScanFile, User
from data.session import ClinicSession
from data.types import clock, is_id
from forms.editions import Edition, edition_of, editions_of, identify
from forms.reading.stack import PageRead, without_pages
from forms.token import CodeRefused, is_slip, typed
from outage.destroying import destroy, plan_to_destroy
from outage.doubts import Doubt, NoSuchAnswer, doubt_of, places_on
from outage.kept_files import Kept, kept_of, read_again, without_leftovers
from outage.page_answers import (
    ALIKE,
    ANSWERS,
    Answer,
    Destroy,
    Found,
    NoCard,
    NothingToSettle,
    PutToSheet,
)
from outage.page_pictures import PAPER, clients_of
from outage.page_states import forget, leave_sheet, unbind, undecide
from outage.scan_lines import MORE_SENTENCES
from outage.sheets import AlreadyEntered, doubts_in, sheet_of, standing, versions_now, who_of
from records.access import NAME, RestrictedRecord, client_for
from security.actor import Actor
from security.rules import Work, act, earlier, look, remembered

ORDER = (
    "maybe_card", "unbound", "doubtful", "not_placed", "reopened", "code_unreadable", "codes_differ", "unknown",
    "refused", "spoiled", "no_code", "duplicate", "blank",
)  # fmt: skip


class AlreadySettled(Refusal):
    """{who} settled this page in the meantime. Go on with the next one."""


class CodeMistyped(BadInput):
    """This code does not fit any page printed here. Compare it character by character with the 25 under the square: 0
    and O, 1 and I, 5 and S, 8 and B look alike."""


class CodeOfSlip(BadInput):
    """This is the code of a card slip, which is never kept. Choose 'A card number is on it', so that the page is
    destroyed."""


@dataclass(frozen=True)
class ReviewRow:
    """One page that waits. ``index`` is its place in ``source``, from 0; ``who`` the patient and client of its sheet;
    ``closed`` says that their record is restricted to the reader, who sees nothing else of the page. Of a page that was
    scanned twice ``first_id`` is the scan that stands."""

    id: str
    source: str
    index: int
    state: str
    reason: str
    has_picture: bool
    is_upright: bool
    form: str = ""
    title: str = ""
    sheet_id: str = ""
    serial: int | None = None
    page: int | None = None
    of: int | None = None
    appointment_id: str | None = None
    who: str = ""
    closed: bool = False
    doubts: Sequence[Doubt] = field(default_factory=tuple)
    first_id: str = ""
    is_older: bool = False
    """Whether its sheet was printed as an earlier version of the form."""

    @property
    def sentence(self) -> str:
        """Why it waits, in words."""
        return MORE_SENTENCES.get(self.reason, "")


def waits() -> ColumnElement[bool]:
    """The condition under which a page waits for a person."""
    return and_(
        DocumentPage.superseded_by_id.is_(None),
        or_(
            DocumentPage.state == "review",
            and_(DocumentPage.state.in_(("foreign", "duplicate")), DocumentPage.settled_at.is_(None)),
            and_(DocumentPage.state == "attached", DocumentPage.reason == "doubtful"),
        ),
    )


def count_waiting(*, by: Actor) -> int:
    """How many pages wait. Raises NotPermitted."""
    with look(by, "outage.scan") as session:
        return session.scalar(select(func.count()).select_from(DocumentPage).where(waits())) or 0


@remembered("outage.scan")
def waiting(*, by: Actor) -> list[ReviewRow]:
    """The pages that a person has to settle: the same kind of question together, in the order of the stacks.
    Raises NotPermitted."""
    with look(by, "outage.scan") as session:
        statement = (
            select(DocumentPage, FormSheet)
            .outerjoin(
                FormSheet,
                (FormSheet.clinic_id == DocumentPage.clinic_id) & (FormSheet.id == DocumentPage.form_sheet_id),
            )
            .where(waits())
            .order_by(DocumentPage.id)
        )
        pages = [(page, sheet) for page, sheet in session.execute(statement)]
        rows = _rows(session, pages, by)
    return sorted(rows, key=_turn)


def _turn(row: ReviewRow) -> tuple[int, int, int]:
    """When a page's turn comes; the pages of a blank sheet one after the other."""
    place = ORDER.index(row.reason) if row.reason in ORDER else len(ORDER)
    return (place, row.serial or 0, row.page or 0) if row.reason == "unbound" else (place, 0, 0)


def settle(page_id: str, answer: Answer, *, by: Actor, key: str | None = None) -> None:
    """Settle a page that waits. What belongs to a sheet now and was not read as such is read again, in the child
    process.

    Raises AlreadySettled, CodeMistyped, CodeOfSlip, PageThere, SheetSpoiled, StillDoubtful, NoSuchAnswer,
    NothingToSettle, NotForOne, BoundToAnother, NotFound, RestrictedRecord, NotPermitted.
    """
    reading: tuple[FormSheet, int, Edition, PageRead | None] | None = None
    with look(by, "outage.scan") as session:
        if key and earlier(session, by, "outage.scan", key) is not None:
            return
        page = _page(session, page_id, by)
        _check_open(session, page)
        target = _target(session, answer) if isinstance(answer, PutToSheet) else None
        kept = kept_of(session, page) if target is not None or isinstance(answer, Destroy) else None
    if target is not None and kept is not None:
        reading = (*target, read_again(kept, target[1], target[2]))
    if isinstance(answer, Destroy):
        assert kept is not None
        _destroy(page_id, kept, by, key)
        return
    with without_leftovers(kept), act(by, "outage.scan", key=key) as work:
        if work.repeated:
            return
        page = _page(work.session, page_id, by)
        _check_open(work.session, page)
        before = page.state, page.reason
        found = ANSWERS[type(answer)](work, page, answer, reading)
        _settled(work, page, before, {"how": type(answer).__name__} | found)
        if isinstance(answer, NoCard) and page.state == "duplicate":
            page.settled_by_id = page.settled_at = None  # which scan stays is still to be said


def settle_alike(reason: str, *, by: Actor, key: str | None = None) -> int:
    """Settle every page that waits for the same plain reason at once: ``blank`` (nothing is on them) or ``duplicate``
    (the first scans stay). Those of records that are closed to the person stay. Returns how many.

    Raises NothingToSettle, NotPermitted.
    """
    with act(by, "outage.scan", key=key) as work:
        if work.repeated:
            return int(work.result)
        if reason not in ALIKE:
            raise NothingToSettle(problem="each of these pages has to be looked at by itself.")
        answer, count = ALIKE[reason], 0
        statement = select(DocumentPage).where(waits(), DocumentPage.reason == reason).order_by(DocumentPage.id)
        for page in work.session.scalars(statement).all():
            before = page.state, page.reason
            with contextlib.suppress(RestrictedRecord):
                _page(work.session, page.id, by)
                found = ANSWERS[type(answer)](work, page, answer, None)
                _settled(work, page, before, {"how": type(answer).__name__, "alike": True} | found)
                count += 1
        work.result = count
        return count


def reopen(page_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take a page up again that was put to the wrong place or put aside: it waits as if nothing was said of it. Boxes
    that were decided are doubtful again; a blank sheet that was bound is nobody's again, with all its pages.

    Raises NothingToSettle, AlreadyEntered, NotFound, RestrictedRecord, NotPermitted.
    """
    with act(by, "outage.scan", key=key) as work:
        if work.repeated:
            return
        session = work.session
        page = _page(session, page_id, by)
        if page.state == "quarantined" or page.superseded_by_id is not None:
            raise NothingToSettle(problem="it was destroyed, or another scan took its place.")
        if page.form_sheet_id is not None and sheet_of(session, page.form_sheet_id).state == "entered":
            raise AlreadyEntered(serial=sheet_of(session, page.form_sheet_id).serial)
        before, sheet_id, number = (page.state, page.reason), page.form_sheet_id, page.page
        if not (undecide(page) or unbind(session, page)):
            forget(session, page)
        page.settled_by_id = page.settled_at = None
        detail = {"from": list(before), "to": [page.state, page.reason], "sheet": sheet_id, "page": number}
        work.audit("page.reopened", "document_page", page.id, **detail)


def _settled(work: Work, page: DocumentPage, before: tuple[str, str], detail: Found) -> None:
    page.settled_by_id, page.settled_at = work.by.user_id, clock.now()
    told = {"from": list(before), "to": [page.state, page.reason], **detail}
    work.audit("page.settled", "document_page", page.id, **told)


def _page(session: ClinicSession, page_id: str, by: Actor) -> DocumentPage:
    """A page whose record, where it has one, is open to this person."""
    row = None
    if is_id(page_id):
        row = session.scalars(select(DocumentPage).where(DocumentPage.id == page_id)).one_or_none()
    if row is None:
        raise NotFound(what="scanned page", name="with this address")
    for client_id in clients_of(session, row):
        client_for(session, client_id, by)
    return row


def _check_open(session: ClinicSession, page: DocumentPage) -> None:
    statement = select(DocumentPage.id).where(DocumentPage.id == page.id, waits())
    if session.scalar(statement) is None:
        name = session.scalar(select(User.name).where(User.id == page.settled_by_id)) if page.settled_by_id else None
        raise AlreadySettled(who=name or "Somebody")


def _target(session: ClinicSession, answer: PutToSheet) -> tuple[FormSheet, int, Edition]:
    """The sheet and page that a person named."""
    if answer.code:
        text = typed(answer.code)
        if is_slip(text):
            raise CodeOfSlip()
        try:
            code, edition = identify(session, text)
        except CodeRefused:
            raise CodeMistyped() from None
        sheet = session.scalars(select(FormSheet).where(FormSheet.serial == code.serial)).one_or_none()
        if sheet is None or sheet.edition != edition.number or code.of != sheet.pages:
            raise CodeMistyped()
        return sheet, code.page, edition
    sheet = sheet_of(session, answer.sheet_id)
    if edition_of(session, sheet.edition).body.slip:
        raise CodeOfSlip()
    if not 1 <= answer.page <= sheet.pages:
        raise NoSuchAnswer(value=answer.page, field="which page of the sheet it is")
    return sheet, answer.page, edition_of(session, sheet.edition)


def _destroy(page_id: str, kept: Kept, by: Actor, key: str | None) -> None:
    """Cut a page out of what is kept. What is to be destroyed is noted first, so that it is gone whenever the rows say
    so, even if the process ends in between."""
    store = BlobStore(database().home)
    content = without_pages(store.get(kept.blob), [kept.position])
    blob = store.put(content)
    empty = store.put(b"")
    note = plan_to_destroy([kept.blob, kept.picture])
    with act(by, "outage.scan", key=key) as work:
        if work.repeated:
            return
        session = work.session
        page = _page(session, page_id, by)
        if page.state == "quarantined" or kept_of(session, page) != kept:
            raise AlreadySettled(who="Somebody")
        before = page.state, page.reason
        document = session.scalars(select(Document).where(Document.id == kept.document_id)).one()
        document.blob, document.size, document.sha256 = blob, len(content), hashlib.sha256(content).hexdigest()
        row = session.scalars(select(ScanFile).where(ScanFile.document_id == document.id).order_by(ScanFile.id)).first()
        if row is not None:
            row.destroyed += 1
        papers = select(Document).where(Document.kind == PAPER, Document.blob == page.picture)
        for paper in session.scalars(papers.execution_options(include_deleted=True)):
            paper.deleted_at = paper.deleted_at or clock.now()
            paper.blob, paper.size, paper.sha256 = empty, 0, hashlib.sha256(b"").hexdigest()
        leave_sheet(session, page)
        page.state, page.reason, page.kind, page.picture, page.fields = "quarantined", "card_number", "", "", {}
        page.form_sheet_id = page.page = page.appointment_id = None
        page.is_upright = False
        _settled(work, page, before, {"how": "Destroy", "file": document.id})
    destroy(note)


def _rows(session: ClinicSession, pages: Sequence[tuple[DocumentPage, FormSheet | None]], by: Actor) -> list[ReviewRow]:
    documents = {page.document_id for page, _ in pages}
    files: dict[str, str] = {}
    ids = sorted(documents)
    for start in range(0, len(ids), 500):
        columns = select(ScanFile.document_id, ScanFile.name)
        found = columns.where(ScanFile.document_id.in_(ids[start : start + 500])).order_by(ScanFile.id.desc())
        files |= {str(document): name for document, name in session.execute(found)}
    editions = editions_of(session, {sheet.edition for _, sheet in pages if sheet is not None})
    names = who_of(session, [s.appointment_id for _, s in pages if s is not None and s.appointment_id], by)
    newest_of = versions_now(session) if editions else {}
    twice = {sheet.id for page, sheet in pages if sheet is not None and page.state == "duplicate"}
    firsts = {
        (one.form_sheet_id, one.page): one.id
        for one in session.scalars(standing().where(DocumentPage.form_sheet_id.in_(twice)))
    } if twice else {}  # fmt: skip
    rows = []
    for page, sheet in pages:
        source = files.get(page.document_id, "scan")
        about: dict[str, Any] = {}
        if sheet is not None:
            form = editions[sheet.edition].body
            who = names.get(sheet.appointment_id or "", "")
            about = {
                "form": sheet.form, "title": form.title, "sheet_id": sheet.id, "serial": sheet.serial,
                "page": page.page, "of": sheet.pages, "appointment_id": sheet.appointment_id, "who": who,
                "closed": who == NAME, "is_older": sheet.form_version < newest_of.get(sheet.form, 0),
            }  # fmt: skip
            if page.state == "duplicate":
                about["first_id"] = firsts.get((sheet.id, page.page), "")
            if not about["closed"]:
                places = places_on(editions[sheet.edition], page.page or 1)
                about["doubts"] = [doubt_of(form, key, page.fields[key], places) for key in doubts_in(page)]
        rows.append(
            ReviewRow(
                page.id, source, page.index, page.state, page.reason, bool(page.picture), page.is_upright, **about
            )
        )
    return rows
