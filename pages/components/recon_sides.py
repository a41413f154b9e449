"""The other views of the reconciliation: matching by hand, deposits, what is matched, and how old cases are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import streamlit as st

from billing import books, variances
from billing import deposits as bank
from billing.books import Case, Money
from billing.deposits import Deposits
from pages.components import case_words, folding, frame, recon_case, show

AROUND = timedelta(days=5)


def by_hand(first: date, last: date) -> None:
    """Choose on both sides; the difference runs along."""
    found = books.loose(first - AROUND, last + AROUND, by=frame.actor())
    if not found.payments and not found.settled:
        st.success("Every payment and every settled transaction has its partner.", icon=":material/check_circle:")
        return
    words = st.text_input("Find", key="recon_find", placeholder="Client, card, code or amount", width=320,
                          icon=":material/search:", autocomplete="off")  # fmt: skip
    decision, told = st.container(horizontal=True, vertical_alignment="bottom", key="recon_hand"), st.container()
    left, right = st.columns(2, gap="medium")
    with left:
        ours = _choose("Payments without a partner", _like(found.payments, words or ""), "ours")
    with right:
        theirs = _choose("Settled without a partner", _like(found.settled, words or ""), "theirs")
    paid, settled = sum(row.cents for row in ours), sum(row.cents for row in theirs)
    with decision:
        reason = st.text_input("Reason", key="recon_hand_why", max_chars=300, width=320, autocomplete="off",
                               placeholder="Needed where the amounts differ")  # fmt: skip
        chosen = st.button("Match these", type="primary", key="recon_hand_match", disabled=not ours)
        if ours or theirs:
            st.markdown(
                f"{show.plain(show.money(settled))} settled less {show.plain(show.money(paid))} paid: "
                f"**{show.plain(show.money(settled - paid))}**"
            )
    with told:
        if chosen:
            with frame.refusals():
                variances.match_by_hand(
                    [row.id for row in ours], [row.id for row in theirs], reason or "", by=frame.actor(),
                    key=frame.form_key("recon_hand"),
                )  # fmt: skip
                frame.new_form_key("recon_hand")
                st.session_state["_recon_hand"] = st.session_state.get("_recon_hand", 0) + 1
                st.session_state[recon_case.TOLD] = "Matched by hand."
                st.rerun()


def _like(rows: Sequence[Money], words: str) -> list[Money]:
    text = words.strip().lower()
    if not text:
        return list(rows)
    return [
        row
        for row in rows
        if text in f"{row.about} {row.reference} {row.last4} {row.authorization} {row.cents / 100:.2f}".lower()
    ]


def _choose(title: str, rows: list[Money], name: str) -> list[Money]:
    """A table one chooses rows of."""
    st.markdown(f"**{title} ({show.number(len(rows))})**")
    if not rows:
        st.caption("None.")
        return []
    table: dict[str, list[Any]] = {
        "Day": [show.day(row.day, style="short") for row in rows],
        "Amount": [show.money(row.cents) for row in rows],
        "Who or where": [row.about or row.reference for row in rows],
        "Card": [case_words.card(row) for row in rows],
        "Code": [row.authorization for row in rows],
    }
    chosen = st.dataframe(
        table, hide_index=True, height="content" if len(rows) <= 12 else 420, selection_mode="multi-row",
        on_select="rerun",
        key=f"recon_{name}_{st.session_state.get('_recon_hand', 0)}_{len(rows)}",
        column_config={
            "Day": st.column_config.TextColumn(width=68),
            "Amount": st.column_config.TextColumn(width=76, alignment="right"),
            "Who or where": st.column_config.TextColumn(width=112),
            "Card": st.column_config.TextColumn(width=112),
            "Code": st.column_config.TextColumn(width=62),
        },
    )  # fmt: skip
    return [rows[place] for place in chosen["selection"]["rows"] if place < len(rows)]


def deposits(first: date, last: date) -> None:
    """Deposits with their batches, what is still to arrive, and what nobody explained."""
    found = bank.deposits(first, last, by=frame.actor())
    if not found.arrived and not found.expected and not found.lines:
        st.info("No batch and no bank line of these days is here yet. Import a bank statement on the Settlements page.")
        return
    _arrived(found)
    _expected(found)
    _link(found)


def _arrived(found: Deposits) -> None:
    st.markdown(f"**Deposits ({show.number(len(found.arrived))})**")
    if not found.arrived:
        st.caption("No line of the bank is put together with a batch yet.")
        return
    rows = found.arrived
    total = [show.money(sum(getattr(row, name) for row in rows)) for name in ("gross", "fees", "net", "amount")]
    names = ("gross", "fees", "net", "amount", "difference")
    columns = {
        "Deposit": [*(show.day(row.posted_on) for row in rows), "All"],
        "Bank": [*(row.description for row in rows), ""],
        "Batches": [*(", ".join(one.name for one in row.batches) for row in rows), ""],
        "How": [*("" if row.is_auto else f"by hand: {row.reason}".rstrip(": ") for row in rows), ""],
        **{
            label: [*(show.money(getattr(row, name)) for row in rows), sum_]
            for label, name, sum_ in zip(
                ("Charged", "Fees", "Due", "Arrived", "Difference"), names,
                [*total, show.money(sum(row.difference for row in rows))], strict=True,
            )
        },
    }  # fmt: skip
    folding.table(columns, label="Deposits", right=["Charged", "Fees", "Due", "Arrived", "Difference"])


def _expected(found: Deposits) -> None:
    if found.expected:
        st.markdown(f"**Batches still to arrive ({show.number(len(found.expected))})**")
        folding.table(
            {
                "Batch": [one.name for one in found.expected],
                "Settled": [show.day(one.settled_on) for one in found.expected],
                "State": ["should be here by now" if one.is_late else "on its way" for one in found.expected],
                "Charged": [show.money(one.gross) for one in found.expected],
                "Fees": [show.money(one.fees) for one in found.expected],
                "Due": [show.money(one.net) for one in found.expected],
            },
            label="Batches still to arrive", right=["Charged", "Fees", "Due"],
        )  # fmt: skip
    if found.monthly:
        told = ", ".join(f"{show.day(one.posted_on)} {show.money(one.amount)}" for one in found.monthly)
        st.caption(f"Fees billed for a month: {show.plain(told)}")


def _link(found: Deposits) -> None:
    """Put a line and batches together by hand, or take a deposit apart."""
    with st.container(horizontal=True, key="recon_bank_hand"):
        if found.lines and found.expected and st.button("Put a deposit together by hand", key="recon_link"):
            _together(found)
        if found.arrived and st.button("Take a deposit apart", key="recon_unlink", type="tertiary"):
            _apart(found)
    named = [one for one in found.lines if one.named]
    if named:
        st.markdown(f"**Lines of the bank nobody explained ({show.number(len(named))})**")
        folding.table(
            {
                "Day": [show.day(one.posted_on) for one in named],
                "Bank": [one.description for one in named],
                "Amount": [show.money(one.amount) for one in named],
            },
            label="Lines of the bank nobody explained", right=["Amount"],
        )  # fmt: skip
    others = len(found.lines) - len(named)
    if others:
        st.caption(
            f"{show.count(others, 'more line', 'more lines')} of the bank name no processor: cash, checks, bills."
        )


@st.dialog("Put a deposit together")
def _together(found: Deposits) -> None:
    lines = {one.id: f"{show.day(one.posted_on)} · {show.money(one.amount)} · {one.description}"
             for one in sorted(found.lines, key=lambda one: not one.named)}  # fmt: skip
    batches = {one.id: f"{one.name} · {show.day(one.settled_on)} · {show.money(one.net)}"
               for one in found.expected}  # fmt: skip
    line = st.selectbox("Line of the bank", list(lines), format_func=lines.__getitem__, key="link_line")
    chosen = st.multiselect("Batches that arrived with it", list(batches), format_func=batches.__getitem__,
                            key="link_batches")  # fmt: skip
    due = sum(one.net for one in found.expected if one.id in chosen)
    amount = next(one.amount for one in found.lines if one.id == line)
    st.markdown(f"{show.plain(show.money(amount))} arrived less {show.plain(show.money(due))} due: "
                f"**{show.plain(show.money(amount - due))}**")  # fmt: skip
    reason = st.text_input("Reason", key="link_why", max_chars=200, placeholder="Needed where the amounts differ")
    if st.button("Put them together", type="primary", key="link_save", width="stretch"):
        with frame.refusals():
            bank.put_together(str(line), chosen, reason or "", by=frame.actor(), key=frame.form_key("link"))
            frame.new_form_key("link")
            st.session_state[recon_case.TOLD] = "The deposit and its batches are put together."
            st.rerun()


@st.dialog("Take a deposit apart")
def _apart(found: Deposits) -> None:
    lines = {one.line_id: f"{show.day(one.posted_on)} · {show.money(one.amount)} · {one.description}"
             for one in found.arrived}  # fmt: skip
    line = st.selectbox("Deposit", list(lines), format_func=lines.__getitem__, key="unlink_line")
    reason = st.text_input("Why", key="unlink_why", max_chars=200)
    if st.button("Take it apart", type="primary", key="unlink_save", width="stretch"):
        with frame.refusals():
            bank.take_apart(str(line), reason or "", by=frame.actor(), key=frame.form_key("unlink"))
            frame.new_form_key("unlink")
            st.session_state[recon_case.TOLD] = "The deposit is taken apart and will not be put together so again."
            st.rerun()


def matched(first: date, last: date) -> None:
    """What stands, and what people decided, to look at and to take back."""
    decided = books.settled_cases(first, last, by=frame.actor())
    if decided:
        st.markdown(f"**Decided by people ({show.number(len(decided))})**")
        _table(decided, "Decided by people")
        _undo(decided)
    kinds = {"": "All kinds", **{kind: words for kind, words in case_words.KINDS.items() if kind in _MATCHED}}
    kind = st.selectbox("Kind", list(kinds), format_func=kinds.__getitem__, key="recon_kind", width=260)
    count, rows = books.matched(first, last, str(kind or ""), by=frame.actor())
    st.markdown(f"**Matched ({show.number(count)})**")
    if not rows:
        st.caption("Nothing is matched here yet.")
        return
    _table(rows, "Matched")
    if count > len(rows):
        st.caption(f"The latest {show.number(len(rows))} of {show.number(count)} are shown.")
    with st.container(horizontal=True):
        if st.button("Look at one, or reject it", key="recon_look"):
            _look(rows)


_MATCHED = (
    "exact", "next_batch", "amount_typo", "decimal_slip", "amount_diff", "last4_typo", "several_payments_one_charge",
    "split_tender", "refund", "voided", "by_hand",
)  # fmt: skip


def _table(rows: Sequence[Case], label: str) -> None:
    folding.table(
        {
            "What": [case_words.title(one) for one in rows],
            "Kind": ["Agrees" if one.kind == "exact" else case_words.kind(one) for one in rows],
            "Day": [show.day(one.day) for one in rows],
            "Card": [", ".join(dict.fromkeys(case_words.card(row) for row in one.payments)) for one in rows],
            "How": [_how(one) for one in rows],
            "Reason": [one.reason for one in rows],
            "Paid": [show.money(sum(row.cents for row in one.payments)) for one in rows],
            "Settled": [show.money(sum(row.cents for row in one.settled)) for one in rows],
        },
        label=label, right=["Paid", "Settled"],
    )  # fmt: skip


def _how(one: Case) -> str:
    who = f"by {one.detail['by']}" if one.detail.get("by") else "by the engine" if one.is_match else ""
    return who if one.state in ("accepted", "open") else f"{one.state.replace('_', ' ')} {who}".strip()


def _names(rows: Sequence[Case]) -> dict[str, str]:
    return {
        one.key: " · ".join(
            (
                show.day(one.day, style="short"),
                case_words.title(one),
                case_words.kind(one),
                case_words.sum_of(one),
                *([] if one.is_match else ["written off"]),
            )
        )
        for one in rows
    }


def _undo(rows: list[Case]) -> None:
    known = {one.key: one for one in rows}
    names = _names(rows)
    with st.container(horizontal=True, vertical_alignment="bottom", key="recon_undo_row"):
        chosen = st.selectbox("Take a decision back", list(names), format_func=names.__getitem__, key="recon_undo_pick",
                              width=380)  # fmt: skip
        if st.button("Take it back", key="recon_undo"):
            with frame.refusals():
                case = known[str(chosen)]
                key = frame.form_key(f"undo_{case.key}")
                if case.is_match:
                    variances.undo(case.id, by=frame.actor(), key=key)
                else:
                    variances.reopen_case(case.id, by=frame.actor(), key=key)
                frame.new_form_key(f"undo_{case.key}")
                st.session_state[recon_case.TOLD] = "The decision is taken back."
                st.rerun()


@st.dialog("A match", width="large")
def _look(rows: list[Case]) -> None:
    known, names = {one.key: one for one in rows}, _names(rows)
    chosen = st.selectbox("Match", list(names), format_func=names.__getitem__, key="recon_look_pick")
    recon_case.look(known[str(chosen)])


def ageing(_first: date, _last: date) -> None:
    """How long cases have been open."""
    found = books.ageing(show.today(), by=frame.actor())
    folding.table(
        {
            "Age": [one.label for one in found] + ["All"],
            "Cases": [show.number(one.count) for one in found] + [show.number(sum(one.count for one in found))],
            "Unexplained": [show.money(one.cents) for one in found] + [show.money(sum(one.cents for one in found))],
        },
        label="How old open cases are", right=["Cases", "Unexplained"],
    )  # fmt: skip
    st.caption(
        "Every open case of the clinic, whichever period it belongs to, deposits too. The line above "
        "counts payments and settlements of its period."
    )
