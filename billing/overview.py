"""What an owner wants to know of the money at a glance: revenue, receipts, fees, what is owed, what is still to reach
the bank, and how far each day is reconciled. Told from the system of record, in cents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import case, func, select

from billing import ledger
from billing.matching import OPEN
from billing.matching_rows import CARD_TENDERS, MONEY_STATES, NO_SALE
from billing.processors.settings import Processor, processors
from billing.receivables import by_age, open_charges
from billing.today import revenue, year_before
from data.models import (
    BankLine,
    BooksPeriod,
    DepositLink,
    Invoice,
    InvoiceLine,
    Payment,
    PaymentMatch,
    PaymentMatchPart,
    SettledTransaction,
    SettlementBatch,
    Variance,
)
from data.session import ClinicSession
from records.standing import standings
from security.actor import Actor
from security.rules import look, remembered

BACK = timedelta(days=75)
"""Batches that are older and never reached the bank are a difference by now, and told as such."""
SALES = ("sale", "refund")


@dataclass
class Day:
    """How far one day is. ``state`` is reconciled, waits, differs, closed, or empty where nothing happened."""

    day: date
    state: str = ""
    paid: int = 0
    settled: int = 0
    waiting: int = 0
    """Payments and settled transactions without a match that stands, and batches that are not in the bank."""
    cases: int = 0
    """Differences nobody has explained yet."""


@dataclass(frozen=True)
class Expected:
    """A batch that is still to reach the bank; ``due`` is the day agreed with its processor."""

    batch_id: str
    processor: str
    number: str
    settled_on: date
    due: date
    cents: int


@dataclass(frozen=True)
class Overview:
    """The owner's money of some days."""

    revenue: int
    revenue_before: int | None
    """A year before; none where the clinic has no lines that old."""
    received: int
    refunded: int
    """What was given back, contained in ``received``."""
    by_card: int
    fees: int
    charged: int
    """Sales on cards that the fees were taken of."""
    owed: tuple[int, ...]
    """Open balances of invoices up to 30, 60 and 90 days old, and older."""
    expected: tuple[Expected, ...]
    days: tuple[Day, ...]
    cases: int
    unexplained: int
    """The open differences in all, as the ageing of the reconciliation has them."""
    has_settlements: bool = field(default=True)


@dataclass(frozen=True)
class _Batch:
    id: str
    processor: str
    number: str
    settled_on: date
    gross: int
    sales: int
    fees: int
    net: int
    arrived: bool


@remembered("reports.money")
def overview(first: date, last: date, grid_first: date, grid_last: date, *, by: Actor) -> Overview:
    """Sums of ``first`` to ``last``, and each day from ``grid_first`` to ``grid_last``, all included.

    Raises NotPermitted.
    """
    with look(by, "reports.money") as session:
        known = session.scalar(select(func.min(InvoiceLine.day)))
        before = year_before(first), year_before(last)
        has_year = known is not None and known <= before[0]
        taken, refunded, by_card = _received(session, first, last)
        batches = _batches(session, min(first, grid_first, grid_last - BACK))
        inside = [one for one in batches if first <= one.settled_on <= last]
        cases = session.execute(
            select(func.count(), func.coalesce(func.sum(Variance.amount_cents), 0)).where(Variance.state.in_(OPEN))
        ).one()
        return Overview(
            revenue=revenue(session, first, last),
            revenue_before=revenue(session, *before) if has_year else None,
            received=taken, refunded=refunded, by_card=by_card,
            fees=sum(one.fees for one in inside), charged=sum(one.sales for one in inside),
            owed=_owed(session, last),
            expected=_expected(session, batches),
            days=_days(session, batches, grid_first, grid_last),
            cases=int(cases[0]), unexplained=int(cases[1]), has_settlements=bool(batches),
        )  # fmt: skip


def _received(session: ClinicSession, first: date, last: date) -> tuple[int, int, int]:
    sums = session.execute(
        select(
            func.coalesce(func.sum(Payment.amount_cents), 0),
            func.coalesce(func.sum(case((Payment.kind != "sale", -Payment.amount_cents), else_=0)), 0),
            func.coalesce(func.sum(case((Payment.tender.in_(CARD_TENDERS), Payment.amount_cents), else_=0)), 0),
        ).where(Payment.day >= first, Payment.day <= last)
    ).one()
    return int(sums[0]), int(sums[1]), int(sums[2])


def _owed(session: ClinicSession, day: date) -> tuple[int, ...]:
    """Open balances by the age of the charges; a ticket not checked out yet is not owed yet."""
    stands = {
        key: value.balance
        for key, value in standings(session, ledger.open_ids(session)).items()
        if value.balance and value.document != "draft"
    }
    owed: Counter[str] = Counter()
    for invoice_id, client_id in session.execute(select(Invoice.id, Invoice.client_id)
                                                 .where(Invoice.id.in_(list(stands)))):  # fmt: skip
        owed[client_id] += stands[invoice_id]
    charges = open_charges(session, owed)
    return tuple(by_age([one for some in charges.values() for one in some], day))


def _batches(session: ClinicSession, since: date) -> list[_Batch]:
    """Batches from a day on with their sums: as the processor states them, else of their rows."""
    row = SettledTransaction
    sums = (
        select(
            row.batch_id,
            func.sum(case((row.kind != "fee", row.amount_cents), else_=0)),
            func.sum(case((row.kind == "sale", row.amount_cents), else_=0)),
            func.sum(func.coalesce(row.fee_cents, 0)) - func.sum(case((row.kind == "fee", row.amount_cents), else_=0)),
        )
        .join(SettlementBatch, SettlementBatch.id == row.batch_id)
        .where(SettlementBatch.settled_on >= since, row.status.in_(MONEY_STATES))
        .group_by(row.batch_id)
    )
    of_rows = {str(batch): (int(gross), int(sales), int(fees)) for batch, gross, sales, fees in session.execute(sums)}
    arrived = set(session.scalars(select(DepositLink.batch_id)))
    known = processors(session)
    found = []
    for one in session.scalars(select(SettlementBatch).where(SettlementBatch.settled_on >= since)):
        gross, sales, fees = of_rows.get(one.id, (0, 0, 0))
        gross = gross if one.gross_cents is None else one.gross_cents
        fees = fees if one.fee_cents is None else one.fee_cents
        found.append(
            _Batch(one.id, one.processor, one.number or one.external_id, one.settled_on, gross, sales or gross, fees,
                   _due(known.get(one.processor), gross, fees, one.net_cents), one.id in arrived)
        )  # fmt: skip
    return found


def _due(agreed: Processor | None, gross: int, fees: int, stated: int | None) -> int:
    """What is to arrive for a batch, as billing/reconciliation/deposits.py has it."""
    if agreed is not None and agreed.fees == "monthly":
        return gross
    return gross - fees if stated is None else stated


def _expected(session: ClinicSession, batches: Iterable[_Batch]) -> tuple[Expected, ...]:
    known = processors(session)
    last_line = session.scalar(select(func.max(BankLine.posted_on)))
    found = []
    for one in batches:
        if one.arrived or not one.net:
            continue
        agreed = known.get(one.processor)
        due = working_days_after(one.settled_on, agreed.deposit_days if agreed else 2)
        if last_line is not None and due + BACK < last_line:
            continue
        found.append(
            Expected(one.id, agreed.label if agreed else one.processor, one.number, one.settled_on, due, one.net)
        )
    return tuple(sorted(found, key=lambda one: (one.due, one.processor, one.number)))


def working_days_after(day: date, count: int) -> date:
    """The day so many working days later, Saturdays and Sundays left out."""
    while count > 0 or day.weekday() > 4:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def _days(session: ClinicSession, batches: Iterable[_Batch], first: date, last: date) -> tuple[Day, ...]:
    days = {first + timedelta(days=away): Day(first + timedelta(days=away)) for away in range((last - first).days + 1)}
    matched = select(PaymentMatchPart.payment_id, PaymentMatchPart.settled_id).join(
        PaymentMatch, PaymentMatch.id == PaymentMatchPart.match_id
    )
    matched = matched.where(PaymentMatchPart.stands, PaymentMatch.state == "accepted")
    held = matched.where(PaymentMatch.day >= first - timedelta(days=7))
    ours: set[str] = set()
    theirs: set[str] = set()
    for payment_id, settled_id in session.execute(held):
        (ours if payment_id else theirs).add(str(payment_id or settled_id))
    for row_id, day, cents in session.execute(
        select(Payment.id, Payment.day, Payment.amount_cents).where(
            Payment.tender.in_(CARD_TENDERS), Payment.day >= first, Payment.day <= last
        )
    ):
        days[day].paid += cents
        days[day].waiting += row_id not in ours
    row = SettledTransaction
    for row_id, day, kind, cents in session.execute(
        select(row.id, row.counts_on, row.kind, row.amount_cents).where(
            row.kind.not_in(NO_SALE), row.status.in_(MONEY_STATES), row.counts_on >= first, row.counts_on <= last
        )
    ):
        days[day].settled += cents
        days[day].waiting += kind in SALES and row_id not in theirs
    for day, count in session.execute(
        select(Variance.day, func.count()).where(Variance.state.in_(OPEN), Variance.day.between(first, last))
        .group_by(Variance.day)
    ):  # fmt: skip
        days[day].cases = count
    busy = {one.settled_on for one in batches}
    for one in batches:
        if one.settled_on in days and not one.arrived and one.net:
            days[one.settled_on].waiting += 1
    closed = _closed(session, first, last)
    for found in days.values():
        found.state = _state(found, found.day in busy, any(a <= found.day <= b for a, b in closed))
    return tuple(days.values())


def _closed(session: ClinicSession, first: date, last: date) -> list[tuple[date, date]]:
    rows: Any = session.execute(
        select(BooksPeriod.first, BooksPeriod.last).where(
            BooksPeriod.state == "closed", BooksPeriod.last >= first, BooksPeriod.first <= last
        )
    )
    return [(one.first, one.last) for one in rows]


def _state(found: Day, has_batch: bool, is_closed: bool) -> str:
    if found.cases:
        return "differs"
    if is_closed:
        return "closed"
    if found.waiting:
        return "waits"
    return "reconciled" if found.paid or found.settled or has_batch else ""
