"""Stored pictures that must be gone: noted on the disk before the rows change, removed once no row names them.

A process that ends in between leaves the note; whoever comes next (``finish``) does the rest.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from data.blobs import BlobStore
from data.engine import database
from data.models import Document, DocumentPage
from data.session import everywhere
from data.types import new_id

ENDING = ".destroy"


def plan_to_destroy(blobs: Sequence[str]) -> Path:
    """Note which stored files are to go; returns the note."""
    place = database().home.path / "scans"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    note = place / f"{new_id()}{ENDING}"
    descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(sorted({blob for blob in blobs if blob}), file)
        file.flush()
        os.fsync(file.fileno())
    return note


def destroy(note: Path) -> None:
    """Remove what a note names, as far as no row names it any more."""
    try:
        blobs = [str(blob) for blob in json.loads(note.read_text())]
    except (OSError, ValueError):
        return
    store = BlobStore(database().home)
    with everywhere() as session:  # equal files of two clinics are one
        left = []
        for blob in blobs:
            named = session.scalar(select(func.count()).select_from(Document).where(Document.blob == blob))
            shown = session.scalar(
                select(func.count()).select_from(DocumentPage).where(DocumentPage.picture == blob)
            )  # fmt: skip
            if not named and not shown:
                left.append(blob)
    for blob in left:
        with contextlib.suppress(FileNotFoundError):
            store.path(blob).unlink()
    note.unlink(missing_ok=True)


def finish() -> None:
    """Do what a process that ended left undone."""
    place = database().home.path / "scans"
    if place.is_dir():
        for note in sorted(place.glob(f"*{ENDING}")):
            destroy(note)
