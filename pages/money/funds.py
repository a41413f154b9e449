"""Grants and vouchers: what each pot holds, and the money that comes in."""

from __future__ import annotations

import streamlit as st

from billing import pots
from billing.amounts import cents_of
from billing.pots import Entry, Pot
from pages.components import folding, frame, show
from pages.components.draft_form import DraftForm

KINDS = {"grant": "Grant", "voucher": "Voucher", "third_party": "Billed to a third party"}
ENTRIES = {"received": "Received", "adjusted": "Put right", "used": "Used"}
WAYS = {"received": "Money received", "more": "Put right: there is more", "less": "Put right: there is less"}
DRAFT = {"fund": None, "way": "received", "amount": "", "day": None, "reason": ""}


def main() -> None:
    """The page."""
    found = pots.pots(by=frame.actor())
    left = sum(pot.left for pot in found if pot.kind != "third_party")
    action = frame.head("Grants & vouchers", f"{show.money(left)} left for new visits" if found else "")
    if not found:
        st.info("There are no grants or vouchers yet. Add one in Settings, then record the first money received here.")
        if "settings.edit" in frame.may():
            st.page_link("settings/index.py", label="Open settings", icon=":material/settings:", width="content")
        return
    if "billing.funds" in frame.may():
        with action:
            if st.button("Record money", type="primary", icon=":material/add:", key="pot_open"):
                _record(found)
    if told := st.session_state.pop("pot_told", ""):
        st.success(told, icon=":material/check:")
    _pots(found)
    st.subheader("Latest entries", anchor=False)
    _entries(pots.entries(by=frame.actor()))


def _pots(found: list[Pot]) -> None:
    money = {
        "Received": [show.money(pot.received + pot.adjusted) for pot in found],
        "Used": [show.money(pot.used) for pot in found],
        "Promised": [show.money(pot.promised) for pot in found],
        "Left": ["no limit" if pot.kind == "third_party" else show.money(pot.left) for pot in found],
    }
    columns = {
        "Name": [pot.name + ("" if pot.active else " (not in use)") for pot in found],
        "Kind": [KINDS.get(pot.kind, pot.kind) for pot in found],
        **money,
    }
    folding.table(columns, label="Grants and vouchers", right=list(money))
    st.caption(
        "Promised is held for booked visits and open tickets until checkout. Left is what is received, less what is "
        "used and promised."
    )


def _entries(lines: list[Entry]) -> None:
    if not lines:
        st.caption("Nothing came in or went out yet.")
        return
    columns = {
        "Day": [show.day(line.day) for line in lines],
        "Name": [line.fund for line in lines],
        "What": [ENTRIES.get(line.kind, line.kind) for line in lines],
        "By": [line.person for line in lines],
        "Reason": [line.reason for line in lines],
        "Amount": [show.money(line.cents) for line in lines],
    }
    folding.table(columns, label="Latest entries", right=["Amount"])


@st.dialog("Record money")
def _record(found: list[Pot]) -> None:
    names = {pot.fund_id: pot.name for pot in found if pot.active}
    form = DraftForm("pot", DRAFT | {"fund": next(iter(names), None), "day": show.today()})
    form.line()
    fund = st.selectbox("Grant or voucher", list(names), format_func=names.__getitem__, key=form.key("fund"))
    way = st.selectbox("What happened", list(WAYS), format_func=WAYS.__getitem__, key=form.key("way"))
    amount = st.text_input("Amount", key=form.key("amount"), live=form.live, autocomplete="off")
    if way == "received":
        st.date_input("Day it arrived", key=form.key("day"), max_value=show.today(), format=show.date_pattern())
    st.text_input(
        "Note" if way == "received" else "Reason", key=form.key("reason"), live=form.live, max_chars=200,
        placeholder="Optional: from whom, letter of …" if way == "received" else None,
    )  # fmt: skip
    form.keep()
    if not st.button("Record money", type="primary", key="pot_record", width="stretch"):
        return
    with frame.refusals():
        clinic, key = frame.clinic(), frame.form_key("pot")
        cents = cents_of(amount or "", locale=clinic.locale, currency=clinic.currency)
        reason = str(form["reason"] or "")
        if way == "received":
            pots.receive(str(fund), cents, form["day"], reason, by=frame.actor(), key=key)
        else:
            pots.put_right(str(fund), cents if way == "more" else -cents, reason, by=frame.actor(), key=key)
        frame.new_form_key("pot")
        form.forget()
        st.session_state["pot_told"] = f"{names[str(fund)]}: {WAYS[str(way)].lower()}, {show.money(cents)}."
        st.rerun()


main()
