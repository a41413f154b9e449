"""Pay pages and messages of processors that go wrong on purpose: no cent is lost, none is taken twice."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from billing import closing
from billing.invoices import forgive, void_invoice
from billing.payments import Tender, take_payment
from billing.processors import events, orders, polling
from billing.processors.base import Forged
from data.models import Payment, PaymentRequest, ProcessorEvent, ProcessorOrder
from data.session import read, write
from data.types import clock, new_id
from tests import everything
from tests.billing.processors.test_killed import books
from tests.fake_processor import stripe_api
from web import webhooks
from web.routes import middleware


def cents(till) -> list[int]:
    with read(till.clinic.id) as session:
        return list(session.scalars(select(Payment.amount_cents).order_by(Payment.entered_at, Payment.id)))


def rounds(till, times: int = 3) -> None:
    for _ in range(times):
        clock.set(clock.now() + timedelta(minutes=4))
        polling.tend(till.clinic.id)


def lapse(till, request: str) -> None:
    """The page of a request lapses, but the processor does not say so yet."""
    with write(till.clinic.id) as session:
        row = session.get_one(PaymentRequest, (till.clinic.id, request))
        row.expires_at = clock.now() - timedelta(seconds=1)
        everything.seal(session, till.clinic)


def test_two_pages_of_one_request_paid_is_twice_the_money_and_the_second_goes_back(till):
    request = till.request(1_000)
    till.ask(request)
    first = till.page(request)
    lapse(till, request)
    till.ask(request)
    second = till.page(request)
    assert first.id != second.id
    world = till.fake.world
    world.pay(second, "4242424242424242")
    assert orders.look_up(request, by=till.by) == "paid"
    world.pay(first, "4242424242424242")
    rounds(till, 6)
    assert books(till) == (1_000, 1_000)
    assert till.standing(request).balance == 0 and till.standing(request).overpaid == 0


def test_a_page_paid_after_its_invoice_was_voided_is_booked_and_goes_back(stripe_till):
    till = stripe_till
    request = till.request(1_000)
    url = till.ask(request)
    till.fake.pay(url)
    void_invoice(till.row(request).invoice_id, "Entered twice", by=till.by)
    rounds(till)
    assert sum(cents(till)) == 0 and books(till) == (0, 0)
    assert till.standing(request).document == "void"


def test_a_page_paid_after_its_invoice_was_forgiven_is_booked(stripe_till):
    till = stripe_till
    request = till.request(1_000)
    url = till.ask(request)
    till.fake.pay(url)
    forgive(till.row(request).invoice_id, "Hardship", by=till.by)
    rounds(till)
    assert books(till) == (1_000, 1_000) and till.standing(request).balance == 0


@pytest.mark.parametrize(("said", "ends"), [(1, (1, 1)), (100_000, (1_000, 1_000))])
def test_another_amount_than_was_asked_for_is_booked_as_it_moved(stripe_till, said, ends):
    till = stripe_till
    request = till.request(1_000)
    till.ask(request)
    page = till.page(request)
    page.amount = said
    till.fake.world.pay(page, "4242424242424242")
    rounds(till)
    assert books(till) == ends
    assert till.standing(request).balance == 1_000 - min(said, 1_000)


def test_another_currency_is_not_taken_for_ours_and_holds_nobody_else_up(stripe_till):
    till = stripe_till
    odd, good = till.request(1_000), till.request(2_000)
    till.ask(odd)
    page = till.page(odd)
    page.currency = "JPY"
    till.fake.world.pay(page, "4242424242424242")
    url = till.ask(good)
    headers, body = till.fake.message(page)
    events.receive("harbor", "stripe", body, headers, {})
    till.fake.pay(url)
    rounds(till)
    assert till.row(good).state == "paid", "the odd page holds the others up"
    assert cents(till) == [2_000] and till.row(odd).state != "paid"


def test_a_sale_that_arrives_late_in_a_closed_period_is_booked(stripe_till):
    till = stripe_till
    now = clock.now()
    request = till.request(1_000)
    till.ask(request)
    page = till.page(request)
    till.fake.world.pay(page, "4242424242424242")
    day = now.date()
    clock.set(now + timedelta(days=3))
    closing.close_period(day - timedelta(days=2), day + timedelta(days=1), "Mona Marsh", "later",
                         by=till.clinic.actor("mona"))  # fmt: skip
    rounds(till)
    assert cents(till) == [1_000] and till.standing(request).balance == 0
    with read(till.clinic.id) as session:
        (paid,) = session.scalars(select(Payment))
        assert paid.day > day + timedelta(days=1)


def test_messages_out_of_order_late_and_again_change_nothing(stripe_till):
    till = stripe_till
    request = till.request(1_000)
    url = till.ask(request)
    page, world = till.page(request), till.fake.world
    item = stripe_api.session_object(world, page)
    expired = stripe_api.event_for(world, "checkout.session.expired", item | {"status": "expired"})
    failed = stripe_api.event_for(world, "checkout.session.async_payment_failed", item)
    early = stripe_api.event_for(world, "checkout.session.completed", item | {"payment_status": "paid"})
    refunded = stripe_api.event_for(world, "charge.refunded", {"id": "ch_1", "charge": "ch_1", "amount_refunded": 1_000,
                                                               "metadata": {"order": page.key}})  # fmt: skip
    for headers, body in (early, expired, failed, refunded):
        events.receive("harbor", "stripe", body, headers, {})
    assert till.row(request).state == "live" and not cents(till), "nothing was paid, whatever they say"
    till.fake.pay(url)
    for headers, body in (expired, early, failed, refunded, till.fake.message(page), expired, refunded):
        events.receive("harbor", "stripe", body, headers, {})
    assert books(till) == (1_000, 1_000) and till.row(request).state == "paid"


def test_messages_signed_by_others_or_long_ago_leave_no_row(stripe_till):
    till = stripe_till
    request = till.request(1_000)
    till.ask(request)
    world, page = till.fake.world, till.page(request)
    headers, body = stripe_api.event_for(world, "checkout.session.completed", stripe_api.session_object(world, page))
    now = clock.now().timestamp()
    told = json.loads(body)
    tampered = json.dumps(told | {"type": "charge.dispute.created"}).encode()
    good = headers["stripe-signature"]
    t, v1 = good.split(",")
    for signed, content in (
        (stripe_api.signature(world, body, now - 301), body),
        (f"t={int(now) + 1},{v1}", body), (good, tampered), (f"{t},v0={v1[3:]}", body), (f"{t},v1=", body),
        ("", body), (f"t=,{v1}", body), (f"{t}", body), (good.replace("v1=", "v1=0"), body), ("\u00e9", body),
        (good, body + b"\n"), (good, b"[]"), (stripe_api.signature(world, b"[]"), b"[]"),
        (stripe_api.signature(world, b"{}"), b"{}"), (stripe_api.signature(world, b"1"), b"1"),
        (stripe_api.signature(world, b'{"id":1,"type":"charge.refunded","created":"x","data":{"object":1}}'),
         b'{"id":1,"type":"charge.refunded","created":"x","data":{"object":1}}'),
        (stripe_api.signature(world, b'{"id":"e","type":"charge.refunded","created":1e99,"data":{"object":{}}}'),
         b'{"id":"e","type":"charge.refunded","created":1e99,"data":{"object":{}}}'),
        (stripe_api.signature(world, b'{"id":"e","type":"charge.refunded","created":1,"data":{"object":[1]}}'),
         b'{"id":"e","type":"charge.refunded","created":1,"data":{"object":[1]}}'),
        (stripe_api.signature(world, b"[" * 5_000), b"[" * 5_000),
    ):  # fmt: skip
        with pytest.raises(Forged):
            events.receive("harbor", "stripe", content, {"stripe-signature": signed}, {})
            pytest.fail(f"{signed} {content[:40]!r}")
    with read(till.clinic.id) as session:
        assert not session.scalars(select(ProcessorEvent)).all()


@pytest.mark.parametrize("way", ["cash first", "page first"])
def test_a_page_and_the_counter_at_the_same_moment_take_the_money_once(stripe_till, way):
    """From two threads: what is paid on the page, and what is taken at the counter."""
    from concurrent.futures import ThreadPoolExecutor

    till = stripe_till
    for _ in range(3):
        request = till.request(1_000)
        till.fake.pay(till.ask(request))
        invoice = till.row(request).invoice_id

        def cash(invoice=invoice):
            try:
                take_payment([invoice], 1_000, Tender("cash"), tendered_cents=1_000, by=till.by)
            except Exception as refusal:
                return type(refusal).__name__
            return "taken"

        def page(request=request):
            return orders.look_up(request, by=till.by)

        with ThreadPoolExecutor(4) as pool:
            jobs = [cash, page, page, page] if way == "cash first" else [page, page, cash, page]
            answers = [job.result() for job in [pool.submit(job) for job in jobs]]
        assert set(answers) <= {"taken", "NothingDue", "paid", "withdrawn"}, answers
        rounds(till, 2)
        clock.set(None)
        stands = till.standing(request)
        assert (stands.balance, stands.overpaid, stands.paid) == (0, 0, 1_000)
    ours = sum(cents(till))
    with read(till.clinic.id) as session:
        cash_cents = sum(session.scalars(select(Payment.amount_cents).where(Payment.tender == "cash")))
        assert not session.scalars(select(ProcessorOrder).where(ProcessorOrder.state == "failed")).all()
    assert books(till)[1] == ours - cash_cents


def _window():
    app = Starlette(routes=[Route("/hooks/{clinic}/{processor}", webhooks.told, methods=["POST"]),
                            Route("/pay/{id}", webhooks.pay)], middleware=middleware)  # fmt: skip
    return TestClient(app, base_url="http://localhost", client=("127.0.0.1", 5000), follow_redirects=False)


def test_whatever_is_sent_to_the_hook_is_answered_and_leaves_nothing(till):
    """Strangers' bytes never end in a fault, a row, or an answer that tells a clinic that exists from one that does
    not."""
    request = till.request(1_000)
    till.ask(request)
    window, kind = _window(), till.kind
    sent = 0

    def endless():
        nonlocal sent
        for _ in range(2_000):
            sent += 1
            yield b"x" * 4_096

    assert window.post(f"/hooks/harbor/{kind}", content=endless()).status_code == 413
    answers = set()
    tries = [
        (place, query, {}, b"{}")
        for place in (f"harbor/{kind}", "harbor/none", f"nowhere/{kind}", "harbor/%00", "harbor/" + "x" * 3_000)
        for query in ("", "?t=%C3%A9", "?t=" + "0" * 32, "?t=a&t=b")
    ]
    tries += [
        (f"harbor/{kind}", "?t=x", headers, body)
        for headers in ({}, {"Stripe-Signature": b"t=1,v1=\xe9"}, {"X-ANET-Signature": b"sha512=\xe9\xff"})
        for body in (b"", b"[" * 50_000, b"\xff\xfe", b"ssl_txn_id=1&ssl_merchant_txn_id=2")
    ]
    for place, query, headers, body in tries:
        answer = window.post(f"/hooks/{place}{query}", content=body, headers=headers)
        answers.add((answer.status_code, answer.text))
    assert answers == {(400, "Not a message.")}
    for where in ("x", "0" * 36, new_id(), "%00", till.row(request).invoice_id):
        assert window.get(f"/pay/{where}").status_code == 404
    with read(till.clinic.id) as session:
        assert not session.scalars(select(ProcessorEvent)).all()
    assert till.row(request).state == "live" and not cents(till)
