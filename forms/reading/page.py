"""One page from picture to answers: find its code, lay it on the paper, read its boxes, keep an upright picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from forms.furniture import MM
from forms.reading.boxes import read_boxes
from forms.reading.codes import Code, halved, read_codes, rescue
from forms.reading.register import Placed, find_markers, place
from forms.reading.told import PageReading

UPRIGHT_DPI = 130
QUALITY = 74
BLANK = 0.0012
SAME_SHAPE = 0.012
"""How far a picture's sides may differ from those of the paper it is taken for."""


@dataclass(frozen=True)
class Target:
    """What a code turned out to be: the size of the page and the top left corners of its boxes, in points."""

    size: tuple[float, float]
    boxes: list[tuple[float, float]]


Ask = Callable[[Sequence[str]], Target | str]
"""Tells for the texts of a page's codes what it is, or in a short name why it is not to be read."""


def read_page(index: int, gray: Any, ask: Ask, known: Target | None = None) -> PageReading:
    """Read one page. ``known`` is what a person said it is: its codes then only help to lay it on the paper."""
    height, width = gray.shape
    done = PageReading(index, size=(width, height))
    if known is not None:
        return _laid(done, gray, known, read_codes(gray))
    codes = read_codes(gray, thorough=False)
    if not codes:
        if _share_of_ink(gray) < BLANK:
            done.trouble = "blank"
            return _kept(done, gray)
        codes = _with_help(gray, done)
        if not codes:
            return _kept(done, gray)
    done.codes = sorted({code.text for code in codes})
    target = ask(done.codes)
    if isinstance(target, str):
        done.trouble = target
        return done if target == "slip" else _kept(done, gray)
    return _laid(done, gray, target, codes)


def _laid(done: PageReading, gray: Any, target: Target, codes: list[Code]) -> PageReading:
    """The page laid on its paper, its boxes read."""
    placed = place(gray, target.size, codes)
    marks = read_boxes(gray, target.size, target.boxes, placed) if placed is not None else None
    if placed is None or marks is None:
        done.trouble = "not_placed"
        return _kept(done, gray)
    done.how, done.error, done.pixels = placed.how, round(placed.error, 3), round(placed.pixels, 2)
    done.scale = printed_scale(placed, target.size, gray.shape)
    done.marks = marks
    done.angle = float(np.arctan2(placed.matrix[1, 0], placed.matrix[0, 0]))
    done.upright, done.is_upright = _upright(gray, target.size, placed), True
    return done


def printed_scale(placed: Placed, size: tuple[float, float], picture: tuple[int, ...]) -> float | None:
    """How large a page was printed, where the picture is the whole sheet of paper as a scanner gives it: flat, and of
    the paper's shape."""
    long, short = max(picture[:2]), min(picture[:2])
    paper_long, paper_short = max(size), min(size)
    if not placed.is_flat(size) or abs(long / short / (paper_long / paper_short) - 1) > SAME_SHAPE:
        return None
    scale = placed.pixels / ((long / paper_long + short / paper_short) / 2 * MM)
    return round(float(scale), 3) if 0.6 < scale < 1.2 else None


def _with_help(gray: Any, done: PageReading) -> list[Code]:
    codes = read_codes(gray)
    if codes:
        return codes
    markers = find_markers(gray)
    codes = rescue(gray, markers)
    if not codes:
        done.trouble = "code_unreadable" if len(markers) >= 2 else "no_code"
    return codes


def _share_of_ink(gray: Any) -> float:
    small = cv2.resize(gray, (600, 800), interpolation=cv2.INTER_AREA)[20:-20, 20:-20]
    level = cv2.GaussianBlur(small, (0, 0), 15)
    return float((small.astype(np.int16) < level.astype(np.int16) - 28).mean())


def _kept(done: PageReading, gray: Any) -> PageReading:
    """The page as it lies, smaller, for a person to look at."""
    scale = min(1.0, 1500 / max(gray.shape))
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    done.upright = _jpeg(small)
    return done


def _upright(gray: Any, size: tuple[float, float], placed: Placed) -> bytes:
    """The page laid on its paper at UPRIGHT_DPI: a zone in points times UPRIGHT_DPI / 72 is its place in it."""
    scale = UPRIGHT_DPI / 72
    target = (round(size[0] * scale), round(size[1] * scale))
    source, shrink = gray, 1.0
    if placed.pixels > 2 * UPRIGHT_DPI / 25.4:
        shrink = 0.5
        source = halved(gray)
    matrix = np.diag([shrink, shrink, 1.0]) @ placed.matrix @ np.diag([1 / scale, 1 / scale, 1.0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return _jpeg(cv2.warpPerspective(source, matrix, target, flags=flags, borderValue=255))


def _jpeg(gray: Any) -> bytes:
    worked, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes() if worked else b""


def crop(upright: bytes, zone: tuple[float, float, float, float], *, air: float = 6.0) -> bytes:
    """The part of an upright page where a zone (x, y, w, h in points) stands, with some air around, as PNG."""
    return crops(upright, {"": zone}, air=air)[""]


def crops(
    upright: bytes, zones: Mapping[str, tuple[float, float, float, float]], *, air: float = 6.0
) -> dict[str, bytes]:
    """Several parts of one page, by their names."""
    page: Any = cv2.imdecode(np.frombuffer(upright, np.uint8), cv2.IMREAD_GRAYSCALE)
    scale = UPRIGHT_DPI / 72
    height, width = page.shape
    cut = {}
    for name, (x, y, w, h) in zones.items():
        left, top = max(int((x - air) * scale), 0), max(int((y - air) * scale), 0)
        right, bottom = min(int((x + w + air) * scale) + 1, width), min(int((y + h + air) * scale) + 1, height)
        worked, data = cv2.imencode(".png", page[top:bottom, left:right])
        cut[name] = data.tobytes() if worked else b""
    return cut
