"""Which column is which field: one line a field with the values found there, and what words of the file become."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.components import frame
from records.imports import importer_of
from records.mapping import Field, ImportMapping, Source
from records.reading import Table

NOTHING = "Leave out"
DATES = ("date", "moment", "day_moment")
ORDERS = {"mdy": "Month first (12/31/2024)", "dmy": "Day first (31/12/2024)", "ymd": "Year first (2024-12-31)"}


def choose(table: Table, start: ImportMapping, place: str) -> ImportMapping:
    """Draw the choices, beginning with a mapping; returns the mapping as it is chosen now.

    ``place`` keys the widgets: another file or another beginning starts afresh.
    """
    importer = importer_of(start.kind)
    order = _order(start, place) if any(field.kind in DATES for field in importer.fields) else ""
    needs = {name: group for group in importer.needs(frame.clinic().kind) for name in group}
    chosen: dict[str, Source] = {}
    likely = [field for field in importer.fields if field.name in needs or field.name in start.fields]
    others = [field for field in importer.fields if field not in likely]

    def lines(fields: list[Field]) -> None:
        for field in fields:
            others = [one.label for one in importer.fields if one.name in needs.get(field.name, ()) and one != field]
            met = any(_taken(name, start, place) for name in needs.get(field.name, ()) if name != field.name)
            need = f"This or {' or '.join(others)} is needed" if others else "Choose the column"
            need = "" if met else need
            source = column_line(table, field, start.fields.get(field.name), place, need if field.name in needs else "")
            if source is not None:
                dated = field.kind in DATES
                chosen[field.name] = source.model_copy(update={"format": order}) if dated else source

    lines(likely)
    if others:
        with st.expander(f"{len(others)} more fields that no column was found for", key=f"more-{place}"):
            lines(others)
    for field in importer.fields:
        if field.kind == "choice" and field.name in chosen and chosen[field.name].names:
            chosen[field.name] = word_table(table, field, chosen[field.name], place)
    return ImportMapping(
        kind=start.kind, label=start.label, encoding=start.encoding, delimiter=start.delimiter, fields=chosen,
        only=start.only,
    )  # fmt: skip


def _taken(name: str, start: ImportMapping, place: str) -> bool:
    """Whether a column is chosen for a field, in this run or to begin with."""
    return bool(st.session_state.get(f"from-{name}-{place}", name if name in start.fields else NOTHING) != NOTHING)


def _order(start: ImportMapping, place: str) -> str:
    guessed = next((source.format for source in start.fields.values() if source.format), "ymd")
    keys = list(ORDERS)
    return st.selectbox(
        "Dates in this file are written", keys, index=keys.index(guessed), format_func=lambda key: ORDERS[key],
        key=f"order-{place}", width=320,
    )  # fmt: skip


def column_line(table: Table, field: Field, start: Source | None, place: str, need: str) -> Source | None:
    """One field with the choice of its column and the values found there; None where it is left out."""
    sources: dict[str, Source | None] = {NOTHING: None}
    sources |= {column: Source(column=column) for column in table.columns}
    begin = NOTHING
    if start is not None:
        begin = f"Always '{start.value}'" if start.value else " + ".join(start.names)
        sources[begin] = start
    label, pick, values = st.columns([3, 4, 5], vertical_alignment="center")
    alone = need and not need.startswith("This or")
    label.markdown(f"{frame.plain(field.label)}{' :red[needed]' if alone else ''}", help=field.help or None)
    names = list(sources)
    with pick:
        name = st.selectbox(
            field.label, names, index=names.index(begin), key=f"from-{field.name}-{place}", label_visibility="collapsed"
        )
    source = sources[name]
    if source is None:
        values.caption(need or "–")
    else:
        found = [table.samples(column, 3) for column in source.names]
        sample = " · ".join(" + ".join(parts) for parts in zip(*found, strict=False)) or "–"
        values.html(f'<small style="color: light-dark(#5d6570, #a2abb6)">{escape(sample)}</small>')  # no links of it
    return source


def word_table(table: Table, field: Field, source: Source, place: str) -> Source:
    """What each word of a column becomes."""
    """What each word of a status, sex or tender column becomes, where it is not understood by itself."""
    known = list(dict.fromkeys(field.choices.values()))
    found = table.samples(source.names[0], 40)
    begin = {word: source.values.get(word) or _understood(field, word, source.otherwise) for word in found}
    with st.expander(f"{field.label}: what the words of the file become", expanded=None in begin.values()):
        edited = st.data_editor(
            [{"In the file": word, "Becomes": begin[word]} for word in found],
            column_config={
                "In the file": st.column_config.TextColumn(disabled=True),
                "Becomes": st.column_config.SelectboxColumn(options=known, required=False),
            },
            hide_index=True, width="stretch", key=f"words-{field.name}-{source.names[0]}-{place}",
        )  # fmt: skip
    values = {row["In the file"]: row["Becomes"] for row in edited if row["Becomes"]}
    return source.model_copy(update={"values": values})


def _understood(field: Field, word: str, otherwise: str) -> str | None:
    bare = word.strip().lower()
    if bare in field.choices:
        return field.choices[bare]
    bare = bare.replace(" ", "_").replace("-", "_")
    return bare if bare in field.choices.values() else otherwise or None
