"""Elavon Converge: Hosted Payments by a session token, the XML API for queries, returns and voids.

What comes back with the browser or as a callback is signed by nobody: it only makes us ask what became of the page.
A token lives for a quarter of an hour and cannot be called back.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from zoneinfo import ZoneInfo

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
from billing.processors.wire import Wire, cents_of, major
from data.types import clock

LIVE = ("https://api.convergepay.com", "/VirtualMerchant/processxml.do")
TEST = ("https://api.demo.convergepay.com", "/VirtualMerchantDemo/processxml.do")
TOKEN_LIFE = timedelta(minutes=15)
LONGEST = 31
SETTLED = ("STL",)
WAITING = ("PEN", "OPN", "")
BRANDS = {"VISA": "Visa", "MC": "Mastercard", "AMEX": "Amex", "DISC": "Discover"}


class Converge:
    """One Converge account."""

    def __init__(
        self, label: str, secrets: Mapping[str, str], base: str, token: str, zone: ZoneInfo, *, is_test: bool
    ) -> None:
        self.label, self._token, self._zone = label, token, zone
        host, self._xml = TEST if is_test else LIVE
        self._base = base or host
        self._wire = Wire(label, self._base, {"Content-Type": "application/x-www-form-urlencoded"})
        self._secrets = {
            "ssl_merchant_id": secrets["merchant_id"], "ssl_user_id": secrets["user_id"], "ssl_pin": secrets["pin"],
        }  # fmt: skip

    def checkout(self, ask: Ask) -> Hosted:
        """A session token for a page with the amount on it; a second token is no second charge."""
        fields = self._secrets | {
            "ssl_transaction_type": "ccsale", "ssl_amount": major(ask.amount_cents), "ssl_invoice_number": ask.key,
            "ssl_merchant_txn_id": ask.key, "ssl_transaction_currency": ask.currency,
        }  # fmt: skip
        if ask.return_url:
            fields |= {"ssl_receipt_link_url": ask.return_url, "ssl_receipt_link_method": "REDG"}
        answer = self._wire.call(
            "POST", "/hosted-payments/transaction_token", content=urlencode(fields).encode(), changes=False
        )
        token = answer.content.decode("utf-8", "replace").strip()
        if not token or len(token) > 400 or "<" in token or " " in token:
            raise ProcessorRefused(label=self.label, answer="it gave no pay page. Check the credentials in Settings.")
        url = f"{self._base}/hosted-payments?ssl_txn_auth_token={quote(token, safe='')}"
        return Hosted(ask.key, url, clock.now() + TOKEN_LIFE)

    def expire(self, placed: Placed) -> Sale:
        """There is no way to close a page: its token lapses within a quarter of an hour."""
        return self.state_of(placed)

    def state_of(self, placed: Placed) -> Sale:
        """The approved transaction with our number."""
        rows = self._query({"ssl_merchant_txn_id": placed.key})
        sales = [row for row in rows if _action(row) in ("SALE", "CCSALE") and _is_approved(row)]
        live = [row for row in sales if not _is_void(row)]
        if live:
            return self._paid(live[0], placed.currency)
        if sales:
            return Sale("voided")
        lapsed = placed.expires_at is not None and clock.now() > placed.expires_at + timedelta(minutes=1)
        return Sale("expired" if lapsed else "open")

    def refund(self, back: Back) -> Returned:
        """A return once the sale has settled, before that a void of the whole."""
        sale = self._one(back.transaction)
        state = sale.get("ssl_trans_status", "")
        if _is_void(sale):
            return Returned("declined", answer="The sale was voided there.")
        if state in SETTLED:
            fields = {"ssl_transaction_type": "ccreturn", "ssl_txn_id": back.transaction,
                      "ssl_amount": major(back.amount_cents), "ssl_merchant_txn_id": back.key}  # fmt: skip
            return self._transact(fields, "refund")
        if not back.is_whole:
            return Returned("later", answer="A part can go back once the sale has settled, usually the next night.")
        return self._transact(
            {"ssl_transaction_type": "ccvoid", "ssl_txn_id": back.transaction, "ssl_merchant_txn_id": back.key}, "void"
        )

    def refund_found(self, back: Back) -> Returned | None:
        """The return with our number, or that the sale was voided."""
        for row in self._query({"ssl_merchant_txn_id": back.key}):
            if _action(row) in ("RETURN", "CCRETURN") and _is_approved(row):
                return Returned("done", row.get("ssl_txn_id", ""), "refund", self._time(row))
        if _is_void(self._one(back.transaction)):
            return Returned("done", back.transaction, "void")
        return None

    def charges(self, first: date, last: date) -> list[Charge]:
        """Charges of some days."""
        found = []
        for row in self._days(first, last):
            if _action(row) not in ("SALE", "CCSALE"):
                continue
            sale = self._paid(row, "")
            if sale.at is not None:
                found.append(
                    Charge(sale.transaction, sale.amount_cents, sale.at, sale.last4, sale.brand, sale.authorization,
                           row.get("ssl_trans_status", ""))
                )  # fmt: skip
        return found

    def settlements(
        self,
        first: date,
        last: date,
        known: frozenset[str] = frozenset(),  # noqa: ARG002
    ) -> list[tuple[str, Any]]:
        """Queries by date, a month at most each."""
        documents: list[tuple[str, Any]] = []
        while first <= last:
            until = min(first + timedelta(days=LONGEST - 1), last)
            documents.append((f"Converge {first.isoformat()}", self._ask(_between(first, until))))
            first = until + timedelta(days=1)
        return documents

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> Notice | None:  # noqa: ARG002
        """A callback that carries the token of our address. Only the number is taken from it, and asked about."""
        if not hmac.compare_digest(query.get("t", "").encode(), self._token.encode()):
            raise Forged("the address carries no token")
        try:
            said = dict(parse_qsl(body.decode("ascii"), max_num_fields=200))
        except ValueError as failure:
            raise Forged("not a form") from failure
        key, transaction = said.get("ssl_merchant_txn_id") or said.get("ssl_invoice_number", ""), said.get("ssl_txn_id")
        if not transaction or not key or len(transaction) > 60 or len(key) > 40:
            raise Forged("not a transaction")
        return Notice(f"callback {transaction}", "callback", "checkout", clock.now(), reference=key)

    def test(self) -> str:
        """A query of today changes nothing."""
        today = clock.now().astimezone(self._zone).date()
        self._query(_between(today, today))
        return "Signed in at Converge."

    def _transact(self, fields: dict[str, str], kind: str) -> Returned:
        rows = _rows(self._ask(fields, changes=True))
        row = rows[0] if rows else {}
        if row.get("errorCode"):
            return Returned("declined", answer=(row.get("errorMessage") or row.get("errorName", ""))[:200])
        if _is_approved(row):
            return Returned("done", row.get("ssl_txn_id", ""), kind, self._time(row))
        return Returned("declined", answer=row.get("ssl_result_message", "it gave no reason.")[:200])

    def _one(self, transaction: str) -> dict[str, str]:
        rows = self._query({"ssl_txn_id": transaction})
        return rows[0] if rows else {}

    def _query(self, what: Mapping[str, str]) -> list[dict[str, str]]:
        rows = _rows(self._ask({"ssl_transaction_type": "txnquery", **what}))
        for row in rows:
            if row.get("errorCode") and row["errorCode"] not in ("5040", "5085"):  # no such transaction
                if row["errorCode"] in ("4000", "4025"):
                    raise ProcessorRefused(label=self.label, answer="the credentials are not accepted.")
                raise ProcessorSilent(label=self.label)
        return [row for row in rows if row.get("ssl_txn_id")]

    def _days(self, first: date, last: date) -> list[dict[str, str]]:
        return [row for _, root in self.settlements(first, last) for row in _rows(root) if row.get("ssl_txn_id")]

    def _ask(self, fields: Mapping[str, str], *, changes: bool = False) -> Any:
        from lxml import etree  # type: ignore[import-untyped]

        root = etree.Element("txn")
        for name, text in (*self._secrets.items(), *fields.items()):
            etree.SubElement(root, name).text = text
        content = urlencode({"xmldata": etree.tostring(root, encoding="unicode")}).encode()
        answer = self._wire.call("POST", self._xml, content=content, changes=changes)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            if b"<!" in answer.content[:2000]:
                raise ValueError
            return etree.fromstring(answer.content.strip(), parser)
        except (etree.XMLSyntaxError, ValueError) as failure:
            raise ProcessorSilent(label=self.label) from failure

    def _paid(self, row: dict[str, str], currency: str) -> Sale:
        brand = row.get("ssl_card_short_description", "").upper()
        return Sale(
            "paid", row["ssl_txn_id"], cents_of(row.get("ssl_amount", "0")),
            row.get("ssl_transaction_currency") or currency, self._time(row), row.get("ssl_card_number", "")[-4:],
            BRANDS.get(brand, "Other" if brand else ""), row.get("ssl_approval_code", "").strip(), "card",
            row.get("ssl_trans_status", "") in SETTLED,
        )  # fmt: skip

    def _time(self, row: dict[str, str]) -> datetime | None:
        try:
            found = datetime.strptime(row.get("ssl_txn_time", ""), "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007
        except ValueError:
            return None
        return found.replace(tzinfo=self._zone)


def _between(first: date, last: date) -> dict[str, str]:
    return {"ssl_transaction_type": "txnquery", "ssl_search_start_date": f"{first:%m/%d/%Y}",
            "ssl_search_end_date": f"{last:%m/%d/%Y}"}  # fmt: skip


def _rows(root: Any) -> list[dict[str, str]]:
    """Each transaction of an answer as its fields; an error is one of them."""
    found = [root] if root.tag == "txn" else [child for child in root if child.tag == "txn"]
    return [{str(cell.tag): (cell.text or "").strip() for cell in one} for one in found]


def _action(row: Mapping[str, str]) -> str:
    return row.get("ssl_transaction_type", "").upper()


def _is_approved(row: Mapping[str, str]) -> bool:
    message = row.get("ssl_result_message", "").upper()
    return row.get("ssl_result", "0") == "0" and (message.startswith(("APPROV", "APPROVAL")) or not message)


def _is_void(row: Mapping[str, str]) -> bool:
    return row.get("ssl_trans_status", "").upper().startswith("VOID") or _action(row).endswith("VOID")
