"""Booking an appointment, and taking a walk-in: one dialog."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import streamlit as st

from appointments import booking, days
from appointments.booking import Booking
from appointments.capacity import Load
from appointments.days import Choices
from appointments.times import comes_twice, read_time
from data.models import Location
from pages.appointments import dialogs, told
from pages.appointments.who import choose
from pages.components import frame, show
from pages.components.draft_form import DraftForm
from pages.components.record_fields import asked_when_new, custom_answers, custom_fields, custom_start
from records.patients import SEXES
from records.settings import CustomField

START = {
    "client": "", "patient": "", "first": "", "last": "", "phone": "", "email": "", "kind": "public", "animal": "",
    "species": None, "sex": list(SEXES)[2], "born": None, "location": None, "type": None, "day": None, "time": None,
    "services": [], "funding": "", "provider": "", "caution": "", "notes": "",
}  # fmt: skip


def open_booking(
    *, day: date | None = None, at: time | None = None, client_id: str = "", walk_in: bool = False
) -> None:
    """Open the form, with what was typed here and not saved. ``walk_in`` takes somebody who is already here."""
    frame.new_form_key("book")
    place = "book:walk_in" if walk_in else f"book:{client_id}"
    wish = {"client": client_id} | ({"day": day} if day else {}) | ({"time": show.clock_time(at)} if at else {})
    dialogs.open_with("book_", _walk_in if walk_in else _book, place=place, of=place, wish=wish)


@st.dialog("Book appointment", width="large", on_dismiss=dialogs.close)
def _book(of: str, wish: dict[str, Any]) -> None:
    """The dialog for a visit to come."""
    _form(of, wish, walk_in=False)


@st.dialog("Take a walk-in", width="large", on_dismiss=dialogs.close)
def _walk_in(of: str, wish: dict[str, Any]) -> None:
    """The dialog for somebody who is here."""
    _form(of, wish, walk_in=True)


def _form(of: str, wish: dict[str, Any], *, walk_in: bool) -> None:
    """The form. What is typed is kept at every step, whatever a rule says to it."""
    with frame.refusals():
        over = wish if "time" in wish else {}  # a place in the calendar was clicked; a day alone only begins
        own = {entity: asked_when_new(entity) for entity in ("client", "patient", "appointment")}
        asked = {name: value for fields in own.values() for name, value in custom_start(fields, {}).items()}
        form = DraftForm(of, START | asked | wish, prefix="book_", over=over)
        form.line()
        try:
            _steps(form, wish, own, walk_in=walk_in)
        finally:
            if form.open:
                form.keep()


def _steps(form: DraftForm, wish: dict[str, Any], own: dict[str, dict[str, CustomField]], *, walk_in: bool) -> None:
    offered = days.choices(by=frame.actor())
    if not offered.locations or not offered.types:
        st.info("Add a location and an appointment type under Settings first.")
        return
    with frame.refusals():
        who = choose(form, own)
        if not who.is_chosen:
            return
        location, kind, day, at = _where_and_when(form, offered, wish, walk_in=walk_in)
        if not walk_in and comes_twice(day, at, location.zone):
            st.caption(f"{show.clock_time(at)} comes twice that night, as the clocks go back: the first one is booked.")
        extra = _extras(form, offered, kind)
        custom_fields(form, own["appointment"])
        load = days.load(day, location.id, kind, by=frame.actor())
        overbook = load is not None and _fullness(load, offered, location, walk_in=walk_in)
        past = (
            not walk_in
            and day < show.today()
            and st.checkbox("This day is over; enter the appointment anyway", key="book_past")
        )
        label = "Check in walk-in" if walk_in else f"Book for {show.day(day, style='weekday')}, {show.clock_time(at)}"
        if st.button(label, type="primary", key="book_save", width="stretch"):
            answers = {"answers": custom_answers(form, own["appointment"])}
            answers |= {f"{entity}_answers": given for entity, given in who.answers.items()}
            wish = Booking(who.client_id, who.patient_id, location.id, kind, day, at, **extra, **answers)
            rule = booking.walk_in if walk_in else booking.book
            more = {} if walk_in else {"past": past}
            rule(
                wish, new_client=who.new_client, new_patient=who.new_patient, overbook=overbook, by=frame.actor(),
                key=frame.form_key("book"), **more,
            )  # fmt: skip
            frame.new_form_key("book")
            form.forget()
            when = "and checked in" if walk_in else f"for {show.day(day, style='weekday')} at {show.clock_time(at)}"
            told.tell(f"Booked {when}.")
            dialogs.close()
            st.rerun()


def _where_and_when(
    form: DraftForm, offered: Choices, wish: dict[str, Any], *, walk_in: bool
) -> tuple[Location, str, date, time]:
    places = list(offered.locations)
    location = offered.locations[places[0]]
    if len(places) > 1:
        form.follow("location", places[0])
        form.among("location", places)
        chosen = st.selectbox(
            "Location", places, format_func=lambda id: offered.locations[id].name, key=form.key("location")
        )
        location = offered.locations[chosen]
    columns = st.columns([1] if walk_in else [3, 2, 2])
    form.follow("type", next(iter(offered.types)))
    form.among("type", offered.types)
    kind = columns[0].selectbox(
        "Appointment type", list(offered.types), format_func=lambda slug: offered.types[slug].label,
        key=form.key("type"),
    )  # fmt: skip
    if walk_in:
        return location, kind, show.today(), time(0)
    if "day" not in wish:
        form.follow("day", days.next_open_day(show.today(), [location]))
    day = columns[1].date_input("Day", key=form.key("day"), format=show.date_pattern()) or show.today()
    labels = {show.clock_time(slot): slot for slot in days.slots(location, offered.types[kind], day)}
    if "time" not in wish:
        form.follow("time", show.clock_time(read_time(offered.types[kind].starts)))
    options = list(dict.fromkeys([*([] if form["time"] in labels else [form["time"]]), *labels]))
    typed = columns[2].selectbox(
        "Time", options, accept_new_options=True, key=form.key("time"),
        help="Choose a time, or type another one, such as 8:40.",
    )  # fmt: skip
    return location, kind, day, labels.get(typed or "") or read_time(typed or "")


def _extras(form: DraftForm, offered: Choices, kind: str) -> dict[str, Any]:
    usual = [code for code in offered.types[kind].services if code in offered.services]
    form.follow("services", usual)
    form.among("services", offered.services)
    services = st.multiselect(
        "Services", list(offered.services), format_func=lambda code: offered.services[code],
        key=form.key("services"), placeholder="What should be done",
        help="May stay empty: the services are then chosen at checkout.",
    )  # fmt: skip
    if not offered.services:
        st.caption("The price list is empty. An administrator adds services under Settings, Price list.")
    elif not usual and not services:
        st.caption("This kind of appointment has no usual services. Choose them here or at checkout.")
    left, right = st.columns(2)
    funds = ["", *offered.funds]
    form.among("funding", funds)
    funding = left.selectbox(
        "Funding", funds, format_func=lambda code: offered.funds.get(code, "Client pays"), key=form.key("funding")
    )
    people = ["", *offered.providers]
    form.among("provider", people)
    provider = right.selectbox(
        "Provider", people, format_func=lambda id: offered.providers.get(id, "Anyone"), key=form.key("provider")
    )
    left, right = st.columns(2)
    caution = left.text_input(
        "Caution", key=form.key("caution"), live=form.live, placeholder="Shown in yellow", autocomplete="off"
    )
    notes = right.text_input(
        "Notes", key=form.key("notes"), live=form.live, placeholder="For this visit only", autocomplete="off"
    )
    return {
        "services": services, "funding": funding, "provider_id": provider or None, "caution": caution, "notes": notes,
    }  # fmt: skip


def _fullness(load: Load, offered: Choices, location: Location, *, walk_in: bool) -> bool:
    """Say how full the day is; returns whether the person chose to book beyond."""
    label = offered.types[load.type].label
    closed = not load.open and not walk_in
    if not closed and load.left:
        st.caption(f"{label}: {load.left} of {load.capacity} places left on {show.day(load.day, style='weekday')}.")
        return False
    why = f"{location.name} is closed that day." if closed else f"All {load.capacity} places are taken that day."
    if "appointments.overbook" not in frame.may():
        st.warning(f"{why} Choose another day.", icon=":material/event_busy:")
        return False
    st.warning(why, icon=":material/event_busy:")
    return st.checkbox("Book beyond the capacity", key="book_beyond")
