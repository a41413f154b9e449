"""Authorize.net: answers of its JSON API and the transaction download of the Merchant Interface (tab or comma).

A chargeback or returned check becomes a row of its own beside the sale, as it takes money away on another day.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing.settlement.content import Columns, Item, text_at
from billing.settlement.rows import (
    BatchRow,
    Reading,
    Setting,
    SettledRow,
    amount,
    brand,
    day,
    last4,
    moment,
    moment_or_noon,
    plain,
    signed,
)
from records.reading import Table
from records.values import Unreadable

STATUSES = {
    "settledsuccessfully": "settled", "refundsettledsuccessfully": "settled", "credited": "settled",
    "capturedpendingsettlement": "pending", "refundpendingsettlement": "pending", "pendingsettlement": "pending",
    "pendingfinalsettlement": "pending", "updatingsettlement": "pending", "approvedreview": "pending",
    "couldnotvoid": "pending", "pendingcapture": "authorized", "authorizedpendingcapture": "authorized",
    "authorizedpendingrelease": "authorized", "underreview": "authorized", "fdspendingreview": "authorized",
    "fdsauthorizedpendingreview": "authorized", "authorizedheldpendingrelease": "authorized",
    "declined": "declined", "communicationerror": "declined", "generalerror": "declined", "failedreview": "declined",
    "settlementerror": "declined", "expired": "voided", "voided": "voided",
}  # fmt: skip
BACK = {"chargeback": "chargeback", "returneditem": "chargeback", "chargebackreversal": "adjustment"}
NAMES = {
    "id": ("Transaction ID", "Trans ID", "TransID", "transId"),
    "submitted": ("Submit Date/Time", "Submit Date", "submitTimeUTC"),
    "settled": ("Settlement Date/Time", "Settlement Date"), "amount": ("Total Amount", "Amount", "Payment Amount"),
    "settle_amount": ("Settlement Amount",), "status": ("Transaction Status", "Trans Status", "Status"),
    "response": ("Response Code",), "action": ("Action Code", "Transaction Type"), "card": ("Card Number",),
    "brand": ("Method", "Payment Method", "Card Type"), "authorization": ("Authorization Code", "Auth Code"),
    "invoice": ("Invoice Number", "Invoice #", "Invoice"), "currency": ("Currency Code", "Currency"),
    "batch": ("Batch ID", "Settlement Batch ID"), "related": ("Reference Transaction ID", "Ref Trans ID"),
    "entry": ("Product",),
}  # fmt: skip


def is_table(table: Table) -> bool:
    """Whether a table is the transaction download."""
    columns = Columns(table, NAMES)
    return columns.has("id", "submitted", "amount") and (columns.has("response") or columns.has("action"))


def is_document(document: Any) -> bool:
    """Whether JSON is one of its answers."""
    if not isinstance(document, dict):
        return False
    if isinstance(document.get("messages"), dict) and "resultCode" in document["messages"]:
        return True
    return any(name in document for name in ("batchList", "transactions", "transaction")) and "messages" in document


def read_document(document: Any, name: str, setting: Setting) -> Reading:
    """Transactions, one transaction in full, or batches with their statistics."""
    reading = Reading(name, "authorize_net", "authorize_net")
    if text_at(document, "messages", "resultCode") == "Error":
        said = text_at(document, "messages", "message", 0, "text") or "an error"
        reading.problem("the answer", f"Authorize.net answered: {said[:200]} Ask again.")
        return reading
    single = document.get("transaction")
    found = [single] if isinstance(single, dict) else document.get("transactions") or []
    for number, item in enumerate(found if isinstance(found, list) else [], 1):
        if isinstance(item, dict):
            place = f"transaction {number}"
            with reading.at(place):
                reading.rows += transactions(item, setting, place=place)
    batches = document.get("batchList") or document.get("batch") or []
    for number, item in enumerate(batches if isinstance(batches, list) else [batches], 1):
        if isinstance(item, dict):
            with reading.at(f"batch {number}"):
                stated = batch(item, setting, place=f"batch {number}")
                if stated is None:
                    reading.remark(f"batch {number}", "it has not been settled and is left out")
                else:
                    reading.batches.append(stated)
    if not isinstance(single, dict) and reading.rows:
        reading.remark(
            "", "a list of transactions names neither batch nor authorization; the download of the Merchant Interface "
            "and transaction details do",
        )  # fmt: skip
    return reading


def transactions(item: Item, setting: Setting, *, batch_id: str = "", place: str = "") -> list[SettledRow]:
    """A transaction of a list or in full, as rows. Raises Unreadable."""
    said = text_at(item, "transactionStatus").lower()
    action = text_at(item, "transactionType").lower()
    paid = item.get("payment")
    card = paid.get("creditCard") if isinstance(paid, dict) else None
    value = item.get("settleAmount", item.get("authAmount"))
    if isinstance(value, str):
        value = Decimal(amount(value, setting.digits)).scaleb(-setting.digits)
    settled_at = text_at(item, "batch", "settlementTimeLocal") or text_at(item, "batch", "settlementTimeUTC")
    return _rows(
        reference=text_at(item, "transId"), said=said, action=action, cents=amount(value, setting.digits),
        currency=text_at(item, "currencyCode") or setting.currency, at=_time(item, "submitTime", setting),
        settled_on=day(settled_at[:10]) if settled_at else None, batch=batch_id or text_at(item, "batch", "batchId"),
        card=text_at(card, "cardNumber") or text_at(item, "accountNumber"),
        brand_word=text_at(card, "cardType") or text_at(item, "accountType"),
        authorization=text_at(item, "authCode"),
        invoice=text_at(item, "order", "invoiceNumber") or text_at(item, "invoiceNumber"),
        entry=text_at(item, "product"), related=text_at(item, "refTransId"), place=place,
    )  # fmt: skip


def _time(item: Item, name: str, setting: Setting) -> Any:
    utc, here = text_at(item, f"{name}UTC"), text_at(item, f"{name}Local")
    if utc:
        return moment(utc if utc.endswith("Z") or "+" in utc else f"{utc}Z", setting.zone)
    if here:
        return moment(here, setting.zone)
    raise Unreadable(f"{name}UTC: it is empty, and every transaction needs it.")


def _rows(
    *, reference: str, said: str, action: str, cents: int, currency: str, at: Any, settled_on: Any, batch: str,
    card: str, brand_word: str, authorization: str, invoice: str, entry: str, related: str, place: str,
) -> list[SettledRow]:  # fmt: skip
    """The row of a transaction; for a chargeback a row of its own, that points at the sale."""
    if not reference:
        raise Unreadable("transId: it is empty, and every transaction needs it.")
    said = "".join(sign for sign in said if sign.isalnum())
    common: dict[str, Any] = {
        "currency": currency.upper(), "processed_at": at, "settled_on": settled_on, "batch": plain(batch, 120),
        "last4": last4(card), "brand": brand(brand_word), "authorization": plain(authorization, 20),
        "invoice": plain(invoice, 80), "entry_mode": plain(entry, 20), "place": place,
    }  # fmt: skip
    reference = plain(reference, 100)
    if said in BACK:
        kind = BACK[said]
        return [
            SettledRow(
                reference=f"{reference}-{said}", kind=kind, status="settled",
                amount_cents=-abs(cents) if kind == "chargeback" else abs(cents), related=reference, **common,
            )
        ]  # fmt: skip
    if said not in STATUSES:
        raise Unreadable(f"transactionStatus: '{said[:40]}' is not a status that is known here.")
    back = said.startswith("refund") or action.startswith("refund") or action in ("credit", "credited")
    kind = "refund" if back or said == "credited" else "sale"
    return [
        SettledRow(
            reference=reference, kind=kind, status=STATUSES[said], amount_cents=signed(kind, abs(cents)),
            related=plain(related, 120) if related != "0" else "", **common,
        )
    ]  # fmt: skip


def batch(item: Item, setting: Setting, *, place: str = "") -> BatchRow | None:
    """A batch with the sums of its statistics; None while it is not settled. Raises Unreadable."""
    if text_at(item, "settlementState").lower() != "settledsuccessfully":
        return None
    gross = 0
    statistics = item.get("statistics") or []
    for one in statistics if isinstance(statistics, list) else []:
        if isinstance(one, dict):
            for name, sign in (("chargeAmount", 1), ("refundAmount", -1)):
                if one.get(name) is not None:
                    gross += sign * amount(one[name], setting.digits)
    settled = text_at(item, "settlementTimeLocal") or text_at(item, "settlementTimeUTC")
    if not settled:
        raise Unreadable("settlementTimeUTC: it is empty, and every batch needs it.")
    return BatchRow(
        plain(text_at(item, "batchId"), 120), day(settled[:10]), setting.currency,
        gross_cents=gross if statistics else None, place=place,
    )  # fmt: skip


_ACTIONS = {"AUTH_ONLY": "authorized", "VOID": "voided"}
_RESPONSES = {"1": "", "2": "declined", "3": "declined", "4": "authorized"}


def read_table_of(table: Table, name: str, setting: Setting) -> Reading:
    """The transaction download."""
    reading = Reading(name, "authorize_net", "authorize_net")
    columns = Columns(table, NAMES)

    def one(row: Columns, place: str) -> None:
        settled_on = _in(row, "settled", lambda text: day(text, setting.date_order)) if row["settled"] else None
        at = _in(row, "submitted", lambda text: moment_or_noon(text, setting)) if row["submitted"] else None
        written = "settle_amount" if settled_on and row["settle_amount"] else "amount"
        cents = _in(row, written, lambda text: amount(text, setting.digits, mark="."))
        said = "".join(sign for sign in row["status"].lower() if sign.isalnum())
        if not said:
            state = _RESPONSES.get(row["response"], "") or _ACTIONS.get(row["action"].upper(), "")
            state = state or ("settled" if settled_on else "pending")
            said = {"settled": "settledsuccessfully", "pending": "capturedpendingsettlement",
                    "authorized": "authorizedpendingcapture"}.get(state, state)  # fmt: skip
        if at is None and settled_on is None:
            raise Unreadable(f"column {row.name('submitted')}: it is empty, and every row needs a day.")
        reading.rows += _rows(
            reference=row["id"], said=said, action=row["action"].lower(), cents=cents,
            currency=row["currency"] or setting.currency, at=at, settled_on=settled_on, batch=row["batch"],
            card=row["card"], brand_word=row["brand"], authorization=row["authorization"], invoice=row["invoice"],
            entry=row["entry"], related=row["related"], place=place,
        )  # fmt: skip

    columns.take(reading, one)
    return reading


def _in(row: Columns, column: str, read: Any) -> Any:
    """A cell as a value; a refusal names the column."""
    try:
        return read(row[column])
    except Unreadable as failure:
        raise Unreadable(f"column {row.name(column)}: {failure}") from None
