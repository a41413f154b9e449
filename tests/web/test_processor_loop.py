"""Each processor over real HTTP: the portal in Chromium, the processor's own page, its messages, its settlements."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from billing.client_billing import ONLY, SERVICE
from billing.portal import door
from billing.processors import orders, polling
from billing.processors.settings import PROCESSOR
from data import definitions
from data.models import Client, Invoice, Payment, ProcessorEvent, SettledTransaction, SettlementBatch
from data.session import read, write
from tests.billing.processors.conftest import SECRETS, make_till
from tests.conftest import ROOT
from tests.fake_processor import authorize_net_api, mx_api, stripe_api
from tests.window import settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIGNED = ("stripe", "authorize_net")
TICKET, SECOND, BACK = 8_450, 6_010, 1_010


class Shop:
    """The running app with one processor, which the fake plays and which tells the app by HTTP."""

    def __init__(self, served, fake, kind: str) -> None:
        self.served, self.fake, self.kind, self.world = served, fake, kind, fake.world
        with served.clinic() as clinic:
            self.till = make_till(clinic, fake, kind)
            with write(clinic.id) as session:
                service = SERVICE.document(enabled=True, address=served.url)
                definitions.save(session, SERVICE, ONLY, service, by_user_id=None)
        self.hook = f"{served.url}/hooks/harbor/{kind}"
        with served.clinic():
            self.told_at = self.hook if kind in SIGNED else f"{self.hook}?t={self.till.query['t']}"

    def close(self) -> None:
        """Leave the clinic of the other tests without a processor."""
        with self.served.clinic() as clinic, write(clinic.id) as session:
            found = definitions.load(session, PROCESSOR, self.kind)
            off = found.model_copy(update={"active": False, "takes_online": False})
            definitions.save(session, PROCESSOR, self.kind, off, by_user_id=None)
            definitions.save(session, SERVICE, ONLY, SERVICE.document(enabled=False), by_user_id=None)

    def client_of(self, request_id: str) -> tuple[str, str]:
        """The invoice of a request and the cookie of its client in the portal."""
        with self.served.clinic() as clinic:
            invoice_id = self.till.row(request_id).invoice_id
            with write(clinic.id) as session:
                client = session.get_one(
                    Client, (clinic.id, session.get_one(Invoice, (clinic.id, invoice_id)).client_id)
                )
                client.email = f"{self.kind}{client.number}@example.org"
                session.flush()
                return invoice_id, door._open(session, client, door.address_hash(clinic.id, client.email))

    def post(self, message: tuple[dict[str, str], bytes], url: str = "") -> int:
        headers, body = message
        return httpx.post(url or self.told_at, content=body, headers=headers, timeout=30).status_code

    def payments(self) -> list[int]:
        with read(self.till.clinic.id) as session:
            rows = select(Payment.amount_cents).where(Payment.processor == self.kind).order_by(Payment.id)
            return list(session.scalars(rows))

    def events(self) -> list[tuple[str, str]]:
        with read(self.till.clinic.id) as session:
            rows = session.scalars(select(ProcessorEvent).where(ProcessorEvent.processor == self.kind))
            return [(str(row.facts["about"]), row.state) for row in rows]

    def settled(self) -> list[tuple[str, int]]:
        with read(self.till.clinic.id) as session:
            rows = select(SettledTransaction).where(
                SettledTransaction.processor == self.kind, SettledTransaction.status.in_(("settled", "pending"))
            )
            return sorted((row.kind, row.amount_cents) for row in session.scalars(rows))

    def batches(self) -> int:
        with read(self.till.clinic.id) as session:
            return len(session.scalars(select(SettlementBatch).where(SettlementBatch.processor == self.kind)).all())

    def bad_messages(self, good: tuple[dict[str, str], bytes]) -> list[tuple[str, tuple[dict[str, str], bytes], str]]:
        """What must be refused: forged, unsigned, and too old though signed."""
        headers, body = good
        if self.kind not in SIGNED:
            return [("no token", good, self.hook), ("wrong token", good, f"{self.hook}?t={'0' * 32}"),
                    ("empty", (headers, b""), self.told_at),
                    ("no such clinic", good, self.told_at.replace("harbor", "x"))]  # fmt: skip
        name = "stripe-signature" if self.kind == "stripe" else "X-ANET-Signature"
        plain = {key: text for key, text in headers.items() if key != name}
        if self.kind == "stripe":
            late = plain | {name: stripe_api.signature(self.world, body, time.time() - 3_600)}, body
        else:
            old = json.dumps(
                json.loads(body) | {"eventDate": (datetime.now(UTC) - timedelta(days=6)).isoformat()}
            ).encode()  # fmt: skip
            mac = hmac.new(self.world.secrets["authorize_net"].encode(), old, hashlib.sha512).hexdigest()
            late = plain | {name: f"sha512={mac}"}, old
        return [
            ("no signature", (plain, body), self.hook), ("late", late, self.hook),
            ("another body", (headers, body.replace(b"8450", b"1") + b" "), self.hook),
            ("forged", (headers | {name: headers[name][:-4] + "beef"}, body), self.hook),
        ]  # fmt: skip

    def refund_message(self) -> tuple[dict[str, str], bytes] | None:
        """What is sent of a refund, by those who tell."""
        refund = list(self.world.refunds.values())[-1]
        charge = self.world.charges[refund.charge]
        if self.kind == "stripe":
            return stripe_api.event_for(self.world, "refund.created", stripe_api.refund_object(refund))
        if self.kind == "authorize_net":
            return authorize_net_api.event_for(self.world, "refund.created", charge)
        if self.kind == "mx":
            said = {"eventType": "PaymentSuccess", "payment": mx_api.payment_object(self.world, charge, refund)}
            return {"content-type": "application/json"}, json.dumps(said).encode()
        return None

    def dispute_message(self, charge) -> tuple[dict[str, str], bytes] | None:
        """What is sent when a client's bank takes money back; None where only a settlement tells it."""
        if self.kind == "stripe":
            item = {"id": f"dp_{charge.id}", "object": "dispute", "charge": charge.id}
            return stripe_api.event_for(self.world, "charge.dispute.created", item)
        if self.kind == "mx":
            said = {"eventType": "ChargeBack", "payment": mx_api.payment_object(self.world, charge)}
            return {"content-type": "application/json"}, json.dumps(said).encode()
        return None


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in SECRETS if kind != "authorize_net"]


@pytest.fixture(params=["authorize_net", *SLOW])
def shop(request, served, fake):
    """Each processor in turn in the app that the browser tests share."""
    made = Shop(served, fake, request.param)
    yield made
    made.close()


@pytest.fixture
def phone(_chromium):
    """A phone of a client."""
    context = _chromium.new_context(viewport={"width": 390, "height": 844})
    yield context
    context.close()


def until(true, seconds: float = 15.0) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def enter_card(page, number: str) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiry").fill("12/34")
    page.get_by_label("Code").fill("123")
    page.get_by_role("button", name="Pay").click()


def test_asked_paid_told_given_back_disputed_and_settled_over_http(shop, phone, browser):
    served, world, kind = shop.served, shop.world, shop.kind
    with served.clinic():
        request = shop.till.request(TICKET)
    invoice, cookie = shop.client_of(request)
    shown = f"{served.url}/portal/harbor/invoices/{invoice}"
    phone.add_cookies([{"name": "ballast_portal", "value": cookie, "url": served.url, "httpOnly": True}])
    page = phone.new_page()

    # the line is cut while the page is made; asked again there is one page and one order
    world.faults += [(f"/{kind}", "after")] * 4
    page.goto(shown)
    page.get_by_role("button", name="Pay $84.50").click()
    page.get_by_text("did not answer in time").wait_for()
    world.faults.clear()
    page.goto(shown)
    passed = []
    page.on("framenavigated", lambda frame: passed.append(frame.url))
    page.get_by_role("button", name="Pay $84.50").click()

    # a card is declined, another one taken; the way back is cut, so only the processor's message can tell
    page.get_by_label("Card number").wait_for()
    assert page.url.startswith(shop.fake.url)
    assert any("/pay/" in one for one in passed) == (kind == "authorize_net"), passed
    enter_card(page, "4000000000000002")
    page.get_by_text("The card was declined").wait_for()
    world.hooks[kind] = shop.told_at
    page.route(re.compile(r"/portal/.*back="), lambda route: route.abort())
    enter_card(page, "4242424242424242")
    with served.clinic() as clinic:
        until(lambda: shop.till.row(request).state == "paid")
        assert shop.payments() == [TICKET] and shop.events() == [("checkout", "handled")]
        assert shop.till.standing(request).balance == 0
    page.unroute(re.compile(r"/portal/.*back="))
    page.goto(f"{shown}?back={request}")
    page.get_by_text("Your payment of $84.50 has arrived").wait_for()
    assert page.get_by_role("button", name="Pay").count() == 0

    # repeated it counts once; forged, unsigned, late and endless ones are refused and leave no row
    (sent,) = [(headers, body) for _, headers, body in world.sent]
    assert [shop.post(sent), shop.post(sent)] == [200, 200]
    for what, message, url in shop.bad_messages(sent):
        assert shop.post(message, url) == 400, what
    assert shop.post((sent[0], b"x" * 300_000)) == 413
    gone = httpx.get(f"{served.url}/pay/{request}", follow_redirects=False)
    assert gone.status_code == 303 and gone.headers["location"].startswith(f"{shown}?back="), "no token is left of it"
    with served.clinic():
        assert shop.payments() == [TICKET] and shop.events() == [("checkout", "handled")]

    # the client pays and nothing comes through, neither message nor browser: the worker finds out, after a cut as well
    del world.hooks[kind]
    with served.clinic() as clinic:
        other = shop.till.request(SECOND)
        shop.fake.pay(shop.till.ask(other))
        world.faults += [(f"/{kind}", "after")] * 4
        polling.tend(clinic.id)
        assert shop.till.row(other).state == "live"
        world.faults.clear()
        for _ in range(2):
            polling.tend(clinic.id)
        assert shop.till.row(other).state == "paid" and shop.payments() == [TICKET, SECOND]

        # a part goes back; the message of it counts nothing twice
        world.settle(kind)
        sale = shop.till.row(other).payment_id
        assert orders.refund_at_processor(sale, BACK, "Bill was wrong", by=clinic.operator).state == "done"
        told = shop.refund_message()
        assert told is None or [shop.post(told), shop.post(told)] == [200, 200]
        polling.tend(clinic.id)
        assert shop.payments() == [TICKET, SECOND, -BACK] and shop.till.standing(other).paid == SECOND - BACK
        world.settle(kind)

    # its settlements come in by the page, again by the page and by the command, each row once
    desk = browser("mona", "/settlements")
    settled(desk)
    for words in ("[34] of [34] transactions came in", "0 of . transactions came in"):
        desk.get_by_role("button", name="Fetch from a processor").click()
        desk.get_by_role("combobox", name="Processor").click()
        desk.get_by_role("option", name=f"Our {kind}").click()
        desk.get_by_role("button", name="Fetch settlements").click()
        desk.get_by_text(re.compile(words)).wait_for(timeout=30_000)
    everything = sorted([("sale", TICKET), ("sale", SECOND), ("refund", -BACK)])
    day = datetime.now(UTC).date()
    command = [sys.executable, "cli.py", "settlement", "fetch", kind, "--from", f"{day - timedelta(days=2)}", "--to",
               f"{day}", "--json"]  # fmt: skip
    environment = os.environ | {"BALLAST_HOME": str(served.home.path), "BALLAST_KEY_FILE": str(served.key_file)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 0
    with served.clinic() as clinic:
        assert shop.settled() == everything and shop.batches() == 2

        # the client's bank takes the money of the first back: told or fetched, it is a row of its own, once
        charge = next(one for one in world.charges.values() if one.amount == TICKET and one.state == "settled")
        charge.disputed = True
        told = shop.dispute_message(charge)
        if told:
            assert [shop.post(told), shop.post(told)] == [200, 200]
            polling.tend(clinic.id)
            assert ("dispute", "handled") in shop.events()
        if kind != "elavon":  # Converge tells of chargebacks on paper and in its own portal only
            from billing.processors.fetch import fetch_settlements

            for _ in range(2):
                fetch_settlements(kind, day - timedelta(days=2), day, by=clinic.operator)
            assert shop.settled() == sorted([*everything, ("chargeback", -TICKET)])
        assert shop.payments() == [TICKET, SECOND, -BACK], "what a bank takes back is a matter of reconciliation"
