"""The wall board: patient flow, read-only, with as much of a patient's name as the clinic chose for this screen."""

from __future__ import annotations

from html import escape

import streamlit as st

from appointments import flow
from appointments.flow import Card
from appointments.stages import BEFORE_ARRIVAL, ON_SITE
from data.types import clock
from pages.components import frame, show
from pages.components.flow_board import COLOURS, GREY

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


def tile(card: Card, shows: str) -> str:
    """One patient, by number, initials or name."""
    names = {
        "patient": card.patient,
        "initials": "".join(part[0] for part in card.patient.split()[:2]).upper(),
    }
    title = names.get(shows, str(card.number))
    about = " · ".join(part for part in (str(card.number) if shows in names else "", card.species.capitalize()) if part)
    since = f"<i>{escape(show.minutes(card.elapsed_minutes))}</i>" if card.stage in ON_SITE else ""
    return f"<p><b>{escape(title)}</b> <small>{escape(about)}</small> {since}</p>"


board()
