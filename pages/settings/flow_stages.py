"""The stages of the patient flow as this clinic names, colours, orders and hides them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from appointments.stages import EXITS, FLOW, LABELS, LONG
from data.definitions import BadDefinition
from data.errors import BadInput
from pages.components import definition_history, editing, frame
from pages.components.draft_form import Draft
from pages.components.flow_board import COLOURS, GREY
from security import settings
from security.settings import Entry

KIND, SLUG = "flow-stages", "flow"
ALWAYS = ("booked", "checked_in", "checked_out")  # without these no day can be run


def main() -> None:
    """The columns of the board, then the ways out of it."""
    found = {entry.slug: entry for entry in settings.entries(KIND, by=frame.actor())}
    current = found.get(SLUG, Entry(SLUG, 0, {"stages": []}))
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    action = frame.head("Flow stages", "The columns of the patient flow board, from left to right.")
    entry = editing.held(KIND, current)
    draft = Draft(f"setting:{KIND}", version=entry.number)
    draft.line()
    stored = entry
    entry = Entry(entry.slug, entry.number, draft.over(entry.body))
    order = working_order(draft, entry)
    looks = {look["stage"]: look for look in entry.body["stages"]}
    entered, number = [], draft.key(str(entry.number))
    st.markdown("## Columns of the board")
    on_board = [stage for stage in order if stage in FLOW]
    for position, stage in enumerate(on_board):
        entered.append(row(stage, looks.get(stage, {}), number, on_board, position))
    st.markdown("## Ways a visit can end early")
    for stage in (stage for stage in order if stage in EXITS):
        entered.append(row(stage, looks.get(stage, {}), number, [], 0))
    draft.keep({"stages": entered})
    if action.button("Save stages", type="primary", key="save"):
        save(draft, stored, entered)
    st.markdown("## History and file")
    by = frame.actor()
    history, file = st.tabs(["History", "File"])
    with history:
        definition_history.draw(
            settings.setting_history(KIND, SLUG, by=by),
            key=KIND,
            words=words,
            roll_back=lambda number, key: (
                settings.roll_back_definition(KIND, SLUG, number, expected=current.number, by=by, key=key),
                forget(),
            ),
        )
    with file:
        definition_history.draw_file(
            settings.export_setting(KIND, SLUG, by=by),
            "flow-stages.toml",
            key=KIND,
            current=entry.body,
            read=lambda text, key: (settings.import_setting(text, by=by, key=key, kind=KIND), forget()),
        )


def working_order(draft: Draft, entry: Entry) -> list[str]:
    """The order on screen: what was moved and not yet saved, else what is stored."""
    slot = draft.key(f"_order_{entry.number}")
    if slot not in st.session_state:
        stored = [look["stage"] for look in entry.body["stages"]]
        st.session_state[slot] = stored + [stage for stage in (*FLOW, *EXITS) if stage not in stored]
    return list(st.session_state[slot])


def row(stage: str, look: dict[str, Any], number: str, on_board: list[str], position: int) -> dict[str, Any]:
    """One stage: colour, name, shown or not, up and down."""
    name, shipped = LABELS[stage], COLOURS.get(stage, GREY)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"stage-{stage}"):
        colour = st.color_picker(
            f"Color of {name}", look.get("colour") or shipped, key=f"colour-{stage}-{number}",
            label_visibility="collapsed",
        )  # fmt: skip
        label = st.text_input(
            f"Name of {name}", look.get("label", name), key=f"label-{stage}-{number}", max_chars=30, live=Draft.live,
            label_visibility="collapsed", width=220, placeholder=name,
        )  # fmt: skip
        shown = True
        if on_board and stage not in ALWAYS:
            shown = st.toggle(f"Show {name}", not look.get("hidden"), key=f"shown-{stage}-{number}", width=190)
        elif on_board:
            st.caption("Always shown", width=190)
        if on_board:
            for step, icon, word in ((-1, "arrow_upward", "earlier"), (1, "arrow_downward", "later")):
                st.button(
                    f"Move {name} {word}", icon=f":material/{icon}:", key=f"icononly-{word}-{stage}", type="tertiary",
                    disabled=not 0 <= position + step < len(on_board), on_click=move, args=(stage, step, number),
                    help=f"Move {word}", width="content",
                )  # fmt: skip
        times = {}
        if stage in LONG:
            with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
                times = minutes(stage, look, number)
    kept = colour.lower() if colour.lower() != shipped or look.get("colour") else ""
    return {**look, "stage": stage, "label": label.strip() or name, "hidden": not shown, "colour": kept, **times}


def minutes(stage: str, look: dict[str, Any], number: str) -> dict[str, int]:
    """After how long a stay turns amber, then red, on the board; the shipped times where nothing is set."""
    amber, red = LONG[stage]
    at = look.get("long_minutes") or amber
    then = look.get("very_long_minutes") or (2 * at if look.get("long_minutes") else red)
    st.caption("amber after", width="content")
    long = st.number_input(
        f"Minutes until {LABELS[stage]} turns amber", 1, 1440, at, key=f"amber-{stage}-{number}", width=72,
        label_visibility="collapsed", help="Minutes until amber",
    )  # fmt: skip
    st.caption("red after", width="content")
    very_long = st.number_input(
        f"Minutes until {LABELS[stage]} turns red", 1, 1440, then, key=f"red-{stage}-{number}", width=72,
        label_visibility="collapsed", help="Minutes until red",
    )  # fmt: skip
    st.caption("minutes", width="content")
    if (long, very_long) == (amber, red) and not look.get("long_minutes"):
        return {"long_minutes": 0, "very_long_minutes": 0}
    return {"long_minutes": long, "very_long_minutes": very_long}


def words(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """A change between two versions in sentences."""
    old = {look["stage"]: look for look in before.get("stages", ())}
    lines = []
    for look in after.get("stages", ()):
        stage, was = look["stage"], old.get(look["stage"], {})
        name = LABELS[stage]
        if look["label"] != was.get("label", name):
            lines.append(f"{name} is called {look['label']}")
        if bool(look.get("hidden")) != bool(was.get("hidden")):
            lines.append(f"{name} is {'hidden' if look.get('hidden') else 'shown'}")
        if look.get("colour", "") != was.get("colour", ""):
            lines.append(f"{name} has another color")
        if any(look.get(time, 0) != was.get(time, 0) for time in ("long_minutes", "very_long_minutes")):
            lines.append(f"{name} turns amber or red after another time")
    if [look["stage"] for look in after.get("stages", ())] != list(old):
        lines.append("another order")
    return lines


def move(stage: str, step: int, number: str) -> None:
    """Change places with the next column of the board."""
    order = st.session_state[f"_order_{number}"]
    board = [name for name in order if name in FLOW]
    here = board.index(stage)
    other = board[here + step]
    one, two = order.index(stage), order.index(other)
    order[one], order[two] = order[two], order[one]


def save(draft: Draft, entry: Entry, entered: list[dict[str, Any]]) -> None:
    """Save the stages."""
    with frame.refusals():
        key = frame.form_key("flow-stages")
        body = {"stages": entered}
        try:
            settings.save_definition(KIND, SLUG, body, expected=entry.number, by=frame.actor(), key=key)
        except BadDefinition as failure:
            said = str(failure.facts["said"])
            raise BadInput(problem=f"{said[0].upper()}{said[1:]}.") from failure
        frame.new_form_key("flow-stages")
        draft.forget()
        forget()
        st.toast("The stages were saved.", icon=":material/check:")
        st.rerun()


def forget() -> None:
    """Start from what is stored."""
    editing.release()
    for slot in [name for name in st.session_state if str(name).startswith("_order_")]:
        st.session_state.pop(slot)


main()
