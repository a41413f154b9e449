"""Stripe, by its own library: Checkout Sessions, refunds, balance transactions by payout, signed webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

import stripe

from billing.processors.base import (
    Ask,
    Back,
    Charge,
    Forged,
    Hosted,
    Notice,
    Placed,
    ProcessorRefused,
    ProcessorSilent,
    Returned,
    Sale,
)

T = TypeVar("T")
TOLERANCE = 300
"""Seconds a signed message may be old."""
ABOUT = {
    "checkout.session.completed": "checkout", "checkout.session.async_payment_succeeded": "checkout",
    "checkout.session.async_payment_failed": "checkout", "checkout.session.expired": "checkout",
    "charge.refunded": "refund", "refund.created": "refund", "refund.updated": "refund", "refund.failed": "refund",
    "charge.dispute.created": "dispute", "charge.dispute.closed": "dispute",
    "charge.dispute.funds_withdrawn": "dispute", "charge.dispute.funds_reinstated": "dispute",
}  # fmt: skip
MOST = 20_000
A_ZONE_AWAY = timedelta(days=1)
"""Its days are those of UTC, and the clinic's evening lies on the next."""


class Stripe:
    """One Stripe account."""

    def __init__(self, label: str, secrets: Mapping[str, str], base: str = "") -> None:
        self.label = label
        self._signing = secrets.get("webhook_secret", "")
        self._api = stripe.StripeClient(
            secrets["secret_key"],
            base_addresses={"api": base} if base else {},
            http_client=stripe.RequestsClient(timeout=(6, 20)),
            max_network_retries=1,
        ).v1

    def checkout(self, ask: Ask) -> Hosted:
        """A Checkout Session. The same key gives the same session."""
        params: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": ask.reference,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": ask.currency.lower(), "unit_amount": ask.amount_cents,
                        "product_data": {"name": "Invoice"},
                    },
                }
            ],
            "metadata": {"order": ask.key},
            "payment_intent_data": {"metadata": {"order": ask.key}},
            "expires_at": int(ask.expires_at.timestamp()),
            "success_url": ask.return_url,
            "cancel_url": ask.cancel_url or ask.return_url,
        }  # fmt: skip
        made = self._asked(
            lambda: self._api.checkout.sessions.create(params, {"idempotency_key": ask.key})  # type: ignore[arg-type]
        )
        return Hosted(made.id, str(made.url), datetime.fromtimestamp(made.expires_at, UTC))

    def expire(self, placed: Placed) -> Sale:
        """Close the session; one that was paid or has lapsed says so."""
        try:
            self._asked(lambda: self._api.checkout.sessions.expire(placed.external_id))
        except ProcessorRefused:
            return self.state_of(placed)
        return Sale("expired")

    def state_of(self, placed: Placed) -> Sale:
        """What the session says, with the charge that paid it."""
        session_id = placed.external_id or self._session_by_key(placed)
        if not session_id:
            return Sale("unknown")
        found = self._asked(
            lambda: self._api.checkout.sessions.retrieve(session_id, {"expand": ["payment_intent.latest_charge"]})
        ).to_dict()
        if found.get("payment_status") == "paid":
            return _paid(found)
        return Sale("expired" if found.get("status") == "expired" else "open")

    def _session_by_key(self, placed: Placed) -> str:
        """The session whose answer never came."""
        around = {"gte": int(placed.placed_at.timestamp()) - 300, "lte": int(placed.placed_at.timestamp()) + 86_400}
        for item in self._all(self._api.checkout.sessions.list, {"created": around}):
            if (item.get("metadata") or {}).get("order") == placed.key:
                return str(item["id"])
        return ""

    def refund(self, back: Back) -> Returned:
        """A refund of a charge; the same key gives the same refund."""
        params: dict[str, Any] = {
            "charge": back.transaction, "amount": back.amount_cents, "metadata": {"order": back.key},
        }  # fmt: skip
        made = self._asked(
            lambda: self._api.refunds.create(params, {"idempotency_key": back.key})  # type: ignore[arg-type]
        )
        return _returned(made.to_dict())

    def refund_found(self, back: Back) -> Returned | None:
        """The refund of this order among those of the charge."""
        for item in self._all(self._api.refunds.list, {"charge": back.transaction}):
            if (item.get("metadata") or {}).get("order") == back.key:
                return _returned(item)
        return None

    def charges(self, first: date, last: date) -> list[Charge]:
        """Charges of some days, in UTC."""
        return [
            Charge(
                str(item["id"]), int(item["amount"]), datetime.fromtimestamp(int(item["created"]), UTC),
                *_card(item), str(item.get("status", "")),
            )
            for item in self._all(self._api.charges.list, {"created": _window(first, last)})
        ]  # fmt: skip

    def settlements(
        self,
        first: date,
        last: date,
        known: frozenset[str] = frozenset(),  # noqa: ARG002
    ) -> list[tuple[str, Any]]:
        """Payouts that arrived on these days with their transactions, then what was charged and is not paid out yet."""
        payouts = list(self._all(self._api.payouts.list, {"arrival_date": _window(first, last)}))
        rows: list[dict[str, Any]] = []
        paid_out: set[str] = set()
        for payout in payouts:
            if payout.get("status") in ("canceled", "failed") or not payout.get("automatic", True):
                continue
            for item in self._all(
                self._api.balance_transactions.list,
                {"payout": payout["id"], "expand": ["data.source", "data.source.charge"]},
            ):
                rows.append(item | {"payout": payout["id"], "available_on": payout["arrival_date"]})
                paid_out.add(str(item["id"]))
        open_rows = self._all(
            self._api.balance_transactions.list,
            {"created": _window(first, last + A_ZONE_AWAY), "expand": ["data.source", "data.source.charge"]},
        )
        rows += [item | {"status": "pending"} for item in open_rows if item["id"] not in paid_out]
        good = [payout for payout in payouts if payout.get("status") not in ("canceled", "failed")]
        return [("Stripe API", {"object": "list", "data": [*good, *rows]})]

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> Notice | None:  # noqa: ARG002
        """An event whose signature fits and is fresh."""
        if not self._signing:
            raise Forged("no signing secret is set")
        try:
            text = body.decode()
            stripe.WebhookSignature.verify_header(
                text, headers.get("stripe-signature", ""), self._signing, tolerance=TOLERANCE
            )
            event = json.loads(text)
            kind, item = str(event["type"]), event["data"]["object"]
            event_id, at = str(event["id"]), datetime.fromtimestamp(int(event["created"]), UTC)
            item = dict(item)
        except (stripe.SignatureVerificationError, ValueError, LookupError, TypeError, OverflowError,
                RecursionError) as failure:  # fmt: skip
            raise Forged(type(failure).__name__) from failure
        if kind not in ABOUT:
            return None
        about = ABOUT[kind]
        return Notice(
            event_id, kind, about, at,
            reference=str(item.get("client_reference_id") or (item.get("metadata") or {}).get("order") or ""),
            external_id=str(item.get("id") or ""),
            transaction=str(item.get("charge") or "") if about != "checkout" else "",
        )  # fmt: skip

    def test(self) -> str:
        """The balance is the least that can be asked for."""
        found = self._asked(lambda: self._api.balance.retrieve())
        return f"Signed in at Stripe, {'live' if found.livemode else 'test'} mode."

    def _all(self, ask: Callable[..., Any], params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        after: dict[str, Any] = {}
        for _ in range(MOST // 100):
            page = self._asked(lambda: ask({"limit": 100, **params, **after})).to_dict()  # noqa: B023
            yield from page["data"]
            if not page.get("has_more") or not page["data"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except (stripe.AuthenticationError, stripe.PermissionError) as failure:
            raise ProcessorRefused(
                label=self.label, answer="the secret key is not accepted. Check it in Settings."
            ) from failure
        except (stripe.CardError, stripe.InvalidRequestError) as failure:
            raise ProcessorRefused(
                label=self.label, answer=str(failure.user_message or "the request was not accepted.")[:200]
            ) from failure
        except stripe.StripeError as failure:
            raise ProcessorSilent(label=self.label) from failure


def _paid(session: dict[str, Any]) -> Sale:
    intent = session.get("payment_intent") or {}
    charge = intent.get("latest_charge") if isinstance(intent, dict) else None
    charge = charge if isinstance(charge, dict) else {}
    last4, brand, authorization = _card(charge)
    at = charge.get("created") or session.get("created")
    method = str((charge.get("payment_method_details") or {}).get("type") or "card")
    return Sale(
        "paid", str(charge.get("id") or ""), int(session["amount_total"]), str(session["currency"]).upper(),
        datetime.fromtimestamp(int(at), UTC) if at else None, last4, brand, authorization,
        "echeck" if method in ("us_bank_account", "ach_debit") else "card",
    )  # fmt: skip


BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "Amex", "discover": "Discover"}


def _card(charge: dict[str, Any]) -> tuple[str, str, str]:
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    brand = str(card.get("brand") or "")
    return str(card.get("last4") or ""), BRANDS.get(brand, "Other" if brand else ""), str(
        card.get("authorization_code") or ""
    )  # fmt: skip


def _returned(item: dict[str, Any]) -> Returned:
    state = "declined" if item.get("status") in ("failed", "canceled") else "done"
    answer = str(item.get("failure_reason") or "") if state == "declined" else ""
    at = item.get("created")
    return Returned(
        state, str(item["id"]), "refund", datetime.fromtimestamp(int(at), UTC) if at else None, answer[:200]
    )


def _window(first: date, last: date) -> dict[str, int]:
    begin = datetime.combine(first, time(), UTC)
    end = datetime.combine(last, time(), UTC) + timedelta(days=1)
    return {"gte": int(begin.timestamp()), "lt": int(end.timestamp())}
