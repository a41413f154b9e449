"""Reading boxes: each is found anew near its place, and its ink measured against the white and black around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from forms.furniture import BOX, MM, marker_corners
from forms.reading.register import Placed
from forms.reading.told import Mark

PX = 8.0
"""Pixels a millimetre at which boxes are looked at."""
SIDE = round(BOX / MM * PX)
REACH = 10
"""Pixels a box is looked for around its place: 1.25 mm."""
AROUND = 18
"""Pixels of surroundings: 2.25 mm."""
PATCH = SIDE + 2 * AROUND
INSET = 5
EMPTY, MARKED = 0.045, 0.13
DENSE = 0.78
SURE = 0.10
"""From here on an outline counts as found."""
INK = 0.30
"""How dark ink is, from the white around (0) to the black of the markers (1)."""


def read_boxes(
    gray: Any, size: tuple[float, float], corners: Sequence[tuple[float, float]], placed: Placed, *, alone: bool = False
) -> list[Mark] | None:
    """The boxes with these top left corners (in points); ``alone`` trusts each without asking its neighbors.

    None where fewer than four markers were seen and the outlines do not lie where they should: the page is bent or
    slanted.
    """
    if not corners:
        return []
    patches = _patches(gray, corners, placed).astype(np.float32)
    black, white = _levels(gray, size, placed)
    whites = _local_white(patches, white)
    blacks = np.minimum(black, whites - 40.0)
    dark = np.clip((whites[:, None, None] - patches) / (whites - blacks)[:, None, None], 0.0, 1.0)
    shifts, sure = _snapped(dark)
    if placed.how != "four" and len(sure) >= 4 and (sure > SURE).mean() < 0.6:
        return None
    if not alone:
        shifts = _smoothed(shifts, sure, np.array(corners, np.float64) / MM)
    faint = 0.35 * float(np.median(sure)) if np.median(sure) > SURE else 0.0
    marks, depths = [], []
    for number, (dx, dy) in enumerate(shifts):
        mark, depth = _judged(dark[number], round(dx), round(dy))
        if mark.state == "empty" and sure[number] < faint:
            mark = replace(mark, state="unseen")
        marks.append(mark)
        depths.append(depth)
    return _paler_doubted(marks, depths)


def _paler_doubted(marks: list[Mark], depths: list[float]) -> list[Mark]:
    """A mark far paler than the others of its page may be the edge of a stain: a person looks."""
    inked = [depth for mark, depth in zip(marks, depths, strict=True) if mark.state == "marked"]
    if len(inked) < 4:
        return marks
    usual = 0.45 * float(np.median(inked))
    return [
        replace(mark, state="stained") if mark.state == "marked" and depth < usual else mark
        for mark, depth in zip(marks, depths, strict=True)
    ]


def _patches(gray: Any, corners: Sequence[tuple[float, float]], placed: Placed) -> Any:
    """A square around every box, upright, at the same scale: n x PATCH x PATCH."""
    fine = 2 if placed.pixels > 1.3 * PX else 1
    steps = (np.arange(PATCH * fine) + 0.5) / fine - (PATCH - SIDE) / 2
    offset = steps * (MM / PX)
    starts = np.array(corners, np.float64)
    xs = starts[:, 0, None] + offset[None]
    ys = starts[:, 1, None] + offset[None]
    m = placed.matrix
    x, y = xs[:, None, :], ys[:, :, None]
    scale = m[2, 0] * x + m[2, 1] * y + m[2, 2]
    to_x = ((m[0, 0] * x + m[0, 1] * y + m[0, 2]) / scale - 0.5).astype(np.float32)
    to_y = ((m[1, 0] * x + m[1, 1] * y + m[1, 2]) / scale - 0.5).astype(np.float32)
    count, side = len(corners), PATCH * fine
    rows = []
    chunk = max(1, 30_000 // side)
    for begin in range(0, count, chunk):
        part = slice(begin, begin + chunk)
        shape = (-1, side)
        rows.append(
            cv2.remap(
                gray, to_x[part].reshape(shape), to_y[part].reshape(shape), cv2.INTER_LINEAR, borderValue=255
            ).reshape(-1, side, side)
        )  # fmt: skip
    out = np.concatenate(rows)
    if fine == 2:
        out = cv2.resize(out.reshape(-1, side), (PATCH, count * PATCH), interpolation=cv2.INTER_AREA)
        out = out.reshape(count, PATCH, PATCH)
    return out


def _levels(gray: Any, size: tuple[float, float], placed: Placed) -> tuple[float, float]:
    """The black of the markers and the white beside them, in this picture."""
    blacks, whites = [], []
    module = 9 * MM / 6
    for corners in marker_corners(size):
        x, y = corners[0]
        middle = [(x + module / 2, y + module * (n + 0.5)) for n in range(6)]
        middle += [(x + module * (n + 0.5), y + module / 2) for n in range(6)]
        beside = [(x - module, y + module * n) for n in range(6)] + [(x + module * n, y - module) for n in range(6)]
        blacks.append(np.median(_sampled(gray, middle, placed)))
        whites.append(np.median(_sampled(gray, beside, placed)))
    return float(np.median(blacks)), float(np.median(whites))


def _sampled(gray: Any, points: Sequence[tuple[float, float]], placed: Placed) -> Any:
    seen = cv2.perspectiveTransform(np.array([points], np.float64), placed.matrix)[0]
    height, width = gray.shape
    x = np.clip(seen[:, 0].astype(int), 0, width - 1)
    y = np.clip(seen[:, 1].astype(int), 0, height - 1)
    return gray[y, x]


def _local_white(patches: Any, white: float) -> Any:
    """The paper around each box: the brightest tenth of what lies inside the patch."""
    flat = patches[:, ::2, ::2].reshape(len(patches), -1)
    level = np.partition(flat, int(flat.shape[1] * 0.85), axis=1)[:, int(flat.shape[1] * 0.85)]
    return np.maximum(level, min(white, 255.0) * 0.35)


@lru_cache(maxsize=1)
def _outline() -> Any:
    """A template: dark on the outline, light just inside and outside of it."""
    margin = 4
    side = SIDE + 2 * margin
    far = np.full((side, side), 10.0, np.float32)
    for y in range(side):
        for x in range(side):
            inside_x, inside_y = x - margin, y - margin
            to_side = min(abs(inside_x), abs(inside_x - SIDE + 1))
            to_top = min(abs(inside_y), abs(inside_y - SIDE + 1))
            within_x, within_y = -margin <= inside_x < SIDE + margin, -margin <= inside_y < SIDE + margin
            reaches = []
            if 0 <= inside_y < SIDE and within_x:
                reaches.append(to_side)
            if 0 <= inside_x < SIDE and within_y:
                reaches.append(to_top)
            far[y, x] = min(reaches) if reaches else 10.0
    template = np.zeros_like(far)
    template[far <= 1] = 1.0
    beside = (far >= 3) & (far <= 4)
    template[far <= 1] /= (far <= 1).sum()
    template[beside] = -1.0 / beside.sum()
    return template


def _snapped(dark: Any) -> tuple[Any, Any]:
    """Where each outline is found (dx, dy in pixels), and how surely."""
    template = _outline()
    low = (PATCH - SIDE) // 2 - 4 - REACH
    high = low + template.shape[0] + 2 * REACH
    shifts = np.zeros((len(dark), 2), np.float64)
    sure = np.zeros(len(dark))
    clipped = np.minimum(dark[:, low:high, low:high], 0.55).astype(np.float32)
    for number, patch in enumerate(clipped):
        scores = cv2.matchTemplate(patch, template, cv2.TM_CCORR)
        _, best, _, (x, y) = cv2.minMaxLoc(scores)
        shifts[number] = _finer(scores, x, 1, y), _finer(scores, y, 0, x)
        sure[number] = best
    return shifts - REACH, sure


def _finer(scores: Any, at: int, axis: int, other: int) -> float:
    """The top of the parabola through a peak and its neighbours."""
    line = scores[other, :] if axis else scores[:, other]
    if not 0 < at < len(line) - 1:
        return float(at)
    before, here, after = (float(line[at + step]) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    return at + (0.5 * (before - after) / bend if bend < 0 else 0.0)


def _smoothed(shifts: Any, sure: Any, places: Any) -> Any:
    """A box that seems elsewhere than its neighbours is taken to lie as they do."""
    out = shifts.copy()
    good = sure > SURE
    if good.sum() < 3:
        out[~good] = 0.0
        return out
    near = places[good]
    theirs = shifts[good]
    for number in range(len(shifts)):
        distance = ((near - places[number]) ** 2).sum(axis=1)
        closest = np.argsort(distance)[:9]
        middle = np.median(theirs[closest], axis=0)
        if not good[number] or np.abs(shifts[number] - middle).max() > 0.35 * PX:
            out[number] = middle
    return out


def _judged(dark: Any, dx: int, dy: int) -> tuple[Mark, float]:
    """The box as it seems by itself, and how dark its ink is."""
    start = (PATCH - SIDE) // 2
    x, y = start + dx, start + dy
    inside = dark[y + INSET : y + SIDE - INSET, x + INSET : x + SIDE - INSET]
    ink = inside > INK
    fill = float(ink.mean())
    depth = float(inside[ink].mean()) if fill else 0.0
    if fill >= DENSE:
        state = "dense"
    elif fill > MARKED:
        state = "marked"
    elif fill > EMPTY:
        state = "unclear"
    else:
        state = "empty"
    if state in ("marked", "unclear") and (_crossed(dark, x, y) or _crossed(dark.T, y, x) or _flooded(dark, x, y)):
        state = "stained"
    return Mark(state, round(fill, 3), round(dx / PX, 2), round(dy / PX, 2)), depth


def _crossed(dark: Any, x: int, y: int) -> bool:
    """Whether something runs straight through the box and on at both sides, as the shadow of a fold does."""
    rows = slice(y + INSET, y + SIDE - INSET)
    left = dark[rows, x - 8 : x - 3].mean(axis=1) > 0.15
    right = dark[rows, x + SIDE + 3 : x + SIDE + 8].mean(axis=1) > 0.15
    through = (dark[rows, x + INSET : x + SIDE - INSET] > 0.15).mean(axis=1) > 0.8
    return bool((left & right & through).sum() >= 2)


def _flooded(dark: Any, x: int, y: int) -> bool:
    """Whether it is dark above and below the box too, as under a stain."""
    above = (dark[y - 8 : y - 3, x + 3 : x + SIDE - 3] > 0.2).mean()
    below = (dark[y + SIDE + 3 : y + SIDE + 8, x + 3 : x + SIDE - 3] > 0.2).mean()
    return bool(min(above, below) > 0.35 or max(above, below) > 0.75)
