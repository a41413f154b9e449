"""A form drawn from a definition's document class: a widget for each field, chosen by its type and a few hints."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time
from typing import Any, Literal, get_args, get_origin
from zoneinfo import available_timezones

import streamlit as st

from data import amounts
from data.definitions import Document
from pages.components import show
from pages.components.draft_text import long_text

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WIDE = ("long", "lines", "grid", "week", "counts", "several")


@dataclass(frozen=True)
class Field:
    """What the document class cannot say about one field. ``choices`` names a kind and how its entries are kept:
    ``service:slug``; ``words`` are the labels of fixed choices; ``when`` is another field, earlier in the document, and
    the value with which alone this one is asked."""

    label: str = ""
    help: str = ""
    widget: str = ""
    choices: str = ""
    words: dict[str, str] = field(default_factory=dict)
    when: tuple[str, str] | None = None


Choices = Callable[[str], dict[str, str]]
"""From ``service:slug`` to what is kept and how it is called."""


def draw(
    document: type[Document], body: dict[str, Any], fields: dict[str, Field], *, key: str, choices: Choices
) -> dict[str, Any]:
    """Draw a widget for every field of the document; returns the body as it is entered now."""
    entered: dict[str, Any] = {}
    narrow: list[str] = []
    for name in document.model_fields:
        if _widget(document, name, fields) in WIDE:
            _row(document, narrow, body, fields, entered, key, choices)
            narrow = []
            when = fields.get(name, Field()).when
            if when is not None and entered[when[0]] != when[1]:
                entered[name] = body.get(name)
                continue
            entered[name] = _field(document, name, body, fields, key, choices)
        else:
            narrow.append(name)
            if len(narrow) == 2:
                _row(document, narrow, body, fields, entered, key, choices)
                narrow = []
    _row(document, narrow, body, fields, entered, key, choices)
    return entered


def _row(
    document: type[Document], names: list[str], body: dict[str, Any], fields: dict[str, Field],
    entered: dict[str, Any], key: str, choices: Choices,
) -> None:  # fmt: skip
    if not names:
        return
    for column, name in zip(st.columns(2, vertical_alignment="bottom"), names, strict=False):
        with column:
            entered[name] = _field(document, name, body, fields, key, choices)


def label_of(name: str, fields: dict[str, Field]) -> str:
    """A field's name in words."""
    given = fields.get(name, Field()).label
    return given or name.removesuffix("_cents").replace("_", " ").capitalize()


def _widget(document: type[Document], name: str, fields: dict[str, Field]) -> str:
    """Which widget a field gets: the hint's, else by name and type."""
    hint = fields.get(name, Field())
    kind = _bare(document.model_fields[name].annotation)
    if hint.widget:
        return hint.widget
    if name.endswith("_cents"):
        return "money"
    if name == "rate_millionths":
        return "percent"
    if name == "colour":
        return "colour"
    if kind is bool:
        return "switch"
    if kind is int:
        return "number"
    if get_origin(kind) is Literal or hint.words:
        return "choice"
    if get_origin(kind) is list:
        item = get_args(kind)[0]
        if isinstance(item, type) and issubclass(item, Document):
            return "grid"
        return "several" if hint.choices else "lines"
    return "text"


def _bare(annotation: Any) -> Any:
    """The type without ``| None``."""
    if isinstance(annotation, types.UnionType) or get_origin(annotation) is typing.Union:
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def _field(
    document: type[Document], name: str, body: dict[str, Any], fields: dict[str, Field], key: str, choices: Choices
) -> Any:
    hint, value = fields.get(name, Field()), body.get(name)
    common: dict[str, Any] = {"label": label_of(name, fields), "help": hint.help or None, "key": f"{key}-{name}"}
    info = document.model_fields[name]
    match _widget(document, name, fields):
        case "choice":
            return _choice(document, name, value, hint, common, choices)
        case "several":
            offered = choices(hint.choices)
            known = {**offered, **{kept: kept for kept in value or [] if kept not in offered}}
            return st.multiselect(options=list(known), default=value or [], format_func=known.__getitem__, **common)
        case "stage":
            offered = {"": "None", **choices("stage")}
            return _select(offered, value, common)
        case "counts":
            return _counts(value or {}, choices(hint.choices), common)
        case "grid":
            return _grid(get_args(info.annotation)[0], value or [], fields, common, choices)
        case "week":
            return _week(value or {}, common)
        case "money" | "percent" | "number" as widget:
            return _number(widget, value, info.metadata, common)
        case widget:
            return _simple(widget, value, info.metadata, common)


def _number(widget: str, value: Any, metadata: list[Any], common: dict[str, Any]) -> Any:
    if widget == "money":
        shown = amounts.from_cents(value or 0)
        common["label"] += f", {show.currency_symbol()}"
        return amounts.to_cents(st.number_input(value=shown, min_value=0.0, step=1.0, format="%.2f", **common))
    if widget == "percent":
        rate = amounts.from_millionths(value or 0)
        places = max(2, len(f"{rate:.4f}".rstrip("0").partition(".")[2]))
        common |= {"min_value": 0.0, "max_value": 100.0, "step": 0.25, "format": f"%.{places}f"}
        return amounts.to_millionths(st.number_input(value=rate, **common))
    low, high = _bounds(metadata)
    return st.number_input(value=value, min_value=low, max_value=high, step=1, **common)


def _simple(widget: str, value: Any, metadata: list[Any], common: dict[str, Any]) -> Any:
    match widget:
        case "switch":
            return st.toggle(value=bool(value), **common)
        case "colour":
            return st.color_picker(value=value or "#8a94a3", **common).lower()
        case "lines":
            text = long_text(
                common["label"], key=common["key"], text="\n".join(value or []), placeholder=common["help"] or ""
            )
            return [line.strip() for line in text.splitlines() if line.strip()]
        case "long":
            return long_text(
                common["label"], key=common["key"], text=value or "", placeholder=common["help"] or "",
                longest=_longest(metadata) or 20_000,
            )  # fmt: skip
        case "zone":
            zones = sorted(available_timezones())
            return st.selectbox(options=zones, index=zones.index(value) if value in zones else None, **common)
        case "time":
            return (
                f"{st.time_input(value=_time(value or '07:30'), step=300, format=show.time_format(), **common):%H:%M}"
            )
        case _:
            return st.text_input(value=value or "", max_chars=_longest(metadata), live="600ms", **common)


def _select(offered: dict[str, str], value: Any, common: dict[str, Any]) -> Any:
    start = list(offered).index(value) if value in offered else 0
    return st.selectbox(options=list(offered), index=start, format_func=offered.__getitem__, **common)


def _choice(
    document: type[Document], name: str, value: Any, hint: Field, common: dict[str, Any], choices: Choices
) -> Any:
    kind = _bare(document.model_fields[name].annotation)
    offered = {str(option): str(option) for option in get_args(kind)} if get_origin(kind) is Literal else {}
    offered = {**offered, **hint.words, **(choices(hint.choices) if hint.choices else {})}
    if value not in offered:
        offered[str(value or "")] = str(value or "")
    return _select(offered, value, common)


def _week(opening: dict[str, list[str]], common: dict[str, Any]) -> dict[str, list[str]]:
    """Seven days with a tick, a beginning and an end."""
    rows = [
        {"Day": name, "Open": str(day) in opening, "From": _time(opening.get(str(day), ["07:30"])[0]),
         "To": _time(opening.get(str(day), ["", "17:00"])[1])}
        for day, name in enumerate(DAYS)
    ]  # fmt: skip
    st.markdown(common["label"])
    clock = st.column_config.TimeColumn(
        format="h:mm A" if show.time_format() == "12h" else "HH:mm", step=300, required=True
    )
    edited = st.data_editor(
        rows, key=common["key"], disabled=["Day"], hide_index=True, column_config={"From": clock, "To": clock}
    )
    return {
        str(day): [f"{_time(row['From']):%H:%M}", f"{_time(row['To']):%H:%M}"]
        for day, row in enumerate(edited)
        if row["Open"]
    }


def _counts(value: dict[str, int], offered: dict[str, str], common: dict[str, Any]) -> dict[str, int]:
    """A number for each entry of another kind, empty where the usual one holds."""
    rows = [{"Where": name, "How many": value.get(name)} for name in {**offered, **value}]
    st.markdown(common["label"], help=common["help"])
    numbers = st.column_config.NumberColumn(min_value=0, max_value=1000, step=1)
    edited = st.data_editor(
        rows, key=common["key"], disabled=["Where"], hide_index=True, column_config={"How many": numbers}
    )
    return {row["Where"]: int(row["How many"]) for row in edited if row["How many"] not in (None, "")}


def _grid(
    item: type[Document], value: list[dict[str, Any]], fields: dict[str, Field], common: dict[str, Any],
    choices: Choices,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of a small document class, money in currency and weights in the clinic's unit."""
    import pandas as pd

    pounds = show.wording().locale.endswith("_US")
    columns, config = {}, {}
    for name in item.model_fields:
        label = label_of(name, fields)
        columns[name] = [_to_cell(name, row.get(name), pounds) for row in value]
        if name.endswith("_cents"):
            config[name] = st.column_config.NumberColumn(
                label, min_value=0.0, step=0.01, format=f"{show.currency_symbol()}%.2f", required=True
            )
        elif name.endswith("_grams"):
            unit = "lb" if pounds else "kg"
            config[name] = st.column_config.NumberColumn(
                f"{label} {unit}",
                min_value=0.0,
                format="%.2f",
                default=0.0,
                help=fields.get(name, Field()).help or None,
            )
        elif fields.get(name, Field()).choices:
            offered = {**fields[name].words, **choices(fields[name].choices)}
            config[name] = st.column_config.SelectboxColumn(
                label, options=list(offered), format_func=lambda v, o=offered: o.get(v, v), default=""
            )
        elif _bare(item.model_fields[name].annotation) is int:
            low, high = _bounds(item.model_fields[name].metadata)
            config[name] = st.column_config.NumberColumn(
                label, min_value=low, max_value=high, step=1, required=True, default=item.model_fields[name].default
            )
        else:
            config[name] = st.column_config.Column(label)
    st.markdown(common["label"], help=common["help"])
    edited = st.data_editor(
        pd.DataFrame(columns), key=common["key"], num_rows="dynamic", hide_index=True, column_config=config
    )
    rows = edited.astype(object).where(edited.notna(), None).to_dict("records")
    return [{name: _from_cell(name, row[name], pounds) for name in item.model_fields} for row in rows]


def _to_cell(name: str, value: Any, pounds: bool) -> Any:
    if name.endswith("_cents"):
        return amounts.from_cents(value or 0)
    if name.endswith("_grams"):
        return amounts.from_grams(value or 0, pounds=pounds)
    return value


def _from_cell(name: str, value: Any, pounds: bool) -> Any:
    if name.endswith("_cents"):
        return amounts.to_cents(value or 0)
    if name.endswith("_grams"):
        return amounts.to_grams(value or 0, pounds=pounds)
    return value if value is not None else ""


def _time(value: Any) -> time:
    return value if isinstance(value, time) else time.fromisoformat(str(value))


def _bounds(metadata: list[Any]) -> tuple[int | None, int | None]:
    low = next((part.ge for part in metadata if hasattr(part, "ge")), None)
    return low, next((part.le for part in metadata if hasattr(part, "le")), None)


def _longest(metadata: list[Any]) -> int | None:
    return next((part.max_length for part in metadata if hasattr(part, "max_length")), None)
