"""What came in: the imports of settlements and bank statements, and the way back of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, update

from billing.periods import refuse_closed
from billing.settlement.accounts import BANK_ACCOUNT, slug_of
from billing.settlement.land import LOOKED_UP, MATCHED_WITHIN, MATCHING, landed_of
from data import definitions
from data.errors import NotFound
from data.jobs import enqueue
from data.models import (
    BankLine,
    DepositLink,
    ImportRun,
    PaymentMatch,
    PaymentMatchPart,
    SettledTransaction,
    SettlementBatch,
    User,
)
from data.session import ClinicSession
from data.types import clock
from records.imports import AlreadyUndone, ImportDepends, mark_rows
from security.actor import Actor
from security.rules import act, look

KINDS = ("settlement", "bank")


@dataclass(frozen=True)
class RunRow:
    """One import in the list."""

    id: str
    kind: str
    file: str
    source: str
    target: str
    at: datetime
    by: str
    rows: int
    added: int
    replaced: int
    skipped: int
    first: date | None
    last: date | None
    undone_at: datetime | None


def list_runs(*, by: Actor, limit: int = 200) -> list[RunRow]:
    """The imports of settlements and bank statements, newest first."""
    with look(by, "reconciliation.use") as session:
        names: dict[str, str] = dict(session.execute(select(User.id, User.name)).tuples().all())
        runs = session.scalars(
            select(ImportRun)
            .where(ImportRun.kind.in_(KINDS), ImportRun.arriving_until.is_(None))
            .order_by(ImportRun.entered_at.desc(), ImportRun.id.desc())
            .limit(limit)
        )
        return [_row(run, names) for run in runs]


def _row(run: ImportRun, names: dict[str, str]) -> RunRow:
    landed = landed_of(run)
    return RunRow(
        run.id, run.kind, run.file_name, landed.source, landed.target, run.entered_at,
        names.get(run.by_user_id or "", "by itself"), landed.rows, landed.added, landed.replaced, landed.skipped,
        landed.first, landed.last, run.undone_at,
    )  # fmt: skip


def undo_landing(run_id: str, *, by: Actor, key: str | None = None) -> int:
    """Take an import back: its rows disappear, rows that had given way to them come back; returns how many are hidden.

    Matches and deposits the engine made with them are let go. Raises ImportDepends where a person decided about one
    of its rows, PeriodClosed where one counts in a closed period, AlreadyUndone, NotFound.
    """
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return int(work.result)
        session = work.session
        run = session.scalars(select(ImportRun).where(ImportRun.id == run_id)).one_or_none()
        if run is None or run.kind not in KINDS or run.arriving_until is not None:
            raise NotFound(what="import", name=run_id)
        if run.undone_at is not None:
            raise AlreadyUndone()
        _refuse_closed(session, run)
        _let_go(session, run)
        hidden = _hide(session, run)
        run.undone_at = clock.now()
        work.audit(f"{run.kind}.import_undone", "import_run", run_id, rows=hidden)
        enqueue(session, MATCHING, f"{MATCHING}:{run_id}:undone", {}, clock.now() + MATCHED_WITHIN)
        work.result = hidden
        return hidden


def _refuse_closed(session: ClinicSession, run: ImportRun) -> None:
    """Raise PeriodClosed where a row of the run counts in a closed period."""
    for model in (SettledTransaction, BankLine):
        days = select(model.counts_on).where(model.import_id == run.id).distinct()
        for day in sorted(session.scalars(days)):
            refuse_closed(session, day)


def _let_go(session: ClinicSession, run: ImportRun) -> None:
    """End the matches and deposits with rows of the run. Raises ImportDepends where a person decided about one."""
    now = clock.now()
    ours = select(SettledTransaction.id).where(SettledTransaction.import_id == run.id)
    matched = select(PaymentMatchPart.match_id).where(PaymentMatchPart.settled_id.in_(ours))
    matches = session.scalars(select(PaymentMatch).where(PaymentMatch.id.in_(matched))).all()
    lines = select(BankLine.id).where(BankLine.import_id == run.id)
    batches = _leaving(session, run)
    links = session.scalars(
        select(DepositLink).where(DepositLink.bank_line_id.in_(lines) | DepositLink.batch_id.in_(batches))
    ).all()
    decided = [match for match in matches if match.decided_by_id is not None and match.state == "accepted"]
    by_hand = [link for link in links if not link.auto]
    told = _counted(len(decided), "match") + _counted(len(by_hand), "deposit")
    if told:
        raise ImportDepends(what=" and ".join(told))
    for match in matches:
        match.deleted_at = now
    for part in session.scalars(
        select(PaymentMatchPart).where(PaymentMatchPart.match_id.in_([match.id for match in matches]))
    ):
        part.deleted_at = now
    for link in links:
        link.deleted_at = now
    session.flush()


def _counted(count: int, word: str) -> list[str]:
    plural = "es" if word.endswith("ch") else "s"
    return [f"{count:,} {word}{'' if count == 1 else plural} made by a person"] if count else []


def _leaving(session: ClinicSession, run: ImportRun) -> list[str]:
    """The batches the run brought that hold no row of another import."""
    brought = list(session.scalars(select(SettlementBatch.id).where(SettlementBatch.import_id == run.id)))
    held = set[str]()
    for part in _parts(brought):
        held |= set(
            session.scalars(
                select(SettledTransaction.batch_id).where(
                    SettledTransaction.batch_id.in_(part), SettledTransaction.import_id.is_distinct_from(run.id)
                )
            )
        )
    return [batch for batch in brought if batch not in held]


def _parts(ids: list[str]) -> Iterable[list[str]]:
    return (ids[start : start + LOOKED_UP] for start in range(0, len(ids), LOOKED_UP))


def _hide(session: ClinicSession, run: ImportRun) -> int:
    """Hide what the run brought, and show again what had given way to it; returns how many are hidden."""
    now = clock.now()
    leaving = _leaving(session, run)
    hidden = 0
    for model in (SettledTransaction, BankLine):
        hidden += mark_rows(session, model.__table__, run.id, now)  # type: ignore[arg-type]
    _set(session, SettlementBatch, leaving, now)
    told: Any = run.mapping.get("replaced") or []
    _set(session, SettledTransaction, [before for before, _ in told], None)
    session.flush()
    if run.kind == "bank":
        _forget_account(session, landed_of(run).target)
    return hidden + len(leaving)


def _set(session: ClinicSession, model: Any, ids: list[str], deleted_at: datetime | None) -> None:
    table = model.__table__
    for part in _parts(ids):
        session.info["flushed"] = True
        session.execute(
            update(table)
            .where(table.c.clinic_id == session.clinic_id, table.c.id.in_(part))
            .values(deleted_at=deleted_at, change=session.change)
        )


def _forget_account(session: ClinicSession, names: str) -> None:
    """Forget accounts of which nothing is left, so that their statements can come in under another name."""
    for name in names.split(", "):
        left = session.scalar(select(func.count()).select_from(BankLine).where(BankLine.account == name))
        if not left and definitions.number_of(session, BANK_ACCOUNT, slug_of(name)):
            document = definitions.load_all(session, BANK_ACCOUNT).get(slug_of(name))
            if document is not None:
                definitions.remove(session, BANK_ACCOUNT, slug_of(name))
