"""MX Merchant: invoices with a pay link, payments, returns and batches of its Checkout API (version 3).

Amounts are texts. Its notifications are not signed: the address carries a token of ours, and what they say is asked
about again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

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
    ProcessorUnready,
    Returned,
    Sale,
)
from billing.processors.wire import Wire, cents_of, major, moment, parsed
from data.types import clock

LIVE = "https://api.mxmerchant.com/checkout/v3"
TEST = "https://sandbox.api.mxmerchant.com/checkout/v3"
LINKS = ("payLink", "paymentLink", "click2PayUrl", "clickToPayUrl", "url", "link")
"""Where an invoice carries its pay link; which of them a live account fills is still to be seen."""
PAGE = 500
CANCELLED = "cancelled".capitalize()
"""A word of its protocol, not of ours."""
PAID = ("approved", "settled", "chargedback")


class Mx:
    """One MX Merchant account."""

    def __init__(
        self, label: str, secrets: Mapping[str, str], base: str, token: str, merchant_id: str, *, is_test: bool
    ) -> None:
        self.label, self._token = label, token
        if not merchant_id.isdigit():
            raise ProcessorUnready(label=label, problem="its merchant id must be set first, figures only.")
        self._merchant = merchant_id
        pair = base64.b64encode(f"{secrets['consumer_key']}:{secrets['consumer_secret']}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json", "Accept": "application/json"}
        self._wire = Wire(label, base or (TEST if is_test else LIVE), headers)

    def checkout(self, ask: Ask) -> Hosted:
        """An invoice that can be paid by its link. One with our number that is there already is taken as it is."""
        made = self._invoice_by_key(ask.key)
        if made is None:
            made = self._ask(
                "POST", "/invoice",
                {
                    "merchantId": int(self._merchant), "invoiceNumber": ask.key, "clientReference": ask.key,
                    "status": "Unpaid", "isClick2PayEnabled": True, "allowCreditCard": True, "allowACH": False,
                    "terms": "OnReceipt", "returnUrl": ask.return_url,
                    "customer": {"name": f"Invoice {ask.key}"}, "billingAddress": {}, "shippingAddress": {},
                    "purchases": [
                        {"productName": "Invoice", "quantity": 1, "price": major(ask.amount_cents), "discount": 0,
                         "tax": [], "totalAmount": major(ask.amount_cents)}
                    ],
                },
                {"echo": "true"},
            )  # fmt: skip
        link = next((str(made[name]) for name in LINKS if made.get(name)), "")
        if not link.startswith("http"):
            raise ProcessorRefused(label=self.label, answer="it gave no pay link. Is Click2Pay switched on there?")
        return Hosted(str(made["id"]), link, ask.expires_at)

    def expire(self, placed: Placed) -> Sale:
        """Cancel the invoice, unless it was paid."""
        before = self.state_of(placed)
        if before.state != "open" or not placed.external_id:
            return before
        self._ask("PUT", f"/invoice/{placed.external_id}", {"id": int(placed.external_id), "status": CANCELLED}, {})
        after = self.state_of(placed)
        return after if after.state == "paid" else Sale("expired")

    def state_of(self, placed: Placed) -> Sale:
        """The payment that carries our number; else what the invoice says."""
        rows = [row for row in self._payments({"invoice": placed.key}) if _is_ours(row, placed.key)]
        sales = [row for row in rows if str(row.get("type", "Sale")) != "Return"]
        for row in sales:
            if _status(row) in PAID and not row.get("authOnly"):
                return _paid(row)
        if any(_status(row) == "voided" for row in sales):
            return Sale("voided")
        invoice = self._ask("GET", f"/invoice/{placed.external_id}") if placed.external_id else None
        invoice = invoice or self._invoice_by_key(placed.key)
        if invoice is None:
            return Sale("unknown")
        return Sale("expired" if str(invoice.get("status", "")).lower() in ("cancelled", "void", "voided") else "open")

    def refund(self, back: Back) -> Returned:
        """The whole before it settles is voided; else a payment with a negative amount on the same token."""
        sale = self._payment(back.transaction)
        if _status(sale) == "voided":
            return Returned("declined", answer="The sale was voided there.")
        if _status(sale) != "settled":
            if not back.is_whole:
                return Returned("later", answer="A part can go back once the sale has settled, usually the next night.")
            self._wire.call("DELETE", f"/payment/{back.transaction}", params={"force": "true"})
            after = self._payment(back.transaction)
            kind = "void" if _status(after) == "voided" else "refund"
            return Returned("done", back.transaction, kind)
        made = self._ask(
            "POST", "/payment",
            {
                "merchantId": int(self._merchant), "tenderType": "Card", "amount": f"-{major(back.amount_cents)}",
                "paymentToken": str(sale.get("paymentToken", "")), "clientReference": back.key, "invoice": back.key,
                "replayId": _replay(back.key),
            },
            {"echo": "true"},
        )  # fmt: skip
        return _returned(made)

    def refund_found(self, back: Back) -> Returned | None:
        """The return with our number, or that the sale was voided."""
        for row in self._payments({"clientReference": back.key}):
            if _is_ours(row, back.key) and _status(row) in PAID:
                return _returned(row)
        if _status(self._payment(back.transaction)) == "voided":
            return Returned("done", back.transaction, "void")
        return None

    def charges(self, first: date, last: date) -> list[Charge]:
        """Charges of some days."""
        found = []
        for row in self._payments(_between(first, last)):
            sale = _paid(row)
            if sale.at is not None and sale.amount_cents > 0:
                found.append(
                    Charge(sale.transaction, sale.amount_cents, sale.at, sale.last4, sale.brand, sale.authorization,
                           str(row.get("status", "")))
                )  # fmt: skip
        return found

    def settlements(
        self,
        first: date,
        last: date,
        known: frozenset[str] = frozenset(),  # noqa: ARG002
    ) -> list[tuple[str, Any]]:
        """The payments of the batches that were closed on these days, and the batches."""
        batches = list(self._listed("/batch", {"merchantId": self._merchant, **_between(first, last)}))
        rows = [row for one in batches for row in self._payments({"batchId": str(one.get("batchId") or one["id"])})]
        return [("MX batches", {"records": batches}), ("MX payments", {"records": rows})]

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> Notice | None:  # noqa: ARG002
        """A notification that carries the token of our address. Only ids are taken from it, and asked about."""
        if not hmac.compare_digest(query.get("t", "").encode(), self._token.encode()):
            raise Forged("the address carries no token")
        try:
            event = json.loads(body)
            item = event.get("payment") or event.get("data") or event
            payment, key = str(item["id"]), str(item.get("invoice") or item.get("clientReference") or "")
            kind = str(event.get("eventType") or event.get("event") or "payment")[:60]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as failure:
            raise Forged("not a notification") from failure
        if not payment.isdigit() or len(payment) > 30:
            raise Forged("not a payment")
        at = moment(item.get("created")) or clock.now()
        about = "dispute" if "charge" in kind.lower() and "back" in kind.lower() else "checkout"
        return Notice(f"{kind} {payment} {item.get('status', '')}"[:120], kind, about, at, reference=key[:80],
                      transaction=payment)  # fmt: skip

    def test(self) -> str:
        """The newest payment is read and forgotten."""
        self._ask("GET", "/payment", params={"merchantId": self._merchant, "limit": "1"})
        return "Signed in at MX Merchant."

    def _invoice_by_key(self, key: str) -> dict[str, Any] | None:
        for row in self._listed("/invoice", {"merchantId": self._merchant, "filter": key}):
            if str(row.get("invoiceNumber")) == key or str(row.get("clientReference")) == key:
                return row
        return None

    def _payment(self, payment_id: str) -> dict[str, Any]:
        found = self._ask("GET", f"/payment/{payment_id}")
        return found or {}

    def _payments(self, which: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        yield from self._listed("/payment", {"merchantId": self._merchant, **which})

    def _listed(self, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        for page in range(200):
            answer = self._ask("GET", path, params={**params, "limit": str(PAGE), "offset": str(page * PAGE)}) or {}
            rows = answer.get("records") or []
            yield from rows
            if len(rows) < PAGE:
                return

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> Any:
        content = json.dumps(body).encode() if body is not None else None
        answer = self._wire.call(
            method, path, content=content, params=params, changes=method != "GET", fine=(400, 404, 422)
        )
        if answer.status_code == 404:
            return None
        if answer.status_code >= 400:
            said = parsed(answer.content, self.label) if answer.content else {}
            reason = said.get("message") or (said.get("details") or [""])[0] if isinstance(said, dict) else ""
            raise ProcessorRefused(label=self.label, answer=str(reason or "it gave no reason.")[:200])
        if not answer.content:
            return {}
        found = parsed(answer.content, self.label)
        if not isinstance(found, dict):
            raise ProcessorSilent(label=self.label)
        return found


def _status(row: Mapping[str, Any]) -> str:
    return str(row.get("status", "")).lower()


def _is_ours(row: Mapping[str, Any], key: str) -> bool:
    return key in (str(row.get("invoice")), str(row.get("clientReference")))


def _paid(row: Mapping[str, Any]) -> Sale:
    card = row.get("cardAccount") or {}
    brands = {"MasterCard": "Mastercard", "AmericanExpress": "Amex", "American Express": "Amex"}
    brand = str(card.get("cardType") or "")
    return Sale(
        "paid", str(row["id"]), cents_of(row.get("amount")), str(row.get("currency") or ""),
        moment(row.get("created")), str(card.get("last4") or ""), brands.get(brand, brand),
        str(row.get("authCode") or ""), "echeck" if row.get("tenderType") == "ACH" else "card",
        _status(row) == "settled",
    )  # fmt: skip


def _returned(row: Mapping[str, Any]) -> Returned:
    if _status(row) not in PAID:
        return Returned("declined", answer=str(row.get("authMessage") or "it gave no reason.")[:200])
    return Returned("done", str(row["id"]), "refund", moment(row.get("created")))


def _replay(key: str) -> int:
    """A number of fifteen figures from our key: the same payment sent again is answered, not made again."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % 10**15


def _between(first: date, last: date) -> dict[str, str]:
    return {
        "startDate": datetime.combine(first, time()).isoformat(),
        "endDate": datetime.combine(last + timedelta(days=1), time()).isoformat(),
    }
