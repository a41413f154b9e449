"""When a message may go out: quiet hours by the clock on the recipient's wall, whatever daylight saving does."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def quiet_until(begin: str, end: str, zone: str, at: datetime) -> datetime | None:
    """When the quiet hours end that ``at`` lies in, in UTC; None outside of them. ``begin`` and ``end`` are wall
    clock times such as 20:00 and 08:00; the same twice means none."""
    first, last = time.fromisoformat(begin), time.fromisoformat(end)
    local = at.astimezone(ZoneInfo(zone))
    wall = local.time().replace(fold=0)
    if first == last:
        return None
    over_night = first > last
    inside = (wall >= first or wall < last) if over_night else first <= wall < last
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if over_night and wall >= first else 0)
    until = datetime.combine(day, last, ZoneInfo(zone)).astimezone(UTC)
    if until <= at:  # the hour that comes twice: its second time
        until = datetime.combine(day, last.replace(fold=1), ZoneInfo(zone)).astimezone(UTC)
    return until if until > at else None


def first_outside(begin: str, end: str, zone: str, at: datetime) -> datetime:
    """``at``, or the end of the quiet hours it lies in."""
    return quiet_until(begin, end, zone, at) or at
