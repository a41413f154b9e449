"""Pens on paper: marks in boxes, digits in their cells, handwriting on the lines, drawn into the picture of a page.

Places are in points from the top left, as in the zones of a form; ``dpi`` says how large the picture is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from forms.definition import BOXED

Gray = npt.NDArray[Any]
Zone = Mapping[str, Any]
Shape = Mapping[str, int]
"""How a number is written: digits and decimals."""
PENS = {
    "pencil": (0.35, 0.8, 95, 135), "light_pen": (0.35, 0.7, 130, 165), "hairline": (0.15, 0.28, 0, 90),
    "desk": (0.3, 0.55, 0, 70),
}  # fmt: skip
"""Width from and to in mm, shade from and to."""
USUAL = (0.35, 0.8, 0, 90)
CELL = 15.6
SCRIPT = cv2.FONT_HERSHEY_SCRIPT_SIMPLEX
PRINT = cv2.FONT_HERSHEY_SIMPLEX


def fill_in(
    rng: np.random.Generator, gray: Gray, dpi: int, zones: Sequence[Zone], *, pen: str = ""
) -> tuple[list[tuple[float, float]], list[bool], list[bool]]:
    """Draw marks into boxes and scribbles into the rest by chance; returns boxes, which are marked, which canceled."""
    boxes: list[tuple[float, float]] = []
    marked: list[bool] = []
    dense: list[bool] = []
    width, shade = _pen(rng, dpi, pen)
    for zone in zones:
        x, y, w, h = (zone[name] * dpi / 72 for name in ("x", "y", "w", "h"))
        if zone["type"] in BOXED:
            state = rng.random()
            boxes.append((zone["x"], zone["y"]))
            marked.append(state < 0.35)
            dense.append(state > 0.99)
            if state < 0.35:
                draw_mark(rng, gray, x, y, w, width, shade)
            elif state > 0.99:
                cancel(rng, gray, x, y, w, h, shade)
        elif zone["type"] in ("text", "signature", "initials", "digits") and rng.random() < 0.4:
            scribble(rng, gray, x, y, w, h, width, shade)
    return boxes, marked, dense


def write_page(
    rng: np.random.Generator,
    gray: Gray,
    dpi: int,
    zones: Sequence[Zone],
    values: Mapping[str, Any],
    shapes: Mapping[str, Shape],
    *,
    canceled: Sequence[tuple[str, str]] = (),
    twice: Sequence[tuple[str, str]] = (),
) -> None:
    """Write what is to stand on a page, by the keys of its zones, as one hand would.

    A box is crossed where its value says so: true for a check, the option or the list of them for a choice, the number
    itself for bubbles. ``canceled`` boxes (key, option) are filled up, ``twice`` are crossed besides: somebody changed
    their mind.
    """
    width, shade = _pen(rng, dpi, "desk")
    for zone in zones:
        key, kind = zone["key"], zone["type"]
        x, y, w, h = (zone[name] * dpi / 72 for name in ("x", "y", "w", "h"))
        if kind in BOXED and (key, zone["option"]) in canceled:
            draw_mark(rng, gray, x, y, w, width, shade, neat=True)
            cancel(rng, gray, x, y, w, h, shade)
        elif kind in BOXED:
            if is_marked(zone, values.get(key), shapes.get(key)) or (key, zone["option"]) in twice:
                draw_mark(rng, gray, x, y, w, width, shade, neat=True)
        elif values.get(key) not in (None, "", False):
            _write(rng, gray, zone, str(values[key]), shapes.get(key), dpi, width, shade)


def is_marked(zone: Zone, value: Any, shape: Shape | None) -> bool:
    """Whether a box is crossed for a value."""
    if value in (None, "", False):
        return False
    if zone["type"] == "bubble_digits":
        place, digit = (int(part) for part in zone["option"].split(":"))
        return shape is not None and in_cells(str(value), shape)[place - 1] == str(digit)
    if zone["type"] == "check":
        return bool(value)
    return zone["option"] in value if isinstance(value, list) else bool(zone["option"] == value)


def in_cells(number: str, shape: Shape) -> list[str]:
    """The digits of a number in its cells, the places before it blank: 4.2 in three cells with one decimal is " 42"."""
    whole, _, part = number.partition(".")
    digits, decimals = shape["digits"], shape["decimals"]
    return list((whole + part.ljust(decimals, "0")[:decimals]).rjust(digits)[-digits:])


def _write(
    rng: np.random.Generator,
    gray: Gray,
    zone: Zone,
    text: str,
    shape: Shape | None,
    dpi: int,
    pen: float,
    shade: int,
) -> None:
    """One answer in the hand's way of writing its kind."""
    kind = zone["type"]
    x, y, w, h = (zone[name] * dpi / 72 for name in ("x", "y", "w", "h"))
    unit = dpi / 72
    if kind in ("digits", "digits_written") and shape is not None:
        inset = 2 * unit if zone["key"].count(".") == 2 else 0.0
        gap = 5 * unit if shape["decimals"] else 0.0
        cell = min(CELL * unit, (w - 2 * inset - gap) / shape["digits"])
        gaps = {shape["digits"] - shape["decimals"]: gap}
        _cells(rng, gray, in_cells(text, shape), x + inset, y, cell, h, gaps, pen, shade)
    elif kind == "time":
        inset = 2 * unit if zone["key"].count(".") == 2 else 0.0
        cell = min(CELL * unit, (w - 2 * inset - 6 * unit) / 4)
        digits = list(text.replace(":", "").rjust(4, "0"))
        _cells(rng, gray, digits, x + inset, y, cell, h, {2: 6 * unit}, pen, shade)
    elif kind == "date":
        sizes = [len(part) for part in text.split("/")]
        gaps = {sizes[0]: 4 * unit, sizes[0] + sizes[1]: 4 * unit}
        _cells(rng, gray, list(text.replace("/", "")), x, y, (w - 8 * unit) / 8, h, gaps, pen, shade)
    elif kind == "signature":
        handwriting(rng, gray, text, x + 0.04 * w, y, 0.6 * w, h, pen, shade)
        scribble(rng, gray, x + 0.5 * w, y, 0.4 * w, h, pen, shade)
    else:
        handwriting(rng, gray, text, x + 2 * unit, y, w - 4 * unit, h, pen, shade)


def _cells(
    rng: np.random.Generator,
    gray: Gray,
    digits: Sequence[str],
    x: float,
    y: float,
    cell: float,
    h: float,
    gaps: Mapping[int, float],
    pen: float,
    shade: int,
) -> None:
    """A digit in each cell; ``gaps`` are the widths of what is printed before a place."""
    for place, digit in enumerate(digits):
        x += gaps.get(place, 0.0)
        if digit.strip():
            size = 0.52 * h / 22
            left = x + (cell - 18 * size) / 2 + rng.normal(0, 0.03) * cell
            _text(gray, digit, left, y + 0.76 * h + rng.normal(0, 0.03) * h, size, pen, shade, PRINT)
        x += cell


def handwriting(
    rng: np.random.Generator, gray: Gray, text: str, x: float, y: float, w: float, h: float, pen: float, shade: int
) -> None:
    """Words on a line, as large as fits."""
    size = min(0.5 * h, 0.22 * 72 * 1.4) / 21
    (wide, _), _ = cv2.getTextSize(text, SCRIPT, size, 1)
    size *= min(1.0, w / max(wide, 1))
    thin = max(1.0, min(pen, 2.6 * size))
    _text(gray, text, x, y + 0.72 * h + float(rng.normal(0, 0.02)) * h, size, thin, shade, SCRIPT)


def _text(gray: Gray, text: str, x: float, y: float, size: float, pen: float, shade: int, font: int) -> None:
    place = (round(x), round(y))
    cv2.putText(gray, text, place, font, size, shade, max(1, round(pen * 0.7)), cv2.LINE_AA)


def draw_mark(
    rng: np.random.Generator, gray: Gray, x: float, y: float, w: float, pen: float, shade: int, *, neat: bool = False
) -> None:
    """A cross, a tick, a slash or a dot, as hands make them; a ``neat`` hand makes no dots, as the legend asks."""
    kind = rng.choice(["cross", "tick", "slash", "blob"], p=[0.67, 0.2, 0.13, 0.0] if neat else [0.6, 0.2, 0.13, 0.07])

    def at(px: float, py: float) -> tuple[float, float]:
        return x + (px + rng.normal(0, 0.07)) * w, y + (py + rng.normal(0, 0.07)) * w

    out = float(rng.uniform(-0.12, 0.2))
    if kind == "cross":
        stroke(rng, gray, [at(-out, -out), at(1 + out, 1 + out)], pen, shade)
        stroke(rng, gray, [at(1 + out, -out), at(-out, 1 + out)], pen, shade)
    elif kind == "tick":
        stroke(rng, gray, [at(0.1, 0.5), at(0.4, 0.9), at(1.1 + out, -0.1 - out)], pen, shade)
    elif kind == "slash":
        stroke(rng, gray, [at(1 + out, -out), at(-out, 1 + out)], pen * 1.15, shade)
    else:
        points = [at(0.5 + 0.22 * math.cos(a), 0.5 + 0.22 * math.sin(a)) for a in np.linspace(0, 9, 16)]
        stroke(rng, gray, points, pen * 1.2, shade)


def cancel(rng: np.random.Generator, gray: Gray, x: float, y: float, w: float, h: float, shade: int) -> None:
    """A box filled up: it does not count."""
    spread = rng.uniform(-0.06, 0.06, 4) * w
    corners = np.array([[x + spread[0], y], [x + w, y + spread[1]], [x + w, y + h], [x, y + h + spread[2]]])
    cv2.fillPoly(gray, [corners.astype(np.int32)], shade)


def stroke(rng: np.random.Generator, gray: Gray, points: Sequence[tuple[float, float]], pen: float, shade: int) -> None:
    """A line of a pen, a little bent; where it crosses another it stays as dark as the darker."""
    dense = []
    for (ax, ay), (bx, by) in itertools.pairwise(points):
        bend = rng.normal(0, 0.05, 2) * math.hypot(bx - ax, by - ay)
        for t in np.linspace(0, 1, 8):
            curve = 4 * t * (1 - t)
            dense.append((ax + (bx - ax) * t + bend[0] * curve, ay + (by - ay) * t + bend[1] * curve))
    width, line = max(1, round(pen)), np.array(dense)
    left, top = np.maximum(np.floor(line.min(axis=0)).astype(int) - width - 2, 0)
    right, bottom = np.ceil(line.max(axis=0)).astype(int) + width + 3
    part = gray[top:bottom, left:right]
    if part.size == 0:
        return
    layer = np.full_like(part, 255)
    cv2.polylines(layer, [(line * 16).astype(np.int32) - (left * 16, top * 16)], False, shade, width, cv2.LINE_AA, 4)
    np.minimum(part, layer, out=part)


def scribble(
    rng: np.random.Generator, gray: Gray, x: float, y: float, w: float, h: float, pen: float, shade: int
) -> None:
    """Something like handwriting that nobody can read."""
    points: list[tuple[float, float]] = []
    at = x + 0.04 * w
    while at < x + w * float(rng.uniform(0.3, 0.95)) and len(points) < 60:
        points.append((at, y + h * float(rng.uniform(0.25, 0.9))))
        at += h * float(rng.uniform(0.1, 0.3))
    if len(points) > 1:
        line = (np.array(points) * 16).astype(np.int32)
        cv2.polylines(gray, [line], False, shade, max(1, round(pen)), cv2.LINE_AA, 4)


def _pen(rng: np.random.Generator, dpi: int, name: str) -> tuple[float, int]:
    """A pen's width in dots, and its shade."""
    thin, thick, dark, light = PENS.get(name, USUAL)
    return float(rng.uniform(thin, thick)) * dpi / 25.4, int(rng.integers(dark, light))
