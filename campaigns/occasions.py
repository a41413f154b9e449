"""Whom a campaign that goes out by itself is for on one day: those whose visit reached a stage so many days before, or
whoever of a segment was not written to about the same thing already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from appointments.stages import ATTENDED
from campaigns.segments import Member
from campaigns.settings import Campaign
from data.models import Appointment, CampaignRun, FlowEvent
from data.session import ClinicSession
from records.consents import chunks
from reports.when import instant_of


def narrowed(
    session: ClinicSession, slug: str, campaign: Campaign, people: Sequence[Any], day: date, zone: str,
    run_id: str = "",
) -> list[Any]:  # fmt: skip
    """Those of a segment that the campaign is for on a day. ``run_id`` is the launch it is asked for."""
    if campaign.when.kind == "stage":
        return _after_stage(session, campaign, people, day, zone)
    if campaign.when.kind == "recurring":
        return _not_told(session, slug, people, run_id)
    return list(people)


def about(campaign: Campaign, people: Sequence[Any], clients: Collection[str]) -> list[str]:
    """What a launch was about: the patients, or clients where it named none, of those who got it or were held out."""
    if campaign.when.kind != "recurring":
        return []
    return sorted({_about(one) for one in people if one.client_id in clients})


def _about(one: Any) -> str:
    return str(one.patient_id or one.client_id)


def _after_stage(
    session: ClinicSession, campaign: Campaign, people: Sequence[Any], day: date, zone: str
) -> list[Any]:  # fmt: skip
    """A visit counts on the day it first reached the stage; a step that was taken back is none."""
    there, then = ZoneInfo(zone), day - timedelta(days=campaign.when.after_days)
    begins, ends = (instant_of(one, time(), there) for one in (then, then + timedelta(days=1)))
    undone = select(FlowEvent.reverts_id).where(FlowEvent.reverts_id.is_not(None))
    reached = func.min(FlowEvent.event_at)
    rows = session.execute(
        select(Appointment.client_id, Appointment.patient_id)
        .join(
            FlowEvent, (FlowEvent.clinic_id == Appointment.clinic_id) & (FlowEvent.appointment_id == Appointment.id)
        )
        .where(
            FlowEvent.to_stage == campaign.when.stage, FlowEvent.reverts_id.is_(None), FlowEvent.id.not_in(undone),
            Appointment.day >= then - timedelta(days=60), Appointment.day <= then + timedelta(days=60),
        )
        .group_by(Appointment.id, Appointment.client_id, Appointment.patient_id)
        .having(reached >= begins, reached < ends)
    ).tuples().all()  # fmt: skip
    pairs = {(client, patient) for client, patient in rows}
    of_client: dict[str, list[str]] = {}
    for client, patient in sorted(pairs):
        of_client.setdefault(client, []).append(patient)
    found: list[Any] = []
    for one in people:
        if one.patient_id is None:
            found += [Member(one.client_id, patient) for patient in of_client.get(one.client_id, [])]
        elif (one.client_id, one.patient_id) in pairs:
            found.append(one)
    return found


def _not_told(session: ClinicSession, slug: str, people: Sequence[Any], run_id: str) -> list[Any]:
    """Without those an earlier launch was about, until they were here again."""
    told: dict[str, datetime] = {}
    earlier = select(CampaignRun.frozen, CampaignRun.entered_at).where(
        CampaignRun.campaign == slug, CampaignRun.state != "failed", *([CampaignRun.id != run_id] if run_id else [])
    )
    runs = session.execute(earlier).tuples()
    for frozen, at in runs:
        for one in _listed(frozen):
            told[one] = max(at, told.get(one, at))
    again = _here_since(session, {_about(one): told[_about(one)] for one in people if _about(one) in told})
    return [one for one in people if _about(one) not in told or _about(one) in again]


def _listed(frozen: Mapping[str, Any]) -> list[str]:
    return list(frozen.get("about") or ())


def _here_since(session: ClinicSession, told: Mapping[str, datetime]) -> set[str]:
    found: set[str] = set()
    for some in chunks(told):
        for column in (Appointment.patient_id, Appointment.client_id):
            rows = session.execute(
                select(column, func.max(Appointment.starts_at))
                .where(column.in_(some), Appointment.stage.in_(ATTENDED))
                .group_by(column)
            ).tuples()
            found |= {one for one, at in rows if at is not None and at > told[one]}
    return found
