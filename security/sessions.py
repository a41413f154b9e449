"""Sessions are rows: made from a one-time ticket, looked up by the hash of their token, ended by revoking the row."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, update

from data.engine import database
from data.errors import SessionEnded
from data.models import Definition, Ticket, User, UserSession
from data.session import ClinicSession, everywhere, write
from data.types import clock
from security import audit
from security.actor import Actor
from security.permissions import DISPLAY_MAY
from security.profile import profile
from security.roles import known_permissions

ABSOLUTE = timedelta(hours=12)
TICKET_LIFE = timedelta(seconds=30)
TOUCH_EVERY = timedelta(seconds=20)


@dataclass(frozen=True)
class Person:
    """The signed-in person behind a session token, as the pages need them."""

    actor: Actor
    username: str
    name: str
    role: str
    kind: str
    """person, station or display."""
    idle_minutes: int
    seconds_left: int
    end_left: int
    """Seconds until the sign-in ends whatever the person does; ``seconds_left`` is the nearer of this and idle."""
    options: dict[str, object] = field(default_factory=dict)
    may: frozenset[str] = frozenset()
    """What the role opened at the beginning of this run, for building menus. The rules check again."""


def fingerprint(secret: str) -> str:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_live(row: Any) -> bool:
    """Whether a session row still stands: not revoked, not past its end, not idle too long."""
    now = clock.now()
    if row.revoked_at is not None or row.expires_at <= now:
        return False
    return not row.idle_minutes or row.last_input_at + timedelta(minutes=row.idle_minutes) > now


def mint_ticket(clinic_id: str, user_id: str, *, browser: str = "", options: dict[str, object] | None = None) -> str:
    """A one-time sign-in ticket of 30 seconds for a person whose password (and code) were right.

    ``browser`` is the pre-login cookie of the browser that may redeem it, against login CSRF.
    """
    secret = secrets.token_urlsafe(32)
    with write(clinic_id) as session:
        session.add(
            Ticket(
                secret_hash=fingerprint(secret),
                purpose="sign-in",
                user_id=user_id,
                bound_to=fingerprint(browser) if browser else "",
                options=options or {},
                expires_at=clock.now() + TICKET_LIFE,
            )
        )
    return secret


def redeem_ticket(secret: str, *, browser: str = "", device: str = "", address: str = "") -> str | None:
    """Turn a ticket into a session; returns the session token, or None for a used, late or foreign ticket."""
    with everywhere() as session:
        found = session.execute(
            select(Ticket.clinic_id, Ticket.id).where(Ticket.secret_hash == fingerprint(secret))
        ).one_or_none()
    if found is None:
        return None
    with write(found.clinic_id) as session:
        ticket = session.get_one(Ticket, (found.clinic_id, found.id), with_for_update=True)
        if ticket.purpose != "sign-in" or ticket.used_at or ticket.expires_at <= clock.now():
            return None
        if ticket.bound_to != (fingerprint(browser) if browser else ""):
            return None
        ticket.used_at = clock.now()
        assert ticket.user_id is not None
        return open_session(session, ticket.user_id, device=device, address=address, options=ticket.options)


def open_session(
    session: ClinicSession,
    user_id: str,
    *,
    device: str = "",
    address: str = "",
    options: dict[str, object] | None = None,
) -> str:
    """Add a session row for a person and audit the sign-in; returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    row = UserSession(
        token_hash=fingerprint(token),
        user_id=user_id,
        device=device[:200],
        address=address[:60],
        idle_minutes=min(profile(session).idle_minutes, _whole((options or {}).get("idle"), 30)),
        expires_at=clock.now() + ABSOLUTE,
        options=options or {},
    )
    session.add(row)
    user = session.get_one(User, (session.clinic_id, user_id))
    user.last_sign_in_at = clock.now()
    session.flush()
    by = Actor(session.clinic_id, "web", user_id=user_id, session_id=row.id)
    audit.append(session, by, "session.opened", "session", row.id)
    return token


def _whole(value: object, missing: int) -> int:
    return value if isinstance(value, int) else missing


def resume(token: str, *, touch: bool) -> Person:
    """The person behind a token. ``touch`` says that the person did something just now; timed refreshes never do.

    Raises SessionEnded when the session is over; an idle one is revoked on the spot.
    """
    row = _find(token)
    if row is None or not is_live(row):
        if row is not None and row.revoked_at is None:
            end(row.clinic_id, row.id, "idle")
        raise SessionEnded()
    now = clock.now()
    known = row.username is not None
    if known and (row.status != "active" or row.deleted_at is not None):
        raise SessionEnded()
    last_input_at = row.last_input_at
    if touch and now - last_input_at > TOUCH_EVERY:
        with write(row.clinic_id) as session:
            note_input(session, row.id)
        last_input_at = now
    end_left = left = row.expires_at - now
    if row.idle_minutes:
        left = min(left, last_input_at + timedelta(minutes=row.idle_minutes) - now)
    return Person(
        actor=Actor(
            row.clinic_id,
            "web",
            user_id=row.user_id,
            session_id=row.id,
            name="" if known else f"{row.kind} {row.device}",
        ),
        username=row.username if known else "",
        name=row.name if known else row.device,
        role=row.role if known else "",
        kind=row.kind,
        idle_minutes=row.idle_minutes,
        seconds_left=int(left.total_seconds()),
        end_left=int(end_left.total_seconds()),
        options=dict(row.options),
        may=DISPLAY_MAY if row.kind == "display" else known_permissions(row.body),
    )


def note_input(session: ClinicSession, session_id: str) -> None:
    """The person did something: start the idle time anew, in the transaction at hand and without a version."""
    session.execute(
        update(UserSession)
        .where(UserSession.clinic_id == session.clinic_id, UserSession.id == session_id)
        .values(last_input_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def live_kind(token: str) -> str:
    """What the gate may let a request with this cookie through as: person, display, or nothing."""
    row = _find(token)
    return str(row.kind) if row is not None and is_live(row) else ""


def token_is_live(token: str) -> bool:
    """Whether anything still opens with this cookie."""
    return bool(live_kind(token))


def end(clinic_id: str, session_id: str, reason: str, *, by: Actor | None = None) -> None:
    """Revoke a session; takes effect with the next request or rule."""
    with write(clinic_id) as session:
        row = session.get(UserSession, (clinic_id, session_id))
        if row is None or row.revoked_at is not None:
            return
        row.revoked_at, row.revoked_reason = clock.now(), reason
        session.flush()
        actor = by or Actor(clinic_id, "web", user_id=row.user_id, session_id=row.id)
        audit.append(session, actor, "session.ended", "session", row.id, {"reason": reason})


def sign_out(token: str) -> None:
    """End the session behind a cookie."""
    row = _find(token)
    if row is not None:
        end(row.clinic_id, row.id, "signed out")


_SESSION, _USER, _ROLE = UserSession.__table__.c, User.__table__.c, Definition.__table__.c
_BY_TOKEN = (
    select(
        _SESSION.clinic_id, _SESSION.id, _SESSION.user_id, _SESSION.kind, _SESSION.device, _SESSION.options,
        _SESSION.idle_minutes, _SESSION.last_input_at, _SESSION.expires_at, _SESSION.revoked_at,
        _USER.username, _USER.name, _USER.role, _USER.status, _USER.deleted_at, _ROLE.body,
    )
    .select_from(UserSession.__table__)
    .outerjoin(User.__table__, (_USER.clinic_id == _SESSION.clinic_id) & (_USER.id == _SESSION.user_id))
    .outerjoin(
        Definition.__table__,
        (_ROLE.clinic_id == _USER.clinic_id) & (_ROLE.kind == "role") & (_ROLE.slug == _USER.role)
        & _ROLE.deleted_at.is_(None),
    )
    .where(_SESSION.token_hash == bindparam("token"), _SESSION.kind != "station")
)  # fmt: skip
"""The session behind a token with its person and role, in one statement: every run of every page begins with it."""


def _find(token: str) -> Any:
    if not token:
        return None
    with database().reader.connect() as connection:
        return connection.execute(_BY_TOKEN, {"token": fingerprint(token)}).one_or_none()


def void_tickets(session: ClinicSession, user_id: str) -> None:
    """Withdraw what would let somebody become this person: a sign-in under way, a link to a new password. Done whenever
    the password or the rights it gives change hands."""
    for ticket in session.scalars(select(Ticket).where(Ticket.user_id == user_id, Ticket.used_at.is_(None))):
        ticket.used_at = clock.now()


def end_all_after_restore() -> int:
    """Void every session, link and code of every clinic of this home, which a backup brought back to life; returns how
    many sessions."""
    with everywhere() as session:
        live = session.execute(
            select(UserSession.clinic_id, UserSession.id).where(UserSession.revoked_at.is_(None))
        ).all()
        clinics = session.scalars(select(Ticket.clinic_id).where(Ticket.used_at.is_(None)).distinct()).all()
    for clinic_id in clinics:
        with write(clinic_id) as one:
            for ticket in one.scalars(select(Ticket).where(Ticket.used_at.is_(None))):
                ticket.used_at = clock.now()
    for clinic_id, session_id in live:
        end(clinic_id, session_id, "restored from a backup", by=Actor.operator(clinic_id))
    return len(live)
