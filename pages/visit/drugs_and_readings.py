"""Inside a stage: the drugs of that stage, and the monitoring grid."""

from __future__ import annotations

from html import escape

import streamlit as st

from appointments import clinical, drug_log
from appointments import drug_register as register
from appointments.clinical import Reading, Visit
from appointments.quantities import words
from pages.components import drug_forms, frame, show, when
from pages.visit.sections import degrees, row, scale, tenths
from security.access import allowed_now

TABLE = """<style>.lines table { width: 100%; border-collapse: collapse; font-size: .93rem; }
.lines th { text-align: left; font-size: .82rem; opacity: .8; font-weight: 600; }
.lines th, .lines td { padding: 5px 8px 5px 0; border-bottom: 1px solid var(--line); }
.lines .out { text-decoration: line-through; opacity: .62; }</style>"""


@st.fragment
def drugs(visit: Visit, stage: str) -> None:
    """The drug lines of a stage and the form for the next one."""
    by = frame.actor()
    may = allowed_now(by)
    if "drugs.view" not in may:
        return
    st.subheader("Drugs", anchor=False)
    found = [(bottle, line) for bottle, line in register.of_visit(visit.id, by=by) if line.stage == stage]
    if found:
        _table(
            ("Time", "Drug", "Given", "Wasted", "Route", "Bottle", "By", "Witness"),
            [
                (
                    show.clock_time(line.event_at), f"{bottle.drug} {bottle.strength}", words(line.given, bottle.unit),
                    words(line.wasted, bottle.unit) if line.wasted else "", line.route, bottle.number, line.by,
                    line.witness or ", ".join(line.flags),
                )
                for bottle, line in found
                if line.kind != "reversal"
            ],
            [bool(line.reversed_by) for _, line in found if line.kind != "reversal"],
        )  # fmt: skip
    if "drugs.log" not in may:
        return
    name = f"visit_{stage}"
    use = drug_forms.use_fields(
        name, [bottle for bottle in register.bottles(by=by) if bottle.opened_at], register.people(by=by),
        visit=visit.id, stage=stage, main=False,
    )  # fmt: skip
    if use:
        with frame.refusals():
            drug_log.log_use(use, by=by, key=frame.form_key(name))
            frame.new_form_key(name)
            for field in ("given", "wasted"):
                st.session_state.pop(f"{name}_{field}", None)
            st.rerun(scope="fragment")


@st.fragment
def readings(visit: Visit, stage: str) -> None:
    """The monitoring grid of a stage."""
    by = frame.actor()
    st.subheader("Monitoring", anchor=False)
    lines = [line for line in clinical.readings(visit.id, by=by) if line.stage == stage]
    if lines:
        _table(
            ("Time", f"Temp °{scale()}", "Heart", "Resp.", "Membranes", "Pain", "Note"),
            [
                (
                    show.clock_time(line.event_at), degrees(line.temperature_tenths), _int(line.heart_rate),
                    _int(line.respiration), line.mucous_membranes, _int(line.pain), line.text,
                )
                for line in lines
            ],
            [False] * len(lines),
        )  # fmt: skip
    if "flow.record" not in allowed_now(by):
        return
    with st.form(f"reading_{stage}", clear_on_submit=True, border=False):
        with row():
            at = when.time_of_day("Time", f"reading_{stage}_at")
            heat = st.text_input(f"Temp, °{scale()}", key=f"reading_{stage}_heat", width=90)
            heart = st.text_input("Heart rate", key=f"reading_{stage}_heart", width=90)
            breath = st.text_input("Respiration", key=f"reading_{stage}_breath", width=100)
            gums = st.selectbox(
                "Membranes", ["", "pink", "pale", "blue", "red", "yellow"], key=f"reading_{stage}_gums", width=110
            )
            pain = st.text_input("Pain", key=f"reading_{stage}_pain", width=70)
            text = st.text_input("Note", key=f"reading_{stage}_text")
        if not st.form_submit_button("Add the reading", key=f"reading_{stage}_send"):
            return
    with frame.refusals():
        reading = Reading(
            stage, tenths(heat), clinical.whole(heart, "heart rate"), clinical.whole(breath, "respiration"),
            str(gums), clinical.whole(pain, "pain score"), text[:300],
        )  # fmt: skip
        clinical.observe(visit.id, reading, event_at=at, by=by, key=frame.form_key(f"reading_{stage}"))
        frame.new_form_key(f"reading_{stage}")
        st.rerun(scope="fragment")


def _table(heads: tuple[str, ...], lines: list[tuple[str, ...]], out: list[bool]) -> None:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f'<tr class="{"out" if struck else ""}">' + "".join(f"<td>{escape(text)}</td>" for text in line) + "</tr>"
        for line, struck in zip(lines, out, strict=True)
    )
    st.html(f'{TABLE}<div class="lines"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def _int(value: int | None) -> str:
    return "" if value is None else str(value)
