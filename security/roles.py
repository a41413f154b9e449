"""Roles as definitions: a label, whether a second factor is demanded, and the permissions."""

from __future__ import annotations

from functools import lru_cache

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


ROLE = definitions.register("role", "Role", Role)


def permissions_of(session: ClinicSession, slug: str) -> frozenset[str]:
    """What a role may do now; an unknown role may do nothing."""
    row = session.execute(
        select(Definition.id, Definition.number, Definition.body).where(
            Definition.kind == "role", Definition.slug == slug
        )
    ).one_or_none()
    if row is None:
        return frozenset()
    return _parsed(row.id, row.number, tuple(row.body.get("permissions", ())))


@lru_cache(maxsize=256)
def _parsed(_definition_id: str, _number: int, names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names) & frozenset(PERMISSIONS)


def create_defaults(session: ClinicSession) -> None:
    """The roles every clinic starts with."""
    for slug, (label, second_factor, names) in DEFAULT_ROLES.items():
        role = Role(label=label, second_factor=second_factor, permissions=sorted(names))
        definitions.save(session, ROLE, slug, role, by_user_id=None, comment="as shipped")
