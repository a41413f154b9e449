"""What is printed into a form: the facts of an appointment, a bottle or a day, worded as the clinic words them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select

from appointments.drug_register import BottleRow
from appointments.quantities import words as quantity
from appointments.roster import RosterRow
from data.models import Client, CustomValue, Patient
from data.session import ClinicSession
from data.wording import Wording
from records import custom
from records.search import beside
from security.profile import ClinicProfile


def of_clinic(name: str, settings: ClinicProfile, words: Wording) -> dict[str, str]:
    """Facts of the clinic itself."""
    return {
        "clinic.name": name, "clinic.phone": words.phone(settings.phone),
        "clinic.address": settings.address.replace("\n", ", "),
    }  # fmt: skip


def of_appointments(session: ClinicSession, rows: Sequence[RosterRow], words: Wording) -> dict[str, dict[str, str]]:
    """Facts of each appointment by its id; of a record closed to the reader only number, time and place."""
    shown = [row for row in rows if not row.restricted]
    clients = {
        one.id: one
        for one in session.scalars(select(Client).where(Client.id.in_({row.client_id for row in shown})))
    }  # fmt: skip
    patients = {
        one.id: one
        for one in session.scalars(select(Patient).where(Patient.id.in_({row.patient_id for row in shown})))
    }  # fmt: skip
    own = _custom(session, shown, words)
    facts = {}
    for row in rows:
        mine = _visit(row, words)
        if not row.restricted:
            mine |= _people(row, clients[row.client_id], patients[row.patient_id], words)
            mine |= own.get(row.id, {})
        facts[row.id] = {name: text for name, text in mine.items() if text}
    return facts


def heading(row: RosterRow, words: Wording) -> str:
    """Whose page it is, at the head of every page."""
    day = words.day(row.day, style="weekday")
    parts = [] if row.restricted else [row.animal, row.species.lower(), beside(row.animal, row.owner)]
    return " · ".join(part for part in [*parts, f"visit {row.number}", day] if part)


def of_bottle(bottle: BottleRow, words: Wording) -> dict[str, str]:
    """Facts of a bottle, its balance as of now."""
    return {
        "drug.name": bottle.drug, "drug.strength": bottle.strength, "drug.unit": bottle.unit,
        "drug.schedule": bottle.schedule or "not scheduled", "bottle.number": bottle.number,
        "bottle.lot": bottle.lot, "bottle.balance": quantity(bottle.balance, bottle.unit),
        "bottle.size": quantity(bottle.size, bottle.unit),
        "bottle.expires": words.day(bottle.expires_on, missing=""),
        "bottle.opened": words.moment(bottle.opened_at, missing=""),
    }  # fmt: skip


def of_day(day: date, rows: Sequence[RosterRow], words: Wording) -> dict[str, str]:
    """Facts of a day's roster."""
    places = sorted({row.location for row in rows})
    return {
        "roster.day": words.day(day, style="heading"), "roster.count": str(len(rows)),
        "roster.location": ", ".join(places),
    }  # fmt: skip


def line(row: RosterRow, words: Wording) -> dict[str, str]:
    """One line of the roster."""
    age = words.age(row.born_on, row.day, estimated=row.born_estimated, missing="")
    details = (row.species, row.details[1], age, words.weight(row.weight_grams, missing=""))
    return {
        "time": words.clock_time(row.starts_at, zone=row.zone), "number": str(row.number), "owner": row.owner,
        "phone": words.phone(row.phone), "animal": row.animal,
        "details": " · ".join(part for part in details if part),
        "services": ", ".join(row.services) or row.type_label,
        "caution": " · ".join(part for part in (row.caution, row.notes, row.own) if part),
        "owed": words.money(row.owed_cents) if row.owed_cents else "",
        "deposit": words.money(row.deposit_cents) if row.deposit_cents else "", "funding": row.funding,
    }  # fmt: skip


def _visit(row: RosterRow, words: Wording) -> dict[str, str]:
    return {
        "appointment.number": str(row.number), "appointment.day": words.day(row.day),
        "appointment.time": words.clock_time(row.starts_at, zone=row.zone), "appointment.type": row.type_label,
        "appointment.services": ", ".join(row.services), "appointment.funding": row.funding,
        "appointment.deposit": words.money(row.deposit_cents) if row.deposit_cents else "",
        "appointment.owed": words.money(row.owed_cents) if row.owed_cents else "",
        "appointment.caution": row.caution, "appointment.notes": row.notes, "appointment.location": row.location,
    }  # fmt: skip


def _people(row: RosterRow, client: Client, patient: Patient, words: Wording) -> dict[str, str]:
    town = " ".join(part for part in (client.city and client.city + ",", client.region, client.postal_code) if part)
    street = client.address.replace("\n", ", ")
    return {
        "client.name": row.owner, "client.first_name": client.first_name, "client.last_name": client.last_name,
        "client.phone": words.phone(client.phone), "client.other_phone": words.phone(client.other_phone),
        "client.email": client.email, "client.address": ", ".join(part for part in (street, town) if part),
        "client.number": str(client.number), "client.caution": client.caution, "patient.name": row.animal,
        "patient.species": row.species, "patient.breed": row.breed, "patient.colour": patient.colour,
        "patient.sex": row.details[1].capitalize(),
        "patient.altered": {True: "yes", False: "no", None: ""}[row.altered],
        "patient.born": "" if row.born_estimated else words.day(row.born_on, missing=""),
        "patient.age": words.age(row.born_on, row.day, estimated=row.born_estimated, missing=""),
        "patient.weight": words.weight(row.weight_grams, missing=""), "patient.microchip": patient.microchip,
        "patient.caution": patient.caution,
    }  # fmt: skip


def _custom(session: ClinicSession, rows: Sequence[RosterRow], words: Wording) -> dict[str, dict[str, str]]:
    """Answers to the clinic's own fields by ``entity.custom.key``, of each appointment."""
    of: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for entity, entity_id in (("client", row.client_id), ("patient", row.patient_id), ("appointment", row.id)):
            of.setdefault((entity, entity_id), []).append(row.id)
    known = {entity: custom.fields(session, entity, every=True) for entity in ("client", "patient", "appointment")}
    found: dict[str, dict[str, str]] = {}
    ids = {entity_id for _, entity_id in of}
    for one in session.scalars(select(CustomValue).where(CustomValue.entity_id.in_(ids))):
        field = known[one.entity].get(one.field)
        if field is None:
            continue
        for appointment in of.get((one.entity, one.entity_id), ()):
            text = custom.worded(field, one.value, words)
            found.setdefault(appointment, {})[f"{one.entity}.custom.{one.field}"] = text
    return found
