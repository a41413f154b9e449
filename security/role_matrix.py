"""Changing what roles may do: the matrix, custom roles, versions, files. Nobody gives a role more than they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from data import definitions
from data.errors import BadInput, NotFound, Refusal
from data.models import Definition, User
from data.session import ClinicSession
from security import settings
from security.actor import Actor
from security.permissions import DEFAULT_ROLES, PERMISSIONS
from security.reach import OWNER, check_rights
from security.roles import ROLE, Role
from security.rules import act, look


class OwnerIsWhole(Refusal):
    """The owner's role keeps every permission; only its second factor can be changed."""


class OwnersOwn(Refusal):
    """Only owners may {action}. No other role can be given that."""

    exit_code = 3


class RoleInUse(Refusal):
    """{people} the role {role}. Give them another role first, then remove it."""


class ShippedRole(Refusal):
    """{role} came with Ballast and stays. Take away its permissions instead, or copy it."""


@dataclass(frozen=True)
class RoleRow:
    """One column of the matrix."""

    slug: str
    label: str
    second_factor: bool
    permissions: frozenset[str]
    number: int
    people: int
    """Active and invited people who have it."""
    is_shipped: bool


def list_roles(*, by: Actor) -> list[RoleRow]:
    """Every role: the shipped ones from the owner down, then the clinic's own by label."""
    with look(by, "security.roles") as session:
        return _rows(session)


def save_roles(changes: dict[str, tuple[Role, int]], *, by: Actor, key: str | None = None) -> dict[str, int]:
    """Save several roles or none: slug to (role, the version number that was on screen). Returns the new numbers.

    Raises OwnerIsWhole, OwnersOwn, BeyondYourRights, SettingEdited, NotFound.
    """
    with act(by, "security.roles", key=key) as work:
        if work.repeated:
            return dict(work.result)
        numbers, details = {}, {}
        for slug, (role, expected) in changes.items():
            before = definitions.load(work.session, ROLE, slug)
            settings.check_unchanged(work.session, ROLE, slug, expected)
            numbers[slug] = _save(work.session, by, slug, role, before)
            details[slug] = _difference(before, role)
        if any(details.values()):
            work.audit("role.saved", "role", ",".join(changes)[:60], **details)
        work.result = numbers
        return numbers


def copy_role(slug: str, label: str, *, by: Actor, key: str | None = None) -> str:
    """A new role that may do what another may, but for what is the owner's own; returns its slug.

    Raises BadInput for a label that is taken, BeyondYourRights, NotFound.
    """
    with act(by, "security.roles", key=key) as work:
        if work.repeated:
            return str(work.result)
        source = definitions.load(work.session, ROLE, slug)
        _check_label(work.session, label, None)
        kept = [name for name in source.permissions if not PERMISSIONS[name].owner_only]
        role = Role(label=label, second_factor=source.second_factor, permissions=kept)
        fresh = settings.slug_for(label, {row.slug for row in _rows(work.session, removed=True)})
        _save(work.session, by, fresh, role, None)
        work.audit("role.added", "role", fresh, copied_from=slug)
        work.result = fresh
        return fresh


def rename_role(slug: str, label: str, *, expected: int, by: Actor, key: str | None = None) -> int:
    """Give a role another label. Raises BadInput, SettingEdited, NotFound."""
    with act(by, "security.roles", key=key) as work:
        if work.repeated:
            return int(work.result)
        role = definitions.load(work.session, ROLE, slug)
        settings.check_unchanged(work.session, ROLE, slug, expected)
        _check_label(work.session, label, slug)
        renamed = ROLE.parse(role.model_dump() | {"label": label.strip()}, slug)
        work.result = definitions.save(work.session, ROLE, slug, renamed, by_user_id=by.user_id, comment="renamed")
        if work.result != expected:
            work.audit("role.renamed", "role", slug)
        return int(work.result)


def remove_role(slug: str, *, expected: int, by: Actor, key: str | None = None) -> None:
    """Remove a custom role that nobody has. Raises ShippedRole, RoleInUse, SettingEdited, NotFound."""
    with act(by, "security.roles", key=key) as work:
        if work.repeated:
            return
        role = definitions.load(work.session, ROLE, slug)
        if slug in DEFAULT_ROLES:
            raise ShippedRole(role=role.label)
        settings.check_unchanged(work.session, ROLE, slug, expected)
        count = work.session.scalar(select(func.count()).select_from(User).where(User.role == slug)) or 0
        if count:
            people = "1 person has" if count == 1 else f"{count} people have"
            raise RoleInUse(people=people, role=role.label)
        check_rights(work.session, by, role.permissions, slug, "remove it")
        definitions.remove(work.session, ROLE, slug)
        work.audit("role.removed", "role", slug)


def role_history(slug: str, *, by: Actor) -> list[settings.Version]:
    """Every version of a role, the newest first; raises NotFound."""
    with look(by, "security.roles") as session:
        return settings.versions(session, ROLE, slug)


def roll_back_role(slug: str, number: int, *, expected: int, by: Actor, key: str | None = None) -> int:
    """Make an old version of a role the newest again. Raises as ``save_roles``."""
    with act(by, "security.roles", key=key) as work:
        if work.repeated:
            return int(work.result)
        before = definitions.load(work.session, ROLE, slug)
        settings.check_unchanged(work.session, ROLE, slug, expected)
        for version in definitions.history(work.session, ROLE, slug):
            if version.number == number:
                role = ROLE.parse(version.body, slug)
                work.result = _save(work.session, by, slug, role, before, comment=f"back to version {number}")
                if work.result != expected:
                    work.audit("role.rolled_back", "role", slug, to=number, **_difference(before, role))
                return int(work.result)
        raise NotFound(what=f"version {number} of", name=slug)


def export_role(slug: str, *, by: Actor) -> str:
    """A role as one readable file. Raises NotFound."""
    with look(by, "security.roles") as session:
        return settings.file_of(ROLE, slug, definitions.load(session, ROLE, slug))


def import_role(text: str, *, by: Actor, key: str | None = None) -> str:
    """Save a role that ``export_role`` wrote, here or in another clinic; returns its slug.

    Raises BadDefinition, BadInput, OwnerIsWhole, OwnersOwn, BeyondYourRights.
    """
    _, slug, body = settings.read_file(text, "role")
    role = ROLE.parse(body, slug)
    with act(by, "security.roles", key=key) as work:
        if work.repeated:
            return str(work.result)
        number = definitions.number_of(work.session, ROLE, slug)
        try:
            before: Role | None = definitions.load(work.session, ROLE, slug)
        except NotFound:
            before = None
        if before is None:
            _check_label(work.session, role.label, slug)
        if _save(work.session, by, slug, role, before, comment="read from a file") != number:
            work.audit("role.imported", "role", slug, **_difference(before or Role(label="new"), role))
        work.result = slug
    return slug


def _save(session: ClinicSession, by: Actor, slug: str, role: Role, before: Role | None, *, comment: str = "") -> int:
    if slug == OWNER and set(role.permissions) != set(PERMISSIONS):
        raise OwnerIsWhole()
    old = set(before.permissions) if before else set()
    for name in role.permissions:
        if PERMISSIONS[name].owner_only and slug != OWNER:
            raise OwnersOwn(action=PERMISSIONS[name].action)
    touched = set(role.permissions) ^ old
    if before is not None and role.second_factor != before.second_factor:
        touched |= old  # it guards everything that the role may do
    check_rights(session, by, touched, role.label, "change that")
    return definitions.save(session, ROLE, slug, role, by_user_id=by.user_id, comment=comment)


def _difference(before: Role, after: Role) -> dict[str, Any]:
    old, new = set(before.permissions), set(after.permissions)
    found: dict[str, Any] = {}
    if new - old:
        found["given"] = sorted(new - old)
    if old - new:
        found["taken"] = sorted(old - new)
    if before.second_factor != after.second_factor:
        found["second_factor"] = after.second_factor
    return found


def _check_label(session: ClinicSession, label: str, besides: str | None) -> None:
    wanted = label.strip().casefold()
    if not wanted:
        raise BadInput(problem="Give the role a name.")
    for row in _rows(session):
        if row.slug != besides and row.label.casefold() == wanted:
            raise BadInput(problem=f"There is a role called {row.label} already. Choose another name.")


def _rows(session: ClinicSession, *, removed: bool = False) -> list[RoleRow]:
    counted = select(User.role, func.count()).where(User.status != "disabled").group_by(User.role)
    people: dict[str, int] = {role: count for role, count in session.execute(counted)}
    statement = select(Definition).where(Definition.kind == ROLE.name)
    rows = []
    for row in session.scalars(statement, execution_options={"include_deleted": removed}):
        role = ROLE.parse(row.body, row.slug)
        rows.append(
            RoleRow(
                row.slug, role.label, role.second_factor, frozenset(role.permissions), row.number,
                people.get(row.slug, 0), row.slug in DEFAULT_ROLES,
            )
        )  # fmt: skip
    order = list(DEFAULT_ROLES)
    return sorted(rows, key=lambda row: (order.index(row.slug) if row.is_shipped else 99, row.label.casefold()))
