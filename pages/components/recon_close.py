"""Closing and opening a period, its signed report, and the list of cases as a file."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from billing import closing, exceptions_file
from billing.books import Queue, Statement
from billing.closing import PeriodRow
from billing.period_report import PeriodVerdict, verify_period
from pages.components import frame, recon_case, recon_period, show

AGAIN, SHUT, PERIODS = "_recon_again", "_recon_shut", "_recon_periods"
REPORT_MB = 25


def button(one: Statement, found: list[Queue]) -> None:
    """What stands right of the title: the file of cases, and the way to close."""
    closed = st.session_state.get(SHUT, 0)  # under another key it closes: a dialog must not open beneath it
    with st.popover("More", icon=":material/more_horiz:", key=f"recon_more_{closed}"):
        _more(one)
    if st.session_state.pop(PERIODS, False):
        _periods()
    if one.closed or "reconciliation.lock" not in frame.may():
        return
    if st.button("Close the period", type="primary", icon=":material/lock:", key="recon_close"):
        st.session_state.pop(AGAIN, None)
        _close(one, found)


def told(one: Statement) -> None:
    """That a period is closed, with its report."""
    if one.closed is None:
        return
    days = recon_period.words(one.closed.first, one.closed.last)
    with st.container(horizontal=True, vertical_alignment="center", key="recon_closed"):
        st.info(
            f"{days} is closed and locked, signed by {frame.plain(one.closed.signed_as)}. What comes later counts on "
            f"{show.day(one.closed.last + timedelta(days=1))} or after.",
            icon=":material/lock:",
        )
        if one.closed.document_id:
            with st.container(horizontal=True, width="content", key="recon_closed_report"):
                st.link_button("Open the report", f"/documents/{one.closed.document_id}", icon=":material/description:")
                if st.button("Check report", icon=":material/verified:", key="recon_check"):
                    _check(one.closed.id, recon_period.words(one.closed.first, one.closed.last))


def _more(one: Statement) -> None:
    if st.button("Make the file of cases", key="recon_file"):
        with frame.refusals():
            made = exceptions_file.exceptions(one.first, one.last, by=frame.actor())
            st.session_state["_recon_file"] = (one.first, one.last), made
    days, made = st.session_state.get("_recon_file", (None, None))
    if made and days == (one.first, one.last):
        name = f"cases-{one.first.isoformat()}-{one.last.isoformat()}"
        st.download_button("Save as Excel", made.xlsx, f"{name}.xlsx", key="recon_xlsx")
        st.download_button("Save as CSV", made.csv, f"{name}.csv", "text/csv", key="recon_csv")
    st.button("Closed periods", key="recon_periods", on_click=_ask_periods)


def _ask_periods() -> None:
    st.session_state.pop("_recon_file", None)
    st.session_state[SHUT] = st.session_state.get(SHUT, 0) + 1
    st.session_state[PERIODS] = True


@st.dialog("Close the period")
def _close(one: Statement, found: list[Queue]) -> None:
    waits = sum(queue.count for queue in found)
    st.markdown(
        f"**{recon_period.words(one.first, one.last)}**: {show.plain(show.money(one.payments))} paid, "
        f"{show.plain(show.money(one.settled))} settled, {show.plain(show.money(one.unexplained))} unexplained."
    )
    st.caption("Nothing that counts on these days can be changed any more. What comes later counts on the next day.")
    _told_again()
    early, sure = one.last >= show.today(), False
    if early:
        st.warning(
            f"{show.day(one.last)} is not over yet. What is paid or settled later that day counts on "
            f"{show.day(one.last + timedelta(days=1))}, not here.",
            icon=":material/today:",
        )
        sure = st.checkbox("Close it all the same, with today in it", key="close_today")
    why = ""
    if waits:
        why = st.text_area(
            f"Why {show.count(waits, 'case')} may be carried on", key="close_why", max_chars=300,
            placeholder="Waiting for the processor's answer",
        )  # fmt: skip
    name = st.text_input("Sign with your name", key="close_name", placeholder=frame.person().name, autocomplete="off")
    if st.button("Close and lock", type="primary", key="close_save", width="stretch", disabled=early and not sure):
        with frame.refusals(), st.spinner("Drawing the report"):
            closing.close_period(
                one.first, one.last, name or "", why or "", by=frame.actor(), key=frame.form_key("recon_close")
            )
            frame.new_form_key("recon_close")
            st.session_state[recon_case.TOLD] = "The period is closed and locked, and its report is signed."
            recon_period.keep(one.first, one.last)
            st.rerun()


def _told_again() -> None:
    """Whether all totals are the sums of their rows: told once, as the dialog opens."""
    if AGAIN not in st.session_state:
        with frame.refusals(), st.spinner("Adding up every total again"):
            st.session_state[AGAIN] = closing.told_again(by=frame.actor())
    again = st.session_state.get(AGAIN)
    if again is None:
        return
    if not again.faults:
        st.success(frame.said(again.words), icon=":material/check:")
        return
    st.error(f"{frame.said(again.words)} Do not close yet: show this to whoever looks after the installation.")
    for one in again.faults[:5]:
        st.caption(frame.plain(f"{one.what.capitalize()} ({one.row_id[-12:]}) {one.detail}".strip()))


@st.dialog("Check report")
def _check(period_id: str, days: str) -> None:
    """Whether the file kept here is the one that was signed, and whether another copy is."""
    st.markdown(f"**{days}**, the report kept here:")
    with frame.refusals():
        _verdict(closing.check_report(period_id, by=frame.actor()))
    st.caption("It is compared with its own signature and with what the audit log kept of it when it was closed.")
    copy = st.file_uploader("Check a copy somebody sent", type=["pdf"], key="recon_copy", max_upload_size=REPORT_MB)
    if copy is not None:
        with frame.refusals():
            _verdict(verify_period(copy.getvalue(), by=frame.actor()), named=True)


def _verdict(found: PeriodVerdict, *, named: bool = False) -> None:
    """Plainly: it is the one that was signed, or it is not."""
    days = f" It is of {_days(found)}." if named and found.is_genuine else ""
    if found.is_genuine:
        st.success(f"{frame.said(found.words)}{days}", icon=":material/verified:")
    else:
        st.error(f"{frame.said(found.words)}{days}", icon=":material/gpp_bad:")


def _days(found: PeriodVerdict) -> str:
    return recon_period.words(date.fromisoformat(found.first), date.fromisoformat(found.last))


@st.dialog("Closed periods", width="large")
def _periods() -> None:
    rows = closing.periods(by=frame.actor())
    if not rows:
        st.caption("No period was closed yet. Close one when its cases are decided.")
    for row in rows[:24]:
        _period(row)


def _period(row: PeriodRow) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"period_{row.id}"):
        state = "closed" if row.state == "closed" else f"opened again: {row.reason}"
        st.markdown(
            f"**{recon_period.words(row.first, row.last)}** · {frame.plain(state)} · signed by "
            f"{frame.plain(row.signed_as)}, {show.moment(row.closed_at)}"
        )
        if row.document_id:
            st.link_button("Report", f"/documents/{row.document_id}")
    if row.state == "closed" and "reconciliation.lock" in frame.may():
        with st.container(horizontal=True, vertical_alignment="bottom"):
            why = st.text_input("Why it is opened again", key=f"reopen_why_{row.id}", max_chars=300, width=300)
            if st.button("Open it again", key=f"reopen_{row.id}"):
                with frame.refusals():
                    closing.reopen_period(row.id, why or "", by=frame.actor(), key=frame.form_key(f"reopen_{row.id}"))
                    frame.new_form_key(f"reopen_{row.id}")
                    st.session_state[recon_case.TOLD] = "The period is open again."
                    st.rerun()
