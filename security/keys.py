"""The root key on paper: forty words with a check in every line, and how to bring it back from there.

Each line carries four bytes of the key as four words, and a fifth word that checks the line, so that a slip of the
pen is found in its line. The sheet is the only copy that survives the machine: whoever loses key file and sheet has
lost the data, backups included.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

from data.errors import BadInput, CheckFailed
from data.home import Home, write_key_file
from data.types import clock
from security.words import WORDS

SHEET_WORDS = WORDS[:256]
LINES, PER_LINE = 8, 4


class BadSheet(BadInput):
    """The recovery sheet was not understood: {problem} Compare it with the paper and type it again."""


class WrongKey(CheckFailed):
    """These words are in order, but they are not the key of the clinic in {path}: they belong to another
    installation, or to this one before its key was changed. Nothing was written."""


class KeyThere(BadInput):
    """The key file {path} is in its place already. Nothing was written."""


@dataclass(frozen=True)
class KeyStatus:
    """How the key stands: where its file lies, and whether it is there, private, outside the home and the right one."""

    home: str
    key_file: str
    present: bool
    private: bool
    outside: bool
    fits: bool | None

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return self.present and self.private and self.outside and self.fits is not False


def status(home: Home) -> KeyStatus:
    """Look at the key file without using it; raises NoHome."""
    _ = home.id
    path = home.key_file
    present = path.is_file()
    private = present and not path.stat().st_mode & 0o077
    fits = home.fits(base64.b64decode(path.read_text().strip())) if private else None
    return KeyStatus(str(home.path), str(path), present, private, not path.is_relative_to(home.path), fits)


def to_words(key: bytes) -> list[list[str]]:
    """The key as eight lines of four words and their check word."""
    lines = []
    for number in range(LINES):
        part = key[number * PER_LINE : (number + 1) * PER_LINE]
        lines.append([SHEET_WORDS[byte] for byte in (*part, _check(number, part))])
    return lines


def from_words(typed: str) -> bytes:
    """The key from a typed sheet: words in any case, with line numbers or without; raises BadSheet naming the line."""
    words = re.findall(r"[a-z]+", typed.lower())
    if len(words) != LINES * (PER_LINE + 1):
        raise BadSheet(problem=f"it has {LINES * (PER_LINE + 1)} words, and {len(words)} were typed.")
    key = b""
    for number in range(LINES):
        line = words[number * (PER_LINE + 1) : (number + 1) * (PER_LINE + 1)]
        for word in line:
            if word not in SHEET_WORDS:
                raise BadSheet(problem=f"line {number + 1} has '{word}', which is not among its words.")
        values = bytes(SHEET_WORDS.index(word) for word in line)
        if values[-1] != _check(number, values[:-1]):
            raise BadSheet(problem=f"line {number + 1} does not add up.")
        key += values[:-1]
    return key


def _check(number: int, part: bytes) -> int:
    return hashlib.sha256(bytes([number]) + part).digest()[0]


def in_code(home: Home) -> str:
    """What the QR code on the sheet says."""
    return f"BALLAST-KEY:{home.id}:{base64.b64encode(home.root_key).decode()}"


def read_sheet(typed: str) -> bytes:
    """The key from what was typed or scanned off a sheet; raises BadSheet."""
    scanned = re.fullmatch(r"\s*BALLAST-KEY:[0-9a-f-]{36}:([A-Za-z0-9+/]{43}=)\s*", typed)
    return base64.b64decode(scanned[1]) if scanned else from_words(typed)


def recover(typed: str, home: Home) -> Path:
    """Write the key file anew from the sheet; returns where. Raises BadSheet, WrongKey, KeyThere, NoHome."""
    key = read_sheet(typed)
    _ = home.id
    if home.fits(key) is False:
        raise WrongKey(path=home.path)
    if home.key_file.exists():
        raise KeyThere(path=home.key_file)
    write_key_file(home.key_file, key)
    home.__dict__.pop("root_key", None)
    return home.key_file


def sheet(home: Home, names: list[str]) -> bytes:
    """The recovery sheet as a PDF of one page, for the clinics of this home. It shows the key: print it."""
    import segno
    from reportlab.lib.pagesizes import letter
    from reportlab.lib.utils import simpleSplit
    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    page = Canvas(buffer, pagesize=letter, pageCompression=1)
    page.setTitle("Ballast recovery sheet")
    left, width, y = 56.0, letter[0] - 112, letter[1] - 70

    def text(words: str, size: float = 10.5, font: str = "Helvetica", gap: float = 6, wide: float = width) -> None:
        nonlocal y
        page.setFont(font, size)
        for line in simpleSplit(words, font, size, wide):
            page.drawString(left, y, line)
            y -= size * 1.38
        y -= gap

    text("Recovery sheet", 22, "Helvetica-Bold", 2)
    text(", ".join(names)[:200], 12, "Helvetica-Bold", 8)
    text(
        "These forty words are the key to all data of this installation: database, documents and backups. With them "
        "and a backup everything can be read again. Without them and without the key file nobody can read it, the "
        "makers of Ballast included.",
        gap=14,
    )
    top = y
    for number, line in enumerate(to_words(home.root_key), 1):
        page.setFont("Helvetica", 10.5)
        page.drawString(left, y, f"{number}")
        page.setFont("Courier-Bold", 11.5)
        for column, word in enumerate(line):
            page.drawString(left + 20 + column * 74, y, word)
        y -= 21
    picture = segno.make(in_code(home), error="m")
    size = 104.0
    module = size / picture.symbol_size(border=0)[0]
    for row, modules in enumerate(picture.matrix):
        for column, dark in enumerate(modules):
            if dark:
                page.rect(left + width - size + column * module, top + 8 - (row + 1) * module, module, module, 0, 1)
    y = min(y, top - size) - 12
    text("Where to keep it", 12, "Helvetica-Bold", 2)
    for words in (
        "Print it twice. One copy lies in the clinic under lock, the other at the owner's, in another building.",
        "Never mail, photograph or scan it, and delete this file once it is printed.",
        "The key file stays where it is; a daily backup never contains it.",
        "Keep backups elsewhere than this sheet, so that one theft or fire never takes both.",
    ):
        text(f"•  {words}", gap=1)
    y -= 10
    text("How to use it", 12, "Helvetica-Bold", 2)
    text("On the machine that holds the data or the restored backup, type: ballast keys recover", gap=1)
    text("It asks for the words line by line and says in which line a slip is. The picture says the same.", gap=14)
    page.setFont("Helvetica", 8.5)
    facts = (
        f"Installation {home.id}", f"Data directory {home.path}", f"Key file {home.key_file}",
        f"Printed {clock.now():%Y-%m-%d %H:%M} UTC",
    )  # fmt: skip
    for words in facts:
        page.drawString(left, y, words[:120])
        y -= 12
    page.save()
    return buffer.getvalue()
