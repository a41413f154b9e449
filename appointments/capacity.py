"""How many appointments of a type a day and a place hold, and how many are taken."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from appointments.settings import APPOINTMENT_TYPE, AppointmentType
from appointments.stages import COUNTS_FOR_CAPACITY
from data import definitions
from data.models import Appointment, Location
from data.session import ClinicSession


@dataclass(frozen=True)
class Load:
    """One type at one place on one day. ``open`` is whether the place opens that day."""

    day: date
    location_id: str
    type: str
    taken: int
    capacity: int
    open: bool

    @property
    def left(self) -> int:
        """Free places, never below zero."""
        return max(0, self.capacity - self.taken)


def capacity_of(kind: AppointmentType, location: Location) -> int:
    """What a day at this place holds of this type."""
    return kind.capacity_by_location.get(location.name, kind.capacity)


def opens_on(location: Location, day: date) -> bool:
    """Whether the place opens that weekday. A place without any opening days set is never called closed."""
    return not location.opening or str(day.weekday()) in location.opening


def taken(session: ClinicSession, first: date, last: date) -> dict[tuple[date, str, str], int]:
    """Appointments that count, by day, location id and type."""
    rows = session.execute(
        select(Appointment.day, Appointment.location_id, Appointment.type, func.count(Appointment.id))
        .where(Appointment.day >= first, Appointment.day <= last, Appointment.stage.in_(COUNTS_FOR_CAPACITY))
        .group_by(Appointment.day, Appointment.location_id, Appointment.type)
    )
    return {(day, location_id, type): count for day, location_id, type, count in rows}


def loads(
    session: ClinicSession, days: Collection[date], locations: Collection[Location]
) -> dict[tuple[date, str, str], Load]:
    """The load of each day, place and type in use: active types, and old ones that still have appointments."""
    counts = taken(session, min(days), max(days))
    kinds = definitions.load_all(session, APPOINTMENT_TYPE)
    result = {}
    for day in days:
        for location in locations:
            for slug, kind in sorted(kinds.items(), key=lambda one: (not one[1].surgical, -one[1].capacity)):
                count = counts.get((day, location.id, slug), 0)
                if kind.active or count:
                    result[day, location.id, slug] = Load(
                        day, location.id, slug, count, capacity_of(kind, location), opens_on(location, day)
                    )
    return result
