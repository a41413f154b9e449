"""What people keep: reports and dashboards. Each has a folder, a person who built it, a circle of readers and its
versions. The rules that open transactions are in saved.py and dashboards.py; these are their parts."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import Field
from sqlalchemy import select

from data import definitions
from data.definitions import Document, Kind
from data.errors import BadInput, NotFound
from data.models import Definition, User
from data.session import ClinicSession
from security.actor import Actor
from security.rules import Work

NO_FOLDER = "Without a folder"


class Kept(Document):
    """``owner`` is the id of the person who built it; ``shared`` shows it to everybody who runs reports."""

    folder: str = Field(default="", max_length=60)
    owner: str = ""
    shared: bool = True

    @property
    @abstractmethod
    def called(self) -> str:
        """What people call it."""

    def shown_to(self, by: Actor) -> bool:
        """Whether this person sees it."""
        return self.shared or by.is_trusted or self.owner == by.user_id


K = TypeVar("K", bound=Kept)


class NotYourReport(BadInput):
    """{title} belongs to {owner}. Save a copy of your own instead."""


class OnlyTheirs(BadInput):
    """{title} belongs to {owner}, so only they can hide it from the others. Save a copy of your own instead."""


@dataclass(frozen=True)
class Version(Generic[K]):
    """One version, and what it changed, as lines of a unified diff."""

    number: int
    at: datetime
    who: str
    comment: str
    saved: K
    changes: str


@dataclass(frozen=True)
class Removed:
    """Something taken out, whose versions stand still."""

    name: str
    title: str
    at: datetime


def find(session: ClinicSession, kind: Kind[K], name: str, by: Actor) -> K:
    """The one of this name that the person sees; raises NotFound."""
    kept = definitions.load_all(session, kind).get(name)
    if kept is None or not kept.shown_to(by):
        raise NotFound(what=f"{kind.label.lower()} called", name=name)
    return kept


def keep(
    work: Work, kind: Kind[K], document: K, name: str | None, *, version: int | None = None, comment: str = "",
    reserved: Collection[str] = (),
) -> tuple[str, int]:  # fmt: skip
    """Save a new version, or a new one under a free name; returns the name and the version's number.

    Whoever built it stays its owner. Raises NotFound, OnlyTheirs, EditedMeanwhile.
    """
    session, by = work.session, work.by
    owner = by.user_id or ""
    if name is None:
        name = free_name(session, kind, document.called, reserved)
    else:
        standing = find(session, kind, name, by)
        owner = standing.owner
        if standing.shared and not document.shared and not by.is_trusted and owner != by.user_id:
            raise OnlyTheirs(title=standing.called, owner=name_of(session, owner) or "somebody else")
    document = document.model_copy(update={"owner": owner, "folder": document.folder.strip()})
    number = definitions.save(
        session, kind, name, document, by_user_id=by.user_id, comment=comment.strip(), expected=version
    )
    return name, number


def versions(session: ClinicSession, kind: Kind[K], name: str) -> list[Version[K]]:
    """Every version, newest first; raises NotFound."""
    rows = definitions.history(session, kind, name)
    bodies = {row.number: row.body for row in rows}
    return [
        Version(
            row.number, row.at, name_of(session, row.by_user_id or ""), row.comment, kind.parse(row.body, name),
            definitions.diff(bodies[row.number - 1], row.body) if row.number - 1 in bodies else "",
        )
        for row in rows
    ]  # fmt: skip


def roll_back(work: Work, kind: Kind[K], name: str, standing: K, number: int, version: int | None) -> int:
    """Make an old version the newest; folder, owner and readers stay as they are now. Returns the new number.

    Raises NotFound, EditedMeanwhile.
    """
    old = next((one for one in versions(work.session, kind, name) if one.number == number), None)
    if old is None:
        raise NotFound(what=f"version {number} of", name=name)
    place = {"folder": standing.folder, "owner": standing.owner, "shared": standing.shared}
    return definitions.save(
        work.session, kind, name, old.saved.model_copy(update=place), by_user_id=work.by.user_id,
        comment=f"back to version {number}", expected=version,
    )  # fmt: skip


def removed(session: ClinicSession, kind: Kind[K], by: Actor) -> list[Removed]:
    """What was taken out and this person saw, the latest first."""
    rows = session.scalars(
        select(Definition)
        .where(Definition.kind == kind.name, Definition.deleted_at.is_not(None))
        .order_by(Definition.deleted_at.desc()),
        execution_options={"include_deleted": True},
    )
    found = [(row.slug, row.deleted_at, kind.parse(row.body, row.slug)) for row in rows]
    return [Removed(name, kept.called, at) for name, at, kept in found if at and kept.shown_to(by)]


def restore(session: ClinicSession, kind: Kind[K], name: str, by: Actor) -> int:
    """Put back what was taken out, as a new version; returns its number. Raises NotFound."""
    if name not in {one.name for one in removed(session, kind, by)}:
        raise NotFound(what=f"removed {kind.label.lower()} called", name=name)
    newest = definitions.number_of(session, kind, name)
    return definitions.roll_back(session, kind, name, newest, by_user_id=by.user_id)


def name_of(session: ClinicSession, user_id: str) -> str:
    """The name of a person; empty for nobody."""
    user = session.get(User, (session.clinic_id, user_id)) if user_id else None
    return user.name if user else ""


def free_name(session: ClinicSession, kind: Kind[K], title: str, reserved: Collection[str] = ()) -> str:
    """A name for addresses and commands, made from the title and never used before."""
    base = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:50] or kind.name
    taken = {*reserved, *definitions.all_slugs(session, kind)}
    names = [base, *(f"{base}-{count}" for count in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
