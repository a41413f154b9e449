"""Finding the code of a page: QR only, first as it lies, then with more and more help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import zxingcpp

from forms.furniture import MODULES, code_corners, marker_corners

QUICK = 2700
"""Longest side that codes are looked for at first."""
_PIXELS_A_MODULE = 10
_QUIET = 4


@dataclass(frozen=True)
class Code:
    """One code: its text and its corners in the picture, clockwise from its own top left."""

    text: str
    corners: Any


def read_codes(gray: Any, *, thorough: bool = True) -> list[Code]:
    """Every QR code of the page that can be read; ``thorough`` also tries its full size and smoothed."""
    longest = max(gray.shape)
    small = halved(gray) if longest > QUICK else gray
    found = _zxing(small, longest / max(small.shape))
    if found or not thorough:
        return found
    if small is not gray:
        found = _zxing(gray, 1.0)
    return found or _zxing(cv2.GaussianBlur(gray, (0, 0), max(1.0, longest / 2200)), 1.0)


def halved(gray: Any) -> Any:
    """Half the size, each pixel the mean of four: other factors take twenty times as long."""
    height, width = gray.shape
    return cv2.resize(
        gray[: height // 2 * 2, : width // 2 * 2], (width // 2, height // 2), interpolation=cv2.INTER_AREA
    )


def _zxing(gray: Any, scale: float) -> list[Code]:
    only: Any = zxingcpp.BarcodeFormat.QRCode
    results = zxingcpp.read_barcodes(gray, formats=only, try_invert=False)
    found = []
    for result in results:
        if not result.valid or not result.text:
            continue
        place = result.position
        points = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
        corners = np.array([(point.x + 0.5, point.y + 0.5) for point in points], np.float32) * scale
        found.append(Code(result.text, corners))
    return found


def rescue(gray: Any, markers: dict[int, Any]) -> list[Code]:
    """Look where the codes must be, told by the corner markers: flattened, smoothed, its fixed patterns repainted."""
    for size in ((612.0, 792.0), (595.28, 841.89), (792.0, 612.0), (841.89, 595.28)):
        matrix = _to_picture(size, markers)
        if matrix is None:
            continue
        places = [
            cv2.perspectiveTransform(np.array([corners], np.float32), matrix)[0] for corners in code_corners(size)
        ]
        patches = [_patch(gray, placed) for placed in places]
        together = np.maximum(*(_levelled(patch) for patch in patches))  # a stroke seldom lies on both in one place
        for placed, patch in (*zip(places, patches, strict=True), (places[0], together)):
            text = _from_patch(patch)
            if text:
                return [Code(text, placed)]
    return []


def _levelled(patch: Any) -> Any:
    """A patch from black to white, so that two can be laid on each other."""
    low, high = np.percentile(patch, (4, 90))
    return np.clip((patch.astype(np.float32) - low) * (255.0 / max(high - low, 1)), 0, 255).astype(np.uint8)


def _to_picture(size: tuple[float, float], markers: dict[int, Any]) -> Any | None:
    """From points of the page to the picture, if these markers fit a page of this size."""
    if len(markers) < 3:
        return None
    known = marker_corners(size)
    page = np.array([point for number in markers for point in known[number]], np.float32)
    seen = np.concatenate([markers[number] for number in markers]).astype(np.float32)
    if len(markers) == 4:
        matrix, _ = cv2.findHomography(page, seen)
    else:
        affine, _ = cv2.estimateAffine2D(page, seen)
        matrix = None if affine is None else np.vstack([affine, [0, 0, 1]])
    if matrix is None:
        return None
    back = cv2.perspectiveTransform(page[None], matrix)[0]
    pixels = float(np.linalg.norm(seen[1] - seen[0])) / 25.5
    return matrix if float(np.abs(back - seen).max()) < 6 * max(pixels, 0.5) else None


def _patch(gray: Any, corners: Any) -> Any:
    """A code whose corners are known roughly, flattened, with its quiet zone."""
    side = (MODULES + 2 * _QUIET) * _PIXELS_A_MODULE
    low, high = _QUIET * _PIXELS_A_MODULE, (_QUIET + MODULES) * _PIXELS_A_MODULE
    target = np.array([(low, low), (high, low), (high, high), (low, high)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    return cv2.warpPerspective(gray, matrix, (side, side), flags=cv2.INTER_CUBIC, borderValue=255)


def _from_patch(patch: Any) -> str:
    """The text of a flattened code."""
    low = _QUIET * _PIXELS_A_MODULE
    for variant in _variants(patch):
        found = _zxing(variant, 1.0)
        if found:
            return found[0].text
        found = _zxing(_repainted(variant, low), 1.0)
        if found:
            return found[0].text
    return ""


def _variants(patch: Any) -> Any:
    yield patch
    for sigma in (2.0, 3.5):
        smooth = cv2.GaussianBlur(patch, (0, 0), sigma)
        yield smooth
        yield cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]
    local = cv2.GaussianBlur(patch, (0, 0), 2.0)
    yield cv2.adaptiveThreshold(local, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 101, 8)
    for size in (5, 7):
        yield cv2.morphologyEx(local, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))


def _repainted(patch: Any, start: int) -> Any:
    """The finder, timing and alignment patterns of a version 2 code drawn anew over what is left of them."""
    out = patch.copy()
    step = _PIXELS_A_MODULE

    def block(x: int, y: int, w: int, h: int, shade: int) -> None:
        out[start + y * step : start + (y + h) * step, start + x * step : start + (x + w) * step] = shade

    out[:start], out[-start:], out[:, :start], out[:, -start:] = 255, 255, 255, 255
    for x, y in ((0, 0), (MODULES - 7, 0), (0, MODULES - 7)):
        block(max(x - 1, 0), max(y - 1, 0), 8, 8, 255)
        block(x, y, 7, 7, 0)
        block(x + 1, y + 1, 5, 5, 255)
        block(x + 2, y + 2, 3, 3, 0)
    for place in range(8, MODULES - 8):
        block(place, 6, 1, 1, 0 if place % 2 == 0 else 255)
        block(6, place, 1, 1, 0 if place % 2 == 0 else 255)
    block(16, 16, 5, 5, 0)
    block(17, 17, 3, 3, 255)
    block(18, 18, 1, 1, 0)
    return out
