"""Segments, templates and campaigns as they are kept: found, saved with a version, taken away, brought back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import select

from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE, Campaign, slug_for
from data import definitions
from data.definitions import Document, Kind, VersionRow
from data.errors import NotFound, Refusal
from data.models import CampaignRun, Definition, User
from data.session import ClinicSession
from reports.shelf import Removed
from security.actor import Actor
from security.rules import act, look, remembered
from security.settings import Version

D = TypeVar("D", bound=Document)
OPEN = ("preparing", "waiting", "running", "paused")
"""States of a launch that is not over."""


class StillGoing(Refusal):
    """{label} has a launch that is not over. Stop it, or wait until it is, then remove the campaign."""


class StillUsed(Refusal):
    """{label} is used by {users}. Change or remove that first."""


@dataclass(frozen=True)
class Kept(Generic[D]):
    """One of them as it stands."""

    slug: str
    number: int
    document: D


@remembered("campaigns.use")
def every(kind: Kind[D], *, by: Actor) -> list[Kept[D]]:
    """All of one kind, by their labels. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        numbers = definitions.numbers(session, kind)
        found = [Kept(slug, numbers[slug], one) for slug, one in definitions.load_all(session, kind).items()]
    return sorted(found, key=lambda one: label_of(one.document).casefold())


@remembered("campaigns.use")
def one(kind: Kind[D], slug: str, *, by: Actor) -> Kept[D]:
    """One of them. Raises NotPermitted, NotFound."""
    with look(by, "campaigns.use") as session:
        document = definitions.load(session, kind, slug)
        return Kept(slug, definitions.number_of(session, kind, slug), document)


@remembered("campaigns.use")
def versions(kind: Kind[Any], slug: str, *, by: Actor) -> list[VersionRow]:
    """Every version, the newest first. Raises NotPermitted, NotFound."""
    with look(by, "campaigns.use") as session:
        return definitions.history(session, kind, slug)


@remembered("campaigns.use")
def told_versions(kind: Kind[Any], slug: str, *, by: Actor) -> list[Version]:
    """The same with the name of whoever saved each. Raises NotPermitted, NotFound."""
    with look(by, "campaigns.use") as session:
        rows = definitions.history(session, kind, slug)
        ids = {row.by_user_id for row in rows if row.by_user_id}
        names = dict(session.execute(select(User.id, User.name).where(User.id.in_(ids))).tuples().all())
    return [
        Version(row.number, row.at, names.get(row.by_user_id or "", "Ballast"), row.comment, row.body) for row in rows
    ]


def keep(
    kind: Kind[D], document: D, *, slug: str | None = None, expected: int | None = None, comment: str = "", by: Actor,
    key: str | None = None,
) -> str:  # fmt: skip
    """Save one as a new version, or as a new one without ``slug``; returns its slug.

    ``expected`` is the version the person was looking at. Raises NotPermitted, EditedMeanwhile, BadDefinition,
    CardNumberTyped.
    """
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return str(work.result)
        slug = slug or _free(work.session, kind, slug_for(label_of(document)))
        number = definitions.save(
            work.session, kind, slug, document, by_user_id=by.user_id, comment=comment, expected=expected
        )
        work.audit(f"{kind.name}.saved", kind.name, slug, version=number)
        work.result = slug
        return slug


def go_back(kind: Kind[Any], slug: str, number: int, *, by: Actor, key: str | None = None) -> int:
    """Make an old version the newest; returns its number. Raises NotPermitted, NotFound."""
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return int(work.result)
        work.result = definitions.roll_back(work.session, kind, slug, number, by_user_id=by.user_id)
        work.audit(f"{kind.name}.rolled_back", kind.name, slug, version=number)
        return int(work.result)


def remove(kind: Kind[Any], slug: str, *, by: Actor, key: str | None = None) -> None:
    """Take one off the shelf; its versions stay, and what was sent keeps its own copy.

    Raises NotPermitted, NotFound, StillUsed.
    """
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return
        document = definitions.load(work.session, kind, slug)
        users = sorted(_users(work.session, kind, slug))
        if users:
            raise StillUsed(label=label_of(document), users=", ".join(users))
        if kind is CAMPAIGN and work.session.scalar(_open_runs(slug)) is not None:
            raise StillGoing(label=label_of(document))
        definitions.remove(work.session, kind, slug)
        work.audit(f"{kind.name}.removed", kind.name, slug)


def removed(kind: Kind[Any], *, by: Actor) -> list[Removed]:
    """What was taken off the shelf, by its name. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        rows = session.execute(
            select(Definition.slug, Definition.body, Definition.deleted_at).where(
                Definition.kind == kind.name, Definition.deleted_at.is_not(None)
            ),
            execution_options={"include_deleted": True},
        ).tuples()
        found = [Removed(slug, str(body.get("label", slug)), at) for slug, body, at in rows if at]
    return sorted(found, key=lambda one: one.title.casefold())


def restore(kind: Kind[Any], slug: str, *, by: Actor, key: str | None = None) -> None:
    """Put one back on the shelf as it was; a campaign does not go out by itself again until somebody says so.

    Raises NotPermitted, NotFound.
    """
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return
        history = definitions.history(work.session, kind, slug)
        if slug in definitions.load_all(work.session, kind) or not history:
            raise NotFound(what=f"removed {kind.label.lower()} called", name=slug)
        document = asleep(kind.parse(history[0].body, slug))
        number = definitions.save(
            work.session, kind, slug, document, by_user_id=by.user_id, comment="put back"
        )  # fmt: skip
        work.audit(f"{kind.name}.saved", kind.name, slug, version=number, restored=True)


def asleep(document: D) -> D:
    """The same; a campaign that would go out by itself does not."""
    if isinstance(document, Campaign) and document.when.active:
        when = document.when.model_copy(update={"active": False})
        return document.model_copy(update={"when": when})  # type: ignore[return-value]
    return document


def copy(kind: Kind[D], slug: str, *, by: Actor, key: str | None = None) -> str:
    """A copy under a name of its own; returns its slug. One that went out by itself does not yet.

    Raises NotPermitted, NotFound.
    """
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return str(work.result)
        document = definitions.load(work.session, kind, slug)
        made = asleep(document.model_copy(update={"label": f"{label_of(document)}, copy"[:80]}))
        copied = _free(work.session, kind, slug_for(label_of(made)))
        number = definitions.save(work.session, kind, copied, made, by_user_id=by.user_id)
        work.audit(f"{kind.name}.saved", kind.name, copied, version=number, copy_of=slug)
        work.result = copied
        return copied


def _open_runs(slug: str) -> Any:
    return select(CampaignRun.id).where(CampaignRun.campaign == slug, CampaignRun.state.in_(OPEN)).limit(1)


def label_of(document: Document) -> str:
    """What people call it."""
    return str(getattr(document, "label", ""))


def _users(session: ClinicSession, kind: Kind[Any], slug: str) -> Iterator[str]:
    """The labels of the campaigns that name a segment or template."""
    for campaign in definitions.load_all(session, CAMPAIGN).values():
        templates = {*campaign.templates.values(), *campaign.b_templates.values()}
        if (kind is SEGMENT and campaign.segment == slug) or (kind is TEMPLATE and slug in templates):
            yield campaign.label


def _free(session: ClinicSession, kind: Kind[Any], slug: str) -> str:
    taken = set(definitions.all_slugs(session, kind))
    number, name = 1, slug
    while name in taken:
        number += 1
        name = f"{slug}-{number}"
    return name
