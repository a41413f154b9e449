"""Sums: several payments of one client in one charge, several charges for one payment.

Only rows that belong together anyway are ever added up: of one client and day, one invoice, one authorization, one card
and day. Among all rows of a day some sum nearly always fits by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import pandas as pd

from billing.reconciliation.candidates import same_amounts
from billing.reconciliation.frames import NO_TIME, UNKNOWN, Bools, Both, Ints, Side
from billing.reconciliation.learn import (
    AMOUNT,
    AUTHORIZATION,
    INVOICE,
    LAST4,
    LOCATION,
    Floats,
    Weights,
)
from billing.reconciliation.score import AGREES, DIFFERS, Scored, score

LARGEST = 6
"""More rows than this are only ever added up all together."""
ACCEPT = 1.0
_NEAR_DIGITS = -3.0


@dataclass(slots=True)
class Found:
    """Rows of both sides that are the same money, with the pair that speaks best for them."""

    ours: tuple[int, ...]
    theirs: tuple[int, ...]
    kind: str
    score: float
    ahead: float
    best: Scored


def options(both: Both, weights: Weights, ours: Ints, theirs: Ints, rivals: Rivals) -> list[Found]:
    """Sums among open rows; ``ahead`` is how far each is ahead of the pairs its rows could be in instead."""
    return _several(both, weights, ours, theirs, rivals) + _splits(both, weights, ours, theirs, rivals)


def choose(found: list[Found]) -> list[Found]:
    """The best ones, no row in two of them. Equal ones fall to the earlier references."""
    found = sorted(found, key=lambda one: (-one.ahead, len(one.ours) + len(one.theirs), one.ours, one.theirs))
    best_of: dict[tuple[str, int], list[float]] = {}
    for one in found:
        for row in _rows(one):
            best_of.setdefault(row, []).append(one.ahead)
    taken: set[tuple[str, int]] = set()
    chosen = []
    for one in found:
        rows = _rows(one)
        if one.ahead < ACCEPT or taken & set(rows):
            continue
        taken.update(rows)
        rival = max((best_of[row][1] for row in rows if len(best_of[row]) > 1), default=0.0)
        chosen.append(Found(one.ours, one.theirs, one.kind, one.score, one.ahead - max(rival, 0.0), one.best))
    return chosen


def _rows(one: Found) -> list[tuple[str, int]]:
    return [("p", row) for row in one.ours] + [("s", row) for row in one.theirs]


class Rivals:
    """The best pair of equal amount that each row could stand in instead."""

    def __init__(self, both: Both, pairs: Scored) -> None:
        equal = pairs.says[:, AMOUNT] == AGREES
        self.ours = np.zeros(len(both.payments))
        self.theirs = np.zeros(len(both.settled))
        np.maximum.at(self.ours, pairs.ours[equal], pairs.total[equal])
        np.maximum.at(self.theirs, pairs.theirs[equal], pairs.total[equal])


def _buckets(keys: list[Ints], rows: Ints) -> list[list[int]]:
    """Rows that share all keys, two or more; unknown keys share nothing."""
    known = np.logical_and.reduce([key >= 0 for key in keys])
    frame = pd.DataFrame({str(at): key[known] for at, key in enumerate(keys)})
    frame["row"] = rows[known]
    names = list(frame.columns[:-1])
    frame = frame[frame.duplicated(names, keep=False)]
    if frame.empty:
        return []
    frame = frame.sort_values([*names, "row"], kind="stable")
    code = frame.groupby(names, sort=True).ngroup().to_numpy()
    return [part.tolist() for part in np.split(frame["row"].to_numpy(), np.flatnonzero(np.diff(code)) + 1)]


def _subsets(buckets: list[list[int]]) -> dict[tuple[int, ...], int]:
    """The sets of rows worth adding up, each with how many were tried beside it."""
    result: dict[tuple[int, ...], int] = {}
    for bucket in buckets:
        if len(bucket) > LARGEST:
            result.setdefault(tuple(bucket), 1)
            continue
        tried = 2 ** len(bucket) - len(bucket) - 1
        for size in range(2, len(bucket) + 1):
            for subset in combinations(bucket, size):
                result[subset] = min(tried, result.get(subset, tried))
    return result


def _several(both: Both, weights: Weights, ours: Ints, theirs: Ints, rivals: Rivals) -> list[Found]:
    side = both.payments.take(ours)
    sign = (side.cents > 0).astype(np.int64)
    buckets = (
        _buckets([side.client, side.day, sign], ours)
        + _buckets([side.invoice, sign], ours)
        + _buckets([side.authorization, sign], ours)
        + _buckets([side.last4, side.day, sign], ours)
    )
    sums = _sums(_subsets(buckets), both.payments.cents)
    return _scored(both, weights, sums, theirs, "several_payments_one_charge", rivals)


def _splits(both: Both, weights: Weights, ours: Ints, theirs: Ints, rivals: Rivals) -> list[Found]:
    side = both.settled.take(theirs)
    sign = (side.cents > 0).astype(np.int64)
    buckets = _buckets([side.invoice, sign], theirs) + _buckets([side.authorization, sign], theirs)
    sums = _sums(_subsets(buckets), both.settled.cents)
    return _scored(both, weights, sums, ours, "split_tender", rivals)


@dataclass(slots=True)
class Sums:
    """Sets of rows of one side: ``rows`` of all of them one after the other, from ``starts`` on."""

    rows: Ints
    starts: Ints
    sizes: Ints
    cents: Ints
    tried: Ints


def _sums(subsets: dict[tuple[int, ...], int], cents: Ints) -> Sums:
    members = sorted(subsets)
    sizes = np.array([len(rows) for rows in members], dtype=np.int64)
    rows = np.fromiter(chain.from_iterable(members), dtype=np.int64, count=int(sizes.sum()))
    starts = np.cumsum(sizes) - sizes
    added = np.add.reduceat(cents[rows], starts) if len(members) else np.zeros(0, dtype=np.int64)
    tried = np.array([subsets[one] for one in members], dtype=np.int64)
    return Sums(rows, starts, sizes, added, tried)


def _scored(both: Both, weights: Weights, sums: Sums, others: Ints, kind: str, rivals: Rivals) -> list[Found]:
    """Every member is scored against the partner as though it had the whole amount; the best one speaks for all."""
    ours_many = kind == "several_payments_one_charge"
    many_side, one_side = (both.payments, both.settled) if ours_many else (both.settled, both.payments)
    first = sums.rows[sums.starts]
    which, partner = same_amounts(
        _places(many_side, first, np.arange(len(first)), sums.cents, "last4" if ours_many else "invoice"),
        _places(one_side, others, others, one_side.cents[others], "last4" if ours_many else "invoice"),
        ours_are_sums=ours_many,
    )
    money = many_side.currency[first[which]], one_side.currency[partner]
    may = (money[0] == money[1]) | (money[0] == UNKNOWN) | (money[1] == UNKNOWN)
    which, partner = which[may], partner[may]
    if not len(which):
        return []
    sizes = sums.sizes[which]
    option = np.repeat(np.arange(len(which)), sizes)
    inside = np.arange(len(option)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    many, one = sums.rows[sums.starts[which][option] + inside], partner[option]
    total = one_side.cents[one]
    left, right = (many, one) if ours_many else (one, many)
    pairs = score(both, weights, left, right, (total, total))
    if ours_many:
        _forgive_invoices(pairs)
    allowed = np.bincount(option[~_may(pairs, is_sum_of_ours=ours_many)], minlength=len(which)) == 0
    alone, lone = (rivals.ours, rivals.theirs) if ours_many else (rivals.theirs, rivals.ours)
    instead = np.bincount(option, weights=alone[many], minlength=len(which)) + lone[partner]
    best = _first_best(option, pairs.total, len(which))
    values = pairs.total[best] + weights.sums - np.log(sums.tried[which])
    found = []
    for row in np.flatnonzero(allowed & (values - instead > 0)).tolist():
        start = int(sums.starts[which[row]])
        members, single = tuple(sums.rows[start : start + int(sizes[row])].tolist()), (int(partner[row]),)
        ours, theirs = (members, single) if ours_many else (single, members)
        value = float(values[row])
        ahead = value - float(instead[row])
        found.append(Found(ours, theirs, kind, value, ahead, pairs.take(best[row : row + 1])))
    return found


def _places(side: Side, rows: Ints, names: Ints, cents: Ints, told: str) -> pd.DataFrame:
    """Where and when, for the rows that tell a day, and the field that must not speak against it."""
    frame = pd.DataFrame({"row": names, "cents": cents, "location": side.location[rows], "day": side.day[rows]})
    for name in ("last4", "invoice"):
        frame[name] = getattr(side, name)[rows] if name == told else UNKNOWN
    return frame[frame["day"] != NO_TIME]


def _forgive_invoices(pairs: Scored) -> None:
    """A charge for several invoices names one of them, or that of the visit: another number says little."""
    more = np.maximum(pairs.weight[:, INVOICE], -1.0) - pairs.weight[:, INVOICE]
    pairs.weight[:, INVOICE] += more
    pairs.total += more


def _first_best(option: Ints, total: Floats, count: int) -> Ints:
    order = np.lexsort((np.arange(len(option)), -total, option))
    return order[np.searchsorted(option[order], np.arange(count))]


def _may(pairs: Scored, *, is_sum_of_ours: bool) -> Bools:
    """Whether a member can belong to the whole: nothing known against it."""
    may: Bools = pairs.says[:, LOCATION] != DIFFERS
    if not is_sum_of_ours:
        return may & (pairs.says[:, INVOICE] != DIFFERS)
    differs = (pairs.says[:, LAST4] == DIFFERS) & (pairs.weight[:, LAST4] < _NEAR_DIGITS)
    return may & (~differs | (pairs.says[:, AUTHORIZATION] == AGREES))
