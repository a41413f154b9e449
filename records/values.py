"""Turning the text of one cell into a value: days, times, money, numbers, choices. ``Unreadable`` says why not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo


class Unreadable(Exception):
    """Why a cell could not be read; completes a sentence that names its place."""


ORDERS = ("ymd", "dmy", "mdy")
MONTHS = {
    month: number
    for number, month in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_NUMERIC = re.compile(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_DAY_NAME = re.compile(r"(\d{1,2})[-. ]+([A-Za-z]{3,9})\.?,?[-. ]+(\d{4})")
_NAME_DAY = re.compile(r"([A-Za-z]{3,9})\.? +(\d{1,2}),? +(\d{4})")
_TIME = re.compile(r"(\d{1,2})(?::(\d\d))?(?::(\d\d)(?:\.\d+)?)? ?([AaPp]\.?[Mm]\.?)?")


def to_date(text: str, order: str = "ymd") -> date:
    """A calendar day; ``order`` decides 03/04/2024. A year first is always read as such."""
    text = text.strip()
    match = _NUMERIC.fullmatch(text.split("T")[0]) or _COMPACT.fullmatch(text)
    if match:
        parts = [int(part) for part in match.groups()]
        if len(match.group(1)) == 4:
            year, month, day = parts
        elif order == "mdy":
            month, day, year = parts
        else:
            day, month, year = parts
    elif match := _DAY_NAME.fullmatch(text):
        day, month, year = int(match.group(1)), _month(match.group(2), text), int(match.group(3))
    elif match := _NAME_DAY.fullmatch(text):
        month, day, year = _month(match.group(1), text), int(match.group(2)), int(match.group(3))
    elif " " in text and _TIME.fullmatch(text.split(" ", 1)[1].strip()):
        return to_date(text.split(" ", 1)[0], order)
    else:
        raise Unreadable(f"'{text}' is not a date. Write it like 2024-12-31.")
    if year < 100:
        raise Unreadable(f"'{text}' has a year of two digits. Write all four.")
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable(f"'{text}' is not a day of the calendar.") from None


def _month(word: str, text: str) -> int:
    try:
        return MONTHS[word[:3].lower()]
    except KeyError:
        raise Unreadable(f"'{text}' is not a date. Write it like 2024-12-31.") from None


def to_time(text: str) -> time:
    """A time of day such as 08:05, 8:05:30 or 8:05 pm."""
    match = _TIME.fullmatch(text.strip())
    if match is None or (match.group(2) is None and match.group(4) is None):
        raise Unreadable(f"'{text}' is not a time. Write it like 14:30.")
    hour, minute, second = int(match.group(1)), int(match.group(2) or 0), int(match.group(3) or 0)
    if match.group(4):
        if not 1 <= hour <= 12:
            raise Unreadable(f"'{text}' is not a time. Write it like 14:30.")
        hour = hour % 12 + (12 if match.group(4)[0] in "pP" else 0)
    try:
        return time(hour, minute, second)
    except ValueError:
        raise Unreadable(f"'{text}' is not a time. Write it like 14:30.") from None


def to_moment(text: str, order: str = "ymd", *, day_alone: bool = False) -> datetime:
    """A date and time: aware where the text carries an offset, else naive (the clinic's clock).

    With ``day_alone`` a date without a time means its noon.
    """
    text = text.strip()
    if day_alone and ":" not in text:
        return datetime.combine(to_date(text, order), time(12))
    if text[:4].isdigit() and text[4:5] == "-":
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            if len(text) <= 10:
                raise Unreadable(f"'{text}' has no time of day. Write it like 2024-12-31 14:30.")
            return moment.astimezone(UTC) if moment.tzinfo else moment
    day, _, clock = text.replace("T", " ", 1).partition(" ") if "T" in text[:11] else text.partition(" ")
    if not clock:
        to_date(text, order)
        raise Unreadable(f"'{text}' has no time of day. Write it like 2024-12-31 14:30.")
    return datetime.combine(to_date(day, order), to_time(clock))


def in_zone(moment: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    """The UTC instant of a wall-clock time in a zone, and a remark when the clock showed it twice.

    Raises Unreadable for a time that daylight saving skips.
    """
    if moment.tzinfo is not None:
        return moment.astimezone(UTC), ""
    early, late = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    first, second = early.utcoffset(), late.utcoffset()
    assert first is not None and second is not None
    if first == second:
        return (moment - first).replace(tzinfo=UTC), ""
    if first < second:
        raise Unreadable(
            f"{moment:%Y-%m-%d %H:%M} does not exist in {zone.key}: the clocks went forward over it. "
            f"Write {moment + (second - first):%H:%M}, or add the offset."
        )
    remark = (
        f"{moment:%Y-%m-%d %H:%M} came twice in {zone.key}, as the clocks went back: the earlier one, in daylight "
        "saving time, was taken"
    )
    return (moment - first).replace(tzinfo=UTC), remark


def to_cents(text: str, digits: int = 2) -> int:
    """Money in the smallest unit. Takes 1,234.50, 1.234,50, $12 and (12.00); never rounds."""
    bare = re.sub(r"[\s$€£¥  ]|[A-Z]{3}", "", text)
    negative = bare.startswith("(") and bare.endswith(")")
    bare = bare.strip("()")
    if "," in bare and "." in bare:
        thousands = "," if bare.rfind(",") < bare.rfind(".") else "."
        bare = bare.replace(thousands, "").replace(",", ".")
    elif "," in bare:
        bare = bare.replace(",", "." if re.fullmatch(r"-?\d*,\d{1,2}", bare) else "")
    try:
        value = Decimal(bare)
        if not value.is_finite() or not re.fullmatch(r"[-+]?[\d.]+", bare):
            raise InvalidOperation
    except InvalidOperation:
        raise Unreadable(f"'{text}' is not an amount of money. Write it like 125.00.") from None
    scaled = value.scaleb(digits)
    if scaled != scaled.to_integral_value():
        raise Unreadable(f"'{text}' is finer than the smallest coin. Round it first.")
    if abs(scaled) >= 10**13:
        raise Unreadable(f"'{text}' is more money than can be kept.")
    return -int(scaled) if negative else int(scaled)


def to_thousandths(text: str) -> int:
    """A quantity in thousandths, such as 1.5 as 1500."""
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        raise Unreadable(f"'{text}' is not a number.") from None
    if not value.is_finite() or value.scaleb(3) != value.scaleb(3).to_integral_value() or abs(value) > 10**9:
        raise Unreadable(f"'{text}' is not a number with at most three decimals.")
    return int(value.scaleb(3))


def to_integer(text: str) -> int:
    """A whole number; 15.0 counts as one."""
    if not re.fullmatch(r"-?\d{1,12}(\.0+)?", text.strip()):
        raise Unreadable(f"'{text}' is not a whole number.")
    return int(text.strip().partition(".")[0])


YES = {"yes", "y", "true", "t", "1", "x", "on"}
NO = {"no", "n", "false", "f", "0", "off"}


def to_yes_no(text: str) -> bool:
    """Yes or no, in the ways files say it."""
    word = text.strip().lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise Unreadable(f"'{text}' is neither yes nor no.")


def date_order(texts: Iterable[str], prefer: str = "mdy") -> tuple[str, bool]:
    """Which order the dates of a column are in, and whether that is sure: a part above 12 decides."""
    day_first = month_first = False
    for text in texts:
        match = _NUMERIC.match(text.strip())
        if match is None or len(match.group(1)) == 4:
            continue
        if int(match.group(1)) > 12:
            day_first = True
        elif int(match.group(2)) > 12:
            month_first = True
        else:
            continue
        if day_first != month_first:
            return ("dmy" if day_first else "mdy"), True
    return prefer, False


def minutes_between(start: datetime, end: datetime) -> int:
    """Whole minutes, rounded up, at least one."""
    return max(1, -(-(end - start) // timedelta(minutes=1)))
