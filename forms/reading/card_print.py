"""A card number that stands in print in the picture of a page: on a terminal's receipt, a printed e-mail, a label.

First rows are looked for whose parts stand like the figures of a card number: of like height, evenly spaced, in groups
of 4-4-4-4, 4-6-5 or 4-6-4, or 13 to 19 unbroken. Prose, tables and boxes have none, so that a page costs little. Then
each figure is held against templates (figures.npy, made by benchmarks/card_print.py). Handwriting is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from data.card_numbers import LONGEST, SHORTEST, holds_card_number
from forms.reading.codes import halved

Found = Literal["", "maybe", "sure"]
GROUPS = ((4, 4, 4, 4), (4, 6, 5), (5, 6, 4), (4, 6, 4))
"""As they stand on cards; five, six and four is what an American Express lying upside down looks like."""
TALL, WIDE, FIGURE = 20, 16, 16
"""Size of a template, and of the figure in it."""
CLOSE, MARGIN = 0.80, 0.06
"""How like a template a figure must be, and how much more than any other figure's, to be read for certain."""
TURNED = 0.02
"""How much more like figures a row must be one way up than the other."""
LIKELY = 0.62
"""How like a template each of the doubtful figures must be at least."""
ENOUGH = 12
"""Figures that must be certain for a person to be asked."""
FINE = 2700
"""Longest side of a picture in which rows are looked for as it is; larger ones at half their size."""
_LEAST, _MOST = 8, 110


@dataclass(frozen=True)
class _Parts:
    """Connected parts of a page: middle, size along and across the line, each as an array."""

    x: Any
    y: Any
    wide: Any
    tall: Any

    def turned(self, angle: float) -> tuple[Any, Any]:
        """The middles as they lie when the page is turned by an angle in radians."""
        return self.x * np.cos(angle) + self.y * np.sin(angle), self.y * np.cos(angle) - self.x * np.sin(angle)


@dataclass(frozen=True)
class _Row:
    """A row that may be a card number: the middles of its figures in the picture, their height, and its groups.
    ``longer`` says that another such group follows or comes before."""

    points: Any
    tall: float
    groups: tuple[int, ...]
    longer: bool


def find_card_number(gray: Any, angle: float | None = None, *, is_fine: bool | None = None) -> Found:
    """Whether a card number stands in print on a page: ``sure`` when every figure of it was read for certain and the
    check digit fits, ``maybe`` when a person should look. ``angle`` is how the page lies, in radians, where known;
    ``is_fine`` says that rows are looked for at half the size, as on pictures larger than FINE."""
    is_fine = max(gray.shape) > FINE if is_fine is None else is_fine
    best: Found = ""
    for row in _rows(_parts(halved(gray) if is_fine else gray), angle):
        if is_fine:
            row = replace(row, points=row.points * 2, tall=row.tall * 2)
        found = _read(gray, row)
        if found == "sure":
            return found
        best = best or found
    return best


def _parts(gray: Any) -> _Parts:
    """The connected dark parts of about the size of a figure."""
    small = cv2.resize(gray, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    around = cv2.convertScaleAbs(cv2.blur(small, (5, 5)), alpha=0.78)
    ink = cv2.compare(gray, cv2.resize(around, gray.shape[::-1], interpolation=cv2.INTER_LINEAR), cv2.CMP_LT)
    edges, nested = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = nested[0][:, 3].tolist() if len(edges) else []  # below 0 where an edge is not that of a hole
    told = [cv2.boundingRect(edge) for edge, hole in zip(edges, outer, strict=True) if hole < 0]
    left, top, wide, tall = np.array(told, np.float64).reshape(-1, 4).T
    fits = (np.maximum(wide, tall) >= _LEAST) & (np.minimum(wide, tall) <= _MOST) & (np.minimum(wide, tall) >= 2)
    left, top, wide, tall = left[fits], top[fits], wide[fits], tall[fits]
    return _Parts(left + wide / 2, top + tall / 2, wide, tall)


def _rows(parts: _Parts, angle: float | None) -> Iterator[_Row]:
    """Every row that stands like a card number, on its side too; each once."""
    seen: set[tuple[int, ...]] = set()
    for sideways in (False, True):
        across, along = (parts.wide, parts.tall) if sideways else (parts.tall, parts.wide)
        whole = _Parts(parts.y, -parts.x, along, across) if sideways else _Parts(parts.x, parts.y, along, across)
        upright = _split(whole)
        if len(upright.x) < SHORTEST:
            continue
        turns = {0.0, round(_skew(upright) if angle is None else angle, 3)}
        for turn in sorted(turns):
            for points, tall, groups, longer in _lines(upright, turn):
                place = np.column_stack([-points[:, 1], points[:, 0]]) if sideways else points
                name = (*(place[[0, -1]].round().astype(int).ravel().tolist()), len(place))
                if name not in seen:
                    seen.add(name)
                    yield _Row(place, tall, groups, longer)


def _split(parts: _Parts) -> _Parts:
    """Figures that touch, each for itself."""
    fits = (parts.tall >= _LEAST) & (parts.tall <= _MOST) & (parts.wide <= 17 * parts.tall)
    x, y, wide, tall = parts.x[fits], parts.y[fits], parts.wide[fits], parts.tall[fits]
    count = np.where(wide > 1.15 * tall, np.rint((wide - 0.7 * tall) / (0.8 * tall)).astype(int) + 1, 1)
    owner = np.repeat(np.arange(len(x)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    width = wide[owner] / count[owner]
    return _Parts(x[owner] + width * (place + 0.5 - count[owner] / 2), y[owner], width, tall[owner])


def _skew(parts: _Parts) -> float:
    """The angle at which the lines of a page are sharpest."""
    best, at = -1.0, 0.0
    unit = max(2.0, float(np.median(parts.tall)) / 4)
    for angle in np.radians(np.arange(-6, 6.1, 0.5)):
        _, y = parts.turned(angle)
        sharp = float((np.bincount(((y - y.min()) / unit).astype(int)).astype(float) ** 2).sum())
        if sharp > best:
            best, at = sharp, float(angle)
    return at


def _lines(parts: _Parts, angle: float) -> Iterator[tuple[Any, float, tuple[int, ...], bool]]:
    """Runs of parts that stand like a card number on a page turned by an angle."""
    x, y = parts.turned(angle)
    size = np.log(parts.tall) / np.log(1.4)
    for half, low in product((0.0, 0.5), (0.0, 0.5)):
        level = np.floor(size + half).astype(np.int64)
        band = np.floor(y / (1.1 * 1.4 ** (level + 0.5 - half)) + low).astype(np.int64) + 1_000
        order = np.argsort((level * 100_000 + band) * 100_000 + (x + 20_000).astype(np.int64))
        line = (level * 100_000 + band)[order]
        tall, middle = parts.tall[order], x[order]
        step = np.diff(middle) / tall[:-1]
        like = (line[1:] == line[:-1]) & (np.abs(np.diff(tall)) <= np.maximum(0.16 * tall[:-1], 2.0))
        step = np.where(like & (step > 0.4) & (step < 4.2), step, 99.0)
        for start, groups, longer in _patterns(step, tall):
            chosen = order[start : start + sum(groups)]
            if _is_piece(parts, x, y, chosen):
                continue
            yield (
                np.column_stack([parts.x[chosen], parts.y[chosen]]), float(np.median(parts.tall[chosen])), groups,
                longer,
            )  # fmt: skip


def _is_piece(parts: _Parts, x: Any, y: Any, chosen: Any) -> bool:
    """Whether another part of whatever height stands right before or after a run, so that it is a piece of more."""
    tall, pitch = float(np.median(parts.tall[chosen])), float(np.median(np.diff(x[chosen])))
    near = pitch + 0.18 * tall
    first, last = x[chosen[0]], x[chosen[-1]]
    lined = (np.abs(y - y[chosen].mean()) < 0.6 * tall) & (parts.tall > 0.55 * tall) & (parts.tall < 1.8 * tall)
    beside = ((x < first - 0.3 * tall) & (x > first - near)) | ((x > last + 0.3 * tall) & (x < last + near))
    return bool((lined & beside).any())


def _patterns(step: Any, tall: Any) -> Iterator[tuple[int, tuple[int, ...], bool]]:
    """Where the distances of parts, in heights, are those of a card number: at which part, in which groups, and
    whether it goes on like that."""
    if len(step) < SHORTEST - 1:
        return
    low = np.minimum(np.minimum(step[:-2], step[1:-1]), step[2:])
    high = np.maximum(np.maximum(step[:-2], step[1:-1]), step[2:])
    four = (high < 1.9) & (high - low < np.maximum(0.3, 3.0 / tall[:-3]))
    if four.sum() < 3:
        return
    for groups in GROUPS:
        starts = np.cumsum([0, *groups[:-1]]).tolist()
        evens = [_even(four, count) for count in groups]
        room = min(len(one) - at for one, at in zip(evens, starts, strict=True))
        if room <= 0:
            continue
        holds = np.logical_and.reduce([one[at : at + room] for one, at in zip(evens, starts, strict=True)])
        for start in np.flatnonzero(holds).tolist():
            if _breaks(step, start, groups):
                yield start, groups, _goes_on(step, four, start, groups)
    yield from _unbroken(step, four)


def _even(four: Any, count: int) -> Any:
    """At which parts a group of so many begins that are evenly spaced, where this is known of groups of four."""
    length = max(len(four) - count + 4, 0)
    return np.logical_and.reduce([four[at : length + at] for at in range(count - 3)])


def _unbroken(step: Any, four: Any) -> Iterator[tuple[int, tuple[int, ...], bool]]:
    """Where 13 to 19 parts stand evenly spaced without a break."""
    ends = -1
    for start in np.flatnonzero(_even(four, SHORTEST)).tolist():
        if start < ends:
            continue
        pitch = float(np.median(step[start : start + SHORTEST - 1]))
        ends = start + SHORTEST
        while ends - 1 < len(step) and abs(step[ends - 1] - pitch) < 0.3:
            ends += 1
        around = (step[start - 1] if start else 99.0, step[ends - 1] if ends - 1 < len(step) else 99.0)
        if ends - start <= LONGEST and min(around) > pitch + 0.18:  # no piece of a longer number
            yield start, (ends - start,), False


def _breaks(step: Any, start: int, groups: Sequence[int]) -> bool:
    """Whether the groups are evenly spaced among themselves, with wider gaps between, and end where the number ends."""
    inside, between, at = [], [], start
    for number, count in enumerate(groups):
        inside.append(step[at : at + count - 1])
        at += count
        if number < len(groups) - 1:
            between.append(step[at - 1])
    pitch = float(np.median(np.concatenate(inside)))
    pitches = [float(one.mean()) for one in inside]
    if max(pitches) - min(pitches) > 0.2 or max(between) > 4 or min(between) < pitch + 0.18:
        return False
    if max(between) - min(between) > 0.55:
        return False
    before = step[start - 1] if start else 99.0
    after = step[at - 1] if at - 1 < len(step) else 99.0
    return min(before, after) > pitch + 0.18


def _goes_on(step: Any, four: Any, start: int, groups: Sequence[int]) -> bool:
    """Whether another group of four stands right before or after, as in longer numbers."""
    end = start + sum(groups)
    before = start >= 4 and bool(four[start - 4]) and step[start - 1] < 2.5
    return before or (end < len(four) and bool(four[end]) and step[end - 1] < 2.5)


@lru_cache(maxsize=1)
def _templates() -> tuple[Any, Any]:
    """The templates as rows of unit length around zero, and which figure each is."""
    stored = np.load(Path(__file__).with_name("figures.npy")).astype(np.float32)
    rows = stored.reshape(10 * stored.shape[1], TALL * WIDE)
    return unit(rows), np.repeat(np.arange(10), stored.shape[1])


def unit(rows: Any) -> Any:
    """Rows around zero, of length one."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _read(gray: Any, row: _Row) -> Found:
    """What a row is, whichever way up it lies."""
    ways = ((row.points, row.groups), (row.points[::-1], row.groups[::-1]))
    read = [(_likeness(cut_out(gray, points, row.tall)), groups) for points, groups in ways]
    totals = [float(likeness.max(axis=1).mean()) for likeness, _ in read]
    likeness, groups = read[int(totals[1] > totals[0])]
    is_ambiguous = abs(totals[0] - totals[1]) < TURNED  # of 0, 1, 6, 8 and 9 alone, it reads both ways up
    return judge(likeness, groups, longer=row.longer or is_ambiguous)


def _likeness(figures: Any) -> Any:
    """How like each of the ten figures each picture is, at best."""
    templates, which = _templates()
    scores = unit(figures.reshape(len(figures), -1)) @ templates.T
    return np.maximum.reduceat(scores, np.flatnonzero(np.diff(which, prepend=-1)), axis=1)


def judge(likeness: Any, groups: Sequence[int], *, longer: bool = False) -> Found:
    """Whether figures of which it is known how like each of the ten they are make a card number."""
    order = np.argsort(-likeness, axis=1)[:, :2]
    first, second = (np.take_along_axis(likeness, order[:, [place]], 1)[:, 0] for place in (0, 1))
    certain = (first >= CLOSE) & (first - second >= MARGIN)
    if first.min() < LIKELY or certain.sum() < min(ENOUGH, len(certain)):
        return ""
    options = [order[n, :1] if certain[n] else order[n] for n in range(len(order))]
    fits = any(holds_card_number(_text(figures, groups)) for figures in product(*options))
    if not fits or tuple(groups) == (5, 6, 4):
        return ""
    return "sure" if certain.all() and not longer else "maybe"


def _text(figures: Sequence[int], groups: Sequence[int]) -> str:
    ends = np.cumsum([0, *groups])
    return " ".join("".join(map(str, figures[a:b])) for a, b in pairwise(ends))


def cut_out(gray: Any, points: Any, tall: float) -> Any:
    """The figures of a row, straightened, each in the middle of a picture of TALL times WIDE with 1 as ink."""
    along = points[-1] - points[0]
    middle = points.mean(axis=0)
    if len(points) > 3:  # more exact than its ends
        axis = np.linalg.svd(points - middle, full_matrices=False)[2][0]
        along = axis if axis @ along > 0 else -axis
    along = along / np.linalg.norm(along)
    scale = 2 * FIGURE / tall
    places = (points - middle) @ along * scale
    low = places[0] - 2 * FIGURE
    size = (int(places[-1] - low + 2 * FIGURE) + 1, 4 * FIGURE)
    turn = np.array([[along[0], along[1]], [-along[1], along[0]]]) * scale
    shift = np.array([-low, size[1] / 2]) - turn @ (middle - 0.5)
    band = cv2.warpAffine(
        gray, np.column_stack([turn, shift]), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    core = band[FIGURE : 3 * FIGURE]
    paper, dark = np.percentile(core, 85), np.percentile(core, 4)
    ink = np.clip((paper - band) / max(float(paper - dark), 1.0), 0, 1)
    places = places - low
    gaps = np.diff(places)
    pitch = float(np.median(gaps))
    shared = _extent(ink[:, int(places[0] - pitch / 2) : int(places[-1] + pitch / 2)].mean(axis=1) * 3, 0.35)
    figures = np.zeros((len(points), TALL, WIDE), np.float32)
    for number, place in enumerate(places):
        figures[number] = _figure(ink, place, pitch, shared)
    return figures


def _extent(profile: Any, level: float) -> tuple[float, float]:
    """From where to where a profile is above a level."""
    above = np.flatnonzero(profile > level)
    return (float(above[0]), float(above[-1] + 1)) if len(above) else (0.0, float(len(profile)))


def _figure(ink: Any, place: float, pitch: float, shared: tuple[float, float]) -> Any:
    """One figure, by its own edges as far as these can be trusted."""
    left, right = max(int(place - 0.56 * pitch), 0), int(place + 0.56 * pitch) + 1
    cell = ink[:, left:right].copy()
    here = cell[int(shared[0]) : int(shared[1])]
    columns = here.max(axis=0)
    middle = len(columns) // 2
    dim = columns < 0.4  # a neighbour's edge is cut off at the emptiest column
    for side in (range(middle // 2, -1, -1), range(middle + middle // 2, len(columns))):
        for column in side:
            if dim[column]:
                beyond = slice(0, column) if column < middle else slice(column + 1, None)
                cell[:, beyond] = 0
                break
    columns = cell[int(shared[0]) : int(shared[1])].max(axis=0)
    first, last = _extent(columns, 0.4)
    top, bottom = _extent(cell.max(axis=1), 0.5)
    common = shared[1] - shared[0]
    if abs((bottom - top) - common) > 0.14 * common or abs(top - shared[0]) > 0.14 * common:
        top, bottom = shared
    scale = FIGURE / max(bottom - top, 4.0)
    matrix = np.array([
        [scale, 0, WIDE / 2 - 0.5 - scale * ((first + last) / 2 - 0.5)],
        [0, scale, TALL / 2 - 0.5 - scale * ((top + bottom) / 2 - 0.5)],
    ])  # fmt: skip
    smooth = cv2.GaussianBlur(cell, (3, 3), 0.7)
    return cv2.warpAffine(smooth, matrix, (WIDE, TALL), flags=cv2.INTER_LINEAR)
