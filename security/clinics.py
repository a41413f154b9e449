"""Making a clinic: the row, its chain head, the default roles and settings, the owner's account."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from zoneinfo import available_timezones

from babel.numbers import list_currencies
from sqlalchemy import select
from sqlalchemy.orm import Session

from data.card_numbers import refuse_card_numbers
from data.engine import database
from data.errors import BadInput, NotFound
from data.models import ChainHead, Clinic, Rehearsal, User
from data.session import everywhere, write
from security import audit, passwords, roles
from security.actor import Actor
from security.words import WORDS

LOCALES = {"USD": "en_US", "CAD": "en_CA", "GBP": "en_GB", "EUR": "en_IE", "AUD": "en_AU", "NZD": "en_NZ"}
"""How numbers, dates and degrees are written where this money is used."""


class NameTaken(BadInput):
    """The {what} {name} is already used in this installation. Choose another."""


@dataclass(frozen=True)
class NewClinic:
    """What it takes to begin."""

    slug: str
    name: str
    zone: str = "America/New_York"
    currency: str = "USD"
    kind: str = "veterinary"
    locale: str = "en_US"
    is_demo: bool = False

    def check(self) -> None:
        """Raise BadInput naming the first thing that is wrong."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,58}", self.slug):
            raise BadInput(problem=f"The short name '{self.slug}' may hold only a-z, 0-9 and -, at least two of them.")
        if not self.name.strip():
            raise BadInput(problem="The clinic needs a name.")
        if self.zone not in available_timezones():
            raise BadInput(problem=f"'{self.zone}' is not a time zone. Write it like America/Chicago.")
        if self.currency not in list_currencies():
            raise BadInput(problem=f"'{self.currency}' is not a currency. Write it like USD.")
        if self.kind not in ("veterinary", "human"):
            raise BadInput(problem=f"The kind of clinic is veterinary or human, not '{self.kind}'.")


def create_clinic(new: NewClinic) -> str:
    """Add a clinic with its default roles and one location; returns its id. Raises BadInput, NameTaken."""
    new.check()
    opened = database()
    with opened.writing(), Session(opened.engine) as session, session.begin():
        if session.scalar(select(Clinic.id).where(Clinic.slug == new.slug)):
            raise NameTaken(what="short name", name=new.slug)
        clinic = Clinic(
            slug=new.slug, name=new.name.strip(), kind=new.kind, zone=new.zone, currency=new.currency,
            locale=new.locale, is_demo=new.is_demo,
        )  # fmt: skip
        session.add(clinic)
        session.flush()
        session.add(ChainHead(clinic_id=clinic.id))
        clinic_id = clinic.id
    with write(clinic_id) as scoped:
        by = Actor.operator(clinic_id)
        roles.create_defaults(scoped)
        scoped.flush()
        audit.append(scoped, by, "clinic.created", "clinic", clinic_id, {"slug": new.slug, "kind": new.kind})
    return clinic_id


def clean_username(username: str) -> str:
    """A user name as it is kept: lower case; raises BadInput."""
    username = username.strip().lower()
    if not username:
        raise BadInput(problem="Enter a username: what the person types to sign in.")
    refuse_card_numbers({"The username": username})
    if not re.fullmatch(r"[a-z0-9][a-z0-9._@-]{1,59}", username):
        raise BadInput(
            problem=f"The username '{username}' may hold only letters, digits, dot, dash, _ and @, at least two."
        )
    return username


def add_user(username: str, role: str, password: str, *, name: str = "", by: Actor, strict: bool = True) -> str:
    """Add a person who can sign in at once; returns the id. Raises NameTaken, WeakPassword, NotPermitted, NotFound.

    ``strict`` False skips the password rule: for the demo's printed passwords only.
    """
    from security.reach import check_reach
    from security.rules import act

    username = clean_username(username)
    if strict:
        passwords.check_strength(password, username, name)
    with everywhere() as session:
        if session.scalar(select(User.id).where(User.username == username)):
            raise NameTaken(what="user name", name=username)
    hashed = passwords.hash_secret(password)
    with act(by, "security.users") as work:
        if not roles.permissions_of(work.session, role):
            raise NotFound(what="role", name=role)
        check_reach(work.session, by, role, "give it to anybody")
        display = name or username
        user = User(
            username=username, name=display, role=role, password_hash=hashed,
            initials="".join(part[0] for part in display.split())[:4].upper(),
        )  # fmt: skip
        work.session.add(user)
        work.audit("user.added", "user", username, role=role)
        return user.id


def clinics() -> list[Clinic]:
    """The clinics of this home, by name."""
    with everywhere() as session:
        return list(session.scalars(select(Clinic).where(Clinic.closed_at.is_(None)).order_by(Clinic.name)))


def practice_clinics() -> set[str]:
    """The ids of all scratch clinics of this home in which an outage is or was practised."""
    with everywhere() as session:
        found = session.scalars(select(Rehearsal.practice_clinic_id).where(Rehearsal.practice_clinic_id.is_not(None)))
        return {str(one) for one in found}


def find_clinic(slug: str | None) -> Clinic:
    """The clinic with this short name, or the only one there is, practice clinics aside; raises NotFound, BadInput."""
    found = clinics()
    if slug is None:
        practised = practice_clinics()
        found = [clinic for clinic in found if clinic.id not in practised]
        if len(found) == 1:
            return found[0]
        names = ", ".join(clinic.slug for clinic in found)
        raise BadInput(problem=f"This home holds {len(found)} clinics ({names}). Say which with --clinic.")
    for clinic in found:
        if clinic.slug == slug:
            return clinic
    raise NotFound(what="clinic", name=slug)


def clinic_of(clinic_id: str) -> Clinic:
    """The clinic row; raises NotFound."""
    with everywhere() as session:
        clinic = session.get(Clinic, clinic_id)
    if clinic is None:
        raise NotFound(what="clinic", name=clinic_id)
    return clinic


def passphrase(words: int = 4) -> str:
    """A password of random words, easy to type from a sheet."""
    return "-".join(secrets.choice(WORDS) for _ in range(words))
