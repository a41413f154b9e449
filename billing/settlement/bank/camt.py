"""CAMT statements, notifications and reports (ISO 20022: camt.052, 053, 054): the booked entries of each account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from billing.settlement.content import NotReadable, local, parse_xml
from billing.settlement.rows import Account, BankRow, Reading, Setting, amount, day, words
from records.values import Unreadable

STATEMENTS = ("Stmt", "Ntfctn", "Rpt")


def is_camt(content: bytes) -> bool:
    """Whether a file is XML of this kind."""
    head = content[:4000].replace(b"\0", b"")
    return b"BkToCstmr" in head or b"camt.05" in head


def read(content: bytes, name: str, setting: Setting) -> Reading:
    """The booked entries of a file. Raises NotReadable."""
    reading = Reading(name, "camt")
    waiting = 0
    for statement in (one for one in parse_xml(content, name).iter() if local(one) in STATEMENTS):
        number, currency = _account(statement, setting)
        rows = []
        for entry in _children(statement, "Ntry"):
            place = f"line {entry.sourceline or 1}"
            status = (_text(entry, "Sts", "Cd") or _text(entry, "Sts") or "BOOK").upper()
            if status != "BOOK":
                waiting += 1
                continue
            with reading.at(place):
                rows.append(_entry(entry, place, setting, currency))
        reading.accounts.append(Account(number, currency, tuple(rows)))
    if waiting:
        reading.remark("", f"{waiting:,} entries are not booked yet and are left out")
    if not reading.accounts and not reading.problems:
        raise NotReadable(file=name, place="", problem="there is no statement of an account in it. Download it again.")
    return reading


def _account(statement: Any, setting: Setting) -> tuple[str, str]:
    number = _text(statement, "Acct", "Id", "IBAN") or _text(statement, "Acct", "Id", "Othr", "Id")
    currency = _text(statement, "Acct", "Ccy") or next(
        (amt.get("Ccy") for amt in statement.iter() if local(amt) == "Amt" and amt.get("Ccy")), ""
    )
    return number, (currency or setting.currency).upper()


def _entry(entry: Any, place: str, setting: Setting, currency: str) -> BankRow:
    booked = _text(entry, "BookgDt", "Dt") or _text(entry, "BookgDt", "DtTm") or _text(entry, "ValDt", "Dt")
    if not booked:
        raise Unreadable("BookgDt: it is empty, and every entry needs its day.")
    written = next(iter(_children(entry, "Amt")), None)
    if written is None:
        raise Unreadable("Amt: it is empty, and every entry needs its amount.")
    cents = abs(amount((written.text or "").strip(), setting.digits, mark="."))
    side = _text(entry, "CdtDbtInd").upper()
    if side not in ("CRDT", "DBIT"):
        raise Unreadable("CdtDbtInd: it says neither CRDT nor DBIT.")
    told = [_text(entry, "AddtlNtryInf")]
    for element in entry.iter():
        if local(element) in ("Ustrd", "AddtlTxInf", "EndToEndId") and element.text:
            told.append(element.text.strip())
    told = [text for text in dict.fromkeys(told) if text and text != "NOTPROVIDED"]
    return BankRow(
        day(booked[:10]), cents if side == "CRDT" else -cents, (written.get("Ccy") or currency).upper(),
        words(" ".join(told)), "", place,
    )  # fmt: skip


def _children(element: Any, name: str) -> Iterator[Any]:
    return (child for child in element if local(child) == name)


def _text(element: Any, *path: str) -> str:
    for name in path:
        element = next(iter(_children(element, name)), None)
        if element is None:
            return ""
    return (element.text or "").strip()
