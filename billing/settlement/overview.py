"""What came in, for a person: per processor and day, per bank account, and a file before it comes in."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from datetime import date
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import case, func, select

from billing.processors.settings import processors
from billing.settlement import bank, sources
from billing.settlement.accounts import BANK_ACCOUNT
from billing.settlement.bank.table import StatementUnclear
from billing.settlement.files import read_bank_file, read_settlement_file
from billing.settlement.land import Landed, land_settlement
from billing.settlement.land_bank import land_bank
from billing.settlement.mapping import SETTLEMENT_MAPPING, SettlementMapping, guess, open_mapped
from billing.settlement.rows import Reading
from billing.settlement.sources import SourceUnclear
from data import definitions
from data.models import BankLine, Clinic, SettledTransaction
from records.imports import DAY_FIRST, ColumnMissing, ImportRefused
from records.reading import Table, WrongEncoding, content_of
from security.actor import Actor
from security.rules import look

Purpose = Literal["settlement", "bank"]


@dataclass(frozen=True)
class DayRow:
    """What a processor told of one day. Money in cents; ``waiting`` are transactions that have not been settled."""

    processor: str
    day: date
    count: int
    charged: int
    given_back: int
    fees: int | None
    """None where no file told a fee."""
    waiting: int
    failed: int

    @property
    def left(self) -> int:
        """What stays of what was settled, after refunds and the fees that are known."""
        return self.charged + self.given_back - (self.fees or 0)


def together(rows: list[DayRow]) -> DayRow:
    """The sum of some days."""
    names = ("count", "charged", "given_back", "waiting", "failed")
    told = [row.fees for row in rows if row.fees is not None]
    count, charged, back, waiting, failed = (sum(getattr(row, name) for row in rows) for name in names)
    return DayRow("", date.max, count, charged, back, sum(told) if told else None, waiting, failed)


def settled_days(first: date, last: date, *, by: Actor) -> list[DayRow]:
    """What came in of each processor on each business day, the latest day first."""
    row = SettledTransaction
    settled = row.status == "settled"

    def total(condition: Any, amount: Any) -> Any:
        return func.coalesce(func.sum(case((condition, amount), else_=0)), 0)

    statement = (
        select(
            row.processor, row.day, func.count(),
            total(settled & (row.amount_cents > 0), row.amount_cents),
            total(settled & (row.amount_cents < 0), row.amount_cents),
            func.sum(case((settled, row.fee_cents))),
            total(row.status.in_(("pending", "authorized")), 1), total(row.status.in_(("declined", "voided")), 1),
        )
        .where(row.day >= first, row.day <= last)
        .group_by(row.processor, row.day)
        .order_by(row.day.desc(), row.processor)
    )  # fmt: skip
    with look(by, "reconciliation.use") as session:
        return [
            DayRow(found[0], found[1], *(None if one is None else int(one) for one in found[2:]))  # type: ignore[arg-type]
            for found in session.execute(statement)
        ]


@dataclass(frozen=True)
class AccountRow:
    """A bank account and what of it is here."""

    name: str
    lines: int
    first: date
    last: date
    paid_in: int
    paid_out: int


def bank_accounts(first: date, last: date, *, by: Actor) -> list[AccountRow]:
    """The accounts whose statements came in, with the lines of these days."""
    row = BankLine
    statement = (
        select(
            row.account, func.count(), func.min(row.posted_on), func.max(row.posted_on),
            func.sum(case((row.amount_cents > 0, row.amount_cents), else_=0)),
            func.sum(case((row.amount_cents < 0, row.amount_cents), else_=0)),
        )
        .where(row.posted_on >= first, row.posted_on <= last)
        .group_by(row.account)
        .order_by(row.account)
    )  # fmt: skip
    with look(by, "reconciliation.use") as session:
        return [AccountRow(f[0], int(f[1]), f[2], f[3], int(f[4]), int(f[5])) for f in session.execute(statement)]


@dataclass(frozen=True)
class Choices:
    """What a person may choose from: processors (slug to name and type), account names, saved mappings."""

    processors: dict[str, tuple[str, str]]
    accounts: list[str]
    mappings: dict[str, SettlementMapping]


def choices(*, by: Actor) -> Choices:
    """What the page of settlements offers."""
    with look(by, "reconciliation.use") as session:
        known = {slug: (one.label, str(one.type)) for slug, one in processors(session).items()}
        accounts = [one.name for one in definitions.load_all(session, BANK_ACCOUNT).values()]
        return Choices(known, accounts, definitions.load_all(session, SETTLEMENT_MAPPING))


@dataclass(frozen=True)
class Kind:
    """What a file seems to be: ``make`` is empty where its columns must be chosen."""

    purpose: Purpose
    make: str
    label: str


def kind_of_file(content: bytes, name: str, *, by: Actor) -> Kind:
    """What somebody dropped. Raises NotPermitted and the refusals of reading."""
    with look(by, "reconciliation.use") as session:
        clinic = session.get_one(Clinic, by.clinic_id)
    content_of(content, name)
    try:
        make = sources.recognise(content, name)
    except WrongEncoding:
        return _table_kind(content, name, clinic, encoding="windows-1252")
    except SourceUnclear:
        found = bank.recognise(content)
        if found != "csv":
            return Kind("bank", found, f"{bank.FORMATS[found].label} bank statement")
        return _table_kind(content, name, clinic)
    return Kind(
        "settlement", make, f"settlement of {sources.SOURCES[make].label}" if make != "plain" else "plain table"
    )


def _table_kind(content: bytes, name: str, clinic: Clinic, encoding: str = "") -> Kind:
    """What a table of an unknown make is likelier: a settlement names cards, a bank statement describes lines.

    One in another ``encoding`` is read by choosing it, whatever its columns are called.
    """
    table = open_mapped(content, name, SettlementMapping(fields={}, encoding=encoding))
    order = "dmy" if clinic.locale.startswith(DAY_FIRST) else "mdy"
    seen = set(guess(table, "settlement", prefer_order=order).fields)
    line = guess(table, "bank", prefer_order=order)
    cards = seen & {"last4", "authorization", "brand", "batch"}
    if len(cards) > 1 or (cards and "reference" in seen and "description" not in line.fields):
        return Kind("settlement", "", "")
    if not encoding and "posted_on" in line.fields and {"amount", "credit", "debit"} & set(line.fields):
        return Kind("bank", "csv", "CSV bank statement")
    return Kind("bank", "", "")


def guess_mapping(content: bytes, name: str, start: SettlementMapping, *, by: Actor) -> tuple[Table, SettlementMapping]:
    """The table of a file as ``start`` reads it (separator, rows above …) with the likeliest columns of it."""
    with look(by, "reconciliation.use") as session:
        clinic = session.get_one(Clinic, by.clinic_id)
    table = open_mapped(content, name, start)
    order = "dmy" if clinic.locale.startswith(DAY_FIRST) else "mdy"
    found = guess(table, start.of, prefer_order=order)
    kept = {"label", "processor", "encoding", "delimiter", "rows_above", "has_heading", "of"}
    kept |= {"rows_below"} if start.rows_below else set()
    return table, found.model_copy(update={one: getattr(start, one) for one in kept})


@dataclass
class Trial:
    """A file as it would come in: its first rows, what is wrong, what was decided, and how much is new."""

    purpose: Purpose
    rows: list[dict[str, Any]] = item(default_factory=list)
    problems: list[str] = item(default_factory=list)
    missing: str = ""
    """What has to be chosen before the file can be read."""
    remarks: list[str] = item(default_factory=list)
    landed: Landed | None = None


def try_file(
    content: bytes,
    name: str,
    purpose: Purpose,
    *,
    by: Actor,
    make: str = "",
    target: str = "",
    mapping: SettlementMapping | None = None,
    count: int = 12,
) -> Trial:
    """What an import of a file would do; nothing is written. ``target`` is the processor or the account's name.

    Raises the refusals of reading and of landing, but for wrong rows: those stand in the trial.
    """
    trial = Trial(purpose)
    source: bytes | Path = content
    try:
        if purpose == "bank":
            reading = read_bank_file(source, by=by, name=name, make=make or "auto", mapping=mapping)
            trial.rows = _bank_rows(reading, count)
            trial.landed = land_bank(reading, by=by, account=target, dry_run=True)
        else:
            reading = read_settlement_file(source, by=by, name=name, make=make, processor=target, mapping=mapping)
            trial.rows = _settled_rows(reading, count)
            trial.landed = land_settlement(reading, by=by, processor=target, dry_run=True)
        trial.remarks = reading.remarks
    except ImportRefused as refused:
        trial.problems = refused.lines
    except ColumnMissing as refused:
        trial.missing = str(refused.facts["field"])
    except StatementUnclear as refused:
        trial.problems = [refused.message]
    return trial


def _settled_rows(reading: Reading, count: int) -> list[dict[str, Any]]:
    return [
        {
            "Row": row.place, "Transaction": row.reference, "Processed": row.processed_at, "Settled": row.settled_on,
            "Kind": row.kind, "Status": row.status, "Amount": row.amount_cents, "Fee": row.fee_cents,
            "Card": " ".join(filter(None, (row.brand, row.last4))), "Authorization": row.authorization,
            "Invoice": row.invoice, "Batch": row.batch,
        }
        for row in reading.rows[:count]
    ] or [
        {"Row": row.place, "Batch": row.external_id, "Settled": row.settled_on, "Amount": row.gross_cents,
         "Fee": row.fee_cents, "Net": row.net_cents}
        for row in reading.batches[:count]
    ]  # fmt: skip


def _bank_rows(reading: Reading, count: int) -> list[dict[str, Any]]:
    found = [
        {"Row": row.place, "Day": row.posted_on, "Amount": row.amount_cents, "Description": row.description}
        for account in reading.accounts
        for row in account.rows
    ]
    return found[:count]
