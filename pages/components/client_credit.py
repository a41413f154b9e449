"""A client's credit on the Billing tab: how much it is, and giving back what no invoice holds."""

from __future__ import annotations

import streamlit as st

from billing import returns
from billing.amounts import cents_of, decimal_text
from billing.payments import Tender
from pages.components import frame, show
from pages.components.draft_form import DraftForm, reopen

WAYS = {"cash": "Cash", "check": "Check", "other": "Other"}


def draw(client_id: str, may: frozenset[str]) -> None:
    """Nothing where there is no credit."""
    cents = returns.credit(client_id, by=frame.actor())
    if not cents:
        return
    st.metric("Credit", show.money(cents), help="Paid over earlier. At checkout one click pays a ticket with it.")
    loose = returns.loose_credit(client_id, by=frame.actor()) if "billing.refund" in may else 0
    if loose and st.button("Give credit back", icon=":material/undo:", key="credit_back"):
        reopen(f"credit:{client_id}", "credit_")
        _ask(client_id, loose)


@st.dialog("Give credit back")
def _ask(client_id: str, loose: int) -> None:
    clinic = frame.clinic()
    start = {"amount": decimal_text(loose, currency=clinic.currency), "by": "cash", "check": "", "reason": ""}
    form = DraftForm(f"credit:{client_id}", start, prefix="credit_")
    form.line()
    _text(form, "amount", f"Amount, at most {show.money(loose)}")
    kind = st.selectbox("Given back by", list(WAYS), format_func=WAYS.__getitem__, key=form.key("by"))
    if kind == "check":
        _text(form, "check", "Check number")
    _text(form, "reason", "Reason")
    form.keep()
    if st.button("Give credit back", type="primary", key="credit_go", shortcut=frame.SEND):
        with frame.refusals():
            typed = {name: str(form[name] or "").strip() for name in start}
            cents = cents_of(typed["amount"], locale=clinic.locale, currency=clinic.currency)
            tender = Tender(str(kind), check_number=typed["check"] if kind == "check" else "")
            key = frame.form_key(f"credit_{client_id}")
            returns.refund_credit(client_id, cents, tender, typed["reason"], by=frame.actor(), key=key)
            frame.new_form_key(f"credit_{client_id}")
            form.forget()
            st.rerun()


def _text(form: DraftForm, name: str, label: str) -> None:
    st.text_input(label, key=form.key(name), live=form.live, autocomplete="off")
