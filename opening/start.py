"""A new clinic with everything it starts with, and its owner's account."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import appointments.settings
import billing.settings
import records.settings
from data.engine import Database, use
from data.errors import BadInput, NotPermitted
from data.home import Home
from data.schema import upgrade
from data.session import write
from security import audit, keys, passwords
from security.actor import Actor
from security.clinics import NewClinic, add_user, create_clinic, passphrase
from security.sign_in import is_loopback


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


@dataclass(frozen=True)
class FirstClinic:
    """What a first run leaves behind: the owner's user name, where the key file lies, and the recovery sheet (PDF)."""

    opened: Opened
    key_file: Path
    sheet: bytes


class NotEmpty(BadInput):
    """There is a clinic here already. Sign in, or add another one with 'ballast init'."""


class NotHere(NotPermitted):
    """A clinic is set up at the machine that keeps its data. Open this page in a browser there, or run
    'ballast init'."""


def first_run(new: NewClinic, *, username: str, password: str, owner: str, address: str = "127.0.0.1") -> FirstClinic:
    """Make the home with its key and the first clinic in it, for somebody sitting at this machine.

    Raises NotEmpty, NotHere, BadInput, NameTaken, WeakPassword; nothing is left behind then.
    """
    if not is_loopback(address):
        raise NotHere
    new.check()
    passwords.check_strength(password, username, owner)
    home = Home.locate()
    if home.exists:
        raise NotEmpty
    home.create()
    database = Database(home)
    upgrade(database)
    use(database)
    opened = start_clinic(new, username=username, password=password, owner=owner)
    return FirstClinic(opened, home.key_file, keys.sheet(home, [new.name]))
