"""The forms of the drug log: use, receive, count, adjust, close, correct. Each calls one rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import streamlit as st

from appointments import drug_log, flow
from appointments import drug_register as register
from appointments.drug_log import NewBottle, Use
from appointments.drug_register import BottleRow, LogLine
from appointments.quantities import decimal_of, thousandths, words
from pages.components import frame, show, when
from pages.components.draft_form import DraftForm, reopen

ROUTES = ("IM", "IV", "SC", "PO", "TM", "topical")
COUNT = "count_"


def use_form(place: str, name: str, *, before: LogLine | None = None, bottle: BottleRow | None = None) -> DraftForm:
    """What is typed for one drawing, kept at a place. ``before`` is a line to correct."""
    start = {
        "bottle": bottle.id if bottle else None, "given": _start(before.given if before else 0),
        "wasted": _start(before.wasted if before else 0), "route": before.route if before else "", "witness": None,
        "time": when.start(before.event_at if before else None),
    }  # fmt: skip
    return DraftForm(place, start, prefix=f"{name}_")


def use_fields(
    form: DraftForm,
    name: str,
    bottles: Sequence[BottleRow],
    people: Mapping[str, str],
    *,
    visit: str | None,
    stage: str = "",
    before: LogLine | None = None,
    main: bool = True,
) -> Use | None:
    """The fields for one drawing; gives the use when it is sent. Every field is kept as it is typed into."""
    if not bottles:
        st.caption("No bottle is open. Open one on the Drug log page first.")
        return None
    form.line()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = [row for row in bottles if row.stage == stage] or list(bottles)
        ordered = {row.id: row for row in [*usual, *(row for row in bottles if row not in usual)]}
        form.follow("bottle", form.start["bottle"] or next(iter(ordered)))
        form.among("bottle", ordered)
        chosen = ordered[
            st.selectbox(
                "Drug and bottle", list(ordered), key=form.key("bottle"), width=290,
                format_func=lambda id: f"{ordered[id].title} ({words(ordered[id].balance, ordered[id].unit)})",
            )
        ]  # fmt: skip
        _text(form, "given", f"Given, {frame.plain(chosen.unit)}", width=90)
        _text(form, "wasted", f"Wasted, {frame.plain(chosen.unit)}", width=90)
        routes = list(dict.fromkeys([chosen.route, *ROUTES]))
        form.follow("route", before.route if before and before.route in routes else routes[0])
        form.among("route", routes)
        st.selectbox("Route", routes, key=form.key("route"), width=100)
        _witness(form, people, width=180, help="Needed for waste of a controlled drug.")
        at = when.time_of_day("Time", form.key("time"), value=before.event_at if before else None)
    form.keep()
    kind: Literal["primary", "secondary"] = "primary" if main else "secondary"
    if not st.button("Log the drug", key=f"{name}_send", type=kind, shortcut=frame.SEND if main else None):
        return None
    with frame.refusals():
        return Use(
            chosen.id, thousandths(form["given"] or "0"), thousandths(form["wasted"] or "0"), appointment_id=visit,
            stage=stage, route=form["route"], witness_id=form["witness"], event_at=at,
        )  # fmt: skip
    return None


def _start(quantity: int) -> str:
    return f"{decimal_of(quantity):f}" if quantity else ""


def _text(form: DraftForm, name: str, label: str, place: Any = st, **more: Any) -> None:
    place.text_input(label, key=form.key(name), live=form.live, autocomplete="off", **more)


def _witness(form: DraftForm, people: Mapping[str, str], **more: Any) -> None:
    form.among("witness", [None, *people])
    st.selectbox(
        "Witness", [None, *people], format_func=lambda id: people.get(id or "", "–"), key=form.key("witness"),
        placeholder="–", **more,
    )  # fmt: skip


def log_use(bottle: BottleRow | None = None) -> None:
    """Open the dialog for a use for one of today's patients, or waste without one."""
    reopen(f"use:{bottle.id if bottle else ''}", "use_")
    _log_use(bottle)


@st.dialog("Log a drug", width="large")
def _log_use(bottle: BottleRow | None) -> None:
    by = frame.actor()
    with frame.refusals():
        cards = [card for card in flow.board(show.today(), by=by) if card.stage not in ("cancelled", "no_show")]
        names = {card.id: f"{card.number} {card.patient} · {card.client}" for card in cards}
        form = use_form(f"use:{bottle.id if bottle else ''}", "use", bottle=bottle)
        who = DraftForm(f"{form.place}:visit", {"visit": None}, prefix="use_")
        who.among("visit", [None, *names])
        visit = st.selectbox(
            "Patient", [None, *names], placeholder="None: waste only", key=who.key("visit"),
            format_func=lambda id: names[id] if id else "None: waste only",
        )  # fmt: skip
        who.keep()
        open_ones = [row for row in register.bottles(by=by) if row.opened_at]
        use = use_fields(form, "use", open_ones, register.people(by=by), visit=visit)
        if use:
            drug_log.log_use(use, by=by, key=frame.form_key("use"))
            form.forget()
            who.forget()
            done("use", "Logged.")


RECEIVE = {
    "drug": None, "number": "", "size": "10", "lot": "", "expires": None, "supplier": "", "registration": "",
    "on": None,
}  # fmt: skip


def receive() -> None:
    """Open the dialog for a new container."""
    reopen("receive", "receive_")
    _receive()


@st.dialog("Receive a bottle")
def _receive() -> None:
    by = frame.actor()
    with frame.refusals():
        drugs = register.drugs(by=by)
        form = DraftForm("receive", RECEIVE, prefix="receive_")
        form.line()
        form.follow("drug", next(iter(drugs), None))
        form.among("drug", drugs)
        form.follow("on", show.today())
        st.selectbox("Drug", list(drugs), format_func=drugs.get, key=form.key("drug"))
        left, right = st.columns(2)
        _text(form, "number", "Bottle number", left, help="As written on its label.")
        _text(form, "size", "Size", right, help="In the drug's unit, such as mL.")
        left, right = st.columns(2)
        _text(form, "lot", "Lot", left)
        right.date_input("Expires", key=form.key("expires"), format=show.date_pattern())
        left, right = st.columns(2)
        _text(form, "supplier", "Supplier", left)
        _text(form, "registration", "Supplier's registration number", right)
        st.date_input("Received", max_value=show.today(), key=form.key("on"), format=show.date_pattern())
        form.keep()
        if not st.button("Receive the bottle", key="receive_send", type="primary", shortcut=frame.SEND):
            return
        new = NewBottle(
            str(form["drug"]), form["number"], thousandths(form["size"]), form["on"] or show.today(), form["lot"],
            form["expires"], form["supplier"], form["registration"],
        )  # fmt: skip
        drug_log.receive(new, by=by, key=frame.form_key("receive"))
        form.forget()
        done("receive", f"Bottle {new.number} is in stock.")


def count(day: date, part: Literal["AM", "PM"], rows: Sequence[BottleRow]) -> None:
    """Open the dialog with one count for every open bottle."""
    reopen(f"count:{day}:{part}", COUNT)
    _count(day, part, rows)


@st.dialog("Count the bottles", width="large")
def _count(day: date, part: Literal["AM", "PM"], rows: Sequence[BottleRow]) -> None:
    by = frame.actor()
    with frame.refusals():
        people = register.people(by=by)
        start = {f"{part}_{row.id}": "" for row in rows} | {f"reason_{part}_{row.id}": "" for row in rows}
        form = DraftForm(f"count:{day}:{part}", start | {"witness": None}, prefix=COUNT)
        form.line()
        st.caption(f"{part} count of {show.day(day)}. Leave a bottle empty that was not counted.")
        _witness(form, people)
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="bottom"):
                _text(form, f"{part}_{row.id}", f"{row.title}, by the log {words(row.balance, row.unit)}")
                _text(form, f"reason_{part}_{row.id}", "Reason, if it differs")
        form.keep()
        if st.button(f"Save the {part} count", key="count_send", type="primary", shortcut=frame.SEND):
            _save_count(form, day, part, rows)


def _save_count(form: DraftForm, day: date, part: Literal["AM", "PM"], rows: Sequence[BottleRow]) -> None:
    by, key, saved = frame.actor(), frame.form_key("count"), 0
    for row in rows:
        counted, reason = form[f"{part}_{row.id}"] or "", form[f"reason_{part}_{row.id}"] or ""
        if counted.strip():
            with frame.refusals():
                drug_log.count(
                    row.id, day, part, thousandths(counted), witness_id=form["witness"], reason=reason, by=by,
                    key=f"{key}-{row.id}-{counted}-{bool(reason)}-{form['witness']}",
                )  # fmt: skip
                saved += 1
                continue
            st.caption(frame.plain(f"Not saved: {row.title}"))
            return
    form.forget()
    done("count", "1 count saved." if saved == 1 else f"{saved} counts saved.")


def settle(bottle: BottleRow) -> None:
    """Open the dialog for what else happens to a bottle."""
    reopen(f"settle:{bottle.id}", "settle_")
    _settle(bottle)


@st.dialog("Adjust, dispose or close")
def _settle(bottle: BottleRow) -> None:
    by = frame.actor()
    with frame.refusals():
        start = {"what": "Close", "delta": "", "quantity": "", "reason": "", "witness": None}
        form = DraftForm(f"settle:{bottle.id}", start, prefix="settle_")
        form.line()
        what = st.segmented_control(
            "What happened", ["Close", "Adjust", "Dispose"], key=form.key("what"), required=True
        )
        if what == "Adjust":
            _text(form, "delta", f"Change of the balance, {bottle.unit}", placeholder="-0.10")
        elif what == "Dispose":
            _text(form, "quantity", f"Quantity, {bottle.unit}")
        elif bottle.balance:
            st.caption(f"The log says {words(bottle.balance, bottle.unit)}. Closing adjusts it to zero.")
        _text(form, "reason", "Reason" if what != "Dispose" else "Manner of disposal")
        _witness(form, register.people(by=by))
        form.keep()
        if not st.button(f"{what} the bottle", key="settle_send", type="primary", shortcut=frame.SEND):
            return
        key, reason, witness = frame.form_key("settle"), form["reason"] or "", form["witness"]
        if what == "Adjust":
            drug_log.adjust(bottle.id, thousandths(form["delta"] or "", signed=True), reason, witness, by=by, key=key)
        elif what == "Dispose":
            drug_log.dispose(bottle.id, thousandths(form["quantity"] or ""), reason, witness, by=by, key=key)
        else:
            drug_log.close_bottle(bottle.id, reason=reason, witness_id=witness, by=by, key=key)
        form.forget()
        done("settle", f"Bottle {bottle.number} is up to date.")


def correct(bottle: BottleRow, lines: Sequence[LogLine]) -> None:
    """Open the dialog that strikes a line through and takes what was right."""
    reopen(f"correct:{bottle.id}", "correct_")
    _correct(bottle, lines)


@st.dialog("Correct a line", width="large")
def _correct(bottle: BottleRow, lines: Sequence[LogLine]) -> None:
    by = frame.actor()
    with frame.refusals():
        standing = {line.id: line for line in reversed(lines) if line.stands}
        if not standing:
            return
        form = DraftForm(f"correct:{bottle.id}", {"line": None, "reason": "", "only": False}, prefix="correct_")
        form.line()
        form.follow("line", next(iter(standing)))
        form.among("line", standing)
        chosen = st.selectbox(
            "Line", list(standing), format_func=lambda id: _line_title(standing[id], bottle), key=form.key("line")
        )
        line = standing[chosen]
        st.caption("The line stays in the log, struck through, with your name and the reason.")
        _text(form, "reason", "What was wrong")
        only = line.kind != "use" or st.toggle("Strike it through without a new line", key=form.key("only"))
        form.keep()
        reason, key = form["reason"] or "", frame.form_key("correct")
        if only:
            if st.button("Strike the line through", key="correct_send", type="primary", shortcut=frame.SEND):
                drug_log.correct(line.id, reason, by=by, key=key)
                form.forget()
                done("correct", "The line is struck through.")
            return
        name = f"correct_{line.id}"
        right = use_form(f"correct:{line.id}", name, before=line, bottle=bottle)
        use = use_fields(
            right, name, [bottle], register.people(by=by), visit=line.appointment_id, stage=line.stage, before=line
        )
        if use:
            drug_log.correct(line.id, reason, by=by, instead=use, key=key)
            form.forget()
            right.forget()
            done("correct", "The line is corrected.")


def _line_title(line: LogLine, bottle: BottleRow) -> str:
    quantity = words(line.delta, bottle.unit, sign=True)
    return f"{show.moment(line.event_at)} · {line.patient or register.KINDS[line.kind]} · {quantity}"


def done(form: str, sentence: str) -> None:
    """After a save: a new key, a short word, and the page again."""
    frame.new_form_key(form)
    st.session_state["drug_said"] = sentence
    st.rerun()
