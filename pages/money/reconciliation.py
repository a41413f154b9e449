"""Reconciliation: payments, settlements and deposits of a period side by side, and the cases that need a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import streamlit as st

from billing import books
from billing.books import Case, Queue, Statement
from outage.slips import open_slips
from pages.components import (
    case_list,
    case_words,
    frame,
    recon_case,
    recon_close,
    recon_period,
    recon_run,
    recon_sides,
    show,
)
from pages.components.case_list import Line

VIEWS = {"cases": "To decide", "hand": "Match by hand", "deposits": "Deposits", "matched": "Matched", "age": "Age"}
QUEUE, OPEN, AT = "recon_queue", "_recon_open", "_recon_at"


def main() -> None:
    """The page."""
    head = st.container()
    first, last = recon_period.choose()
    one = books.statement(first, last, by=frame.actor())
    found = books.queues(first, last, by=frame.actor())
    slips, cents = open_slips(first, last, by=frame.actor())
    with head, frame.head("Reconciliation", _facts(one, found, slips, first, last)):
        if not one.closed and st.button("Match again", icon=":material/sync:", key="recon_run"):
            _run(first, last)
        recon_close.button(one, found)
    if told := st.session_state.pop(recon_case.TOLD, ""):
        st.success(frame.said(told), icon=":material/check:")
    recon_close.told(one)
    recon_period.sums(one)
    _slips(slips, cents)
    if (asked := st.query_params.pop("tab", None)) in VIEWS:
        st.session_state["recon_view"] = asked
    st.session_state.setdefault("recon_view", "cases")
    view = st.segmented_control(
        "What to look at", list(VIEWS), format_func=VIEWS.__getitem__, key="recon_view",
        required=True, label_visibility="collapsed",
    )  # fmt: skip
    draw: dict[str, Callable[[date, date], None]] = {
        "hand": recon_sides.by_hand, "deposits": recon_sides.deposits, "matched": recon_sides.matched,
        "age": recon_sides.ageing,
    }  # fmt: skip
    if view in draw:
        draw[str(view)](first, last)
    else:
        _cases(found, one, slips, first, last)


def _facts(one: Statement, found: list[Queue], slips: int, first: date, last: date) -> str:
    waits = sum(queue.count for queue in found)
    parts = [recon_period.words(first, last), f"{show.number(one.matched)} matched"]
    if waits:
        parts.append(f"{show.count(waits, 'case')} {'carried on' if one.closed else 'to decide'}")
    if slips:
        parts.append(f"{show.count(slips, 'card slip')} open")
    if one.closed:
        parts.insert(1, "closed")
    return " · ".join(parts if waits or slips or one.closed else [*parts, "nothing to decide"])


def _slips(slips: int, cents: int) -> None:
    """That slips of these days wait, and where: no settlement can meet them before."""
    if not slips:
        return
    words = "One card slip of these days is" if slips == 1 else f"{show.number(slips)} card slips of these days are"
    with st.container(horizontal=True, vertical_alignment="center", key="recon_slips"):
        st.warning(
            f"{words} still open, {show.plain(show.money(cents))}: on no ticket yet, so nothing can be matched.",
            icon=":material/credit_card:",
        )  # fmt: skip
        if "outage.enter" in frame.may():
            st.page_link("paper/slips.py", label="Open card slips", icon=":material/arrow_forward:")


def _run(first: date, last: date) -> None:
    with frame.refusals():
        st.session_state[recon_case.TOLD] = f"Matched again: {recon_run.match(first, last, by=frame.actor())}."
        st.rerun()


def _cases(found: list[Queue], one: Statement, slips: int, first: date, last: date) -> None:
    if not found:
        _nothing(one, slips)
        return
    names = {queue.key: f"{queue.label} ({show.number(queue.count)})" for queue in found}
    if st.session_state.get(QUEUE) not in names:
        st.session_state[QUEUE] = found[0].key
    queue = st.pills(
        "Kind", list(names), format_func=names.__getitem__, key=QUEUE, required=True, label_visibility="collapsed"
    )
    cases = books.cases(first, last, str(queue), by=frame.actor())
    if not cases:
        st.rerun()
    at = _place(cases)
    left, right = st.columns([1, 1.35], gap="medium")
    with left:
        lines = [
            Line(case.key, show.day(case.day, style="short"), case_words.title(case), case_words.about(case),
                 case_words.sum_of(case))
            for case in cases
        ]  # fmt: skip
        picked = case_list.draw(lines, cases[at].key, label="Cases", key="recon_cases")
        total = next(one.count for one in found if one.key == queue)
        if total > len(cases):
            st.caption(f"The oldest {show.number(len(cases))} of {show.number(total)} are shown.")
        if picked and picked != cases[at].key and picked in {case.key for case in cases}:
            st.session_state[OPEN] = picked
            st.rerun()
        _several(cases)
    with right, st.container(border=True, key="recon_case"):
        recon_case.draw(cases[at])


def _place(cases: list[Case]) -> int:
    """The case on screen; the one that follows where that was decided."""
    keys = [case.key for case in cases]
    chosen, before = st.session_state.get(OPEN, ""), st.session_state.get(AT, 0)
    at = keys.index(chosen) if chosen in keys else min(before, len(keys) - 1)
    st.session_state[OPEN], st.session_state[AT] = keys[at], at
    return at


def _several(cases: list[Case]) -> None:
    """Accept all proposals of a kind whose amounts agree."""
    even = [case.id for case in cases if case.is_match and not case.cents]
    if len(even) < 2:
        return
    if st.button(f"Accept all {len(even)} without a difference", key="recon_accept_all"):
        with frame.refusals():
            from billing import variances

            count = variances.accept(even, by=frame.actor(), key=frame.form_key("recon_all"))
            frame.new_form_key("recon_all")
            st.session_state[recon_case.TOLD] = f"{show.number(count)} matches are accepted."
            st.rerun()


def _nothing(one: Statement, slips: int) -> None:
    if not slips and not one.settled_count and not one.matched:
        st.info(
            "No settlement of these days is here yet. Import the processor's file, or fetch it, then match again. "
            "Payments taken by card wait until then."
        )
        return
    if not slips:
        st.success("Nothing waits for you in this period.", icon=":material/check_circle:")
    found = books.waiting(by=frame.actor())
    if found.count and found.first is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="recon_elsewhere"):
            waits = "case waits" if found.count == 1 else "cases wait"
            st.markdown(f"{show.number(found.count)} {waits} in other days, the oldest of {show.day(found.first)}.")
            st.button("Show these days", key="recon_show_days", on_click=_since, args=(found.first,))


def _since(first: date) -> None:
    st.session_state["recon_days"] = first, show.today()
    st.session_state["recon_period"] = "days"


main()
