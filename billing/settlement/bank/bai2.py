"""BAI2 files of US banks: groups, accounts, transactions, each with a control total that must agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from billing.settlement.bank.ofx import decoded
from billing.settlement.content import NotReadable
from billing.settlement.rows import Account, BankRow, Reading, Setting, words
from records.values import Unreadable

LONGEST = 15


def is_bai2(content: bytes) -> bool:
    """Whether a file begins as one."""
    head = content[:200].lstrip(b"\xef\xbb\xbf \r\n")
    return head.startswith(b"01,") and b"\n02," in content[:4000].replace(b"\r", b"\n").replace(b"\n\n", b"\n")


@dataclass
class _Record:
    at: int
    code: str
    fields: list[str]
    lines: int = 1
    text: list[str] = field(default_factory=list)


def read(content: bytes, name: str, setting: Setting) -> Reading:
    """The accounts of a file. Raises NotReadable."""
    reading = Reading(name, "bai2")
    records = _records(decoded(content), name)
    if not records or records[-1].code != "99":
        raise NotReadable(file=name, place="", problem="its end is missing (record 99). Download it again.")
    _Walk(reading, setting).over(records)
    return reading


def _records(text: str, name: str) -> list[_Record]:
    """The records with their continuations joined."""
    found: list[_Record] = []
    for at, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = line.strip()
        if not line:
            continue
        code, comma, rest = line.partition(",")
        if code == "88" and found:
            last = found[-1]
            last.lines += 1
            if last.code == "16":
                last.text.append(rest.rstrip("/"))
            else:
                last.fields += _split(rest)
            continue
        if not comma or code not in ("01", "02", "03", "16", "49", "98", "99"):
            raise NotReadable(file=name, place=f", line {at}", problem="this is no record of a BAI2 file.")
        found.append(_Record(at, code, _split(rest) if code != "16" else rest.split(",")))
    return found


def _split(text: str) -> list[str]:
    return text.rstrip("/").split(",")


def _whole(text: str, what: str) -> int:
    bare = text.strip().rstrip("/").lstrip("+")
    if not bare:
        return 0
    negative, bare = bare.startswith("-"), bare.lstrip("-")
    if not (bare.isascii() and bare.isdigit()) or len(bare) > LONGEST:
        raise Unreadable(f"{what}: '{text[:40]}' is not a whole number of cents.")
    return -int(bare) if negative else int(bare)


class _Walk:
    """The file from its first record to its last, with the sums and counts so far."""

    def __init__(self, reading: Reading, setting: Setting) -> None:
        self.reading, self.setting = reading, setting
        self.on: date | None = None
        self.group_currency = self.currency = ""
        self.number: str | None = None
        self.rows: list[BankRow] = []
        self.account_sum = self.group_sum = self.file_sum = 0
        self.account_records = self.group_records = self.file_records = 0

    def over(self, records: list[_Record]) -> None:
        """Every record."""
        for record in records:
            with self.reading.at(f"line {record.at}"):
                self._take(record)

    def _take(self, record: _Record) -> None:
        parts = record.fields
        self.file_records += record.lines
        self.group_records += record.lines
        self.account_records += record.lines
        if record.code == "02":
            self.on = _day(_at(parts, 3))
            self.group_currency, self.group_sum, self.group_records = _at(parts, 5).strip(), 0, record.lines
        elif record.code == "03":
            self.number, self.currency = _at(parts, 0).strip(), _at(parts, 1).strip()
            self.rows, self.account_records = [], record.lines
            self.account_sum = _summary(parts[2:])
        elif record.code == "16":
            self._transaction(record)
        elif record.code == "49":
            self._control(_at(parts, 0), self.account_sum, "the account")
            self._count(_at(parts, 1), self.account_records, "the account")
            self.reading.accounts.append(Account(self.number or "", self._currency(), tuple(self.rows)))
            self.group_sum += self.account_sum
            self.number, self.rows = None, []
        elif record.code == "98":
            self._control(_at(parts, 0), self.group_sum, "the group")
            self.file_sum += self.group_sum
        elif record.code == "99":
            self._control(_at(parts, 0), self.file_sum, "the file")
            self._count(_at(parts, 2), self.file_records, "the file")

    def _currency(self) -> str:
        return (self.currency or self.group_currency or self.setting.currency).upper()

    def _control(self, text: str, found: int, what: str) -> None:
        if text.strip().rstrip("/") and _whole(text, "control total") != found:
            raise Unreadable(
                f"the control total of {what} does not agree with its lines, so something is missing or broken. "
                "Download the file again."
            )

    def _count(self, text: str, found: int, what: str) -> None:
        if text.strip().rstrip("/") and _whole(text, "number of records") != found:
            raise Unreadable(f"{what} has another number of records than it says. Download the file again.")

    def _transaction(self, record: _Record) -> None:
        code = _at(record.fields, 0).strip()
        cents = _whole(_at(record.fields, 1), "amount")
        self.account_sum += cents
        rest = _after_funds(record.fields[2:])
        told = " ".join([*(part.rstrip("/") for part in rest if part), *record.text])
        if not code.isdigit():
            raise Unreadable(f"'{code[:10]}' is not a type of transaction.")
        if self.number is None or self.on is None:
            raise Unreadable("it stands outside of an account.")
        if not 100 <= int(code) < 700:
            return  # loan, non-monetary
        if cents:
            signed = cents if int(code) < 400 else -cents
            self.rows.append(BankRow(self.on, signed, self._currency(), words(told), "", f"line {record.at}"))


def _at(parts: list[str], place: int) -> str:
    return parts[place] if len(parts) > place else ""


def _day(text: str) -> date:
    text = text.strip()
    try:
        return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:6]))
    except ValueError:
        raise Unreadable(f"'{text[:20]}' is not a day of the calendar.") from None


def _funds(parts: list[str]) -> int:
    """How many fields the availability of funds takes, from its type on."""
    kind = _at(parts, 0).strip().rstrip("/").upper()
    if kind == "S":
        return 4
    if kind == "V":
        return 3
    if kind == "D":
        many = _at(parts, 1).strip()
        return 2 + 2 * (int(many) if many.isascii() and many.isdigit() and len(many) < 4 else 0)
    return 1


def _after_funds(parts: list[str]) -> list[str]:
    return parts[_funds(parts) :]


def _summary(parts: list[str]) -> int:
    """The sum of an account's balances and totals: type, amount, count, funds, again and again."""
    total, place = 0, 0
    while place < len(parts):
        if _at(parts, place).strip().rstrip("/"):
            total += _whole(_at(parts, place + 1), "balance")
        place += 3 + _funds(parts[place + 3 :]) if place + 3 < len(parts) else 4
    return total
