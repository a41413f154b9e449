"""The one place where an appointment changes its stage.

A move is an append-only flow event and the appointment's ``stage`` and ``stage_at``, written together while the
clinic's chain head is held, so that two stations never lose one another's move. Mistakes are undone by an event that
names the one it reverts.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import inspect, select

from appointments import early_ticket, funding
from appointments.settings import FLOW_LOOK, FlowLook
from appointments.stages import BEFORE_ARRIVAL, may_follow
from data import definitions
from data.errors import BadInput, NotFound, Refusal
from data.models import Appointment, FlowEvent, User
from data.session import ClinicSession
from data.types import clock, is_id
from security.rules import Work

CLOCK_SLACK = timedelta(minutes=5)
START_STAGES = (*BEFORE_ARRIVAL, "checked_in", "unknown")


class MovedMeanwhile(Refusal):
    """{who} already moved this patient to {stage}. Nothing of yours was saved: look at the patient again before you
    go on."""


class NotPossible(Refusal):
    """A patient who is {here} cannot be moved to {there}. Undo the last move first if it was a mistake."""


class NothingToUndo(Refusal):
    """There is no move of this appointment left to undo."""


class InTheFuture(BadInput):
    """That time lies in the future. Enter when it happened, at the latest now."""


def appointment_for_change(session: ClinicSession, appointment_id: str) -> Appointment:
    """The appointment as it is now, held against other writers until the transaction ends. Raises NotFound."""
    session.head()
    row = session.held(Appointment, appointment_id, fresh=True) if is_id(appointment_id) else None
    if row is None:
        raise NotFound(what="appointment", name="with this number")
    return row


def record_move(
    work: Work,
    appointment: Appointment,
    to_stage: str,
    *,
    event_at: datetime | None = None,
    source: str = "live",
    reason: str = "",
    reverts_id: str | None = None,
    expected_stage: str | None = None,
    form_sheet_id: str | None = None,
    settle: bool = True,
) -> FlowEvent:
    """Write one move; the calling rule audits it.

    ``event_at`` is when it happened (aware; now when omitted), ``source`` live, paper or import. ``expected_stage``
    is the stage the person saw: MovedMeanwhile when it is another by now. ``reverts_id`` names the event undone, which
    permits any direction; ``form_sheet_id`` the sheet it stands on. What a grant holds for the visit and its early
    ticket follow the stage; of several moves ``settle`` is for the last. Raises NotPossible when the flow does not
    allow the move, InTheFuture.
    """
    session = work.session
    now = clock.now()
    happened = event_at or now
    if happened > now + CLOCK_SLACK:
        raise InTheFuture()
    here = _stage_now(session, appointment)
    if expected_stage is not None and here != expected_stage:
        raise MovedMeanwhile(who=_who_moved(session, appointment.id), stage=stage_label(session, here).lower())
    possible = to_stage in START_STAGES if not here else may_follow(here, to_stage)
    if reverts_id is None and not possible:
        raise NotPossible(
            here=stage_label(session, here).lower() or "new", there=stage_label(session, to_stage).lower()
        )
    appointment.stage, appointment.stage_at = to_stage, happened
    session.add(appointment)
    if not inspect(appointment).persistent:
        session.flush()
    event = FlowEvent(
        appointment_id=appointment.id,
        from_stage=here,
        to_stage=to_stage,
        event_at=happened,
        entered_at=now,
        source=source,
        by_user_id=work.by.user_id,
        reason=reason.strip()[:200],
        reverts_id=reverts_id,
        form_sheet_id=form_sheet_id,
    )
    session.add(event)
    if settle:
        session.flush()
        early_ticket.drop_unpaid(work, appointment)
        funding.follow(work, appointment)
    return event


def record_rescheduling(work: Work, appointment: Appointment, *, reason: str, source: str = "live") -> None:
    """Keep that the appointment got another day, time, place or type: an event that stays in its stage."""
    work.session.flush()
    now = clock.now()
    work.session.add(
        FlowEvent(
            appointment_id=appointment.id,
            from_stage=appointment.stage,
            to_stage=appointment.stage,
            event_at=now,
            entered_at=now,
            source=source,
            by_user_id=work.by.user_id,
            reason=reason[:200],
        )
    )
    work.session.flush()


def undo_last_move(work: Work, appointment: Appointment, *, reason: str = "", expected_stage: str | None = None) -> str:
    """Take back the last move that still stands; returns the stage the patient is in again. Raises NothingToUndo."""
    _stage_now(work.session, appointment)
    standing = standing_moves(work.session, appointment.id)
    if not standing or not standing[-1].from_stage:
        raise NothingToUndo()
    last = standing[-1]
    entered = standing[-2].event_at if len(standing) > 1 else last.event_at
    record_move(work, appointment, last.from_stage, reason=reason, reverts_id=last.id, expected_stage=expected_stage)
    appointment.stage_at = entered
    work.session.flush()
    return last.from_stage


def standing_moves(session: ClinicSession, appointment_id: str) -> list[FlowEvent]:
    """The moves of an appointment in the order they were entered, without those reverted, the reverting ones
    and reschedulings."""
    events = session.scalars(
        select(FlowEvent).where(FlowEvent.appointment_id == appointment_id).order_by(FlowEvent.entered_at, FlowEvent.id)
    ).all()
    reverted = {event.reverts_id for event in events if event.reverts_id}
    return [
        event
        for event in events
        if event.reverts_id is None and event.id not in reverted and event.from_stage != event.to_stage
    ]


def stage_label(session: ClinicSession, stage: str) -> str:
    """The clinic's word for a stage."""
    look = definitions.load_all(session, FLOW_LOOK).get("flow") or FlowLook()
    return look.label(stage)


def _stage_now(session: ClinicSession, appointment: Appointment) -> str:
    """The stage in the database, read while the chain head is held; "" for an appointment that is only now made."""
    session.head()
    if not inspect(appointment).persistent:
        return ""
    if not session.is_held(appointment):
        if session.is_modified(appointment):
            session.flush()
        session.refresh(appointment, ["stage", "stage_at", "version"])
    return appointment.stage


def _who_moved(session: ClinicSession, appointment_id: str) -> str:
    last = session.execute(
        select(FlowEvent.by_user_id)
        .where(FlowEvent.appointment_id == appointment_id)
        .order_by(FlowEvent.entered_at.desc(), FlowEvent.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    name = session.scalar(select(User.name).where(User.id == last)) if last else None
    return name or "Somebody else"
