"""What this data is like: how common a value is, how often each field agrees where the rows are one sale, how long each
channel takes to settle. Learned from pairs of the same run that another field named; priors only carry small runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from billing.reconciliation import slips
from billing.reconciliation.frames import CHANNELS, DAY, NO_TIME, Both, Ints

Floats = NDArray[np.float64]

FIELDS = ("amount", "last4", "authorization", "invoice", "brand", "location", "delay")
AMOUNT, LAST4, AUTHORIZATION, INVOICE, BRAND, LOCATION, DELAY = range(len(FIELDS))
_HOUR = 3_600
EDGES = np.array(
    [-16 * DAY, -3 * DAY, -DAY, -6 * _HOUR, -_HOUR, -600, -60, 0, 60, 300, 900, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR]
    + [DAY, 36 * _HOUR] + [days * DAY for days in (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 21, 31, 62)],
    dtype=np.int64,
)  # fmt: skip
BINS = len(EDGES) + 1
_QUICK, _SLOW = 0.9, 0.97
_PRIOR_DELAYS = 20.0
_PRIOR_FIELD = 40.0
_AGREES = {LAST4: 0.985, AUTHORIZATION: 0.985, INVOICE: 0.97, BRAND: 0.985, LOCATION: 0.998}
_MOST = {LAST4: 0.998, AUTHORIZATION: 0.998, INVOICE: 0.998, BRAND: 0.998, LOCATION: 0.9995}
_RATES = np.array([0.985, 0.0025, 0.004, 0.0005, 0.002, 0.0035, 0.002, 0.0005])
_PRIOR_RATES = 400.0


@dataclass(slots=True)
class Weights:
    """Shares of values at the processor (how easily two unrelated rows agree), chances of agreeing where they are one
    sale, by field and channel, and of each delay."""

    rows: tuple[int, int]
    """Settled rows of money that go back, and that come in."""
    amounts: tuple[Ints, Floats]
    shares: dict[int, Floats]
    agree: Floats
    """[field, channel]."""
    rates: Floats
    """Of each slip of an amount."""
    delays: Floats
    """[channel, bin] chances where rows are one sale."""
    chance: Floats
    """[bin] chances for two unrelated rows."""

    def share_of_amount(self, cents: Ints) -> Floats:
        """How common an amount is among settled rows that go the same way; half a row where it does not occur."""
        values, shares = self.amounts
        if not len(values):
            return np.ones(len(cents))
        at = np.minimum(np.searchsorted(values, cents), len(values) - 1)
        rare = 0.5 / np.where(cents > 0, max(self.rows[1], 1), max(self.rows[0], 1))
        return np.where(values[at] == cents, shares[at], rare)


def learn(both: Both, theirs: Ints, pairs: dict[str, tuple[Ints, Ints]], loose: tuple[Ints, Ints]) -> Weights:
    """Weights from pairs by the key that named them; ``loose`` pairs are named without their amounts. ``theirs`` are the
    settled rows that are money."""
    p, s = both.payments, both.settled.take(theirs)
    back, forth = int((s.cents < 0).sum()), int((s.cents > 0).sum())
    values, counts = np.unique(s.cents, return_counts=True)
    shares = {
        LAST4: _shares(s.last4, 10_000),
        AUTHORIZATION: _shares(s.authorization, len(both.words["authorization"])),
        INVOICE: _shares(s.invoice, len(both.words["invoice"])),
        BRAND: _shares(s.brand, len(both.words["brand"])),
        LOCATION: _shares(s.location, len(both.words["location"])),
    }
    return Weights(
        rows=(back, forth),
        amounts=(values, counts / np.where(values > 0, max(forth, 1), max(back, 1))),
        shares=shares,
        agree=_agreement(both, pairs),
        rates=_slip_rates(both, loose),
        delays=_delays(both, pairs),
        chance=_chance(p.time, s.time),
    )


def lag_bins(ours: Ints, theirs: Ints) -> Ints:
    """The bin of each delay from payment to processing; -1 where a time is unknown."""
    known = (ours != NO_TIME) & (theirs != NO_TIME)
    lag = np.where(known, theirs, 0) - np.where(known, ours, 0)
    return np.where(known, np.searchsorted(EDGES, lag, side="right"), -1)


def _shares(codes: Ints, size: int) -> Floats:
    counts = np.bincount(codes[codes >= 0], minlength=max(size, 1)).astype(float)
    return np.maximum(counts, 0.5) / max(counts.sum(), 1.0)


def _agreement(both: Both, pairs: dict[str, tuple[Ints, Ints]]) -> Floats:
    """Per field and channel: among pairs that other fields named, how often this one agrees where both sides tell it."""
    sources = {
        LAST4: ("authorization", "invoice"),
        AUTHORIZATION: ("invoice", "last4"),
        INVOICE: ("authorization", "last4"),
        BRAND: ("authorization", "invoice", "last4"),
        LOCATION: ("authorization", "invoice"),
    }
    result = np.ones((len(FIELDS), len(CHANNELS)))
    for field, keys in sources.items():
        name = FIELDS[field]
        left = np.concatenate([pairs[key][0] for key in keys])
        right = np.concatenate([pairs[key][1] for key in keys])
        ours, theirs = getattr(both.payments, name)[left], getattr(both.settled, name)[right]
        known = (ours >= 0) & (theirs >= 0)
        channel = both.payments.channel[left]
        told = np.bincount(channel[known], minlength=len(CHANNELS)).astype(float)
        same = np.bincount(channel[known & (ours == theirs)], minlength=len(CHANNELS)).astype(float)
        overall = (same.sum() + _PRIOR_FIELD * _AGREES[field]) / (told.sum() + _PRIOR_FIELD)
        rates = (same + _PRIOR_FIELD * overall) / (told + _PRIOR_FIELD)
        result[field] = np.clip(rates, 0.05, _MOST[field])
    return result


def _slip_rates(both: Both, loose: tuple[Ints, Ints]) -> Floats:
    kinds = slips.of_amounts(both.payments.cents[loose[0]], both.settled.cents[loose[1]])
    counts = np.bincount(kinds, minlength=len(_RATES)).astype(float)
    counts[slips.OTHER] = min(counts[slips.OTHER], 0.0005 * counts.sum())
    learned: Floats = (counts + _PRIOR_RATES * _RATES) / (counts.sum() + _PRIOR_RATES)
    return learned


def _prior_delays() -> Floats:
    """Card machines of the house settle the same day or the next; slips and links come up to two weeks later."""
    low, high = np.append(EDGES[0] - 30 * DAY, EDGES), np.append(EDGES, EDGES[-1] + 60 * DAY)
    middle = (low + high) / 2
    near = ((low >= -DAY) & (high <= 36 * _HOUR)).astype(float)
    later = ((low >= 36 * _HOUR) & (high <= 5 * DAY)).astype(float)
    quick = 0.9 * near / near.sum() + 0.08 * later / later.sum() + 0.02 / BINS
    after = np.where((low >= -DAY) & (high <= 16 * DAY), np.exp(-np.maximum(middle, 0) / (6 * DAY)), 0.0)
    after *= np.where(middle > DAY, (high - low) / DAY, 0.25)
    slow = 0.97 * after / after.sum() + 0.03 / BINS
    return np.array([quick if name == "integrated" else slow for name in CHANNELS])


def _delays(both: Both, pairs: dict[str, tuple[Ints, Ints]]) -> Floats:
    left = np.concatenate([pair[0] for pair in pairs.values()])
    right = np.concatenate([pair[1] for pair in pairs.values()])
    bins = lag_bins(both.payments.time[left], both.settled.time[right])
    known = bins >= 0
    counts = np.zeros((len(CHANNELS), BINS))
    np.add.at(counts, (both.payments.channel[left[known]], bins[known]), 1.0)
    learned: Floats = (counts + _PRIOR_DELAYS * _prior_delays()) / (counts.sum(axis=1, keepdims=True) + _PRIOR_DELAYS)
    return learned


def _chance(ours: Ints, theirs: Ints) -> Floats:
    """How large a part of all settled rows lies in each bin of delay from a payment, on average."""
    ours, theirs = ours[ours != NO_TIME], np.sort(theirs[theirs != NO_TIME])
    if not len(ours) or not len(theirs):
        return np.full(BINS, 1.0 / BINS)
    sample = np.sort(ours)[:: max(len(ours) // 2_000, 1)]
    below = np.searchsorted(theirs, sample[:, None] + EDGES[None, :])
    edges = np.concatenate([np.zeros((len(sample), 1)), below, np.full((len(sample), 1), len(theirs))], axis=1)
    parts = np.diff(edges, axis=1).mean(axis=0) / len(theirs)
    learned: Floats = np.maximum(parts, 0.2 / len(theirs) / BINS)
    return learned
