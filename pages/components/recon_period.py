"""Which days are reconciled, and their three sums."""

from __future__ import annotations

from datetime import date, timedelta
from html import escape
from zoneinfo import ZoneInfo

import streamlit as st

from billing import books
from billing.books import Statement
from outage import outages
from pages.components import frame, show

PERIODS = {"open": "Not closed yet", "week": "Last 7 days", "last-week": "Last week", "month": "This month",
           "last-month": "Last month", "outage": "This outage", "days": "Choose days"}  # fmt: skip
KEEP = "_recon_keep"


def choose() -> tuple[date, date]:
    """The period picker; a link may name it: ``?period=last-month`` or ``?from=2026-03-01&to=2026-03-31``."""
    _asked_for()
    if kept := st.session_state.pop(KEEP, None):
        st.session_state["recon_days"], st.session_state["recon_period"] = kept, "days"
    struck = _outage_days()
    known = [name for name in PERIODS if name != "outage" or struck]
    with st.container(horizontal=True, vertical_alignment="bottom", key="recon_period_row"):
        name = st.selectbox(
            "Period", known, format_func=PERIODS.__getitem__, key="recon_period", width=170
        )  # fmt: skip
        if name == "days":
            today = show.today()
            chosen = st.date_input(
                "Days", value=(today - timedelta(days=6), today), key="recon_days", max_value=today,
                format=show.date_pattern(), width=230,
            )  # fmt: skip
            days = chosen if isinstance(chosen, tuple) else (chosen, chosen)
            return days[0], days[-1]
    if name == "open":
        return books.not_closed(show.today(), by=frame.actor())
    return _days(str(name), show.today(), struck)


def keep(first: date, last: date) -> None:
    """Stay with these days on the next run, such as those that were just closed."""
    st.session_state[KEEP] = first, last


def _asked_for() -> None:
    wanted = st.query_params.pop("period", None)
    if wanted in PERIODS:
        st.session_state["recon_period"] = wanted
    first, last = st.query_params.pop("from", None), st.query_params.pop("to", None)
    if first and last:
        try:
            st.session_state["recon_days"] = date.fromisoformat(first), date.fromisoformat(last)
            st.session_state["recon_period"] = "days"
        except ValueError:
            return


def _outage_days() -> tuple[date, date] | None:
    """The days of the outage whose money part is open, with those after it in which its slips settle."""
    if "outage.enter" not in frame.may():
        return None
    row = next((one for one in outages.outages(by=frame.actor()) if one.closed_at("money") is None), None)
    if row is None:
        return None
    zone = ZoneInfo(frame.clinic().zone)
    first = row.began_at.astimezone(zone).date()
    last = row.ended_at.astimezone(zone).date() if row.ended_at else show.today()
    return first, min(last + timedelta(days=16), show.today())


def _days(name: str, today: date, struck: tuple[date, date] | None) -> tuple[date, date]:
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    known = {
        "week": (today - timedelta(days=6), today),
        "last-week": (monday - timedelta(days=7), monday - timedelta(days=1)),
        "month": (first, today),
        "last-month": ((first - timedelta(days=1)).replace(day=1), first - timedelta(days=1)),
    }
    return struck or known["week"] if name == "outage" else known[name]


def words(first: date, last: date) -> str:
    """A period as people write it."""
    return show.day(first) if first == last else f"{show.day(first)} to {show.day(last)}"


def sums(one: Statement) -> None:
    """The three sums, and what lies between the first two, to the cent."""
    tiles = (
        ("Payments by card", show.money(one.payments), show.count(one.payment_count, "payment")),
        ("Settled by processors", show.money(one.settled), show.count(one.settled_count, "transaction")),
        ("Deposits and fees", show.money(one.deposited), _after(one)),
    )
    boxes = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(amount)}</b><small>{escape(note)}</small></div>"
        for name, amount, note in tiles
    )
    st.html(f'<div class="recon-sums">{boxes}</div>')
    gap = [("Settled less paid", one.difference, ""), ("counted in another period", one.timing, ""),
           ("waits for its settlement", one.waiting, ""), ("written off", one.written_off, ""),
           ("unexplained", one.unexplained, "left" if one.unexplained else "even")]  # fmt: skip
    shown = [(name, cents, tone) for name, cents, tone in gap if cents or name in ("Settled less paid", "unexplained")]
    parts = "".join(
        f'<span class="{tone}">{escape(name)} <b>{escape(show.money(cents))}</b></span>' for name, cents, tone in shown
    )
    st.html(f'<p class="recon-gap">{parts}</p>')


def _after(one: Statement) -> str:
    parts = [f"{show.money(one.fees)} fees"]
    if one.expected - one.missing:
        parts.append(f"{show.money(one.expected - one.missing)} on the way")
    if one.missing:
        parts.append(f"{show.money(one.missing)} missing")
    return " · ".join(parts)
