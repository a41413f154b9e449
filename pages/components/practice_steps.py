"""The nine steps of a practised outage: how far each is, and what to do now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from outage import reading
from outage.rehearsal import rehearse
from outage.rehearsal.rehearse import Progress
from pages.components import folding, frame, show

PACK, STACK, BATCH = "_practice_pack", "_practice_stack", "_practice_batch"


@dataclass(frozen=True)
class Step:
    """One step: whether it is done, what to do, and how to draw its buttons."""

    title: str
    done: bool
    told: str
    ways: Callable[[Progress, bool], None]


def draw(now: Progress) -> None:
    """The page in the practice clinic."""
    steps = _steps(now)
    done = sum(step.done for step in steps)
    frame.head(
        "Practise an outage", f"{show.day(now.day, style='weekday')} on paper · {done} of {len(steps)} steps done"
    )
    st.progress(done / len(steps))
    if now.money_closed and now.closed:
        st.success(
            "Both parts of the outage are closed and their reports are signed. That was the whole way; the date is "
            "kept in your clinic.",
            icon=":material/celebration:",
        )
    elif now.closed:
        st.success(
            "The clinical part is closed and its report is signed; the date is kept in your clinic. The money is left.",
            icon=":material/check:",
        )
    current = next((place for place, step in enumerate(steps) if not step.done), len(steps))
    for place, step in enumerate(steps):
        icon = ":material/check_circle:" if step.done else (
            ":material/play_circle:" if place == current else ":material/radio_button_unchecked:"
        )  # fmt: skip
        with st.container(
            border=True, key=f"practice_step_{place + 1}", horizontal=step.done, vertical_alignment="center"
        ):
            st.markdown(f"{icon} **{place + 1} · {step.title}**")
            if place == current:
                st.markdown(step.told)
            elif not step.done:
                st.caption(step.told)
            if place <= current:
                with frame.refusals():
                    step.ways(now, place == current)
    st.caption(
        f"This is a practice clinic. To go back to {frame.plain(now.real)}, sign out and sign in again."
    )  # fmt: skip


def _steps(now: Progress) -> list[Step]:
    read = now.handed_in and not now.reading
    stack = f"the stack of {show.count(now.stack_pages, 'page')}" if now.stack_pages else "the stack"
    to_go = "One page waits" if now.review == 1 else f"{show.count(now.review, 'page')} wait" if read else "Pages wait"
    keyed = (
        "One visit or log" if now.to_enter == 1 else f"{now.to_enter} visits and logs" if read else "Visits and logs"
    )
    return [
        Step("Print", now.printed > 0,
             "It is the evening before. Print the pack and look through it: this is what lies ready every evening.",
             _print),
        Step("The outage", now.stack_pages > 0,
             f"{now.visits} visits are booked and the internet is gone. Let the day happen: the paper is filled in, "
             "some of it is folded, stained, torn or lost.", _fill),
        Step("Scan", read,
             f"The day is over, {stack} lies there in no order. Put it into the scanner.",
             _scan),
        Step("Review", read and now.review == 0,
             f"{to_go} for a person: no code, blank stock, boxes one cannot be sure of. Enter the walk-ins first "
             "(Back entry), then their other sheets can be put to them.", _review),
        Step("Back entry", now.entered > 0 and now.to_enter == 0,
             f"{keyed} of bottles {'is' if now.to_enter == 1 else 'are'} to be keyed. Do two or three by hand, then "
             "let the rest be typed as it was written.", _enter),
        Step("Recovery board", now.closed,
             "See what is still missing, let go by name what nobody found, and close the clinical part (a manager "
             "does that).", _board),
        Step("Card slips", now.dealt and not now.to_slip,
             f"{show.count(len(now.to_slip), 'slip')} {'lies' if len(now.to_slip) == 1 else 'lie'} there. Key two or "
             "three by hand, then let the rest be keyed and shredded." if now.dealt else
             "What was done is keyed, so every ticket says what it costs. Cards were taken on paper: see the slips.",
             _cards),
        Step("The terminal's batch", now.is_settled,
             "The terminal sent in its batch last night. Import its file in Settlements and match it on the page "
             "Reconciliation, or let both be done (a manager does that).", _batch),
        Step("The money part", now.money_closed,
             "On slips, in payments, settled: three sums that must be equal. Let go by name what was never billed, and "
             "close the money part (a manager does that).", _board),
    ]  # fmt: skip


def _print(_: Progress, is_current: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        label = "Print the pack" if is_current else "Print it again"
        if st.button(
            label, type="primary" if is_current else "tertiary", icon=":material/print:", key="practice_print"
        ):
            with st.spinner("Printing …", show_time=False):
                st.session_state[PACK] = rehearse.print_pack(by=frame.actor()).as_pdf()
            st.rerun()
        if pack := st.session_state.get(PACK):
            st.download_button("Download the pack", pack, "practice-pack.pdf", "application/pdf", key="practice_pack",
                               icon=":material/download:", type="tertiary")  # fmt: skip


def _fill(now: Progress, is_current: bool) -> None:
    if is_current:
        if st.button("Let the day happen", type="primary", icon=":material/power_off:", key="practice_fill"):
            with st.spinner("Pens write on the paper. This takes up to half a minute …", show_time=False):
                rehearse.fill(by=frame.actor())
            st.rerun()
        return
    st.caption(f"{show.count(now.stack_pages, 'page')} came back.", width="content")


def _scan(now: Progress, is_current: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if is_current and not now.handed_in:
            if st.button("Put the stack into the scanner", type="primary", icon=":material/document_scanner:",
                         key="practice_scan"):  # fmt: skip
                rehearse.hand_in(by=frame.actor(), key=frame.form_key("practice_scan"))
                reading.begin(frame.actor().clinic_id)
                st.switch_page("paper/scan.py")
            if st.button("Get it as a file", icon=":material/description:", key="practice_stack", type="tertiary",
                         help="To print it, or to drop it on the Scan page yourself"):  # fmt: skip
                st.session_state[STACK] = rehearse.stack_of(by=frame.actor())
            if stack := st.session_state.get(STACK):
                st.download_button("Download the stack", stack, "stack.pdf", "application/pdf", key="practice_file",
                                   icon=":material/download:", type="tertiary")  # fmt: skip
        _link("paper/scan.py", "Open Scan", ":material/document_scanner:")


def _review(_: Progress, is_current: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        _link("paper/review.py", "Open Review", ":material/fact_check:")
        if is_current:
            _link("paper/back_entry.py", "Enter the walk-ins", ":material/keyboard:")
            _rest("Settle and type the rest for me")


def _enter(_: Progress, is_current: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        _link("paper/back_entry.py", "Open Back entry", ":material/keyboard:")
        if is_current:
            _rest("Type the rest for me")


def _rest(label: str) -> None:
    """Whoever has seen enough lets the machine do what is left of the pages and the typing."""
    if st.button(label, icon=":material/fast_forward:", key="practice_rest"):
        bar = st.progress(0.0, "Looking at what is left …")
        rehearse.go_on(by=frame.actor(), told=lambda share, what: bar.progress(share, f"{what} …"))
        st.rerun()


def _board(_: Progress, __: bool) -> None:
    _link("paper/recovery.py", "Open the recovery board", ":material/checklist:")


def _cards(now: Progress, is_current: bool) -> None:
    """The slips as they were written, to be keyed from."""
    if not is_current:
        st.caption(f"{show.count(len(now.slips), 'slip')} keyed.", width="content")
        return
    if not now.dealt:
        if st.button("Take out the card slips", type="primary", icon=":material/credit_card:", key="practice_cards"):
            rehearse.take_cards(by=frame.actor())
            st.rerun()
        return
    folding.table(
        {
            "Slip": [one.name for one in now.to_slip],
            "Visit": [f"Visit {one.visit}" for one in now.to_slip],
            "Paid by": [one.payer for one in now.to_slip],
            "Card": [f"{one.brand} ···{one.last4}" for one in now.to_slip],
            "Authorization": [one.authorization for one in now.to_slip],
            "Time": [show.clock_time(one.at) for one in now.to_slip],
            "Total": [show.money(one.amount_cents) for one in now.to_slip],
        },
        label="Card slips to key", right=["Total"],
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        first = now.to_slip[0]
        st.page_link("paper/slips.py", label="Open Card slips", icon=":material/credit_card:", width="content",
                     query_params={"serial": str(first.serial)})  # fmt: skip
        if st.button("Key the rest for me", icon=":material/fast_forward:", key="practice_key"):
            with st.spinner("Keying the slips, completing the tickets …", show_time=False):
                rehearse.key_slips(by=frame.actor())
            st.rerun()


def _batch(_: Progress, is_current: bool) -> None:
    """The terminal's file, and what a manager does with it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        may = "reconciliation.use" in frame.may()
        if is_current:
            if may and st.button("Import the batch and match it", type="primary", icon=":material/point_of_sale:",
                                 key="practice_settle"):  # fmt: skip
                with st.spinner("Matching payments with settlements …", show_time=False):
                    rehearse.settle_up(by=frame.actor())
                st.rerun()
            if st.button("Get it as a file", icon=":material/description:", key="practice_batch", type="tertiary"):
                st.session_state[BATCH] = rehearse.batch_file(by=frame.actor())
            if content := st.session_state.get(BATCH):
                st.download_button("Download the batch", content, "practice-batch.csv", "text/csv",
                                   key="practice_batch_file", icon=":material/download:", type="tertiary")  # fmt: skip
        if may:
            _link("money/settlements.py", "Open Settlements", ":material/upload_file:")
            _link("money/reconciliation.py", "Open Reconciliation", ":material/balance:")


def _link(page: str, label: str, icon: str) -> None:
    st.page_link(page, label=label, icon=icon, width="content")
