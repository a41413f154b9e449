"""The words for what was found: the kind of each pair, and what a row without a partner is about."""

from __future__ import annotations

import numpy as np

from billing.reconciliation import slips
from billing.reconciliation.frames import NO_TIME, Both, Ints, Texts
from billing.reconciliation.learn import LAST4, Floats
from billing.reconciliation.score import DIFFERS, Scored

_TYPOS = (slips.SWAP, slips.DIGIT, slips.DROPPED)
_ROUNDS = 12
_ENOUGH = 50
_EVERY_WAY = 10.0
"""What all ways in have in common counts like so many differences of one of them."""


def pair_kinds(both: Both, pairs: Scored, prices: Ints) -> Texts:
    """The kind of each pair of one payment and one settled row: one of MATCH_KINDS. ``prices`` are amounts both sides
    agreed on elsewhere."""
    p, s = both.payments, both.settled
    paid, got = p.cents[pairs.ours], s.cents[pairs.theirs]
    day, settled_day = p.day[pairs.ours], s.day[pairs.theirs]
    later = (settled_day > day) & (day != NO_TIME)
    kinds = np.where(later, "next_batch", "exact").astype(object)
    kinds[paid < 0] = "refund"
    kinds[pairs.says[:, LAST4] == DIFFERS] = "last4_typo"
    differ = np.flatnonzero(paid != got)
    _, ways = np.unique(p.channel[pairs.ours[differ]], return_inverse=True)
    kinds[differ] = of_differences(paid[differ], got[differ], prices, ways)
    return kinds


def of_differences(paid: Ints, got: Ints, prices: Ints, ways: Ints) -> Texts:
    """amount_typo, decimal_slip or amount_diff for amounts that differ.

    A difference that one wrong digit explains can also be a tip. What this data is like decides. Behind a wrong digit
    theirs is a price and ours is odd; behind a tip ours is the price. And tips and adjustments come again and again
    with the same amount or percentage, where those of wrong digits are spread out. ``ways`` numbers the way each
    payment came in: where amounts are typed by hand, more of them are mistyped.
    """
    paid, got = np.abs(paid), np.abs(got)
    shape = slips.of_amounts(paid, got)
    typed = np.array([0, 0.35, 0.6, 0.05, 0, 0, 0, 0])[shape] * slips.typing(paid, got) + 1e-7
    likely = _price(got, prices) / _price(paid, prices)
    share, overall = np.full(len(paid), 0.5), np.full(len(paid), 0.5)
    others = shape != slips.DECIMAL
    for _ in range(_ROUNDS):
        odds = overall * typed * likely / ((1 - overall) * _habit(paid, got, 1 - share))
        share = np.where(others, odds / (1 + odds), 0.0)
        of_all = float((share.sum() + 5.0) / (others.sum() + 10.0))
        here, among = np.bincount(ways, weights=share), np.bincount(ways, weights=others)
        overall = ((here + _EVERY_WAY * of_all) / (among + _EVERY_WAY))[ways]
    kinds = np.full(len(paid), "amount_diff", dtype=object)
    far = np.abs(got - paid) * 100 > 60 * np.minimum(paid, got)
    kinds[((share > _called_from(share)) & np.isin(shape, _TYPOS)) | far] = "amount_typo"
    kinds[shape == slips.DECIMAL] = "decimal_slip"
    return kinds


def _called_from(share: Floats) -> float:
    """From which belief on a difference is called a typo: so that as many are called so as are believed to be there."""
    expected = int(share.sum())
    if len(share) < _ENOUGH or not 0 < expected < len(share):
        return 0.5
    return float(np.clip(np.sort(share)[-expected - 1], 0.3, 0.7))


def _price(cents: Ints, prices: Ints) -> Floats:
    """How common an amount is among those both sides agree on."""
    values, counts = np.unique(np.abs(prices), return_counts=True)
    if not len(values):
        return np.ones(len(cents))
    at = np.minimum(np.searchsorted(values, cents), len(values) - 1)
    return np.asarray((np.where(values[at] == cents, counts[at], 0) + 0.3) / (len(prices) + 1.0))


def _habit(paid: Ints, got: Ints, belief: Floats) -> Floats:
    """The chance of a tip or adjustment being just this: how often its amount or percentage occurs, by belief."""
    more = got - paid
    percent = np.round(more * 1_000 / np.maximum(paid, 1)).astype(np.int64)
    by_amount = _weight_of(more, belief) - belief
    by_percent = _weight_of(percent, belief) - belief
    total = belief.sum() + 10.0
    return np.asarray((10.0 * slips.habit(paid, got) + np.maximum(by_amount, 0.5 * by_percent)) / total)


def _weight_of(values: Ints, belief: Floats) -> Floats:
    _, at = np.unique(values, return_inverse=True)
    return np.asarray(np.bincount(at, weights=belief), dtype=np.float64)[at]
