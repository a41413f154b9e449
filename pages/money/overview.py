"""The owner's money on one screen: revenue, receipts, fees, what is owed, what is to come, each day's state."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from billing.overview import Day, Overview, overview
from billing.receivables import BUCKETS
from pages.components import day_states, frame, show
from pages.components.day_states import Cell
from pages.components.rows import Row, rows
from pages.home.links import Link
from pages.home.tiles import Tile, strip, tiles

PERIODS = {"month": "This month", "last-month": "Last month", "week": "Last 7 days", "quarter": "Last 90 days"}
REPORT_PERIODS = {"month": "This month", "last-month": "Last month", "week": "Last 7 days", "quarter": "Last 90 days"}
WEEKS = 5
MOST = 6
TOLD = {
    "reconciled": "everything is explained", "closed": "closed and locked", "": "nothing on cards",
}  # fmt: skip


def main() -> None:
    """The page."""
    today = show.today()
    place = st.container()
    period = str(
        st.segmented_control(
            "Time", list(PERIODS), format_func=PERIODS.__getitem__, key="money_period", default="month", required=True,
            label_visibility="collapsed",
        )
    )  # fmt: skip
    first, last = _span(period, today)
    monday = today - timedelta(days=today.weekday())
    with st.spinner("Adding up …"):
        found = _seen(first, last, monday - timedelta(weeks=WEEKS - 1), monday + timedelta(days=6))
    with place, frame.head("Money", _facts(found, first, last)):
        can = "reconciliation.use" in frame.may()
        if can and st.button("Reconcile", icon=":material/balance:", key="money_reconcile"):
            st.switch_page("money/reconciliation.py", query_params={"period": "week"})
    _sums(found, period)
    left, right = st.columns([2, 1], gap="medium")
    with left:
        st.subheader("How far is each day?")
        _calendar(found, today)
    with right:
        st.subheader("Still to reach the bank")
        _expected(found, today)
    st.subheader("What clients owe")
    _owed(found)


@frame.kept_for(10)
def _seen(first: date, last: date, grid_first: date, grid_last: date) -> Overview:
    return overview(first, last, grid_first, grid_last, by=frame.actor())


def _span(period: str, today: date) -> tuple[date, date]:
    if period == "last-month":
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    away = {"week": 6, "quarter": 89}.get(period)
    return (today.replace(day=1) if away is None else today - timedelta(days=away)), today


def _facts(found: Overview, first: date, last: date) -> str:
    said = f"{show.day(first)} to {show.day(last)}"
    if not found.cases:
        return f"{said} · every difference is explained"
    cases = show.count(found.cases, "difference")
    return f"{said} · {cases} not explained yet, {show.money(found.unexplained)} in all"


def _sums(found: Overview, period: str) -> None:
    asked = {"period": REPORT_PERIODS[period]}
    rate = f"{found.fees / found.charged:.2%} of {show.money(found.charged)} on cards" if found.charged else (
        "no batches were imported for these days"
    )  # fmt: skip
    tiles(
        (
            Tile("Revenue", show.money(found.revenue), _report("revenue-by-service", by="Service", **asked),
                 *_against(found)),
            Tile("Received", show.money(found.received), _report("cash-received", **asked),
                 f"{show.money(found.by_card)} by card, {show.money(found.refunded)} given back"),
            Tile("Card fees", show.money(found.fees), _report("processor-fees", **asked), rate),
            Tile("Still to reach the bank", show.money(sum(one.cents for one in found.expected)),
                 _report("batch-reconciliation", period="Last 90 days"),
                 show.count(len(found.expected), "batch", "batches") if found.expected else "every batch has arrived"),
        ),
        key="money_sums",
    )  # fmt: skip


def _against(found: Overview) -> tuple[str, str]:
    if found.revenue_before is None:
        return "no numbers of last year yet", ""
    if not found.revenue_before:
        return "nothing on the same days last year", ""
    change = round((found.revenue - found.revenue_before) * 100 / found.revenue_before)
    sign = "+" if change > 0 else "−" if change < 0 else ""
    return f"{sign}{abs(change)}% against {show.money(found.revenue_before)} (same days last year)", (
        "good" if change >= 0 else "bad"
    )


def _calendar(found: Overview, today: date) -> None:
    heads = [show.day(one.day, style="weekday").split(",")[0][:3] for one in found.days[:7]]
    cells = [
        Cell(str(one.day.day), one.state, f"{show.day(one.day)}: {_told(one)}", _way(one), one.day == today)
        for one in found.days
    ]  # fmt: skip
    day_states.draw(cells, heads, "The last five weeks, day by day", key="money_days")
    signs = " · ".join(f"{sign} {word.lower()}" for sign, word in day_states.STATES.values())
    st.caption(f"{signs}. A day opens what was paid and settled on it.")


def _told(one: Day) -> str:
    if one.state == "differs":
        return f"{show.count(one.cases, 'difference')} not explained yet"
    if one.state == "waits":
        return f"{show.count(one.waiting, 'row or batch', 'rows or batches')} waiting for a match or the bank"
    return TOLD[one.state]


def _way(one: Day) -> Link | None:
    if not one.state:
        return None
    day = {"from": one.day.isoformat(), "to": one.day.isoformat()}
    if "reconciliation.use" in frame.may():
        return Link("money/reconciliation.py", "reconciliation", day)
    return _report("batch-reconciliation", period="Choose days", **day)


def _expected(found: Overview, today: date) -> None:
    if not found.expected:
        st.info("Every batch that is known has reached the bank." if found.has_settlements else
                "No card batches yet. Import a settlement file under Settlements.")  # fmt: skip
        return
    lines = [
        Row(one.batch_id, one.processor, f"of {show.day(one.settled_on)}",
            f"{'was due' if one.due < today else 'due'} {show.day(one.due)}", show.money(one.cents),
            tone="warm" if one.due < today else "")
        for one in found.expected[:MOST]
    ]  # fmt: skip
    opened = rows(lines, path="/reconciliation", label="Batches still to reach the bank", key="money_expected",
                  shape="1.6fr auto")  # fmt: skip
    left = len(found.expected) - MOST
    if left > 0:
        st.caption(f"{show.count(left, 'more batch', 'more batches')} in the report.")
    picked = next((one for one in found.expected if one.batch_id == opened), None)
    if picked is not None:
        day = {"from": picked.settled_on.isoformat(), "to": picked.settled_on.isoformat()}
        if "reconciliation.use" in frame.may():
            Link("money/reconciliation.py", "reconciliation", {"tab": "deposits", **day}).follow()
        _report("batch-reconciliation", period="Choose days", **day).follow()


def _owed(found: Overview) -> None:
    to = Link("money/receivables.py", "who-owes")
    if "billing.invoices" not in frame.may():
        to = _report("ar-ageing")
    strip([Tile("In all", show.money(sum(found.owed)), to)]
          + [Tile(label, show.money(cents), to) for label, cents in zip(BUCKETS, found.owed, strict=True)],
          key="money_owed")  # fmt: skip


def _report(name: str, **choices: str) -> Link:
    return Link("reporting/report.py", "report", {"name": name, **choices})


main()
