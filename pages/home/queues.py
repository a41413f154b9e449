"""Home of the manager: what is open and waits for a decision."""

from __future__ import annotations

from datetime import date

import streamlit as st

from appointments import drug_register
from billing.today import OpenTicket, open_tickets
from pages.components import frame, show
from pages.home.tiles import waits


def draw(may: frozenset[str]) -> None:
    """Draw it."""
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch", key="home_unpaid"):
        _unpaid()
    if "drugs.view" in may:
        with right, st.container(border=True, height="stretch", key="home_drugs"):
            _drugs()


def _unpaid() -> None:
    by = frame.actor()
    rows, count, cents = _open_tickets(by.clinic_id, by.user_id or "", frame.person().role, show.today())
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("Unpaid invoices", anchor=False)
        if count and st.button("Open invoices", icon=":material/receipt_long:", key="home_invoices"):
            st.session_state["invoice_status"], st.session_state["invoice_period"] = "open", "all"
            st.switch_page("money/invoices.py")
    if count:
        st.caption(f"{show.number(count)} invoices, {show.money(cents)} open. The largest:")
    waits(((row.client, _about(row), show.money(row.balance)) for row in rows), "Every invoice is paid.")


def _about(row: OpenTicket) -> str:
    return " · ".join(part for part in (f"Invoice {row.number}", row.patient, show.day(row.issued_on)) if part)


def _drugs() -> None:
    st.subheader("Drug log exceptions", anchor=False)
    by = frame.actor()
    odd = _odd_bottles(by.clinic_id, by.user_id or "", frame.person().role, show.today())
    waits(odd[:6], "Every bottle balances, and none has expired.")
    if len(odd) > 6:
        st.caption(f"and {len(odd) - 6} more")


@st.cache_data(ttl=20, show_spinner=False)
def _open_tickets(
    clinic_id: str,  # noqa: ARG001 - the key of the cache
    user_id: str,  # noqa: ARG001
    role: str,  # noqa: ARG001
    day: date,
) -> tuple[list[OpenTicket], int, int]:
    return open_tickets(day, limit=5, by=frame.actor())


@st.cache_data(ttl=30, show_spinner=False)
def _odd_bottles(
    clinic_id: str,  # noqa: ARG001 - the key of the cache
    user_id: str,  # noqa: ARG001
    role: str,  # noqa: ARG001
    day: date,
) -> list[tuple[str, str, str]]:
    by = frame.actor()
    bottles, days = drug_register.bottles(by=by), drug_register.reconciliation(day, by=by)
    odd = [(bottle.title, ", ".join(bottle.flags), "") for bottle in bottles if bottle.flags]
    known = {title for title, *_ in odd}
    odd += [(row.bottle.title, ", ".join(row.flags), "") for row in days if row.flags and row.bottle.title not in known]
    return odd
