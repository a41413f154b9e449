"""The tiles of a dashboard: a number, a chart or a table, each leading to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from data.wording import NONE
from pages.components import charts, frame, report_choices, report_view
from reports import tiles
from reports.compile import ResultColumn
from reports.dashboards import Dashboard
from reports.periods import Days, label_of
from reports.result import Result
from reports.tiles import Answer
from reports.values import wording_of, words

HEIGHTS = {1: 74, 2: 218, 3: 362, 4: 506}
"""Pixels left for what a tile shows, by its height in rows."""
LESS_IS_BETTER = frozenset((
    "no_shows", "rate_of_arrivals", "rate_of_all", "cancelled", "complicated", "complication_rate", "median_minutes",
    "discount", "refunds", "owed", "open", "wasted", "deaths", "mortality",
))  # fmt: skip
"""Numbers whose fall is good news."""


def grid(
    board: Dashboard, period: str, days: Days | None, chosen: Mapping[str, Sequence[str]], *, timed: bool = False
) -> None:
    """Draw every tile of a dashboard. ``period`` is the words of the days."""
    with st.container(key="board"):
        for tile in board.tiles:
            with st.container(key=f"tile-w{tile.width}-h{tile.height}-{tile.id}"):
                _draw(tiles.answer(tile, board, days, chosen, by=frame.actor(), timed=timed), period)


def _draw(answer: Answer, period: str) -> None:
    if answer.spec is None:
        st.markdown(f"**{frame.plain(answer.title)}**")
    else:
        st.page_link(
            "reporting/report.py", label=frame.plain(answer.title), query_params=_address(answer, period),
            help="Open the report",
        )  # fmt: skip
    if answer.problem:
        st.caption(f":material/info: {frame.plain(answer.problem)}")
        return
    assert answer.spec is not None and answer.result is not None
    if answer.untouched:
        st.caption(frame.plain(f"Not narrowed by {', '.join(answer.untouched)}, which its rows do not know."))
    result = answer.result
    if not result.rows and answer.tile.show != "number":
        st.caption(frame.plain(answer.spec.empty))
    elif answer.tile.show == "number":
        _number(result, answer.title)
    elif answer.tile.show == "chart" and charts.drawable(answer.spec, drawn := charts.of_query(answer.spec, result)):
        _chart(answer, drawn)
    else:
        report_view.table(result)


def _chart(answer: Answer, result: Result) -> None:
    spec = answer.spec
    assert spec is not None
    look = tuple((column.name, column.label) for column in result.columns)
    key = ("tile", result.clinic.id, spec.model_dump_json(), look, hash(repr(result.rows)))
    st.plotly_chart(
        charts.cached(key, spec, result), key=f"chart-{answer.tile.id}", config=charts.CONFIG,
        height=HEIGHTS[answer.tile.height], alt=charts.told(spec, result) or answer.title,
    )  # fmt: skip


def _number(result: Result, title: str) -> None:
    values = result.total or (result.rows[0] if len(result.rows) == 1 else None)
    told = {column.name: (column, values[place]) for place, column in enumerate(result.columns)} if values else {}
    numbers = [one for one in result.columns if one.is_measure]
    if not numbers:
        st.caption("This report lists rows and has no number to show.")
        return
    first, wording = numbers[0], wording_of(result.clinic)
    value = words(*told[first.name], wording) if told else _nothing(first)
    delta, colour = _delta(first, told, result)
    st.metric(
        first.label, value, delta, delta_color=colour, width="stretch",
        label_visibility="collapsed" if first.label == title else "visible",
        delta_description="against the year before" if delta else None,
    )  # fmt: skip


def _delta(first: ResultColumn, told: Mapping[str, tuple[ResultColumn, Any]], result: Result) -> tuple[Any, Any]:
    """How it moved, and whether that is good: of a ratio in points, of everything else in percent."""
    if first.type == "ratio":
        change = told.get("change_to_before", (first, None))[1]
        moved = None if change is None else f"{change * 100:+.1f} points"
    else:
        column, change = told.get("percent_to_before", (first, None))
        moved = (
            None if change is None else ("+" if change > 0 else "") + words(column, change, wording_of(result.clinic))
        )
    if moved is None or not change:
        return (None if moved is None else "no change"), "off"
    return moved, "inverse" if first.name in LESS_IS_BETTER else "normal"


def _nothing(column: ResultColumn) -> str:
    return "0" if column.type == "whole" else NONE


def _address(answer: Answer, period: str) -> dict[str, str]:
    """Where the report opens with the tile's own choices."""
    assert answer.spec is not None
    query = {"name": answer.tile.report}
    if "from" in answer.spec.parameters:
        own = label_of(answer.tile.preset) if answer.tile.preset else period
        if own in {label_of(name) for name in report_choices.OFFERED}:
            query["period"] = own
    by = answer.tile.params.get("by")
    labels = {choice.name: choice.label for choice in answer.spec.breakdowns}
    if by in labels:
        query["by"] = labels[str(by)]
    return query
