"""Scanned files come in: staged encrypted, read page by page, each page put to its sheet and its appointment.

``receive`` keeps the bytes and their hash before anything is decoded; ``read_waiting`` reads what is staged and writes
all pages of a file in one transaction, so that a process killed in between reads the file again and files every page
exactly once. A page with a slip's code is cut out and destroyed before anything of the file is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from sqlalchemy import select

from data.blobs import BlobStore
from data.card_numbers import holds_card_number
from data.engine import database
from data.errors import BadInput, NotFound, Refusal
from data.models import Appointment, Definition, Document, DocumentPage, FormSheet, ScanFile
from data.sealed import BlobDamaged, seal, unseal
from data.session import ClinicSession, write
from data.types import clock, is_id, new_id
from forms.editions import Edition, edition_of, identify
from forms.placed import Zone
from forms.reading.answers import answers
from forms.reading.decode import MOST_BYTES
from forms.reading.stack import SENTENCES, FileNotRead, Known, PageRead, read_stack, without_pages
from forms.token import CodeRefused, PageCode, is_slip
from outage.lease import LASTS, is_held, mark
from outage.outages import bind_used
from records.access import client_for
from security.actor import Actor
from security.rules import Work, act, look
from security.viewing import note_view

MEDIA = {b"%PDF": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png"}
MORE_SENTENCES = SENTENCES | {
    "unbound": "This sheet is blank stock: choose whose it is.",
    "doubtful": "Some boxes need a look.",
    "duplicate": "This page was scanned before; the first scan stays.",
    "spoiled": "This sheet was marked as spoiled.",
    "reopened": "This page was taken up again: say what it is.",
    "same_file": "This very file was scanned before. Nothing was filed again.",
}
PAPER = "paper"
"""The kind of a document that is one page of a stack, put to a client by hand."""
DESTROYED = ("slip", "card_number")
"""Pages that are cut out and destroyed before anything of a file is kept."""
NOTE_EVERY = 1.5
"""Seconds between two notes of how far the reading is."""


class ScanEmpty(BadInput):
    """{name} is empty. Scan it again."""


class ScanTooLarge(BadInput):
    """{name} has more than 100 MB. Scan at 200 to 300 dpi in gray, or split it."""


class BeingRead(Refusal):
    """{name} is being read already. Its pages appear here as soon as that is done."""


@dataclass(frozen=True)
class PageLine:
    """One page as the scan tells it. ``sentence`` says what a person has to settle."""

    id: str
    source: str
    index: int
    state: str
    reason: str
    form: str = ""
    version: int | None = None
    page: int | None = None
    of: int | None = None
    serial: int | None = None
    appointment: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    newest: int | None = None
    """The version of its form that is printed now."""
    scale: float | None = None
    """How large it was printed; none where the scan does not tell."""

    @property
    def sentence(self) -> str:
        """What is wrong with it, in words."""
        return MORE_SENTENCES.get(self.reason, "")

    @property
    def note(self) -> str:
        """What is worth knowing of a page that needs nobody."""
        said = [scale_note(self.scale)]
        if self.version is not None and self.newest and self.version != self.newest:
            said.append(
                f"Printed as version {self.version}; version {self.newest} is printed now. It is read as it was "
                "printed."
            )
        return " ".join(filter(None, said))

    def document(self) -> dict[str, Any]:
        """As ``ballast scan --json`` tells it."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "id"}
        return told | {"version": self.version, "sentence": self.sentence, "note": self.note}


OFF_SCALE = 0.03
"""How far from actual size a page may be printed before the printer's settings are worth a word."""


def scale_note(scale: float | None) -> str:
    """A calm word about a page that was not printed at actual size: it was read by its markers all the same."""
    if scale is None or abs(scale - 1) <= OFF_SCALE:
        return ""
    return f"Printed at {scale:.0%}, and read all the same. Set the printer to actual size (100 %) for the next print."


@dataclass(frozen=True)
class _Told:
    """What a code turned out to be while reading."""

    code: PageCode
    edition: Edition


def receive(name: str, content: bytes, *, by: Actor, key: str | None = None, reader: str = "") -> str:
    """Take in a scanned file: keep it, encrypted and apart from every backup, until its pages are read. Returns the id
    of the scan. ``reader`` is who reads it at once, so that nobody else begins. Raises ScanEmpty, ScanTooLarge,
    NotPermitted."""
    shown = PurePath(name.replace("\\", "/")).name[:200] or "scan"
    if holds_card_number(shown):
        shown = f"scan{PurePath(shown).suffix[:10]}"
        shown = "scan" if holds_card_number(shown) else shown
    if not content:
        raise ScanEmpty(name=shown)
    if len(content) > MOST_BYTES:
        raise ScanTooLarge(name=shown)
    with look(by, "outage.scan"):
        pass
    staged = new_id()
    _stage(staged, content)
    kept = False
    try:
        with act(by, "outage.scan", key=key) as work:
            if work.repeated:
                return str(work.result)
            digest = hashlib.sha256(content).hexdigest()
            row = ScanFile(name=shown, size=len(content), sha256=digest, staged=staged, by_user_id=by.user_id)
            if reader:
                row.reader, row.reading_until = reader, clock.now() + LASTS
            work.session.add(row)
            work.audit("scan.received", "scan_file", row.id, size=len(content), sha256=digest)
            work.result = row.id
        kept = True
        return row.id
    finally:
        if not kept:
            _place(staged).unlink(missing_ok=True)


def waiting(*, by: Actor) -> list[str]:
    """The scans whose pages are not read yet, oldest first. Raises NotPermitted."""
    with look(by, "outage.scan") as session:
        return list(session.scalars(select(ScanFile.id).where(ScanFile.state == "waiting").order_by(ScanFile.id)))


def read_scan(
    scan_id: str,
    *,
    by: Actor,
    processes: int = 2,
    progress: Callable[[int], None] | None = None,
    reader: str = "",
) -> list[PageLine]:
    """Read the pages of a scan and put each where it belongs; a scan that was read before answers as it stands.

    ``progress`` is told after each page how many are read. One reader at a time: whoever reads holds a lease that ends
    with the process (``reader``, where it was taken when the file came in). Raises FileNotRead, BeingRead, NotFound,
    NotPermitted.
    """
    with look(by, "outage.scan") as session:
        row = _scan(session, scan_id)
        if row.state == "read":
            return lines_of(session, row)
        if row.state == "refused":
            raise FileNotRead(sentence=SENTENCES[row.problem], why=row.problem)
        name, staged, digest = row.name, row.staged, row.sha256
        twin = session.scalars(
            select(ScanFile).where(ScanFile.sha256 == digest, ScanFile.state == "read", ScanFile.id != scan_id)
        ).first()
        if twin is not None:
            told = [_again(line, name) for line in lines_of(session, twin)]
            twin_id = twin.document_id
    if twin is not None:
        _settle(scan_id, by, "same_file", document_id=twin_id, pages=len(told))
        return told
    with _held(scan_id, by, name, reader or mark()) as noted:
        if noted is None:
            return read_scan(scan_id, by=by)
        try:
            pages = _read(_staged(staged), by, processes, progress, noted)
        except FileNotRead as problem:
            _refuse(scan_id, problem.why, by)
            raise
        except BlobDamaged:
            _refuse(scan_id, "lost", by)
            raise FileNotRead(sentence=SENTENCES["lost"], why="lost") from None
        return _filed(scan_id, staged, pages, by)


def _filed(scan_id: str, staged: str, pages: list[PageRead], by: Actor) -> list[PageLine]:
    """Keep what is kept of a file and its pages, then write it all down at once."""
    content = _staged(staged)
    slips = [page.index for page in pages if page.trouble in DESTROYED]
    kept = without_pages(content, slips) if slips else content
    store = BlobStore(database().home)
    pictures = {page.index: store.put(page.upright) for page in pages if page.upright and page.index not in slips}
    blob = store.put(kept)
    with act(by, "outage.scan") as work:
        row = _scan(work.session, scan_id)
        if row.state != "read":
            _write(work, row, pages, pictures, kept, blob, len(slips))
        lines = lines_of(work.session, row)
    _place(staged).unlink(missing_ok=True)
    return lines


@contextlib.contextmanager
def _held(scan_id: str, by: Actor, name: str, me: str) -> Iterator[Callable[[int, int], None] | None]:
    """Be the one who reads a scan; gives what notes how far it is: pages read, pages in all; None where somebody has
    read it in the meantime. Raises BeingRead.

    What goes wrong without a word for it is tried again when the lease is over, not at once.
    """
    with write(by.clinic_id) as session:
        session.head()
        row = _scan(session, scan_id)
        if row.reader != me and is_held(row.reader, row.reading_until):
            raise BeingRead(name=name)
        is_over = row.state != "waiting"
        if not is_over:
            row.reader, row.reading_until, row.pages_read = me, clock.now() + LASTS, 0
    if is_over:
        yield None
        return
    noted_at = 0.0

    def noted(read: int, pages: int) -> None:
        nonlocal noted_at
        if time.monotonic() - noted_at < NOTE_EVERY:
            return
        noted_at = time.monotonic()
        with write(by.clinic_id) as session:
            session.head()
            row = _scan(session, scan_id)
            if row.reader == me and row.state == "waiting":
                row.pages_read, row.pages, row.reading_until = read, pages, clock.now() + LASTS

    try:
        yield noted
    except BaseException as problem:
        if isinstance(problem, FileNotRead) or not isinstance(problem, Exception):
            _let_go(scan_id, by, me)
        raise


def _let_go(scan_id: str, by: Actor, me: str) -> None:
    with write(by.clinic_id) as session:
        session.head()
        row = _scan(session, scan_id)
        if row.reader == me:
            row.reader, row.reading_until = "", None


def scan_file(name: str, content: bytes, *, by: Actor, processes: int = 2) -> list[PageLine]:
    """Take in a file and read it. Raises what ``receive`` and ``read_scan`` raise."""
    me = mark()
    return read_scan(receive(name, content, by=by, reader=me), by=by, processes=processes, reader=me)


def page_picture(page_id: str, *, by: Actor) -> bytes:
    """The upright picture of a page as JPEG, audited. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "outage.scan") as session:
        page, _, _ = _seen(session, page_id, by)
        blob = page.picture
    note_view(by, "document_page", page_id)
    return BlobStore(database().home).get(blob)


def field_pictures(page_id: str, *, by: Actor) -> dict[str, bytes]:
    """What stands in each field of a page, cut out of its picture as PNG, by the field's key (``grid.line.column`` in
    repeating lines); nothing where the page could not be laid on its paper. Raises NotFound, RestrictedRecord,
    NotPermitted."""
    from forms.reading.page import crops

    with look(by, "outage.scan") as session:
        page, sheet, zones = _seen(session, page_id, by)
        blob, upright = page.picture, page.is_upright
    if sheet is None or not upright:
        return {}
    around: dict[str, tuple[float, float, float, float]] = {}
    for zone in zones:
        left, top, right, bottom = around.get(zone.key, (zone.x, zone.y, zone.x + zone.w, zone.y + zone.h))
        around[zone.key] = (
            min(left, zone.x), min(top, zone.y), max(right, zone.x + zone.w), max(bottom, zone.y + zone.h)
        )  # fmt: skip
    places = {key: (left, top, right - left, bottom - top) for key, (left, top, right, bottom) in around.items()}
    return crops(BlobStore(database().home).get(blob), places)


def _seen(session: ClinicSession, page_id: str, by: Actor) -> tuple[DocumentPage, FormSheet | None, list[Zone]]:
    """A page that this person may see, with its sheet and zones."""
    page = (
        session.scalars(select(DocumentPage).where(DocumentPage.id == page_id)).one_or_none()
        if is_id(page_id)
        else None
    )
    if page is None or not page.picture:
        raise NotFound(what="scanned page", name="with this address")
    for client_id in clients_of(session, page):
        client_for(session, client_id, by)
    if page.form_sheet_id is None:
        return page, None, []
    sheet = session.scalars(select(FormSheet).where(FormSheet.id == page.form_sheet_id)).one()
    return page, sheet, edition_of(session, sheet.edition).page(page.page or 1)[1]


def clients_of(session: ClinicSession, page: DocumentPage) -> list[str]:
    """Whose record a page belongs to: through its sheet, or where a person put it."""
    visits = [page.appointment_id] if page.appointment_id else []
    if page.form_sheet_id is not None:
        bound = session.scalar(select(FormSheet.appointment_id).where(FormSheet.id == page.form_sheet_id))
        visits += [bound] if bound else []
    found = list(session.scalars(select(Appointment.client_id).where(Appointment.id.in_(visits)))) if visits else []
    if page.kind and page.picture:
        statement = select(Document.client_id).where(
            Document.kind == PAPER, Document.blob == page.picture, Document.client_id.is_not(None)
        )
        kept = statement.execution_options(include_deleted=True)  # taken off the record, it stays that client's page
        found += [str(one) for one in session.scalars(kept)]
    return found


def lines_of(session: ClinicSession, row: ScanFile) -> list[PageLine]:
    """The pages of a scan as they stand, within a rule."""
    statement = (
        select(DocumentPage, FormSheet)
        .outerjoin(
            FormSheet, (FormSheet.clinic_id == DocumentPage.clinic_id) & (FormSheet.id == DocumentPage.form_sheet_id)
        )
        .where(DocumentPage.document_id == row.document_id)
        .order_by(DocumentPage.index)
    )
    newest: dict[str, int] = {slug: number for slug, number in session.execute(
        select(Definition.slug, Definition.number).where(Definition.kind == "form"))}  # fmt: skip
    return [_line(page, sheet, row.name, newest) for page, sheet in session.execute(statement)]


def _line(page: DocumentPage, sheet: FormSheet | None, source: str, newest: Mapping[str, int]) -> PageLine:
    found: dict[str, Any] = {"id": page.id, "source": source, "index": page.index, "state": page.state}
    found["reason"], found["scale"] = page.reason, page.scale
    if sheet is not None:
        found |= {
            "form": sheet.form, "version": sheet.form_version, "page": page.page, "of": sheet.pages,
            "serial": sheet.serial, "appointment": sheet.appointment_id, "fields": dict(page.fields),
            "newest": newest.get(sheet.form),
        }  # fmt: skip
    return PageLine(**found)


def _again(line: PageLine, source: str) -> PageLine:
    """A page of a file that was read before; what was destroyed then was never kept of this one either."""
    if line.state == "quarantined":
        return replace(line, source=source)
    return replace(line, source=source, state="duplicate", reason="duplicate")


def _read(
    content: bytes, by: Actor, processes: int, progress: Callable[[int], None] | None, noted: Callable[[int, int], None]
) -> list[PageRead]:
    found: list[PageRead] = []
    counts: list[int] = []
    known: dict[tuple[str, ...], Known | str] = {}

    def told(texts: Sequence[str]) -> Known | str:
        asked = tuple(texts)
        if asked not in known:
            known[asked] = _identified(asked, by)
        return known[asked]

    for page in read_stack(content, told, processes=processes, counted=counts.append):
        found.append(page)
        noted(len(found), counts[0] if counts else 0)
        if progress is not None:
            progress(len(found))
    return sorted(found, key=lambda page: page.index)


def _identified(texts: Sequence[str], by: Actor) -> Known | str:
    if any(is_slip(text) for text in texts):
        return "slip"
    codes: dict[PageCode, Edition] = {}
    with look(by, "outage.scan") as session:
        for text in texts:
            with contextlib.suppress(CodeRefused):
                code, edition = identify(session, text)
                codes[code] = edition
    if not codes:
        return "refused"
    if len(codes) > 1:
        return "codes_differ"
    ((code, edition),) = codes.items()
    size, _ = edition.page(code.page)
    page = 1 if edition.repeats else code.page
    boxes = [(zone.x, zone.y) for zone in edition.boxes(code.page)]
    return Known(f"{edition.number}.{page}", size, boxes, _Told(code, edition))


def _write(
    work: Work, row: ScanFile, pages: list[PageRead], pictures: dict[int, str], kept: bytes, blob: str, slips: int
) -> None:
    """All pages of a file, the document that is kept of it, and what became of the sheets, at once."""
    session = work.session
    document = Document(
        title=row.name, kind="scan", media_type=_media(kept), size=len(kept), blob=blob,
        by_user_id=row.by_user_id or work.by.user_id,
        sha256=hashlib.sha256(kept).hexdigest(), access="everyone",
    )  # fmt: skip
    session.add(document)
    session.flush()
    sheets = _sheets(session, pages)
    taken = _taken(session, sheets)
    counts: dict[str, int] = {}
    for page in pages:
        one = _page(page, document.id, pictures.get(page.index, ""), sheets)
        if one.state in ("attached", "review") and one.form_sheet_id is not None:
            _against_earlier(one, taken)
        if page.maybe_card and one.state != "quarantined":
            one.state, one.reason = "review", "maybe_card"
        session.add(one)
        counts[one.state] = counts.get(one.state, 0) + 1
    bind_used(session, sheets.values())
    for sheet in sheets.values():
        if sheet.state in ("printed", "waived"):
            sheet.state = "used"
    row.state, row.document_id, row.pages, row.destroyed = "read", document.id, len(pages), slips
    row.pages_read, row.reader, row.reading_until = len(pages), "", None
    if slips:
        work.audit("scan.slips_destroyed", "scan_file", row.id, pages=slips)
    session.flush()
    told = [[page.id, page.state] for page in session.scalars(
        select(DocumentPage).where(DocumentPage.document_id == document.id).order_by(DocumentPage.index))]  # fmt: skip
    work.audit("scan.read", "scan_file", row.id, document=document.id, counts=counts, pages=told)


def _page(page: PageRead, document_id: str, picture: str, sheets: dict[int, FormSheet]) -> DocumentPage:
    """What is written of one page before it is held against earlier scans."""
    one = DocumentPage(
        document_id=document_id, index=page.index, state="review", reason=page.trouble, picture=picture,
        is_upright=page.is_upright, scale=page.scale,
    )  # fmt: skip
    if page.trouble in DESTROYED:
        one.state, one.picture = "quarantined", ""
        return one
    if page.trouble == "no_code":
        one.state = "foreign"
    if page.known is None:
        return one
    told: _Told = page.known
    sheet = sheets.get(told.code.serial)
    if sheet is None or sheet.edition != told.edition.number or told.code.of != sheet.pages:
        one.reason = "unknown"
        return one
    one.form_sheet_id, one.page = sheet.id, told.code.page
    if page.trouble:
        return one
    _, zones = told.edition.page(told.code.page)
    found = answers(told.edition.body, zones, page.marks)
    one.fields = {key: answer.document() for key, answer in found.items()}
    if sheet.state == "spoiled":
        one.reason = "spoiled"
    elif told.edition.body.subject == "appointment" and sheet.appointment_id is None:
        one.reason = "unbound"
    else:
        one.state = "attached"
        one.reason = "doubtful" if any(answer.state == "review" for answer in found.values()) else ""
    return one


def _against_earlier(one: DocumentPage, taken: dict[tuple[str, int], DocumentPage]) -> None:
    """A page of a sheet is filed once. A better scan takes the place of one that could not be read; nothing is
    overwritten."""
    assert one.form_sheet_id is not None and one.page is not None
    place = one.form_sheet_id, one.page
    earlier = taken.get(place)
    if earlier is None:
        taken[place] = one
    elif one.state == "attached" and earlier.reason in ("not_placed", "memory", "time", "damaged"):
        earlier.superseded_by_id = one.id
        taken[place] = one
    else:
        one.state, one.reason = "duplicate", "duplicate"


def _sheets(session: ClinicSession, pages: Sequence[PageRead]) -> dict[int, FormSheet]:
    serials = {page.known.code.serial for page in pages if page.known is not None}
    return {sheet.serial: sheet for sheet in session.scalars(select(FormSheet).where(FormSheet.serial.in_(serials)))}


def _taken(session: ClinicSession, sheets: dict[int, FormSheet]) -> dict[tuple[str, int], DocumentPage]:
    """The pages of these sheets that stand."""
    statement = select(DocumentPage).where(
        DocumentPage.form_sheet_id.in_([sheet.id for sheet in sheets.values()]),
        DocumentPage.superseded_by_id.is_(None), DocumentPage.state.in_(("attached", "review")),
    )  # fmt: skip
    return {(str(page.form_sheet_id), int(page.page or 0)): page for page in session.scalars(statement)}


def _settle(scan_id: str, by: Actor, why: str, **found: Any) -> None:
    with act(by, "outage.scan") as work:
        row = _scan(work.session, scan_id)
        staged = row.staged
        row.state, row.problem = "read", why
        for name, value in found.items():
            setattr(row, name, value)
        work.audit("scan.same_file", "scan_file", row.id, reason=why)
    _place(staged).unlink(missing_ok=True)


def _refuse(scan_id: str, why: str, by: Actor) -> None:
    """A file that cannot be read at all: it is forgotten, and why is kept."""
    with act(by, "outage.scan") as work:
        row = _scan(work.session, scan_id)
        staged = row.staged
        row.state, row.problem = "refused", why
        work.audit("scan.refused", "scan_file", row.id, reason=why)
    _place(staged).unlink(missing_ok=True)


def _scan(session: ClinicSession, scan_id: str) -> ScanFile:
    row = session.scalars(select(ScanFile).where(ScanFile.id == scan_id)).one_or_none()
    if row is None:
        raise NotFound(what="scan", name=scan_id)
    return row


def _media(content: bytes) -> str:
    return next((kind for start, kind in MEDIA.items() if content.startswith(start)), "image/tiff")


def _place(staged: str) -> Path:
    return database().home.path / "scans" / staged


def _stage(staged: str, content: bytes) -> None:
    """Encrypted and on the disk before anything is decoded."""
    target = _place(staged)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(seal(content, database().home.key("blob")))
        file.flush()
        os.fsync(file.fileno())


def _staged(staged: str) -> bytes:
    try:
        return unseal(_place(staged).read_bytes(), database().home.key("blob"), staged)
    except FileNotFoundError:
        raise BlobDamaged(name=staged) from None
