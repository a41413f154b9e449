"""Open card slips on their page: who charges which one, and which client was asked to pay."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from billing.processors.orders import PaidMeanwhile
from data.errors import Refusal, SessionEnded
from outage.slip_claims import (
    Asked,
    Offer,
    Terminal,
    charge_slip,
    charges_like,
    claim_slip,
    release_slip,
    request_open_slips,
    request_slip,
    terminals,
    withdraw_slip_request,
)
from outage.slips import SlipRow, apply_slip
from pages.components import account_actions, frame, show
from pages.components.slip_visit import visit_named

TOLD = "slip_told"
UNSENT = "slip_unsent"


def draw(outage_id: str, rows: Sequence[SlipRow]) -> None:
    """The slips whose money nobody took yet, each with what can be done about it."""
    _unsent()
    if not rows:
        return
    may = "billing.checkout" in frame.may()
    st.subheader(f"Not charged yet ({len(rows)})", anchor=False)
    if not may:
        st.caption("Somebody who may take payments charges them, or sends payment requests.")
    places = terminals(by=frame.actor()) if may else []
    place = _place(outage_id, rows, places) if may else None
    for one in rows:
        _row(one, place, {known.slug: known for known in places}, may)


def _place(outage_id: str, rows: Sequence[SlipRow], places: list[Terminal]) -> Terminal | None:
    """Where slips are charged now, and one button for all clients."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="slip_ways"):
        place = places[0] if places else None
        if len(places) > 1:
            place = st.selectbox(
                "Charged at", places, format_func=lambda one: one.label, key="slip_place", width=220
            )  # fmt: skip
        free = [one for one in rows if one.can_be_asked and not one.request_id and not one.claimed_at]
        if len(free) > 1 and st.button(f"Send {len(free)} payment requests", key="slip_ask_all",
                                       icon=":material/forward_to_inbox:",
                       help="Each goes to the address shown beside its slip."):  # fmt: skip
            _ask_all(outage_id)
    if not places:
        st.caption("No processor is set up. An administrator adds one in Settings > Processors; the authorization code "
                   "can be typed all the same.")  # fmt: skip
    return place


def _row(one: SlipRow, place: Terminal | None, places: dict[str, Terminal], may: bool) -> None:
    mine = one.claimed_by == frame.person().name
    with st.container(key=f"slip_open_{one.id}", border=one.claimed_at is not None):
        with st.container(horizontal=True, vertical_alignment="center", key=f"slip_row_{one.id}"):
            card = " ".join(filter(None, (one.brand, one.last4 and f"···{one.last4}")))
            facts = [show.plain(part) for part in (show.money(one.amount_cents), one.about, card) if part]
            st.markdown(f"**{one.name}** · {' · '.join(facts)}")
            if one.request_id:
                sent = f", {show.moment(one.asked_at)}" if one.asked_at else ""
                st.badge(f"Payment request sent{sent}", icon=":material/mail:", color="blue")
            if one.claimed_at and not mine:
                st.badge(f"{one.claimed_by} charges it since {show.clock_time(one.claimed_at)}", color="orange")
            if may:
                _buttons(one, place)
        if may and one.claimed_at:
            _charging(one, places.get(one.processor), mine)


def _buttons(one: SlipRow, place: Terminal | None) -> None:
    if one.visit is None:
        _whose(one)
    if one.claimed_at is None and st.button(
        "Charge the card", key=f"slip_claim_{one.id}", icon=":material/credit_card:"
    ):
        with _settled():
            claim_slip(one.id, place.slug if place else "", by=frame.actor(), key=frame.form_key(f"claim_{one.id}"))
            dead = f"The payment request for slip {one.name} is withdrawn: its link is dead." if one.request_id else ""
            _done(f"claim_{one.id}", dead)
    if one.request_id:
        if st.button("Withdraw the request", key=f"slip_withdraw_{one.id}", type="tertiary"):
            with _settled():
                withdraw_slip_request(one.id, by=frame.actor(), key=frame.form_key(f"withdraw_{one.id}"))
                _done(f"withdraw_{one.id}", f"The payment request for slip {one.name} is withdrawn: its link is dead.")
    elif one.claimed_at is None and one.visit is not None:
        _where(one)
        if st.button("Send payment request", key=f"slip_ask_{one.id}", disabled=not one.can_be_asked):
            with _settled():
                request_slip(one.id, site=account_actions.site(), by=frame.actor(), key=frame.form_key(f"ask_{one.id}"))
                _done(f"ask_{one.id}", f"The client of slip {one.name} was asked to pay.")


def _where(one: SlipRow) -> None:
    """The address a payment request goes to, before anybody sends it."""
    if one.can_be_asked:
        kept = ", added to the client's record" if one.new_email else ""
        st.text(f"Goes to {one.ask_at}{kept}", width="content")
    else:
        st.text("No e-mail address, or the record is restricted", width="content")


def _whose(one: SlipRow) -> None:
    st.text_input("Visit no. or serial", key=f"slip_whose_{one.id}", width=140, placeholder="Visit no.",
                  label_visibility="collapsed")  # fmt: skip
    if st.button("Set the visit", key=f"slip_set_{one.id}"):
        with _settled():
            visit = visit_named(st.session_state.get(f"slip_whose_{one.id}") or "")
            apply_slip(one.id, visit, by=frame.actor(), key=frame.form_key(f"whose_{one.id}"))
            _done(f"whose_{one.id}", f"It is known now whose slip {one.name} is.")


def _charging(one: SlipRow, place: Terminal | None, mine: bool) -> None:
    """Beneath a claimed slip: the processor's own page, and what it answered."""
    offers = st.session_state.get(f"_offers_{one.id}")
    slot = f"slip_code_{one.id}"
    if offers is not None and len(offers) == 1 and f"_took_{one.id}" not in st.session_state:
        st.session_state[slot] = offers[0].authorization  # one fits: it is offered, and a person presses the button
        st.session_state[f"_took_{one.id}"] = True
    row, below = st.container(horizontal=True, vertical_alignment="bottom", key=f"slip_charge_{one.id}"), st.container()
    with row:
        if place and place.address and mine:
            st.link_button(f"Open {place.label}", place.address, icon=":material/open_in_new:",
                           help="The processor's own virtual terminal opens in a new tab. The card number is typed "
                                "there and nowhere else.")  # fmt: skip
        last4 = one.last4
        if not last4:
            last4 = st.text_input("Last four digits", key=f"slip_digits_{one.id}", max_chars=4, width=120,
                                  autocomplete="off")  # fmt: skip
        if offers and len(offers) > 1:
            _choose(one, offers)
        code = st.text_input("Authorization code", key=slot, max_chars=20, width=150, autocomplete="off")
        if st.button("It was charged", type="primary", key=f"slip_charged_{one.id}"):
            with _settled(below):
                done = charge_slip(one.id, code or "", last4=last4 or "", by=frame.actor(),
                                   key=frame.form_key(f"charge_{one.id}"))  # fmt: skip
                told = f"paid, {done.reference}" if done.reference else f"kept. {done.why}"
                _done(f"charge_{one.id}", f"Slip {one.name}, {show.money(one.amount_cents)}: {told.rstrip('.')}.")
        if place and st.button("Look for the charge", key=f"slip_look_{one.id}", icon=":material/search:"):
            with _settled(below):
                st.session_state[f"_offers_{one.id}"] = charges_like(one.id, place.slug, by=frame.actor())
                st.session_state.pop(f"_took_{one.id}", None)
                st.rerun()
        if st.button("It was not charged", key=f"slip_release_{one.id}", type="tertiary"):
            with _settled(below):
                release_slip(one.id, by=frame.actor(), key=frame.form_key(f"release_{one.id}"))
                _done(f"release_{one.id}", f"Slip {one.name} is open again.")
    if offers is not None and not offers:
        st.caption("The processor has no charge of this amount and card yet. Type the code it shows, or look again.")
    elif offers and len(offers) > 1:
        st.caption(f"{len(offers)} charges fit. Choose by the time which one is of this slip.")


def _choose(one: SlipRow, offers: list[Offer]) -> None:
    names = {
        offer.authorization: f"{offer.authorization} · {show.moment(offer.at)} · {offer.brand} ···{offer.last4}"
        for offer in offers
    }

    def take() -> None:
        st.session_state[f"slip_code_{one.id}"] = st.session_state[f"slip_offer_{one.id}"] or ""

    st.selectbox("Charge", list(names), index=None, format_func=names.__getitem__, key=f"slip_offer_{one.id}",
                 placeholder="Which one?", on_change=take, width=260)  # fmt: skip


def _ask_all(outage_id: str) -> None:
    with _settled():
        told = request_open_slips(outage_id, site=account_actions.site(), by=frame.actor(),
                                  key=frame.form_key("ask_all"))  # fmt: skip
        sent = sum(not one.why for one in told)
        st.session_state[UNSENT] = [one for one in told if one.why]
        words = "One client was" if sent == 1 else f"{sent or 'No'} clients were"
        _done("ask_all", f"{words} asked to pay. The mail names neither the amount nor what it is for.")


def _unsent() -> None:
    """Which clients could not be asked, and why."""
    left: list[Asked] = st.session_state.pop(UNSENT, [])
    if left:
        lines = "\n".join(f"- **{one.name}** {frame.said(one.why)}" for one in left)
        st.warning(f"Not asked for:\n{lines}", icon=":material/unsubscribe:")


@contextlib.contextmanager
def _settled(below: DeltaGenerator | None = None) -> Iterator[None]:
    """Show a refusal as its sentence, ``below`` what it is about. Money that a client paid meanwhile is news, and the
    list is drawn anew."""
    try:
        yield
    except SessionEnded:
        st.rerun()
    except PaidMeanwhile as paid:
        st.session_state[TOLD] = paid.message
        st.rerun()
    except Refusal as refusal:
        (below or st).error(frame.said(refusal.message), icon=":material/error:")


def _done(key: str, told: str) -> None:
    frame.new_form_key(key)
    if told:
        st.session_state[TOLD] = told
    st.rerun()
