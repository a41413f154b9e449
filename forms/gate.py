"""The gate before a form is published: its own blank print is scanned and must read back exactly."""

from __future__ import annotations

from data.errors import CheckFailed
from forms.definition import BOXED
from forms.furniture import MM
from forms.layout import Layout
from forms.press import Plate, Press, Sheet
from forms.token import PageCode, claimed, token

DPI = 150
NEAREST = 0.3
"""How far from its place, in mm, a box may be found."""
_KEY = b"gate" * 8


class NotReadableYet(CheckFailed):
    """Page {page} of this form cannot be read back from paper: {problem} Nothing was published."""


def check_readable(form: str, title: str, layout: Layout) -> float:
    """Print one blank sheet, look at it as a scanner does, and read it: both codes, four markers, every box empty and
    in its place. Returns the largest distance of a box from its place in mm. Raises NotReadableYet."""
    import cv2
    import numpy as np
    import pypdfium2

    from forms.reading.boxes import read_boxes
    from forms.reading.codes import read_codes
    from forms.reading.register import find_markers, place

    def code(page: int, of: int, serial: int) -> str:
        return token(PageCode(1, page, of, serial), _KEY)

    press = Press("Publish check", "")
    press.add(Plate(form, 1, title, layout, code), Sheet(1))
    document = pypdfium2.PdfDocument(press.pdf())
    furthest = 0.0
    for number, page in enumerate(layout.pages, 1):
        bitmap = document[number - 1].render(scale=DPI / 72, grayscale=True)
        gray = np.ascontiguousarray(bitmap.to_numpy().reshape(bitmap.height, bitmap.width))
        codes = read_codes(gray)
        if len(codes) != 2 or {claimed(one.text).page for one in codes} != {number}:
            raise NotReadableYet(page=number, problem="its code is not read at both corners.")
        placed = place(gray, page.size, codes)
        if placed is None or len(find_markers(gray)) != 4:
            raise NotReadableYet(page=number, problem="the markers at its corners are not all found.")
        boxes = [zone for zone in page.zones if zone.type in BOXED]
        marks = read_boxes(gray, page.size, [(zone.x, zone.y) for zone in boxes], placed, alone=True) or []
        for zone, mark in zip(boxes, marks, strict=True):
            away = max(abs(mark.dx), abs(mark.dy))
            furthest = max(furthest, away)
            if away > NEAREST:
                raise NotReadableYet(
                    page=number, problem=f"the box {zone.key} {zone.option} is not where it should be."
                )
            if mark.state != "empty":
                raise NotReadableYet(page=number, problem=f"the box {zone.key} {zone.option} is not blank.")
            home = cv2.perspectiveTransform(np.array([[[zone.x, zone.y]]]), placed.matrix)[0, 0] * 72 / DPI
            drift = float(np.abs(home - (zone.x, zone.y)).max()) / MM
            if drift > NEAREST:
                raise NotReadableYet(page=number, problem="it does not lie where it was drawn.")
    return furthest
