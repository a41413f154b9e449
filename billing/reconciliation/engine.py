"""Match payments with what processors settled. The flow, step by step; docs/reconciliation.md says why."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import repeat
from operator import attrgetter

import numpy as np
import pandas as pd

from billing.reconciliation import classify, exact, groups, leftover, residual
from billing.reconciliation.assign import assign, earlier_first
from billing.reconciliation.candidates import candidates, last_candidates
from billing.reconciliation.evidence import Pairs, Sum
from billing.reconciliation.frames import MONEY_STATUS, UNKNOWN, Bools, Both, Ints, normalise
from billing.reconciliation.learn import Weights, learn, rows_each_way
from billing.reconciliation.outcome import Finding, Likely, Match, Options, Outcome
from billing.reconciliation.score import AGREES, DIFFERS, Scored, score

_LIKELY_FROM, _LIKELY_EACH = -6.0, 3
_DECLINE_FROM = 3.0
_MISSING, _MISSING_OPEN = 0.03, 0.1
"""What part of the payments is thought to have no partner: of all, of what keys left open, before anything is known."""
_TEACHES = 6.0


def reconcile(payments: pd.DataFrame, settled: pd.DataFrame, *, options: Options | None = None) -> Outcome:
    """Match payments of ours with settled transactions and say what is left.

    Columns as docs/reconciliation.md lists them; those that are absent are unknown. Amounts are whole cents. The answer
    depends on the rows alone, not on their order. Raises ValueError where references are missing or not unique.
    """
    return _Run(normalise(payments, settled), options or Options()).outcome()


class _Run:
    """One run: which rows are still open, what was found."""

    def __init__(self, both: Both, options: Options) -> None:
        self.both, self.options = both, options
        s = both.settled
        is_money = np.array([status in MONEY_STATUS for status in s.status], dtype=bool)
        is_chargeback = s.kind == "chargeback"
        self.money = np.flatnonzero(is_money & ~is_chargeback)
        self.declined = np.flatnonzero(~is_money & ~is_chargeback)
        self.chargebacks = np.flatnonzero(is_chargeback)
        self.open_ours = np.ones(len(both.payments), dtype=bool)
        self.open_theirs = np.zeros(len(s), dtype=bool)
        self.open_theirs[self.money] = True
        self.matches: list[Match] = []
        self.partner = np.full(len(s), -1, dtype=np.int64)
        self.forbidden = _forbidden(both, options)
        self.prices = np.zeros(0, dtype=np.int64)

    def outcome(self) -> Outcome:
        pairs = self._by_keys()
        self._take(pairs, np.ones(len(pairs), dtype=bool))
        self.prices = self.both.payments.cents[pairs.ours]
        weights, scored = self._by_scores(pairs)
        self._sums(weights, scored)
        scored = scored.take(self.open_ours[scored.ours] & self.open_theirs[scored.theirs])
        chosen, ahead = assign(scored)
        best = scored.take(earlier_first(self.both.payments, self.both.settled, scored, chosen))
        self._take(best, (best.total >= self.options.auto_score) & (ahead >= self.options.auto_margin))
        return self._leftover(weights)

    def _open(self) -> tuple[Ints, Ints]:
        return np.flatnonzero(self.open_ours), np.flatnonzero(self.open_theirs)

    def _by_keys(self) -> Scored:
        """The pairs that a key names and the other fields bear out."""
        both = self.both
        opened = self._open()
        self.keyed = exact.keyed(both, *opened)
        self.loose = exact.same_but_amount(both, *opened)
        weights = learn(both, opened, self.keyed, self.loose, _MISSING)
        pairs = self._score(weights, *exact.agreed(list(self.keyed.values()), len(both.settled) + 1))
        return pairs.take(pairs.total >= self.options.auto_score)

    def _by_scores(self, sure: Scored) -> tuple[Weights, Scored]:
        """Candidates for what is open, scored twice: what is certain at first teaches the rest, such as on which days
        the slips of an outage were keyed."""
        opened = self._open()
        found = candidates(self.both, *opened)
        missing = _MISSING_OPEN
        certain = sure.ours, sure.theirs
        for last in (False, True):
            weights = learn(self.both, opened, {**self.keyed, "certain": certain}, self.loose, missing)
            scored = self._score(weights, *found)
            if last:
                break
            chosen, ahead = assign(scored)
            best = scored.take(chosen)
            missing = _without_partner(len(best), opened)
            best = best.take((best.total >= _TEACHES) & (ahead >= self.options.auto_margin))
            certain = np.concatenate([sure.ours, best.ours]), np.concatenate([sure.theirs, best.theirs])
        return weights, scored

    def _last(self, weights: Weights) -> Scored:
        """What is left is so little that rows of one place can be compared whatever their amounts. Gives the pairs."""
        ours, theirs = self._open()
        twice = leftover.twins(self.both.payments, ours, np.flatnonzero(~self.open_ours), ours=True)
        again = leftover.twins(self.both.settled, theirs, np.setdiff1d(self.money, theirs), ours=False)
        opened = np.setdiff1d(ours, list(twice)), np.setdiff1d(theirs, list(again))
        rows = rows_each_way(self.both.payments.cents[opened[0]], self.both.settled.cents[opened[1]])
        pairs = self._score(replace(weights, rows=rows, missing=0.5), *last_candidates(self.both, *opened))
        chosen, _ = assign(pairs)
        best = pairs.take(chosen)
        self._take(best, np.zeros(len(best), dtype=bool))
        return pairs

    def _score(self, weights: Weights, ours: Ints, theirs: Ints) -> Scored:
        """Scores of the pairs that may meet at all: of one currency, and never rejected by a person."""
        money = self.both.payments.currency[ours], self.both.settled.currency[theirs]
        may = (money[0] == money[1]) | (money[0] == UNKNOWN) | (money[1] == UNKNOWN)
        if len(self.forbidden):
            may &= ~np.isin(ours * (len(self.both.settled) + 1) + theirs, self.forbidden)
        return score(self.both, weights, ours[may], theirs[may])

    def _sums(self, weights: Weights, scored: Scored) -> None:
        ours, theirs = self._open()
        rivals = groups.Rivals(self.both, scored)
        found = groups.options(self.both, weights, ours, theirs, rivals)
        found += residual.rests(self.both, weights, theirs, scored, rivals)
        for one in groups.choose(found):
            self._add(one)

    def _take(self, pairs: Scored, auto: Bools) -> None:
        """Pairs of one and one become matches."""
        kinds = classify.pair_kinds(self.both, pairs, self.prices)
        self.open_ours[pairs.ours] = False
        self.open_theirs[pairs.theirs] = False
        self.partner[pairs.theirs] = pairs.ours
        p, s = self.both.payments, self.both.settled
        with _no_collection():
            self.matches += map(
                Match,
                zip(p.reference[pairs.ours].tolist()),
                zip(s.reference[pairs.theirs].tolist()),
                kinds.tolist(),
                np.round(pairs.total, 3).tolist(),
                auto.tolist(),
                (s.cents[pairs.theirs] - p.cents[pairs.ours]).tolist(),
                repeat(Pairs(self.both, pairs)),
                range(len(pairs)),
            )

    def _add(self, found: groups.Found) -> None:
        """Rows whose sums agree become a match."""
        ours, theirs = list(found.ours), list(found.theirs)
        self.open_ours[ours] = False
        self.open_theirs[theirs] = False
        self.partner[theirs] = ours[0]
        p, s = self.both.payments, self.both.settled
        is_auto = found.score >= self.options.auto_score and found.ahead >= self.options.auto_margin
        difference = int(s.cents[theirs].sum() - p.cents[ours].sum())
        references = tuple(p.reference[ours].tolist()), tuple(s.reference[theirs].tolist())
        self.matches.append(
            Match(*references, found.kind, round(found.score, 3), is_auto, difference, Sum(self.both, found))
        )

    def _leftover(self, weights: Weights) -> Outcome:
        both = self.both
        exceptions, ours = self._declines(weights)
        for sale, void in leftover.voided(both, ours):
            self.matches.append(leftover.void_match(both, sale, void))
            self.open_ours[[sale, void]] = False
        ours, _ = self._open()
        self._entered_twice(weights, ours)
        scored = self._last(weights)
        ours, theirs = self._open()
        matched = np.flatnonzero(~self.open_ours), np.setdiff1d(self.money, theirs)
        exceptions += leftover.findings(both, ours, theirs, matched, self.chargebacks, self.partner)
        likely = _likely(both, scored, self.open_ours, self.open_theirs)
        self.matches.sort(key=attrgetter("payments"))
        exceptions.sort(key=lambda finding: (finding.kind, finding.payments, finding.settled))
        return Outcome(
            self.matches, exceptions, likely, both.left_out_payments, both.left_out_settled,
            _summary(both, self.matches, exceptions, ours, theirs),
        )  # fmt: skip

    def _entered_twice(self, weights: Weights, ours: Ints) -> None:
        """Where a sale was entered twice, the earlier entry is the sale, even if only the later one has its code; and
        no such match is accepted without a person."""
        p = self.both.payments
        partner = np.full(len(p), -1, dtype=np.int64)
        partner[self.partner[self.partner >= 0]] = np.flatnonzero(self.partner >= 0)
        alone = {one.payments: one for one in self.matches if len(one.payments) == len(one.settled) == 1}
        twice = leftover.twins(p, ours, np.flatnonzero(partner >= 0), ours=True)
        rows = np.array([row for row in twice if (p.reference[twice[row]],) in alone], dtype=np.int64)
        rows = rows[np.lexsort((rows, p.time[rows]))]
        twin = np.array([twice[row] for row in rows.tolist()], dtype=np.int64)
        may = ~np.isin(rows * (len(self.both.settled) + 1) + partner[twin], self.forbidden)
        rows, twin = rows[may], twin[may]
        here, there = (score(self.both, weights, one, partner[twin]) for one in (rows, twin))
        against = ((here.says == DIFFERS) & (there.says == AGREES)).any(axis=1)
        kinds = classify.pair_kinds(self.both, here, self.prices)
        moved: set[int] = set()
        for at in np.flatnonzero(~against).tolist():
            row, other = int(rows[at]), int(twin[at])
            match = alone[(p.reference[other],)]
            match.is_auto = False
            if (p.time[row], row) < (p.time[other], other) and other not in moved:
                moved.add(other)
                match.payments, match.kind = (p.reference[row],), str(kinds[at])
                match.score, match.reasons, match.at = round(float(here.total[at]), 3), Pairs(self.both, here), at
                self.open_ours[row], self.open_ours[other] = False, True
                self.partner[here.theirs[at]] = row

    def _declines(self, weights: Weights) -> tuple[list[Finding], Ints]:
        """Payments whose only counterpart was declined, voided or just authorized."""
        ours, _ = self._open()
        pairs = self._score(weights, *candidates(self.both, ours, self.declined))
        chosen, _ = assign(pairs)
        chosen = chosen[pairs.total[chosen] >= _DECLINE_FROM]
        found, used = leftover.unsettled(self.both, pairs, chosen, self.declined)
        self.open_ours[list(used)] = False
        return found, np.flatnonzero(self.open_ours)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Many small objects that all stay: looking for garbage among them takes longer than making them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _without_partner(matched: int, opened: tuple[Ints, Ints]) -> float:
    """What part of the open rows found nobody, on the side where that is more."""
    most = max(len(opened[0]), len(opened[1]))
    return float(np.clip((most - matched + 5) / (most + 10), 0.01, 0.5))


def _forbidden(both: Both, options: Options) -> Ints:
    if not options.forbidden:
        return np.zeros(0, dtype=np.int64)
    ours = {reference: row for row, reference in enumerate(both.payments.reference.tolist())}
    theirs = {reference: row for row, reference in enumerate(both.settled.reference.tolist())}
    size = len(theirs) + 1
    rows = [ours[one] * size + theirs[other] for one, other in options.forbidden if one in ours and other in theirs]
    return np.array(sorted(rows), dtype=np.int64)


def _likely(both: Both, scored: Scored, open_ours: Bools, open_theirs: Bools) -> list[Likely]:
    """For each payment without a partner up to three charges without one, the best first."""
    rest = scored.take(open_ours[scored.ours] & open_theirs[scored.theirs] & (scored.total >= _LIKELY_FROM))
    order = np.lexsort((rest.theirs, -rest.total, rest.ours))
    rest = rest.take(order)
    place = np.arange(len(rest)) - np.searchsorted(rest.ours, rest.ours)
    rest = rest.take(place < _LIKELY_EACH)
    p, s = both.payments.reference[rest.ours], both.settled.reference[rest.theirs]
    return [Likely(one, other, round(float(total), 3)) for one, other, total in zip(p, s, rest.total, strict=True)]


def _summary(
    both: Both, matches: list[Match], exceptions: list[Finding], ours: Ints, theirs: Ints
) -> dict[str, object]:
    auto = sum(map(attrgetter("is_auto"), matches))
    return {
        "payments": len(both.payments),
        "settled": len(both.settled),
        "matches": len(matches),
        "auto": auto,
        "auto_share": round(auto / len(matches), 5) if matches else None,
        "kinds": dict(sorted(Counter(map(attrgetter("kind"), matches)).items())),
        "exceptions": dict(sorted(Counter(finding.kind for finding in exceptions).items())),
        "difference_cents": sum(map(attrgetter("difference_cents"), matches)),
        "open_payments_cents": int(both.payments.cents[ours].sum()),
        "open_settled_cents": int(both.settled.cents[theirs].sum()),
    }
