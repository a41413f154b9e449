"""Hold the fees of every batch, and of every month of an account that bills monthly, to the rates agreed with its
processor; what is off stands beside the other cases of the reconciliation, one for each batch or month."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from billing.fees import (
    KIND,
    LIKELY,
    BatchFee,
    Charged,
    FeeFinding,
    MonthFee,
    Terms,
    billed_month,
    fee_findings,
    month_findings,
)
from billing.matching import OPEN, signature
from billing.periods import counting_day
from billing.settlement.terms import processors
from data.models import BankLine, Clinic, DepositLink, SettledTransaction, SettlementBatch, Variance
from data.session import ClinicSession
from data.types import clock
from security.actor import Actor
from security.rules import act, look

LOOKED_BACK = timedelta(days=400)


def terms_of(session: ClinicSession) -> dict[str, Terms]:
    """The rates agreed, by the processor's slug."""
    return {
        slug: Terms(one.rate_millionths, one.per_item_cents, one.fees == "monthly")
        for slug, one in processors(session).items()
    }


def find_fees(*, by: Actor) -> int:
    """Note the batches whose fees are off the agreed rate, and let go of those that are not any more; returns how many
    changes were written. What somebody wrote off stays so. Raises NotPermitted."""
    with look(by, "reconciliation.use") as session:
        clinic = session.get_one(Clinic, session.clinic_id)
        since = clock.today(clinic.zone) - LOOKED_BACK
        batches = {
            row.id: row for row in session.scalars(select(SettlementBatch).where(SettlementBatch.settled_on >= since))
        }
        marked = {mark(one.finding): one for one in _findings(session, batches)}
        stored = {row.signature: row for row in session.scalars(select(Variance).where(Variance.kind == KIND))}
        new = [
            _row(session, one, known)
            for known, one in marked.items()
            if known not in stored or stored[known].state == "explained"
        ]
        gone = [row.id for known, row in stored.items() if known not in marked and row.state in OPEN]
    if not new and not gone:
        return 0
    with act(by, "reconciliation.use") as work:
        known = {
            row.signature: row
            for row in work.session.scalars(
                select(Variance).where(Variance.signature.in_([one["signature"] for one in new]))
            )
        }
        for values in new:
            row = known.get(values["signature"])
            if row is None:
                work.session.add(Variance(**values))
            elif row.state == "explained":
                row.state, row.settled_at = "open", None
        for row in work.session.scalars(select(Variance).where(Variance.id.in_(gone), Variance.state.in_(OPEN))):
            row.state, row.settled_at = "explained", clock.now()
        work.audit("fees.checked", "variance", opened=len(new), explained=len(gone))
    return len(new) + len(gone)


def mark(found: FeeFinding) -> str:
    """The same fee off the same batch is the same case; another sum is another one."""
    return signature(KIND, [found.batch], [str(found.charged_cents), str(found.agreed_cents)])


@dataclass(frozen=True)
class _Off:
    """Something that is off, with the rows it is told at and the day it counts on."""

    finding: FeeFinding
    day: date
    batches: tuple[str, ...]
    lines: tuple[str, ...] = ()


def _findings(session: ClinicSession, batches: dict[str, SettlementBatch]) -> list[_Off]:
    terms = {slug: one for slug, one in terms_of(session).items() if one.is_known}
    if not terms:
        return []
    charged = _charged(session, terms, batches)
    stated = [BatchFee(one.id, one.processor, one.fee_cents) for one in batches.values()]
    found = [
        _Off(one, batches[one.batch].settled_on, (one.batch,)) for one in fee_findings(charged, terms, stated)
    ]  # fmt: skip
    for fee, one in month_findings(charged, terms, _billed(session, terms, charged)):
        found.append(_Off(one, fee.day, fee.batches, (fee.line,) if fee.line else ()))
    return found


def _charged(
    session: ClinicSession, terms: dict[str, Terms], batches: dict[str, SettlementBatch]
) -> list[Charged]:  # fmt: skip
    row = SettledTransaction
    rows = session.execute(
        select(row.reference, row.processor, row.kind, row.amount_cents, row.fee_cents, row.batch_id, row.status)
        .join(SettlementBatch, (SettlementBatch.clinic_id == row.clinic_id) & (SettlementBatch.id == row.batch_id))
        .where(row.processor.in_(list(terms)), SettlementBatch.settled_on >= min(
            (one.settled_on for one in batches.values()), default=clock.now().date()
        ))
    )  # fmt: skip
    return [
        Charged(one.reference, one.processor, one.kind, one.amount_cents, one.fee_cents, one.batch_id,
                batches[one.batch_id].settled_on if one.batch_id in batches else None, one.status)
        for one in rows
    ]  # fmt: skip


def month_fees(session: ClinicSession) -> list[MonthFee]:
    """What accounts that bill monthly took by lines of the bank."""
    terms = {slug: one for slug, one in terms_of(session).items() if one.is_known and one.monthly}
    if not terms:
        return []
    clinic = session.get_one(Clinic, session.clinic_id)
    since = clock.today(clinic.zone) - LOOKED_BACK
    known = select(SettlementBatch).where(SettlementBatch.settled_on >= since)
    charged = _charged(session, terms, {row.id: row for row in session.scalars(known)})
    return [one for one in _billed(session, terms, charged) if one.line]


def _billed(session: ClinicSession, terms: dict[str, Terms], charged: list[Charged]) -> list[MonthFee]:
    """The fee of each month: the rows of the settlement that say so, else the debit of the bank that comes nearest."""
    monthly = {slug: one for slug, one in terms.items() if one.monthly}
    if not monthly:
        return []
    row = SettledTransaction
    fees = session.execute(
        select(row.processor, row.amount_cents, row.batch_id, row.settled_on, row.day).where(
            row.processor.in_(list(monthly)), row.kind == "fee", row.status == "settled"
        )
    )
    by_rows: dict[tuple[str, date], list[Any]] = defaultdict(list)
    for one in fees:
        by_rows[one.processor, billed_month(one.settled_on or one.day)].append(one)
    agreed: dict[tuple[str, date], int] = defaultdict(int)
    last: dict[tuple[str, date], tuple[date, str]] = {}
    for sale in charged:
        if sale.processor in monthly and sale.day and sale.kind == "sale" and sale.status == "settled":
            key = sale.processor, sale.day.replace(day=1)
            agreed[key] += monthly[sale.processor].fee(sale.amount_cents)
            last[key] = max(last.get(key, (sale.day, sale.batch)), (sale.day, sale.batch))
    found = [
        MonthFee(slug, month, -sum(one.amount_cents for one in rows), max(one.settled_on or one.day for one in rows),
                 (last[slug, month][1],) if (slug, month) in last else ())
        for (slug, month), rows in by_rows.items()
    ]  # fmt: skip
    near: dict[tuple[str, date], BankLine] = {}
    for line, slug in _debits(session, monthly):
        key = slug, billed_month(line.posted_on)
        wanted, cents = agreed.get(key, 0), -line.amount_cents
        if key in by_rows or not wanted / LIKELY <= cents <= wanted * LIKELY:
            continue
        if key not in near or abs(cents - wanted) < abs(-near[key].amount_cents - wanted):
            near[key] = line
    return found + [
        MonthFee(slug, month, -line.amount_cents, line.posted_on, (last[slug, month][1],), line.id)
        for (slug, month), line in near.items()
    ]  # fmt: skip


def _debits(session: ClinicSession, monthly: dict[str, Terms]) -> list[tuple[BankLine, str]]:
    """Lines of the bank by which money left to one such processor alone, and that no batch and no chargeback is."""
    words = {
        slug: " ".join(one.bank_text.upper().split()) for slug, one in processors(session).items() if one.bank_text
    }
    row = SettledTransaction
    back = select(row.processor, row.amount_cents).where(row.processor.in_(list(monthly)), row.kind == "chargeback")
    gone = set(session.execute(back).tuples())
    linked = select(DepositLink.bank_line_id)
    found = []
    for line in session.scalars(
        select(BankLine).where(BankLine.amount_cents < 0, BankLine.id.not_in(linked)).order_by(BankLine.posted_on)
    ):
        text = " ".join(line.description.upper().split())
        named = [slug for slug, wanted in words.items() if wanted in text]
        if len(named) == 1 and named[0] in monthly and (named[0], line.amount_cents) not in gone:
            found.append((line, named[0]))
    return found


def _row(session: ClinicSession, one: _Off, known: str) -> dict[str, Any]:
    """As a case: what was charged too much is money that is missing at the bank."""
    return {
        "kind": KIND, "signature": known, "batch_ids": list(one.batches), "payment_ids": [], "settled_ids": [],
        "bank_line_ids": list(one.lines), "amount_cents": -one.finding.difference_cents,
        "day": counting_day(session, one.day),
        "detail": dict(one.finding.detail) | {"rows": list(one.finding.settled[:50])},
    }  # fmt: skip
