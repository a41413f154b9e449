"""From a number or a mark to the rows behind it, in a dialog over the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import streamlit as st

from data.wording import Wording
from pages.components import frame, report_files, show
from reports import offers, periods
from reports.compile import ResultColumn
from reports.drill import counting, drill
from reports.result import Result
from reports.run import run_spec
from reports.spec import ReportSpec
from reports.values import wording_of, words

MOST = 300
FEW = 4


def ask(spec: ReportSpec, result: Result, at: Mapping[str, Any], number: str) -> None:
    """Show the rows behind a number: ``at`` are the values of the groups that it stands for."""
    columns = {column.name: column for column in result.columns}
    wording = wording_of(result.clinic)
    parts = [_said(columns[name], value, wording) for name, value in at.items()]
    if number in columns:
        parts.append(columns[number].label)
    _rows(spec, result, dict(at), number, " · ".join(parts))


@st.dialog("The rows behind this number", width="large")
def _rows(spec: ReportSpec, result: Result, at: dict[str, Any], number: str, told: str) -> None:
    from pages.components import report_view

    with frame.refusals():
        params, at = _days(spec, result, at, number)
        by = frame.actor()
        everything = drill(spec, offers.model_for(by), at, number)
        listing = everything.model_copy(update={"limit": MOST + 1})
        params = {name: value for name, value in params.items() if name in listing.parameters}
        found = run_spec(result.name, listing, params, by=by)
        count = len(found.rows)
        if not count:
            st.markdown("No rows stand behind this number.")
            return
        if count > MOST:
            count = run_spec(result.name, counting(everything), params, by=by, form="choices").rows[0][0]
        first = f"the first {show.number(MOST)} of " if count > MOST else ""
        rows = f"{first}{show.number(count)} {'row' if count == 1 else 'rows'}"
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.caption(frame.plain(f"{told or 'In all'} · {rows}"))
            report_files.downloads(
                result.name, params, everything, replace(found, rows=found.rows[:MOST], cut=count > MOST), key="rows",
                kinds=("csv", "xlsx"), suffix="-rows",
            )  # fmt: skip
        del found.rows[MOST:]
        report_view.table(found)


def _said(column: ResultColumn, value: Any, wording: Wording) -> str:
    values = value if isinstance(value, list) else [value]
    told = [words(column, one, wording) or "no value" for one in values]
    return ", ".join(told) if len(told) <= FEW else f"{', '.join(told[: FEW - 1])} and {len(told) - FEW + 1} more"


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
