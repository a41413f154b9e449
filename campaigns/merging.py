"""The merge fields of templates, typed by what they reveal, and their values for thousands of recipients at once.

A field that names the patient, the service or a visit is protected (``phi``): it never stands in a subject, and in a
text only for a client who permitted that on the channel. Everybody else reads neutral words instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from data.models import Appointment, Client, Clinic, Invoice, InvoiceLine, Patient, Service
from data.session import ClinicSession
from data.types import clock
from data.wording import Wording
from records.standing import unbilled_ids
from security.profile import profile

LONGEST = 300
"""Characters of a value; an address may have as many lines as it has."""
CHUNK = 5_000
AHEAD = ("requested", "booked", "confirmed")
NOT_KEPT = (*AHEAD, "cancelled", "no_show")


@dataclass(frozen=True)
class MergeField:
    """A word that stands for something else in each message. ``neutral`` is what those read who did not permit it, at a
    clinic for animals and at one for people; ``link`` says that it is an address on the web."""

    name: str
    label: str
    entity: str
    example: str
    phi: bool = False
    neutral: tuple[str, str] = ("", "")
    link: bool = False

    def neutral_for(self, kind: str) -> str:
        """The words for those who did not permit it."""
        return self.neutral[kind == "human"]


_EVERY = (
    MergeField("client_first_name", "First name", "Client", "Kim"),
    MergeField("client_last_name", "Last name", "Client", "Rivera"),
    MergeField("client_name", "Whole name", "Client", "Kim Rivera"),
    MergeField("patient_name", "Patient's name", "Patient", "Milo", True, ("your pet", "you")),
    MergeField("patient_names", "Names of all patients it is about", "Patient", "Milo and Luna", True,
               ("your pets", "you")),
    MergeField("species", "Species", "Patient", "cat", True, ("pet", "patient")),
    MergeField("service", "Service that is due, or was last had", "Patient", "Rabies vaccination", True,
               ("care", "care")),
    MergeField("due_day", "Day it is due", "Patient", "May 3, 2026", True, ("soon", "soon")),
    MergeField("last_visit_day", "Day of the last visit", "Patient", "May 3, 2025", True,
               ("the last visit", "your last visit")),
    MergeField("next_visit_day", "Day of the next visit", "Patient", "June 2, 2026", True,
               ("the day we agreed on", "the day we agreed on")),
    MergeField("next_visit_time", "Time of the next visit", "Patient", "7:30 AM", True,
               ("the time we agreed on", "the time we agreed on")),
    MergeField("clinic_name", "Name", "Clinic", "Harbor Clinic"),
    MergeField("clinic_address", "Address", "Clinic", "1 Harbor Road, Springfield"),
    MergeField("clinic_phone", "Phone", "Clinic", "(212) 555-0100"),
    MergeField("clinic_email", "E-mail", "Clinic", "hello@harbor.example"),
    MergeField("clinic_website", "Website", "Clinic", "https://harbor.example", link=True),
    MergeField("today", "Today", "Clinic", "May 1, 2026"),
    MergeField("client_address", "Postal address, in lines", "Client", "1 Elm St\nSpringfield, IL 62701"),
    MergeField("unsubscribe_link", "The way out", "Link", "https://example.org/u/token", link=True),
)  # fmt: skip
FIELDS: dict[str, MergeField] = {one.name: one for one in _EVERY}
OFFERED = [one for one in _EVERY if one.name not in ("client_address", "unsubscribe_link")]
"""Those a person puts into a text; the others belong to the layout."""
_UNSEEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff\u241e\u241f]"
)


@dataclass(frozen=True)
class Recipient:
    """Who is written to, and about which patients."""

    client_id: str
    patient_ids: tuple[str, ...] = ()


def cleaned(name: str, value: str) -> str:
    """A value without what nobody sees, on one line (an address keeps its lines), and no longer than a value may be."""
    text = _UNSEEN.sub(" ", value.replace("\r\n", "\n").replace("\r", "\n"))
    if name != "client_address":
        return " ".join(text.split())[:LONGEST]
    return "\n".join(line for one in text.split("\n") if (line := " ".join(one.split())[:LONGEST]))[: 2 * LONGEST]


def values_of(
    session: ClinicSession, recipients: Sequence[Recipient], fields: Collection[str], *, day: date | None = None
) -> dict[Recipient, dict[str, str]]:
    """The values of fields for many recipients, in a few queries for thousands; what there is nothing for is empty.

    ``unsubscribe_link`` is left to whoever sends. Protected values are all there: ``Compiled.render`` withholds them.
    """
    clinic = session.get_one(Clinic, session.clinic_id)
    day, wording = day or clock.today(clinic.zone), Wording.of(clinic)
    wanted = {FIELDS[name].entity for name in fields if name in FIELDS}
    clients = _clients(session, {one.client_id for one in recipients}) if "Client" in wanted else {}
    patients = {one for recipient in recipients for one in recipient.patient_ids}
    about = _patients(session, patients, fields, day) if "Patient" in wanted else {}
    of_clinic = _clinic(session, clinic, wording, day)
    found: dict[Recipient, dict[str, str]] = {}
    for recipient in recipients:
        told = of_clinic | clients.get(recipient.client_id, {})
        told |= _told([about[one] for one in recipient.patient_ids if one in about], wording)
        found[recipient] = {name: cleaned(name, told.get(name, "")) for name in fields if name in FIELDS}
    return found


def joined(names: Iterable[str]) -> str:
    """Names as people list them: ``Milo, Luna and Rex``; the same name once."""
    listed = list(dict.fromkeys(filter(None, names)))
    return " and ".join(filter(None, (", ".join(listed[:-1]), listed[-1]))) if listed else ""


def examples() -> dict[str, str]:
    """A value for every field, for a look without a recipient."""
    return {one.name: one.example for one in _EVERY}


def _clinic(session: ClinicSession, clinic: Clinic, wording: Wording, day: date) -> dict[str, str]:
    told = profile(session)
    website = told.website if re.match(r"https?://\S+$", told.website) else ""
    return {
        "clinic_name": told.legal_name or clinic.name, "clinic_address": _in_one_line(told.address),
        "clinic_phone": told.phone, "clinic_email": told.email,
        "clinic_website": website or (f"https://{told.website}" if "." in told.website else ""),
        "today": wording.day(day, style="long"),
    }  # fmt: skip


def _in_one_line(address: str) -> str:
    """An address of several lines with a comma between them."""
    lines = (" ".join(line.split()).rstrip(",") for line in address.splitlines())
    return ", ".join(line for line in lines if line)


def _clients(session: ClinicSession, ids: Collection[str]) -> dict[str, dict[str, str]]:
    found = {}
    for some in _chunks(ids):
        rows = session.execute(
            select(
                Client.id, Client.first_name, Client.last_name, Client.address, Client.city, Client.region,
                Client.postal_code,
            ).where(Client.id.in_(some))
        )  # fmt: skip
        for row in rows:
            name = " ".join(filter(None, (row.first_name.strip(), row.last_name.strip())))
            place = " ".join(filter(None, (row.region, row.postal_code)))
            lines = [row.address.strip(), ", ".join(filter(None, (row.city, place)))]
            found[row.id] = {
                "client_first_name": row.first_name.strip() or row.last_name.strip(), "client_name": name,
                "client_last_name": row.last_name.strip() or row.first_name.strip(),
                "client_address": "\n".join(filter(None, (name, *lines))) if row.address.strip() else "",
            }  # fmt: skip
    return found


@dataclass
class _About:
    name: str
    species: str
    service: str = ""
    due: date | None = None
    last: date | None = None
    next: Any = None


def _patients(session: ClinicSession, ids: Collection[str], fields: Collection[str], day: date) -> dict[str, _About]:
    found: dict[str, _About] = {}
    for some in _chunks(ids):
        for row in session.execute(select(Patient.id, Patient.name, Patient.species).where(Patient.id.in_(some))):
            found[row.id] = _About(row.name, row.species.lower())
        if {"service", "due_day"} & set(fields):
            _services(session, some, found)
        if {"last_visit_day", "next_visit_day", "next_visit_time"} & set(fields):
            _visits(session, some, found, day)
    return found


def _services(session: ClinicSession, ids: list[str], found: Mapping[str, _About]) -> None:
    """What was last had, and of what comes again, that which is due first."""
    reversal = aliased(InvoiceLine)
    taken_back = select(reversal.reverses_id).where(reversal.reverses_id.is_not(None))
    rows = session.execute(
        select(InvoiceLine.patient_id, Service.name, Service.reminder_days, InvoiceLine.day)
        .join(Service, (Service.clinic_id == InvoiceLine.clinic_id) & (Service.id == InvoiceLine.service_id))
        .join(Invoice, (Invoice.clinic_id == InvoiceLine.clinic_id) & (Invoice.id == InvoiceLine.invoice_id))
        .where(
            InvoiceLine.patient_id.in_(ids), InvoiceLine.reverses_id.is_(None), InvoiceLine.id.not_in(taken_back),
            Invoice.id.not_in(unbilled_ids()),
        )
        .order_by(InvoiceLine.day, InvoiceLine.id)
    )  # fmt: skip
    due: dict[tuple[str, str], date] = {}
    for row in rows:
        found[row.patient_id].service = row.name
        if row.reminder_days:
            due[row.patient_id, row.name] = row.day + timedelta(days=row.reminder_days)
    for (patient_id, service), on in sorted(due.items(), key=lambda one: one[1], reverse=True):
        found[patient_id].service, found[patient_id].due = service, on


def _visits(session: ClinicSession, ids: list[str], found: Mapping[str, _About], day: date) -> None:
    rows = session.execute(
        select(Appointment.patient_id, Appointment.day, Appointment.starts_at, Appointment.stage)
        .where(Appointment.patient_id.in_(ids))
        .order_by(Appointment.starts_at)
    )
    for row in rows:
        about = found[row.patient_id]
        if row.stage not in NOT_KEPT:
            about.last = row.day
        elif row.stage in AHEAD and row.day >= day and about.next is None:
            about.next = row.starts_at


def _told(about: Sequence[_About], wording: Wording) -> dict[str, str]:
    if not about:
        return {}
    due = min((one for one in about if one.due), key=lambda one: one.due or date.max, default=None)
    last = max(filter(None, (one.last for one in about)), default=None)
    following = min(filter(None, (one.next for one in about)), default=None)
    return {
        "patient_name": joined(one.name for one in about), "patient_names": joined(one.name for one in about),
        "species": joined(one.species for one in about),
        "service": due.service if due else joined(one.service for one in about),
        "due_day": wording.day(due.due, style="long") if due else "",
        "last_visit_day": wording.day(last, style="long") if last else "",
        "next_visit_day": wording.day(following, style="long") if following else "",
        "next_visit_time": wording.clock_time(following) if following else "",
    }  # fmt: skip


def _chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    every = sorted(set(ids))
    return (every[begin : begin + CHUNK] for begin in range(0, len(every), CHUNK))


def withheld(values: Mapping[str, str]) -> dict[str, str]:
    """The values without what is protected."""
    return {name: "" if name in FIELDS and FIELDS[name].phi else value for name, value in values.items()}
