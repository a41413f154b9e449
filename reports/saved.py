"""Reports that people built: definitions with versions, in folders, one's own or shared with everybody who runs
reports. The reports the product ships with are read-only; a copy of one is like any other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from data import definitions
from data.definitions import Document
from data.errors import BadInput, NotFound
from data.models import User
from data.session import ClinicSession
from reports import spec as library
from reports.fields import model_of
from reports.spec import ReportSpec
from security.actor import Actor
from security.rules import act, authorize, look


class SavedReport(Document):
    """A question with its place. ``owner`` is the id of the person who built it; ``shared`` shows it to everybody."""

    spec: ReportSpec
    folder: str = Field(default="", max_length=60)
    owner: str = ""
    shared: bool = True


REPORT = definitions.register("report", "Report", SavedReport)


class NotYourReport(BadInput):
    """{title} belongs to {owner}. Save a copy of your own instead."""


@dataclass(frozen=True)
class Card:
    """One report in the library; ``saved`` is None for those the product ships with."""

    name: str
    spec: ReportSpec
    saved: SavedReport | None = None
    owner: str = ""
    """The name of the person who built it."""
    number: int = 0
    """The version that stands."""

    @property
    def folder(self) -> str:
        """Where it stands in the library."""
        return (self.saved.folder or "Without a folder") if self.saved else self.spec.group


def cards(*, by: Actor) -> list[Card]:
    """The reports this person may run: the built-in ones in their order, then the saved ones by folder and title.

    Raises NotPermitted.
    """
    with look(by, "reports.view") as session:
        may = authorize(session, by, None)
        order = {group: place for place, group in enumerate(library.GROUPS)}
        found = [
            Card(name, spec)
            for name, spec in library.built_in().items()
            if not spec.permission or spec.permission in may
        ]  # fmt: skip
        found.sort(key=lambda card: (order.get(card.spec.group, 99), card.spec.title))
        own = [card for card in _saved(session) if _seen(card, by) and _open(session, card.spec, may)]
    return found + sorted(own, key=lambda card: (not card.folder, card.folder.lower(), card.spec.title.lower()))


def card(name: str, *, by: Actor) -> Card:
    """One report by name; raises NotFound, NotPermitted."""
    with look(by, "reports.view") as session:
        return find(session, name, by)


def find(session: ClinicSession, name: str, by: Actor) -> Card:
    """The same inside a transaction."""
    if name in library.built_in():
        return Card(name, library.built_in()[name])
    saved = definitions.load_all(session, REPORT).get(name)
    if saved is None or not _seen(one := Card(name, saved.spec, saved), by):
        raise NotFound(what="report called", name=name)
    return Card(name, one.spec, saved, _name_of(session, saved.owner), definitions.number_of(session, REPORT, name))


def save_report(
    spec: ReportSpec, *, name: str | None = None, folder: str = "", shared: bool = True, version: int | None = None,
    comment: str = "", by: Actor, key: str | None = None,
) -> str:  # fmt: skip
    """Keep a report, as a new version where ``name`` is one's own or a shared one, as a new report without a name.

    ``version`` is the one the person was looking at. Returns the name. Raises NotPermitted, NotFound, NotYourReport,
    EditedMeanwhile, UnknownWord, CannotAddUp.
    """
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        model_of(session).entity(spec.entity)
        if name is None:
            name, owner = _free_name(session, spec.title), by.user_id or ""
        else:
            owner = _changeable(session, name, by).owner
        saved = SavedReport(spec=spec, folder=folder.strip(), owner=owner, shared=shared)
        number = definitions.save(
            session, REPORT, name, saved, by_user_id=by.user_id, comment=comment.strip(), expected=version
        )
        work.audit("report.saved", "report", name, version=number, over=spec.entity, shared=shared)
        work.result = name
    return name


def remove_report(name: str, *, by: Actor, key: str | None = None) -> None:
    """Take a saved report out of the library; its versions stay. Raises NotPermitted, NotFound, NotYourReport."""
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return
        _changeable(work.session, name, by)
        definitions.remove(work.session, REPORT, name)
        work.audit("report.removed", "report", name)


@dataclass(frozen=True)
class Version:
    """One version of a saved report, and what it changed, as lines of a unified diff."""

    number: int
    at: datetime
    who: str
    comment: str
    saved: SavedReport
    changes: str


def versions(name: str, *, by: Actor) -> list[Version]:
    """Every version, newest first. Raises NotFound, NotPermitted."""
    with look(by, "reports.view") as session:
        find(session, name, by)
        rows = definitions.history(session, REPORT, name)
        bodies = {row.number: row.body for row in rows}
        return [
            Version(
                row.number, row.at, _name_of(session, row.by_user_id or ""), row.comment, REPORT.parse(row.body, name),
                definitions.diff(bodies.get(row.number - 1, {}), row.body),
            )
            for row in rows
        ]  # fmt: skip


def roll_back(name: str, number: int, *, by: Actor, key: str | None = None) -> None:
    """Make an old version the newest. Raises NotPermitted, NotFound, NotYourReport."""
    with act(by, "reports.build", key=key) as work:
        if work.repeated:
            return
        _changeable(work.session, name, by)
        made = definitions.roll_back(work.session, REPORT, name, number, by_user_id=by.user_id)
        work.audit("report.saved", "report", name, version=made, back_to=number)


def _changeable(session: ClinicSession, name: str, by: Actor) -> SavedReport:
    saved = definitions.load_all(session, REPORT).get(name)
    if name in library.built_in():
        raise NotYourReport(title=library.built_in()[name].title, owner="Ballast itself")
    if saved is None or not _seen(Card(name, saved.spec, saved), by):
        raise NotFound(what="report called", name=name)
    return saved


def _saved(session: ClinicSession) -> list[Card]:
    return [
        Card(name, saved.spec, saved, _name_of(session, saved.owner))
        for name, saved in definitions.load_all(session, REPORT).items()
    ]


def _seen(one: Card, by: Actor) -> bool:
    return one.saved is None or one.saved.shared or by.is_trusted or one.saved.owner == by.user_id


def _open(session: ClinicSession, spec: ReportSpec, may: frozenset[str]) -> bool:
    known = model_of(session).entities.get(spec.entity)
    return known is None or not known.permission or known.permission in may


def _name_of(session: ClinicSession, user_id: str) -> str:
    user = session.get(User, (session.clinic_id, user_id)) if user_id else None
    return user.name if user else ""


def _free_name(session: ClinicSession, title: str) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:50] or "report"
    taken = {*library.built_in(), *definitions.all_slugs(session, REPORT)}
    names = [base, *(f"{base}-{count}" for count in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
