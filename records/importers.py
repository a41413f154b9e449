"""What clients, patients and staff look like in files, and how such rows become records."""

from __future__ import annotations

import re
import unicodedata
import uuid
from typing import Any

from sqlalchemy import bindparam, select, update

from data import definitions
from data.models import Client, Patient, User
from data.session import ClinicSession, everywhere
from data.types import new_id
from records.checks import plain_chip
from records.folding import phone_digits
from records.imports import Ground, Importer, Plan, Row, register, same
from records.mapping import Field
from records.search import search_text
from records.settings import SPECIES
from security.clinics import clinic_of
from security.roles import ROLE

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]{2,}")
SUFFIXES = {"jr", "sr", "ii", "iii", "iv", "md", "dds", "dvm", "phd", "rn"}

CONTACT = (
    Field("email", "E-mail", length=254, synonyms=("mail", "email address", "e-mail address")),
    Field("phone", "Phone", length=40, synonyms=("phone number", "mobile", "cell", "telephone", "home phone", "tel")),
    Field("other_phone", "Other phone", length=40, synonyms=("phone 2", "alt phone", "work phone", "secondary phone")),
    Field("address", "Address", length=500, synonyms=("street", "street address", "address line 1", "address1")),
    Field("city", "City", synonyms=("town",)),
    Field("region", "State or region", length=80, synonyms=("state", "province", "county")),
    Field("postal_code", "Postal code", length=20, synonyms=("zip", "zip code", "postcode", "zipcode")),
)
SEXES = {
    "f": "female", "female": "female", "fs": "female", "spayed": "female", "woman": "female", "w": "female",
    "m": "male", "male": "male", "mn": "male", "neutered": "male", "man": "male",
    "u": "unknown", "unknown": "unknown", "?": "unknown", "o": "unknown", "other": "unknown",
}  # fmt: skip

CLIENT_FIELDS = (
    Field("reference", "Reference", length=80, guarded=False,
          synonyms=("client id", "owner id", "customer id", "id", "client number", "account number")),
    Field("name", "Full name", length=240, synonyms=("client name", "owner name", "owner", "client")),
    Field("first_name", "First name", synonyms=("first", "given name", "forename", "owner first name")),
    Field("last_name", "Last name", synonyms=("last", "surname", "family name", "owner last name")),
    *CONTACT,
    Field("owner_type", "Kind of client", length=20, synonyms=("owner type", "client type")),
    Field("caution", "Caution", length=300, synonyms=("alert", "warning")),
)  # fmt: skip

PATIENT_FIELDS = (
    Field("reference", "Reference", length=80, guarded=False,
          synonyms=("patient id", "animal id", "pet id", "id", "chart number", "medical record number", "mrn")),
    Field("client", "Client", length=80, guarded=False, help="The client's reference or number",
          synonyms=("client id", "owner id", "client reference", "client number", "owner reference")),
    Field("name", "Name", required=True,
          synonyms=("patient", "patient name", "animal name", "pet name", "pet", "animal")),
    Field("species", "Species", length=60, synonyms=("animal type", "type")),
    Field("breed", "Breed"),
    Field("colour", "Color", length=80, synonyms=("colour",)),
    Field("sex", "Sex", "choice", choices=SEXES, synonyms=("gender",)),
    Field("altered", "Spayed or neutered", "yes_no", synonyms=("sterilised", "sterilized", "fixed", "spayed/neutered")),
    Field("born_on", "Birth date", "date", synonyms=("dob", "birthdate", "date of birth", "born", "birthday")),
    Field("weight", "Weight in kg", "thousandths", synonyms=("weight kg", "kg")),
    Field("weight_lb", "Weight in lb", "thousandths", synonyms=("weight lb", "weight lbs", "lb", "lbs", "pounds")),
    Field("microchip", "Microchip", length=40, guarded=False, synonyms=("chip", "microchip number", "chip number")),
    Field("caution", "Caution", length=300, synonyms=("alert", "warning")),
    Field("died_on", "Day of death", "date", synonyms=("deathdate", "date of death", "deceased")),
    *CONTACT,
)  # fmt: skip

STAFF_FIELDS = (
    Field("reference", "Reference", length=80, guarded=False, synonyms=("id", "provider id", "staff id")),
    Field("name", "Name", required=True, synonyms=("provider", "full name", "staff name")),
    Field("role", "Role", length=80),
    Field("email", "E-mail", length=254, synonyms=("mail",)),
    Field("phone", "Phone", length=40, synonyms=("mobile", "cell")),
    Field("licence", "License", length=60, synonyms=("licence", "licence number", "license number")),
    Field("dea_number", "DEA number", length=20, synonyms=("dea",)),
)


def split_name(full: str) -> tuple[str, str]:
    """First and last name of a full name; titles stay with the first, degrees with the last."""
    if "," in full:
        last, _, first = full.partition(",")
        if first.strip().lower().strip(".") not in SUFFIXES:
            return first.strip(), last.strip()
    parts = full.replace(",", " ").split()
    cut = len(parts) - 1
    while cut > 1 and parts[cut].lower().strip(".") in SUFFIXES:
        cut -= 1
    return " ".join(parts[:cut]), " ".join(parts[cut:])


def _contact(ground: Ground, row: Row) -> dict[str, Any]:
    email = row.get("email", "")
    if email and not _EMAIL.fullmatch(email):
        ground.problem(row, "email", f"'{email}' is not an e-mail address.")
    phone = row.get("phone", "")
    return {
        "email": email, "phone": phone, "phone_digits": phone_digits(phone), "other_phone": row.get("other_phone", ""),
        "address": row.get("address", ""), "city": row.get("city", ""), "region": row.get("region", ""),
        "postal_code": row.get("postal_code", ""),
    }  # fmt: skip


class References:
    """References seen: those already stored and those of the file, so that each is taken once."""

    def __init__(self, ground: Ground, model: Any) -> None:
        self.ground = ground
        self.stored = {row.reference: row for row in ground.session.scalars(select(model).where(model.reference != ""))}
        self.seen: dict[str, int] = {}

    def first(self, row: Row) -> bool:
        """Whether the row's reference appears for the first time in this file; if not, that is a problem."""
        reference = row.get("reference", "")
        if not reference:
            return True
        if reference in self.seen:
            self.ground.problem(row, "reference", f"'{reference}' already stands in row {self.seen[reference]}.")
            return False
        self.seen[reference] = row.number
        return True

    def known(self, row: Row, made: dict[str, Any], names: tuple[str, ...]) -> bool:
        """Whether the row is stored already; a stored row that differs is a problem."""
        stored = self.stored.get(row.get("reference", ""))
        if stored is None:
            return False
        differing = same(made, stored, names)
        if differing:
            self.ground.problem(
                row, "reference",
                f"'{stored.reference}' is already here with another {differing[0].replace('_', ' ')}. Change it on its "
                "page, or take the row out of the file.",
            )  # fmt: skip
        return True


CLIENT_NAMES = ("first_name", "last_name", "email", "phone", "other_phone", "address", "city", "region",
                "postal_code", "owner_type", "caution")  # fmt: skip


def plan_clients(ground: Ground, rows: list[Row]) -> Plan:
    """Clients: a last name, or a full name that is split."""
    plan, references, made_rows = Plan(), References(ground, Client), []
    for row in rows:
        first, last = row.get("first_name", ""), row.get("last_name", "")
        if not last and row.get("name"):
            first, last = split_name(row.cells["name"])
        if not last:
            ground.problem(row, "last_name", "it is empty, and every client needs a last name.")
        made = {
            "id": new_id(), "reference": row.get("reference", ""), "first_name": first, "last_name": last,
            "owner_type": row.get("owner_type", "public").lower(), "caution": row.get("caution", ""),
            **_contact(ground, row),
        }  # fmt: skip
        if not references.first(row):
            continue
        if references.known(row, made, CLIENT_NAMES):
            plan.skipped += 1
            continue
        made_rows.append(made)
    plan.complete[Client] = lambda made: made.update(search=search_text(made, ()))
    plan.add(Client, made_rows)
    plan.added = len(made_rows)
    return plan


PATIENT_NAMES = ("name", "species", "breed", "colour", "sex", "altered", "born_on", "weight_grams", "microchip",
                 "caution", "died_on")  # fmt: skip


class Owners:
    """Clients by reference or number, for the patients of a file; merged ones under the client that stayed."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.human = ground.clinic.kind == "human"
        self.ids: dict[str, str] = {}
        columns = (Client.id, Client.number, Client.reference, Client.merged_into_id)
        stored = ground.session.execute(select(*columns)).all()
        self.ids |= {str(row.number): row.merged_into_id or row.id for row in stored}
        self.ids |= {row.reference: row.merged_into_id or row.id for row in stored if row.reference}

    def of(self, row: Row) -> str | None:
        """The id of the row's client, or None where the patient becomes their own. An animal without is a problem."""
        named = row.get("client", "")
        found = self.ids.get(named)
        if named and found is None:
            self.ground.problem(row, "client", f"there is no client with the reference or number '{named}'.")
        elif not named and not self.human:
            self.ground.problem(row, "client", "it is empty, and an animal needs a client.")
        return found


def plan_patients(ground: Ground, rows: list[Row]) -> Plan:
    """Patients. In a human clinic a patient without a client becomes their own; an animal always needs one."""
    plan, references, owners = Plan(), References(ground, Patient), Owners(ground)
    patients: list[dict[str, Any]] = []
    own: list[dict[str, Any]] = []
    species = _species(ground)
    chips = _chips(ground)
    today = ground.day(ground.now)
    for row in rows:
        made = _patient(row, species)
        _check_life(ground, row, made, today)
        contact, client_id = _contact(ground, row), owners.of(row)
        if not references.first(row):
            continue
        if references.known(row, made, PATIENT_NAMES):
            plan.skipped += 1
            continue
        _check_chip(ground, row, made, chips)
        if client_id is None:
            client_id, made["is_client"] = new_id(), True
            first, last = split_name(made["name"])
            own.append(
                {"id": client_id, "reference": made["reference"], "first_name": first, "last_name": last,
                 "caution": "", "owner_type": "public", **contact}
            )  # fmt: skip
        made["client_id"] = client_id
        patients.append(made)
    by_client = {made["client_id"]: made for made in patients if made["is_client"]}
    plan.complete[Client] = lambda made: made.update(search=search_text(made, [by_client[made["id"]]]))
    plan.add(Client, own)
    plan.add(Patient, patients)
    plan.added = len(patients)
    touched = list(dict.fromkeys(made["client_id"] for made in patients if not made["is_client"]))
    if touched:
        plan.finish.append(lambda session, _run_id: _refresh_search(session, touched))
    return plan


def _patient(row: Row, species: dict[str, str]) -> dict[str, Any]:
    kind = row.get("species", "").lower()
    return {
        "id": new_id(), "reference": row.get("reference", ""), "name": row.get("name", ""), "is_client": False,
        "species": species.get(kind, kind), "breed": row.get("breed", ""), "colour": row.get("colour", ""),
        "sex": row.get("sex", "unknown"), "altered": row.get("altered"), "born_on": row.get("born_on"),
        "weight_grams": _grams(row), "microchip": plain_chip(row.get("microchip", "")),
        "caution": row.get("caution", ""), "died_on": row.get("died_on"),
    }  # fmt: skip


def _species(ground: Ground) -> dict[str, str]:
    known = definitions.load_all(ground.session, SPECIES)
    return {word.lower(): slug for slug, document in known.items() for word in (slug, document.label)}


def _chips(ground: Ground) -> dict[str, str]:
    statement = select(Patient.microchip, Patient.reference, Patient.name).where(Patient.microchip != "")
    return {chip: reference or name for chip, reference, name in ground.session.execute(statement)}


def _check_chip(ground: Ground, row: Row, made: dict[str, Any], chips: dict[str, str]) -> None:
    chip = made["microchip"]
    if chip in chips:
        ground.problem(row, "microchip", f"the microchip already belongs to '{chips[chip]}'.")
    if chip:
        chips[chip] = made["reference"] or made["name"]


def _refresh_search(session: ClinicSession, client_ids: list[str]) -> None:
    """The search text of clients whose patients came in. Their version stays: nobody edited them."""
    table = Client.__table__
    statement = (
        update(table)  # type: ignore[arg-type]
        .where(table.c.clinic_id == session.clinic_id, table.c.id == bindparam("client"))
        .values(search=bindparam("text"), change=session.change)
    )
    for start in range(0, len(client_ids), 500):
        chosen = client_ids[start : start + 500]
        patients: dict[str, list[Any]] = {}
        for patient in session.scalars(select(Patient).where(Patient.client_id.in_(chosen))):
            patients.setdefault(patient.client_id, []).append(_as_row(patient))
        texts = [
            {"client": client.id, "text": search_text(_as_row(client), patients.get(client.id, []))}
            for client in session.scalars(select(Client).where(Client.id.in_(chosen)))
        ]
        session.connection().execute(statement, texts)


def _as_row(record: Any) -> dict[str, Any]:
    return {column.key: getattr(record, column.key) for column in record.__mapper__.column_attrs}


def _grams(row: Row) -> int | None:
    if row.get("weight") is not None:
        return int(row.cells["weight"])
    pounds = row.get("weight_lb")
    return None if pounds is None else round(pounds * 0.45359237)


def _check_life(ground: Ground, row: Row, made: dict[str, Any], today: Any) -> None:
    born, died = made["born_on"], made["died_on"]
    if born and born > today:
        ground.problem(row, "born_on", f"the birth date {born} lies in the future.")
    if died and died > today:
        ground.problem(row, "died_on", f"the day of death {died} lies in the future.")
    if born and died and died < born:
        ground.problem(row, "died_on", f"the day of death {died} lies before the birth date {born}.")
    if made["weight_grams"] is not None and not 0 < made["weight_grams"] < 2_000_000:
        ground.problem(row, "weight", "a weight lies between 0 and 2,000 kg.")


def plan_staff(ground: Ground, rows: list[Row]) -> Plan:
    """Staff profiles without a sign-in: disabled until an administrator invites the person."""
    plan, made_rows = Plan(), []
    roles = set(definitions.load_all(ground.session, ROLE))
    slug = clinic_of(ground.clinic.id).slug
    with everywhere() as session:
        taken = set(session.scalars(select(User.username)))
    known = {user.id: user for user in ground.session.scalars(select(User))}
    ever = set(ground.session.scalars(select(User.id), execution_options={"include_deleted": True}))
    seen: dict[str, int] = {}
    for row in rows:
        role = row.get("role", "clinician").lower()
        if role not in roles:
            ground.problem(row, "role", f"there is no role '{role}'.")
        name, reference = row.get("name", ""), row.get("reference", "")
        if reference and reference in seen:
            ground.problem(row, "reference", f"'{reference}' already stands in row {seen[reference]}.")
            continue
        seen[reference] = row.number
        ids = staff_ids_of(ground.clinic.id, reference) if reference else [new_id()]
        staff_id = next((i for i in ids if i in known), None) or next(i for i in ids if i not in ever)
        made = {
            "id": staff_id, "name": name, "role": role, "status": "disabled", "email": row.get("email", ""),
            "phone": row.get("phone", ""), "licence": row.get("licence", ""), "dea_number": row.get("dea_number", ""),
            "initials": "".join(part[0] for part in name.split())[:4].upper(),
        }  # fmt: skip
        if staff_id in known:
            plan.skipped += 1
            differing = same(made, known[staff_id], ("name", "licence", "dea_number"))
            if differing:
                ground.problem(row, "reference", f"'{reference}' is already here with another {differing[0]}.")
            continue
        username = plain(name) or "staff"
        wanted, number = f"{username}@{slug}"[:60], 1
        while wanted in taken:
            number += 1
            wanted = f"{username}{number}@{slug}"[:60]
        taken.add(wanted)
        made_rows.append(made | {"username": wanted})
    plan.add(User, made_rows)
    plan.added = len(made_rows)
    return plan


def plain(text: str) -> str:
    """A name as the part of a user name: 'Víctor Noriega' becomes victor.noriega."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return ".".join(re.findall(r"[a-z0-9]+", bare))[:40]


def staff_ids_of(clinic_id: str, reference: str) -> list[str]:
    """The ids that an imported person may have for the reference of their source, as profiles keep none: one for
    each time the import was undone and done again."""
    namespace = uuid.UUID(clinic_id)
    return [str(uuid.uuid5(namespace, f"staff:{reference}:{again}")) for again in range(20)]


CLIENTS = register(
    Importer("clients", "Clients", CLIENT_FIELDS, plan_clients, "The responsible people, one row each.", 10,
             one_of=(("last_name", "name"),)),
    "client", "owners", "customers",
)  # fmt: skip
PATIENTS = register(
    Importer(
        "patients", "Patients", PATIENT_FIELDS, plan_patients,
        "Animals or people. An animal needs a client; a person without one becomes their own.", 20,
        animals_need=("client",),
    ),
    "patient", "animals", "pets",
)  # fmt: skip
STAFF = register(
    Importer("staff", "Staff", STAFF_FIELDS, plan_staff, "Staff profiles without a sign-in.", 5), "providers", "users"
)
