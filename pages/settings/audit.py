"""The audit log: filters, pages, the check of the chain, and the export."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from html import escape

import pandas as pd
import streamlit as st

from pages.components import frame, show
from security.actor import Actor
from security.audit_reading import AuditPage, Filters, export_audit, read_audit, verify_audit

SLOT = "_audit_page"
CHOICES_LAST = 60.0


def main() -> None:
    """Filters on top, one page of rows, the way to the next."""
    by = frame.actor()
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    action = frame.head("Audit log", "Every change and every look at a record, in a chain that shows tampering.")
    filters = ask(choices(by))
    number = int(st.session_state.get(SLOT, 1))
    found = read_audit(filters, by=by, page=number)
    with action:
        if st.button("Check the log", icon=":material/verified_user:", key="verify"):
            st.session_state["_verdict"] = verify_audit(by=by)
        take_out(filters)
    verdict()
    table(found)
    pager(found)


def choices(by: Actor) -> AuditPage:
    """What can be filtered by; read again after a minute, as people go on working."""
    read_at, found = st.session_state.get("_audit_choices", (0.0, None))
    if found is None or time.monotonic() - read_at > CHOICES_LAST:
        found = read_audit(Filters(), by=by)
        st.session_state["_audit_choices"] = time.monotonic(), found
    return found


def ask(choices: AuditPage) -> Filters:
    """The filters; a change of one starts at the first page again."""

    def first() -> None:
        st.session_state[SLOT] = 1

    def choice(
        label: str, key: str, names: Iterable[str], every: str, width: int, said: Callable[[str], str] = str
    ) -> str:
        return st.selectbox(
            label, ["", *names], key=key, on_change=first, width=width,
            format_func=lambda name: said(name) if name else every,
        )  # fmt: skip

    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        days = st.date_input("Days", (), key="days", on_change=first, width=250, format=show.date_format())
        actor = choice("Person", "actor", choices.actors, "Everybody", 150)
        action = choice("Action", "action", choices.actions, "Every action", 190, words)
        entity = choice("About", "entity", choices.entities, "Everything", 150, words)
        text = st.text_input("Text", key="text", on_change=first, width=160, placeholder="Name, id or detail")
    chosen = days if isinstance(days, tuple) else (days,)
    return Filters(
        actor=actor, action=action, entity=entity, text=text,
        first_day=chosen[0] if chosen else None, last_day=chosen[-1] if len(chosen) == 2 else None,
    )  # fmt: skip


def words(name: str) -> str:
    """``user.signed_out`` as people read it."""
    return name.replace(".", ": ").replace("_", " ").replace("-", " ").capitalize()


def table(found: AuditPage) -> None:
    """The rows of this page."""
    if not found.rows:
        st.info("No row fits these filters. Take one of them away.", icon=":material/info:")
        return
    rows = pd.DataFrame(
        {
            "No.": [row.seq for row in found.rows],
            "When": [show.moment(row.at) for row in found.rows],
            "Who": [row.actor or "–" for row in found.rows],
            "Did": [words(row.action) for row in found.rows],
            "About": [f"{words(row.entity)} {short(row.entity_id)}".strip() for row in found.rows],
            "Details": ["; ".join(f"{words(k)}: {_said(v)}" for k, v in row.detail.items()) for row in found.rows],
            "Through": [row.source for row in found.rows],
        }
    )
    with st.container(key="audit_narrow"):
        st.html("".join(_card(line) for line in rows.to_dict("records")))
    st.container(key="audit_wide").dataframe(
        rows, hide_index=True, height="content" if len(rows) <= 20 else 760,
        column_config={
            "No.": st.column_config.NumberColumn(format="%d", width=60), "When": st.column_config.Column(width=165),
            "Who": st.column_config.Column(width=110), "Did": st.column_config.Column(width=170),
            "About": st.column_config.Column(width=150), "Details": st.column_config.Column(width=230),
            "Through": st.column_config.Column(width=80),
        },
    )  # fmt: skip


def _card(line: dict[str, object]) -> str:
    """A row for a phone: who did what, then when and about what, one below the other."""
    said = {name: escape(str(value)) for name, value in line.items()}
    details = f"<div>{said['Details']}</div>" if said["Details"] else ""
    return (
        f'<article class="audit-card"><strong>{said["Did"]}</strong> · {said["Who"]}'
        f"<div>{said['When']} · No. {said['No.']} · {said['Through']}</div><div>{said['About']}</div>"
        f"{details}</article>"
    )


def short(entity_id: str) -> str:
    """An id by its last figures, which tell rows apart; the text filter finds it by them."""
    return f"…{entity_id[-6:]}" if re.fullmatch(r"[0-9a-f-]{36}", entity_id) else entity_id


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(short(str(part)) for part in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(part)}" for name, part in value.items())
    return (
        {True: "yes", False: "no", None: "none"}.get(value, str(value))
        if isinstance(value, bool | None)
        else short(str(value))
    )


def pager(found: AuditPage) -> None:
    """Newer and older."""

    def go(step: int) -> None:
        st.session_state[SLOT] = found.page + step

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Newer", icon=":material/chevron_left:", key="newer", disabled=found.page <= 1, on_click=go, args=(-1,)
        )
        st.caption(
            f"Page {found.page} of {found.pages} · {show.number(found.total)} {'row' if found.total == 1 else 'rows'}",
            width="content",
        )
        st.button("Older", icon=":material/chevron_right:", icon_position="right", key="older",
                  disabled=found.page >= found.pages, on_click=go, args=(1,))  # fmt: skip


def take_out(filters: Filters) -> None:
    """The export: prepared when asked for, as it is audited."""
    if st.session_state.get("_audit_csv", (None,))[0] == filters:
        st.download_button("Download CSV", st.session_state["_audit_csv"][1], "audit-log.csv", "text/csv",
                           icon=":material/download:", key="download", type="primary", on_click="ignore")  # fmt: skip
    elif st.button("Prepare CSV", icon=":material/table:", key="prepare", help="The rows that fit the filters"):
        st.session_state["_audit_csv"] = (filters, export_audit(filters, by=frame.actor()))
        st.rerun()


def verdict() -> None:
    """The outcome of the last check."""
    found = st.session_state.get("_verdict")
    if found is None:
        return
    if found.bad_seq is None:
        st.success(f"The log is whole: {show.number(found.rows)} rows, each linked to the one before.",
                   icon=":material/verified_user:")  # fmt: skip
    else:
        st.error(f"The log was tampered with: {found.problem}. Tell the owner and keep the latest backup.",
                 icon=":material/gpp_bad:")  # fmt: skip


main()
