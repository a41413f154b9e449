"""How the answer of a question in SQL is drawn: chosen from its columns, kept with the question."""

from __future__ import annotations

import streamlit as st

from pages.components.build_look import KINDS
from reports.compile import ResultColumn
from reports.queries import SavedQuery
from reports.result import Result
from reports.saved import Card
from reports.spec import Chart
from reports.sql_columns import drawn_along

OF_ONE = ("none", "bar", "ranked", "line", "pie")
OF_TWO = ("none", "bar", "stacked", "line", "heatmap")
_CHOSEN = "_sql_chart"


def columns(result: Result, chart: Chart) -> tuple[ResultColumn, ...]:
    """The columns, those that the chart is drawn along no longer among the numbers."""
    return drawn_along(result.columns, chart)


def choose(result: Result, card: Card | None, text: str) -> Chart:
    """The row of choices above an answer; what does not fit its columns is not offered."""
    plain = columns(result, Chart())
    numbers = {one.name: one.label for one in plain if one.is_measure}
    now = kept(card, text)
    if not numbers or len(result.rows) < 2 or len(plain) < 2:
        return now
    key = f"sql_chart:{card.name if card else ''}"
    with st.container(key="sql_chart", horizontal=True, vertical_alignment="bottom"):
        names = {one.name: one.label for one in plain}
        two = len(plain) > 2
        kinds = list(dict.fromkeys(OF_ONE + OF_TWO)) if two else list(OF_ONE)
        kind = _pick("Drawn as", {one: KINDS[one] for one in kinds}, now.kind, f"{key}:kind")
        chart = now.model_copy(update={"kind": kind})
        if kind != "none":
            first = next((one.name for one in plain if not one.is_measure), plain[0].name)
            x = _pick("Along", names, now.x or first, f"{key}:x")
            left = {name: label for name, label in numbers.items() if name != x}
            y = _pick("Of", left, now.y or next(reversed(left), ""), f"{key}:y")
            others = {"": "Nothing"} | {name: label for name, label in names.items() if name not in (x, y)}
            series = ""
            if kind in OF_TWO and two:
                series = _pick("Split by", others, now.series, f"{key}:series")
            chart = chart.model_copy(update={"x": x, "y": y, "series": series})
    st.session_state[_CHOSEN] = card.name if card else "", text, chart
    if chart.kind == "heatmap" and not chart.series:
        st.caption("A heat map needs a second column to split by.")
    return chart


def kept(card: Card | None, text: str) -> Chart:
    """What was chosen for this question, or is kept with it."""
    name, of, chart = st.session_state.get(_CHOSEN, ("", "", None))
    if isinstance(chart, Chart) and name == (card.name if card else "") and (name or of == text):
        return chart
    return card.saved.chart if card and isinstance(card.saved, SavedQuery) else Chart()


def _pick(label: str, options: dict[str, str], now: str, key: str) -> str:
    if st.session_state.get(key) not in options:
        st.session_state[key] = now if now in options else next(iter(options), "")
    return st.selectbox(label, list(options), key=key, format_func=lambda one: options.get(one, one), width=150) or ""
