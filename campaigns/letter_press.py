"""Letters and address labels as two PDFs, drawn in a child process with bounds: ten thousand take some seconds.

    python -m campaigns.letter_press PAPER

Reads one line of JSON about the clinic, then one for each letter (``address`` lines, ``blocks`` of kind and markup,
``day``). Says how far it is on standard error, and writes the two PDFs to standard output, the length of the first
before them. What many letters say alike is drawn once.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Iterable
from typing import Any

from forms.print import BOLD, REGULAR, register_fonts

MEMORY = 2 << 30
SECONDS = 300
EVERY = 250
"""Letters between two words about how far it is."""
INCH, MM = 72.0, 72.0 / 25.4
PAPERS: dict[str, dict[str, Any]] = {
    # a window envelope No. 10: its window begins 0.875 in from the left and 2.06 in from the top of the folded sheet
    "letter": {
        "size": (8.5 * INCH, 11 * INCH), "window": (0.98 * INCH, 2.1 * INCH), "left": 0.98 * INCH,
        "labels": {"columns": 3, "rows": 10, "left": 0.1875 * INCH, "top": 0.5 * INCH, "width": 2.625 * INCH,
                   "height": 1.0 * INCH, "across": 2.75 * INCH},
    },
    # DIN 5008 form B: the window begins 20 mm from the left, its address zone 62.7 mm from the top
    "a4": {
        "size": (210 * MM, 297 * MM), "window": (25 * MM, 62.7 * MM), "left": 25 * MM,
        "labels": {"columns": 3, "rows": 7, "left": 7.2 * MM, "top": 15.1 * MM, "width": 63.5 * MM,
                   "height": 38.1 * MM, "across": 66.0 * MM},
    },
}  # fmt: skip
"""Where things stand on each paper; labels as on sheets of 30 (Avery 5160) and of 21 (Avery L7160)."""
_FOOT = 56.0
_STYLES = {"p": (10.5, 14.5, 8.0), "li": (10.5, 14.5, 3.0), "h1": (15.0, 19.0, 8.0), "h2": (12.0, 16.0, 6.0)}


def main() -> None:
    """See the module."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    told = json.loads(sys.stdin.buffer.readline())
    letters, labels = press(told, (json.loads(line) for line in sys.stdin.buffer), sys.argv[1])
    sys.stdout.buffer.write(len(letters).to_bytes(8, "big") + letters + labels)


def press(clinic: dict[str, Any], letters: Iterable[dict[str, Any]], paper: str) -> tuple[bytes, bytes]:
    """Both PDFs. ``clinic``: ``name``, ``place``."""
    from reportlab.pdfgen.canvas import Canvas

    register_fonts()
    at = PAPERS[paper]
    sheets, stickers = io.BytesIO(), io.BytesIO()
    page = Canvas(sheets, pagesize=at["size"], pageCompression=1)
    page.setTitle("Letters")
    label_page = Canvas(stickers, pagesize=at["size"], pageCompression=1)
    label_page.setTitle("Address labels")
    desk = _Desk(page, at, clinic)
    count = 0
    for count, letter in enumerate(letters, 1):
        desk.draw(letter)
        _label(label_page, at, count - 1, letter["address"])
        if count % EVERY == 0:
            sys.stderr.write(f"{count}\n")
            sys.stderr.flush()
    if not count:
        page.showPage()
    label_page.showPage()
    page.save()
    label_page.save()
    return sheets.getvalue(), stickers.getvalue()


class _Desk:
    """One canvas, and the paragraphs it has drawn before."""

    def __init__(self, page: Any, at: dict[str, Any], clinic: dict[str, Any]) -> None:
        self.page, self.at, self.clinic = page, at, clinic
        self.width = at["size"][0] - 2 * at["left"]
        self.seen: dict[tuple[str, str], int] = {}
        self.forms: dict[tuple[str, str], tuple[str, float]] = {}
        self._head()

    def _head(self) -> None:
        """The clinic's name and address, drawn once for all letters."""
        width, height = self.at["size"]
        self.page.beginForm("head", 0, 0, width, height)
        self.page.setFont(BOLD, 14)
        self.page.drawString(self.at["left"], height - 50, self.clinic["name"][:80])
        self.page.setFont(REGULAR, 8.5)
        self.page.drawString(self.at["left"], height - 63, self.clinic["place"][:140])
        self.page.endForm()

    def draw(self, letter: dict[str, Any]) -> None:
        """One letter, on as many pages as it takes."""
        height = self.at["size"][1]
        self.page.doForm("head")
        left, top = self.at["window"]
        self.page.setFont(REGULAR, 10.5)
        for number, line in enumerate(letter["address"][:6]):
            self.page.drawString(left, height - top - 10.5 - number * 13, line[:60])
        y = height - top - 118
        self.page.drawString(self.at["left"], y, letter["day"])
        y -= 30
        for kind, markup in letter["blocks"]:
            y = self._block(kind, markup, y)
        self.page.showPage()

    def _block(self, kind: str, markup: str, y: float) -> float:
        key = (kind, markup)
        y -= 6 if kind in ("h1", "h2") else 0
        size, lead, gap = _STYLES.get(kind, _STYLES["p"])
        if key not in self.forms:
            paragraph = self._paragraph(kind, markup, size, lead)
            parts = [paragraph]
            _, tall = paragraph.wrap(self.width, 100_000)
            if tall > self.at["size"][1] - 2 * _FOOT:
                parts = paragraph.split(self.width, max(lead, y - _FOOT)) or [paragraph]
            if len(parts) > 1:
                for part in parts:
                    y = self._put(part, y, 0)
                return y - gap
            self.seen[key] = self.seen.get(key, 0) + 1
            if self.seen[key] < 2 or len(self.forms) > 500:
                return self._put(paragraph, y, gap)
            name = f"block{len(self.forms)}"
            self.page.beginForm(name, 0, 0, self.width, tall)
            paragraph.drawOn(self.page, 0, 0)
            self.page.endForm()
            self.forms[key] = (name, tall)
        name, tall = self.forms[key]
        y = self._room(y, tall)
        self.page.saveState()
        self.page.translate(self.at["left"], y - tall)
        self.page.doForm(name)
        self.page.restoreState()
        return float(y - tall - gap)

    def _put(self, paragraph: Any, y: float, gap: float) -> float:
        _, tall = paragraph.wrap(self.width, 100_000)
        y = self._room(y, tall)
        paragraph.drawOn(self.page, self.at["left"], y - tall)
        return float(y - tall - gap)

    def _room(self, y: float, tall: float) -> float:
        if y - tall < _FOOT:
            self.page.showPage()
            return float(self.at["size"][1] - _FOOT)
        return y

    @staticmethod
    def _paragraph(kind: str, markup: str, size: float, lead: float) -> Any:
        from reportlab.lib.styles import ParagraphStyle
        from reportlab.platypus import Paragraph

        bold = kind in ("h1", "h2")
        style = ParagraphStyle(
            kind, fontName=BOLD if bold else REGULAR, fontSize=size, leading=lead,
            leftIndent=14 if kind == "li" else 0, bulletIndent=2,
        )  # fmt: skip
        return Paragraph(markup, style, bulletText="•" if kind == "li" else None)


def _label(page: Any, at: dict[str, Any], number: int, address: list[str]) -> None:
    how = at["labels"]
    on_sheet = number % (how["columns"] * how["rows"])
    if number and not on_sheet:
        page.showPage()
    row, column = divmod(on_sheet, how["columns"])
    x = how["left"] + column * how["across"] + 9
    y = at["size"][1] - how["top"] - row * how["height"]
    lines = address[:5]
    page.setFont(REGULAR, 9)
    first = y - (how["height"] - 11 * len(lines)) / 2 - 8.5
    for index, line in enumerate(lines):
        page.drawString(x, first - index * 11, line[:46])


if __name__ == "__main__":
    main()
