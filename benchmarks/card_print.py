"""How well a card number in print is found on a page: draws numbers in fonts, sizes and resolutions; looks for them.

    uv run python -m benchmarks.card_print [--rows 3] [--seed 1001] [--held-out FONT.ttf ...]
    uv run python -m benchmarks.card_print --build FONT.ttf ...     makes forms/reading/figures.npy anew
    uv run python -m benchmarks.card_print --pages 120              false alarms and cost on filled-in pages

The templates that come with Ballast were built from DejaVu, Liberation, Lato, Source and Hanken Grotesk (all free to
use), Hershey's strokes and figures of dots. No templates are made from the fonts that are held out.
"""

from __future__ import annotations

import argparse
import collections
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data.card_numbers import luhn
from forms.reading import card_print
from outage.rehearsal.mishaps import spoil

SIZES, RESOLUTIONS = (7, 8, 9, 10, 11, 12, 14), (150, 200, 300)
MILD = ("clean", "skewed", "noise", "jpeg", "low_contrast", "gray_background", "one_bit", "speckle", "fold", "blur")
PREFIXES = {"4": 16, "51": 16, "55": 16, "2221": 16, "6011": 16, "34": 15, "37": 15, "36": 14}
FINE = 1200
DOTS = (
    "01110 10001 10011 10101 11001 10001 01110", "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111", "01110 10001 00001 00110 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010", "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110", "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110", "01110 10001 10001 01111 00001 00010 01100",
)  # fmt: skip
Draw = Callable[[str, float, int], np.ndarray]
"""Draws a text of a size in points at a resolution, dark on light."""


def card_number(rng: np.random.Generator, *, valid: bool = True) -> str:
    """A made-up number as cards have it; not ``valid`` ones fail the check digit."""
    prefix = str(rng.choice(list(PREFIXES)))
    rest = "".join(str(one) for one in rng.integers(0, 10, PREFIXES[prefix] - len(prefix) - 1))
    fits = next(last for last in "0123456789" if luhn(prefix + rest + last))
    return prefix + rest + (fits if valid else str((int(fits) + int(rng.integers(1, 10))) % 10))


def spaced(number: str, between: str = " ") -> str:
    """In the groups that are printed on cards of its length."""
    groups = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}.get(len(number), (len(number),))
    ends = np.cumsum([0, *groups])
    return between.join(number[a:b] for a, b in pairwise(ends))


def typeface(path: str | None, *, thermal: bool = False) -> Draw:
    """A font of a file, or Pillow's own; ``thermal`` as the 203 dots an inch of a receipt's printer leave it."""

    def draw(text: str, points: float, dpi: int) -> np.ndarray:
        fine = 203 if thermal else dpi * max(1, FINE // dpi)
        size = points * fine / 72
        font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
        box = font.getbbox(text)
        pad = round(fine / 20)
        picture = Image.new("L", (round(box[2]) + 2 * pad, round(box[3]) + 2 * pad), 255)
        ImageDraw.Draw(picture).text((pad, pad), text, fill=0, font=font)
        gray = np.asarray(picture)
        if thermal:
            gray = cv2.resize(np.where(gray < 150, 20, 255).astype(np.uint8), None, fx=6, fy=6,
                              interpolation=cv2.INTER_NEAREST)  # fmt: skip
            fine *= 6
        return cv2.resize(gray, None, fx=dpi / fine, fy=dpi / fine, interpolation=cv2.INTER_AREA)

    return draw


def strokes(face: int, bold: int) -> Draw:
    """Hershey's strokes, as plotters and simple labels have them."""

    def draw(text: str, points: float, dpi: int) -> np.ndarray:
        fine = dpi * max(1, FINE // dpi)
        tall = 0.7 * points * fine / 72
        scale = tall / 21
        thick = max(1, round(scale * bold))
        (width, height), _ = cv2.getTextSize(text, face, scale, thick)
        pad = round(fine / 20)
        gray = np.full((height + 3 * pad, width + 2 * pad), 255, np.uint8)
        cv2.putText(gray, text, (pad, height + pad), face, scale, 0, thick, cv2.LINE_AA)
        return cv2.resize(gray, None, fx=dpi / fine, fy=dpi / fine, interpolation=cv2.INTER_AREA)

    return draw


def dotted(radius: float) -> Draw:
    """Figures of five by seven dots; from a radius of 0.5 they touch."""

    def draw(text: str, points: float, dpi: int) -> np.ndarray:
        fine = dpi * max(1, FINE // dpi)
        unit = 0.7 * points * fine / 72 / 7
        gray = np.full((round(12 * unit), round((6 * len(text) + 4) * unit)), 255, np.uint8)
        for place, char in enumerate(text):
            for y, line in enumerate(DOTS[int(char)].split() if char.isdigit() else ()):
                for x, dot in enumerate(line):
                    if dot == "1":
                        centre = round((2.5 + 6 * place + x) * unit), round((2.5 + y) * unit)
                        cv2.circle(gray, centre, round(radius * unit), 0, -1, cv2.LINE_AA)
        return cv2.resize(gray, None, fx=dpi / fine, fy=dpi / fine, interpolation=cv2.INTER_AREA)

    return draw


def on_paper(rng: np.random.Generator, word: np.ndarray, dpi: int, height: float = 3.0) -> np.ndarray:
    """A strip of paper, five inches wide, with a drawn word somewhere on it."""
    paper = np.full((round(height * dpi), max(round(5 * dpi), word.shape[1] + 40)), 255, np.uint8)
    y = int(rng.integers(10, paper.shape[0] - word.shape[0] - 10))
    x = int(rng.integers(10, paper.shape[1] - word.shape[1] - 10))
    paper[y : y + word.shape[0], x : x + word.shape[1]] = word
    shift = rng.uniform(0, 1, 2)
    moved = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    return cv2.warpAffine(paper, moved, paper.shape[::-1], flags=cv2.INTER_LINEAR, borderValue=255)


def build(fonts: Sequence[str], centres: int = 28) -> None:
    """Cut figures out of drawn rows and keep the middles of their clusters."""
    rng = np.random.default_rng(7)
    draws = [typeface(font) for font in fonts] + [typeface(font, thermal=True) for font in fonts if "Mono" in font]
    draws += [strokes(cv2.FONT_HERSHEY_SIMPLEX, 2), strokes(cv2.FONT_HERSHEY_SIMPLEX, 4), dotted(0.5), dotted(0.62)]
    draws += [strokes(cv2.FONT_HERSHEY_DUPLEX, 2)]
    cut: dict[int, list[np.ndarray]] = collections.defaultdict(list)
    for draw in draws:
        for points in SIZES:
            for dpi in RESOLUTIONS:
                for kind in ("clean", "clean", str(rng.choice(MILD))):
                    number = "".join(map(str, rng.permutation(list("0123456789012345"))))
                    gray = spoil(kind, rng, on_paper(rng, draw(spaced(number), points, dpi), dpi, 0.8), dpi)
                    rows = [row for row in card_print._rows(card_print._parts(gray), 0.0) if len(row.points) == 16]
                    if not rows or rows[0].points[0, 0] > rows[0].points[-1, 0]:
                        continue
                    for char, figure in zip(
                        number, card_print.cut_out(gray, rows[0].points, rows[0].tall), strict=True
                    ):
                        cut[int(char)].append(figure.ravel())
    kept = np.stack([_middles(np.array(cut[figure]), centres, rng) for figure in range(10)])
    np.save(Path(card_print.__file__).with_name("figures.npy"), kept)
    print({figure: len(found) for figure, found in cut.items()}, kept.shape)


def _middles(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The middles of clusters by likeness, as bytes."""
    rows = card_print.unit(rows)
    middles = rows[rng.choice(len(rows), count, replace=False)]
    for _ in range(25):
        nearest = (rows @ middles.T).argmax(axis=1)
        for number in range(count):
            if (nearest == number).any():
                middles[number] = rows[nearest == number].mean(axis=0)
        middles = card_print.unit(middles)
    low, high = middles.min(axis=1, keepdims=True), middles.max(axis=1, keepdims=True)
    return np.rint((middles - low) / (high - low) * 255).astype(np.uint8)


def measure(draws: dict[str, Draw], rows: int, seed: int, kinds: Sequence[str]) -> None:
    """How many numbers are found, by font, size, resolution and mishap; and how many that are none."""
    told: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for name, draw in draws.items():
        for points in SIZES:
            for dpi in RESOLUTIONS:
                for kind in kinds:
                    for turn in range(rows):
                        rng = np.random.default_rng([seed, points, dpi, turn, sum(kind.encode()), sum(name.encode())])
                        valid = turn % 4 != 3
                        number = card_number(rng, valid=valid)
                        text = str(rng.choice([spaced(number), number, spaced(number)]))
                        gray = on_paper(rng, draw(text, points, dpi), dpi, 1.2)
                        gray = np.ascontiguousarray(np.rot90(spoil(kind, rng, gray, dpi), int(rng.integers(4))))
                        found = card_print.find_card_number(gray, is_fine=dpi > 250) or "none"
                        if not valid:
                            told["~ other numbers"][found] += 1
                            continue
                        told[f"{kind}"][found] += 1
                        told[f"~ {dpi} dpi {points:2} pt"][found] += kind == "clean"
                        told[f"~ {name}"][found] += kind == "clean"
    for name, counts in sorted(told.items()):
        whole = max(sum(counts.values()), 1)
        shares = "  ".join(f"{what} {100 * counts[what] / whole:5.1f} %" for what in ("sure", "maybe", "none"))
        print(f"{name:40} {whole:5}  {shares}", flush=True)


def pages(count: int, seed: int) -> None:
    """Rehearsal pages of all forms, spoiled: what is found on them, and what looking costs."""
    from benchmarks.scanning import Stock
    from outage.rehearsal.mishaps import FLAT, PHONE

    stocks, found, costs = [Stock("letter"), Stock("a4")], collections.Counter[str](), collections.defaultdict(list)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        dpi, kind = RESOLUTIONS[number % 3], (FLAT + PHONE)[number % len(FLAT + PHONE)]
        gray = spoil(kind, rng, stocks[number % 2].page(rng, dpi).gray, dpi)
        began = time.process_time()
        found[card_print.find_card_number(gray) or "none"] += 1
        costs[dpi].append(1000 * (time.process_time() - began))
    print(dict(found), {dpi: f"{np.mean(cost):.1f} ms, at most {max(cost):.1f}" for dpi, cost in costs.items()})


def main() -> None:
    """The figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1001)
    parser.add_argument("--kinds", default=",".join(MILD))
    parser.add_argument("--held-out", nargs="*", default=[])
    parser.add_argument("--build", nargs="*", default=[])
    parser.add_argument("--pages", type=int, default=0)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    if chosen.build:
        build(chosen.build)
        return
    if chosen.pages:
        pages(chosen.pages, chosen.seed)
        return
    draws: dict[str, Draw] = {Path(font).stem: typeface(font) for font in chosen.held_out}
    draws |= {"Pillow's own": typeface(None), "DejaVuSans": typeface("forms/fonts/DejaVuSans.ttf")}
    draws |= {"dots that touch": dotted(0.55), "strokes": strokes(cv2.FONT_HERSHEY_SIMPLEX, 3)}
    measure(draws, chosen.rows, chosen.seed, chosen.kinds.split(","))


if __name__ == "__main__":
    main()
