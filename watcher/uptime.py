"""Seconds up and seconds down, as measured. What nobody measured is neither.

Seconds come from the clock that nobody can set, the day they are booked on from the wall clock in the page's zone. The
time from one look to the next has the state that the first of the two found. A longer gap (this process was not
running, the machine slept, its clock was set) is not measured.
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from watcher.store import fact, remember


@dataclass(frozen=True)
class Uptime:
    """A stretch of time, in seconds. ``up`` and ``down`` were measured, the rest of ``total`` was not."""

    total: float
    up: float
    down: float

    @property
    def unknown(self) -> float:
        """Seconds that nobody measured."""
        return max(0.0, self.total - self.up - self.down)

    @property
    def share(self) -> float | None:
        """Percent of the measured time, cut off after three places and never rounded up; None: nothing measured."""
        seen = self.up + self.down
        return math.floor(self.up / seen * 100_000) / 1000 if seen > 0 else None

    def allowed(self, goal: float) -> float:
        """Seconds that may be down for the goal, in percent of the whole stretch."""
        return self.total * (100 - goal) / 100

    def __add__(self, other: Uptime) -> Uptime:
        return Uptime(self.total + other.total, self.up + other.up, self.down + other.down)


def book(db: sqlite3.Connection, states: dict[str, str], now: float, seconds: float, zone: ZoneInfo) -> None:
    """Book the last so many seconds before ``now`` under the states that were found at their beginning."""
    begin = now - seconds
    while begin < now:
        day = datetime.fromtimestamp(begin, zone).date()
        end = min(now, _starts(day + timedelta(days=1), zone))
        for part, state in states.items():
            if state in ("up", "down"):
                up, down = (end - begin, 0.0) if state == "up" else (0.0, end - begin)
                db.execute(
                    "INSERT INTO measured VALUES (?, ?, ?, ?) ON CONFLICT (part, day) DO UPDATE SET "
                    "up = up + excluded.up, down = down + excluded.down",
                    (part, day.isoformat(), up, down),
                )
        begin = end


def note_first(db: sqlite3.Connection, now: float, zone: ZoneInfo) -> None:
    """Remember since when there is anything to measure; throw away what a clock that ran ahead has booked."""
    first = fact(db, "first")
    if not first or float(first) > now:
        remember(db, "first", now)
    tomorrow = datetime.fromtimestamp(now, zone).date() + timedelta(days=1)
    db.execute("DELETE FROM measured WHERE day > ?", (tomorrow.isoformat(),))


def days(db: sqlite3.Connection, part: str, now: float, zone: ZoneInfo, number: int) -> list[tuple[date, Uptime]]:
    """The last so many days, the oldest first."""
    today = datetime.fromtimestamp(now, zone).date()
    first = today - timedelta(days=number - 1)
    booked = _booked(db, part, first)
    since = float(fact(db, "first", str(now)))
    found = []
    for back in range(number):
        day = first + timedelta(days=back)
        found.append((day, _of_day(day, booked.get(day), since, now, zone)))
    return found


def months(
    db: sqlite3.Connection, part: str, now: float, zone: ZoneInfo, number: int = 12
) -> list[tuple[date, Uptime]]:
    """The last so many calendar months by their first day, the latest first, each as far as it has come."""
    today = datetime.fromtimestamp(now, zone).date()
    firsts = [today.replace(day=1)]
    while len(firsts) < number:
        firsts.append((firsts[-1] - timedelta(days=1)).replace(day=1))
    booked = _booked(db, part, firsts[-1])
    since = float(fact(db, "first", str(now)))
    found = []
    for first in firsts:
        whole, day = Uptime(0, 0, 0), first
        while day.month == first.month and day <= today:
            whole += _of_day(day, booked.get(day), since, now, zone)
            day += timedelta(days=1)
        found.append((first, whole))
    return found


def _booked(db: sqlite3.Connection, part: str, first: date) -> dict[date, tuple[float, float]]:
    rows = db.execute("SELECT day, up, down FROM measured WHERE part = ? AND day >= ?", (part, first.isoformat()))
    return {date.fromisoformat(row["day"]): (row["up"], row["down"]) for row in rows}


def _of_day(day: date, booked: tuple[float, float] | None, since: float, now: float, zone: ZoneInfo) -> Uptime:
    total = max(0.0, min(now, _starts(day + timedelta(days=1), zone)) - max(since, _starts(day, zone)))
    up, down = booked or (0.0, 0.0)
    if up + down > total:  # a clock that was set back lived through these hours twice
        total_of_day = _starts(day + timedelta(days=1), zone) - _starts(day, zone)
        total = min(up + down, total_of_day)
        up = max(0.0, total - down)
        down = min(down, total)
    return Uptime(total, up, down)


def _starts(day: date, zone: ZoneInfo) -> float:
    return datetime.combine(day, time(), zone).astimezone(UTC).timestamp()
