"""A result as it is read: subtotals beneath their lines, one group spread across with totals both ways.

Every number knows the groups it stands for, so that the rows behind it can be shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports.compile import ResultColumn
from reports.result import Result
from reports.spec import ReportSpec

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Over:
    """One column of numbers: the number, and the value it stands beneath where one group is spread across."""

    column: ResultColumn
    place: int
    across: Any = None
    total: bool = False
    """Whether it adds up what stands across."""


@dataclass(frozen=True)
class Line:
    """One line. ``key`` are the values of its groups, fewer on a subtotal, none on the total; ``values`` stand beneath
    ``Grid.over``."""

    key: Key
    values: list[Any]
    kind: str = "row"


@dataclass(frozen=True)
class Grid:
    """The lines with their groups on the left and their numbers beneath ``over``."""

    groups: list[ResultColumn]
    across: ResultColumn | None
    over: list[Over]
    lines: list[Line]

    def at(self, line: int, column: int) -> tuple[dict[str, Any], str]:
        """The groups that a number stands for, and which number it is."""
        one, over = self.lines[line], self.over[column]
        found = {group.name: value for group, value in zip(self.groups, one.key, strict=False)}
        if self.across is not None and not over.total:
            found[self.across.name] = over.across
        return found, over.column.name


def grid(spec: ReportSpec, result: Result) -> Grid:
    """The result of a counting report, laid out."""
    groups = [column for column in result.columns if not column.is_measure]
    numbers = [(place, column) for place, column in enumerate(result.columns) if column.is_measure]
    across = groups.pop() if spec.across else None
    levels = {0: result.rows, **result.subtotals}
    whole = (1 << result.groups) - 1
    if result.total is not None:
        levels[whole] = [result.total]
    if across is None:
        over = [Over(column, place) for place, column in numbers]
    else:
        seen = {row[len(groups)] for level, rows in levels.items() if not level & 1 for row in rows}
        values = sorted(seen, key=lambda value: (value is None, value if value is not None else 0))
        over = [Over(column, place, value) for value in values for place, column in numbers]
        if len(values) > 1:
            over += [Over(column, place, total=True) for place, column in numbers]
    return Grid(groups, across, over, _lines(spec, len(groups), across is not None, over, levels))


def _lines(
    spec: ReportSpec, groups: int, spread: bool, over: list[Over], levels: dict[int, list[tuple[Any, ...]]]
) -> list[Line]:
    """Every line in order, each subtotal after the lines it adds up."""

    def level(kept: int, *, total: bool) -> int:
        bits = ((1 << groups) - 1) & ((1 << (groups - kept)) - 1)
        return (bits << 1 | total) if spread else bits

    def found(kept: int) -> dict[Key, dict[Any, tuple[Any, ...]]]:
        cells: dict[Key, dict[Any, tuple[Any, ...]]] = {}
        for row in levels.get(level(kept, total=True), []) if spread else []:
            cells.setdefault(row[:kept], {})[_TOTAL] = row
        for row in levels.get(level(kept, total=False), []):
            cells.setdefault(row[:kept], {})[row[groups] if spread else None] = row
        return cells

    def line(key: Key, cells: dict[Any, tuple[Any, ...]], kind: str = "row") -> Line:
        rows = [cells.get(_TOTAL if one.total else one.across) for one in over]
        return Line(key, [row[one.place] if row else None for row, one in zip(rows, over, strict=True)], kind)

    shown = {row[:groups] for row in levels.get(0, [])}
    plain = {key: cells for key, cells in found(groups).items() if key in shown}
    heads = {kept: found(kept) for kept in range(1, groups)} if spec.subtotals else {}
    order = _contiguous(list(plain), groups) if spec.subtotals else list(plain)
    lines = []
    for place, key in enumerate(order):
        lines.append(line(key, plain[key]))
        following = order[place + 1] if place + 1 < len(order) else ()
        for kept in range(groups - 1, 0, -1):
            head = key[:kept]
            if kept in heads and following[:kept] != head and head in heads[kept]:
                lines.append(line(head, heads[kept][head], "subtotal"))
    if spec.total and groups and len(order) > 1:
        lines += [line((), cells, "total") for cells in found(0).values()]
    return lines


_TOTAL = object()


def _contiguous(keys: list[Key], groups: int) -> list[Key]:
    """The keys with those that share a beginning together, in the order in which each beginning first stands."""
    first: dict[Key, int] = {}
    for place, key in enumerate(keys):
        for kept in range(1, groups + 1):
            first.setdefault(key[:kept], place)
    return sorted(keys, key=lambda key: [first[key[:kept]] for kept in range(1, groups + 1)])
