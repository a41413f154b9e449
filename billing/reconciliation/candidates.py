"""Blocking: which pairs are worth a score at all, found by DuckDB.

Rows meet on the same card digits, amount, authorization or invoice within so many days; nobody compares all with all.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd

from billing.reconciliation.frames import CHANNELS, NO_TIME, Both, Ints

QUICK_DAYS, SLOW_DAYS = 7, 20
_AT_MOST = 1_500_000
"""Pairs from equal amounts alone. Where they would be more, days are cut until they are not."""
_AT_MOST_LAST = 1_000_000
_CHANCE_DIGITS = 0.06
"""How often two unrelated cards share two of their last four digits."""
_DAYS = ((QUICK_DAYS, SLOW_DAYS), (4, SLOW_DAYS), (2, 12), (1, 7), (0, 3), (0, 0))
_NEAR = "s.day - p.day BETWEEN -1 AND"
_DIGITS = """(p.last4 < 0 OR s.last4 < 0 OR (p.last4 // 1000 = s.last4 // 1000)::INT
        + (p.last4 // 100 % 10 = s.last4 // 100 % 10)::INT + (p.last4 // 10 % 10 = s.last4 // 10 % 10)::INT
        + (p.last4 % 10 = s.last4 % 10)::INT >= 2)"""
"""Digits of cards that one slip can turn into one another have two in common."""


def _weeks(days: str) -> str:
    """Our rows once for each eight days in which a partner can lie: equal weeks join faster than a range of days."""
    return f"(SELECT p.*, unnest(range((day - 1) // 8, (day + {days}) // 8 + 1)) AS week FROM p)"  # noqa: S608


_SQL = f"""
    SELECT p.row AS ours, s.row AS theirs FROM p JOIN s ON p.last4 = s.last4 AND p.back = s.back
     WHERE p.last4 >= 0 AND {_NEAR} 16 + p.slow * 14
    UNION
    SELECT p.row, s.row FROM p JOIN s ON p.authorization_code = s.authorization_code AND p.back = s.back
     WHERE p.authorization_code >= 0 AND s.day - p.day BETWEEN -3 AND 60
    UNION
    SELECT p.row, s.row FROM p JOIN s ON p.invoice = s.invoice AND p.back = s.back
     WHERE p.invoice >= 0 AND s.day - p.day BETWEEN -3 AND 60
    UNION
    SELECT p.row, s.row FROM {_weeks("greatest($quick, p.slow * $slow)")} p
      JOIN s ON p.cents = s.cents AND p.location = s.location AND p.week = s.day // 8
     WHERE p.location >= 0 AND {_NEAR} greatest($quick, p.slow * $slow) AND {_DIGITS}
    UNION
    SELECT p.row, s.row FROM {_weeks("greatest($quick_anywhere, p.slow * $slow_anywhere)")} p
      JOIN s ON p.cents = s.cents AND p.week = s.day // 8
     WHERE (p.location < 0 OR s.location < 0) AND {_NEAR} greatest($quick_anywhere, p.slow * $slow_anywhere)
       AND {_DIGITS}
    ORDER BY 1, 2
"""  # noqa: S608 - made of constants

_LAST_SQL = f"""
    SELECT p.row AS ours, s.row AS theirs FROM p JOIN s ON p.location = s.location AND p.back = s.back
     WHERE {_NEAR} greatest($quick, p.slow * $slow)
    ORDER BY 1, 2
"""  # noqa: S608 - made of constants
_SUMS_SQL = f"""
    SELECT p.row AS ours, s.row AS theirs FROM {_weeks("30")} p JOIN s ON p.cents = s.cents AND p.week = s.day // 8
     WHERE (p.location = s.location OR p.location < 0 OR s.location < 0) AND {_NEAR} 30 AND {_DIGITS}
       AND (p.invoice = s.invoice OR p.invoice < 0 OR s.invoice < 0)
    ORDER BY 1, 2
"""  # noqa: S608 - made of constants
_NOBODY = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)


def candidates(both: Both, ours: Ints, theirs: Ints) -> tuple[Ints, Ints]:
    """Pairs of rows in the order of their references."""
    left, right = _frame(both, ours, True), _frame(both, theirs, False)
    if left.empty or right.empty:
        return _NOBODY
    here = _days(left, right, _meetings(left[left["location"] >= 0], right, ["cents", "location"]))
    nowhere = [frame[frame["location"] < 0] for frame in (left, right)]
    more = _meetings(nowhere[0], right, ["cents"]) + _meetings(left[left["location"] >= 0], nowhere[1], ["cents"])
    anywhere = _days(left, right, more)
    days = {"quick": here[0], "slow": here[1], "quick_anywhere": anywhere[0], "slow_anywhere": anywhere[1]}
    return _asked(_SQL, left, right, days)


def last_candidates(both: Both, ours: Ints, theirs: Ints) -> tuple[Ints, Ints]:
    """Pairs of what is left at the end: of one place and near enough in time, whatever their amounts and digits."""
    left, right = _frame(both, ours, True), _frame(both, theirs, False)
    if left.empty or right.empty:
        return _NOBODY
    days = max(int(right["day"].max() - right["day"].min()), SLOW_DAYS) / SLOW_DAYS
    if _meetings(left, right, ["location"]) / days > _AT_MOST_LAST:
        return _NOBODY
    return _asked(_LAST_SQL, left, right, {"quick": QUICK_DAYS, "slow": SLOW_DAYS})


def same_amounts(sums: pd.DataFrame, rows: pd.DataFrame, *, ours_are_sums: bool) -> tuple[Ints, Ints]:
    """Sums and rows of that amount, of one place and near enough in time, with nothing known against it; both frames
    have row, cents, location, day, last4 and invoice."""
    left, right = (sums, rows) if ours_are_sums else (rows, sums)
    if left.empty or right.empty:
        return _NOBODY
    mine, yours = _asked(_SUMS_SQL, left, right, {})
    return (mine, yours) if ours_are_sums else (yours, mine)


def _asked(sql: str, left: pd.DataFrame, right: pd.DataFrame, days: dict[str, int]) -> tuple[Ints, Ints]:
    with duckdb.connect(":memory:", config={"temp_directory": "", "threads": "2"}) as duck:
        for name, frame in (("p", left), ("s", right)):
            duck.register("arriving", frame)
            duck.execute(f"CREATE TABLE {name} AS SELECT * FROM arriving")  # noqa: S608 - p or s
            duck.unregister("arriving")
        found = duck.execute(sql, days).fetchnumpy()
    return found["ours"].astype(np.int64), found["theirs"].astype(np.int64)


def _frame(both: Both, rows: Ints, is_ours: bool) -> pd.DataFrame:
    side = (both.payments if is_ours else both.settled).take(rows)
    frame = pd.DataFrame(
        {
            "row": rows, "cents": side.cents, "back": side.cents < 0, "last4": side.last4,
            "authorization_code": side.authorization, "invoice": side.invoice, "location": side.location,
            "day": side.day, "slow": (side.channel != CHANNELS.index("integrated")).astype(np.int64),
        }
    )  # fmt: skip
    return frame[frame["day"] != NO_TIME]


def _days(left: pd.DataFrame, right: pd.DataFrame, meetings: float) -> tuple[int, int]:
    """How many days equal amounts alone are looked for: fewer where amounts are few and rows many."""
    span = max(int(right["day"].max() - right["day"].min()), 1)
    slow = float(left["slow"].mean())
    blank = [float((frame["last4"] < 0).mean()) for frame in (left, right)]
    either = blank[0] + blank[1] - blank[0] * blank[1]
    each_day = meetings / span * (either + _CHANCE_DIGITS * (1 - either))
    for quick, late in _DAYS:
        if each_day * ((2 + quick) * (1 - slow) + (2 + late) * slow) <= _AT_MOST:
            return quick, late
    return -2, -2


def _meetings(left: pd.DataFrame, right: pd.DataFrame, by: list[str]) -> float:
    """How many pairs agree in these columns."""
    counts = pd.merge(left.groupby(by).size().rename("p"), right.groupby(by).size().rename("s"), on=by)
    return float((counts["p"] * counts["s"]).sum())
