"""The right side of a ticket: what is due, taking it, and sending the patient home."""

from __future__ import annotations

from typing import Any

import streamlit as st

from appointments.stages import BEFORE_ARRIVAL
from billing import checkout
from billing.amounts import cents_of, decimal_text
from billing.payments import BRANDS, Taken, Tender, take_payment
from billing.tickets import Sibling, Ticket
from pages.components import counter, frame, show
from pages.components.draft_form import DraftForm
from security import drafts

TENDERS = {"card": "Card", "cash": "Cash", "check": "Check", "other": "Other"}
PAYMENT = {"tender": "card", "amount": "", "handed": "", "brand": BRANDS[0], "last4": "", "code": "", "check": ""}
HOME = ("checked_out", "died", "declined", "cancelled", "no_show")


def draw(ticket: Ticket, may: frozenset[str]) -> None:
    """Draw it."""
    with st.container(border=True, key="ticket_sums"):
        counter.sums(ticket)
        taken = st.session_state.get(f"taken_{ticket.id}")
        if taken:
            _tell(taken)
        if "billing.checkout" not in may:
            return
        if not ticket.standing.is_live:
            st.caption(f"This invoice is {ticket.standing.document}. Nothing can be paid on it here.")
            return
        together = _together(ticket)
        due = ticket.standing.balance + sum(sibling.balance or 0 for sibling in together)
        if due:
            _pay(ticket, together, due)
        if ticket.stage in BEFORE_ARRIVAL:
            st.caption("The patient has not arrived yet, so what is paid now is kept as a deposit.")
            return
        _go_home(ticket, together, due)


def _together(ticket: Ticket) -> list[Sibling]:
    """The other patients of this client today; the ticked ones are paid and sent home together."""
    chosen = []
    for sibling in ticket.siblings:
        if sibling.invoice_id is None:
            if st.button(
                f"Add {sibling.patient}'s ticket", key=f"sibling_open_{sibling.appointment_id}", icon=":material/add:"
            ):
                with frame.refusals():
                    checkout.open_ticket(
                        str(sibling.appointment_id), by=frame.actor(),
                        key=frame.form_key(f"open_{sibling.appointment_id}"),
                    )  # fmt: skip
                    st.session_state[f"with_{sibling.appointment_id}"] = True
                    st.rerun()
        elif sibling.balance or sibling.stage not in HOME:
            label = f"Together with {sibling.patient} ({show.money(sibling.balance)} due)"
            if st.checkbox(show.plain(label), key=f"with_{sibling.appointment_id}"):
                chosen.append(sibling)
    if any(sibling.balance for sibling in chosen):
        due = ticket.standing.balance + sum(sibling.balance or 0 for sibling in chosen)
        st.html(
            f'<div class="bill-sums"><div class="total"><span>Due together</span><b>{show.money(due)}</b></div></div>'
        )
    return chosen


@st.fragment
def _pay(ticket: Ticket, together: list[Sibling], due: int) -> None:
    """The payment, run alone while somebody types. The amount follows what is due until somebody changes it."""
    clinic = frame.clinic()
    form = DraftForm(f"pay:{ticket.id}", PAYMENT)
    form.follow("amount", decimal_text(due, currency=clinic.currency))
    form.line()
    kind = st.segmented_control(
        "Paid by", list(TENDERS), format_func=TENDERS.__getitem__, required=True, key=form.key("tender"),
        width="stretch", label_visibility="collapsed",
    )  # fmt: skip
    if kind == "cash":
        left, right = st.columns(2)
        _text(form, "amount", "Amount", left)
        _text(form, "handed", "Cash handed over", right, placeholder="Exact")
    else:
        _text(form, "amount", "Amount")
    if kind == "card":
        one, two = st.columns(2)
        one.selectbox("Card", BRANDS, key=form.key("brand"))
        _text(form, "last4", "Last four digits", two, max_chars=25)
        _text(form, "code", "Authorization code")
    if kind == "check":
        _text(form, "check", "Check number")
    form.keep()
    label = "Take deposit" if ticket.is_before_service else "Take payment"
    if not st.button(label, type="primary", width="stretch", key=f"take_{ticket.id}", shortcut=frame.SEND):
        return
    with frame.refusals():
        taken = _take(ticket, together, form, str(kind))
        form.forget()
        st.session_state[f"taken_{ticket.id}"] = taken
        st.rerun()


def _text(form: DraftForm, name: str, label: str, place: Any = st, **more: Any) -> None:
    place.text_input(label, key=form.key(name), live=form.live, autocomplete="off", **more)


def _take(ticket: Ticket, together: list[Sibling], form: DraftForm, kind: str) -> Taken:
    clinic = frame.clinic()
    typed = {name: str(form[name] or "").strip() for name in PAYMENT}
    cents = cents_of(typed["amount"], locale=clinic.locale, currency=clinic.currency)
    cash = None
    if kind == "cash" and typed["handed"]:
        cash = cents_of(typed["handed"], locale=clinic.locale, currency=clinic.currency)
    card, check = kind == "card", typed["check"] if kind == "check" else ""
    tender = Tender(kind, *((typed["last4"], typed["brand"], typed["code"]) if card else ("", "", "")), check)
    ids = [ticket.id, *(str(sibling.invoice_id) for sibling in together)]
    key = frame.form_key(f"pay_{ticket.id}")
    taken = take_payment(ids, cents, tender, tendered_cents=cash, by=frame.actor(), key=key)
    frame.new_form_key(f"pay_{ticket.id}")
    return taken


def _tell(taken: Taken) -> None:
    what = "taken"
    if taken.deposit_cents:
        whole = taken.deposit_cents == taken.amount_cents
        what += " as a deposit" if whole else f", {show.money(taken.deposit_cents)} of it as a deposit"
    words = f"{show.money(taken.amount_cents)} {what}, {taken.reference}."
    if taken.change_cents:
        words += f" **Change {show.money(taken.change_cents)}.**"
    st.success(words.replace("$", "\\$"), icon=":material/check:")


def _go_home(ticket: Ticket, together: list[Sibling], due: int) -> None:
    names = [ticket.patient] if ticket.patient and ticket.stage not in HOME else []
    names += [sibling.patient for sibling in together if sibling.stage not in HOME]
    ids = [ticket.id, *(str(sibling.invoice_id) for sibling in together)]
    if not names and not (ticket.standing.document == "draft" and not due):
        if ticket.stage == "checked_out" and not due:
            st.caption(f"{ticket.patient} went home. Nothing is due.")
        return
    who = " and ".join(names)
    if not due:
        if st.button(
            "Complete checkout", type="primary", width="stretch", key="complete", help=f"{who} goes home",
            shortcut=frame.SEND,
        ):  # fmt: skip
            _complete(ticket, ids, "")
        return
    with st.expander("Go home with an open balance"):
        _unpaid(ticket, ids)


@st.fragment
def _unpaid(ticket: Ticket, ids: list[str]) -> None:
    form = DraftForm(f"unpaid:{ticket.id}", {"because": ""})
    form.line()
    _text(form, "because", "Why it stays open", placeholder="Pays on Friday")
    form.keep()
    if st.button("Complete checkout unpaid", width="stretch", key="complete_unpaid"):
        _complete(ticket, ids, form["because"] or "")


def _complete(ticket: Ticket, ids: list[str], because: str) -> None:
    with frame.refusals():
        key = frame.form_key(f"complete_{ticket.id}")
        checkout.complete_checkout(ids, open_because=because, by=frame.actor(), key=key)
        frame.new_form_key(f"complete_{ticket.id}")
        drafts.discard(f"unpaid:{ticket.id}", by=frame.actor())
        st.toast(f"{show.plain(ticket.patient or ticket.client)} is checked out.", icon=":material/check:")
        st.rerun()
