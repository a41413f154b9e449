"""A new clinic with everything it starts with, and its owner's account."""

from __future__ import annotations

from dataclasses import dataclass

import appointments.settings
import billing.settings
import records.settings
from data.session import write
from security import audit
from security.actor import Actor
from security.clinics import NewClinic, add_user, create_clinic, passphrase


@dataclass(frozen=True)
class Opened:
    """A new clinic and how its owner signs in."""

    clinic_id: str
    username: str
    password: str


def start_clinic(new: NewClinic, *, username: str = "", password: str = "", owner: str = "Owner") -> Opened:
    """Make the clinic, its default settings and the owner. An empty password is made up and returned.

    Raises BadInput, NameTaken, WeakPassword.
    """
    clinic_id = create_clinic(new)
    furnish(clinic_id, new)
    username, password = username or f"owner@{new.slug}", password or passphrase()
    add_user(username, "owner", password, name=owner, by=Actor.operator(clinic_id))
    return Opened(clinic_id, username, password)


def furnish(clinic_id: str, new: NewClinic) -> None:
    """The default settings."""
    with write(clinic_id) as session:
        records.settings.create_defaults(session, new.kind)
        appointments.settings.create_defaults(session, new.kind, new.zone)
        billing.settings.create_defaults(session, new.kind)
        session.flush()
        audit.append(session, Actor.operator(clinic_id), "settings.created", "clinic", clinic_id)
