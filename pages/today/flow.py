"""The patient flow board: everyone in the house, by stage."""

from __future__ import annotations

import streamlit as st

from appointments import flow
from appointments.stages import BEFORE_ARRIVAL, may_follow
from billing import checkout
from data.errors import Refusal, SessionEnded
from pages.components import flow_board, frame, show
from pages.components.flow_board import Answer, Move

REFRESH_SECONDS = 4


def main() -> None:
    """The page."""
    today = show.today()
    action = frame.head("Patient flow", show.day(today, style="full"))
    places = flow.places(by=frame.actor())
    place = None
    if len(places) > 1:
        with action:
            place = st.selectbox(
                "Location", [None, *places], format_func=lambda id: places.get(id, "All locations"), key="flow_place",
                label_visibility="collapsed", width=220,
            )  # fmt: skip
    _board(place)


@st.fragment(run_every=REFRESH_SECONDS)
def _board(place: str | None) -> None:
    by = frame.actor()
    with frame.refusals():
        may = frame.may()
        opened = flow_board.draw(
            flow.columns(by=by),
            flow.board(show.today(), place, by=by),
            may_move="flow.move" in may,
            may_check_out="billing.checkout" in may,
            today=show.today(),
            on_move=_carry_out,
        )
        if opened and opened.startswith("checkout:"):
            visit = opened.removeprefix("checkout:")
            ticket = checkout.open_ticket(visit, by=by, key=frame.form_key(f"out_{visit}"))
            st.switch_page("today/ticket.py", query_params={"id": ticket})
        if opened:
            st.switch_page("today/visit.py", query_params={"id": opened})


def _carry_out(move: Move) -> Answer:
    """One move from the board. It is input by the person, unlike the board's own refreshing."""
    if frame.sign_in_state(touch=True) is None:
        return Answer(False, SessionEnded().message)
    by = frame.actor()
    names = {card.id: card for card in flow.board(show.today(), by=by)}
    patient = names[move.card].patient if move.card in names else "This patient"
    labels = {column.stage: column.label for column in flow.columns(by=by)}
    try:
        if move.kind == "undo":
            reached = flow.take_back(move.card, move.from_stage, by=by, key=move.key)
            return Answer(True, f"{patient} is back at {labels.get(reached, reached)}")
        if may_follow(move.from_stage, move.to_stage):
            flow.advance(move.card, move.from_stage, move.to_stage, reason=move.reason, by=by, key=move.key)
            return Answer(True, f"{patient} moved to {labels.get(move.to_stage, move.to_stage)}")
        back_to = BEFORE_ARRIVAL if move.to_stage in BEFORE_ARRIVAL else (move.to_stage,)
        reached = flow.take_back(move.card, move.from_stage, back_to, by=by, key=move.key)
        return Answer(True, f"{patient} is back at {labels.get(reached, reached)}")
    except Refusal as refusal:
        return Answer(False, f"{patient}: {refusal.message}")


main()
