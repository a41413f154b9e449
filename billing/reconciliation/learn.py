"""What this data is like: how common a value is, how often each field agrees where the rows are one sale, how long each
channel takes to settle. Learned from pairs of the same run that another field named; priors only carry small runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from billing.reconciliation import slips
from billing.reconciliation.frames import CHANNELS, DAY, NO_TIME, Bools, Both, Ints, Side

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
_LATEST = 64
"""Delays in days that are told apart: the first is two days early and more, the last two months and more."""
_SHRINK = 3.0
_SUMS = 0.006
"""What part of the payments is thought to be part of a sum; keys leave all of those open."""
_ENOUGH = 500
"""Fewer open rows than this tell nothing about chance: all rows are asked."""
_PRIOR_AMOUNTS = 20.0
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
    """Rows that go back, and that come in, on the side where they are more: a pair is one of so many."""
    amounts: tuple[Ints, Floats]
    """Amounts at the processor, and how common each is among those that go the same way."""
    paid: tuple[Ints, Floats]
    """The same of our payments."""
    shares: dict[int, Floats]
    agree: Floats
    """[field, channel]."""
    rates: Floats
    """Of each slip of an amount."""
    delays: Floats
    """[channel, bin] chances where rows are one sale."""
    chance: Floats
    """[bin] chances for two unrelated rows."""
    chance_here: Floats
    """The same for two unrelated rows of one place."""
    sums: float
    """Log-odds that an open payment is part of a sum."""
    missing: float
    """What part of the payments has no settled row at all."""
    sessions: Sessions

    def share_of_amount(self, cents: Ints) -> Floats:
        """How common an amount is at the processor."""
        return _share_of(self.amounts, cents)

    def share_of_payment(self, cents: Ints) -> Floats:
        """How common an amount is among our payments."""
        return _share_of(self.paid, cents)


def _amounts(cents: Ints) -> tuple[Ints, Floats]:
    """Amounts and how common each is beside the row that is looked at, among those that go the same way."""
    values, counts = np.unique(cents, return_counts=True)
    ways = np.where(values > 0, (cents > 0).sum(), (cents < 0).sum()).astype(float)
    many = max(len(values), 20)
    return values, np.maximum((counts - 1 + _PRIOR_AMOUNTS / many) / (ways + _PRIOR_AMOUNTS), 0.3 / np.maximum(ways, 1))


def _share_of(amounts: tuple[Ints, Floats], cents: Ints) -> Floats:
    """Where an amount does not occur, as though it occurred once."""
    values, shares = amounts
    if not len(values):
        return np.ones(len(cents))
    at = np.minimum(np.searchsorted(values, cents), len(values) - 1)
    rare = {way: shares[(values > 0) == way].min(initial=1.0) for way in (True, False)}
    return np.where(values[at] == cents, shares[at], np.where(cents > 0, rare[True], rare[False]))


@dataclass(slots=True)
class Sessions:
    """Slips of one place and day are keyed together: on which later days those that are certain were."""

    keys: Ints
    """Sorted: place, day, channel and delay in days as one number."""
    counts: Floats
    group_keys: Ints
    group_counts: Floats
    usual: Floats
    """[channel, delay in days] chances over all places."""

    def weight(self, p: Side, s: Side, ours: Ints, theirs: Ints) -> Floats:
        """How much more, or less, likely the delay of each pair is here than anywhere."""
        result = np.zeros(len(ours))
        if not len(self.keys):
            return result
        channel, delay = p.channel[ours], s.day[theirs] - p.day[ours]
        rows = np.flatnonzero(_late(p, s, ours, theirs))
        group = _group(p, ours[rows])
        inside = np.clip(delay[rows] + 1, 0, _LATEST - 1)
        usual = self.usual[channel[rows], inside]
        there = _looked_up(self.keys, self.counts, group * _LATEST + inside)
        all_there = _looked_up(self.group_keys, self.group_counts, group)
        result[rows] = np.log((there + _SHRINK * usual) / (all_there + _SHRINK) / usual)
        return result


def sessions(both: Both, ours: Ints, theirs: Ints) -> Sessions:
    """Learned from pairs that are certain."""
    p, s = both.payments, both.settled
    rows = np.flatnonzero(_late(p, s, ours, theirs))
    ours, theirs = ours[rows], theirs[rows]
    inside = np.clip(s.day[theirs] - p.day[ours] + 1, 0, _LATEST - 1)
    usual = np.full((len(CHANNELS), _LATEST), 1.0)
    np.add.at(usual, (p.channel[ours], inside), 1.0)
    usual /= usual.sum(axis=1, keepdims=True)
    group = _group(p, ours)
    keys, counts = np.unique(group * _LATEST + inside, return_counts=True)
    group_keys, group_counts = np.unique(group, return_counts=True)
    return Sessions(keys, counts.astype(float), group_keys, group_counts.astype(float), usual)


def _late(p: Side, s: Side, ours: Ints, theirs: Ints) -> Bools:
    slow = (p.channel[ours] == CHANNELS.index("slip")) | (p.channel[ours] == CHANNELS.index("other"))
    return slow & (p.day[ours] != NO_TIME) & (s.day[theirs] != NO_TIME)


def _group(p: Side, ours: Ints) -> Ints:
    return ((p.location[ours] + 1) * 100_000 + p.day[ours] % 100_000) * len(CHANNELS) + p.channel[ours]


def _looked_up(keys: Ints, counts: Floats, wanted: Ints) -> Floats:
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, counts[at], 0.0)


def learn(
    both: Both,
    open_rows: tuple[Ints, Ints],
    pairs: dict[str, tuple[Ints, Ints]],
    loose: tuple[Ints, Ints],
    missing: float,
) -> Weights:
    """Weights for what is open on each side, from pairs by the key that named them; ``loose`` pairs are named without
    their amounts. ``missing``: what part of the payments is thought to have no partner."""
    p, s = both.payments.take(open_rows[0]), both.settled.take(open_rows[1])
    rows = rows_each_way(p.cents, s.cents)
    every = both.settled
    shares = {
        LAST4: _shares(every.last4, 10_000, 100.0),
        AUTHORIZATION: _shares(every.authorization, len(both.words["authorization"]), 0.0),
        INVOICE: _shares(every.invoice, len(both.words["invoice"]), 0.0),
        BRAND: _shares(every.brand, len(both.words["brand"]), 4.0),
        LOCATION: _shares(every.location, len(both.words["location"]), 1.0),
    }
    if min(len(p), len(s)) < _ENOUGH:
        p, s = both.payments, every
    anywhere = np.zeros(len(p), dtype=np.int64), np.zeros(len(s), dtype=np.int64)
    return Weights(
        rows=rows,
        amounts=_amounts(every.cents),
        paid=_amounts(both.payments.cents),
        shares=shares,
        agree=_agreement(both, pairs),
        rates=_slip_rates(both, loose, len(both.payments) / max(len(open_rows[0]), 1)),
        delays=_delays(both, pairs),
        chance=_chance((p.time, s.time), anywhere),
        chance_here=_chance((p.time, s.time), (p.location, s.location)),
        sums=float(np.log(min(_SUMS * max(len(both.payments), 1) / max(len(open_rows[0]), 1), 0.1))),
        missing=missing,
        sessions=sessions(both, *pairs.get("certain", (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)))),
    )


def rows_each_way(ours: Ints, theirs: Ints) -> tuple[int, int]:
    """How many rows go back, and come in, on the side that has more of them."""
    back = max(int((ours < 0).sum()), int((theirs < 0).sum()))
    return back, max(int((ours > 0).sum()), int((theirs > 0).sum()))


def lag_bins(ours: Ints, theirs: Ints) -> Ints:
    """The bin of each delay from payment to processing; -1 where a time is unknown."""
    known = (ours != NO_TIME) & (theirs != NO_TIME)
    lag = np.where(known, theirs, 0) - np.where(known, ours, 0)
    return np.where(known, np.searchsorted(EDGES, lag, side="right"), -1)


def _shares(codes: Ints, size: int, prior: float) -> Floats:
    """How common each value is beside the row that is looked at. ``prior`` rows are thought to be spread evenly."""
    counts = np.bincount(codes[codes >= 0], minlength=max(size, 1)).astype(float)
    known = counts.sum()
    return np.maximum(counts - 1 + prior / max(size, 1), 0.2 if prior == 0 else 0.01) / max(known + prior, 1.0)


def _agreement(both: Both, pairs: dict[str, tuple[Ints, Ints]]) -> Floats:
    """Per field and channel: how often it agrees among pairs that other fields named, where both sides tell it."""
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


def _slip_rates(both: Both, loose: tuple[Ints, Ints], rarer: float) -> Floats:
    """How often an amount differs, and how. Keys never take a pair whose amounts differ, so that among what they leave
    open those are the more frequent (``rarer``: how many rows there were for each that is open)."""
    kinds = slips.of_amounts(both.payments.cents[loose[0]], both.settled.cents[loose[1]])
    counts = np.bincount(kinds, minlength=len(_RATES)).astype(float)
    counts[slips.OTHER] = min(counts[slips.OTHER], 0.0005 * counts.sum())
    learned: Floats = (counts + _PRIOR_RATES * _RATES) / (counts.sum() + _PRIOR_RATES)
    learned[1:] *= np.minimum(rarer, 0.4 / learned[1:].sum())
    learned[slips.SAME] = 1 - learned[1:].sum()
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
    named = [pairs[key] for key in ("certain",) if key in pairs] or list(pairs.values())
    left, right = np.concatenate([pair[0] for pair in named]), np.concatenate([pair[1] for pair in named])
    bins = lag_bins(both.payments.time[left], both.settled.time[right])
    known = bins >= 0
    counts = np.zeros((len(CHANNELS), BINS))
    np.add.at(counts, (both.payments.channel[left[known]], bins[known]), 1.0)
    learned: Floats = (counts + _PRIOR_DELAYS * _prior_delays()) / (counts.sum(axis=1, keepdims=True) + _PRIOR_DELAYS)
    return learned


def _chance(times: tuple[Ints, Ints], places: tuple[Ints, Ints]) -> Floats:
    """How large a part of the settled rows of its place lies in each bin of delay from a payment, on average."""
    ours, theirs = times
    mine, yours = places
    known = (ours != NO_TIME) & (mine >= 0), (theirs != NO_TIME) & (yours >= 0)
    ours, mine, theirs, yours = ours[known[0]], mine[known[0]], theirs[known[1]], yours[known[1]]
    if not len(ours) or not len(theirs):
        return np.full(BINS, 1.0 / BINS)
    parts, rows = np.zeros(BINS), 0.0
    step = max(len(ours) // 4_000, 1)
    order = np.lexsort((ours, mine))[::step]
    for place in np.unique(mine[order]):
        sample, here = ours[order][mine[order] == place], np.sort(theirs[yours == place])
        below = np.searchsorted(here, sample[:, None] + EDGES[None, :])
        edges = np.concatenate([np.zeros((len(sample), 1)), below, np.full((len(sample), 1), len(here))], axis=1)
        parts += np.diff(edges, axis=1).sum(axis=0)
        rows += float(len(sample) * len(here))
    learned: Floats = np.maximum(parts / max(rows, 1.0), 0.2 / max(len(theirs), 1) / BINS)
    return learned
