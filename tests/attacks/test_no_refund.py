"""Who may not refund gives no money back by any path: every rule that could is listed here, and tried."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from billing import checkout, invoices, packages, payments, requests, returns
from billing import importers as _importers  # noqa: F401 - registers what can be imported
from billing.payments import Given, Tender, take_payment, take_split
from billing.processors import orders
from billing.returns import Back
from data.errors import NotPermitted, Refusal
from data.models import InvoiceEvent, Payment, PaymentAllocation, PaymentRequest, ProcessorOrder
from data.session import read
from outage import slips
from records.imports import ImportRefused, import_file
from security.permissions import PERMISSIONS
from tests import everything
from tests.attacks.money_back import reaches, rules_that_move_money, writers
from tests.billing.visits import visit
from tests.outage.paper_day import PaperDay
from tests.outage.test_slips import serial_of
from tests.security import permission_table as table
from tests.security.test_double_click import arguments

CASH = Tender("cash")
CARD = Tender("card", last4="4242", brand="Visa", authorization="A1B2C3")
TAKES = "takes money: an amount is more than zero"
DROPS = "voids the ticket of a visit that is off, where nothing was paid on it"
PAPER = "keys paper: a payment is taken or a visit is off, as above"
RULES = {
    "billing.invoices.forgive": "billing.refund", "billing.invoices.void_invoice": "billing.refund",
    "billing.payments.refund": "billing.refund", "billing.payments.void_payment": "billing.refund",
    "billing.processors.orders.refund_at_processor": "billing.refund",
    "billing.processors.orders.give_back": "billing.refund",
    "billing.returns.give_back": "billing.refund", "billing.returns.refund_credit": "billing.refund",
    "outage.slips.take_back": "voids by billing.payments.void_payment, which asks",
    "billing.payments.take_payment": TAKES, "billing.payments.take_split": TAKES,
    "billing.payments.receive_payment": TAKES, "billing.requests.paid": TAKES,
    "billing.checkout.complete_checkout": "opens the invoice; forgives nothing",
    "billing.processors.orders.ask_checkout": "books what was paid; what was paid twice goes back to its card",
    "billing.processors.orders.look_up": "as above",
    "appointments.booking.book": DROPS, "appointments.booking.cancel": DROPS, "appointments.booking.change": DROPS,
    "appointments.booking.confirm": DROPS, "appointments.booking.mark_no_show": DROPS,
    "appointments.booking.move": DROPS, "appointments.booking.restore": DROPS, "appointments.booking.walk_in": DROPS,
    "appointments.flow.advance": DROPS, "appointments.flow.follow_paper": DROPS, "appointments.flow.leave": DROPS,
    "appointments.flow.take_back": DROPS,
    "outage.entry.enter": PAPER, "outage.entry.no_show": PAPER, "outage.walk_ins.enter_walk_in": PAPER,
    "outage.slip_claims.charge_slip": PAPER, "outage.slips.apply_slip": PAPER, "outage.slips.key_slip": PAPER,
    "outage.rehearsal.by_truth.enter_rest": PAPER, "outage.rehearsal.by_truth.enter_walk_ins": PAPER,
    "outage.rehearsal.by_truth.settle_rest": PAPER, "outage.rehearsal.practice.book_day": DROPS,
    "outage.rehearsal.rehearse.begin": PAPER, "outage.rehearsal.rehearse.go_on": PAPER,
    "outage.rehearsal.rehearse.key_slips": PAPER, "outage.rehearsal.till.key_rest": PAPER,
}  # fmt: skip
"""Every public rule from which a line that writes a payment, orders a refund or lets go of an invoice is reached."""


@pytest.mark.slow
def test_every_rule_that_could_give_money_back_is_listed():
    assert rules_that_move_money() == set(RULES)
    asks = {rule.title: table.asked(rule) for rule in table.rules()}
    assert [title for title, why in RULES.items() if why in PERMISSIONS and why not in asks[title]] == []
    assert reaches(("billing.payments", "refund")) and not reaches(("billing.pots", "put_right"))
    assert writers() == {
        "appointments.early_ticket.drop_unpaid", "billing.importers.plan_payments", "billing.invoices.forgive",
        "billing.invoices.void_invoice", "billing.payments._record", "billing.payments._reopened",
        "billing.payments.give_back_one", "billing.processors.posting.book_return",
        "billing.processors.posting.order_back", "billing.processors.posting.unbook_return",
    }  # fmt: skip


def cashier(clinic):
    """Somebody who may do everything but refund."""
    return dataclasses.replace(clinic.actor("olive"), within=frozenset(PERMISSIONS) - {"billing.refund"})


def given_back(clinic) -> tuple[int, int, int, int, int]:
    """Cents that went back, that were allocated, orders of refunds, invoices let go of, payments below zero."""
    with read(clinic.id) as session:
        return (
            int(session.scalar(select(func.sum(Payment.amount_cents)).where(Payment.kind != "sale")) or 0),
            int(session.scalar(select(func.sum(PaymentAllocation.amount_cents)).where(
                PaymentAllocation.amount_cents < 0)) or 0),
            session.scalar(select(func.count()).select_from(ProcessorOrder).where(ProcessorOrder.kind == "refund")),
            session.scalar(select(func.count()).select_from(InvoiceEvent).where(
                InvoiceEvent.kind.in_(("refunded", "forgiven", "voided")))),
            session.scalar(select(func.count()).select_from(Payment).where(Payment.amount_cents < 0)),
        )  # fmt: skip


def test_no_path_gives_money_back_without_the_right(clinic, stripe_till):
    by, owner = cashier(clinic), clinic.operator
    paid = checkout.open_ticket(visit(clinic)[0], by=owner)
    sale = take_payment([paid], 16_300, CARD, by=by)
    stripe_till.paid(2_000)
    with read(clinic.id) as session:
        online = session.scalars(select(Payment).where(Payment.processor == "stripe")).one()
        online_invoice = session.scalars(select(PaymentRequest.invoice_id)).one()
        lines = checkout_lines(session, paid)
    open_ticket, client = visit(clinic, name="Pebble")
    open_ticket = checkout.open_ticket(open_ticket, by=owner)
    over = take_payment([open_ticket], 20_000, CASH, keep_rest=True, tendered_cents=20_000, by=by)
    assert over.credit_cents
    day = PaperDay(clinic)
    seen = day.visit("Luna", stage="checked_out")
    day.ticket(seen, 8_500)
    slip = slips.key_slip(
        slips.NewSlip(serial_of(clinic, day.sheet("card-slip")), 1, 8_500, day.began + timedelta(hours=1), "4242",
                      "visa", "A1B2C3", appointment_id=seen), by=by,
    ).slip_id  # fmt: skip
    before = given_back(clinic)
    assert before == (0, 0, 0, 0, 0)
    back = [Back(sale.payment_id, 100, CASH)]
    for attack in (
        lambda: payments.refund(paid, 100, CASH, "why", by=by),
        lambda: payments.refund(paid, 100, CASH, "why", payment_id=sale.payment_id, by=by),
        lambda: payments.void_payment(sale.payment_id, "why", by=by),
        lambda: returns.give_back(paid, back, "why", by=by),
        lambda: returns.give_back(paid, [], "why", line_ids=[lines[0]], by=by),
        lambda: returns.refund_credit(client, 100, CASH, "why", by=by),
        lambda: invoices.void_invoice(open_ticket, "why", by=by),
        lambda: invoices.forgive(open_ticket, "why", by=by),
        lambda: orders.refund_at_processor(online.id, 100, "why", by=by),
        lambda: orders.give_back(online_invoice, [], [(online.id, 100)], "why", by=by),
        lambda: orders.can_refund(online.id, by=by),
        lambda: slips.take_back(slip, "why", by=by),
        lambda: checkout.remove_line(lines[0], by=by),
        lambda: checkout.change_line(lines[0], quantity=500, by=by),
        lambda: checkout.change_line(lines[0], discount_cents=100, discount_reason="why", by=by),
        lambda: packages.give_discount(paid, "staff", by=by),
    ):
        with pytest.raises((NotPermitted, Refusal)) as refusal:
            attack()
            pytest.fail(f"{attack} went through")
        if not isinstance(refusal.value, NotPermitted):
            assert given_back(clinic) == before, refusal.value
    for cents in (-100, 0):
        for attack in (
            lambda cents=cents: take_payment([open_ticket], cents, CASH, by=by),
            lambda cents=cents: take_payment([open_ticket], cents, CASH, keep_rest=True, by=by),
            lambda cents=cents: take_payment([open_ticket], cents, CARD, parts=[cents], by=by),
            lambda cents=cents: take_split(
                [open_ticket], [Given(CASH, 500), Given(CARD, cents)], keep_rest=True, by=by
            ),
            lambda cents=cents: payments.receive_payment(online_invoice, cents, CARD, by=by),
            lambda cents=cents: requests.paid(_request(clinic), cents, by=by) and 1 / 0,
            lambda cents=cents: returns.use_credit(open_ticket, cents, by=by),
            lambda cents=cents: requests.request_payment(open_ticket, cents, by=by),
        ):
            with contextlib.suppress(Refusal, ZeroDivisionError):
                attack()
                pytest.fail("went through")
    for rows in (
        "reference,amount,taken_at,tender,invoice\nN1,-5.00,2026-01-02T10:00:00Z,cash,{n}\n",
        "reference,kind,amount,taken_at,tender,invoice\nN2,refund,5.00,2026-01-02T10:00:00Z,cash,{n}\n",
        "reference,kind,amount,taken_at,tender,invoice\nN3,void,-5.00,2026-01-02T10:00:00Z,cash,{n}\n",
        "reference,kind,amount,taken_at,tender,invoice\nN4,sale,-5.00,2026-01-02T10:00:00Z,cash,{n}\n",
        "reference,kind,amount,taken_at,tender,invoice\n{p},refund,-163.00,2026-01-02T10:00:00Z,card,{n}\n",
    ):
        with pytest.raises(ImportRefused):
            import_file(rows.format(n=1, p=sale.reference).encode(), "payments", by=by)
    assert given_back(clinic) == before


def checkout_lines(session, invoice_id):
    from billing.lines import standing_lines

    return [line.id for line in standing_lines(session, invoice_id)]


def _request(clinic):
    with read(clinic.id) as session:
        return session.scalars(select(PaymentRequest.id)).first()


@pytest.mark.slow
def test_no_rule_of_money_called_with_whatever_there_is_gives_any_back(sqlite_clinic):
    """Every public rule of billing and every listed one, with real ids and stand-ins for the rest."""
    kept = everything.record(sqlite_clinic, "Typed", stage="ready")
    by, before, called = cashier(sqlite_clinic), given_back(sqlite_clinic), 0
    ids = {name: getattr(kept, name) for name in kept.__dataclass_fields__}
    values = ids | {"by": by, "reason": "a reason", "tender": CASH, "cents": 1_000, "amount_cents": 1_000,
                    "signed_as": "Olive Owens", "given": [Given(CASH, -1_000)],
                    "backs": [Back(kept.payment_id, 1_000, CASH)],
                    "invoice_ids": [kept.invoice_id], "code": "staff", "because": "a reason"}  # fmt: skip
    for rule in table.rules():
        if "rehearsal" in rule.module or not (rule.module.startswith("billing.") or rule.title in RULES):
            continue
        function = getattr(importlib.import_module(rule.module), rule.name)
        plain, named = arguments(function, values)
        called += 1
        with contextlib.suppress(Exception):
            function(*plain, **named)
        assert given_back(sqlite_clinic) == before, rule.title
    assert called > 80
