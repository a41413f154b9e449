"""The tiles of a dashboard: a number, a chart or a table, each leading to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.components import board_choices, charts, frame, report_address, report_choices, report_view
from reports import tiles
from reports.dashboards import Dashboard
from reports.periods import Days, label_of
from reports.result import Result
from reports.tiles import Answer

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
                _draw(tiles.answer(tile, board, days, chosen, by=frame.actor(), timed=timed), period, chosen)


def _draw(answer: Answer, period: str, chosen: Mapping[str, Sequence[str]]) -> None:
    if answer.spec is None:
        st.markdown(f"**{frame.plain(answer.title)}**")
    else:
        st.page_link(
            "reporting/report.py", label=frame.plain(answer.title), query_params=address(answer, period, chosen),
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
    st.plotly_chart(
        charts.kept(spec, result), key=f"chart-{answer.tile.id}", config=charts.CONFIG,
        height=HEIGHTS[answer.tile.height], alt=charts.told(spec, result) or answer.title,
    )  # fmt: skip


def _number(result: Result, title: str) -> None:
    told = tiles.big(result)
    if told is None:
        st.caption("This report lists rows and has no number to show.")
        return
    moved: Any = told.moved or None
    colour: Any = "inverse" if told.column.name in LESS_IS_BETTER else "normal"
    st.metric(
        frame.said(told.column.label), told.value, moved, delta_color=colour if told.change else "off", width="stretch",
        label_visibility="hidden" if told.column.label == title else "visible",
        delta_description="against the year before" if moved else None,
    )  # fmt: skip


def address(answer: Answer, period: str, chosen: Mapping[str, Sequence[str]]) -> dict[str, str | list[str]]:
    """Where the report opens as the tile shows it: its days, its breakdown, the answers to its questions, and what the
    dashboard narrows it to."""
    assert answer.spec is not None
    spec, params = answer.spec, answer.params or {}
    query: dict[str, str | list[str]] = {"name": answer.tile.report}
    if "from" in spec.parameters:
        own = label_of(answer.tile.preset) if answer.tile.preset else period
        first, last = params.get("from"), params.get("to")
        if own in {label_of(name) for name in (*report_choices.OFFERED, spec.preset)}:
            query["period"] = own
        elif own != board_choices.OWN and first and last:
            query |= {"period": report_choices.CUSTOM, "from": str(first), "to": str(last)}
    labels = {choice.name: choice.label for choice in spec.breakdowns}
    by = answer.tile.params.get("by")
    if by in labels:
        query["by"] = labels[str(by)]
    for ask in spec.asks:
        if ask.name in answer.tile.params and answer.tile.params[ask.name] != ask.default:
            query[f"ask_{ask.name}"] = report_address.written(answer.tile.params[ask.name])
    only = report_address.only(chosen)
    return query | ({report_address.ONLY: only} if only else {})
