"""What readers share: JSON without floats, XML without entities, columns by their names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from billing.settlement.rows import Reading
from data.errors import BadInput
from records.mapping import fold
from records.reading import Table

Item = Mapping[str, Any]
DEEPEST = 60
MOST = 1_000_000


class NotReadable(BadInput):
    """{file}{place}: {problem}"""


def parse_json(content: bytes, name: str) -> Any:
    """A JSON document whose numbers with a point are decimals, never floats. Raises NotReadable with the line."""
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        return json.loads(text, parse_float=_decimal, parse_int=_whole, parse_constant=_no_number)
    except json.JSONDecodeError as failure:
        place = f", line {failure.lineno}, column {failure.colno}"
        raise NotReadable(file=name, place=place, problem="the JSON is broken here. Fetch the file again.") from None
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise NotReadable(file=name, place="", problem="this is not JSON text. Fetch the file again.") from None


def _decimal(text: str) -> Decimal:
    if len(text) > 60:
        raise ValueError
    return Decimal(text)


def _whole(text: str) -> int:
    if len(text) > 60:
        raise ValueError
    return int(text)


def _no_number(text: str) -> Any:
    raise ValueError(text)


def parse_xml(content: bytes, name: str) -> Any:
    """The root of an XML document: no entities, no document type, no network, no huge trees.

    Raises NotReadable with the line.
    """
    from lxml import etree  # type: ignore[import-untyped]

    head = content[:4096].replace(b"\0", b"").lower()
    if b"<!doctype" in head or b"<!entity" in content.replace(b"\0", b"").lower():
        raise NotReadable(
            file=name, place="", problem="it declares entities, which no statement needs. Nothing was read. Fetch the "
            "file again from your bank or processor.",
        )  # fmt: skip
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        return etree.fromstring(content.lstrip(), parser)
    except etree.XMLSyntaxError as failure:
        place = f", line {failure.lineno}" if failure.lineno else ""
        raise NotReadable(file=name, place=place, problem="the XML is broken here. Fetch the file again.") from None
    except ValueError:
        raise NotReadable(file=name, place="", problem="this is not XML text. Fetch the file again.") from None


def local(element: Any) -> str:
    """The name of an XML element without its namespace."""
    tag = element.tag
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def text_at(item: Any, *path: str | int, default: str = "") -> str:
    """A text somewhere in a JSON document; numbers as they are written, what is not there as the default."""
    for step in path:
        if isinstance(step, int):
            item = item[step] if isinstance(item, list) and len(item) > step else None
        else:
            item = item.get(step) if isinstance(item, dict) else None
    if isinstance(item, bool) or item is None or isinstance(item, dict | list):
        return default
    return str(item).strip()


def items_of(document: Any, *names: str) -> Iterator[tuple[str, Item]]:
    """The objects of an answer with their places: those of the first list that is there under one of the names, of a
    bare list, or the one object itself."""
    if isinstance(document, dict):
        for name in names:
            if isinstance(document.get(name), list):
                document = document[name]
                break
        else:
            document = [document]
    for number, item in enumerate(document if isinstance(document, list) else [], 1):
        if isinstance(item, dict):
            yield f"item {number}", item


class Columns:
    """The columns of a table by what they mean: for each meaning the first of its names that is there."""

    def __init__(self, table: Table, names: Mapping[str, Sequence[str]]) -> None:
        folded: dict[str, int] = {}
        for index, column in enumerate(table.columns):
            folded.setdefault(fold(column), index)
        self.table = table
        self.places = {
            meaning: next((folded[fold(name)] for name in known if fold(name) in folded), -1)
            for meaning, known in names.items()
        }
        self._line: list[str] = []

    def has(self, *meanings: str) -> bool:
        """Whether the table has columns for all of these."""
        return all(self.places.get(meaning, -1) >= 0 for meaning in meanings)

    def name(self, meaning: str) -> str:
        """What the table calls it."""
        place = self.places.get(meaning, -1)
        return self.table.columns[place] if place >= 0 else meaning

    def __getitem__(self, meaning: str) -> str:
        place = self.places.get(meaning, -1)
        return self._line[place].strip() if 0 <= place < len(self._line) else ""

    def rows(self) -> Iterator[str]:
        """Each row that is not empty, set as the current one; gives its place."""
        for number, line in enumerate(self.table.rows, self.table.first_row):
            if any(cell.strip() for cell in line):
                self._line = line
                yield f"row {number}"

    def take(self, reading: Reading, read: Callable[[Columns, str], None]) -> None:
        """Let a function read every row; what it cannot read becomes a problem of the row."""
        for place in self.rows():
            with reading.at(place):
                read(self, place)
