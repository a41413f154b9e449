"""When a subscription runs: said in words, reckoned in the clinic's zone.

An hour that daylight saving skips runs at the first instant after it; one that comes twice runs the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from data.definitions import Document
from data.wording import Wording

LAST = 0
"""The day that stands for the last one of a month or quarter."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class When(Document):
    """A rhythm. ``days`` are weekdays of a week (0 = Monday); ``day`` is that of a month (1 to 31, LAST for the last;
    one that a month lacks is its last), and of a quarter the first (1) or LAST; ``at`` is the clock on the wall."""

    every: Literal["day", "weekday", "week", "month", "quarter"] = "week"
    days: list[int] = Field(default_factory=lambda: [0], max_length=7)
    day: int = Field(default=1, ge=LAST, le=31)
    at: str = Field(default="07:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")

    @model_validator(mode="after")
    def _sound(self) -> When:
        if self.every == "week" and not self.days:
            raise ValueError("choose at least one weekday")
        if any(not 0 <= day <= 6 for day in self.days):
            raise ValueError("weekdays are 0 (Monday) to 6 (Sunday)")
        if self.every == "quarter" and self.day not in (1, LAST):
            raise ValueError("a quarter has a first and a last day")
        self.days = sorted(set(self.days))
        return self

    def falls_on(self, day: date) -> bool:
        """Whether it runs on a day of the clinic's calendar."""
        if self.every == "day":
            return True
        if self.every == "weekday":
            return day.weekday() < 5
        if self.every == "week":
            return day.weekday() in self.days
        ends_month = (day + timedelta(days=1)).day == 1
        if self.every == "quarter":
            return (day.month % 3 == 0 and ends_month) if self.day == LAST else (day.month % 3 == 1 and day.day == 1)
        return day.day == self.day or (ends_month and (self.day == LAST or day.day < self.day))


def told(when: When, wording: Wording) -> str:
    """The rhythm as a person says it: ``Every Monday and Thursday at 7:00 AM``."""
    at = wording.clock_time(time.fromisoformat(when.at))
    if when.every in ("day", "weekday"):
        return f"Every {when.every} at {at}"
    if when.every == "week":
        names = [DAYS[day] for day in when.days]
        listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        return f"Every {'day' if len(names) == 7 else listed} at {at}"
    if when.every == "quarter":
        return f"On the {'last' if when.day == LAST else 'first'} day of each quarter at {at}"
    if when.day == LAST:
        return f"On the last day of each month at {at}"
    short = ", or on the last day where there is none," if when.day > 28 else ""
    return f"On the {ordinal(when.day)} of each month{short} at {at}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 11th, 22nd."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def next_runs(when: When, zone: str, after: datetime, count: int = 3) -> list[datetime]:
    """The first instants after an instant, in UTC."""
    runs = _runs(when, zone, after)
    return [next(runs) for _ in range(count)]


def runs_between(when: When, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """The instants after ``after`` up to and with ``until``, in UTC."""
    found: list[datetime] = []
    for run in _runs(when, zone, after):
        if run > until:
            return found
        found.append(run)
    return found


def _runs(when: When, zone: str, after: datetime) -> Iterator[datetime]:
    there, at = ZoneInfo(zone), time.fromisoformat(when.at)
    day, latest = after.astimezone(there).date() - timedelta(days=2), after
    while True:
        if when.falls_on(day):
            instant = instant_of(day, at, there)
            if instant > latest:
                latest = instant
                yield instant
        day += timedelta(days=1)


def instant_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant at which the clock on the wall shows a time, in UTC; the first after it where it is skipped."""
    wall = datetime.combine(day, at)
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    before, behind = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant
    was = before.astimezone(zone).utcoffset()
    while (behind - before) > timedelta(seconds=1):
        middle = before + timedelta(seconds=(behind - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == was:
            before = middle
        else:
            behind = middle
    return behind
