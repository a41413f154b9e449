"""The payment requests of an invoice: what was asked for, what became of it, asking and taking back."""

from __future__ import annotations

from html import escape

import streamlit as st

from billing import client_billing, requests
from billing.processors import orders
from billing.requests import Request
from billing.tickets import Ticket
from pages.components import frame, invoice_sending, show
from pages.components.account_actions import site

TONES = {"paid": "good", "open": "warm", "live": "warm"}


def draw(invoice: Ticket, may: frozenset[str], *, asks: bool = True) -> None:
    """Draw them, and with ``asks`` the button that asks for what is open."""
    found = requests.requests_of(invoice.id, by=frame.actor())
    standing = [one for one in found if one.stands]
    shown = standing or found[:1]
    for one in shown:
        _line(one, "billing.checkout" in may)
    stands = invoice.standing
    if not asks or "billing.checkout" not in may or not stands.is_live or not stands.balance:
        return
    if not client_billing.is_on(by=frame.actor()):
        return
    again = any(one.amount_cents == stands.balance and not one.slip_id for one in standing)
    label = "Send payment request again" if again else "Send payment request"
    told = "The client gets a mail without amount and reason, and pays on the processor's page."
    if st.button(label, icon=":material/forward_to_inbox:", width="stretch", key=f"ask_{invoice.id}", help=told):
        _ask(invoice)


@st.dialog("Send payment request")
def _ask(invoice: Ticket) -> None:
    with frame.refusals():
        if not invoice_sending.goes_to(invoice.id):
            return
        st.markdown(f"It asks for {show.plain(show.money(invoice.standing.balance))}, paid on the processor's page.")
        if st.button("Send the mail", type="primary", key=f"ask_go_{invoice.id}", width="stretch", shortcut=frame.SEND):
            key = frame.form_key(f"ask_{invoice.id}")
            requests.request_payment(invoice.id, site=site(), by=frame.actor(), key=key)
            frame.new_form_key(f"ask_{invoice.id}")
            st.toast("The client gets a mail.", icon=":material/check:")
            st.rerun()


def _line(one: Request, may_withdraw: bool) -> None:
    words = f"Payment request {show.money(one.amount_cents)}"
    at = show.moment(one.sent_at) if one.sent_at else "begun by the client"
    notes = " · ".join(part for part in (at, one.by, one.reference or one.because) if part)
    with st.container(key=f"request_{one.id}", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            f'<div class="bill-line"><div><span>{escape(words)} '
            f'<span class="tag {TONES.get(one.state, "quiet")}">{one.label}</span></span>'
            f"<small>{escape(notes)}</small></div></div>"
        )
        if one.stands and may_withdraw and st.button("Withdraw", key=f"withdraw_{one.id}", type="tertiary"):
            with frame.refusals():
                key = frame.form_key(f"withdraw_{one.id}")
                orders.withdraw_request(one.id, "withdrawn at the counter", by=frame.actor(), key=key)
                frame.new_form_key(f"withdraw_{one.id}")
                st.rerun()
