"""Where the answers of paper land: from sheets that were read to the records of one visit, before anything is written.

Every field names its place (``exam.weight_grams``); units of the paper become those of the records here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from appointments.clinical import (
    CheckInEntry,
    DischargeEntry,
    ExamEntry,
    RecoveryEntry,
    SurgeryEntry,
    hundredths_celsius,
)
from forms.definition import Cell, FormField
from outage.typed import Answers, House, Problem, Wrong, joined_text, words_of

STAGES: dict[str, type[Any]] = {
    "check_in": CheckInEntry, "exam": ExamEntry, "surgery": SurgeryEntry, "recovery": RecoveryEntry,
    "discharge": DischargeEntry,
}  # fmt: skip
"""The stage records that paper fills, in the order of the day."""
GRAMS = {"kg": Decimal(1000), "lb": Decimal("453.59237"), "lbs": Decimal("453.59237"), "g": Decimal(1)}
OWNERS = {"feral_caretaker": "caretaker"}
AS_BOOKED = ("surgery", "as_booked", "booked")
"""Answers of "services done" that stand for what was booked."""


@dataclass(frozen=True)
class DrugLine:
    """One line of drugs on a sheet, in thousandths. ``at`` None where no time stands on it."""

    sheet: str
    key: str
    bottle_id: str
    drug: str
    given: int
    wasted: int
    at: datetime | None
    stage: str
    route: str = ""
    appointment_number: int | None = None
    by: str | None = None
    witness: str | None = None
    needs_witness: bool = False


@dataclass
class Landing:
    """What the sheets of one visit say, by place. ``odd`` are things to look at that stop nobody."""

    got: dict[str, Any] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    """Places the sheets have a field for, answered or not."""
    of: dict[str, str] = field(default_factory=dict)
    """The sheet each place was read from."""
    drugs: list[DrugLine] = field(default_factory=list)
    observations: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    vaccines: list[str] = field(default_factory=list)
    wording: dict[str, str] = field(default_factory=dict)
    """What the paper says of a consent that was marked, by place and answer."""
    custom: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)
    """Answers that have no place of their own, by the part of the record they are noted in."""
    odd: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def text(self, place: str) -> str:
        """What landed there as text."""
        value = self.got.get(place)
        return joined_text(value) if isinstance(value, list) else str(value or "").strip()

    def has(self, stage: str) -> bool:
        """Whether anything was said about a stage."""
        return any(place.startswith(f"{stage}.") for place in self.got)

    def values(self, stage: str) -> dict[str, Any]:
        """What was said of a stage's record, by its columns."""
        names = {one.name for one in fields(STAGES[stage])}
        return {place.split(".", 1)[1]: value for place, value in self.got.items()
                if place.startswith(f"{stage}.") and place.split(".", 1)[1] in names}  # fmt: skip

    def emptied(self, stage: str) -> set[str]:
        """The columns of a stage's record that the sheets ask for and say nothing of."""
        names = {one.name for one in fields(STAGES[stage])}
        return {place.split(".", 1)[1] for place in self.asked - self.got.keys()
                if place.startswith(f"{stage}.") and place.split(".", 1)[1] in names}  # fmt: skip


def land(sheets: Iterable[Answers], house: House) -> Landing:
    """Bring the answers of all sheets of a visit to their places."""
    found = Landing()
    for told in sheets:
        found.problems += told.problems
        found.odd += [Problem(told.sheet, key, sentence) for key, sentence in told.left]
        for one in told.form.fields():
            if one.type == "grid":
                _grid(found, told, one, house)
                continue
            if one.target:
                found.asked.update(_places(one))
            if one.key in told.values:
                _field(found, told.sheet, one, told.values[one.key])
    return found


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _places(one: FormField) -> tuple[str, ...]:
    return ("surgery.tattoo", "surgery.ear_tip") if one.target == "surgery.marks" else (one.target,)


def _field(found: Landing, sheet: str, one: FormField, value: Any) -> None:
    place = one.target
    if value is None:  # only a person's mark that nobody can read
        found.odd.append(Problem(sheet, one.key, f"{one.label}: nobody could read who signed."))
    elif one.type == "signature":
        if place or one.key in ("signature", "owner_signature"):
            _put(found, sheet, place or "check_in.consent", "signed" if value else "missing")
    elif not place:
        _note(found, one, value)
    elif place.startswith("custom."):
        _, entity, slug = place.split(".", 2)
        found.custom.setdefault(entity, {})[slug] = _custom(one, value)
    else:
        if place.startswith("consent."):
            found.wording |= {
                f"{place}.{answer}": f"{one.label}: {words_of(one, answer)}" for answer in _several(value)
            }
        for where, what in _landed(place, one, value):
            _put(found, sheet, where, what)


def _put(found: Landing, sheet: str, place: str, value: Any) -> None:
    """Several answers may fill one place: lists grow, texts are joined, else the last one counts."""
    there = found.got.get(place)
    if isinstance(value, list):
        found.got[place] = [*(there or []), *value]
    elif isinstance(value, str) and isinstance(there, str) and place not in ("flow.stage", "check_in.consent"):
        found.got[place] = joined_text([there, value])
    else:
        found.got[place] = value
    found.of[place] = sheet


def _landed(place: str, one: FormField, value: Any) -> list[tuple[str, Any]]:
    """The value as the record keeps it, and where; nothing for an answer that says nothing."""
    if place in _KEPT:
        return _KEPT[place](place, one, value)
    if isinstance(value, Decimal):
        return [(place, int(value) if value == value.to_integral_value() else float(value))]
    if isinstance(value, list):
        return [(place, words_of(one, value))]
    if one.type == "single" and isinstance(value, str) and place.split(".")[0] in STAGES:
        return [(place, value.replace("_", " "))]
    return [(place, value)]


def _grams(place: str, one: FormField, value: Any) -> list[tuple[str, Any]]:
    return [(place, int((value * GRAMS.get(one.unit.lower(), Decimal(1000))).to_integral_value()))]


def _warmth(place: str, one: FormField, value: Any) -> list[tuple[str, Any]]:
    return [(place, celsius(value, one.unit))]


def _score(place: str, _: FormField, value: Any) -> list[tuple[str, Any]]:
    return [(place, int("".join(char for char in str(value) if char.isdigit())))]


def _yes_no(place: str, _: FormField, value: Any) -> list[tuple[str, Any]]:
    known = {"yes": True, "no": False, True: True}
    return [(place, known[value])] if value in known else []


def _consent(place: str, _: FormField, value: Any) -> list[tuple[str, Any]]:
    return [(place, "signed" if value else "missing")]


def _marks(_: str, __: FormField, value: Any) -> list[tuple[str, Any]]:
    return [("surgery.tattoo", "tattoo" in value), ("surgery.ear_tip", "ear_tip" in value)]


def _outcome(place: str, _: FormField, value: Any) -> list[tuple[str, Any]]:
    died = [("flow.reason", "Died in surgery")] if value == "died_in_surgery" else []
    return [(place, "died" if died else value), *died]


def _owner(place: str, _: FormField, value: Any) -> list[tuple[str, Any]]:
    return [(place, OWNERS.get(value, value))]


def _listed(place: str, _: FormField, value: Any) -> list[tuple[str, Any]]:
    return [(place, list(value) if isinstance(value, list) else [value])]


def _findings(place: str, _: FormField, value: Any) -> list[tuple[str, Any]]:
    return [(place, [item.replace("_", " ") for item in (value if isinstance(value, list) else [value])])]


def _born(place: str, one: FormField, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Decimal):  # paper from before age had places of its own
        return [("patient.age_months" if "month" in one.key else "patient.age_years", int(value))]
    return [(place, value)]


_KEPT: dict[str, Callable[[str, FormField, Any], list[tuple[str, Any]]]] = {
    "exam.weight_grams": _grams, "exam.temperature_hundredths": _warmth, "recovery.temperature_hundredths": _warmth,
    "exam.body_condition": _score, "exam.approved": _yes_no, "check_in.fasted": _yes_no, "patient.altered": _yes_no,
    "check_in.consent": _consent, "surgery.marks": _marks, "flow.stage": _outcome, "client.owner_type": _owner,
    "checkout.services": _listed, "appointment.services": _listed, "consent.channels": _listed,
    "consent.marketing": _listed, "consent.phi": _yes_no,
    "exam.abnormalities": _findings, "surgery.complications": _findings, "recovery.complications": _findings,
    "patient.born_on": _born,
}  # fmt: skip


def celsius(value: Decimal, unit: str) -> int:
    """Degrees as the paper asks for them, as hundredths of a degree Celsius; without a unit by their size."""
    scale = "F" if "F" in unit.upper() or ("C" not in unit.upper() and value > 50) else "C"
    return hundredths_celsius(float(value), scale=scale)


def _custom(one: FormField, value: Any) -> Any:
    """A single choice stays the code of its answer: what the clinic's own list calls it is known where it is kept."""
    if one.type == "multi":
        return words_of(one, value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _note(found: Landing, one: FormField, value: Any) -> None:
    """An answer without a place of its own is kept in the words of the record, where it says something."""
    if one.type == "time":
        if one.key in ("signed_at", "arrived_at"):
            found.got.setdefault("check_in.event_at", value)
    elif one.type in ("text", "multi", "digits", "single") and (one.critical or one.type != "single" or value != "no"):
        found.told.setdefault("check_in.notes", []).append(f"{one.label.rstrip('?')}: {words_of(one, value)}")


def _grid(found: Landing, told: Answers, one: FormField, house: House) -> None:
    rows = told.rows.get(one.key, [])
    places = {cell.key: cell for cell in one.cells}
    for number, cells in rows:
        named = {_cell_name(places[key], one.target): (places[key], value) for key, value in cells.items()}
        key = f"{one.key}.{number}"
        if one.target == "drug_log":
            _drug_line(found, told.sheet, key, named, house)
        elif one.target == "observation":
            found.observations.append((told.sheet, key, _observation(named)))
        elif one.target == "vaccine":
            text = {name: str(value) for name, (cell, value) in named.items() if value and cell.type != "initials"}
            parts = [text.get("product", ""), f"lot {text['lot']}" if "lot" in text else "",
                     f"expires {text['expires']}" if "expires" in text else "", text.get("site", "")]  # fmt: skip
            found.vaccines.append(", ".join(part for part in parts if part))


def _cell_name(cell: Cell, grid: str) -> str:
    """What a column of repeating lines means, also on paper from before columns said so."""
    name = cell.target.removeprefix(f"{grid}.") if cell.target.startswith(f"{grid}.") else cell.key
    return {"expiry": "expires"}.get(name, name)


def _drug_line(found: Landing, sheet: str, key: str, cells: dict[str, tuple[Cell, Any]], house: House) -> None:
    value = {name: one[1] for name, one in cells.items()}
    if not {"bottle", "drawn", "given", "wasted"} & value.keys():
        return

    def place(name: str) -> str:
        return f"{key}.{cells[name][0].key}" if name in cells else f"{key}.{name}"

    if any(
        name in value and _has_problem(found, sheet, place(name)) for name in ("bottle", "drawn", "given", "wasted")
    ):
        return  # what is wrong with the line was said
    try:
        bottle, drug = house.bottle(str(value.get("bottle") or house.log_of), str(value.get("drug") or ""))
        given, wasted = quantities(*(thousandths(value.get(name)) for name in ("drawn", "given", "wasted")))
        if given + wasted > bottle.size:
            raise Wrong(cell="drawn", problem=f"Bottle {bottle.number} never held that much. Look at the quantity.")
        number = _visit_number(value.get("appointment"))
    except Wrong as wrong:
        sentence = f"Drugs, line {key.split('.')[1]}: {wrong.message}"
        found.problems.append(Problem(sheet, place(str(wrong.facts["cell"])), sentence))
        return
    for name, what in (("by", "who drew it"), ("witness", "the witness")):
        if name in value and value[name] is None and not _has_problem(found, sheet, place(name)):
            found.odd.append(Problem(sheet, place(name), f"{drug.name}: nobody could read {what}."))
    found.drugs.append(
        DrugLine(
            sheet, key, bottle.id, drug.name, given, wasted, value.get("event_at", value.get("time")), drug.stage,
            str(value.get("route") or drug.route), number, _one(value.get("by")), _one(value.get("witness")),
            drug.needs_witness,
        )
    )  # fmt: skip


def quantities(drawn: int | None, given: int | None, wasted: int | None) -> tuple[int, int]:
    """Given and wasted of a line, in thousandths; what is not written follows from the rest. Raises Wrong."""
    if drawn is None and given is None and wasted is None:
        raise Wrong(cell="drawn", problem="How much was drawn is missing.")
    if given is None:
        given = drawn - (wasted or 0) if drawn is not None else 0
    if wasted is None:
        wasted = drawn - given if drawn is not None else 0
    if wasted < 0 or given < 0 or (drawn is not None and drawn != given + wasted):
        raise Wrong(cell="given", problem="Drawn must be given plus wasted. Look at the three quantities.")
    if given + wasted == 0:
        raise Wrong(cell="drawn", problem="The quantity must be more than zero.")
    return given, wasted


def _visit_number(text: Any) -> int | None:
    if text is None:
        return None
    digits = "".join(char for char in str(text) if char.isdigit())
    if not digits:
        raise Wrong(cell="appointment", problem=f"'{text}' is not the number of a visit.")
    return int(digits)


def _one(signed: Any) -> str | None:
    return signed[0] if isinstance(signed, list) and signed else signed or None


def _has_problem(found: Landing, sheet: str, key: str) -> bool:
    return any((one.sheet, one.key) == (sheet, key) for one in found.problems)


def thousandths(value: Any) -> int | None:
    """A quantity of the paper in thousandths; None where there is none."""
    return int(value * 1000) if isinstance(value, Decimal) else None


def _observation(cells: dict[str, tuple[Cell, Any]]) -> dict[str, Any]:
    line: dict[str, Any] = {}
    for name, (cell, value) in cells.items():
        if value is None:
            continue
        name = {"temperature": "temperature_hundredths", "time": "event_at", "membranes": "mucous_membranes",
                "note": "text"}.get(name, name)  # fmt: skip
        if name == "temperature_hundredths":
            line[name] = celsius(value, cell.unit or cell.label)
        elif isinstance(value, Decimal):
            line[name] = int(value)
        elif name in ("mucous_membranes", "text", "event_at"):
            line[name] = value
    return line
