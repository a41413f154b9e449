"""The appointments of one client, past and coming."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from appointments.settings import APPOINTMENT_TYPE, FLOW_LOOK, FlowLook
from appointments.stages import ATTENDED, BEFORE_ARRIVAL
from data import definitions
from data.models import Appointment, Location, Patient, User
from data.session import ClinicSession
from records.access import client_for
from records.family import family
from security.actor import Actor
from security.rules import look


@dataclass(frozen=True)
class AppointmentLine:
    """One visit in a client's list. ``day`` is the clinic's calendar day."""

    id: str
    number: int
    patient_id: str
    patient: str
    type: str
    starts_at: datetime
    day: date
    location: str
    stage: str
    """As the clinic calls it."""
    is_coming: bool
    attended: bool
    walk_in: bool
    provider: str
    services: tuple[str, ...]
    notes: str
    cancel_reason: str


def of_client(client_id: str, *, by: Actor, limit: int = 200) -> list[AppointmentLine]:
    """The client's appointments, the latest first. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "appointments.view") as session:
        client = client_for(session, client_id, by)
        types = {slug: kind.label for slug, kind in definitions.load_all(session, APPOINTMENT_TYPE).items()}
        flow = definitions.load_all(session, FLOW_LOOK).get("flow") or FlowLook()
        statement = (
            select(Appointment)
            .where(Appointment.client_id.in_(family(session, client.id)))
            .order_by(Appointment.starts_at.desc(), Appointment.number.desc())
            .limit(limit)
        )
        rows = session.scalars(statement).all()
        patients = _names(session, Patient, {row.patient_id for row in rows})
        locations = _names(session, Location, {row.location_id for row in rows})
        providers = _names(session, User, {row.provider_id for row in rows if row.provider_id})
    return [
        AppointmentLine(
            id=row.id, number=row.number, patient_id=row.patient_id, patient=patients.get(row.patient_id, ""),
            type=types.get(row.type, row.type), starts_at=row.starts_at, day=row.day,
            location=locations.get(row.location_id, ""), stage=flow.label(row.stage),
            is_coming=row.stage in BEFORE_ARRIVAL, attended=row.stage in ATTENDED, walk_in=row.walk_in,
            provider=providers.get(row.provider_id or "", ""), services=tuple(row.services), notes=row.notes,
            cancel_reason=row.cancel_reason,
        )
        for row in rows
    ]  # fmt: skip


def _names(session: ClinicSession, model: type[Patient] | type[Location] | type[User], ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    statement = select(model.id, model.name).where(model.id.in_(ids))
    return {row.id: row.name for row in session.execute(statement, execution_options={"include_deleted": True})}
