"""What the worker does with subscriptions: it finds those that are due, makes their files, and hands the mails over.

A run is a row that exists once by its key, so that two workers, a restart or a double click make one mail. Its mails
are queued in the one transaction that says ``sent``: a worker that dies before it has sent nothing, one that dies after
it has nothing left to do. What was due while nothing ran is made up for once, if that was not long ago.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import func, select

from data import definitions, jobs, mart
from data.errors import EnvironmentFailure, NotFound, NotPermitted, Refusal
from data.models import Clinic, Job, OutboxMessage, ScheduleRun, User
from data.session import ClinicSession, read, write
from data.types import clock
from messages import delivery
from messages.outbox import File, attach, check_size, queue
from reports import parcels, readers, schedules, shelf
from reports.parcels import Found
from reports.readers import Circle, LeftOut, Reader
from reports.schedules import SCHEDULE, Schedule
from reports.when import runs_between
from security import audit
from security.actor import Actor
from security.owner_mail import alert_owners

T = TypeVar("T")
GRACE = timedelta(hours=12)
"""A run that was missed no longer ago than this is made up for."""
LONGEST = timedelta(minutes=5)
"""How long the making of one mail may take."""
BACK = timedelta(days=400)
"""Missed runs are written down as far back as this."""
ENDED = frozenset(("sent", "no_data", "quiet", "failed", "missed"))
MISSED = "Nothing was running at the time, and when it was again, that was more than 12 hours ago."
AHEAD = "The clock of this machine was ahead of the time, and was set back before it went out."
NEWER = "Nothing was running at the time; the run after it was made up for."
PAUSED = "All sending rests on this installation, as after a restore: remove the file sending-paused from its home."
NO_SERVER = "No mail server is set, so nothing can leave. Set BALLAST_SMTP_URL, then send it now from its page."


class TookTooLong(EnvironmentFailure):
    """It was stopped after {minutes} minutes, so that nothing else has to wait. Choose a shorter period."""


def plan(clinic_id: str, zone: str) -> int:
    """Write down what is due, as runs and jobs; returns how many runs are new."""
    with read(clinic_id) as session:
        if not _due(session, zone) and not _orphans(session) and not _ahead(session):
            return 0
    with write(clinic_id) as session:
        session.head()  # one worker at a time: what is due is looked up again behind the lock
        for run in _orphans(session):
            _fail(session, run, _job_error(session, run) or "The worker ended each time it did this.")
        for run in _ahead(session):
            _free_its_time(session, run)
        session.flush()
        count = 0
        for name, one, dues in _due(session, zone):
            count += _write_down(session, name, one, dues)
        return count


def _due(session: ClinicSession, zone: str) -> list[tuple[str, Schedule, list[datetime]]]:
    now = clock.now()
    known = {name: one for name, one in definitions.load_all(session, SCHEDULE).items() if not one.paused}
    if not known:
        return []
    latest = {
        name: at for name, at in session.execute(
            select(ScheduleRun.schedule, func.max(ScheduleRun.due_at))
            .where(ScheduleRun.occasion == "due", ScheduleRun.due_at <= now + GRACE).group_by(ScheduleRun.schedule)
        )
    }  # fmt: skip
    found = []
    for name, one in known.items():
        since = one.since if one.since and one.since <= now + GRACE else None
        after = max(filter(None, (since, latest.get(name), now - (BACK if since else GRACE))))
        if dues := runs_between(one.when, zone, after, now):
            found.append((name, one, dues))
    return found


def _write_down(session: ClinicSession, name: str, one: Schedule, dues: list[datetime]) -> int:
    now, newest = clock.now(), dues[-1]
    in_time = now - newest <= GRACE
    missed = dues[:-1] if in_time else dues
    for due in missed:
        key = f"{name}:{due.isoformat()}"
        reason = NEWER if in_time else MISSED
        session.add(ScheduleRun(schedule=name, key=key, due_at=due, state="missed", reason=reason, ended_at=now))
    if in_time:
        run = ScheduleRun(schedule=name, key=f"{name}:{newest.isoformat()}", due_at=newest)
        session.add(run)
        jobs.enqueue(session, "schedule", f"schedule:{run.key}", {"run": run.id})
    if missed:
        session.flush()
        audit.append(
            session, Actor.worker(session.clinic_id), "schedule.missed", "schedule", name,
            {"runs": len(missed), "report": one.report or one.dashboard},
        )  # fmt: skip
    return len(dues)


def _ahead(session: ClinicSession) -> list[ScheduleRun]:
    """Runs of a day that has not come: the clock was ahead for a while. One that went back a little repeats nothing."""
    ahead = (ScheduleRun.occasion == "due") & (ScheduleRun.due_at > clock.now() + GRACE)
    return list(session.scalars(select(ScheduleRun).where(ahead)))


def _free_its_time(session: ClinicSession, run: ScheduleRun) -> None:
    """Let the run take place when its time comes; what was written down of it stands under the present one."""
    run.key, run.occasion, run.due_at = f"{run.schedule}:ahead:{run.id}", "ahead", clock.now()
    if run.state not in ENDED:
        _end(session, run, "missed", AHEAD)


def _orphans(session: ClinicSession) -> list[ScheduleRun]:
    """Runs that are under way and whose job was given up."""
    under_way = select(ScheduleRun).where(ScheduleRun.state.in_(("waiting", "running", "retrying")))
    return [run for run in session.scalars(under_way) if _job_error(session, run) is not None]


def _job_error(session: ClinicSession, run: ScheduleRun) -> str | None:
    job = session.scalars(select(Job).where(Job.dedupe_key == f"schedule:{run.key}")).one_or_none()
    return job.error if job is not None and job.state == "failed" else None


@dataclass(frozen=True)
class Begun:
    """A run that was taken up: whose rights it has, who gets it, and who asked for it, if anybody."""

    one: Schedule
    runner: Actor
    circles: list[Circle]
    left_out: list[LeftOut]
    asked_by: str | None


@dataclass
class Made:
    """What goes out: a file for each circle, or the state in which the run ends without one."""

    state: str = "sent"
    rows: int = 0
    files: list[tuple[Found, File, tuple[Reader, ...]]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def carry_out(clinic: Clinic, job: Job) -> dict[str, object]:
    """One run: the worker's part. A refusal ends it with its sentence; anything else is tried again later."""
    run_id = str(job.payload["run"])
    begun = _begin(clinic.id, run_id)
    if begun is None:
        return {"run": "ended before"}
    try:
        made = limited(LONGEST, _make, begun)
        return _hand_over(clinic.id, run_id, job, begun, made)
    except EnvironmentFailure as failure:
        _put_off(clinic.id, run_id, job, failure.message)
        raise
    except NotPermitted as refusal:
        with read(clinic.id) as session:
            name = shelf.name_of(session, begun.one.run_as)
        return _ended(clinic.id, run_id, "failed", f"{name}'s role may not {readers.closed(refusal)}.")
    except Refusal as refusal:
        return _ended(clinic.id, run_id, "failed", refusal.message)
    except Exception as failure:
        _put_off(clinic.id, run_id, job, f"Something unexpected went wrong ({type(failure).__name__}).")
        raise


def _begin(clinic_id: str, run_id: str) -> Begun | None:
    """Take the run up; None where there is nothing to do for it any more."""
    with write(clinic_id) as session:
        run = session.get_one(ScheduleRun, (clinic_id, run_id))
        if run.state in ENDED:
            return None
        one = definitions.load_all(session, SCHEDULE).get(run.schedule)
        if one is None or (one.paused and run.occasion == "due"):
            _end(session, run, "missed", "It was paused or removed before it could go out.")
            return None
        if delivery.is_paused():
            _end(session, run, "missed", PAUSED)
            return None
        if not delivery.mail_server():
            _fail(session, run, NO_SERVER)
            return None
        runner = session.get(User, (clinic_id, one.run_as)) if one.run_as else None
        if runner is None or runner.deleted_at is not None or runner.status != "active":
            _stop(session, run, one, runner)
            return None
        run.state, run.attempts, run.started_at = "running", run.attempts + 1, clock.now()
        circles, left_out = readers.circles(session, one, runner, only=run.asked_by)
        return Begun(one, Actor.job_of(clinic_id, runner.id), circles, left_out, run.asked_by)


def _make(begun: Begun) -> Made:
    """The file of each circle."""
    one, made = begun.one, Made(left_out=list(begun.left_out))
    whole: Found | None = None
    if one.only.rule != "always" and not begun.asked_by:
        whole = parcels.find(one, by=begun.runner)
        if not parcels.is_worth(one, whole, reader=begun.runner):
            return Made("no_data" if one.only.rule == "data" else "quiet", whole.rows)
    for circle in begun.circles:
        try:
            found = whole if whole and circle.sees_all else parcels.find(one, by=circle.actor)
        except (NotPermitted, NotFound) as refusal:
            if circle.sees_all:
                raise
            why = f"may not {readers.closed(refusal)}"
            made.left_out += [LeftOut(reader.who, why) for reader in circle.readers]
            continue
        file = parcels.file_of(one, found)
        check_size(file)
        made.files.append((found, file, circle.readers))
        made.rows = max(made.rows, found.rows)
    return made


def _hand_over(clinic_id: str, run_id: str, job: Job, begun: Begun, made: Made) -> dict[str, object]:
    """Queue the mails and end the run, in one transaction."""
    if made.state != "sent":
        return _ended(clinic_id, run_id, made.state, "", made.rows)
    with write(clinic_id) as session:
        run = session.get_one(ScheduleRun, (clinic_id, run_id))
        claimed = session.get_one(Job, (clinic_id, job.id))
        if run.state in ENDED or (claimed.lease_owner, claimed.attempts) != (job.lease_owner, job.attempts):
            return {"run": "ended by another worker"}
        run.left_out = [{"who": one.who, "why": one.why} for one in made.left_out]
        if not made.files:
            _fail(session, run, "Nobody it goes to can be reached, or may see any of it.")
            return {"run": "failed"}
        run.mails, run.rows = _queue(session, run, begun, made), made.rows
        _end(
            session, run, "sent", "", mails=len(run.mails), rows=made.rows, left_out=len(made.left_out),
            run_as=begun.one.run_as,
        )  # fmt: skip
        return {"mails": len(run.mails), "rows": made.rows}


def _queue(session: ClinicSession, run: ScheduleRun, begun: Begun, made: Made) -> list[dict[str, str]]:
    one, mails = begun.one, []
    sender = shelf.name_of(session, one.owner)
    for found, file, people in made.files:
        file_id = attach(session, file)
        subject = one.subject or f"{found.title}, {found.clinic.name}"
        for reader in people:
            text = parcels.letter(
                one, found, file, asked_for=bool(begun.asked_by), sender=sender, outside=reader.who == reader.address
            )
            message = queue(
                session, purpose="schedule", dedupe_key=f"schedule:{run.id}:{reader.who}"[:160],
                recipient=reader.address, subject=subject, text=text, files=[file_id],
            )  # fmt: skip
            mails.append({"message": message, "to": reader.who})
    return mails


def _ended(clinic_id: str, run_id: str, state: str, reason: str, rows: int | None = None) -> dict[str, object]:
    with write(clinic_id) as session:
        run = session.get_one(ScheduleRun, (clinic_id, run_id))
        if run.state not in ENDED:
            run.rows = rows
            if state == "failed":
                _fail(session, run, reason)
            else:
                _end(session, run, state, reason)
    return {"run": state}


def _put_off(clinic_id: str, run_id: str, job: Job, reason: str) -> None:
    """It is tried again later; the last try ends it."""
    with write(clinic_id) as session:
        run = session.get_one(ScheduleRun, (clinic_id, run_id))
        if run.state in ENDED:
            return
        if job.attempts >= jobs.ATTEMPTS:
            _fail(session, run, reason)
        else:
            run.state, run.reason = "retrying", reason


def _end(session: ClinicSession, run: ScheduleRun, state: str, reason: str, **detail: object) -> None:
    run.state, run.reason, run.ended_at = state, reason, clock.now()
    session.flush()
    audit.append(
        session, Actor.worker(session.clinic_id), f"schedule.{state}", "schedule", run.schedule,
        {"run": run.id, "attempts": run.attempts, **detail},
    )  # fmt: skip


def _fail(session: ClinicSession, run: ScheduleRun, reason: str) -> None:
    """It is over for this run: the one who set the subscription up is told."""
    _end(session, run, "failed", reason)
    one = definitions.load_all(session, SCHEDULE).get(run.schedule)
    if one is not None:
        _tell(session, one, f"schedule-failed-{run.id}", f"Not sent: {one.title}", reason)


def _stop(session: ClinicSession, run: ScheduleRun, one: Schedule, runner: User | None) -> None:
    who = runner.name if runner else "The person it ran as"
    why = f"{who} cannot sign in any more, so nothing goes out in their name. Choose somebody else, then resume it."
    _end(session, run, "failed", why)
    schedules.stop(session, run.schedule, why)
    _tell(session, one, f"schedule-stopped-{run.id}", f"Stopped: {one.title}", why)


def _tell(session: ClinicSession, one: Schedule, about: str, subject: str, why: str) -> None:
    """A mail to the owner of the subscription, or to those of the clinic where that person is gone."""
    text = f"{one.title}\n\n{why}\n\nIts log is in Ballast under Reports, Subscriptions.\n"
    owner = session.get(User, (session.clinic_id, one.owner)) if one.owner else None
    if owner is not None and owner.status == "active" and owner.email:
        queue(session, purpose="alert", dedupe_key=about, recipient=owner.email, subject=subject, text=text)
    else:
        alert_owners(session, about, subject, text)


def limited(longest: timedelta, work: Callable[..., T], *arguments: object) -> T:
    """Do something beside this thread; what takes too long is broken off and let go. Raises TookTooLong."""
    ended: list[T] = []
    failed: list[BaseException] = []

    source = mart.mart()

    def run() -> None:
        try:
            ended.append(work(*arguments))
        except BaseException as failure:
            failed.append(failure)
        finally:
            source.forgive(threading.get_ident())

    thread = threading.Thread(target=run, name="subscription", daemon=True)
    thread.start()
    thread.join(longest.total_seconds())
    if thread.is_alive():
        source.give_up(thread)
        raise TookTooLong(minutes=max(1, round(longest.total_seconds() / 60)))
    if failed:
        raise failed[0]
    return ended[0]


def _still_wanted(session: ClinicSession, row: OutboxMessage) -> str:
    """Why a mail must not go any more: between its run and this moment somebody may have left."""
    who = row.dedupe_key.split(":", 2)[2]
    if "@" in who:
        return ""
    user = session.get(User, (session.clinic_id, who)) if who else None
    if user is None or user.deleted_at is not None or user.status != "active":
        return "They left the clinic before it went out."
    return ""


delivery.JUDGES["schedule"] = _still_wanted
