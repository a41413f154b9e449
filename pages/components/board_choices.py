"""The row of choices above a dashboard: its days and its filters. All of it stands in the address."""

from __future__ import annotations

from datetime import date

import streamlit as st

from pages.components import frame, report_address, report_choices, show
from reports import tiles
from reports.dashboards import Board, Dashboard
from reports.periods import Days, days_of, label_of
from reports.run import BackwardPeriod
from reports.values import choice

OWN = "As each report has it"
_ENDS = ("first", "last")
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


def hang(chosen: Choice) -> None:
    """Put what was chosen into the address of the full screen, so that a screen on the wall has it after a restart."""
    period, days, values = chosen
    st.query_params["full"] = period
    for name, day in zip(_ENDS, days if days and period == report_choices.CUSTOM else (None, None), strict=True):
        if day:
            st.query_params[name] = day.isoformat()
    if any(values.values()):
        st.query_params[report_address.ONLY] = report_address.only(values)


def hung(one: Dashboard) -> Choice:
    """What the address of a full screen says; today moves on while it hangs there."""
    period = st.query_params.get("full", "")
    chosen: dict[str, list[str]] = {narrowing.field: [] for narrowing in one.filters}
    for pair in st.query_params.get_all(report_address.ONLY):
        field, _, value = pair.partition(":")
        if field in chosen:
            chosen[field].append(value)
    if period == report_choices.CUSTOM:
        first, last = (_day(st.query_params.get(name, "")) for name in _ENDS)
        return period, (first, last), chosen
    presets = {label_of(preset): preset for preset in (*report_choices.OFFERED, one.preset) if preset}
    if period not in presets and period != OWN:
        period = label_of(one.preset) if one.preset else OWN
    return period, days_of(presets[period], show.today()) if period in presets else None, chosen


def take_down(one: Dashboard, chosen: Choice) -> None:
    """Leave the full screen with what was chosen."""
    for name in ("full", *_ENDS, report_address.ONLY):
        if name in st.query_params:
            del st.query_params[name]
    period, days, values = chosen
    st.session_state["board_period"] = period
    if period == report_choices.CUSTOM and days:
        st.session_state["board_from"], st.session_state["board_to"] = days
    for place, narrowing in enumerate(one.filters):
        st.session_state[f"board_filter_{place}"] = values.get(narrowing.field, [])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


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
