"""Create an invoice from the client's profile: what it is for, how much, and off it goes."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import streamlit as st

from billing import sending
from billing.amounts import cents_of
from billing.requests import NoAddress
from pages.components import frame, show
from pages.components.account_actions import site
from pages.components.draft_form import DraftForm, reopen


def open_dialog(client_id: str, *, mail: str) -> None:
    """Ask for description and amount."""
    place = f"invoice:new:{client_id}"
    reopen(place, "new_invoice_")
    _ask(client_id, place, mail)


@st.dialog("Create invoice")
def _ask(client_id: str, place: str, mail: str) -> None:
    choices = sending.choices(by=frame.actor())
    start: dict[str, Any] = {"description": "", "amount": "", "tax": "",
                             "due": show.today() + timedelta(days=choices.due_days)}  # fmt: skip
    form = DraftForm(place, start, prefix="new_invoice_")
    form.line()
    st.text_input(
        "Description", key=form.key("description"), live=form.live, max_chars=300, autocomplete="off",
        help="The client reads it in the portal and on the invoice; the mail does not hold it.",
    )  # fmt: skip
    left, right = st.columns(2)
    left.text_input("Amount", key=form.key("amount"), live=form.live, autocomplete="off")
    right.date_input("Due", key=form.key("due"), min_value=show.today(), format=show.date_pattern())
    if choices.taxes:
        st.selectbox(
            "Tax", ["", *choices.taxes], key=form.key("tax"),
            format_func=lambda code: choices.taxes.get(code, "No tax"),
        )  # fmt: skip
    form.keep()
    now, later = st.columns(2)
    to_send = now.button("Send invoice", type="primary", key="new_invoice_send", width="stretch", shortcut=frame.SEND,
                         disabled=not mail)  # fmt: skip
    to_keep = later.button("Keep as draft", key="new_invoice_keep", width="stretch")
    if mail:
        st.caption(f"Sent to {frame.plain(mail)}. The mail names neither the amount nor what it is for.")
    else:
        st.caption("This client has no e-mail address: keep a draft, then issue and print it.")
    if not to_send and not to_keep:
        return
    with frame.refusals():
        made = _create(client_id, form)
        if to_send:
            with contextlib.suppress(NoAddress):  # the draft stands, and its page says what to do
                sending.send_invoice(made, site=site(), by=frame.actor(), key=frame.form_key(f"send_{made}"))
        frame.new_form_key(place)
        form.forget()
        st.switch_page("money/invoice.py", query_params={"id": made})


def _create(client_id: str, form: DraftForm) -> str:
    clinic = frame.clinic()
    cents = cents_of(str(form["amount"] or ""), locale=clinic.locale, currency=clinic.currency)
    return sending.create_invoice(
        client_id, str(form["description"] or ""), cents, tax_code=str(form["tax"] or ""), due_on=form["due"],
        by=frame.actor(), key=frame.form_key(form.place),
    )  # fmt: skip
