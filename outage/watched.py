"""The watched folder: a scanner puts its files there, the worker takes them in.

``BALLAST_SCAN_FOLDER`` names it; each clinic has a folder of its own name inside, and where there is only one clinic
the folder itself counts as well. A file is taken when its size stands still. It is marked with the id of its scan,
deleted once its pages are stored, and put into ``refused`` beside a note where it cannot be read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import re
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import select

from data.errors import Refusal
from data.models import ScanFile
from data.session import read
from data.types import is_id
from forms.reading.decode import MOST_BYTES
from forms.reading.stack import SENTENCES
from outage.scanning import receive
from security.actor import Actor

log = logging.getLogger("ballast.scans")
VARIABLE = "BALLAST_SCAN_FOLDER"
ENDINGS = frozenset((".pdf", ".tif", ".tiff", ".jpg", ".jpeg", ".png", ".heic", ".heif"))
STILL = 3.0
"""Seconds a file's size and time must not have changed before it is taken."""
_MARKED = re.compile(r"\.ballast-([0-9a-f-]{36})-(.+)", re.DOTALL)


def folder() -> Path | None:
    """The watched folder, if there is one."""
    named = os.environ.get(VARIABLE, "").strip()
    return Path(named).expanduser() if named else None


class Watched:
    """What was seen in the folders of one process."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, int, float]] = {}

    def look(self, clinic_id: str, slug: str, *, alone: bool) -> int:
        """Take in what stands still, tidy away what was read; returns how many files were taken in."""
        base = folder()
        if base is None or not base.is_dir():
            return 0
        own = base / slug
        with contextlib.suppress(OSError):
            own.mkdir(exist_ok=True)
        taken = 0
        for place in [own, *([base] if alone else [])]:
            try:
                names = sorted(path.name for path in place.iterdir())
            except OSError:
                continue
            self._forget(place, names)
            for name in names:
                if marked := _MARKED.fullmatch(name):
                    _tidy(clinic_id, place / name, marked[1], marked[2])
                elif not name.startswith((".", "~")) and Path(name).suffix.lower() in ENDINGS:
                    taken += self._consider(clinic_id, place / name)
        return taken

    def _forget(self, place: Path, names: Iterable[str]) -> None:
        there = set(names)
        for path in [path for path in self._seen if path.parent == place and path.name not in there]:
            del self._seen[path]

    def _consider(self, clinic_id: str, path: Path) -> int:
        try:
            about = path.lstat()
        except OSError:
            return 0
        if not stat.S_ISREG(about.st_mode):
            return 0
        before = self._seen.get(path)
        now = time.monotonic()
        if before is None or before[:2] != (about.st_size, about.st_mtime_ns):
            self._seen[path] = about.st_size, about.st_mtime_ns, now
            return 0
        if now - before[2] < STILL or about.st_size == 0:
            return 0
        self._seen.pop(path, None)
        try:
            if about.st_size > MOST_BYTES:
                _put_by(path, path.name, SENTENCES["bytes"])
                return 0
            return _take(clinic_id, path)
        except Refusal as refusal:
            _put_by(path, path.name, refusal.message)
        except OSError as problem:
            log.error("a file of the watched folder cannot be taken in: %s", problem.strerror)
        return 0


def _take(clinic_id: str, path: Path) -> int:
    """Take a file in, then mark it with its scan. A process that ends in between takes it in again: the same scan where
    it still waits, else a scan of the same file, of which nothing is filed twice."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            return 0
        raise
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    with read(clinic_id) as session:
        same = select(ScanFile.id).where(
            ScanFile.sha256 == hashlib.sha256(content).hexdigest(), ScanFile.state == "waiting",
            ScanFile.by_user_id.is_(None),
        )  # fmt: skip
        scan_id = session.scalars(same).first()
    scan_id = scan_id or receive(path.name, content, by=Actor.worker(clinic_id))
    path.rename(path.with_name(f".ballast-{scan_id}-{path.name}"))
    return 1


def _tidy(clinic_id: str, path: Path, scan_id: str, name: str) -> None:
    """Delete a file whose pages are stored; put one by that was refused."""
    if not is_id(scan_id):
        return
    with read(clinic_id) as session:
        row = session.scalars(select(ScanFile).where(ScanFile.id == scan_id)).one_or_none()
    if row is None or row.state == "waiting":
        return
    if row.state == "read":
        path.unlink(missing_ok=True)
    else:
        _put_by(path, name, SENTENCES.get(row.problem, ""))


def _put_by(path: Path, name: str, sentence: str) -> None:
    """Into ``refused``, with a note that says why; never over another file."""
    with contextlib.suppress(OSError):
        place = path.parent / "refused"
        place.mkdir(exist_ok=True)
        target, number = place / name, 1
        while target.exists():
            number += 1
            target = place / f"{Path(name).stem} ({number}){Path(name).suffix}"
        path.rename(target)
        target.with_name(target.name + ".txt").write_text(sentence + "\n", encoding="utf-8")
