"""A bank's CSV file by the names of its columns. Where those do not tell, a mapping does."""

from __future__ import annotations

from dataclasses import replace

from billing.settlement.mapping import guess, read_bank
from billing.settlement.rows import Reading, Setting
from data.errors import BadInput
from records.reading import read_table
from records.values import date_order


class StatementUnclear(BadInput):
    """{file} is no OFX, MT940, BAI2 or CAMT statement, and the names of its columns ({columns}) do not tell which are
    day and amount. Choose them yourself: on the page Settlements with 'Choose the columns', on the command line with
    --format mapping:NAME."""


def read(content: bytes, name: str, setting: Setting) -> Reading:
    """The lines of a statement. Raises StatementUnclear and the refusals of reading."""
    table = read_table(content, name)
    mapping = guess(table, "bank", prefer_order=setting.date_order)
    if "posted_on" not in mapping.fields or not {"amount", "debit", "credit"} & set(mapping.fields):
        raise StatementUnclear(file=name, columns=", ".join(table.columns[:12]))
    if mapping.rows_below:
        table = replace(table, rows=table.rows[: -mapping.rows_below])
    reading = read_bank(table, mapping, setting)
    if mapping.rows_below:
        rows = (
            "the last row is a total and is" if mapping.rows_below == 1 else f"the last {mapping.rows_below} rows are"
        )
        reading.remark("", f"{rows} left out")
    samples = table.samples(mapping.fields["posted_on"].names[0], 500)
    _, sure = date_order(samples, mapping.date_order)
    if mapping.date_order != "ymd" and not sure:
        order = "month first" if mapping.date_order == "mdy" else "day first"
        reading.remark("", f"its dates can be read two ways and were read {order}; choose the columns to change that")
    return reading
