"""One ticket: what is charged on the left, what is paid on the right."""

from __future__ import annotations

import streamlit as st

from billing import checkout, tickets
from billing.tickets import Offer, Ticket
from data.errors import Refusal
from pages.components import counter, frame, show, ticket_line, ticket_money, visit_pages


def main() -> None:
    """The page."""
    by = frame.actor()
    if visit := st.query_params.get("visit", ""):
        st.query_params["id"] = checkout.open_ticket(visit, by=by, key=frame.form_key(f"open_{visit}"))
        del st.query_params["visit"]
    ticket_id = st.query_params.get("id", "")
    if not ticket_id:
        st.switch_page("today/checkout.py")
    ticket = tickets.ticket(ticket_id, by=by)
    who = ticket.patient or ticket.client
    facts = [f"Ticket {ticket.number}", ticket.client if ticket.patient else "", ticket.species.capitalize()]
    if ticket.patient:
        facts += [show.weight(ticket.weight_grams), ticket.stage_label]
    facts.append(show.day(ticket.issued_on))
    with frame.head(who, " · ".join(fact for fact in facts if fact)):
        if ticket.standing.document != "draft" or ticket.standing.paid:
            st.link_button("Receipt", f"/receipts/{ticket.id}", icon=":material/receipt_long:")
        if st.button("All tickets", icon=":material/arrow_back:", key="back"):
            st.switch_page("today/checkout.py")
    problem = st.session_state.pop("_ticket_problem", None)
    if problem:
        st.error(frame.said(problem), icon=":material/error:")
    may = frame.may()
    left, right = st.columns([1.65, 1], gap="large")
    with left:
        _lines(ticket, may)
    with right:
        ticket_money.draw(ticket, may)


def _lines(ticket: Ticket, may: frozenset[str]) -> None:
    editable = ticket.standing.is_live and "billing.checkout" in may
    for offer in ticket.suggestions if editable else ():
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"hint_{offer.code}"):
            st.markdown(f"Found at the exam: **{show.plain(offer.name)}** {show.plain(show.money(offer.price_cents))}")
            st.button(
                "Add to ticket", key=f"hint_add_{offer.code}", icon=":material/add:",
                on_click=_add, args=(ticket.id, offer.code),
            )  # fmt: skip
    st.subheader("Services", anchor=False)
    rows = st.container(gap=None)
    for line in ticket.lines:
        with rows.container(key=f"bill_row_{line.id}", horizontal=True, vertical_alignment="center"):
            counter.line_row(line)
            if editable and st.button(
                "Change", key=f"change_{line.id}", icon=":material/edit:", type="tertiary",
                help=f"Change or remove {line.description}",
            ):  # fmt: skip
                ticket_line.change(line, "billing.discount" in may)
    if not ticket.lines:
        st.caption("Nothing is charged yet. Add the first service below.")
    if editable:
        _picker(ticket)
    if ticket.payments:
        st.subheader("Payments", anchor=False)
        counter.payments(ticket.payments)
    if ticket.appointment_id:
        visit_pages.draw(ticket.appointment_id, may)


def _picker(ticket: Ticket) -> None:
    offers = {offer.code: offer for offer in tickets.price_list(ticket.id, by=frame.actor())}
    st.selectbox(
        "Add a service", list(offers), index=None, key="add_service",
        placeholder="Add a service: type to search the price list",
        format_func=lambda code: _offer_label(offers[code]), on_change=_add, args=(ticket.id, None),
        label_visibility="collapsed",
    )  # fmt: skip


def _offer_label(offer: Offer) -> str:
    return f"{offer.name}  ·  {show.money(offer.price_cents)}"


def _add(ticket_id: str, code: str | None) -> None:
    """Before the run: charge the picked service. A refusal is shown by the run that follows."""
    chosen = code or st.session_state.get("add_service")
    if not chosen:
        return
    try:
        checkout.add_line(ticket_id, chosen, by=frame.actor(), key=frame.form_key("add_line"))
        frame.new_form_key("add_line")
    except Refusal as refusal:
        st.session_state["_ticket_problem"] = refusal.message
    st.session_state["add_service"] = None


main()
