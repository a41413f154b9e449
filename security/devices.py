"""Screens that belong to the clinic rather than to a person: wall boards and shared stations.

An administrator makes a one-time code; typed on the screen within a quarter of an hour it binds that browser by a
cookie. A board shows and never writes. A station shows who works here and switches person by an own PIN.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from data.errors import BadInput, NotFound
from data.models import Ticket, User, UserSession
from data.session import ClinicSession, everywhere, write
from data.types import clock
from security import audit, passwords
from security.actor import Actor
from security.own_access import role_demands_second_factor
from security.rules import act, look
from security.sessions import fingerprint, is_live, mint_ticket
from security.sign_in import FAILURE_TAKES, remember_failure, slow_down

KINDS = {"display": "Wall board", "station": "Shared station"}
SHOWS = {
    "number": "Number of the day and species only",
    "initials": "Initials of the patient's name",
    "patient": "The patient's name",
}
CODE_LIFE = timedelta(minutes=15)
DEVICE_LIFE = timedelta(days=365)
PIN_TRIES = 5
STATION_IDLE = 10
"""Minutes without input after which a person is signed out at a shared station."""
_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"


@dataclass(frozen=True)
class Device:
    """An enrolled screen."""

    id: str
    kind: str
    name: str
    shows: str
    enrolled_at: datetime
    address: str


@dataclass(frozen=True)
class Tile:
    """A person who may switch to themselves at a station."""

    user_id: str
    name: str
    initials: str
    role: str


def make_code(kind: str, name: str, shows: str = "number", *, by: Actor, key: str | None = None) -> str:
    """A code for one screen, such as ``K7QF-2MWD``; good once, for a quarter of an hour. Raises BadInput."""
    if kind not in KINDS or shows not in SHOWS:
        raise BadInput(problem="Choose whether this is a wall board or a shared station, and what it shows.")
    if not name.strip():
        raise BadInput(problem="Give the screen a name, such as Recovery room.")
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    with act(by, "security.displays", key=key) as work:
        if work.repeated:
            raise BadInput(problem="That code was made already. Make another one if it was not used.")
        ticket = Ticket(
            secret_hash=fingerprint(letters),
            purpose="device",
            options={"kind": kind, "name": name.strip()[:80], "shows": shows},
            expires_at=clock.now() + CODE_LIFE,
        )
        work.session.add(ticket)
        work.session.flush()
        work.audit("device.code", "ticket", ticket.id, kind=kind)
    return f"{letters[:4]}-{letters[4:]}"


def enrol(code: str, *, address: str = "", agent: str = "") -> tuple[str, str] | None:
    """Bind a browser: (kind, token for its cookie), or None for a wrong, used or late code."""
    slow_down(address)
    letters = "".join(c for c in code.upper() if c.isalnum())
    with everywhere() as session:
        found = session.execute(
            select(Ticket.clinic_id, Ticket.id).where(
                Ticket.secret_hash == fingerprint(letters), Ticket.purpose == "device", Ticket.deleted_at.is_(None)
            )
        ).one_or_none()
    if found is None:
        remember_failure(address)
        return None
    with write(found.clinic_id) as session:
        ticket = session.get_one(Ticket, (found.clinic_id, found.id), with_for_update=True)
        if ticket.used_at is not None or ticket.expires_at <= clock.now():
            return None
        ticket.used_at = clock.now()
        token = secrets.token_urlsafe(32)
        kind = str(ticket.options["kind"])
        row = UserSession(
            token_hash=fingerprint(token), user_id=None, kind=kind, device=str(ticket.options["name"]), idle_minutes=0,
            address=address[:60], expires_at=clock.now() + DEVICE_LIFE,
            options={"shows": ticket.options["shows"], "agent": agent[:200]},
        )  # fmt: skip
        session.add(row)
        session.flush()
        by = Actor(found.clinic_id, "web", session_id=row.id, name=f"{kind} {row.device}")
        audit.append(session, by, "device.enrolled", "session", row.id, {"kind": kind})
    return kind, token


def list_devices(*, by: Actor) -> list[Device]:
    """The screens that are enrolled now."""
    with look(by, "security.displays") as session:
        rows = session.scalars(
            select(UserSession)
            .where(UserSession.kind.in_(tuple(KINDS)), UserSession.revoked_at.is_(None))
            .order_by(UserSession.entered_at)
        )
        return [
            Device(row.id, row.kind, row.device, str(row.options.get("shows", "")), row.entered_at, row.address)
            for row in rows
            if is_live(row)
        ]


def revoke(device_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take a screen away; it goes blank with its next refresh, and who switched to themselves at a station is signed
    out of it. Raises NotFound."""
    with act(by, "security.displays", key=key) as work:
        row = work.session.scalars(
            select(UserSession).where(UserSession.id == device_id, UserSession.kind.in_(tuple(KINDS)))
        ).one_or_none()
        if row is None:
            raise NotFound(what="screen", name=device_id)
        if work.repeated or row.revoked_at is not None:
            return
        row.revoked_at, row.revoked_reason = clock.now(), "screen taken away"
        people = _end_sessions_at(work.session, row.id) if row.kind == "station" else 0
        work.audit("device.revoked", "session", row.id, kind=row.kind, sessions=people)


def _end_sessions_at(session: ClinicSession, station_id: str) -> int:
    """End what a PIN opened at a station, and what it is about to open; returns how many sessions."""
    here = [
        row
        for row in session.scalars(select(UserSession).where(UserSession.revoked_at.is_(None)))
        if row.options.get("station") == station_id
    ]
    for row in here:
        row.revoked_at, row.revoked_reason = clock.now(), "screen taken away"
    for ticket in session.scalars(select(Ticket).where(Ticket.purpose == "sign-in", Ticket.used_at.is_(None))):
        if ticket.options.get("station") == station_id:
            ticket.used_at = clock.now()
    return len(here)


def tiles(station_token: str) -> list[Tile] | None:
    """Who can switch to themselves at this station; None where the browser is no station any more."""
    station = _station(station_token)
    if station is None:
        return None
    by = Actor.worker(station.clinic_id)
    with look(by, None) as session:
        people = session.scalars(select(User).where(User.status == "active", User.pin_hash != "").order_by(User.name))
        return [
            Tile(user.id, user.name, user.initials or user.name[:1], user.role)
            for user in people
            if not role_demands_second_factor(session, user.role)
        ]


def switch(station_token: str, user_id: str, pin: str, *, browser: str = "") -> str | None:
    """A sign-in ticket for a person at a station, or None for a wrong PIN; five wrong ones need the password."""
    import time

    started = time.monotonic()
    station = _station(station_token)
    if station is None:
        return None
    with everywhere() as session:
        user = session.scalars(
            select(User).where(User.clinic_id == station.clinic_id, User.id == user_id, User.deleted_at.is_(None))
        ).one_or_none()
    right = passwords.matches(user.pin_hash if user else "", pin)
    if user is not None and _count_pin(station, user, right):
        options: dict[str, object] = {"station": station.id, "idle": STATION_IDLE}
        return mint_ticket(station.clinic_id, user.id, browser=browser, options=options)
    time.sleep(max(0.0, started + FAILURE_TAKES - time.monotonic()))
    return None


def pin_is_spent(user_id: str, station_token: str) -> bool:
    """Whether somebody's PIN was tried wrongly too often; then only the password helps, which frees it again."""
    station = _station(station_token)
    if station is None:
        return False
    with everywhere() as session:
        failures = session.scalar(
            select(User.pin_failures).where(User.clinic_id == station.clinic_id, User.id == user_id)
        )
    return (failures or 0) >= PIN_TRIES


def _count_pin(station: UserSession, user: User, right: bool) -> bool:
    with write(station.clinic_id) as session:
        row = session.get_one(User, (user.clinic_id, user.id), with_for_update=True)
        if row.status != "active" or row.locked_at is not None or row.pin_failures >= PIN_TRIES:
            return False
        if role_demands_second_factor(session, row.role):
            return False
        if right:
            row.pin_failures = 0
            return True
        row.pin_failures += 1
        if row.pin_failures == PIN_TRIES:
            session.flush()
            by = Actor(station.clinic_id, "web", user_id=user.id)
            audit.append(session, by, "user.pin_spent", "user", user.id, {"station": station.id})
        return False


def _station(token: str) -> UserSession | None:
    if not token:
        return None
    with everywhere() as session:
        row = session.scalars(
            select(UserSession).where(UserSession.token_hash == fingerprint(token), UserSession.kind == "station")
        ).one_or_none()
    return row if row is not None and is_live(row) else None
