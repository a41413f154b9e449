"""Invitations and password resets: a one-time link that lets a person choose their own password.

The link's secret is derived from the form's key, so that a double click hands out the same link; only its
fingerprint is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from data.engine import database
from data.errors import BadInput, NotFound, Refusal
from data.models import Clinic, Ticket, User, UserSession
from data.session import ClinicSession, everywhere, write
from data.types import clock
from messages.outbox import queue
from security import audit, passwords
from security.actor import Actor
from security.clinics import NameTaken, clean_username
from security.reach import check_not_self, check_reach, find_user
from security.roles import permissions_of
from security.rules import act
from security.sessions import fingerprint, void_tickets

INVITATION_LIFE = timedelta(days=7)
RESET_LIFE = timedelta(hours=24)
PURPOSES = ("invite", "reset")


class LinkSpent(Refusal):
    """This link was used before, is too old, or was replaced by a newer one. Ask an administrator for another."""


@dataclass(frozen=True)
class Link:
    """A one-time link: the part behind the address of the clinic, and until when it works."""

    user_id: str
    path: str
    expires_at: datetime


@dataclass(frozen=True)
class Invited:
    """Whom a link is for. ``purpose`` is invite or reset."""

    purpose: str
    clinic: str
    username: str
    name: str
    expires_at: datetime


def invite(
    username: str, role: str, *, name: str, email: str = "", site: str = "", by: Actor, key: str | None = None
) -> Link:
    """Add a person who chooses a password by the link, within 7 days.

    ``site`` is the address of this installation as a browser knows it; with it and an e-mail address the link is
    mailed too. Raises NameTaken, BadInput, NotFound, BeyondYourRights.
    """
    name, email = name.strip(), email.strip()
    if not name:
        raise BadInput(problem="Enter the person's name.")
    username = clean_username(username)
    if email and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise BadInput(problem=f"'{email}' is not an e-mail address. Write it like name@example.org.")
    with act(by, "security.users", key=key) as work:
        session = work.session
        if work.repeated:
            return _link(session, find_user(session, str(work.result)), "invite", key)
        with everywhere() as anywhere:
            if anywhere.scalar(select(User.id).where(User.username == username)):
                raise NameTaken(what="user name", name=username)
        if not permissions_of(session, role):
            raise NotFound(what="role", name=role)
        check_reach(session, by, role, "give it to anybody")
        user = User(
            username=username, name=name, role=role, email=email, status="invited",
            initials="".join(part[0] for part in name.split())[:4].upper(),
        )  # fmt: skip
        session.add(user)
        session.flush()
        link = _link(session, user, "invite", key)
        _mail(session, user, link, "invite", site)
        work.audit("user.invited", "user", user.id, role=role)
        work.result = user.id
    return link


def invite_again(user_id: str, *, site: str = "", by: Actor, key: str | None = None) -> Link:
    """A new link for a person who has not accepted; the earlier one stops working. Raises NotFound, BadInput."""
    with act(by, "security.users", key=key) as work:
        user = find_user(work.session, user_id)
        if user.status != "invited":
            raise BadInput(problem=f"{user.name} has accepted the invitation already. Reset the password instead.")
        check_reach(work.session, by, user.role, "invite them")
        link = _link(work.session, user, "invite", key)
        if not work.repeated:
            _mail(work.session, user, link, "invite", site)
            work.audit("user.invited_again", "user", user.id)
            work.result = user.id
    return link


def reset_password(user_id: str, *, site: str = "", by: Actor, key: str | None = None) -> Link:
    """A one-time link, good for 24 hours, by which a person chooses a new password.

    The old password works until then, so that a link made by mistake locks nobody out.
    Raises NotFound, NotYourself, BeyondYourRights, BadInput.
    """
    with act(by, "security.users", key=key) as work:
        user = find_user(work.session, user_id)
        check_not_self(by, user, "reset the password of")
        check_reach(work.session, by, user.role, "reset their password")
        if user.status != "active":
            raise BadInput(problem=f"{user.name} cannot sign in at present. Enable or invite them first.")
        link = _link(work.session, user, "reset", key)
        if not work.repeated:
            _mail(work.session, user, link, "reset", site)
            work.audit("user.reset", "user", user.id)
            work.result = user.id
    return link


def open_link(secret: str) -> Invited:
    """Whom a link is for, without using it up; raises LinkSpent."""
    ticket, user, clinic = _find(secret)
    return Invited(ticket.purpose, clinic, user.username, user.name, ticket.expires_at)


def accept(secret: str, password: str) -> Invited:
    """Set the password by a link and use the link up. Signs the person out everywhere, a sign-in under way too,
    releases a lock and gives up the PIN for shared stations.

    Raises LinkSpent, WeakPassword.
    """
    found, user, clinic = _find(secret)
    passwords.check_strength(password, user.username, user.name)
    hashed = passwords.hash_secret(password)
    with write(found.clinic_id) as session:
        ticket = session.get_one(Ticket, (found.clinic_id, found.id), with_for_update=True)
        person = find_user(session, user.id)
        if not _opens(ticket, person):
            raise LinkSpent()
        void_tickets(session, person.id)
        person.password_hash, person.failures, person.locked_at = hashed, 0, None
        person.pin_hash, person.pin_failures = "", 0
        person.status = "active"
        rows = session.scalars(
            select(UserSession).where(UserSession.user_id == person.id, UserSession.revoked_at.is_(None))
        )
        for row in rows:
            row.revoked_at, row.revoked_reason = clock.now(), "new password"
        session.flush()
        by = Actor(found.clinic_id, "web", user_id=person.id)
        action = "user.accepted" if ticket.purpose == "invite" else "user.new_password"
        audit.append(session, by, action, "user", person.id)
    return Invited(found.purpose, clinic, user.username, user.name, found.expires_at)


def _find(secret: str) -> tuple[Ticket, User, str]:
    with everywhere() as session:
        found = session.execute(
            select(Ticket, User, Clinic.name)
            .join(User, (User.clinic_id == Ticket.clinic_id) & (User.id == Ticket.user_id))
            .join(Clinic, Clinic.id == Ticket.clinic_id)
            .where(Ticket.secret_hash == fingerprint(secret), Ticket.purpose.in_(PURPOSES), Clinic.closed_at.is_(None))
        ).one_or_none()
    if found is None:
        raise LinkSpent()
    ticket, user, clinic = found
    if not _opens(ticket, user):
        raise LinkSpent()
    return ticket, user, clinic


def _opens(ticket: Ticket, user: User) -> bool:
    """Whether a link is still good, for a person it can serve."""
    wanted = "invited" if ticket.purpose == "invite" else "active"
    return ticket.used_at is None and ticket.expires_at > clock.now() and user.status == wanted


def _mail(session: ClinicSession, user: User, link: Link, purpose: str, site: str) -> None:
    """The link by mail, where the address of the person and of this installation are known."""
    if not user.email or not site:
        return
    clinic = session.get_one(Clinic, session.clinic_id).name
    sentence = (
        f"You are invited to work with {clinic} in Ballast. Choose your password here, within 7 days:"
        if purpose == "invite"
        else f"Choose a new password for {clinic} here, within 24 hours:"
    )
    queue(
        session, purpose="invitation", dedupe_key=f"{purpose}-{fingerprint(link.path)[:40]}", recipient=user.email,
        subject="Your sign-in for Ballast",
        text=f"Hello {user.name},\n\n{sentence}\n\n{site.rstrip('/')}{link.path}\n\nThe link works once. "
        "If you did not expect it, tell your clinic and do not open it.\n",
    )  # fmt: skip


def _link(session: ClinicSession, user: User, purpose: str, key: str | None) -> Link:
    """The link for a form's key: made once, the earlier ones of that person withdrawn. The same click after the link
    was used gives the used one."""
    text = f"{purpose}:{user.id}:{key or uuid.uuid4()}"
    secret = hmac.new(database().home.key("token"), text.encode(), hashlib.sha256).hexdigest()[:40]
    made = session.scalars(select(Ticket).where(Ticket.secret_hash == fingerprint(secret))).one_or_none()
    if made is not None:
        return Link(user.id, f"/?{purpose}={secret}", made.expires_at)
    now = clock.now()
    open_ones = select(Ticket).where(Ticket.user_id == user.id, Ticket.purpose.in_(PURPOSES), Ticket.used_at.is_(None))
    for ticket in session.scalars(open_ones):
        ticket.used_at = now
    expires = now + (INVITATION_LIFE if purpose == "invite" else RESET_LIFE)
    session.add(Ticket(secret_hash=fingerprint(secret), purpose=purpose, user_id=user.id, expires_at=expires))
    session.flush()
    return Link(user.id, f"/?{purpose}={secret}", expires)
