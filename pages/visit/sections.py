"""The forms of the clinical record, one for each stage. Each keeps its draft and calls one rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

import streamlit as st

from appointments import clinical
from appointments.clinical import (
    CheckInEntry,
    DischargeEntry,
    Entry,
    ExamEntry,
    RecoveryEntry,
    SurgeryEntry,
    Visit,
)
from pages.components import frame, show, when
from pages.components.draft_form import DraftForm
from pages.components.record_fields import is_human

YES_NO = {None: "not asked", True: "yes", False: "no"}


def scale() -> str:
    """The degrees this clinic thinks in: F in the United States, C elsewhere."""
    return "F" if frame.clinic().locale.endswith("_US") else "C"


def degrees(hundredths: int | None) -> str:
    """A temperature as it is typed."""
    if hundredths is None:
        return ""
    return f"{clinical.fahrenheit(hundredths):.1f}" if scale() == "F" else f"{hundredths / 100:.1f}"


def hundredths(text: str) -> int | None:
    """What was typed as a temperature."""
    value = clinical.number(text, "temperature")
    return None if value is None else clinical.hundredths_celsius(value, scale=scale())


def row() -> Any:
    """Fields side by side that wrap on a phone."""
    return st.container(horizontal=True, vertical_alignment="bottom")


def _start(record: Any, kind: type[Entry], **more: Any) -> dict[str, Any]:
    return clinical.entry_of(record, kind) | more


def _text(form: DraftForm, name: str, label: str, *, width: int | str = "stretch", help: str | None = None) -> None:
    st.text_input(label, key=form.key(name), live=form.live, width=width, help=help)


def _save(
    visit: Visit, section: str, record: Any, form: DraftForm, entry: Callable[[], Entry], at: datetime | None
) -> None:
    """The save button of a section, what it saved, and the times of the record."""
    form.keep()
    with st.container(horizontal=True, vertical_alignment="center"):
        kind: Literal["primary", "secondary"] = "primary" if comes_next(visit, section) else "secondary"
        pressed = st.button(f"Save {entry_word(section)}", key=f"save_{section}", type=kind, shortcut=frame.SEND)
        if record is not None:
            who = visit.people.get(record.by_user_id or "", "")
            paper = "from paper, " if record.source == "paper" else ""
            st.caption(
                f"Last saved {paper}by {show.plain(who)}" if who else f"Saved {paper}{show.moment(record.entered_at)}"
            )
    if not pressed or form.newer:
        return
    with form.saving():
        clinical.record_stage(
            visit.id, entry(), version=record.version if record is not None else None, event_at=at,
            source=record.source if record is not None else "live", by=frame.actor(),
            key=frame.form_key(f"{section}_{visit.id}"),
        )  # fmt: skip
        frame.new_form_key(f"{section}_{visit.id}")
        form.forget()
        st.session_state[f"saved_{visit.id}"] = section
        st.rerun()


def comes_next(visit: Visit, section: str) -> bool:
    """Whether saving this section is the next thing to do about the visit: it was never written, and the patient does
    not wait to be checked out."""
    may = frame.may()
    going_home = visit.stage == "ready" and section == "discharge" and "billing.checkout" in may
    return "flow.record" in may and getattr(visit, section, visit) is None and not going_home


def entry_word(section: str) -> str:
    """``check-in``, ``exam`` …"""
    return {"check_in": "check-in"}.get(section, section)


def _form(visit: Visit, section: str, record: Any, start: dict[str, Any], **times: datetime | None) -> DraftForm:
    """The section's form with what was typed earlier; the time of the record and any other are fields too."""
    times = {"at": record.event_at if record is not None else None} | times
    start = start | {f"time_{name}": when.start(value) for name, value in times.items()}
    form = DraftForm(f"{section}:{visit.id}", start, version=record.version if record is not None else 0)
    form.line()
    return form


def _at(form: DraftForm, record: Any, label: str) -> datetime | None:
    value = record.event_at if record is not None else None
    return when.time_of_day(label, form.key("time_at"), value=value)


@st.fragment
def check_in(visit: Visit) -> None:
    """Arrival."""
    record = visit.check_in
    form = _form(visit, "check_in", record, _start(record, CheckInEntry))
    with row():
        st.checkbox("Identity confirmed", key=form.key("identity_confirmed"))
        st.checkbox("Services confirmed", key=form.key("services_confirmed"))
    with row():
        st.selectbox("Consent", ["missing", "signed", "refused"], key=form.key("consent"), width=160)
        st.selectbox("Fasted", list(YES_NO), format_func=YES_NO.get, key=form.key("fasted"), placeholder="–", width=140)
        _text(form, "dropped_off_by", "Accompanied by" if is_human() else "Dropped off by")
        at = _at(form, record, "Arrived")
    _text(form, "notes", "Notes")
    _save(visit, "check_in", record, form, lambda: CheckInEntry(**_values(form)), at)


@st.fragment
def exam(visit: Visit) -> None:
    """Before anaesthesia."""
    record = visit.exam
    start = _start(record, ExamEntry)
    typed = {
        "weight": f"{start['weight_grams'] / 1000:g}" if start["weight_grams"] is not None else "",
        "temperature": degrees(start["temperature_hundredths"]),
        "pulse": _shown(start["pulse"]),
        "respiration": _shown(start["respiration"]),
    }
    form = _form(visit, "exam", record, start | typed)
    with row():
        weighed = show.weight(visit.weight_grams, both=True, missing="never weighed")
        _text(form, "weight", "Weight, kg", width=110, help=f"Last known: {weighed}")
        _text(form, "temperature", f"Temperature, °{scale()}", width=120)
        _text(form, "pulse", "Pulse", width=90)
        _text(form, "respiration", "Respiration", width=100)
        at = _at(form, record, "Examined")
    if clinical.doubtful_weight(form["weight"] or "", visit.weight_grams):
        st.warning(f"The last known weight is {weighed}. Check the number and its unit.", icon=":material/scale:")
    with row():
        st.selectbox("Sex found", ["", "female", "male"], key=form.key("sex_found"), placeholder="–", width=120)
        if not is_human():
            cycle = ["", *clinical.REPRODUCTIVE]
            st.selectbox("Cycle", cycle, key=form.key("reproductive"), placeholder="–", width=140)
            st.selectbox("Body condition", [None, *range(1, 10)], key=form.key("body_condition"), width=130,
                         placeholder="–", format_func=lambda score: f"{score} of 9" if score else "–")  # fmt: skip
        st.selectbox("Health", clinical.HEALTH, key=form.key("health"), width=150)
    with row():
        st.checkbox("Weight is estimated", key=form.key("weight_estimated"))
        if not is_human():
            st.checkbox("Already spayed or neutered", key=form.key("already_altered"))
    known = list(dict.fromkeys([*(() if is_human() else clinical.FINDINGS), *start["abnormalities"]]))
    st.multiselect("Findings", known, key=form.key("abnormalities"), accept_new_options=True)
    with row():
        verdict = {None: "not decided", True: "yes", False: "no"}
        if visit.surgical or not is_human():
            st.selectbox(
                "Approved for surgery",
                list(verdict),
                format_func=verdict.get,
                key=form.key("approved"),
                placeholder="–",
                width=180,
            )
        _text(form, "notes", "Notes")

    def entry() -> Entry:
        kilograms = clinical.number(form["weight"] or "", "weight")
        values = _values(form, leave=typed)
        return replace(
            ExamEntry(**values),
            weight_grams=None if kilograms is None else round(kilograms * 1000),
            temperature_hundredths=_heat(form, start, typed),
            pulse=clinical.whole(form["pulse"] or "", "pulse"),
            respiration=clinical.whole(form["respiration"] or "", "respiration"),
        )

    _save(visit, "exam", record, form, entry, at)


@st.fragment
def surgery(visit: Visit) -> None:
    """What was done, by whom, from when to when."""
    record = visit.surgery
    start = _start(record, SurgeryEntry)
    ended = start.pop("ended_at")
    if record is None:
        usual = {} if is_human() else {"female": "spay", "male": "neuter"}
        start |= {"surgeon_id": visit.provider_id, "procedure": usual.get(visit.sex, "")}
    form = _form(visit, "surgery", record, start, ended=ended)
    with row():
        people = [None, *visit.people]
        st.selectbox("Surgeon", people, format_func=lambda id: visit.people.get(id or "", "–"),
                     key=form.key("surgeon_id"), placeholder="–", width=170)  # fmt: skip
        offered = ("wound repair", "other") if is_human() else clinical.PROCEDURES
        kinds = list(dict.fromkeys(["", start["procedure"], *offered]))
        st.selectbox("Procedure", kinds, key=form.key("procedure"), placeholder="–", width=160)
        at = _at(form, record, "Begun")
        done = when.time_of_day("Ended", form.key("time_ended"), value=ended, help="Empty while it goes on.")
    with row():
        _text(form, "suture", "Suture", width=160)
        if not is_human():
            st.checkbox("Tattoo", key=form.key("tattoo"))
            st.checkbox("Ear tip", key=form.key("ear_tip"))
        known = list(dict.fromkeys([*clinical.COMPLICATIONS, *start["complications"]]))
        st.multiselect("Complications", known, key=form.key("complications"), accept_new_options=True)
    _text(form, "findings", "Findings")
    _text(form, "notes", "Notes")
    _save(visit, "surgery", record, form, lambda: SurgeryEntry(ended_at=done, **_values(form)), at)


@st.fragment
def recovery(visit: Visit) -> None:
    """Waking up."""
    record = visit.recovery
    start = _start(record, RecoveryEntry)
    extubated = start.pop("extubated_at")
    typed = {"temperature": degrees(start["temperature_hundredths"])}
    form = _form(visit, "recovery", record, start | typed, tube=extubated)
    with row():
        at = _at(form, record, "In recovery")
        tube = when.time_of_day("Extubated", form.key("time_tube"), value=extubated, help="Empty if not intubated.")
        _text(form, "temperature", f"Temperature, °{scale()}", width=130)
        st.selectbox("Pain, 0 to 10", [None, *range(11)], key=form.key("pain"), placeholder="–", width=120,
                     format_func=lambda score: "–" if score is None else str(score))  # fmt: skip
    known = list(dict.fromkeys([*clinical.COMPLICATIONS, *start["complications"]]))
    st.multiselect("Complications", known, key=form.key("complications"), accept_new_options=True)
    _text(form, "take_home", "To take home")
    _text(form, "notes", "Notes")

    def entry() -> Entry:
        values = _values(form, leave=typed) | {"temperature_hundredths": _heat(form, start, typed)}
        return RecoveryEntry(extubated_at=tube, **values)

    _save(visit, "recovery", record, form, entry, at)


@st.fragment
def discharge(visit: Visit) -> None:
    """Going home."""
    record = visit.discharge
    form = _form(visit, "discharge", record, _start(record, DischargeEntry))
    with row():
        _text(form, "released_to", "Released to")
        at = _at(form, record, "Released")
    st.checkbox("Aftercare instructions given", key=form.key("aftercare_given"))
    _text(form, "notes", "Notes")
    _save(visit, "discharge", record, form, lambda: DischargeEntry(**_values(form)), at)


def _values(form: DraftForm, leave: Any = ()) -> dict[str, Any]:
    return {name: value for name, value in form.items() if name not in leave and not name.startswith("time_")}


def _heat(form: DraftForm, start: Mapping[str, Any], typed: Mapping[str, str]) -> int | None:
    """The temperature entered; what nobody touched stays as exact as it was measured."""
    text = form["temperature"] or ""
    return start["temperature_hundredths"] if text == typed["temperature"] else hundredths(text)


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)
