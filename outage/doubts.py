"""Boxes that a person has to look at: what each asks, where it stands, and what can be an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import BadInput
from forms.definition import Cell, Form, FormField
from forms.editions import Edition


class NoSuchAnswer(BadInput):
    """'{value}' is no answer to {field}."""


@dataclass(frozen=True)
class Doubt:
    """One field whose boxes a person has to look at. ``options`` are values and labels; ``machine`` is what was read,
    ``why`` in a short name (unclear, canceled, stained, unseen, several, incomplete, range); ``place`` where the field
    stands on the upright picture: left, top, width and height as shares of the page."""

    key: str
    label: str
    kind: str
    options: Sequence[tuple[str, str]]
    machine: Any
    why: str
    unit: str = ""
    place: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


def asked_by(form: Form, key: str) -> tuple[str, FormField | Cell | None]:
    """What a field asks, in words, and the field; of a repeating line the line and the column."""
    asked = form.field(key)
    if asked is not None:
        return asked.label or key, asked
    grid, _, rest = key.partition(".")
    line, _, column = rest.partition(".")
    lines = form.field(grid)
    cell = next((one for one in lines.cells if one.key == column), None) if lines is not None else None
    return (f"{cell.label}, line {line}" if cell is not None else key), cell


Places = dict[str, tuple[float, float, float, float]]


def places_on(edition: Edition, number: int) -> Places:
    """Where each boxed field stands on a page, by its key: left, top, width and height as shares of the page."""
    (width, height), _ = edition.page(number)
    around: Places = {}
    for zone in edition.boxes(number):
        left, top, right, bottom = around.get(zone.key, (zone.x, zone.y, zone.x, zone.y))
        around[zone.key] = (
            min(left, zone.x), min(top, zone.y), max(right, zone.x + zone.w), max(bottom, zone.y + zone.h)
        )  # fmt: skip
    return {
        key: (left / width, top / height, (right - left) / width, (bottom - top) / height)
        for key, (left, top, right, bottom) in around.items()
    }


def doubt_of(form: Form, key: str, told: Any, places: Places) -> Doubt:
    """What a person is asked about a field; ``told`` is what was read there."""
    label, asked = asked_by(form, key)
    kind = asked.type if asked is not None else "text"
    options = [(one.value, one.label) for one in asked.options] if asked is not None else []
    if kind == "check":
        options = [("yes", "Marked"), ("no", "Not marked")]
    unit = asked.unit if asked is not None else ""
    return Doubt(key, label, kind, tuple(options), told.get("value"), str(told.get("reason", "")), unit, places[key])


def checked(form: Form, key: str, value: Any) -> Any:
    """A person's answer, if it can be one. Raises NoSuchAnswer."""
    label, asked = asked_by(form, key)
    if asked is None:
        raise NoSuchAnswer(value=value, field=label)
    known = {one.value for one in asked.options}
    fits = (
        isinstance(value, bool) if asked.type == "check"
        else isinstance(value, list | tuple) and all(one in known for one in map(str, value)) if asked.type == "multi"
        else value is None or (isinstance(value, str) and value in known) if asked.type == "single"
        else value is None or _is_number(asked, value)
    )  # fmt: skip
    if not fits:
        raise NoSuchAnswer(value=value, field=label)
    if asked.type == "multi":
        return [one.value for one in asked.options if one.value in value]
    return value


def _is_number(asked: FormField | Cell, value: Any) -> bool:
    """Whether a text is a number of this field's shape, within its range."""
    if not isinstance(value, str) or not value.isascii():
        return False
    whole, point, rest = value.partition(".")
    if not whole.isdigit() or len(whole) > asked.digits - asked.decimals or (bool(point) != bool(asked.decimals)):
        return False
    if point and (len(rest) != asked.decimals or not rest.isdigit()):
        return False
    least, most = getattr(asked, "least", None), getattr(asked, "most", None)
    return not ((least is not None and float(value) < least) or (most is not None and float(value) > most))
