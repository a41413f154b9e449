"""The computers that keep the offline snapshot: each is enrolled by a one-time code and gets a token of its own, which
opens the snapshot and nothing else."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from data.errors import BadInput, NotFound
from data.models import Clinic, SnapshotDevice, User
from data.session import ClinicSession, everywhere, write
from data.types import clock
from security import audit
from security.actor import Actor
from security.rules import act, look
from security.sessions import fingerprint
from security.sign_in import remember_failure, slow_down

CODE_LIFE = timedelta(hours=1)
STALE_AFTER = timedelta(hours=24)
MOST = 50
_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
STATES = {"waiting": "Not set up yet", "fresh": "Fresh", "stale": "Old"}


class TooManyComputers(BadInput):
    """There are {most} computers with a copy already. Take one off the list that is no longer used."""


@dataclass(frozen=True)
class SnapshotComputer:
    """A computer on the list. ``state`` is waiting (its code was not used yet), fresh, or stale: enrolled, but its copy
    is older than a day or it never said that it has one."""

    id: str
    name: str
    state: str
    enrolled_at: datetime | None
    refreshed_at: datetime | None
    code_until: datetime | None
    added_by: str

    @property
    def code_ran_out(self) -> bool:
        """Whether it waits with a code that no longer works."""
        return self.state == "waiting" and (self.code_until is None or self.code_until <= clock.now())


@dataclass(frozen=True)
class Holder:
    """Who asks with a token: an enrolled computer, or one that was taken off the list."""

    clinic_id: str
    id: str
    name: str
    revoked: bool

    @property
    def actor(self) -> Actor:
        """As whom it reads."""
        return Actor.snapshot(self.clinic_id, self.name)


def add_computer(name: str, *, by: Actor, key: str | None = None) -> str:
    """Put a computer on the list; returns its code, such as ``K7QF-2MWD``: good once, for an hour. Raises BadInput,
    TooManyComputers, NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            raise BadInput(problem="That code was made already. Make another one if it was not used.")
        if not name.strip():
            raise BadInput(problem="Give the computer a name, such as Front desk.")
        if len(_standing(work.session)) >= MOST:
            raise TooManyComputers(most=MOST)
        letters = "".join(secrets.choice(_ALPHABET) for _ in range(8))
        row = SnapshotDevice(
            name=" ".join(name.split())[:80], code_hash=fingerprint(letters), code_until=clock.now() + CODE_LIFE,
            by_user_id=by.user_id,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        work.audit("snapshot.code", "snapshot_device", row.id)
        work.result = row.id
    return f"{letters[:4]}-{letters[4:]}"


def computers(*, by: Actor) -> list[SnapshotComputer]:
    """The computers on the list, by name. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        names: dict[str, str] = dict(session.execute(select(User.id, User.name)).tuples().all())
        found = [_told(row, names.get(row.by_user_id or "", "")) for row in _standing(session)]
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def revoke_computer(device_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take a computer off the list: it gets nothing more, and erases its copy when it next asks. Raises NotFound,
    NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        row = work.session.scalars(select(SnapshotDevice).where(SnapshotDevice.id == device_id)).one_or_none()
        if row is None:
            raise NotFound(what="computer", name=device_id)
        if row.revoked_at is not None:
            return
        row.revoked_at, row.code_until = clock.now(), None
        work.audit("snapshot.revoked", "snapshot_device", row.id)


def enrol(code: str, *, address: str = "") -> tuple[str, str, str] | None:
    """Bind a browser: its token, the computer's name and the clinic's; None for a wrong, used or late code."""
    slow_down(address)
    letters = "".join(one for one in code.upper() if one.isascii() and one.isalnum())
    with everywhere() as session:
        found = session.execute(
            select(SnapshotDevice.clinic_id, SnapshotDevice.id, Clinic.name)
            .join(Clinic, Clinic.id == SnapshotDevice.clinic_id)
            .where(SnapshotDevice.code_hash == fingerprint(letters), SnapshotDevice.deleted_at.is_(None))
            .where(Clinic.closed_at.is_(None))
        ).first()
    if found is None:
        remember_failure(address)
        return None
    with write(found.clinic_id) as session:
        row = session.get_one(SnapshotDevice, (found.clinic_id, found.id), with_for_update=True)
        if row.token_hash or row.revoked_at is not None or row.code_until is None or row.code_until <= clock.now():
            remember_failure(address)
            return None
        token = secrets.token_urlsafe(32)
        row.token_hash, row.code_hash, row.code_until = fingerprint(token), "", None
        row.enrolled_at = clock.now()
        audit.append(session, Actor.snapshot(found.clinic_id, row.name), "snapshot.enrolled", "snapshot_device", row.id)
        return token, row.name, found.name


def holder(token: str) -> Holder | None:
    """Whose token this is; None for one that nobody gave out."""
    if not token:
        return None
    with everywhere() as session:
        found = session.execute(
            select(SnapshotDevice.clinic_id, SnapshotDevice.id, SnapshotDevice.name, SnapshotDevice.revoked_at,
                   SnapshotDevice.deleted_at, Clinic.closed_at)
            .join(Clinic, Clinic.id == SnapshotDevice.clinic_id)
            .where(SnapshotDevice.token_hash == fingerprint(token))
        ).one_or_none()  # fmt: skip
    if found is None:
        return None
    over = found.revoked_at or found.deleted_at or found.closed_at
    return Holder(found.clinic_id, found.id, found.name, over is not None)


def note_reading(one: Holder, what: str, **counts: int) -> None:
    """Audit that a computer was given something, with how much of it."""
    with write(one.clinic_id, quiet=True) as session:
        audit.append(session, one.actor, f"snapshot.{what}", "snapshot_device", one.id, counts)


def note_stored(one: Holder) -> None:
    """The computer says that it has stored the whole of what it got, or that what it has still holds."""
    with write(one.clinic_id, quiet=True) as session:
        row = session.get(SnapshotDevice, (one.clinic_id, one.id))
        if row is not None and row.revoked_at is None:
            row.refreshed_at = clock.now()


def leave(one: Holder) -> None:
    """The computer was told to start over: its copy is gone, and its token with it."""
    with write(one.clinic_id) as session:
        row = session.get_one(SnapshotDevice, (one.clinic_id, one.id), with_for_update=True)
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            audit.append(session, one.actor, "snapshot.left", "snapshot_device", one.id)


def _standing(session: ClinicSession) -> list[SnapshotDevice]:
    return list(session.scalars(select(SnapshotDevice).where(SnapshotDevice.revoked_at.is_(None))))


def _told(row: SnapshotDevice, added_by: str) -> SnapshotComputer:
    if not row.token_hash:
        state = "waiting"
    elif row.refreshed_at is not None and clock.now() - row.refreshed_at < STALE_AFTER:
        state = "fresh"
    else:
        state = "stale"
    return SnapshotComputer(
        row.id, row.name, state, row.enrolled_at, row.refreshed_at, row.code_until, added_by
    )  # fmt: skip
