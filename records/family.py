"""Following a merged client to the one that stayed (the reasoning stands in ``records.merging``)."""

from __future__ import annotations

from sqlalchemy import select

from data.errors import NotFound
from data.models import Client, Patient
from data.session import ClinicSession
from data.types import is_id as is_id


def current(session: ClinicSession, client_id: str) -> Client | None:
    """The client behind an id; of a merged one, the client that stayed."""
    if not is_id(client_id):
        return None
    client = session.held(Client, client_id)
    if client is not None and client.merged_into_id:
        return session.held(Client, client.merged_into_id)
    return client


def family(session: ClinicSession, client_id: str) -> list[str]:
    """The ids under which rows of this client may stand: its own and those merged into it."""
    merged = session.scalars(select(Client.id).where(Client.merged_into_id == client_id).order_by(Client.number))
    return [client_id, *merged]


def check_patient(session: ClinicSession, client_id: str, patient_id: str) -> None:
    """Raise NotFound for a patient who is not this client's."""
    statement = select(Patient.id).where(Patient.id == patient_id, Patient.client_id == client_id)
    if not is_id(patient_id) or session.scalar(statement) is None:
        raise NotFound(what="patient", name="of this client")
