"""A report while it is being built: plain choices that JSON can hold, and the spec they come to.

``choices_of`` takes a spec apart so that it can be changed; ``spec_of`` puts it together again. What the builder does
not show (texts, further breakdowns, a condition in brackets) travels along untouched.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from data.errors import BadInput
from reports import told
from reports.model import Condition, Filter, Model, UnknownWord
from reports.spec import Ask, Breakdown, By, Counted, ReportSpec

Choices = dict[str, Any]
KEPT = ("title", "group", "purpose", "definition", "permission", "takes", "leave_out_zero", "empty")
_FILTERS = TypeAdapter(list[Filter])
MADE_WITH = ("measure", "agg", "of", "num", "den", "percent", "where")


class NotComplete(BadInput):
    """{what}"""


def fresh() -> str:
    """An id for a line of the builder."""
    return "x" + uuid.uuid4().hex[:8]


def begin(model: Model, entity: str) -> Choices:
    """What a new report over an entity begins with: its first number by month, over the last twelve of them."""
    known = model.entity(entity)
    first = next(iter(known.measures), "")
    day = known.day
    kept: Choices = {name: ReportSpec.model_fields[name].get_default(call_default_factory=True) for name in KEPT[2:]}
    return {
        "entity": entity, "shape": "numbers",
        "numbers": [number(measure=first) if first else number(agg="count")],
        "groups": [group(day, "month")] if day else [], "across": None, "others": [],
        "filters": [], "asks": {}, "period": day, "preset": "last_12_months", "compare": "", "subtotals": False,
        "total": True, "columns": [column(path) for path in known.rows], "sort": [], "limit": 0,
        "chart": {"kind": "bar" if day else "none"}, "kept": kept,
    }  # fmt: skip


def number(**made: Any) -> Choices:
    """A line for a number; ``shows`` lists what of it is shown, each a column of its own."""
    plain: Choices = {"measure": "", "agg": None, "of": "", "num": "", "den": "", "percent": True, "where": []}
    return {"id": fresh(), "label": "", "shows": ["value"], "names": {}, "labels": {}} | plain | made


def group(field: str, grain: str = "") -> Choices:
    """A line for something to group by."""
    return {"id": fresh(), "field": field, "grain": grain, "name": "", "label": ""}


def column(field: str) -> Choices:
    """A column of a report that lists rows."""
    return {"field": field, "name": field.replace(".", "_"), "label": "", "hidden": False}


def test(field: str, op: str, value: Any = None) -> Choices:
    """A line for a test; its ``parameter`` names the question it is asked by."""
    return {"id": fresh(), "field": field, "op": op, "value": value, "parameter": ""}


def choices_of(spec: ReportSpec, by: str = "") -> Choices:
    """A spec taken apart; of several breakdowns the one called ``by``, or the first."""
    lines: list[Choices] = []
    for counted in spec.numbers:
        made = {name: getattr(counted, name) for name in MADE_WITH} | {
            "where": [_line(one.model_dump()) for one in counted.where]
        }
        same = next((one for one in lines if _alike(one, made) and counted.show not in one["names"]), None)
        if same is None:
            same = number(**made, shows=[])
            lines.append(same)
        same["shows"].append(counted.show)
        same["names"][counted.show] = counted.name
        same["labels"][counted.show] = counted.label
    for line in lines:
        line["label"] = line["labels"].pop("value", "")
        for part in ("num", "den"):
            line[part] = next((one["id"] for one in lines if line[part] in one["names"].values()), "")
    chosen = spec.breakdown(by) if spec.breakdowns else Breakdown(name="none", label="In all")
    asks = {ask.name: ask for ask in spec.asks}
    return {
        "entity": spec.entity, "shape": "list" if spec.columns else "numbers", "numbers": lines,
        "groups": [_by(one) for one in chosen.by],
        "across": _by(spec.across) if spec.across else None,
        "others": [one.model_dump() for one in spec.breakdowns if one is not chosen],
        "chosen": {"name": chosen.name, "label": chosen.label},
        "filters": [_block(one, asks) for one in spec.filters],
        "asks": {name: ask.label for name, ask in asks.items()},
        "columns": [one.model_dump() for one in spec.columns], "chart": spec.chart.model_dump(),
        "kept": {name: getattr(spec, name) for name in KEPT},
        **{name: getattr(spec, name) for name in
           ("period", "preset", "compare", "subtotals", "total", "sort", "limit")},
    }  # fmt: skip


def spec_of(choices: Choices, model: Model, title: str = "New report") -> ReportSpec:
    """The spec that choices come to; lines get the names of their columns on the way.

    Groups and tests without a field are left out. Raises NotComplete, with what else is missing.
    """
    counting = choices["shape"] == "numbers"
    groups = [line for line in choices["groups"] if line["field"]] if counting else []
    across = choices["across"] if counting and choices["across"] and choices["across"]["field"] else None
    taken: set[str] = set()
    lines = [_named_by(line, model, choices, taken) for line in (*groups, *([across] if across else []))]
    body: Choices = {
        **choices["kept"], "title": choices["kept"].get("title") or title, "entity": choices["entity"],
        "period": choices["period"], "preset": choices["preset"],
        "filters": [one for block in choices["filters"] if (one := _filter(block))],
        "asks": _asks(choices), "limit": choices["limit"], "sort": choices["sort"],
    }  # fmt: skip
    if choices["shape"] == "list":
        if not choices["columns"]:
            raise NotComplete(what="Choose at least one column to show.")
        return _built(body | {"columns": choices["columns"]})
    if not choices["numbers"]:
        raise NotComplete(what="Choose at least one number to show.")
    measures = _measures(choices, taken)
    rows = lines[: len(groups)]
    chosen = choices.get("chosen") or {}
    if not choices["others"] or not chosen:
        chosen = {
            "name": "by" if rows else "none",
            "label": ", ".join(by.label or by.column for by in rows) or "In all",
        }
    names = [one["name"] for one in measures]
    y = choices["chart"].get("y")
    return _built(
        body
        | {
            "breakdowns": [{**chosen, "by": rows}, *choices["others"]],
            "across": lines[-1] if across else None,
            "measures": [
                one["name"] if _is_plain(one) else one for one in measures
            ],
            "compare": choices["compare"] if choices["period"] else "",
            "subtotals": choices["subtotals"] and len(rows) > 1,
            "total": choices["total"],
            "sort": [key for key in choices["sort"] if key.lstrip("-") in {*names, *(by.column for by in lines)}],
            "chart": choices["chart"] | {"y": y if y in names else names[0]},
        }
    )  # fmt: skip


def _built(body: Mapping[str, Any]) -> ReportSpec:
    try:
        return ReportSpec.model_validate(body)
    except ValidationError as error:
        words = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise NotComplete(what=f"{words[:1].upper()}{words[1:]}.") from None


def _is_plain(one: Choices) -> bool:
    """Whether a number is a measure of the model under its own name, with nothing changed."""
    return bool(one["measure"]) and one == {**Counted(name=one["measure"], measure=one["measure"]).model_dump()}


def _measures(choices: Choices, taken: set[str]) -> list[Choices]:
    by_id = {line["id"]: line for line in choices["numbers"]}
    for line in choices["numbers"]:
        base = line["measure"] or _word("_".join(part for part in (line["agg"], line["of"]) if part)) or "ratio"
        line["names"] = {show: name for show, name in line["names"].items() if show in line["shows"]}
        for show in line["shows"]:
            name = line["names"].get(show)
            if not name or name in taken:
                name = _free(base if show == "value" else f"{base}_{show}", taken)
            line["names"][show] = name
            taken.add(name)
    found = []
    for line in choices["numbers"]:
        made = {name: line[name] for name in MADE_WITH}
        if not line["measure"] and not line["agg"]:
            parts = [by_id.get(line[part]) for part in ("num", "den")]
            if None in parts or not all(part["names"] for part in parts if part):
                raise NotComplete(what="Choose the two numbers that are divided.")
            made |= {
                name: next(iter(part["names"].values()))
                for name, part in zip(("num", "den"), parts, strict=True)
                if part
            }
        elif line["agg"] not in (None, "count") and not line["of"]:
            raise NotComplete(what=f"Choose the field for the {told_how(line['agg'])}.")
        made["where"] = [_condition(one) for one in line["where"] if one["field"]]
        for show in line["shows"]:
            label = line["label"] if show == "value" else line["labels"].get(show, "")
            found.append(Counted(name=line["names"][show], label=label, show=show, **made).model_dump())
    return found


def blocks_of(filters: Sequence[Filter]) -> list[Choices]:
    """Tests taken apart, so that they can be changed."""
    return [_block(one, {}) for one in filters]


def filters_of(blocks: Sequence[Choices]) -> list[Filter]:
    """The tests that choices come to; those without a field are left out. Raises NotComplete."""
    made = [one for block in blocks if (one := _filter(block))]
    try:
        return _FILTERS.validate_python(made)
    except ValidationError:
        raise NotComplete(
            what="One of the tests is not complete: choose its field and what it is compared with."
        ) from None


def told_how(agg: str) -> str:
    """An aggregate in words."""
    from reports.compile import HOW

    return HOW[agg]


def _named_by(line: Choices, model: Model, choices: Choices, taken: set[str]) -> By:
    name = line["name"] or _word(line["field"] + ("_" + line["grain"] if line["grain"] else ""))
    if name in taken:
        name = _free(name, taken)
    taken.add(name)
    line["name"] = name
    made = By(field=line["field"], grain=line["grain"], name=name, label=line["label"])
    return made.model_copy(update={"label": line["label"] or group_label(model, choices, line)})


def group_label(model: Model, choices: Choices, line: Choices) -> str:
    """The words over a group's column where its field alone would not tell: the surgeon's name is headed Surgeon."""
    try:
        found = model.resolve(choices["entity"], line["field"])[2]
    except UnknownWord:
        return ""
    if line["grain"] and line["field"] != choices["period"]:
        return f"{found.label}, {line['grain']}"
    return told.head(choices["entity"], line["field"], model)


def _asks(choices: Choices) -> list[Choices]:
    wanted = {
        one["parameter"]: one for block in choices["filters"] for one in block["any"] if one.get("parameter")
    }  # fmt: skip
    known = choices["asks"]
    return [
        Ask(
            name=name, field=one["field"], default=one["value"],
            label=known.get(name) or name.replace("_", " ").capitalize(),
        ).model_dump()
        for name, one in wanted.items() if name not in ("from", "to", "as_of", "date", "opening_before", "today")
    ]  # fmt: skip


def _filter(block: Choices) -> Any:
    tests = [
        {"all": one["all"]} if "all" in one else _condition(one) for one in block["any"] if "all" in one or one["field"]
    ]
    if not tests:
        return None
    return tests[0] if len(tests) == 1 and "all" not in tests[0] else {"any": tests}


def _condition(one: Choices) -> Choices:
    made = {name: one[name] for name in ("field", "op", "value", "parameter")}
    if made["parameter"] or made["op"] in ("empty", "not_empty"):
        made["value"] = None
    return made


def _block(one: Any, asks: Mapping[str, Ask]) -> Choices:
    """Tests of which one must hold; a test that is asked holds the answer that is offered first."""
    lines = [_line(part.model_dump()) for part in ([one] if isinstance(one, Condition) else one.any)]
    for line in lines:
        if line.get("parameter") in asks:
            line["value"] = asks[line["parameter"]].default
    return {"id": fresh(), "any": lines}


def _line(one: Choices) -> Choices:
    return {"id": fresh(), **one}


def _by(one: By) -> Choices:
    return {"id": fresh(), **one.model_dump(), "name": one.column}


def _alike(line: Choices, made: Choices) -> bool:
    def bare(one: Choices) -> Any:
        where = [{name: value for name, value in test.items() if name != "id"} for test in one["where"]]
        return [one[name] for name in MADE_WITH if name != "where"], where

    return bool(bare(line) == bare(made))


def _word(text: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:50]
    return word if word[:1].isalpha() else ""


def _free(name: str, taken: set[str]) -> str:
    names = [name, *(f"{name}_{count}" for count in range(2, len(taken) + 3))]
    return next(one for one in names if one not in taken)
