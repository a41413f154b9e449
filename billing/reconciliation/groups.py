"""Sums: several payments of one client in one charge, several charges for one payment.

Only rows that belong together anyway are ever added up: of one client and day, one invoice, one authorization, one card
and day. Among all rows of a day some sum nearly always fits by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from billing.reconciliation.frames import NO_TIME, UNKNOWN, Bools, Both, Ints
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
RARE = -4.6
"""Sums are rare: about one payment in a hundred is part of one."""
ACCEPT = 3.0
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
    subsets = _subsets(buckets)
    sums, members, tried = _sums(subsets, both.payments.cents)
    which, row = _same(sums, both.settled.cents[theirs])
    if not len(which):
        return []
    return _scored(
        both, weights, members, tried, which, theirs[row], "several_payments_one_charge", rivals, ours_many=True
    )


def _splits(both: Both, weights: Weights, ours: Ints, theirs: Ints, rivals: Rivals) -> list[Found]:
    side = both.settled.take(theirs)
    sign = (side.cents > 0).astype(np.int64)
    subsets = _subsets(_buckets([side.invoice, sign], theirs) + _buckets([side.authorization, sign], theirs))
    sums, members, tried = _sums(subsets, both.settled.cents)
    which, row = _same(sums, both.payments.cents[ours])
    if not len(which):
        return []
    return _scored(both, weights, members, tried, which, ours[row], "split_tender", rivals, ours_many=False)


def _sums(subsets: dict[tuple[int, ...], int], cents: Ints) -> tuple[Ints, list[tuple[int, ...]], Ints]:
    members = sorted(subsets)
    sums = np.array([int(cents[list(rows)].sum()) for rows in members], dtype=np.int64)
    return sums, members, np.array([subsets[rows] for rows in members], dtype=np.int64)


def _same(sums: Ints, cents: Ints) -> tuple[Ints, Ints]:
    """Positions of sums and of rows with that amount."""
    left = pd.DataFrame({"cents": sums, "which": np.arange(len(sums))})
    right = pd.DataFrame({"cents": cents, "row": np.arange(len(cents))})
    found = left.merge(right, on="cents").sort_values(["which", "row"])
    return found["which"].to_numpy(dtype=np.int64), found["row"].to_numpy(dtype=np.int64)


def _scored(
    both: Both,
    weights: Weights,
    members: list[tuple[int, ...]],
    tried: Ints,
    which: Ints,
    partner: Ints,
    kind: str,
    rivals: Rivals,
    *,
    ours_many: bool,
) -> list[Found]:
    """Every member is scored against the partner as though it had the whole amount; the best one speaks for all."""
    sizes = np.array([len(members[at]) for at in which], dtype=np.int64)
    many = np.concatenate([np.array(members[at], dtype=np.int64) for at in which])
    option = np.repeat(np.arange(len(which)), sizes)
    one = partner[option]
    left, right = (many, one) if ours_many else (one, many)
    total = both.settled.cents[one] if ours_many else both.payments.cents[one]
    pairs = score(both, weights, left, right, (total, total))
    if ours_many:
        _forgive_invoices(pairs)
    may = _may(both, pairs, is_sum_of_ours=ours_many)
    allowed = np.bincount(option[~may], minlength=len(which)) == 0
    alone = rivals.ours if ours_many else rivals.theirs
    instead = np.bincount(option, weights=alone[many], minlength=len(which))
    instead += (rivals.theirs if ours_many else rivals.ours)[partner]
    best = _first_best(option, pairs.total, len(which))
    found = []
    for at in np.flatnonzero(allowed):
        value = float(pairs.total[best[at]]) + RARE - float(np.log(tried[which[at]]))
        rows, lone = members[which[at]], (int(partner[at]),)
        ours, theirs = (rows, lone) if ours_many else (lone, rows)
        found.append(Found(ours, theirs, kind, value, value - float(instead[at]), pairs.take(best[at : at + 1])))
    return found


def _forgive_invoices(pairs: Scored) -> None:
    """A charge for several invoices names one of them, or that of the visit: another number says little."""
    more = np.maximum(pairs.weight[:, INVOICE], -1.0) - pairs.weight[:, INVOICE]
    pairs.weight[:, INVOICE] += more
    pairs.total += more


def _first_best(option: Ints, total: Floats, count: int) -> Ints:
    order = np.lexsort((np.arange(len(option)), -total, option))
    return order[np.searchsorted(option[order], np.arange(count))]


def _may(both: Both, pairs: Scored, *, is_sum_of_ours: bool) -> Bools:
    """Whether a member can belong to the whole: near enough in time, nothing known against it."""
    p, s = both.payments, both.settled
    day, settled = p.day[pairs.ours], s.day[pairs.theirs]
    may = (day != NO_TIME) & (settled != NO_TIME) & (settled - day >= -1) & (settled - day <= 30)
    money = p.currency[pairs.ours], s.currency[pairs.theirs]
    may &= (money[0] == money[1]) | (money[0] == UNKNOWN) | (money[1] == UNKNOWN)
    may &= pairs.says[:, LOCATION] != DIFFERS
    if is_sum_of_ours:
        differs = (pairs.says[:, LAST4] == DIFFERS) & (pairs.weight[:, LAST4] < _NEAR_DIGITS)
        code = pairs.says[:, AUTHORIZATION] == AGREES
        may &= ~differs | code
    else:
        may &= pairs.says[:, INVOICE] != DIFFERS
    return may
