"""How a report being built is drawn, in which order, and how much of it."""

from __future__ import annotations

import streamlit as st

from pages.components import charts
from pages.components.build_state import Built, pick, typed
from reports.building import NotComplete
from reports.spec import ReportSpec

MOST_KEYS = 4
NATURAL = "The order of the groups"
KINDS = {
    "none": "Table only", "bar": "Bars", "stacked": "Stacked bars", "line": "Lines", "ranked": "Ranked bars",
    "pie": "Pie", "heatmap": "Heat map", "number": "Big number", "funnel": "Funnel",
}  # fmt: skip


def draw(made: Built) -> None:
    """Chart, order, limit, totals. Only what the numbers and groups allow is offered."""
    choices = made.choices
    try:
        spec = made.spec()
    except NotComplete:
        st.caption("Choose numbers and groups first.")
        return
    if choices["shape"] == "numbers":
        _chart(made, spec)
    _order(made, spec)
    if choices["shape"] == "numbers":
        choices["total"] = typed(st.checkbox, "A line with the total", choices["total"], made.key("total"))
        if len(choices["groups"]) > 1:
            choices["subtotals"] = typed(
                st.checkbox, "Subtotals for each group", choices["subtotals"], made.key("subtotals")
            )  # fmt: skip


def _chart(made: Built, spec: ReportSpec) -> None:
    chart = made.choices["chart"]
    offered = {kind: words for kind, words in KINDS.items() if kind in charts.possible(spec, made.model)}
    kind = pick("Chart", offered, chart["kind"], made.key("chart", *offered))
    y = {one.name: _words(made, spec, one.name) for one in spec.numbers}
    made.choices["chart"] = chart = chart | {"kind": kind}
    if kind != "none":
        if len(y) > 1:
            chart["y"] = pick("Of", y, spec.chart.y, made.key("chart-y", *y))
        chart["title"] = typed(st.text_input, "Title of the chart", chart.get("title", ""), made.key("chart-title"),
                               max_chars=120, placeholder="What does it answer?")  # fmt: skip


def _words(made: Built, spec: ReportSpec, name: str) -> str:
    from pages.components.build_numbers import SHOWS, told

    for line in made.choices["numbers"]:
        for show, column in line["names"].items():
            if column == name:
                return told(made, line) + ("" if show == "value" else f", {SHOWS[show].lower()}")
    found = [by for choice in spec.breakdowns[:1] for by in choice.by if by.column == name]
    if found:
        return found[0].label or made.words(found[0].field) + (f" by {found[0].grain}" if found[0].grain else "")
    return name


def _order(made: Built, spec: ReportSpec) -> None:
    if spec.columns:
        names = {one.column: one.label or made.words(one.field) for one in spec.columns}
    else:
        groups = [by.column for by in spec.breakdowns[0].by]
        names = {name: _words(made, spec, name) for name in [*groups, *(one.name for one in spec.numbers)]}
    made.choices["sort"] = _keys(made, names, list(spec.sort), "As they come" if spec.columns else NATURAL)
    limit = typed(st.number_input, "Only the first", made.choices["limit"] or None, made.key("limit"), min_value=1,
                  max_value=100_000, step=1, placeholder="All", width=130)  # fmt: skip
    made.choices["limit"] = int(limit or 0)


def _keys(made: Built, names: dict[str, str], now: list[str], natural: str) -> list[str]:
    """What the lines are ordered by: the first key, and after each that is chosen the next."""
    chosen: list[str] = []
    left = dict(names)
    while left and len(chosen) < MOST_KEYS:
        options = {"": "Nothing more" if chosen else natural}
        for name, words in left.items():
            options |= {f"-{name}": f"{words}, largest first", name: f"{words}, smallest first"}
        label = "Then by" if chosen else "Order by"
        standing = now[len(chosen)] if len(chosen) < len(now) else ""
        key = pick(label, options, standing, made.key("order", str(len(chosen)), *options))
        if not key:
            break
        chosen.append(key)
        left.pop(key.lstrip("-"))
    return chosen
