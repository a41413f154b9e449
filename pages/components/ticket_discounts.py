"""The discounts of the clinic's list at a ticket: what each would take off, and what stands."""

from __future__ import annotations

import streamlit as st

from billing import packages
from billing.packages import DiscountOffer
from billing.tickets import Ticket
from data.errors import Refusal
from pages.components import frame, show


def draw(ticket: Ticket, may: frozenset[str]) -> None:
    """A list to search, of those this person may give and that take something off; the given ones with a way back."""
    offers = [one for one in packages.discount_offers(ticket.id, by=frame.actor()) if one.gives_cents]
    given = [one for one in offers if one.is_given]
    open_to = [one for one in offers if not one.is_given and ("billing.discount" in may or not one.needs_permission)]
    if open_to:
        labels = {one.code: f"{one.label}  ·  {show.money(-one.gives_cents)}" for one in open_to}
        turn = int(st.session_state.get("discount_turn", 0))
        st.selectbox(
            "Give a discount", list(labels), index=None, key=f"give_discount_{turn}", placeholder="Give a discount",
            format_func=labels.__getitem__, on_change=_give, args=(ticket.id, turn), label_visibility="collapsed",
            width=260,
        )  # fmt: skip
    for one in given:
        st.button(
            f"Take off {show.plain(one.label)}", key=f"discount_off_{one.code}", icon=":material/close:",
            type="tertiary", help=f"{show.money(one.gives_cents)} are charged again", on_click=_take_off,
            args=(ticket.id, one),
        )  # fmt: skip


def _give(ticket_id: str, turn: int) -> None:
    """Once in a turn: a browser that has not heard of it yet tells its choice again."""
    code = st.session_state.get(f"give_discount_{turn}")
    if not code or turn != st.session_state.get("discount_turn", 0):
        return
    st.session_state["discount_turn"] = turn + 1
    try:
        packages.give_discount(ticket_id, code, by=frame.actor(), key=frame.form_key("give_discount"))
        frame.new_form_key("give_discount")
    except Refusal as refusal:
        st.session_state["_ticket_problem"] = refusal.message


def _take_off(ticket_id: str, offer: DiscountOffer) -> None:
    key = f"discount_off_{offer.code}"
    try:
        packages.take_discount_off(ticket_id, offer.code, by=frame.actor(), key=frame.form_key(key))
        frame.new_form_key(key)
    except Refusal as refusal:
        st.session_state["_ticket_problem"] = refusal.message
