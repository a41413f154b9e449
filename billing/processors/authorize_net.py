"""Authorize.net, by its JSON API: Accept Hosted pages, refunds and voids, settled batches, signed webhooks.

A page is posted to with a token that lives for a quarter of an hour and cannot be called back; it lapses by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
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
    Returned,
    Sale,
)
from billing.processors.wire import Wire, cents_of, major, moment, parsed
from data.types import clock

LIVE = ("https://api.authorize.net", "https://accept.authorize.net")
TEST = ("https://apitest.authorize.net", "https://test.authorize.net")
TOKEN_LIFE = timedelta(minutes=15)
LONGEST = 31
"""Days one list of batches may span."""
PAGE = 1000
OLDEST = timedelta(days=5)
"""A message older than this is not believed: it is sent again for about three days."""
PAID = ("capturedPendingSettlement", "settledSuccessfully")
GONE = ("voided", "expired")
NOT_PAID = ("declined", "generalError", "communicationError", "failedReview", "settlementError")
SETTLED = "settledSuccessfully"
BACK = ("chargeback", "returneditem", "chargebackreversal")
A_ZONE_AWAY = timedelta(days=1)
"""Its days are those of UTC, and the clinic's evening lies on the next."""


class AuthorizeNet:
    """One merchant account."""

    def __init__(self, label: str, secrets: Mapping[str, str], base: str = "", *, is_test: bool) -> None:
        self.label = label
        api, page = (base, base) if base else (TEST if is_test else LIVE)
        self._page = f"{page}/payment/payment"
        self._wire = Wire(label, api, {"Content-Type": "application/json"})
        self._name, self._key = secrets["login_id"], secrets["transaction_key"]
        self._signing = secrets.get("signature_key", "")

    def checkout(self, ask: Ask) -> Hosted:
        """A token for a page with the amount on it. A second one is no second charge."""

        def setting(name: str, **value: object) -> dict[str, str]:
            return {"settingName": name, "settingValue": json.dumps(value)}

        answer = self._ask(
            "getHostedPaymentPageRequest",
            {
                "refId": ask.key,
                "transactionRequest": {
                    "transactionType": "authCaptureTransaction",
                    "amount": major(ask.amount_cents),
                    "currencyCode": ask.currency,
                    "order": {"invoiceNumber": ask.key, "description": "Invoice"},
                },
                "hostedPaymentSettings": {
                    "setting": [
                        setting(
                            "hostedPaymentReturnOptions", showReceipt=False, url=ask.return_url, urlText="Continue",
                            cancelUrl=ask.cancel_url or ask.return_url, cancelUrlText="Cancel",
                        ),
                        setting("hostedPaymentPaymentOptions", cardCodeRequired=True, showBankAccount=False),
                        setting("hostedPaymentOrderOptions", show=False),
                        setting("hostedPaymentCustomerOptions", showEmail=False, requiredEmail=False),
                    ]
                },
            },
        )  # fmt: skip
        return Hosted(ask.key, self._page, clock.now() + TOKEN_LIFE, {"token": str(answer["token"])})

    def expire(self, placed: Placed) -> Sale:
        """There is no way to close a page: it lapses within a quarter of an hour."""
        return self.state_of(placed)

    def state_of(self, placed: Placed) -> Sale:
        """The transaction that carries our number, among those not settled yet and, later, those that are."""
        found = None
        if placed.transaction:
            found = self._details(placed.transaction)
        else:
            rows = [row for row in self._since(placed.placed_at) if row.get("invoiceNumber") == placed.key]
            rows = [row for row in rows if not str(row.get("transactionStatus", "")).startswith("refund")]
            rows.sort(key=lambda row: row.get("transactionStatus") not in PAID)
            if rows and rows[0].get("transactionStatus") not in NOT_PAID:
                found = self._details(str(rows[0]["transId"]))
        if found is None:
            lapsed = placed.expires_at is not None and clock.now() > placed.expires_at + timedelta(minutes=1)
            return Sale("expired" if lapsed else "open")
        status = str(found.get("transactionStatus", ""))
        if status in PAID:
            return _paid(found, placed.currency)
        return Sale("voided" if status in GONE else "open")

    def refund(self, back: Back) -> Returned:
        """A refund once the sale has settled, before that a void of the whole."""
        sale = self._details(back.transaction)
        status = str(sale.get("transactionStatus", ""))
        if status == SETTLED:
            card = (sale.get("payment") or {}).get("creditCard") or {}
            request: dict[str, Any] = {
                "transactionType": "refundTransaction",
                "amount": major(back.amount_cents),
                "payment": {
                    "creditCard": {
                        "cardNumber": str(card.get("cardNumber", back.last4))[-4:], "expirationDate": "XXXX",
                    }
                },
                "refTransId": back.transaction,
                "order": {"invoiceNumber": back.key},
            }  # fmt: skip
            return self._transact(back, request, "refund")
        if status == "capturedPendingSettlement":
            if not back.is_whole:
                return Returned("later", answer="A part can go back once the sale has settled, usually the next night.")
            return self._transact(back, {"transactionType": "voidTransaction", "refTransId": back.transaction}, "void")
        return Returned("declined", answer=f"The sale is in the state {status[:40]} there.")

    def refund_found(self, back: Back) -> Returned | None:
        """The refund with our number, or that the sale was voided."""
        sale = self._details(back.transaction)
        if sale.get("transactionStatus") == "voided":
            return Returned("done", back.transaction, "void")
        for row in self._since(back.asked_at or clock.now()):
            if row.get("invoiceNumber") == back.key and str(row.get("transactionStatus", "")).startswith("refund"):
                return Returned("done", str(row["transId"]), "refund", moment(row.get("submitTimeUTC")))
        return None

    def charges(self, first: date, last: date) -> list[Charge]:
        """Charges of some days with their authorization codes."""
        found = []
        for row in self._since(datetime.combine(first, datetime.min.time()).astimezone(), last):
            at = moment(row.get("submitTimeUTC"))
            if at is None or not first <= at.date() <= last + timedelta(days=1):
                continue
            item = self._details(str(row["transId"]))
            sale = _paid(item, "")
            found.append(
                Charge(sale.transaction, sale.amount_cents, at, sale.last4, sale.brand, sale.authorization,
                       str(item.get("transactionStatus", "")))
            )  # fmt: skip
        return found

    def settlements(self, first: date, last: date, known: frozenset[str] = frozenset()) -> list[tuple[str, Any]]:
        """Batches, and each transaction in full: a list row knows neither batch nor authorization code. What was taken
        back since is asked for again although it is known."""
        documents: list[tuple[str, Any]] = []
        for answer in self._batches(first, last + A_ZONE_AWAY):
            documents.append(("batches", answer))
            for batch in answer.get("batchList") or []:
                for row in self._of_batch(str(batch["batchId"])):
                    found, status = str(row["transId"]), str(row.get("transactionStatus", "")).lower()
                    if found not in known or (status in BACK and f"{found}-{status}" not in known):
                        documents.append((f"transaction {row['transId']}", self._detail_answer(str(row["transId"]))))
        return documents

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> Notice | None:  # noqa: ARG002
        """A notification whose HMAC-SHA512 fits."""
        if not self._signing:
            raise Forged("no signature key is set")
        said = headers.get("x-anet-signature", "")
        mine = hmac.new(self._signing.encode(), body, hashlib.sha512).hexdigest()
        if not said.lower().startswith("sha512=") or not hmac.compare_digest(said[7:].lower().encode(), mine.encode()):
            raise Forged("the signature does not fit")
        try:
            event = json.loads(body.decode("utf-8-sig"))
            kind, item = str(event["eventType"]), event["payload"]
            at = moment(event["eventDate"])
            event_id, transaction = str(event["notificationId"]), str(item["id"])
        except (ValueError, KeyError, TypeError, RecursionError) as failure:
            raise Forged("not a notification") from failure
        if at is None or clock.now() - at > OLDEST:
            raise Forged("too old")
        if item.get("entityName") != "transaction":
            return None
        about = "refund" if ".refund." in kind or ".void." in kind else "checkout"
        return Notice(event_id, kind, about, at, reference=str(item.get("invoiceNumber") or ""),
                      transaction=transaction)  # fmt: skip

    def test(self) -> str:
        """Authentication alone."""
        self._ask("authenticateTestRequest", {})
        return "Signed in at Authorize.net."

    def _transact(self, back: Back, request: dict[str, Any], kind: str) -> Returned:
        answer = self._ask(
            "createTransactionRequest", {"refId": back.key, "transactionRequest": request}, changes=True, fine=True
        )
        result = answer.get("transactionResponse") or {}
        if str(result.get("responseCode")) == "1":
            return Returned("done", str(result.get("transId") or ""), kind)
        errors = result.get("errors") or [{}]
        return Returned("declined", answer=str(errors[0].get("errorText") or _said(answer))[:200])

    def _details(self, transaction: str) -> dict[str, Any]:
        return dict(self._detail_answer(transaction).get("transaction") or {})

    def _detail_answer(self, transaction: str) -> dict[str, Any]:
        return self._ask("getTransactionDetailsRequest", {"transId": transaction})

    def _since(self, begin: datetime, last: date | None = None) -> Iterator[dict[str, Any]]:
        """Transactions since a time: those in the open batch, then those of batches that settled since."""
        yield from self._pages("getUnsettledTransactionListRequest", {})
        first, last = begin.date() - timedelta(days=1), (last or clock.now().date()) + timedelta(days=1)
        if clock.now() - begin < timedelta(minutes=10):
            return  # nothing settles that quickly
        for answer in self._batches(first, last):
            for batch in answer.get("batchList") or []:
                yield from self._of_batch(str(batch["batchId"]))

    def _batches(self, first: date, last: date) -> Iterator[dict[str, Any]]:
        while first <= last:
            until = min(first + timedelta(days=LONGEST - 1), last)
            yield self._ask(
                "getSettledBatchListRequest",
                {
                    "includeStatistics": True,
                    "firstSettlementDate": f"{first.isoformat()}T00:00:00Z",
                    "lastSettlementDate": f"{until.isoformat()}T23:59:59Z",
                },
            )
            first = until + timedelta(days=1)

    def _of_batch(self, batch_id: str) -> Iterator[dict[str, Any]]:
        yield from self._pages("getTransactionListRequest", {"batchId": batch_id})

    def _pages(self, name: str, what: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for offset in range(1, 200):
            answer = self._ask(
                name,
                {
                    **what,
                    "sorting": {"orderBy": "submitTimeUTC", "orderDescending": True},
                    "paging": {"limit": str(PAGE), "offset": str(offset)},
                },
            )
            rows = answer.get("transactions") or []
            yield from rows
            if len(rows) < PAGE:
                return

    def _ask(self, name: str, what: dict[str, Any], *, changes: bool = False, fine: bool = False) -> dict[str, Any]:
        """One call. Merchant authentication comes first, as its schema has an order."""
        document = {name: {"merchantAuthentication": {"name": self._name, "transactionKey": self._key}, **what}}
        answer = self._wire.call("POST", "/xml/v1/request.api", content=json.dumps(document).encode(), changes=changes)
        found = parsed(answer.content, self.label)
        if not isinstance(found, dict):
            raise ProcessorSilent(label=self.label)
        if (found.get("messages") or {}).get("resultCode") != "Ok" and not (fine and "transactionResponse" in found):
            code = _code(found)
            if code in ("E00053", "E00104", "E00001"):
                raise ProcessorSilent(label=self.label)  # too busy, down for maintenance, an error of its own
            if code == "I00004":
                return found
            raise ProcessorRefused(label=self.label, answer=_said(found))
        return found


def _code(answer: dict[str, Any]) -> str:
    messages = (answer.get("messages") or {}).get("message") or [{}]
    return str(messages[0].get("code", ""))


def _said(answer: dict[str, Any]) -> str:
    messages = (answer.get("messages") or {}).get("message") or [{}]
    return str(messages[0].get("text", "it gave no reason."))[:200]


def _paid(item: dict[str, Any], currency: str) -> Sale:
    card = (item.get("payment") or {}).get("creditCard") or {}
    bank = (item.get("payment") or {}).get("bankAccount")
    status = str(item.get("transactionStatus", ""))
    brands = {"MasterCard": "Mastercard", "AmericanExpress": "Amex"}
    brand = str(card.get("cardType") or "")
    return Sale(
        "paid", str(item["transId"]), cents_of(item.get("settleAmount", item.get("authAmount"))),
        str(item.get("currencyCode") or currency), moment(item.get("submitTimeUTC")),
        str(card.get("cardNumber") or "")[-4:], brands.get(brand, brand), str(item.get("authCode") or ""),
        "echeck" if bank and not card else "card", status == SETTLED,
    )  # fmt: skip
