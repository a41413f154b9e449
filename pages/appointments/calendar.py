"""Appointments by day or week: how full each day is, and booking."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from appointments import days
from appointments.days import Week
from pages.appointments import dialogs, told
from pages.appointments.appointment_dialog import show_appointment
from pages.appointments.book_dialog import open_booking
from pages.components import calendar, frame, show

MODES = {"week": "Week", "day": "Day"}


def main() -> None:
    """The page."""
    told.say()
    _arrive()
    by = frame.actor()
    may_book = "appointments.book" in frame.may()
    day, mode = st.session_state["cal_day"], st.session_state.get("cal_mode") or "week"
    first, count = (day - timedelta(days=day.weekday()), 7) if mode == "week" else (day, 1)
    offered = days.choices(by=by)
    place = st.session_state.get("cal_place") or ""
    kind = st.session_state.get("cal_type") or ""
    week = days.week(first, count, location_id=place, type=kind, by=by)
    action = frame.head("Appointments", _facts(week, mode))
    wish = None
    if may_book:
        with action:
            if st.button("Take a walk-in", icon=":material/directions_walk:", key="cal_walk_in", shortcut="w"):
                wish = calendar.Wish("walk_in")
            if st.button("Book appointment", icon=":material/add:", type="primary", key="cal_book", shortcut="b"):
                wish = calendar.Wish("book", day=_day_to_book(day, offered))
    _toolbar(offered)
    asked = calendar.draw(
        week,
        offered,
        mode=mode,
        chosen=day,
        words=show.wording(),
        today=show.today(),
        may_book=may_book,
        key="calendar",
    )
    _follow(wish or asked or _from_address())
    dialogs.draw()


def _toolbar(offered: days.Choices) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="cal_bar"):
        st.segmented_control(
            "View", list(MODES), format_func=MODES.__getitem__, key="cal_mode", default="week", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        step = 7 if (st.session_state.get("cal_mode") or "week") == "week" else 1
        word = "week" if step == 7 else "day"
        st.button("", icon=":material/chevron_left:", key="cal_before", help=f"The {word} before", on_click=_go,
                  args=(-step,))  # fmt: skip
        st.button("Today", key="cal_today", on_click=_go, args=(0,))
        st.button("", icon=":material/chevron_right:", key="cal_after", help=f"The {word} after", on_click=_go,
                  args=(step,))  # fmt: skip
        st.date_input("Day", key="cal_day", label_visibility="collapsed", width=150, format=show.date_pattern())
        if len(offered.locations) > 1:
            st.selectbox(
                "Location", ["", *offered.locations], key="cal_place", label_visibility="collapsed", width=180,
                format_func=lambda id: offered.locations[id].name if id else "All locations",
            )  # fmt: skip
        if len(offered.types) > 1:
            st.selectbox(
                "Type", ["", *offered.types], key="cal_type", label_visibility="collapsed", width=180,
                format_func=lambda slug: offered.types[slug].label if slug else "All types",
            )  # fmt: skip


def _go(days_on: int) -> None:
    st.session_state["cal_day"] = st.session_state["cal_day"] + timedelta(days=days_on) if days_on else show.today()


def _arrive() -> None:
    """Start at today, or where an address or another page sent the person."""
    sent = st.session_state.pop("cal_show", None)
    if sent is not None:
        st.session_state["cal_day"], st.session_state["cal_mode"] = sent, "day"
    if "cal_day" not in st.session_state:
        dialogs.close()
        asked = st.query_params.get("day", "")
        try:
            st.session_state["cal_day"] = date.fromisoformat(asked)
        except ValueError:
            st.session_state["cal_day"] = show.today()


def _from_address() -> calendar.Wish | None:
    """``?appointment=id`` opens one, ``?book=client-id`` (or ``?book=``) starts a booking; once."""
    params = st.query_params
    if "appointment" in params:
        return calendar.Wish("open", id=params.pop("appointment"))
    if "book" in params:
        return calendar.Wish("book", id=params.pop("book"))
    return None


def _day_to_book(day: date, offered: days.Choices) -> date:
    """The day that is shown if it is to come, else the next one on which the clinic opens."""
    return day if day > show.today() else days.next_open_day(show.today(), offered.locations.values())


def _follow(wish: calendar.Wish | None) -> None:
    if wish is None:
        return
    if wish.kind == "open":
        show_appointment(wish.id)
    elif wish.kind == "book":
        open_booking(day=wish.day, at=wish.time, client_id=wish.id)
    elif wish.kind == "walk_in":
        open_booking(walk_in=True)
    elif wish.kind == "day" and wish.day:
        st.session_state["cal_show"] = wish.day
        st.rerun()


def _facts(week: Week, mode: str) -> str:
    taken = sum(load.taken for load in week.loads.values())
    free = sum(load.left for load in week.loads.values() if load.open)
    words = f"{taken} booked" if taken else "Nobody booked yet"
    words += f" · {free} places left"
    if mode == "day":
        closed = "" if week.days[0] in week.open else " · closed"
        return f"{show.day(week.days[0], style='heading')} · {words}{closed}"
    return f"{show.day(week.days[0])} to {show.day(week.days[-1])} · {words}"


main()
