"""How far one person's rights reach over another's: nobody gives, takes or resets what they do not hold themselves."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select

from data.errors import NotFound, Refusal
from data.models import User
from data.session import ClinicSession
from data.types import is_id
from security.actor import Actor
from security.permissions import PERMISSIONS
from security.roles import permissions_of
from security.rules import authorize

OWNER = "owner"


class BeyondYourRights(Refusal):
    """The role {role} may {action}, which yours may not, so you cannot {verb}. Ask an owner to do it."""

    exit_code = 3


class LastOwner(Refusal):
    """{name} is the only owner who can sign in. Make somebody else an owner first, then {verb}."""


class NotYourself(Refusal):
    """You cannot {verb} yourself. Ask another administrator to do it."""


def check_reach(session: ClinicSession, by: Actor, role: str, verb: str) -> None:
    """Raise BeyondYourRights when a role holds rights that the actor lacks."""
    check_rights(session, by, permissions_of(session, role), role, verb)


def check_access(session: ClinicSession, by: Actor, role: str, verb: str) -> None:
    """The same without what is the owner's own: for what neither gives nor takes a right, such as signing somebody out.
    An administrator, who has the owner's access, reaches an owner so; a lesser role does not."""
    check_rights(session, by, _access(session, role), role, verb)


def has_access(session: ClinicSession, by: Actor, role: str) -> bool:
    """Whether ``check_access`` lets the actor pass."""
    return _access(session, role) <= authorize(session, by, None)


def _access(session: ClinicSession, role: str) -> frozenset[str]:
    return frozenset(name for name in permissions_of(session, role) if not PERMISSIONS[name].owner_only)


def check_rights(session: ClinicSession, by: Actor, names: Iterable[str], role: str, verb: str) -> None:
    """Raise BeyondYourRights when the actor lacks one of these permissions."""
    missing = sorted(frozenset(names) - authorize(session, by, None))
    if missing:
        raise BeyondYourRights(role=role, action=PERMISSIONS[missing[0]].action, verb=verb)


def check_not_last_owner(session: ClinicSession, user: User, verb: str) -> None:
    """Raise LastOwner when this is the only owner who can sign in."""
    if user.role != OWNER or user.status != "active":
        return
    owners = select(func.count()).select_from(User).where(User.role == OWNER, User.status == "active")
    if session.scalar(owners) == 1:
        raise LastOwner(name=user.name, verb=verb)


def check_not_self(by: Actor, user: User, verb: str) -> None:
    """Raise NotYourself when the actor is the person acted on."""
    if by.user_id == user.id:
        raise NotYourself(verb=verb)


def find_user(session: ClinicSession, user_id: str) -> User:
    """A person of this clinic by id; raises NotFound."""
    user = session.scalars(select(User).where(User.id == user_id)).one_or_none() if is_id(user_id) else None
    if user is None:
        raise NotFound(what="person", name=user_id)
    return user
