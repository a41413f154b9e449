"""Whatever people do at the counter, and in whatever order, the books keep their sums."""

import contextlib
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from appointments.funding import fund_balance
from billing import checkout, invoices, ledger, payments, tickets, today
from billing.payments import Tender, take_payment
from billing.settings import TAX, TAX_RULES, Tax, TaxRules
from data import definitions
from data.errors import Refusal
from data.models import FundEntry, Invoice, InvoiceEvent, InvoiceLine, Payment, PaymentAllocation
from data.session import read, write
from records.standing import standing, standings
from tests.billing.visits import pot, visit
from tests.billing.visits import today as clinic_day

steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "add",
                "remove",
                "quantity",
                "discount",
                "fund",
                "unfund",
                "pay",
                "refund",
                "unpay",
                "forgive",
                "void",
                "home",
            ]
        ),
        st.integers(0, 40_000),
        st.integers(0, 7),
    ),
    min_size=4,
    max_size=14,
)
CODES = ("rabies", "e-collar", "pain-meds", "dog-spay", "ear-tip", "flea-treatment", "microchip", "nail-trim")
CARD = Tender("card", last4="4242", authorization="OK1")


def do(step, invoice_id, by):
    """One thing a person tries; what the rules refuse is refused."""
    kind, cents, pick = step
    ticket = tickets.ticket(invoice_id, by=by)
    line = ticket.lines[pick % len(ticket.lines)] if ticket.lines else None
    sales = [one for one in ticket.payments if one.kind == "sale" and not one.is_voided]
    if kind == "add":
        checkout.add_line(invoice_id, CODES[pick], quantity=1000 + cents, by=by)
    elif kind == "pay":
        take_payment([invoice_id], 1 + cents, CARD, by=by)
    elif kind == "refund":
        payments.refund(invoice_id, 1 + cents, CARD, "changed", by=by)
    elif kind == "unpay" and sales:
        payments.void_payment(sales[pick % len(sales)].id, "mistake", by=by)
    elif kind == "forgive":
        invoices.forgive(invoice_id, "goodwill", by=by)
    elif kind == "void" and pick == 0:
        invoices.void_invoice(invoice_id, "mistake", by=by)
    elif kind == "home":
        checkout.complete_checkout([invoice_id], open_because="later", by=by)
    elif line is not None:
        change_a_line(kind, line, cents, by)


def change_a_line(kind, line, cents, by):
    if kind == "remove":
        checkout.remove_line(line.id, by=by)
    elif kind == "quantity":
        checkout.change_line(line.id, quantity=1 + cents, by=by)
    elif kind == "discount":
        checkout.change_line(line.id, discount_cents=cents, discount_reason="partner", by=by)
    elif kind in ("fund", "unfund"):
        checkout.apply_fund(line.id, "grant" if kind == "fund" else None, by=by)


def check_books(clinic, invoice_id, rounding):
    shown = tickets.ticket(invoice_id, by=clinic.operator)
    with read(clinic.id) as session:
        lines = session.scalars(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice_id)).all()
        events = session.scalars(
            select(InvoiceEvent)
            .where(InvoiceEvent.invoice_id == invoice_id)
            .order_by(InvoiceEvent.entered_at, InvoiceEvent.id)
        ).all()
        parts = session.execute(
            select(Payment.kind, PaymentAllocation.amount_cents)
            .join(Payment, Payment.id == PaymentAllocation.payment_id)
            .where(PaymentAllocation.invoice_id == invoice_id)
        ).all()
        used = session.scalars(select(FundEntry).where(FundEntry.kind != "received")).all()
    with read(clinic.id) as session:
        assert ledger.open_ids(session) == ledger._unbalanced(session), "brought up to date as if added up anew"
    told = standing(
        [(line.net_cents, line.tax_cents) for line in lines],
        [(event.kind, event.amount_cents) for event in events],
        [tuple(part) for part in parts],
    )
    assert told == shown.standing
    assert sum(line.net_cents + line.tax_cents for line in lines) == shown.standing.total
    assert sum(line.net_cents for line in shown.lines) == told.net
    if rounding == "line":
        assert sum(line.tax_cents for line in shown.lines) == told.tax
    assert all(line.net_cents >= 0 for line in shown.lines)
    owed = told.total - told.paid - told.forgiven
    if told.document != "void":
        assert told.balance - told.overpaid == owed
    funded = sum(1 for line in shown.lines if line.fund and told.document != "void")
    held = {"pending": 1, "released": -1, "used": 1}
    assert sum(held[entry.kind] * entry.amount_cents for entry in used) == funded * 6_500


def close_the_day(clinic, fund_id):
    """The owner's numbers against all rows of the clinic, and the pot never below nothing."""
    with read(clinic.id) as session:
        every = session.scalars(select(Invoice.id)).all()
        stands = standings(session, every)
        lines = session.scalars(select(InvoiceLine)).all()
        paid = session.scalars(select(Payment)).all()
        left, _ = fund_balance(session, fund_id)
    billed = {key for key, value in stands.items() if value.document in ("open", "forgiven")}
    found = today.money_today(clinic_day(), by=clinic.operator)
    assert found.received_today == sum(one.amount_cents for one in paid)
    assert found.month.now == sum(line.net_cents for line in lines if line.invoice_id in billed)
    assert found.outstanding == sum(stands[key].balance for key in billed)
    charged = sum(line.net_cents + line.tax_cents for line in lines if line.invoice_id in billed)
    settled = sum(stands[key].paid + stands[key].forgiven for key in billed)
    assert charged - settled == sum(stands[key].balance - stands[key].overpaid for key in billed)
    assert left >= 0


@pytest.mark.parametrize("rounding", [pytest.param("line", marks=pytest.mark.slow), "invoice"])
def test_any_sequence_of_operations_keeps_lines_totals_payments_and_pots_equal(clinic, rounding):
    fund_id = pot(clinic, filled=20_000)
    with write(clinic.id) as session:
        definitions.save(session, TAX, "sales", Tax(label="Tax", rate_millionths=82_500), by_user_id=None)
        definitions.save(session, TAX_RULES, "rules", TaxRules(rounding=rounding), by_user_id=None)

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def run(sequence):
        with write(clinic.id) as session:
            for entry in session.scalars(select(FundEntry).where(FundEntry.kind != "received")):
                entry.deleted_at = entry.event_at
        appointment_id, _ = visit(clinic)
        invoice_id = checkout.open_ticket(appointment_id, by=clinic.operator)
        for step in sequence:
            with contextlib.suppress(Refusal):
                do(step, invoice_id, clinic.operator)
            check_books(clinic, invoice_id, rounding)
        close_the_day(clinic, fund_id)

    run()


def test_no_two_invoices_or_payments_share_a_number(clinic):
    visits = [visit(clinic, services=("rabies",))[0] for _ in range(6)]
    failures = []

    def check_out(appointment_id):
        try:
            invoice_id = checkout.open_ticket(appointment_id, by=clinic.operator)
            take_payment([invoice_id], 1_800, CARD, by=clinic.operator)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=check_out, args=(one,)) for one in visits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with read(clinic.id) as session:
        numbers = sorted(session.scalars(select(Invoice.number)))
        references = sorted(session.scalars(select(Payment.reference)))
    assert numbers == list(range(numbers[0], numbers[0] + 6))
    assert references == [f"P-{number:06d}" for number in range(1, 7)]


def test_the_owners_revenue_is_what_the_lines_of_living_invoices_come_to(clinic):
    kept = checkout.open_ticket(visit(clinic)[0], by=clinic.operator)
    checkout.add_line(kept, "e-collar", by=clinic.operator)
    voided = checkout.open_ticket(visit(clinic)[0], by=clinic.operator)
    invoices.void_invoice(voided, "twice", by=clinic.operator)
    take_payment([kept], 10_000, CARD, by=clinic.operator)
    found = today.money_today(clinic_day(), by=clinic.actor("olive"))
    assert found.today.now == 14_500 + 1_800 + 1_200
    assert found.month.now == found.today.now
    assert found.received_today == 10_000
    assert (found.outstanding, found.outstanding_count) == (17_584 - 10_000, 1)
    rows, count, cents = today.open_tickets(clinic_day(), by=clinic.actor("mona"))
    assert (count, cents, rows[0].invoice_id) == (1, 7_584, kept)


def test_a_forgiven_invoice_paid_after_all_leaves_no_forgiveness_behind(clinic):
    invoice_id = checkout.open_ticket(visit(clinic)[0], by=clinic.operator)
    invoices.forgive(invoice_id, "goodwill", by=clinic.operator)
    take_payment([invoice_id], 300, CARD, by=clinic.operator)
    with read(clinic.id) as session:
        amounts = session.scalars(select(InvoiceEvent.amount_cents).where(InvoiceEvent.kind == "forgiven")).all()
    assert sum(amounts) == 0
    assert tickets.ticket(invoice_id, by=clinic.operator).standing.balance == 16_000
