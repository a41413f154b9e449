"""A report on paper: the clinic's head, what was chosen, the chart, the table, what the numbers mean, page n of m."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from data.errors import BadInput
from data.models import Clinic
from data.session import read
from data.wording import Wording
from forms.chart import Chart
from forms.print import Column, Head, table_pdf
from reports import funnel
from reports.compile import ResultColumn
from reports.export import Printed, table
from reports.result import Result
from reports.values import wording_of, words
from security.profile import profile

LONGEST = 5_000
_ADDS_UP = ("money", "whole", "number", "minutes")
_BARS, _SERIES = 15, 6
_LINES, _CELLS = 31, 31
"""Of a heat map on one page."""
OTHERS = "All others"


class TooLongForPaper(BadInput):
    """{title} has {rows} lines; paper takes {longest}. Choose a shorter period, or download it as Excel or CSV."""


def to_pdf(result: Result) -> bytes:
    """The printed form of a result. Raises TooLongForPaper."""
    wording = wording_of(result.clinic)
    printed = table(result)
    if len(printed.rows) > LONGEST:
        raise TooLongForPaper(
            title=result.title, rows=wording.number(len(printed.rows)), longest=wording.number(LONGEST)
        )
    columns = columns_of(printed)
    head, paper = head_of(result.clinic)
    return table_pdf(
        result.title, chosen(result), columns, printed.rows, clinic=head, paper=paper, totals=printed.total,
        definition=meaning(result), footer=f"{result.clinic.name} · {result.title}", strong=printed.strong,
        chart=chart_of(result), empty=result.spec.empty if result.spec else "Nothing to show.",
    )  # fmt: skip


def columns_of(printed: Printed) -> list[Column]:
    """The columns of a printed table; numbers stand on the right."""
    return [Column(label, "right" if number else "left", lines=8) for label, number in printed.columns]


def head_of(clinic: Clinic) -> tuple[Head, str]:
    """The clinic's head, and the paper it prints on."""
    with read(clinic.id) as session:
        about = profile(session)
    return Head.of(clinic.name, about.address, about.phone), about.paper


def chosen(result: Result) -> str:
    """The days and the tests, in words."""
    return " · ".join(filter(None, [result.facts, *(f"only where {test}" for test in result.filters)]))


def meaning(result: Result) -> str:
    """What the report and each of its numbers mean."""
    lines = [result.definition]
    lines += [
        f"{c.label}: {c.definition}" for c in result.columns if c.definition and c.definition != result.definition
    ]
    if result.left_out:
        lines.append(f"Without {', '.join(result.left_out)}, which the role of who printed this does not see.")
    return "\n".join(lines)


def chart_of(result: Result) -> Chart | None:
    """The report's chart for paper; None where it has none, or its number stands in the table."""
    spec = result.spec
    if spec is None or len(result.rows) < 2 or spec.chart.kind in ("none", "number"):
        return None
    names = [column.name for column in result.columns]
    groups = [column.name for column in result.columns if not column.is_measure]
    if spec.chart.y not in names or not groups:
        return None
    x = spec.chart.x if spec.chart.x in groups else groups[0]
    others = [group for group in groups if group != x]
    one_series = spec.chart.kind in ("ranked", "pie", "funnel")
    series = "" if one_series else spec.chart.series if spec.chart.series in others else next(iter(others), "")
    column = result.columns[names.index(spec.chart.y)]
    if set(groups) - {x, series} and column.type not in _ADDS_UP:
        return None
    sums: dict[Any, dict[Any, float]] = {}
    at, by, value = names.index(x), names.index(series) if series else -1, names.index(spec.chart.y)
    for row in result.rows:
        if row[value] is not None:
            lines = sums.setdefault(row[by] if series else "", {})
            lines[row[at]] = lines.get(row[at], 0.0) + _scaled(column, row[value])
    xs = list(dict.fromkeys(row[at] for row in result.rows))
    wording = wording_of(result.clinic)
    told = _axis(column, wording)
    if one_series:
        return _ranked(result, sums.get("", {}), result.columns[at], told, wording)
    if result.columns[at].type not in ("text", "choice"):
        xs = sorted({one for one in xs if one is not None}) + [None] * (None in xs)
    if spec.chart.kind == "heatmap" and series:
        return _heat(result, sums, xs, result.columns[at], result.columns[by], told, wording)
    kinds: dict[str, Literal["line", "stacked", "bar"]] = {"line": "line", "stacked": "stacked"}
    kind = kinds.get(spec.chart.kind, "bar")
    lines_ = _largest(sums, result.columns[by] if series else None, wording, xs)
    return Chart(kind, spec.chart.title, [_word(result.columns[at], one, wording) for one in xs], lines_, told)


def _ranked(
    result: Result, found: dict[Any, float], column: ResultColumn, told: Callable[[float], str], wording: Wording,
) -> Chart:  # fmt: skip
    assert result.spec is not None
    if result.spec.chart.kind == "funnel":
        bars = funnel.passed(found)
        labels = [funnel.called(bar) for bar in bars]
        return Chart("ranked", result.spec.chart.title, labels, [("", list(bars.values()))], told)
    order = sorted(found, key=lambda one: -found[one])
    shown = [(_word(column, one, wording), found.get(one, 0.0)) for one in order[:_BARS]]
    if len(order) > _BARS:
        shown.append((OTHERS, sum(found.get(one, 0.0) for one in order[_BARS:])))
    return Chart("ranked", result.spec.chart.title, [label for label, _ in shown], [("", [v for _, v in shown])], told)


def _heat(
    result: Result, sums: dict[Any, dict[Any, float]], downs: list[Any], down: ResultColumn, across: ResultColumn,
    told: Callable[[float], str], wording: Wording,
) -> Chart | None:  # fmt: skip
    """What stands first goes down, what stands second across; None where there are too many of either."""
    assert result.spec is not None
    rights = sorted({one for one in sums if one is not None}) + [None] * (None in sums)
    if len(downs) > _LINES or len(rights) > _CELLS:
        return None
    lines: list[tuple[str, list[float | None]]] = [
        (_word(down, one, wording), [sums[right].get(one) for right in rights]) for one in downs
    ]
    return Chart("heatmap", result.spec.chart.title, [_word(across, one, wording) for one in rights], lines, told)


def _largest(
    sums: dict[Any, dict[Any, float]], column: ResultColumn | None, wording: Wording, xs: list[Any]
) -> list[tuple[str, list[float | None]]]:
    """The series with the largest sums; what is left goes together."""
    names = sorted(sums, key=lambda one: -sum(map(abs, sums[one].values())))
    kept, rest = (names, []) if len(names) <= _SERIES else (names[: _SERIES - 1], names[_SERIES - 1 :])
    lines: list[tuple[str, list[float | None]]] = [
        (_word(column, one, wording) if column else "", [sums[one].get(x) for x in xs]) for one in kept
    ]
    if rest:
        lines.append((OTHERS, [sum(sums[one].get(x, 0.0) for one in rest) for x in xs]))
    return lines


def _word(column: ResultColumn, value: Any, wording: Wording) -> str:
    return words(column, value, wording) or "not stated"


def _scaled(column: ResultColumn, value: Any) -> float:
    return (
        float(value) / 100 if column.type == "money" else float(value) * 100 if column.type == "ratio" else float(value)
    )


def _axis(column: ResultColumn, wording: Wording) -> Callable[[float], str]:
    def told(value: float) -> str:
        if column.type == "money":
            return wording.money(round(value * 100))
        if column.type == "ratio":
            return f"{wording.number(round(value, 1))} %"
        return wording.number(round(value, 2))

    return told
