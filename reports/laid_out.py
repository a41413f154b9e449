"""A result as it lies on paper or in a sheet: a pivot spread across, each subtotal beneath what it adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.wording import Wording
from reports.compile import ResultColumn
from reports.result import Result
from reports.values import words

WIDEST = 200
"""So many values are spread across at most; with more the result stays as it is."""
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Line:
    """One line. ``adds`` says how many of the groups a line adds up: 0 for a plain one; ``label`` stands in its first
    empty cell."""

    cells: Row
    adds: int = 0
    label: str = ""


@dataclass(frozen=True)
class LaidOut:
    """Columns with a line above them where several belong together (empty where not), and the lines beneath."""

    columns: tuple[ResultColumn, ...]
    above: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def has_above(self) -> bool:
        """Whether there is anything in the line above the columns."""
        return any(self.above)


def lay_out(result: Result, wording: Wording) -> LaidOut:
    """The table with its pivot, subtotals and total."""
    across = result.spec.across if result.spec else None
    groups = result.groups
    if across and groups and not any(column.is_measure for column in result.columns[:groups]):
        values = _spread(result, groups - 1)
        if 0 < len(values) <= WIDEST:
            return _pivot(result, values, wording)
    return _plain(result)


def _plain(result: Result) -> LaidOut:
    groups = result.groups
    by_level = {level: {row[:groups]: row for row in rows} for level, rows in result.subtotals.items()}
    keys = [row[:groups] for row in result.rows]
    lines = [Line(row) for row in result.rows]
    if groups > 1 and by_level:
        rows = dict(zip(keys, result.rows, strict=True))
        lines = _nested(
            keys, groups, lambda key, adds: rows[key] if not adds else by_level.get(_bits(adds), {}).get(key)
        )
    if result.total:
        lines.append(Line(result.total, max(groups, 1), "Total"))
    return LaidOut(result.columns, ("",) * len(result.columns), tuple(lines))


def _pivot(result: Result, values: list[Any], wording: Wording) -> LaidOut:
    """The last group becomes columns, the numbers once for each of its values, and once for the whole line."""
    heads = result.groups - 1
    measures = result.columns[result.groups :]
    levels = {0: result.rows, **result.subtotals}
    if result.total:
        levels[(1 << result.groups) - 1] = [result.total]
    cells: dict[tuple[int, Row], dict[Any, Row]] = {}
    whole: dict[tuple[int, Row], Row] = {}
    for level, rows in levels.items():
        for row in rows:
            place = (level >> 1, row[:heads])
            if level & 1:
                whole[place] = row[result.groups :]
            else:
                cells.setdefault(place, {})[row[heads]] = row[result.groups :]
    blank = (None,) * len(measures)

    def cells_of(key: Row, adds: int) -> Row | None:
        place = (_bits(adds), key)
        if place not in cells and place not in whole:
            return None
        spread = [cell for value in values for cell in cells.get(place, {}).get(value, blank)]
        return (*key, *spread, *(whole.get(place, blank) if whole else ()))

    shown = {row[:heads] for row in result.rows}
    ordered = [row[:heads] for row in (*result.subtotals.get(1, ()), *result.rows)]  # by the total of the line
    lines = _nested(list(dict.fromkeys(key for key in ordered if key in shown)), heads, cells_of)
    last = cells_of((None,) * heads, heads) if heads else None
    if last is not None:
        lines.append(Line(last, heads, "Total"))
    column = result.columns[heads]
    told = [words(column, value, wording) or "not stated" for value in values] + ["Total"] * bool(whole)
    columns = [*result.columns[:heads], *(measure for _ in told for measure in measures)]
    above = [""] * heads + [text for text in told for _ in measures]
    if len(measures) == 1:
        renamed = (ResultColumn(f"{measures[0].name}_{place}", measures[0].type, text, measures[0].definition, True)
                   for place, text in enumerate(told))  # fmt: skip
        columns, above = [*result.columns[:heads], *renamed], [""] * len(columns)
    return LaidOut(tuple(columns), tuple(above), tuple(lines))


def _spread(result: Result, place: int) -> list[Any]:
    spread = [result.rows, *(rows for level, rows in result.subtotals.items() if not level & 1)]
    values = {row[place] for rows in spread for row in rows}
    return sorted(values - {None}) + [None] * (None in values)


def _nested(keys: Sequence[Row], groups: int, found: Any) -> list[Line]:
    """Plain lines in their order, those of one head together, each head's subtotal after them."""
    lines: list[Line] = []

    def go(among: Sequence[Row], depth: int) -> None:
        if depth >= groups - 1:
            for key in among:
                if (row := found(key, 0)) is not None:
                    lines.append(Line(row))
            return
        heads: dict[Any, list[Row]] = {}
        for key in among:
            heads.setdefault(key[depth], []).append(key)
        for members in heads.values():
            go(members, depth + 1)
            adds = groups - depth - 1
            row = found((*members[0][: depth + 1], *(None,) * adds), adds)
            if row is not None:
                lines.append(Line(row, adds, "Subtotal"))

    go(keys, 0)
    return lines


def _bits(adds: int) -> int:
    return (1 << adds) - 1
