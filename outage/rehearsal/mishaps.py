"""What happens to paper on its way back: turned, folded, stained, torn, faxed, photographed.

Each takes the picture of a page in gray and the dots of a millimetre, and gives the picture that comes out.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[Any]
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


def spoil(kind: str, rng: np.random.Generator, gray: Gray, dpi: int) -> Gray:
    """The page as it comes out of a scanner or a phone that has seen better days; as it is for an unknown kind."""
    mm = dpi / 25.4
    if kind in PHONE:
        return photo(kind, rng, gray, mm)
    return SPOILERS[kind](rng, gray, mm) if kind in SPOILERS else gray


def warp(gray: Gray, matrix: Gray, size: tuple[int, int] | None = None, border: int = 255) -> Gray:
    """A picture moved by a matrix."""
    height, width = gray.shape
    return cv2.warpPerspective(gray, matrix, size or (width, height), flags=cv2.INTER_AREA, borderValue=border)


def turned(gray: Gray, degrees: float, border: int = 255) -> Gray:
    """Rotated about its middle."""
    height, width = gray.shape
    matrix = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), [0, 0, 1]])
    return warp(gray, matrix, border=border)


def moved(gray: Gray, rows: list[list[float]]) -> Gray:
    """The picture under a matrix given by its rows."""
    return warp(gray, np.array(rows, np.float64))


def printed_94(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Printed smaller, as 'fit to page' does."""
    scale = float(rng.uniform(0.92, 0.97))
    return moved(gray, [[scale, 0, 5 * mm], [0, scale, 7 * mm], [0, 0, 1]])


def shifted(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Not quite at the edge of the scanner."""
    x, y = rng.uniform(-4, 4, 2) * mm
    return moved(gray, [[1, 0, x], [0, 1, y], [0, 0, 1]])


def low_contrast(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """An empty toner."""
    low = float(rng.uniform(80, 130))
    return (low + gray.astype(np.float32) * (215 - low) / 255).astype(np.uint8)


def gray_background(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Light from one side."""
    height, width = gray.shape
    light = np.linspace(rng.uniform(0.6, 0.9), 1, width)[None] * np.linspace(rng.uniform(0.75, 1), 1, height)[:, None]
    return (gray * light).astype(np.uint8)


def noise(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """A cheap sensor."""
    return np.clip(gray + rng.normal(0, rng.uniform(12, 30), gray.shape), 0, 255).astype(np.uint8)


def jpeg(rng: np.random.Generator, gray: Gray, mm: float, least: int = 10, most: int = 35) -> Gray:
    """Saved too small."""
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(least, most))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def speckle(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Dirt."""
    out, (height, width) = gray.copy(), gray.shape
    count = int(rng.integers(400, 2500))
    for x, y in zip(rng.integers(0, width, count), rng.integers(0, height, count), strict=True):
        cv2.circle(out, (int(x), int(y)), max(1, int(rng.uniform(0.05, 0.25) * mm)), int(rng.integers(0, 120)), -1)
    return out


def one_bit(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """A scanner set to black and white."""
    level = int(rng.integers(110, 175))
    return ((turned(gray, float(rng.normal(0, 0.7))) > level) * 255).astype(np.uint8)


def fold(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Folded in the pocket."""
    height, width = gray.shape
    at, slope = rng.uniform(0.3, 0.7) * height, rng.normal(0, 0.04)
    ys = np.arange(height)[:, None] - at - slope * np.arange(width)[None]
    out = gray * (1 - rng.uniform(0.25, 0.6) * np.exp(-((ys / (0.5 * mm)) ** 2))) * (1 - 0.12 * (ys > 0))
    return np.asarray(np.clip(out, 0, 255), np.uint8)


def stain(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Coffee."""
    out, (height, width) = gray.astype(np.float32), gray.shape
    for _ in range(int(rng.integers(1, 4))):
        centre = rng.uniform(0.1, 0.9, 2) * (width, height)
        radius, depth = rng.uniform(8, 26) * mm, rng.uniform(0.12, 0.4)
        far = np.hypot(np.arange(width)[None] - centre[0], np.arange(height)[:, None] - centre[1]) / radius
        out *= 1 - depth * (far < 1) * (0.55 + 0.45 * (far > 0.93))
    return cv2.GaussianBlur(np.clip(out, 0, 255).astype(np.uint8), (0, 0), 0.08 * mm)


def corner_gone(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Torn off at the staple."""
    out, (height, width) = gray.copy(), gray.shape
    size, corner = int(rng.uniform(20, 34) * mm), int(rng.integers(4))
    x, y = (0, width)[corner % 2], (0, height)[corner // 2]
    step_x, step_y = (size, -size)[corner % 2], (size, -size)[corner // 2]
    cv2.fillPoly(out, [np.array([[x, y], [x + step_x, y], [x, y + step_y]])], int(rng.choice([0, 255])))
    return turned(out, float(rng.normal(0, 0.8)))


def torn(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """The corner with one code is torn off, and coffee ran over the other; what can be typed is left."""
    out, (height, width) = gray.copy(), gray.shape
    leg = rng.uniform(74, 80, 2) * mm
    cv2.fillPoly(out, [np.array([[0, 0], [round(leg[0]), 0], [0, round(leg[1])]])], 255)
    cv2.circle(out, (round(width - 31 * mm), round(height - 18 * mm)), round(9.5 * mm), 70, -1, cv2.LINE_AA)
    return turned(out, float(rng.normal(0, 0.5)))


def scrawl(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """A pen tried out on a code, or on both."""
    out, (height, width) = gray.copy(), gray.shape
    for left, top in ((21, 8), (width / mm - 41, height / mm - 28)):
        if rng.random() < 0.75:
            points = (rng.uniform(-2, 22, (int(rng.integers(3, 7)), 2)) + np.array([left, top])) * mm
            cv2.polylines(out, [(points * 16).astype(np.int32)], False, 30, max(1, round(0.7 * mm)), cv2.LINE_AA, 4)
    return out


def bleed(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """The back shows through."""
    back = cv2.GaussianBlur(np.ascontiguousarray(gray[:, ::-1]), (0, 0), 0.15 * mm)
    return np.asarray(np.minimum(gray, 255 - ((255 - back) * 0.22)), np.uint8)


def motion(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """The paper slipped in the feeder."""
    length = max(3, int(rng.uniform(0.25, 0.5) * mm))
    kernel = np.zeros((length, length), np.float32)
    kernel[:, length // 2] = 1 / length
    return cv2.filter2D(gray, -1, kernel)


def crumpled(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
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


def fax_lines(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Dirt on the glass of the feeder draws lines down the page."""
    out = gray.copy()
    for x in rng.integers(0, gray.shape[1], int(rng.integers(2, 7))):
        out[:, x : x + max(1, int(rng.uniform(0.08, 0.3) * mm))] = int(rng.integers(30, 150))
    return out


def low_dpi(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Scanned at a hundred dots an inch."""
    scale = 100 / (mm * 25.4)
    return cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def upright_fold(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Folded the other way."""
    return np.ascontiguousarray(fold(rng, np.ascontiguousarray(gray.T), mm).T)


def staple_holes(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Punched and stapled."""
    out, height = gray.copy(), gray.shape[0]
    for y in (0.36, 0.64):
        cv2.circle(out, (round(11 * mm), round(y * height)), round(3 * mm), 0, -1)
    start = (round(rng.uniform(4, 14) * mm), round(rng.uniform(4, 14) * mm))
    cv2.line(
        out, start, (start[0] + round(11 * mm), start[1] + round(4 * mm)), 70, max(1, round(0.5 * mm)), cv2.LINE_AA
    )
    return out


def highlighter(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
    """Lines marked in yellow, which is gray to a scanner."""
    out, (height, width) = gray.astype(np.float32), gray.shape
    for _ in range(5):
        x, y = rng.uniform(0.1, 0.6) * width, rng.uniform(0.15, 0.8) * height
        out[int(y) : int(y + 4.5 * mm), int(x) : int(x + rng.uniform(30, 80) * mm)] *= rng.uniform(0.7, 0.9)
    return np.asarray(out, np.uint8)


def combo(rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
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
    "corner_gone": corner_gone, "scrawl": scrawl, "bleed": bleed, "combo": combo, "torn": torn,
}  # fmt: skip


def photo(kind: str, rng: np.random.Generator, gray: Gray, mm: float) -> Gray:
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
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
