"""Scanned files come in: staged encrypted, then read page by page.

``receive`` keeps the bytes and their hash before anything is decoded; ``read_scan`` reads what is staged and writes all
pages of a file in one transaction, so that a process killed in between reads the file again and files every page
exactly once. A page with a slip's code is cut out and destroyed before anything of the file is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

from sqlalchemy import select

from data.blobs import BlobStore
from data.card_numbers import holds_card_number
from data.engine import database
from data.errors import BadInput, NotFound, Refusal
from data.models import ScanFile
from data.sealed import BlobDamaged
from data.session import ClinicSession, write
from data.types import clock, new_id
from forms.editions import Edition, identify
from forms.reading.decode import MOST_BYTES
from forms.reading.stack import SENTENCES, FileNotRead, Known, PageRead, read_stack, without_pages
from forms.token import CodeRefused, PageCode, is_slip
from outage.filing import DESTROYED, Told, file_pages
from outage.lease import LASTS, is_held, mark
from outage.scan_lines import PageLine, again, lines_of
from outage.staging import place_of, stage, staged_bytes
from security.actor import Actor
from security.rules import act, look

NOTE_EVERY = 1.5
"""Seconds between two notes of how far the reading is."""


class ScanEmpty(BadInput):
    """{name} is empty. Scan it again."""


class ScanTooLarge(BadInput):
    """{name} has more than 100 MB. Scan at 200 to 300 dpi in gray, or split it."""


class BeingRead(Refusal):
    """{name} is being read already. Its pages appear here as soon as that is done."""


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
    stage(staged, content)
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
            place_of(staged).unlink(missing_ok=True)


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
            told = [again(line, name) for line in lines_of(session, twin)]
            twin_id = twin.document_id
    if twin is not None:
        _settle(scan_id, by, "same_file", document_id=twin_id, pages=len(told))
        return told
    with _held(scan_id, by, name, reader or mark()) as noted:
        if noted is None:
            return read_scan(scan_id, by=by)
        try:
            pages = _read(staged_bytes(staged), by, processes, progress, noted)
        except FileNotRead as problem:
            _refuse(scan_id, problem.why, by)
            raise
        except BlobDamaged:
            _refuse(scan_id, "lost", by)
            raise FileNotRead(sentence=SENTENCES["lost"], why="lost") from None
        return _filed(scan_id, staged, pages, by)


def _filed(scan_id: str, staged: str, pages: list[PageRead], by: Actor) -> list[PageLine]:
    """Keep what is kept of a file and its pages, then write it all down at once."""
    content = staged_bytes(staged)
    slips = [page.index for page in pages if page.trouble in DESTROYED]
    kept = without_pages(content, slips) if slips else content
    store = BlobStore(database().home)
    pictures = {page.index: store.put(page.upright) for page in pages if page.upright and page.index not in slips}
    blob = store.put(kept)
    with act(by, "outage.scan") as work:
        row = _scan(work.session, scan_id)
        if row.state != "read":
            file_pages(work, row, pages, pictures, kept, blob, len(slips))
        lines = lines_of(work.session, row)
    place_of(staged).unlink(missing_ok=True)
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
    return Known(f"{edition.number}.{page}", size, boxes, Told(code, edition))


def _settle(scan_id: str, by: Actor, why: str, **found: Any) -> None:
    with act(by, "outage.scan") as work:
        row = _scan(work.session, scan_id)
        staged = row.staged
        row.state, row.problem = "read", why
        for name, value in found.items():
            setattr(row, name, value)
        work.audit("scan.same_file", "scan_file", row.id, reason=why)
    place_of(staged).unlink(missing_ok=True)


def _refuse(scan_id: str, why: str, by: Actor) -> None:
    """A file that cannot be read at all: it is forgotten, and why is kept."""
    with act(by, "outage.scan") as work:
        row = _scan(work.session, scan_id)
        staged = row.staged
        row.state, row.problem = "refused", why
        work.audit("scan.refused", "scan_file", row.id, reason=why)
    place_of(staged).unlink(missing_ok=True)


def _scan(session: ClinicSession, scan_id: str) -> ScanFile:
    row = session.scalars(select(ScanFile).where(ScanFile.id == scan_id)).one_or_none()
    if row is None:
        raise NotFound(what="scan", name=scan_id)
    return row
