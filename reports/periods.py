"""Stretches of days told in words, worked out in the clinic's zone when a report runs.

Besides the named ones, ``last_14_days``, ``next_6_weeks`` or ``last_3_months`` count as many as they say. The present
day, week or month is always part of it; months and years are those of the calendar, weeks begin on Monday.

``11_to_13_months_ago`` and ``in_2_to_6_weeks`` are counted from today to the day, both ends included;
``more_than_3_years_ago`` is open behind, ``in_more_than_6_months`` ahead. Where a month is shorter, its last day is
meant.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from data.errors import BadInput

PERIODS = {
    "today": "Today", "yesterday": "Yesterday", "tomorrow": "Tomorrow", "this_week": "This week",
    "last_week": "Last week", "this_month": "This month", "last_month": "Last month", "this_quarter": "This quarter",
    "last_quarter": "Last quarter", "this_year": "This year", "last_year": "Last year",
    "last_7_days": "Last 7 days", "last_30_days": "Last 30 days", "last_90_days": "Last 90 days",
    "last_12_months": "Last 12 months", "next_7_days": "Next 7 days", "next_30_days": "Next 30 days",
    "all_time": "All time",
}  # fmt: skip
"""Those offered by name."""
_COUNTED = re.compile(r"(last|next)_(\d{1,4})_(days|weeks|months)")
UNITS = ("days", "weeks", "months", "years")
WAYS = {
    "ago": "{least}_to_{most}_{unit}_ago", "before": "more_than_{least}_{unit}_ago",
    "ahead": "in_{least}_to_{most}_{unit}", "after": "in_more_than_{least}_{unit}",
}  # fmt: skip
"""How a stretch away from today is written."""
_PARTS = {"least": r"(?P<least>\d{1,4})", "most": r"(?P<most>\d{1,4})", "unit": rf"(?P<unit>{'|'.join(UNITS)})"}
_WAYS = {way: re.compile(text.format(**_PARTS)) for way, text in WAYS.items()}
Days = tuple[date | None, date | None]


@dataclass(frozen=True)
class Away:
    """A stretch of days away from today: ``way`` is one of ``WAYS``, from ``least`` to ``most`` units."""

    way: str
    least: int
    most: int
    unit: str

    @property
    def period(self) -> str:
        """As it is written in a test."""
        return WAYS[self.way].format(least=self.least, most=self.most, unit=self.unit)

    @property
    def words(self) -> str:
        """As a person reads it: ``11 to 13 months ago``."""
        unit = self.unit if (self.most if self.way in ("ago", "ahead") else self.least) != 1 else self.unit[:-1]
        if self.way in ("before", "after"):
            words = f"more than {self.least} {unit}"
        else:
            words = f"{self.least} {unit}" if self.least == self.most else f"{self.least} to {self.most} {unit}"
        return f"{words} ago" if self.way in ("ago", "before") else f"in {words}"

    def days(self, today: date) -> Days:
        """First and last day."""
        if self.way in ("ago", "before"):
            nearest = shifted(today, -self.least, self.unit)
            if self.way == "before":
                return None, shifted(nearest, -1, "days")
            return shifted(today, -self.most, self.unit), nearest
        nearest = shifted(today, self.least, self.unit)
        if self.way == "after":
            return shifted(nearest, 1, "days"), None
        return nearest, shifted(today, self.most, self.unit)


def away_of(period: str) -> Away | None:
    """A stretch away from today taken apart, its ends in order; None for any other period."""
    for way, pattern in _WAYS.items():
        if found := pattern.fullmatch(period):
            told = found.groupdict()
            ends = sorted((int(told["least"]), int(told.get("most") or told["least"])))
            return Away(way, ends[0], ends[1], told["unit"])
    return None


def shifted(day: date, count: int, unit: str) -> date:
    """The day so many days, weeks, months or years later (earlier where negative), the last of a shorter month;
    the first or last day there is where it lies beyond those."""
    try:
        if unit in ("days", "weeks"):
            return day + timedelta(days=count * (7 if unit == "weeks" else 1))
        month = months_before(day.replace(day=1), -count * (12 if unit == "years" else 1))
        return month.replace(day=min(day.day, monthrange(month.year, month.month)[1]))
    except (ValueError, OverflowError):
        return date.max if count > 0 else date.min


class UnknownPeriod(BadInput):
    """There is no period called '{name}'. Write one such as this_month, last_year, last_14_days or
    11_to_13_months_ago."""


def days_of(period: str, today: date) -> Days:
    """First and last day of a period, both part of it; None where it is open. Raises UnknownPeriod.

    What runs at present (this month) ends today.
    """
    if counted := _COUNTED.fullmatch(period):
        return _counted(counted[1], int(counted[2]), counted[3], today)
    if away := away_of(period):
        return away.days(today)
    if period not in PERIODS:
        raise UnknownPeriod(name=period)
    month, monday = today.replace(day=1), today - timedelta(days=today.weekday())
    quarter = month.replace(month=(today.month - 1) // 3 * 3 + 1)
    day = timedelta(days=1)
    return {
        "today": (today, today), "yesterday": (today - day, today - day), "tomorrow": (today + day, today + day),
        "this_week": (monday, today), "last_week": (monday - 7 * day, monday - day),
        "this_month": (month, today), "last_month": (months_before(month, 1), month - day),
        "this_quarter": (quarter, today), "last_quarter": (months_before(quarter, 3), quarter - day),
        "this_year": (today.replace(month=1, day=1), today),
        "last_year": (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
        "all_time": (None, None),
    }[period]  # fmt: skip


def label_of(period: str) -> str:
    """The period in words; raises UnknownPeriod."""
    if counted := _COUNTED.fullmatch(period):
        count, unit = int(counted[2]), counted[3]
        return f"{counted[1].capitalize()} {count} {unit if count != 1 else unit[:-1]}"
    if away := away_of(period):
        return away.words[:1].upper() + away.words[1:]
    if period not in PERIODS:
        raise UnknownPeriod(name=period)
    return PERIODS[period]


def year_before(first: date | None, last: date | None) -> Days:
    """The same days a calendar year earlier; Feb 29 becomes Feb 28. What ends a whole February does so then too."""
    start, end = _year_back(first), _year_back(last)
    if first and last and end and first.day == 1 and (last + timedelta(days=1)).day == 1:
        end = months_before(end.replace(day=1), -1) - timedelta(days=1)
    return start, end


def period_before(first: date, last: date) -> tuple[date, date, int]:
    """The stretch just before one of the same length, and how many calendar months lie between them.

    From the first of a month on, it is as many calendar months, to the same day of the month; otherwise as many days,
    and the months are 0.
    """
    if first.day == 1:
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        start, ends_month = months_before(first, months), (last + timedelta(days=1)).day == 1
        end = months_before(last.replace(day=1), months)
        length = (months_before(end, -1) - end).days
        return start, end.replace(day=length if ends_month else min(last.day, length)), months
    length = (last - first).days + 1
    return first - timedelta(days=length), first - timedelta(days=1), 0


def months_before(first: date, count: int) -> date:
    """The first of the month so many months earlier (later, where negative)."""
    index = first.year * 12 + first.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)


def _year_back(day: date | None) -> date | None:
    if day is None:
        return None
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def _counted(which: str, count: int, unit: str, today: date) -> Days:
    count = max(count, 1)
    if unit == "days":
        away = timedelta(days=count - 1)
        return (today - away, today) if which == "last" else (today, today + timedelta(days=count))
    if unit == "weeks":
        monday = today - timedelta(days=today.weekday())
        return (
            (monday - timedelta(weeks=count - 1), today)
            if which == "last"
            else (today, monday + timedelta(weeks=count, days=6))
        )
    month = today.replace(day=1)
    if which == "last":
        return months_before(month, count - 1), today
    return today, months_before(month, -count - 1) - timedelta(days=1)
