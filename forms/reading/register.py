"""Laying a picture on its page: the corner markers tell where every point of the paper is in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from forms.furniture import MARKER, MM, code_corners, marker_corners
from forms.reading.codes import Code

SEARCH = 1500
"""Longest side at which markers are looked for on the whole page."""
FLAT_ERROR = 0.35 * MM
WORST_ERROR = 1.1 * MM
FLAT_TILT = 0.02
"""How much smaller one end of a page may be than the other."""


@dataclass(frozen=True)
class Placed:
    """Where the page lies: ``matrix`` from points of the page to pixels, how it was found, its error in mm, how many
    markers were seen, and pixels a millimetre."""

    matrix: Any
    how: str
    error: float
    markers: int
    pixels: float

    def is_flat(self, size: tuple[float, float]) -> bool:
        """Whether the page of ``size`` lies in the picture as on a scanner's glass, not as before a camera."""
        return float(abs(self.matrix[2, 0]) * size[0] + abs(self.matrix[2, 1]) * size[1]) < FLAT_TILT


@lru_cache(maxsize=1)
def _detector() -> Any:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    parameters.cornerRefinementWinSize = 4
    parameters.minMarkerPerimeterRate = 0.02
    return cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), parameters)


@lru_cache(maxsize=1)
def _near_detector() -> Any:
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    parameters.cornerRefinementWinSize = 4
    parameters.minMarkerPerimeterRate = 0.3
    parameters.adaptiveThreshWinSizeMin = 13
    parameters.adaptiveThreshWinSizeMax = 43
    parameters.adaptiveThreshWinSizeStep = 30
    return cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), parameters)


def find_markers(gray: Any) -> dict[int, Any]:
    """The corner markers on the whole picture, by id; one seen twice is left out."""
    longest = max(gray.shape)
    scale = min(1.0, SEARCH / longest)
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    found = _detected(_detector(), small)
    return {number: corners / scale for number, corners in found.items()}


def _detected(detector: Any, gray: Any) -> dict[int, Any]:
    corners, ids, _ = detector.detectMarkers(gray)
    found: dict[int, Any] = {}
    twice = set()
    if ids is None:
        return found
    for number, one in zip(ids.flatten().tolist(), corners, strict=True):
        if number in found:
            twice.add(number)
        if number < 4:
            found[number] = one.reshape(4, 2).astype(np.float32) + 0.5
    return {number: one for number, one in found.items() if number not in twice}


def place(gray: Any, size: tuple[float, float], codes: Sequence[Code]) -> Placed | None:
    """Lay the picture on a page of ``size``; None where too little is seen to trust it."""
    rough = _rough(size, codes)
    markers = _near(gray, size, rough) if rough is not None else {}
    best = _fitted(size, markers, codes) if len(markers) == 4 else None
    if best is not None and best.error <= FLAT_ERROR / MM:
        return best
    everywhere = find_markers(gray)
    merged = everywhere | markers
    again = _fitted(size, merged, codes)
    choices = [one for one in (best, again) if one is not None]
    return min(choices, key=lambda one: (-one.markers, one.error)) if choices else None


def _rough(size: tuple[float, float], codes: Sequence[Code]) -> tuple[Any, float] | None:
    """A first guess from the codes alone, and how far off in points it may be at the corners."""
    known = [np.array(corners, np.float32) for corners in code_corners(size)]
    if not codes:
        return None
    if len(codes) >= 2:
        options = []
        for first, second in ((codes[0], codes[1]), (codes[1], codes[0])):
            page = np.concatenate(known)
            seen = np.concatenate([first.corners, second.corners]).astype(np.float32)
            matrix: Any = cv2.findHomography(page, seen)[0]
            if matrix is not None:
                back = cv2.perspectiveTransform(page[None], matrix)[0]
                options.append((float(np.abs(back - seen).max()), matrix))
        error, matrix = min(options, key=lambda option: option[0]) if options else (1e9, None)
        scale = float(np.linalg.norm(codes[0].corners[1] - codes[0].corners[0])) / 56.7
        if matrix is not None and error < 8 * scale:
            return matrix, 26.0
    return None


def _near(gray: Any, size: tuple[float, float], rough: tuple[Any, float]) -> dict[int, Any]:
    """Each marker looked for where the codes say it must be."""
    matrix, slack = rough
    found: dict[int, Any] = {}
    height, width = gray.shape
    for number, corners in enumerate(marker_corners(size)):
        centre = np.mean(corners, axis=0)
        reach = MARKER / 2 + slack
        window = [(centre[0] + x * reach, centre[1] + y * reach) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        seen = cv2.perspectiveTransform(np.array([window], np.float32), matrix)[0]
        left, top = np.maximum(np.floor(seen.min(axis=0)), 0).astype(int)
        right, bottom = np.minimum(np.ceil(seen.max(axis=0)), (width, height)).astype(int)
        if right - left < 24 or bottom - top < 24:
            continue
        here = _detected(_near_detector(), np.ascontiguousarray(gray[top:bottom, left:right]))
        if number in here:
            found[number] = here[number] + np.array([left, top], np.float32)
    return found


def _fitted(size: tuple[float, float], markers: dict[int, Any], codes: Sequence[Code]) -> Placed | None:
    """The best transformation these markers allow; the codes help where markers are missing."""
    if not markers:
        return None
    known = marker_corners(size)
    page = np.array([point for number in markers for point in known[number]], np.float64)
    seen = np.concatenate([markers[number] for number in markers]).astype(np.float64)
    if len(markers) == 4:
        matrix, _ = cv2.findHomography(page, seen)
        return _judged(matrix, page, seen, "four", 4)
    helped_page, helped = _with_codes(size, markers, codes, page, seen)
    if len(markers) + (len(helped) - len(seen)) / 4 < 3:
        return None
    choices = [_affine(helped_page, helped, page, seen, len(markers))]
    if len(markers) == 3:
        choices.append(_affine(page, seen, page, seen, len(markers)))
    flat = [one for one in choices if one is not None and one.error <= FLAT_ERROR / MM]
    return min(flat, key=lambda one: one.error) if flat else None


def _affine(points: Any, pixels: Any, page: Any, seen: Any, markers: int) -> Placed | None:
    """A flat page by least squares, judged by the markers it has."""
    terms = np.hstack([points, np.ones((len(points), 1))])
    solution, *_ = np.linalg.lstsq(terms, pixels, rcond=None)
    return _judged(np.vstack([solution.T, [0, 0, 1]]), page, seen, "affine", markers)


def _with_codes(
    size: tuple[float, float], markers: dict[int, Any], codes: Sequence[Code], page: Any, seen: Any
) -> tuple[Any, Any]:
    """Marker corners and code corners together, each code taken for the place it fits."""
    if len(markers) < 2 or not codes:
        return page, seen
    affine, _ = cv2.estimateAffinePartial2D(page, seen)
    if affine is None:
        return page, seen
    matrix = np.vstack([affine, [0, 0, 1]])
    for corners in code_corners(size):
        there = cv2.perspectiveTransform(np.array([corners], np.float64), matrix)[0]
        scale = float(np.linalg.norm(there[1] - there[0])) / 56.7
        for code in codes:
            if np.abs(there - code.corners).max() < 14 * scale:
                page = np.concatenate([page, np.array(corners, np.float64)])
                seen = np.concatenate([seen, code.corners.astype(np.float64)])
                break
    return page, seen


def _judged(matrix: Any, page: Any, seen: Any, how: str, markers: int) -> Placed | None:
    if matrix is None or not np.isfinite(matrix).all():
        return None
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return None
    back = cv2.perspectiveTransform(seen[None], inverse)[0]
    error = float(np.sqrt(((back - page) ** 2).sum(axis=1)).max())
    if error > WORST_ERROR or np.linalg.det(matrix[:2, :2]) <= 0:
        return None
    pixels = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2])))) * MM
    return Placed(matrix, how, error / MM, markers, pixels)
