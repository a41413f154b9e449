"""One value of a result: as people of the clinic read it, and as machines do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, time
from typing import Any

from data.models import Clinic
from data.wording import NONE, Wording, known_locale
from reports.compile import ResultColumn
from reports.model import FieldType

NUMBERS = frozenset(("whole", "number", "money", "minutes", "ratio", "per_10000"))
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def is_number(column: ResultColumn) -> bool:
    """Whether it is read from the right."""
    return column.type in NUMBERS


def is_shown(column: ResultColumn) -> bool:
    """Whether people see it; ids and what only orders the rows go to files alone."""
    return column.type != "id" and not column.hidden


def wording_of(clinic: Clinic) -> Wording:
    """How the clinic writes values."""
    return Wording(known_locale(clinic.locale), clinic.currency, clinic.zone)


def words(column: ResultColumn, value: Any, wording: Wording) -> str:
    """The value as people of this clinic write it."""
    if value is None:
        return NONE if is_number(column) else ""
    if column.type == "number":
        return wording.number(round(float(value), column.digits))
    spell = _WORDS.get(column.type)
    return spell(value, wording) if spell else str(value)


def choice(value: Any) -> str:
    """One of a fixed set of values, in the words of the screens."""
    return SPELLED.get(str(value), str(value).replace("_", " ").capitalize())


SPELLED = {"cancelled": "Canceled", "no_show": "No-show", "premedicated": "Pre-medicated"}


def plain(column: ResultColumn, value: Any) -> Any:
    """The value for machines: money in whole cents, days in ISO form, weekdays in English."""
    if value is None:
        return None
    spell = _PLAIN.get(column.type)
    return spell(value) if spell else str(value)


def _ratio(value: float, wording: Wording) -> str:
    from babel.numbers import format_percent

    pattern = "#,##0.0##%" if 0 < value < 0.001 else "#,##0.0%"
    return str(format_percent(value, format=pattern, locale=wording.locale))


def _one_digit(value: float, wording: Wording) -> str:
    from babel.numbers import format_decimal

    return str(format_decimal(round(float(value), 1), format="#,##0.0", locale=wording.locale))


def _calendar(pattern: str) -> Callable[[Any, Wording], str]:
    def spell(value: Any, wording: Wording) -> str:
        from babel.dates import format_date

        return str(format_date(value, pattern, locale=wording.locale))

    return spell


def _weekday(value: int, wording: Wording) -> str:
    from babel.dates import get_day_names

    return str(get_day_names("wide", locale=wording.locale)[int(value) - 1])


_WORDS: dict[FieldType, Callable[[Any, Wording], str]] = {
    "money": lambda value, wording: wording.money(int(value)),
    "whole": lambda value, wording: wording.number(int(value)),
    "per_10000": _one_digit,
    "minutes": _one_digit,
    "clock": lambda value, wording: wording.clock_time(time.fromisoformat(value)),
    "ratio": _ratio,
    "day": lambda value, wording: wording.day(value),
    "week": lambda value, wording: wording.day(value),
    "month": _calendar("MMM y"),
    "quarter": _calendar("QQQ y"),
    "year": lambda value, _: str(value.year),
    "weekday": _weekday,
    "hour": lambda value, wording: wording.clock_time(time(int(value))),
    "instant": lambda value, wording: wording.moment(value.replace(tzinfo=UTC)),
    "yes_no": lambda value, _: "Yes" if value else "No",
    "choice": lambda value, _: choice(value),
}

_PLAIN: dict[FieldType, Callable[[Any], Any]] = {
    "money": int,
    "whole": int,
    "hour": int,
    "number": lambda value: round(float(value), 9),
    "ratio": lambda value: round(float(value), 9),
    "per_10000": lambda value: round(float(value), 9),
    "minutes": lambda value: round(float(value), 9),
    "day": lambda value: value.isoformat(),
    "week": lambda value: value.isoformat(),
    "month": lambda value: value.strftime("%Y-%m"),
    "quarter": lambda value: f"{value.year}-Q{(value.month + 2) // 3}",
    "year": lambda value: str(value.year),
    "weekday": lambda value: WEEKDAYS[int(value) - 1],
    "instant": lambda value: value.isoformat() + "Z",
    "yes_no": bool,
}
