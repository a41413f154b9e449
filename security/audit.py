"""The audit log: a hash chain per clinic, from the first row.

Row n's hash is SHA-256 over the hash of row n-1 and the canonical JSON of row n, so that a changed, removed, swapped
or inserted row is found; the head is kept in the clinic's chain head. Details name fields, ids and counts, never
clinical or contact values, so that the log outlives an erasure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import insert, select

from data.models import AuditLog, User
from data.session import ClinicSession
from data.types import clock, new_id
from security.actor import Actor

_INSERT = insert(AuditLog.__table__)  # type: ignore[arg-type]


def append(
    session: ClinicSession,
    by: Actor,
    action: str,
    entity: str = "",
    entity_id: str = "",
    detail: Mapping[str, object] | None = None,
) -> None:
    """Add one row to the chain, in the transaction of what it tells about."""
    head = session.head()
    row: dict[str, Any] = {
        "seq": head.audit_seq + 1,
        "at": clock.now(),
        "user_id": by.user_id,
        "actor": by.name or _username(session, by),
        "session_id": by.session_id,
        "source": by.source,
        "action": action,
        "entity": entity,
        "entity_id": entity_id,
        "detail": canonical(dict(detail or {})),
        "prev_hash": head.audit_hash,
    }
    row["hash"] = row_hash(SimpleNamespace(**row), session.clinic_id)
    head.audit_seq, head.audit_hash = row["seq"], row["hash"]
    stamp = {"clinic_id": session.clinic_id, "id": new_id(), "change": head.change, "logged_at": row.pop("at")}
    session.at_last(_INSERT, row | stamp)


def _username(session: ClinicSession, by: Actor) -> str:
    if by.user_id is None:
        return ""
    known = session.info.get(("username", by.user_id))
    return known or session.scalar(select(User.username).where(User.id == by.user_id)) or ""


def canonical(value: object) -> str:
    """JSON with one spelling: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def row_hash(row: Any, clinic_id: str) -> str:
    """The hash of a row over its predecessor's."""
    content = canonical(
        [clinic_id, row.seq, row.at.isoformat(), row.user_id, row.actor, row.session_id, row.source, row.action,
         row.entity, row.entity_id, row.detail]
    )  # fmt: skip
    return hashlib.sha256(f"{row.prev_hash}\n{content}".encode()).hexdigest()


@dataclass(frozen=True)
class Verdict:
    """Outcome of a verification: how many rows, and the first bad one with what is wrong, if any."""

    rows: int
    bad_seq: int | None = None
    problem: str = ""
    head_hash: str = ""


def verify(session: ClinicSession) -> Verdict:
    """Walk the chain from the first row to the head. Names the first altered, missing or added row."""
    statement = select(AuditLog).order_by(AuditLog.seq).execution_options(yield_per=2_000)
    return check_rows(session.scalars(statement), session.clinic_id, head(session))


def check_rows(rows: Iterable[Any], clinic_id: str, head: tuple[int, str]) -> Verdict:
    """The same over any rows, such as those of an export."""
    previous, count = "0" * 64, 0
    for row in rows:
        count += 1
        if row.seq != count:
            return Verdict(count, count, f"row {count} is missing")
        if row.prev_hash != previous or row.hash != row_hash(row, clinic_id):
            return Verdict(count, row.seq, f"row {row.seq} was altered")
        previous = row.hash
    if (count, previous) != head:
        return Verdict(count, count + 1, f"the log ends at row {count}, its head says {head[0]}")
    return Verdict(count, head_hash=previous)


def head(session: ClinicSession) -> tuple[int, str]:
    """The number and the hash of the last row."""
    from data.models import ChainHead

    row = session.execute(
        select(ChainHead.audit_seq, ChainHead.audit_hash).where(ChainHead.clinic_id == session.clinic_id)
    ).one()
    return row.audit_seq, row.audit_hash
