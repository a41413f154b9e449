"""Elavon Converge: XML answers (one transaction or a list of a query) and tables by their columns.

A query names the state of a transaction (STL settled, PEN and OPN in the open batch); the answer to a sale does not,
so it waits to be settled until a later file says so.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from billing.settlement.content import Columns, local
from billing.settlement.rows import (
    Reading,
    Setting,
    SettledRow,
    amount,
    brand,
    day,
    last4,
    moment_or_noon,
    plain,
    signed,
)
from records.reading import Table
from records.values import Unreadable

STATES = {
    "stl": "settled", "settled": "settled", "pen": "pending", "pending": "pending", "opn": "pending", "open": "pending",
    "unsettled": "pending", "rev": "authorized", "review": "authorized", "pst": "declined", "fpr": "declined",
    "pre": "declined", "declined": "declined", "failed": "declined", "void": "voided", "voided": "voided",
    "approved": "pending", "approval": "pending",
}  # fmt: skip
SALES = ("sale", "force", "complete", "completion", "purchase", "forced", "eft", "ecspurchase", "keyed")
BACK = ("return", "credit", "refund")
LEFT_OUT = ("void", "settle", "batchsettle", "balinquiry", "verify", "getuniqueid", "gettoken", "avsonly")
NAMES = {
    "id": ("ssl_txn_id", "Transaction ID", "Txn ID", "Transaction Id", "Trans ID"),
    "time": ("ssl_txn_time", "Transaction Date/Time", "Transaction Date", "Transaction Time", "Date/Time", "Date"),
    "amount": ("ssl_amount", "Transaction Amount", "Amount", "Total Amount"),
    "card": ("ssl_card_number", "Card Number", "Account Number", "Card #"),
    "brand": ("ssl_card_short_description", "Card Description", "Card Type", "Card Brand"),
    "authorization": ("ssl_approval_code", "Approval Code", "Auth Code", "Authorization Code"),
    "invoice": ("ssl_invoice_number", "Invoice Number", "Invoice"),
    "type": ("ssl_transaction_type", "Transaction Type", "Trans Type", "Type"),
    "state": ("ssl_trans_status", "Transaction Status", "Trans Status", "Status"),
    "result": ("ssl_result",), "message": ("ssl_result_message", "Result", "Result Message"),
    "settled": ("ssl_settle_time", "ssl_settlement_time", "Settlement Date", "Settle Date", "Settled",
                "Settlement Time"),
    "batch": ("ssl_settlement_batch_response", "ssl_batch_number", "Settlement Batch Response", "Batch ID", "Batch",
              "Batch Number"),
    "entry": ("ssl_entry_mode", "Entry Mode", "POS Entry Mode"), "currency": ("ssl_transaction_currency", "Currency"),
    "related": ("ssl_original_txn_id", "Original Transaction ID", "Parent Transaction ID"),
}  # fmt: skip
_TYPE = re.compile(r"^(cc|dbt|db|ecs|ebt|pld|wallet)(?=[a-z])")


def is_table(table: Table) -> bool:
    """Whether a table is one of Converge's."""
    if {"ssl_txn_id", "ssl_amount"} <= set(table.columns):
        return True
    columns = Columns(table, NAMES)
    return columns.has("id", "time", "amount", "authorization", "type", "card") and columns.name("authorization") == (
        "Approval Code"
    )


def is_document(root: Any) -> bool:
    """Whether XML is one of its answers."""
    return local(root) in ("txn", "txnlist", "txns") or any(local(child) == "txn" for child in root)


def read_document(root: Any, name: str, setting: Setting) -> Reading:
    """One transaction, or all of a query's answer."""
    reading = Reading(name, "elavon", "elavon")
    for element in [root] if local(root) == "txn" else [child for child in root.iter() if local(child) == "txn"]:
        cells = {local(child): (child.text or "").strip() for child in element}
        place = f"line {element.sourceline or 1}"
        if cells.get("errorCode"):
            reading.problem(
                place, f"Converge answered with error {cells['errorCode'][:20]}: {cells.get('errorName', '')[:120]}. "
                "There is no transaction in it.",
            )  # fmt: skip
            continue
        with reading.at(place):
            _take(reading, lambda meaning, cells=cells: _first(cells, meaning), setting, place)
    return reading


def _first(cells: dict[str, str], meaning: str) -> str:
    return next((cells[name] for name in NAMES[meaning] if cells.get(name)), "")


def read_table_of(table: Table, name: str, setting: Setting) -> Reading:
    """A table of transactions."""
    reading = Reading(name, "elavon", "elavon")
    columns = Columns(table, NAMES)
    columns.take(reading, lambda row, place: _take(reading, lambda meaning: row[meaning], setting, place))
    return reading


def _take(reading: Reading, said: Any, setting: Setting, place: str) -> None:
    """One transaction, told by what its cells mean. Raises Unreadable."""
    action = _TYPE.sub("", re.sub(r"[^a-z]", "", said("type").lower()))
    if action in LEFT_OUT or "token" in action:
        return
    kind = "refund" if action in BACK else "sale"
    reference = said("id")
    if not reference:
        raise Unreadable("ssl_txn_id: it is empty, and every transaction needs it.")
    cents = _named("ssl_amount", lambda: amount(said("amount"), setting.digits))
    if cents < 0:
        kind = "refund"
    settled_on: date | None = None
    if text := said("settled"):
        settled_on = _named("settlement time", lambda: day(text, "mdy"))
    status = _status(said, action, settled_on)
    at = None
    if text := said("time"):
        at = _named("ssl_txn_time", lambda: moment_or_noon(text, setting, "mdy"))
    if at is None and settled_on is None:
        raise Unreadable("ssl_txn_time: it is empty, and every transaction needs a day.")
    reading.rows.append(
        SettledRow(
            reference=plain(reference, 120), kind=kind, status=status, amount_cents=signed(kind, abs(cents)),
            currency=(said("currency") or setting.currency).upper(), processed_at=at, settled_on=settled_on,
            batch=plain(" ".join(said("batch").split()), 120),
            last4=_named("ssl_card_number", lambda: last4(said("card"))),
            brand=brand(said("brand")), authorization=plain(said("authorization"), 20),
            invoice=plain(said("invoice"), 80), entry_mode=plain(said("entry"), 20),
            related=plain(said("related"), 120), place=place,
        )
    )  # fmt: skip


def _status(said: Any, action: str, settled_on: date | None) -> str:
    if said("result") not in ("", "0"):
        return "declined"
    written = re.sub(r"[^a-z]", "", said("state").lower())
    if written:
        if written not in STATES:
            raise Unreadable(f"ssl_trans_status: '{said('state')[:40]}' is not a status that is known here.")
        return "authorized" if written in ("approved", "approval") and action.startswith("auth") else STATES[written]
    message = re.sub(r"[^a-z]", "", said("message").lower())
    if message.startswith("declin") or message.startswith("callauth"):
        return "declined"
    if settled_on is not None:
        return "settled"
    return "authorized" if action.startswith("auth") else "pending"


def _named(field: str, read: Any) -> Any:
    try:
        return read()
    except Unreadable as failure:
        raise Unreadable(f"{field}: {failure}") from None
