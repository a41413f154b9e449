"""The parts of the SQL page: kept questions, the tables, the text, running it, and its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from pages.components import frame, report_choices, report_view, show, sql_chart, sql_save
from pages.components.draft_text import draft_text
from pages.components.report_files import downloads
from reports import saved, sql
from reports.queries import Written, written
from reports.saved import Card
from reports.sql import Queried

NEW_QUERY = "New query"
EXAMPLE = """SELECT date_trunc('month', day) AS month, sum(net_cents) AS revenue_cents
FROM invoice_line, period
WHERE day BETWEEN first_day AND last_day
GROUP BY 1
ORDER BY 1"""
TYPES = {"money": "amount in cents", "yes_no": "yes or no", "whole": "whole number", "day": "day", "instant": "moment",
         "number": "number", "minutes": "minutes", "ratio": "share of 1", "id": "id", "weekday": "1 Monday to 7",
         "hour": "hour, 0 to 23", "clock": "time of day"}  # fmt: skip


def chosen() -> Card | None:
    """The kept question that is open, from the address; None for a new one."""
    cards = {card.name: card for card in saved.cards(by=frame.actor()) if card.in_sql}
    wanted = st.query_params.get("query", "")
    if wanted and wanted not in cards:
        saved.card(wanted, by=frame.actor())
    if not cards:
        return None
    if "sql_open" not in st.session_state:
        st.session_state["sql_open"] = wanted if wanted in cards else ""
    with st.container(horizontal=True, vertical_alignment="bottom", key="sql_kept"):
        st.selectbox(
            "Kept queries", ["", *cards], key="sql_open", on_change=_open, width=420,
            format_func=lambda name: _called(cards[name]) if name else NEW_QUERY,
        )  # fmt: skip
        if wanted in cards:
            st.page_link(
                "reporting/report.py", label="Open as a report", icon=":material/table_chart:",
                query_params={"name": wanted}, width="content",
            )  # fmt: skip
    return cards.get(wanted)


def _called(card: Card) -> str:
    return f"{card.spec.title} – {card.owner}" if card.owner else card.spec.title


def _open() -> None:
    name = st.session_state["sql_open"]
    if name:
        st.query_params["query"] = name
    else:
        st.query_params.pop("query", None)
    st.session_state.pop("sql_answer", None)


def tables() -> None:
    """What can be asked: each table with its columns."""
    st.markdown("**Tables**")
    with st.container(height=620, border=False, key="sql_tables"):
        for table in sql.relations(by=frame.actor()):
            with st.expander(f"`{table.name}`", key=f"sql_table_{table.name}"):
                st.caption(frame.plain(f"{table.label}: {table.row}"))
                st.markdown("\n".join(
                    f"- `{column.name}` {frame.plain(TYPES.get(column.type, 'text'))}" for column in table.columns
                ))  # fmt: skip


def text_of(card: Card | None) -> str:
    """The field for the query; what is typed is kept as a draft."""
    start = card.spec.sql if card and isinstance(card.spec, Written) else ""
    return draft_text(
        "Query", sql_save.place(card), placeholder=EXAMPLE, start=start, code=True, submit="sql_run",
        version=card.number if card else None,
    )  # fmt: skip


def actions(card: Card | None, text: str) -> dict[str, Any]:
    """Run and save; returns the days the query runs with."""
    base = card.spec if card else written("SQL query", text)
    params = report_choices.choose(written(base.title, text, preset=base.preset))
    with st.container(horizontal=True, key="sql_actions"):
        run = st.button("Run query", key="sql_run", type="primary", icon=":material/play_arrow:", shortcut=frame.SEND)
        if st.button("Save query", icon=":material/save:", key="sql_save"):
            sql_save.save(card, text)
    if run:
        _run(card, text, params)
    return params


def _run(card: Card | None, text: str, params: dict[str, Any]) -> None:
    st.session_state.pop("sql_answer", None)
    if not text.strip():
        st.info("Write a query first, such as the one shown in the field.")
        return
    name, title = (card.name, card.spec.title) if card else (sql.NAME, "SQL query")
    days = params.get("from"), params.get("to")
    with st.spinner("Running the query …", show_time=True), frame.refusals():
        asked = sql.run_sql(text, by=frame.actor(), title=title, name=name, days=days)
        st.session_state["sql_answer"] = asked, text, params


def answer(card: Card | None) -> None:
    """What the last run answered, how it is drawn, and its downloads."""
    if "sql_answer" not in st.session_state:
        st.caption(
            "Amounts are whole cents: name a column …_cents and it is shown as money. A query that reads the table "
            "period asks for days. Ctrl+Enter runs the query."
        )
        return
    asked, text, params = st.session_state["sql_answer"]
    result, count = asked.result, len(asked.result.rows)
    head = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    if not count:
        st.info("The query ran and found no rows.")
        return
    spec = written(result.title, text, purpose=card.spec.purpose if card else "",
                   chart=sql_chart.choose(result, card, text))  # fmt: skip
    drawn = replace(result, spec=spec, columns=sql_chart.columns(result, spec.chart))
    with head:
        st.caption(frame.plain(_facts(asked, count)))
        downloads(result.name, params, spec, result)
    report_view.chart(spec, drawn)
    report_view.table(drawn)


def _facts(asked: Queried, count: int) -> str:
    words = [f"{show.number(count)} {'row' if count == 1 else 'rows'}"]
    if asked.cut:
        words = [f"The first {show.number(count)} rows; a download holds up to {show.number(sql.FILE_ROWS)}"]
    if asked.read:
        words.append(f"from {', '.join(asked.read)}")
    return " · ".join([*words, f"{asked.result.seconds:.1f} s"])
