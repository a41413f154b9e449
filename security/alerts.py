"""What an administrator has to look at, from every corner of the installation. Each alert is one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from data.models import BreakGlass, Definition, Heartbeat, Job, OutboxMessage, ScheduleRun, User
from data.session import ClinicSession
from data.types import clock
from security.actor import Actor
from security.backups import state
from security.rules import authorize, look, remembered

WORKER_SILENT = timedelta(minutes=15)
MAILED_SINCE = timedelta(days=100)
"""How far back the last run of a subscription is looked for: one runs at least each quarter."""


@dataclass(frozen=True)
class Alert:
    """One thing to look at. ``grade`` is danger or warning; ``page`` the path of the page that helps."""

    grade: str
    sentence: str
    page: str


@remembered(None)
def alerts(*, by: Actor) -> list[Alert]:
    """What waits for an administrator, the gravest first; only what the person may act on."""
    with look(by, None) as session:
        may = authorize(session, by, None)
        found: list[Alert] = []
        if "security.users" in may:
            found += _locked(session)
        if "security.audit" in may:
            found += _reviews(session)
        if "data.backup" in may:
            found += _work(session)
        if "reports.schedule" in may:
            found += _mailed(session)
        if "settings.edit" in may:
            found += _messages(session)
    if "data.backup" in may:
        found += [Alert("danger", problem, "backups") for problem in state(by=by).problems]
    return sorted(found, key=lambda alert: alert.grade != "danger")


def _locked(session: ClinicSession) -> list[Alert]:
    names = session.scalars(select(User.name).where(User.locked_at.is_not(None)).order_by(User.name)).all()
    return [Alert("warning", f"{name} is locked out after wrong passwords.", "users") for name in names]


def _reviews(session: ClinicSession) -> list[Alert]:
    count = session.scalar(select(func.count()).select_from(BreakGlass).where(BreakGlass.reviewed_at.is_(None))) or 0
    if not count:
        return []
    what = "One emergency access to a record waits" if count == 1 else f"{count} emergency accesses to records wait"
    return [Alert("warning", f"{what} for a review.", "reviews")]


def _mailed(session: ClinicSession) -> list[Alert]:
    """Subscriptions whose last run did not go out."""
    going = set(session.scalars(select(Definition.slug).where(Definition.kind == "schedule")))
    runs = select(ScheduleRun.schedule, ScheduleRun.state).where(
        ScheduleRun.occasion == "due", ScheduleRun.due_at > clock.now() - MAILED_SINCE
    )
    last = {row.schedule: row.state for row in session.execute(runs.order_by(ScheduleRun.due_at))}
    count = sum(state in ("failed", "missed") and name in going for name, state in last.items())
    if not count:
        return []
    words = "One subscription" if count == 1 else f"{count} subscriptions"
    return [Alert("warning", f"{words} did not go out the last time.", "subscriptions")]


def _books(session: ClinicSession) -> list[Alert]:
    """What the nightly check of the books found."""
    result = session.scalar(select(Job.result).where(Job.dedupe_key == "recurring:books")) or {}
    count = result.get("faults", 0)
    if not isinstance(count, int) or not count:
        return []
    words = (
        "One total of the books is not the sum of its rows"
        if count == 1
        else (f"{count:,} totals of the books are not the sum of their rows")
    )
    return [Alert("danger", f"{words}. Close no period; ballast billing check names them.", "reconciliation")]


def _messages(session: ClinicSession) -> list[Alert]:
    """Messages that somebody has to decide upon; what was refused to a client of a campaign stands in its log."""
    doubted = session.scalar(select(func.count()).where(OutboxMessage.state == "uncertain")) or 0
    refused = session.scalar(
        select(func.count()).where(OutboxMessage.state == "failed", OutboxMessage.run_id.is_(None))
    ) or 0  # fmt: skip
    found = []
    if refused:
        words = "One message" if refused == 1 else f"{refused:,} messages"
        found.append(Alert("warning", f"{words} could not be sent.", "undelivered"))
    if doubted:
        words = "One message" if doubted == 1 else f"{doubted:,} messages"
        found.append(Alert("warning", f"{words} may not have arrived: somebody has to decide.", "undelivered"))
    return found


def _work(session: ClinicSession) -> list[Alert]:
    """What of a campaign went wrong stands in its own log, and is told by campaigns.recurring.failures."""
    found = _books(session)
    tasks = select(func.count()).select_from(Job).where(Job.state == "failed", Job.kind != "campaign")
    failed = session.scalar(tasks) or 0
    if failed:
        words = "One task" if failed == 1 else f"{failed} tasks"
        found.append(Alert("warning", f"{words} of the background worker failed.", "backups"))
    seen = session.scalar(select(func.max(Heartbeat.seen_at)).where(Heartbeat.part == "worker"))
    if seen is not None and clock.now() - seen > WORKER_SILENT:
        found.append(Alert("danger", "The background worker is silent: nothing is sent or backed up.", "backups"))
    return found
