"""The people who sign in: who they are, what an administrator may do to their access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from data import definitions
from data.errors import BadInput, NotFound
from data.models import User, UserSession
from data.session import ClinicSession
from data.types import clock
from security.actor import Actor
from security.reach import (
    OWNER,
    check_access,
    check_not_last_owner,
    check_not_self,
    check_reach,
    find_user,
    has_access,
)
from security.roles import ROLE, permissions_of
from security.rules import act, look
from security.sessions import is_live, void_tickets


@dataclass(frozen=True)
class UserRow:
    """One line of the list of users."""

    id: str
    username: str
    name: str
    role: str
    role_label: str
    status: str
    """active, disabled, invited, locked."""
    email: str
    last_sign_in_at: datetime | None
    sessions: int
    has_second_factor: bool
    version: int


@dataclass(frozen=True)
class SessionRow:
    """Somebody who is signed in, or a wall display."""

    id: str
    user_id: str | None
    name: str
    role_label: str
    kind: str
    device: str
    address: str
    began_at: datetime
    last_input_at: datetime
    expires_at: datetime


def list_users(*, by: Actor) -> list[UserRow]:
    """Everybody with an account, by name, disabled ones last."""
    with look(by, "security.users") as session:
        labels = role_labels(session)
        counts: dict[str | None, int] = {}
        for row in _live(session):
            counts[row.user_id] = counts.get(row.user_id, 0) + 1
        users = session.scalars(select(User).order_by(func.lower(User.name)))
        rows = [
            UserRow(
                user.id, user.username, user.name, user.role, labels.get(user.role, user.role),
                "locked" if user.locked_at and user.status == "active" else user.status, user.email,
                user.last_sign_in_at, counts.get(user.id, 0), user.totp_secret is not None, user.version,
            )
            for user in users
        ]  # fmt: skip
    return sorted(rows, key=lambda row: row.status == "disabled")


def list_sessions(*, by: Actor) -> list[SessionRow]:
    """Everybody who is signed in now, the latest input first."""
    with look(by, "security.users") as session:
        labels = role_labels(session)
        users = {user.id: user for user in session.scalars(select(User))}
        rows = []
        for row in _live(session):
            user = users.get(row.user_id or "")
            rows.append(
                SessionRow(
                    row.id, row.user_id, user.name if user else "Wall board",
                    labels.get(user.role, user.role) if user else "", row.kind, row.device, row.address,
                    row.entered_at, row.last_input_at, row.expires_at,
                )
            )  # fmt: skip
        return rows


def role_labels(session: ClinicSession) -> dict[str, str]:
    """Role slug to its label."""
    return {slug: role.label for slug, role in definitions.load_all(session, ROLE).items()}


def roles_to_give(*, by: Actor) -> dict[str, str]:
    """The roles the actor may give to somebody: slug to label, no role above the actor's own rights."""
    from security.rules import authorize

    with look(by, "security.users") as session:
        allowed = authorize(session, by, None)
        return {slug: label for slug, label in role_labels(session).items() if permissions_of(session, slug) <= allowed}


def disable(user_id: str, *, by: Actor, key: str | None = None) -> None:
    """Stop a person from signing in, and sign them out at once.

    Raises NotFound, NotYourself, LastOwner, BeyondYourRights.
    """
    with act(by, "security.users", key=key) as work:
        user = find_user(work.session, user_id)
        if work.repeated or user.status == "disabled":
            return
        check_not_self(by, user, "disable")
        check_reach(work.session, by, user.role, "disable them")
        check_not_last_owner(work.session, user, "disable this one")
        user.status = "disabled"
        ended = _revoke(work.session, user_id, "disabled")
        void_tickets(work.session, user_id)
        work.audit("user.disabled", "user", user.id, sessions=ended)


def enable(user_id: str, *, by: Actor, key: str | None = None) -> None:
    """Let a disabled person sign in again. Raises NotFound, BeyondYourRights."""
    with act(by, "security.users", key=key) as work:
        user = find_user(work.session, user_id)
        if work.repeated or user.status != "disabled":
            return
        check_reach(work.session, by, user.role, "enable them")
        user.status = "active" if user.password_hash else "invited"
        work.audit("user.enabled", "user", user.id)


def release(user_id: str, *, by: Actor, key: str | None = None) -> None:
    """Release the lock that ten wrong passwords put on a person; never one's own.

    Raises NotFound, NotYourself, BeyondYourRights.
    """
    with act(by, "security.users", key=key) as work:
        user = find_user(work.session, user_id)
        if work.repeated or (user.locked_at is None and not user.failures):
            return
        check_not_self(by, user, "release")
        check_access(work.session, by, user.role, "release them")
        user.locked_at, user.failures = None, 0
        work.audit("user.released", "user", user.id)


def set_role(user_id: str, role: str, *, by: Actor, expected: str | None = None, key: str | None = None) -> None:
    """Promote or demote a person; holds with their next click.

    ``expected`` is the role the administrator saw. Raises NotFound, BadInput, NotYourself, LastOwner,
    BeyondYourRights.
    """
    with act(by, "security.users", key=key) as work:
        user = find_user(work.session, user_id)
        if work.repeated or user.role == role:
            return
        if not permissions_of(work.session, role):
            raise NotFound(what="role", name=role)
        if expected is not None and user.role != expected:
            raise BadInput(problem=f"{user.name}'s role was changed meanwhile. Look at it again.")
        check_not_self(by, user, "change the role of")
        check_reach(work.session, by, user.role, "change theirs")
        check_reach(work.session, by, role, "give it to anybody")
        if role != OWNER:
            check_not_last_owner(work.session, user, "change this one's role")
        before, user.role = user.role, role
        void_tickets(work.session, user_id)  # a link made for the lesser role must not open the greater one
        work.audit("user.role", "user", user.id, before=before, after=role)


def forget_second_factor(user_id: str, *, by: Actor, key: str | None = None) -> None:
    """A lost phone: the person sets up a new second factor at the next sign-in, and is signed out.

    Raises NotFound, NotYourself, BeyondYourRights.
    """
    with act(by, "security.users", key=key) as work:
        user = find_user(work.session, user_id)
        if work.repeated or user.totp_secret is None:
            return
        check_not_self(by, user, "reset the second factor of")
        check_reach(work.session, by, user.role, "reset theirs")
        user.totp_secret, user.totp_last_step = None, 0
        ended = _revoke(work.session, user_id, "second factor reset")
        work.audit("user.second_factor_reset", "user", user.id, sessions=ended)


def sign_out_user(user_id: str, *, by: Actor, key: str | None = None) -> int:
    """End every session of a person; returns how many. Raises NotFound, BeyondYourRights."""
    with act(by, "security.users", key=key) as work:
        if work.repeated:
            return int(work.result)
        user = find_user(work.session, user_id)
        check_access(work.session, by, user.role, "sign them out")
        work.result = _revoke(work.session, user_id, "signed out by an administrator", besides=by.session_id)
        work.audit("user.signed_out", "user", user.id, sessions=work.result)
        return int(work.result)


def sign_out_session(session_id: str, *, by: Actor, key: str | None = None) -> None:
    """End one session; takes effect with its next click. Raises NotFound, BeyondYourRights."""
    with act(by, "security.users", key=key) as work:
        row = work.session.scalars(select(UserSession).where(UserSession.id == session_id)).one_or_none()
        if row is None:
            raise NotFound(what="session", name=session_id)
        if work.repeated or row.revoked_at is not None:
            return
        if row.user_id is not None:
            check_access(work.session, by, find_user(work.session, row.user_id).role, "sign them out")
        row.revoked_at, row.revoked_reason = clock.now(), "signed out by an administrator"
        work.audit("session.ended", "session", row.id, reason=row.revoked_reason)


def sign_out_everyone(*, by: Actor, key: str | None = None) -> int:
    """End every session of the clinic but one's own and those of people with rights beyond one's own; returns how
    many."""
    with act(by, "security.users", key=key) as work:
        if work.repeated:
            return int(work.result)
        beyond = [user.id for user in work.session.scalars(select(User)) if not has_access(work.session, by, user.role)]
        reason = "everyone was signed out"
        work.result = _revoke(work.session, None, reason, besides=by.session_id, spare=beyond)
        work.audit("clinic.signed_out", "clinic", by.clinic_id, sessions=work.result)
        return int(work.result)


def find_by_name(username: str, *, by: Actor) -> UserRow:
    """The person with this user name; raises NotFound."""
    for row in list_users(by=by):
        if row.username == username.strip().lower():
            return row
    raise NotFound(what="user", name=username)


def _live(session: ClinicSession) -> list[UserSession]:
    rows = select(UserSession).where(UserSession.revoked_at.is_(None), UserSession.expires_at > clock.now())
    return [row for row in session.scalars(rows.order_by(UserSession.last_input_at.desc())) if is_live(row)]


def _revoke(
    session: ClinicSession, user_id: str | None, reason: str, *, besides: str | None = None, spare: Sequence[str] = ()
) -> int:
    statement = select(UserSession).where(UserSession.revoked_at.is_(None))
    if user_id is not None:
        statement = statement.where(UserSession.user_id == user_id)
    ended = 0
    for row in session.scalars(statement):
        if row.id != besides and row.user_id not in spare:
            ended += is_live(row)
            row.revoked_at, row.revoked_reason = clock.now(), reason
    return ended
