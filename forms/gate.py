"""The gate before a form is published: its own blank print is scanned and must read back exactly."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NoReturn

from data.errors import CheckFailed
from forms.definition import BOXED, Form
from forms.furniture import MM
from forms.placed import Layout, Zone
from forms.press import Plate, Press, Sheet
from forms.print import DRAWING
from forms.token import PageCode, claimed, token

DPI = 150
NEAREST = 0.3
"""How far from its place, in mm, a box may be found."""
_KEY = b"gate" * 8


class NotReadableYet(CheckFailed):
    """Page {page} of this form cannot be read back from paper: {problem} Nothing was published."""


@dataclass(frozen=True)
class Readable:
    """What the gate looked at: pages, boxes, and the largest distance of a box from its place in mm."""

    pages: int
    boxes: int
    furthest: float


_readable: OrderedDict[tuple[str, str, str], Readable] = OrderedDict()
"""What this process found readable, by form, title and layout: the same print reads back the same."""
_KEPT = 64


def check_readable(form: str, title: str, layout: Layout, body: Form | None = None) -> Readable:
    """Print one blank sheet, look at it as a scanner does, and read it: both codes, four markers, every box empty and
    in its place. Raises NotReadableYet, which names the field by its label where ``body`` is given."""
    blank = (form, title, layout.sha256())
    found = _readable.get(blank) or _looked_at(form, title, layout, body)
    _readable[blank] = found
    while len(_readable) > _KEPT:
        _readable.popitem(last=False)
    return found


def _looked_at(form: str, title: str, layout: Layout, body: Form | None) -> Readable:
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
    pictures = []
    with DRAWING:
        document = pypdfium2.PdfDocument(press.pdf())
        for leaf in document:
            bitmap = leaf.render(scale=DPI / 72, grayscale=True)
            pictures.append(np.array(bitmap.to_numpy().reshape(bitmap.height, bitmap.width)))
        document.close()
    furthest, seen = 0.0, 0
    for number, (page, gray) in enumerate(zip(layout.pages, pictures, strict=True), 1):
        codes = read_codes(gray)
        if len(codes) != 2 or {claimed(one.text).page for one in codes} != {number}:
            raise NotReadableYet(page=number, problem="its code is not read at both corners.")
        placed = place(gray, page.size, codes)
        if placed is None or len(find_markers(gray)) != 4:
            raise NotReadableYet(page=number, problem="the markers at its corners are not all found.")
        boxes = [zone for zone in page.zones if zone.type in BOXED]
        seen += len(boxes)
        marks = read_boxes(gray, page.size, [(zone.x, zone.y) for zone in boxes], placed, alone=True) or []
        for zone, mark in zip(boxes, marks, strict=True):
            away = max(abs(mark.dx), abs(mark.dy))
            furthest = max(furthest, away)
            if away > NEAREST:
                _refuse(number, zone, body, "is not where it should be.")
            if mark.state != "empty":
                _refuse(number, zone, body, "is not blank.")
            home = cv2.perspectiveTransform(np.array([[[zone.x, zone.y]]]), placed.matrix)[0, 0] * 72 / DPI
            drift = float(np.abs(home - (zone.x, zone.y)).max()) / MM
            if drift > NEAREST:
                raise NotReadableYet(page=number, problem="it does not lie where it was drawn.")
    return Readable(len(layout.pages), seen, furthest)


def _refuse(page: int, zone: Zone, body: Form | None, what: str) -> NoReturn:
    key = zone.key.partition(".")[0]
    field = body.field(key) if body else None
    label = (field.label or field.key) if field else zone.key
    answer = next((one.label for one in field.options if one.value == zone.option), "") if field else zone.option
    box = f"the box “{answer}” of “{label}”" if answer else f"a box of “{label}”"
    raise NotReadableYet(page=page, problem=f"{box} {what}", field=key)
