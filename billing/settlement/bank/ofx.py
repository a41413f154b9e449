"""OFX and QFX statements, of SGML (1.x) and XML (2.x) alike.

Read by its tags, one after the other: day and amount of each transaction stay tied to a line of the file, no HTML
parser guesses at it, and the day is the bank's own, never moved by a time zone. The account's number may be a card's:
it is hashed and forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from billing.settlement.content import NotReadable
from billing.settlement.rows import Account, BankRow, Reading, Setting, amount, day, words
from records.values import Unreadable

_TAG = re.compile(r"<(/?)([A-Za-z0-9_.]{1,40})\s*/?>([^<]*)")
STATEMENTS = ("STMTRS", "CCSTMTRS", "INVSTMTRS")


def is_ofx(content: bytes) -> bool:
    """Whether a file begins as one."""
    head = content[:4096].replace(b"\0", b"").upper()
    return b"OFXHEADER" in head or b"<OFX>" in head


def read(content: bytes, name: str, setting: Setting) -> Reading:
    """The statements of a file. Raises NotReadable."""
    reading = Reading(name, "ofx")
    text = decoded(content)
    start = text.upper().find("<OFX>")
    if start < 0:
        raise NotReadable(file=name, place="", problem="there is no OFX statement in it. Download it again.")
    body = _without_cdata(text[start:])
    found = _Statements(reading, setting)
    for line, closing, tag, value in _tags(body, text.count("\n", 0, start) + 1):
        found.take(line, closing, tag, value)
    found.close()
    if not reading.accounts and not reading.problems:
        raise NotReadable(file=name, place="", problem="there is no statement of an account in it. Download it again.")
    return reading


def decoded(content: bytes) -> str:
    """The text of a bank's file: UTF-8 where it is, else what Windows writes."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _without_cdata(text: str) -> str:
    """The text with what stands in CDATA sections written out; one that never ends is left as it is."""
    parts, place = [], 0
    while (start := text.find("<![CDATA[", place)) >= 0 and (end := text.find("]]>", start)) >= 0:
        parts += [text[place:start], _escaped(text[start + 9 : end])]
        place = end + 3
    return "".join(parts) + text[place:]


def _escaped(text: str) -> str:
    """Text of a CDATA section, its line ends kept so that lines are counted right."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _tags(body: str, line: int) -> Iterator[tuple[int, bool, str, str]]:
    place = 0
    for found in _TAG.finditer(body):
        line += body.count("\n", place, found.start())
        place = found.start()
        yield line, bool(found.group(1)), found.group(2).upper(), unescape(found.group(3)).strip()


class _Statements:
    """What the tags so far have told."""

    def __init__(self, reading: Reading, setting: Setting) -> None:
        self.reading, self.setting = reading, setting
        self.number, self.currency = "", ""
        self.inside = False
        self.rows: list[BankRow] = []
        self.line: dict[str, str] | None = None
        self.line_at = 0
        self.status: dict[str, str] | None = None

    def take(self, at: int, closing: bool, tag: str, value: str) -> None:
        """One tag."""
        if tag in STATEMENTS:
            self.close()
            self.inside = not closing
        elif tag == "STATUS":
            self._status(at, closing)
        elif tag == "STMTTRN":
            self._end_line()
            self.line, self.line_at = (None if closing else {}), at
        elif tag in ("BANKTRANLIST", "OFX"):
            self._end_line()
        elif not closing and value:
            self._value(tag, value)

    def _value(self, tag: str, value: str) -> None:
        """A tag that holds a text."""
        if self.status is not None:
            self.status.setdefault(tag, value)
        elif self.line is not None:
            self.line.setdefault(tag, value)
        elif self.inside and tag == "CURDEF":
            self.currency = value.upper()
        elif self.inside and tag == "ACCTID":
            self.number = self.number or value

    def _status(self, at: int, closing: bool) -> None:
        if not closing:
            self.status = {}
            return
        said, self.status = self.status or {}, None
        code = said.get("CODE", "0")
        if said.get("SEVERITY", "" if not code.strip("0") else "ERROR").upper() == "ERROR":
            message = words(said.get("MESSAGE", "")) or "no reason"
            self.reading.problem(
                f"line {at}", f"the bank answered with error {code[:12]} ({message[:120]}) instead of a statement. "
                "Download it again.",
            )  # fmt: skip

    def _end_line(self) -> None:
        said, self.line = self.line, None
        if said is None:
            return
        place = f"line {self.line_at}"
        with self.reading.at(place):
            posted = said.get("DTPOSTED", "")
            if not posted[:8].isdigit() or len(posted) < 8:
                raise Unreadable(f"DTPOSTED: '{posted[:40]}' is not a day.")
            try:
                on = day(posted[:8])
            except Unreadable as failure:
                raise Unreadable(f"DTPOSTED: {failure}") from None
            try:
                cents = amount(said.get("TRNAMT", ""), self.setting.digits)
            except Unreadable as failure:
                raise Unreadable(f"TRNAMT: {failure}") from None
            told, memo = said.get("NAME", "") or said.get("PAYEE", ""), said.get("MEMO", "")
            told = memo if memo.startswith(told) else f"{told} {memo}"
            currency = said.get("CURSYM", "").upper() if "ORIGCURRENCY" not in said else ""
            self.rows.append(
                BankRow(
                    on, cents, currency or self.currency or self.setting.currency, words(told),
                    said.get("FITID", "")[:400], place,
                )
            )  # fmt: skip

    def close(self) -> None:
        """The end of a statement."""
        self._end_line()
        if self.inside:
            self.reading.accounts.append(Account(self.number, self.currency or self.setting.currency, tuple(self.rows)))
        self.inside, self.number, self.currency, self.rows = False, "", "", []
