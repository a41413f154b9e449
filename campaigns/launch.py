"""Launching a campaign: looked over, its audience frozen as rows of the outbox, then let go by one change.

Until that change nothing of it can be claimed. A launch that broke off goes on where it was: each row exists once, by
its client, and no address twice, by the database.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import select, update

from billing.client_billing import NoPortalAddress, public_address
from campaigns import trouble
from campaigns.audience import Compiled, Place, Plan, compile_texts, plan
from campaigns.occasions import about, narrowed
from campaigns.segments import members
from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE, Campaign, Segment, Template
from campaigns.texts import problems as problems_of
from data import definitions
from data.engine import database
from data.errors import NotFound, Refusal
from data.models import CampaignRun, OutboxMessage
from data.sealed import seal
from data.session import ClinicSession, write
from data.types import clock, new_id
from messages import delivery, sms
from messages.pace import first_outside
from security.actor import Actor
from security.clinic_secrets import links_key, secret
from security.clinics import clinic_of
from security.profile import profile
from security.rules import act, earlier, look

CHUNK = 60
"""Rows that are frozen in one transaction: well under 20 ms, so that nobody at the counter waits."""
ENDED = ("finished", "stopped", "failed")
sms.READ_SECRET[:] = [secret]


class NotReady(Refusal):
    """{label} cannot be launched: {problems}"""


class ChangedSince(Refusal):
    """{what} was changed while you were looking at {label}. Look at it once more, then launch it: nothing went out."""


class LaunchedSince(Refusal):
    """{label} was launched in another window while you were looking at it, so this launch was left. Look how it goes
    before you launch it again."""


class NotRunning(Refusal):
    """{label} is {state}, so it cannot be {what}."""


@dataclass(frozen=True)
class Problem:
    """What stands against a launch, or, where it does not block, what to look at before it."""

    what: str
    text: str
    blocks: bool = True


@dataclass(frozen=True)
class _Look:
    """A campaign looked over."""

    campaign: Campaign
    segment: Segment | None
    templates: dict[str, Template]
    problems: list[Problem]
    plan: Plan | None
    clinic: str


def check(slug: str, *, by: Actor) -> list[Problem]:
    """Everything that stands against a launch, all texts of all recipients included. Raises NotPermitted, NotFound."""
    return _looked_over(slug, by).problems


def preview(slug: str, *, by: Actor, day: date | None = None) -> tuple[list[Problem], Plan | None]:
    """The same with the audience as it would be frozen now, or for a day. Raises NotPermitted, NotFound."""
    seen = _looked_over(slug, by, day)
    return seen.problems, seen.plan


def launch(
    slug: str, *, key: str, by: Actor, day: date | None = None, begins_at: datetime | None = None,
    seen_at: datetime | None = None,
) -> str:  # fmt: skip
    """Freeze the audience and let it go; returns the run's id. The same key again changes nothing.

    ``day`` is the clinic's day of a recurring campaign; ``begins_at`` when the first message may go; ``seen_at`` when
    whoever launches it has looked at it: nothing goes out that somebody else has written since. Raises NotPermitted,
    NotFound, NotReady, ChangedSince, LaunchedSince.
    """
    with look(by, "campaigns.use") as session:
        run_id = session.scalar(select(CampaignRun.id).where(CampaignRun.key == key))
        done = earlier(session, by, "campaigns.use", key)
    if run_id is None and done is not None:
        return str(done.result)
    if run_id is None:
        seen = _looked_over(slug, by, day)
        blocking = [one.text for one in seen.problems if one.blocks]
        if blocking:
            raise NotReady(label=seen.campaign.label, problems=" ".join(blocking))
        run_id = _begun(slug, seen, key, by, day, begins_at, seen_at)
    prepare(run_id, by=by)
    return run_id


def _looked_over(slug: str, by: Actor, day: date | None = None) -> _Look:
    with look(by, "campaigns.use") as session:
        campaign = definitions.load(session, CAMPAIGN, slug)
        problems = _of_clinic(session, campaign)
        segment, templates = _parts(session, campaign, problems)
    found: Plan | None = None
    clinic = clinic_of(by.clinic_id)
    if segment is not None and not any(one.what == "template" and one.blocks for one in problems):
        try:
            people = members(segment, by=by)
            with look(by, "campaigns.use") as session:
                people = narrowed(session, slug, campaign, people, day or clock.today(clinic.zone), clinic.zone)
                compiled = compile_texts(session, campaign, templates)
                found = plan(session, slug, campaign, compiled, people, zone=clinic.zone)
        except Refusal as refusal:
            problems.append(Problem("segment", refusal.message))
    if found is not None:
        problems += _of_audience(found)
    return _Look(campaign, segment, templates, problems, found, clinic.name)


def _of_clinic(session: ClinicSession, campaign: Campaign) -> list[Problem]:
    own, found = profile(session), []
    if not own.address.strip():
        found.append(Problem("address", "The clinic's postal address is empty: enter it under Settings, Clinic."))
    if "email" in campaign.channels:
        if not delivery.mail_server():
            found.append(
                Problem(
                    "mail-server", "No mail server is set on this installation. Whoever runs it sets BALLAST_SMTP_URL."
                )
            )
        elif delivery.sender().endswith("localdomain"):
            found.append(
                Problem("sender", "No sender's address is set: whoever runs this installation sets BALLAST_MAIL_FROM.")
            )
    if "sms" in campaign.channels and not sms.is_set_up(session):
        found.append(Problem("sms", "Text messages are not set up: enter the account under Settings."))
    if campaign.purpose == "marketing" and "email" in campaign.channels:
        try:
            if urlsplit(public_address(session)).scheme != "https":
                found.append(
                    Problem("unsubscribe", "The way out works by one click only over https.", blocks=False)
                )  # fmt: skip
        except NoPortalAddress:
            found.append(
                Problem("unsubscribe", "Nobody could unsubscribe: the address of this installation is not set.")
            )  # fmt: skip
    return found


def _parts(
    session: ClinicSession, campaign: Campaign, problems: list[Problem]
) -> tuple[Segment | None, dict[str, Template]]:
    segment, templates = None, {}
    try:
        segment = definitions.load(session, SEGMENT, campaign.segment)
    except NotFound as refusal:
        problems.append(Problem("segment", refusal.message))
    for slug in {*campaign.templates.values(), *campaign.b_templates.values()}:
        try:
            templates[slug] = definitions.load(session, TEMPLATE, slug)
            problems += [Problem("template", text, stops) for text, stops in problems_of(session, templates[slug])]
        except NotFound as refusal:
            problems.append(Problem("template", refusal.message))
    return segment, templates


def _of_audience(found: Plan) -> list[Problem]:
    if not found.places:
        return [Problem("audience", "The segment finds nobody.")]
    if not found.counts["pending"]:
        whys = sorted({place.reason for place in found.places if place.reason})[:3]
        return [Problem("audience", f"Nobody of the segment can be written to: {'; '.join(whys) or 'all held out'}.")]
    return [Problem("unresolved", f"{missing}.") for missing in found.missing]


def _begun(
    slug: str, seen: _Look, key: str, by: Actor, day: date | None, begins_at: datetime | None,
    seen_at: datetime | None,
) -> str:  # fmt: skip
    assert seen.segment is not None
    clinic = clinic_of(by.clinic_id)
    frozen: dict[str, object] = {
        "slug": slug,
        "campaign": seen.campaign.model_dump(mode="json"),
        "segment": seen.segment.model_dump(mode="json"),
        "templates": {name: one.model_dump(mode="json") for name, one in seen.templates.items()},
        "zone": clinic.zone,
    }
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        standing = session.scalar(select(CampaignRun.id).where(CampaignRun.key == key))
        if standing is not None:  # somebody else launched it for the same day at the same moment
            return str(standing)
        if seen_at is not None:
            session.head()  # one launch at a time
            _check_unchanged(session, slug, seen.campaign, seen_at)
        links_key(session)
        own = profile(session)
        frozen["sender"] = own.legal_name or clinic.name
        frozen["postal"] = own.address
        frozen["reply_to"] = own.email
        try:
            frozen["site"] = public_address(session)
        except NoPortalAddress:
            frozen["site"] = ""
        run = CampaignRun(
            campaign=slug, key=key, name=seen.campaign.label, day=day or clock.today(clinic.zone),
            frozen=frozen, begins_at=begins_at or clock.now(), launched_by_id=by.user_id,
            goal=seen.campaign.goal.what, goal_days=seen.campaign.goal.days,
        )  # fmt: skip
        session.add(run)
        work.audit("campaign.launched", "campaign_run", run.id, campaign=slug)
        work.result = run.id
        return run.id


def _check_unchanged(session: ClinicSession, slug: str, campaign: Campaign, seen_at: datetime) -> None:
    others = select(CampaignRun.id).where(
        CampaignRun.campaign == slug, CampaignRun.entered_at > seen_at, CampaignRun.state != "failed"
    )
    if session.scalar(others.limit(1)) is not None:
        raise LaunchedSince(label=campaign.label)
    parts: list[tuple[str, definitions.Kind[Any], str]] = [
        ("The campaign", CAMPAIGN, slug), ("The segment", SEGMENT, campaign.segment),
        *(("A template", TEMPLATE, one) for one in {*campaign.templates.values(), *campaign.b_templates.values()}),
    ]  # fmt: skip
    for what, kind, name in parts:
        if definitions.history(session, kind, name)[0].at > seen_at:
            raise ChangedSince(what=what, label=campaign.label)


def documents_of(frozen: dict[str, Any]) -> tuple[Campaign, Segment, dict[str, Template]]:
    """The definitions of a run as they were when it was launched."""
    templates = {name: TEMPLATE.parse(body, name) for name, body in frozen["templates"].items()}
    return CAMPAIGN.parse(frozen["campaign"], frozen["slug"]), SEGMENT.parse(frozen["segment"], ""), templates


def prepare(run_id: str, *, by: Actor) -> None:
    """Freeze what is not frozen yet of a run in preparation, and let it go. Two at once do it together. Raises NotReady
    where something became missing since it was looked over; nothing was sent then."""
    with look(by, "campaigns.use") as session:
        run = session.get_one(CampaignRun, (by.clinic_id, run_id))
        if run.state != "preparing":
            return
        frozen: dict[str, Any] = dict(run.frozen)
    campaign, segment, templates = documents_of(frozen)
    people = members(segment, by=by)
    with look(by, "campaigns.use") as session:
        people = narrowed(session, run.campaign, campaign, people, run.day, frozen["zone"], run_id)
        compiled: Compiled = compile_texts(session, campaign, templates)
        found = plan(session, run.campaign, campaign, compiled, people, zone=frozen["zone"], run_id=run_id)
    problems = _of_audience(found)
    if problems:
        _fail(run_id, " ".join(one.text for one in problems), by)
        raise NotReady(label=run.name, problems=" ".join(one.text for one in problems))
    rows = [_row(run, campaign, place) for place in found.places]
    for at in range(0, len(rows), CHUNK):
        _freeze(by.clinic_id, run_id, rows[at : at + CHUNK])
    told = {place.client_id for place in found.places if place.state in ("pending", "held_out")}
    zones = sorted({place.zone for place in found.places if place.state == "pending"})
    _let_go(run_id, by, zones, about(campaign, people, told))


def _row(run: CampaignRun, campaign: Campaign, place: Place) -> dict[str, Any]:
    due = run.begins_at
    if campaign.quiet_hours and place.channel != "letter":
        due = first_outside(campaign.quiet_hours.begin, campaign.quiet_hours.end, place.zone, due)
    told = {"values": place.values, "patients": place.patient_ids, "zone": place.zone}
    stays = place.state != "pending"
    return {
        "id": new_id(), "channel": place.channel, "purpose": campaign.purpose,
        "dedupe_key": f"run:{run.id}:{place.client_id}", "recipient": "" if stays else place.address[:254],
        "body": b"" if stays else seal(json.dumps(told, default=str).encode(), database().home.key("token")),
        "message_id": "" if stays else message_id(run.id, place.channel, place.address_hash or ""),
        "state": place.state, "due_at": due, "reply": place.reason[:500], "run_id": run.id,
        "client_id": place.client_id, "patient_id": place.patient_ids[0] if place.patient_ids else None,
        "address_hash": place.address_hash, "variant": place.variant,
    }  # fmt: skip


def message_id(run_id: str, channel: str, address_hash: str) -> str:
    """The Message-ID of a run's message to an address: the same however often it is worked out."""
    domain = delivery.sender().rpartition("@")[2] or "ballast.invalid"
    return f"<{uuid5(NAMESPACE_URL, f'{run_id}/{channel}/{address_hash}').hex}@{domain}>"


def _freeze(clinic_id: str, run_id: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write a chunk, but for what another preparation of the same run has written."""
    with write(clinic_id, quiet=True) as session:
        session.head()
        if session.scalar(select(CampaignRun.state).where(CampaignRun.id == run_id)) != "preparing":
            return
        keys = [row["dedupe_key"] for row in rows]
        hashes = [row["address_hash"] for row in rows if row["address_hash"]]
        known = set(session.scalars(select(OutboxMessage.dedupe_key).where(OutboxMessage.dedupe_key.in_(keys))))
        used = set(
            session.execute(
                select(OutboxMessage.address_hash, OutboxMessage.channel).where(
                    OutboxMessage.run_id == run_id, OutboxMessage.address_hash.in_(hashes)
                )
            ).tuples()
        )
        new = [
            row for row in rows
            if row["dedupe_key"] not in known and (row["address_hash"], row["channel"]) not in used
        ]  # fmt: skip
        if new:
            session.bulk(OutboxMessage, new)


def _let_go(run_id: str, by: Actor, zones: list[str], whom: list[str]) -> None:
    with act(by, "campaigns.use") as work:
        run = work.session.get_one(CampaignRun, (by.clinic_id, run_id))
        if run.state != "preparing":
            return
        frozen = {**run.frozen, "zones": zones, "about": whom}
        run.frozen = frozen
        run.audience = len(
            work.session.scalars(select(OutboxMessage.id).where(OutboxMessage.run_id == run_id)).all()
        )  # fmt: skip
        run.state = "waiting" if run.begins_at > clock.now() else "running"
        run.began_at = clock.now() if run.state == "running" else None
        work.audit("campaign.let_go", "campaign_run", run_id, audience=run.audience)


def _fail(run_id: str, reason: str, by: Actor) -> None:
    with act(by, "campaigns.use") as work:
        run = work.session.get_one(CampaignRun, (by.clinic_id, run_id))
        if run.state == "preparing":
            run.state, run.reason, run.ended_at = "failed", reason[:300], clock.now()
            work.audit("campaign.failed", "campaign_run", run_id)


def pause(run_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Let nothing more of a run go out until somebody resumes it. Raises NotPermitted, NotRunning."""
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return
        run = _open_run(work.session, run_id, ("waiting", "running", "paused"), "paused")
        if run.state != "paused" or trouble.is_trouble(run.state, run.reason):  # now it waits for a person
            run.state, run.reason = "paused", " ".join(reason.split())[:300]
            work.audit("campaign.paused", "campaign_run", run_id)


def resume(run_id: str, *, by: Actor, key: str | None = None) -> None:
    """Let a paused run go on. Raises NotPermitted, NotRunning."""
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return
        run = _open_run(work.session, run_id, ("paused", "running", "waiting"), "resumed")
        if run.state == "paused":
            run.state, run.reason = "running", ""
            run.began_at = run.began_at or clock.now()
            work.audit("campaign.resumed", "campaign_run", run_id)


def stop(run_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """End a run for good: what has not gone out never does. Raises NotPermitted, NotRunning."""
    with act(by, "campaigns.use", key=key) as work:
        if work.repeated:
            return
        run = _open_run(work.session, run_id, ("preparing", "waiting", "running", "paused", "stopped"), "stopped")
        if run.state != "stopped":
            run.state, run.reason, run.ended_at = "stopped", " ".join(reason.split())[:300], clock.now()
            work.audit("campaign.stopped", "campaign_run", run_id)
    clear_stopped(by.clinic_id, run_id)


_ROW = OutboxMessage.__table__


def clear_stopped(clinic_id: str, run_id: str) -> None:
    """Mark what a stopped run left, some at a time."""
    rest = select(OutboxMessage.id).where(
        OutboxMessage.run_id == run_id, OutboxMessage.state.in_(("pending", "deferred"))
    )
    while True:
        with write(clinic_id, quiet=True) as session:
            session.head()
            ids = list(session.scalars(rest.limit(500)))
            if not ids:
                return
            session.connection().execute(
                update(OutboxMessage.__table__)  # type: ignore[arg-type]
                .where(_ROW.c.clinic_id == clinic_id, _ROW.c.id.in_(ids))
                .values(
                    state="suppressed", reply="the campaign was stopped", change=session.change,
                    version=_ROW.c.version + 1,
                )
            )  # fmt: skip


def _open_run(session: ClinicSession, run_id: str, states: Sequence[str], what: str) -> CampaignRun:
    run = session.get(CampaignRun, (session.clinic_id, run_id))
    if run is None:
        raise NotFound(what="campaign run", name=run_id)
    if run.state not in states:
        raise NotRunning(label=run.name, state=run.state, what=what)
    return run
