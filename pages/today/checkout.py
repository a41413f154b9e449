"""Checkout: who is ready to go home, the ticket one click away."""

from __future__ import annotations

import streamlit as st

from billing import checkout, tickets
from billing.tickets import Waiting
from pages.components import counter, counter_sale, frame, show
from pages.components.rows import Row
from pages.components.rows import rows as rows_of
from security.actor import Actor

SHAPE = "minmax(6rem, 1fr) minmax(0, 3fr) 10.5rem 8rem"
READY = ("ready", "recovering", "held_overnight")
GROUPS = (
    ("Ready and recovering", READY, "Nobody is waiting to go home. Patients appear here once they recover."),
    ("Still in the clinic", ("in_surgery", "induced", "premedicated", "examined", "checked_in"), ""),
    ("Left today", ("checked_out", "died", "declined"), ""),
)


def main() -> None:
    """The page."""
    by = frame.actor()
    rows = tickets.waiting(show.today(), by=by)
    ready = sum(row.stage == "ready" for row in rows)
    unpaid = [row for row in rows if row.balance and row.stage == "checked_out"]
    facts = [f"{ready} ready", f"{sum(row.stage in READY for row in rows) - ready} recovering"]
    if unpaid:
        facts.append(f"{len(unpaid)} left with {show.money(sum(row.balance or 0 for row in unpaid))} open")
    sells = "billing.checkout" in (may := frame.may()) and "clients.view" in may
    with frame.head("Checkout", " · ".join([show.day(show.today(), style="full"), *facts])):
        if sells and st.button("Sell over the counter", icon=":material/shopping_bag:", key="counter_sale"):
            counter_sale.ask()
    words = st.text_input(
        "Find a patient or client", key="checkout_find", placeholder="Find a patient, client or phone number",
        label_visibility="collapsed", icon=":material/search:", width=420, live=True,
    )  # fmt: skip
    found = [row for row in rows if _fits(row, words or "")]
    if words and not found:
        st.info("Nobody in the clinic today fits that. Try a part of the name, or the last digits of the phone.")
        return
    for title, stages, empty in GROUPS:
        of_group = [row for row in found if row.stage in stages]
        if not of_group and (not empty or words):
            continue
        st.subheader(f"{title} ({len(of_group)})" if of_group else title, anchor=False)
        if not of_group:
            st.caption(empty)
        lines = [_line(row) for row in of_group]
        if chosen := rows_of(lines, path="/ticket", label=title, key=f"queue_{stages[0]}", shape=SHAPE):
            _open(next(row for row in of_group if row.appointment_id == chosen))
    if not words:
        _sold(by)


def _sold(by: Actor) -> None:
    """Tickets without a visit."""
    sold = tickets.counter_tickets(show.today(), by=by)
    if not sold:
        return
    st.subheader(f"Sold over the counter today ({len(sold)})", anchor=False)
    lines = [
        Row(one.invoice_id, one.client, f"Ticket {one.number}", counter.CHIPS.get(one.label, (one.label, ""))[0],
            show.money(one.balance or one.total))
        for one in sold
    ]  # fmt: skip
    if opened := rows_of(lines, path="/ticket", label="Sold over the counter today", key="counter_rows"):
        st.switch_page("today/ticket.py", query_params={"id": opened})


def _line(row: Waiting) -> Row:
    since = "" if row.stage == "checked_out" else "since "
    about = f"{row.stage_label} {since}{show.clock_time(row.since)}"
    phone = show.phone(row.phone).replace(" ", "\u00a0")
    amount = tag = tone = ""
    if row.balance is not None:
        amount = show.money(row.balance or row.total)
        tag, tone = counter.CHIPS.get(row.label, (row.label.capitalize(), "quiet"))
    return Row(
        row.appointment_id, row.patient, " · ".join(part for part in (about, row.client, phone) if part), amount,
        "Check out" if row.stage in READY else "Open ticket", href=f"/ticket?visit={row.appointment_id}",
        tag=tag, tone=tone, action="action strong" if row.stage == "ready" else "action",
    )  # fmt: skip


def _open(row: Waiting) -> None:
    key = frame.form_key(f"open_{row.appointment_id}")
    invoice_id = row.invoice_id or checkout.open_ticket(row.appointment_id, by=frame.actor(), key=key)
    st.switch_page("today/ticket.py", query_params={"id": invoice_id})


def _fits(row: Waiting, words: str) -> bool:
    text = f"{row.patient} {row.client} {row.phone} {row.number}".lower()
    digits = "".join(char for char in row.phone if char.isdigit())
    return all(word in text or word in digits for word in words.lower().split())


main()
