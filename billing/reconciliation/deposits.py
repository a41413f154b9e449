"""Batches against the lines of a bank statement: exact arithmetic on amounts, names and days, never a guess.

A line is explained when what the processor owes for one batch, or for batches that follow one another, is just its
amount, its text names the processor, and it came within the days agreed. Anything else stays open for a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np

from billing.reconciliation.frames import plain_brand

LONGEST_RUN = 6
"""So many days of batches at most arrive in one deposit: a long weekend with its holidays."""
_LATE_DAYS = 5
"""Weekends and holidays come on top of the days agreed."""
_FEE_DAYS = 20
"""The debit of a month's fees is looked for so long after its end."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed with the processor of one merchant account.

    ``fees``: daily (deposits come net of fees) or monthly (deposits come whole, fees are taken after the month).
    ``deposit_days``: so many working days after its batch a deposit comes. ``bank_text`` names it in the bank's line.
    ``brands_apart``: brands that are deposited by themselves.
    """

    fees: str = "daily"
    deposit_days: int = 2
    bank_text: str = ""
    brands_apart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """A closed batch, in cents. ``net_cents`` is what the processor states; where it states none, gross less fees."""

    id: str
    processor: str
    settled_on: date
    gross_cents: int
    fee_cents: int = 0
    net_cents: int | None = None
    brand: str = ""
    currency: str = ""
    location: str = ""

    def owed(self, terms: Terms) -> int:
        """What is to arrive for it."""
        if terms.fees == "monthly":
            return self.gross_cents
        return self.gross_cents - self.fee_cents if self.net_cents is None else self.net_cents

    def kept(self, terms: Terms) -> int:
        """What the processor keeps before it pays."""
        return self.gross_cents - self.owed(terms)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a bank statement; negative where money leaves."""

    id: str
    posted_on: date
    amount_cents: int
    description: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class DepositFound:
    """A line and what explains it, to the cent: gross less fees is its amount.

    ``line`` is none for batches that come to nothing. ``kind``: deposit, or monthly_fees with the first day of the
    month in ``month`` and no batches.
    """

    line: str | None
    batches: tuple[str, ...]
    gross_cents: int
    fee_cents: int
    amount_cents: int
    kind: str = "deposit"
    month: date | None = None
    reason: str = ""


@dataclass(slots=True)
class _Stream:
    """Batches whose deposits never mix with others: of one processor, currency and, where apart, brand."""

    terms: Terms
    currency: str
    batches: list[Batch] = field(default_factory=list)

    def takes(self, line: Line, others: Iterable[str]) -> bool:
        """Whether a line can be of this processor: by its text, or because no other one's text is in it."""
        text = _plain(line.description)
        if self.currency and line.currency and self.currency != line.currency:
            return False
        if self.terms.bank_text:
            return _plain(self.terms.bank_text) in text
        return not any(other in text for other in others)

    def in_time(self, last: Batch, line: Line) -> bool:
        """Whether the line came within the days agreed after the last batch."""
        return last.settled_on <= line.posted_on <= last.settled_on + timedelta(self.terms.deposit_days + _LATE_DAYS)


def match_deposits(batches: Iterable[Batch], lines: Iterable[Line], terms: Mapping[str, Terms]) -> list[DepositFound]:
    """Which lines are the deposits of which batches, to the cent; each batch and each line once.

    ``terms`` by processor; one without terms is taken to deposit daily, net or whole, within two working days. The
    answer does not depend on the order of what is given.
    """
    batches = list(batches)
    streams = _streams(batches, terms)
    free = {line.id: line for line in sorted(lines, key=lambda one: (one.posted_on, one.id))}
    names = sorted({_plain(one.terms.bank_text) for one in streams if one.terms.bank_text})
    found: list[DepositFound] = []
    for stream in streams:
        found += _nothing_owed(stream)
    found += _laid_beside(streams, free, names)
    untold = [stream for stream in streams if stream.batches and stream.batches[0].processor not in terms]
    for stream in untold:  # nobody said whether its deposits come net or whole
        stream.terms = replace(stream.terms, fees="monthly")
    found += _laid_beside(untold, free, names)
    found += _monthly_fees(batches, free, terms, names)
    return sorted(found, key=lambda one: (one.line or "", one.batches))


def _streams(batches: Iterable[Batch], terms: Mapping[str, Terms]) -> list[_Stream]:
    result: dict[tuple[str, str, str], _Stream] = {}
    for batch in sorted(batches, key=lambda one: (one.settled_on, one.id)):
        agreed = terms.get(batch.processor, Terms())
        brand = plain_brand(batch.brand)
        apart = brand if brand in {plain_brand(one) for one in agreed.brands_apart} else ""
        key = (batch.processor, batch.currency, apart)
        result.setdefault(key, _Stream(agreed, batch.currency)).batches.append(batch)
    return [result[key] for key in sorted(result)]


def _laid_beside(streams: list[_Stream], free: dict[str, Line], names: list[str]) -> list[DepositFound]:
    """What one batch explains, then the batches of some days: of a location and brand, of a location, of all."""
    found = []
    for step, within in ((_single, _whole), (_days, _by_brand), (_days, _by_location), (_days, _whole)):
        for stream in streams:
            for part in within(stream):
                fits = [line for line in free.values() if stream.takes(line, names)]
                for one in step(part, fits):
                    found.append(one)
                    del free[str(one.line)]
                    stream.batches = [batch for batch in stream.batches if batch.id not in one.batches]
    return found


def _whole(stream: _Stream) -> list[_Stream]:
    return [stream]


def _by_location(stream: _Stream) -> list[_Stream]:
    """A stream apart for each location, where there are several: each may have a deposit of its own."""
    return _parts(stream, lambda batch: batch.location)


def _by_brand(stream: _Stream) -> list[_Stream]:
    """A stream apart for each location and brand."""
    return _parts(stream, lambda batch: (batch.location, plain_brand(batch.brand)))


def _parts(stream: _Stream, by: Callable[[Batch], object]) -> list[_Stream]:
    parts: dict[object, _Stream] = {}
    for batch in stream.batches:
        parts.setdefault(by(batch), _Stream(stream.terms, stream.currency)).batches.append(batch)
    return list(parts.values()) if len(parts) > 1 else []


def _plain(text: str) -> str:
    return " ".join(text.upper().split())


def _found(stream: _Stream, line: Line | None, batches: list[Batch], reason: str) -> DepositFound:
    gross = sum(batch.gross_cents for batch in batches)
    fees = sum(batch.kept(stream.terms) for batch in batches)
    return DepositFound(
        line.id if line else None, tuple(batch.id for batch in batches), gross, fees, gross - fees, reason=reason
    )


def _nothing_owed(stream: _Stream) -> list[DepositFound]:
    nothing = [batch for batch in stream.batches if batch.owed(stream.terms) == 0]
    stream.batches = [batch for batch in stream.batches if batch.owed(stream.terms) != 0]
    return [_found(stream, None, [batch], "The batch comes to nothing") for batch in nothing]


def _single(stream: _Stream, lines: list[Line]) -> list[DepositFound]:
    """One batch, one line of its amount. Among equal ones as many as can be, as near to the days agreed as can be."""
    by_amount: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        by_amount[line.amount_cents].append(line)
    equal: dict[int, list[Batch]] = defaultdict(list)
    for batch in stream.batches:
        equal[batch.owed(stream.terms)].append(batch)
    found = []
    for cents, batches in equal.items():
        for batch, line in _nearest(stream, batches, by_amount[cents]):
            found.append(_found(stream, line, [batch], "The amount of this batch"))
    return found


def _nearest(stream: _Stream, batches: list[Batch], lines: list[Line]) -> list[tuple[Batch, Line]]:
    if not lines:
        return []
    from scipy.optimize import linear_sum_assignment  # half a second to load, and pages only need what is beside it

    gain = np.zeros((len(batches), len(lines)))
    for row, batch in enumerate(batches):
        for column, line in enumerate(lines):
            if stream.in_time(batch, line):
                working = int(np.busday_count(batch.settled_on, line.posted_on))
                gain[row, column] = 1_000.0 - abs(working - stream.terms.deposit_days)
    picked = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    return [(batches[row], lines[column]) for row, column in picked if gain[row, column]]


def _days(stream: _Stream, lines: list[Line]) -> list[DepositFound]:
    """Batches that follow one another in one line. Of all ways to lay runs of batches beside the lines, in their order,
    the one that explains most batches; of those the one with the shortest runs and the least delay."""
    batches = stream.batches
    owed = [batch.owed(stream.terms) for batch in batches]
    runs: dict[int, list[tuple[int, Line]]] = {}
    by_amount: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        by_amount[line.amount_cents].append(line)
    for start, first in enumerate(batches):
        total, fits = 0, []
        for stop in range(start, len(batches)):
            last = batches[stop]
            if (last.settled_on - first.settled_on).days >= LONGEST_RUN:
                break
            total += owed[stop]
            fits += [(stop + 1, line) for line in by_amount.get(total, []) if stream.in_time(last, line)]
        if fits:
            runs[start] = fits
    order = {line.id: at for at, line in enumerate(lines)}
    return _laid(stream, runs, order)


def _laid(stream: _Stream, runs: dict[int, list[tuple[int, Line]]], order: dict[str, int]) -> list[DepositFound]:
    """The best sequence of runs that use ever later lines, from the last batch to the first."""
    batches = stream.batches
    best: list[list[tuple[tuple[int, int, int], int, _Chain]]] = [[] for _ in range(len(batches) + 1)]
    best[len(batches)] = [((0, 0, 0), len(order), None)]
    for start in range(len(batches) - 1, -1, -1):
        options = list(best[start + 1])
        for stop, line in runs.get(start, []):
            after = [one for one in best[stop] if one[1] > order[line.id]]
            if after:
                (count, extra, delay), _, chain = max(after, key=lambda one: one[0])
                late = (line.posted_on - batches[stop - 1].settled_on).days
                gain = (count + stop - start, extra - (stop - start - 1), delay - late)
                options.append((gain, order[line.id], (start, stop, line, chain)))
        best[start] = _front(options)
    chain = max(best[0], key=lambda one: one[0])[2] if best[0] else None
    found = []
    while chain:
        start, stop, line, chain = chain
        days = "Several batches in one deposit" if stop - start > 1 else "The amount of this batch"
        found.append(_found(stream, line, batches[start:stop], days))
    return found


_Chain = tuple[int, int, Line, "_Chain"] | None


def _front(options: list[tuple[tuple[int, int, int], int, _Chain]]) -> list[tuple[tuple[int, int, int], int, _Chain]]:
    """Options no other one beats in both gain and how many lines it leaves."""
    kept: list[tuple[tuple[int, int, int], int, _Chain]] = []
    for one in sorted(options, key=lambda option: (-option[1], tuple(-part for part in option[0]))):
        if not kept or one[0] > kept[-1][0]:
            kept.append(one)
    return kept


def _monthly_fees(
    batches: Iterable[Batch], free: dict[str, Line], terms: Mapping[str, Terms], names: list[str]
) -> list[DepositFound]:
    """Debits of just the fees of a month, of processors that take them monthly."""
    fees: dict[tuple[date, str, str], int] = defaultdict(int)
    for batch in batches:
        if terms.get(batch.processor, Terms()).fees == "monthly":
            fees[batch.settled_on.replace(day=1), batch.processor, batch.currency] += batch.fee_cents
    found = []
    for (month, processor, currency), cents in sorted(fees.items()):
        after = (month + timedelta(days=31)).replace(day=1)
        stream = _Stream(terms[processor], currency)
        for line in list(free.values()):
            in_time = after - timedelta(days=3) <= line.posted_on <= after + timedelta(days=_FEE_DAYS)
            if cents and line.amount_cents == -cents and in_time and stream.takes(line, names):
                found.append(
                    DepositFound(line.id, (), 0, cents, -cents, "monthly_fees", month, "The fees of the month")
                )
                del free[line.id]
                break
    return found
