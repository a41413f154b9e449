"""Which looks are worth a row in the audit log: the same again within five minutes is one look."""

from __future__ import annotations

import time

from security.actor import Actor

AGAIN_SECONDS = 300
MOST = 10_000
_noted: dict[tuple[str, ...], float] = {}


def is_new(by: Actor, *what: str) -> bool:
    """Whether this person has not looked at just this within five minutes; from now on they have."""
    key, now = (by.clinic_id, by.session_id or by.name, *what), time.monotonic()
    if now - _noted.get(key, -1e9) < AGAIN_SECONDS:
        return False
    if len(_noted) > MOST:
        _noted.clear()
    _noted[key] = now
    return True
