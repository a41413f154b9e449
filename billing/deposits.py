"""Batches of processors and the lines of the bank statement with which they arrived: exact arithmetic, or a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from billing.fee_check import find_fees, month_fees
from billing.fees import MonthFee
from billing.matching import OPEN, signature
from billing.matching_rows import MONEY_STATES
from billing.periods import refuse_closed
from billing.processors.settings import names_of, processors
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, NotFound
from data.models import BankLine, DepositLink, SettledTransaction, SettlementBatch, Variance
from data.session import ClinicSession
from data.types import clock
from security.actor import Actor
from security.profile import wording
from security.rules import act, look, remembered

if TYPE_CHECKING:
    from billing.reconciliation.deposits import Batch, DepositFound, Terms

MISSING, UNKNOWN, MONTHLY = "deposit_missing", "deposit_unknown", "monthly_fees"
LATE = timedelta(days=5)
"""Weekends and holidays on top of the days agreed with a processor."""


class DoesNotAddUp(BadInput):
    """These batches come to {net}, the line of the bank says {amount}. Say in a few words why they belong together."""


class ArrivedAlready(BadInput):
    """This batch, or this line of the bank, is put together with another already. Take that apart first."""


@dataclass(frozen=True)
class BatchRow:
    """A batch in cents: ``net`` is what is to arrive for it."""

    id: str
    processor: str
    label: str
    """What people call the processor."""
    number: str
    external: str
    """Its id at the processor, which no other batch has."""
    settled_on: date
    gross: int
    fees: int
    net: int
    is_late: bool = False

    @property
    def name(self) -> str:
        """Its processor and number."""
        return f"{self.label} {self.number}"


@dataclass(frozen=True)
class DepositRow:
    """A line of the bank with the batches that arrived with it. ``difference`` is what arrived less what was due."""

    line_id: str
    reference: str
    posted_on: date
    description: str
    amount: int
    batches: tuple[BatchRow, ...]
    is_auto: bool
    reason: str

    @property
    def gross(self) -> int:
        """What was charged."""
        return sum(one.gross for one in self.batches)

    @property
    def fees(self) -> int:
        """What the processor kept."""
        return sum(one.fees for one in self.batches)

    @property
    def net(self) -> int:
        """What was due."""
        return sum(one.net for one in self.batches)

    @property
    def difference(self) -> int:
        """What arrived less what was due."""
        return self.amount - self.net


@dataclass(frozen=True)
class LineRow:
    """A line of the bank that no batch explains. ``named`` tells that it names one of the processors."""

    id: str
    posted_on: date
    description: str
    amount: int
    named: bool


@dataclass(frozen=True)
class Deposits:
    """Deposits of a period, batches that are still to arrive, lines nobody explained, fees billed by the month."""

    arrived: tuple[DepositRow, ...]
    expected: tuple[BatchRow, ...]
    lines: tuple[LineRow, ...]
    monthly: tuple[LineRow, ...] = field(default=())

    @property
    def missing(self) -> tuple[BatchRow, ...]:
        """Batches that should have arrived by now."""
        return tuple(one for one in self.expected if one.is_late)


def find_deposits(*, by: Actor) -> int:
    """Put batches together with the lines of the bank that are just their sum, and hold their fees to the agreed rates;
    returns how many changes were written.

    A pair a person took apart is not put together again. Raises NotPermitted.
    """
    fees = find_fees(by=by)
    with look(by, "reconciliation.use") as session:
        seen = _Seen(session)
        found = [one for one in seen.match() if not seen.is_apart(one)]
        links = [one for one in found if one.kind == "deposit" and one.line and not seen.is_linked(one)]
        monthly = [one for one in found if one.kind == MONTHLY and one.line]
        explained = {str(one.line) for one in (*links, *monthly)}
        arrived = {batch for one in found for batch in one.batches}
        billed = [one for one in month_fees(session) if one.line not in explained]
        variances = seen.variances(explained | {one.line for one in billed}, arrived)
        variances += [_fees_of(one) for one in monthly] + [_billed(one) for one in billed]
        stored = {row.signature: row for row in session.scalars(select(Variance).where(Variance.kind.in_(KINDS)))}
        new = [one for one in variances if one["signature"] not in stored or _is_back(one, stored[one["signature"]])]
        marks = {one["signature"] for one in variances}
        gone = [row.id for mark, row in stored.items() if mark not in marks and row.state in OPEN]
    if not (links or new or gone):
        return fees
    with act(by, "reconciliation.use") as work:
        written = _write(work.session, links, seen) + _note(work.session, new, gone)
        work.audit("deposits.found", "deposit_link", deposits=len(links), opened=len(new), explained=len(gone))
    return fees + written


KINDS = (MISSING, UNKNOWN, MONTHLY)


class _Seen:
    """Batches and lines as they are, with what is linked already."""

    def __init__(self, session: ClinicSession) -> None:
        self.session = session
        self.terms = terms_of(session)
        self.lines = {row.id: row for row in session.scalars(select(BankLine))}
        self.batches = {one.id: one for one in batches(session, self.terms)}
        self.links = list(session.scalars(select(DepositLink)))
        everything = {"include_deleted": True}
        apart = session.execute(
            select(DepositLink.bank_line_id, DepositLink.batch_id).where(DepositLink.deleted_at.is_not(None)),
            execution_options=everything,
        )
        self.apart = {(row.bank_line_id, row.batch_id) for row in apart}

    def match(self) -> list[DepositFound]:
        """What the engine finds among all that no person linked."""
        from billing.reconciliation.deposits import Line, match_deposits

        by_hand = [one for one in self.links if not one.auto]
        used = {one.bank_line_id for one in by_hand} | {one.batch_id for one in by_hand}
        lines = [
            Line(row.id, row.posted_on, row.amount_cents, row.description, row.currency)
            for row in self.lines.values()
            if row.id not in used
        ]
        return match_deposits([one for one in self.batches.values() if one.id not in used], lines, self.terms)

    def is_linked(self, one: DepositFound) -> bool:
        """Whether it stands already, or one of its rows is in another."""
        lines, ids = {link.bank_line_id for link in self.links}, {link.batch_id for link in self.links}
        return one.line in lines or not ids.isdisjoint(one.batches)

    def is_apart(self, one: DepositFound) -> bool:
        """Whether a person took it apart."""
        return any((one.line, batch) in self.apart for batch in one.batches)

    def variances(self, explained: set[str], arrived: set[str]) -> list[dict[str, Any]]:
        """Batches that should have arrived, and lines that name a processor and belong to no batch."""
        linked = {link.bank_line_id for link in self.links} | {link.batch_id for link in self.links}
        until = max((row.posted_on for row in self.lines.values()), default=None)
        found = []
        for batch in self.batches.values():
            due = batch.owed(self.terms_for(batch))
            if batch.id in linked or batch.id in arrived or not due or until is None:
                continue
            if is_late(batch, self.terms_for(batch), until):
                found.append(_variance(MISSING, batch.settled_on, -due, batches=[batch.id]))
        for row in self.lines.values():
            if row.id not in linked and row.id not in explained and self.is_named(row):
                found.append(_variance(UNKNOWN, row.counts_on, row.amount_cents, lines=[row.id]))
        return found

    def terms_for(self, batch: Batch) -> Terms:
        """What is agreed with the processor of a batch."""
        from billing.reconciliation.deposits import Terms

        return self.terms.get(batch.processor) or Terms()

    def is_named(self, row: BankLine) -> bool:
        """Whether a line names one of the processors."""
        return names(row.description, self.terms)


def is_late(batch: Batch, terms: Terms, until: date) -> bool:
    """Whether a batch should be in the bank by the last day a statement was imported for."""
    return batch.settled_on + timedelta(days=terms.deposit_days) + LATE <= until


def names(description: str, terms: dict[str, Terms]) -> bool:
    """Whether the words of a line of the bank name one of the processors."""
    text = " ".join(description.upper().split())
    return any(one.bank_text and " ".join(one.bank_text.upper().split()) in text for one in terms.values())


def terms_of(session: ClinicSession) -> dict[str, Terms]:
    """What is agreed with each processor, by its slug."""
    from billing.reconciliation.deposits import Terms

    return {
        slug: Terms(one.fees, one.deposit_days, one.bank_text, tuple(one.brands_apart))
        for slug, one in processors(session).items()
    }


def batches(session: ClinicSession, terms: dict[str, Terms], *, only: Iterable[str] | None = None) -> list[Batch]:
    """Batches with their sums: as the processor states them, else of their rows. ``terms`` are not needed for that."""
    from billing.reconciliation.deposits import Batch

    del terms
    wanted = select(SettlementBatch).order_by(SettlementBatch.settled_on, SettlementBatch.id)
    rows = select(
        SettledTransaction.batch_id, SettledTransaction.kind, SettledTransaction.amount_cents,
        SettledTransaction.fee_cents,
    ).where(SettledTransaction.batch_id.is_not(None), SettledTransaction.status.in_(MONEY_STATES))  # fmt: skip
    if only is not None:
        ids = list(only)
        wanted, rows = wanted.where(SettlementBatch.id.in_(ids)), rows.where(SettledTransaction.batch_id.in_(ids))
    gross: dict[str, int] = defaultdict(int)
    fees: dict[str, int] = defaultdict(int)
    for batch, kind, cents, fee in session.execute(rows):
        batch_id = str(batch)
        if kind == "fee":
            fees[batch_id] -= cents
        else:
            gross[batch_id] += cents
        fees[batch_id] += fee or 0
    return [
        Batch(
            one.id, one.processor, one.settled_on, gross[one.id] if one.gross_cents is None else one.gross_cents,
            fees[one.id] if one.fee_cents is None else one.fee_cents, one.net_cents, one.brand, one.currency,
            one.location_id or "",
        )
        for one in session.scalars(wanted)
    ]  # fmt: skip


def _variance(
    kind: str, day: date, cents: int, *, lines: Sequence[str] = (), batches: Sequence[str] = (), **detail: Any
) -> dict[str, Any]:
    return {
        "kind": kind, "signature": signature(kind, lines, batches), "bank_line_ids": list(lines),
        "batch_ids": list(batches), "payment_ids": [], "settled_ids": [], "amount_cents": cents, "day": day,
        "detail": detail,
    }  # fmt: skip


def _fees_of(one: DepositFound) -> dict[str, Any]:
    """A line that is just the fees of a month: told and explained at once."""
    month = one.month or date.min
    told = _variance(MONTHLY, month, 0, lines=[str(one.line)], month=month.isoformat(), fees=one.fee_cents)
    return told | {"state": "explained"}


def _billed(one: MonthFee) -> dict[str, Any]:
    """A line that is the fee of a month, told at the last batch of it: what is off the rate is a case of its own."""
    told = _variance(MONTHLY, one.month, 0, lines=[one.line], batches=one.batches, month=one.month.isoformat(),
                     fees=one.fee_cents)  # fmt: skip
    return told | {"state": "explained"}


def _is_back(one: dict[str, Any], row: Variance) -> bool:
    return row.state == "explained" and one.get("state") != "explained"


def _write(session: ClinicSession, found: list[DepositFound], seen: _Seen) -> int:
    ids = [batch for one in found for batch in one.batches]
    lines = [str(one.line) for one in found]
    taken = set(session.scalars(select(DepositLink.batch_id).where(DepositLink.batch_id.in_(ids))))
    taken |= set(session.scalars(select(DepositLink.bank_line_id).where(DepositLink.bank_line_id.in_(lines))))
    count = 0
    for one in found:
        if not taken.isdisjoint((one.line, *one.batches)):
            continue
        for batch_id in one.batches:
            batch = seen.batches[batch_id]
            _link(session, str(one.line), batch, seen.terms_for(batch), one.reason, whole=not one.fee_cents)
        count += 1
    return count


def _link(
    session: ClinicSession, line_id: str, batch: Batch, terms: Terms, reason: str, *, whole: bool = False,
    auto: bool = True, who: str | None = None,
) -> None:  # fmt: skip
    kept = 0 if whole else batch.kept(terms)
    session.add(
        DepositLink(
            bank_line_id=line_id, batch_id=batch.id, amount_cents=batch.gross_cents - kept, fee_cents=kept,
            auto=auto, reason=reason, event_at=clock.now(), by_user_id=who,
        )
    )  # fmt: skip


def _note(session: ClinicSession, new: list[dict[str, Any]], gone: list[str]) -> int:
    marks = [one["signature"] for one in new]
    here = {row.signature: row for row in session.scalars(select(Variance).where(Variance.signature.in_(marks)))}
    for one in new:
        row = here.get(one["signature"])
        if row is None:
            session.add(Variance(**one))
        elif row.state == "explained":
            row.state, row.amount_cents, row.settled_at, row.settled_by_id = "open", one["amount_cents"], None, None
    for row in session.scalars(select(Variance).where(Variance.id.in_(gone))):
        row.state, row.settled_at = "explained", clock.now()
    return len(new) + len(gone)


def put_together(
    line_id: str, batch_ids: Sequence[str], reason: str = "", *, by: Actor, key: str | None = None
) -> None:  # fmt: skip
    """Say by hand that batches arrived with a line of the bank; where the sum differs, why.

    Raises NotPermitted, DoesNotAddUp, ArrivedAlready, NotFound, CardNumberTyped.
    """
    refuse_card_numbers({"The reason": reason})
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return
        session = work.session
        line = session.held(BankLine, line_id)
        chosen = list(dict.fromkeys(batch_ids))
        terms = terms_of(session)
        found = batches(session, terms, only=chosen)
        if line is None or len(found) != len(chosen) or not found:
            raise NotFound(what="deposit or batch", name="like this")
        taken = select(DepositLink.id).where((DepositLink.bank_line_id == line_id) | DepositLink.batch_id.in_(chosen))
        if session.scalar(taken.limit(1)) is not None:
            raise ArrivedAlready()
        agreed = {one.id: _agreed(terms, one) for one in found}
        net = sum(one.owed(agreed[one.id]) for one in found)
        if net != line.amount_cents and not reason.strip():
            raise DoesNotAddUp(net=wording(session).money(net), amount=wording(session).money(line.amount_cents))
        for one in found:
            _link(session, line_id, one, agreed[one.id], reason.strip()[:200], auto=False, who=by.user_id)
        mine = {line_id, *chosen}
        for row in session.scalars(select(Variance).where(Variance.kind.in_(KINDS), Variance.state.in_(OPEN))):
            if not mine.isdisjoint((*row.bank_line_ids, *row.batch_ids)):
                row.state, row.settled_at, row.settled_by_id = "explained", clock.now(), by.user_id
        work.audit(
            "deposit.linked", "bank_line", line_id, batches=len(found), difference_cents=line.amount_cents - net,
            reason=reason.strip()[:200],
        )  # fmt: skip
        work.result = line_id


def take_apart(line_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Say that a line of the bank is not the deposit of its batches. Raises NotPermitted, PeriodClosed, NotFound."""
    refuse_card_numbers({"The reason": reason})
    with act(by, "reconciliation.use", key=key) as work:
        if work.repeated:
            return
        session = work.session
        line = session.held(BankLine, line_id)
        links = session.scalars(select(DepositLink).where(DepositLink.bank_line_id == line_id)).all()
        if line is None or not links:
            raise NotFound(what="deposit", name="like this")
        refuse_closed(session, line.counts_on)
        for link in links:
            link.deleted_at = clock.now()
        work.audit("deposit.unlinked", "bank_line", line_id, batches=len(links), reason=reason.strip()[:200])
        work.result = line_id


def _agreed(terms: dict[str, Terms], batch: Batch) -> Terms:
    from billing.reconciliation.deposits import Terms

    return terms.get(batch.processor) or Terms()


@remembered("reconciliation.use")
def deposits(first: date, last: date, *, by: Actor) -> Deposits:
    """Deposits whose line counts on these days, batches settled on them that are still to arrive, and lines nobody
    explained."""
    with look(by, "reconciliation.use") as session:
        return deposits_in(session, first, last)


def deposits_in(session: ClinicSession, first: date | None, last: date | None) -> Deposits:
    """The same in a session that is open already; without days everything there is."""
    terms, known_as = terms_of(session), names_of(session)
    numbers = {
        row.id: (row.number or row.external_id, row.external_id) for row in session.scalars(select(SettlementBatch))
    }
    known = {one.id: one for one in batches(session, terms)}
    lines = {row.id: row for row in session.scalars(select(BankLine))}
    links: dict[str, list[DepositLink]] = defaultdict(list)
    for link in session.scalars(select(DepositLink).order_by(DepositLink.id)):
        links[link.bank_line_id].append(link)
    until = max((row.posted_on for row in lines.values()), default=None)

    def inside(day: date) -> bool:
        return (first is None or day >= first) and (last is None or day <= last)

    def told(batch: Batch, link: DepositLink | None = None) -> BatchRow:
        agreed = _agreed(terms, batch)
        late = until is not None and is_late(batch, agreed, until)
        kept = 0 if link is not None and not link.fee_cents else batch.kept(agreed)  # it arrived whole
        return BatchRow(
            batch.id, batch.processor, known_as.get(batch.processor, batch.processor), *numbers[batch.id],
            batch.settled_on, batch.gross_cents, kept, batch.gross_cents - kept, late,
        )  # fmt: skip

    arrived = [
        DepositRow(
            line.id, line.external_id, line.posted_on, line.description, line.amount_cents,
            tuple(told(known[link.batch_id], link) for link in links[line.id] if link.batch_id in known),
            all(link.auto for link in links[line.id]), links[line.id][0].reason,
        )
        for line in lines.values() if line.id in links and inside(line.counts_on)
    ]  # fmt: skip
    linked = {link.batch_id for some in links.values() for link in some}
    expected = [told(one) for one in known.values() if one.id not in linked and inside(one.settled_on)]
    monthly = {row for one in session.scalars(select(Variance).where(Variance.kind == MONTHLY))
               for row in one.bank_line_ids}  # fmt: skip
    loose = [
        LineRow(row.id, row.posted_on, row.description, row.amount_cents, names(row.description, terms))
        for row in lines.values()
        if row.id not in links and inside(row.counts_on)
    ]
    loose.sort(key=lambda one: (one.posted_on, one.id))
    return Deposits(
        tuple(sorted(arrived, key=lambda one: (one.posted_on, one.line_id))),
        tuple(one for one in expected if one.net),
        tuple(one for one in loose if one.id not in monthly),
        tuple(one for one in loose if one.id in monthly),
    )
