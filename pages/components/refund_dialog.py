"""The dialog that gives money back: of which payments, how much, and which services are no longer charged with it."""

from __future__ import annotations

import streamlit as st

from billing import returns
from billing.amounts import cents_of, decimal_text
from billing.payments import TENDERS, Tender
from billing.processors import orders
from billing.returns import Back, Returnable
from billing.tickets import Line, Ticket
from pages.components import frame, show
from pages.components.draft_form import DraftForm

AS_PAID, TOLD = "as_paid", "_refund_told"
OTHERWISE = {AS_PAID: "The way it was paid", **{kind: TENDERS[kind] for kind in ("cash", "check", "other")}}


def told() -> None:
    """What became of a refund at a processor that is not through yet, or never will be."""
    for has_ended, words in st.session_state.pop(TOLD, ()):
        if has_ended:
            st.error(frame.said(words), icon=":material/credit_card_off:")
        else:
            st.info(frame.said(words), icon=":material/schedule:")


@st.dialog("Refund")
def ask(invoice: Ticket) -> None:
    """Open it for an invoice on which something is paid."""
    with frame.refusals():
        sales = returns.returnable(invoice.id, by=frame.actor())
        if not sales:
            st.info("What was paid here is on its way back already, or was moved to another ticket.")
            return
        lines = {line.id: line for line in invoice.lines}
        start = {"lines": [], "by": AS_PAID, "check": "", "reason": ""} | {
            f"back_{one.payment_id}": "" for one in sales
        }
        form = DraftForm(f"refund:{invoice.id}", start, prefix="refund_")
        form.line()
        _lines(form, lines)
        _amounts(form, invoice, sales, sum(_owed(lines[one]) for one in form["lines"] or ()))
        form.among("by", OTHERWISE)
        st.selectbox("Given back", list(OTHERWISE), format_func=OTHERWISE.__getitem__, key=form.key("by"))
        if form["by"] == "check":
            _text(form, "check", "Check number")
        _text(form, "reason", "Reason")
        form.keep()
        if not invoice.standing.overpaid and not form["lines"]:
            st.caption("The charges stay as they are, so what is given back is open again.")
        _where(form, sales)
        if st.button("Refund", type="primary", key="refund_go", shortcut=frame.SEND):
            _refund(form, invoice, sales)


def _lines(form: DraftForm, lines: dict[str, Line]) -> None:
    """The services that are not charged any more, where it is these that are given back."""
    form.among("lines", lines)
    if not lines:
        return
    st.multiselect(
        "Take off the invoice", list(lines), key=form.key("lines"), placeholder="Nothing: only an amount goes back",
        format_func=lambda one: f"{lines[one].description}, {show.money(_owed(lines[one]))}",
    )  # fmt: skip


def _owed(line: Line) -> int:
    return line.net_cents + line.tax_cents


def _amounts(form: DraftForm, invoice: Ticket, sales: list[Returnable], chosen: int) -> None:
    """An amount for each payment; together they begin with what the chosen services cost, or all that is paid."""
    stands, currency = invoice.standing, frame.clinic().currency
    wanted = min(chosen + stands.overpaid if chosen else stands.overpaid or stands.paid, stands.paid)
    for one in sales:
        part = min(wanted, one.left_cents)
        wanted -= part
        name = f"back_{one.payment_id}"
        form.follow(name, decimal_text(part, currency=currency) if part else "")
        _text(form, name, f"To {_how(one)}, at most {show.money(one.left_cents)}")


def _where(form: DraftForm, sales: list[Returnable]) -> None:
    """That what came by a processor goes back there, with the same click."""
    if form["by"] == AS_PAID and any(one.paid_online and form[f"back_{one.payment_id}"] for one in sales):
        st.caption("What was paid on the processor's page goes back to the card there, with the same click.")


def _how(one: Returnable) -> str:
    card = " ".join(part for part in (one.tender.brand or "card", one.tender.last4) if part)
    how = card if one.tender.kind == "card" else TENDERS.get(one.tender.kind, one.tender.kind).lower()
    return f"{how} ({one.reference})"


def _refund(form: DraftForm, invoice: Ticket, sales: list[Returnable]) -> None:
    clinic, by, place = frame.clinic(), frame.actor(), f"refund_{invoice.id}"
    reason, here, online = str(form["reason"] or ""), [], []
    for one in sales:
        typed = str(form[f"back_{one.payment_id}"] or "").strip()
        cents = cents_of(typed, locale=clinic.locale, currency=clinic.currency) if typed else 0
        if not cents:
            continue
        if one.paid_online and form["by"] == AS_PAID:
            online.append((one.payment_id, cents))
            continue
        check = str(form["check"] or "").strip() if form["by"] == "check" else ""
        tender = one.tender if form["by"] == AS_PAID else Tender(str(form["by"]), check_number=check)
        here.append(Back(one.payment_id, cents, tender))
    ordered = orders.give_back(
        invoice.id, here, online, reason, line_ids=list(form["lines"] or ()), by=by, key=frame.form_key(place)
    )
    st.session_state[TOLD] = [(one.state in orders.ENDED, one.waits) for one in ordered if one.waits]
    frame.new_form_key(place)
    form.forget()
    st.rerun()


def _text(form: DraftForm, name: str, label: str) -> None:
    st.text_input(label, key=form.key(name), live=form.live, autocomplete="off")
