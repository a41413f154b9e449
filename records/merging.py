"""Two records of one person become one.

Rows that people edit (patients, appointments, documents, invoices) move to the client that stays. Rows that are never
changed (notes, payments, consents) cannot: the merged client keeps a pointer ``merged_into_id`` to the one that stayed,
and whoever reads such rows of a client asks for all of its ``family``. The pointer is always one step long: merging
again points every earlier one anew. A merged client is in no list; its number, name and phone find the one that
stayed, and its address opens it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from data.errors import BadInput, EditedMeanwhile, NotFound
from data.models import Appointment, Client, Consent, CustomValue, Document, Invoice, Note, Patient, Payment
from data.session import ClinicSession
from records.access import client_for
from records.family import family, is_id
from records.search import refresh
from security.actor import Actor
from security.rules import act, look
from security.viewing import note_view

FIELDS = {
    "first_name": "First name", "last_name": "Last name", "phone": "Phone", "other_phone": "Other phone",
    "email": "E-mail", "address": "Address", "city": "City", "region": "State or region",
    "postal_code": "Postal code", "owner_type": "Kind of client", "caution": "Caution",
}  # fmt: skip
"""Fields that can be taken from either side, with their labels."""

_MOVED = {"patients": Patient, "appointments": Appointment, "documents": Document, "invoices": Invoice}
_FOLLOWED = {"notes": Note, "payments": Payment, "consents": Consent}


class SameClient(BadInput):
    """Both sides are the same client. Choose two different ones."""


class AlreadyMerged(BadInput):
    """Client {number} was merged into another one meanwhile. Open that one instead."""


@dataclass(frozen=True)
class Side:
    """One of two clients to be merged: its fields and how much hangs on it."""

    client: Client
    counts: dict[str, int]

    def value(self, field: str) -> str:
        """A field as text."""
        return str(getattr(self.client, field))


def compare(first_id: str, second_id: str, *, by: Actor) -> tuple[Side, Side]:
    """Two clients side by side. Raises NotFound, SameClient, AlreadyMerged, NotPermitted, RestrictedRecord."""
    with look(by, "clients.merge") as session:
        clients = _both(session, first_id, second_id, by)
        sides = [Side(client, _counts(session, client.id)) for client in clients]
    for side in sides:
        note_view(by, "client", side.client.id)
    return sides[0], sides[1]


def merge(
    stays_id: str,
    goes_id: str,
    *,
    versions: tuple[int, int],
    take: frozenset[str] = frozenset(),
    by: Actor,
    key: str | None = None,
) -> str:
    """Merge ``goes`` into ``stays``; returns the id of the client that stays.

    ``take`` names the fields whose value comes from the one that goes. Raises NotFound, SameClient, AlreadyMerged,
    EditedMeanwhile, NotPermitted, RestrictedRecord.
    """
    with act(by, "clients.merge", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        stays, goes = _both(session, stays_id, goes_id, by)
        if (stays.version, goes.version) != versions:
            raise EditedMeanwhile(who="Somebody else", what="client")
        for field in take & FIELDS.keys():
            setattr(stays, field, getattr(goes, field))
        moved = {name: _move(session, model, goes.id, stays.id) for name, model in _MOVED.items()}
        moved["fields"] = _move_custom_values(session, goes.id, stays.id)
        followed = {name: _count(session, model, [goes.id]) for name, model in _FOLLOWED.items()}
        for earlier in session.scalars(select(Client).where(Client.merged_into_id == goes.id)):
            earlier.merged_into_id = stays.id
        goes.merged_into_id = stays.id
        stays.restricted = stays.restricted or goes.restricted
        refresh(session, stays)
        work.audit(
            "client.merged", "client", stays.id, merged=goes.id, took=sorted(take & FIELDS.keys()), **moved, **followed
        )
        work.result = stays.id
        return stays.id


def _both(session: ClinicSession, first_id: str, second_id: str, by: Actor) -> tuple[Client, Client]:
    if first_id == second_id:
        raise SameClient()
    found = []
    for client_id in (first_id, second_id):
        row = session.get(Client, (session.clinic_id, client_id)) if is_id(client_id) else None
        if row is None or row.deleted_at is not None:
            raise NotFound(what="client", name="with this address")
        if row.merged_into_id:
            raise AlreadyMerged(number=row.number)
        found.append(client_for(session, client_id, by))
    return found[0], found[1]


def _move(session: ClinicSession, model: Any, goes_id: str, stays_id: str) -> int:
    rows = session.scalars(select(model).where(model.client_id == goes_id)).all()
    for row in rows:
        row.client_id = stays_id
    return len(rows)


def _move_custom_values(session: ClinicSession, goes_id: str, stays_id: str) -> int:
    """Answers the one that stays does not have."""
    mine = CustomValue.entity == "client"
    answered = select(CustomValue.field).where(mine, CustomValue.entity_id == stays_id)
    have = set(session.scalars(answered, execution_options={"include_deleted": True}))
    rows = session.scalars(select(CustomValue).where(mine, CustomValue.entity_id == goes_id)).all()
    rows = [row for row in rows if row.field not in have]
    for row in rows:
        row.entity_id = stays_id
    return len(rows)


def _counts(session: ClinicSession, client_id: str) -> dict[str, int]:
    ids = family(session, client_id)
    return {name: _count(session, model, ids) for name, model in (_MOVED | _FOLLOWED).items()}


def _count(session: ClinicSession, model: Any, ids: list[str]) -> int:
    return session.scalar(select(func.count(model.id)).where(model.client_id.in_(ids))) or 0
