"""Values as people write them: money, days, times, ages, weights in a clinic's locale.

The one place for such wording, used alike by pages, prints and mail. Results are cached, since a roster formats the
same few values hundreds of times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

NONE = "–"
POUND_GRAMS = 453.59237


@lru_cache(maxsize=32)
def known_locale(name: str) -> str:
    """The locale's name if Babel knows it, otherwise ``en_US``."""
    try:
        return str(Locale.parse(name))
    except (ValueError, UnknownLocaleError):
        return "en_US"


class HasWording(Protocol):
    """What says how a clinic writes: its row, or what pages hold of it."""

    @property
    def locale(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def kind(self) -> str: ...


@dataclass(frozen=True)
class Wording:
    """How one clinic writes values. ``zone`` is an IANA name; ``currency`` ISO 4217; ``kind`` veterinary or human."""

    locale: str = "en_US"
    currency: str = "USD"
    zone: str = "UTC"
    kind: str = "veterinary"

    @classmethod
    def of(cls, clinic: HasWording) -> Wording:
        """How this clinic writes."""
        return cls(clinic.locale, clinic.currency, clinic.zone, clinic.kind)

    @property
    def owner(self) -> str:
        """The word at the head of a column that names whose patient it is: nobody owns a person."""
        return "Client" if self.kind == "human" else "Owner"

    def money(self, cents: int | None, *, missing: str = NONE) -> str:
        """Whole cents as ``$1,234.50``."""
        return missing if cents is None else _money(cents, self.currency, known_locale(self.locale))

    def phone(self, text: str) -> str:
        """A phone number as the clinic's country writes it, where it is plainly one of that country: ``(212)
        555-0101``; every other one as it was typed."""
        return _phone(text, self.locale[-2:])

    def number(self, value: float | int | None, *, digits: int = 0, missing: str = NONE) -> str:
        """A number with the locale's separators; with ``digits`` so many decimals, be they zeros."""
        if value is None:
            return missing
        pattern = f"#,##0.{'0' * digits}" if digits else None
        return str(format_decimal(value, format=pattern, locale=known_locale(self.locale)))

    def day(self, value: date | None, *, style: str = "medium", missing: str = "no date") -> str:
        """A calendar day: ``Nov 22, 2026``. Style short, medium, long, full, ``weekday`` (``Sun, Nov 22``),
        ``weekday_name`` (``Sun``), ``month`` (``Nov 2026``), ``month_name`` (``Nov``), ``month_day`` (``Nov 22``) or
        ``heading`` (``Sunday, November 22, 2026``)."""
        if value is None:
            return missing
        if isinstance(value, datetime):
            value = value.astimezone(ZoneInfo(self.zone)).date()
        return _day(value, style, known_locale(self.locale))

    def clock_time(self, value: datetime | time | None, *, zone: str | None = None, missing: str = NONE) -> str:
        """A time of day: ``7:30 AM``. An instant is shown in ``zone`` (the clinic's when omitted)."""
        if value is None:
            return missing
        if isinstance(value, datetime):
            value = value.astimezone(ZoneInfo(zone or self.zone)).time()
        return _time(value.hour, value.minute, known_locale(self.locale))

    def moment(self, value: datetime | None, *, zone: str | None = None, missing: str = NONE) -> str:
        """A day and a time: ``Nov 22, 2026, 7:30 AM``."""
        if value is None:
            return missing
        local = value.astimezone(ZoneInfo(zone or self.zone))
        return f"{self.day(local.date())}, {self.clock_time(local.time())}"

    def age(self, born_on: date | None, on: date, *, estimated: bool = False, missing: str = "age unknown") -> str:
        """An age in the unit a clinic says: weeks below four months, months below two years, then years."""
        if born_on is None or born_on > on:
            return missing
        words = _age((on - born_on).days, _months(born_on, on), known_locale(self.locale)).replace(" ", "\u00a0")
        return f"~{words}" if estimated else words

    def weight(self, grams: int | None, *, both: bool = False, missing: str = "not weighed") -> str:
        """``4.2 kg``; with ``both`` also in pounds, as United States staff are used to."""
        if grams is None:
            return missing
        locale = known_locale(self.locale)
        kilograms = (
            f"{format_decimal(grams / 1000, format='#,##0.0#' if grams < 10_000 else '#,##0.0', locale=locale)}\u00a0kg"
        )
        if both and locale.endswith("_US"):
            return f"{kilograms} ({format_decimal(grams / POUND_GRAMS, format='#,##0.0', locale=locale)}\u00a0lb)"
        return kilograms

    def minutes(self, value: int | float | None, *, missing: str = NONE) -> str:
        """A length of time: ``45 min``, ``2 h 05 min``."""
        if value is None:
            return missing
        whole = int(value)
        return f"{whole} min" if whole < 60 else f"{whole // 60} h {whole % 60:02d} min"


@lru_cache(maxsize=8192)
def _money(cents: int, currency: str, locale: str) -> str:
    from decimal import Decimal

    return str(format_currency(Decimal(cents) / 100, currency, locale=locale))


_MONTHS = {"month": "yMMM", "month_name": "MMM", "month_day": "MMMd"}


@lru_cache(maxsize=8192)
def _day(value: date, style: str, locale: str) -> str:
    if style == "weekday":
        return str(format_skeleton("MMMEd", value, locale=locale))
    if style == "weekday_name":
        return str(format_skeleton("E", value, locale=locale))
    if style in _MONTHS:
        return str(format_skeleton(_MONTHS[style], value, locale=locale))
    if style == "heading":
        return str(format_date(value, "full", locale=locale))
    return str(format_date(value, style, locale=locale))


_AMERICAN = re.compile(
    r"(?:\+?1[\s.-]*)?\(?([2-9]\d\d)\)?[\s./-]*(\d{3})[\s./-]*(\d{4})(?:\s*(?:x|ext\.?)\s*(\d{1,6}))?"
)


@lru_cache(maxsize=8192)
def _phone(text: str, country: str) -> str:
    found = _AMERICAN.fullmatch(text.strip().lower()) if country in ("US", "CA") and text.isascii() else None
    if found is None:
        return text
    area, exchange, line, extension = found.groups()
    return f"({area}) {exchange}-{line}" + (f" x{extension}" if extension else "")


@lru_cache(maxsize=4096)
def _time(hour: int, minute: int, locale: str) -> str:
    return str(format_time(time(hour, minute), "short", locale=locale)).replace("\u202f", "\u00a0")


@lru_cache(maxsize=8192)
def _age(days: int, months: int, locale: str) -> str:
    if days < 14:
        return str(format_unit(days, "duration-day", length="short", locale=locale))
    if months < 4:
        return str(format_unit(days // 7, "duration-week", length="short", locale=locale))
    if months < 24:
        words = str(format_unit(months, "duration-month", length="short", locale=locale))
        return words.replace("mths", "mo").replace("mth", "mo") if locale.startswith("en") else words
    return str(format_unit(months // 12, "duration-year", length="short", locale=locale))


def _months(born: date, on: date) -> int:
    return (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)
