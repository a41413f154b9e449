"""Finding a client or a patient by anything people say: name, phone, number, e-mail, a patient's name or microchip.

``client.search`` holds all of it folded; every rule that changes one of these calls ``refresh``. Two merged clients
are found under the one that stayed. A restricted client is found by the client number alone, so that searching does
not tell whose record it is; those who may break glass find it by everything, nameless until they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true

from data.models import Client, Patient
from data.session import ClinicSession
from records.access import NAME, Closed
from records.folding import fold, phone_digits, terms
from security.actor import Actor
from security.rules import authorize, look

SHORTEST = 2
"""Fewer letters would match nearly everybody; a single digit may be a client number."""
MOST_LOOKED_THROUGH = 40
"""Clients, likeliest first, whose patients are looked at for a search."""
MOST_ANSWERING = 60
"""Clients found by an answer to a field of the clinic's own."""


@dataclass(frozen=True)
class Found:
    """One client as a line in a list. ``patients`` holds the names of the living patients first; ``restricted`` says
    that the record is closed to the reader and the line holds nothing but its number."""

    id: str
    number: int
    name: str
    phone: str
    owner_type: str
    caution: str
    restricted: bool
    patients: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FoundPatient:
    """One patient as a line in a list."""

    id: str
    name: str
    species: str
    microchip: str
    client: str
    client_number: int
    died: bool


def search_text(client: Mapping[str, Any], patients: Iterable[Mapping[str, Any]]) -> str:
    """What ``client.search`` should hold for a client (columns by name, as imports and the demo have them) and its
    patients."""
    words = [str(client["number"])]
    words += fold(f"{client.get('first_name', '')} {client['last_name']} {client.get('email', '')}").split()
    words += [phone_digits(client.get(column, "")) for column in ("phone", "other_phone")]
    words += fold(client.get("reference", "")).split()
    for patient in patients:
        words += fold(f"{patient['name']} {patient.get('microchip', '')} {patient.get('reference', '')}").split()
    return f" {' '.join(dict.fromkeys(word for word in words if word))} "


def refresh(session: ClinicSession, client: Client) -> None:
    """Bring a client's search text up to date, inside the transaction that changed it or one of its patients."""
    session.flush()
    folded_in = session.scalars(select(Client).where(Client.merged_into_id == client.id)).all()
    ids = [client.id, *(row.id for row in folded_in)]
    patients = session.scalars(select(Patient).where(Patient.client_id.in_(ids)).order_by(Patient.id)).all()
    texts = [search_text(vars(client), map(vars, patients)), *(search_text(vars(row), ()) for row in folded_in)]
    words = dict.fromkeys(word for text in texts for word in text.split())
    client.search = f" {' '.join(words)} "
    client.phone_digits = phone_digits(client.phone)


def find(query: str, *, by: Actor, limit: int = 20) -> list[Found]:
    """Clients that match every word of a query, the likeliest first. A query too short finds nobody.

    Raises NotPermitted.
    """
    wanted = terms(query)
    if not wanted or (sum(map(len, wanted)) < SHORTEST and not wanted[0].isdecimal()):
        return []
    with look(by, "clients.view") as session:
        begins = [holds(session, Client.search, f" {term}") for term in wanted]
        named = and_(*(holds(session, Client.search, term) for term in wanted))
        answering = _answering(session, wanted)
        rank = case((_is_number(wanted), 0), (and_(*begins), 1), else_=2)
        statement = (
            select(Client)
            .where(Client.merged_into_id.is_(None), or_(named, Client.id.in_(answering)) if answering else named)
            .where(or_(_findable(session, by), _is_number(wanted)))
            .order_by(rank, Client.last_name, Client.first_name, Client.number)
            .limit(limit)
        )
        return lines(session, session.scalars(statement).all(), by)


def find_with_patients(
    query: str, *, by: Actor, clients: int = 6, patients: int = 6
) -> tuple[list[Found], list[FoundPatient]]:
    """Clients as ``find`` has them, and beside them the patients meant: by name, microchip or reference, together
    with words about their client if there are any; or all patients behind a phone or client number.

    Patients of restricted clients are left out. Raises NotPermitted.
    """
    wanted = terms(query)
    found = find(query, by=by, limit=MOST_LOOKED_THROUGH)
    if not found:
        return [], []
    with look(by, "clients.view") as session:
        order = {one.id: place for place, one in enumerate(found) if not one.restricted}
        rows = session.scalars(select(Patient).where(Patient.client_id.in_(order), Patient.is_client.is_(False))).all()
        answering = {one for ones in _answering(session, wanted).values() for one in ones}
    by_number = len(wanted) == 1 and wanted[0].isdecimal()
    named = [row for row in rows if row.id in answering or _speaks_of(row, wanted)]
    behind = [row for row in rows if by_number and row not in named] if len(found) <= clients else []
    named.sort(key=lambda row: (not fold(row.name).startswith(wanted[0]), row.died_on is not None, row.name))
    behind.sort(key=lambda row: (order[row.client_id], row.died_on is not None, row.name))
    owners = {one.id: one for one in found}
    hits = [
        FoundPatient(
            row.id, row.name, row.species, row.microchip, owners[row.client_id].name, owners[row.client_id].number,
            row.died_on is not None,
        )
        for row in [*named, *behind][:patients]
    ]  # fmt: skip
    return found[:clients], hits


def _answering(session: ClinicSession, wanted: list[str]) -> dict[str, list[str]]:
    """Clients who are found by an answer to one of the clinic's own fields, each with the patients it is about."""
    from records.custom import found_by

    met: dict[str, list[str]] = {}
    for client_id, patient_id, words in found_by(session):
        if all(term in words for term in wanted):
            met.setdefault(client_id, []).append(patient_id)
            if len(met) >= MOST_ANSWERING:
                break
    return met


def _speaks_of(patient: Patient, wanted: list[str]) -> bool:
    """Whether one of the words begins a word of the patient's own: name, microchip, reference."""
    own = f" {fold(f'{patient.name} {patient.microchip} {patient.reference}')}"
    return any(f" {term}" in own for term in wanted)


def recent(*, by: Actor, limit: int = 12) -> list[Found]:
    """The clients added or changed last. Raises NotPermitted."""
    with look(by, "clients.view") as session:
        statement = select(Client).where(Client.merged_into_id.is_(None)).order_by(Client.change.desc()).limit(limit)
        return lines(session, session.scalars(statement).all(), by)


def how_many(*, by: Actor) -> tuple[int, int]:
    """How many clients and living patients there are."""
    with look(by, "clients.view") as session:
        clients = session.scalar(select(func.count(Client.id)).where(Client.merged_into_id.is_(None))) or 0
        living = session.scalar(select(func.count(Patient.id)).where(Patient.died_on.is_(None))) or 0
        return clients, living


def alike(
    *, first_name: str, last_name: str, phone: str, email: str, by: Actor, but: str = "", limit: int = 5
) -> list[Found]:
    """Clients who may be the same person as the one being entered: the same phone, e-mail or full name. Who agrees in
    most of them comes first."""
    reasons: list[ColumnElement[bool]] = []
    digits = phone_digits(phone)
    with look(by, "clients.view") as session:
        if len(digits) >= 7:
            reasons.append(Client.phone_digits == digits)
        if email.strip():
            reasons.append(func.lower(Client.email) == email.strip().lower())
        name = fold(f"{first_name} {last_name}")
        if first_name.strip() and len(fold(last_name)) >= SHORTEST:
            reasons.append(holds(session, Client.search, f" {name} "))
        if not reasons:
            return []
        met: dict[str, tuple[int, Client]] = {}
        for reason in reasons:
            statement = select(Client).where(reason, Client.merged_into_id.is_(None), _findable(session, by))
            for row in session.scalars(statement.limit(50)):
                if row.id != but:
                    met[row.id] = met.get(row.id, (0, row))[0] + 1, row
        found = [row for _, row in sorted(met.values(), key=lambda one: -one[0])]
        return lines(session, found[:limit], by)


def holds(session: ClinicSession, column: Any, text: str) -> ColumnElement[bool]:
    """Whether a column holds a text somewhere, letter for letter."""
    place = func.instr if session.get_bind().dialect.name == "sqlite" else func.strpos
    return place(column, text) > 0


def _findable(session: ClinicSession, by: Actor) -> ColumnElement[bool]:
    """Clients whom a name, phone or chip may lead to."""
    if "security.break_glass" in authorize(session, by, None):
        return true()
    return Client.restricted.is_(False)


def lines(session: ClinicSession, clients: Sequence[Client], by: Actor) -> list[Found]:
    """Clients as lines of a list, with their patients; of a closed record only the number."""
    closed = Closed(session, by)
    names: dict[str, list[str]] = {client.id: [] for client in clients}
    statement = (
        select(Patient.client_id, Patient.name)
        .where(Patient.client_id.in_(names), Patient.is_client.is_(False))
        .order_by(Patient.died_on.is_not(None), Patient.name)
    )
    for client_id, name in session.execute(statement):
        names[client_id].append(name)
    return [
        Found(c.id, c.number, NAME, "", "", "", True)
        if closed.hides(c.id, c.restricted)
        else Found(c.id, c.number, full_name(c), c.phone, c.owner_type, c.caution, False, names[c.id])
        for c in clients
    ]


def full_name(client: Any) -> str:
    """First and last name."""
    return f"{client.first_name} {client.last_name}".strip()


def beside(patient: str, owner: str) -> str:
    """The owner (``Last, First``) as named beside the patient: nothing where somebody comes for themselves."""
    last, _, first = owner.partition(", ")
    return "" if patient.strip() == f"{first} {last}".strip() else owner


def _is_number(wanted: list[str]) -> ColumnElement[bool]:
    number = int(wanted[0]) if len(wanted) == 1 and wanted[0].isdecimal() and len(wanted[0]) < 10 else -1
    return Client.number == number
