"""What a merchant account charges against the rate that was agreed with it.

A pure check of rows: no database. Fees are whole cents; the rate is in millionths (2.6 % = 26000). A cent of rounding
on each transaction is no finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

KIND = "fee_off_rate"
ROUNDING = 1
"""Cents by which the fee of one transaction may be off: processors round in either direction."""


BILLED_LATE = timedelta(days=21)
"""A month's fees are billed in its last days, or up to so many days into the next month."""
LIKELY = 3
"""A debit of the bank is a month's fee where it is at most so many times what was agreed, and at least that part."""


@dataclass(frozen=True)
class Terms:
    """What was agreed: a share of each sale and so many cents for each, taken daily or in one sum a month."""

    rate_millionths: int = 0
    per_item_cents: int = 0
    monthly: bool = False

    @property
    def is_known(self) -> bool:
        """Whether anything was agreed at all; without it nothing can be off."""
        return bool(self.rate_millionths or self.per_item_cents)

    def fee(self, amount_cents: int) -> int:
        """The fee of a sale of so many cents, rounded half up."""
        return (amount_cents * self.rate_millionths + 500_000) // 1_000_000 + self.per_item_cents


@dataclass(frozen=True)
class Charged:
    """A settled transaction with its fee; ``fee_cents`` is None where only the batch tells. ``brand`` is the brand of
    the card, ``batch`` what its batch is called, empty where it has none."""

    reference: str
    processor: str
    kind: str
    amount_cents: int
    fee_cents: int | None = None
    batch: str = ""
    day: date | None = None
    status: str = "settled"
    brand: str = ""


@dataclass(frozen=True)
class BatchFee:
    """What a processor took for a whole batch."""

    batch: str
    processor: str
    fee_cents: int | None


@dataclass(frozen=True)
class FeeFinding:
    """Fees that are not what was agreed: the rows of one batch together. ``difference_cents`` is what was charged less
    what was agreed, more than nothing where the account was charged too much."""

    processor: str
    batch: str
    settled: tuple[str, ...]
    charged_cents: int
    agreed_cents: int
    difference_cents: int
    kind: str = KIND
    payments: tuple[str, ...] = ()
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class MonthFee:
    """What a processor that bills once a month took for one: by rows of its settlements, or by a line of the bank.
    ``month`` is its first day."""

    processor: str
    month: date
    fee_cents: int
    day: date
    batches: tuple[str, ...] = ()
    line: str = ""


def billed_month(day: date) -> date:
    """The month that a fee of this day is for."""
    return (day - BILLED_LATE).replace(day=1)


def fee_findings(
    rows: Iterable[Charged], terms: Mapping[str, Terms], batches: Iterable[BatchFee] = ()
) -> list[FeeFinding]:
    """The fees that are off the rate agreed with their processor, one finding for each batch, in a lasting order.

    Rows that state their own fee are held to it one by one. Where none of a batch does, the batch's fee is held to the
    sum, what its chargebacks cost set aside. An account that is charged once a month may take nothing daily; one whose
    rate is not known is left out.
    """
    of_batch: dict[tuple[str, str], list[Charged]] = defaultdict(list)
    aside: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        if row.kind == "chargeback":
            aside[row.processor, row.batch] += row.fee_cents or 0
        if row.status == "settled" and row.kind in ("sale", "refund") and terms.get(row.processor, Terms()).is_known:
            of_batch[row.processor, row.batch].append(row)
    stated = {(one.processor, one.batch): one.fee_cents for one in batches}
    found = []
    for (processor, batch), mine in sorted(of_batch.items()):
        agreed = terms[processor]
        if any(row.fee_cents is not None for row in mine):
            one = _of_rows(processor, batch, mine, agreed)
        else:
            whole = stated.get((processor, batch))
            one = _of_batch(processor, batch, mine, agreed, whole)
            if one is not None and whole is not None and aside[processor, batch]:
                one = _of_batch(processor, batch, mine, agreed, whole - aside[processor, batch])
        if one is not None:
            found.append(one)
    return found


def month_findings(
    rows: Iterable[Charged], terms: Mapping[str, Terms], billed: Iterable[MonthFee]
) -> list[tuple[MonthFee, FeeFinding]]:
    """The fees of a month that are off what its sales come to at the rate agreed, of accounts that bill monthly.
    ``day`` of a row is that of its batch. A fee that is just what the rows state is held to the rate row by row."""
    of_month: dict[tuple[str, date], list[Charged]] = defaultdict(list)
    for row in rows:
        if row.status == "settled" and row.kind in ("sale", "refund") and row.day is not None:
            of_month[row.processor, row.day.replace(day=1)].append(row)
    found = []
    for one in sorted(billed, key=lambda fee: (fee.processor, fee.month)):
        agreed, mine = terms.get(one.processor, Terms()), of_month[one.processor, one.month]
        stated = sum(row.fee_cents or 0 for row in mine)
        if not (agreed.is_known and agreed.monthly and mine):
            continue
        if stated and abs(one.fee_cents - stated) <= ROUNDING * len(mine):
            continue
        off = _of_batch(one.processor, f"{one.processor} {one.month:%Y-%m}", mine, agreed, one.fee_cents)
        if off is not None:
            found.append((one, replace(off, detail={**off.detail, "month": one.month.isoformat()})))
    return found


def effective_millionths(amount_cents: int, fee_cents: int) -> int:
    """What share of an amount a fee is, in millionths."""
    return fee_cents * 1_000_000 // amount_cents if amount_cents else 0


def _of_rows(processor: str, batch: str, rows: list[Charged], agreed: Terms) -> FeeFinding | None:
    off = [row for row in rows if row.fee_cents is not None and not _fits(row, agreed)]
    if not off:
        return None
    charged = sum(row.fee_cents or 0 for row in off)
    wanted = sum(agreed.fee(row.amount_cents) if row.kind == "sale" else 0 for row in off)
    return _finding(processor, batch, off, charged, wanted)


def _fits(row: Charged, agreed: Terms) -> bool:
    """Whether a fee is as agreed. Of a refund the share may be kept, given back, or the item be charged."""
    fee = row.fee_cents or 0
    if agreed.monthly and not fee:
        return True
    if row.kind == "sale":
        return abs(fee - agreed.fee(row.amount_cents)) <= ROUNDING
    back = agreed.fee(-row.amount_cents)
    usual = (0, agreed.per_item_cents, -agreed.per_item_cents, -back, agreed.per_item_cents - back)
    return any(abs(fee - one) <= ROUNDING for one in usual)


def _of_batch(processor: str, batch: str, rows: list[Charged], agreed: Terms, charged: int | None) -> FeeFinding | None:
    if charged is None or (agreed.monthly and not charged):
        return None
    sales = [row for row in rows if row.kind == "sale"]
    refunds = [row for row in rows if row.kind == "refund"]
    most = sum(agreed.fee(row.amount_cents) for row in sales)
    kept = len(refunds) * agreed.per_item_cents
    back = sum(agreed.fee(-row.amount_cents) for row in refunds)
    if most - back - ROUNDING * len(rows) <= charged <= most + kept + ROUNDING * len(rows):
        return None
    return _finding(processor, batch, rows, charged, most)


def _finding(processor: str, batch: str, rows: list[Charged], charged: int, wanted: int) -> FeeFinding:
    sold = sum(row.amount_cents for row in rows if row.kind == "sale")
    return FeeFinding(
        processor, batch, tuple(sorted(row.reference for row in rows)), charged, wanted, charged - wanted,
        detail={
            "batch": batch, "count": len(rows), "charged_cents": charged, "agreed_cents": wanted,
            "charged_millionths": effective_millionths(sold, charged),
            "agreed_millionths": effective_millionths(sold, wanted),
        },
    )  # fmt: skip
