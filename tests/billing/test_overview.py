"""The owner's money at a glance: sums to the cent, and what each day is called."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from billing.overview import overview, working_days_after
from billing.processors.settings import PROCESSOR, Processor
from data import definitions
from data.errors import NotPermitted
from data.models import BooksPeriod
from data.session import write
from data.types import clock
from tests.reports.small_clinic import Small
from tests.reports.test_settlements import add, case, link, match
from tests.settlement.books import DAY, Books

LAST = DAY + timedelta(days=6)


def ask(clinic, first=DAY, last=LAST, who=None):
    by = clinic.operator if who is None else clinic.actor(who)
    return overview(first, last, DAY - timedelta(days=7), LAST, by=by)


@pytest.fixture
def books(clinic):
    with write(clinic.id) as session:
        mx = Processor(label="MX at the desk", type="mx", deposit_days=1)
        definitions.save(session, PROCESSOR, "mx", mx, by_user_id=None)
        whole = Processor(label="Old terminal", type="terminal", fees="monthly")
        definitions.save(session, PROCESSOR, "term", whole, by_user_id=None)
    return Books(clinic)


def state(found, away):
    return next(one for one in found.days if one.day == DAY + timedelta(days=away)).state


def test_each_day_is_called_by_the_worst_of_it(clinic, books):
    done = books.batch(settled_on=DAY)
    paid = books.pay(12_500)
    match(clinic, paid, books.settle(paid, batch_id=done, fee_cents=300))
    assert state(ask(clinic), 0) == "waits", "its batch is not in the bank"
    link(clinic, books.line(12_200, DAY + timedelta(days=1)), done, 12_200, 300)
    books.pay(5_000, day=DAY + timedelta(days=1))
    asked = books.pay(7_000, day=DAY + timedelta(days=2))
    match(clinic, asked, books.settle(asked), state="proposed")
    case(clinic, "missing_in_ledger", -4_000, day=DAY + timedelta(days=3))
    last_week = DAY - timedelta(days=7)
    closed_by = clinic.actor("mona").user_id
    add(clinic, BooksPeriod, first=last_week, last=last_week, closed_by_id=closed_by, closed_at=clock.now())
    books.pay(100, day=last_week)
    found = ask(clinic)
    assert [state(found, away) for away in (-7, -6, 0, 1, 2, 3, 4)] == [
        "closed", "", "reconciled", "waits", "waits", "differs", "",
    ]  # fmt: skip
    assert (found.cases, found.unexplained, found.fees, found.charged) == (1, -4_000, 300, 12_500)
    assert len(found.days) == 14


def test_what_is_still_to_reach_the_bank_counts_working_days_and_keeps_fees_where_they_are_kept(clinic, books):
    friday = date(2026, 3, 6)
    net = books.batch(settled_on=friday, gross_cents=10_000, fee_cents=260, net_cents=9_740, number="12")
    books.batch(settled_on=friday, processor="term", gross_cents=5_000, fee_cents=130, number="7")
    found = ask(clinic).expected
    assert [(one.processor, one.number, one.due, one.cents) for one in found] == [
        ("MX at the desk", "12", date(2026, 3, 9), 9_740), ("Old terminal", "7", date(2026, 3, 10), 5_000),
    ]  # fmt: skip
    link(clinic, books.line(9_740, date(2026, 3, 9)), net, 9_740, 260)
    assert [one.processor for one in ask(clinic).expected] == ["Old terminal"]
    assert working_days_after(friday, 0) == friday and working_days_after(date(2026, 3, 7), 0) == date(2026, 3, 9)


def test_revenue_receipts_and_debts_are_those_of_the_other_pages(clinic):
    small = Small(clinic)
    client = small.client()
    old, new = small.invoice(client, "2026-01-15"), small.invoice(client, "2026-03-02")
    for invoice, day, cents in ((old, "2026-01-15", 9_000), (new, "2026-03-02", 4_000)):
        small.line(invoice, day, cents)
        small.event(invoice, "opened", day, cents)
    small.pay(client, "2026-03-03", 1_500, invoice=new)
    small.pay(client, "2026-03-04", -500, kind="refund", invoice=new)
    found = ask(clinic)
    assert (found.revenue, found.revenue_before, found.received, found.refunded) == (4_000, None, 1_000, 500)
    assert found.owed == (4_000, 8_000, 0, 0) and not found.has_settlements and found.expected == ()


def test_money_at_a_glance_is_for_those_who_see_money_in_reports(clinic):
    with pytest.raises(NotPermitted):
        ask(clinic, who="sam")
