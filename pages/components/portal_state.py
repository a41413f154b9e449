"""Beside the setting of client billing: where clients find the portal, and what is still missing."""

from __future__ import annotations

import streamlit as st

from billing.client_billing import about_service
from messages.delivery import mail_server
from pages.components import frame
from pages.components.account_actions import site


def draw() -> None:
    """Draw it."""
    about = about_service(site(), by=frame.actor())
    st.subheader("Where clients sign in", anchor=False)
    if about.address:
        st.code(about.address, language=None, wrap_lines=True)
        st.caption("It stands in every mail about an invoice. Put it on your website too.")
    else:
        st.warning("Enter the address under which clients reach this installation.", icon=":material/link_off:")
    if about.processors:
        st.caption(f"Clients pay through {frame.plain(', '.join(about.processors))}.")
    else:
        st.info(
            "No card processor takes payments online yet. Clients see their invoices and pay at the clinic.",
            icon=":material/credit_card_off:",
        )
    if not mail_server():
        st.warning("No mail server is set, so neither invoices nor codes go out.", icon=":material/mail_off:")
