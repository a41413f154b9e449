"""One invoice: what was charged, what was paid, what happened to it, and what may still be done."""

from __future__ import annotations

from html import escape

import streamlit as st

from billing import sending, tickets
from billing.tickets import Happened, Ticket
from pages.components import (
    counter,
    frame,
    invoice_actions,
    invoice_sending,
    payment_requests,
    refund_dialog,
    show,
)

HAPPENED = {
    "drafted": "Begun", "opened": "Invoice issued", "sent": "Sent", "voided": "Voided", "forgiven": "Forgiven",
    "reopened": "Opened again", "refunded": "Refunded", "left_open": "Left with an open balance",
}  # fmt: skip


def main() -> None:
    """The page."""
    invoice_id = st.query_params.get("id", "")
    if not invoice_id:
        st.switch_page("money/invoices.py")
    by = frame.actor()
    invoice = tickets.ticket(invoice_id, by=by)
    may = frame.may()
    facts = [invoice.client, invoice.patient, show.day(invoice.issued_on, style="long")]
    with frame.head(f"Invoice {invoice.number}", " · ".join(fact for fact in facts if fact)):
        st.html(counter.chip(invoice.standing.label), width="content")
        is_receipt = invoice.standing.paid > 0 or not invoice.standing.balance
        st.link_button(
            "Receipt" if is_receipt else "Print invoice", f"/receipts/{invoice.id}", icon=":material/receipt_long:"
        )
        if "clients.view" in may and st.button("Client", icon=":material/person:", key="to_client"):
            st.switch_page("clients/client.py", query_params={"id": invoice.client_id})
    refund_dialog.told()
    left, right = st.columns([1.65, 1], gap="large")
    with left:
        _told(invoice)
    with right, st.container(border=True, key="invoice_sums"):
        counter.sums(invoice)
        may_send = sending.may_send(by=by)
        invoice_sending.draw(invoice, may_send)
        payment_requests.draw(invoice, may, asks=not may_send)
        invoice_actions.draw(invoice, may)


def _told(invoice: Ticket) -> None:
    st.subheader("Services", anchor=False)
    corrected = len(invoice.all_lines) - len(invoice.lines)
    everything = corrected and st.toggle(f"Show {corrected} corrected lines", key="show_corrections")
    lines = invoice.all_lines if everything else invoice.lines
    with st.container(gap=None):
        for line in lines:
            with st.container(key=f"bill_row_{line.id}", horizontal=True):
                counter.line_row(line)
    if not lines:
        st.caption("Nothing is charged on this invoice.")
    st.subheader("Payments", anchor=False)
    if invoice.payments:
        counter.payments(invoice.payments)
    else:
        st.caption("Nothing was paid yet.")
    st.subheader("History", anchor=False)
    st.html(f'<div class="bill-list">{"".join(_happened(event) for event in invoice.events)}</div>')


def _happened(event: Happened) -> str:
    words = " · ".join(part for part in (show.moment(event.at), event.by, event.reason) if part)
    amount = show.money(event.amount_cents) if event.amount_cents else ""
    title = HAPPENED.get(event.kind, event.kind.capitalize())
    if event.kind == "forgiven" and event.amount_cents < 0:
        title = "Forgiveness taken back"
    return (
        f'<div class="bill-line"><div><span>{escape(title)}</span><small>{escape(words)}</small></div>'
        f"<b>{escape(amount)}</b></div>"
    )


main()
