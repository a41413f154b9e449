"""The first screen after sign-in: what matters to this person now, the rest below."""

from __future__ import annotations

import streamlit as st

from pages.components import frame, outage_dialogs, show
from pages.home import alerts, day, first_steps, memos, money, months, queues

ORDER = {
    "owner": ("money", "alerts", "queues", "day"),
    "administrator": ("alerts", "day", "queues", "money"),
    "manager": ("queues", "day", "money"),
}
BLOCKS = {
    "money": (money.draw, "reports.money"),
    "alerts": (alerts.draw, "security.users"),
    "queues": (queues.draw, "billing.invoices"),
    "day": (day.draw, "flow.view"),
}


def main() -> None:
    """The page."""
    who = frame.person()
    may = frame.may()
    with frame.head(f"Good {_time_of_day()}, {show.called(who.name)}", show.day(show.today(), style="heading")):
        if outage_dialogs.button("home_outage"):
            outage_dialogs.declare()
    with frame.refusals():
        memos.draw()
        first_steps.draw(may)
    drawn = False
    for name in ORDER.get(who.role, ("day", "queues")):
        draw, permission = BLOCKS[name]
        if permission in may:
            with frame.refusals():
                draw(may)
            drawn = True
    months.fill()
    if not drawn:
        st.info("Choose a page on the left. What you may open is set by your role.")


def _time_of_day() -> str:
    hour = show.hour_now()
    return "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"


main()
