"""The day's roster: who comes, what for, what to mind, who is here."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from appointments import days, flow
from appointments.roster import STAGE_GROUPS, Facts, Filters, RosterRow, facts, roster
from appointments.roster_print import print_roster
from pages.appointments import dialogs, told
from pages.appointments.appointment_dialog import show_appointment
from pages.appointments.book_dialog import open_booking
from pages.components import frame, outage_dialogs, roster_table, show
from records.clients import OWNER_TYPES


def main() -> None:
    """The page."""
    told.say()
    by = frame.actor()
    may = frame.may()
    if "roster_day" not in st.session_state:
        dialogs.close()
        st.session_state["roster_day"] = show.today()
    if (stage := st.query_params.pop("stage", "")) in STAGE_GROUPS:
        _clear()
        st.session_state["roster_day"], st.session_state["roster_stage"] = show.today(), stage
    day = st.session_state["roster_day"]
    offered = days.choices(by=by)
    filters, words = _filters(offered)
    rows = [row for row in roster(day, filters=filters, by=by)]
    action = frame.head("Roster", f"{show.day(day, style='heading')} · {_facts(facts(rows))}")
    walk_in = False
    with action:
        if outage_dialogs.button("roster_outage"):
            dialogs.close()
            outage_dialogs.declare()
        st.download_button(
            "Print roster", lambda: print_roster(day, filters=filters, told=words, by=by), f"roster-{day}.pdf",
            "application/pdf", icon=":material/print:", key="roster_print", on_click="ignore",
        )  # fmt: skip
        if "appointments.book" in may:
            walk_in = st.button(
                "Take a walk-in", icon=":material/directions_walk:", type="primary", key="roster_walk_in", shortcut="w"
            )
    _toolbar(offered, bool(words))
    wish = roster_table.draw(
        rows, words=show.wording(), today=show.today(), may_check_in="flow.move" in may, empty=_empty(bool(words)),
        label=f"Roster of {show.day(day)}", key="roster_table",
    )  # fmt: skip
    if walk_in:
        open_booking(walk_in=True)
    elif "appointment" in st.query_params:
        show_appointment(st.query_params.pop("appointment"))
    elif wish is not None and wish.kind == "open":
        show_appointment(wish.id)
    elif wish is not None and wish.kind == "check_in":
        _check_in(rows, wish.id)
    dialogs.draw()


def _check_in(rows: list[RosterRow], appointment_id: str) -> None:
    row = next((row for row in rows if row.id == appointment_id), None)
    if row is None:
        return
    with frame.refusals():
        key = f"roster-in-{row.id}-{row.version}"
        flow.advance(row.id, row.stage, "checked_in", by=frame.actor(), key=key)
        told.tell(f"{row.animal} is checked in.")
        st.rerun()


def _toolbar(offered: days.Choices, filtered: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="roster_bar"):
        st.button("", icon=":material/chevron_left:", key="roster_before", help="The day before", on_click=_go,
                  args=(-1,))  # fmt: skip
        st.button("Today", key="roster_today", on_click=_go, args=(0,))
        st.button("", icon=":material/chevron_right:", key="roster_after", help="The day after", on_click=_go,
                  args=(1,))  # fmt: skip
        st.date_input("Day", key="roster_day", label_visibility="collapsed", width=150, format=show.date_pattern())
        if len(offered.locations) > 1:
            _choice("Location", "place", {id: place.name for id, place in offered.locations.items()}, "All locations")
        if len(offered.types) > 1:
            _choice("Type", "type", {slug: kind.label for slug, kind in offered.types.items()}, "All types")
        if len(offered.providers) > 1:
            _choice("Provider", "provider", offered.providers, "All providers")
        if frame.clinic().kind != "human":
            _choice("Kind of client", "owner", OWNER_TYPES, "All clients")
        _choice("Stage", "stage", {name: name for name in STAGE_GROUPS}, "All stages")
        if filtered:
            st.button("Clear filters", icon=":material/filter_alt_off:", key="roster_clear", type="tertiary",
                      on_click=_clear)  # fmt: skip


def _choice(label: str, name: str, options: dict[str, str] | object, all_of_them: str) -> None:
    named = dict(options)  # type: ignore[call-overload]
    st.selectbox(
        label, ["", *named], key=f"roster_{name}", label_visibility="collapsed", width=140,
        format_func=lambda option: named.get(option, all_of_them),
    )  # fmt: skip


def _filters(offered: days.Choices) -> tuple[Filters, str]:
    """What is chosen, and the same in words."""
    state = {
        name: st.session_state.get(f"roster_{name}") or "" for name in ("place", "type", "provider", "owner", "stage")
    }
    filters = Filters(
        location_id=state["place"], type=state["type"], provider_id=state["provider"], owner_type=state["owner"],
        stages=STAGE_GROUPS.get(state["stage"], ()),
    )  # fmt: skip
    words = (
        offered.locations[state["place"]].name if state["place"] in offered.locations else "",
        offered.types[state["type"]].label if state["type"] in offered.types else "",
        offered.providers.get(state["provider"], ""),
        OWNER_TYPES.get(state["owner"], ""),
        state["stage"],
    )
    return filters, ", ".join(word for word in words if word)


def _clear() -> None:
    for name in ("place", "type", "provider", "owner", "stage"):
        st.session_state[f"roster_{name}"] = ""


def _go(days_on: int) -> None:
    day = st.session_state["roster_day"]
    st.session_state["roster_day"] = day + timedelta(days=days_on) if days_on else show.today()


def _facts(counted: Facts) -> str:
    parts = [f"{counted.count} booked", f"{counted.arrived} arrived"]
    for number, word in (
        (counted.waiting, "waiting"),
        (counted.no_shows, "no-shows"),
        (counted.cancelled, "cancelled"),
    ):
        if number:
            parts.append(f"{number} {word}")
    return " · ".join(parts)


def _empty(filtered: bool) -> str:
    if filtered:
        return "Nobody fits these filters. Clear them to see the whole day."
    return "Nobody is booked for this day. Book appointments under Appointments, or take a walk-in here."


main()
