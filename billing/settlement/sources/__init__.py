"""Whose settlement a file is, and who reads it: Stripe, Authorize.net, Elavon, MX Merchant, or a plain table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from billing.settlement.bank import bai2, mt940, ofx
from billing.settlement.content import parse_json, parse_xml
from billing.settlement.mapping import read_settlement, refuse_cards_as_ids
from billing.settlement.plain import is_plain, plain_mapping
from billing.settlement.rows import Reading, Setting
from billing.settlement.sources import authorize_net, elavon, mx, stripe
from data.errors import BadInput
from records.reading import Table, read_table


class SourceUnclear(BadInput):
    """{file} does not look like a settlement of {known}. Choose its columns yourself: on the page Settlements with
    'Choose the columns', on the command line with --source mapping:NAME."""


class OtherMake(BadInput):
    """{file} is no settlement of {wanted}. {advice}"""


@dataclass(frozen=True)
class Source:
    """A processor whose files are known. ``where`` is how a person gets one."""

    name: str
    label: str
    where: str
    read: Callable[[bytes, str, Setting], Reading]


KNOWN = "Stripe, Authorize.net, Elavon Converge or MX Merchant, nor like a plain table of ours"


def _shape(content: bytes) -> str:
    """json, xml or table, by the first sign."""
    head = content.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:64].replace(b"\0", b"")
    if head[:1] in (b"{", b"["):
        return "json"
    return "xml" if head[:1] == b"<" else "table"


def recognise(content: bytes, name: str, wanted: str = "") -> str:
    """The make of a file: the name of a source. ``wanted`` is what a person says it is.

    Raises SourceUnclear, OtherMake, PaymentsList, the refusals of reading.
    """
    wanted = wanted.removeprefix("mapping:")
    if wanted and wanted not in SOURCES:
        raise BadInput(problem=f"There is no source '{wanted}'. Those that are: {', '.join(SOURCES)}, mapping:NAME.")
    fitting = list(_fitting(content, name))
    if wanted and wanted in fitting:
        return wanted
    if wanted == "plain":
        return wanted  # its reader names the column that is missing
    if wanted:
        advice = f"It looks like one of {SOURCES[fitting[0]].label}." if fitting else "Nothing in it is known here."
        raise OtherMake(file=name, wanted=SOURCES[wanted].label, advice=advice)
    if not fitting:
        raise SourceUnclear(file=name, known=KNOWN)
    return fitting[0]


def _fitting(content: bytes, name: str) -> list[str]:
    shape = _shape(content)
    if shape == "json" and not mt940.is_mt940(content):
        document = parse_json(content, name)
        tests = ((stripe, "stripe"), (authorize_net, "authorize_net"), (mx, "mx"))
        return [source for module, source in tests if module.is_document(document)]
    if shape == "xml" and ofx.is_ofx(content):
        return []
    if shape == "xml":
        return ["elavon"] if elavon.is_document(parse_xml(content, name)) else []
    if any(test(content) for test in (ofx.is_ofx, bai2.is_bai2, mt940.is_mt940)):
        return []
    table = read_table(content, name)
    found = []
    if stripe.is_table(table) or stripe.is_payouts(table):
        found.append("stripe")
    if is_plain(table):
        found.append("plain")
    if authorize_net.is_table(table):
        found.append("authorize_net")
    if elavon.is_table(table):
        found.append("elavon")
    if mx.is_payments_list(table) or mx.is_batches(table) or mx.is_table(table):
        found.append("mx")
    return found


def _stripe(content: bytes, name: str, setting: Setting) -> Reading:
    if _shape(content) == "json":
        return _guarded(stripe.read_document(parse_json(content, name), name))
    table = read_table(content, name)
    read = stripe.read_payouts if stripe.is_payouts(table) else stripe.read_table_of
    return _guarded(read(table, name, setting))


def _authorize_net(content: bytes, name: str, setting: Setting) -> Reading:
    if _shape(content) == "json":
        reading = authorize_net.read_document(parse_json(content, name), name, setting)
        if not (reading.rows or reading.batches or reading.problems or reading.remarks):
            reading.problem("the answer", "there is neither a transaction nor a batch in it.")
        return _guarded(reading)
    return _guarded(authorize_net.read_table_of(read_table(content, name), name, setting))


def _elavon(content: bytes, name: str, setting: Setting) -> Reading:
    if _shape(content) == "xml":
        return _guarded(elavon.read_document(parse_xml(content, name), name, setting))
    return _guarded(elavon.read_table_of(read_table(content, name), name, setting))


def _mx(content: bytes, name: str, setting: Setting) -> Reading:
    if _shape(content) == "json":
        return _guarded(mx.read_document(parse_json(content, name), name, setting))
    table = read_table(content, name)
    if mx.is_payments_list(table):
        raise mx.PaymentsList(file=name)
    return _guarded((mx.read_batches if mx.is_batches(table) else mx.read_table_of)(table, name, setting))


def _plain(content: bytes, name: str, setting: Setting) -> Reading:
    table: Table = read_table(content, name)
    reading = read_settlement(table, plain_mapping(table), setting, source="plain")
    unread = [column for column in table.columns if column not in plain_mapping(table).fields]
    if unread:
        reading.remark("", f"columns that are not read: {', '.join(unread[:12])}")
    return reading


def _guarded(reading: Reading) -> Reading:
    refuse_cards_as_ids(reading)
    return reading


SOURCES = {
    source.name: source
    for source in (
        Source(
            "stripe",
            "Stripe",
            "Dashboard > Reports > Payout reconciliation: choose the days and 'Itemized', add the metadata column "
            "'invoice' and the UTC columns, then download the CSV.",
            _stripe,
        ),
        Source(
            "authorize_net",
            "Authorize.net",
            "Merchant Interface > Transaction Search > Settled Transactions: choose the days, then 'Download to File' "
            "with column names, tab or comma separated.",
            _authorize_net,
        ),
        Source(
            "elavon",
            "Elavon Converge",
            "Converge > Transactions > Settled batches: choose the days, then 'Export', CSV or XML.",
            _elavon,
        ),
        Source(
            "mx",
            "MX Merchant",
            "Reports > Settlement (not Payments: that list leaves out stand-alone terminals): choose the days, then "
            "'Export'.",
            _mx,
        ),
        Source(
            "plain",
            "A plain table",
            "Any program: a CSV file with the columns reference, processed_at, amount and status; docs/settlements.md "
            "lists the others.",
            _plain,
        ),
    )
}
