"""Checking a name and password: same answer and same time for unknown names, lockout by user, addresses only slowed."""

from __future__ import annotations

import ipaddress
import threading
import time
from dataclasses import dataclass

from sqlalchemy import select

from data.models import Clinic, User
from data.session import everywhere, read, write
from data.types import clock
from security import audit, passwords, second_factor
from security.actor import Actor

LOCK_AFTER = 10
"""Wrong passwords in a row before a user is locked; another administrator releases the lock."""

FAILURE_TAKES = 0.4
"""Seconds a refusal takes, whatever was wrong: longer than the check of a password and the count of a failure."""


@dataclass(frozen=True)
class Checked:
    """A person whose password was right.

    ``needs_code``: a code of their second factor is asked for next. ``must_enrol``: their role demands a second factor
    and they have none yet.
    """

    clinic_id: str
    user_id: str
    username: str
    name: str
    role: str
    needs_code: bool
    must_enrol: bool = False


def check_password(username: str, password: str, *, address: str = "") -> Checked | None:
    """The person, or None: wrong name, wrong password, locked and disabled answer alike, and after the same time."""
    started = time.monotonic()
    slow_down(address)
    user = _user(username)
    shut = user is not None and user.locked_at is not None  # no work for guesses at an account that is shut anyway
    right = not shut and passwords.matches(user.password_hash if user else "", password)
    if user is not None and not shut:
        if not right:
            _count_failure(user.clinic_id, user.id)
        user = _user(username)  # as it stands now: a guess that was on its way when the lock fell is no use
    if user is None or not right or user.status != "active" or user.locked_at is not None:
        remember_failure(address)
        time.sleep(max(0.0, started + FAILURE_TAKES - time.monotonic()))
        return None
    if (user.failures and user.totp_secret is None) or user.pin_failures:
        _forget_failures(user.clinic_id, user.id)
    demanded = _role_demands_code(user)
    has_one = user.totp_secret is not None
    return Checked(
        user.clinic_id, user.id, user.username, user.name, user.role,
        needs_code=has_one, must_enrol=demanded and not has_one,
    )  # fmt: skip


def _user(username: str) -> User | None:
    with everywhere() as session:
        return session.scalars(
            select(User).where(User.username == username.strip().lower(), User.deleted_at.is_(None))
        ).one_or_none()


def check_code(person: Checked, code: str, *, address: str = "") -> bool:
    """Whether this is a fresh code of the person's second factor. Wrong ones count towards the lock like passwords."""
    slow_down(address)
    with write(person.clinic_id) as session:
        user = session.get(User, (person.clinic_id, person.user_id), with_for_update=True)
        if user is None or user.status != "active" or user.locked_at is not None or user.totp_secret is None:
            return False
        step = second_factor.matching_step(second_factor.opened(user.totp_secret), code, after=user.totp_last_step)
        if step is not None:
            user.totp_last_step, user.failures = step, 0
            return True
    _count_failure(person.clinic_id, person.user_id)
    remember_failure(address)
    return False


def _forget_failures(clinic_id: str, user_id: str) -> None:
    with write(clinic_id) as session:
        user = session.get_one(User, (clinic_id, user_id), with_for_update=True)
        user.pin_failures = 0
        if user.totp_secret is None:
            user.failures = 0


def _role_demands_code(user: User) -> bool:
    from security.own_access import role_demands_second_factor

    with read(user.clinic_id) as session:
        return role_demands_second_factor(session, user.role)


def demo_people(address: str) -> list[tuple[str, str, str]]:
    """(user id, name, role) that the sign-in page offers as buttons: one for each role, in demo clinics only, and only
    to a browser on this machine."""
    if not is_loopback(address):
        return []
    with everywhere() as session:
        rows = session.execute(
            select(User.id, User.name, User.role)
            .join(Clinic, Clinic.id == User.clinic_id)
            .where(Clinic.is_demo, Clinic.closed_at.is_(None), User.username == User.role, User.status == "active")
            .where(User.deleted_at.is_(None))
            .order_by(User.entered_at, User.id)
        ).all()
    return [(row.id, row.name, row.role) for row in rows]


def demo_sign_in(user_id: str, address: str) -> Checked | None:
    """The person behind such a button. The address and the kind of clinic are checked again here."""
    if user_id not in {person[0] for person in demo_people(address)}:
        return None
    with everywhere() as session:
        user = session.scalars(select(User).where(User.id == user_id)).one()
    return Checked(user.clinic_id, user.id, user.username, user.name, user.role, needs_code=False)


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _count_failure(clinic_id: str, user_id: str) -> None:
    with write(clinic_id) as session:
        row = session.get_one(User, (clinic_id, user_id), with_for_update=True)
        row.failures += 1
        if row.failures >= LOCK_AFTER and row.locked_at is None:
            row.locked_at = clock.now()
            session.flush()
            by = Actor(clinic_id, "web", user_id=user_id)
            audit.append(session, by, "user.locked", "user", user_id, {"failures": row.failures})


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
