"""Home of the owner: revenue today and this month against last year, and what is outstanding."""

from __future__ import annotations

from datetime import date
from itertools import accumulate

import streamlit as st

from billing.today import Compared, MoneyToday, money_today
from pages.components import frame, show
from pages.home.tiles import Tile, tiles

DEFINITION = (
    "Revenue counts services on the day they were done, less discounts and grants, without tax and without voided "
    "invoices, as in the report Revenue by service. Cash received is payments less refunds on the day they were "
    "posted. Outstanding is what is still open on all invoices."
)


def draw(may: frozenset[str]) -> None:  # noqa: ARG001 - every block is called alike
    """Draw it."""
    by = frame.actor()
    found = _numbers(by.clinic_id, by.user_id or "", frame.person().role, show.today())
    weekday = show.day(found.compared_day, style="weekday")
    tiles(
        (
            Tile("Revenue today", show.money(found.today.now), *_against(found.today, weekday)),
            Tile("Revenue this month", show.money(found.month.now), *_against(found.month, "same days last year")),
            Tile("Cash received today", show.money(found.received_today), "payments less refunds"),
            Tile("Outstanding", show.money(found.outstanding), *_outstanding(found)),
        )
    )
    _chart(found)


@st.cache_data(ttl=20, show_spinner=False)
def _numbers(clinic_id: str, user_id: str, role: str, day: date) -> MoneyToday:  # noqa: ARG001 - the key of the cache
    return money_today(day, by=frame.actor())


def _against(value: Compared, what: str) -> tuple[str, str]:
    change = value.change_percent
    if value.before is None:
        return "no numbers of last year yet", ""
    if change is None:
        return f"nothing on {what}", ""
    sign = "+" if change > 0 else "" if change == 0 else "−"
    return f"{sign}{abs(change)} % against {show.money(value.before)} ({what})", "good" if change >= 0 else "bad"


def _outstanding(found: MoneyToday) -> tuple[str, str]:
    if not found.outstanding:
        return "everything is paid", "good"
    invoices = "1 invoice" if found.outstanding_count == 1 else f"{show.number(found.outstanding_count)} invoices"
    if not found.overdue:
        return f"{invoices}, none older than 30 days", "good"
    return f"{invoices}, {show.money(found.overdue)} older than 30 days", "bad"


def _chart(found: MoneyToday) -> None:
    import plotly.graph_objects as go

    def sums(series: list[int]) -> list[float]:
        return [cents / 100 for cents in accumulate(series)]

    days = list(range(1, len(found.series) + 1))
    figure = go.Figure()
    names = [("This month", found.series, "#0f766e", 3)]
    if found.series_before:
        names.insert(0, ("Last year", found.series_before, "#8a94a3", 2))
    for name, series, colour, width in names:
        values = sums(series)
        figure.add_scatter(
            x=list(range(1, len(values) + 1)), y=values, name=name, mode="lines",
            line={"color": colour, "width": width}, hovertemplate="%{y:,.2f}<extra>" + name + ", day %{x}</extra>",
        )  # fmt: skip
    figure.update_layout(
        height=230, margin={"l": 8, "r": 8, "t": 8, "b": 8}, hovermode="x unified",
        legend={"orientation": "h", "y": 1.12, "x": 0},
        xaxis={"range": [1, found.month_days], "dtick": 5, "tick0": 5, "title": None, "showgrid": False},
        yaxis={"rangemode": "tozero", "tickformat": ",.0f", "title": None},
    )  # fmt: skip
    ahead = found.month.before is not None and found.month.now >= found.month.before
    title = "Revenue of the month so far"
    if found.series_before:
        title += ", ahead of last year" if ahead else ", behind last year"
    with st.container(border=True, key="home_revenue"):
        st.subheader(title, anchor=False)
        st.plotly_chart(figure, key="home_revenue_chart", config={"displayModeBar": False})
        with st.expander("The numbers, and what they mean"):
            st.caption(DEFINITION)
            before = [*found.series_before, *([0] * (len(days) - len(found.series_before)))]
            rows = [{"Day": day, "This month": show.money(found.series[day - 1])} for day in days]
            if found.series_before:
                for row, cents in zip(rows, before, strict=False):
                    row["Last year"] = show.money(cents)
            right = {name: st.column_config.TextColumn(alignment="right") for name in ("This month", "Last year")}
            st.dataframe(rows, hide_index=True, column_config=right, height=240)
