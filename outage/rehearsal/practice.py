"""The practice clinic: a scratch copy of a clinic's settings and staff with made-up people, to practise an outage in.

Everything of a rehearsal happens in a clinic of its own in the same home, whose rows no session of the real clinic can
reach and the other way round (data/session.py), so that nothing practised can ever meet a real record. Its printed
pages carry keys of their own: a practice sheet is no sheet of the real clinic. It has the clinic's forms, price list,
drugs, places and people, since a clinic practises with what it works with; nobody can sign in there by password, only
step over from the real one. The day practised is yesterday, so that everything written on paper has happened.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date, time, timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from appointments import booking, drug_log
from appointments.settings import APPOINTMENT_TYPE, DRUG, FLOW_LOOK, LOCATION
from appointments.times import instant_of
from billing.settings import SERVICE, TAX, TAX_RULES
from data import definitions
from data.definitions import Document, Kind
from data.models import Clinic, Drug, Location, Service, User
from data.session import write
from data.types import clock
from forms.settings import FORM
from records.clients import ClientForm
from records.patients import PatientForm
from records.settings import CUSTOM_FIELD, SPECIES
from security import audit
from security.actor import Actor
from security.clinics import NewClinic, clinic_of, create_clinic
from security.profile import PROFILE
from security.roles import ROLE
from security.rules import together

COPIED: tuple[Kind[Any], ...] = (
    ROLE, PROFILE, LOCATION, SPECIES, CUSTOM_FIELD, TAX, TAX_RULES, SERVICE, DRUG, APPOINTMENT_TYPE, FLOW_LOOK, FORM,
)  # fmt: skip
FIRST = """Abel Ada Amos Anya Boris Celia Clem Dora Edgar Elsa Enid Ezra Fern Flora Gus Hattie Hugo Ida Ines Ivo Jonah
Judith Kit Lars Leona Lionel Mabel Magda Milo Nell Noor Olive Otto Paloma Perry Ramona Rhea Silas Tilda Vern""".split()
LAST = """Alder Birch Brook Clay Copper Dale Ember Fennel Finch Frost Gale Glen Hazel Heath Heron Juniper Lark Linden
Marsh Meadow Moss North Oakes Pine Plover Quill Reed Ridge Rook Rowan Sage Sorrel Stone Swift Thorne
Vale Wren""".split()
PETS = """Acorn Basil Bean Biscuit Bramble Button Clover Cricket Dumpling Fig Ginger Hobbit Juno Kiwi Lemon Maple Mocha
Nacho Nutmeg Olive Peach Pepper Pesto Pickle Pip Plum Poppy Quince Radish Rusty Sesame Sprout Taffy Tango Thistle
Toffee Truffle Tulip Waffle Ziggy""".split()
BOTTLE = 20_000
"""Thousandths of a mL in a practice bottle: enough for the day."""


def make_practice_clinic(real: str, day: date, *, visits: int, seed: int) -> tuple[str, dict[str, str]]:
    """A practice clinic for a real one: its settings and staff, visits booked for a day, drugs opened the day before.
    Returns its id, and who each person of the real clinic is there."""
    origin = clinic_of(real)
    new = NewClinic(
        f"practice-{secrets.token_hex(4)}", f"{origin.name} (practice)"[:200], origin.zone, origin.currency,
        origin.kind, origin.locale,
    )  # fmt: skip
    practice = create_clinic(new)
    by = Actor(practice, "command", name="rehearsal")
    people = _copy_settings(real, practice, by)
    book_day(practice, day, visits, Random(seed), by)  # noqa: S311 - made-up data
    _open_bottles(practice, origin, day, by)
    return practice, people


def close_practice(practice: str) -> None:
    """End a practice clinic: nobody gets in any more. Its rows stay, like everything that was audited."""
    by = Actor(practice, "command", name="rehearsal")
    with write(practice) as session:
        row = session.get_one(Clinic, practice)
        if row.closed_at is not None:
            return
        row.closed_at = clock.now()
        for user in session.scalars(select(User)):
            user.status = "disabled"
        audit.append(session, by, "practice.closed", "clinic", practice)


def _copy_settings(real: str, practice: str, by: Actor) -> dict[str, str]:
    """Settings and staff; returns who each person of the real clinic is here."""
    with write(real) as session:
        bodies: list[tuple[Kind[Any], str, Document]] = [
            (kind, slug, body) for kind in COPIED for slug, body in definitions.load_all(session, kind).items()
        ]
        people = session.scalars(select(User).where(User.status == "active").order_by(User.name)).all()
        staff = [(one.id, one.name, one.initials, one.role, one.colour) for one in people]
    here: dict[str, str] = {}
    with write(practice) as session:
        for kind, slug, body in bodies:
            definitions.save(session, kind, slug, body, by_user_id=None, comment="copied to practise")
            session.flush()
        for number, (origin_id, name, initials, role, colour) in enumerate(staff):
            username = f"{session.clinic_id[-12:]}-{number}@practice"
            user = User(username=username, name=name, initials=initials, role=role, colour=colour)
            session.add(user)
            session.flush()
            here[origin_id] = user.id
        audit.append(session, by, "practice.furnished", "clinic", practice, {"staff": len(staff)})
    return here


def book_day(practice: str, day: date, visits: int, rng: Random, by: Actor) -> None:
    """Book so many visits of made-up people for a day, surgeries all of them, beyond the places there are."""
    with write(practice) as session:
        kinds = definitions.load_all(session, APPOINTMENT_TYPE)
        surgical = [slug for slug, kind in kinds.items() if kind.surgical and kind.active]
        kind = "surgery" if "surgery" in surgical else (surgical or sorted(kinds, key=lambda slug: slug != "visit"))[0]
        place = session.scalars(select(Location.id).where(Location.active).order_by(Location.name)).first()
        codes = {code for code in session.scalars(select(Service.code))}
        species = sorted(slug for slug in definitions.load_all(session, SPECIES) if slug in ("cat", "dog"))
    names = rng.sample([(first, last) for first in FIRST for last in LAST], visits)
    with together(by, "appointments.book") as work:
        for number, (first, last) in enumerate(names):
            animal = _animal(rng, species)
            wanted = [f"{animal.species}-{'spay' if animal.sex == 'female' else 'neuter'}", *_extras(rng)]
            if not species:
                wanted = [kind]
            at = time(7, 30) if number % 2 else time(7, 45)
            booking.book(
                booking.Booking("", "", str(place), kind, day, at, services=[one for one in wanted if one in codes]),
                new_client=_client(rng, first, last, number),
                new_patient=replace(animal, name=rng.choice(PETS) if species else ""),
                overbook=True, past=True, by=by,
            )  # fmt: skip
        work.audit("practice.booked", "clinic", practice, visits=visits)


def _client(rng: Random, first: str, last: str, number: int) -> ClientForm:
    return ClientForm(
        last_name=last, first_name=first, phone=f"(845) 555-{1000 + number:04d}",
        email=f"{first}.{last}@example.org".lower(), address=f"{rng.randrange(1, 400)} Practice Ln", city="Millbrook",
        postal_code="12545",
    )  # fmt: skip


def _animal(rng: Random, species: list[str]) -> PatientForm:
    if not species:
        born = clock.now().date() - timedelta(days=rng.randrange(18 * 365, 80 * 365))
        return PatientForm(name="", sex=rng.choice(("female", "male")), born_on=born)
    kind = rng.choice(species)
    grams = rng.randrange(25, 60) * 100 if kind == "cat" else rng.randrange(40, 260) * 100
    breed = "Domestic Shorthair" if kind == "cat" else "Mixed"
    return PatientForm(
        name="", species=kind, breed=breed, colour=rng.choice(("Black", "White", "Brown")), altered=False,
        sex=rng.choice(("female", "male")), weight_grams=grams, born_on=clock.now().date() - timedelta(days=500),
        born_estimated=True,
    )  # fmt: skip


def _extras(rng: Random) -> list[str]:
    return [code for code, share in (("rabies", 0.6), ("pain-meds", 0.5), ("microchip", 0.2)) if rng.random() < share]


def _open_bottles(practice: str, origin: Clinic, day: date, by: Actor) -> None:
    """One bottle of up to four drugs, opened before the day began."""
    with write(practice) as session:
        drugs = session.scalars(select(Drug).where(Drug.active, Drug.unit == "mL").order_by(Drug.name)).all()
        chosen: dict[str, tuple[str, str]] = {}
        for drug in sorted(drugs, key=lambda one: not one.stage):
            chosen.setdefault(drug.name, (drug.id, drug.code))
    before = day - timedelta(days=1)
    with together(by, "drugs.bottles") as work:
        for number, (drug_id, _) in enumerate(list(chosen.values())[:4], 1):
            bottle = drug_log.NewBottle(
                drug_id, f"P{number:03d}", BOTTLE, before, lot=f"PR{1000 + number}",
                expires_on=day + timedelta(days=365),
            )  # fmt: skip
            bottle_id = drug_log.receive(bottle, by=by)
            drug_log.open_bottle(bottle_id, event_at=instant_of(before, time(16), origin.zone), by=by)
        work.audit("practice.opened", "clinic", practice, bottles=min(4, len(chosen)))
