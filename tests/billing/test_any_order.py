"""Random days at the counter, with packages, splits, credit and merged clients: nothing is lost or doubled."""

import contextlib
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from billing import checkout, invoices, packages, payments, rebuild, returns, tickets
from billing.payments import Given, Tender, take_payment, take_split
from billing.settings import TAX, TAX_RULES, Tax, TaxRules
from data import definitions
from data.errors import Refusal
from data.models import Client, Payment, PaymentAllocation
from data.session import read, write
from data.types import clock
from records.merging import merge
from records.standing import standings
from tests.billing.visits import pot, visit

CARD, CASH = Tender("card", last4="4242", authorization="OK1"), Tender("cash")
CODES = ("rabies", "e-collar", "pain-meds", "dog-spay", "flea-treatment", "dhpp")


class Counter:
    """Two clients with three tickets, and what people do with them."""

    def __init__(self, clinic, seed):
        self.clinic, self.by, self.any = clinic, clinic.operator, random.Random(seed)
        first, self.goes = visit(clinic)
        second, _ = visit(clinic, client_id=self.goes, name="Pebble", services=("rabies",), stage="in_surgery")
        third, self.stays = visit(clinic, name="Moss", services=("rabies", "e-collar"))
        self.tickets = [checkout.open_ticket(one, by=self.by) for one in (first, second, third)]
        self.merged = False

    @property
    def ticket(self):
        return self.any.choice(self.tickets)

    @property
    def cents(self):
        return self.any.choice([1, 99, 1_000, 1_800, 5_000, 20_000])

    def line(self, ticket):
        lines = tickets.ticket(ticket, by=self.by).lines
        return self.any.choice(lines).id if lines else "gone"

    def sale(self, ticket):
        sales = returns.returnable(ticket, by=self.by)
        return self.any.choice(sales) if sales else None

    def add(self):
        checkout.add_line(self.ticket, self.any.choice(CODES), quantity=self.cents, by=self.by)

    def remove(self):
        checkout.remove_line(self.line(self.ticket), by=self.by)

    def quantity(self):
        checkout.change_line(self.line(self.ticket), quantity=self.cents, by=self.by)

    def discount(self):
        checkout.change_line(self.line(self.ticket), discount_cents=self.cents, by=self.by)

    def fund(self):
        checkout.apply_fund(self.line(self.ticket), self.any.choice(["grant", None]), by=self.by)

    def package(self):
        packages.add_package(self.ticket, "dog-vaccines", by=self.by)

    def apart(self):
        ticket = tickets.ticket(self.ticket, by=self.by)
        ids = [line.package_id for line in ticket.lines if line.package_id]
        packages.take_apart(ids[0] if ids else "gone", keep=self.any.random() < 0.5, by=self.by)

    def of_the_list(self):
        packages.give_discount(self.ticket, self.any.choice(["hardship", "rescue-partner"]), by=self.by)

    def off_again(self):
        packages.take_discount_off(self.ticket, self.any.choice(["hardship", "rescue-partner"]), by=self.by)

    def pay(self):
        take_payment([self.ticket], self.cents, CARD, keep_rest=self.any.random() < 0.3, by=self.by)

    def pay_all(self):
        ticket = self.ticket
        take_payment([ticket], tickets.ticket(ticket, by=self.by).standing.balance, CASH, by=self.by)

    def split(self):
        given = [Given(CASH, self.cents, 50_000), Given(CARD, self.cents)]
        take_split([self.ticket, self.ticket], given, keep_rest=self.any.random() < 0.3, by=self.by)

    def parts(self):
        one, two = self.any.sample(self.tickets, 2)
        cents = [self.cents, self.cents]
        take_payment([one, two], sum(cents), CARD, parts=cents, by=self.by)

    def refund(self):
        payments.refund(self.ticket, self.cents, self.any.choice([CARD, CASH]), "changed", by=self.by)

    def by_lines(self):
        ticket = self.ticket
        sale = self.sale(ticket)
        backs = [returns.Back(sale.payment_id, min(self.cents, sale.left_cents), sale.tender)] if sale else []
        returns.give_back(ticket, backs, "wrong", line_ids=[self.line(ticket)], by=self.by)

    def unpay(self):
        sale = self.sale(self.ticket)
        payments.void_payment(sale.payment_id if sale else "gone", "mistake", by=self.by)

    def use_credit(self):
        returns.use_credit(self.ticket, self.cents, by=self.by)

    def credit_back(self):
        client = self.any.choice([self.stays, self.stays if self.merged else self.goes])
        returns.refund_credit(client, self.cents, CASH, "asked for it", by=self.by)

    def forgive(self):
        invoices.forgive(self.ticket, "goodwill", by=self.by)

    def void(self):
        invoices.void_invoice(self.ticket, "mistake", by=self.by)

    def home(self):
        checkout.complete_checkout([self.ticket], open_because="later", by=self.by)

    def merge(self):
        if self.merged:
            return
        with read(self.clinic.id) as session:
            versions = tuple(session.get_one(Client, (self.clinic.id, one)).version for one in (self.stays, self.goes))
        merge(self.stays, self.goes, versions=versions, by=self.by)
        self.merged = True

    def check_rows(self):
        """Rebuilt from the rows all is the same."""
        assert rebuild.check(by=self.by) == []

    def check_cents(self):
        """Every cent that moved is on an invoice or the client's credit."""
        with read(self.clinic.id) as session:
            moved = session.scalar(select(func.sum(Payment.amount_cents)).where(Payment.client_id.in_(self.clients)))
            held = session.scalar(
                select(func.sum(PaymentAllocation.amount_cents)).where(PaymentAllocation.invoice_id.in_(self.tickets))
            )
            sources = []
            for client in {self.stays} if self.merged else {self.stays, self.goes}:
                sources += returns.credit_sources(session, client)
            over = sum(one.overpaid for one in standings(session, self.tickets).values())
        rest = sum(source.cents for source in sources if source.invoice_id is None)
        assert int(moved or 0) == int(held or 0) + rest
        assert over == sum(source.cents for source in sources if source.invoice_id is not None)

    @property
    def clients(self):
        return [self.stays, self.goes]


DEEDS = [name for name, what in vars(Counter).items() if callable(what) and name not in
         ("__init__", "check_rows", "check_cents", "line", "sale")]  # fmt: skip


@pytest.mark.parametrize("rounding", [pytest.param("line", marks=pytest.mark.slow), "invoice"])
def test_whatever_is_done_every_total_is_the_sum_of_its_rows_and_no_cent_is_lost(clinic, rounding):
    pot(clinic, filled=20_000)
    with write(clinic.id) as session:
        definitions.save(session, TAX, "sales", Tax(label="Tax", rate_millionths=82_500), by_user_id=None)
        definitions.save(session, TAX_RULES, "rules", TaxRules(rounding=rounding), by_user_id=None)
    done = set()

    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**32))
    def run(seed):
        counter = Counter(clinic, seed)
        for _ in range(25):
            deed = counter.any.choice(DEEDS)
            with contextlib.suppress(Refusal):
                getattr(counter, deed)()
                done.add(deed)
                counter.check_cents()
        counter.check_rows()

    run()
    assert len(done) > len(DEEDS) // 3, "a good part of it was possible at some time"


def test_a_fault_in_the_books_is_found(clinic):
    ticket = checkout.open_ticket(visit(clinic)[0], by=clinic.operator)
    taken = take_payment([ticket], 1_000, CASH, by=clinic.operator)
    assert rebuild.check(by=clinic.operator) == []
    with write(clinic.id) as session:
        extra = PaymentAllocation(payment_id=taken.payment_id, invoice_id=ticket, amount_cents=5, event_at=clock.now())
        session.add(extra)
    (fault,) = rebuild.check(by=clinic.operator)
    assert (fault.what, fault.row_id) == ("a payment pays more than it is", taken.payment_id)
