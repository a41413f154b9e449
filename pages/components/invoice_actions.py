"""What may be done with an invoice, each only where it is possible and permitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from billing import invoices, payments
from billing.payments import TENDERS
from billing.tickets import Paid, Ticket
from pages.components import frame, refund_dialog, show
from pages.components.draft_form import DraftForm, reopen


def draw(invoice: Ticket, may: frozenset[str]) -> None:
    """Draw the buttons."""
    stands = invoice.standing
    payable = "billing.checkout" in may and stands.document != "void"
    if payable and (stands.balance or stands.document in ("draft", "forgiven")):
        label = "Record payment" if stands.balance else "Open ticket"
        is_next = stands.document != "draft" or invoice.appointment_id or not stands.total
        if st.button(label, type="primary" if is_next else "secondary", width="stretch", key="record"):
            st.switch_page("today/ticket.py", query_params={"id": invoice.id})
    if "billing.refund" not in may:
        return
    if stands.paid > 0 and st.button("Refund", icon=":material/undo:", width="stretch", key="refund"):
        reopen(f"refund:{invoice.id}", "refund_")
        refund_dialog.ask(invoice)
    voidable = [one for one in invoice.payments if one.kind == "sale" and not one.is_voided]
    if (
        stands.paid > 0
        and voidable
        and st.button("Void a payment", icon=":material/block:", width="stretch", key="unpay")
    ):
        reopen(f"void:{invoice.id}", "void_")
        _void_payment(invoice, voidable)
    may_forgive, may_void = stands.balance and stands.is_live, stands.is_live and not stands.paid
    if may_forgive and st.button("Forgive what is open", icon=":material/money_off:", width="stretch", key="forgive"):
        _why(f"Forgive {show.money(stands.balance)}", invoice, "Forgive", invoices.forgive)
    if may_void and st.button("Void invoice", icon=":material/delete:", width="stretch", key="void"):
        _why(f"Void invoice {invoice.number}", invoice, "Void invoice", invoices.void_invoice)


def _why(title: str, invoice: Ticket, label: str, rule: Callable[..., None]) -> None:
    @st.dialog(title)
    def ask() -> None:
        form = DraftForm(place, {"reason": ""}, prefix="why_")
        form.line()
        _text(form, "reason", "Reason", help="It stays with the invoice.")
        form.keep()
        if st.button(label, type="primary", key=f"why_go_{label}", shortcut=frame.SEND):
            with frame.refusals():
                rule(invoice.id, form["reason"] or "", by=frame.actor(), key=frame.form_key(f"{label}_{invoice.id}"))
                frame.new_form_key(f"{label}_{invoice.id}")
                form.forget()
                st.rerun()

    place = f"why:{label}:{invoice.id}"
    reopen(place, "why_")
    ask()


@st.dialog("Void a payment")
def _void_payment(invoice: Ticket, sales: list[Paid]) -> None:
    st.caption("For a payment keyed by mistake, or voided at the terminal before the batch closed.")
    by_id = {one.id: one for one in sales}
    form = DraftForm(f"void:{invoice.id}", {"which": next(iter(by_id)), "reason": ""}, prefix="void_")
    form.line()
    form.among("which", by_id)
    chosen = st.selectbox("Payment", list(by_id), format_func=lambda id: _label(by_id[id]), key=form.key("which"))
    _text(form, "reason", "Reason")
    form.keep()
    if st.button("Void payment", type="primary", key="void_go", shortcut=frame.SEND):
        with frame.refusals():
            payments.void_payment(
                str(chosen), form["reason"] or "", by=frame.actor(), key=frame.form_key(f"void_{chosen}")
            )
            form.forget()
            st.rerun()


def _text(form: DraftForm, name: str, label: str, place: Any = st, **more: Any) -> None:
    place.text_input(label, key=form.key(name), live=form.live, autocomplete="off", **more)


def _label(paid: Paid) -> str:
    how = f"{TENDERS.get(paid.tender, paid.tender)} {paid.detail}".strip()
    return f"{paid.reference}, {show.money(paid.amount_cents)}, {how}"
