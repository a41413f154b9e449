"""What the day looks like from the home page: who is where, and what waits for somebody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from appointments.drug_register import AFTERNOON, reconciliation
from appointments.moves import stage_label
from appointments.stages import BEFORE_ARRIVAL, FLOW, ON_SITE
from data.models import Appointment, CheckIn, Client, Patient
from data.session import ClinicSession
from data.types import clock
from records.access import NAME, Closed
from security.actor import Actor
from security.clinics import clinic_of
from security.rules import authorize, look, remembered

BEFORE_ANAESTHESIA = ("checked_in", "examined", "premedicated")
CARRIED_DAYS = 3
LATE = timedelta(minutes=15)


@dataclass(frozen=True)
class Stage:
    """How many patients are at a stage."""

    stage: str
    label: str
    count: int


@dataclass(frozen=True)
class Person:
    """A patient somebody has to do something about."""

    appointment_id: str
    patient: str
    client: str
    stage: str
    at: datetime


@dataclass(frozen=True)
class Day:
    """The day at a glance. ``counts_missing`` are the open controlled bottles nobody counted yet in this session."""

    stages: list[Stage]
    booked: int
    arrived: int
    no_show: int
    no_consent: list[Person]
    ready: list[Person]
    arriving: list[Person]
    late: list[Person]
    count_session: str
    counts_missing: list[str]


@remembered("flow.view")
def day_at_a_glance(day: date, *, by: Actor) -> Day:
    """The day's patients by stage and what waits. Raises NotPermitted."""
    zone = clinic_of(by.clinic_id).zone
    with look(by, "flow.view") as session:
        counts = _counts(session, day)
        arriving = _people(session, day, BEFORE_ARRIVAL, by)
        now = clock.now()
        late_since = now - LATE
        session_name = "AM" if now.astimezone(_zone(zone)).time() < AFTERNOON else "PM"
        may = authorize(session, by, None)
        found = Day(
            stages=[
                Stage(stage, stage_label(session, stage), counts.get(stage, 0))
                for stage in (*ON_SITE, "checked_out")
                if stage != "held_overnight" or counts.get(stage)
            ],
            booked=sum(count for stage, count in counts.items() if stage != "cancelled"),
            arrived=sum(counts.get(stage, 0) for stage in (*ON_SITE, "checked_out", "declined", "died")),
            no_show=counts.get("no_show", 0),
            no_consent=_no_consent(session, day, by),
            ready=_people(session, day, ("ready",), by),
            arriving=[row for row in arriving if row.at >= late_since],
            late=[row for row in arriving if row.at < late_since],
            count_session=session_name,
            counts_missing=[],
        )
    return replace(found, counts_missing=_uncounted(day, session_name, by)) if "drugs.view" in may else found


@dataclass(frozen=True)
class Unclosed:
    """A visit of an earlier day that never got its end."""

    appointment_id: str
    patient: str
    client: str
    stage: str
    label: str
    day: date


@remembered("appointments.view")
def unclosed(day: date, *, limit: int = 5, by: Actor) -> tuple[list[Unclosed], int]:
    """Visits before this day that are still expected or still in the clinic, the newest first, and how many there
    are. Held overnight since yesterday is no mistake and does not count. Raises NotPermitted."""
    with look(by, "appointments.view") as session:
        which = and_(
            Appointment.day < day,
            Appointment.stage.in_((*BEFORE_ARRIVAL, *ON_SITE)),
            or_(Appointment.stage != "held_overnight", Appointment.day < day - timedelta(days=1)),
        )
        count = session.scalar(select(func.count(Appointment.id)).where(which)) or 0
        latest = _visits(Appointment.day).where(which).order_by(Appointment.day.desc(), Appointment.number)
        closed = Closed(session, by)
        found = [
            Unclosed(row[0], *_whose(row, closed), row[4], stage_label(session, row[4]), row[5])
            for row in session.execute(latest.limit(limit))
        ]
        return found, count


def _counts(session: ClinicSession, day: date) -> dict[str, int]:
    rows = session.execute(select(Appointment.stage, func.count()).where(_of_day(day)).group_by(Appointment.stage))
    return {stage: int(count) for stage, count in rows}


def _of_day(day: date):  # type: ignore[no-untyped-def]
    since = day - timedelta(days=CARRIED_DAYS)  # a plain range of days, so that the index on the day is used
    return and_(Appointment.day.between(since, day), or_(Appointment.day == day, Appointment.stage.in_(ON_SITE)))


def _people(session: ClinicSession, day: date, stages: tuple[str, ...], by: Actor) -> list[Person]:
    when = Appointment.starts_at if stages == BEFORE_ARRIVAL else Appointment.stage_at
    shown = _visits(when).where(_of_day(day), Appointment.stage.in_(stages)).order_by(when, Appointment.number)
    closed = Closed(session, by)
    return [Person(row[0], *_whose(row, closed), row[4], row[5]) for row in session.execute(shown)]


def _visits(when: Any) -> Select[Any]:
    """Visits with whose they are: id, patient, the client's two names, stage, ``when``, and what ``_whose`` asks."""
    return (
        select(
            Appointment.id, Patient.name, Client.first_name, Client.last_name, Appointment.stage, when, Client.id,
            Client.restricted,
        )
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(Client, Client.id == Appointment.client_id)
    )  # fmt: skip


def _whose(row: Any, closed: Closed) -> tuple[str, str]:
    """Patient and client of a row of ``_visits``, or that the record is closed to the reader."""
    return (NAME, "") if closed.hides(row[6], row[7]) else (row[1], f"{row[2]} {row[3]}".strip())


def _no_consent(session: ClinicSession, day: date, by: Actor) -> list[Person]:
    waiting = [row for row in _people(session, day, BEFORE_ANAESTHESIA, by) if row.patient != NAME]
    signed = set(
        session.scalars(
            select(CheckIn.appointment_id).where(
                CheckIn.appointment_id.in_([row.appointment_id for row in waiting]), CheckIn.consent == "signed"
            )
        )
    )
    return [row for row in waiting if row.appointment_id not in signed]


def _uncounted(day: date, name: str, by: Actor) -> list[str]:
    """The controlled bottles whose count is missing, by the same rule as on the drug log."""
    morning = name == "AM"
    controlled = [row for row in reconciliation(day, by=by) if row.bottle.schedule]
    missing = [row for row in controlled if (row.needs_am if morning else row.needs_pm)]
    return [f"{row.bottle.drug} {row.bottle.number}" for row in missing if (row.am if morning else row.pm) is None]


def _zone(name: str):  # type: ignore[no-untyped-def]
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


assert set(BEFORE_ANAESTHESIA) < set(FLOW)
