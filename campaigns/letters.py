"""The letters of a run: one PDF with each on a page of its own, its address where the window of an envelope is, and one
of labels. Who still gets one is judged again when they are made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, select, update

from campaigns import sending
from campaigns.consents import may_name_phi
from data.blobs import BlobStore
from data.engine import database
from data.errors import EnvironmentFailure, NotFound, Refusal
from data.models import CampaignRun, Clinic, Document, Job, OutboxMessage, User
from data.session import read, write
from data.types import clock
from data.wording import Wording
from security.actor import Actor
from security.profile import profile
from security.rules import act, authorize, look

ROOT = Path(__file__).parent.parent
DEADLINE = 360
MOST = 20_000
"""Letters of one file; what is over that comes with the next."""
CHUNK = 500
_ROW = OutboxMessage.__table__
Progress = Callable[[int, int], None]


class NotPrinted(EnvironmentFailure):
    """The letters could not be made in time. Close other programs and try again, or write to fewer people at once."""


class NoLetters(Refusal):
    """This campaign has no letters to print now: none are waiting, or it is paused."""


def make_letters(run_id: str, *, by: Actor, progress: Progress | None = None) -> str:
    """Make the files of the letters that wait; returns the document's id. What is in them counts as sent.

    ``progress`` is told how many of how many are drawn. Raises NotPermitted, NoLetters, NotPrinted.
    """
    _settle_printed(by.clinic_id, run_id)
    with look(by, "campaigns.use") as session:
        run = session.get(CampaignRun, (by.clinic_id, run_id))
        before = _made_files(run) if run is not None else 0
        rows = _waiting(session, run_id) if run is not None and run.state == "running" else []
        held = sending.judge(session, rows) if rows else {}
        may_name = may_name_phi(session, {row.client_id for row in rows}, "letter")
        paper, clinic = profile(session).paper, session.get_one(Clinic, by.clinic_id)
        wording = Wording.of(clinic)
    _hold_back(by.clinic_id, {row_id: one.why for row_id, one in held.items() if one.until is None})
    rows = [row for row in rows if row.id not in held]
    if not rows:
        raise NoLetters()
    with read(by.clinic_id) as session:
        ready = sending.running(session, run_id)
    day = wording.day(clock.today(clinic.zone), style="long")
    head = {"name": ready.frozen["sender"], "place": ", ".join(ready.frozen["postal"].split("\n"))}
    letters, labels = _pressed(head, _lines(ready, rows, day, may_name), paper, len(rows), progress)
    store = BlobStore(database().home)
    kept = [(store.put(letters), len(letters), "letters"), (store.put(labels), len(labels), "labels")]
    with act(by, "campaigns.use") as work:
        whole = work.session.get_one(CampaignRun, (by.clinic_id, run_id))
        if whole.state != "running" or _made_files(whole) != before:
            raise NoLetters()  # stopped while they were drawn, or drawn by somebody else, who was quicker
        files = []
        for blob, size, kind in kept:
            file = Document(
                title=f"{whole.name}: {kind}", kind=f"campaign-{kind}", media_type="application/pdf", size=size,
                blob=blob, sha256="", by_user_id=by.user_id, access="administrators",
            )  # fmt: skip
            work.session.add(file)
            files.append(file.id)
        whole.document_id = files[0]
        whole.frozen = {**whole.frozen, "files": [*whole.frozen.get("files", []), files],
                        "printing": [row.id for row in rows],
                        "counts": [*whole.frozen.get("counts", []), len(rows)]}  # fmt: skip
        work.audit("campaign.letters_made", "campaign_run", run_id, letters=len(rows))
    _settle_printed(by.clinic_id, run_id)
    return files[0]


def _made_files(run: CampaignRun) -> int:
    pairs: list[list[str]] = run.frozen.get("files", [])  # type: ignore[assignment]
    return len(pairs)


def files_of(run_id: str, *, by: Actor) -> list[tuple[str, str]]:
    """The files of a run's letters: name and document id, the newest first. Raises NotPermitted, NotFound."""
    with look(by, "campaigns.use") as session:
        run = session.get(CampaignRun, (by.clinic_id, run_id))
        if run is None:
            raise NotFound(what="campaign run", name=run_id)
        pairs: list[list[str]] = run.frozen.get("files", [])  # type: ignore[assignment]
        ids = [file_id for pair in reversed(pairs) for file_id in pair]
        titles = dict(session.execute(select(Document.id, Document.title).where(Document.id.in_(ids))).tuples().all())
    return [(titles[file_id], file_id) for file_id in ids if file_id in titles]


@dataclass(frozen=True)
class Made:
    """Letters that were made at once: ``letters`` and ``labels`` are their documents, ``count`` how many letters there
    are (0 where it was not written down), ``by`` who had them made; empty for the worker."""

    run_id: str
    campaign: str
    name: str
    day: date
    at: datetime
    by: str
    count: int
    letters: str
    labels: str


@dataclass(frozen=True)
class Shelf:
    """All files of letters, the newest first, and how many letters wait for each launch that goes on, by its id."""

    made: list[Made]
    waiting: dict[str, tuple[str, int]]


def shelf(*, by: Actor) -> Shelf:
    """Every file of letters and labels. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        runs = session.scalars(select(CampaignRun).where(CampaignRun.document_id.is_not(None))).all()
        ids = [one for run in runs for pair in run.frozen.get("files", []) for one in pair]  # type: ignore[attr-defined]
        kept = {row.id: row for row in session.scalars(select(Document).where(Document.id.in_(ids)))} if ids else {}
        users = {row.by_user_id for row in kept.values() if row.by_user_id}
        names = dict(session.execute(select(User.id, User.name).where(User.id.in_(users))).tuples().all())
        rows = session.execute(
            select(CampaignRun.id, CampaignRun.name, func.count())
            .join(
                OutboxMessage,
                (OutboxMessage.clinic_id == CampaignRun.clinic_id) & (OutboxMessage.run_id == CampaignRun.id),
            )
            .where(CampaignRun.state == "running", OutboxMessage.channel == "letter", OutboxMessage.state == "pending")
            .group_by(CampaignRun.id, CampaignRun.name)
            .order_by(CampaignRun.id)
        ).tuples()  # fmt: skip
        waiting = {run_id: (name, count) for run_id, name, count in rows}
        made = [one for run in runs for one in _made(run, kept, names)]
    return Shelf(sorted(made, key=lambda one: one.at, reverse=True), waiting)


def _made(run: CampaignRun, kept: dict[str, Document], names: dict[str, str]) -> Iterator[Made]:
    pairs: list[list[str]] = run.frozen.get("files", [])  # type: ignore[assignment]
    counts: list[int] = run.frozen.get("counts", [])  # type: ignore[assignment]
    for place, (first, second) in enumerate(pairs):
        if first in kept:
            count = counts[place] if len(counts) == len(pairs) else 0
            who = names.get(kept[first].by_user_id or "", "")
            yield Made(
                run.id, run.campaign, run.name, run.day, kept[first].entered_at, who, count, first,
                second if second in kept else "",
            )  # fmt: skip


def open_file(run_id: str, document_id: str, *, by: Actor) -> bytes:
    """One of these files, for who may see clients; the look is written down. Raises NotPermitted, NotFound."""
    if document_id not in {file_id for _, file_id in files_of(run_id, by=by)}:
        raise NotFound(what="file of letters", name=document_id)
    with act(by, "campaigns.use") as work:
        authorize(work.session, by, "clients.view")
        work.session.quiet = True
        blob = work.session.get_one(Document, (by.clinic_id, document_id)).blob
        work.audit("campaign.letters_opened", "campaign_run", run_id)
    return BlobStore(database().home).get(blob)


def carry_out(clinic: Clinic, job: Job) -> dict[str, object]:
    """The worker's job: the letters of one run."""
    by = Actor.worker(clinic.id, job.id)
    try:
        return {"document": make_letters(str(job.payload["run"]), by=by)}
    except NoLetters:
        return {"document": ""}


def _waiting(session: Any, run_id: str) -> list[Row[Any]]:
    query = (
        select(*_ROW.c)
        .where(
            _ROW.c.clinic_id == session.clinic_id, _ROW.c.run_id == run_id, _ROW.c.channel == "letter",
            _ROW.c.state == "pending",
        )
        .order_by(_ROW.c.id)
        .limit(MOST)
    )  # fmt: skip
    return list(session.connection().execute(query).all())


def _lines(run: sending.Running, rows: Sequence[Row[Any]], day: str, may_name: set[str]) -> Iterator[bytes]:
    for row in rows:
        written = sending.written(run, row, names_phi=row.client_id in may_name)
        letter = {"address": written.address, "blocks": written.blocks, "day": day}
        yield json.dumps(letter).encode() + b"\n"


def _pressed(
    head: dict[str, Any], lines: Iterator[bytes], paper: str, count: int, progress: Progress | None
) -> tuple[bytes, bytes]:
    keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH") if name in os.environ}
    child = subprocess.Popen(
        [sys.executable, "-m", "campaigns.letter_press", paper], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, cwd=ROOT, env=keep,
    )  # fmt: skip
    assert child.stdin and child.stdout and child.stderr
    late = threading.Timer(DEADLINE, child.kill)
    late.start()
    out: list[bytes] = []
    listeners = [
        threading.Thread(target=_tell, args=(child.stderr, count, progress), daemon=True),
        threading.Thread(target=lambda: out.append(child.stdout.read()), daemon=True),  # type: ignore[union-attr]
    ]
    for listener in listeners:
        listener.start()
    try:
        child.stdin.write(json.dumps(head).encode() + b"\n")
        for line in lines:
            child.stdin.write(line)
        child.stdin.close()
    except BrokenPipeError:
        pass
    finally:
        child.wait()
        late.cancel()
        for listener in listeners:
            listener.join(30)
    whole = out[0] if out else b""
    if child.returncode or len(whole) < 8:
        raise NotPrinted()
    size = int.from_bytes(whole[:8], "big")
    return whole[8 : 8 + size], whole[8 + size :]


def _tell(lines: Any, count: int, progress: Progress | None) -> None:
    for line in lines:
        if progress and line.strip().isdigit():
            progress(int(line), count)


def _hold_back(clinic_id: str, whys: dict[str, str]) -> None:
    """Those whom something speaks against by now get no letter."""
    ids = list(whys)
    for at in range(0, len(ids), CHUNK):
        with write(clinic_id, quiet=True) as session:
            session.head()
            for row_id in ids[at : at + CHUNK]:
                values = {"state": "suppressed", "reply": whys[row_id][:500], "change": session.change}
                session.connection().execute(
                    update(OutboxMessage.__table__)  # type: ignore[arg-type]
                    .where(_ROW.c.clinic_id == clinic_id, _ROW.c.id == row_id, _ROW.c.state == "pending")
                    .values(version=_ROW.c.version + 1, **values)
                )


def _settle_printed(clinic_id: str, run_id: str) -> None:
    """What is in a file counts as sent, also where whoever made it came no further than the file."""
    with read(clinic_id) as session:
        frozen = session.scalar(select(CampaignRun.frozen).where(CampaignRun.id == run_id)) or {}
    ids: list[str] = frozen.get("printing", [])  # type: ignore[assignment]
    for at in range(0, len(ids), CHUNK):
        with write(clinic_id, quiet=True) as session:
            session.head()
            session.connection().execute(
                update(OutboxMessage.__table__)  # type: ignore[arg-type]
                .where(
                    _ROW.c.clinic_id == clinic_id, _ROW.c.id.in_(ids[at : at + CHUNK]), _ROW.c.state == "pending"
                )
                .values(
                    state="sent", sent_at=clock.now(), reply="printed", change=session.change,
                    version=_ROW.c.version + 1,
                )
            )  # fmt: skip
