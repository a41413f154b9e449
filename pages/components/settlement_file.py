"""A file somebody dropped: what it is, whose it is, how it would come in, and the import."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import streamlit as st

from billing.settlement import overview
from billing.settlement.files import import_bank, import_settlement
from billing.settlement.mapping import SettlementMapping
from billing.settlement.overview import Choices, Kind, Trial
from billing.settlement.sources import SOURCES
from pages.components import frame, settlement_columns, settlement_runs, show
from security.actor import Actor

PURPOSES = {"settlement": "Settlement of a card processor", "bank": "Bank statement"}
MONEY = ("Amount", "Fee", "Net")


@st.cache_data(max_entries=4, ttl=900, show_spinner="Reading the file…")
def _kind(_content: bytes, file_id: str, name: str, person: str, _by: Actor) -> Kind:  # noqa: ARG001
    return overview.kind_of_file(_content, name, by=_by)


@st.cache_data(max_entries=6, ttl=120, show_spinner="Checking every row…")
def _trial(
    _content: bytes, file_id: str, name: str, purpose: str, make: str, target: str, mapping: str, person: str,  # noqa: ARG001
    _mapping: SettlementMapping | None, _by: Actor,
) -> Trial:  # fmt: skip
    return overview.try_file(_content, name, purpose, make=make, target=target, mapping=_mapping, by=_by)  # type: ignore[arg-type]


def work_on(content: bytes, file_id: str, name: str, by: Actor) -> None:
    """The steps from a dropped file to its import."""
    person = f"{by.clinic_id}/{by.user_id}"
    seems = _kind(content, file_id, name, person, by)
    offered = overview.choices(by=by)
    told = st.empty()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        purpose = st.selectbox(
            "This file is", list(PURPOSES), index=list(PURPOSES).index(seems.purpose), format_func=PURPOSES.__getitem__,
            key=f"purpose-{file_id}", width=260,
        )  # fmt: skip
        make = seems.make if purpose == seems.purpose else ""
        if make and seems.label:
            told.markdown(f"**{frame.plain(name)}** looks like a {frame.plain(seems.label)}.")
        else:
            told.markdown(f"Say what the columns of **{frame.plain(name)}** are.")
        target = _target(str(purpose), make, offered, file_id)
        by_hand = (
            bool(make) and st.toggle("Choose the columns myself", key=f"columns-{file_id}")
            if _is_table(make)
            else False
        )
    mapping = None
    if by_hand or not make:
        mapping = settlement_columns.choose(content, file_id, name, str(purpose), offered, by)
        if mapping is None:
            return
        target = target or mapping.processor
    shown = mapping.model_dump_json() if mapping else ""
    trial = _trial(content, file_id, name, str(purpose), make, target, shown, person, mapping, by)
    _look(trial, is_table=not make or _is_table(make))
    if trial.landed is None:
        return
    if trial.landed.added + trial.landed.replaced + trial.landed.batches == 0:
        st.info("Everything in this file is here already. There is nothing to import.", icon=":material/done_all:")
        return
    if st.button(f"Import {_how_many(trial)}", type="primary", icon=":material/download:", key=f"land-{file_id}"):
        _import(content, name, str(purpose), make, target, mapping, by)


def _how_many(trial: Trial) -> str:
    landed = trial.landed
    if landed is None or not landed.added + landed.replaced:
        return show.count(landed.batches if landed else 0, "batch", "batches")
    return show.count(landed.added + landed.replaced, "line" if trial.purpose == "bank" else "transaction")


def _is_table(make: str) -> bool:
    return make in ("csv", *SOURCES)


def _target(purpose: str, make: str, offered: Choices, file_id: str) -> str:
    """The processor or the account it belongs to; empty leaves it to the file."""
    if purpose == "bank":
        return str(
            st.text_input(
                "Your name for this account", key=f"account-{file_id}", placeholder="Left empty: as last time",
                max_chars=60, width=260, help="Such as Operating. Its number is never kept.",
            )
        )  # fmt: skip
    fitting = {slug: label for slug, (label, kind) in offered.processors.items() if not make or kind == make}
    fitting = fitting or {slug: label for slug, (label, _) in offered.processors.items() if make in ("", "plain")}
    if not fitting:
        return ""
    return str(
        st.selectbox(
            "Processor", list(fitting), format_func=fitting.__getitem__, key=f"processor-{make}-{file_id}", width=260
        )
    )


def _look(trial: Trial, *, is_table: bool) -> None:
    """The first rows as they would come in, and what stands in the way."""
    if trial.rows:
        st.markdown("## The first rows")
        said = [name for name in trial.rows[0] if any(row[name] not in (None, "") for row in trial.rows)]
        st.dataframe(
            [{name: _cell(name, row[name]) for name in said} for row in trial.rows], hide_index=True, width="stretch",
            column_config={name: st.column_config.TextColumn(alignment="right") for name in MONEY if name in said},
            key="settlement_preview",
        )  # fmt: skip
    if trial.missing:
        st.info(frame.plain(f"Still to choose: the column for {trial.missing}."), icon=":material/arrow_upward:")
        return
    if trial.problems:
        count = len(trial.problems)
        st.error(
            "Nothing was imported. " + ("One place has" if count == 1 else f"{show.number(count)} places have")
            + " to be put right first."
            + (" Rows that are no transactions, such as totals, are left out by choosing the columns yourself."
               if is_table else ""),
            icon=":material/error:",
        )  # fmt: skip
        st.code("\n".join(trial.problems), language=None, wrap_lines=True)
        return
    if trial.landed is not None:
        st.markdown(frame.plain(f"{trial.landed.sentence()}."))
    for remark in trial.remarks[:8]:
        st.caption(frame.plain(remark[:1].upper() + remark[1:]))


def _cell(name: str, value: Any) -> str:
    if name in MONEY:
        return show.money(value, missing="")
    if isinstance(value, datetime):
        return show.moment(value)
    if isinstance(value, date):
        return show.day(value)
    return "" if value is None else str(value)


def _import(
    content: bytes, name: str, purpose: str, make: str, target: str, mapping: SettlementMapping | None, by: Actor
) -> None:
    bar = st.progress(0.0, "Checking every row…")
    key = frame.form_key("settlement")

    def progress(share: float) -> None:
        bar.progress(share, f"Writing, {share:.0%}")

    try:
        if purpose == "bank":
            landed = import_bank(
                content, name=name, make=make or "auto", account=target, mapping=mapping, key=key, progress=progress,
                by=by,
            )  # fmt: skip
        else:
            landed = import_settlement(
                content, name=name, make=make, processor=target, mapping=mapping, key=key, progress=progress, by=by
            )
    finally:
        bar.empty()
    frame.new_form_key("settlement")
    _trial.clear()
    settlement_runs.landed(landed, by)
    st.session_state["_settlement_upload"] = st.session_state.get("_settlement_upload", 0) + 1
    st.rerun()
