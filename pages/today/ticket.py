"""One ticket: what is charged on the left, what is paid on the right."""

from __future__ import annotations

import streamlit as st

from billing import checkout, packages, tickets
from billing.packages import PackageOffer
from billing.tickets import Ticket
from data.errors import Refusal
from pages.components import (
    counter,
    frame,
    payment_requests,
    show,
    ticket_discounts,
    ticket_line,
    ticket_money,
    visit_pages,
)

TO_PICKER = (
    "<script>if (document.activeElement === document.body)"
    " document.querySelector('[class*=st-key-add_service] input')?.focus()</script>"
)
PACK = "package:"  # before the code of a package, among the codes of services


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
        with st.container(key="ticket_requests"):
            payment_requests.draw(ticket, may)


def _lines(ticket: Ticket, may: frozenset[str]) -> None:
    editable = ticket.standing.is_live and "billing.checkout" in may
    for offer in ticket.suggestions if editable else ():
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"hint_{offer.code}"):
            st.markdown(f"Found at the exam: **{show.plain(offer.name)}** {show.plain(show.money(offer.price_cents))}")
            st.button(
                "Add to ticket", key=f"hint_add_{offer.code}", icon=":material/add:",
                on_click=_add, args=(ticket.id, _turn(), offer.code),
            )  # fmt: skip
    st.subheader("Services", anchor=False)
    ticket_line.rows(ticket.lines, may if editable else frozenset())
    if not ticket.lines:
        st.caption("Nothing is charged yet. Add the first service below.")
    if editable:
        with st.container(horizontal=True, key="ticket_adds"):
            _picker(ticket)
            ticket_discounts.draw(ticket, may)
    if ticket.payments:
        st.subheader("Payments", anchor=False)
        counter.payments(ticket.payments)
    if ticket.appointment_id:
        visit_pages.draw(ticket.appointment_id, may)


def _picker(ticket: Ticket) -> None:
    offers = {offer.code: offer for offer in tickets.price_list(ticket.id, by=frame.actor())}
    packs = {f"{PACK}{pack.code}": pack for pack in packages.package_offers(ticket.id, by=frame.actor())}
    labels = {code: f"{offer.name}  ·  {show.money(offer.price_cents)}" for code, offer in offers.items()}
    labels |= {code: _package_label(pack) for code, pack in packs.items()}
    st.selectbox(
        "Add a service or package", [*packs, *offers], index=None, key=f"add_service_{_turn()}",
        placeholder="Add a service or package", format_func=labels.__getitem__, on_change=_add,
        args=(ticket.id, _turn()), label_visibility="collapsed",
    )  # fmt: skip
    if st.session_state.pop("_picked", False):
        st.html(f"{TO_PICKER}<!-- {_turn()} -->", unsafe_allow_javascript=True)


def _turn() -> int:
    """How often something was added: each time with a new picker, since a browser that has not heard of the last one
    yet tells its choice again with whatever is typed next."""
    return int(st.session_state.get("add_turn", 0))


def _package_label(pack: PackageOffer) -> str:
    return f"{pack.label}  ·  {show.money(pack.price_cents)} for {pack.count}"


def _add(ticket_id: str, turn: int, code: str = "") -> None:
    """Before the run: charge the picked service or package, once in a turn. A refusal is shown by the run that
    follows."""
    chosen = code or st.session_state.get(f"add_service_{turn}")
    if not chosen or turn != _turn():
        return
    st.session_state["add_turn"], st.session_state["_picked"] = turn + 1, not code
    try:
        key = frame.form_key("add_line")
        if chosen.startswith(PACK):
            packages.add_package(ticket_id, chosen.removeprefix(PACK), by=frame.actor(), key=key)
        else:
            checkout.add_line(ticket_id, chosen, by=frame.actor(), key=key)
        frame.new_form_key("add_line")
    except Refusal as refusal:
        st.session_state["_ticket_problem"] = refusal.message


main()
