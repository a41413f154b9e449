"""What a report asks, in words: printed on the screen and on every export of a report that somebody built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.model import AllOf, AnyOf, Condition, Filter, Model
from reports.periods import label_of
from reports.spec import ReportSpec

OPERATORS = {
    "is": "is", "is_not": "is not", "in": "is one of", "not_in": "is none of", "from": "is at least",
    "to": "is at most", "after": "is more than", "before": "is less than", "contains": "contains",
    "empty": "is empty", "not_empty": "is not empty", "within": "is in",
}  # fmt: skip
OF_DAYS = {"is": "is", "from": "is on or after", "to": "is on or before", "after": "is after", "before": "is before"}


def definition(spec: ReportSpec, model: Model) -> str:
    """Its own words where it has some, otherwise what it counts, which rows, and what it is compared with."""
    if spec.definition:
        return spec.definition
    entity = model.entity(spec.entity)
    words = [f"Over {entity.label.lower()}: each is {entity.row}."]
    if spec.period:
        _, _, day = model.resolve(spec.entity, spec.period)
        words.append(f"The period is of {day.label}, both days included.")
    tests = [*entity.where, *spec.filters]
    if tests:
        words.append(f"Only where {'; and '.join(test(one, spec, model) for one in tests)}.")
    if spec.compare:
        than = "the same days a year before" if spec.compare == "year_before" else "the period just before"
        words.append(f"Compared with {than}.")
    return " ".join(words)


def test(one: Filter | AllOf, spec: ReportSpec, model: Model, params: Mapping[str, Any] | None = None) -> str:
    """A test in words, with the answer in place of a question where ``params`` holds it."""
    if isinstance(one, AnyOf):
        return "either " + " or ".join(test(part, spec, model, params) for part in one.any)
    if isinstance(one, AllOf):
        return "(" + " and ".join(test(part, spec, model, params) for part in one.all) + ")"
    return _condition(one, spec, model, params)


def _condition(one: Condition, spec: ReportSpec, model: Model, params: Mapping[str, Any] | None) -> str:
    label = path_words(model, spec.entity, one.field)
    _, _, found = model.resolve(spec.entity, one.field)
    operator = (OF_DAYS if found.type == "day" else {}).get(one.op, OPERATORS[one.op])
    if one.op in ("empty", "not_empty"):
        return f"{label} {operator}"
    value: Any = one.value
    if one.parameter:
        answered = (params or {}).get(one.parameter)
        if answered is None:
            return f"{label} {operator} what is chosen"
        value = answered
    if value is None:
        return f"{label} is not given"
    if one.op == "within":
        return f"{label} {operator} {label_of(str(value))}"
    values = value if isinstance(value, list) else [value]
    return f"{label} {operator} {', '.join(_value(item, found.type) for item in values)}"


def path_words(model: Model, start: str, path: str) -> str:
    """A field in words, with the way to it: ``Client > City``; a field that is there directly by its name alone."""
    *steps, _ = path.split(".")
    return " > ".join([*(step.replace("_", " ").capitalize() for step in steps), model.resolve(start, path)[2].label])


def head(start: str, path: str, model: Model) -> str:
    """The words over a column where its field alone would not tell: a provider's name is headed Provider."""
    *steps, last = path_words(model, start, path).split(" > ")
    return steps[-1] if steps and last in ("Name", "Code", "Initials") else ""


def _value(value: Any, type_: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if type_ == "money" and isinstance(value, int | float):
        return f"{value / 100:,.2f}"
    if type_ == "choice":
        return "canceled" if value == "cancelled" else str(value).replace("_", " ")
    return str(value)
