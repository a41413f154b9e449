"""What became of subscriptions: the log of their runs and mails, sending one now, sending a mail again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from data import definitions, jobs
from data.errors import BadInput, NotFound
from data.models import OutboxMessage, ScheduleRun, User
from data.session import ClinicSession
from data.types import clock, is_id, new_id
from messages import delivery
from reports import shelf
from reports.schedules import NEEDED, SCHEDULE
from reports.when import next_runs
from security.actor import Actor
from security.clinics import clinic_of
from security.rules import act, authorize, look

WAYS = {
    "waiting": "Waits for its turn", "running": "Is being made", "retrying": "Is tried again", "sent": "Sent",
    "no_data": "No data, not sent", "quiet": "Within its limit, not sent", "failed": "Not sent", "missed": "Missed",
}  # fmt: skip
"""The states of a run, as people say them."""
MAILS = {
    "pending": "on its way", "claimed": "on its way", "sending": "on its way", "sent": "delivered to the mail server",
    "deferred": "tried again soon", "failed": "refused", "uncertain": "may not have arrived", "suppressed": "held back",
}  # fmt: skip
"""The states of a mail."""


class NoAddressOfYours(BadInput):
    """Your staff profile holds no e-mail address. Enter one under My account, then send it to yourself."""


@dataclass(frozen=True)
class Mail:
    """One mail of a run: whom it goes to, how it stands, and what the mail server answered."""

    message: str
    to: str
    state: str
    reply: str = ""

    @property
    def told(self) -> str:
        """How it stands, in words."""
        return MAILS.get(self.state, self.state)


@dataclass(frozen=True)
class Run:
    """One run, newest first in the log. ``left_out`` are those who got nothing, and why."""

    id: str
    schedule: str
    due_at: datetime
    asked: bool
    state: str
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None
    rows: int | None
    reason: str
    mails: tuple[Mail, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def told(self) -> str:
        """How it ended, in words; a mail that did not go out counts."""
        bad = sum(mail.state in ("failed", "uncertain", "suppressed") for mail in self.mails)
        if self.state != "sent" or not bad:
            return WAYS[self.state]
        return f"Sent, {bad} of {len(self.mails)} not delivered" if bad < len(self.mails) else "Not delivered"

    @property
    def good(self) -> bool | None:
        """Whether all is well; None while it is under way."""
        if self.state in ("waiting", "running", "retrying"):
            return None
        return self.told in ("Sent", WAYS["no_data"], WAYS["quiet"])


def send_now(name: str, *, by: Actor, key: str | None = None) -> str:
    """Have a subscription made now and sent to oneself alone, whatever its condition; returns the address.

    Raises NotPermitted, NotFound, NoAddressOfYours, BadInput without a mail server.
    """
    with act(by, "reports.schedule", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        for needed in NEEDED:
            authorize(session, by, needed)
        shelf.find(session, SCHEDULE, name, by)
        user = session.get(User, (by.clinic_id, by.user_id)) if by.user_id else None
        if user is None or not user.email:
            raise NoAddressOfYours()
        if not delivery.mail_server():
            raise BadInput(problem="No mail server is set, so nothing can leave. Set BALLAST_SMTP_URL first.")
        run = ScheduleRun(
            schedule=name, key=f"{name}:asked:{new_id()}", occasion="asked", due_at=clock.now(), asked_by=user.id
        )
        session.add(run)
        jobs.enqueue(session, "schedule", f"schedule:{run.key}", {"run": run.id})
        work.audit("schedule.asked", "schedule", name, run=run.id)
        work.result = user.email
        return user.email


def log(name: str, *, limit: int = 50, by: Actor) -> list[Run]:
    """The last runs of a subscription, newest first. Raises NotPermitted, NotFound."""
    with look(by, "reports.schedule") as session:
        shelf.find(session, SCHEDULE, name, by)
        statement = select(ScheduleRun).where(ScheduleRun.schedule == name)
        return _told(session, statement.order_by(ScheduleRun.due_at.desc(), ScheduleRun.id.desc()).limit(limit))


@dataclass(frozen=True)
class Standing:
    """How a subscription stands: its next run (None while it rests), and the last one."""

    next_at: datetime | None
    last: Run | None


def standings(*, by: Actor) -> dict[str, Standing]:
    """How each subscription stands, by name. Raises NotPermitted."""
    zone = clinic_of(by.clinic_id).zone
    with look(by, "reports.schedule") as session:
        found = definitions.load_all(session, SCHEDULE)
        latest = select(ScheduleRun.schedule, func.max(ScheduleRun.due_at)).group_by(ScheduleRun.schedule)
        newest = {(name, at) for name, at in session.execute(latest)}
        rows = select(ScheduleRun).where(ScheduleRun.due_at.in_({at for _, at in newest}))
        runs = {run.schedule: run for run in _told(session, rows) if (run.schedule, run.due_at) in newest}
        return {
            name: Standing(None if one.paused else next_runs(one.when, zone, clock.now(), 1)[0], runs.get(name))
            for name, one in found.items()
        }


def send_again(run_id: str, message: str, *, by: Actor, key: str | None = None) -> None:
    """Send a mail once more that was refused, or may not have arrived. Raises NotPermitted, NotFound."""
    with act(by, "reports.schedule", key=key) as work:
        if work.repeated:
            return
        run = work.session.get(ScheduleRun, (by.clinic_id, run_id)) if is_id(run_id) else None
        if run is None or message not in {mail["message"] for mail in run.mails}:
            raise NotFound(what="mail", name=message)
        delivery.send_again(work.session, message)
        work.audit("schedule.sent_again", "schedule", run.schedule, run=run.id, message=message)


def _told(session: ClinicSession, statement: object) -> list[Run]:
    rows = list(session.scalars(statement))  # type: ignore[call-overload]
    ids = [mail["message"] for row in rows for mail in row.mails]
    states = {row.id: row for row in session.scalars(select(OutboxMessage).where(OutboxMessage.id.in_(ids)))}

    def name(who: str) -> str:
        return who if "@" in who else shelf.name_of(session, who) or "Somebody who is gone"

    def mail(kept: dict[str, str]) -> Mail:
        row = states.get(kept["message"])
        return Mail(kept["message"], name(kept["to"]), row.state if row else "sent", row.reply if row else "")

    return [
        Run(
            row.id, row.schedule, row.due_at, row.occasion == "asked", row.state, row.attempts, row.started_at,
            row.ended_at, row.rows, row.reason, tuple(mail(kept) for kept in row.mails),
            tuple((name(kept["who"]), kept["why"]) for kept in row.left_out),
        )
        for row in rows
    ]  # fmt: skip
