"""Who owes what: the clients with something open, by how long it has been."""

from __future__ import annotations

import streamlit as st

from billing.receivables import BUCKETS, Debtor, bucket_of, receivables
from pages.components import frame, show
from pages.components.rows import Row, rows

PAGE = 200


def main() -> None:
    """The page."""
    st.page_link("money/invoices.py", label="Invoices", icon=":material/arrow_back:")
    today = show.today()
    debtors = receivables(today, by=frame.actor())
    total = sum(one.total_cents for one in debtors)
    people = f"{show.number(len(debtors))} client" + ("" if len(debtors) == 1 else "s")
    with frame.head("Who owes what", f"{people} · {show.money(total)} open · as of {show.day(today)}"):
        if "reports.money" in frame.may():
            st.page_link(
                "reporting/report.py", label="Report with any day", icon=":material/table_chart:",
                query_params={"name": "ar-ageing"},
            )  # fmt: skip
    if not debtors:
        st.info("Nobody owes the clinic anything. Invoices left open at checkout appear here.")
        return
    sums = [sum(one.open_cents[place] for one in debtors) for place in range(len(BUCKETS))]
    with st.container(horizontal=True, gap="large", key="ageing_sums"):
        for label, cents in zip(BUCKETS, sums, strict=True):
            st.metric(label, show.money(cents))
    st.caption(
        "By the day of the charge: what a client paid counts against the oldest charges first, as in the report. "
        "A deposit waits for its visit and takes nothing off here."
    )
    since = st.segmented_control(
        "Open for", ["All", *BUCKETS], default="All", required=True, key="ageing_bucket", label_visibility="collapsed"
    )
    chosen = [one for one in debtors if since == "All" or one.open_cents[BUCKETS.index(str(since))]]
    if not chosen:
        st.caption("Nothing has been open for that long.")
        return
    lines = [_line(one, (today - one.oldest).days) for one in chosen[:PAGE]]
    opened = rows(lines, path="/client", label="Clients who owe", key="ageing_rows", shape="2fr 2.6fr 9rem 7rem")
    if len(chosen) > PAGE:
        st.caption(f"The {PAGE} who owe most are shown; the report has them all.")
    if opened:
        st.switch_page("clients/client.py", query_params={"id": opened, "tab": "Billing"})


def _line(one: Debtor, days: int) -> Row:
    count = f"{one.invoices} invoice" + ("" if one.invoices == 1 else "s")
    notes = [count, show.phone(one.phone), f"{show.money(one.credit_cents)} credit" if one.credit_cents else ""]
    late = bucket_of(days)
    return Row(
        one.client_id, one.client, " · ".join(note for note in notes if note), BUCKETS[late],
        show.money(one.total_cents), href=f"/client?id={one.client_id}&tab=Billing",
    )  # fmt: skip


main()
