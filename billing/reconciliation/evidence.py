"""The evidence of a match, in words and numbers a manager can check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from billing.reconciliation.frames import NO_TIME, Both
from billing.reconciliation.learn import AMOUNT, DELAY, FIELDS, LAST4
from billing.reconciliation.outcome import Evidence
from billing.reconciliation.score import SAYS, Scored


def explain(
    both: Both, pairs: Scored, row: int, ours: tuple[int, ...], theirs: tuple[int, ...]
) -> tuple[Evidence, ...]:
    """What each field says about the rows of a match; ``pairs[row]`` is the pair that speaks for them."""
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


def _money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _moment(seconds: int) -> str:
    if seconds == NO_TIME:
        return ""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()
