"""The wall board: patient flow, read-only, with as much of a patient's name as the clinic chose for this screen."""

from __future__ import annotations

from html import escape

import streamlit as st

from appointments import flow
from appointments.stages import BEFORE_ARRIVAL, ON_SITE
from data.types import clock
from pages.components import frame, show
from pages.components.flow_board import COLOURS, GREY
from pages.components.wall_tile import tile

REFRESH_SECONDS = 5
SHOWN = (*BEFORE_ARRIVAL, *ON_SITE)


@st.fragment(run_every=REFRESH_SECONDS)
def board() -> None:
    """Redraws itself; a screen that was taken away goes blank here."""
    who = frame.person()
    with frame.refusals():
        columns = flow.columns(by=who.actor)
        cards = flow.board(show.today(), by=who.actor)
        shows = str(who.options.get("shows", "number"))
        parts = []
        for column in columns:
            waiting = [card for card in cards if card.stage == column.stage and card.stage in SHOWN]
            if waiting:
                rows = "".join(tile(card, shows) for card in waiting)
                colour = column.colour or COLOURS.get(column.stage, GREY)
                parts.append(
                    f'<section style="border-top-color: {escape(colour)}"><h2>{escape(column.label)} '
                    f"<b>{len(waiting)}</b></h2>{rows}</section>"
                )
        empty = "<p>Nobody is here right now.</p>"
        now = f"{show.day(show.today(), style='weekday')} · {show.clock_time(clock.now())}"
        head = f"<header><h1>{escape(frame.clinic().name)}</h1><span>{escape(now)}</span></header>"
        st.html(f'<div class="wall">{head}<div>{"".join(parts) or empty}</div></div>')


board()
