"""The one way in which every setting is changed: a checked document, its version, an audit row, a way back.

Kinds register in the ``settings`` modules of their packages; this module knows none of them but roles, which have
rules of their own (``security/role_matrix.py``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from data import definitions
from data.definitions import KINDS, Document, Kind
from data.errors import BadInput, EditedMeanwhile, NotFound
from data.models import Definition, User
from data.session import ClinicSession
from security.actor import Actor
from security.rules import act, look


class SettingEdited(EditedMeanwhile):
    """{who} changed this {what} while you had it open ({fields}). Nothing of yours was saved: look at the new version
    and enter your change again."""


@dataclass(frozen=True)
class Entry:
    """One current definition."""

    slug: str
    number: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Version:
    """One saved version of a definition."""

    number: int
    at: datetime
    who: str
    comment: str
    body: dict[str, Any]


def setting_kind(name: str) -> Kind[Any]:
    """The kind with this name, if settings may change it; raises NotFound."""
    kind = KINDS.get(name)
    if kind is None or kind.has_own_rules:
        raise NotFound(what="setting", name=name)
    return kind


def entries(kind: str, *, by: Actor) -> list[Entry]:
    """Every current definition of a kind, in the order of their slugs."""
    found = setting_kind(kind)
    with look(by, "settings.edit") as session:
        return current(session, found)


def current(session: ClinicSession, kind: Kind[Any]) -> list[Entry]:
    """The same inside another rule's transaction."""
    rows = session.scalars(select(Definition).where(Definition.kind == kind.name).order_by(Definition.slug))
    return [Entry(row.slug, row.number, kind.parse(row.body, row.slug).model_dump(mode="json")) for row in rows]


def save_definition(
    kind: str,
    slug: str,
    body: Document | dict[str, Any],
    *,
    expected: int,
    by: Actor,
    key: str | None = None,
    comment: str = "",
) -> int:
    """Save a setting; returns the version's number. ``expected`` is the number that was on screen, 0 for a new one.

    Raises SettingEdited with who changed what, BadDefinition naming the field, BadInput for a taken or bad slug.
    """
    return save_all(kind, {slug: (body, expected)}, by=by, key=key, comment=comment)[slug]


def save_all(
    kind: str,
    changes: dict[str, tuple[Document | dict[str, Any], int]],
    *,
    by: Actor,
    key: str | None = None,
    comment: str = "",
) -> dict[str, int]:
    """Save several settings of a kind or none: slug to (body, the number that was on screen).

    Raises as ``save_definition``.
    """
    found = setting_kind(kind)
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return dict(work.result)
        numbers = {}
        for slug, (body, expected) in changes.items():
            document = body if isinstance(body, Document) else found.parse(body, slug)
            check_slug(slug)
            check_unchanged(work.session, found, slug, expected)
            numbers[slug] = definitions.save(
                work.session, found, slug, document, by_user_id=by.user_id, comment=comment[:300], expected=None
            )
            work.session.flush()
        if any(numbers[slug] != expected for slug, (_, expected) in changes.items()):
            work.audit("setting.saved", kind, ",".join(changes)[:60], versions=numbers)
        work.result = numbers
        return numbers


def setting_history(kind: str, slug: str, *, by: Actor) -> list[Version]:
    """Every version of a setting, the newest first; raises NotFound."""
    found = setting_kind(kind)
    with look(by, "settings.edit") as session:
        return versions(session, found, slug)


def versions(session: ClinicSession, kind: Kind[Any], slug: str) -> list[Version]:
    """The same inside another rule's transaction."""
    names = {user.id: user.name for user in session.scalars(select(User))}
    return [
        Version(row.number, row.at, names.get(row.by_user_id or "", "Ballast"), row.comment, row.body)
        for row in definitions.history(session, kind, slug)
    ]


def roll_back_definition(kind: str, slug: str, number: int, *, expected: int, by: Actor, key: str | None = None) -> int:
    """Make an old version the newest again; returns its new number. Raises SettingEdited, NotFound."""
    found = setting_kind(kind)
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return int(work.result)
        check_unchanged(work.session, found, slug, expected)
        work.result = definitions.roll_back(work.session, found, slug, number, by_user_id=by.user_id)
        if work.result != expected:
            work.audit("setting.rolled_back", kind, slug, to=number, version=work.result)
        return int(work.result)


def export_setting(kind: str, slug: str, *, by: Actor) -> str:
    """A setting as one readable file, headed by its kind and name. Raises NotFound."""
    found = setting_kind(kind)
    with look(by, "settings.edit") as session:
        return file_of(found, slug, definitions.load(session, found, slug))


def import_setting(text: str, *, by: Actor, key: str | None = None, kind: str | None = None) -> str:
    """Save what ``export_setting`` wrote, here or in another clinic; returns the slug.

    ``kind`` is the kind that is expected. Raises BadDefinition, BadInput.
    """
    name, slug, body = read_file(text, kind)
    found = setting_kind(name)
    document = found.parse(body, slug)
    check_slug(slug)
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return str(work.result)
        before = definitions.number_of(work.session, found, slug)
        number = definitions.save(
            work.session, found, slug, document, by_user_id=by.user_id, comment="read from a file"
        )
        if number != before:
            work.audit("setting.imported", name, slug, version=number)
        work.result = slug
    return slug


def file_of(kind: Kind[Any], slug: str, document: Document) -> str:
    """The file form of one definition."""
    return definitions.to_file({"kind": kind.name, "slug": slug, kind.name: document.model_dump(mode="json")})


def read_file(text: str, expected_kind: str | None = None) -> tuple[str, str, dict[str, Any]]:
    """Kind, slug and body of the file form; raises BadInput naming what is wrong."""
    content = definitions.from_file(text)
    kind, slug = content.get("kind"), content.get("slug")
    body = content.get(str(kind))
    if not isinstance(kind, str) or not isinstance(slug, str) or not isinstance(body, dict):
        raise BadInput(problem="The file holds no setting: its first lines should name a kind and a slug.")
    if expected_kind is not None and kind != expected_kind:
        raise BadInput(problem=f"The file holds a setting of the kind {kind}, not {expected_kind}.")
    return kind, slug, body


def check_unchanged(session: ClinicSession, kind: Kind[Any], slug: str, expected: int) -> None:
    """Raise SettingEdited when the number that was on screen is not the current one."""
    now = definitions.number_of(session, kind, slug)
    if now == expected:
        return
    if expected == 0:
        raise BadInput(problem=f"There is a {kind.label.lower()} called {slug} already. Choose another short name.")
    newest, *older = versions(session, kind, slug)
    before = next((version.body for version in older if version.number == expected), {})
    raise SettingEdited(who=newest.who, what=kind.label.lower(), fields=", ".join(changed_fields(before, newest.body)))


def changed_fields(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of the fields in which two bodies differ, as words."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [name.removesuffix("_cents").replace("_", " ") for name in names] or ["back and forth"]


def slug_for(label: str, taken: set[str]) -> str:
    """A short name from a label, not among those taken."""
    base = re.sub(r"[^a-z0-9]+", "-", label.casefold()).strip("-")[:60] or "new"
    slug, count = base, 2
    while slug in taken:
        slug, count = f"{base}-{count}", count + 1
    return slug


def check_slug(slug: str) -> None:
    """Raise BadInput for a short name that is not one."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,79}", slug):
        raise BadInput(problem=f"The short name '{slug}' may hold only a-z, 0-9, dot, _ and -.")
