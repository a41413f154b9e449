"""All invoices of the clinic."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import streamlit as st

from billing.invoices import STATUSES, Listing, invoices
from billing.invoices import Row as Found
from pages.components import counter, frame, show
from pages.components.rows import Row, rows

PERIODS = {
    "month": "This month", "last-month": "Last month", "quarter": "Last 90 days", "year": "This year",
    "all": "All time",
}  # fmt: skip
PAGE = 100
"""How many lines are drawn first, and how many more each time."""


def main() -> None:
    """The page."""
    _asked_for()
    place = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", key="invoice_filters"):
        period = st.selectbox("Issued", list(PERIODS), format_func=PERIODS.__getitem__, key="invoice_period", width=170)
        status = st.selectbox(
            "Status", list(STATUSES), format_func=STATUSES.__getitem__, key="invoice_status", width=150
        )
        words = st.text_input(
            "Find", key="invoice_find", placeholder="Client, patient or number", icon=":material/search:", width=320
        )
    first, last = _days(str(period), show.today())
    asked = (period, status, words)
    known, most = st.session_state.get("_invoice_most", (asked, PAGE))
    if known != asked:
        most = PAGE
    found = invoices(first, last, status=str(status or ""), search=words or "", limit=most, by=frame.actor())
    with place, frame.head("Invoices", _facts(found)):
        if st.button("Who owes what", icon=":material/request_quote:", key="who_owes"):
            st.switch_page("money/receivables.py")
    if not found.rows:
        st.info("No invoice fits that. Choose another time or status, or clear the search.")
        return
    lines = [
        Row(
            row.id, f"{row.number}  {row.client}", row.patient or row.description, show.day(row.issued_on),
            show.money(row.total),
            _badges(row),
        )
        for row in found.rows
    ]  # fmt: skip
    opened = rows(lines, path="/invoice", label="Invoices", key="invoice_rows", shape="2.4fr 1.6fr 8rem 7rem")
    _rest(found, lambda: st.session_state.update(_invoice_most=(asked, most + PAGE)))
    if opened:
        st.switch_page("money/invoice.py", query_params={"id": opened})


def _badges(row: Found) -> tuple[str, ...]:
    state = () if row.status == "paid" else (counter.CHIPS.get(row.status, (row.status,))[0],)
    return (*state, "Payment asked for") if row.is_asked_for else state


def _rest(found: Listing, more: Callable[[], None]) -> None:
    """How many there are besides those shown, and the way to the next."""
    left = found.found - len(found.rows)
    if not left:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="invoice_rest"):
        st.button(f"Show {show.number(min(left, PAGE))} more", key="invoice_more", on_click=more)
        st.caption(f"The newest {show.number(len(found.rows))} of {show.number(found.found)} are shown.",
                   width="content")  # fmt: skip


def _asked_for() -> None:
    """A link may name the status and the time: ``?status=open&issued=all``."""
    for name, key, known in (("status", "invoice_status", STATUSES), ("issued", "invoice_period", PERIODS)):
        wanted = st.query_params.get(name)
        if wanted in known:
            st.session_state[key] = wanted
        st.query_params.pop(name, None)


def _facts(found: Listing) -> str:
    count = f"{show.number(found.found)} invoice" + ("" if found.found == 1 else "s")
    return f"{count} · {show.money(found.total)} charged · {show.money(found.balance)} still open"


def _days(period: str, today: date) -> tuple[date, date]:
    if period == "last-month":
        last = today.replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last
    firsts = {
        "month": today.replace(day=1), "quarter": today - timedelta(days=90), "year": today.replace(month=1, day=1),
        "all": date(1990, 1, 1),
    }  # fmt: skip
    return firsts[period], today + timedelta(days=366) if period == "all" else today


main()
