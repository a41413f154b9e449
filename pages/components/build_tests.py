"""The tests of a report being built: which field, how, and against what. Each kind of field has its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import streamlit as st

from pages.components import frame, show
from pages.components.build_state import Built, add, pick, remove, typed
from reports import building, offers
from reports.model import Column
from reports.periods import PERIODS, UNITS, Away, away_of
from reports.told import OF_DAYS, OPERATORS
from reports.values import WEEKDAYS, choice

LISTED = ("choice", "weekday", "hour")
NUMBERS = ("whole", "number", "money", "minutes", "ratio", "per_10000")


def blocks(made: Built, *, ask: bool = True) -> None:
    """All of these must hold; within one of them any. ``ask`` offers to ask each time."""
    for block in list(made.choices["filters"]):
        with st.container(border=True, gap="small", key=made.key("block", block["id"])):
            for place, line in enumerate(list(block["any"])):
                if place:
                    st.caption("or")
                _one(made, line, block["any"], made.key(block["id"]), ask=ask)
            _foot(made, block)
        if not block["any"]:
            made.choices["filters"].remove(block)
            st.rerun()
    add(
        "Add a test", made.choices["filters"], lambda: {"id": building.fresh(), "any": [_first()]}, made.key("add-test")
    )


def lines(made: Built, tests: list[building.Choices], key: str) -> None:
    """The tests of one number: all of them must hold."""
    for line in list(tests):
        _one(made, line, tests, key, ask=False)
    add("Add a test", tests, _first, f"{key}:add")


def _first() -> building.Choices:
    return building.test("", "in")


def _foot(made: Built, block: building.Choices) -> None:
    last = block["any"][-1] if block["any"] else None
    if last is not None and (last.get("field") or "all" in last):
        add("or", block["any"], _first, made.key(block["id"], "or"))


def _one(made: Built, line: building.Choices, among: list[Any], key: str, *, ask: bool) -> None:
    key = f"{key}:{line['id']}"
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if "all" in line:
            st.caption("Several tests together, as they were saved.")
        else:
            found = [one for one in made.offers if one.column.type in offers.TESTED]
            field = pick("Field", made.among(found, line["field"]), line["field"], f"{key}:field",
                         label_visibility="collapsed")  # fmt: skip
        remove("this test", among, line, f"{key}:gone")
    if "all" in line or not field:
        return
    column = made.column(field)
    if field != line["field"]:
        first = next(iter(operators(column))) if column else line["op"]
        line |= {"field": field, "op": first, "value": _beginning(column, first)}
    if column is None:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        known = operators(column)
        op = pick("How", known if line["op"] in known else {line["op"]: OPERATORS[line["op"]]} | known, line["op"],
                  f"{key}:op:{field}", label_visibility="collapsed", width=150)  # fmt: skip
        if op != line["op"]:
            line |= {"op": op, "value": _beginning(column, op)}
        if op not in ("empty", "not_empty"):
            line["value"] = value(
                made.entity, field, column, op, line["value"], f"{key}:value:{field}:{op}", values=made.values
            )  # fmt: skip
    if ask and op not in ("empty", "not_empty"):
        _asked(made, line, key)


def _asked(made: Built, line: building.Choices, key: str) -> None:
    asked = typed(st.checkbox, "Ask each time", bool(line["parameter"]), f"{key}:ask")
    if asked and not line["parameter"]:
        taken = {one.get("parameter") for block in made.choices["filters"] for one in block["any"]}
        base = line["field"].split(".")[-1][:36]
        line["parameter"] = next(name for name in [base, *(f"{base}_{n}" for n in range(2, 40))] if name not in taken)
        made.choices["asks"][line["parameter"]] = made.words(line["field"]).split(" > ")[-1]
    elif not asked:
        line["parameter"] = ""


def operators(column: Column) -> dict[str, str]:
    """How a field may be tested, in words."""
    of = OPERATORS | (OF_DAYS if column.type == "day" else {})
    if column.type in LISTED:
        names = ["in", "not_in", "empty", "not_empty"]
    elif column.type == "day":
        names = ["within", "from", "to", "is", "before", "after", "empty", "not_empty"]
    elif column.type in NUMBERS:
        names = ["from", "to", "is", "is_not", "after", "before", "empty", "not_empty"]
    elif column.type == "yes_no":
        names = ["is"]
    elif column.phi:
        names = ["contains", "is", "is_not", "empty", "not_empty"]
    else:
        names = ["in", "not_in", "contains", "empty", "not_empty"]
    return {name: of[name] for name in names}


def _beginning(column: Column | None, op: str) -> Any:
    if column is None or op in ("empty", "not_empty"):
        return None
    if op in ("in", "not_in"):
        return []
    if op == "within":
        return "this_month"
    if column.type == "day":
        return show.today().isoformat()
    return True if column.type == "yes_no" else "" if column.type in ("text", "choice") else None


def value(
    entity: str, field: str, column: Column, op: str, now: Any, key: str, *, label: str = "",
    values: Callable[[str, str], Sequence[Any]] | None = None,
) -> Any:  # fmt: skip
    """The entry for what a field is tested against, as JSON holds it; only screen readers hear a label not given.
    ``values`` finds those that exist in a field."""
    words = label or f"What {column.label} is compared with"
    seen: dict[str, Any] = {} if label else {"label_visibility": "collapsed"}
    if op in ("in", "not_in"):
        return _several(values or _values, entity, field, column, words, now, key, seen)
    if op == "within":
        return _within(words, now, key, seen, any_day=bool(label))
    if column.type == "day":
        day = typed(st.date_input, words, date.fromisoformat(now) if now else None, key, format=show.date_format(),
                    **seen)  # fmt: skip
        return day.isoformat() if day else None
    if column.type == "yes_no":
        options = {True: "Yes", False: "No"} | ({"": "Either"} if label else {})
        chosen = pick(words, options, now if now is not None else "", key, **seen)
        return None if chosen == "" else chosen
    if column.type in NUMBERS:
        return _amount(column, words, now, key, seen)
    return typed(st.text_input, words, str(now or ""), key, **seen).strip() or None


AWAY = {
    "ago": "… to … ago", "before": "More than … ago", "ahead": "In … to … from now", "after": "In more than …",
}  # fmt: skip


def _within(words: str, now: Any, key: str, seen: dict[str, Any], *, any_day: bool) -> Any:
    """A named period, or a stretch so far away from today."""
    away = away_of(str(now or ""))
    options = ({"": "Any day"} if any_day else {}) | AWAY | PERIODS
    chosen = pick(words, options, away.way if away else now or ("" if any_day else now), key, **seen)
    if chosen not in AWAY:
        return chosen
    away = away if away and away.way == chosen else Away(chosen, 11 if chosen == "ago" else 1, 13, "months")
    both = chosen in ("ago", "ahead")
    least = typed(st.number_input, "From" if both else "More than", away.least, f"{key}:{chosen}:least", step=1,
                  min_value=0, max_value=9999, label_visibility="collapsed", width=88)  # fmt: skip
    most = least
    if both:
        st.caption("to", width="content")
        most = typed(st.number_input, "To", away.most, f"{key}:{chosen}:most", step=1, min_value=0, max_value=9999,
                     label_visibility="collapsed", width=88)  # fmt: skip
    unit = pick("Unit", {one: one for one in UNITS}, away.unit, f"{key}:{chosen}:unit", width=112,
                label_visibility="collapsed")  # fmt: skip
    least, most = sorted((int(least or 0), int(most or 0)))
    return Away(chosen, least, most, unit).period


def _amount(column: Column, words: str, now: Any, key: str, seen: dict[str, Any]) -> Any:
    whole = column.type == "whole"
    scale = 100 if column.type == "money" else 1
    begun = None if now in (None, "") else int(now) if whole else float(now) / scale
    number = typed(st.number_input, words, begun, key, step=1 if whole else None, format=None if whole else "%.2f",
                   placeholder=show.currency_symbol() if scale == 100 else "Number", **seen)  # fmt: skip
    return None if number is None else round(number * 100) if scale == 100 else number


def _several(
    values: Callable[[str, str], Sequence[Any]],
    entity: str,
    field: str,
    column: Column,
    words: str,
    now: Any,
    key: str,
    seen: dict[str, Any],
) -> Any:
    chosen = now if isinstance(now, list) else [now] if now not in (None, "") else []
    if column.type == "weekday":
        options: list[Any] = list(range(1, 8))
    elif column.type == "hour":
        options = list(range(24))
    else:
        options = list(values(entity, field))
    options = [*options, *(one for one in chosen if one not in options)]
    begun = typed(st.multiselect, words, chosen, key, options=options, placeholder="Choose",
                  format_func=lambda one: _said(column, one), **seen)  # fmt: skip
    return list(begun)


def _said(column: Column, one: Any) -> str:
    if column.type == "weekday":
        return WEEKDAYS[int(one) - 1]
    if column.type == "hour":
        return f"{int(one):02d}:00"
    return choice(one) if column.type == "choice" else str(one)


@frame.kept_for(60)
def _values(entity: str, field: str) -> tuple[Any, ...]:
    """The values that exist, kept for a minute."""
    return tuple(offers.values_of(entity, field, by=frame.actor()))
