"""What a file or an answer of a processor or a bank says, in neutral rows: whole cents, aware times, our own words.

Every source reads into these; ``land`` alone writes them down. A problem names its place and stops the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field as item
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from data.card_numbers import holds_card_number, without_card_numbers
from records import values
from records.values import Unreadable

KINDS = ("sale", "refund", "chargeback", "fee", "adjustment")
STATUSES = ("settled", "pending", "authorized", "declined", "voided")
LATEST = date(2200, 1, 1)
EARLIEST = date(1970, 1, 1)

KIND_WORDS = {
    "sale": "sale", "charge": "sale", "payment": "sale", "purchase": "sale", "capture": "sale", "debit": "sale",
    "auth_capture": "sale", "prior_auth_capture": "sale", "capture_only": "sale", "force": "sale", "ccsale": "sale",
    "refund": "refund", "return": "refund", "credit": "refund", "ccreturn": "refund", "cccredit": "refund",
    "chargeback": "chargeback", "dispute": "chargeback", "chargedback": "chargeback", "retrieval": "chargeback",
    "fee": "fee", "fees": "fee", "discount fee": "fee", "adjustment": "adjustment", "correction": "adjustment",
    "chargeback reversal": "adjustment", "dispute reversal": "adjustment", "dispute_reversal": "adjustment",
    "chargeback_reversal": "adjustment",
}  # fmt: skip
STATUS_WORDS = {
    "settled": "settled", "funded": "settled", "paid": "settled", "available": "settled", "completed": "settled",
    "complete": "settled", "succeeded": "settled", "stl": "settled", "approved": "settled",
    "pending": "pending", "captured": "pending", "pending settlement": "pending", "open": "pending", "pen": "pending",
    "in progress": "pending", "inprogress": "pending", "opn": "pending",
    "authorized": "authorized", "authorised": "authorized", "authonly": "authorized", "auth only": "authorized",
    "ticketonly": "authorized", "auth": "authorized",
    "declined": "declined", "failed": "declined", "error": "declined", "rejected": "declined", "expired": "declined",
    "voided": "voided", "void": "voided", "cancelled": "voided", "canceled": "voided", "reversed": "voided",
}  # fmt: skip
BRANDS = {
    "v": "Visa", "vi": "Visa", "visa": "Visa", "visadebit": "Visa", "m": "Mastercard", "mc": "Mastercard",
    "mastercard": "Mastercard", "mastercarddebit": "Mastercard", "a": "Amex", "ax": "Amex", "amex": "Amex",
    "americanexpress": "Amex", "d": "Discover", "ds": "Discover", "disc": "Discover", "discover": "Discover",
    "jcb": "Other", "diners": "Other", "dinersclub": "Other", "unionpay": "Other", "c": "Other", "j": "Other",
    "other": "Other", "unknown": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SettledRow:
    """One transaction as a processor tells it. ``amount_cents`` is negative where money goes back."""

    reference: str
    kind: str
    status: str
    amount_cents: int
    currency: str
    processed_at: datetime | None
    """Aware, in UTC; None where only the day is known (``settled_on``)."""
    settled_on: date | None = None
    batch: str = ""
    """The processor's own id of the batch."""
    fee_cents: int | None = None
    """What the processor keeps of it: positive is a cost. None where the file does not say."""
    last4: str = ""
    brand: str = ""
    authorization: str = ""
    invoice: str = ""
    entry_mode: str = ""
    location: str = ""
    """By name."""
    zone: str = ""
    """Of a location that is new."""
    related: str = ""
    """Of a refund or chargeback: the reference of the sale."""
    place: str = ""
    """Where it stands in the file, for a person: ``row 7``."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch (or payout) as a processor states it; totals are None where it does not."""

    external_id: str
    settled_on: date | None
    currency: str
    number: str = ""
    brand: str = ""
    location: str = ""
    gross_cents: int | None = None
    fee_cents: int | None = None
    net_cents: int | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class BankRow:
    """One line of a bank statement; negative is money that left. ``reference`` is the bank's own id of it, if any."""

    posted_on: date
    amount_cents: int
    currency: str
    description: str = ""
    reference: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of a statement. ``number`` lives only while the file is read: it may be a card number."""

    number: str
    currency: str
    rows: tuple[BankRow, ...]

    @property
    def ending(self) -> str:
        """Its last four signs, for a person."""
        return "".join(sign for sign in self.number if sign.isalnum())[-4:]


@dataclass(frozen=True)
class Setting:
    """What a reader must know of the clinic: the zone of times without one, its currency and how fine it is."""

    zone: ZoneInfo
    currency: str = "USD"
    digits: int = 2
    date_order: str = "mdy"


@dataclass
class Reading:
    """What was read from one file, and what stands in the way of taking it."""

    file: str
    source: str
    processor_type: str = ""
    sha256: str = ""
    rows: list[SettledRow] = item(default_factory=list)
    batches: list[BatchRow] = item(default_factory=list)
    accounts: list[Account] = item(default_factory=list)
    problems: list[str] = item(default_factory=list)
    remarks: list[str] = item(default_factory=list)
    mapping: dict[str, Any] = item(default_factory=dict)
    """The mapping it was read by, if any."""

    def problem(self, place: str, sentence: str) -> None:
        """Something that stands in the way of the whole file."""
        self.problems.append(f"{self.file}, {place}: {without_card_numbers(sentence)}")

    def remark(self, place: str, sentence: str) -> None:
        """Something that was decided and that a person should know."""
        self.remarks.append(f"{place}: {sentence}" if place else sentence)

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Turn what cannot be read here into a problem of this place."""
        try:
            yield
        except Unreadable as failure:
            self.problem(place, str(failure))


def amount(text: object, digits: int, *, mark: str = "") -> int:
    """Money as whole cents, by way of Decimal, never rounded. ``mark`` is the decimal sign where it is known.

    Takes what spreadsheets and banks write: ``1,234.50``, ``(12.00)``, ``12.00-``, ``12.00 CR`` (``DR`` is negative).
    Raises Unreadable.
    """
    if isinstance(text, bool | float) or text is None:
        raise Unreadable("it is not an amount of money.")
    if isinstance(text, int | Decimal):
        return _cents(Decimal(text), digits, str(text))
    bare = str(text).strip()
    said = bare
    if len(bare) > 60:
        raise Unreadable("it is not an amount of money: it is far too long.")
    side = re.search(r"\s*\b(CR|DR)\.?$", bare, re.IGNORECASE)
    if side:
        bare = bare[: side.start()]
    if bare.endswith("-") and len(bare) > 1:
        bare = f"-{bare[:-1]}"
    if mark:
        bare = _plain(bare, mark, said)
    elif re.fullmatch(r"[-+(]?\d{1,3}(,\d{3})+\)?", bare):
        bare = bare.replace(",", "")
    cents = values.to_cents(bare, digits)
    return -abs(cents) if side and side.group(1).upper() == "DR" else cents


def _plain(text: str, mark: str, said: str) -> str:
    """An amount whose decimal sign is known, as one with a point."""
    bare = re.sub(r"[$€£¥]|\b[A-Z]{3}\b", "", text).strip()
    whole, _, cents = bare.partition(mark)
    groups = re.split(r"[.,'’\s]", whole.strip("()+- "))
    broken = len(groups) > 1 and (len(groups[-1]) != 3 or any(len(group) not in (2, 3) for group in groups[1:]))
    if broken or mark in cents or (mark == "," and "." in cents):
        raise Unreadable(f"'{said[:40]}' is not an amount of money with '{mark}' before the cents.")
    return re.sub(r"[.,'’\s]", "", whole) + (f".{cents.strip()}" if cents.strip() else "")


def _cents(value: Decimal, digits: int, said: str) -> int:
    try:
        if not value.is_finite() or abs(value) >= Decimal(10) ** 13:
            raise Unreadable(f"'{said[:40]}' is more money than can be kept.")
        scaled = value.scaleb(digits)
        if scaled != scaled.to_integral_value():
            raise Unreadable(f"'{said[:40]}' is finer than the smallest coin. Round it first.")
    except InvalidOperation:
        raise Unreadable(f"'{said[:40]}' is not an amount of money.") from None
    return int(scaled)


_TWO_DIGITS = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{2})(?=$|[\sT])")
_ZONES = {"UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_ABBREVIATION = re.compile(r"\s+(UTC|GMT|[ECMP][SD]T)$")


def day(text: str, order: str = "ymd") -> date:
    """A calendar day; a year of two digits is one of this century. Raises Unreadable."""
    text = _ABBREVIATION.sub("", _whole_year(text.strip()))
    if re.fullmatch(r"\d{6}", text):
        text = f"20{text}"
    return _sane(values.to_date(text, order), text)


def _whole_year(text: str) -> str:
    match = _TWO_DIGITS.match(text)
    if match is None:
        return text
    first, sign, second, year = match.groups()
    return f"{first}{sign}{second}{sign}20{year}{text[match.end() :]}"


def _sane(found: date, text: str) -> date:
    if not EARLIEST <= found < LATEST:
        raise Unreadable(f"'{text[:40]}' is not a day on which money can have moved.")
    return found


def moment(text: str, zone: ZoneInfo, order: str = "ymd") -> datetime:
    """A date and time in UTC. One without an offset is on the clock of ``zone``; a US zone's letters count as one.

    Where the clocks go back the earlier of the two is taken, where they go forward the hour behind. Raises Unreadable.
    """
    text = _whole_year(text.strip())
    letters = _ABBREVIATION.search(text)
    if letters:
        text = text[: letters.start()]
    found = values.to_moment(text, order)
    _sane(found.date(), text)
    if letters and found.tzinfo is None:
        minutes = _ZONES[letters.group(1)] * 60
        return values.in_zone(found, _fixed(minutes))[0]
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone)
    return found.astimezone(UTC)


def _fixed(minutes: int) -> Any:
    from datetime import timedelta, timezone

    return timezone(timedelta(minutes=minutes))


def epoch(seconds: object) -> datetime:
    """Seconds since 1970, as APIs count. Raises Unreadable."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < 7_258_118_400:
        raise Unreadable(f"'{str(seconds)[:40]}' is not a time.")
    return datetime.fromtimestamp(seconds, UTC)


def noon(found: date, zone: ZoneInfo) -> datetime:
    """The middle of a day of which no time is known."""
    return datetime.combine(found, time(12), zone).astimezone(UTC)


def moment_or_noon(text: str, setting: Setting, order: str = "") -> datetime:
    """A date and time on the clinic's or processor's clock; a day alone means its noon. Raises Unreadable."""
    order = order or setting.date_order
    return moment(text, setting.zone, order) if ":" in text else noon(day(text, order), setting.zone)


_MASKED = re.compile(r"[\dxX*#•.\-\s]*?(\d{4})")


def last4(text: str) -> str:
    """The last four digits of a card as files write it: ``4242``, ``XXXX4242``, ``41**********9990``.

    Raises Unreadable, also for a whole card number.
    """
    text = text.strip()
    if not text:
        return ""
    if holds_card_number(text):
        raise Unreadable("it holds a payment card number, which is never stored. Keep the last four digits.")
    if text.isascii() and text.isdigit() and len(text) < 4:
        text = text.zfill(4)  # a spreadsheet took the zeros in front away
    if len(text) > 60:
        raise Unreadable("it must be the last four digits of the card and nothing else.")
    match = _MASKED.fullmatch(text)
    if match is None:
        match = re.fullmatch(r"[A-Za-z ]*[xX*#•.\-\s]+(\d{4})", text)
    if match is None or (text.isdigit() and len(text) > 4):
        raise Unreadable("it must be the last four digits of the card and nothing else.")
    return match.group(1)


def brand(text: str) -> str:
    """The brand of a card in our word for it; an unknown one as it is written."""
    bare = re.sub(r"[^a-z]", "", text.casefold())
    return BRANDS.get(bare, text.strip()[:20])


def word(text: str, known: Mapping[str, str], what: str) -> str:
    """What a word of a file means. Raises Unreadable."""
    bare = re.sub(r"[\s_-]+", " ", text.strip().casefold())
    for form in (bare, bare.replace(" ", "_"), bare.replace(" ", "")):
        if form in known:
            return known[form]
    raise Unreadable(f"'{text[:40]}' is not a {what} that is known here: {', '.join(dict.fromkeys(known.values()))}.")


def plain(text: str, length: int) -> str:
    """A short text without signs that cannot be printed. Raises Unreadable for a card number or too long a text."""
    text = "".join(sign for sign in text if sign.isprintable()).strip()
    if holds_card_number(text):
        raise Unreadable("it holds a payment card number, which is never stored. Keep the last four digits.")
    if len(text) > length:
        raise Unreadable(f"it has {len(text)} characters, at most {length} fit.")
    return text


def words(text: str, length: int = 300) -> str:
    """A description of a bank or processor: a number in it that could be a card's is cut to its last four digits."""
    text = text[:4_000]
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return without_card_numbers(text)[:length].strip()


def signed(kind: str, cents: int) -> int:
    """How an amount counts, however the file signs it: money that goes back is negative."""
    return -abs(cents) if kind in ("refund", "chargeback", "fee") else cents


def checked(row: Callable[[], SettledRow], reading: Reading, place: str) -> None:
    """Add what a function makes of one row, or the problem it has."""
    with reading.at(place):
        reading.rows.append(row())
