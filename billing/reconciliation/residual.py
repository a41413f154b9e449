"""One payment, two charges, where the processor tells no invoice: a charge that card digits or authorization tie to the
payment is too small, and what is lacking went through the same place just then. Never a search over all of a day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from billing.reconciliation.frames import UNKNOWN, Both, Ints
from billing.reconciliation.groups import RARE, Found, Rivals
from billing.reconciliation.learn import AMOUNT, AUTHORIZATION, INVOICE, LAST4, LOCATION, Weights
from billing.reconciliation.score import AGREES, DIFFERS, Scored, score

_WINDOW = 2 * 3_600
"""Both charges of one payment are made within so many seconds."""


def rests(both: Both, weights: Weights, theirs: Ints, pairs: Scored, rivals: Rivals) -> list[Found]:
    """Payments with a charge that is tied to them and another that makes up the rest."""
    p, s = both.payments, both.settled
    says = pairs.says
    tied = (says[:, LAST4] == AGREES) | (says[:, AUTHORIZATION] == AGREES) | (says[:, INVOICE] == AGREES)
    paid, got = p.cents[pairs.ours], s.cents[pairs.theirs]
    tied &= (says[:, AMOUNT] == DIFFERS) & (np.abs(got) < np.abs(paid)) & (says[:, LOCATION] != DIFFERS)
    rows = np.flatnonzero(tied)
    if not len(rows):
        return []
    left = pd.DataFrame({"anchor": rows, "cents": (paid - got)[rows], "first": pairs.theirs[rows]})
    right = pd.DataFrame({"cents": s.cents[theirs], "second": theirs})
    found = left.merge(right, on="cents")
    first, second = found["first"].to_numpy(dtype=np.int64), found["second"].to_numpy(dtype=np.int64)
    ours = pairs.ours[found["anchor"].to_numpy(dtype=np.int64)]
    near = (first != second) & (np.abs(s.time[first] - s.time[second]) <= _WINDOW)
    near &= (s.location[first] == s.location[second]) | (s.location[first] == UNKNOWN) | (s.location[second] == UNKNOWN)
    invoice = p.invoice[ours], s.invoice[second]
    near &= (invoice[0] == invoice[1]) | (invoice[0] == UNKNOWN) | (invoice[1] == UNKNOWN)
    first, second, ours = first[near], second[near], ours[near]
    if not len(first):
        return []
    total = p.cents[ours]
    whole = score(both, weights, ours, first, (total, total))
    beside = _beside(both, theirs, first, second)
    chance = np.log(np.maximum(beside * weights.share_of_amount(s.cents[second]), 1e-4))
    values = whole.total - chance + RARE - whole.weight[:, AMOUNT]
    instead = rivals.ours[ours] + rivals.theirs[first] + rivals.theirs[second]
    result = []
    for at in range(len(first)):
        parts = tuple(sorted((int(first[at]), int(second[at]))))
        value = float(values[at])
        one = whole.take(np.array([at]))
        result.append(Found((int(ours[at]),), parts, "split_tender", value, value - float(instead[at]), one))
    return _once(result)


def _beside(both: Both, theirs: Ints, first: Ints, second: Ints) -> Ints:
    """How many open charges of that place lie as near to the first one in time as the second does."""
    s = both.settled
    counts = np.zeros(len(second), dtype=np.int64)
    place = np.where(s.location[second] >= 0, s.location[second], UNKNOWN)
    apart = np.maximum(np.abs(s.time[first] - s.time[second]), 60)
    for location in np.unique(place):
        here = theirs if location == UNKNOWN else theirs[s.location[theirs] == location]
        times = np.sort(s.time[here])
        rows = np.flatnonzero(place == location)
        at, wide = s.time[first[rows]], apart[rows]
        counts[rows] = np.searchsorted(times, at + wide, "right") - np.searchsorted(times, at - wide)
    return counts


def _once(found: list[Found]) -> list[Found]:
    """The better of two ways to find the same rows: either of two charges can be the one that is tied."""
    best: dict[tuple[tuple[int, ...], tuple[int, ...]], Found] = {}
    for one in found:
        key = (one.ours, one.theirs)
        if key not in best or one.score > best[key].score:
            best[key] = one
    return list(best.values())
