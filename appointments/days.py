"""What the calendar shows: the appointments of some days in short, how full each day is, what can be chosen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from appointments.capacity import Load, loads, opens_on
from appointments.settings import APPOINTMENT_TYPE, FLOW_LOOK, AppointmentType, FlowLook
from data import definitions
from data.models import Appointment, Client, Fund, Location, Patient, Service, User
from data.session import ClinicSession
from records.access import NAME, Closed
from security.actor import Actor
from security.rules import look, remembered
from security.viewing import note_view


@dataclass(frozen=True)
class Entry:
    """One appointment as a line of the calendar."""

    id: str
    number: int
    day: date
    starts_at: datetime
    zone: str
    minutes: int
    type: str
    location_id: str
    stage: str
    owner: str
    animal: str
    species: str
    caution: bool
    walk_in: bool


@dataclass(frozen=True)
class Week:
    """Days of the calendar. ``loads`` by day, location id and type; ``open`` holds the days any shown place opens."""

    days: list[date]
    entries: list[Entry]
    loads: dict[tuple[date, str, str], Load]
    open: frozenset[date]


@dataclass(frozen=True)
class Choices:
    """What a booking can be made of. Keys are ids (places, people) or codes (types, services, funds).

    Surgery stands first, then the type that most come for.
    """

    types: Mapping[str, AppointmentType]
    stages: FlowLook
    locations: Mapping[str, Location]
    services: Mapping[str, str]
    funds: Mapping[str, str]
    providers: Mapping[str, str]


@remembered("appointments.view")
def choices(*, by: Actor) -> Choices:
    """The active types, places, services, funds and providers. Raises NotPermitted."""
    with look(by, "appointments.view") as session:
        kinds = definitions.load_all(session, APPOINTMENT_TYPE)
        services = select(Service.code, Service.name).where(Service.active.is_(True))
        funds = select(Fund.code, Fund.name).where(Fund.active.is_(True)).order_by(Fund.name)
        people = select(User.id, User.name).where(User.status == "active", User.licence != "").order_by(User.name)
        return Choices(
            types=dict(
                sorted(
                    ((slug, kind) for slug, kind in kinds.items() if kind.active),
                    key=lambda one: (not one[1].surgical, -one[1].capacity),
                )
            ),
            stages=definitions.load_all(session, FLOW_LOOK).get("flow") or FlowLook(),
            locations={row.id: row for row in _locations(session)},
            services={
                code: name for code, name in session.execute(services.order_by(Service.category.desc(), Service.name))
            },
            funds={code: name for code, name in session.execute(funds)},
            providers={user_id: name for user_id, name in session.execute(people)},
        )


def week(first: date, count: int, *, by: Actor, location_id: str = "", type: str = "") -> Week:
    """``count`` days from ``first`` with appointments and loads. The reading is audited. Raises NotPermitted."""
    found = week_of(first, count, by=by, location_id=location_id, type=type)
    note_view(by, "calendar", f"{first.isoformat()}+{count}")
    return found


@remembered("appointments.view")
def week_of(first: date, count: int, *, by: Actor, location_id: str = "", type: str = "") -> Week:
    """What ``week`` shows, which is the rule to ask: it also records who looked."""
    days = [first + timedelta(days=offset) for offset in range(count)]
    with look(by, "appointments.view") as session:
        places = [row for row in _locations(session) if not location_id or row.id == location_id]
        statement = (
            select(
                Appointment.id, Appointment.number, Appointment.day, Appointment.starts_at, Location.zone,
                Appointment.minutes, Appointment.type, Appointment.location_id, Appointment.stage,
                Client.last_name, Client.first_name, Patient.name, Patient.species,
                Appointment.caution, Patient.caution, Client.caution, Appointment.walk_in, Client.id, Client.restricted,
            )
            .join(Client, (Client.clinic_id == Appointment.clinic_id) & (Client.id == Appointment.client_id))
            .join(Patient, (Patient.clinic_id == Appointment.clinic_id) & (Patient.id == Appointment.patient_id))
            .join(Location, (Location.clinic_id == Appointment.clinic_id) & (Location.id == Appointment.location_id))
            .where(Appointment.day >= days[0], Appointment.day <= days[-1])
            .order_by(Appointment.starts_at, Client.last_name, Client.first_name, Appointment.number)
        )  # fmt: skip
        if location_id:
            statement = statement.where(Appointment.location_id == location_id)
        if type:
            statement = statement.where(Appointment.type == type)
        closed = Closed(session, by)
        entries = []
        for row in session.execute(statement):
            hidden = closed.hides(row[17], row[18])
            owner = f"{row[9]}, {row[10]}" if row[10] else row[9]
            entries.append(
                Entry(
                    *row[:9], owner=NAME if hidden else owner, animal=NAME if hidden else row[11], species=row[12],
                    caution=not hidden and any(row[13:16]), walk_in=row[16],
                )
            )  # fmt: skip
        return Week(
            days,
            entries,
            {key: load for key, load in loads(session, days, places).items() if not type or key[2] == type},
            frozenset(day for day in days if any(opens_on(place, day) for place in places)),
        )


def next_open_day(after: date, locations: Collection[Location]) -> date:
    """The first day behind ``after`` on which one of the places opens; the day after where none ever does."""
    following = [after + timedelta(days=offset) for offset in range(1, 15)]
    return next((day for day in following if any(opens_on(place, day) for place in locations)), following[0])


def load(day: date, location_id: str, type: str, *, by: Actor) -> Load | None:
    """How full one type is at one place on one day; None when there is no such place or type. Counts only."""
    with look(by, "appointments.view") as session:
        places = [row for row in _locations(session) if row.id == location_id]
        return loads(session, [day], places).get((day, location_id, type)) if places else None


def slots(location: Location, kind: AppointmentType, day: date, *, step: int = 15) -> list[time]:
    """The times offered on a day: every ``step`` minutes of the opening hours, 7:00 to 18:00 where none are set."""
    hours = location.opening.get(str(day.weekday())) or ["07:00", "18:00"]
    begin, end = (time.fromisoformat(text) for text in hours[:2])
    first = datetime.combine(day, begin)
    last = datetime.combine(day, end)
    starts = datetime.combine(day, time.fromisoformat(kind.starts))
    found = []
    while first < last:
        found.append(first.time())
        first += timedelta(minutes=step)
    if starts.time() not in found and starts < last:
        found = sorted([*found, starts.time()])
    return found


def _locations(session: ClinicSession) -> list[Location]:
    return list(session.scalars(select(Location).where(Location.active.is_(True)).order_by(Location.name)))
