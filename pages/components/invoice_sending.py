"""Sending an invoice to its client, or issuing it to be printed."""

from __future__ import annotations

import streamlit as st

from billing import sending
from billing.requests import NoAddress
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
        send(invoice.id)
    if stands.document == "draft" and st.button(
        "Issue without mail", icon=":material/print:", width="stretch", key="issue_invoice",
        help="The invoice is owed from now on; print it and hand it over.",
    ):  # fmt: skip
        with frame.refusals():
            sending.issue_invoice(invoice.id, by=frame.actor(), key=frame.form_key(f"issue_{invoice.id}"))
            frame.new_form_key(f"issue_{invoice.id}")
            st.rerun()


def send(invoice_id: str) -> None:
    """Send it; without an address say what to do instead."""
    with frame.refusals():
        try:
            sending.send_invoice(invoice_id, site=site(), by=frame.actor(), key=frame.form_key(f"send_{invoice_id}"))
        except NoAddress as refusal:
            st.warning(frame.plain(refusal.message), icon=":material/mail_off:")
            st.link_button("Print the invoice", f"/receipts/{invoice_id}", icon=":material/print:")
            return
        frame.new_form_key(f"send_{invoice_id}")
        st.toast("The client gets a mail that there is an invoice.", icon=":material/check:")
        st.rerun()
