"""The evidence of a match, in words and numbers a manager can check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.reconciliation.frames import NO_TIME, Both
from billing.reconciliation.groups import Found
from billing.reconciliation.learn import AMOUNT, DELAY, FIELDS, LAST4
from billing.reconciliation.outcome import Evidence
from billing.reconciliation.score import SAYS, Scored

Rows = tuple[int, ...]


@dataclass(slots=True)
class Pairs:
    """Why pairs of one and one were made."""

    both: Both
    pairs: Scored

    def evidence(self, at: int) -> tuple[Evidence, ...]:
        """What each field says about pair number ``at``."""
        return _explain(self.both, self.pairs, at, (int(self.pairs.ours[at]),), (int(self.pairs.theirs[at]),))


@dataclass(slots=True)
class Sum:
    """Why several rows were taken together."""

    both: Both
    found: Found

    def evidence(self, at: int) -> tuple[Evidence, ...]:
        """What each field says of the row that speaks best for them; amounts are those of all."""
        return _explain(self.both, self.found.best, at, self.found.ours, self.found.theirs)


def _explain(both: Both, pairs: Scored, row: int, ours: Rows, theirs: Rows) -> tuple[Evidence, ...]:
    result = []
    for field, name in enumerate(FIELDS):
        mine, yours = _shown(both, field, int(pairs.ours[row]), int(pairs.theirs[row]), ours, theirs)
        weight = round(float(pairs.weight[row, field]), 3)
        result.append(Evidence(name, SAYS[pairs.says[row, field]], mine, yours, weight))
    return tuple(result)


def _shown(
    both: Both, field: int, mine: int, yours: int, ours: tuple[int, ...], theirs: tuple[int, ...]
) -> tuple[str, str]:
    p, s = both.payments, both.settled
    if field == AMOUNT:
        return " + ".join(_money(int(p.cents[row])) for row in ours), " + ".join(
            _money(int(s.cents[row])) for row in theirs
        )
    if field == DELAY:
        return _moment(int(p.time[mine])), _moment(int(s.time[yours]))
    codes = getattr(p, FIELDS[field])[mine], getattr(s, FIELDS[field])[yours]
    if field == LAST4:
        return tuple("" if code < 0 else f"{code:04d}" for code in codes)  # type: ignore[return-value]
    words = both.words[FIELDS[field]]
    return tuple("" if code < 0 else str(words[code]) for code in codes)  # type: ignore[return-value]


def _sum(cents: list[int]) -> str:
    return " + ".join(_money(one) for one in cents)


def _money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _moment(seconds: int) -> str:
    if seconds == NO_TIME:
        return ""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()
