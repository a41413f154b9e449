"""From a number or a mark to the rows behind it, in a dialog over the report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import streamlit as st

from pages.components import frame, show
from reports import offers, periods
from reports.drill import drill
from reports.result import Result
from reports.run import run_spec
from reports.spec import ReportSpec
from reports.values import wording_of, words

MOST = 300
ASKED = "_rows_behind"


def ask(spec: ReportSpec, result: Result, at: Mapping[str, Any], number: str) -> None:
    """Show the rows behind a number: ``at`` are the values of the groups that it stands for."""
    columns = {column.name: column for column in result.columns}
    wording = wording_of(result.clinic)
    parts = [words(columns[name], value, wording) or "no value" for name, value in at.items()]
    if number in columns:
        parts.append(columns[number].label)
    _rows(spec, result, dict(at), number, " · ".join(parts))


@st.dialog("The rows behind this number", width="large")
def _rows(spec: ReportSpec, result: Result, at: dict[str, Any], number: str, told: str) -> None:
    from pages.components import report_view

    with frame.refusals():
        params, at = _days(spec, result, at, number)
        listing = drill(spec, offers.model_for(frame.actor()), at, number, limit=MOST + 1)
        params = {name: value for name, value in params.items() if name in listing.parameters}
        found = run_spec(result.name, listing, params, by=frame.actor())
        count = len(found.rows)
        st.caption(frame.plain(f"{told or 'In all'} · {f'the first {MOST}' if count > MOST else show.number(count)} "
                               f"{'row' if count == 1 else 'rows'}"))  # fmt: skip
        if count:
            del found.rows[MOST:]
            report_view.table(found)
        else:
            st.markdown("No rows stand behind this number.")


def _days(spec: ReportSpec, result: Result, at: dict[str, Any], number: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The period and groups that a number is of: one of the period compared with is of that."""
    params = dict(result.params)
    counted = next((one for one in spec.numbers if one.name == number), None)
    first, last = params.get("from"), params.get("to")
    if counted is None or counted.show != "before" or not isinstance(first, date) or not isinstance(last, date):
        return params, at
    weekly = any(by.grain == "week" for choice in spec.breakdowns for by in choice.by)
    if spec.compare == "period_before":
        params["from"], params["to"], months = periods.period_before(first, last)
        away = first - params["from"]
    elif weekly:
        away, months = timedelta(weeks=52), 0
        params["from"], params["to"] = first - away, last - away
    else:
        (params["from"], params["to"]), away, months = periods.year_before(first, last), timedelta(), 12
    timed = {by.column for choice in spec.breakdowns for by in choice.by if by.field == spec.period}
    return params, {name: _moved(value, months, away) if name in timed else value for name, value in at.items()}


def _moved(value: Any, months: int, away: timedelta) -> Any:
    if not isinstance(value, date):
        return value
    if not months:
        return value - away
    start = periods.months_before(value.replace(day=1), months)
    length = (periods.months_before(start, -1) - start).days
    return start.replace(day=min(value.day, length))
