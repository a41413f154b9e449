"""What the demo clinic has mailed by itself: the owner's figures each Monday, with the log of the last weeks, and a list
that rests at present."""

from __future__ import annotations

from datetime import datetime, timedelta

from data import definitions
from data.models import ScheduleRun
from data.session import ClinicSession
from data.types import clock, new_id
from reports.schedules import SCHEDULE, Only, Schedule
from reports.when import When, runs_between

WEEKS = 9
BOOKKEEPER = "books@ledger.example.com"


def keep(session: ClinicSession, zone: str, people: dict[str, str]) -> None:
    """Save both with their logs. ``people`` are the ids of users by role."""
    now = clock.now()
    owner, manager = people.get("owner", ""), people.get("manager", "")
    figures = Schedule(
        title="Monday's figures", dashboard="owners-revenue", when=When(every="week", days=[0], at="07:00"),
        run_as=owner, owner=owner, people=[owner, manager], addresses=[BOOKKEEPER], amounts_outside=True,
        only=Only(rule="data"), format="pdf", preset="last_week", since=now,
        message="The week that was, as every Monday.",
    )  # fmt: skip
    missed = Schedule(
        title="Missed visits of the day", report="no-shows-by-type", preset="today",
        when=When(every="weekday", at="18:30"), run_as=manager, owner=owner, people=[manager],
        only=Only(rule="over", number="no_shows", value=4), format="xlsx", paused=True, since=now,
    )  # fmt: skip
    for name, one in (("monday-s-figures", figures), ("missed-visits-of-the-day", missed)):
        definitions.save(session, SCHEDULE, name, one, by_user_id=owner or None)
    mondays = runs_between(figures.when, zone, now - timedelta(weeks=WEEKS), now)
    for place, due in enumerate(mondays):
        session.add(_figures(due, place, [owner, manager, BOOKKEEPER]))
    for place, due in enumerate(runs_between(missed.when, zone, now - timedelta(days=21), now - timedelta(days=7))):
        sent = place % 3 == 1
        session.add(_run("missed-visits-of-the-day", due, "sent" if sent else "quiet", [manager] if sent else [], 4))


def _figures(due: datetime, place: int, readers: list[str]) -> ScheduleRun:
    """The last one was sent at the first try; the others tell what may happen."""
    name, rows = "monday-s-figures", 41 + place * 7 % 9
    if place == 2:
        return _run(name, due, "no_data", [], 0)
    if place == 4:
        again = _run(name, due, "sent", readers, rows, attempts=3)
        again.ended_at = due + timedelta(minutes=6, seconds=11)
        return again
    if place == 5:
        reason = "Nothing was running at the time, and when it was again, that was more than 12 hours ago."
        return _run(name, due, "missed", [], None, reason=reason)
    if place == 6:
        reason = "It was stopped after 5 minutes, so that nothing else has to wait. Choose a shorter period."
        return _run(name, due, "failed", [], None, reason=reason, attempts=5)
    return _run(name, due, "sent", readers, rows)


def _run(
    name: str, due: datetime, state: str, readers: list[str], rows: int | None, *, reason: str = "", attempts: int = 1
) -> ScheduleRun:
    started = None if state == "missed" else due + timedelta(seconds=3)
    return ScheduleRun(
        schedule=name, key=f"{name}:{due.isoformat()}", due_at=due, state=state, rows=rows, reason=reason,
        attempts=attempts if started else 0, started_at=started, ended_at=(started or due) + timedelta(seconds=4),
        mails=[{"message": new_id(), "to": reader} for reader in readers],
    )  # fmt: skip
