"""What the machine could not settle about scanned pages, and how a person settles it.

A page waits while its state is review, while it is foreign or a duplicate that nobody looked at, and while single
boxes of it are doubtful. Nothing that was read is overwritten: a person's answer stands beside the machine's, a page
that takes the place of another supersedes it, and a decision can be taken up again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from data.blobs import BlobStore
from data.engine import database
from data.errors import BadInput, NotFound, Refusal
from data.models import BackEntry, Document, DocumentPage, FormSheet, PrintRun, ScanFile, User
from data.session import ClinicSession
from data.types import clock, is_id
from forms.definition import Cell, Form, FormField
from forms.editions import Edition, edition_of, editions_of, identify
from forms.reading.answers import answers
from forms.reading.stack import FileNotRead, Known, PageRead, read_known, without_pages
from forms.token import CodeRefused, is_slip, typed
from outage.destroying import destroy, plan_to_destroy
from outage.outages import bind_used
from outage.scanning import MORE_SENTENCES, PAPER, clients_of
from outage.sheets import AlreadyEntered as AlreadyEntered
from outage.sheets import bind as bind
from outage.sheets import bound, doubts_in, sheet_of, standing, visit_of, who_of
from outage.sheets import missing_pages as missing_pages
from outage.sheets import pages_of as pages_of
from outage.sheets import sheets_of_day as sheets_of_day
from outage.sheets import spoil as spoil
from outage.sheets import visits_of_day as visits_of_day
from records.access import NAME, RestrictedRecord, client_for
from security.actor import Actor
from security.rules import Work, act, earlier, look, remembered

KINDS = {
    "consent": "Signed consent", "letter": "Letter", "lab": "Lab report", "vaccines": "Vaccination record",
    "bill": "Bill or receipt", "id": "Identification", "other": "Other paper",
}  # fmt: skip
"""What a page that is none of our forms may be."""
ASIDE = {
    "blank": "Nothing is on it", "not_ours": "Not ours", "scan_again": "The paper is scanned again",
}  # fmt: skip
"""Why a page is put aside. It stays in the scan and is attached to nobody."""
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


class PageThere(BadInput):
    """Page {page} of sheet {serial} was scanned before. Choose 'Replace the earlier scan' to let this one take its
    place; the earlier one is kept as well."""


class SheetSpoiled(BadInput):
    """Sheet {serial} was marked as spoiled. Choose another sheet."""


class StillDoubtful(BadInput):
    """Choose an answer for: {fields}."""


class NoSuchAnswer(BadInput):
    """'{value}' is no answer to {field}."""


class NothingToSettle(BadInput):
    """This cannot be done with this page: {problem}"""


@dataclass(frozen=True)
class PutToSheet:
    """The page belongs to a sheet: told by the code printed under the square, typed by hand, or by the sheet and the
    number of the page. ``replace`` lets it take the place of an earlier scan."""

    code: str = ""
    sheet_id: str = ""
    page: int = 1
    replace: bool = False


@dataclass(frozen=True)
class BindTo:
    """The blank sheet of this page belongs to a visit."""

    appointment_id: str


@dataclass(frozen=True)
class Boxes:
    """What stands in the doubtful fields, by their keys: true or false for a check, an option, a list of options, the
    digits of a number as text, None where nothing was marked."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class KeepFirst:
    """The earlier scan of the page stays."""


@dataclass(frozen=True)
class TakeThis:
    """This page counts: instead of an earlier scan, though its sheet was spoiled, or though its boxes cannot be
    read."""


@dataclass(frozen=True)
class AttachAs:
    """The page is none of our forms; ``kind`` is a key of KINDS. It is put to a visit, or to a client."""

    kind: str
    appointment_id: str = ""
    client_id: str = ""


@dataclass(frozen=True)
class PutAside:
    """``why`` is a key of ASIDE."""

    why: str


@dataclass(frozen=True)
class Destroy:
    """A card number stands on the page: it is cut out of what is kept, and its pictures are destroyed."""


@dataclass(frozen=True)
class NoCard:
    """No card number stands on the page: it is kept, and waits only for what else is open about it."""


ALIKE: dict[str, PutAside | KeepFirst] = {"blank": PutAside("blank"), "duplicate": KeepFirst()}
"""Reasons whose pages may be settled together, and how."""

Answer = PutToSheet | BindTo | Boxes | KeepFirst | TakeThis | AttachAs | PutAside | NoCard | Destroy


@dataclass(frozen=True)
class Doubt:
    """One field whose boxes a person has to look at. ``options`` are values and labels; ``machine`` is what was read,
    ``why`` in a short name (unclear, canceled, stained, unseen, several, incomplete, range); ``place`` where the field
    stands on the upright picture: left, top, width and height as shares of the page."""

    key: str
    label: str
    kind: str
    options: Sequence[tuple[str, str]]
    machine: Any
    why: str
    unit: str = ""
    place: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


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
        kept = _kept(session, page) if target is not None or isinstance(answer, Destroy) else None
    if target is not None and kept is not None:
        reading = (*target, _read_again(kept, target[1], target[2]))
    if isinstance(answer, Destroy):
        assert kept is not None
        _destroy(page_id, kept, by, key)
        return
    with _without_leftovers(kept), act(by, "outage.scan", key=key) as work:
        if work.repeated:
            return
        page = _page(work.session, page_id, by)
        _check_open(work.session, page)
        before = page.state, page.reason
        found = _ANSWERS[type(answer)](work, page, answer, reading)
        _settled(work, page, before, {"how": type(answer).__name__} | found)
        if isinstance(answer, NoCard) and page.state == "duplicate":
            page.settled_by_id = page.settled_at = None  # which scan stays is still to be said


@contextlib.contextmanager
def _without_leftovers(kept: _Kept | None) -> Iterator[None]:
    """The picture that a better one took the place of goes with it, so that destroying a page destroys all of it."""
    note = plan_to_destroy([kept.picture]) if kept is not None else None
    try:
        yield
    finally:
        if note is not None:
            destroy(note)


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
                found = _ANSWERS[type(answer)](work, page, answer, None)
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
        if not (_undecided(page) or _unbound(session, page)):
            _forgotten(session, page)
        page.settled_by_id = page.settled_at = None
        detail = {"from": list(before), "to": [page.state, page.reason], "sheet": sheet_id, "page": number}
        work.audit("page.reopened", "document_page", page.id, **detail)


def _undecided(page: DocumentPage) -> bool:
    """Of a page with decided boxes these are doubtful again; a duplicate that was kept is one to decide about."""
    decided = {key: told for key, told in page.fields.items() if isinstance(told, dict) and told.get("machine")}
    if page.state == "duplicate":
        return True
    if page.state != "attached" or page.reason or not decided:
        return False
    again = {key: told["machine"] | {"state": "review"} for key, told in decided.items()}
    page.fields, page.reason = page.fields | again, "doubtful"
    return True


def _unbound(session: ClinicSession, page: DocumentPage) -> bool:
    """A blank sheet that was bound by hand."""
    sheet = sheet_of(session, page.form_sheet_id) if page.form_sheet_id is not None else None
    if sheet is None or sheet.appointment_id is None or page.state != "attached":
        return False
    purpose = session.scalar(select(PrintRun.purpose).where(PrintRun.id == sheet.print_run_id))
    if purpose != "blank" or edition_of(session, sheet.edition).body.subject != "appointment":
        return False
    sheet.appointment_id = None
    statement = standing().where(DocumentPage.form_sheet_id == sheet.id, DocumentPage.state == "attached")
    for one in session.scalars(statement):
        one.state, one.reason = "review", "unbound"
    return True


def _forgotten(session: ClinicSession, page: DocumentPage) -> None:
    """Nothing is known of it any more but where it lies."""
    _leaves(session, page)
    for paper in _papers(session, page):
        paper.deleted_at = clock.now()
    page.state, page.reason, page.kind, page.appointment_id = "review", "reopened", "", None
    page.form_sheet_id = page.page = None
    page.fields, page.is_upright = {}, False


def _leaves(session: ClinicSession, page: DocumentPage) -> None:
    """A page is none of its sheet's any more: the scan it had taken the place of stands again, and a sheet of which
    nothing came back and nothing was keyed is as it was printed."""
    for old in session.scalars(select(DocumentPage).where(DocumentPage.superseded_by_id == page.id)):
        old.superseded_by_id = None
    if page.form_sheet_id is None:
        return
    sheet = sheet_of(session, page.form_sheet_id)
    session.flush()
    came = standing().where(DocumentPage.form_sheet_id == sheet.id, DocumentPage.id != page.id)
    keyed = select(BackEntry.id).where(BackEntry.form_sheet_id == sheet.id)
    if sheet.state == "used" and session.scalars(came).first() is None and session.scalar(keyed) is None:
        sheet.state = "printed"


@dataclass(frozen=True)
class _Kept:
    """The file a page lies in, as it is kept, and its place there."""

    document_id: str
    blob: str
    position: int
    picture: str


Found = dict[str, Any]


def _put_to_sheet(work: Work, page: DocumentPage, answer: PutToSheet, reading: Any) -> Found:
    sheet = sheet_of(work.session, reading[0].id)
    _, number, edition, read = reading
    if sheet.state == "spoiled":
        raise SheetSpoiled(serial=sheet.serial)
    if sheet.appointment_id is not None:
        visit_of(work.session, sheet.appointment_id, work.by)
    _leaves(work.session, page)
    replaced = _taken_by(work.session, sheet.id, number, page)
    if replaced is not None and not answer.replace:
        raise PageThere(page=number, serial=sheet.serial)
    bind_used(work.session, [sheet])
    page.form_sheet_id, page.page, page.fields = sheet.id, number, {}
    if read is not None and not read.trouble:
        found = answers(edition.body, edition.page(number)[1], read.marks)
        page.fields = {key: answer.document() for key, answer in found.items()}
        page.picture, page.is_upright = BlobStore(database().home).put(read.upright), True
    if replaced is not None:
        replaced.superseded_by_id = page.id
    _attached(page, sheet, edition)
    return {"sheet": sheet.id, "page": number, "replaced": replaced.id if replaced is not None else None}


def _bind_to(work: Work, page: DocumentPage, answer: BindTo, _: Any) -> Found:
    if page.form_sheet_id is None or page.reason != "unbound":
        raise NothingToSettle(problem="it is no page of a blank sheet.")
    bound(work, sheet_of(work.session, page.form_sheet_id), answer.appointment_id)
    return {"appointment": answer.appointment_id}


def _boxes(work: Work, page: DocumentPage, answer: Boxes, _: Any) -> Found:
    if page.form_sheet_id is None or page.reason != "doubtful":
        raise NothingToSettle(problem="no box of it is doubtful.")
    sheet = sheet_of(work.session, page.form_sheet_id)
    form = edition_of(work.session, sheet.edition).body
    doubtful = doubts_in(page)
    left = [_asked(form, key)[0] for key in doubtful if key not in answer.values]
    if left:
        raise StillDoubtful(fields=", ".join(left))
    fields = dict(page.fields)
    for key in doubtful:
        told = fields[key]
        assert isinstance(told, dict)
        value = _checked(form, key, answer.values[key])
        machine = told.get("machine") or {name: told.get(name) for name in ("value", "confidence", "reason")}
        fields[key] = {"value": value, "confidence": 1.0, "state": "read", "by": "person", "machine": machine}
    page.fields, page.reason = fields, ""
    return {"fields": sorted(doubtful)}


def _keep_first(work: Work, page: DocumentPage, _answer: KeepFirst, _: Any) -> Found:
    sheet_id, number = page.form_sheet_id, page.page
    there = sheet_id and number and _taken_by(work.session, sheet_id, number, page)
    if page.state != "duplicate" or not there:
        raise NothingToSettle(problem="no earlier scan of it is known.")
    return {"sheet": page.form_sheet_id, "page": page.page}


def _take_this(work: Work, page: DocumentPage, _answer: TakeThis, _: Any) -> Found:
    if page.form_sheet_id is None or page.page is None:
        raise NothingToSettle(problem="say first which sheet it is.")
    session = work.session
    sheet = sheet_of(session, page.form_sheet_id)
    if sheet.state == "spoiled":
        sheet.state, sheet.reason = "used", ""
    replaced = _taken_by(session, sheet.id, page.page, page)
    if replaced is not None:
        replaced.superseded_by_id = page.id
    _attached(page, sheet, edition_of(session, sheet.edition))
    return {"sheet": sheet.id, "page": page.page, "replaced": replaced.id if replaced is not None else None}


def _no_card(work: Work, page: DocumentPage, _answer: NoCard, _: Any) -> Found:
    if page.reason != "maybe_card":
        raise NothingToSettle(problem="nothing on it was taken for a card number.")
    session = work.session
    told = {"sheet": page.form_sheet_id, "page": page.page}
    if page.form_sheet_id is None or page.page is None:
        page.reason = "no_code"
        return told
    sheet = sheet_of(session, page.form_sheet_id)
    if _taken_by(session, sheet.id, page.page, page) is not None:
        page.state, page.reason = "duplicate", "duplicate"
    elif sheet.state == "spoiled":
        page.reason = "spoiled"
    elif not page.is_upright:
        page.reason = "not_placed"
    else:
        _attached(page, sheet, edition_of(session, sheet.edition))
    return told


def _attach_as(work: Work, page: DocumentPage, answer: AttachAs, _: Any) -> Found:
    session = work.session
    if answer.kind not in KINDS:
        raise NoSuchAnswer(value=answer.kind, field="what this page is")
    if not page.picture:
        raise NothingToSettle(problem="it has no picture. Scan the paper again.")
    patient_id = None
    if answer.appointment_id:
        visit = visit_of(session, answer.appointment_id, work.by)
        client_id, patient_id = visit.client_id, visit.patient_id
        page.appointment_id = visit.id
    else:
        client_id = client_for(session, answer.client_id, work.by).id
    source = session.scalars(select(ScanFile.name).where(ScanFile.document_id == page.document_id)).first() or "scan"
    content = BlobStore(database().home).get(page.picture)
    paper = Document(
        title=f"{KINDS[answer.kind]}, page {page.index + 1} of {source}"[:200], kind=PAPER, media_type="image/jpeg",
        size=len(content), blob=page.picture, sha256=hashlib.sha256(content).hexdigest(), client_id=client_id,
        patient_id=patient_id, appointment_id=page.appointment_id, by_user_id=work.by.user_id, access="everyone",
    )  # fmt: skip
    session.add(paper)
    _leaves(session, page)
    page.form_sheet_id, page.page, page.fields = None, None, {}
    page.state, page.reason, page.kind = "attached", "", answer.kind
    return {"client": client_id, "appointment": page.appointment_id, "kind": answer.kind, "document": paper.id}


def _put_aside(work: Work, page: DocumentPage, answer: PutAside, _: Any) -> Found:
    if answer.why not in ASIDE:
        raise NoSuchAnswer(value=answer.why, field="why it is put aside")
    sheet_id, number = page.form_sheet_id, page.page
    _leaves(work.session, page)
    page.state, page.reason, page.kind, page.form_sheet_id, page.page = "foreign", answer.why, "aside", None, None
    return {"sheet": sheet_id, "page": number}


_ANSWERS: dict[type, Callable[[Work, DocumentPage, Any, Any], Found]] = {
    PutToSheet: _put_to_sheet, BindTo: _bind_to, Boxes: _boxes, KeepFirst: _keep_first, TakeThis: _take_this,
    AttachAs: _attach_as, PutAside: _put_aside, NoCard: _no_card,
}  # fmt: skip


def _settled(work: Work, page: DocumentPage, before: tuple[str, str], detail: Found) -> None:
    page.settled_by_id, page.settled_at = work.by.user_id, clock.now()
    told = {"from": list(before), "to": [page.state, page.reason], **detail}
    work.audit("page.settled", "document_page", page.id, **told)


def _attached(page: DocumentPage, sheet: FormSheet, edition: Edition) -> None:
    """A page of a sheet takes its place; blank stock still has to be bound."""
    if sheet.state in ("printed", "waived"):
        sheet.state = "used"
    page.kind, page.appointment_id = "", None
    if edition.body.subject == "appointment" and sheet.appointment_id is None:
        page.state, page.reason = "review", "unbound"
    else:
        page.state, page.reason = "attached", "doubtful" if doubts_in(page) else ""


def _taken_by(session: ClinicSession, sheet_id: str, number: int, page: DocumentPage) -> DocumentPage | None:
    """The page that stands where this one belongs."""
    statement = standing().where(
        DocumentPage.form_sheet_id == sheet_id, DocumentPage.page == number, DocumentPage.id != page.id
    )
    return session.scalars(statement.order_by(DocumentPage.id)).first()


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


def _kept(session: ClinicSession, page: DocumentPage) -> _Kept:
    document = session.scalars(select(Document).where(Document.id == page.document_id)).one()
    gone = session.scalar(
        select(func.count()).select_from(DocumentPage).where(
            DocumentPage.document_id == page.document_id, DocumentPage.state == "quarantined",
            DocumentPage.index < page.index,
        )
    )  # fmt: skip
    return _Kept(document.id, document.blob, page.index - int(gone or 0), page.picture)


def _read_again(kept: _Kept, number: int, edition: Edition) -> PageRead | None:
    """The boxes of a page that a person named; None where it cannot be laid on its paper."""
    size, _ = edition.page(number)
    boxes = [(zone.x, zone.y) for zone in edition.boxes(number)]
    content = BlobStore(database().home).get(kept.blob)
    try:
        return read_known(content, kept.position, Known(f"{edition.number}.{number}", size, boxes))
    except FileNotRead:
        return None


def _destroy(page_id: str, kept: _Kept, by: Actor, key: str | None) -> None:
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
        if page.state == "quarantined" or _kept(session, page) != kept:
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
        _leaves(session, page)
        page.state, page.reason, page.kind, page.picture, page.fields = "quarantined", "card_number", "", "", {}
        page.form_sheet_id = page.page = page.appointment_id = None
        page.is_upright = False
        _settled(work, page, before, {"how": "Destroy", "file": document.id})
    destroy(note)


def _papers(session: ClinicSession, page: DocumentPage) -> list[Document]:
    """The documents that a page was put to clients as."""
    if not page.picture or not page.kind:
        return []
    return list(session.scalars(select(Document).where(Document.kind == PAPER, Document.blob == page.picture)))


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
                "closed": who == NAME,
            }  # fmt: skip
            if page.state == "duplicate":
                about["first_id"] = firsts.get((sheet.id, page.page), "")
            if not about["closed"]:
                places = _places(editions[sheet.edition], page.page or 1)
                about["doubts"] = [_doubt(form, key, page.fields[key], places) for key in doubts_in(page)]
        rows.append(
            ReviewRow(
                page.id, source, page.index, page.state, page.reason, bool(page.picture), page.is_upright, **about
            )
        )
    return rows


def _asked(form: Form, key: str) -> tuple[str, FormField | Cell | None]:
    """What a field asks, in words, and the field; of a repeating line the line and the column."""
    asked = form.field(key)
    if asked is not None:
        return asked.label or key, asked
    grid, _, rest = key.partition(".")
    line, _, column = rest.partition(".")
    lines = form.field(grid)
    cell = next((one for one in lines.cells if one.key == column), None) if lines is not None else None
    return (f"{cell.label}, line {line}" if cell is not None else key), cell


Places = dict[str, tuple[float, float, float, float]]


def _places(edition: Edition, number: int) -> Places:
    """Where each boxed field stands on a page, as shares of it."""
    (width, height), _ = edition.page(number)
    around: Places = {}
    for zone in edition.boxes(number):
        left, top, right, bottom = around.get(zone.key, (zone.x, zone.y, zone.x, zone.y))
        around[zone.key] = (
            min(left, zone.x), min(top, zone.y), max(right, zone.x + zone.w), max(bottom, zone.y + zone.h)
        )  # fmt: skip
    return {
        key: (left / width, top / height, (right - left) / width, (bottom - top) / height)
        for key, (left, top, right, bottom) in around.items()
    }


def _doubt(form: Form, key: str, told: Any, places: Places) -> Doubt:
    label, asked = _asked(form, key)
    kind = asked.type if asked is not None else "text"
    options = [(one.value, one.label) for one in asked.options] if asked is not None else []
    if kind == "check":
        options = [("yes", "Marked"), ("no", "Not marked")]
    unit = asked.unit if asked is not None else ""
    return Doubt(key, label, kind, tuple(options), told.get("value"), str(told.get("reason", "")), unit, places[key])


def _checked(form: Form, key: str, value: Any) -> Any:
    """A person's answer, if it can be one. Raises NoSuchAnswer."""
    label, asked = _asked(form, key)
    if asked is None:
        raise NoSuchAnswer(value=value, field=label)
    known = {one.value for one in asked.options}
    fits = (
        isinstance(value, bool) if asked.type == "check"
        else isinstance(value, list | tuple) and all(one in known for one in map(str, value)) if asked.type == "multi"
        else value is None or (isinstance(value, str) and value in known) if asked.type == "single"
        else value is None or _is_number(asked, value)
    )  # fmt: skip
    if not fits:
        raise NoSuchAnswer(value=value, field=label)
    if asked.type == "multi":
        return [one.value for one in asked.options if one.value in value]
    return value


def _is_number(asked: FormField | Cell, value: Any) -> bool:
    """Whether a text is a number of this field's shape, within its range."""
    if not isinstance(value, str) or not value.isascii():
        return False
    whole, point, rest = value.partition(".")
    if not whole.isdigit() or len(whole) > asked.digits - asked.decimals or (bool(point) != bool(asked.decimals)):
        return False
    if point and (len(rest) != asked.decimals or not rest.isdigit()):
        return False
    least, most = getattr(asked, "least", None), getattr(asked, "most", None)
    return not ((least is not None and float(value) < least) or (most is not None and float(value) > most))
