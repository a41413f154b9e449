"""Inside a stage: the drugs of that stage, and the monitoring grid."""

from __future__ import annotations

from html import escape

import streamlit as st

from appointments import clinical, drug_log
from appointments import drug_register as register
from appointments.clinical import Reading, Visit
from appointments.quantities import words
from pages.components import drug_forms, frame, show, when
from pages.components.draft_form import DraftForm
from pages.visit.sections import degrees, hundredths, row, scale

READING = {"at": None, "heat": "", "heart": "", "breath": "", "gums": "", "pain": "", "text": ""}
MEMBRANES = ("", "pink", "pale", "blue", "red", "yellow")
TABLE = """<style>.lines table { width: 100%; border-collapse: collapse; font-size: .93rem; }
.lines th { text-align: left; font-size: .82rem; opacity: .8; font-weight: 600; }
.lines th, .lines td { padding: 5px 8px 5px 0; border-bottom: 1px solid var(--line); }
.lines .out { text-decoration: line-through; opacity: .62; }</style>"""


@st.fragment
def drugs(visit: Visit, stage: str) -> None:
    """The drug lines of a stage and the form for the next one."""
    by = frame.actor()
    may = frame.may()
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
    form = drug_forms.use_form(f"drug:{visit.id}:{stage}", name)
    use = drug_forms.use_fields(
        form, name, [bottle for bottle in register.bottles(by=by) if bottle.opened_at], register.people(by=by),
        visit=visit.id, stage=stage, main=False,
    )  # fmt: skip
    if use:
        with frame.refusals():
            drug_log.log_use(use, by=by, key=frame.form_key(name))
            frame.new_form_key(name)
            form.forget()
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
                    show.clock_time(line.event_at), degrees(line.temperature_hundredths), _int(line.heart_rate),
                    _int(line.respiration), line.mucous_membranes, _int(line.pain), line.text,
                )
                for line in lines
            ],
            [False] * len(lines),
        )  # fmt: skip
    if "flow.record" not in frame.may():
        return
    form = DraftForm(f"reading:{visit.id}:{stage}", READING, prefix=f"reading_{stage}_")
    form.line()
    with row():
        at = when.time_of_day("Time", form.key("at"))
        for name, label, width in (
            ("heat", f"Temp, °{scale()}", 90), ("heart", "Heart rate", 90), ("breath", "Respiration", 100),
        ):  # fmt: skip
            st.text_input(label, key=form.key(name), live=form.live, width=width, autocomplete="off")
        st.selectbox("Membranes", MEMBRANES, key=form.key("gums"), width=110, placeholder="–")
        st.text_input("Pain", key=form.key("pain"), live=form.live, width=70, autocomplete="off")
        st.text_input("Note", key=form.key("text"), live=form.live, autocomplete="off")
    form.keep()
    if not st.button("Add the reading", key=f"reading_{stage}_send"):
        return
    with frame.refusals():
        typed = {name: str(form[name] or "") for name in READING}
        reading = Reading(
            stage, hundredths(typed["heat"]), clinical.whole(typed["heart"], "heart rate"),
            clinical.whole(typed["breath"], "respiration"), typed["gums"],
            clinical.whole(typed["pain"], "pain score"), typed["text"][:300],
        )  # fmt: skip
        clinical.observe(visit.id, reading, event_at=at, by=by, key=frame.form_key(f"reading_{stage}"))
        frame.new_form_key(f"reading_{stage}")
        form.forget()
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
