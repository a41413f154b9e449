"""Tab Billing: invoices and payments of the client."""

from __future__ import annotations

import streamlit as st

from billing import history
from billing.history import InvoiceSummary
from pages.components import folding, frame, show
from pages.components.rows import Row, rows
from records.clients import OpenedClient

STATES = {
    "draft": "Draft", "open": "Open", "part paid": "Part paid", "paid": "Paid", "overdue": "Overdue", "void": "Void",
    "forgiven": "Forgiven",
}  # fmt: skip
SHAPE = "1.6fr 2.4fr 8rem 7rem"
KINDS = {"sale": "Payment", "refund": "Refund", "void": "Void"}


def draw(opened: OpenedClient, may: frozenset[str]) -> None:  # noqa: ARG001
    """The tab."""
    account = history.of_client(opened.client.id, by=frame.actor())
    if not account.invoices and not account.payments:
        st.info("No charges yet. The first checkout makes the first invoice.")
        return
    with st.container(horizontal=True, gap="large"):
        st.metric("Open", show.money(account.open_cents))
        st.metric("Charged", show.money(account.charged_cents))
        st.metric("Paid", show.money(account.paid_cents))
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


def _line(invoice: InvoiceSummary) -> Row:
    state = STATES[invoice.state]
    if invoice.open_cents and invoice.state not in ("void", "forgiven"):
        state += f", {show.money(invoice.open_cents)} open"
    return Row(
        invoice.id, f"Invoice {invoice.number}", invoice.description, show.day(invoice.issued_on),
        show.money(invoice.charged_cents), () if invoice.state == "paid" else (state,),
    )  # fmt: skip
