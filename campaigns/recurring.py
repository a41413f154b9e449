"""Campaigns that go out by themselves, by a local rule or so many days after a stage: one launch a day, by its key.

While nothing ran, a recurring campaign missed days: its segment finds the same people today, so only the newest of them
is made up for. One that follows a stage is about the visits of each day: every missed day is made up for, once, up to
a week.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from campaigns import launch
from campaigns.settings import CAMPAIGN, Campaign
from data import definitions, jobs
from data.models import Clinic, Job
from data.session import ClinicSession, read, write
from data.types import clock
from reports.when import When as Rhythm
from reports.when import runs_between
from security.actor import Actor

KIND = "campaign"
LATE = timedelta(days=7)
"""A day that was missed longer ago than this is left."""


def rhythm(campaign: Campaign) -> Rhythm:
    """When a campaign is due, as subscriptions reckon it: one after a stage looks every day."""
    when = campaign.when
    every = "day" if when.kind == "stage" else when.every
    return Rhythm(every=every, days=[when.weekday], day=when.day, at=when.at)


def plan(clinic_id: str, zone: str) -> int:
    """Put down a job for each campaign and day that is due by now; returns how many are new."""
    now = clock.now()
    with read(clinic_id) as session:
        wanted: list[tuple[str, date, datetime]] = []
        for slug, campaign in definitions.load_all(session, CAMPAIGN).items():
            if campaign.when.kind == "once" or not campaign.when.active:
                continue
            since = max(_since(session, slug, campaign), now - LATE)
            due = runs_between(rhythm(campaign), zone, since, now)
            if campaign.when.kind == "recurring":
                due = due[-1:]
            wanted += [(slug, at.astimezone(ZoneInfo(zone)).date(), at) for at in due]
        known = set(session.scalars(select(Job.dedupe_key).where(Job.dedupe_key.in_([_key(*one) for one in wanted]))))
    new = [one for one in wanted if _key(*one) not in known]
    if new:
        with write(clinic_id) as session:
            for slug, day, at in new:
                payload: dict[str, object] = {"campaign": slug, "day": day.isoformat(), "due": at.timestamp()}
                jobs.enqueue(session, KIND, _key(slug, day, at), payload)
    return len(new)


def _key(slug: str, day: date, _at: datetime) -> str:
    return f"campaign:{slug}:{day.isoformat()}"


def _since(session: ClinicSession, slug: str, campaign: Campaign) -> datetime:
    """From when on it goes by the rule that it has now, or when it was due last."""
    since = clock.now()
    for version in definitions.history(session, CAMPAIGN, slug):
        if CAMPAIGN.parse(version.body, slug).when != campaign.when:
            break
        since = version.at
    newest = session.scalar(
        select(func.max(Job.dedupe_key)).where(Job.kind == KIND, Job.dedupe_key.startswith(f"campaign:{slug}:"))
    )
    if newest:
        job = session.scalars(select(Job).where(Job.dedupe_key == newest)).one()
        since = max(since, datetime.fromtimestamp(float(str(job.payload["due"])), since.tzinfo))
    return since


def carry_out(clinic: Clinic, job: Job) -> dict[str, object]:
    """Launch a campaign for its day, once; a day on which it is for nobody passes. Raises NotReady, NotFound."""
    slug, day = str(job.payload["campaign"]), date.fromisoformat(str(job.payload["day"]))
    by = Actor.worker(clinic.id, job.id)
    with read(clinic.id) as session:
        found = definitions.load_all(session, CAMPAIGN).get(slug)
    if found is None or not found.when.active:
        return {"skipped": "it no longer goes out by itself"}
    problems, audience = launch.preview(slug, by=by, day=day)
    if audience is not None and not audience.counts["pending"] and all(one.what == "audience" for one in problems):
        return {"skipped": " ".join(one.text for one in problems)}
    return {"run": launch.launch(slug, key=f"auto:{slug}:{day.isoformat()}", by=by, day=day)}
