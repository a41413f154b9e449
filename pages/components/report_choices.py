"""The row of choices above a report: the period, a day, what to break it down by. All of it stands in the address."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from pages.components import build_tests, frame, report_address, show
from reports.model import AllOf, AnyOf, Model
from reports.periods import PERIODS, days_of, label_of
from reports.spec import ReportSpec

CUSTOM = "Choose days"
OFFERED = ("this_month", "last_month", "last_30_days", "this_year", "last_year", "last_12_months", "all_time")


def choose(spec: ReportSpec, model: Model | None = None) -> dict[str, Any]:
    """Draw the choices; returns the parameters to run with. Questions of its own need the ``model``."""
    params: dict[str, Any] = {}
    known = spec.parameters
    if not known:
        return params
    with st.container(key="report_choices", horizontal=True, vertical_alignment="bottom"):
        if "from" in known:
            params["from"], params["to"] = _period(spec)
        for name, label in (("as_of", "As of"), ("date", "Day")):
            if name in known:
                params[name] = st.date_input(
                    label, show.today(), key=name, format=_format(), width=170, bind="query-params"
                )
        if "by" in known:
            labels = {choice.label: choice.name for choice in spec.breakdowns}
            chosen = st.segmented_control(
                "Broken down by", list(labels), default=next(iter(labels)), key="by", required=True,
                bind="query-params",
            )  # fmt: skip
            params["by"] = labels[chosen or next(iter(labels))]
        if spec.asks and model is not None:
            params |= _answers(spec, model, addressed=True)
    return params


def asks(spec: ReportSpec, model: Model) -> dict[str, Any]:
    """Only the questions of the report's own, each as the entry its field needs; an empty one leaves its test out."""
    if not spec.asks:
        return {}
    with st.container(key="report_choices", horizontal=True, vertical_alignment="bottom"):
        return _answers(spec, model)


def _answers(spec: ReportSpec, model: Model, *, addressed: bool = False) -> dict[str, Any]:
    tests = [part for one in spec.filters for part in (one.any if isinstance(one, AnyOf) else [one])]
    ops = {one.parameter: one.op for part in tests for one in (part.all if isinstance(part, AllOf) else [part])}
    found = {}
    for ask in spec.asks:
        column, op = model.resolve(spec.entity, ask.field)[2], ops.get(ask.name, "is")
        how = {"from": "from", "to": "to", "after": "after", "before": "before", "not_in": "not"}.get(op)
        label = f"{ask.label}, {how}" if how else ask.label
        start = report_address.asked(ask, column, op) if addressed else ask.default
        with st.container(width=240, gap=None):
            found[ask.name] = build_tests.value(
                spec.entity, ask.field, column, op, start, f"ask_{spec.title}_{ask.name}_{op}", label=label
            )  # fmt: skip
        if addressed:
            report_address.keep(ask, column, found[ask.name])
    return {name: None if answer == "" else answer for name, answer in found.items()}


def nothing(spec: ReportSpec) -> None:
    """What stands in place of an empty report: the first step to take."""
    with st.container(key="report_empty", horizontal_alignment="center"):
        st.markdown(f":material/search_off: {frame.plain(spec.empty)}")
        if "from" in spec.parameters and st.session_state.get("period") != PERIODS["all_time"]:
            st.button("Show all time", key="show_all_time", on_click=_all_time)


def _all_time() -> None:
    st.session_state["period"] = PERIODS["all_time"]


def _period(spec: ReportSpec) -> tuple[date | None, date | None]:
    today = show.today()
    names = list(dict.fromkeys([*OFFERED, spec.preset]))
    labels = {label_of(name): name for name in names}
    options = [*labels, CUSTOM]
    default = names.index(spec.preset)
    label = st.selectbox("Period", options, index=default, key="period", width=190, bind="query-params")
    return free_days() if label == CUSTOM else days_of(labels[label], today)


def free_days(prefix: str = "") -> tuple[date | None, date | None]:
    """Two days of one's own; either may be left open."""
    today = show.today()
    start = st.date_input("From", days_of("this_year", today)[0], key=f"{prefix}from", format=_format(), width=170,
                          bind="query-params")  # fmt: skip
    end = st.date_input("To", today, key=f"{prefix}to", format=_format(), width=170, bind="query-params")
    return start, end


def _format() -> str:
    return "MM/DD/YYYY" if frame.clinic().locale.endswith("_US") else "DD/MM/YYYY"
