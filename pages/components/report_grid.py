"""The table of a counting report: subtotals, one group across, and every number a way to the rows behind it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import groupby
from typing import Any

import streamlit as st

from data.wording import Wording
from pages.components.charts import NO_VALUE
from reports.compile import ResultColumn
from reports.grid import Grid, Line
from reports.values import words

JS = """
export default function ({ data, setTriggerValue }) {
  const cellOf = (event) => event.target.closest?.(`.report-table[data-grid="${data.grid}"] [data-cell]`);
  const open = (event) => {
    const cell = cellOf(event);
    if (cell) setTriggerValue("cell", cell.dataset.cell);
  };
  const keys = (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(event); return; }
    const [line, column] = cell.dataset.cell.split(",").map(Number);
    const step = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    const next = cell.closest("table").querySelector(`[data-cell="${line + step[0]},${column + step[1]}"]`);
    if (!next) return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  };
  document.addEventListener("click", open);
  document.addEventListener("keydown", keys);
  return () => { document.removeEventListener("click", open); document.removeEventListener("keydown", keys); };
}
"""
_cells = st.components.v2.component("ballast_report_cells", html="<span hidden></span>", js=JS)


def clicked(key: str) -> tuple[int, int] | None:
    """The line and column of a number that was just chosen in the table with this key."""
    with st.container(key=f"report_cells_{key}"):
        told = _cells(key=f"cells_{key}", data={"grid": key}, on_cell_change=_nothing).cell
    if not isinstance(told, str):
        return None
    line, column = told.split(",")
    return int(line), int(column)


def _nothing() -> None:
    """The caller reads the result."""


def html(grid: Grid, title: str, wording: Wording, key: str, digits: Mapping[int, int]) -> str:
    """The table; each number carries its line and column. ``digits`` are the decimals of columns of quantities."""
    body, before = [], Line((), [])
    for place, line in enumerate(grid.lines):
        body.append(_line(grid, place, line, before, wording, digits))
        before = line if line.kind == "row" else Line((), [])
    foot = body.pop() if grid.lines and grid.lines[-1].kind == "total" else ""
    return (
        f'<div class="report-table drills" data-grid="{escape(key)}" tabindex="0" role="region" '
        f'aria-label="{escape(title)}"><table><thead>{_heads(grid, wording)}</thead><tbody>{"".join(body)}</tbody>'
        f"{f'<tfoot>{foot}</tfoot>' if foot else ''}</table></div>"
    )


def _heads(grid: Grid, wording: Wording) -> str:
    if grid.across is None:
        names = [(group.label, "s") for group in grid.groups] + [(over.column.label, "n") for over in grid.over]
        return f"<tr>{''.join(_head(label, kind) for label, kind in names)}</tr>"
    numbers = list(dict.fromkeys(over.column.name for over in grid.over))
    lefts = "".join(f'<th scope="col" rowspan="2">{escape(group.label)}</th>' for group in grid.groups)
    across = grid.across
    if len(numbers) == 1:
        label = f"{grid.over[0].column.label} by {across.label[:1].lower()}{across.label[1:]}" if grid.over else ""
        tops = f'<th scope="colgroup" class="top" colspan="{len(grid.over)}">{escape(label)}</th>'
        lows = [_above(across, over.across, over.total, wording) for over in grid.over]
    else:
        parts = [(names, len(list(members))) for names, members in
                 groupby(_above(across, over.across, over.total, wording) for over in grid.over)]  # fmt: skip
        tops = "".join(
            f'<th scope="colgroup" class="top" colspan="{count}">{escape(name)}</th>' for name, count in parts
        )
        lows = [over.column.label for over in grid.over]
    return f"<tr>{lefts}{tops}</tr><tr class=low>{''.join(_head(low, 'n') for low in lows)}</tr>"


def _above(column: ResultColumn, value: Any, total: bool, wording: Wording) -> str:
    return "Total" if total else words(column, value, wording) or NO_VALUE


def _head(label: str, kind: str) -> str:
    return f'<th scope="col"{" class=n" if kind == "n" else ""}>{escape(label)}</th>'


def _line(grid: Grid, place: int, line: Line, before: Line, wording: Wording, digits: Mapping[int, int]) -> str:
    cells = []
    same = True
    for at, group in enumerate(grid.groups):
        if line.kind != "row":
            last = len(line.key) - 1
            text = "Total" if at == max(last, 0) and line.kind == "total" else ""
            if line.kind == "subtotal" and at == last:
                text = f"{words(group, line.key[at], wording) or NO_VALUE}, total"
            kind = "s"
        else:
            same = same and len(before.key) > at and before.key[at] == line.key[at] and at < len(grid.groups) - 1
            text = words(group, line.key[at], wording) or NO_VALUE
            kind = ("w" if len(text) > 32 else "s") + (" again" if same else "")
        cells.append(f'<td class="{kind}">{escape(text)}</td>')
    for at, (over, value) in enumerate(zip(grid.over, line.values, strict=True)):
        text = words(over.column, value, wording)
        if digits.get(over.place) and value is not None:
            text = wording.number(value, digits=digits[over.place])
        kind = "n" + (" z" if value in (0, None) else "") + (" t" if over.total else "")
        drill = f' data-cell="{place},{at}" tabindex="{-1 if place or at else 0}" role="button"' if value else ""
        cells.append(f'<td class="{kind}"{drill}>{escape(text)}</td>')
    return f"<tr{f' class={line.kind}' if line.kind != 'row' else ''}>{''.join(cells)}</tr>"
