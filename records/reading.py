"""Reading a table out of somebody's file: size, encoding, delimiter, heading, rows. Every refusal names the place."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from data.errors import BadInput

LIMIT_MB = 100
ROW_LIMIT = 1_000_000
COLUMN_LIMIT = 1_000
CELL_LIMIT = 30_000_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class FileTooLarge(BadInput):
    """{file} has {size} MB and an import takes at most {limit} MB. Split it into smaller files and import them one
    after the other. Nothing was read."""


class FileMissing(BadInput):
    """There is no file {file}. Check the name and the folder."""


class FileEmpty(BadInput):
    """{file} is empty: it needs a row of column names and at least one row below it."""


class NotATable(BadInput):
    """{file} is {what}, not a text table. Open it in your spreadsheet program, save it as 'CSV UTF-8' and import that
    file."""


class WrongEncoding(BadInput):
    """{file}, row {row}: the text is not {encoding}. {advice}"""


class BadHeading(BadInput):
    """{file}, row {row}: {problem}"""


@dataclass(frozen=True)
class Table:
    """A file as people see it in a spreadsheet: ``first_row`` is the number of the first row below the heading."""

    name: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    first_row: int
    sha256: str
    encoding: str
    delimiter: str

    def samples(self, column: str, count: int = 3) -> list[str]:
        """The first different values of a column, to show beside it."""
        index = self.columns.index(column)
        found: dict[str, None] = {}
        for row in self.rows[:2_000]:
            if index < len(row) and row[index].strip():
                found.setdefault(row[index].strip())
            if len(found) == count:
                break
        return list(found)


def read_table(
    source: Path | bytes,
    name: str = "",
    *,
    encoding: str = "",
    delimiter: str = "",
    above: int | None = None,
    below: int = 0,
    has_heading: bool = True,
) -> Table:
    """Read a CSV file, or its bytes as they were uploaded.

    ``above`` is how many rows stand above the heading (None finds it), ``below`` how many at the end are no data;
    without a heading the columns are called Column 1, Column 2 …

    Raises FileTooLarge (before a byte is read), FileMissing, FileEmpty, NotATable, WrongEncoding, BadHeading.
    """
    name = name or (source.name if isinstance(source, Path) else "file")
    content = content_of(source, name)
    if not content.strip():
        raise FileEmpty(file=name)
    text, found = _decode(content, name, encoding)
    if not text.strip():
        raise FileEmpty(file=name)
    delimiter = delimiter or _delimiter(text)
    lines = _lines(text, delimiter, name)
    del text
    while below and lines and not any(cell.strip() for cell in lines[-1]):
        lines.pop()
    lines = lines[: len(lines) - below] if below else lines
    if not any(any(cell.strip() for cell in line) for line in lines[above or 0 :]):
        raise FileEmpty(file=name)
    if not has_heading:
        first, width = above or 0, max(map(len, lines[above or 0 :]))
        columns = tuple(f"Column {number}" for number in range(1, width + 1))
        digest = hashlib.sha256(content).hexdigest()
        return Table(name, columns, lines[first:], first + 1, digest, found, delimiter)
    heading = _heading(lines) if above is None else above
    columns = tuple(cell.strip() for cell in lines[heading])
    while columns and not columns[-1]:
        columns = columns[:-1]
    _check_heading(columns, name, heading + 1)
    rows = lines[heading + 1 :]
    if not any(any(cell.strip() for cell in row) for row in rows):
        raise FileEmpty(file=name)
    digest = hashlib.sha256(content).hexdigest()
    return Table(name, columns, rows, heading + 2, digest, found, delimiter)


def _lines(text: str, delimiter: str, name: str) -> list[list[str]]:
    """The lines as cells, counted while they are read, so that a file of nothing but commas or line ends is refused
    before it fills the memory."""
    csv.field_size_limit(1 << 24)
    lines, cells = [], 0
    try:
        for number, line in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1):
            cells += len(line) + 1
            if number > ROW_LIMIT + 20:
                raise BadHeading(
                    file=name, row=ROW_LIMIT, problem=f"an import takes at most {ROW_LIMIT:,} rows. Split the file."
                )
            if len(line) > COLUMN_LIMIT or cells > CELL_LIMIT:
                raise BadHeading(
                    file=name, row=number,
                    problem=f"an import takes at most {COLUMN_LIMIT:,} columns and {CELL_LIMIT:,} cells. Leave out the "
                    "columns that are not needed, or split the file.",
                )  # fmt: skip
            lines.append(line)
    except csv.Error as failure:
        raise NotATable(file=name, what=f"broken at row {len(lines) + 1} ({failure})") from None
    return lines


def content_of(source: Path | bytes, name: str) -> bytes:
    """The bytes of a file. Raises FileTooLarge (before a byte is read), FileMissing."""
    if isinstance(source, bytes):
        _refuse_large(len(source), name)
        return source
    if not source.is_file():
        raise FileMissing(file=source)
    _refuse_large(source.stat().st_size, name)
    with source.open("rb") as file:
        content = file.read((LIMIT_MB << 20) + 1)  # a file that grows, or whose size is unknown, is cut off here
    _refuse_large(len(content), name)
    return content


def _refuse_large(size: int, name: str) -> None:
    if size > LIMIT_MB << 20:
        raise FileTooLarge(file=name, size=f"{size / (1 << 20):,.0f}", limit=LIMIT_MB)


def _decode(content: bytes, name: str, encoding: str) -> tuple[str, str]:
    if content[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise NotATable(file=name, what="an Excel workbook")
    if content[:5] == b"%PDF-":
        raise NotATable(file=name, what="a PDF")
    if not encoding:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            encoding = "utf-16"
        else:
            encoding = "utf-8-sig"
            if b"\0" in content[:100_000]:
                raise NotATable(file=name, what="a binary file")
    try:
        return content.decode(encoding), encoding.removesuffix("-sig")
    except LookupError:
        raise BadInput(problem=f"'{encoding}' is not a text encoding. Write it like utf-8 or windows-1252.") from None
    except UnicodeDecodeError as failure:
        row = content[: failure.start].count(b"\n") + 1
        advice = "Choose the encoding the file was saved in."
        if encoding == "utf-8-sig":
            advice = (
                "Save it as 'CSV UTF-8' in your spreadsheet program, or choose the encoding it has (often "
                "windows-1252)."
            )
        raise WrongEncoding(file=name, row=row, encoding=encoding.removesuffix("-sig").upper(), advice=advice) from None
    except UnicodeError:
        raise WrongEncoding(
            file=name, row=1, encoding=encoding.upper(), advice="Choose the encoding the file was saved in."
        ) from None


def _delimiter(text: str) -> str:
    lines = [line for line in text[:50_000].splitlines()[:20] if line.strip()]
    scores = {}
    for mark in DELIMITERS:
        counts = Counter(line.count(mark) for line in lines)
        width, times = counts.most_common(1)[0]
        scores[mark] = (times if width else 0, lines[0].count(mark))
    best = max(scores, key=lambda mark: scores[mark])
    return best if scores[best][1] or scores[best][0] else ","


def _heading(lines: list[list[str]]) -> int:
    """The row of column names: the first as wide as most rows are, below any title lines."""
    widths = [sum(1 for cell in line if cell.strip()) for line in lines[:20]]
    usual = Counter(len(line) for line in lines[:20] if any(cell.strip() for cell in line)).most_common(1)[0][0]
    for index, width in enumerate(widths):
        if width and (len(lines[index]) == usual and (width > 1 or usual == 1)):
            return index
    return next(index for index, width in enumerate(widths) if width)


def _check_heading(columns: tuple[str, ...], name: str, row: int) -> None:
    for position, column in enumerate(columns, 1):
        if not column:
            raise BadHeading(file=name, row=row, problem=f"column {position} has no name. Give it one or delete it.")
    for column, times in Counter(columns).items():
        if times > 1:
            raise BadHeading(
                file=name, row=row, problem=f"the column name '{column}' appears {times} times. Rename all but one."
            )
