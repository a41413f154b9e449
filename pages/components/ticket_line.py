"""The dialog that changes one line of a ticket: quantity, price, discount, grant, or off the ticket."""

from __future__ import annotations

from html import escape

import streamlit as st

from billing import checkout, tickets
from billing.amounts import cents_of, decimal_text, quantity_text, thousandths_of
from billing.tickets import FundChoice, Line
from pages.components import frame, show


@st.dialog("Change this line")
def change(line: Line, may_discount: bool) -> None:
    """Open it for a line. Price and discount are for those who may give discounts."""
    clinic, by = frame.clinic(), frame.actor()
    st.html(f"<b>{escape(line.description)}</b>")
    choices = tickets.funds(by=by)
    with st.form(f"line_{line.id}", border=False):
        quantity = st.text_input(
            "Quantity", quantity_text(line.quantity, locale=clinic.locale), key=f"quantity_{line.id}"
        )
        price = decimal_text(line.unit_price_cents, currency=clinic.currency)
        off = decimal_text(line.discount_cents, currency=clinic.currency) if line.discount_cents else ""
        reason = line.discount_reason
        if may_discount:
            left, right = st.columns(2)
            price = left.text_input(f"Price for one ({clinic.currency})", price, key=f"price_{line.id}")
            off = right.text_input(f"Discount ({clinic.currency})", off, key=f"discount_{line.id}", placeholder="0.00")
            reason = st.text_input("Why the discount", reason, key=f"reason_{line.id}", placeholder="Rescue partner")
        fund = line.fund_code or None
        if choices:
            codes = [None, *(choice.code for choice in choices)]
            names = {choice.code: _fund_label(choice) for choice in choices}
            fund = st.selectbox(
                "Grant or voucher", codes, codes.index(fund) if fund in codes else 0, key=f"fund_{line.id}",
                format_func=lambda code: names[code] if code else "None",
            )  # fmt: skip
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            removed = st.form_submit_button("Remove line", icon=":material/delete:", key=f"remove_{line.id}")
            saved = st.form_submit_button("Save line", type="primary", key=f"save_{line.id}")
    if not (saved or removed):
        return
    with frame.refusals():
        if removed:
            checkout.remove_line(line.id, by=by, key=frame.form_key(f"remove_{line.id}"))
        else:
            _save(line, quantity, price, off, reason, fund)
        st.rerun()


def _save(line: Line, quantity: str, price: str, off: str, reason: str, fund: str | None) -> None:
    clinic, by = frame.clinic(), frame.actor()
    wanted = {
        "quantity": thousandths_of(quantity, locale=clinic.locale),
        "unit_price_cents": cents_of(price, locale=clinic.locale, currency=clinic.currency),
        "discount_cents": cents_of(off or "0", locale=clinic.locale, currency=clinic.currency),
        "discount_reason": reason.strip(),
    }
    now = {name: getattr(line, name) for name in wanted}
    line_id = line.id
    if wanted != now:
        line_id = checkout.change_line(line_id, **wanted, by=by, key=frame.form_key(f"change_{line.id}"))
    if fund != (line.fund_code or None):
        checkout.apply_fund(line_id, fund, by=by, key=frame.form_key(f"fund_{line.id}"))


def _fund_label(choice: FundChoice) -> str:
    left = f", {show.money(choice.left_cents)} left" if choice.left_cents is not None else ""
    return f"{choice.name} ({show.money(choice.discount_cents)} off{left})"
