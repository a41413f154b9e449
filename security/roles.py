"""Roles as definitions: a label, whether a second factor is demanded, and the permissions."""

from __future__ import annotations

from pydantic import Field, field_validator
from sqlalchemy import select

from data import definitions
from data.models import Definition
from data.session import ClinicSession
from security.permissions import DEFAULT_ROLES, PERMISSIONS


class Role(definitions.Document):
    """What a role may do."""

    label: str = Field(min_length=1, max_length=60)
    second_factor: bool = False
    permissions: list[str] = Field(default_factory=list)

    @field_validator("permissions")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in PERMISSIONS:
                raise ValueError(f"there is no permission called {name}")
        return sorted(set(names))


ROLE = definitions.register("role", "Role", Role, has_own_rules=True)


def permissions_of(session: ClinicSession, slug: str) -> frozenset[str]:
    """What a role may do now; an unknown role may do nothing."""
    statement = select(Definition.body).where(Definition.kind == "role", Definition.slug == slug)
    return known_permissions(session.scalars(statement).one_or_none())


def known_permissions(body: dict[str, object] | None) -> frozenset[str]:
    """The permissions of a role's body; nothing for no role, and no name that is not a permission."""
    names = (body or {}).get("permissions", ())
    assert isinstance(names, list | tuple)
    return frozenset(PERMISSIONS.keys() & names)


def create_defaults(session: ClinicSession) -> None:
    """The roles every clinic starts with."""
    for slug, (label, second_factor, names) in DEFAULT_ROLES.items():
        role = Role(label=label, second_factor=second_factor, permissions=sorted(names))
        definitions.save(session, ROLE, slug, role, by_user_id=None, comment="as shipped")
