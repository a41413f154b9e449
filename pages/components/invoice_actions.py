"""What may be done with an invoice, each only where it is possible and permitted."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from billing import invoices, payments
from billing.amounts import cents_of, decimal_text
from billing.payments import TENDERS, Tender
from billing.tickets import Paid, Ticket
from pages.components import frame, show


def draw(invoice: Ticket, may: frozenset[str]) -> None:
    """Draw the buttons."""
    stands = invoice.standing
    payable = "billing.checkout" in may and stands.document != "void"
    if payable and (stands.balance or stands.document in ("draft", "forgiven")):
        label = "Record payment" if stands.balance else "Open ticket"
        if st.button(label, type="primary", width="stretch", key="record"):
            st.switch_page("today/ticket.py", query_params={"id": invoice.id})
    if "billing.refund" not in may:
        return
    if stands.paid > 0 and st.button("Refund", icon=":material/undo:", width="stretch", key="refund"):
        _refund(invoice)
    voidable = [one for one in invoice.payments if one.kind == "sale" and not one.is_voided]
    if (
        stands.paid > 0
        and voidable
        and st.button("Void a payment", icon=":material/block:", width="stretch", key="unpay")
    ):
        _void_payment(voidable)
    may_forgive, may_void = stands.balance and stands.is_live, stands.is_live and not stands.paid
    if may_forgive and st.button("Forgive what is open", icon=":material/money_off:", width="stretch", key="forgive"):
        _why(f"Forgive {show.money(stands.balance)}", invoice, "Forgive", invoices.forgive)
    if may_void and st.button("Void invoice", icon=":material/delete:", width="stretch", key="void"):
        _why(f"Void invoice {invoice.number}", invoice, "Void invoice", invoices.void_invoice)


def _why(title: str, invoice: Ticket, label: str, rule: Callable[..., None]) -> None:
    @st.dialog(title)
    def ask() -> None:
        with st.form(f"why_{label}", border=False):
            reason = st.text_input("Reason", key=f"why_text_{label}", help="It stays with the invoice.")
            pressed = st.form_submit_button(label, type="primary", key=f"why_go_{label}")
        if pressed:
            with frame.refusals():
                rule(invoice.id, reason, by=frame.actor(), key=frame.form_key(f"{label}_{invoice.id}"))
                frame.new_form_key(f"{label}_{invoice.id}")
                st.rerun()

    ask()


@st.dialog("Refund")
def _refund(invoice: Ticket) -> None:
    clinic, stands = frame.clinic(), invoice.standing
    kinds = list(TENDERS)
    sale = next((one for one in reversed(invoice.payments) if one.kind == "sale" and not one.is_voided), None)
    kind = st.selectbox(
        "Given back by", kinds, kinds.index(sale.tender) if sale and sale.tender in kinds else 0,
        format_func=TENDERS.__getitem__, key="refund_tender",
    )  # fmt: skip
    with st.form("refund_form", border=False):
        default = decimal_text(stands.overpaid or stands.paid, currency=clinic.currency)
        amount = st.text_input("Amount", default, key="refund_amount")
        last4 = code = check = ""
        if kind == "card":
            left, right = st.columns(2)
            last4 = left.text_input("Last four digits", key="refund_last4", max_chars=25, autocomplete="off")
            code = right.text_input("Authorization code", key="refund_code", autocomplete="off")
        if kind == "check":
            check = st.text_input("Check number", key="refund_check", autocomplete="off")
        reason = st.text_input("Reason", key="refund_reason")
        if not stands.overpaid:
            st.caption(
                "The charges stay as they are, so what is given back is open again. Remove a line on the ticket first "
                "if it should not be owed."
            )
        pressed = st.form_submit_button("Refund", type="primary", key="refund_go")
    if pressed:
        with frame.refusals():
            cents = cents_of(amount, locale=clinic.locale, currency=clinic.currency)
            tender = Tender(str(kind), last4=last4.strip(), authorization=code.strip(), check_number=check.strip())
            key = frame.form_key(f"refund_{invoice.id}")
            payments.refund(invoice.id, cents, tender, reason, by=frame.actor(), key=key)
            frame.new_form_key(f"refund_{invoice.id}")
            st.rerun()


@st.dialog("Void a payment")
def _void_payment(sales: list[Paid]) -> None:
    st.caption("For a payment keyed by mistake, or voided at the terminal before the batch closed.")
    by_id = {one.id: one for one in sales}
    with st.form("void_payment", border=False):
        chosen = st.selectbox("Payment", list(by_id), format_func=lambda id: _label(by_id[id]), key="void_which")
        reason = st.text_input("Reason", key="void_reason")
        pressed = st.form_submit_button("Void payment", type="primary", key="void_go")
    if pressed:
        with frame.refusals():
            payments.void_payment(str(chosen), reason, by=frame.actor(), key=frame.form_key(f"void_{chosen}"))
            st.rerun()


def _label(paid: Paid) -> str:
    how = f"{TENDERS.get(paid.tender, paid.tender)} {paid.detail}".strip()
    return f"{paid.reference}, {show.money(paid.amount_cents)}, {how}"
