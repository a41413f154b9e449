"""The row of choices above a dashboard: its days and its filters. All of it stands in the address."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, report_choices, show
from reports import tiles
from reports.dashboards import Board
from reports.periods import Days, days_of, label_of
from reports.run import BackwardPeriod
from reports.values import choice

OWN = "As each report has it"
Choice = tuple[str, Days | None, dict[str, list[str]]]


def choose(board: Board) -> Choice:
    """Draw them; returns the words of the days, the days (None where each report keeps its own) and the values chosen
    in each filter. Raises BackwardPeriod."""
    one, today = board.dashboard, show.today()
    names = list(
        dict.fromkeys([*([] if one.preset else [""]), *report_choices.OFFERED, *([one.preset] * bool(one.preset))])
    )
    labels = {label_of(name) if name else OWN: name for name in names}
    options = [*labels, report_choices.CUSTOM]
    start = list(labels.values()).index(one.preset)
    with st.container(key="board_choices", horizontal=True, vertical_alignment="bottom"):
        period = st.selectbox("Period", options, index=start, key="board_period", width=210, bind="query-params")
        free = report_choices.free_days("board_") if period == report_choices.CUSTOM else None
        chosen = {}
        for place, narrowing in enumerate(one.filters):
            values = tiles.choices(one, narrowing.field, by=frame.actor())
            chosen[narrowing.field] = st.multiselect(
                narrowing.label, values, key=f"board_filter_{place}", format_func=word, placeholder="All", width=230,
                bind="query-params",
            )  # fmt: skip
    if free is not None:
        if free[0] and free[1] and free[0] > free[1]:
            raise BackwardPeriod(from_=free[0], to=free[1])
        return period, free, chosen
    preset = labels[period]
    return period, days_of(preset, today) if preset else None, chosen


def told(choice_: Choice) -> list[str]:
    """What was chosen, in words."""
    period, days, chosen = choice_
    if period == report_choices.CUSTOM and days:
        first, last = (show.day(day) if day else "" for day in days)
        ends = f"from {first}" if first else f"until {last}" if last else "all time"
        period = f"{first} to {last}" if first and last else ends
    return [period, *(word(value) for values in chosen.values() for value in values)]


def word(value: str) -> str:
    """A value of a filter as people read it."""
    return {"true": "Yes", "false": "No"}.get(value, choice(value))
