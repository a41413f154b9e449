"""What everyone may do to their own access: password, PIN, second factor, sessions."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from data import definitions
from data.errors import BadInput, NotFound, SessionEnded
from data.models import User, UserSession
from data.session import ClinicSession
from data.types import clock
from security import passwords, second_factor, sign_in
from security.actor import Actor
from security.clinics import clinic_of
from security.roles import ROLE
from security.rules import act, look
from security.sessions import is_live


class WrongPassword(BadInput):
    """Your current password does not fit. Type it again; nothing was changed."""


class BadPin(BadInput):
    """That PIN {problem}. Choose six digits that are not in a row, all alike or a year."""


class NoPinForRole(BadInput):
    """Your role signs in with a second factor, so it has no PIN: at a shared station, too, sign in with your password
    and a code."""


class SecondFactorNeeded(BadInput):
    """Your role signs in with a second factor, so it cannot be taken away. Set up a new one instead."""


@dataclass(frozen=True)
class OwnAccess:
    """How a person signs in."""

    username: str
    has_pin: bool
    has_second_factor: bool
    role_demands_one: bool


@dataclass(frozen=True)
class OwnSession:
    """One of a person's sign-ins; ``here`` is the one they ask from."""

    id: str
    device: str
    address: str
    began_at: datetime
    last_input_at: datetime
    here: bool


def own_access(*, by: Actor) -> OwnAccess:
    """How the person signs in."""
    with look(by, None) as session:
        user = _self(session, by)
        demands = role_demands_second_factor(session, user.role)
        return OwnAccess(user.username, bool(user.pin_hash), user.totp_secret is not None, demands)


def own_sessions(*, by: Actor) -> list[OwnSession]:
    """Where the person is signed in, the latest input first."""
    with look(by, None) as session:
        rows = session.scalars(
            select(UserSession)
            .where(UserSession.user_id == by.user_id, UserSession.revoked_at.is_(None))
            .order_by(UserSession.last_input_at.desc())
        )
        return [
            OwnSession(row.id, row.device, row.address, row.entered_at, row.last_input_at, row.id == by.session_id)
            for row in rows
            if is_live(row)
        ]


def change_password(current: str, new: str, *, by: Actor, key: str | None = None) -> int:
    """Set a new password; every other session of the person ends. Returns how many did.

    Raises WrongPassword, WeakPassword.
    """
    with look(by, None) as session:
        user = _self(session, by)
    _confirm(user, current)
    passwords.check_strength(new, user.username, user.name)
    hashed = passwords.hash_secret(new)
    with act(by, None, key=key) as work:
        if work.repeated:
            return int(work.result)
        _self(work.session, by).password_hash = hashed
        work.result = _end_others(work.session, by, "password changed")
        work.audit("user.password", "user", str(by.user_id), sessions=work.result)
        return int(work.result)


def set_pin(password: str, pin: str, *, by: Actor, key: str | None = None) -> None:
    """Enrol the own PIN for shared stations. Raises WrongPassword, BadPin, NoPinForRole."""
    with look(by, None) as session:
        user = _self(session, by)
        if role_demands_second_factor(session, user.role):
            raise NoPinForRole
    check_pin_strength(pin)
    _confirm(user, password)
    hashed = passwords.hash_secret(pin)
    with act(by, None, key=key) as work:
        if work.repeated:
            return
        row = _self(work.session, by)
        row.pin_hash, row.pin_failures = hashed, 0
        work.audit("user.pin_set", "user", row.id)


def remove_pin(*, by: Actor, key: str | None = None) -> None:
    """Give the PIN up."""
    with act(by, None, key=key) as work:
        row = _self(work.session, by)
        if work.repeated or not row.pin_hash:
            return
        row.pin_hash, row.pin_failures = "", 0
        work.audit("user.pin_removed", "user", row.id)


def set_second_factor(
    enrolment: second_factor.Enrolment, code: str, password: str, *, by: Actor, key: str | None = None
) -> None:
    """Keep a new second factor of one's own; an earlier one stops working. Raises WrongPassword, WrongCode."""
    with look(by, None) as session:
        user = _self(session, by)
    _confirm(user, password)
    second_factor.confirm(enrolment, code, by=by, key=key)


def remove_second_factor(password: str, *, by: Actor, key: str | None = None) -> None:
    """Sign in without codes again, where the role allows. Raises WrongPassword, SecondFactorNeeded."""
    with look(by, None) as session:
        user = _self(session, by)
        if role_demands_second_factor(session, user.role):
            raise SecondFactorNeeded
    _confirm(user, password)
    with act(by, None, key=key) as work:
        row = _self(work.session, by)
        if work.repeated or row.totp_secret is None:
            return
        row.totp_secret, row.totp_last_step = None, 0
        work.audit("user.second_factor_removed", "user", row.id)


def end_own_session(session_id: str, *, by: Actor, key: str | None = None) -> None:
    """Sign out on another device; takes effect with its next click. Raises NotFound."""
    with act(by, None, key=key) as work:
        row = work.session.scalars(
            select(UserSession).where(UserSession.id == session_id, UserSession.user_id == by.user_id)
        ).one_or_none()
        if row is None:
            raise NotFound(what="session of yours", name=session_id)
        if work.repeated or row.revoked_at is not None:
            return
        row.revoked_at, row.revoked_reason = clock.now(), "signed out by its person"
        work.audit("session.ended", "session", row.id, reason=row.revoked_reason)


def check_pin_strength(pin: str) -> None:
    """Raise BadPin for what is tried first."""
    if not re.fullmatch(r"\d{6}", pin):
        raise BadPin(problem="is not six digits")
    steps = {int(b) - int(a) for a, b in itertools.pairwise(pin)}
    if len(set(pin)) < 3 or steps in ({1}, {-1}) or pin[:3] == pin[3:]:
        raise BadPin(problem="is among the first that are tried")


def role_demands_second_factor(session: ClinicSession, role: str) -> bool:
    """Whether a role signs in with a code; never in a demo clinic."""
    if clinic_of(session.clinic_id).is_demo:
        return False
    try:
        return definitions.load(session, ROLE, role).second_factor
    except NotFound:
        return True


def _confirm(user: User, password: str) -> None:
    """Wrong ones count towards the lock: a borrowed session is no place to guess in."""
    if sign_in.check_password(user.username, password) is None:
        raise WrongPassword


def _self(session: ClinicSession, by: Actor) -> User:
    user = session.scalars(select(User).where(User.id == by.user_id)).one_or_none()
    if user is None:
        raise SessionEnded
    return user


def _end_others(session: ClinicSession, by: Actor, reason: str) -> int:
    ended = 0
    rows = session.scalars(
        select(UserSession).where(UserSession.user_id == by.user_id, UserSession.revoked_at.is_(None))
    )
    for row in rows:
        if row.id != by.session_id:
            ended += is_live(row)
            row.revoked_at, row.revoked_reason = clock.now(), reason
    return ended
