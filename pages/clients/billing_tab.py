"""Tab Billing: invoices and payments of the client."""

from __future__ import annotations

import streamlit as st

from billing import history, sending
from billing.history import ClientAccount, InvoiceSummary
from billing.portal.door import end_portal_sessions, portal_sessions
from pages.components import client_credit, folding, frame, new_invoice, show
from pages.components.rows import Row, rows
from records.clients import OpenedClient

STATES = {
    "draft": "Draft", "open": "Open", "part paid": "Part paid", "paid": "Paid", "overdue": "Overdue", "void": "Void",
    "forgiven": "Forgiven",
}  # fmt: skip
SHAPE = "1.6fr 2.4fr 8rem 7rem"
KINDS = {"sale": "Payment", "refund": "Refund", "void": "Void"}


def draw(opened: OpenedClient, may: frozenset[str]) -> None:
    """The tab."""
    account = history.of_client(opened.client.id, by=frame.actor())
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large", key="billing_head"):
        if account.invoices or account.payments:
            st.metric("Open", show.money(account.open_cents))
            st.metric("Charged", show.money(account.charged_cents))
            st.metric("Paid", show.money(account.paid_cents))
            client_credit.draw(opened.client.id, may)
            st.space("stretch")
        _acts(opened, account, may)
    if not account.invoices and not account.payments:
        st.info("No charges yet. The first checkout makes the first invoice.")
        return
    st.subheader("Invoices", anchor=False)
    lines = [_line(invoice) for invoice in account.invoices]
    opened_id = rows(lines, path="/invoice", label="Invoices of this client", key="client_invoices", shape=SHAPE)
    if opened_id:
        st.switch_page("money/invoice.py", query_params={"id": opened_id})
    st.subheader("Payments", anchor=False)
    if not account.payments:
        st.caption("Nothing was paid yet.")
        return
    columns = {
        "Day": [show.day(payment.day) for payment in account.payments],
        "Kind": [KINDS.get(payment.kind, payment.kind) for payment in account.payments],
        "Tender": [payment.tender.capitalize() for payment in account.payments],
        "Card": [payment.card for payment in account.payments],
        "Reference": [payment.reference for payment in account.payments],
        "Amount": [show.money(payment.amount_cents) for payment in account.payments],
    }
    folding.table(columns, label="Payments of this client", right=["Amount"])


def _acts(opened: OpenedClient, account: ClientAccount, may: frozenset[str]) -> None:
    """Create an invoice, print a statement, sign the client out of the portal."""
    client = opened.client
    with st.container(horizontal=True, horizontal_alignment="right", width="content", key="billing_acts"):
        if sending.may_send(by=frame.actor()) and st.button(
            "Create invoice", icon=":material/add:", key="create_invoice"
        ):
            new_invoice.open_dialog(client.id, mail=client.email)
        if account.open_cents:
            st.link_button("Statement", f"/statements/{client.id}", icon=":material/description:")
        if "clients.edit" in may and portal_sessions(client.id, by=frame.actor()) and st.button(
            "Sign out of the portal", icon=":material/logout:", key="portal_out",
            help="The client is signed in to the portal. Ends that everywhere and voids codes under way.",
        ):  # fmt: skip
            with frame.refusals():
                end_portal_sessions(client.id, by=frame.actor(), key=frame.form_key("portal_out"))
                frame.new_form_key("portal_out")
                st.rerun()


def _line(invoice: InvoiceSummary) -> Row:
    state = STATES[invoice.state]
    if invoice.open_cents and invoice.state not in ("void", "forgiven", "open"):
        state += f", {show.money(invoice.open_cents)} open"
    return Row(
        invoice.id, f"Invoice {invoice.number}", invoice.description, show.day(invoice.issued_on),
        show.money(invoice.charged_cents), () if invoice.state == "paid" else (state,),
    )  # fmt: skip
