"""MX Merchant: answers of its API (amounts are texts, refunds negative) and its Settlement report by its columns.

The batch is known by ``batchId``, as the batch number comes again. A sale that was charged back is told as two rows:
the sale that was settled, and a chargeback that takes it away. What was paid in cash or by check never settles and is
left out. The Payments list leaves out stand-alone terminals and is refused in favour of the Settlement report.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from billing.settlement.content import Columns, Item, NotReadable, items_of, text_at
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
    "settled": "settled", "funded": "settled", "closed": "settled", "approved": "pending", "inprogress": "pending",
    "pending": "pending", "open": "pending", "authonly": "authorized", "authorized": "authorized",
    "ticketonly": "authorized", "declined": "declined", "error": "declined", "failed": "declined", "voided": "voided",
    "void": "voided", "chargedback": "settled", "chargeback": "settled",
}  # fmt: skip
NO_CARD = ("cash", "check", "cheque", "giftcard", "gift card", "other")
NAMES = {
    "id": ("Transaction ID", "Trans ID", "Payment ID", "ID", "Reference", "Reference #", "Reference Number"),
    "reference": ("Reference", "Reference #", "Reference Number"),
    "time": ("Created", "Date/Time", "Transaction Date/Time", "Transaction Date", "Trans Date", "Date"),
    "clock": ("Time", "Transaction Time"),
    "settled": ("Settled Date", "Settlement Date", "Settled", "Closed", "Batch Date", "Funded Date", "Close Date"),
    "amount": ("Amount", "Settled Amount", "Transaction Amount", "Total"),
    "status": ("Status", "Transaction Status"), "type": ("Type", "Transaction Type", "Trans Type"),
    "tender": ("Tender", "Tender Type", "Payment Type"), "brand": ("Card Type", "Card Brand", "Brand", "Network"),
    "card": ("Last 4", "Last4", "Card Number", "Account Number", "Card", "Card #", "Account"),
    "authorization": ("Auth Code", "Authorization Code", "Authorization", "Approval Code", "Auth"),
    "invoice": ("Invoice", "Invoice #", "Invoice Number"), "batch": ("Batch ID", "BatchId", "Batch #", "Batch",
                                                                   "Batch Number"),
    "entry": ("Entry Mode", "Entry", "Entry Method", "Source"), "currency": ("Currency",),
    "fee": ("Fee", "Fees", "Surcharge Fee"), "related": ("Original ID", "Original Reference", "originalId"),
    "location": ("Merchant", "Merchant Name", "DBA", "DBA Name", "Location"),
    "device": ("Device", "Terminal", "Terminal ID"), "customer": ("Customer", "Customer Name"),
    "net": ("Net amount", "Net Amount", "Net"), "opened": ("Opened",), "sales": ("Sales",), "refunds": ("Refunds",),
}  # fmt: skip


class PaymentsList(NotReadable):
    """{file} is the Payments list of MX Merchant, which leaves out everything charged on a stand-alone terminal, so
    each sale of an outage would look as if it had never arrived. Open Reports > Settlement in MX Merchant, choose the
    same days, export that and drop it here."""


def is_payments_list(table: Table) -> bool:
    """Whether a table has the columns of the Payments list: customer and source, but no batch and no settlement."""
    columns = Columns(table, NAMES)
    seen = columns.has("reference", "amount", "status", "tender") and columns.has("type")
    names = {column.strip().casefold() for column in table.columns}
    listed = bool(names & {"customer", "customer name"}) and "source" in names
    return seen and listed and not columns.has("batch") and not columns.has("settled") and not columns.has("net")


def is_batches(table: Table) -> bool:
    """Whether a table is the list of batches: totals without transactions."""
    columns = Columns(table, NAMES)
    return columns.has("batch", "net", "sales", "refunds") and not columns.has("card")


def is_table(table: Table) -> bool:
    """Whether a table is the Settlement report, as far as its columns tell."""
    columns = Columns(table, NAMES)
    named = columns.has("id", "amount", "batch", "tender") or columns.has("id", "amount", "batch", "device")
    return named and (columns.has("settled") or columns.has("time"))


def is_document(document: Any) -> bool:
    """Whether JSON is one of its answers."""
    for _, item in items_of(document, "records"):
        return "merchantId" in item and ("batchId" in item or "tenderType" in item)
    return False


def read_document(document: Any, name: str, setting: Setting) -> Reading:
    """One payment, or the records of a list."""
    reading = Reading(name, "mx", "mx")
    left_out = 0
    for place, item in items_of(document, "records"):
        with reading.at(place):
            if "tenderType" not in item and ("netAmount" in item or "saleCount" in item):
                reading.batches.append(batch(item, setting, place=place))
                continue
            rows = transactions(item, setting, place=place)
            left_out += not rows
            reading.rows += rows
    _remark_left_out(reading, left_out)
    return reading


def _remark_left_out(reading: Reading, count: int) -> None:
    if count:
        reading.remark("", f"{count:,} paid in cash or by check are left out: no processor settles them")


def transactions(item: Item, setting: Setting, *, place: str = "") -> list[SettledRow]:
    """A payment of the API as rows: none for cash and checks, two for what was charged back. Raises Unreadable."""
    if text_at(item, "tenderType").lower() in NO_CARD:
        return []
    card = item.get("cardAccount")
    reference = text_at(item, "reference")
    created = text_at(item, "created")
    settled = text_at(item, "settledDate")
    said = text_at(item, "status")
    if item.get("authOnly") is True and said == "Approved":
        said = "AuthOnly"
    batch_id = text_at(item, "batchId")
    return _rows(
        _field("amount", lambda: amount(text_at(item, "amount"), setting.digits)), said, text_at(item, "type"),
        SettledRow(
            reference=plain(text_at(item, "id"), 100), kind="sale", status="", amount_cents=0,
            currency=(text_at(item, "currency") or setting.currency).upper(),
            processed_at=_field("created", lambda: moment(created, ZoneInfo("UTC"))),
            settled_on=_field("settledDate", lambda: day(settled[:10])) if settled else None,
            batch=plain(batch_id if batch_id != "0" else "", 120),
            last4=_field("last4", lambda: last4(text_at(card, "last4"))),
            brand=brand(text_at(card, "cardType")), authorization=plain(text_at(item, "authCode"), 20),
            invoice=own_invoice(plain(text_at(item, "invoice"), 80), reference),
            entry_mode=plain(text_at(card, "entryMode"), 20), related=plain(text_at(item, "originalId"), 120),
            place=place,
        ),
    )  # fmt: skip


def own_invoice(invoice: str, reference: str) -> str:
    """An invoice number of ours; without one MX fills in the last eight signs of its own reference."""
    return "" if invoice and len(reference) >= 8 and invoice.upper() == reference[-8:].upper() else invoice


def batch(item: Item, setting: Setting, *, place: str = "") -> BatchRow:
    """A batch of the API with its totals. Raises Unreadable."""
    closed = text_at(item, "closed") or text_at(item, "closedDate") or text_at(item, "settledDate")
    return BatchRow(
        plain(text_at(item, "batchId") or text_at(item, "id"), 120), day(closed[:10]) if closed else None,
        setting.currency, number=plain(text_at(item, "batch") or text_at(item, "number"), 40), place=place,
        net_cents=amount(text_at(item, "netAmount"), setting.digits) if text_at(item, "netAmount") else None,
    )  # fmt: skip


def _rows(cents: int, said: str, action: str, row: SettledRow) -> list[SettledRow]:
    """A transaction in its kind and state, with the chargeback that took it away again, if one did."""
    if not row.reference:
        raise Unreadable("id: it is empty, and every transaction needs it.")
    word = re.sub(r"[^a-z]", "", said.lower())
    if word not in STATUSES:
        raise Unreadable(f"status: '{said[:40]}' is not a status that is known here.")
    action = re.sub(r"[^a-z]", "", action.lower())
    kind = "refund" if cents < 0 or action in ("return", "refund", "credit") else "sale"
    if action in ("authonly", "authorization", "auth") and STATUSES[word] == "pending":
        word = "authonly"
    made = replace(row, kind=kind, status=STATUSES[word], amount_cents=signed(kind, abs(cents)))
    if word not in ("chargedback", "chargeback"):
        return [made]
    back = replace(
        made, reference=f"{row.reference}-chargeback", kind="chargeback", amount_cents=-abs(cents), fee_cents=None,
        batch="", related=row.reference,
    )  # fmt: skip
    return [made, back]


def read_table_of(table: Table, name: str, setting: Setting) -> Reading:
    """The Settlement report, by whichever of the known names its columns have."""
    reading = Reading(name, "mx", "mx")
    columns = Columns(table, NAMES)
    left_out = 0

    def one(row: Columns, place: str) -> None:
        nonlocal left_out
        if row["tender"].lower() in NO_CARD:
            left_out += 1
            return
        settled_on = _named(row, "settled", lambda text: day(text, setting.date_order)) if row["settled"] else None
        at = None
        if row["time"]:
            written = row["time"]
            written = f"{written.split()[0]} {row['clock']}" if row["clock"] and ":" not in written else written
            at = _named(row, "time", lambda _: moment_or_noon(written, setting))
        if at is None and settled_on is None:
            raise Unreadable("it has no day.")
        batch = plain(row["batch"], 100)
        if batch and columns.name("batch").casefold() not in ("batch id", "batchid"):
            days = settled_on or (at.astimezone(setting.zone).date() if at else None)
            batch = f"{batch} {days}"  # the number alone comes again
        cents = _named(row, "amount", lambda text: amount(text, setting.digits))
        reading.rows += _rows(
            cents, row["status"] or ("settled" if settled_on else "approved"), row["type"],
            SettledRow(
                reference=plain(row["id"], 100), kind="sale", status="", amount_cents=0,
                currency=(row["currency"] or setting.currency).upper(), processed_at=at, settled_on=settled_on,
                batch=batch,
                fee_cents=_named(row, "fee", lambda text: amount(text, setting.digits)) if row["fee"] else None,
                last4=_named(row, "card", last4), brand=brand(row["brand"] or _brand_in(row["tender"])),
                authorization=plain(row["authorization"], 20),
                invoice=own_invoice(plain(row["invoice"], 80), row["reference"]), entry_mode=plain(row["entry"], 20),
                location=plain(row["location"], 120), related=plain(row["related"], 120), place=place,
            ),
        )  # fmt: skip

    columns.take(reading, one)
    _remark_left_out(reading, left_out)
    return reading


def _brand_in(tender: str) -> str:
    """The brand of a tender such as ``Visa 4242`` or ``Card``."""
    first = tender.split()[0] if tender.split() else ""
    return "" if first.lower() in ("card", "credit", "debit", "ach", "echeck") else first


def read_batches(table: Table, name: str, setting: Setting) -> Reading:
    """The list of batches with their totals."""
    reading = Reading(name, "mx", "mx")
    columns = Columns(table, NAMES)

    def one(row: Columns, place: str) -> None:
        written = row["settled"] or row["time"]
        if row["tender"].lower() in NO_CARD or not row["batch"]:
            return
        settled_on = _named(row, "settled" if row["settled"] else "time", lambda text: day(text, setting.date_order))
        if not written:
            raise Unreadable("it has no day.")
        number = plain(row["batch"], 40)
        is_id = columns.name("batch").casefold() in ("batch id", "batchid")
        reading.batches.append(
            BatchRow(
                number if is_id else f"{number} {settled_on}", settled_on, setting.currency, number=number,
                brand=brand(_brand_in(row["tender"])),
                net_cents=_named(row, "net", lambda text: amount(text, setting.digits)), place=place,
            )
        )  # fmt: skip

    columns.take(reading, one)
    return reading


def _named(row: Columns, column: str, read: Any) -> Any:
    """A cell as a value; a refusal names the column."""
    try:
        return read(row[column])
    except Unreadable as failure:
        raise Unreadable(f"column {row.name(column)}: {failure}") from None


def _field(field: str, read: Any) -> Any:
    try:
        return read()
    except Unreadable as failure:
        raise Unreadable(f"{field}: {failure}") from None
