"""Backups as people use them: make one now, see how the last went, copy it off site, drop the old ones."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from data import backup
from data.engine import database
from data.errors import EnvironmentFailure
from data.models import BackupRun
from data.types import clock
from security.actor import Actor
from security.clinics import clinics
from security.profile import profile
from security.rules import act, look

KEEP = 14
LATE = timedelta(hours=30)


class OffSiteUnreachable(EnvironmentFailure):
    """The backup was made here, but could not be copied to {place}: {problem}. Check the place under Settings >
    Clinic."""


@dataclass(frozen=True)
class BackupState:
    """What the banner and the page show."""

    last_good: datetime | None
    size: int
    off_site: str
    off_site_good: datetime | None
    problems: list[str]


def make_backup(*, by: Actor, folder: Path | None = None) -> backup.Made:
    """Write a full backup into the home's folder (or another), copy it off site where a place is set, and keep the
    last fourteen. The clinic goes on meanwhile. It holds every clinic of the home, so each gets its record of it, and
    its copy. Raises NotPermitted, OffSiteUnreachable.
    """
    with look(by, "data.backup"):
        pass
    home, began = database().home, clock.now()
    place = folder or home.backups
    made = backup.create(database(), place)
    theirs = [by, *(Actor.worker(one.id, by.job_id) for one in clinics() if one.id != by.clinic_id)]
    for actor in theirs:
        _record(actor, "full", str(place), made, began)
    if folder is None:
        _drop_old(home.backups)
        unreachable = [failure for actor in theirs if (failure := _off_site(made, actor, began))]
        if unreachable:
            raise unreachable[0]
    return made


def _off_site(made: backup.Made, by: Actor, began: datetime) -> OffSiteUnreachable | None:
    """Copy a backup to the place the actor's clinic has set; returns what kept it from that."""
    with look(by, "data.backup") as session:
        place = profile(session).off_site_backup
    try:
        if place:
            _copy_off_site(made, Path(place), by, began)
    except OffSiteUnreachable as failure:
        return failure
    return None


def state(*, by: Actor) -> BackupState:
    """How the clinic's backups stand, in words for the banner. Raises NotPermitted."""
    with look(by, "data.backup") as session:
        runs = session.scalars(select(BackupRun).where(BackupRun.kind.in_(("full", "off-site")))).all()
        off_site = profile(session).off_site_backup
    good = [run for run in runs if run.state == "good"]
    full = max((run for run in good if run.kind == "full"), key=lambda run: run.began_at, default=None)
    away = max((run.began_at for run in good if run.kind == "off-site"), default=None)
    problems = []
    if full is None:
        problems.append("No backup has been made yet.")
    elif clock.now() - full.began_at > LATE:
        problems.append(f"The last good backup is {(clock.now() - full.began_at).days} days old.")
    if not off_site:
        problems.append("Backups stay on this computer only. Set an off-site place under Settings > Clinic profile.")
    elif not Path(off_site).is_dir():
        problems.append(f"The off-site place {off_site} is not there. Mount it, or set another under Settings > Clinic "
                        "profile.")  # fmt: skip
    elif away is None or clock.now() - away > LATE:
        problems.append("The off-site copy is missing or late.")
    return BackupState(full.began_at if full else None, full.size if full else 0, off_site, away, problems)


def list_backups(*, by: Actor) -> list[BackupRun]:
    """Every backup, check and restore, newest first. Raises NotPermitted."""
    with look(by, "data.backup") as session:
        return list(session.scalars(select(BackupRun).order_by(BackupRun.began_at.desc()).limit(200)))


@dataclass(frozen=True)
class KeptFile:
    """A backup that lies in the home's own folder."""

    path: Path
    size: int
    made_at: datetime


def kept_files(*, by: Actor) -> list[KeptFile]:
    """The backups kept on this computer, newest first; a file that is none is left out. Raises NotPermitted."""
    with look(by, "data.backup"):
        pass
    found = []
    for file in sorted(database().home.backups.glob(f"*{backup.SUFFIX}"), reverse=True):
        with contextlib.suppress(backup.NotABackup, FileNotFoundError):
            found.append(KeptFile(file, file.stat().st_size, backup.read_head(file).created))
    return found


def check_backup(file: Path, *, by: Actor) -> dict[str, int]:
    """Open a backup and check everything in it; returns the row counts. Raises NotABackup, BackupDamaged."""
    with look(by, "data.backup"):
        pass
    began = clock.now()
    counts = backup.verify(database().home, file)
    with act(by, "data.backup") as work:
        work.session.add(
            BackupRun(
                kind="drill", place=str(file.parent), file_name=file.name, size=file.stat().st_size, state="good",
                began_at=began, ended_at=clock.now(),
            )
        )  # fmt: skip
        work.audit("backup.checked", "backup", file.name, tables=len(counts), rows=sum(counts.values()))
    return counts


def _record(by: Actor, kind: str, place: str, made: backup.Made, began: datetime) -> None:
    with act(by, "data.backup") as work:
        work.session.add(
            BackupRun(
                kind=kind, place=place, file_name=made.file.name, size=made.size, sha256=made.sha256, state="good",
                began_at=began, ended_at=clock.now(),
            )
        )  # fmt: skip
        work.audit(f"backup.{'copied' if kind == 'off-site' else 'made'}", "backup", made.file.name, size=made.size)


def _copy_off_site(made: backup.Made, place: Path, by: Actor, began: datetime) -> None:
    try:
        if not place.is_dir():
            raise FileNotFoundError(2, "there is no such folder", str(place))
        beside = place / f".{made.file.name}.part"
        shutil.copyfile(made.file, beside)
        beside.replace(place / made.file.name)
    except OSError as failure:
        with act(by, "data.backup") as work:
            work.session.add(
                BackupRun(kind="off-site", place=str(place), file_name=made.file.name, state="failed",
                          detail=str(failure.strerror), began_at=began, ended_at=clock.now())
            )  # fmt: skip
            work.audit("backup.copy_failed", "backup", made.file.name)
        raise OffSiteUnreachable(place=place, problem=failure.strerror) from None
    _record(by, "off-site", str(place), made, began)


def _drop_old(folder: Path) -> None:
    files = sorted(folder.glob(f"*{backup.SUFFIX}"))
    for file in files[:-KEEP]:
        file.unlink()
