"""How one number can have become another under a person's fingers: swapped digits, a wrong one, a decimal point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from billing.reconciliation.frames import Bools, Ints, Texts

Floats = NDArray[np.float64]

SAME, SWAP, DIGIT, DROPPED, DECIMAL, TIP, ADJUSTED, OTHER = range(8)
_PLACES = 9


def _digits(values: Ints, places: int) -> Ints:
    return (values[:, None] // 10 ** np.arange(places, dtype=np.int64)) % 10


_LAST4 = _digits(np.arange(10_000, dtype=np.int64), 4).astype(np.int8)


def _length(values: Ints) -> Ints:
    return np.sum(values[:, None] >= 10 ** np.arange(_PLACES, dtype=np.int64), axis=1)


def of_amounts(ours: Ints, theirs: Ints) -> Ints:
    """What may have happened between two amounts in cents: the first that fits of the slips above."""
    ours, theirs = np.abs(ours), np.abs(theirs)
    kinds = np.full(len(ours), OTHER, dtype=np.int64)
    rows = np.flatnonzero(ours != theirs)
    kinds[ours == theirs] = SAME
    a, b = ours[rows], theirs[rows]
    more = b - a
    found = [
        (DECIMAL, (a * 10 == b) | (b * 10 == a) | (a * 100 == b) | (b * 100 == a)),
        (SWAP, swapped(a, b, _PLACES)),
        (DIGIT, one_digit(a, b)),
        (DROPPED, _dropped(a, b) | _dropped(b, a)),
        (TIP, (more > 0) & (more * 100 <= a * 40)),
        (ADJUSTED, np.abs(more) * 100 <= np.maximum(a, b) * 40),
    ]
    result = np.full(len(rows), OTHER, dtype=np.int64)
    for kind, fits in reversed(found):
        result[fits] = kind
    kinds[rows] = result
    return kinds


def what_slipped(paid_cents: int, settled_cents: int) -> int:
    """What may have happened between two amounts: one of the slips above."""
    return int(of_amounts(np.array([paid_cents]), np.array([settled_cents]))[0])


def typing(ours: Ints, theirs: Ints) -> Floats:
    """The chance that a slip of its kind makes just this amount of ours out of theirs; 0 for what no slip makes."""
    kinds = of_amounts(ours, theirs)
    digits = _length(np.abs(theirs))
    ways = np.array([0.0, 1 / 3, 1 / 9, 1 / 10, 1 / 4, 0.0, 0.0, 0.0])[kinds]
    return np.asarray(np.where(kinds == DIGIT, ways / np.maximum(digits - 1, 1), ways))


def habit(ours: Ints, theirs: Ints) -> Floats:
    """The chance that a tip, rounding up or an adjustment makes just this amount of theirs out of ours."""
    paid, got = np.abs(ours), np.abs(theirs)
    more = got - paid
    percent = np.round(more * 1_000 / np.maximum(paid, 1)).astype(np.int64)
    small = np.abs(more) * 100 <= 40 * paid
    whole = more % 100 == 0
    chance = np.where(small, np.where(whole, 1 / 30, 1 / 1_000), np.where(whole, 1 / 500, 1 / 10_000))
    chance = np.where(more > 0, chance, chance / 2)
    tip = np.isin(percent, [50, 100, 150, 180, 200, 250]) & (np.abs(paid * percent - more * 1_000) <= 1_000)
    rounded = (got % 500 == 0) & (paid % 500 != 0) & (more > 0)
    return np.asarray(np.maximum(chance, np.where((tip | rounded) & small, 1 / 20, 0.0)))


def one_digit(a: Ints, b: Ints) -> Bools:
    """As many digits, one of them another."""
    return (_length(a) == _length(b)) & (np.sum(_digits(a, _PLACES) != _digits(b, _PLACES), axis=1) == 1)


def swapped(a: Ints, b: Ints, places: int) -> Bools:
    """Two neighboring digits changed places, all others are the same."""
    x, y = _digits(a, places), _digits(b, places)
    differ = x != y
    result = np.zeros(len(a), dtype=bool)
    twice = differ.sum(axis=1) == 2
    for place in range(places - 1):
        result |= twice & differ[:, place] & (x[:, place] == y[:, place + 1]) & (x[:, place + 1] == y[:, place])
    return result


def _dropped(short: Ints, long: Ints) -> Bools:
    """``short`` is ``long`` without one of its digits."""
    result = np.zeros(len(short), dtype=bool)
    for place in range(_PLACES):
        unit = 10**place
        result |= (long // (unit * 10)) * unit + long % unit == short
    return result & (short < long) & (_length(long) == _length(short) + 1)


def near_digits(a: Ints, b: Ints) -> Bools:
    """Card digits that one slip turns into the other: one wrong digit, or two neighbors swapped."""
    x, y = _LAST4[a], _LAST4[b]
    differ = x != y
    count = differ.sum(axis=1, dtype=np.int8)
    result = count == 1
    rows = np.flatnonzero(count == 2)
    x, y, differ = x[rows], y[rows], differ[rows]
    for place in range(3):
        both = differ[:, place] & differ[:, place + 1]
        result[rows] |= both & (x[:, place] == y[:, place + 1]) & (x[:, place + 1] == y[:, place])
    return result


def near_codes(a: Texts, b: Texts) -> Bools:
    """Codes of the same length with one wrong character, or two neighbors swapped."""
    if not len(a):
        return np.zeros(0, dtype=bool)
    left: NDArray[np.str_] = a.astype("U12")
    right: NDArray[np.str_] = b.astype("U12")
    x, y = left.view(np.uint32).reshape(len(a), 12), right.view(np.uint32).reshape(len(a), 12)
    differ = x != y
    count = differ.sum(axis=1)
    same_length = (x != 0).sum(axis=1) == (y != 0).sum(axis=1)
    swap = np.zeros(len(a), dtype=bool)
    for place in range(11):
        swap |= (count == 2) & differ[:, place] & (x[:, place] == y[:, place + 1]) & (x[:, place + 1] == y[:, place])
    return same_length & ((count == 1) | swap)
