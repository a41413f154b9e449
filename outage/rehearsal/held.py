"""A reading of the practice stack held against what is really on its pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from forms.settings import shipped
from outage.scan_lines import PageLine


@dataclass
class Held:
    """What became of the pages: how many in each state, how many put to a wrong sheet (must be none), how many boxes
    read, of these wrongly without a word, and how many asked about."""

    pages: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    misfiled: int = 0
    boxes: int = 0
    wrong: int = 0
    asked: int = 0

    def document(self) -> dict[str, Any]:
        """As ``ballast rehearse --json`` tells it."""
        told = asdict(self)
        states = {name: self.states.get(name, 0) for name in ("attached", "review", "duplicate", "foreign")}
        del told["states"]
        return told | states | {"destroyed": self.states.get("quarantined", 0), "reasons": dict(self.reasons)}


def held_against(lines: Sequence[PageLine], truth: Mapping[str, Any]) -> Held:
    """Compare the pages of a read stack, in its order, with the truth beside it. What the machine reads of a consent is
    not held against it: people mark that themselves, as a stain is none."""
    found = Held(len(lines))
    typed = {
        (slug, one.key)
        for kind in ("veterinary", "human") for slug, form in shipped(kind).items()
        for one in form.fields() if one.critical and one.target.startswith("consent.")
    }  # fmt: skip
    for line, page in zip(lines, truth["pages"], strict=True):
        found.states[line.state] += 1
        if line.reason:
            found.reasons[line.reason] += 1
        if line.serial and (line.serial, line.page) != (page["serial"], page["page"]):
            found.misfiled += 1
            continue
        sheet = truth["sheets"].get(str(line.serial or 0))
        if sheet is None:
            continue
        values = sheet["pages"].get(str(line.page)) or sheet["pages"].get(line.page) or sheet["values"]
        for key, answer in line.fields.items():
            found.boxes += 1
            if answer["state"] != "read":
                found.asked += 1
            elif (line.form, key) not in typed and (answer["value"] or None) != (values.get(key) or None):
                found.wrong += 1
    return found
