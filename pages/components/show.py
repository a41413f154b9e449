"""Values as the signed-in person's clinic writes them. The wording itself is data/wording.py."""

from __future__ import annotations

import functools
from datetime import date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from data.types import clock
from data.wording import NONE, Wording
from pages.components import frame
from pages.components.frame import plain as plain


def called(name: str) -> str:
    """How to greet somebody: the first name, or title and last name."""
    words = name.split() or [""]
    return f"{words[0]} {words[-1]}" if words[0].endswith(".") and len(words) > 1 else words[0]


def initials(name: str) -> str:
    """Two letters for a person, titles left out: ``CN`` for Dr. Claire Novak."""
    words = [word for word in name.split() if not word.endswith(".")] or name.split()
    return "".join(word[0] for word in words[:2]).upper()


def wording() -> Wording:
    """The clinic's way of writing values, to hand to prints and mails."""
    clinic = frame.clinic()
    return Wording.of(clinic)


def today() -> date:
    """The calendar day at the clinic."""
    return clock.today(frame.clinic().zone)


def money(cents: int | None, *, missing: str = NONE) -> str:
    """Whole cents as ``$1,234.50``."""
    return wording().money(cents, missing=missing)


def currency_symbol() -> str:
    """The sign in front of amounts in entry fields, which take plain numbers."""
    from babel.numbers import get_currency_symbol

    return get_currency_symbol(frame.clinic().currency, frame.clinic().locale)


def date_format() -> str:
    """How Streamlit's date entry writes a day here."""
    locale = frame.clinic().locale
    return "MM/DD/YYYY" if locale.endswith("_US") else "DD/MM/YYYY"


def phone(text: str) -> str:
    """A phone number the way the clinic's country writes it; what was typed stays in the record."""
    return wording().phone(text)


def number(value: float | int | None, *, missing: str = NONE) -> str:
    """A number with the locale's separators."""
    return wording().number(value, missing=missing)


def day(value: date | None, *, style: str = "medium", missing: str = "no date") -> str:
    """A calendar day; style short, medium, long, full, weekday (``Sun, Nov 22``), heading."""
    return wording().day(value, style=style, missing=missing)


def clock_time(value: datetime | time | None, *, zone: str | None = None, missing: str = NONE) -> str:
    """A time of day in the clinic's zone, or another."""
    return wording().clock_time(value, zone=zone, missing=missing)


def moment(value: datetime | None, *, zone: str | None = None, missing: str = NONE) -> str:
    """A day and a time."""
    return wording().moment(value, zone=zone, missing=missing)


def age(born_on: date | None, *, on: date | None = None, estimated: bool = False, missing: str = "age unknown") -> str:
    """An age today, or on a day: ``12 wks``, ``5 mos``, ``3 yrs``; ``~`` in front when estimated."""
    return wording().age(born_on, on or today(), estimated=estimated, missing=missing)


def weight(grams: int | None, *, both: bool = False, missing: str = "not weighed") -> str:
    """Kilograms; with ``both`` also pounds where the clinic is in the United States."""
    return wording().weight(grams, both=both, missing=missing)


def minutes(value: int | float | None, *, missing: str = NONE) -> str:
    """A length of time: ``45 min``, ``2 h 05 min``."""
    return wording().minutes(value, missing=missing)


def date_pattern() -> str:
    """How Streamlit's date fields should write days here: one of the three orders they know."""
    if frame.clinic().locale.endswith("_US"):
        return "MM/DD/YYYY"
    return "DD/MM/YYYY" if frame.clinic().locale.startswith(("en", "fr", "es", "it", "pt")) else "DD.MM.YYYY"


def time_format() -> Literal["12h", "24h"]:
    """How Streamlit's time fields should write times here, like the text beside them."""
    return "12h" if _has_halves(frame.clinic().locale) else "24h"


@functools.cache
def _has_halves(locale: str) -> bool:
    """Whether people count the hours twice a day to twelve."""
    from babel.dates import get_time_format

    return "a" in str(get_time_format("short", locale=locale).pattern)


def field_value(kind: str, value: object) -> str:
    """A value of an imported field as text: ``kind`` as in records/mapping.py; nothing as an empty cell."""
    if value is None:
        return ""
    if kind == "money" and isinstance(value, int):
        return money(value)
    if kind == "thousandths" and isinstance(value, int):
        return number(value / 1000)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    return day(value) if isinstance(value, date) else str(value)


def now() -> datetime:
    """This moment."""
    return clock.now()


def count(value: int, thing: str, things: str = "") -> str:
    """``1 page``, ``1,200 pages``."""
    return f"{number(value)} {thing if value == 1 else things or thing + 's'}"


def hour_now() -> int:
    """The hour of the day at the clinic, 0 to 23."""
    return clock.now().astimezone(ZoneInfo(frame.clinic().zone)).hour


def practised(finished: datetime | None) -> str:
    """When an outage was practised last: ``Last practised 12 days ago``."""
    if finished is None:
        return "Never practised yet"
    days = (today() - finished.astimezone(ZoneInfo(frame.clinic().zone)).date()).days
    return f"Last practised {'today' if days < 1 else 'yesterday' if days == 1 else f'{days} days ago'}"
