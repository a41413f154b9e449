"""Settlements: what processors and banks told of each day, their files coming in, and the way back of each."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from billing.settlement import overview, runs
from billing.settlement.sources import SOURCES
from pages.components import folding, frame, settlement_fetch, settlement_file, settlement_runs, show

PERIODS = {"14": "Last 14 days", "45": "Last 45 days", "120": "Last 120 days", "all": "All time"}
ENDINGS = ["csv", "txt", "tsv", "json", "xml", "ofx", "qfx", "qbo", "sta", "swi", "mt940", "940", "bai", "bai2", "bdt"]


def main() -> None:
    """The page."""
    by = frame.actor()
    done = runs.list_runs(by=by)
    names = {name: source.label for name, source in SOURCES.items()}
    offered = overview.choices(by=by)
    names |= {slug: label for slug, (label, _) in offered.processors.items()}
    with frame.head("Settlements", _facts(done, names)):
        settlement_fetch.draw(offered, by)
    settlement_runs.told()
    upload = st.file_uploader(
        "Drop the file of a card processor or of your bank", type=ENDINGS,
        key=f"settlement-{st.session_state.get('_settlement_upload', 0)}",
        help="Settlements of Stripe, Authorize.net, Elavon Converge and MX Merchant; bank statements in OFX, MT940, "
        "BAI2, CAMT and CSV; any other table by its columns. At most 100 MB.",
    )  # fmt: skip
    if upload is not None:
        with frame.refusals():
            settlement_file.work_on(upload.getvalue(), upload.file_id, upload.name, by)
    _where(first=not done and upload is None)
    if done:
        _came_in(names)
        settlement_runs.draw(done, names, by)


def _facts(done: list[runs.RunRow], names: dict[str, str]) -> str:
    standing = [run for run in done if run.undone_at is None]
    if not standing:
        return "What card processors and banks say happened, to hold against what you took."
    latest: dict[str, date] = {}
    for run in standing:
        if run.last is not None:
            latest[run.target] = max(run.last, latest.get(run.target, run.last))
    parts = [f"{names.get(target, target)} up to {show.day(last)}" for target, last in sorted(latest.items())]
    return " · ".join(parts[:4])


def _where(*, first: bool) -> None:
    """Where each processor's file is found."""
    if first:
        st.info(
            "Nothing has come in yet. Fetch last week's settlement from your processor and drop it here: you see what "
            "is in it before anything is kept, and each import can be taken back."
        )
    with st.expander("Where to find the file", expanded=first, icon=":material/help:"):
        for source in SOURCES.values():
            st.markdown(f"**{source.label}**  \n{frame.plain(source.where)}")
        st.markdown(
            "**Your bank**  \nOnline banking > Statements or Activity > Export: OFX (also called QFX, Quicken or "
            "QuickBooks) is the surest; MT940, CAMT.053, BAI2 and CSV work too."
        )
        st.caption(
            "Card numbers are never kept: a file that holds one is refused, and of an account only its last four "
            "digits stay."
        )


def _came_in(names: dict[str, str]) -> None:
    """What came in, per processor and day and per account."""
    by = frame.actor()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.markdown("## What came in")
        period = st.selectbox("Days", list(PERIODS), format_func=PERIODS.__getitem__, key="settlement_days", width=170)
    today = show.today()
    first = date(1970, 1, 1) if period == "all" else today - timedelta(days=int(str(period)))
    found = overview.settled_days(first, today + timedelta(days=3), by=by)
    if found:
        total = overview.together(found)
        lines = [*found, total]
        folding.table(
            {
                "Day": [*(show.day(row.day) for row in found), "Together"],
                "Processor": [*(names.get(row.processor, row.processor) for row in found), ""],
                "Transactions": [show.number(row.count) for row in lines],
                "Not settled yet": [show.number(row.waiting or None, missing="") for row in lines],
                "Declined or voided": [show.number(row.failed or None, missing="") for row in lines],
                "Charged": [show.money(row.charged) for row in lines],
                "Given back": [show.money(row.given_back) for row in lines],
                "Fees": [show.money(None if row.fees is None else -row.fees, missing="") for row in lines],
                "Left": [show.money(row.left) for row in lines],
            },
            label="What came in per processor and day",
            right=["Transactions", "Not settled yet", "Declined or voided", "Charged", "Given back", "Fees", "Left"],
        )
    else:
        st.caption("No card transaction of these days has come in.")
    accounts = overview.bank_accounts(first, today + timedelta(days=3), by=by)
    if accounts:
        st.markdown("### Bank")
        folding.table(
            {
                "Account": [row.name for row in accounts],
                "Lines": [show.number(row.lines) for row in accounts],
                "From": [show.day(row.first) for row in accounts],
                "To": [show.day(row.last) for row in accounts],
                "Money in": [show.money(row.paid_in) for row in accounts],
                "Money out": [show.money(row.paid_out) for row in accounts],
            },
            label="Bank accounts", right=["Lines", "Money in", "Money out"],
        )  # fmt: skip


main()
