"""Changing a form piece by piece, as the designer does: add, copy, move, take out.

A body is a form's document as plain data, wrong or right; every function gives a new one and leaves the old as it is,
so that each step can be undone. A piece is named by where it stands: section, field, column of repeating lines.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from forms.definition import Form
from forms.targets import TARGETS, Target, code_of

Body = dict[str, Any]
FRESH = "fresh__"
"""Begins the key of a field that was never published: it gets its name from its label then. Two strokes, as no name
made from words has them."""

KINDS: dict[str, tuple[str, str]] = {
    "check": ("Check box", "One box to mark: yes, or nothing."),
    "single": ("Single choice", "Several boxes, one of them marked. The scan reads it."),
    "multi": ("Multiple choice", "Several boxes, any of them marked. The scan reads them."),
    "bubble_digits": ("Number in bubbles", "A weight or a dose: written, and marked digit by digit for the scan."),
    "digits": ("Number in cells", "One cell for each digit; a person keys it in."),
    "text": ("Writing", "Lines to write on; a person keys it in."),
    "date": ("Date", "Cells for day, month and year."),
    "time": ("Time", "Cells for hour and minute."),
    "initials": ("Initials", "A small box to initial."),
    "signature": ("Signature", "A line to sign on."),
    "grid": ("Repeating lines", "A table with one line for each drug, reading or vaccine."),
    "fact": ("Printed fact", "What is known already: name, breed, services booked."),
    "prose": ("Text to read", "A paragraph, with names filled in where they are known."),
}
CELLS: dict[str, str] = {
    "text": "Writing", "digits": "Number in cells", "time": "Time", "initials": "Initials", "check": "Check box",
    "single": "Single choice",
}  # fmt: skip
_WIDTHS = {"check": 6, "text": 6, "date": 5, "time": 3, "initials": 2, "signature": 6, "fact": 4, "digits": 4,
           "bubble_digits": 6, "single": 6}  # fmt: skip
_TWO = [{"value": "yes", "label": "Yes"}, {"value": "no", "label": "No"}]


class At(NamedTuple):
    """Where a piece stands; -1 where it is a section or a whole field."""

    section: int
    field: int = -1
    cell: int = -1


def whole(body: Body) -> Body:
    """The body with everything that a form leaves unsaid."""
    return Form.model_validate(body).model_dump(mode="json")


def piece(body: Body, at: At) -> Body:
    """The section, field or column at a place."""
    found = body["sections"][at.section]
    if at.field >= 0:
        found = found["fields"][at.field]
    if at.cell >= 0:
        found = found["cells"][at.cell]
    return dict(found)


def holds(body: Body, at: At) -> bool:
    """Whether anything stands there."""
    try:
        piece(body, at)
    except (IndexError, KeyError):
        return False
    return True


def changed(body: Body, at: At, values: Body) -> Body:
    """A piece with other values."""
    new = copy.deepcopy(body)
    siblings, place = _siblings(new, at)
    siblings[place] = {**siblings[place], **values}
    return new


def replaced(body: Body, at: At, one: Body) -> Body:
    """Another piece in the place of one."""
    new = copy.deepcopy(body)
    siblings, place = _siblings(new, at)
    siblings[place] = one
    return new


def fresh_field(body: Body, kind: str) -> Body:
    """A field of a kind with everything it needs, under a key of its own."""
    label, _ = KINDS[kind]
    field: Body = {"key": _fresh_key(body), "type": kind, "label": label, "width": _WIDTHS.get(kind, 12)}
    if kind in ("single", "multi"):
        field["options"] = [dict(option) for option in _TWO]
    if kind == "bubble_digits":
        field |= {"label": "Weight", "unit": "kg", "digits": 4, "decimals": 1}
    if kind == "prose":
        field |= {"label": "", "text": "Write here what is to be read."}
    if kind == "fact":
        field |= {"label": "Owner", "fact": "clinic.name"}
        if body.get("subject") == "appointment":
            field |= {"fact": "client.name"}
    if kind == "grid":
        field |= {"label": "", "lines": 4, "cells": [
            {"key": "time", "label": "Time", "type": "time", "width": 2.5},
            {"key": "note", "label": "Note", "type": "text", "width": 6},
            {"key": "by", "label": "By", "type": "initials", "width": 1.5},
        ]}  # fmt: skip
    return field


def converted(body: Body, field: Body, kind: str) -> Body:
    """A field as another kind: what it is called, and where it stands in words, stays; what the new kind cannot have
    goes."""
    if field["type"] == kind:
        return field
    new = fresh_field(body, kind)
    kept = {name: field[name] for name in ("key", "label", "help", "required", "critical") if field.get(name)}
    choices = ("single", "multi")
    if kind in choices and field["type"] in choices:
        kept |= {"options": field["options"], "per_line": field.get("per_line", 0)}
    numbers = ("digits", "bubble_digits")
    if kind in numbers and field["type"] in numbers:
        kept |= {name: field[name] for name in ("digits", "decimals", "unit", "least", "most") if name in field}
    if kind in ("prose", "fact", "grid", "signature"):
        kept.pop("critical", None)
    target = TARGETS.get(str(field.get("target")))
    if target is None or kind in target.kinds:
        kept["target"] = field.get("target", "")
    return new | kept


def converted_cell(cell: Body, kind: str) -> Body:
    """A column as another kind; a place that the new kind cannot fill goes."""
    new = {**cell, "type": kind}
    if kind == "single" and len(cell.get("options") or []) < 2:
        new["options"] = [{"value": "yes", "label": "Y"}, {"value": "no", "label": "N"}]
    if kind != "single":
        new["options"] = []
    target = TARGETS.get(str(cell.get("target")))
    if target is not None and kind not in target.kinds:
        new["target"] = ""
    return new


def added_field(body: Body, kind: str, after: At) -> tuple[Body, At]:
    """A new field behind the piece that is chosen; says where it stands."""
    return _put(body, fresh_field(body, kind), _behind(body, At(after.section, after.field)))


def added_section(body: Body, after: At) -> tuple[Body, At]:
    """A new section behind the one that is chosen, with a line to write on."""
    section = {"title": "New section", "fields": [fresh_field(body, "text") | {"label": "First question", "width": 12}]}
    at = At(min(after.section + 1, len(body["sections"])))
    return _put(body, section, at)


def added_cell(body: Body, after: At) -> tuple[Body, At]:
    """A new column of repeating lines."""
    keys = {cell["key"] for cell in body["sections"][after.section]["fields"][after.field]["cells"]}
    cell = {"key": _free(f"{FRESH}column", keys), "label": "Column", "type": "text", "width": 2.0}
    place = after.cell + 1 if after.cell >= 0 else len(keys)
    return _put(body, cell, At(after.section, after.field, place))


def copied(body: Body, at: At) -> tuple[Body, At]:
    """The piece once more behind itself, under keys of its own; its answers land nowhere yet, as no place is filled
    twice."""
    new = copy.deepcopy(piece(body, at))
    if at.cell >= 0:
        keys = {cell["key"] for cell in body["sections"][at.section]["fields"][at.field]["cells"]}
        new |= {"key": _free(f"{FRESH}column", keys), "target": ""}
        return _put(body, new, at._replace(cell=at.cell + 1))
    if at.field >= 0:
        new |= {"key": _fresh_key(body)}
        new |= {} if new["type"] == "grid" else {"target": ""}
        return _put(body, new, at._replace(field=at.field + 1))
    beside = copy.deepcopy(body)
    beside["sections"].insert(at.section + 1, new)
    new["fields"] = [dict(field) for field in new["fields"]]
    taken = {field["key"] for section in body["sections"] for field in section["fields"]}
    for field in new["fields"]:
        field["key"] = _free(FRESH + "field", taken)
        field["target"] = field.get("target", "") if field["type"] == "grid" else ""
        taken.add(field["key"])
    return beside, At(at.section + 1)


def removed(body: Body, at: At) -> tuple[Body, At]:
    """Without the piece; says what is chosen instead. The last of its kind stays: a form has a section, a section a
    field, a table a column."""
    new = copy.deepcopy(body)
    siblings, place = _siblings(new, at)
    if len(siblings) == 1:
        return (body, at) if at.field < 0 else removed(body, _parent(at))
    del siblings[place]
    return new, _nth(at, min(place, len(siblings) - 1))


def moved(body: Body, at: At, to: At) -> tuple[Body, At]:
    """The piece at another place of the same kind: ``to`` counts without the piece itself. A field may go to another
    section; the last field of a section leaves an empty section behind, which goes too."""
    new = copy.deepcopy(body)
    siblings, place = _siblings(new, at)
    one = siblings.pop(place)
    if at.cell >= 0:
        to = At(at.section, at.field, to.cell)
    target = new["sections"][to.section]["fields"] if at.field >= 0 > at.cell else siblings
    index = to.cell if at.cell >= 0 else to.field if at.field >= 0 else to.section
    index = max(0, min(index, len(target)))
    target.insert(index, one)
    landed = _nth(to, index)
    if at.field >= 0 > at.cell and not siblings:
        del new["sections"][at.section]
        landed = landed._replace(section=landed.section - (landed.section > at.section))
    return new, landed


def stepped(body: Body, at: At, step: int) -> tuple[Body, At]:
    """The piece one place up (-1) or down (1); a field at the edge of its section goes into the next one."""
    siblings, place = _siblings(copy.deepcopy(body), at)
    if 0 <= place + step < len(siblings):
        return moved(body, at, _nth(at, place + step))
    neighbour = at.section + step
    if at.field >= 0 > at.cell and 0 <= neighbour < len(body["sections"]):
        end = len(body["sections"][neighbour]["fields"]) if step < 0 else 0
        return moved(body, at, At(neighbour, end))
    return body, at


def with_answers(field: Body, lines: list[str], target: Target | None) -> list[Body]:
    """The answers of a choice from one line each. An answer keeps its code while its words stay or it stays in its
    place; a new one gets the code of the place it lands in, if that knows the words, else one from its words."""
    before: list[Body] = [dict(option) for option in field.get("options", [])]
    by_words = {option["label"]: option["value"] for option in before}
    takes = dict(target.answers) if target else {}
    known = {code_of(said): code for code, said in takes.items()}
    found: list[Body] = []
    taken: set[str] = set()
    for number, words in enumerate(lines):
        had = by_words.get(words) or (before[number]["value"] if len(before) == len(lines) else "")
        code = had if had and (not takes or had in takes) else known.get(code_of(words), had or code_of(words))
        code = _free(code, taken)
        taken.add(code)
        found.append({"value": code, "label": words})
    return found


def named(body: Body) -> Body:
    """Fields and columns that were never published get their keys from their labels, before they are."""
    new = copy.deepcopy(body)
    fields = [field for section in new["sections"] for field in section["fields"]]
    taken = {field["key"] for field in fields if not field["key"].startswith(FRESH)}
    for field in fields:
        if field["key"].startswith(FRESH):
            field["key"] = _free(code_of(field.get("label") or field["type"]), taken)
            taken.add(field["key"])
        cells = field.get("cells") or []
        mine = {cell["key"] for cell in cells if not cell["key"].startswith(FRESH)}
        for cell in cells:
            if cell["key"].startswith(FRESH):
                cell["key"] = _free(code_of(cell["label"]), mine)
                mine.add(cell["key"])
    return new


def place_of(body: Body, key: str) -> At | None:
    """Where the field with a key stands; ``field.line.column`` names a column."""
    name, _, rest = key.partition(".")
    for number, section in enumerate(body["sections"]):
        for index, field in enumerate(section["fields"]):
            if field["key"] != name:
                continue
            column = rest.rpartition(".")[2]
            cells = [cell["key"] for cell in field.get("cells") or []]
            return At(number, index, cells.index(column) if column in cells else -1)
    return None


def _siblings(body: Body, at: At) -> tuple[list[Body], int]:
    if at.field < 0:
        return body["sections"], at.section
    if at.cell < 0:
        return body["sections"][at.section]["fields"], at.field
    return body["sections"][at.section]["fields"][at.field]["cells"], at.cell


def _parent(at: At) -> At:
    return At(at.section, at.field) if at.cell >= 0 else At(at.section)


def _nth(at: At, place: int) -> At:
    if at.cell >= 0:
        return at._replace(cell=place)
    return at._replace(field=place) if at.field >= 0 else At(place)


def _behind(body: Body, at: At) -> At:
    last = len(body["sections"][at.section]["fields"])
    return At(at.section, at.field + 1 if at.field >= 0 else last)


def _put(body: Body, one: Body, at: At) -> tuple[Body, At]:
    new = copy.deepcopy(body)
    siblings, place = _siblings(new, at)
    siblings.insert(place, one)
    return new, at


def _fresh_key(body: Body) -> str:
    return _free(FRESH + "field", {field["key"] for section in body["sections"] for field in section["fields"]})


def _free(wanted: str, taken: set[str]) -> str:
    wanted = wanted[:36]
    name, count = wanted, 2
    while name in taken:
        name, count = f"{wanted}_{count}", count + 1
    return name
