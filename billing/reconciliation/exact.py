"""Pairs that a key names alone: the same authorization, invoice or card digits with the same amount, once on each side.

They are proposals: score.py says whether the other fields bear them out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from billing.reconciliation.frames import Bools, Both, Ints, Side


def keyed(both: Both, ours: Ints, theirs: Ints) -> dict[str, tuple[Ints, Ints]]:
    """For each kind of key the pairs (payment rows, settled rows) it names, each row once. ``ours`` and ``theirs`` are
    the rows that may be used; both come back as rows of the whole side."""
    p, s = both.payments.take(ours), both.settled.take(theirs)
    place = _with_location(p, s)
    found = {
        "authorization": _alone([p.authorization, p.cents, *place[0]], [s.authorization, s.cents, *place[1]]),
        "invoice": _alone([p.invoice, p.cents], [s.invoice, s.cents]),
        "last4": _alone([p.last4, p.cents, *place[0]], [s.last4, s.cents, *place[1]]),
    }
    return {name: (ours[left], theirs[right]) for name, (left, right) in found.items()}


def same_but_amount(both: Both, ours: Ints, theirs: Ints) -> tuple[Ints, Ints]:
    """Pairs that authorization and card digits name alone, whatever their amounts: how often amounts differ."""
    p, s = both.payments.take(ours), both.settled.take(theirs)
    sign = (p.cents > 0).astype(np.int64), (s.cents > 0).astype(np.int64)
    by_code = _alone([p.authorization, p.last4, sign[0]], [s.authorization, s.last4, sign[1]], known=2)
    by_invoice = _alone([p.invoice, p.last4, sign[0]], [s.invoice, s.last4, sign[1]], known=2)
    left = np.concatenate([by_code[0], by_invoice[0]])
    right = np.concatenate([by_code[1], by_invoice[1]])
    _, first = np.unique(left * (len(s) + 1) + right, return_index=True)
    return ours[left[first]], theirs[right[first]]


def agreed(found: list[tuple[Ints, Ints]], count: int) -> tuple[Ints, Ints]:
    """Pairs no two keys disagree about: a row that is named with two partners is left for later."""
    pairs = np.unique(np.concatenate([left * count + right for left, right in found]))
    left, right = pairs // count, pairs % count
    once = _single(left) & _single(right)
    return left[once], right[once]


def _single(values: Ints) -> Bools:
    return np.asarray(np.bincount(values)[values] == 1) if len(values) else np.zeros(0, dtype=bool)


def _with_location(p: Side, s: Side) -> tuple[list[Ints], list[Ints]]:
    """The location belongs to a key only where both sides know it nearly always."""
    known = min(np.mean(p.location >= 0) if len(p) else 0, np.mean(s.location >= 0) if len(s) else 0)
    return ([p.location], [s.location]) if known > 0.99 else ([], [])


def _alone(ours: list[Ints], theirs: list[Ints], known: int = 1) -> tuple[Ints, Ints]:
    """Rows whose key stands once on each side. The first ``known`` columns must not be unknown."""
    left = np.flatnonzero(np.logical_and.reduce([column >= 0 for column in ours[:known]]))
    right = np.flatnonzero(np.logical_and.reduce([column >= 0 for column in theirs[:known]]))
    codes = np.zeros(len(left) + len(right), dtype=np.int64)
    for one, other in zip(ours, theirs, strict=True):
        values, names = pd.factorize(np.concatenate([one[left], other[right]]))
        codes, _ = pd.factorize(codes * max(len(names), 1) + values)
    size = int(codes.max(initial=-1)) + 1
    mine, yours = codes[: len(left)], codes[len(left) :]
    once = (np.bincount(mine, minlength=size) == 1) & (np.bincount(yours, minlength=size) == 1)
    where = np.full(size, -1, dtype=np.int64)
    where[yours] = right
    chosen = once[mine]
    return left[chosen], where[mine[chosen]]
