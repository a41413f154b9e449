"""One partner for each row: the best sum of scores over every knot of rows that share candidates, and by how much."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from billing.reconciliation.frames import DAY, Bools, Ints, Side
from billing.reconciliation.learn import Floats
from billing.reconciliation.score import Scored

ACCEPT = 0.3
"""A pair below this is not proposed: it is as likely wrong as right."""
_FLOOR = -1.0
_BEHIND = 12.0
"""A pair so far behind the best of both its rows is not a rival."""
_CLEARLY = 3.0
_LARGEST = 4_000_000


def assign(pairs: Scored) -> tuple[Ints, Floats]:
    """Which of the scored pairs stand, and how far each is ahead of what would have to stand instead."""
    rows = np.flatnonzero(pairs.total > _FLOOR)
    rows = rows[_in_reach(pairs.ours[rows], pairs.theirs[rows], pairs.total[rows])]
    ours, theirs, total = pairs.ours[rows], pairs.theirs[rows], pairs.total[rows]
    if not len(rows):
        return rows, np.zeros(0)
    chosen = _best(ours, theirs, total)
    chosen &= total >= ACCEPT
    ahead = _ahead(ours, theirs, total, chosen)
    return rows[chosen], ahead[chosen]


def earlier_first(p: Side, s: Side, pairs: Scored, chosen: Ints) -> Ints:
    """Of two rows that may be one sale entered or charged twice, the earlier one is the sale, unless the later one fits
    clearly better. Gives the chosen pairs, in the same order, with such rows in one another's place."""
    ours, theirs = np.full(len(p), -1, dtype=np.int64), np.full(len(s), -1, dtype=np.int64)
    place = np.arange(len(chosen))
    ours[pairs.ours[chosen]], theirs[pairs.theirs[chosen]] = place, place
    result = chosen.copy()
    moved: set[int] = set()
    used: set[tuple[str, int]] = set()
    for name, side, rows, partners, mine, yours in (
        ("p", p, pairs.ours, pairs.theirs, ours, theirs),
        ("s", s, pairs.theirs, pairs.ours, theirs, ours),
    ):
        for at in _rivals(side, rows, partners, pairs.total, chosen, mine, yours):
            instead, row = int(yours[partners[at]]), int(rows[at])
            other = int(rows[chosen[instead]])
            earlier = (side.time[row], side.reference[row]) < (side.time[other], side.reference[other])
            if earlier and instead not in moved and (name, row) not in used:
                result[instead] = at
                moved.add(instead)
                used.add((name, row))
    return result


def _rivals(side: Side, rows: Ints, partners: Ints, total: Floats, chosen: Ints, mine: Ints, yours: Ints) -> list[int]:
    """Pairs of a row without a partner with one whose partner says the same as that row; the earliest first."""
    at = np.flatnonzero((mine[rows] < 0) & (yours[partners] >= 0))
    stands = chosen[yours[partners[at]]]
    row, other = rows[at], rows[stands]
    same = side.cents[row] == side.cents[other]
    alike = np.zeros(len(at), dtype=bool)
    for name in ("authorization", "invoice", "client", "last4"):
        one, two = getattr(side, name)[row], getattr(side, name)[other]
        alike |= (one == two) & (one >= 0)
    near = np.abs(side.time[row] - side.time[other]) <= 2 * DAY
    at = at[same & alike & near & (total[at] > total[stands] - _CLEARLY)]
    return at[np.lexsort((rows[at], side.time[rows[at]]))].tolist()


def _in_reach(ours: Ints, theirs: Ints, total: Floats) -> Bools:
    best_ours = np.full(ours.max(initial=-1) + 1, -np.inf)
    best_theirs = np.full(theirs.max(initial=-1) + 1, -np.inf)
    np.maximum.at(best_ours, ours, total)
    np.maximum.at(best_theirs, theirs, total)
    near: Bools = total > np.maximum(best_ours[ours], best_theirs[theirs]) - _BEHIND
    return near


def _best(ours: Ints, theirs: Ints, total: Floats) -> Bools:
    """Pairs of the best assignment, knot by knot. Equal sums fall to the earlier references, always the same way."""
    left_rows, left = np.unique(ours, return_inverse=True)
    right_rows, right = np.unique(theirs, return_inverse=True)
    size = len(left_rows) + len(right_rows)
    links = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right + len(left_rows))), shape=(size, size))
    knot = connected_components(links, directed=False)[1][left]
    order = np.argsort(knot, kind="stable")
    starts = np.flatnonzero(np.diff(knot[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    chosen = np.zeros(len(ours), dtype=bool)
    chosen[order[starts[sizes == 1]]] = True
    for start, count in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        members = order[start : start + count]
        chosen[members[_solve(left[members], right[members], total[members])]] = True
    return chosen


def _solve(left: Ints, right: Ints, total: Floats) -> Ints:
    rows, i = np.unique(left, return_inverse=True)
    columns, j = np.unique(right, return_inverse=True)
    if len(rows) == 1 or len(columns) == 1:
        return np.array([np.argmax(total)])
    if len(rows) * len(columns) > _LARGEST:
        return _greedy(i, j, total)
    gain = np.zeros((len(rows), len(columns)))
    where = np.full((len(rows), len(columns)), -1, dtype=np.int64)
    gain[i, j] = total - _FLOOR
    where[i, j] = np.arange(len(total))
    picked = where[linear_sum_assignment(gain, maximize=True)]
    return picked[picked >= 0]


def _greedy(i: Ints, j: Ints, total: Floats) -> Ints:
    """The best pair first: for knots that are too large to be solved."""
    taken_i, taken_j = np.zeros(i.max() + 1, dtype=bool), np.zeros(j.max() + 1, dtype=bool)
    picked = []
    for row in np.argsort(-total, kind="stable"):
        if not (taken_i[i[row]] or taken_j[j[row]]):
            taken_i[i[row]] = taken_j[j[row]] = True
            picked.append(row)
    return np.array(picked, dtype=np.int64)


def _ahead(ours: Ints, theirs: Ints, total: Floats, chosen: Bools) -> Floats:
    """What the sum would lose, were a pair that was not chosen to stand: the least over the rivals of each pair.

    A rival takes the partners of both its rows; where those two could stand together, that is given back.
    """
    count = int(theirs.max()) + 1
    mine, yours = np.full(int(ours.max()) + 1, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    standing = np.flatnonzero(chosen)
    mine[ours[standing]], yours[theirs[standing]] = standing, standing
    keys = ours * count + theirs
    order = np.argsort(keys, kind="stable")
    rivals = np.flatnonzero(~chosen)
    a, b = mine[ours[rivals]], yours[theirs[rivals]]
    lost = np.where(a >= 0, total[a], 0.0) + np.where(b >= 0, total[b], 0.0) - total[rivals]
    both = (a >= 0) & (b >= 0)
    cross = ours[b] * count + theirs[a]
    at = np.minimum(np.searchsorted(keys[order], cross), len(keys) - 1)
    there = both & (keys[order][at] == cross)
    lost -= np.where(there, np.maximum(total[order[at]], 0.0), 0.0)
    ahead = total.copy()
    np.minimum.at(ahead, a[a >= 0], lost[a >= 0])
    np.minimum.at(ahead, b[b >= 0], lost[b >= 0])
    return ahead
