"""The patient flow of a day: the board, moving on, taking back, leaving the flow.

Several stations move patients at the same time. A move says from which stage the person saw it go; when the patient
has moved since, nothing is written and the person reads where the patient is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import aliased

from appointments import moves
from appointments.settings import APPOINTMENT_TYPE, FLOW_LOOK, FlowLook
from appointments.stages import EXITS, FLOW, LONG, ON_SITE, may_follow, next_stage
from data import definitions
from data.errors import BadInput
from data.models import Appointment, CheckIn, Client, Exam, FlowEvent, Location, Patient, Service, Surgery, User
from data.session import ClinicSession
from data.types import clock, is_id
from records.access import NAME, Closed, visit_for
from security.actor import Actor
from security.rules import act, look, remembered

WITH_REASON = ("declined", "held_overnight", "died")
CARRIED_DAYS = 3
"""Patients still in the house from so many days before stay on today's board."""


class ReasonMissing(BadInput):
    """Say why {patient} is {stage}: a few words are enough, and they stay in the record."""


class NeverThere(BadInput):
    """{patient} was never {stage} today. Only moves that were made can be taken back."""


@dataclass(frozen=True)
class Column:
    """One stage as the clinic shows it. Minutes after which waiting there is long, and very long; 0 = never."""

    stage: str
    label: str
    colour: str
    long: int
    very_long: int


@dataclass(frozen=True)
class Card:
    """One patient on the board."""

    id: str
    number: int
    patient: str
    species: str
    sex: str
    client: str
    stage: str
    since: datetime
    elapsed_minutes: int
    services: tuple[str, ...]
    caution: str
    surgeon: str
    next_stage: str | None
    consent_missing: bool
    high_risk: bool
    not_approved: bool
    starts_at: datetime
    day: date
    walk_in: bool


def columns(*, by: Actor) -> list[Column]:
    """The stages the clinic shows, in order. Raises NotPermitted."""
    with look(by, "flow.view") as session:
        return _columns(definitions.load_all(session, FLOW_LOOK).get("flow") or FlowLook())


def _columns(shown: FlowLook) -> list[Column]:
    looks = {item.stage: item for item in shown.stages}
    found = []
    for stage in (*FLOW, *EXITS):
        item = looks.get(stage)
        if item is not None and item.hidden:
            continue
        long, very_long = LONG.get(stage, (0, 0))
        if item is not None and item.long_minutes:
            long, very_long = item.long_minutes, item.very_long_minutes or 2 * item.long_minutes
        found.append(Column(stage, shown.label(stage), item.colour if item else "", long, very_long))
    return found


@remembered("flow.view")
def board(day: date, location_id: str | None = None, *, by: Actor) -> list[Card]:
    """The patients of a clinic day (all locations where none is given), longest waiting first in each stage.

    Patients still in the house from the days before are carried over. Raises NotPermitted, SessionEnded.
    """
    with look(by, "flow.view") as session:
        surgeon, provider = aliased(User), aliased(User)
        since = day - timedelta(days=CARRIED_DAYS)  # a plain range of days, so that the index on the day is used
        carried = and_(Appointment.day.between(since, day), or_(Appointment.day == day, Appointment.stage.in_(ON_SITE)))
        statement = (
            select(
                Appointment.id, Appointment.number, Appointment.stage, Appointment.stage_at, Appointment.services,
                Appointment.caution, Appointment.starts_at, Appointment.day, Appointment.type, Appointment.walk_in,
                Patient.name, Patient.species, Patient.sex, Patient.caution.label("patient_caution"),
                Client.last_name, Client.caution.label("client_caution"), Client.id.label("client_id"),
                Client.restricted, CheckIn.consent, Exam.health,
                Exam.abnormalities, Exam.approved, surgeon.initials.label("surgeon"),
                provider.initials.label("provider"),
            )
            .join(Patient, Patient.id == Appointment.patient_id)
            .join(Client, Client.id == Appointment.client_id)
            .outerjoin(CheckIn, CheckIn.appointment_id == Appointment.id)
            .outerjoin(Exam, Exam.appointment_id == Appointment.id)
            .outerjoin(Surgery, Surgery.appointment_id == Appointment.id)
            .outerjoin(surgeon, surgeon.id == Surgery.surgeon_id)
            .outerjoin(provider, provider.id == Appointment.provider_id)
            .where(carried if day == _today(session, location_id) else
                   Appointment.day == day)
            .order_by(Appointment.stage_at, Appointment.number)
        )  # fmt: skip
        if location_id:
            statement = statement.where(Appointment.location_id == location_id)
        rows = session.execute(statement).all()
        names = dict(session.execute(select(Service.code, Service.name)).all())
        surgical = {slug: kind.surgical for slug, kind in definitions.load_all(session, APPOINTMENT_TYPE).items()}
        now = clock.now()
        closed = Closed(session, by)
        return [
            _veiled(card) if closed.hides(row.client_id, row.restricted) else card
            for row in rows
            for card in [_card(row, names, surgical.get(row.type, True), now)]
        ]


def _veiled(card: Card) -> Card:
    """The card of a record that is closed to the reader: where in the flow, since when, number and species."""
    return replace(
        card, patient=NAME, client="", sex="", services=(), caution="", surgeon="", consent_missing=False,
        high_risk=False, not_approved=False,
    )  # fmt: skip


def _today(session: ClinicSession, location_id: str | None) -> date:
    statement = select(Location.zone).order_by(Location.name)
    if location_id:
        statement = statement.where(Location.id == location_id)
    return clock.today(session.scalars(statement.limit(1)).one_or_none() or "UTC")


def _card(row: Any, names: dict[str, str], surgical: bool, now: datetime) -> Card:
    in_house = row.stage in ON_SITE
    cautions = [text for text in (row.caution, row.patient_caution, row.client_caution) if text]
    return Card(
        id=row.id,
        number=row.number,
        patient=row.name,
        species=row.species,
        sex=row.sex,
        client=row.last_name,
        stage=row.stage,
        since=row.stage_at,
        elapsed_minutes=max(0, int((now - row.stage_at).total_seconds() // 60)),
        services=tuple(names.get(code, code) for code in row.services or ()),
        caution=" · ".join(dict.fromkeys(cautions)),
        surgeon=row.surgeon or row.provider or "",
        next_stage=next_stage(row.stage, surgical=surgical),
        consent_missing=in_house and row.consent != "signed",
        high_risk=row.health == "high risk" or "heart murmur" in (row.abnormalities or ()),
        not_approved=in_house and row.approved is False,
        starts_at=row.starts_at,
        day=row.day,
        walk_in=row.walk_in,
    )


def advance(
    appointment_id: str,
    from_stage: str,
    to_stage: str,
    *,
    by: Actor,
    key: str | None = None,
    event_at: datetime | None = None,
    source: str = "live",
    reason: str = "",
    form_sheet_id: str | None = None,
) -> str:
    """Move a patient on from the stage the person saw; returns the event's id.

    An exit that needs a reason (declined, held overnight, died) needs one here too. Raises MovedMeanwhile,
    NotPossible, ReasonMissing, InTheFuture, NotFound.
    """
    with act(by, "flow.move", key=key) as work:
        if work.repeated:
            return str(work.result)
        appointment = moves.appointment_for_change(work.session, appointment_id)
        if to_stage in WITH_REASON and not reason.strip():
            raise ReasonMissing(
                patient=_name(work.session, appointment, by), stage=moves.stage_label(work.session, to_stage).lower()
            )
        event = moves.record_move(
            work,
            appointment,
            to_stage,
            event_at=event_at,
            source=source,
            reason=reason.strip(),
            expected_stage=from_stage,
            form_sheet_id=form_sheet_id,
        )
        work.audit(
            "flow.moved", "appointment", appointment_id, from_stage=from_stage, to_stage=to_stage, source=source,
            event=event.id,
        )  # fmt: skip
        work.result = event.id
        return event.id


@dataclass(frozen=True)
class Step:
    """One of several moves that stand on the same paper: the stage, when, and why where it needs a reason."""

    stage: str
    at: datetime
    reason: str = ""


def follow_paper(appointment_id: str, steps: Sequence[Step], *, by: Actor, form_sheet_id: str | None = None) -> None:
    """Make the moves that stand on a sheet, in their order, leaving out those that cannot follow where the patient is
    by then. Each is an event with an audit row of its own. Raises ReasonMissing, InTheFuture, NotFound."""
    with act(by, "flow.move") as work:
        appointment = moves.appointment_for_change(work.session, appointment_id)
        here = appointment.stage
        possible = []
        for step in steps:
            if may_follow(here, step.stage):
                possible.append(step)
                here = step.stage
        events = []
        for step in possible:
            if step.stage in WITH_REASON and not step.reason.strip():
                label = moves.stage_label(work.session, step.stage).lower()
                raise ReasonMissing(patient=_name(work.session, appointment, by), stage=label)
            event = moves.record_move(
                work, appointment, step.stage, event_at=step.at, source="paper", reason=step.reason.strip(),
                form_sheet_id=form_sheet_id, settle=step is possible[-1],
            )  # fmt: skip
            events.append(event)
        for event in events:
            work.audit(
                "flow.moved", "appointment", appointment_id, from_stage=event.from_stage, to_stage=event.to_stage,
                source="paper", event=event.id,
            )  # fmt: skip


def leave(
    appointment_id: str, from_stage: str, to_stage: str, reason: str, *, by: Actor, key: str | None = None
) -> str:
    """Take a patient out of the flow: declined, held overnight or died, with the reason. Raises as ``advance``."""
    if to_stage not in WITH_REASON:
        raise AssertionError(f"{to_stage} is not an exit with a reason")
    return advance(appointment_id, from_stage, to_stage, by=by, key=key, reason=reason)


def take_back(
    appointment_id: str,
    from_stage: str,
    to_stages: Sequence[str] = (),
    *,
    by: Actor,
    key: str | None = None,
    reason: str = "",
) -> str:
    """Undo the last move, or every move back to one of ``to_stages``, by compensating events; returns the stage
    reached.

    Nothing is erased: the timeline shows the moves and their undoing. Raises MovedMeanwhile, NothingToUndo,
    NeverThere.
    """
    with act(by, "flow.move", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        appointment = moves.appointment_for_change(session, appointment_id)
        if to_stages and not any(
            event.from_stage in to_stages for event in moves.standing_moves(session, appointment_id)
        ):
            raise NeverThere(
                patient=_name(session, appointment, by), stage=moves.stage_label(session, to_stages[0]).lower()
            )
        reached = moves.undo_last_move(work, appointment, reason=reason, expected_stage=from_stage)
        count = 1
        while to_stages and reached not in to_stages:
            reached = moves.undo_last_move(work, appointment, reason=reason)
            count += 1
        work.audit(
            "flow.taken_back", "appointment", appointment_id, from_stage=from_stage, to_stage=reached, moves=count
        )
        work.result = reached
        return reached


@dataclass(frozen=True)
class Moment:
    """One line of a visit's timeline."""

    id: str
    event_at: datetime
    entered_at: datetime
    from_stage: str
    to_stage: str
    who: str
    source: str
    reason: str
    undoes: bool
    undone: bool


def timeline(appointment_id: str, *, by: Actor) -> list[Moment]:
    """Every move of a visit, oldest first, the undone ones too. Raises RestrictedRecord, NotPermitted."""
    with look(by, "flow.view") as session:
        visit = session.get(Appointment, (session.clinic_id, appointment_id)) if is_id(appointment_id) else None
        if visit is None:
            return []
        visit_for(session, visit, by)
        events = list(session.scalars(_events(appointment_id)))
        people = dict(session.execute(select(User.id, User.name)).all())
        undone = {event.reverts_id for event in events}
        return [
            Moment(
                event.id, event.event_at, event.entered_at, event.from_stage, event.to_stage,
                people.get(event.by_user_id or "", ""), event.source, event.reason, event.reverts_id is not None,
                event.id in undone,
            )
            for event in events
        ]  # fmt: skip


def _events(appointment_id: str) -> Select[FlowEvent]:
    return (
        select(FlowEvent).where(FlowEvent.appointment_id == appointment_id).order_by(FlowEvent.entered_at, FlowEvent.id)
    )


def _name(session: ClinicSession, appointment: Appointment, by: Actor) -> str:
    named = select(Patient.name, Client.id, Client.restricted).join(Client, Client.id == Patient.client_id)
    name, client_id, restricted = session.execute(named.where(Patient.id == appointment.patient_id)).one()
    return "This patient" if Closed(session, by).hides(client_id, restricted) else str(name)


@remembered("flow.view")
def places(*, by: Actor) -> dict[str, str]:
    """The locations in use, name by id. Raises NotPermitted."""
    with look(by, "flow.view") as session:
        statement = select(Location.id, Location.name).where(Location.active).order_by(Location.name)
        return {row.id: row.name for row in session.execute(statement)}
