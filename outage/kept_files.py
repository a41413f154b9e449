"""The file a scanned page lies in, as it is kept: its place there, and reading it once more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from data.blobs import BlobStore
from data.engine import database
from data.models import Document, DocumentPage
from data.session import ClinicSession
from forms.editions import Edition
from forms.reading.stack import FileNotRead, Known, PageRead, read_known
from outage.destroying import destroy, plan_to_destroy


@contextlib.contextmanager
def without_leftovers(kept: Kept | None) -> Iterator[None]:
    """The picture that a better one took the place of goes with it, so that destroying a page destroys all of it."""
    note = plan_to_destroy([kept.picture]) if kept is not None else None
    try:
        yield
    finally:
        if note is not None:
            destroy(note)


@dataclass(frozen=True)
class Kept:
    """The file a page lies in, as it is kept, and its place there."""

    document_id: str
    blob: str
    position: int
    picture: str


def kept_of(session: ClinicSession, page: DocumentPage) -> Kept:
    """Where a page lies in its kept file: pages before it that were destroyed are not in it any more."""
    document = session.scalars(select(Document).where(Document.id == page.document_id)).one()
    gone = session.scalar(
        select(func.count()).select_from(DocumentPage).where(
            DocumentPage.document_id == page.document_id, DocumentPage.state == "quarantined",
            DocumentPage.index < page.index,
        )
    )  # fmt: skip
    return Kept(document.id, document.blob, page.index - int(gone or 0), page.picture)


def read_again(kept: Kept, number: int, edition: Edition) -> PageRead | None:
    """The boxes of a page that a person named; None where it cannot be laid on its paper."""
    size, _ = edition.page(number)
    boxes = [(zone.x, zone.y) for zone in edition.boxes(number)]
    content = BlobStore(database().home).get(kept.blob)
    try:
        return read_known(content, kept.position, Known(f"{edition.number}.{number}", size, boxes))
    except FileNotRead:
        return None
