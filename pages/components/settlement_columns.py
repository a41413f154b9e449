"""The wizard for a table of an unknown make: how the file is written, which column is what, kept for the next one."""

from __future__ import annotations

import contextlib
from typing import Any, cast

import streamlit as st

from billing.settlement import overview
from billing.settlement.mapping import SettlementMapping, fields_of
from billing.settlement.overview import Choices
from billing.settlement.saved import export_mapping, read_mapping_text, save_mapping, slug_of
from data.errors import BadInput
from pages.components import frame
from pages.components.import_mapping import ORDERS, column_line, word_table
from records.imports import reading_words
from records.mapping import Source
from records.reading import WrongEncoding
from security.actor import Actor

SEPARATORS = {"": "Found by itself", ",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar"}
ENCODINGS = {"": "Found by itself", "windows-1252": "Western (windows-1252)", "utf-8": "UTF-8", "utf-16": "UTF-16",
             "windows-1250": "Central European"}  # fmt: skip
MARKS = {"": "Found by itself", ".": "Point (1,234.50)", ",": "Comma (1.234,50)", "cents": "None: whole cents (123450)"}
SIGNS = {"as_written": "Money in is positive", "inverted": "Money in is negative"}
GUESSED = "Guessed from names and values"


def choose(
    content: bytes, file_id: str, name: str, purpose: str, offered: Choices, by: Actor
) -> SettlementMapping | None:
    """Draw the choices; the mapping as it is chosen now, or None where the file cannot be read that way."""
    with st.container(border=True):
        start, place = _start(file_id, purpose, offered)
        if not start.fields:
            with contextlib.suppress(BadInput):
                start = start.model_copy(
                    update={"rows_below": overview.guess_mapping(content, name, start, by=by)[1].rows_below}
                )
        written = _writing(start, place)
        try:
            table, guessed = overview.guess_mapping(content, name, written, by=by)
        except WrongEncoding as refusal:
            st.error(frame.said(refusal.message), icon=":material/error:")
            return None
        st.caption(frame.plain(f"Read as: {reading_words(table)}."))
        begin = start if start.fields and start.used_columns <= set(table.columns) else guessed
        if start.fields and begin is not start:
            st.warning("This file lacks columns of that mapping, so the columns below are guessed.",
                       icon=":material/warning:")  # fmt: skip
        begun, place = place, f"{place}-{'-'.join(table.columns)[:80]}-{len(table.columns)}"
        mapping = _values(written, begin, place)
        st.markdown("## Which column is what")
        chosen: dict[str, Source] = {}
        known = fields_of(purpose)
        split = not {"amount"} & set(begin.fields) and bool({"debit", "credit"} & set(begin.fields))
        wanted = {"posted_on", "processed_at", *begin.fields, *(() if split else ("amount",))}
        likely = [field for field in known if field.required or field.name in wanted]

        def lines(fields: list[Any]) -> None:
            for field in fields:
                need = "Choose the column" if field.required else ""
                source = column_line(table, field, begin.fields.get(field.name), place, need)
                if source is not None:
                    chosen[field.name] = source

        lines(likely)
        with st.expander(f"{len(known) - len(likely)} more fields that no column was found for", key=f"more-{place}"):
            lines([field for field in known if field not in likely])
        for field in known:
            if field.kind == "choice" and field.name in chosen and chosen[field.name].names:
                chosen[field.name] = word_table(table, field, chosen[field.name], place)
        mapping = mapping.model_copy(update={"fields": chosen})
        _keep(mapping, place, begun, by)
    return mapping


def _start(file_id: str, purpose: str, offered: Choices) -> tuple[SettlementMapping, str]:
    """What to begin with: a guess, a mapping that was kept, or one out of a file."""
    own = {one.label or slug: one for slug, one in offered.mappings.items() if one.of == purpose}
    slugs = {one.label or slug: slug for slug, one in offered.mappings.items() if one.of == purpose}
    brought = st.session_state.get(f"_brought-{file_id}")
    if brought is not None and brought.of == purpose:
        own = {f"{brought.label or 'The mapping you opened'} (opened)": brought, **own}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        begin = st.selectbox("Begin with", [*own, GUESSED], key=f"begin-{file_id}-{len(own)}", width=340)
        with st.popover("Open a mapping file", icon=":material/folder_open:"):
            file = st.file_uploader("A mapping somebody shared (TOML)", type=["toml"], key=f"mapping-{file_id}")
            if file is not None:
                with frame.refusals():
                    found = read_mapping_text(file.getvalue().decode("utf-8", errors="replace"), file.name)
                    if st.session_state.get(f"_brought-{file_id}") != found:
                        st.session_state[f"_brought-{file_id}"] = found
                        st.rerun()
    chosen = own.get(str(begin)) or SettlementMapping(of=cast(Any, purpose), fields={})
    place = f"{file_id}-{purpose}-{begin}"
    if str(begin) in slugs:  # one that was kept before can be shared as well
        st.session_state[f"_kept-{place}"] = slugs[str(begin)]
    return chosen, place


def _writing(start: SettlementMapping, place: str) -> SettlementMapping:
    """How the file as a whole is written."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        delimiter = _pick("Cells apart by", SEPARATORS, start.delimiter, f"apart-{place}", 160)
        encoding = _pick("Text encoding", ENCODINGS, start.encoding, f"encoding-{place}", 200)
        heading = _pick(
            "First row", {"yes": "Holds column names", "no": "Is data already"}, "yes" if start.has_heading else "no",
            f"heading-{place}", 190,
        )  # fmt: skip
        above = st.number_input(
            "Rows above it", min_value=0, max_value=1000, value=start.rows_above, placeholder="Found",
            key=f"above-{place}", width=130, help="Titles above the heading; left empty, it is found.",
        )  # fmt: skip
        below = st.number_input(
            "Rows at the end", min_value=0, max_value=1000, value=start.rows_below, key=f"below-{place}", width=130,
            help="Rows at the end that are no transactions, such as totals.",
        )  # fmt: skip
    return start.model_copy(
        update={
            "delimiter": delimiter, "encoding": encoding, "has_heading": heading == "yes",
            "rows_above": None if above is None else int(above), "rows_below": int(below or 0),
        }
    )  # fmt: skip


def _values(written: SettlementMapping, begin: SettlementMapping, place: str) -> SettlementMapping:
    """How dates and amounts are written."""
    mark = "cents" if begin.whole_cents else begin.decimal_mark
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = _pick("Dates are written", ORDERS, begin.date_order, f"order-{place}", 240)
        mark = _pick("Before the cents stands", MARKS, mark, f"mark-{place}", 220)
        sign = _pick("Signs", SIGNS, begin.sign, f"sign-{place}", 220)
    update: dict[str, Any] = {
        "date_order": order, "decimal_mark": "" if mark == "cents" else mark, "whole_cents": mark == "cents",
        "sign": sign,
    }  # fmt: skip
    return written.model_copy(update=update)


def _pick(label: str, options: dict[str, str], begin: str, key: str, width: int) -> str:
    keys = list(options)
    index = keys.index(begin) if begin in options else 0
    return str(st.selectbox(label, keys, index=index, format_func=options.__getitem__, key=key, width=width))


def _keep(mapping: SettlementMapping, place: str, begun: str, by: Actor) -> None:
    """Keep the mapping for the next file, and take it along as a file."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Keep these choices as",
            key=f"name-{place}",
            width=320,
            placeholder="First Bank, checking" if mapping.of == "bank" else "Terminal at the front desk",
        )
        if st.button("Keep mapping", icon=":material/bookmark:", key=f"keep-{place}"):
            with frame.refusals():
                save_mapping(name, mapping, by=by, key=frame.form_key(f"mapping-{place}"))
                frame.new_form_key(f"mapping-{place}")
                st.session_state[f"_kept-{place}"] = slug_of(name)
                st.toast("Kept. It is offered for the next file.")
        if kept := st.session_state.get(f"_kept-{place}") or st.session_state.get(f"_kept-{begun}"):
            st.download_button(
                "Take it along as a file", data=export_mapping(kept, by=by), file_name=f"{kept}.toml",
                mime="application/toml", icon=":material/ios_share:", key=f"share-{place}",
            )  # fmt: skip
