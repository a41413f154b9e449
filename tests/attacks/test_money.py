"""Somebody tries to get money out of the clinic's books twice: the same grant, the same ticket, another clinic's."""

import threading

import pytest
from sqlalchemy import func, select

from appointments import booking, flow
from appointments.funding import FundEmpty, fund_balance
from billing import checkout, payments, pots, tickets
from billing.payments import Tender, take_payment
from data.errors import NotFound, Refusal
from data.models import FundEntry, Payment
from data.session import read
from security.actor import Actor
from security.clinics import NewClinic, create_clinic
from tests.appointments.conftest import Desk
from tests.billing.visits import pot, today, visit

CARD = Tender("card", last4="4242", brand="Visa", authorization="A1B2C3")


def at_once(*acts):
    """Everything at the same moment; how many went through."""
    start, done = threading.Barrier(len(acts)), []

    def one(act):
        start.wait()
        try:
            act()
        except Refusal:
            return
        done.append(act)

    threads = [threading.Thread(target=one, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done)


def test_two_counters_cannot_take_the_same_money_twice(clinic):
    sam = clinic.actor("sam")
    ticket = checkout.open_ticket(visit(clinic)[0], by=sam)
    due = tickets.ticket(ticket, by=sam).standing.balance
    assert at_once(*[lambda: take_payment([ticket], due, CARD, by=sam) for _ in range(6)]) == 1
    assert at_once(*[lambda: payments.refund(ticket, due, CARD, "twice", by=clinic.operator) for _ in range(6)]) == 1
    with read(clinic.id) as session:
        assert session.scalar(select(func.sum(Payment.amount_cents))) == 0


def test_the_last_money_of_a_pot_goes_to_one_of_many_who_ask_at_once(clinic):
    desk, mona = Desk(clinic), clinic.actor("mona")
    fund = pot(clinic, filled=6_500)
    patients = [desk.patient(f"Client {number}") for number in range(5)]
    acts = [lambda one=one: desk.book(one, funding="grant", day=today(), overbook=True, by=mona) for one in patients]
    assert at_once(*acts) == 1
    with read(clinic.id) as session:
        assert fund_balance(session, fund) == (0, True)


def test_a_grant_let_go_and_given_to_another_pays_no_second_visit(clinic):
    """The first visit is off with a deposit on its ticket, its grant goes to the next, and then the patient comes."""
    desk, mona = Desk(clinic), clinic.actor("mona")
    fund = pot(clinic, filled=6_500)
    first = desk.book(desk.patient(species="dog"), funding="grant", services=("dog-spay",), day=today(), overbook=True,
                      by=mona)  # fmt: skip
    ticket = checkout.open_ticket(first, by=mona)
    take_payment([ticket], 1_000, CARD, by=mona)
    booking.cancel(first, "Ill", version=desk.row(first).version, keep_deposit=True, by=mona)
    second, _ = visit(clinic, funding="grant", services=("dog-spay",))
    checkout.complete_checkout([checkout.open_ticket(second, by=mona)], open_because="later", by=mona)
    flow.advance(first, "cancelled", "checked_in", by=mona)
    flow.advance(first, "checked_in", "ready", by=mona)
    with pytest.raises(FundEmpty):
        checkout.complete_checkout([ticket], open_because="later", by=mona)
    line = next(line for line in tickets.ticket(ticket, by=mona).lines if line.fund)
    checkout.apply_fund(line.id, None, by=mona)
    checkout.complete_checkout([ticket], open_because="later", by=mona)
    (left,) = pots.pots(by=mona)
    assert (left.received, left.used, left.promised, left.left) == (6_500, 6_500, 0, 0), fund


def test_a_visit_that_is_off_holds_no_grant_however_its_ticket_is_changed(clinic):
    desk, mona = Desk(clinic), clinic.actor("mona")
    pot(clinic)
    gone = desk.book(desk.patient(species="dog"), funding="grant", services=("dog-spay",), by=mona)
    early = checkout.open_ticket(gone, by=mona)
    take_payment([early], 1_000, CARD, by=mona)
    booking.cancel(gone, "Ill", version=desk.row(gone).version, keep_deposit=True, by=mona)
    line = next(line for line in tickets.ticket(early, by=mona).lines if line.fund)
    checkout.change_line(line.id, quantity=2_000, by=mona)
    missed = desk.book(desk.patient("Missed", species="dog"), funding="grant", services=("dog-spay",), day=today(),
                       overbook=True, by=mona)  # fmt: skip
    booking.mark_no_show(missed, version=desk.row(missed).version, by=mona)
    fee = checkout.open_ticket(missed, by=mona)
    assert tickets.ticket(fee, by=mona).subsidies_cents == 0
    assert [pot.promised for pot in pots.pots(by=mona)] == [0]
    booking.restore(gone, version=desk.row(gone).version, overbook=True, by=mona)
    assert [pot.promised for pot in pots.pots(by=mona)] == [6_500]
    booking.cancel(gone, "Ill", version=desk.row(gone).version, keep_deposit=True, by=mona)
    payments.refund(early, 1_000, CARD, "gone", by=mona)
    booking.restore(gone, version=desk.row(gone).version, overbook=True, by=mona)
    assert [pot.promised for pot in pots.pots(by=mona)] == [6_500], "the visit holds it, the void ticket does not"


def test_another_clinic_of_the_same_home_reaches_no_ticket_line_payment_or_pot(clinic):
    mona = clinic.actor("mona")
    fund = pot(clinic)
    ticket = checkout.open_ticket(visit(clinic, funding="grant")[0], by=mona)
    taken = take_payment([ticket], 500, CARD, by=mona)
    line = tickets.ticket(ticket, by=mona).lines[0].id
    away = Actor.operator(create_clinic(NewClinic("other", "Other")))
    for attack in (
        lambda: tickets.ticket(ticket, by=away),
        lambda: checkout.remove_line(line, by=away),
        lambda: take_payment([ticket], 100, CARD, by=away),
        lambda: payments.refund(ticket, 100, CARD, "mine", by=away),
        lambda: payments.void_payment(taken.payment_id, "mine", by=away),
        lambda: checkout.complete_checkout([ticket], open_because="mine", by=away),
        lambda: pots.receive(fund, 100, today(), by=away),
    ):
        with pytest.raises(NotFound):
            attack()
    assert pots.pots(by=away) == []
    with read(clinic.id) as session:
        assert session.scalar(select(func.count(FundEntry.id)).where(FundEntry.kind == "received")) == 1
