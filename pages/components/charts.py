"""Charts of a report: zero baseline, five colours and a grey, the theme's own ground, one figure kept per answer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.components import show
from reports.compile import ResultColumn
from reports.model import Model, UnknownWord
from reports.queries import Written
from reports.result import Result
from reports.spec import ReportSpec
from reports.values import wording_of, words

COLOURS = ("#0f766e", "#c2710c", "#4f5fb8", "#b4326b", "#6b7f1d")
GREY = "#8a94a3"
OTHER = "All others"
NO_VALUE = "No value"
CONFIG = {"displayModeBar": False, "responsive": True, "scrollZoom": False}
ALWAYS = {"dog": 0, "cat": 1, "rabbit": 2, "Dog": 0, "Cat": 1, "Rabbit": 2, "Female": 3, "Male": 2,
          "Card": 0, "Cash": 1, "Check": 2}  # fmt: skip
"""The same colour for the same thing on every page."""
_ADDS_UP = ("money", "whole", "number")
_SHORT = {"month": "month_name", "week": "month_day", "day": "month_day"}
"""How days are written on an axis."""


def possible(spec: ReportSpec, model: Model) -> list[str]:
    """The kinds of chart that can show this question."""
    groups = [*(spec.breakdowns[0].by if spec.breakdowns else []), *([spec.across] if spec.across else [])]
    if not groups or spec.columns:
        return ["none", "number"] if spec.measures else ["none"]
    try:
        types = [model.resolve(spec.entity, by.field)[2].type for by in groups]
    except UnknownWord:
        return ["none"]
    kinds = ["none", "bar", "stacked"] if len(groups) > 1 else ["none", "bar", "ranked", "pie"]
    kinds += ["line"] * (types[0] in ("day", "hour", "weekday"))
    kinds += ["heatmap"] * (len(groups) == 2)
    kinds += ["funnel"] * (len(groups) == 1 and spec.entity == "appointment" and groups[0].field == "stage")
    return [*kinds, "number"]


def of_query(spec: ReportSpec, result: Result) -> Result:
    """The answer of a question in SQL as far as its chart draws it: what it is along, what splits it, its number,
    lines that are alike in these added up. Days that all begin a month are months. Any other answer as it is."""
    chart = spec.chart
    names = [column.name for column in result.columns]
    wanted = [name for name in dict.fromkeys((chart.x, chart.series, chart.y)) if name in names]
    if not isinstance(spec, Written) or chart.x not in wanted or chart.y not in wanted:
        return result
    places = [names.index(name) for name in wanted]
    columns = [result.columns[place] for place in places]
    days = [row[places[0]] for row in result.rows]
    if columns[0].type == "day" and all(day is not None and day.day == 1 for day in days):
        columns[0] = replace(columns[0], type="month")
    sums: dict[tuple[Any, ...], Any] = {}
    for row in result.rows:
        *key, value = (row[place] for place in places)
        if value is not None:
            sums[tuple(key)] = (sums.get(tuple(key)) or 0) + value
        else:
            sums.setdefault(tuple(key), None)
    return replace(result, columns=tuple(columns), rows=[(*key, value) for key, value in sums.items()])


def drawable(spec: ReportSpec, result: Result) -> bool:
    """Whether there is something to compare, that may be compared like this."""
    measures = {column.name: column for column in result.columns if column.is_measure}
    if spec.chart.y not in measures or not _groups(result) or len(result.rows) < 2:
        return False
    return len(_groups(result)) < 3 or measures[spec.chart.y].type in _ADDS_UP


def kept(spec: ReportSpec, result: Result) -> Any:
    """The figure of an answer, drawn once as long as the answer is the same."""
    heads = [(column.name, column.type, column.label) for column in result.columns]
    held = result.rows, result.total, result.subtotals, heads, wording_of(result.clinic), show.today()
    return _drawn((result.clinic.id, spec.model_dump_json(), repr(held)), spec, result)


@st.cache_resource(max_entries=256, show_spinner=False)
def _drawn(key: tuple[str, ...], _spec: ReportSpec, _result: Result) -> Any:  # noqa: ARG001
    return figure(_spec, _result)


def told(spec: ReportSpec, result: Result) -> str:
    """The finding in words: the highest and the lowest, a month that is not over left out."""
    place = result.index(spec.chart.y)
    first = _groups(result)[0]
    if spec.chart.kind == "funnel":
        from pages.components import chart_kinds

        return chart_kinds.told(result, place)
    if len(_groups(result)) > 1 and result.columns[place].type not in _ADDS_UP:
        return ""
    sums = _by(result, result.index(first.name), place) if len(_groups(result)) > 1 else {
        row[result.index(first.name)]: row[place] for row in result.rows if row[place] is not None
    }  # fmt: skip
    this_month = show.today().replace(day=1)
    sums = {key: value for key, value in sums.items() if first.type != "month" or key != this_month}
    if len(sums) < 2:
        return ""
    wording, column = wording_of(result.clinic), result.columns[place]
    high, low = max(sums, key=lambda key: sums[key]), min(sums, key=lambda key: sums[key])
    return (
        f"{column.label}: highest {words(first, high, wording)} ({words(column, sums[high], wording)}), "
        f"lowest {words(first, low, wording)} ({words(column, sums[low], wording)})."
    )


def figure(spec: ReportSpec, result: Result) -> Any:
    """The chart of a result."""
    import plotly.graph_objects as go

    from pages.components import chart_kinds

    if spec.chart.kind in chart_kinds.WHOLE:
        return chart_kinds.WHOLE[spec.chart.kind](spec, result)
    groups, place = _groups(result), result.index(spec.chart.y)
    measure = result.columns[place]
    first = groups[0]
    chart = go.Figure()
    line = spec.chart.kind == "line"
    if len(groups) == 1:
        _single(chart, result, first, measure, place, ranked=spec.chart.kind == "ranked", line=line)
        earlier = before_of(spec, result)
        if earlier is not None and spec.chart.kind != "ranked":
            _single(chart, result, first, result.columns[earlier], earlier, ranked=False, line=line, grey=True)
            chart.update_traces(showlegend=True)
    else:
        _split(chart, result, groups, measure, place, line=line)
    ranked = spec.chart.kind == "ranked" and len(groups) == 1
    value_axis, name_axis = (
        (chart.update_xaxes, chart.update_yaxes) if ranked else (chart.update_yaxes, chart.update_xaxes)
    )
    value_axis(rangemode="tozero", zeroline=True, title=None, nticks=5, **_ticks(measure, result))
    name_axis(title=None, showgrid=False, type="category", automargin=True, tickangle=0 if ranked else None, nticks=14)
    if first.type in _SHORT and not ranked:
        name_axis(**_days(list(dict.fromkeys(row[result.index(first.name)] for row in result.rows)), first, result))
    chart.update_layout(
        height=max(180, 46 * len(result.rows) + 40) if ranked else 300,
        margin={"l": 8, "r": 8, "t": 8, "b": 8}, bargap=0.35,
        barmode="stack" if spec.chart.kind == "stacked" or (len(groups) > 1 and measure.type in _ADDS_UP) else "group",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left", "title": None,
                "bgcolor": "rgba(0,0,0,0)",
                "traceorder": "normal"},
        hovermode="closest" if ranked else "x unified", dragmode=False,
    )  # fmt: skip
    return chart


def _single(
    chart: Any, result: Result, first: ResultColumn, measure: ResultColumn, place: int, *, ranked: bool,
    line: bool = False, grey: bool = False,
) -> None:  # fmt: skip
    wording, at = wording_of(result.clinic), result.index(first.name)
    rows = [row for row in result.rows if row[place] is not None]
    if ranked:
        rows = sorted(rows, key=lambda row: row[place])
    names = [words(first, row[at], wording) or NO_VALUE for row in rows]
    values = [scaled(measure, row[place]) for row in rows]
    texts = [words(measure, row[place], wording) for row in rows]
    stands = {id(row): number for number, row in enumerate(result.rows)}
    marks = [[text, str(stands[id(row)])] for text, row in zip(texts, rows, strict=True)]
    few = len(rows) <= 14 and not grey
    if line:
        chart.add_scatter(
            x=names, y=values, mode="lines+markers", name=measure.label, customdata=marks, showlegend=grey,
            line={"color": GREY if grey else COLOURS[0], "width": 2, "dash": "dot" if grey else "solid"},
            hovertemplate="%{customdata[0]}",
        )  # fmt: skip
        return
    along = {"x": values, "y": names, "orientation": "h"} if ranked else {"x": names, "y": values}
    chart.add_bar(
        **along, text=texts if few else None, textposition="outside" if few else None, cliponaxis=False,
        customdata=marks, marker={"color": GREY if grey else COLOURS[0]},
        hovertemplate="%{customdata[0]}<extra></extra>", name=measure.label, showlegend=grey,
    )  # fmt: skip


def _split(
    chart: Any, result: Result, groups: list[ResultColumn], measure: ResultColumn, place: int, *, line: bool = False,
) -> None:  # fmt: skip
    """Bars stacked by the second group: the five largest, everything else in grey."""
    wording = wording_of(result.clinic)
    first, second = result.index(groups[0].name), result.index(groups[1].name)
    sizes = _by(result, second, place)
    kept = sorted(sizes, key=lambda name: -sizes[name])[:5]
    xs: dict[Any, None] = dict.fromkeys(row[first] for row in result.rows)
    cells: dict[tuple[Any, Any], float] = defaultdict(float)
    stands: dict[tuple[Any, Any], list[int]] = defaultdict(list)
    for number, row in enumerate(result.rows):
        name = row[second] if row[second] in kept else OTHER
        stands[row[first], name].append(number)
        cells[row[first], name] += row[place] or 0
    series = [*kept, OTHER] if len(sizes) > len(kept) and measure.type in _ADDS_UP else kept
    taken: set[str] = set()
    labels = [words(groups[0], x, wording) or NO_VALUE for x in xs]
    for name in series:
        label = OTHER if name == OTHER else words(groups[1], name, wording) or NO_VALUE
        shade = GREY if name in (OTHER, None) else colour(label, taken)
        taken.add(shade)
        values = [cells.get((x, name), 0) for x in xs]
        marks = [[words(measure, value, wording), _lines(stands[x, name])] for x, value in zip(xs, values, strict=True)]
        if line:
            chart.add_scatter(
                x=labels, y=[scaled(measure, value) for value in values], mode="lines+markers", name=label,
                line={"color": shade, "width": 2}, hovertemplate="%{customdata[0]}",
                customdata=marks,
            )  # fmt: skip
            continue
        chart.add_bar(
            x=labels, y=[scaled(measure, value) for value in values], name=label, marker={"color": shade},
            customdata=marks, hovertemplate="%{customdata[0]}",
        )  # fmt: skip


def _lines(places: list[int]) -> str:
    """The lines that a mark stands for, as the browser sends them back: only one text passes unchanged."""
    return " ".join(map(str, places))


def before_of(spec: ReportSpec, result: Result, show: str = "before") -> int | None:
    """Where the same number stands as it was in the period compared with, if the report shows that."""
    known = {one.name: one for one in spec.numbers}
    drawn = known.get(spec.chart.y)
    if drawn is None or drawn.show != "value":
        return None
    same = ("measure", "agg", "of", "num", "den", "where")
    names = {one.name for one in known.values() if one.show == show and all(
        getattr(one, part) == getattr(drawn, part) for part in same)}  # fmt: skip
    return next((place for place, column in enumerate(result.columns) if column.name in names), None)


def _days(days: list[Any], column: ResultColumn, result: Result) -> dict[str, Any]:
    """Short names on the axis, the year beneath the first of each, so that they fit a phone and a narrow tile level."""
    if None in days:
        return {}
    wording = wording_of(result.clinic)
    every = -(-len(days) // (14 if column.type == "month" else 7))
    shown = days[::every]
    turns = [not place or day.year != shown[place - 1].year for place, day in enumerate(shown)]
    years = [f"<br>{day.year}" if turn else "" for day, turn in zip(shown, turns, strict=True)]
    short = [wording.day(day, style=_SHORT[column.type]) for day in shown]
    names = [words(column, day, wording) for day in shown]
    return {"tickvals": names, "ticktext": [a + b for a, b in zip(short, years, strict=True)], "tickangle": 0}


def _groups(result: Result) -> list[ResultColumn]:
    return [column for column in result.columns if not column.is_measure]


def _by(result: Result, group: int, place: int) -> dict[Any, float]:
    sums: dict[Any, float] = defaultdict(float)
    for row in result.rows:
        sums[row[group]] += row[place] or 0
    return dict(sums)


def colour(label: str, taken: set[str]) -> str:
    """The colour of a thing: always its own where it has one, otherwise the next that is free."""
    wanted = COLOURS[ALWAYS[label]] if label in ALWAYS else ""
    if wanted and wanted not in taken:
        return wanted
    return next((free for free in COLOURS if free not in taken), GREY)


def scaled(measure: ResultColumn, value: Any) -> float:
    """A value as it is drawn: money in units."""
    return float(value) / 100 if measure.type == "money" else float(value)


def _ticks(measure: ResultColumn, result: Result) -> dict[str, Any]:
    if measure.type == "ratio":
        return {"tickformat": ".0%"}
    if measure.type == "money":
        from babel.numbers import get_currency_symbol

        symbol = get_currency_symbol(result.clinic.currency, locale=wording_of(result.clinic).locale)
        return {"tickprefix": symbol, "tickformat": "~s"}
    return {"tickformat": ",~r"}
