"""The dialog that changes one line of a ticket: quantity, price, discount, grant, or off the ticket."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from billing import checkout, packages, tickets
from billing.amounts import cents_of, decimal_text, discount_of, quantity_text, thousandths_of
from billing.pricing import gross_of
from billing.tickets import FundChoice, Line
from pages.components import counter, frame, show
from pages.components.draft_form import DraftForm


def rows(lines: Sequence[Line], may: frozenset[str]) -> None:
    """The lines of a ticket, those of a package under its name; what may be changed has a button."""
    place, package = st.container(gap=None), None
    ends = "billing.checkout" in may
    for line in sorted(lines, key=lambda one: _first_of(lines, one)):
        if line.package_id and line.package_id != package:
            _package_row(place, [one for one in lines if one.package_id == line.package_id], ends)
        package = line.package_id
        with place.container(
            key=f"bill_row_{'in_' if package else ''}{line.id}", horizontal=True, vertical_alignment="center"
        ):
            counter.line_row(line)
            if ends and not package and st.button(
                "Change", key=f"change_{line.id}", icon=":material/edit:", type="tertiary",
                help=f"Change or remove {line.description}",
            ):  # fmt: skip
                change(line, "billing.discount" in may)


def _first_of(lines: Sequence[Line], line: Line) -> int:
    """Where a line stands: those of a package together, where its first one is."""
    together = line.package_id or line.id
    return next(number for number, one in enumerate(lines) if together in (one.package_id, one.id))


def _package_row(place: Any, lines: Sequence[Line], may_change: bool) -> None:
    first = lines[0]
    with place.container(key=f"bill_row_pack_{first.package_id}", horizontal=True, vertical_alignment="center"):
        cents = sum(line.net_cents + line.subsidy_cents + line.tax_cents * line.tax_included for line in lines)
        saved = sum(line.discount_cents for line in lines)
        about = f"Package of {len(lines)}" + (f", saves {show.money(saved)}" if saved else "")
        st.html(
            f'<div class="bill-line"><div><span>{escape(first.package)}</span><small>{escape(about)}</small></div>'
            f"<b>{escape(show.money(cents))}</b></div>"
        )
        if may_change and st.button(
            "Change", key=f"change_{first.package_id}", icon=":material/edit:", type="tertiary",
            help=f"Change or remove {first.package}",
        ):  # fmt: skip
            _change_package(lines)


@st.dialog("Change this package")
def _change_package(lines: Sequence[Line]) -> None:
    name, package_id = lines[0].package, str(lines[0].package_id)
    st.html(f"<b>{escape(name)}</b>")
    st.caption("Apart, each service stands on the ticket by itself, at its own price, and can be changed.")
    with frame.refusals(), st.container(horizontal=True, horizontal_alignment="distribute"):
        removed = st.button("Remove package", icon=":material/delete:", key=f"remove_{package_id}")
        kept = st.button("Take apart", type="primary", key=f"apart_{package_id}")
        if removed or kept:
            packages.take_apart(package_id, keep=kept, by=frame.actor(), key=frame.form_key(f"apart_{package_id}"))
            st.rerun()


@st.dialog("Change this line")
def change(line: Line, may_discount: bool) -> None:
    """Open it for a line. Price and discount are for those who may give discounts."""
    clinic, by = frame.clinic(), frame.actor()
    st.html(f"<b>{escape(line.description)}</b>")
    with frame.refusals():
        choices = tickets.funds(by=by)
        start = {
            "quantity": quantity_text(line.quantity, locale=clinic.locale),
            "price": decimal_text(line.unit_price_cents, currency=clinic.currency),
            "off": decimal_text(line.discount_cents, currency=clinic.currency) if line.discount_cents else "",
            "reason": line.discount_reason, "fund": line.fund_code or None,
        }  # fmt: skip
        form = DraftForm(f"line:{line.id}", start)
        form.line()
        _fields(form, choices, may_discount)
        form.keep()
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            removed = st.button("Remove line", icon=":material/delete:", key=f"remove_{line.id}")
            saved = st.button("Save line", type="primary", key=f"save_{line.id}")
        if not (saved or removed):
            return
        if removed:
            checkout.remove_line(line.id, by=by, key=frame.form_key(f"remove_{line.id}"))
        else:
            _save(line, *(form[name] or "" for name in ("quantity", "price", "off", "reason")), form["fund"])
        form.forget()
        st.rerun()


def _fields(form: DraftForm, choices: Sequence[FundChoice], may_discount: bool) -> None:
    currency = frame.clinic().currency

    def text(place: Any, name: str, label: str, **more: Any) -> None:
        place.text_input(label, key=form.key(name), live=form.live, autocomplete="off", **more)

    text(st, "quantity", "Quantity")
    if may_discount:
        left, right = st.columns(2)
        text(left, "price", f"Price for one ({currency})")
        text(right, "off", "Discount", placeholder="5.00 or 10%")
        text(st, "reason", "Why the discount", placeholder="Rescue partner")
    if choices:
        names = {choice.code: _fund_label(choice) for choice in choices}
        form.among("fund", [None, *names])
        st.selectbox(
            "Grant or voucher", [None, *names], key=form.key("fund"),
            format_func=lambda code: names[code] if code else "None", placeholder="None",
        )  # fmt: skip


def _save(line: Line, quantity: str, price: str, off: str, reason: str, fund: str | None) -> None:
    clinic, by = frame.clinic(), frame.actor()
    count = thousandths_of(quantity, locale=clinic.locale)
    each = cents_of(price, locale=clinic.locale, currency=clinic.currency)
    wanted = {
        "quantity": count,
        "unit_price_cents": each,
        "discount_cents": discount_of(off, gross_of(count, each), locale=clinic.locale, currency=clinic.currency),
        "discount_reason": reason.strip(),
    }
    now = {name: getattr(line, name) for name in wanted}
    line_id = line.id
    if wanted != now:
        line_id = checkout.change_line(line_id, **wanted, by=by, key=frame.form_key(f"change_{line.id}"))
    if fund != (line.fund_code or None):
        checkout.apply_fund(line_id, fund, by=by, key=frame.form_key(f"fund_{line.id}"))


def _fund_label(choice: FundChoice) -> str:
    left = f", {show.money(choice.left_cents)} left" if choice.left_cents is not None else ""
    return f"{choice.name} ({show.money(choice.discount_cents)} off{left})"
