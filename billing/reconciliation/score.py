"""How strongly each field speaks for a pair, in natural log-odds, and why.

The score of a pair is the sum of its fields and of what it starts with: one settled row in so many is the partner of a
payment, if it has one at all. It is the log-odds that this pair is right rather than that the partner is missing; that
another row is the partner is what the margin tells. 8 says that one in 3,000 such pairs is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from billing.reconciliation import slips
from billing.reconciliation.frames import Bools, Both, Ints
from billing.reconciliation.learn import (
    AMOUNT,
    AUTHORIZATION,
    BRAND,
    DELAY,
    FIELDS,
    INVOICE,
    LAST4,
    LOCATION,
    Floats,
    Weights,
    lag_bins,
)

UNKNOWN, AGREES, DIFFERS = 0, 1, 2
SAYS = ("unknown", "agrees", "differs")
Small = NDArray[np.float32]


@dataclass(slots=True)
class Scored:
    """Pairs with their scores; ``says`` and ``weight`` are [pair, field]."""

    ours: Ints
    theirs: Ints
    total: Floats
    says: NDArray[np.int8]
    weight: Small

    def __len__(self) -> int:
        return len(self.ours)

    def take(self, rows: Ints | Bools) -> Scored:
        """Some of the pairs."""
        return Scored(self.ours[rows], self.theirs[rows], self.total[rows], self.says[rows], self.weight[rows])


def join(parts: list[Scored]) -> Scored:
    """Pairs of several steps in one."""
    return Scored(
        np.concatenate([part.ours for part in parts]),
        np.concatenate([part.theirs for part in parts]),
        np.concatenate([part.total for part in parts]),
        np.concatenate([part.says for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )


def score(both: Both, weights: Weights, ours: Ints, theirs: Ints, cents: tuple[Ints, Ints] | None = None) -> Scored:
    """Scores of pairs of rows. ``cents`` puts other amounts in their place: a sum that stands for several rows."""
    p, s = both.payments, both.settled
    says = np.zeros((len(ours), len(FIELDS)), dtype=np.int8)
    weight = np.zeros((len(ours), len(FIELDS)), dtype=np.float32)
    channel = p.channel[ours]
    paid, got = cents or (p.cents[ours], s.cents[theirs])
    says[:, AMOUNT] = np.where(paid == got, AGREES, DIFFERS)
    weight[:, AMOUNT] = _amount(weights, paid, got)
    for field in (LAST4, AUTHORIZATION, INVOICE, BRAND, LOCATION):
        left, right = getattr(p, FIELDS[field])[ours], getattr(s, FIELDS[field])[theirs]
        known = (left >= 0) & (right >= 0)
        same = known & (left == right)
        says[:, field] = np.where(same, AGREES, np.where(known, DIFFERS, UNKNOWN))
        chance = weights.agree[field, channel]
        share = weights.shares[field][np.maximum(right, 0)]
        agrees = np.log(chance / share)
        differs = np.log((1 - chance) / np.maximum(1 - share, 1e-3))
        weight[:, field] = np.where(same, agrees, np.where(known, differs, 0.0))
    _forgive_digits(both, weights, ours, theirs, says, weight)
    _forgive_codes(both, weights, ours, theirs, says, weight)
    bins = lag_bins(p.time[ours], s.time[theirs])
    known = bins >= 0
    at = np.maximum(bins, 0)
    says[:, DELAY] = np.where(known, np.where(_usual(weights)[channel, at], AGREES, DIFFERS), UNKNOWN)
    here = says[:, LOCATION] == AGREES
    chance_of = np.where(here, weights.chance_here[at], weights.chance[at])
    weight[:, DELAY] = np.where(known, np.log(weights.delays[channel, at] / chance_of), 0.0)
    weight[:, DELAY] += weights.sessions.weight(p, s, ours, theirs)
    rows = np.where(got > 0, max(weights.rows[1], 1), max(weights.rows[0], 1))
    start = np.log((1 - weights.missing) / weights.missing) - np.log(rows)
    return Scored(ours, theirs, weight.sum(axis=1, dtype=np.float64) + start, says, weight)


def _usual(weights: Weights) -> Bools:
    return weights.delays > 0.003


def _amount(weights: Weights, paid: Ints, got: Ints) -> Floats:
    """Equal amounts speak as they are rare. Of others, a wrong finger makes our amount out of the right one: it speaks
    as our amount is rare. A tip makes another amount of ours at the processor: it speaks as that one is rare."""
    share, share_paid = weights.share_of_amount(got), weights.share_of_payment(paid)
    result = np.log(weights.rates[slips.SAME] / share)
    rows = np.flatnonzero(paid != got)
    ours, theirs, rates = paid[rows], got[rows], weights.rates
    kinds = slips.of_amounts(ours, theirs)
    typed = rates[kinds] * slips.typing(ours, theirs) / share_paid[rows]
    more = np.abs(theirs) - np.abs(ours)
    habit = np.where(more > 0, rates[slips.TIP], rates[slips.ADJUSTED]) * slips.habit(ours, theirs) / share[rows]
    other = rates[slips.OTHER] / 20_000 / np.maximum(share, share_paid)[rows]
    result[rows] = np.log(typed + habit + other)
    return np.asarray(result)


def _forgive_digits(
    both: Both, weights: Weights, ours: Ints, theirs: Ints, says: NDArray[np.int8], weight: Small
) -> None:
    """Card digits one slip apart speak less against a pair than any others."""
    rows = np.flatnonzero(says[:, LAST4] == DIFFERS)
    left, right = both.payments.last4[ours[rows]], both.settled.last4[theirs[rows]]
    near = slips.near_digits(left, right)
    missed = 1 - weights.agree[LAST4, both.payments.channel[ours[rows]]]
    share = weights.shares[LAST4][right]
    weight[rows, LAST4] = np.where(near, np.log(0.8 * missed / 39 / share), np.log(np.maximum(0.2 * missed, 1e-3)))


def _forgive_codes(
    both: Both, weights: Weights, ours: Ints, theirs: Ints, says: NDArray[np.int8], weight: Small
) -> None:
    rows = np.flatnonzero(says[:, AUTHORIZATION] == DIFFERS)
    left, right = both.payments.authorization[ours[rows]], both.settled.authorization[theirs[rows]]
    words = both.words["authorization"]
    near = slips.near_codes(words[left], words[right])
    missed = 1 - weights.agree[AUTHORIZATION, both.payments.channel[ours[rows]]]
    forgiven = np.log(0.5 * missed / 60 / weights.shares[AUTHORIZATION][right])
    weight[rows, AUTHORIZATION] = np.where(near, forgiven, weight[rows, AUTHORIZATION])
