"""What a person would key from a sheet whose truth is known: for the part of a practice that is not done by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forms.definition import Form

WRITTEN_ONLY = ("fact", "prose")


def keyed(values: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """The answers of a sheet as back entry takes them (outage/entry.py): a signature is there or not, what is printed
    is not keyed, and a field with an empty place says so."""
    found: dict[str, Any] = {}
    for one in form.fields():
        if one.type in WRITTEN_ONLY:
            continue
        if one.type == "grid":
            found |= {key: value for key, value in values.items() if key.startswith(f"{one.key}.")}
        elif one.type == "signature":
            found[one.key] = bool(values.get(one.key))
        elif values.get(one.key) not in (None, "", False):
            found[one.key] = values[one.key]
        elif one.critical or one.required:
            found[one.key] = "-"
    return found
