"""Revenue month by month, this year beside last: the numbers of the report Revenue by service, from the mart."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from pages.components import frame, preparing, show
from pages.components.charts import COLOURS, CONFIG, GREY
from reports.run import run

REPORT = "revenue-by-service"
PLACE = "home_months_place"
Months = list[tuple[date, int]]


def place() -> None:
    """Keep the chart's place on the page; ``fill`` draws it when everything else stands."""
    st.session_state[PLACE] = st.container()


def fill() -> None:
    """Draw the chart in the place kept for it, if any, as soon as the report data is there."""
    place = st.session_state.pop(PLACE, None)
    if place is not None:
        with place:
            preparing.wait()
            draw()


def draw() -> None:
    """The chart of the last twelve months against the twelve before, its table and its definition."""
    today = show.today()
    with frame.refusals():
        with st.spinner("Adding up …"):
            sums, definition = _revenue(today)
        if not any(sums.values()):
            return
        firsts = [_back(today, ago) for ago in range(11, -1, -1)]
        now = [(first, sums.get(first, 0)) for first in firsts]
        before = [(first, sums.get(first.replace(year=first.year - 1), 0)) for first in firsts]
        has_before = any(cents for _, cents in before)
        with st.container(border=True, key="home_revenue"):
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.subheader(_finding(now[:-1], before[:-1]), anchor=False)
                if st.button("Open the report", key="home_report", type="tertiary", icon=":material/bar_chart:"):
                    st.switch_page("reporting/report.py", query_params={"name": REPORT, "by": "Month"})
            figure = _figure(frame.clinic().id, frame.clinic().locale, now, before if has_before else [])
            st.plotly_chart(figure, key="home_revenue_chart", config=CONFIG)
            with st.expander("The numbers, and what they mean", key="home_numbers", on_change="rerun") as numbers:
                if numbers.open:
                    st.caption(frame.plain(definition))
                    _table(now, before)


@frame.kept_for(60)
def _revenue(today: date) -> tuple[dict[date, int], str]:
    result = run(REPORT, {"from": _back(today, 23), "to": today, "by": "month"}, by=frame.actor())
    month, cents = result.index("month"), result.index("revenue")
    return {row[month]: int(row[cents] or 0) for row in result.rows}, result.definition


def _back(today: date, months: int) -> date:
    index = today.year * 12 + today.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def _finding(now: Months, before: Months) -> str:
    """What the months that are over say; the running one is left out."""
    pairs = [(a, b) for (_, a), (_, b) in zip(now, before, strict=True) if b]
    ours, theirs = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    if not theirs:
        return "Revenue by month"
    change = round((ours - theirs) * 100 / theirs)
    if not change:
        return "Revenue by month, level with the year before"
    return f"Revenue by month, {abs(change)}% {'above' if change > 0 else 'below'} the year before"


@st.cache_resource(ttl=600, max_entries=100, show_spinner=False)
def _figure(clinic_id: str, locale: str, now: Months, before: Months) -> Any:  # noqa: ARG001 - the key of the cache
    """The figure, made once for the same numbers: plotly takes as long for it as the rest of the page."""
    import plotly.graph_objects as go

    figure = go.Figure()
    names = [show.day(first, style="month_name") for first, _ in now]
    running = names[-1]
    faded = [1.0] * (len(now) - 1) + [0.55]
    if before:
        figure.add_bar(
            x=names, y=[cents / 100 for _, cents in before], name="Year before", marker={"color": GREY},
            customdata=[f"{show.money(cents)}, a year before" for _, cents in before],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    figure.add_bar(
        x=names, y=[cents / 100 for _, cents in now], name="Last 12 months",
        marker={"color": COLOURS[0], "opacity": faded},
        customdata=[show.money(cents) + (", so far" if name == running else "")
                    for name, (_, cents) in zip(names, now, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        height=250, margin={"l": 8, "r": 8, "t": 8, "b": 8}, hovermode="x unified", barmode="group", bargap=0.3,
        bargroupgap=0.05, dragmode=False,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left", "title": None},
        xaxis={"title": None, "showgrid": False, "type": "category"},
        yaxis={"rangemode": "tozero", "tickformat": "~s", "tickprefix": show.currency_symbol(), "nticks": 5,
               "title": None},
    )  # fmt: skip
    return figure


def _table(now: Months, before: Months) -> None:
    rows = [
        {"Month": show.day(first, style="month"), "Last 12 months": show.money(ours), "Year before": show.money(theirs)}
        for (first, ours), (_, theirs) in zip(now, before, strict=True)
    ]
    total = {"Month": "Total", "Last 12 months": show.money(sum(cents for _, cents in now)),
             "Year before": show.money(sum(cents for _, cents in before))}  # fmt: skip
    right = st.column_config.TextColumn(alignment="right")
    st.dataframe([*rows, total], hide_index=True, height="content",
                 column_config={"Last 12 months": right, "Year before": right})  # fmt: skip
