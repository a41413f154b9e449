"""How well and how fast scanned pages are read: prints forms, fills them in, spoils them, and reads them back.

    uv run python -m benchmarks.scanning [--pages 6] [--seed 1001] [--kinds clean,fold] | --speed 60

Seeds below 1000 are for trying things; ``--seed`` from 1000 on is for figures. Reports, per way of spoiling:
identification, misfiled pages, registration error, boxes read wrongly without a word, boxes sent to a person.
"""

from __future__ import annotations

import argparse
import collections
import io
import itertools
import math
import time
from dataclasses import dataclass, field

import cv2
import numpy as np
import pypdfium2
from PIL import Image

from forms.definition import BOXED
from forms.layout import lay_out
from forms.press import Plate, Press, Sheet
from forms.reading.page import Target, read_page
from forms.settings import shipped
from forms.token import PageCode, claimed, token
from outage.printing import print_blank
from outage.scanning import scan_file

KEY = b"benchmark" * 4
FLAT = (
    "clean", "rotated", "upside_down", "skewed", "shifted", "printed_94", "low_contrast", "gray_background", "noise",
    "blur", "jpeg", "speckle", "one_bit", "fold", "stain", "corner_gone", "scrawl", "bleed", "pencil", "combo",
)  # fmt: skip
PHONE = ("phone", "phone_shadow", "phone_curl", "phone_blur", "phone_steep", "phone_far", "phone_glare")
HARD = (
    "light_pen",
    "hairline",
    "motion",
    "crumpled",
    "fax_lines",
    "low_dpi",
    "upright_fold",
    "staple_holes",
    "highlighter",
)
"""Worse than a clinic should meet: told apart, to see where it ends."""


@dataclass
class Paper:
    """One printed page as a picture, with its truth."""

    gray: np.ndarray
    dpi: int
    size: tuple[float, float]
    code: PageCode
    boxes: list[tuple[float, float]]
    marked: list[bool]
    dense: list[bool]


class Stock:
    """Printed forms of one paper, rendered once for each resolution."""

    def __init__(self, paper: str) -> None:
        self.sheets: dict[tuple[int, int], tuple] = {}
        self.pdfs = {}
        self.plates = []
        for number, slug in enumerate(("consent", "travel-sheet", "walk-in", "roster", "drug-log"), 1):
            form = shipped()[slug]
            layout = lay_out(form, paper)
            edition = number + (10 if paper == "a4" else 0)
            for serial in range(1, 4):
                press = Press("Harbor Spay & Neuter", "Printed")
                serial_number = edition * 1000 + serial

                def code(page: int, of: int, serial: int, edition: int = edition) -> str:
                    return token(PageCode(edition, page, of, serial), KEY)

                lines = [{"owner": "Maria Chen", "animal": "Luna", "time": "7:30"}] * 5 if form.repeats else ()
                heading = "" if form.subject == "nothing" else "Luna · Maria Chen"
                press.add(Plate(slug, 1, form.title, layout, code), Sheet(serial_number, {}, heading, lines))
                document = pypdfium2.PdfDocument(press.pdf())
                for page in press.pages:
                    self.plates.append((document, page, edition))

    def page(self, rng: np.random.Generator, dpi: int) -> Paper:
        """A page of the stock, filled in by a hand."""
        number = int(rng.integers(len(self.plates)))
        document, page, edition = self.plates[number]
        if (number, dpi) not in self.sheets:
            bitmap = document[int(page["page"]) - 1].render(scale=dpi / 72, grayscale=True)
            self.sheets[number, dpi] = bitmap.to_numpy().reshape(bitmap.height, bitmap.width).copy()
        gray = self.sheets[number, dpi].copy()
        code = PageCode(edition, page["page"], page["of"], page["serial"])
        boxes, marked, dense = fill_in(rng, gray, dpi, page["zones"])
        return Paper(gray, dpi, tuple(page["size"]), code, boxes, marked, dense)


PENS = {
    "pencil": (0.35, 0.8, 95, 135), "light_pen": (0.35, 0.7, 130, 165), "hairline": (0.15, 0.28, 0, 90),
}  # fmt: skip
"""Width from and to in mm, shade from and to."""


def fill_in(rng, gray, dpi, zones, *, pen: str = ""):
    """Draw marks into boxes and words into the rest; returns boxes, which are marked, which were canceled."""
    boxes, marked, dense = [], [], []
    thin, thick, dark, light = PENS.get(pen, (0.35, 0.8, 0, 90))
    pen = float(rng.uniform(thin, thick)) * dpi / 25.4
    shade = int(rng.integers(dark, light))
    for zone in zones:
        x, y, w, h = (zone[name] * dpi / 72 for name in ("x", "y", "w", "h"))
        if zone["type"] in BOXED:
            state = rng.random()
            boxes.append((zone["x"], zone["y"]))
            marked.append(state < 0.35)
            dense.append(state > 0.99)
            if state < 0.35:
                draw_mark(rng, gray, x, y, w, pen, shade)
            elif state > 0.99:
                spread = rng.uniform(-0.06, 0.06, 4) * w
                corners = np.array([[x + spread[0], y], [x + w, y + spread[1]], [x + w, y + h], [x, y + h + spread[2]]])
                cv2.fillPoly(gray, [corners.astype(np.int32)], shade)
        elif zone["type"] in ("text", "signature", "initials", "digits") and rng.random() < 0.4:
            scribble(rng, gray, x, y, w, h, pen, shade)
    return boxes, marked, dense


def draw_mark(rng, gray, x, y, w, pen, shade):
    """A cross, a tick, a slash or a dot, as hands make them."""
    kind = rng.choice(["cross", "tick", "slash", "blob"], p=[0.6, 0.2, 0.13, 0.07])

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


def stroke(rng, gray, points, pen, shade):
    """A line of a pen, a little bent."""
    dense = []
    for (ax, ay), (bx, by) in itertools.pairwise(points):
        bend = rng.normal(0, 0.05, 2) * math.hypot(bx - ax, by - ay)
        for t in np.linspace(0, 1, 8):
            curve = 4 * t * (1 - t)
            dense.append((ax + (bx - ax) * t + bend[0] * curve, ay + (by - ay) * t + bend[1] * curve))
    line = (np.array(dense) * 16).astype(np.int32)
    layer = np.full_like(gray, 255) if shade else None
    target = gray if layer is None else layer
    cv2.polylines(target, [line], False, shade, max(1, round(pen)), cv2.LINE_AA, 4)
    if layer is not None:
        np.minimum(gray, layer, out=gray)


def scribble(rng, gray, x, y, w, h, pen, shade):
    """Something like handwriting."""
    points, at = [], x + 0.04 * w
    while at < x + w * float(rng.uniform(0.3, 0.95)) and len(points) < 60:
        points.append((at, y + h * float(rng.uniform(0.25, 0.9))))
        at += h * float(rng.uniform(0.1, 0.3))
    if len(points) > 1:
        line = (np.array(points) * 16).astype(np.int32)
        cv2.polylines(gray, [line], False, shade, max(1, round(pen)), cv2.LINE_AA, 4)


def warp(gray, matrix, size=None, border=255):
    """A picture moved by a matrix."""
    height, width = gray.shape
    return cv2.warpPerspective(gray, matrix, size or (width, height), flags=cv2.INTER_AREA, borderValue=border)


def turned(gray, degrees, border=255):
    """Rotated about its middle."""
    height, width = gray.shape
    matrix = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), [0, 0, 1]])
    return warp(gray, matrix, border=border)


def spoil(kind, rng, paper: Paper):
    """The page as it comes out of a scanner or a phone that has seen better days."""
    mm = paper.dpi / 25.4
    if kind in PHONE:
        return photo(kind, rng, paper.gray, mm)
    return SPOILERS[kind](rng, paper.gray, mm) if kind in SPOILERS else paper.gray


def moved(gray, rows):
    """The picture under a matrix given by its rows."""
    return warp(gray, np.array(rows, np.float64))


def printed_94(rng, gray, mm):
    """Printed smaller, as 'fit to page' does."""
    scale = float(rng.uniform(0.92, 0.97))
    return moved(gray, [[scale, 0, 5 * mm], [0, scale, 7 * mm], [0, 0, 1]])


def shifted(rng, gray, mm):
    """Not quite at the edge of the scanner."""
    x, y = rng.uniform(-4, 4, 2) * mm
    return moved(gray, [[1, 0, x], [0, 1, y], [0, 0, 1]])


def low_contrast(rng, gray, mm):
    """An empty toner."""
    low = float(rng.uniform(80, 130))
    return (low + gray.astype(np.float32) * (215 - low) / 255).astype(np.uint8)


def gray_background(rng, gray, mm):
    """Light from one side."""
    height, width = gray.shape
    light = np.linspace(rng.uniform(0.6, 0.9), 1, width)[None] * np.linspace(rng.uniform(0.75, 1), 1, height)[:, None]
    return (gray * light).astype(np.uint8)


def noise(rng, gray, mm):
    """A cheap sensor."""
    return np.clip(gray + rng.normal(0, rng.uniform(12, 30), gray.shape), 0, 255).astype(np.uint8)


def jpeg(rng, gray, mm, least=10, most=35):
    """Saved too small."""
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(least, most))])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def speckle(rng, gray, mm):
    """Dirt."""
    out, (height, width) = gray.copy(), gray.shape
    count = int(rng.integers(400, 2500))
    for x, y in zip(rng.integers(0, width, count), rng.integers(0, height, count), strict=True):
        cv2.circle(out, (int(x), int(y)), max(1, int(rng.uniform(0.05, 0.25) * mm)), int(rng.integers(0, 120)), -1)
    return out


def one_bit(rng, gray, mm):
    """A scanner set to black and white."""
    level = int(rng.integers(110, 175))
    return ((turned(gray, float(rng.normal(0, 0.7))) > level) * 255).astype(np.uint8)


def fold(rng, gray, mm):
    """Folded in the pocket."""
    height, width = gray.shape
    at, slope = rng.uniform(0.3, 0.7) * height, rng.normal(0, 0.04)
    ys = np.arange(height)[:, None] - at - slope * np.arange(width)[None]
    out = gray * (1 - rng.uniform(0.25, 0.6) * np.exp(-((ys / (0.5 * mm)) ** 2))) * (1 - 0.12 * (ys > 0))
    return np.clip(out, 0, 255).astype(np.uint8)


def stain(rng, gray, mm):
    """Coffee."""
    out, (height, width) = gray.astype(np.float32), gray.shape
    for _ in range(int(rng.integers(1, 4))):
        centre = rng.uniform(0.1, 0.9, 2) * (width, height)
        radius, depth = rng.uniform(8, 26) * mm, rng.uniform(0.12, 0.4)
        far = np.hypot(np.arange(width)[None] - centre[0], np.arange(height)[:, None] - centre[1]) / radius
        out *= 1 - depth * (far < 1) * (0.55 + 0.45 * (far > 0.93))
    return cv2.GaussianBlur(np.clip(out, 0, 255).astype(np.uint8), (0, 0), 0.08 * mm)


def corner_gone(rng, gray, mm):
    """Torn off at the staple."""
    out, (height, width) = gray.copy(), gray.shape
    size, corner = int(rng.uniform(20, 34) * mm), int(rng.integers(4))
    x, y = (0, width)[corner % 2], (0, height)[corner // 2]
    step_x, step_y = (size, -size)[corner % 2], (size, -size)[corner // 2]
    cv2.fillPoly(out, [np.array([[x, y], [x + step_x, y], [x, y + step_y]])], int(rng.choice([0, 255])))
    return turned(out, float(rng.normal(0, 0.8)))


def scrawl(rng, gray, mm):
    """A pen tried out on a code, or on both."""
    out, (height, width) = gray.copy(), gray.shape
    for left, top in ((21, 8), (width / mm - 41, height / mm - 28)):
        if rng.random() < 0.75:
            points = (rng.uniform(-2, 22, (int(rng.integers(3, 7)), 2)) + np.array([left, top])) * mm
            cv2.polylines(out, [(points * 16).astype(np.int32)], False, 30, max(1, round(0.7 * mm)), cv2.LINE_AA, 4)
    return out


def bleed(rng, gray, mm):
    """The back shows through."""
    back = cv2.GaussianBlur(np.ascontiguousarray(gray[:, ::-1]), (0, 0), 0.15 * mm)
    return np.minimum(gray, 255 - ((255 - back) * 0.22)).astype(np.uint8)


def motion(rng, gray, mm):
    """The paper slipped in the feeder."""
    length = max(3, int(rng.uniform(0.25, 0.5) * mm))
    kernel = np.zeros((length, length), np.float32)
    kernel[:, length // 2] = 1 / length
    return cv2.filter2D(gray, -1, kernel)


def crumpled(rng, gray, mm):
    """Crumpled and smoothed out again."""
    height, width = gray.shape
    bumps = [
        cv2.resize(rng.normal(0, 1, (14, 11)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        for _ in range(3)
    ]
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    lift = np.float32(rng.uniform(0.2, 0.45) * mm)
    out = cv2.remap(gray, xs + lift * bumps[0], ys + lift * bumps[1], cv2.INTER_LINEAR, borderValue=255)
    return np.clip(out * (1 - 0.07 * np.abs(bumps[2])), 0, 255).astype(np.uint8)


def fax_lines(rng, gray, mm):
    """Dirt on the glass of the feeder draws lines down the page."""
    out = gray.copy()
    for x in rng.integers(0, gray.shape[1], int(rng.integers(2, 7))):
        out[:, x : x + max(1, int(rng.uniform(0.08, 0.3) * mm))] = int(rng.integers(30, 150))
    return out


def low_dpi(rng, gray, mm):
    """Scanned at a hundred dots an inch."""
    scale = 100 / (mm * 25.4)
    return cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def upright_fold(rng, gray, mm):
    """Folded the other way."""
    return np.ascontiguousarray(fold(rng, np.ascontiguousarray(gray.T), mm).T)


def staple_holes(rng, gray, mm):
    """Punched and stapled."""
    out, height = gray.copy(), gray.shape[0]
    for y in (0.36, 0.64):
        cv2.circle(out, (round(11 * mm), round(y * height)), round(3 * mm), 0, -1)
    start = (round(rng.uniform(4, 14) * mm), round(rng.uniform(4, 14) * mm))
    cv2.line(
        out, start, (start[0] + round(11 * mm), start[1] + round(4 * mm)), 70, max(1, round(0.5 * mm)), cv2.LINE_AA
    )
    return out


def highlighter(rng, gray, mm):
    """Lines marked in yellow, which is gray to a scanner."""
    out, (height, width) = gray.astype(np.float32), gray.shape
    for _ in range(5):
        x, y = rng.uniform(0.1, 0.6) * width, rng.uniform(0.15, 0.8) * height
        out[int(y) : int(y + 4.5 * mm), int(x) : int(x + rng.uniform(30, 80) * mm)] *= rng.uniform(0.7, 0.9)
    return out.astype(np.uint8)


def combo(rng, gray, mm):
    """Several at once."""
    out = noise(rng, low_contrast(rng, turned(gray, float(rng.uniform(-2, 2))), mm), mm)
    return jpeg(rng, cv2.GaussianBlur(out, (0, 0), 0.1 * mm), mm)


SPOILERS = {
    "rotated": lambda rng, gray, mm: np.ascontiguousarray(np.rot90(gray, int(rng.integers(1, 4)))),
    "upside_down": lambda rng, gray, mm: turned(np.ascontiguousarray(gray[::-1, ::-1]), float(rng.normal(0, 0.6))),
    "skewed": lambda rng, gray, mm: turned(gray, float(rng.uniform(-4, 4))),
    "blur": lambda rng, gray, mm: cv2.GaussianBlur(gray, (0, 0), float(rng.uniform(0.12, 0.26)) * mm),
    "shifted": shifted, "printed_94": printed_94, "low_contrast": low_contrast, "gray_background": gray_background,
    "noise": noise, "jpeg": jpeg, "speckle": speckle, "one_bit": one_bit, "fold": fold, "stain": stain,
    "motion": motion, "crumpled": crumpled, "fax_lines": fax_lines, "low_dpi": low_dpi, "upright_fold": upright_fold,
    "staple_holes": staple_holes, "highlighter": highlighter,
    "corner_gone": corner_gone, "scrawl": scrawl, "bleed": bleed, "combo": combo,
}  # fmt: skip


def photo(kind, rng, gray, mm):
    """The page on a desk, seen by a phone from a slant."""
    height, width = gray.shape
    if kind == "phone_curl":
        xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        lift = rng.uniform(0.4, 1.0) * mm
        bent = ys + np.float32(lift) * np.sin(xs / width * math.pi).astype(np.float32)
        gray = cv2.remap(gray, xs, bent, cv2.INTER_LINEAR, borderValue=255)
    border = int((0.2 if kind == "phone_steep" else 0.12) * width)
    slant = 0.16 if kind == "phone_steep" else 0.07
    jitter = rng.uniform(-slant, slant, (4, 2)) * (width, height)
    if kind == "phone_far":
        gray = cv2.resize(gray, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        height, width, jitter, border, mm = height // 2, width // 2, jitter / 2, 3 * border, mm / 2
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, (corners + jitter + border).astype(np.float32))
    out = warp(gray, matrix, (width + 2 * border, height + 2 * border), int(rng.integers(40, 120)))
    out = np.ascontiguousarray(np.rot90(out, int(rng.integers(4))))
    h, w = out.shape
    light = 1 - rng.uniform(0.1, 0.35) * np.linspace(0, 1, w)[None] * np.linspace(1, 0.4, h)[:, None]
    if kind == "phone_shadow":
        edge = rng.uniform(0.3, 0.7) * w + rng.normal(0, 0.3) * np.arange(h)[:, None]
        light = light * (1 - rng.uniform(0.2, 0.4) / (1 + np.exp((np.arange(w)[None] - edge) / (6 * mm))))
    out = np.clip(out * light * 0.93 + rng.normal(0, 5, out.shape), 0, 255).astype(np.uint8)
    if kind == "phone_glare":
        centre, radius = rng.uniform(0.2, 0.8, 2) * (w, h), rng.uniform(15, 45) * mm
        far = np.hypot(np.arange(w)[None] - centre[0], np.arange(h)[:, None] - centre[1]) / radius
        out = np.clip(out + 190 * np.exp(-(far**2)), 0, 255).astype(np.uint8)
    out = cv2.GaussianBlur(out, (0, 0), (0.16 if kind == "phone_blur" else 0.07) * mm)
    _, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, 70])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


@dataclass
class Tally:
    """What one way of spoiling did."""

    pages: int = 0
    identified: int = 0
    misfiled: int = 0
    placed: int = 0
    boxes: int = 0
    wrong: int = 0
    asked: int = 0
    seconds: float = 0.0
    errors: list[float] = field(default_factory=list)
    slips: list[str] = field(default_factory=list)

    def words(self, name: str) -> str:
        """One line of the report."""
        share = 100 * self.identified / max(self.pages, 1)
        wrong, asked = 100 * self.wrong / max(self.boxes, 1), 100 * self.asked / max(self.boxes, 1)
        worst = max(self.errors, default=0)
        return (
            f"{name:16} {self.pages:4} pages  identified {share:5.1f} %  misfiled {self.misfiled}  placed {self.placed}"
            f"  error {np.median(self.errors or [0]):.2f}/{worst:.2f} mm  wrong {wrong:5.2f} % ({self.wrong})"
            f"  asked {asked:5.2f} %  {1000 * self.seconds / max(self.pages, 1):4.0f} ms"
        )


def read_one(tally: Tally, paper: Paper, gray, stock_boxes) -> None:
    """Read a spoiled page and compare it with the truth."""

    def ask(texts):
        codes = [claimed(text) for text in texts]
        if len(set(codes)) > 1:
            return "codes_differ"
        return Target(*stock_boxes[codes[0]]) if codes[0] in stock_boxes else "refused"

    began = time.process_time()
    done = read_page(0, gray, ask)
    tally.seconds += time.process_time() - began
    tally.pages += 1
    if done.codes:
        texts = {claimed(text) for text in done.codes}
        tally.identified += paper.code in texts
        tally.misfiled += bool(texts - {paper.code})
    if not done.how:
        return
    tally.placed += 1
    tally.errors.append(done.error or 0.0)
    for mark, truth, dense in zip(done.marks, paper.marked, paper.dense, strict=True):
        tally.boxes += 1
        if mark.state in ("unclear", "stained", "dense", "unseen"):
            tally.asked += not dense
        elif (mark.state == "marked") != truth or dense:
            tally.wrong += 1
            tally.slips.append(f"{mark.state} fill {mark.fill} truth {'dense' if dense else truth}")


def speed(pages: int) -> None:
    """Pages a second through the whole product: child process, database, encrypted store; and its memory."""
    import os
    import resource
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as place:
        os.environ["BALLAST_KEY_FILE"] = f"{place}/key"
        os.environ["BALLAST_HOME"] = f"{place}/home"
        os.environ.pop("BALLAST_DATABASE_URL", None)
        by = _clinic(Path(place))
        for dpi, pack in ((200, "gray"), (300, "gray"), (300, "one_bit"), (200, "mixed")):
            for processes in (1, 2):
                content, count = _stack(by, pages, dpi, pack)
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                began, own = time.perf_counter(), time.process_time()
                lines = scan_file("stack", content, by=by, processes=processes)
                took, own = time.perf_counter() - began, time.process_time() - own
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                cpu = own + after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                good = sum(line.state in ("attached", "review") and bool(line.serial) for line in lines)
                print(
                    f"{dpi} dpi {pack:8} {processes} process{'es' if processes > 1 else '  '} {count} pages: "
                    f"{count / took:5.1f} pages/s, {1000 * cpu / count:4.0f} ms CPU a page in all, {good} identified, "
                    f"child at most {after.ru_maxrss // 1024} MB"
                )


def _clinic(place):
    from data.engine import Database, use
    from data.home import Home
    from data.schema import upgrade
    from opening.start import furnish
    from security.actor import Actor
    from security.clinics import NewClinic, create_clinic

    home = Home(place / "home")
    home.create()
    database = Database(home)
    use(database)
    upgrade(database)
    new = NewClinic("bench", "Bench", zone="America/New_York")
    clinic_id = create_clinic(new)
    furnish(clinic_id, new)
    return Actor.operator(clinic_id)


def _stack(by, pages: int, dpi: int, pack: str) -> tuple[bytes, int]:
    """Freshly printed consents, filled in, as the PDF a document feeder makes."""
    import pikepdf

    printed = print_blank("consent", max(1, pages // 2), by=by)
    rng = np.random.default_rng(printed.serials[0])
    document, out = pikepdf.new(), io.BytesIO()
    for number, leaf in enumerate(pypdfium2.PdfDocument(printed.pdf)):
        bitmap = leaf.render(scale=dpi / 72, grayscale=True)
        gray = np.ascontiguousarray(bitmap.to_numpy().reshape(bitmap.height, bitmap.width)).copy()
        fill_in(rng, gray, dpi, printed.pages[number]["zones"])
        kind = (
            ("clean", "skewed", "upside_down", "noise", "jpeg", "one_bit")[number % 6] if pack == "mixed" else "clean"
        )
        gray = SPOILERS[kind](rng, gray, dpi / 25.4) if kind in SPOILERS else gray
        one_bit = pack == "one_bit" or kind == "one_bit"
        data = io.BytesIO()
        if one_bit:
            Image.fromarray(gray > 140).save(data, "TIFF", compression="group4", tiffinfo={278: gray.shape[0]})
            document.pages.extend(
                pikepdf.open(io.BytesIO(_tiff_pdf(data.getvalue(), gray.shape, leaf.get_size()))).pages
            )
            continue
        picture = pikepdf.Stream(document, cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())
        picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        picture.Height, picture.Width = gray.shape
        picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 8
        picture.Filter = pikepdf.Name.DCTDecode
        width, height = leaf.get_size()
        page = document.add_blank_page(page_size=(width, height))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
        page.Contents = pikepdf.Stream(document, f"q {width} 0 0 {height} 0 0 cm /Im0 Do Q".encode())
    document.save(out)
    return out.getvalue(), len(printed.pages)


def _tiff_pdf(content: bytes, shape, size) -> bytes:
    """A fax picture as a page of a PDF."""
    import pikepdf

    with Image.open(io.BytesIO(content)) as tiff:
        start, count = tiff.tag_v2[273][0], sum(tiff.tag_v2[279])
        black_is_zero = tiff.tag_v2[262] == 1
    document, out = pikepdf.new(), io.BytesIO()
    picture = pikepdf.Stream(document, content[start : start + count])
    picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    picture.Height, picture.Width = shape
    picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, 1
    picture.Filter = pikepdf.Name.CCITTFaxDecode
    picture.DecodeParms = pikepdf.Dictionary(K=-1, Columns=shape[1], Rows=shape[0], BlackIs1=black_is_zero)
    page = document.add_blank_page(page_size=size)
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
    page.Contents = pikepdf.Stream(document, f"q {size[0]} 0 0 {size[1]} 0 0 cm /Im0 Do Q".encode())
    document.save(out)
    return out.getvalue()


def main() -> None:
    """The figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=6, help="pages of each way of spoiling")
    parser.add_argument("--seed", type=int, default=1001)
    parser.add_argument("--kinds", default="")
    parser.add_argument("--slips", action="store_true", help="also tell the boxes that were read wrongly")
    parser.add_argument("--speed", type=int, default=0, help="instead: so many pages through the whole product")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    if chosen.speed:
        speed(chosen.speed)
        return
    stocks = [Stock("letter"), Stock("a4")]
    tallies: dict[str, Tally] = collections.defaultdict(Tally)
    for kind in chosen.kinds.split(",") if chosen.kinds else FLAT + PHONE + HARD:
        for number in range(chosen.pages):
            rng = np.random.default_rng([chosen.seed, number, sum(kind.encode())])
            dpi = (150, 200, 300)[number % 3]
            paper = stocks[number % 2].page(rng, dpi)
            if kind in PENS:
                paper = written_with(kind, rng, stocks[number % 2], dpi)
            gray = spoil(kind, rng, paper)
            read_one(tallies[kind], paper, gray, {paper.code: (paper.size, paper.boxes)})
        print(tallies[kind].words(kind), flush=True)
        if chosen.slips:
            print("   ", tallies[kind].slips[:12])
    for name, kinds in (
        ("flat", FLAT),
        ("phone", PHONE),
        ("hard", HARD),
        ("clean", ("clean", "rotated", "skewed", "shifted")),
    ):
        whole = Tally()
        for kind in kinds:
            one = tallies[kind]
            for part in ("pages", "identified", "misfiled", "placed", "boxes", "wrong", "asked", "seconds"):
                setattr(whole, part, getattr(whole, part) + getattr(one, part))
            whole.errors += one.errors
        print(whole.words(name.upper()))


def written_with(pen: str, rng, stock: Stock, dpi: int) -> Paper:
    """A page filled in with another pen."""
    number = int(rng.integers(len(stock.plates)))
    document, page, edition = stock.plates[number]
    bitmap = document[int(page["page"]) - 1].render(scale=dpi / 72, grayscale=True)
    gray = bitmap.to_numpy().reshape(bitmap.height, bitmap.width).copy()
    boxes, marked, dense = fill_in(rng, gray, dpi, page["zones"], pen=pen)
    code = PageCode(edition, page["page"], page["of"], page["serial"])
    return Paper(gray, dpi, tuple(page["size"]), code, boxes, marked, dense)


if __name__ == "__main__":
    main()
