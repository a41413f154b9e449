"""Reading a record is audited like changing it: once for each session and record in five minutes."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from data.session import write
from data.types import clock
from security import audit
from security.actor import Actor
from security.rules import joined

AGAIN_AFTER = timedelta(minutes=5)
_MOST = 20_000
_seen: dict[tuple[str, str, str, str], datetime] = {}
_guard = threading.Lock()


def note_view(by: Actor, entity: str, entity_id: str) -> None:
    """Audit that the actor saw a record (``client``, ``patient``, ``document`` …). Call it after the read, outside its
    transaction (inside ``together`` it is part of it)."""
    joint = joined(by)
    if joint is not None:
        audit.append(joint.work.session, by, f"{entity}.viewed", entity, entity_id)
        return
    who = by.session_id or by.user_id or by.job_id or by.name
    slot = (by.clinic_id, who, entity, entity_id)
    now = clock.now()
    with _guard:
        last = _seen.get(slot)
        if last is not None and timedelta(0) <= now - last < AGAIN_AFTER:
            return
        if len(_seen) >= _MOST:
            for old in [key for key, at in _seen.items() if now - at >= AGAIN_AFTER]:
                del _seen[old]
            if len(_seen) >= _MOST:
                _seen.clear()
        _seen[slot] = now
    try:
        with write(by.clinic_id, quiet=True) as session:
            audit.append(session, by, f"{entity}.viewed", entity, entity_id)
    except BaseException:
        with _guard:
            _seen.pop(slot, None)
        raise
