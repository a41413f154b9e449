"""Reading, checking and taking out the audit log. Reading it is written into it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, or_, select

from data.models import AuditLog, Clinic
from data.session import ClinicSession
from data.spreadsheet import safe
from data.types import clock
from security import audit
from security.actor import Actor
from security.rules import Work, act, look

PAGE = 50
QUIET = timedelta(minutes=5)
"""Reading again within so long in one session is the same reading."""


@dataclass(frozen=True)
class Filters:
    """Which rows: by user name, the start of an action, an entity, calendar days of the clinic, a text in any of
    the columns."""

    actor: str = ""
    action: str = ""
    entity: str = ""
    entity_id: str = ""
    first_day: date | None = None
    last_day: date | None = None
    text: str = ""

    def names(self) -> list[str]:
        """The names of the filters in use, for the log."""
        return [name for name, value in vars(self).items() if value]


@dataclass(frozen=True)
class AuditRow:
    """One line of the log, as it is shown."""

    seq: int
    at: datetime
    actor: str
    source: str
    action: str
    entity: str
    entity_id: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class AuditPage:
    """A page of the log, newest first, and what may be chosen in the filters."""

    rows: list[AuditRow]
    total: int
    page: int
    actors: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // PAGE))


def read_audit(filters: Filters, *, by: Actor, page: int = 1) -> AuditPage:
    """One page of the audit log, newest first; the reading itself is audited once in five minutes."""
    with act(by, "security.audit") as work:
        session = work.session
        statement = _where(session, filters)
        total = session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
        page = min(max(1, page), max(1, -(-total // PAGE)))
        rows = [_row(row) for row in session.scalars(statement.limit(PAGE).offset((page - 1) * PAGE))]
        choices = [
            sorted(name for name in session.scalars(select(column).distinct()) if name)
            for column in (AuditLog.actor, AuditLog.action, AuditLog.entity)
        ]
        _note_reading(work, filters)
        return AuditPage(rows, total, page, *choices)


def verify_audit(*, by: Actor) -> audit.Verdict:
    """Walk the whole chain; the check is audited with its outcome."""
    with look(by, "security.audit") as session:
        verdict = audit.verify(session)
    with act(by, "security.audit") as work:
        work.audit("audit.verified", "audit", "", rows=verdict.rows, bad_seq=verdict.bad_seq)
    return verdict


def export_audit(filters: Filters, *, by: Actor) -> str:
    """The rows as CSV, oldest first, with hashes; cells that a spreadsheet would run are defused. Audited."""
    with look(by, "security.audit") as session:
        statement = _where(session, filters).order_by(None).order_by(AuditLog.seq)
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(
            ["seq", "at", "user_id", "actor", "session_id", "source", "action", "entity", "entity_id", "detail",
             "prev_hash", "hash"]
        )  # fmt: skip
        count = 0
        for row in session.scalars(statement.execution_options(yield_per=2_000)):
            count += 1
            writer.writerow(
                [row.seq, row.at.isoformat(), row.user_id or "", safe(row.actor), row.session_id or "", row.source,
                 safe(row.action), safe(row.entity), safe(row.entity_id), safe(row.detail), row.prev_hash, row.hash]
            )  # fmt: skip
    with act(by, "security.audit") as work:
        work.audit("audit.exported", "audit", "", rows=count, filters=filters.names())
    return out.getvalue()


def _where(session: ClinicSession, filters: Filters) -> Select[AuditLog]:
    statement = select(AuditLog).order_by(AuditLog.seq.desc())
    for column, value in (
        (AuditLog.actor, filters.actor), (AuditLog.entity, filters.entity), (AuditLog.entity_id, filters.entity_id),
    ):  # fmt: skip
        if value:
            statement = statement.where(column == value)
    if filters.action:
        statement = statement.where(AuditLog.action.startswith(filters.action, autoescape=True))
    if filters.text.strip():
        wanted = filters.text.strip()
        statement = statement.where(
            or_(*(column.icontains(wanted, autoescape=True)
                  for column in (AuditLog.actor, AuditLog.action, AuditLog.entity_id, AuditLog.detail)))
        )  # fmt: skip
    zone = ZoneInfo(session.get_one(Clinic, session.clinic_id).zone)
    if filters.first_day:
        statement = statement.where(AuditLog.at >= datetime.combine(filters.first_day, time(), zone))
    if filters.last_day:
        after = filters.last_day + timedelta(days=1)
        statement = statement.where(AuditLog.at < datetime.combine(after, time(), zone))
    return statement


def _note_reading(work: Work, filters: Filters) -> None:
    recent = (
        select(func.count())
        .select_from(AuditLog)
        .where(
            AuditLog.action == "audit.read",
            AuditLog.at > clock.now() - QUIET,
            AuditLog.session_id == work.by.session_id,
            AuditLog.detail == audit.canonical({"filters": filters.names()}),
        )
    )
    if work.by.session_id is None or not work.session.scalar(recent):
        work.audit("audit.read", "audit", "", filters=filters.names())


def _row(row: AuditLog) -> AuditRow:
    return AuditRow(
        row.seq, row.at, row.actor, row.source, row.action, row.entity, row.entity_id, dict(json.loads(row.detail))
    )
