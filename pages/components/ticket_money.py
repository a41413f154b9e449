"""The right side of a ticket: what is due, taking it, and sending the patient home."""

from __future__ import annotations

import streamlit as st

from billing import checkout
from billing.amounts import cents_of, decimal_text
from billing.payments import BRANDS, Taken, Tender, take_payment
from billing.tickets import Sibling, Ticket
from pages.components import counter, frame, show

TENDERS = {"card": "Card", "cash": "Cash", "check": "Check", "other": "Other"}
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


def _pay(ticket: Ticket, together: list[Sibling], due: int) -> None:
    clinic = frame.clinic()
    kind = st.segmented_control(
        "Paid by", list(TENDERS), format_func=TENDERS.__getitem__, default="card", required=True, key="tender",
        width="stretch", label_visibility="collapsed",
    )  # fmt: skip
    slot = f"{ticket.id}_{kind}_{due}"
    last4 = brand = code = check = handed = ""
    with st.form(f"pay_{slot}", border=False):
        if kind == "cash":
            left, right = st.columns(2)
            amount = left.text_input("Amount", decimal_text(due, currency=clinic.currency), key=f"amount_{slot}")
            handed = right.text_input("Cash handed over", key=f"handed_{slot}", placeholder="Exact")
        else:
            amount = st.text_input("Amount", decimal_text(due, currency=clinic.currency), key=f"amount_{slot}")
        if kind == "card":
            one, two = st.columns(2)
            brand = one.selectbox("Card", BRANDS, key=f"brand_{slot}")
            last4 = two.text_input("Last four digits", key=f"last4_{slot}", max_chars=25, autocomplete="off")
            code = st.text_input("Authorization code", key=f"code_{slot}", autocomplete="off")
        if kind == "check":
            check = st.text_input("Check number", key=f"check_{slot}", autocomplete="off")
        pressed = st.form_submit_button("Take payment", type="primary", width="stretch", key=f"take_{slot}")
    if not pressed:
        return
    with frame.refusals():
        cents = cents_of(amount, locale=clinic.locale, currency=clinic.currency)
        cash = cents_of(handed, locale=clinic.locale, currency=clinic.currency) if handed.strip() else None
        tender = Tender(str(kind), last4.strip(), brand, code.strip(), check.strip())
        ids = [ticket.id, *(str(sibling.invoice_id) for sibling in together)]
        key = frame.form_key(f"pay_{ticket.id}")
        taken = take_payment(ids, cents, tender, tendered_cents=cash, by=frame.actor(), key=key)
        frame.new_form_key(f"pay_{ticket.id}")
        st.session_state[f"taken_{ticket.id}"] = taken
        st.rerun()


def _tell(taken: Taken) -> None:
    words = f"{show.money(taken.amount_cents)} taken, {taken.reference}."
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
        if st.button("Complete checkout", type="primary", width="stretch", key="complete", help=f"{who} goes home"):
            _complete(ticket, ids, "")
        return
    with st.expander("Go home with an open balance"), st.form("open_balance", border=False):
        because = st.text_input("Why it stays open", key=f"because_{ticket.id}", placeholder="Pays on Friday")
        if st.form_submit_button("Complete checkout unpaid", width="stretch", key="complete_unpaid"):
            _complete(ticket, ids, because)


def _complete(ticket: Ticket, ids: list[str], because: str) -> None:
    with frame.refusals():
        key = frame.form_key(f"complete_{ticket.id}")
        checkout.complete_checkout(ids, open_because=because, by=frame.actor(), key=key)
        frame.new_form_key(f"complete_{ticket.id}")
        st.toast(f"{show.plain(ticket.patient or ticket.client)} is checked out.", icon=":material/check:")
        st.rerun()
