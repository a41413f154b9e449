"""One payment, two charges, where the processor tells no invoice: a charge that card digits or authorization tie to the
payment is too small, and what is lacking went through the same place just then. Never a search over all of a day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from billing.reconciliation.frames import UNKNOWN, Bools, Both, Ints, Side
from billing.reconciliation.groups import Found, Rivals
from billing.reconciliation.learn import AMOUNT, AUTHORIZATION, INVOICE, LAST4, LOCATION, Floats, Weights
from billing.reconciliation.score import AGREES, DIFFERS, Scored, score

_WINDOW = 2 * 3_600
"""Both charges of one payment are made within so many seconds."""


def rests(both: Both, weights: Weights, theirs: Ints, pairs: Scored, rivals: Rivals) -> list[Found]:
    """Payments with a charge that is tied to them and another that makes up the rest. What they must beat is that the
    payment and its charge are one sale whose amounts differ."""
    p, s = both.payments, both.settled
    says = pairs.says
    tied = (says[:, LAST4] == AGREES) | (says[:, AUTHORIZATION] == AGREES) | (says[:, INVOICE] == AGREES)
    paid, got = p.cents[pairs.ours], s.cents[pairs.theirs]
    tied &= (says[:, AMOUNT] == DIFFERS) & (np.abs(got) < np.abs(paid)) & (says[:, LOCATION] != DIFFERS)
    rows = np.flatnonzero(tied)
    if not len(rows):
        return []
    anchor, second = _rest_nearby(s, rows, pairs.theirs[rows], (paid - got)[rows], theirs)
    first = pairs.theirs[anchor]
    ours = pairs.ours[anchor]
    near = (first != second) & (np.abs(s.time[first] - s.time[second]) <= _WINDOW)
    near &= _agree(s.location[first], s.location[second]) & _agree(p.invoice[ours], s.invoice[second])
    near &= _agree(s.currency[first], s.currency[second])
    first, second, ours, anchor = first[near], second[near], ours[near], anchor[near]
    if not len(first):
        return []
    total = p.cents[ours]
    whole = score(both, weights, ours, first, (total, total))
    chance = np.log(_beside(both, theirs, second) / (2 * _WINDOW) * weights.share_of_amount(s.cents[second]))
    close = _closeness(np.abs(s.time[first] - s.time[second]).astype(np.float64))
    values = whole.total - whole.weight[:, AMOUNT] + close - chance + weights.sums
    alone = np.maximum(pairs.total[anchor], rivals.ours[ours])
    instead = np.maximum(alone, rivals.theirs[first]) + rivals.theirs[second]
    result = []
    for at in np.flatnonzero(values > instead).tolist():
        parts = tuple(sorted((int(first[at]), int(second[at]))))
        value = float(values[at])
        one = whole.take(np.array([at]))
        result.append(Found((int(ours[at]),), parts, "split_tender", value, value - float(instead[at]), one))
    return _once(result)


def _rest_nearby(s: Side, rows: Ints, first: Ints, rest: Ints, theirs: Ints) -> tuple[Ints, Ints]:
    """For charges (``first``, of the pairs ``rows``) that are too small by ``rest``: the charges of that amount within
    an hour or two, as (pair, charge)."""
    hours = s.time[first] // _WINDOW
    left = pd.concat(
        [pd.DataFrame({"anchor": rows, "cents": rest, "hours": hours + step}) for step in (-1, 0, 1)], ignore_index=True
    )
    right = pd.DataFrame({"second": theirs, "cents": s.cents[theirs], "hours": s.time[theirs] // _WINDOW})
    found = left.merge(right, on=["cents", "hours"]).sort_values(["anchor", "second"])
    return found["anchor"].to_numpy(dtype=np.int64), found["second"].to_numpy(dtype=np.int64)


def _agree(one: Ints, other: Ints) -> Bools:
    return (one == other) | (one == UNKNOWN) | (other == UNKNOWN)


def _closeness(apart: Floats) -> Floats:
    """How likely the second charge follows so many seconds after, or before, the first: within minutes as a rule."""
    parts = 0.6 * np.exp(-apart / 300) / 300 + 0.3 * np.exp(-apart / 1_800) / 1_800 + 0.1 / _WINDOW
    return np.asarray(np.log(parts / 2))


def _beside(both: Both, theirs: Ints, second: Ints) -> Ints:
    """How many open charges of that place lie around it in time."""
    s = both.settled
    counts = np.zeros(len(second), dtype=np.int64)
    place = np.where(s.location[second] >= 0, s.location[second], UNKNOWN)
    for location in np.unique(place):
        here = theirs if location == UNKNOWN else theirs[s.location[theirs] == location]
        times = np.sort(s.time[here])
        rows = np.flatnonzero(place == location)
        at = s.time[second[rows]]
        counts[rows] = np.searchsorted(times, at + _WINDOW, "right") - np.searchsorted(times, at - _WINDOW)
    return counts


def _once(found: list[Found]) -> list[Found]:
    """The better of two ways to find the same rows: either of two charges can be the one that is tied."""
    best: dict[tuple[tuple[int, ...], tuple[int, ...]], Found] = {}
    for one in found:
        key = (one.ours, one.theirs)
        if key not in best or one.score > best[key].score:
            best[key] = one
    return list(best.values())
