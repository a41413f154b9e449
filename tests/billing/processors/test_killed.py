"""kill -9 at every step of a checkout, a payment and a refund: not a cent is lost or doubled.

A child does the work and dies before or after its nth commit or call; then the worker does its rounds, as it would."""

from __future__ import annotations

import itertools
import os
import signal
from datetime import timedelta

import httpx
import pytest
import requests
from sqlalchemy import select

from billing.processors import orders, polling
from data import session as sessions
from data.engine import Database, database, use
from data.models import InvoiceLine, Payment, ProcessorOrder
from data.session import read
from data.types import clock
from tests.billing.processors.conftest import BACK, SECRETS

pytestmark = pytest.mark.slow
each = pytest.mark.parametrize("till", [*SECRETS, "stripe on postgres"], indirect=True)


def die_at(step: int) -> None:
    """Die at the nth of: before and after each commit, before and after each call."""
    count = itertools.count()

    def here() -> None:
        if next(count) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(owner, name):
        original = getattr(owner, name)

        def wrapped(*args, **kwargs):
            here()
            try:
                return original(*args, **kwargs)
            finally:
                here()

        setattr(owner, name, wrapped)

    around(sessions.ClinicSession, "commit")
    around(httpx.HTTPTransport, "handle_request")
    around(requests.Session, "send")


def in_child(till, step: int, work) -> bool:
    """Do something in a child that dies at a step; whether it came to its end."""
    home = till.clinic.home
    database().close()
    use(None)
    child = os.fork()
    if not child:
        try:
            use(Database(home))
            die_at(step)
            work()
        except BaseException:
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    use(Database(home))
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed otherwise"
    return not os.WIFSIGNALED(status)


def rounds(till) -> None:
    """What the worker does in the next hours."""
    for _ in range(4):
        clock.set(clock.now() + timedelta(minutes=4))
        polling.tend(till.clinic.id)


def books(till) -> tuple[int, int]:
    """Cents in our ledger, and cents the fake holds."""
    with read(till.clinic.id) as session:
        ours = sum(session.scalars(select(Payment.amount_cents)))
        waiting = session.scalars(
            select(ProcessorOrder).where(ProcessorOrder.state.in_(("intended", "sent", "uncertain")))
        ).all()
        assert not waiting, [(one.kind, one.state) for one in waiting]
    world = till.fake.world
    kept = [one for one in world.charges.values() if one.state in ("pending", "settled")]
    return ours, sum(one.amount - world.returned(one.id) for one in kept)


@each
def test_killed_at_every_step_of_making_a_page(till):
    for step in range(100):
        clock.set(None)
        request = till.request(1_000)
        ended = in_child(till, step, lambda r=request: orders.ask_checkout(r, by=till.by, return_url=BACK))
        clock.set(clock.now() + timedelta(minutes=2))
        till.fake.pay(till.ask(request))
        rounds(till)
        assert till.row(request).state == "paid" and till.standing(request).balance == 0, step
        assert books(till) == (1_000 * (step + 1), 1_000 * (step + 1)), step
        if ended:
            break
    assert step > 6


@each
def test_killed_at_every_step_of_booking_a_payment(till):
    for step in range(100):
        clock.set(None)
        request = till.request(1_000)
        till.fake.pay(till.ask(request))
        ended = in_child(till, step, lambda r=request: orders.look_up(r, by=till.by))
        rounds(till)
        assert till.row(request).state == "paid" and till.standing(request).balance == 0, step
        assert books(till) == (1_000 * (step + 1), 1_000 * (step + 1)), step
        if ended:
            break
    assert step > 3


@each
@pytest.mark.parametrize("settled", [True, False])
def test_killed_at_every_step_of_a_refund(till, settled):
    kept = 0
    for step in range(100):
        clock.set(None)
        request = till.request(1_000)
        till.fake.pay(till.ask(request))
        orders.look_up(request, by=till.by)
        sale = till.row(request).payment_id
        cents = 400 if settled else 1_000
        kept += 1_000 - cents
        if settled:
            till.fake.world.settle(till.kind)

        def give_back(sale=sale, cents=cents, step=step):
            orders.refund_at_processor(sale, cents, "Bill was wrong", by=till.by, key=f"k{step}")

        ended = in_child(till, step, give_back)
        clock.set(clock.now() + timedelta(minutes=2))
        with read(till.clinic.id) as session:
            was_ordered = session.scalars(select(ProcessorOrder).where(ProcessorOrder.payment_id == sale)).all()
        if not was_ordered:
            give_back()  # nothing was written down: the person clicks again
        rounds(till)
        give_back()  # and once more, by a form that was left open
        assert books(till) == (kept, kept), step
        assert till.standing(request).paid == 1_000 - cents
        if ended:
            break
    assert step > 6


@each
def test_killed_at_every_step_of_giving_services_back(till):
    for step in range(100):
        clock.set(None)
        request = till.request(1_000)
        till.fake.pay(till.ask(request))
        orders.look_up(request, by=till.by)
        sale, invoice = till.row(request).payment_id, till.row(request).invoice_id
        till.fake.world.settle(till.kind)
        with read(till.clinic.id) as session:
            line = session.scalars(select(InvoiceLine.id).where(InvoiceLine.invoice_id == invoice)).one()

        def give_back(invoice=invoice, line=line, sale=sale, step=step):
            return orders.give_back(
                invoice, [], [(sale, 1_000)], "Not done", line_ids=[line], by=till.by, key=f"s{step}"
            )  # fmt: skip

        ended = in_child(till, step, give_back)
        clock.set(clock.now() + timedelta(minutes=2))
        with read(till.clinic.id) as session:
            ordered = session.scalars(select(ProcessorOrder).where(ProcessorOrder.payment_id == sale)).all()
        assert till.standing(request).total == (0 if ordered else 1_000), "both or neither"
        if not ordered:
            give_back()  # nothing was written down: the person clicks again
        rounds(till)
        assert [one.state for one in give_back()] == ["done"], step  # by a form that was left open
        stands = till.standing(request)
        assert books(till) == (0, 0) and (stands.total, stands.paid, stands.overpaid) == (0, 0, 0), step
        if ended:
            break
    assert step > 6


@each
def test_killed_at_every_step_of_withdrawing_a_request(till):
    held = 0
    for step in range(100):
        clock.set(None)
        request = till.request(1_000)
        url = till.ask(request)

        def withdraw(request=request):
            orders.withdraw_request(request, "Paid in cash", by=till.by)

        ended = in_child(till, step, withdraw)
        till.fake.pay(url)
        rounds(till)
        row = till.row(request)
        ours, theirs = books(till)
        if row.state == "paid":
            held += 1_000
        else:
            assert row.state == "withdrawn" or till.page(request).state != "paid", step
        rounds(till)
        ours, theirs = books(till)
        assert ours == theirs, step
        if ended:
            break
    assert step > 4
