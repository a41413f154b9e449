"""Card slips: each keyed once from its paper, applied to its visit, destroyed by name."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from appointments.times import instant_of, read_time
from billing.amounts import cents_of
from outage import outages
from outage.account import SLIPS_A_SHEET
from outage.outages import OutageRow
from outage.slip_contacts import keep_contact
from outage.slips import (
    NewSlip,
    SlipRow,
    apply_slip,
    destroy_slips,
    key_slip,
    slip_number,
    slips,
    spoil_slip,
    take_back,
)
from pages.components import folding, frame, show, slip_charging
from pages.components.slip_visit import visit_named

FIELDS = ("amount", "last4", "brand", "code", "at", "visit", "payer", "phone", "email")
ORDER = (
    "From the paper, slip by slip. Its number stands top right: sheet and part. No code where the card was not charged "
    "yet, no visit where nobody knows. What holds a whole card number is refused."
)
TO_TOTAL = "<script>document.querySelector('.st-key-slip_amount input')?.focus()</script>"


def main() -> None:
    """The page."""
    by = frame.actor()
    row = next((one for one in outages.outages(by=by) if one.closed_at("money") is None), None)
    if row is None:
        frame.head("Card slips", "No outage is open")
        who = "Declare it" if "outage.declare" in frame.may() else "A manager declares it"
        st.info(f"Slips are keyed for an outage. {who} on the recovery board first, live or dated afterwards.")
        st.page_link("paper/recovery.py", label="Open the recovery board", icon=":material/checklist:")
        return
    found = slips(row.id, by=by)
    keyed = [one for one in found if not one.reason]
    facts = f"{len(keyed)} keyed, {show.money(sum(one.amount_cents for one in keyed))} · {row.title(show.wording())}"
    frame.head("Card slips", facts)
    if told := st.session_state.pop("slip_told", ""):
        st.success(frame.said(told), icon=":material/check:")
    _key(row)
    slip_charging.draw(row.id, [one for one in found if one.is_uncharged])
    _waiting([one for one in found if one.waits])
    _contacts([one for one in found if one.new_phone or one.new_email])
    _list(found)


def _key(row: OutageRow) -> None:
    """The form in the order of the slip; Enter in any field saves, and the next part of the sheet is offered. Without
    help buttons, and the day last: Tab leads from field to field."""
    zone = ZoneInfo(frame.clinic().zone)
    first = row.began_at.astimezone(zone).date()
    with st.form("slip_form", enter_to_submit=True, border=True):
        st.caption(ORDER)
        with st.container(horizontal=True):
            number = st.text_input("Slip no.", key="slip_number", width=120, placeholder="118-2", autocomplete="off")
            amount = st.text_input("Total", key="slip_amount", width=130, autocomplete="off")
            last4 = st.text_input("Last four digits", key="slip_last4", max_chars=4, width=130, autocomplete="off")
            brand = st.text_input("Card brand", key="slip_brand", max_chars=20, width=130, autocomplete="off")
            code = st.text_input("Authorization code", key="slip_code", max_chars=20, width=150, autocomplete="off")
            at = st.text_input("Time", key="slip_at", width=100, placeholder="14:15", autocomplete="off")
            visit = st.text_input("Visit no. or serial", key="slip_visit", width=150, autocomplete="off")
            payer = st.text_input("Paid by", key="slip_payer", max_chars=120, width=200, autocomplete="off")
            phone = st.text_input("Phone", key="slip_phone", max_chars=40, width=150, autocomplete="off")
            email = st.text_input("E-mail", key="slip_email", max_chars=254, width=220, autocomplete="off")
            day = st.date_input(
                "Day", value=first, key="slip_day", min_value=first - timedelta(days=1), max_value=show.today(),
                format=show.date_pattern(), width=140,
            )  # fmt: skip
        with st.container(horizontal=True):
            save = st.form_submit_button("Key the slip", type="primary", key="slip_save")
            spoil = st.form_submit_button(
                "It was spoiled", key="slip_spoil", help="Accounts for a slip not used; say why under Paid by."
            )
    if not (save or spoil):
        return
    with frame.refusals():
        serial, part = slip_number(number or "")
        name, key = f"{serial}-{part}", frame.form_key("slip")
        if spoil:
            spoil_slip(serial, part, payer or "", by=frame.actor(), key=key)
            told = f"Slip {name} is accounted for as spoiled."
        else:
            clinic = frame.clinic()
            taken = instant_of(day, read_time(at or ""), clinic.zone, wording=show.wording())
            cents = cents_of(amount or "", locale=clinic.locale, currency=clinic.currency)
            new = NewSlip(serial, part, cents, taken, last4 or "", brand or "", code or "", payer or "",
                          visit_named(visit or ""), phone or "", email or "")  # fmt: skip
            done = key_slip(new, by=frame.actor(), key=key)
            told = f"Slip {name}, {show.money(cents)}: "
            told += f"paid, {done.reference}." if done.reference else f"kept. {done.why}"
        frame.new_form_key("slip")
        st.session_state["slip_told"] = told
        st.session_state["_slip_next"] = f"{serial}-{part + 1}" if part < SLIPS_A_SHEET else f"{serial + 1}-1"
        st.rerun()


def _waiting(rows: list[SlipRow]) -> None:
    """Keyed slips that are on no ticket yet."""
    if not rows:
        return
    st.subheader(f"Not on a ticket yet ({len(rows)})", anchor=False)
    for one in rows:
        with st.container(horizontal=True, vertical_alignment="center", key=f"slip_row_{one.id}"):
            st.markdown(f"**{one.name}** · {show.plain(show.money(one.amount_cents))} · {show.plain(one.about)}")
            if not one.visit:
                st.text_input("Visit no. or serial", key=f"slip_whose_{one.id}", width=160, placeholder="Visit no.",
                              label_visibility="collapsed")  # fmt: skip
            if st.button("Apply to the ticket", key=f"slip_apply_{one.id}"):
                with frame.refusals():
                    visit = None if one.visit else visit_named(st.session_state.get(f"slip_whose_{one.id}") or "")
                    done = apply_slip(one.id, visit, by=frame.actor(), key=frame.form_key(f"apply_{one.id}"))
                    frame.new_form_key(f"apply_{one.id}")
                    st.session_state["slip_told"] = f"Slip {one.name} is paid, {done.reference}."
                    st.rerun()


def _contacts(rows: list[SlipRow]) -> None:
    """What slips say of clients whose records say less."""
    if not rows or "clients.edit" not in frame.may():
        return
    st.subheader(f"For the client's record ({len(rows)})", anchor=False)
    for one in rows:
        with st.container(horizontal=True, vertical_alignment="center", key=f"slip_contact_{one.id}"):
            what = " · ".join(show.plain(text) for text in (one.whose, one.new_phone, one.new_email) if text)
            st.markdown(f"**{one.name}** · {what}")
            if st.button("Add to the record", key=f"slip_keep_{one.id}", icon=":material/person_add:",
                         help="Fills what the record lacks. Compare with the paper first: whoever reads this e-mail "
                              "address can sign in to the client's invoices."):  # fmt: skip
                with frame.refusals():
                    keep_contact(one.id, by=frame.actor(), key=frame.form_key(f"keep_{one.id}"))
                    frame.new_form_key(f"keep_{one.id}")
                    st.session_state["slip_told"] = f"The client of slip {one.name} can be reached now."
                    st.rerun()


def _list(found: list[SlipRow]) -> None:
    if not found:
        st.caption("No slip is keyed yet. Take the first sheet, begin with part 1.")
        return
    st.subheader("Keyed slips", anchor=False)
    folding.table(
        {
            "Slip": [one.name for one in found],
            "For": [f"Visit {one.visit} · {one.whose}" if one.visit else one.payer for one in found],
            "Card": [" ".join(filter(None, (one.brand, one.last4 and f"···{one.last4}"))) for one in found],
            "Taken": [show.moment(one.taken_at) if not one.reason else "" for one in found],
            "Payment": [_paid(one) for one in found],
            "Keyed by": [one.keyed_by for one in found],
            "Destroyed": [f"{one.destroyed_by}, {show.clock_time(one.destroyed_at)}" if one.destroyed_at else ""
                          for one in found],
            "Total": [show.money(one.amount_cents) if not one.reason else "" for one in found],
        },
        label="Keyed slips", right=["Total"],
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        left = [one for one in found if one.is_spent]
        if left and st.button(f"Record the shredding of {len(left)} slips" if len(left) > 1 else
                              "Record the shredding of one slip", key="slip_destroy",
                              icon=":material/delete_forever:"):  # fmt: skip
            _destroy(left)
        if st.button("Take one back", key="slip_back", type="tertiary"):
            _take_back(found)


def _paid(one: SlipRow) -> str:
    """How its money came, or what it waits for."""
    if one.reason:
        return f"Spoiled: {one.reason}"
    if one.reference:
        return f"{one.reference}, by payment request" if one.channel == "payment_request" else one.reference
    return "not charged yet" if one.is_uncharged else "waits for its ticket"


@st.dialog("Record the shredding")
def _destroy(left: list[SlipRow]) -> None:
    names = {
        one.id: f"{one.name} · {show.money(one.amount_cents)}{' · asked, not paid yet' if one.is_uncharged else ''}"
        for one in left
    }
    paid = [one.id for one in left if not one.is_uncharged]
    chosen = st.multiselect("Slips", list(names), default=paid, format_func=names.__getitem__, key="destroy_ids")
    st.caption(f"It is written down that you, {show.plain(frame.person().name)}, destroyed the paper of these slips.")
    if st.button("I destroyed these slips", type="primary", key="destroy_save", width="stretch"):
        with frame.refusals():
            count = destroy_slips(chosen, by=frame.actor(), key=frame.form_key("destroy"))
            frame.new_form_key("destroy")
            st.session_state["slip_told"] = f"{count} slips are destroyed." if count > 1 else "The slip is destroyed."
            st.rerun()


@st.dialog("Take a slip back")
def _take_back(found: list[SlipRow]) -> None:
    st.caption("What was keyed wrongly is taken back, its payment voided, and the slip can be keyed again.")
    names = {one.id: f"{one.name} · {show.money(one.amount_cents)}" for one in found}
    chosen = st.selectbox("Slip", list(names), format_func=names.__getitem__, key="back_id")
    reason = st.text_input("Why", key="back_reason", max_chars=200)
    if st.button("Take the slip back", type="primary", key="back_save", width="stretch"):
        with frame.refusals():
            take_back(str(chosen), reason or "", by=frame.actor(), key=frame.form_key("back"))
            frame.new_form_key("back")
            st.session_state["slip_told"] = "The slip is taken back. Key it again."
            st.rerun()


_asked = st.query_params.pop("serial", "")
_after = st.session_state.pop("_slip_next", "")
if _after:  # emptied, not forgotten: a browser keeps what stands in a field that it is told nothing about
    for _field in FIELDS:
        st.session_state[f"slip_{_field}"] = ""
if _next := _after or (f"{_asked}-1" if _asked.isdecimal() else ""):
    st.session_state["slip_number"] = _next
main()
if _after:
    st.html(f"{TO_TOTAL}<!-- {_after} -->", unsafe_allow_javascript=True)
