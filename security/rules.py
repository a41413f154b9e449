"""The frame of every rule: one permission check, one transaction, one audit row.

    def close_batch(batch_id: str, *, by: Actor, key: str | None = None) -> str:
        with act(by, "reconciliation.use", key=key) as work:
            if work.repeated:
                return work.result
            ...
            work.audit("batch.closed", "batch", batch_id)
            work.result = batch_id
        return batch_id

Inside the transaction the actor's session row is read again, so that a revocation, a disabled user or a changed role
holds at once.

A rule that consists of others calls them inside ``together``: they join its transaction, each with its own permission
check and audit rows, and a refusal of one undoes all.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

from sqlalchemy import bindparam, select

from data.errors import NotPermitted, SessionEnded
from data.kept import kept
from data.models import BreakGlass, ChainHead, Definition, Idempotency, User, UserSession
from data.session import ClinicSession, read, write
from data.types import clock
from security import audit
from security.actor import Actor
from security.permissions import DISPLAY_MAY, PERMISSIONS
from security.roles import known_permissions, permissions_of
from security.sessions import TOUCH_EVERY, is_live, note_input

P = ParamSpec("P")
T = TypeVar("T")


class Work:
    """What a rule holds while it acts."""

    def __init__(self, session: ClinicSession, by: Actor, permission: str, key: str | None) -> None:
        self.session = session
        self.by = by
        self.permission = permission
        self.key = key
        self.result: Any = None
        self.repeated = False
        self._audited = False

    def audit(self, action: str, entity: str = "", entity_id: str = "", **detail: object) -> None:
        """Write what was done. Detail: field names, ids, counts, reasons; never clinical or contact values."""
        self.session.flush()
        audit.append(self.session, self.by, action, entity, entity_id, detail)
        self._audited = True

    def finish(self) -> None:
        """At its end: a change without an audit row is a programming error."""
        session = self.session
        changed = bool(session.new or session.dirty) or session.info.get("flushed")
        if changed and not self._audited:
            raise AssertionError(f"a rule under {self.permission} changed rows without an audit row")
        if self.key and not self.repeated and self._audited:
            done = Idempotency(key=self.key, who=who(self.by), permission=self.permission, result=self.result)
            session.add(done)


@contextlib.contextmanager
def act(by: Actor, permission: str | None, *, key: str | None = None) -> Iterator[Work]:
    """Carry out a change. ``permission`` None is for what everyone may do to their own things.

    ``key`` is the idempotency key of the form: when the same person used it before under the same permission,
    ``work.repeated`` is true and ``work.result`` holds the earlier result. Raises SessionEnded, NotPermitted.
    """
    joint = joined(by)
    if joint is not None:
        with _joining(joint, by, permission, key) as work:
            yield work
        return
    if getattr(_here, "joint", None) is not None:
        raise AssertionError("rules of two people or two clinics in one transaction")
    with write(by.clinic_id) as session:
        session.head()  # rules of one clinic take turns: what one reads, another cannot change before it is written
        work = _begun(session, by, permission, key)
        yield work
        work.finish()


def _begun(session: ClinicSession, by: Actor, permission: str | None, key: str | None) -> Work:
    """What a rule holds, once it may act: its earlier result where it was asked the same before."""
    authorize(session, by, permission, writing=True)
    work = Work(session, by, permission or "own", key)
    if key:
        done = earlier(session, by, work.permission, key)
        if done is not None:
            work.repeated, work.result = True, done.result
    return work


class _Joint:
    """The transaction that rules join while ``together`` lasts, and the first refusal in it."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.refused: BaseException | None = None


_here = threading.local()
"""The joint transaction of this thread."""


@contextlib.contextmanager
def together(by: Actor, permission: str | None, *, key: str | None = None) -> Iterator[Work]:
    """Carry out several rules as one: those called inside for the same actor join this one transaction.

    Each keeps its own permission check, audit rows and idempotency key. What one of them refuses is refused as a
    whole, also when the caller caught it: the first refusal is raised again at the end, and nothing is written. Keys
    of joined rules must differ from one another. Raises SessionEnded, NotPermitted and what the joined rules raise.
    """
    with act(by, permission, key=key) as work:
        outer = getattr(_here, "joint", None)
        if outer is not None:
            yield work
            return
        joint = _here.joint = _Joint(work)
        try:
            yield work
        finally:
            _here.joint = None
        if joint.refused is not None:
            raise joint.refused


def joined(by: Actor) -> _Joint | None:
    """The joint transaction this actor's rules belong to in this thread, if there is one."""
    joint: _Joint | None = getattr(_here, "joint", None)
    return joint if joint is not None and joint.work.by == by else None


@contextlib.contextmanager
def _joining(joint: _Joint, by: Actor, permission: str | None, key: str | None) -> Iterator[Work]:
    """A rule inside ``together``, held to the same as one of its own: what it changes, it audits."""
    session = joint.work.session
    try:
        session.flush()
        before = session.info.pop("flushed", False)
        work = _begun(session, by, permission, key)
        yield work
        work.finish()
        session.flush()
        session.info["flushed"] = before or session.info.get("flushed", False)
    except BaseException as refusal:
        joint.refused = joint.refused or refusal
        raise


def who(by: Actor) -> str:
    """The actor as idempotency keys are told apart by."""
    return (by.user_id or by.session_id or by.name or by.source)[:80]


def earlier(session: ClinicSession, by: Actor, permission: str, key: str) -> Idempotency | None:
    """What this actor did before under this permission with this key."""
    statement = select(Idempotency).where(
        Idempotency.key == key, Idempotency.who == who(by), Idempotency.permission == permission
    )
    return session.scalars(statement).one_or_none()


@contextlib.contextmanager
def look(by: Actor, permission: str | None) -> Iterator[ClinicSession]:
    """Read under a permission, in one consistent snapshot; inside ``together`` as that transaction has it so far.

    Raises SessionEnded, NotPermitted.
    """
    joint = joined(by)
    if joint is not None:
        joint.work.session.flush()
        authorize(joint.work.session, by, permission)
        yield joint.work.session
        return
    with read(by.clinic_id) as session:
        authorize(session, by, permission)
        yield session


def authorize(session: ClinicSession, by: Actor, permission: str | None, *, writing: bool = False) -> frozenset[str]:
    """Check the actor against the rows as they are now; returns what the actor may do.

    ``writing`` counts as input against the idle log-off, and is refused to a display.
    """
    if permission is not None and permission not in PERMISSIONS:
        raise AssertionError(f"no such permission: {permission}")
    if by.is_trusted:
        return frozenset(PERMISSIONS)
    known = session.info.get("rights")
    allowed = known[1] if known is not None and known[0] == by else _permissions_now(session, by, writing)
    if joined(by) is not None:
        session.info["rights"] = (by, allowed)  # nobody else can change them before this transaction ends
    if by.within is not None:
        allowed &= by.within
    session.info["may"] = allowed
    if permission is not None and permission not in allowed:
        raise NotPermitted(action=PERMISSIONS[permission].action)
    return allowed


def remembered(permission: str | None, *, personal: bool = False) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Keep the answers of a reading rule until something in the clinic changes, for at most 15 seconds.

    The permission is checked each time. An answer is given to everybody of the clinic who may do the same and has the
    same restricted records open, for the same arguments; a ``personal`` one only to the person who asked. It is
    handed out again as it is, so nobody may change it; and what the rule records of its being asked (who looked)
    belongs outside of it.
    """

    def decorate(rule: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(rule)
        def answer(*args: P.args, **kwargs: P.kwargs) -> T:
            by = cast(Actor, kwargs["by"])
            with look(by, permission) as session:
                change, reader = _reader(session, by)
            asked = repr((args, sorted((name, value) for name, value in kwargs.items() if name != "by")))
            what = (rule.__module__, rule.__qualname__, *reader, personal and by.user_id, asked)

            def unmoved(_: object) -> bool:
                """Whether the answer, read after the look above, is still of the same clinic and the same rights."""
                with look(by, permission) as session:
                    return _reader(session, by) == (change, reader)

            return kept(by.clinic_id, change, what, lambda: rule(*args, **kwargs), keep=unmoved)

        return answer

    return decorate


def _reader(session: ClinicSession, by: Actor) -> tuple[int | None, tuple[Any, ...]]:
    """The clinic's change number, and what decides which answer somebody gets: rights and records they opened."""
    return session.seen_change(), (session.info.get("may"), _open_records(session, by))


def _open_records(session: ClinicSession, by: Actor) -> frozenset[str]:
    """The clients whose restricted records this person has opened in an emergency and may still read."""
    if "security.break_glass" not in (session.info.get("may") or ()):
        return frozenset()

    def of_everybody() -> list[Any]:
        columns = select(BreakGlass.user_id, BreakGlass.client_id, BreakGlass.until)
        return list(session.execute(columns.where(BreakGlass.until > clock.now())))

    standing = kept(session.clinic_id, session.seen_change(), ("open records",), of_everybody)
    return frozenset(row.client_id for row in standing if row.user_id == by.user_id and row.until > clock.now())


_USER, _SESSION, _ROLE = User.__table__.c, UserSession.__table__.c, Definition.__table__.c
_NOW = (
    select(
        _SESSION.user_id, _SESSION.kind, _SESSION.revoked_at, _SESSION.expires_at, _SESSION.idle_minutes,
        _SESSION.last_input_at, _USER.username, _USER.role, _USER.status, _USER.deleted_at,
        _ROLE.number, _ROLE.body, ChainHead.__table__.c.content_change,
    )
    .select_from(UserSession.__table__)
    .join(ChainHead.__table__, ChainHead.__table__.c.clinic_id == _SESSION.clinic_id)
    .outerjoin(User.__table__, (_USER.clinic_id == _SESSION.clinic_id) & (_USER.id == _SESSION.user_id))
    .outerjoin(
        Definition.__table__,
        (_ROLE.clinic_id == _USER.clinic_id) & (_ROLE.kind == "role") & (_ROLE.slug == _USER.role)
        & _ROLE.deleted_at.is_(None),
    )
    .where(_SESSION.clinic_id == bindparam("clinic"), _SESSION.id == bindparam("session"))
    .where(_SESSION.deleted_at.is_(None))
)  # fmt: skip
"""Everything that decides whether a signed-in person may act, in one statement: it runs in every rule."""


def _permissions_now(session: ClinicSession, by: Actor, writing: bool) -> frozenset[str]:
    if by.source != "web":
        return _permissions_of_user(session, by)
    found = session.connection().execute(_NOW, {"clinic": by.clinic_id, "session": by.session_id}).one_or_none()
    if found is None or found.user_id != by.user_id or not is_live(found):
        raise SessionEnded()
    session.seen_change(found.content_change)
    if found.kind == "display":
        if writing:
            raise NotPermitted(action="change anything from a wall board")
        return DISPLAY_MAY
    if found.status != "active" or found.deleted_at is not None:
        raise SessionEnded()
    session.info["username", by.user_id] = found.username
    if writing and clock.now() - found.last_input_at > TOUCH_EVERY:
        note_input(session, str(by.session_id))
    return known_permissions(found.body)


def _permissions_of_user(session: ClinicSession, by: Actor) -> frozenset[str]:
    """For a person a job or command acts for."""
    user = session.execute(select(User.role, User.status).where(User.id == by.user_id)).one_or_none()
    if user is None or user.status != "active":
        raise SessionEnded()
    return permissions_of(session, user.role)
