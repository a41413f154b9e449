"""Which format a bank statement has, and who reads it: OFX, MT940, BAI2, CAMT or a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from billing.settlement.bank import bai2, camt, mt940, ofx, table
from billing.settlement.rows import Reading, Setting
from data.errors import BadInput


@dataclass(frozen=True)
class Format:
    """A format of statements."""

    name: str
    label: str
    read: Callable[[bytes, str, Setting], Reading]


FORMATS = {
    one.name: one
    for one in (
        Format("ofx", "OFX or QFX", ofx.read),
        Format("mt940", "MT940", mt940.read),
        Format("bai2", "BAI2", bai2.read),
        Format("camt", "CAMT (ISO 20022)", camt.read),
        Format("csv", "CSV", table.read),
    )
}


def recognise(content: bytes, wanted: str = "auto") -> str:
    """The format of a statement by its content, or the one a person names. Raises BadInput."""
    if wanted not in ("", "auto"):
        if wanted not in FORMATS:
            raise BadInput(problem=f"There is no format '{wanted}'. Those that are: auto, {', '.join(FORMATS)}.")
        return wanted
    head = content[:400].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").replace(b"\0", b"")
    if head.upper().startswith((b"!TYPE:", b"!ACCOUNT", b"!OPTION")):
        raise BadInput(
            problem="This is a QIF file, which tells no currency. Choose OFX (QFX), MT940 or CSV at your bank."
        )
    tests = ((ofx.is_ofx, "ofx"), (camt.is_camt, "camt"), (bai2.is_bai2, "bai2"), (mt940.is_mt940, "mt940"))
    found = next((found for test, found in tests if test(content)), "csv")
    if found == "csv" and head.startswith(b"<"):
        raise BadInput(problem="This XML is neither a CAMT statement nor OFX. Choose one of those at your bank.")
    return found
