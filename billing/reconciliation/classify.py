"""The words for what was found: the kind of each pair, and what a row without a partner is about."""

from __future__ import annotations

import numpy as np

from billing.reconciliation import slips
from billing.reconciliation.frames import NO_TIME, Both, Ints, Texts
from billing.reconciliation.learn import LAST4, Floats
from billing.reconciliation.score import DIFFERS, Scored

_TYPOS = (slips.SWAP, slips.DIGIT, slips.DROPPED)
_ROUNDS = 12


def pair_kinds(both: Both, pairs: Scored) -> Texts:
    """The kind of each pair of one payment and one settled row: one of MATCH_KINDS."""
    p, s = both.payments, both.settled
    paid, got = p.cents[pairs.ours], s.cents[pairs.theirs]
    day, settled_day = p.day[pairs.ours], s.day[pairs.theirs]
    later = (settled_day > day) & (day != NO_TIME)
    kinds = np.where(later, "next_batch", "exact").astype(object)
    kinds[paid < 0] = "refund"
    kinds[pairs.says[:, LAST4] == DIFFERS] = "last4_typo"
    differ = np.flatnonzero(paid != got)
    kinds[differ] = of_differences(paid[differ], got[differ])
    return kinds


def of_differences(paid: Ints, got: Ints) -> Texts:
    """amount_typo, decimal_slip or amount_diff for amounts that differ.

    A difference that one wrong digit explains can also be a tip. What this data is like decides: differences and ratios
    that come again and again are tips or adjustments, those of wrong digits are spread out.
    """
    shape = slips.of_amounts(paid, got)
    kinds = np.full(len(paid), "amount_diff", dtype=object)
    kinds[shape == slips.DECIMAL] = "decimal_slip"
    typed = _typing(paid, got)
    tipped = _habit(paid, got)
    share = np.full(len(paid), 0.5)
    overall = 0.5
    for _ in range(_ROUNDS):
        habit = _habit(paid, got, 1 - share) if len(paid) else tipped
        share = overall * typed / (overall * typed + (1 - overall) * habit)
        share[shape == slips.DECIMAL] = 0.0
        others = shape != slips.DECIMAL
        overall = float((share[others].sum() + 5.0) / (others.sum() + 10.0))
    is_typo = (share > 0.5) & np.isin(shape, _TYPOS)
    far = np.abs(got - paid) * 100 > 60 * np.minimum(np.abs(paid), np.abs(got))
    kinds[(is_typo | (far & (shape != slips.DECIMAL)))] = "amount_typo"
    return kinds


def _typing(paid: Ints, got: Ints) -> Floats:
    """The chance that a wrong finger makes just this amount of the other."""
    shape = slips.of_amounts(paid, got)
    digits = np.floor(np.log10(np.maximum(np.abs(got), 1))) + 1
    swap = slips.swapped(np.abs(paid), np.abs(got), 9)
    one = slips.one_digit(np.abs(paid), np.abs(got))
    chance = np.where(swap, 0.35 / 3, 0.0) + np.where(one, 0.6 / (9 * digits), 0.0)
    return np.asarray(np.where(shape == slips.DROPPED, 0.05 / digits, chance) + 1e-7)


def _habit(paid: Ints, got: Ints, belief: Floats | None = None) -> Floats:
    """The chance of a tip or an adjustment being just this: how often its amount or its percentage occurs, by belief."""
    more = np.abs(got) - np.abs(paid)
    percent = np.round(more * 1_000 / np.maximum(np.abs(paid), 1)).astype(np.int64)
    belief = np.full(len(paid), 0.5) if belief is None else belief
    total = belief.sum() + 10.0
    by_amount = _weight_of(more, belief) - belief
    by_percent = _weight_of(percent, belief) - belief
    small = np.abs(more) * 100 <= 40 * np.abs(paid)
    whole = more % 100 == 0
    usual = np.isin(percent, [50, 100, 150, 180, 200, 250])
    rounded = (np.abs(got) % 500 == 0) & (np.abs(paid) % 500 != 0) & (more > 0)
    prior = np.where(more > 0, 1.0, 0.5) * np.where(
        small, np.where(whole, 1 / 30, 1 / 1_000), np.where(whole, 1 / 500, 1 / 10_000)
    )
    prior = np.maximum(prior, np.where(usual & small, 1 / 20, 0.0))
    prior = np.maximum(prior, np.where(rounded & small, 1 / 20, 0.0))
    return np.asarray((10.0 * prior + np.maximum(by_amount, 0.5 * by_percent)) / total)


def _weight_of(values: Ints, belief: Floats) -> Floats:
    _, at = np.unique(values, return_inverse=True)
    return np.bincount(at, weights=belief)[at]
