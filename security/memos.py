"""Memos: a notice to everybody or to some roles, until a day; it stands on the home page until acknowledged.

What was posted is never changed: an edit is a new memo in the place of the old one, so that everybody reads it again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, or_, select

from data import definitions
from data.errors import BadInput, NotFound
from data.models import Clinic, Definition, Memo, MemoReading, User
from data.session import ClinicSession
from data.types import clock, is_id
from security.actor import Actor
from security.roles import ROLE
from security.rules import act, look

TITLE_MOST, BODY_MOST = 120, 4_000


class EmptyMemo(BadInput):
    """A memo needs a title and a text."""


class MemoTooLong(BadInput):
    """The {what} of a memo has at most {most} letters."""


class MemoRunsOutBefore(BadInput):
    """The last day of a memo cannot be over already."""


class NoSuchRole(BadInput):
    """There is no role called {name}. Choose from the list, or nobody for everybody."""


@dataclass(frozen=True)
class Notice:
    """A memo as somebody reads it. ``read_at`` is when they acknowledged it."""

    id: str
    title: str
    body: str
    posted_at: datetime
    who: str
    expires_on: date | None
    read_at: datetime | None = None


@dataclass(frozen=True)
class Posted:
    """A memo as those who post see it: who has read it and when, and who has not. ``state`` is standing, withdrawn or
    over; no ``roles`` means everybody."""

    notice: Notice
    state: str
    roles: tuple[str, ...]
    read: tuple[tuple[str, datetime], ...]
    unread: tuple[str, ...]
    on_status_page_at: datetime | None


def post(
    title: str, body: str, *, by: Actor, roles: Collection[str] = (), expires_on: date | None = None,
    instead_of: str = "", key: str | None = None,
) -> str:  # fmt: skip
    """Post a memo to everybody, or to roles (their slugs), until the end of a day; returns its id. ``instead_of`` is a
    memo it replaces, which is withdrawn.

    Raises EmptyMemo, MemoTooLong, MemoRunsOutBefore, NoSuchRole, NotFound, NotPermitted.
    """
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        title, body = " ".join(_clean(title).split()), _clean(body).strip()
        if not title or not body:
            raise EmptyMemo()
        for text, what, most in ((title, "title", TITLE_MOST), (body, "text", BODY_MOST)):
            if len(text) > most:
                raise MemoTooLong(what=what, most=most)
        if expires_on is not None and expires_on < _today(session):
            raise MemoRunsOutBefore()
        known = set(session.scalars(select(Definition.slug).where(Definition.kind == "role")))
        for role in roles:
            if role not in known:
                raise NoSuchRole(name=role)
        if instead_of:
            _withdrawn(_one(session, instead_of))
        row = Memo(
            title=title, body=body, roles=sorted(set(roles)), posted_at=clock.now(), expires_on=expires_on,
            by_user_id=by.user_id,
        )  # fmt: skip
        session.add(row)
        session.flush()
        work.audit("memo.posted", "memo", row.id, roles=row.roles, instead_of=instead_of)
        work.result = row.id
        return row.id


def withdraw(memo_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take a memo off everybody's home page; who has read it stays known. Raises NotFound, NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        row = _one(work.session, memo_id)
        if row.withdrawn_at is None:
            _withdrawn(row)
            work.audit("memo.withdrawn", "memo", row.id)


def acknowledge(memo_id: str, *, by: Actor) -> None:
    """Say that one has read a memo; the second time changes nothing. Raises NotFound, NotPermitted."""
    with act(by, None) as work:
        row = _one(work.session, memo_id)
        if by.user_id is None or not _is_for(row, _role(work.session, by)):
            raise NotFound(what="memo", name=memo_id)
        mine = MemoReading.memo_id == memo_id, MemoReading.user_id == by.user_id
        if work.session.scalars(select(MemoReading.id).where(*mine)).first() is None:
            reading = MemoReading(memo_id=memo_id, user_id=by.user_id, event_at=clock.now(), by_user_id=by.user_id)
            work.session.add(reading)
            work.audit("memo.read", "memo", memo_id)


def for_me(*, by: Actor, unread_only: bool = True) -> list[Notice]:
    """The memos that stand for a person, the newest first; by default those they have not acknowledged and did not
    post themselves."""
    if by.user_id is None:
        return []
    with look(by, None) as session:
        rows = session.scalars(_standing(session)).all()
        if not rows:
            return []
        role = _role(session, by)
        mine = {
            one.memo_id: one.event_at
            for one in session.scalars(select(MemoReading).where(MemoReading.user_id == by.user_id))
        }
        names = _names(session)
        rows = [row for row in rows if _is_for(row, role) or row.by_user_id == by.user_id]
        if unread_only:
            rows = [row for row in rows if row.id not in mine and row.by_user_id != by.user_id]
        return [_notice(row, names, mine.get(row.id)) for row in rows]


def posted(*, by: Actor, most: int = 30) -> list[Posted]:
    """The last memos with their readers, the newest first. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        rows = session.scalars(select(Memo).order_by(Memo.posted_at.desc()).limit(most)).all()
        people = session.scalars(select(User).where(User.status == "active").order_by(User.name)).all()
        readings = session.scalars(select(MemoReading).where(MemoReading.memo_id.in_([row.id for row in rows]))).all()
        names, today = _names(session), _today(session)
        found = []
        for row in rows:
            read = {one.user_id: one.event_at for one in readings if one.memo_id == row.id}
            over = row.expires_on is not None and row.expires_on < today
            found.append(
                Posted(
                    _notice(row, names, None),
                    "withdrawn" if row.withdrawn_at else "over" if over else "standing",
                    tuple(row.roles),
                    tuple(sorted((names.get(one, "Somebody"), at) for one, at in read.items())),
                    tuple(
                        one.name
                        for one in people
                        if _is_for(row, one.role) and one.id not in read and one.id != row.by_user_id
                    ),
                    row.on_status_page_at,
                )
            )
        return found


def role_labels(*, by: Actor) -> dict[str, str]:
    """The roles a memo can be for: slug to label. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        return {slug: one.label for slug, one in definitions.load_all(session, ROLE).items()}


def standing(session: ClinicSession, memo_id: str) -> Memo:
    """Within a rule: a memo that was not withdrawn; raises NotFound."""
    row = _one(session, memo_id)
    if row.withdrawn_at is not None:
        raise NotFound(what="memo", name=memo_id)
    return row


def _standing(session: ClinicSession) -> Select[Memo]:
    lasts = or_(Memo.expires_on.is_(None), Memo.expires_on >= _today(session))
    return select(Memo).where(Memo.withdrawn_at.is_(None), lasts).order_by(Memo.posted_at.desc())


def _one(session: ClinicSession, memo_id: str) -> Memo:
    row = session.get(Memo, (session.clinic_id, memo_id)) if is_id(memo_id) else None
    if row is None or row.deleted_at is not None:
        raise NotFound(what="memo", name=memo_id)
    return row


def _withdrawn(row: Memo) -> None:
    row.withdrawn_at = row.withdrawn_at or clock.now()


def _is_for(row: Memo, role: str) -> bool:
    return not row.roles or role in row.roles


def _role(session: ClinicSession, by: Actor) -> str:
    return session.scalars(select(User.role).where(User.id == by.user_id)).one()


def _names(session: ClinicSession) -> dict[str, str]:
    return {one: name for one, name in session.execute(select(User.id, User.name))}


def _notice(row: Memo, names: dict[str, str], read_at: datetime | None) -> Notice:
    who = names.get(row.by_user_id or "", "Ballast")
    return Notice(row.id, row.title, row.body, row.posted_at, who, row.expires_on, read_at)


def _today(session: ClinicSession) -> date:
    return clock.today(session.get_one(Clinic, session.clinic_id).zone)


def _clean(text: str) -> str:
    return "".join(char for char in text.replace("\r\n", "\n") if char == "\n" or char.isprintable())
