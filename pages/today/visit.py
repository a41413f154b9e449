"""The clinical record of one visit: who, where in the flow, and a form for each stage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from html import escape
from typing import Literal
from zoneinfo import ZoneInfo

import streamlit as st

from appointments import clinical, flow
from appointments.clinical import Visit
from appointments.stages import may_follow
from billing import checkout
from pages.components import frame, show, visit_pages
from pages.components.draft_form import DraftForm
from pages.components.facts import facts
from pages.visit import consents, drugs_and_readings, sections

SECTIONS = {
    "check_in": "Check-in", "exam": "Exam", "premedicated": "Pre-medication", "induced": "Induction",
    "surgery": "Surgery", "recovery": "Recovery", "discharge": "Discharge",
}  # fmt: skip
PLAIN = ("check_in", "exam", "discharge")
BEGINS = {
    "checked_in": "exam", "examined": "premedicated", "premedicated": "induced", "induced": "surgery",
    "in_surgery": "surgery", "recovering": "recovery", "ready": "discharge", "checked_out": "discharge",
    "held_overnight": "recovery",
}  # fmt: skip
LEADS_TO = {
    "check_in": "checked_in", "exam": "examined", "surgery": "in_surgery", "recovery": "ready",
}  # fmt: skip
EXITS = {"declined": "Declined: no surgery", "held_overnight": "Held overnight", "died": "Died"}


def main(visit_id: str) -> None:
    """The page."""
    by = frame.actor()
    may = frame.may()
    visit = clinical.visit(visit_id, by=by)
    labels = {column.stage: column.label for column in flow.columns(by=by)}
    sex = {"female": "♀", "male": "♂"}.get(visit.sex, "")
    age = show.age(visit.born_on, estimated=visit.born_estimated, missing="")
    weight = show.weight(visit.weight_grams, both=True, missing="not weighed")
    about = [f"{sex} {visit.species.capitalize()}".strip(), visit.breed, visit.colour, age, weight]
    with frame.head(visit.patient, " · ".join(part for part in about if part)):
        if st.button("Board", key="to_board", icon=":material/view_kanban:", type="tertiary"):
            st.switch_page("today/flow.py")
        _next(visit, labels, may, main=not sections.comes_next(visit, _chosen(visit)))
    for caution in visit.cautions:
        st.warning(frame.plain(caution), icon=":material/warning:")
    if visit.exam and visit.exam.approved is False:
        st.error("The exam did not approve this patient for surgery.", icon=":material/block:")
    left, right = st.columns([7, 3], gap="large")
    with left:
        _sections(visit, labels, may)
    with right:
        _aside(visit, labels, may)


def _chosen(visit: Visit) -> str:
    """The section on screen; the one of the visit's stage at first."""
    section = BEGINS.get(visit.stage, "check_in")
    first = section if visit.surgical or section in PLAIN else "discharge"
    return str(st.session_state.get(f"section_{visit.id}") or first)


def _next(visit: Visit, labels: dict[str, str], may: frozenset[str], *, main: bool) -> None:
    kind: Literal["primary", "secondary"] = "primary" if main else "secondary"
    if visit.stage == "ready" and "billing.checkout" in may:
        if st.button("Check out", key="to_checkout", type=kind):
            ticket = checkout.open_ticket(visit.id, by=frame.actor(), key=frame.form_key(f"out_{visit.id}"))
            st.switch_page("today/ticket.py", query_params={"id": ticket})
    elif visit.next_stage and "flow.move" in may:
        label = f"Move to {labels.get(visit.next_stage, visit.next_stage)}"
        if st.button(label, key="move_on", type=kind):
            _move(visit, visit.next_stage)


def _move(visit: Visit, stage: str, reason: str = "", forget: Callable[[], None] = lambda: None) -> None:
    key = frame.form_key(f"move_{visit.id}")
    with frame.refusals():
        flow.advance(visit.id, visit.stage, stage, reason=reason, by=frame.actor(), key=key)
        frame.new_form_key(f"move_{visit.id}")
        st.session_state.pop(f"saved_{visit.id}", None)
        st.session_state.pop(f"section_{visit.id}", None)
        forget()
        st.rerun()


def _sections(visit: Visit, labels: dict[str, str], may: frozenset[str]) -> None:
    shown = [name for name in SECTIONS if visit.surgical or name in PLAIN]
    slot = f"section_{visit.id}"
    if slot not in st.session_state:
        st.session_state[slot] = _chosen(visit)
    section = st.segmented_control(
        "Stage of the record", shown, key=slot, required=True, label_visibility="collapsed",
        format_func=lambda name: SECTIONS[name] + (" ✓" if getattr(visit, name, None) is not None else ""),
    )  # fmt: skip
    saved = st.session_state.get(f"saved_{visit.id}")
    if saved:
        _offer(visit, saved, labels, may)
    if "flow.record" not in may:
        st.caption("Your role reads this record and does not write it.")
    elif section in ("check_in", "exam", "surgery", "recovery", "discharge"):
        with st.container(border=True):
            getattr(sections, section)(visit)
        if section == "check_in" and "clients.view" in may:
            consents.draw(visit)
    stage = {"surgery": "in_surgery", "recovery": "recovering"}.get(section, section)
    if stage in ("premedicated", "induced", "in_surgery", "recovering"):
        with st.container(border=True):
            drugs_and_readings.drugs(visit, stage)
        if stage != "premedicated":
            with st.container(border=True):
                drugs_and_readings.readings(visit, stage)


def _offer(visit: Visit, saved: str, labels: dict[str, str], may: frozenset[str]) -> None:
    """After a save: the move that usually follows."""
    target = LEADS_TO.get(saved)
    if saved == "surgery" and visit.surgery is not None and visit.surgery.ended_at:
        target = "recovering"
    with st.container(horizontal=True, vertical_alignment="center", key="saved_bar"):
        st.markdown(f":green[:material/check: Saved the {sections.entry_word(saved)}.]")
        fits = target is not None and "flow.move" in may and may_follow(visit.stage, target)
        if fits and st.button(f"Move to {labels.get(str(target), str(target))}", key="move_offer"):
            _move(visit, str(target))


def _aside(visit: Visit, labels: dict[str, str], may: frozenset[str]) -> None:
    facts(
        [
            ("Visit", f"{visit.number} · {show.day(visit.day, style='weekday')}, {show.clock_time(visit.starts_at)}"),
            ("Stage", f"{labels.get(visit.stage, visit.stage)} since {show.clock_time(visit.stage_at)}"),
            ("Client", "\n".join(part for part in (visit.client, show.phone(visit.phone)) if part)),
            ("Services", "\n".join(visit.services)),
            ("Microchip", visit.microchip),
            ("Notes", visit.notes),
        ]
    )
    if "clients.view" in may and st.button("Open the client", key="to_client", type="tertiary"):
        st.switch_page("clients/client.py", query_params={"id": visit.client_id})
    if "outage.print" in may and st.button("Print forms", key="to_print", type="tertiary"):
        st.switch_page("paper/print.py", query_params={"appointment": visit.id})
    if "flow.record" in may:
        _caution(visit)
    visit_pages.draw(visit.id, may)
    st.subheader("Timeline", anchor=False)
    moments = flow.timeline(visit.id, by=frame.actor())
    st.html(_timeline(moments, labels, visit.day))
    if "flow.move" not in may:
        return
    with st.container(horizontal=True):
        standing = any(not moment.undoes and not moment.undone and moment.from_stage for moment in moments)
        if standing and st.button("Undo last move", key="undo_move"):
            with frame.refusals():
                key = frame.form_key(f"undo:{visit.id}:{visit.version}")
                flow.take_back(visit.id, visit.stage, by=frame.actor(), key=key)
                st.session_state.pop(f"section_{visit.id}", None)
                st.rerun()
        if may_follow(visit.stage, "declined"):
            _leave(visit)


@st.fragment
def _leave(visit: Visit) -> None:
    """The ways out of the flow, each with its reason."""
    with st.popover("Leave the flow"):
        form = DraftForm(f"leave:{visit.id}", {"stage": "declined", "reason": ""})
        form.line()
        st.selectbox("How", list(EXITS), format_func=EXITS.get, key=form.key("stage"))
        st.text_input("Reason", key=form.key("reason"), live=form.live, max_chars=200, autocomplete="off")
        form.keep()
        if st.button("Save", key="exit_save", type="primary"):
            _move(visit, str(form["stage"]), form["reason"] or "", form.forget)


def _caution(visit: Visit) -> None:
    """What everybody should mind about the patient today."""
    with st.popover("Change the caution" if visit.caution else "Add a caution", icon=":material/warning:"):
        text = st.text_input(
            "Caution for this visit", visit.caution, key=f"caution_{visit.id}_{visit.version}", max_chars=300,
            placeholder="Bites when picked up", autocomplete="off",
        )  # fmt: skip
        if st.button("Save caution", key="save_caution", type="primary"):
            with frame.refusals():
                place = f"caution_{visit.id}"
                clinical.set_caution(
                    visit.id, text or "", version=visit.version, by=frame.actor(), key=frame.form_key(place)
                )
                frame.new_form_key(place)
                st.rerun()


def _time(at: datetime, day: date) -> str:
    """The clock on the visit's own day, the date before and after it."""
    on_day = at.astimezone(ZoneInfo(frame.clinic().zone)).date() == day
    return show.clock_time(at) if on_day else show.day(at.date(), style="weekday")


def _timeline(moments: list[flow.Moment], labels: dict[str, str], day: date) -> str:
    lines = []
    for moment in moments:
        what = labels.get(moment.to_stage, moment.to_stage)
        what = f"Back to {what}" if moment.undoes else what
        more = [moment.who, "from paper" if moment.source == "paper" else "", moment.reason]
        struck = ' style="text-decoration:line-through;opacity:.62"' if moment.undone else ""
        lines.append(
            f"<dt>{escape(_time(moment.event_at, day))}</dt><dd{struck}>{escape(what)}"
            f"<br><small>{escape(' · '.join(part for part in more if part))}</small></dd>"
        )
    return f'<dl class="facts timeline">{"".join(lines)}</dl>' if lines else "<p>No move yet.</p>"


if st.query_params.get("id"):
    main(st.query_params["id"])
else:
    frame.head("Clinical record", "Choose a patient on the board.")
    st.page_link("today/flow.py", label="Open the patient flow", icon=":material/view_kanban:")
