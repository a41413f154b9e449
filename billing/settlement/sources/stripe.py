"""Stripe: the itemized payout reconciliation report (CSV), balance transactions as CSV of a warehouse and as JSON.

A sale is known by its charge (``ch_…``), a refund by its own id, everything else by the balance transaction. Reports
write major units, the API whole cents; the payout is the batch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from billing.settlement.content import Columns, Item, items_of, text_at
from billing.settlement.rows import (
    BatchRow,
    Reading,
    Setting,
    SettledRow,
    amount,
    brand,
    day,
    epoch,
    last4,
    moment,
    plain,
    signed,
)
from records.reading import Table
from records.values import Unreadable

KINDS = {
    "charge": "sale", "payment": "sale", "refund": "refund", "payment_refund": "refund",
    "payment_failure_refund": "refund", "partial_capture_reversal": "refund", "dispute": "chargeback",
    "stripe_fee": "fee", "fee": "fee", "tax_fee": "fee", "network_cost": "fee", "application_fee": "fee",
}  # fmt: skip
PAYOUTS = ("payout", "transfer", "payout_cancel", "payout_failure", "payout_reversal", "advance", "topup")
COLUMNS = {
    "id": ("balance_transaction_id", "id"), "payout": ("automatic_payout_id", "payout_id"),
    "effective_utc": ("automatic_payout_effective_at_utc",), "effective": ("automatic_payout_effective_at",),
    "created_utc": ("created_utc",), "created": ("created",),
    "available_utc": ("available_on_utc",), "available": ("available_on",), "currency": ("currency",),
    "gross": ("gross",), "amount": ("amount",), "fee": ("fee",), "net": ("net",),
    "category": ("reporting_category",), "type": ("type",), "source": ("source_id", "source"),
    "charge": ("charge_id",), "brand": ("card_brand",), "last4": ("card_last4", "last4"), "status": ("status",),
    "authorization": ("authorization_code",), "entry": ("payment_method_type",),
}  # fmt: skip
UTC_ZONE = ZoneInfo("UTC")
_INVOICE = re.compile(r"(?:payment_)?metadata\[(?:\w*invoice\w*)\]", re.IGNORECASE)


def is_table(table: Table) -> bool:
    """Whether a table is one of Stripe's with single transactions in it."""
    columns = set(table.columns)
    itemized = {"balance_transaction_id", "gross", "fee", "net", "reporting_category"} <= columns
    return itemized or {"id", "amount", "fee", "net", "available_on", "type", "source"} <= columns


def is_document(document: Any) -> bool:
    """Whether JSON holds balance transactions or payouts."""
    return any(_object(item) in ("balance_transaction", "payout") for _, item in _items(document))


def _items(document: Any) -> list[tuple[str, Item]]:
    if isinstance(document, dict) and "object" not in document and "data" not in document:
        return [(name, item) for name, item in document.items() if isinstance(item, dict)]
    return list(items_of(document, "data"))


def _object(item: Item) -> str:
    return text_at(item, "object")


def read_table_of(table: Table, name: str, setting: Setting) -> Reading:
    """The rows of a report or a warehouse table."""
    reading = Reading(name, "stripe", "stripe")
    columns = Columns(table, COLUMNS)
    major = columns.has("gross")
    invoice = next((index for index, column in enumerate(table.columns) if _INVOICE.fullmatch(column)), -1)
    if not columns.has("created_utc") and major:
        reading.remark("", f"times of this report are taken as {setting.zone.key} time; choose UTC columns to be sure")
    payouts: dict[str, BatchRow] = {}

    def one(row: Columns, place: str) -> None:
        category = row["category"] or row["type"]
        currency = row["currency"].upper() or setting.currency
        digits = setting.digits if major else 0
        cents = _named(row, "gross" if major else "amount", lambda text: amount(text, digits, mark="."))
        fee = _named(row, "fee", lambda text: amount(text, digits, mark=".")) if row["fee"] else 0
        settled_on = None
        for column in ("effective_utc", "effective", "available_utc", "available"):
            if row[column] and (column.startswith("available") or row["payout"]):
                settled_on = _named(row, column, lambda text: day(text[:10]))
                break
        if category in PAYOUTS:
            if category == "payout" and row["source"]:
                payouts[row["source"]] = BatchRow(row["source"], settled_on, currency, net_cents=-cents, place=place)
            return
        created = "created_utc" if row["created_utc"] else "created"
        here = setting.zone if major and created == "created" else UTC_ZONE
        at = _named(row, created, lambda text: moment(text[:19], here))
        kind = KINDS.get(category, "adjustment")
        settled = bool(row["payout"]) or row["status"] == "available" or (major and not row["status"])
        reading.rows.append(
            SettledRow(
                reference=_reference(kind, row["source"], row["id"]), kind=kind,
                status="settled" if settled else "pending", amount_cents=signed(kind, cents), currency=currency,
                processed_at=at, settled_on=settled_on, batch=plain(row["payout"], 120), fee_cents=fee,
                last4=_named(row, "last4", last4), brand=brand(row["brand"]),
                authorization=plain(row["authorization"], 20), entry_mode=plain(row["entry"], 20),
                invoice=plain(row._line[invoice], 80) if 0 <= invoice < len(row._line) else "",
                related=row["charge"] if kind in ("refund", "chargeback") else "", place=place,
            )
        )  # fmt: skip

    columns.take(reading, one)
    reading.batches += payouts.values()
    return reading


def _named(row: Columns, column: str, read: Callable[[str], Any]) -> Any:
    """A cell as a value; a refusal names the column."""
    try:
        return read(row[column])
    except Unreadable as failure:
        raise Unreadable(f"column {row.name(column)}: {failure}") from None


def _reference(kind: str, source: str, transaction: str) -> str:
    """By which a row is known again, here and from a refund of it."""
    chosen = source if kind in ("sale", "refund") and source else transaction
    if not chosen:
        raise Unreadable("it has no id of a transaction.")
    return plain(chosen, 120)


def read_document(document: Any, name: str) -> Reading:
    """Balance transactions (with or without their source expanded) and payouts, as the API answers."""
    reading = Reading(name, "stripe", "stripe")
    for place, item in _items(document):
        with reading.at(place):
            if _object(item) == "balance_transaction":
                row = transaction(item, place=place)
                if row is not None:
                    reading.rows.append(row)
            elif _object(item) == "payout":
                reading.batches.append(payout(item, place=place))
    return reading


def transaction(item: Item, *, batch: str = "", place: str = "") -> SettledRow | None:
    """A balance transaction as a row; None for a payout, which is the batch itself. Raises Unreadable."""
    category = text_at(item, "reporting_category") or text_at(item, "type")
    if category in PAYOUTS or text_at(item, "type") in ("payout", "transfer"):
        return None
    kind = KINDS.get(category, "adjustment")
    source = item.get("source")
    source = source if isinstance(source, dict) else {"id": source}
    charge = source if text_at(source, "object") == "charge" else source.get("charge")
    charge = charge if isinstance(charge, dict) else {"id": charge}
    method, metadata = charge.get("payment_method_details"), charge.get("metadata")
    card = method.get("card") if isinstance(method, dict) else None
    metadata = metadata if isinstance(metadata, dict) else {}
    invoice = next((str(value) for key, value in metadata.items() if "invoice" in key.lower()), "")
    cents, fee = item.get("amount"), item.get("fee", 0)
    if not _is_whole(cents) or not _is_whole(fee):
        raise Unreadable("amount: it is not a whole number of the smallest coin.")
    available = item.get("available_on")
    return SettledRow(
        reference=_reference(kind, text_at(source, "id"), text_at(item, "id")), kind=kind,
        status="settled" if batch or text_at(item, "status") == "available" else "pending",
        amount_cents=signed(kind, amount(cents, 0)), currency=text_at(item, "currency").upper(),
        processed_at=epoch(item.get("created")), settled_on=epoch(available).date() if available is not None else None,
        batch=batch or text_at(item, "payout"), fee_cents=amount(fee, 0), last4=last4(text_at(card, "last4")),
        brand=brand(text_at(card, "brand")), authorization=plain(text_at(card, "authorization_code"), 20),
        invoice=plain(invoice, 80),
        related=text_at(charge, "id") if kind in ("refund", "chargeback") else "", place=place,
    )  # fmt: skip


def payout(item: Item, *, place: str = "") -> BatchRow:
    """A payout as a batch. Raises Unreadable."""
    cents = item.get("amount")
    if not _is_whole(cents):
        raise Unreadable("amount: it is not a whole number of the smallest coin.")
    return BatchRow(
        plain(text_at(item, "id"), 120), epoch(item.get("arrival_date")).date(), text_at(item, "currency").upper(),
        net_cents=amount(cents, 0), place=place,
    )  # fmt: skip


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_payouts(table: Table) -> bool:
    """Whether a table lists payouts, without their transactions."""
    return {"id", "amount", "arrival_date", "automatic"} <= set(table.columns)


def read_payouts(table: Table, name: str, setting: Setting) -> Reading:
    """Payouts of a warehouse table, in whole cents; cancelled and failed ones are left out."""
    reading = Reading(name, "stripe", "stripe")
    columns = Columns(table, {name: (name,) for name in ("id", "amount", "arrival_date", "currency", "status")})

    def one(row: Columns, place: str) -> None:
        if row["status"] in ("canceled", "failed"):
            reading.remark(place, f"the payout {row['id']} was {row['status']} and is left out")
            return
        reading.batches.append(
            BatchRow(
                plain(row["id"], 120), _named(row, "arrival_date", lambda text: day(text[:10])),
                row["currency"].upper() or setting.currency, place=place,
                net_cents=_named(row, "amount", lambda text: amount(text, 0)),
            )
        )  # fmt: skip

    columns.take(reading, one)
    return reading
