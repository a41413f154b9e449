"""Tab Billing: invoices and payments of the client."""

from __future__ import annotations

import streamlit as st

from billing import history
from pages.components import frame, show
from records.clients import OpenedClient

STATES = {
    "draft": "Draft", "open": "Open", "part paid": "Part paid", "paid": "Paid", "overdue": "Overdue", "void": "Void",
    "forgiven": "Forgiven",
}  # fmt: skip
KINDS = {"sale": "Payment", "refund": "Refund", "void": "Void"}


def draw(opened: OpenedClient, may: frozenset[str]) -> None:  # noqa: ARG001
    """The tab."""
    import pandas as pd

    account = history.of_client(opened.client.id, by=frame.actor())
    if not account.invoices and not account.payments:
        st.info("No charges yet. The first checkout makes the first invoice.")
        return
    with st.container(horizontal=True, gap="large"):
        st.metric("Open", show.money(account.open_cents))
        st.metric("Charged", show.money(account.charged_cents))
        st.metric("Paid", show.money(account.paid_cents))
    right = st.column_config.TextColumn(alignment="right")
    st.subheader("Invoices", anchor=False)
    if account.invoices:
        table = pd.DataFrame(
            {
                "Invoice": [invoice.number for invoice in account.invoices],
                "Day": [show.day(invoice.issued_on) for invoice in account.invoices],
                "Status": [STATES[invoice.state] for invoice in account.invoices],
                "Charged": [show.money(invoice.charged_cents) for invoice in account.invoices],
                "Paid": [show.money(invoice.paid_cents) for invoice in account.invoices],
                "Open": [show.money(invoice.open_cents) for invoice in account.invoices],
            }
        )
        st.dataframe(
            table, hide_index=True, row_height=36, column_config={"Charged": right, "Paid": right, "Open": right}
        )
    st.subheader("Payments", anchor=False)
    if not account.payments:
        st.caption("Nothing was paid yet.")
        return
    table = pd.DataFrame(
        {
            "Day": [show.day(payment.day) for payment in account.payments],
            "Kind": [KINDS.get(payment.kind, payment.kind) for payment in account.payments],
            "Tender": [payment.tender.capitalize() for payment in account.payments],
            "Card": [payment.card for payment in account.payments],
            "Amount": [show.money(payment.amount_cents) for payment in account.payments],
            "Reference": [payment.reference for payment in account.payments],
        }
    )
    st.dataframe(table, hide_index=True, row_height=36, column_config={"Amount": right})
