"""The snapshot: what a clinic needs to go on when app and network are gone, as one document.

The roster of today and tomorrow as it is printed, what every patient of these days has received, what is left in every
bottle, whom to call, and blank forms. Clients whose record is restricted are left out and counted. The document is the
same, byte for byte, until something in it changes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select

from appointments.drug_register import BottleRow, bottles
from appointments.quantities import words as quantity
from appointments.roster import RosterRow, rows_where
from appointments.roster_print import cells, columns, facts_line
from appointments.stages import ON_SITE
from data import definitions
from data.kept import kept
from data.models import Appointment, Bottle, Client, Clinic, Drug, DrugLogEntry, User
from data.session import ClinicSession
from data.types import clock
from data.wording import Wording
from forms.definition import Form
from forms.editions import paper_and_order
from forms.field_setting import Order
from forms.settings import FORM, all_forms
from forms.uncoded import uncoded
from outage.facts import of_clinic
from outage.guide import phones_of
from security.actor import Actor
from security.profile import profile
from security.rules import look

KIND = "ballast-snapshot-1"
DRUGS_OF = timedelta(days=14)
"""How far back the visits go whose drugs are listed."""
STILL_HERE = timedelta(days=7)
"""How far back a patient may have come who has not gone home."""
LASTS = timedelta(minutes=10)


@dataclass(frozen=True)
class Snapshot:
    """``text`` is the document as JSON with one spelling, ``digest`` its SHA-256; ``counts`` say how much is in it."""

    text: str
    digest: str
    counts: dict[str, int]


@dataclass(frozen=True)
class SpareForms:
    """Blank forms as PDFs inside a JSON document; ``version`` changes when one of them does."""

    text: str
    version: str


def snapshot(*, by: Actor) -> Snapshot:
    """The snapshot as of now, kept until the clinic changes; the reading is for the caller to audit. Raises
    NotPermitted."""
    with look(by, "outage.print") as session:
        today = clock.today(session.get_one(Clinic, session.clinic_id).zone)
        what = ("snapshot", today.isoformat())
        return kept(by.clinic_id, session.seen_change(), what, lambda: _made(session, today, by), LASTS)


def spare_forms(*, by: Actor) -> SpareForms:
    """Every form of the clinic as a blank PDF without a code. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        forms = _forms(session)
    drawn = []
    for slug, body, version in forms.bodies:
        pdf, pages = _drawn(slug, body, version, forms.paper, forms.order, forms.clinic, forms.facts)
        title = json.loads(body)["title"]
        drawn.append({"slug": slug, "title": title, "pages": pages, "pdf": base64.b64encode(pdf).decode()})
    return SpareForms(_spelled({"version": forms.version, "forms": drawn}), forms.version)


def _made(session: ClinicSession, today: date, by: Actor) -> Snapshot:
    clinic = session.get_one(Clinic, session.clinic_id)
    words, settings = Wording.of(clinic), profile(session)
    days = [today, today + timedelta(days=1)]
    wanted = Appointment.day.between(today - STILL_HERE, days[-1]) & (
        (Appointment.day >= today) | Appointment.stage.in_(ON_SITE)
    )
    rows = [
        row
        for row in rows_where(session, wanted, Client.restricted.is_(False), by=by)
        if row.stage != "cancelled"
    ]  # fmt: skip
    withheld = _withheld(session, wanted)
    standing = bottles(by=by)
    people = session.scalars(select(User).where(User.status == "active").order_by(User.name, User.id)).all()
    lines = _lines(session, [row for row in rows if row.stage != "no_show"], today, words, people)
    document = {
        "kind": KIND, "clinic": clinic.name, "zone": clinic.zone, "locale": words.locale.replace("_", "-"),
        "days": [_day(day, rows, withheld.get(day, 0), words) for day in days],
        "columns": [{"label": one.label, "box": one.box, "right": one.align == "right", "whole": one.lines == 1}
                    for one in columns(words)],
        "owner": words.owner,
        "patients": [_patient(row, lines.get(row.patient_id, []), today, words)
                     for row in rows if row.stage != "no_show"],
        "bottles": [_bottle(one, words) for one in standing],
        "clients": _clients(session, rows, words),
        "staff": [{"name": one.name, "role": one.role.replace("-", " ").capitalize(),
                   "phone": words.phone(one.phone), "email": one.email} for one in people],
        "phones": _phones(settings, words),
        "paper": settings.paper,
        "address": settings.address.replace("\n", ", "), "phone": words.phone(settings.phone),
        "withheld": sum(withheld.values()), "forms": _forms(session).version,
    }  # fmt: skip
    text = _spelled(document)
    counts = {
        "visits": len(rows), "withheld": sum(withheld.values()), "bottles": len(standing),
        "drug_lines": sum(len(one) for one in lines.values()), "clients": len(document["clients"]),  # type: ignore[arg-type]
    }  # fmt: skip
    return Snapshot(text, hashlib.sha256(text.encode()).hexdigest(), counts)


def _spelled(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _withheld(session: ClinicSession, wanted: ColumnElement[bool]) -> dict[date, int]:
    statement = (
        select(Appointment.day, func.count())
        .join(Client, Client.id == Appointment.client_id)
        .where(wanted, Client.restricted, Appointment.stage != "cancelled")
        .group_by(Appointment.day)
    )
    return {day: int(count) for day, count in session.execute(statement)}


def _day(day: date, rows: Sequence[RosterRow], withheld: int, words: Wording) -> dict[str, Any]:
    mine = [row for row in rows if row.day == day]
    return {
        "day": day.isoformat(), "heading": words.day(day, style="heading"), "short": words.day(day, style="weekday"),
        "facts": facts_line(mine), "withheld": withheld,
        "rows": [cells(row, words) for row in mine],
    }  # fmt: skip


def _patient(row: RosterRow, lines: list[dict[str, str]], today: date, words: Wording) -> dict[str, Any]:
    age = words.age(row.born_on, row.day, estimated=row.born_estimated, missing="")
    since = "" if row.day >= today else f"Here since {words.day(row.day, style='weekday')}"
    return {
        "day": max(row.day, today).isoformat(), "number": row.number, "name": row.animal, "owner": row.owner,
        "phone": words.phone(row.phone), "time": words.clock_time(row.starts_at, zone=row.zone),
        "details": " · ".join(part for part in (row.species, row.breed, row.details[1], age) if part),
        "weight": words.weight(row.weight_grams, missing=""), "stage": row.stage_label, "since": since,
        "services": ", ".join(row.services) or row.type_label, "caution": row.caution, "lines": lines,
    }  # fmt: skip


def _lines(
    session: ClinicSession, rows: Iterable[RosterRow], today: date, words: Wording, people: Iterable[User]
) -> dict[str, list[dict[str, str]]]:
    """What these patients received, by patient, in the order in which it happened; what was taken out again is not
    there."""
    zones = {row.patient_id: row.zone for row in rows}
    visits = select(Appointment.id).where(
        Appointment.patient_id.in_(zones), Appointment.day.between(today - DRUGS_OF, today + timedelta(days=1))
    )
    entries = session.scalars(
        select(DrugLogEntry)
        .where(DrugLogEntry.appointment_id.in_(session.scalars(visits).all()))
        .order_by(DrugLogEntry.event_at, DrugLogEntry.entered_at, DrugLogEntry.id)
    ).all()
    taken_out = {entry.reverses_id for entry in entries if entry.reverses_id}
    stand = [entry for entry in entries if entry.kind == "use" and entry.id not in taken_out]
    known = {one.id: one for one in _bottles_of(session, {entry.bottle_id for entry in stand})}
    names = {one.id: one.initials or one.name for one in people}
    found: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for entry in stand:
        found[str(entry.patient_id)].append(
            _line(entry, known[entry.bottle_id], names, words, zones[str(entry.patient_id)])
        )
    return found


def _bottles_of(session: ClinicSession, ids: set[str]) -> list[Any]:
    statement = (
        select(Bottle.id, Bottle.number, Drug.name, Drug.strength, Drug.unit)
        .join(Drug, Drug.id == Bottle.drug_id)
        .where(Bottle.id.in_(ids))
    )
    return list(session.execute(statement))


def _line(entry: DrugLogEntry, bottle: Any, names: dict[str, str], words: Wording, zone: str) -> dict[str, str]:
    on = entry.event_at.astimezone(ZoneInfo(zone)).date()
    return {
        "day": words.day(on, style="weekday"), "on": on.isoformat(),
        "time": words.clock_time(entry.event_at, zone=zone), "drug": f"{bottle.name} {bottle.strength}".strip(),
        "bottle": bottle.number, "given": quantity(entry.given, bottle.unit),
        "wasted": quantity(entry.wasted, bottle.unit) if entry.wasted else "", "route": entry.route,
        "by": names.get(entry.by_user_id or "", ""), "witness": names.get(entry.witness_id or "", ""),
    }  # fmt: skip


def _bottle(one: BottleRow, words: Wording) -> dict[str, Any]:
    return {
        "number": one.number, "drug": one.drug, "strength": one.strength, "schedule": one.schedule, "lot": one.lot,
        "expires": words.day(one.expires_on, missing=""), "state": one.state.capitalize(),
        "balance": quantity(one.balance, one.unit), "size": quantity(one.size, one.unit), "flags": list(one.flags),
        "opened": words.day(one.opened_at, missing=""),
    }  # fmt: skip


def _clients(session: ClinicSession, rows: Sequence[RosterRow], words: Wording) -> list[dict[str, str]]:
    of: dict[str, list[RosterRow]] = {}
    for row in rows:
        of.setdefault(row.client_id, []).append(row)
    found = session.execute(
        select(Client.id, Client.phone, Client.other_phone, Client.email)
        .where(Client.id.in_(of))
        .order_by(Client.last_name, Client.first_name, Client.id)
    )
    return [
        {
            "name": of[one.id][0].owner, "phone": words.phone(one.phone), "other": words.phone(one.other_phone),
            "email": one.email, "patients": ", ".join(dict.fromkeys(row.animal for row in of[one.id])),
            "days": ", ".join(dict.fromkeys(words.day(row.day, style="weekday") for row in of[one.id])),
        }
        for one in found
    ]  # fmt: skip


def _phones(settings: Any, words: Wording) -> list[dict[str, str]]:
    told = [("The clinic", words.phone(settings.phone)), ("In charge in an outage", settings.outage_lead),
            ("Where the paper is", settings.outage_paper),
            ("Community", settings.community_link), *phones_of(settings)]  # fmt: skip
    return [
        {"name": name or number, "number": number if name else ""} for name, number in dict.fromkeys(told) if number
    ]


@dataclass(frozen=True)
class _Forms:
    bodies: tuple[tuple[str, str, int], ...]
    paper: str
    order: Order
    clinic: str
    facts: tuple[tuple[str, str], ...]

    @functools.cached_property
    def version(self) -> str:
        told = repr((self.bodies, self.paper, self.order, self.clinic, self.facts))
        return hashlib.sha256(told.encode()).hexdigest()[:24]


def _forms(session: ClinicSession) -> _Forms:
    clinic = session.get_one(Clinic, session.clinic_id)
    paper, order = paper_and_order(session)
    numbers = definitions.numbers(session, FORM)
    bodies = tuple((slug, body.model_dump_json(), numbers.get(slug, 0)) for slug, body in all_forms(session).items())
    facts = of_clinic(clinic.name, profile(session), Wording.of(clinic))
    return _Forms(bodies, paper, order, clinic.name, tuple(sorted(facts.items())))


@functools.lru_cache(maxsize=64)
def _drawn(
    slug: str, body: str, version: int, paper: str, order: Order, clinic: str, facts: tuple[tuple[str, str], ...]
) -> tuple[bytes, int]:
    form = Form.model_validate_json(body)
    return uncoded(slug, form, version, paper=paper, order=order, clinic=clinic, facts=dict(facts))
