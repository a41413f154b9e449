"""Sending an invoice to its client, or issuing it to be printed."""

from __future__ import annotations

import streamlit as st

from billing import sending
from billing.requests import NoAddress, address_for
from billing.tickets import Ticket
from pages.components import frame, show
from pages.components.account_actions import site


def draw(invoice: Ticket, may_send: bool) -> None:
    """The buttons, where the service is on and this person may."""
    stands = invoice.standing
    in_the_making = stands.document == "draft" and invoice.appointment_id
    if not may_send or not stands.is_live or not stands.total or in_the_making:
        return
    sent = [event for event in invoice.events if event.kind == "sent"]
    if sent:
        st.caption(f"Sent {show.moment(sent[-1].at)}" + (f", {len(sent)} times in all" if len(sent) > 1 else ""))
    elif not stands.balance:
        return
    label = "Send invoice again" if sent else "Send invoice"
    kind = "primary" if stands.document == "draft" else "secondary"
    if st.button(label, icon=":material/outgoing_mail:", width="stretch", key="send_invoice", type=kind):
        ask(invoice)
    if stands.document == "draft" and st.button(
        "Issue without mail", icon=":material/print:", width="stretch", key="issue_invoice",
        help="The invoice is owed from now on; print it and hand it over.",
    ):  # fmt: skip
        with frame.refusals():
            sending.issue_invoice(invoice.id, by=frame.actor(), key=frame.form_key(f"issue_{invoice.id}"))
            frame.new_form_key(f"issue_{invoice.id}")
            st.rerun()


@st.dialog("Send invoice")
def ask(invoice: Ticket) -> None:
    """Where it goes, and the button that sends it; without an address what to do instead."""
    with frame.refusals():
        if not goes_to(invoice.id):
            return
        st.markdown(f"Invoice {invoice.number}, {show.plain(show.money(invoice.standing.balance))} to pay.")
        if st.button("Send the mail", type="primary", key="send_invoice_go", width="stretch", shortcut=frame.SEND):
            name = f"send_{invoice.id}"
            sending.send_invoice(invoice.id, site=site(), by=frame.actor(), key=frame.form_key(name))
            frame.new_form_key(name)
            st.toast("The client gets a mail that there is an invoice.", icon=":material/check:")
            st.rerun()


def goes_to(invoice_id: str) -> bool:
    """Say where a mail about an invoice goes and what is in it; whether it can go at all."""
    try:
        address = address_for(invoice_id, by=frame.actor())
    except NoAddress as refusal:
        st.warning(frame.plain(refusal.message), icon=":material/mail_off:")
        st.link_button("Print the invoice", f"/receipts/{invoice_id}", icon=":material/print:")
        return False
    st.markdown(f"To **{frame.plain(address)}**")
    st.caption("The mail names neither the amount nor what it is for. Another address is changed at the client.")
    return True
