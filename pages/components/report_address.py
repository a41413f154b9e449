"""What of a report stands in its address, so that it can be sent to somebody and survives a refresh: the answers to its
own questions (``ask_…``), and what a dashboard narrowed it to (``only=field:value``).

Nothing that may name somebody goes there: addresses are kept by browsers and servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.components import frame
from reports import tiles
from reports.model import Column, Model, Op
from reports.spec import Ask, ReportSpec
from reports.values import choice

ONLY = "only"


def asked(ask: Ask, column: Column, op: Op) -> Any:
    """The answer that the address holds, or the one the report offers."""
    name = f"ask_{ask.name}"
    if column.phi or name not in st.query_params:
        return ask.default
    texts = [one for one in st.query_params.get_all(name) if one]
    try:
        values = [_read(one, column) for one in texts]
    except ValueError:
        return ask.default
    if op in ("in", "not_in"):
        return values
    return values[0] if values else None


def keep(ask: Ask, column: Column, answer: Any) -> None:
    """Put an answer into the address; what the report offers by itself needs no place there."""
    name = f"ask_{ask.name}"
    if column.phi:
        return
    if answer == ask.default or (not answer and not ask.default and answer is not False):
        if name in st.query_params:
            del st.query_params[name]
        return
    told = written(answer)
    if st.query_params.get_all(name) != told:
        st.query_params[name] = told


def written(answer: Any) -> list[str]:
    """An answer as an address holds it; nothing as one empty word."""
    values = answer if isinstance(answer, list) else [answer]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in values if one not in (None, "")] or [""]


def _read(text: str, column: Column) -> Any:
    if column.type in ("whole", "money", "weekday", "hour"):
        return int(text)
    if column.type in ("number", "minutes", "ratio", "per_10000"):
        return float(text)
    return text == "true" if column.type == "yes_no" else text


def narrowed(spec: ReportSpec, model: Model) -> ReportSpec:
    """The report narrowed to what the address says, told above it with the way back to all rows."""
    wanted: dict[str, list[str]] = {}
    for pair in st.query_params.get_all(ONLY):
        field, _, value = pair.partition(":")
        wanted.setdefault(field, []).append(value)
    filters = tiles.narrowings(spec.entity, model, wanted)
    if not filters:
        return spec
    told = [f"{one.label}: {', '.join(_word(value) for value in wanted[one.field])}" for one in filters]
    with st.container(key="report_only", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/filter_alt: Only {frame.plain(' · '.join(told))}", width="content")
        st.button("Show all", key="report_everything", type="tertiary", on_click=_everything)
    return tiles.narrowed(spec, model, filters, wanted)[0]


def _everything() -> None:
    del st.query_params[ONLY]


def _word(value: str) -> str:
    return {"true": "yes", "false": "no"}.get(value, choice(value))


def only(chosen: Mapping[str, Sequence[str]]) -> list[str]:
    """The values of a dashboard's filters, for the address of a report."""
    return [f"{field}:{value}" for field, values in chosen.items() for value in values]
