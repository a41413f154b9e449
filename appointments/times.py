"""From a day and a clock time at a place to an instant, and back.

Twice a year the clocks change: the hour that is skipped cannot be booked, the one that comes twice means the first.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from data.errors import BadInput
from data.wording import Wording


class SkippedHour(BadInput):
    """There is no {time} on {day} at {place}: the clocks go forward from {begins} to {ends} that night. Choose
    another time."""


def instant_of(day: date, at: time, zone: str, *, place: str = "", wording: Wording | None = None) -> datetime:
    """The UTC instant of a local day and time; the first where the time comes twice. Raises SkippedHour."""
    local = datetime.combine(day, at.replace(second=0, microsecond=0, tzinfo=None, fold=0))
    if not _exists(local, zone):
        raise _skipped(local, zone, place or zone, wording or Wording())
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def comes_twice(day: date, at: time, zone: str) -> bool:
    """Whether the clocks go back over this time, so that it comes twice that day."""
    local = datetime.combine(day, at.replace(second=0, microsecond=0, tzinfo=ZoneInfo(zone), fold=0))
    return _exists(local.replace(tzinfo=None), zone) and local.utcoffset() != local.replace(fold=1).utcoffset()


class NotATime(BadInput):
    """{typed} is not a time. Write it like 8:30, 14:15 or 2:15 pm."""


_TYPED = re.compile(r"(\d{1,2})(?:[:.h]?(\d{2}))?\s*([ap])?\.?m?\.?", re.IGNORECASE)


def read_time(typed: str) -> time:
    """A time as people type it: ``8``, ``830``, ``8:30``, ``8.30 pm``, ``14:15``. Raises NotATime."""
    found = _TYPED.fullmatch(typed.replace("\u202f", " ").replace("\xa0", " ").strip())
    if found is None:
        raise NotATime(typed=typed.strip() or "Nothing")
    hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower()
    if half and not 1 <= hour <= 12:
        raise NotATime(typed=typed)
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59:
        raise NotATime(typed=typed)
    return time(hour, minute)


def local_of(instant: datetime, zone: str) -> datetime:
    """An instant as the clock on the wall of a place shows it."""
    return instant.astimezone(ZoneInfo(zone))


def _exists(local: datetime, zone: str) -> bool:
    there = local.replace(tzinfo=ZoneInfo(zone))
    return there.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local


def _skipped(local: datetime, zone: str, place: str, wording: Wording) -> SkippedHour:
    minute = timedelta(minutes=1)
    begins, ends = local, local
    while not _exists(begins - minute, zone):
        begins -= minute
    while not _exists(ends, zone):
        ends += minute
    return SkippedHour(
        time=wording.clock_time(local.time()),
        day=wording.day(local.date()),
        place=place,
        begins=wording.clock_time(begins.time()),
        ends=wording.clock_time(ends.time()),
    )
