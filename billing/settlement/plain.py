"""``mapping:plain``: the table anybody can write, with the columns of docs/settlements.md under their own names."""

from __future__ import annotations

from billing.settlement.mapping import FIELDS, SettlementMapping
from records.mapping import Source
from records.reading import Table

COLUMNS = tuple(field.name for field in FIELDS if field.name not in ("processed_time", "debit", "credit"))
"""reference, processed_at, settled_on, amount, fee, currency, kind, status, batch, last4, brand, authorization,
invoice, entry_mode, location, zone, related."""


def is_plain(table: Table) -> bool:
    """Whether a table names its columns so."""
    names = set(table.columns)
    return {"reference", "amount", "status"} <= names and bool({"processed_at", "settled_on"} & names)


def plain_mapping(table: Table) -> SettlementMapping:
    """The mapping of a plain table: each column that is there, ISO dates, a point before the cents."""
    fields = {name: Source(column=name) for name in COLUMNS if name in table.columns}
    return SettlementMapping(of="settlement", label="plain", decimal_mark=".", date_order="ymd", fields=fields)
