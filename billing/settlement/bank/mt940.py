"""MT940 statements (SWIFT), with the freedoms European banks take: headings, blocks, long lines, old years.

A statement that ends without its closing balance was cut off and is refused; balances that do not agree are said.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date

from billing.settlement.bank.ofx import decoded
from billing.settlement.content import NotReadable
from billing.settlement.rows import Account, BankRow, Reading, Setting, amount, words
from records.values import Unreadable

_FIELD = re.compile(r":(\d{2}[A-Z]?|NS):(.*)", re.DOTALL)
_LINE = re.compile(
    r"(\d{6})(\d{4})?\s*(R?[CD]|E[CD])([A-Z]?)\s*(\d[\d.]*(?:,\d*)?)\s*(?:[NFS][A-Z0-9]{3})?(.*)", re.IGNORECASE
)
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})([\d.]*(?:,\d*)?)", re.IGNORECASE)
_SUBFIELD = re.compile(r"\?\d\d|(?<=\S)>\d\d(?=\S)")
OPENING, CLOSING = ("60F", "60M"), ("62F", "62M")


def is_mt940(content: bytes) -> bool:
    """Whether a file has its fields."""
    text = decoded(content[:20_000])
    return bool(re.search(r"^\s*(\{.*)?:20:", text, re.MULTILINE)) and bool(
        re.search(r"^:(60[FM]|61|25):", text, re.MULTILINE)
    )


@dataclass
class _Statement:
    number: str = ""
    currency: str = ""
    opening: int | None = None
    rows: list[BankRow] = field(default_factory=list)
    ended: bool = False


def read(content: bytes, name: str, setting: Setting) -> Reading:
    """The statements of a file. Raises NotReadable."""
    reading = Reading(name, "mt940")
    statement: _Statement | None = None
    for at, tag, text in _fields(decoded(content)):
        place = f"line {at}"
        if tag == "20":
            _end(reading, statement, setting)
            statement = _Statement()
            continue
        if statement is None:
            continue
        with reading.at(place):
            _take(reading, statement, tag, text, place, setting)
    _end(reading, statement, setting)
    if not reading.accounts and not reading.problems:
        raise NotReadable(file=name, place="", problem="there is no MT940 statement in it. Download it again.")
    return reading


def _fields(text: str) -> list[tuple[int, str, str]]:
    """Each field with the line it begins in; lines that begin none belong to the one before."""
    found: list[tuple[int, str, list[str]]] = []
    for at, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = line.rpartition("{4:")[2] if "{4:" in line else line
        if not line.strip():
            continue
        match = _FIELD.match(line.lstrip())
        if match:
            found.append((at, match.group(1), [match.group(2)]))
        elif line.startswith("-") and line.rstrip().rstrip("}{:5-X") == "":
            found.append((at, "end", [""]))
        elif found:
            found[-1][2].append(line)
    return [(at, tag, "\n".join(lines)) for at, tag, lines in found]


def _take(reading: Reading, statement: _Statement, tag: str, text: str, place: str, setting: Setting) -> None:
    """One field. Raises Unreadable."""
    if tag == "25":
        statement.number = text.strip()
    elif tag in OPENING:
        found = _balance(text, setting)
        if found is None:
            reading.remark(place, "the opening balance cannot be read")
            return
        statement.currency = found[0]
        if statement.opening is None:
            statement.opening = found[1]
    elif tag in CLOSING:
        statement.ended = True
        found = _balance(text, setting)
        total = sum(row.amount_cents for row in statement.rows)
        if found and statement.opening is not None and statement.opening + total != found[1] and not reading.problems:
            reading.remark(
                place,
                "opening balance and lines do not make the closing balance; ask the bank whether lines are missing",
            )
    elif tag == "61":
        row = _line(reading, text, place, setting, statement.currency)
        if row is not None:
            statement.rows.append(row)
    elif tag == "86" and statement.rows and not statement.ended:
        last = statement.rows[-1]
        told = words(f"{last.description} {_SUBFIELD.sub(' ', text)}")
        statement.rows[-1] = BankRow(last.posted_on, last.amount_cents, last.currency, told, "", last.place)


def _balance(text: str, setting: Setting) -> tuple[str, int] | None:
    match = _BALANCE.match(text.strip())
    if match is None:
        return None
    cents = amount(_bare(match.group(4)), setting.digits)
    return match.group(3).upper(), cents if match.group(1).upper() == "C" else -cents


def _bare(text: str) -> str:
    """An amount of MT940 as one with a point: ``1234,5`` and ``800,``."""
    whole, comma, cents = text.replace(".", "" if "," in text else ".").partition(",")
    return f"{whole or '0'}.{cents or '0'}" if comma else whole or "0"


def _line(reading: Reading, text: str, place: str, setting: Setting, currency: str) -> BankRow | None:
    first, _, more = text.partition("\n")
    match = _LINE.match(first.strip())
    if match is None:
        raise Unreadable(f"'{first.strip()[:24]}' is not a line of a statement.")
    value, booked, mark, _funds, written, rest = match.groups()
    mark = mark.upper()
    if mark.startswith("E"):
        reading.remark(place, "an expected entry is left out: it has not been booked")
        return None
    cents = amount(_bare(written), setting.digits)
    positive = mark in ("C", "RD")
    own, _, banks = rest.partition("//")
    told = " ".join(part for part in (own.strip(), banks.strip(), more.replace("\n", " ")) if part and part != "NONREF")
    return BankRow(
        _day(value, booked), cents if positive else -cents, currency or setting.currency, words(told), "", place
    )


def _day(value: str, booked: str | None) -> date:
    """The day a line was booked: month and day of the entry where it names them, in the year of its value date.

    Where each month has 30 days for interest, banks write February 30: that is the last day of the month.
    """
    year, month, on = int(value[:2]), int(value[2:4]), int(value[4:])
    year += 2000 if year < 70 else 1900
    if not (1 <= month <= 12 and 1 <= on <= 31):
        raise Unreadable(f"'{value}' is not a day of the calendar.")
    valued = date(year, month, min(on, monthrange(year, month)[1]))
    if booked:
        near = []
        for candidate in (year - 1, year, year + 1):
            try:
                near.append(date(candidate, int(booked[:2]), int(booked[2:])))
            except ValueError:
                continue
        if near:
            return min(near, key=lambda one: abs(one - valued))
    return valued


def _end(reading: Reading, statement: _Statement | None, setting: Setting) -> None:
    if statement is None:
        return
    if statement.opening is not None and not statement.ended and not reading.problems:
        reading.problem("the last line", "the statement ends without its closing balance. Download it again.")
    currency = statement.currency or setting.currency
    reading.accounts.append(Account(statement.number, currency, tuple(statement.rows)))
