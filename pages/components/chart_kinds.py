"""The charts that are no bars or lines: a pie, a heat map, the funnel of the patient flow, one big number."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.components import charts, frame
from reports import funnel as reached
from reports.compile import ResultColumn
from reports.result import Result
from reports.spec import ReportSpec
from reports.values import wording_of, words

SLICES = 5
DARK = 0.78
"""From this share of the largest on, a cell is so dark that words on it are white in both themes."""
WORDED = 8
"""So many cells side by side have room for their number."""
FALLING_IS_GOOD = {"no_shows", "rate_of_arrivals", "rate_of_all", "cancelled", "deaths", "per_10000", "complicated",
                   "complication_rate", "open", "refunded", "median_minutes", "wasted"}  # fmt: skip
SCALE = [[0, "rgba(15,118,110,.06)"], [1, charts.COLOURS[0]]]


def pie(spec: ReportSpec, result: Result) -> Any:
    """Parts of a whole: the five largest, everything else in grey."""
    import plotly.graph_objects as go

    place, first, rows = _largest_first(spec, result)
    at, measure, wording = result.index(first.name), result.columns[place], wording_of(result.clinic)
    parts = [(words(first, row[at], wording) or charts.NO_VALUE, row[place]) for row in rows[:SLICES]]
    rest = sum(row[place] for row in rows[SLICES:])
    taken: set[str] = set()
    colours = []
    for label, _ in parts:
        colours.append(charts.colour(label, taken))
        taken.add(colours[-1])
    if rest:
        parts, colours = [*parts, (charts.OTHER, rest)], [*colours, charts.GREY]
    chart = go.Figure()
    chart.add_pie(
        labels=[label for label, _ in parts], values=[charts.scaled(measure, value) for _, value in parts], hole=0.55,
        marker={"colors": colours}, sort=False, direction="clockwise", textposition="outside",
        texttemplate="%{label}<br>%{percent:.0%}",
        automargin=True,
        customdata=[words(measure, value, wording) for _, value in parts], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    chart.update_layout(height=320, showlegend=False, margin={"l": 8, "r": 8, "t": 40, "b": 40}, dragmode=False)
    return chart


def _largest_first(spec: ReportSpec, result: Result) -> tuple[int, ResultColumn, list[tuple[Any, ...]]]:
    place, first = result.index(spec.chart.y), next(column for column in result.columns if not column.is_measure)
    return place, first, sorted((row for row in result.rows if (row[place] or 0) > 0), key=lambda row: -row[place])


def heat(spec: ReportSpec, result: Result) -> Any:
    """One group down, the other across, such as weekday and hour."""
    import plotly.graph_objects as go

    place, wording = result.index(spec.chart.y), wording_of(result.clinic)
    measure = result.columns[place]
    down, across, ys, xs = _cells(result)
    at, by = result.index(down.name), result.index(across.name)
    cells = {(row[at], row[by]): row[place] for row in result.rows}
    rights = [words(across, x, wording) or charts.NO_VALUE for x in xs]
    downs = [words(down, y, wording) or charts.NO_VALUE for y in ys]
    values = {place: charts.scaled(measure, value) for place, value in cells.items() if value is not None}
    low, high = min([*values.values(), 0.0]), max([*values.values(), 0.0])
    chart = go.Figure()
    chart.add_heatmap(
        x=rights, y=downs, z=[[values.get((y, x)) for x in xs] for y in ys], zmin=low, zmax=high or 1,
        text=[[words(measure, cells.get((y, x)), wording) for x in xs] for y in ys],
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>", colorscale=SCALE, showscale=False, xgap=2, ygap=2,
    )  # fmt: skip
    if len(xs) <= WORDED:
        dark = {place for place, value in values.items() if value - low > DARK * (high - low)}
        for among, font in ((dark, {"color": "#ffffff"}), (values.keys() - dark, {})):
            chart.add_scatter(
                x=[rights[xs.index(x)] for _, x in among], y=[downs[ys.index(y)] for y, _ in among], mode="text",
                text=[words(measure, cells[place], wording) for place in among], textfont=font, hoverinfo="skip",
                showlegend=False,
            )  # fmt: skip
    chart.update_yaxes(autorange="reversed", type="category", showgrid=False, automargin=True, title=None)
    chart.update_xaxes(type="category", showgrid=False, title=None, nticks=14)
    chart.update_layout(height=max(200, 34 * len(ys) + 60), margin={"l": 8, "r": 8, "t": 8, "b": 8}, dragmode=False)
    return chart


def _cells(result: Result) -> tuple[ResultColumn, ResultColumn, list[Any], list[Any]]:
    """What stands down and across, and the values of both in order."""
    down, across = [column for column in result.columns if not column.is_measure][:2]
    ys, xs = (
        sorted({row[place] for row in result.rows}, key=lambda value: (value is None, 0 if value is None else value))
        for place in (result.index(down.name), result.index(across.name))
    )
    return down, across, ys, xs


def behind(spec: ReportSpec, result: Result, mark: list[int]) -> dict[str, Any]:
    """The groups that a mark stands for, as in a drill: one value of each, or several. Empty for what is no mark."""
    if spec.chart.kind == "heatmap":
        down, across, ys, xs = _cells(result)
        if len(mark) == 2 and mark[0] < len(ys) and mark[1] < len(xs):
            return {down.name: ys[mark[0]], across.name: xs[mark[1]]}
        return {}
    if spec.chart.kind == "funnel":
        stages = next(column for column in result.columns if not column.is_measure)
        seen = {row[result.index(stages.name)] for row in result.rows}
        return {stages.name: sorted(seen & reached.came_to(mark[0]))}
    _, first, rows = _largest_first(spec, result)
    values = [row[result.index(first.name)] for row in rows]
    return {first.name: values[mark[0]] if mark[0] < SLICES else values[SLICES:]}


def funnel(spec: ReportSpec, result: Result) -> Any:
    """How many came so far in the patient flow: everybody at a later stage has passed the earlier ones."""
    import plotly.graph_objects as go

    place, wording = result.index(spec.chart.y), wording_of(result.clinic)
    measure, counts = result.columns[place], passed(result, place)
    chart = go.Figure()
    chart.add_funnel(
        y=[reached.called(bar) for bar in counts], x=[charts.scaled(measure, value) for value in counts.values()],
        texttemplate="%{text} · %{percentInitial}",
        text=[words(measure, value, wording) for value in counts.values()], marker={"color": charts.COLOURS[0]},
        hovertemplate="%{y}: %{text}<extra></extra>", connector={"fillcolor": "rgba(15,118,110,.12)"},
    )  # fmt: skip
    chart.update_yaxes(title=None, automargin=True)
    chart.update_layout(height=34 * len(counts) + 60, margin={"l": 8, "r": 8, "t": 8, "b": 8}, dragmode=False)
    return chart


def passed(result: Result, place: int) -> dict[str, float]:
    """The count at each bar of the funnel."""
    at = next(number for number, column in enumerate(result.columns) if not column.is_measure)
    return reached.passed({row[at]: row[place] or 0 for row in result.rows})


def told(result: Result, place: int) -> str:
    """The finding of the funnel in words."""
    counts, wording, measure = passed(result, place), wording_of(result.clinic), result.columns[place]
    due, out = counts[reached.DUE], counts["checked_out"]
    share = f" ({round(100 * out / due)}%)" if due else ""
    return f"Of {words(measure, due, wording)} due to arrive, {words(measure, out, wording)} were checked out{share}."


def number(spec: ReportSpec, result: Result) -> None:
    """One number, large, with its change against the period compared with, and its course over the groups."""
    place, wording = result.index(spec.chart.y), wording_of(result.clinic)
    line = result.total or (result.rows[0] if len(result.rows) == 1 else None)
    if line is None:
        return
    column, delta, course = result.columns[place], None, None
    for show in ("change_percent", "change"):
        found = charts.before_of(spec, result, show)
        if found is not None and line[found] is not None and delta is None:
            delta = ("+" if line[found] > 0 else "") + words(result.columns[found], line[found], wording)
    if len(result.rows) > 1 and sum(not one.is_measure for one in result.columns) == 1:
        course = [charts.scaled(column, row[place] or 0) for row in result.rows]
    falls = any(one.name == spec.chart.y and one.measure in FALLING_IS_GOOD for one in spec.numbers)
    with st.container(key="report_number"):
        st.metric(
            frame.said(column.label), words(column, line[place], wording), delta,
            delta_color="inverse" if falls else "normal", chart_data=course, chart_type="area", border=True,
        )  # fmt: skip


WHOLE = {"pie": pie, "heatmap": heat, "funnel": funnel}
