"""Every processor by its own protocol, against a server that speaks it: asked, paid, given back, settled, once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from billing import returns
from billing.payments import Tender
from billing.processors import events, orders, polling
from billing.processors.base import Forged, ProcessorRefused, ProcessorSilent
from billing.processors.credentials import set_credentials
from billing.processors.fetch import fetch_settlements
from billing.processors.known import adapter_for
from data.errors import NotPermitted
from data.models import (
    InvoiceLine,
    Payment,
    PaymentAllocation,
    ProcessorEvent,
    ProcessorOrder,
    SettledTransaction,
    SettlementBatch,
)
from data.session import read, write
from data.types import clock
from tests.billing.processors.conftest import SECRETS

TODAY = timedelta()


def payments(till) -> list[Payment]:
    with read(till.clinic.id) as session:
        return list(session.scalars(select(Payment).order_by(Payment.id)))


def charged(till) -> int:
    """Cents the fake holds of the client's."""
    world = till.fake.world
    kept = [one for one in world.charges.values() if one.state in ("pending", "settled")]
    return sum(one.amount - world.returned(one.id) for one in kept)


def test_a_page_is_paid_and_the_payment_is_on_the_invoice_once(till):
    request = till.request()
    url = till.ask(request)
    assert till.ask(request) == url, "asked again it is the same page"
    assert till.row(request).state == "live"
    assert orders.look_up(request, by=till.by) == "live"
    till.fake.pay(url)
    for _ in range(3):
        assert orders.look_up(request, by=till.by) == "paid"
    (paid,) = payments(till)
    assert (paid.amount_cents, paid.channel, paid.last4, paid.brand) == (12_345, "payment_request", "4242", "Visa")
    assert paid.processor == till.kind and paid.authorization
    assert till.standing(request).balance == 0
    (order,) = till.orders(request)
    assert order.state == "done" and order.made_payment_id == paid.id and not order.facts["fields"]


def test_a_declined_card_leaves_the_page_open_for_another(till):
    request = till.request()
    url = till.ask(request)
    till.fake.pay(url, "4000000000000002")
    assert orders.look_up(request, by=till.by) == "live" and not payments(till)
    till.fake.pay(url, "5555555555554444")
    assert orders.look_up(request, by=till.by) == "paid"
    assert [one.brand for one in payments(till)] == ["Mastercard"]


def test_part_refunds_and_the_rest_go_back_to_the_card_and_never_more(till):
    request = till.paid()
    (sale,) = payments(till)
    till.fake.world.settle(till.kind)
    first = orders.refund_at_processor(sale.id, 2_345, "Bill was wrong", by=till.by, key="one")
    again = orders.refund_at_processor(sale.id, 2_345, "Bill was wrong", by=till.by, key="one")
    assert first.state == "done" and again.payment_id == first.payment_id
    assert orders.can_refund(sale.id, by=till.by) == 10_000
    with pytest.raises(orders.TooMuchBack):
        orders.refund_at_processor(sale.id, 10_001, "Too much", by=till.by)
    orders.refund_at_processor(sale.id, 10_000, "The rest", by=till.by)
    assert charged(till) == 0
    assert [one.amount_cents for one in payments(till)] == [12_345, -2_345, -10_000]
    stands = till.standing(request)
    assert (stands.paid, stands.balance, stands.payment) == (0, 12_345, "refunded")


def test_services_come_off_and_their_money_goes_back_in_one_act(till):
    request = till.paid()
    (sale,), invoice = payments(till), till.row(request).invoice_id
    till.fake.world.settle(till.kind)
    with read(till.clinic.id) as session:
        line = session.scalars(select(InvoiceLine.id).where(InvoiceLine.invoice_id == invoice)).one()

    def give_back(cents=12_345):
        return orders.give_back(
            invoice, [], [(sale.id, cents)], "Not done", line_ids=[line], by=till.by, key="one"
        )  # fmt: skip

    with pytest.raises(orders.TooMuchBack):
        give_back(12_346)
    assert till.standing(request).total == 12_345, "nothing came off where the money cannot go back"
    (done,) = give_back()
    assert give_back() == [done] and (done.state, done.waits) == ("done", "")
    stands = till.standing(request)
    assert (stands.total, stands.paid, stands.balance) == (0, 0, 0) and charged(till) == 0
    assert [one.amount_cents for one in payments(till)] == [12_345, -12_345]


def test_what_a_processor_does_not_give_back_stays_on_the_invoice_and_goes_back_otherwise(till, monkeypatch):
    request = till.paid()
    (sale,), invoice = payments(till), till.row(request).invoice_id
    till.fake.world.settle(till.kind)

    def refuse(*_):
        raise ProcessorRefused(label=till.kind, answer="The card is closed.")

    monkeypatch.setitem(orders.DO, "refund", refuse)
    (one,) = orders.give_back(invoice, [], [(sale.id, 2_345)], "Not done", by=till.by, key="one")
    assert one.state == "declined" and "did not give 23.45 back: The card is closed. That money" in one.waits
    assert till.standing(request).paid == 12_345
    cash = [returns.Back(sale.id, 2_345, Tender("cash"))]
    assert orders.give_back(invoice, cash, [], "Not done", by=till.by, key="two") == []
    assert till.standing(request).paid == 10_000 and charged(till) == 12_345


def test_a_payment_over_several_invoices_goes_back_of_the_one_that_is_refunded(till):
    request = till.paid(5_000)
    sale, first = payments(till)[0], till.row(request).invoice_id
    other = till.row(till.request(3_000)).invoice_id
    with write(till.clinic.id) as session:
        for invoice, cents in ((first, -3_000), (other, 3_000)):
            session.add(PaymentAllocation(
                payment_id=sale.id, invoice_id=invoice, amount_cents=cents, event_at=clock.now()
            ))  # fmt: skip
    till.fake.world.settle(till.kind)
    (done,) = orders.give_back(other, [], [(sale.id, 3_000)], "Not done", by=till.by)
    with read(till.clinic.id) as session:
        back = select(PaymentAllocation).where(PaymentAllocation.payment_id == done.payment_id)
        assert [(row.invoice_id, row.amount_cents) for row in session.scalars(back)] == [(other, -3_000)]


@pytest.mark.parametrize("till", ["stripe"], indirect=True)
def test_stripe_gives_a_part_back_before_it_settles(till):
    request = till.paid()
    (sale,) = payments(till)
    assert orders.refund_at_processor(sale.id, 345, "A part", by=till.by).state == "done"
    assert charged(till) == 12_000 and till.standing(request).paid == 12_000
    assert [(one.kind, one.amount_cents) for one in payments(till)] == [("sale", 12_345), ("refund", -345)]


@pytest.mark.parametrize("till", [kind for kind in SECRETS if kind != "stripe"], indirect=True)
def test_before_it_settles_the_whole_is_voided_and_a_part_waits(till):
    request = till.paid()
    (sale,) = payments(till)
    waits = orders.refund_at_processor(sale.id, 345, "A part", by=till.by)
    assert waits.state == "intended" and "settled" in waits.waits
    assert orders.can_refund(sale.id, by=till.by) == 12_000
    till.fake.world.settle(till.kind)
    clock.set(clock.now() + timedelta(hours=2))
    polling.tend(till.clinic.id)
    assert charged(till) == 12_000 and payments(till)[-1].amount_cents == -345
    clock.set(None)
    other = till.paid(5_000)
    whole = orders.refund_at_processor(payments(till)[-1].id, 5_000, "Not wanted", by=till.by)
    assert whole.state == "done"
    assert payments(till)[-1].kind == "void" and charged(till) == 12_000
    assert till.standing(other).paid == 0 and till.standing(request).paid == 12_000


def test_a_message_counts_once_and_only_what_the_processor_says_counts(till):
    request = till.request()
    till.fake.pay(till.ask(request))
    headers, body = till.fake.message(till.page(request))
    headers = {name.lower(): text for name, text in headers.items()}
    for _ in range(3):
        events.receive("harbor", till.kind, body, headers, till.query)
    assert till.row(request).state == "paid" and len(payments(till)) == 1
    with read(till.clinic.id) as session:
        (event,) = session.scalars(select(ProcessorEvent))
        assert event.state == "handled"


def test_a_forged_message_is_refused_and_leaves_nothing(till):
    request = till.request()
    till.ask(request)
    page = till.page(request)
    charge = till.fake.world.charge(page.kind, 1, "USD", "4242", "Visa", page.key)
    page.charge = charge.id
    headers, body = till.fake.message(page)
    headers = {name.lower(): text for name, text in headers.items()}
    wrong = {name: text[:-3] + "abc" for name, text in headers.items()}
    attempts = [
        ("harbor", body + b" ", headers, {"t": "x"}), ("harbor", body, wrong, {"t": "0" * 32}),
        ("harbor", body, {}, {}), ("nowhere", body, headers, till.query), ("harbor", b"", headers, {}),
        ("harbor", b"\xff\x00" * 50, headers, {}),
    ]  # fmt: skip
    for clinic, content, said, query in attempts:
        with pytest.raises(Forged):
            events.receive(clinic, till.kind, content, said, query)
    with read(till.clinic.id) as session:
        assert not session.scalars(select(ProcessorEvent)).all()
    assert till.row(request).state == "live"


def test_a_message_about_a_page_nobody_paid_changes_nothing(till):
    request = till.request()
    till.ask(request)
    page = till.page(request)
    page.charge = till.fake.world.charge(page.kind, 12_345, "USD", "4242", "Visa", "somethingelse", "declined").id
    headers, body = till.fake.message(page)
    headers = {name.lower(): text for name, text in headers.items()}
    events.receive("harbor", till.kind, body, headers, till.query)
    assert not payments(till) and till.row(request).state == "live"


def test_the_page_is_closed_before_a_request_counts_as_withdrawn(till):
    request = till.request()
    url = till.ask(request)
    orders.withdraw_request(request, "Paid in cash", by=till.by, key="w")
    orders.withdraw_request(request, "Paid in cash", by=till.by, key="w")
    assert till.row(request).state == "withdrawn"
    if till.kind in ("stripe", "mx"):
        till.fake.pay(url)
        assert charged(till) == 0, "the page is closed"
    with pytest.raises(orders.RequestEnded):
        orders.ask_checkout(request, by=till.by, return_url="https://clinic.example")


def test_a_page_that_was_paid_meanwhile_is_booked_instead_of_withdrawn(till):
    request = till.request()
    till.fake.pay(till.ask(request))
    with pytest.raises(orders.PaidMeanwhile):
        orders.withdraw_request(request, "Paid in cash", by=till.by)
    assert till.row(request).state == "paid" and len(payments(till)) == 1


def test_what_is_paid_twice_goes_back_by_itself(till):
    request = till.request()
    url = till.ask(request)
    invoice_id = till.row(request).invoice_id
    till.fake.pay(url)
    from billing.payments import Tender, take_payment

    take_payment([invoice_id], 12_345, Tender("cash"), tendered_cents=20_000, by=till.by)
    assert till.row(request).state == "withdrawn"
    for _ in range(3):
        polling.tend(till.clinic.id)
    assert charged(till) == 0
    assert till.standing(request).paid == 12_345 and till.standing(request).overpaid == 0
    assert sum(one.amount_cents for one in payments(till)) == 12_345


@pytest.mark.parametrize("cut", ["before", "after", "error", "garbage"])
def test_a_cut_line_never_doubles_a_refund(till, cut):
    till.paid()
    (sale,) = payments(till)
    till.fake.world.settle(till.kind)
    way = {"stripe": "POST /stripe/v1/refunds", "authorize_net": "POST /authorize_net", "elavon": "POST /elavon/V",
           "mx": "POST /mx/payment"}[till.kind]  # fmt: skip
    skip = {"authorize_net": 1, "elavon": 1}.get(till.kind, 0)
    faults = till.fake.world.faults
    adapter_calls = []
    original = till.fake.world.fault

    def fault(path: str) -> str:
        if faults and way in path:
            adapter_calls.append(path)
            if len(adapter_calls) <= skip:
                return ""
        return original(path)

    till.fake.world.fault = fault
    faults += [(way, cut)] * (2 if till.kind == "stripe" else 1)
    with pytest.raises(ProcessorSilent):
        orders.refund_at_processor(sale.id, 2_345, "Bill was wrong", by=till.by, key="k")
    assert not [one for one in payments(till) if one.kind != "sale"]
    assert orders.can_refund(sale.id, by=till.by) == 10_000, "what is on its way is not offered again"
    faults.clear()
    clock.set(clock.now() + timedelta(minutes=12))
    for _ in range(3):
        polling.tend(till.clinic.id)
    assert charged(till) == 10_000
    assert [one.amount_cents for one in payments(till)] == [12_345, -2_345]


def test_a_pay_page_whose_answer_was_lost_is_found_again(till):
    request = till.request()
    till.fake.world.faults += [("/" + till.kind, "after")] * 4
    with pytest.raises(ProcessorSilent):
        till.ask(request)
    till.fake.world.faults.clear()
    clock.set(clock.now() + timedelta(minutes=2))
    till.fake.pay(till.ask(request))
    assert orders.look_up(request, by=till.by) == "paid"
    assert charged(till) == 12_345 and len(payments(till)) == 1


def test_settlements_come_in_once_with_their_batches(till):
    till.paid()
    till.paid(5_000)
    (first, second) = payments(till)
    till.fake.world.settle(till.kind)
    orders.refund_at_processor(second.id, 1_000, "Part", by=till.by)
    till.fake.world.settle(till.kind)
    day = date.today()
    landed = fetch_settlements(till.kind, day - timedelta(days=1), day + timedelta(days=1), by=till.by)
    again = fetch_settlements(till.kind, day - timedelta(days=1), day + timedelta(days=1), by=till.by)
    assert landed.added == 3 and again.added == 0
    with read(till.clinic.id) as session:
        rows = session.scalars(select(SettledTransaction).order_by(SettledTransaction.amount_cents)).all()
        assert [(row.amount_cents, row.status) for row in rows] == [
            (-1_000, "settled"), (5_000, "settled"), (12_345, "settled"),
        ]  # fmt: skip
        assert rows[2].authorization == first.authorization and rows[2].last4 == "4242" and rows[2].batch_id
        assert len(session.scalars(select(SettlementBatch)).all()) == 2


def test_a_charge_keyed_in_the_virtual_terminal_is_told_with_its_digits_and_authorization(till):
    world = till.fake.world
    world.charge(till.kind, 7_777, "USD", "1881", "Visa")
    day = date.today()
    with read(till.clinic.id) as session:
        found = adapter_for(session, till.kind).charges(day, day + timedelta(days=1))
    assert [(one.amount_cents, one.last4) for one in found] == [(7_777, "1881")] and found[0].authorization


def test_the_connection_is_tried_without_moving_money(till):
    with read(till.clinic.id) as session:
        adapter = adapter_for(session, till.kind)
    assert adapter.test().startswith("Signed in")
    if till.kind in ("authorize_net", "elavon"):
        name = {"authorize_net": "transaction_key", "elavon": "pin"}[till.kind]
        set_credentials(till.kind, {name: "something-else"}, by=till.by)
        with read(till.clinic.id) as session, pytest.raises(ProcessorRefused):
            adapter_for(session, till.kind).test()


def test_only_those_who_may_refund_refund(till):
    till.paid()
    (sale,) = payments(till)
    for rule in (
        lambda by: orders.refund_at_processor(sale.id, 100, "No", by=by),
        lambda by: orders.can_refund(sale.id, by=by),
    ):
        with pytest.raises(NotPermitted):
            rule(till.clinic.actor("sam"))
    assert charged(till) == 12_345


def test_no_digits_of_a_card_are_kept_but_the_last_four(till):
    till.paid()
    with write(till.clinic.id) as session:
        for table in (ProcessorOrder, ProcessorEvent, Payment):
            for row in session.scalars(select(table)):
                text = " ".join(str(getattr(row, column.name)) for column in table.__table__.c)
                assert "4242424242" not in text and "12/34" not in text
