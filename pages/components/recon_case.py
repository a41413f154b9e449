"""One case of the reconciliation: its rows, what speaks for it, what may be its partner, and what can be done."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from billing import books, variances
from billing.books import Case, Money, Opened
from pages.components import case_words, folding, frame, show

TOLD = "_recon_told"


def draw(case: Case) -> None:
    """Draw it."""
    found = books.opened(case.key, by=frame.actor())
    st.markdown(f"**{frame.plain(case_words.title(case))}** · {frame.plain(case_words.kind(case))}")
    if meaning := case_words.MEANS.get(case.kind):
        st.caption(meaning)
    _rows(case)
    if case.is_match:
        _decide(case)
        _evidence(found)
        return
    _beside(found)
    _likely(found)
    _near(found)
    _settle(case)
    if found.evidence:
        _evidence(found)
    _talk(found)


def look(case: Case) -> None:
    """A match that stands: its evidence, and the way to reject it."""
    _rows(case)
    _evidence(books.opened(case.key, by=frame.actor()))
    name = f"look_{case.key}"
    reason = st.text_input("Why it is wrong", key=f"look_why_{case.key}", max_chars=300, autocomplete="off")
    if st.button("Reject it", key="recon_look_reject"):
        _done(
            lambda: variances.reject([case.id], reason or "", by=frame.actor(), key=frame.form_key(name)), name,
            "Rejected: its rows are open again and the same is not proposed again.",
        )  # fmt: skip


def _rows(case: Case) -> None:
    rows = [("Here", row) for row in case.payments] + [("Processor", row) for row in case.settled]
    if rows:
        _table(rows, "Rows of this case")


def _beside(found: Opened) -> None:
    """The first of two, or the sale that money went back for."""
    if found.beside:
        name = (
            "The first of the two"
            if found.case.kind in ("duplicate_payment", "duplicate_charge")
            else "It goes back to"
        )
        st.markdown(f"**{name}**")
        _table([("Here" if side == "payments" else "Processor", row) for side, row in found.beside], name)


def _near(found: Opened) -> None:
    """Of a deposit: what on the other side is about as large, and the way to put them together."""
    if not found.near:
        return
    st.markdown("**About as large, on the other side**")
    for one in found.near:
        apart = show.money(abs(abs(one.cents) - abs(found.case.cents)))
        words = (case_words.title(one), show.day(one.day), show.money(abs(one.cents)), f"{apart} apart")
        st.text(" · ".join(words))
    st.button("Put a deposit together", key="recon_to_deposits", on_click=_to_deposits)


def _to_deposits() -> None:
    st.session_state["recon_view"] = "deposits"


def _table(rows: list[tuple[str, Money]], label: str) -> None:
    folding.table(
        {
            "Side": [side for side, _ in rows],
            "What": [row.about or row.reference for _, row in rows],
            "Reference": [row.reference for _, row in rows],
            "Card": [case_words.card(row) for _, row in rows],
            "When": [show.moment(row.at) for _, row in rows],
            "State": [row.status if side == "Processor" else "" for side, row in rows],
            "Amount": [show.money(row.cents) for _, row in rows],
        },
        label=label, right=["Amount"],
    )  # fmt: skip


def _evidence(found: Opened) -> None:
    case = found.case
    words = [case_words.sureness(case.score) + "."] if case.is_match and case.score else []
    ours, theirs = sum(row.cents for row in case.payments), sum(row.cents for row in case.settled)
    if case.cents and case.payments and case.settled and ours != theirs:
        words += [f"The processor has {show.money(theirs - ours)} more than was paid." if theirs > ours else
                  f"The processor has {show.money(ours - theirs)} less than was paid."]  # fmt: skip
        words += [case_words.slip(ours, theirs)]
    if words:
        st.caption(show.plain(" ".join(filter(None, words))))
    if not found.evidence:
        return
    folding.table(
        {
            "What": [case_words.FIELDS.get(one["field"], one["field"]) for one in found.evidence],
            "Says": [case_words.SAYS.get(one["says"], one["says"]) for one in found.evidence],
            "Here": [case_words.said(one["field"], one["ours"]) for one in found.evidence],
            "Processor": [case_words.said(one["field"], one["theirs"]) for one in found.evidence],
            "Speaks": [case_words.weighs(one["weight"]) for one in found.evidence],
        },
        label="What agrees and what differs",
    )


def _likely(found: Opened) -> None:
    """What may be its partner, one click away."""
    if not found.likely or found.case.is_match:
        return
    st.markdown("**May belong together with**")
    for row, score in found.likely:
        with st.container(horizontal=True, vertical_alignment="center", key=f"likely_{row.id}"):
            st.markdown(
                show.plain(" · ".join(filter(None, _told(row))))
                + f" · {case_words.sureness(round(score * 1000)).lower()}"
            )
            if st.button("Match these two", key=f"likely_match_{row.id}"):
                _match(found.case, row)


def _told(row: Money) -> tuple[str, ...]:
    return row.about or row.reference, case_words.card(row), show.moment(row.at), show.money(row.cents)


def _match(case: Case, row: Money) -> None:
    mine = [one.id for one in (*case.payments, *case.settled)]
    ours, theirs = (mine, [row.id]) if case.payments else ([row.id], mine)
    reason = st.session_state.get(f"why_{case.key}") or ""
    name = f"pair_{case.key}"
    _done(lambda: variances.match_by_hand(ours, theirs, reason, by=frame.actor(), key=frame.form_key(name)), name,
          "Matched.")  # fmt: skip


def _decide(case: Case) -> None:
    """Accept or reject what the engine proposes."""
    name = f"decide_{case.key}"
    reason = ""
    if case.cents:
        reason = st.text_input(
            "Why they differ", key=f"why_{case.key}", max_chars=300, autocomplete="off",
            placeholder="A tip, mistyped at the counter. Empty leaves the difference open.",
        )  # fmt: skip
    with st.container(horizontal=True, key="recon_decide"):
        if st.button("Accept the match", type="primary", key="recon_accept", shortcut="a"):
            _done(
                lambda: variances.accept([case.id], reason or "", by=frame.actor(), key=frame.form_key(name)), name,
                "Accepted.",
            )  # fmt: skip
        if st.button("Reject it", key="recon_reject", shortcut="x"):
            _done(
                lambda: variances.reject([case.id], reason or "", by=frame.actor(), key=frame.form_key(name)), name,
                "Rejected: its rows are open again and the two are not proposed again.",
            )  # fmt: skip


def _settle(case: Case) -> None:
    """Write a case off, or hand it to somebody."""
    name = f"settle_{case.key}"
    with st.container(horizontal=True, vertical_alignment="bottom", key="recon_settle"):
        reason = st.text_input("Reason", key=f"why_{case.key}", max_chars=300, autocomplete="off", width=340)
        if st.button("Write it off", key="recon_write_off", help="Settles the case with your reason. Posts no money."):
            _done(
                lambda: variances.write_off([case.id], reason or "", by=frame.actor(), key=frame.form_key(name)), name,
                "Written off, with your reason.",
            )  # fmt: skip
    people = books.reconcilers(by=frame.actor())
    chosen = st.selectbox(
        "Looks into it", [None, *people], format_func=lambda one: people.get(one, "Nobody yet"),
        index=[None, *people].index(case.assigned_id) if case.assigned_id in people else 0,
        key=f"assign_{case.key}_{case.assigned_id}", width=240,
    )  # fmt: skip
    if chosen != (case.assigned_id if case.assigned_id in people else None):
        name = f"assign_{case.key}"
        _done(lambda: variances.assign([case.id], chosen, by=frame.actor(), key=frame.form_key(name)), name, "")


def _talk(found: Opened) -> None:
    for remark in found.comments:
        st.caption(f"{frame.plain(remark.who)}, {show.moment(remark.at)}")
        st.text(remark.body)
    case = found.case
    form = st.form(f"comment_{case.key}", clear_on_submit=True, border=False, enter_to_submit=True)
    with form, st.container(horizontal=True, vertical_alignment="bottom"):
        body = st.text_input("Comment", key=f"body_{case.key}", max_chars=2000, width=340, autocomplete="off")
        save = st.form_submit_button("Add the comment", key=f"say_{case.key}")
    if save:
        name = f"comment_{case.key}"
        _done(lambda: variances.comment(case.id, body or "", by=frame.actor(), key=frame.form_key(name)), name, "")


def _done(rule: Callable[[], object], name: str, told: str) -> None:
    """Carry out a decision; what follows in the list comes next."""
    with frame.refusals():
        rule()
        frame.new_form_key(name)
        st.session_state[TOLD] = told
        st.rerun()
