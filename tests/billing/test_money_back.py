"""Money given back: of the payment it came by, once, by those who may, and whenever the power goes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from billing import checkout, invoices, packages, payments, rebuild, returns, tickets
from billing import importers as _importers  # noqa: F401 - registers what can be imported
from billing.payments import Given, PartGivenBack, PartsDiffer, Tender, TooMuch, TooMuchBack, take_payment, take_split
from billing.returns import Back, NoCredit
from data.card_numbers import CardNumberTyped
from data.errors import NotPermitted
from data.models import Client, Payment, PaymentAllocation
from data.session import read
from records.imports import ImportRefused, import_file
from records.merging import merge
from tests.billing.visits import visit

ROOT = Path(__file__).parents[2]
CARD = Tender("card", last4="4242", brand="Visa", authorization="A1B2C3")
CASH = Tender("cash")


def ticket_of(clinic, **about):
    return checkout.open_ticket(visit(clinic, **about)[0], by=clinic.operator)


def seen(clinic, ticket):
    return tickets.ticket(ticket, by=clinic.operator)


def test_cash_and_card_are_taken_in_one_go_or_not_at_all(clinic):
    """16,300 due: 6,300 in cash out of 70.00, the rest by card."""
    ticket, sam = ticket_of(clinic), clinic.actor("sam")
    given = [Given(CASH, 6_300, 7_000), Given(CARD, 10_000)]
    with pytest.raises(TooMuch):
        take_split([ticket], [given[0], Given(CARD, 10_001)], by=sam)
    with pytest.raises(payments.DetailMissing):
        take_split([ticket], [given[0], Given(Tender("card"), 10_000)], by=sam)
    assert seen(clinic, ticket).payments == []
    cash, card = take_split([ticket], given, by=sam, key="split")
    assert (cash.change_cents, card.amount_cents) == (700, 10_000)
    assert take_split([ticket], given, by=sam, key="split") == [cash, card]
    shown = seen(clinic, ticket)
    assert (shown.standing.payment, [one.tender for one in shown.payments]) == ("paid", ["cash", "card"])


def test_one_payment_is_spread_over_a_clients_tickets_as_people_say(clinic):
    first, client = visit(clinic)
    second, _ = visit(clinic, client_id=client, name="Pebble", services=("rabies",))
    one, two = (checkout.open_ticket(visit_id, by=clinic.operator) for visit_id in (first, second))
    for wrong in ([1_000, 500], [2_000, 0, 0], [200, 1_801]):
        with pytest.raises((PartsDiffer, TooMuch, payments.BadInput)):
            take_payment([one, two], 2_000, CARD, parts=wrong, by=clinic.operator)
    take_payment([one, two], 2_000, CARD, parts=[300, 1_700], by=clinic.operator)
    assert [seen(clinic, ticket).standing.paid for ticket in (one, two)] == [300, 1_700]


def test_what_is_paid_over_is_credit_that_pays_the_next_ticket_or_goes_back(clinic):
    first, client = visit(clinic, services=("rabies",))
    ticket, sam, mona = checkout.open_ticket(first, by=clinic.operator), clinic.actor("sam"), clinic.actor("mona")
    taken = take_payment([ticket], 5_000, Tender("check", check_number="7"), keep_rest=True, by=sam)
    assert (taken.credit_cents, returns.credit(client, by=sam)) == (3_200, 3_200)
    other = checkout.open_ticket(visit(clinic, client_id=client, services=("rabies",))[0], by=sam)
    with pytest.raises(NoCredit):
        big = checkout.open_ticket(visit(clinic, client_id=client)[0], by=sam)
        returns.use_credit(big, 3_201, by=sam)
    assert returns.use_credit(other, 1_800, by=sam, key="once") == 1_400
    assert returns.use_credit(other, 1_800, by=sam, key="once") == 1_400
    assert seen(clinic, other).standing.payment == "paid"
    with pytest.raises(NotPermitted):
        returns.refund_credit(client, 1_400, CASH, "asked", by=sam)
    with pytest.raises(TooMuchBack):
        returns.refund_credit(client, 1_401, CASH, "asked", by=mona)
    returns.refund_credit(client, 1_400, CASH, "asked", by=mona)
    assert returns.credit(client, by=sam) == 0
    with pytest.raises(PartGivenBack):
        payments.void_payment(taken.payment_id, "bounced", by=mona)
    assert rebuild.check(by=clinic.operator) == []


def test_a_line_taken_off_a_paid_invoice_leaves_credit_for_another(clinic):
    first, client = visit(clinic, services=("rabies", "e-collar"))
    ticket, mona = checkout.open_ticket(first, by=clinic.operator), clinic.actor("mona")
    take_payment([ticket], seen(clinic, ticket).standing.balance, CARD, by=mona)
    checkout.remove_line(seen(clinic, ticket).lines[1].id, by=mona)
    other = checkout.open_ticket(visit(clinic, client_id=client)[0], by=mona)
    assert returns.credit(client, by=mona) == 1_284
    returns.use_credit(other, 1_284, by=mona)
    assert (seen(clinic, ticket).standing.overpaid, seen(clinic, other).standing.paid) == (0, 1_284)
    assert rebuild.check(by=clinic.operator) == []


def test_a_refund_is_of_the_payment_it_came_by_and_never_more_than_that(clinic):
    ticket, mona = ticket_of(clinic), clinic.actor("mona")
    take_split([ticket], [Given(CASH, 6_300), Given(CARD, 10_000)], by=mona)
    card, cash = returns.returnable(ticket, by=mona)
    assert [(one.tender.kind, one.left_cents) for one in (card, cash)] == [("card", 10_000), ("cash", 6_300)]
    with pytest.raises(TooMuchBack):
        payments.refund(ticket, 6_301, CASH, "x", payment_id=cash.payment_id, by=mona)
    rabies = seen(clinic, ticket).lines[1]
    returns.give_back(
        ticket, [Back(cash.payment_id, 800, CASH), Back(card.payment_id, 1_000, CARD)], "not given",
        line_ids=[rabies.id], by=mona,
    )  # fmt: skip
    shown = seen(clinic, ticket).standing
    assert (shown.total, shown.paid, shown.balance, shown.overpaid) == (14_500, 14_500, 0, 0)
    payments.refund(ticket, 5_500, CASH, "goodwill", by=mona)
    assert [one.tender.kind for one in returns.returnable(ticket, by=mona)] == ["card"], "found by its tender"
    with pytest.raises(PartGivenBack):
        payments.void_payment(cash.payment_id, "again", by=mona)
    with read(clinic.id) as session:
        assert session.scalar(select(func.count(Payment.id)).where(Payment.reverses_id.is_(None))) == 2


def test_no_card_number_stands_in_any_field_of_money(clinic):
    ticket, number = ticket_of(clinic), "4242 4242 4242 4242"
    for tender in (
        Tender("card", last4=number, authorization="A1"), Tender("card", last4="4242", authorization=number),
        Tender("check", check_number=number), Tender("cash", notes=number), Tender("card", "4242", number, "A1"),
        Tender("echeck", authorization=number),
    ):  # fmt: skip
        with pytest.raises(CardNumberTyped):
            take_split([ticket], [Given(tender, 100)], by=clinic.operator)
    paid = take_payment([ticket], 100, CASH, by=clinic.operator)
    for attempt in (
        lambda: payments.refund(ticket, 100, CASH, number, by=clinic.operator),
        lambda: returns.give_back(ticket, [Back(paid.payment_id, 100, CASH)], number, by=clinic.operator),
        lambda: payments.void_payment(paid.payment_id, number, by=clinic.operator),
        lambda: invoices.forgive(ticket, number, by=clinic.operator),
        lambda: checkout.complete_checkout([ticket], open_because=number, by=clinic.operator),
        lambda: checkout.change_line(
            seen(clinic, ticket).lines[0].id, discount_cents=1, discount_reason=number, by=clinic.operator
        ),
    ):
        with pytest.raises(CardNumberTyped):
            attempt()


def test_without_the_right_to_refund_no_path_gives_money_back(clinic):
    """Sam is staff; the importer may import and nothing else of money."""
    first, client = visit(clinic, services=("rabies", "e-collar"))
    ticket, sam = checkout.open_ticket(first, by=clinic.operator), clinic.actor("sam")
    paid = take_payment([ticket], seen(clinic, ticket).standing.balance, CASH, by=sam)
    _, other_client = visit(clinic, name="Moss")
    shown = seen(clinic, ticket)
    package = packages.add_package(
        checkout.open_ticket(visit(clinic, client_id=client, services=())[0], by=sam), "dog-vaccines", by=sam
    )
    refused = {
        "refund": lambda: payments.refund(ticket, 100, CASH, "x", by=sam),
        "of a payment": lambda: payments.refund(ticket, 100, CASH, "x", payment_id=paid.payment_id, by=sam),
        "by lines": lambda: returns.give_back(
            ticket, [Back(paid.payment_id, 1, CASH)], "x", line_ids=[shown.lines[0].id], by=sam
        ),
        "of credit": lambda: returns.refund_credit(client, 1, CASH, "x", by=sam),
        "void": lambda: payments.void_payment(paid.payment_id, "x", by=sam),
        "void invoice": lambda: invoices.void_invoice(ticket, "x", by=sam),
        "forgive": lambda: invoices.forgive(ticket, "x", by=sam),
        "remove": lambda: checkout.remove_line(shown.lines[0].id, by=sam),
        "less of it": lambda: checkout.change_line(shown.lines[0].id, quantity=500, by=sam),
        "discount": lambda: checkout.change_line(shown.lines[0].id, discount_cents=1, by=sam),
        "the list's discount": lambda: packages.give_discount(ticket, "hardship", by=sam),
    }
    for path, attempt in refused.items():
        with pytest.raises(NotPermitted):
            attempt()
            pytest.fail(path)
    for cents in (-100, 0):
        with pytest.raises(payments.BadInput):
            take_payment([ticket], cents, CASH, keep_rest=True, by=sam)
        with pytest.raises(payments.BadInput):
            take_split([ticket], [Given(CASH, 500), Given(CARD, cents)], keep_rest=True, by=sam)
        with pytest.raises(payments.BadInput):
            returns.use_credit(ticket, cents, by=sam)
    packages.take_apart(package, keep=False, by=sam)  # nothing is paid on that one
    with read(clinic.id) as session:
        versions = tuple(session.get_one(Client, (clinic.id, one)).version for one in (other_client, client))
    merge(other_client, client, versions=versions, by=clinic.operator)
    with pytest.raises(NotPermitted):
        payments.refund(ticket, 100, CASH, "the other client's now", by=sam)
    with pytest.raises(NotPermitted):
        returns.refund_credit(other_client, 1, CASH, "x", by=sam)
    rows = b"reference,taken_at,amount,kind,tender,invoice\nX-1,2026-01-05 10:00,5.00,refund,cash,%d\n" % shown.number
    importer = replace(clinic.actor("adam"), within=frozenset({"data.import"}))
    with pytest.raises(ImportRefused) as file:
        import_file(rows, "payments", by=importer)
    assert "only by those who may refund" in str(file.value.facts)
    with read(clinic.id) as session:
        assert session.scalar(select(func.sum(Payment.amount_cents))) == paid.amount_cents


CHILD = """
import json, sys
from data.home import Home
from data.engine import Database, use
from security.actor import Actor
from billing import payments, returns
from billing.payments import Given, Tender
home, clinic, ticket, start = sys.argv[1:5]
use(Database(Home.locate(home) if home else Home.locate()))
by, cash, card = Actor.operator(clinic), Tender("cash"), Tender("card", last4="4242", authorization="A1")
for turn in range(int(start), 10_000):
    taken = payments.take_split([ticket], [Given(cash, 3), Given(card, 4)], by=by, key=f"take-{turn}")
    print(json.dumps(["took", turn, [one.reference for one in taken]]), flush=True)
    backs = [returns.Back(one.payment_id, one.amount_cents, t) for one, t in zip(taken, (cash, card))]
    given = returns.give_back(ticket, backs, "round", by=by, key=f"back-{turn}")
    print(json.dumps(["gave", turn, [one.reference for one in given]]), flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_a_payment_or_refund_is_there_once_and_whole_or_not_at_all(sqlite_clinic):
    clinic, ticket, told, any_ = sqlite_clinic, ticket_of(sqlite_clinic), {}, random.Random(5)
    for _ in range(5):
        start = max((turn for _, turn in told), default=0)
        command = [sys.executable, "-c", CHILD, str(clinic.home.path), clinic.id, ticket, str(start)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert child.stdout
        lines = [child.stdout.readline()]
        time.sleep(any_.random() * 0.4)
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.readlines()
        child.wait()
        for line in lines:
            if line.endswith("\n"):
                what, turn, references = json.loads(line)
                assert told.setdefault((what, turn), references) == references, "the same key, the same payments"
        assert rebuild.check(by=clinic.operator) == []
        with read(clinic.id) as session:
            sales = session.scalars(select(Payment).where(Payment.kind == "sale")).all()
            backs = session.scalars(select(Payment).where(Payment.kind == "refund")).all()
            held = session.scalar(select(func.sum(PaymentAllocation.amount_cents)))
        assert len(sales) % 2 == 0 and len(backs) % 2 == 0, "both ways of a split, or none"
        known = {reference for references in told.values() for reference in references}
        assert known <= {one.reference for one in (*sales, *backs)}
        assert len(sales) + len(backs) - len(known) in (0, 2), "at most one more than was told"
        assert held == sum(one.amount_cents for one in (*sales, *backs)) in (0, 7)
    assert len(told) > 5
