"""What the checkout and the invoice page draw alike: lines, sums, payments, states."""

from __future__ import annotations

from html import escape

import streamlit as st

from billing.amounts import quantity_text
from billing.payments import TENDERS
from billing.tickets import Line, Paid, Ticket
from pages.components import frame, show
from records.standing import Standing

CHIPS = {
    "draft": ("Draft", "quiet"), "unpaid": ("Unpaid", "warm"), "partial": ("Part paid", "warm"),
    "paid": ("Paid", "good"), "refunded": ("Refunded", "quiet"), "void": ("Void", "quiet"),
    "forgiven": ("Forgiven", "quiet"),
}  # fmt: skip


def chip(label: str) -> str:
    """A state as a small coloured word (HTML)."""
    words, tone = CHIPS.get(label, (label.capitalize(), "quiet"))
    return f'<span class="tag {tone}">{escape(words)}</span>'


def line_notes(line: Line) -> str:
    """The second row of a line: quantity and price, who pays part of it, the surgeon."""
    notes = []
    if line.quantity != 1000:
        quantity = quantity_text(abs(line.quantity), locale=frame.clinic().locale)
        notes.append(f"{quantity} × {show.money(line.unit_price_cents)}")
    if line.discount_cents and not line.package_id:
        why = f", {line.discount_reason}" if line.discount_reason else ""
        notes.append(f"{show.money(-line.discount_cents)} discount{why}")
    if line.subsidy_cents:
        notes.append(f"{show.money(-line.subsidy_cents)} {line.fund}")
    if line.tax_label:
        notes.append(f"{line.tax_label} {'included' if line.tax_included else 'added'}")
    if line.provider:
        notes.append(line.provider)
    return " · ".join(notes)


def line_row(line: Line) -> None:
    """One line: what it is on the left, what it costs the client on the right."""
    owed = line.net_cents + (line.tax_cents if line.tax_included else 0)
    notes = line_notes(line)
    under = f"<small>{escape(notes)}</small>" if notes else ""
    gone = " gone" if line.reversed or line.is_reversal else ""
    st.html(
        f'<div class="bill-line{gone}"><div><span>{escape(line.description)}</span>{under}</div>'
        f"<b>{escape(show.money(owed))}</b></div>"
    )


def sums(ticket: Ticket) -> None:
    """Subtotal, what is taken off, tax, total, paid, and what is due."""
    rows = [*_before_total(ticket), ("Total", show.money(ticket.standing.total), "total"), *_after_total(ticket)]
    body = "".join(f'<div class="{kind}"><span>{escape(k)}</span><b>{escape(v)}</b></div>' for k, v, kind in rows)
    st.html(f'<div class="bill-sums">{body}</div>')


def _before_total(ticket: Ticket) -> list[tuple[str, str, str]]:
    rows = []
    if (
        ticket.discounts_cents
        or ticket.subsidies_cents
        or any(cents for _, cents, inside in ticket.taxes if not inside)
    ):
        rows.append(("Subtotal", show.money(ticket.gross_cents), ""))
    rows += [(reason, show.money(-cents), "") for reason, cents in ticket.discounts]
    for fund in dict.fromkeys(line.fund for line in ticket.lines if line.subsidy_cents):
        cents = sum(line.subsidy_cents for line in ticket.lines if line.fund == fund)
        rows.append((fund, show.money(-cents), ""))
    rows += [(label, show.money(cents), "") for label, cents, included in ticket.taxes if cents and not included]
    return rows


def _after_total(ticket: Ticket) -> list[tuple[str, str, str]]:
    stands = ticket.standing
    rows = [(f"of which {label}", show.money(cents), "quiet") for label, cents, included in ticket.taxes if included]
    for label, cents in (
        ("Deposit", -ticket.deposit_cents),
        ("Paid", ticket.deposit_cents - stands.received),
        ("Given back", stands.refunded),
        ("Forgiven", -stands.forgiven),
    ):
        if cents:
            rows.append((label, show.money(cents), ""))
    return [*rows, _due(stands)]


def payments(paid: list[Paid]) -> None:
    """The payments of a ticket, oldest first."""
    rows = ""
    for one in paid:
        kind = {"refund": "Refund", "void": "Void"}.get(one.kind, "")
        deposit = "Deposit," if one.deposit else ""
        if one.kind == "sale" and one.allocated_cents < 0:
            kind, deposit = "Moved to another ticket:", ""
        how = " ".join(
            part for part in (kind, deposit, TENDERS.get(one.tender, one.tender.capitalize()), one.detail) if part
        )
        notes = [one.reference, show.moment(one.at), one.by, one.reason]
        if one.tendered_cents and one.tendered_cents > one.amount_cents:
            change = show.money(one.tendered_cents - one.amount_cents)
            notes.append(f"{show.money(one.tendered_cents)} handed over, change {change}")
        if abs(one.allocated_cents) != abs(one.amount_cents):
            notes.append(f"part of {show.money(one.amount_cents)}")
        gone = " gone" if one.is_voided or one.kind == "void" else ""
        under = escape(" · ".join(note for note in notes if note))
        rows += (
            f'<div class="bill-line{gone}"><div><span>{escape(how)}</span><small>{under}</small></div>'
            f"<b>{escape(show.money(one.allocated_cents))}</b></div>"
        )
    st.html(f'<div class="bill-list">{rows}</div>')


def _due(stands: Standing) -> tuple[str, str, str]:
    if stands.overpaid:
        return "Overpaid", show.money(stands.overpaid), "due warm"
    return "Due", show.money(stands.balance), "due" if stands.balance else "due good"
