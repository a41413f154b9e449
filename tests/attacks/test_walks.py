"""Visits booked, paid, called off, taken back and charged in any order: the pots and the tickets always add up."""

import contextlib
import random

import pytest
from sqlalchemy import select

from appointments import booking, flow
from appointments.booking import Details
from appointments.funding import fund_balance
from appointments.roster import owed_by
from billing import checkout, history, invoices, ledger, payments, tickets
from billing.payments import Tender
from data.errors import BadInput, Refusal
from data.models import Appointment, FundEntry, Invoice, InvoiceLine
from data.session import read
from records.standing import standings
from tests.appointments.conftest import Desk
from tests.billing.visits import pot, today

CASH, DEDUCTION, SERVICES = Tender("cash"), 6_500, ("dog-spay", "rabies")
STAGES = ("checked_in", "examined", "in_surgery", "recovering", "ready", "cancelled", "no_show", "booked")


class Walk:
    """One clinic with a pot for two visits, and somebody who presses every button there is."""

    def __init__(self, clinic, seed):
        self.by, self.clinic, self.any = clinic.operator, clinic, random.Random(seed)
        self.desk, self.fund = Desk(clinic), pot(clinic, filled=2 * DEDUCTION)
        self.visits, self.tickets, self.paid, self.trail = [], [], [], []

    def step(self):
        name = self.any.choice([name for name in dir(self) if name.startswith("do_")])
        with contextlib.suppress(Refusal, BadInput, IndexError, ValueError):
            getattr(self, name)()
            self.trail.append(name)

    def visit(self):
        row = self.desk.row(self.any.choice(self.visits))
        return row.id, row

    def ticket(self):
        return self.any.choice(self.tickets)

    def line(self):
        with read(self.clinic.id) as session:
            return self.any.choice(checkout.standing_lines(session, self.ticket())).id

    def do_book(self):
        patient = self.desk.patient(f"Nr {len(self.visits)}", species="dog")
        facts = {"services": SERVICES, "day": today(), "overbook": True, "by": self.by}
        self.visits.append(self.desk.book(patient, funding=self.any.choice(["grant", ""]), **facts))

    def do_open(self):
        self.tickets.append(checkout.open_ticket(self.visit()[0], by=self.by))

    def do_pay(self):
        cents = self.any.choice([100, 500, 2_000])
        self.paid.append(payments.take_payment([self.ticket()], cents, CASH, by=self.by).payment_id)

    def do_pay_all(self):
        ticket = self.ticket()
        due = tickets.ticket(ticket, by=self.by).standing.balance
        self.paid.append(payments.take_payment([ticket], due, CASH, by=self.by).payment_id)

    def do_cancel(self):
        visit, row = self.visit()
        booking.cancel(visit, "ill", version=row.version, keep_deposit=True, by=self.by)

    def do_miss(self):
        visit, row = self.visit()
        booking.mark_no_show(visit, version=row.version, by=self.by)

    def do_restore(self):
        visit, row = self.visit()
        booking.restore(visit, version=row.version, overbook=True, by=self.by)

    def do_fund(self):
        visit, row = self.visit()
        details = Details(services=SERVICES, funding=self.any.choice(["grant", ""]))
        booking.change(visit, details, version=row.version, by=self.by)

    def do_advance(self):
        visit, row = self.visit()
        flow.advance(visit, row.stage, self.any.choice(STAGES), by=self.by)

    def do_take_back(self):
        visit, row = self.visit()
        flow.take_back(visit, row.stage, by=self.by)

    def do_complete(self):
        checkout.complete_checkout([self.ticket()], open_because=self.any.choice(["", "later"]), by=self.by)

    def do_change_line(self):
        checkout.change_line(self.line(), quantity=self.any.choice([1_000, 2_000]), by=self.by)

    def do_remove_line(self):
        checkout.remove_line(self.line(), by=self.by)

    def do_apply(self):
        checkout.apply_fund(self.line(), self.any.choice(["grant", None]), by=self.by)

    def do_void(self):
        invoices.void_invoice(self.ticket(), "x", by=self.by)

    def do_forgive(self):
        invoices.forgive(self.ticket(), "x", by=self.by)

    def do_refund(self):
        payments.refund(self.ticket(), self.any.choice([100, 500]), CASH, "x", by=self.by)

    def do_void_payment(self):
        payments.void_payment(self.any.choice(self.paid), "x", by=self.by)

    def check(self):
        with read(self.clinic.id) as session:
            assert fund_balance(session, self.fund)[0] >= 0, self.trail
            held, used = {}, {}
            for entry in session.scalars(select(FundEntry).where(FundEntry.appointment_id.is_not(None))):
                sign = {"pending": 1, "released": -1}.get(entry.kind, 0)
                held[entry.appointment_id] = held.get(entry.appointment_id, 0) + sign * entry.amount_cents
                used[entry.invoice_line_id] = used.get(entry.invoice_line_id, 0) + (
                    entry.amount_cents if entry.kind == "used" else 0
                )
            for visit in session.scalars(select(Appointment)):
                assert held.get(visit.id, 0) >= 0, self.trail
                assert visit.stage not in ("cancelled", "no_show") or not held.get(visit.id), self.trail
            for invoice in session.scalars(select(Invoice)):
                self.check_invoice(session, invoice, used)

    def check_invoice(self, session, invoice, used):
        stands = standings(session, [invoice.id])[invoice.id]
        lines = session.scalars(select(InvoiceLine.id).where(InvoiceLine.invoice_id == invoice.id))
        taken = sum(used.get(line, 0) for line in lines)
        granted = sum(1 for line in checkout.standing_lines(session, invoice.id) if line.fund_id)
        assert taken == (DEDUCTION * granted if stands.document in ("open", "forgiven") else 0), self.trail
        assert stands.paid >= 0 and (stands.document != "void" or not stands.paid), self.trail
        assert ledger.open_ids(session) == ledger._unbalanced(session), self.trail
        owed = owed_by(session, [invoice.client_id]).get(invoice.client_id, 0)
        assert owed == history.of_client(invoice.client_id, by=self.by).open_cents, self.trail


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_pressed_in_whatever_order_pots_and_tickets_add_up(sqlite_clinic, seed):
    walk = Walk(sqlite_clinic, seed)
    walk.do_book()
    walk.do_book()
    for _ in range(60):
        walk.step()
        walk.check()
