"""From boxes to answers: what the marks on a page say, and what only a person can settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from forms.definition import BOXED, Form, FormField
from forms.placed import Zone

SURE_EMPTY, SURE_MARKED = 0.045, 0.13


class Box(Protocol):
    """One box as read."""

    @property
    def state(self) -> str:
        """empty, marked, unclear, dense, stained or unseen."""

    @property
    def fill(self) -> float:
        """The share of ink."""


@dataclass(frozen=True)
class Answer:
    """What was read for one field: a check is true or false, a choice its option (several: a list), a number in bubbles
    its digits as text; None where nothing was marked. ``state`` is read or review; ``reason`` says why a person must
    look: unclear, canceled, stained, unseen, several, incomplete,
    range."""

    value: Any
    confidence: float
    state: str
    reason: str = ""

    def document(self) -> dict[str, object]:
        """As it is kept and told."""
        told: dict[str, object] = {"value": self.value, "confidence": self.confidence, "state": self.state}
        return told | {"reason": self.reason} if self.reason else told


def answers(form: Form, zones: Sequence[Zone], boxes: Sequence[Box]) -> dict[str, Answer]:
    """The answer of every field with boxes on a page; ``boxes`` belong to the boxed zones, in their order.

    A box in a repeating line answers for ``grid.line.column``.
    """
    marks: dict[str, list[tuple[str, Box]]] = {}
    for zone, box in zip([zone for zone in zones if zone.type in BOXED], boxes, strict=True):
        marks.setdefault(zone.key, []).append((zone.option, box))
    kinds = {zone.key: zone.type for zone in zones}
    return {key: _answer(kinds[key], form.field(key), found) for key, found in marks.items()}


def _answer(kind: str, field: FormField | None, found: list[tuple[str, Box]]) -> Answer:
    if kind == "bubble_digits" and field is not None:
        return _number(field, found)
    trouble = _trouble([box for _, box in found])
    marked = [option for option, box in found if box.state == "marked"]
    confidence = min(_confidence(box) for _, box in found)
    if kind == "check":
        value: Any = bool(marked)
    elif kind == "multi":
        value = marked
    else:
        value = marked[0] if len(marked) == 1 else None
        if len(marked) > 1 and not trouble:
            trouble = "several"
    if trouble:
        return Answer(value, min(confidence, 0.5), "review", trouble)
    return Answer(value, confidence, "read")


def _trouble(boxes: Sequence[Box]) -> str:
    states = {box.state for box in boxes}
    for state, reason in (("dense", "canceled"), ("stained", "stained"), ("unclear", "unclear"), ("unseen", "unseen")):
        if state in states:
            return reason
    return ""


def _confidence(box: Box) -> float:
    """Half at the edge between empty and marked, one where it could not be plainer."""
    if box.state == "marked":
        return round(min(1.0, 0.5 + (box.fill - SURE_MARKED) / 0.2), 3)
    if box.state == "empty":
        return round(min(1.0, 0.5 + (SURE_EMPTY - box.fill) / (2 * SURE_EMPTY)), 3)
    return 0.3


def _number(field: FormField, found: list[tuple[str, Box]]) -> Answer:
    """One digit a place. Leading places may stay blank; a place with two digits, or a gap, is for a person."""
    places: list[list[str]] = [[] for _ in range(field.digits)]
    for option, box in found:
        place, digit = option.split(":")
        if box.state == "marked":
            places[int(place) - 1].append(digit)
    trouble = _trouble([box for _, box in found])
    confidence = min(_confidence(box) for _, box in found)
    if any(len(place) > 1 for place in places):
        return Answer(None, min(confidence, 0.5), "review", trouble or "several")
    digits = [place[0] if place else "" for place in places]
    if not any(digits):
        return Answer(None, confidence, "review" if trouble else "read", trouble)
    first = next(number for number, digit in enumerate(digits) if digit)
    whole = field.digits - field.decimals
    if not all(digits[first:]) or first >= whole:
        return Answer(None, min(confidence, 0.5), "review", trouble or "incomplete")
    text = "".join(digits[first:whole]).lstrip("0") or "0"
    value = f"{text}.{''.join(digits[whole:])}" if field.decimals else text
    out = (field.least is not None and float(value) < field.least) or (
        field.most is not None and float(value) > field.most
    )
    trouble = trouble or ("range" if out else "")
    return Answer(value, min(confidence, 0.5) if trouble else confidence, "review" if trouble else "read", trouble)
