"""Campaigns that go out by themselves, by a local rule or so many days after a stage: one launch a day, by its key.

While nothing ran, a recurring campaign missed days: its segment finds the same people today, so only the newest of them
is made up for. One that follows a stage is about the visits of each day: every missed day is made up for, once, up to
a week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from campaigns import launch
from campaigns.settings import CAMPAIGN, Campaign
from data import definitions, jobs
from data.errors import BadInput
from data.models import CampaignRun, Clinic, Job
from data.session import ClinicSession, read, write
from data.types import clock
from reports.when import When as Rhythm
from reports.when import runs_between
from security.actor import Actor
from security.clinics import clinic_of
from security.rules import look, remembered

KIND = "campaign"
LATE = timedelta(days=7)
"""A day that was missed longer ago than this is left."""
SHOWN = timedelta(days=30)
"""For so long a launch that did not come about is shown."""


class NotByItself(BadInput):
    """{label} does not go out by itself, so there is no day to launch it for. Launch it without a day."""


class NotThatDay(BadInput):
    """{label} can be launched for a day from {first} to {last}, and for no other."""


@dataclass(frozen=True)
class Failure:
    """A launch that did not come about: for which day, why, and when it is tried again by itself, if it is."""

    slug: str
    label: str
    day: date
    why: str
    again: datetime | None


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
            since = max(_since(session, slug, campaign, clock.today(zone)), now - LATE)
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


def _since(session: ClinicSession, slug: str, campaign: Campaign, today: date) -> datetime:
    """From when on it goes by the rule that it has now, or when it was due last; a day to come, which a clock that ran
    ahead has written down, says nothing about those before it."""
    since = clock.now()
    for version in definitions.history(session, CAMPAIGN, slug):
        if CAMPAIGN.parse(version.body, slug).when != campaign.when:
            break
        since = version.at
    newest = session.scalar(
        select(func.max(Job.dedupe_key)).where(
            Job.kind == KIND, Job.dedupe_key.startswith(f"campaign:{slug}:"),
            Job.dedupe_key <= f"campaign:{slug}:{today.isoformat()}",
        )
    )  # fmt: skip
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
    return {"run": launch_day(slug, day, by=by)}


def launch_day(slug: str, day: date | None = None, *, by: Actor, seen_at: datetime | None = None) -> str:
    """Launch a campaign that goes out by itself for one day of the clinic, today where none is named; returns the
    run's id. It is the launch that the worker would make, so whoever comes second changes nothing; one that failed
    before anything was sent is made anew. Raises NotPermitted, NotFound, NotReady, ChangedSince, NotByItself,
    NotThatDay.
    """
    today = clock.today(clinic_of(by.clinic_id).zone)
    day = day or today
    with look(by, "campaigns.use") as session:
        found = definitions.load(session, CAMPAIGN, slug)
        if found.when.kind == "once":
            raise NotByItself(label=found.label)
        key = _key_of(session, slug, day)
    if not today - LATE <= day <= today:
        raise NotThatDay(label=found.label, first=(today - LATE).isoformat(), last=today.isoformat())
    return launch.launch(slug, key=key, by=by, day=day, seen_at=seen_at)


def _key_of(session: ClinicSession, slug: str, day: date) -> str:
    """The key of a day's launch: of the one that stands, or of the next try where all of them failed."""
    first = f"auto:{slug}:{day.isoformat()}"
    tries = select(CampaignRun.key, CampaignRun.state).where(
        (CampaignRun.key == first) | CampaignRun.key.startswith(f"{first}:", autoescape=True)
    )
    rows = session.execute(tries).tuples().all()
    stands = [key for key, state in rows if state != "failed"]
    return stands[0] if stands else f"{first}:{len(rows) + 1}" if rows else first


@remembered("campaigns.use")
def failures(slug: str = "", *, by: Actor) -> list[Failure]:
    """The campaigns whose last launch of their own did not come about, or the one asked for. Raises NotPermitted."""
    since = clock.now() - SHOWN
    with look(by, "campaigns.use") as session:
        documents = definitions.load_all(session, CAMPAIGN)
        rows = session.scalars(select(Job).where(Job.kind == KIND, Job.due_at > since).order_by(Job.dedupe_key)).all()
        newest = {str(job.payload["campaign"]): job for job in rows}
        found = []
        for name, job in newest.items():
            document, day = documents.get(name), date.fromisoformat(str(job.payload["day"]))
            if document is None or not document.when.active or (slug and name != slug) or not _went_wrong(job):
                continue
            if not _launched(session, name, day):
                again = job.due_at if job.state == "waiting" else None
                found.append(Failure(name, document.label, day, _why(document.label, job.error), again))
    return sorted(found, key=lambda one: one.label.casefold())


def _went_wrong(job: Job) -> bool:
    return job.state == "failed" or (job.state in ("waiting", "running") and job.attempts > 0 and bool(job.error))


def _launched(session: ClinicSession, slug: str, day: date) -> bool:
    """Whether somebody launched it for the day after all, or for a later one."""
    later = select(CampaignRun.id).where(
        CampaignRun.campaign == slug, CampaignRun.day >= day, CampaignRun.state != "failed"
    )
    return session.scalar(later.limit(1)) is not None


def _why(label: str, error: str) -> str:
    """A sentence; what went wrong in a way that nobody foresaw has only a name."""
    if " " in error:
        return error.removeprefix(f"{label} cannot be launched: ")
    return (
        f"Something unexpected went wrong ({error or 'no more is known'}). Launch it by hand; if that fails too, "
        "restart Ballast."
    )
