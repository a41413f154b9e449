"""A clinic with processors that the fake on loopback plays, and an invoice somebody is asked to pay."""

from __future__ import annotations

import dataclasses

import pytest

from billing import ledger
from billing.client_billing import ONLY, SERVICE
from billing.processors import orders
from billing.processors.credentials import notice_token, set_credentials
from billing.requests import standing_request
from billing.sending import create_invoice, issue_invoice
from data import definitions
from data.models import Client, PaymentRequest, ProcessorOrder
from data.session import read, write
from data.types import new_id
from security import settings
from security.rules import act
from tests.fake_processor import Fake

SECRETS = {
    "stripe": {"secret_key": "sk_test_fake", "webhook_secret": "whsec_fake"},
    "authorize_net": {"login_id": "login", "transaction_key": "transaction-key", "signature_key": "AB" * 64},
    "elavon": {"merchant_id": "123456", "user_id": "apiuser", "pin": "pin-1234"},
    "mx": {"consumer_key": "mx-key", "consumer_secret": "mx-secret"},
}
BACK = "https://clinic.example/portal/back"


@dataclasses.dataclass
class Till:
    """A clinic that takes cards by one processor."""

    clinic: object
    fake: Fake
    kind: str

    @property
    def by(self):
        return self.clinic.operator

    def request(self, cents: int = 12_345) -> str:
        """An invoice of this amount and a request to pay it; returns the request."""
        with write(self.clinic.id) as session:
            client = Client(id=new_id(), number=session.head().change + 20_000, first_name="Dana",
                            last_name="Canary", search="dana canary", email="dana@example.org")  # fmt: skip
            session.add(client)
            session.flush()
            client_id = client.id
        invoice_id = create_invoice(client_id, "Dental cleaning", cents, by=self.by)
        issue_invoice(invoice_id, by=self.by)
        return self.again(invoice_id, cents)

    def again(self, invoice_id: str, cents: int) -> str:
        with act(self.by, "billing.checkout") as work:
            invoice = ledger.locked_invoice(work, invoice_id)
            request = standing_request(work, invoice, cents)
            work.audit("request.made", "payment_request", request.id)
            return request.id

    def ask(self, request_id: str) -> str:
        """The pay page of a request, as the client's browser reaches it in the end."""
        url = orders.ask_checkout(request_id, by=self.by, return_url=BACK)
        return f"{self.fake.url}/page/{self.page(request_id).id}" if url.startswith("/pay/") else url

    def page(self, request_id: str):
        """The page of a request at the fake."""
        with read(self.clinic.id) as session:
            keys = [row.order_key for row in self.orders(request_id, session)]
        return next(one for one in reversed(self.fake.world.pages.values()) if one.key in keys)

    def orders(self, request_id: str, session=None):
        from sqlalchemy import select

        def found(session):
            statement = select(ProcessorOrder).where(ProcessorOrder.payment_request_id == request_id)
            return list(session.scalars(statement.order_by(ProcessorOrder.id)))

        if session is not None:
            return found(session)
        with read(self.clinic.id) as session:
            return found(session)

    def row(self, request_id: str) -> PaymentRequest:
        with read(self.clinic.id) as session:
            return session.get_one(PaymentRequest, (self.clinic.id, request_id))

    def standing(self, request_id: str):
        """Where the invoice of a request stands."""
        with read(self.clinic.id) as session:
            return ledger.standing_of(session, self.row(request_id).invoice_id)

    def paid(self, cents: int = 12_345) -> str:
        """A request that was paid; returns it."""
        request_id = self.request(cents)
        self.fake.pay(self.ask(request_id))
        assert orders.look_up(request_id, by=self.by) == "paid"
        return request_id

    @property
    def query(self) -> dict[str, str]:
        return {"t": notice_token(self.clinic.id, self.kind)}


def make_till(clinic, fake: Fake, kind: str) -> Till:
    """Set the clinic up for a type of processor, whose slug is its type."""
    by = clinic.operator
    body = {"label": f"Our {kind}", "type": kind, "merchant_id": "12345678", "takes_online": True, "test": True,
            "rate_millionths": 29_000, "per_item_cents": 30}  # fmt: skip
    settings.save_definition("processor", kind, body, expected=0, by=by)
    set_credentials(kind, SECRETS[kind], by=by)
    with write(clinic.id) as session:
        definitions.save(session, SERVICE, ONLY, SERVICE.document(enabled=True, address="https://clinic.example"),
                         by_user_id=None)  # fmt: skip
    return Till(clinic, fake, kind)


@pytest.fixture(params=[*SECRETS, *(f"{kind} on postgres" for kind in ("stripe", "authorize_net"))])
def till(request: pytest.FixtureRequest, fake: Fake) -> Till:
    """Each processor in turn; on PostgreSQL one that closes its pages and one that cannot."""
    kind, _, database = request.param.partition(" on ")
    return make_till(request.getfixturevalue(f"{database or 'sqlite'}_clinic"), fake, kind)


@pytest.fixture
def stripe_till(clinic, fake: Fake) -> Till:
    """Stripe, on each database."""
    return make_till(clinic, fake, "stripe")
