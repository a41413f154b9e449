"""Leased jobs: each exists once by its dedupe key, is claimed by one worker, and comes back when that worker dies.

A recurring job names a local rule (``daily 01:30``, ``every 15 minutes``); its next run is reckoned in the clinic's
zone, so that half past one stays half past one across daylight saving.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from data.models import Job
from data.session import ClinicSession, write
from data.types import clock

LEASE = timedelta(minutes=10)
ATTEMPTS = 5


def next_run(rule: str, zone: str, after: datetime) -> datetime:
    """The next instant of a rule after an instant, in UTC. A time that daylight saving skips runs an hour later."""
    if match := re.fullmatch(r"every (\d+) minutes", rule):
        return after + timedelta(minutes=int(match[1]))
    if match := re.fullmatch(r"daily (\d\d):(\d\d)", rule):
        local, wall = after.astimezone(ZoneInfo(zone)), time(int(match[1]), int(match[2]))
        for days in (0, 1, 2):
            due = datetime.combine(local.date() + timedelta(days=days), wall, ZoneInfo(zone)).astimezone(UTC)
            if due > after:
                return due
    raise ValueError(f"not a schedule: {rule}")


def ensure(session: ClinicSession, kind: str, rule: str, zone: str, *, catch_up: str = "latest") -> None:
    """Make sure a recurring job waits, and follows the rule as it is now, and the clock where that was set back."""
    row = session.scalars(select(Job).where(Job.dedupe_key == f"recurring:{kind}")).one_or_none()
    if row is None:
        due = next_run(rule, zone, clock.now())
        session.add(Job(kind=kind, dedupe_key=f"recurring:{kind}", due_at=due, rule=rule, catch_up=catch_up))
    elif row.state == "waiting" and (row.rule != rule or row.due_at > next_run(rule, zone, clock.now())):
        row.rule, row.due_at = rule, next_run(rule, zone, clock.now())


def enqueue(
    session: ClinicSession, kind: str, dedupe_key: str, payload: dict[str, object], due_at: datetime | None = None
) -> None:
    """Add a job that runs once; the same dedupe key again changes nothing."""
    if session.scalars(select(Job.id).where(Job.dedupe_key == dedupe_key)).one_or_none() is None:
        session.add(Job(kind=kind, dedupe_key=dedupe_key, payload=payload, due_at=due_at or clock.now()))


def claim(
    clinic_id: str, owner: str, zone: str, *, only: Collection[str] = (), but: Collection[str] = ()
) -> Job | None:
    """Take the job that has been due longest, or one whose worker died; None when there is none. ``only`` and ``but``
    are the kinds to choose from, or to leave alone.

    What ended its worker five times is given up like what failed five times, so that it does not end every other.
    """
    now = clock.now()
    with write(clinic_id) as session:
        due = (
            select(Job)
            .where(
                Job.due_at <= now,
                or_(Job.state == "waiting", (Job.state == "running") & (Job.lease_until < now)),
                *([Job.kind.in_(only)] if only else []),
                Job.kind.not_in(but),
            )
            .order_by(Job.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        while (row := session.scalars(due).first()) is not None and row.state == "running" and row.attempts >= ATTEMPTS:
            row.error = "The worker ended each time it did this."
            _give_up(row, zone)
            session.flush()
        if row is not None:
            row.state, row.lease_owner, row.lease_until = "running", owner, now + LEASE
            row.attempts += 1
        return row


def finish(clinic_id: str, job: Job, zone: str, result: dict[str, object]) -> None:
    """The job is done; a recurring one waits for its next run. Missed runs in between are dropped (``latest``)."""
    with write(clinic_id) as session:
        row = session.get_one(Job, (clinic_id, job.id))
        if row.lease_owner != job.lease_owner:
            return
        _done(row, zone, result)


def fail(clinic_id: str, job: Job, zone: str, error: str) -> None:
    """The job went wrong: tried again later, longer each time; after five tries it is failed until its next run."""
    with write(clinic_id) as session:
        row = session.get_one(Job, (clinic_id, job.id))
        if row.lease_owner != job.lease_owner:
            return
        row.error = error[:2000]
        if row.attempts < ATTEMPTS:
            row.state, row.due_at = "waiting", clock.now() + timedelta(minutes=2**row.attempts)
            row.lease_owner, row.lease_until = "", None
        else:
            _give_up(row, zone)


def _give_up(row: Job, zone: str) -> None:
    """Until its next run, where it has one."""
    if row.rule:
        _done(row, zone, {"failed": True})
    else:
        row.state, row.finished_at = "failed", clock.now()


def _done(row: Job, zone: str, result: dict[str, object]) -> None:
    row.result, row.finished_at, row.lease_owner, row.lease_until = result, clock.now(), "", None
    if row.rule:
        base = row.due_at if row.catch_up == "all" else clock.now()
        row.state, row.attempts, row.due_at = "waiting", 0, next_run(row.rule, zone, base)
    else:
        row.state = "done"
