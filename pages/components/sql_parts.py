"""The parts of the SQL page: kept queries, the tables, the text, running it, and its answer."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.components import frame, report_view, show
from pages.components.draft_text import draft_text, forget
from reports import export, sql
from reports.sql import Queried, QueryCard
from security.actor import Actor

NEW_QUERY = "New query"
KINDS = {"csv": ("Download CSV", "csv"), "xlsx": ("Download Excel", "table_view"),
         "parquet": ("Download Parquet", "database")}  # fmt: skip
EXAMPLE = """SELECT date_trunc('month', day) AS month, sum(net_cents) AS revenue_cents
FROM invoice_line
GROUP BY 1
ORDER BY 1"""
TYPES = {"money": "amount in cents", "yes_no": "yes or no", "whole": "whole number", "day": "day", "instant": "moment",
         "number": "number", "minutes": "minutes", "ratio": "share of 1", "id": "id", "weekday": "1 Monday to 7",
         "hour": "hour, 0 to 23", "clock": "time of day"}  # fmt: skip


def chosen() -> QueryCard | None:
    """The kept query that is open, from the address; None for a new one."""
    cards = {card.name: card for card in sql.queries(by=frame.actor())}
    wanted = st.query_params.get("query", "")
    if wanted and wanted not in cards:
        sql.query(wanted, by=frame.actor())
    if not cards:
        return None
    names = ["", *cards]
    if "sql_open" not in st.session_state:
        st.session_state["sql_open"] = wanted
    st.selectbox(
        "Kept queries", names, key="sql_open", on_change=_open, width=420,
        format_func=lambda name: f"{cards[name].saved.title} – {cards[name].owner}" if name else NEW_QUERY,
    )  # fmt: skip
    return cards.get(wanted)


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


def text_of(card: QueryCard | None) -> str:
    """The field for the query; what is typed is kept as a draft."""
    start = card.saved.text if card else ""
    return draft_text("Query", place(card), placeholder=EXAMPLE, start=start, code=True, submit="sql_run")


def place(card: QueryCard | None) -> str:
    """Where the draft of this query is kept."""
    return f"sql:{card.name}:{card.number}" if card else "sql:new"


def actions(card: QueryCard | None, text: str) -> None:
    """Run, save, take away."""
    with st.container(horizontal=True, key="sql_actions"):
        run = st.button("Run query", key="sql_run", type="primary", icon=":material/play_arrow:", shortcut=frame.SEND)
        with st.popover("Save query", icon=":material/save:", key="sql_save"):
            _save(card, text)
        if card and _mine(card) and st.button("Remove query", key="sql_remove", icon=":material/delete:"):
            sql.remove_query(card.name, by=frame.actor(), key=frame.form_key("sql_remove"))
            frame.new_form_key("sql_remove")
            _go("")
    if run:
        _run(card, text)


def _mine(card: QueryCard) -> bool:
    return not card.saved.owner or card.saved.owner == frame.actor().user_id


def _run(card: QueryCard | None, text: str) -> None:
    st.session_state.pop("sql_answer", None)
    if not text.strip():
        st.info("Write a query first, such as the one shown in the field.")
        return
    title = card.saved.title if card else "SQL query"
    with st.spinner("Running the query …"), frame.refusals():
        name = card.name if card else sql.NAME
        st.session_state["sql_answer"] = sql.run_sql(text, by=frame.actor(), title=title, name=name), text, name


def _save(card: QueryCard | None, text: str) -> None:
    title = st.text_input("Title", card.saved.title if card else "", key="sql_title", max_chars=80)
    shared = st.checkbox(
        "Show it to everybody who may ask in SQL", card.saved.shared if card else True, key="sql_shared"
    )  # fmt: skip
    comment = st.text_input("What changed", key="sql_comment", max_chars=200) if card else ""
    own, copy = st.container(), st.container()
    if card and _mine(card) and own.button("Save new version", key="sql_save_version", type="primary"):
        _keep(title, text, card, shared=shared, comment=comment)
    if copy.button(
        "Save as a copy" if card else "Save query", key="sql_save_new", type="secondary" if card else "primary"
    ):
        _keep(title, text, None, shared=shared, comment="")


def _keep(title: str, text: str, card: QueryCard | None, *, shared: bool, comment: str) -> None:
    with frame.refusals():
        name = sql.save_query(
            title, text, name=card.name if card else None, shared=shared, version=card.number if card else None,
            comment=comment, by=frame.actor(), key=frame.form_key("sql_save"),
        )  # fmt: skip
        frame.new_form_key("sql_save")
        forget(place(card))
        _go(name)


def _go(name: str) -> None:
    st.session_state.pop("sql_open", None)
    if name:
        st.query_params["query"] = name
    else:
        st.query_params.pop("query", None)
    st.rerun()


def answer() -> None:
    """What the last run answered, and its downloads."""
    if "sql_answer" not in st.session_state:
        st.caption(
            "Amounts are whole cents: name a column …_cents and it is shown as money. Ctrl+Enter runs the query."
        )
        return
    asked, text, name = st.session_state["sql_answer"]
    count = len(asked.result.rows)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(frame.plain(_facts(asked, count)))
        if "reports.export" in frame.may() and count:
            _downloads(asked, text, name)
    if count:
        report_view.table(asked.result)
    else:
        st.info("The query ran and found no rows.")


def _facts(asked: Queried, count: int) -> str:
    words = [f"{show.number(count)} {'row' if count == 1 else 'rows'}"]
    if asked.cut:
        words = [f"The first {show.number(count)} rows; a download holds up to {show.number(sql.FILE_ROWS)}"]
    if asked.read:
        words.append(f"from {', '.join(asked.read)}")
    return " · ".join([*words, f"{asked.result.seconds:.1f} s"])


def _downloads(asked: Queried, text: str, name: str) -> None:
    by = frame.actor()
    with st.popover("Download", icon=":material/download:", key="sql_downloads"):
        for kind, (label, icon) in KINDS.items():
            st.download_button(
                label, partial(make, text, kind, asked.result.title, name, by), file_name=f"{name}.{kind}",
                mime=export.FORMATS[kind], key=f"sql_download_{kind}", icon=f":material/{icon}:", type="tertiary",
                on_click="ignore", width="stretch",
            )  # fmt: skip


def make(text: str, kind: str, title: str, name: str, by: Actor) -> bytes:
    """The bytes of one download; audited as an export. Raises NotPermitted and what the query fails with."""
    return export.render(sql.run_sql(text, by=by, form=kind, title=title, name=name).result, kind)


def history(card: QueryCard | None) -> None:
    """The versions of a kept query, each with its text to copy."""
    if card is None:
        return
    with st.expander(f"Versions ({card.number})", key="sql_versions"):
        for number, at, who, comment, text in sql.query_versions(card.name, by=frame.actor()):
            st.caption(frame.plain(" · ".join(filter(None, [f"Version {number}", who, show.moment(at), comment]))))
            st.code(text, language="sql", wrap_lines=True)
            if number != card.number and _mine(card) and st.button(
                f"Bring back version {number}", key=f"sql_back_{number}", icon=":material/history:"
            ):  # fmt: skip
                _keep(card.saved.title, text, card, shared=card.saved.shared, comment=f"version {number} again")
