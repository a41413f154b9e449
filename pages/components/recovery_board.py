"""The recovery board: one components-v2 component with the identities on top and every row beneath.

Clicking a number shows the rows behind it; rows are chosen to be let go together. Python hands it the rows; it hands
back ``waive`` (ids of rows), ``undo`` (the id of a waiver) and ``open`` (the id of a row whose work is to be done).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from data.wording import Wording
from outage.board import Board
from outage.closing_report import value
from outage.rows import COLUMNS, BoardRow

ASSETS = Path(__file__).parent / "assets"
_BOARD = st.components.v2.component(
    "ballast_recovery_board",
    html='<div class="board"></div>\n',
    css=(ASSETS / "recovery_board.css").read_text(encoding="utf-8"),
    js=(ASSETS / "recovery_board.js").read_text(encoding="utf-8"),
)
TABS = {
    "appointment": "Visits", "form_sheet": "Sheets", "bottle": "Bottles", "page": "Stray pages",
    "card_slip": "Card slips", "payment": "Payments",
}  # fmt: skip
NOTHING = {
    "appointment": "Every visit is settled.", "form_sheet": "Every sheet came back, was entered or was let go.",
    "bottle": "Every bottle agrees with the paper.", "page": "Every scanned page has its place.",
    "card_slip": "Every slip that was used is keyed, paid in and destroyed.",
    "payment": "Every payment by slip has its slip.",
}  # fmt: skip


LET_GO = "_rows_let_go"
"""How often rows were let go in this session: what was chosen for it is chosen no more."""


@dataclass(frozen=True)
class Wish:
    """What the person at the board asked for: rows to let go, a waiver to take back, a row to work on."""

    waive: tuple[str, ...] = ()
    undo: str = ""
    open: str = ""


def draw(
    found: Board, *, words: Wording, may: bool, ways: Callable[[BoardRow], str], key: str = "recovery_board"
) -> Wish:
    """Draw it. ``may`` shows what only those who may declare an outage do; ``ways`` names the button of a row that
    leads to where its work is done."""
    rows = _rows(found, may, ways)
    clicked = _BOARD(
        key=key,
        data={
            "outage": found.outage.id, "may": may, "columns": COLUMNS, "rows": rows, "nothing": NOTHING,
            "tabs": _tabs(rows), "stamp": st.session_state.get(LET_GO, 0), "unused": _unused(found) if may else [],
            "identities": [
                {
                    "key": one.key, "title": one.title, "equal": one.is_equal, "note": one.note,
                    "lines": [
                        [{"sign": term.sign, "label": term.label, "text": value(term, words), "rows": list(term.rows)}
                         for term in line]
                        for line in one.lines
                    ],
                }
                for one in found.identities
            ],
        },
        on_waive_change=_nothing, on_undo_change=_nothing, on_open_change=_nothing,
    )  # fmt: skip
    chosen = clicked.waive if isinstance(clicked.waive, list) else []
    return Wish(
        tuple(str(one) for one in chosen),
        clicked.undo if isinstance(clicked.undo, str) else "",
        clicked.open if isinstance(clicked.open, str) else "",
    )


def _rows(found: Board, may: bool, ways: Callable[[BoardRow], str]) -> list[dict[str, Any]]:
    """One line for each row; the money of a visit stands on the visit's line."""
    tickets = {row.entity_id: row for row in found.rows if row.entity == "ticket"}
    lines = []
    for row in found.rows:
        if row.entity == "ticket":
            continue
        parts = [row]
        if row.entity == "appointment" and row.entity_id in tickets:
            parts.append(tickets[row.entity_id])
        way = next((ways(part) for part in parts if part.is_open), "")
        lines.append(
            {
                "id": row.id, "tab": row.entity, "title": row.title, "detail": row.detail,
                "open": any(part.is_open for part in parts), "go": way, "notes": list(row.notes),
                "cells": {
                    name: {"s": cell.state, "w": cell.words}
                    for part in parts for name, cell in part.cells() if cell.words
                },
                "waivers": [
                    {"id": part.waiver.id, "who": part.waiver.who, "reason": part.waiver.reason,
                     "undo": may and found.outage.closed_at(part.part) is None}
                    for part in parts if part.waiver
                ],
            }
        )  # fmt: skip
    return lines


def _unused(found: Board) -> list[dict[str, Any]]:
    """Sheets of one print and form that nobody needed, to be chosen at once: drug logs, mostly."""
    prints: dict[tuple[str, str], list[str]] = {}
    for row in found.rows:
        if row.unused_of and row.is_open:
            prints.setdefault((row.unused_of, row.detail.split(" · ")[0]), []).append(row.id)
    return [
        {"id": run, "label": f"Choose the {len(rows)} unused sheets: {form}", "rows": rows}
        for (run, form), rows in prints.items() if len(rows) > 1
    ]  # fmt: skip


def _tabs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tabs = []
    for entity, label in TABS.items():
        mine = [row for row in rows if row["tab"] == entity]
        if mine:
            tabs.append(
                {"id": entity, "label": label, "count": len(mine), "open": sum(bool(row["open"]) for row in mine)}
            )
    return tabs


def parts_of(found: Board, chosen: tuple[str, ...]) -> Mapping[str, list[BoardRow]]:
    """The open rows behind lines that were chosen, by the part they close with."""
    tickets = {f"appointment:{row.entity_id}" for row in found.rows if row.entity == "ticket"}
    parts: dict[str, list[BoardRow]] = {}
    for row in found.rows:
        line = f"appointment:{row.entity_id}" if row.entity == "ticket" and tickets else row.id
        if line in chosen and row.is_open:
            parts.setdefault(row.part, []).append(row)
    return parts


def _nothing() -> None:
    """The caller reads the result."""
