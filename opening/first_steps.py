"""What a new clinic has to do before its first day, worked out from its own data.

A step is done when the data say so. What is right as it was shipped (the usual opening days, the price list) leaves
no trace in the data, so a person may say of a step that it is settled; that, and that nobody wants to see the list
any more, is a definition of the clinic like every other setting.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, field_validator
from sqlalchemy import func, select

import appointments.settings
import billing.settings
from data import definitions
from data.errors import NotFound
from data.models import Appointment, Client, Definition, DefinitionVersion, User
from data.session import ClinicSession
from security.actor import Actor
from security.profile import profile
from security.roles import ROLE
from security.rules import act, authorize, look, remembered

RUNNING = 10
"""A clinic with so many appointments has begun; it needs no list of first steps."""


@dataclass(frozen=True)
class Step:
    """One thing to do. ``done`` as the data say, or because a person settled it; ``may_settle`` while it is open and
    may be right as it is, or not needed."""

    name: str
    done: bool
    may_settle: bool = False


@dataclass(frozen=True)
class FirstSteps:
    """The steps in the order in which one takes them."""

    steps: tuple[Step, ...]

    @property
    def done(self) -> int:
        """How many are done."""
        return sum(step.done for step in self.steps)


NEEDS = {
    "profile": "settings.edit", "opening-days": "settings.edit", "prices": "settings.edit",
    "people": "security.users", "second-factor": "security.users", "off-site": "settings.edit",
    "clients": "clients.edit", "appointment": "appointments.book",
}  # fmt: skip
"""The steps in order, and the permission each one takes."""
MAY_SETTLE = frozenset({"opening-days", "prices", "people"})


class Settled(definitions.Document):
    """What people said about the list: which steps they settled, and whether it is hidden."""

    hidden: bool = False
    settled: list[str] = Field(default_factory=list)

    @field_validator("settled")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        return sorted(MAY_SETTLE.intersection(names))


SETTLED = definitions.register("first-steps", "First steps", Settled, has_own_rules=True)
SLUG = "home"


@remembered("settings.edit")
def first_steps(*, by: Actor) -> FirstSteps | None:
    """What is still to do before the first day, of what the person may do. None when everything is done, the list was
    hidden, or the clinic is running. Raises NotPermitted."""
    found = _list(by)
    return None if found is None or _told(by).hidden else found


@remembered("settings.edit")
def are_hidden(*, by: Actor) -> bool:
    """Whether somebody hid a list that still has open steps. Raises NotPermitted."""
    return _told(by).hidden and _list(by) is not None


def hide_first_steps(*, hidden: bool = True, by: Actor, key: str | None = None) -> None:
    """Take the list off everybody's home, or put it back. Raises NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        told = _settled(work.session)
        if told.hidden == hidden:
            return
        definitions.save(work.session, SETTLED, SLUG, told.model_copy(update={"hidden": hidden}), by_user_id=by.user_id)
        work.audit("first_steps.hidden" if hidden else "first_steps.shown", SETTLED.name, SLUG)


def settle_step(name: str, *, by: Actor, key: str | None = None) -> None:
    """Say that a step is right as it is, or not needed here. Raises NotPermitted, NotFound."""
    if name not in MAY_SETTLE:
        raise NotFound(what="step", name=name)
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        told = _settled(work.session)
        if name in told.settled:
            return
        more = told.model_copy(update={"settled": sorted([*told.settled, name])})
        definitions.save(work.session, SETTLED, SLUG, more, by_user_id=by.user_id)
        work.audit("first_steps.settled", SETTLED.name, SLUG, step=name)


def _settled(session: ClinicSession) -> Settled:
    return definitions.load_all(session, SETTLED).get(SLUG) or Settled()


def _told(by: Actor) -> Settled:
    with look(by, "settings.edit") as session:
        return _settled(session)


def _list(by: Actor) -> FirstSteps | None:
    """The steps as they stand, hidden or not; None when none is left to do."""
    with look(by, "settings.edit") as session:
        if len(session.scalars(select(Appointment.id).limit(RUNNING)).all()) == RUNNING:
            return None
        may, settled = authorize(session, by, None), _settled(session).settled
        done = _done(session)
    steps = tuple(
        Step(name, done[name] or name in settled, name in MAY_SETTLE and not done[name] and name not in settled)
        for name, permission in NEEDS.items()
        if permission in may
    )
    return FirstSteps(steps) if any(not step.done for step in steps) else None


def _done(session: ClinicSession) -> dict[str, bool]:
    """By step, whether the data say that it is done."""
    known = profile(session)
    return {
        "profile": bool(known.address and known.phone),
        "opening-days": _touched(session, appointments.settings.LOCATION.name),
        "prices": _touched(session, billing.settings.SERVICE.name),
        "people": (session.scalar(select(func.count(User.id)).where(User.status != "disabled")) or 0) > 1,
        "second-factor": _all_have_second_factor(session),
        "off-site": bool(known.off_site_backup),
        "clients": _any(session, Client),
        "appointment": _any(session, Appointment),
    }


def _any(session: ClinicSession, model: type[Client] | type[Appointment]) -> bool:
    return session.scalars(select(model.id).limit(1)).first() is not None


def _touched(session: ClinicSession, kind: str) -> bool:
    """Whether a person ever saved a definition of this kind; what a clinic is furnished with nobody saved."""
    versions = select(DefinitionVersion.id).join(Definition, Definition.id == DefinitionVersion.definition_id)
    saved = versions.where(Definition.kind == kind, DefinitionVersion.by_user_id.is_not(None)).limit(1)
    return session.scalars(saved).first() is not None


def _all_have_second_factor(session: ClinicSession) -> bool:
    """Whether everybody who can change users signs in with a code besides the password."""
    roles = [slug for slug, role in definitions.load_all(session, ROLE).items() if "security.users" in role.permissions]
    without = select(User.id).where(User.status == "active", User.role.in_(roles), User.totp_secret.is_(None))
    return session.scalars(without.limit(1)).first() is None
