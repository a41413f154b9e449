"""Reading what waits, in the background: in the app as soon as files are dropped, in the worker what is left.

``scans`` tells how far each file is and what became of its pages.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, or_, select

from data.errors import NotFound, Refusal
from data.models import DocumentPage, FormSheet, ScanFile, User
from data.session import ClinicSession, read
from data.types import is_id
from forms.editions import editions_of
from forms.reading.stack import FileNotRead
from outage import destroying
from outage.lease import is_held
from outage.page_answers import ASIDE, KINDS
from outage.review import waits
from outage.scan_lines import MORE_SENTENCES, OFF_SCALE, scale_note
from outage.scanning import BeingRead, read_scan
from outage.sheets import who_of
from security.actor import Actor
from security.rules import look

log = logging.getLogger("ballast.scans")


@dataclass(frozen=True)
class ScanRow:
    """One scanned file. ``state`` is waiting, reading, read or refused; ``attached``, ``to_review``, ``destroyed`` and
    ``aside`` (duplicates and what was put aside) sum up to its pages once it is read."""

    id: str
    name: str
    size: int
    at: datetime
    who: str
    state: str
    reason: str
    pages: int
    pages_read: int
    attached: int = 0
    to_review: int = 0
    destroyed: int = 0
    aside: int = 0
    scale: float | None = None
    """How large its pages were printed, where that is far from actual size."""

    @property
    def note(self) -> str:
        """A word about the printer's settings, where its pages were not printed at actual size."""
        return scale_note(self.scale)

    @property
    def sentence(self) -> str:
        """Why it was refused, or that it was scanned before."""
        return MORE_SENTENCES.get(self.reason, "")

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is left to read."""
        return self.state in ("read", "refused")


def scans(*, by: Actor, newest: int = 30) -> list[ScanRow]:
    """The scanned files, newest first. Raises NotPermitted."""
    with look(by, "outage.scan") as session:
        statement = (
            select(ScanFile, User.name)
            .outerjoin(User, (User.clinic_id == ScanFile.clinic_id) & (User.id == ScanFile.by_user_id))
            .order_by(ScanFile.id.desc())
            .limit(newest)
        )
        found = session.execute(statement).all()
        counts = _counts(session, [row.document_id for row, _ in found if row.document_id and row.state == "read"])
        scales = _scales(session, [row.document_id for row, _ in found if row.document_id])
        return [
            replace(_row(row, name, counts.get(row.document_id or "", {})), scale=scales.get(row.document_id or ""))
            for row, name in found
        ]


def _scales(session: ClinicSession, documents: Sequence[str]) -> dict[str, float]:
    """How large the pages of a document were printed that were not printed at actual size, on average."""
    off = or_(DocumentPage.scale < 1 - OFF_SCALE, DocumentPage.scale > 1 + OFF_SCALE)
    statement = select(DocumentPage.document_id, func.avg(DocumentPage.scale)).where(
        DocumentPage.document_id.in_(documents), off
    )
    return {document: float(scale) for document, scale in session.execute(statement.group_by(DocumentPage.document_id))}


@dataclass(frozen=True)
class ScannedPage:
    """One page of a scan; ``sheet`` is its serial and number in words, ``outcome`` what became of it. ``is_settled``
    says that it can be taken up again."""

    id: str
    has_picture: bool
    is_settled: bool
    index: int
    title: str
    sheet: str
    who: str
    outcome: str


def pages_of_scan(scan_id: str, *, by: Actor) -> list[ScannedPage]:
    """What became of each page of a scan. Raises NotFound, NotPermitted."""
    with look(by, "outage.scan") as session:
        row = session.scalars(select(ScanFile).where(ScanFile.id == scan_id)).one_or_none() if is_id(scan_id) else None
        if row is None:
            raise NotFound(what="scan", name="with this address")
        if row.document_id is None:
            return []
        statement = (
            select(DocumentPage, FormSheet)
            .outerjoin(
                FormSheet,
                (FormSheet.clinic_id == DocumentPage.clinic_id) & (FormSheet.id == DocumentPage.form_sheet_id),
            )
            .where(DocumentPage.document_id == row.document_id)
            .order_by(DocumentPage.index)
        )
        found = [(page, sheet) for page, sheet in session.execute(statement)]
        visits = [sheet.appointment_id if sheet else page.appointment_id for page, sheet in found]
        names = who_of(session, [visit for visit in visits if visit], by)
        editions = editions_of(session, {sheet.edition for _, sheet in found if sheet is not None})
    return [
        ScannedPage(
            page.id, bool(page.picture), _is_settled(page), page.index,
            editions[sheet.edition].body.title if sheet else KINDS.get(page.kind, ""),
            f"{sheet.serial}, page {page.page} of {sheet.pages}" if sheet else "", names.get(visit or "", ""),
            _became(page),
        )
        for (page, sheet), visit in zip(found, visits, strict=True)
    ]  # fmt: skip


def _is_settled(page: DocumentPage) -> bool:
    if page.superseded_by_id is not None or page.state == "quarantined":
        return False
    return (page.state == "attached" and not page.reason) or page.settled_at is not None


def _became(page: DocumentPage) -> str:
    if page.superseded_by_id is not None:
        return "A later scan took its place"
    if page.state == "attached" and not page.reason:
        return "Attached"
    if page.state in ("foreign", "duplicate") and page.settled_at is not None:
        return f"Put aside: {ASIDE.get(page.reason, 'scanned before')}".lower().capitalize()
    told = MORE_SENTENCES.get(page.reason, "")
    return told if page.state == "quarantined" else f"To review: {told}"


def readable(clinic_id: str) -> list[str]:
    """The scans that nobody reads now, oldest first."""
    with read(clinic_id) as session:
        statement = select(ScanFile).where(ScanFile.state == "waiting").order_by(ScanFile.id)
        return [row.id for row in session.scalars(statement) if not is_held(row.reader, row.reading_until)]


def read_waiting(clinic_id: str, stop: Callable[[], bool] = lambda: False) -> int:
    """Read what nobody reads now, each file once; returns how many. What fails without a word for it is tried again
    later, and never stops the others."""
    destroying.finish()
    done = 0
    for scan_id in readable(clinic_id):
        if stop():
            break
        try:
            read_scan(scan_id, by=Actor.worker(clinic_id))
        except (FileNotRead, BeingRead):
            pass
        except Refusal as refusal:
            log.error("scan %s: %s", scan_id, refusal.message)
        except Exception as failure:
            log.error("scan %s failed: %s", scan_id, type(failure).__name__)
        done += 1
    return done


_guard = threading.Lock()
_threads: dict[str, threading.Thread] = {}


def begin(clinic_id: str) -> None:
    """Read what waits in a thread of this process, unless one is at it."""
    with _guard:
        thread = _threads.get(clinic_id)
        if thread is not None and thread.is_alive():
            return
        _threads[clinic_id] = thread = threading.Thread(
            target=_drain, args=(clinic_id,), name="reading scans", daemon=True
        )
        thread.start()


def settle_down(clinic_id: str, seconds: float = 60) -> None:
    """Wait until the thread of this process has read what waited."""
    thread = _threads.get(clinic_id)
    if thread is not None:
        thread.join(seconds)


def _drain(clinic_id: str) -> None:
    while True:
        try:
            read_waiting(clinic_id)
        except Exception as failure:
            log.error("scans could not be looked at: %s", type(failure).__name__)
            return
        with _guard:
            if not readable(clinic_id):
                _threads.pop(clinic_id, None)
                return


def _counts(session: ClinicSession, documents: Iterable[str]) -> dict[str, dict[str, int]]:
    kind = case((waits(), "to_review"), (DocumentPage.state == "attached", "attached"),
                (DocumentPage.state == "quarantined", "destroyed"), else_="aside")  # fmt: skip
    statement = (
        select(DocumentPage.document_id, kind, func.count())
        .where(DocumentPage.document_id.in_(list(documents)))
        .group_by(DocumentPage.document_id, kind)
    )
    found: dict[str, dict[str, int]] = {}
    for document, name, count in session.execute(statement):
        found.setdefault(str(document), {})[name] = count
    return found


def _row(row: ScanFile, who: str | None, counts: dict[str, int]) -> ScanRow:
    reading = row.state == "waiting" and is_held(row.reader, row.reading_until)
    more: dict[str, Any] = {} if row.problem == "same_file" else dict(counts)
    return ScanRow(
        row.id, row.name, row.size, row.entered_at, who or "On the server", "reading" if reading else row.state,
        row.problem, row.pages, row.pages_read, **more,
    )  # fmt: skip
