"""The patient flow board: one components-v2 component for the whole day.

Python hands it columns and cards; it hands back ``moves``, a list in which each move stays, under its own id, until it
is answered, so that several made quickly are never lost; and ``open``, the id of a card that was clicked.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import streamlit as st

from appointments.flow import Card, Column
from appointments.stages import BEFORE_ARRIVAL, FLOW, ON_SITE
from data.types import clock
from pages.components import show
from pages.components.scripts import script

ASSETS = Path(__file__).parent / "assets"
_BOARD = st.components.v2.component(
    "ballast_flow_board",
    html='<div class="board"></div>\n',
    css=(ASSETS / "flow_board.css").read_text(encoding="utf-8"),
    js=script("flow_board.js"),
)

GREY = "#8a94a3"
COLOURS = {
    "booked": "#8a94a3", "checked_in": "#4f5fb8", "examined": "#6b7f1d", "premedicated": "#c2710c",
    "induced": "#b4326b", "in_surgery": "#b3261e", "recovering": "#7a5cc0", "ready": "#0f766e",
    "held_overnight": "#55606e", "checked_out": "#8a94a3",
}  # fmt: skip
OUT = ("checked_out", "declined", "died")
EMPTY = "Nobody is booked for this day. Book under Appointments, or take a walk-in on the roster."
KEPT = 200


@dataclass(frozen=True)
class Move:
    """One wish of the person at the board. ``kind`` is move or undo; ``key`` its idempotency key."""

    key: str
    session: str
    card: str
    kind: str
    from_stage: str
    to_stage: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """What became of a move, in a sentence."""

    ok: bool
    message: str


def draw(
    columns: list[Column],
    cards: list[Card],
    *,
    may_move: bool,
    may_check_out: bool = False,
    today: date,
    on_move: Callable[[Move], Answer],
    key: str = "flow_board",
) -> str | None:
    """Draw the board; returns what to open, if something was clicked in this run: an id
    for the clinical record, ``checkout:`` and an id for the ticket of a patient who is ready.

    ``on_move`` carries out one move and says what became of it; it is called once per move, before the page runs.
    """
    answers: dict[str, Answer] = st.session_state.setdefault(f"{key}_answers", {})
    session = st.session_state.setdefault(f"{key}_session", uuid.uuid4().hex)

    def asked() -> dict[str, Move]:
        wishes = (st.session_state.get(key) or {}).get("moves") or ()
        return {wish["id"]: move for wish in wishes if (move := _read(wish))}

    def handle() -> None:
        for name, move in asked().items():
            if name in answers:
                continue
            if move.session != session:
                answers[name] = Answer(False, "The connection was interrupted. Look whether the move was made.")
            else:
                answers[name] = on_move(move)
        while len(answers) > KEPT:
            answers.pop(next(iter(answers)))

    lanes = _lanes(columns)
    shown = {stage for lane in lanes for stage in lane["stages"]}
    result = _BOARD(
        key=key,
        data={
            "now": _ms(clock.now()),
            "session": session,
            "columns": lanes,
            "cards": [_card(card, today) for card in cards if card.stage in shown],
            "labels": {column.stage: column.label for column in columns},
            "order": [column.stage for column in columns if column.stage in FLOW],
            "targets": [c.stage for c in columns if c.stage not in (*BEFORE_ARRIVAL, "cancelled", "no_show")],
            "inHouse": list(ON_SITE),
            "may": may_move,
            "mayCheckOut": may_check_out,
            "answers": [
                {"id": name, "ok": answers[name].ok, "message": answers[name].message}
                for name in asked()
                if name in answers
            ],
            "empty": EMPTY,
        },
        on_moves_change=handle,
        on_open_change=lambda: None,
    )
    return str(result.open) if result.open else None


def _read(wish: Any) -> Move | None:
    """A move as the browser sent it, if it has the shape of one."""
    needed = ("id", "session", "card", "kind", "from")
    if not isinstance(wish, dict) or not all(isinstance(wish.get(name), str) for name in needed):
        return None
    return Move(
        key=f"flow-{wish['id'][:60]}",
        session=wish["session"],
        card=wish["card"][:40],
        kind=wish["kind"],
        from_stage=wish["from"][:20],
        to_stage=str(wish.get("to") or "")[:20],
        reason=str(wish.get("reason") or "")[:200],
    )


def _ms(instant: Any) -> int:
    return int(instant.timestamp() * 1000)


def _lanes(columns: list[Column]) -> list[dict[str, Any]]:
    """Stages as lanes: who is expected in one, who has left in one, each other stage in its own."""
    lanes: list[dict[str, Any]] = []
    by_stage = {column.stage: column for column in columns}
    expected = [stage for stage in BEFORE_ARRIVAL if stage in by_stage]
    if expected:
        lanes.append(_lane("expected", "Expected", expected, "booked", by_stage.get("booked")))
    for column in columns:
        if column.stage in ON_SITE:
            lanes.append(_lane(column.stage, column.label, [column.stage], column.stage, column))
    out = [stage for stage in OUT if stage in by_stage]
    if out:
        lanes.append(_lane("out", "Left", out, "checked_out" if "checked_out" in out else None, None) | {"fold": True})
    return lanes


def _lane(lane: str, label: str, stages: list[str], drop: str | None, column: Column | None) -> dict[str, Any]:
    shipped = COLOURS.get(column.stage if column else "checked_out", GREY)
    return {
        "id": lane,
        "label": label,
        "stages": stages,
        "drop": drop,
        "colour": (column.colour if column else "") or shipped,
        "long": column.long if column else 0,
        "veryLong": column.very_long if column else 0,
    }


def _card(card: Card, today: date) -> dict[str, Any]:
    flags = []
    if card.stage in ("declined", "died"):
        flags.append(("red", card.stage.capitalize()))
    if card.consent_missing:
        flags.append(("red", "No consent"))
    if card.not_approved:
        flags.append(("red", "Not approved"))
    if card.high_risk:
        flags.append(("red", "High risk"))
    if card.caution:
        flags.append(("amber", card.caution))
    if card.day != today:
        flags.append(("amber", f"Since {show.day(card.day, style='weekday_name')}"))
    return {
        "id": card.id,
        "number": card.number,
        "patient": card.patient,
        "species": card.species.capitalize(),
        "sex": card.sex,
        "client": card.client,
        "stage": card.stage,
        "since": _ms(card.since),
        "clock": show.clock_time(card.starts_at if card.stage in BEFORE_ARRIVAL else card.since),
        "services": list(card.services),
        "surgeon": card.surgeon,
        "next": card.next_stage,
        "flags": flags,
        "href": f"visit?id={card.id}",
    }
