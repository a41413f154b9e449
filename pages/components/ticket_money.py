"""The right side of a ticket: what is due, taking it, and sending the patient home."""

from __future__ import annotations

from typing import Any

import streamlit as st

from appointments.stages import BEFORE_ARRIVAL
from billing import checkout, returns, tickets
from billing.amounts import cents_of, decimal_text
from billing.payments import BRANDS, Given, Taken, Tender, take_split
from billing.tickets import AlsoOpen, Sibling, Ticket
from data.errors import BadInput
from pages.components import counter, frame, show
from pages.components.draft_form import DraftForm
from security import drafts

TENDERS = {"card": "Card", "cash": "Cash", "check": "Check", "echeck": "eCheck", "other": "Other"}
WAY = {"tender": "card", "amount": "", "handed": "", "brand": BRANDS[0], "last4": "", "code": "", "check": ""}
SECOND = "2"
PAYMENT = {**WAY, **{name + SECOND: value for name, value in WAY.items()}, "tender2": "cash", "split": False,
           "keep": False}  # fmt: skip
HOME = ("checked_out", "died", "declined", "cancelled", "no_show")


def draw(ticket: Ticket, may: frozenset[str]) -> None:
    """Draw it."""
    with st.container(border=True, key="ticket_sums"):
        counter.sums(ticket)
        taken = st.session_state.get(f"taken_{ticket.id}")
        if taken:
            _tell(taken)
        if "billing.checkout" not in may:
            return
        if not ticket.standing.is_live:
            st.caption(f"This invoice is {ticket.standing.document}. Nothing can be paid on it here.")
            return
        together, others = _together(ticket), _others(ticket)
        payable = {ticket.id: (ticket.patient or "This ticket", ticket.standing.balance)}
        payable |= {str(one.invoice_id): (one.patient, one.balance or 0) for one in together}
        payable |= {one.invoice_id: (f"Invoice {one.number}", one.balance) for one in others}
        due = sum(cents for _, cents in payable.values())
        if len(payable) > 1 and due:
            st.html(
                f'<div class="bill-sums"><div class="total"><span>Due together</span><b>{show.money(due)}</b></div>'
                "</div>"
            )
        if due:
            _credit(ticket)
            _pay(ticket, payable, due)
        if ticket.stage in BEFORE_ARRIVAL:
            st.caption("The patient has not arrived yet, so what is paid now is kept as a deposit.")
            return
        _go_home(ticket, together, ticket.standing.balance + sum(one.balance or 0 for one in together))


def _others(ticket: Ticket) -> list[AlsoOpen]:
    """What else the client owes; the ticked ones are paid with this ticket."""
    known = {one.invoice_id for one in ticket.siblings}
    found = [one for one in tickets.also_open(ticket.id, by=frame.actor()) if one.invoice_id not in known]
    chosen = []
    for one in found:
        whose = f"{one.patient}, " if one.patient else ""
        label = f"Also invoice {one.number}, {whose}{show.day(one.issued_on)} ({show.money(one.balance)} due)"
        if st.checkbox(show.plain(label), key=f"also_{one.invoice_id}"):
            chosen.append(one)
    return chosen


def _credit(ticket: Ticket) -> None:
    """What the client paid over earlier pays this ticket by one click."""
    left = returns.credit(ticket.client_id, by=frame.actor()) - ticket.standing.overpaid
    cents = min(left, ticket.standing.balance)
    if cents <= 0:
        return
    if st.button(f"Use {show.plain(show.money(cents))} of credit", icon=":material/savings:", width="stretch",
                 key="use_credit", help=f"The client has {show.money(left)} of credit"):  # fmt: skip
        with frame.refusals():
            returns.use_credit(ticket.id, cents, by=frame.actor(), key=frame.form_key(f"credit_{ticket.id}"))
            frame.new_form_key(f"credit_{ticket.id}")
            st.rerun()


def _together(ticket: Ticket) -> list[Sibling]:
    """The other patients of this client today; the ticked ones are paid and sent home together."""
    chosen = []
    for sibling in ticket.siblings:
        if sibling.invoice_id is None:
            if st.button(
                f"Add {sibling.patient}'s ticket", key=f"sibling_open_{sibling.appointment_id}", icon=":material/add:"
            ):
                with frame.refusals():
                    checkout.open_ticket(
                        str(sibling.appointment_id), by=frame.actor(),
                        key=frame.form_key(f"open_{sibling.appointment_id}"),
                    )  # fmt: skip
                    st.session_state[f"with_{sibling.appointment_id}"] = True
                    st.rerun()
        elif sibling.balance or sibling.stage not in HOME:
            label = f"Together with {sibling.patient} ({show.money(sibling.balance)} due)"
            if st.checkbox(show.plain(label), key=f"with_{sibling.appointment_id}"):
                chosen.append(sibling)
    return chosen


@st.fragment
def _pay(ticket: Ticket, payable: dict[str, tuple[str, int]], due: int) -> None:
    """The payment, run alone while somebody types. The amount follows what is due until somebody changes it."""
    clinic = frame.clinic()
    spread = {f"part_{invoice_id}": "" for invoice_id in payable} if len(payable) > 1 else {}
    form = DraftForm(f"pay:{ticket.id}", PAYMENT | spread)
    form.follow("amount", decimal_text(due, currency=clinic.currency))
    form.line()
    _way(form, "")
    rest = due - (_cents(form["amount"]) or 0)
    if rest > 0 or form["split"]:
        st.checkbox("The rest is paid another way", key=form.key("split"))
    if form["split"]:
        form.follow("amount2", decimal_text(max(rest, 0), currency=clinic.currency))
        _way(form, SECOND)
    if rest < 0:
        st.checkbox(show.plain(f"Keep {show.money(-rest)} as the client's credit"), key=form.key("keep"))
    if spread:
        with st.expander("How much for each"):
            st.caption("Left empty, the first is paid first.")
            for invoice_id, (name, cents) in payable.items():
                _text(form, f"part_{invoice_id}", f"{name} ({show.money(cents)} due)")
    form.keep()
    label = "Take deposit" if ticket.is_before_service else "Take payment"
    if not st.button(label, type="primary", width="stretch", key=f"take_{ticket.id}", shortcut=frame.SEND):
        return
    with frame.refusals():
        taken = _take(ticket, payable, form)
        form.forget()
        st.session_state[f"taken_{ticket.id}"] = taken
        st.rerun()


def _way(form: DraftForm, which: str) -> None:
    """One way of paying: how, how much, and what this tender needs. ``which`` ends the names of the second one."""
    kind = st.segmented_control(
        "The rest by" if which else "Paid by", list(TENDERS), format_func=TENDERS.__getitem__, required=True,
        key=form.key(f"tender{which}"), width="stretch", label_visibility="visible" if which else "collapsed",
    )  # fmt: skip
    if kind == "cash":
        left, right = st.columns(2)
        _text(form, f"amount{which}", "Amount", left)
        _text(form, f"handed{which}", "Cash handed over", right, placeholder="Exact")
    else:
        _text(form, f"amount{which}", "Amount")
    if kind == "card":
        one, two = st.columns(2)
        one.selectbox("Card", BRANDS, key=form.key(f"brand{which}"))
        _text(form, f"last4{which}", "Last four digits", two, max_chars=25)
    if kind in ("card", "echeck"):
        _text(form, f"code{which}", "Authorization code" if kind == "card" else "Confirmation number")
    if kind == "check":
        _text(form, f"check{which}", "Check number")


def _text(form: DraftForm, name: str, label: str, place: Any = st, **more: Any) -> None:
    place.text_input(label, key=form.key(name), live=form.live, autocomplete="off", **more)


def _cents(text: object) -> int | None:
    """What an amount comes to so far, None while it is none."""
    clinic = frame.clinic()
    try:
        return cents_of(str(text or "").strip(), locale=clinic.locale, currency=clinic.currency)
    except BadInput:
        return None


def _take(ticket: Ticket, payable: dict[str, tuple[str, int]], form: DraftForm) -> list[Taken]:
    clinic = frame.clinic()
    given = [_given(form, which) for which in (("", SECOND) if form["split"] else ("",))]
    typed = {name: str(form[f"part_{name}"] or "").strip() for name in payable} if len(payable) > 1 else {}
    parts = None
    if any(typed.values()):
        parts = [cents_of(text or "0", locale=clinic.locale, currency=clinic.currency) for text in typed.values()]
    over = sum(one.cents for one in given) > sum(cents for _, cents in payable.values())
    key = frame.form_key(f"pay_{ticket.id}")
    taken = take_split(
        list(payable), given, parts=parts, keep_rest=bool(over and form["keep"]), by=frame.actor(), key=key
    )
    frame.new_form_key(f"pay_{ticket.id}")
    return taken


def _given(form: DraftForm, which: str) -> Given:
    clinic = frame.clinic()
    typed = {name: str(form[name + which] or "").strip() for name in WAY}
    kind, cash = typed["tender"], None
    cents = cents_of(typed["amount"], locale=clinic.locale, currency=clinic.currency)
    if kind == "cash" and typed["handed"]:
        cash = cents_of(typed["handed"], locale=clinic.locale, currency=clinic.currency)
    is_card = kind == "card"
    tender = Tender(
        kind, typed["last4"] if is_card else "", typed["brand"] if is_card else "",
        typed["code"] if kind in ("card", "echeck") else "", typed["check"] if kind == "check" else "",
    )  # fmt: skip
    return Given(tender, cents, cash)


def _tell(taken: list[Taken]) -> None:
    for one in taken:
        what = "taken"
        if one.deposit_cents:
            whole = one.deposit_cents == one.amount_cents
            what += " as a deposit" if whole else f", {show.money(one.deposit_cents)} of it as a deposit"
        words = f"{show.money(one.amount_cents)} {what}, {one.reference}."
        if one.change_cents:
            words += f" **Change {show.money(one.change_cents)}.**"
        if one.credit_cents:
            words += f" {show.money(one.credit_cents)} of it stay as credit."
        st.success(words.replace("$", "\\$"), icon=":material/check:")


def _go_home(ticket: Ticket, together: list[Sibling], due: int) -> None:
    names = [ticket.patient] if ticket.patient and ticket.stage not in HOME else []
    names += [sibling.patient for sibling in together if sibling.stage not in HOME]
    ids = [ticket.id, *(str(sibling.invoice_id) for sibling in together)]
    if not names and not (ticket.standing.document == "draft" and not due):
        if ticket.stage == "checked_out" and not due:
            st.caption(f"{ticket.patient} went home. Nothing is due.")
        return
    who = " and ".join(names)
    if not due:
        if st.button(
            "Complete checkout", type="primary", width="stretch", key="complete", help=f"{who} goes home",
            shortcut=frame.SEND,
        ):  # fmt: skip
            _complete(ticket, ids, "")
        return
    with st.expander("Go home with an open balance"):
        _unpaid(ticket, ids)


@st.fragment
def _unpaid(ticket: Ticket, ids: list[str]) -> None:
    form = DraftForm(f"unpaid:{ticket.id}", {"because": ""})
    form.line()
    _text(form, "because", "Why it stays open", placeholder="Pays on Friday")
    form.keep()
    if st.button("Complete checkout unpaid", width="stretch", key="complete_unpaid"):
        _complete(ticket, ids, form["because"] or "")


def _complete(ticket: Ticket, ids: list[str], because: str) -> None:
    with frame.refusals():
        key = frame.form_key(f"complete_{ticket.id}")
        checkout.complete_checkout(ids, open_because=because, by=frame.actor(), key=key)
        frame.new_form_key(f"complete_{ticket.id}")
        drafts.discard(f"unpaid:{ticket.id}", by=frame.actor())
        st.toast(f"{show.plain(ticket.patient or ticket.client)} is checked out.", icon=":material/check:")
        st.rerun()
