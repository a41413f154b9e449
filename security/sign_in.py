"""Checking a name and password: same answer and same time for unknown names, lockout by user, addresses only slowed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from sqlalchemy import select

from data import definitions
from data.errors import NotFound
from data.models import User
from data.session import everywhere, read, write
from data.types import clock
from security import audit, passwords
from security.actor import Actor
from security.roles import ROLE

LOCK_AFTER = 10
"""Wrong passwords in a row before a user is locked; another administrator releases the lock."""


@dataclass(frozen=True)
class Checked:
    """A person whose password was right, and whether a code is asked for next."""

    clinic_id: str
    user_id: str
    username: str
    name: str
    role: str
    needs_code: bool


def check_password(username: str, password: str, *, address: str = "") -> Checked | None:
    """The person, or None: wrong name, wrong password, locked and disabled answer alike."""
    slow_down(address)
    with everywhere() as session:
        user = session.scalars(select(User).where(User.username == username.strip().lower())).one_or_none()
    right = passwords.matches(user.password_hash if user else "", password)
    if user is None:
        remember_failure(address)
        return None
    if not right or user.status != "active" or user.locked_at is not None:
        if not right:
            _count_failure(user)
        remember_failure(address)
        return None
    if user.failures:
        with write(user.clinic_id) as session:
            session.get_one(User, (user.clinic_id, user.id)).failures = 0
    return Checked(user.clinic_id, user.id, user.username, user.name, user.role, _needs_code(user))


def _needs_code(user: User) -> bool:
    if user.totp_secret is not None:
        return True
    with read(user.clinic_id) as session:
        try:
            return definitions.load(session, ROLE, user.role).second_factor
        except NotFound:
            return True


def _count_failure(user: User) -> None:
    with write(user.clinic_id) as session:
        row = session.get_one(User, (user.clinic_id, user.id))
        row.failures += 1
        if row.failures >= LOCK_AFTER and row.locked_at is None:
            row.locked_at = clock.now()
            session.flush()
            by = Actor(user.clinic_id, "web", user_id=user.id)
            audit.append(session, by, "user.locked", "user", user.id, {"failures": row.failures})


_recent: dict[str, tuple[float, int]] = {}
_guard = threading.Lock()


def remember_failure(address: str) -> None:
    """Count a failure against an address; forgotten after a minute."""
    with _guard:
        now = time.monotonic()
        since, count = _recent.get(address, (now, 0))
        _recent[address] = (now, count + 1 if now - since < 60 else 1)
        if len(_recent) > 10_000:
            _recent.clear()


def slow_down(address: str) -> None:
    """Make an address with recent failures wait a little, at most a second; it is never shut out."""
    with _guard:
        since, count = _recent.get(address, (0.0, 0))
    if count > 3 and time.monotonic() - since < 60:
        time.sleep(min(0.05 * (count - 3), 1.0))
