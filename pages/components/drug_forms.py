"""The forms of the drug log: use, receive, count, adjust, close, correct. Each calls one rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

import streamlit as st

from appointments import drug_log, flow
from appointments import drug_register as register
from appointments.drug_log import NewBottle, Use
from appointments.drug_register import BottleRow, LogLine
from appointments.quantities import decimal_of, thousandths, words
from pages.components import frame, show, when

ROUTES = ("IM", "IV", "SC", "PO", "TM", "topical")


def use_fields(
    name: str,
    bottles: Sequence[BottleRow],
    people: Mapping[str, str],
    *,
    visit: str | None,
    stage: str = "",
    before: LogLine | None = None,
    bottle: BottleRow | None = None,
    main: bool = True,
) -> Use | None:
    """A form for one drawing; gives the use when it is sent. ``before`` is a line to correct."""
    if not bottles:
        st.caption("No bottle is open. Open one on the Drug log page first.")
        return None
    with st.form(f"{name}_form", clear_on_submit=False, border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            usual = [row for row in bottles if row.stage == stage] or list(bottles)
            ordered = usual + [row for row in bottles if row not in usual]
            chosen = st.selectbox(
                "Drug and bottle", ordered, key=f"{name}_bottle", width=290,
                index=ordered.index(bottle) if bottle in ordered else 0,
                format_func=lambda row: f"{row.title} ({words(row.balance, row.unit)})",
            )  # fmt: skip
            given = st.text_input("Given", _start(before.given if before else 0), key=f"{name}_given", width=90)
            wasted = st.text_input("Wasted", _start(before.wasted if before else 0), key=f"{name}_wasted", width=90)
            routes = list(dict.fromkeys([chosen.route if chosen else "", *ROUTES]))
            start = before.route if before and before.route in routes else routes[0]
            route = st.selectbox("Route", routes, index=routes.index(start), key=f"{name}_route", width=100)
            witness = st.selectbox(
                "Witness", [None, *people], format_func=lambda id: people.get(id or "", "–"), key=f"{name}_witness",
                placeholder="–", width=180, help="Needed for waste of a controlled drug.",
            )  # fmt: skip
            at = when.time_of_day("Time", f"{name}_time", value=before.event_at if before else None)
        if not st.form_submit_button("Log the drug", key=f"{name}_send", type="primary" if main else "secondary"):
            return None
    with frame.refusals():
        return Use(
            chosen.id, thousandths(given or "0"), thousandths(wasted or "0"), appointment_id=visit, stage=stage,
            route=route, witness_id=witness, event_at=at,
        )  # fmt: skip
    return None


def _start(quantity: int) -> str:
    return f"{decimal_of(quantity):f}" if quantity else ""


@st.dialog("Log a drug", width="large")
def log_use(bottle: BottleRow | None = None) -> None:
    """A use for one of today's patients, or waste without one."""
    by = frame.actor()
    cards = [card for card in flow.board(show.today(), by=by) if card.stage not in ("cancelled", "no_show")]
    visit = st.selectbox(
        "Patient", [None, *cards], placeholder="None: waste only", key="use_visit", index=0,
        format_func=lambda card: f"{card.number} {card.patient} · {card.client}" if card else "None: waste only",
    )  # fmt: skip
    open_ones = [row for row in register.bottles(by=by) if row.opened_at]
    use = use_fields("use", open_ones, register.people(by=by), visit=visit.id if visit else None, bottle=bottle)
    if use:
        with frame.refusals():
            drug_log.log_use(use, by=by, key=frame.form_key("use"))
            done("use", "Logged.")


@st.dialog("Receive a bottle")
def receive() -> None:
    """A new container."""
    by = frame.actor()
    drugs = register.drugs(by=by)
    with st.form("receive_form", border=False):
        drug = st.selectbox("Drug", list(drugs), format_func=drugs.get, key="receive_drug")
        left, right = st.columns(2)
        number = left.text_input("Bottle number", key="receive_number", help="As written on its label.")
        size = right.text_input("Size", "10", key="receive_size", help="In the drug's unit, such as mL.")
        lot = left.text_input("Lot", key="receive_lot")
        expires = right.date_input("Expires", None, key="receive_expires", format=show.date_pattern())
        supplier = left.text_input("Supplier", key="receive_supplier")
        registration = right.text_input("Supplier's registration number", key="receive_registration")
        received = left.date_input(
            "Received", show.today(), max_value=show.today(), key="receive_on", format=show.date_pattern()
        )
        if not st.form_submit_button("Receive the bottle", key="receive_send", type="primary"):
            return
    with frame.refusals():
        new = NewBottle(
            str(drug), number, thousandths(size), _day(received), lot, _optional(expires), supplier, registration
        )
        drug_log.receive(new, by=by, key=frame.form_key("receive"))
        done("receive", f"Bottle {number} is in stock.")


@st.dialog("Count the bottles", width="large")
def count(day: date, part: Literal["AM", "PM"], rows: Sequence[BottleRow]) -> None:
    """One count for every open bottle."""
    by = frame.actor()
    people = register.people(by=by)
    with st.form("count_form", border=False):
        st.caption(f"{part} count of {show.day(day)}. Leave a bottle empty that was not counted.")
        witness = st.selectbox(
            "Witness",
            [None, *people],
            format_func=lambda id: people.get(id or "", "–"),
            key="count_witness",
            placeholder="–",
        )
        typed = {}
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="bottom"):
                label = f"{row.title}, by the log {words(row.balance, row.unit)}"
                counted = st.text_input(label, key=f"count_{part}_{row.id}")
                reason = st.text_input("Reason, if it differs", key=f"count_reason_{part}_{row.id}")
            typed[row.id] = (counted, reason)
        if not st.form_submit_button(f"Save the {part} count", key="count_send", type="primary"):
            return
    key = frame.form_key("count")
    saved = 0
    for row in rows:
        counted, reason = typed[row.id]
        if counted.strip():
            with frame.refusals():
                drug_log.count(
                    row.id, day, part, thousandths(counted), witness_id=witness, reason=reason, by=by,
                    key=f"{key}-{row.id}-{counted}-{bool(reason)}-{witness}",
                )  # fmt: skip
                saved += 1
                continue
            st.caption(f"Not saved: {row.title}")
            return
    done("count", f"{saved} counts saved.")


@st.dialog("Adjust, dispose or close")
def settle(bottle: BottleRow) -> None:
    """What else happens to a bottle."""
    by = frame.actor()
    people = register.people(by=by)
    what = st.segmented_control(
        "What happened", ["Close", "Adjust", "Dispose"], default="Close", key="settle_what", required=True
    )
    with st.form("settle_form", border=False):
        quantity = ""
        if what == "Adjust":
            quantity = st.text_input(f"Change of the balance, {bottle.unit}", key="settle_delta", placeholder="-0.10")
        elif what == "Dispose":
            quantity = st.text_input(f"Quantity, {bottle.unit}", key="settle_quantity")
        elif bottle.balance:
            st.caption(f"The log says {words(bottle.balance, bottle.unit)}. Closing adjusts it to zero.")
        reason = st.text_input("Reason" if what != "Dispose" else "Manner of disposal", key="settle_reason")
        witness = st.selectbox(
            "Witness",
            [None, *people],
            format_func=lambda id: people.get(id or "", "–"),
            key="settle_witness",
            placeholder="–",
        )
        if not st.form_submit_button(f"{what} the bottle", key="settle_send", type="primary"):
            return
    key = frame.form_key("settle")
    with frame.refusals():
        if what == "Adjust":
            drug_log.adjust(bottle.id, thousandths(quantity, signed=True), reason, witness, by=by, key=key)
        elif what == "Dispose":
            drug_log.dispose(bottle.id, thousandths(quantity), reason, witness, by=by, key=key)
        else:
            drug_log.close_bottle(bottle.id, reason=reason, witness_id=witness, by=by, key=key)
        done("settle", f"Bottle {bottle.number} is up to date.")


@st.dialog("Correct a line", width="large")
def correct(bottle: BottleRow, lines: Sequence[LogLine]) -> None:
    """Strike a line through and enter what was right."""
    by = frame.actor()
    standing = [line for line in reversed(lines) if line.stands]
    line = st.selectbox("Line", standing, format_func=lambda line: _line_title(line, bottle), key="correct_line")
    if line is None:
        return
    st.caption("The line stays in the log, struck through, with your name and the reason.")
    reason = st.text_input("What was wrong", key="correct_reason")
    key = frame.form_key("correct")
    if line.kind != "use":
        if st.button("Strike the line through", key="correct_send", type="primary"):
            with frame.refusals():
                drug_log.correct(line.id, reason, by=by, key=key)
                done("correct", "The line is struck through.")
        return
    only = st.toggle("Strike it through without a new line", key="correct_only")
    if only:
        if st.button("Strike the line through", key="correct_send", type="primary"):
            with frame.refusals():
                drug_log.correct(line.id, reason, by=by, key=key)
                done("correct", "The line is struck through.")
        return
    use = use_fields(
        f"correct_{line.id}",
        [bottle],
        register.people(by=by),
        visit=line.appointment_id,
        stage=line.stage,
        before=line,
        bottle=bottle,
    )
    if use:
        with frame.refusals():
            drug_log.correct(line.id, reason, by=by, instead=use, key=key)
            done("correct", "The line is corrected.")


def _line_title(line: LogLine, bottle: BottleRow) -> str:
    quantity = words(line.delta, bottle.unit, sign=True)
    return f"{show.moment(line.event_at)} · {line.patient or register.KINDS[line.kind]} · {quantity}"


def done(form: str, sentence: str) -> None:
    """After a save: a new key, a short word, and the page again."""
    frame.new_form_key(form)
    st.session_state["drug_said"] = sentence
    st.rerun()


def _day(value: object) -> date:
    assert isinstance(value, date)
    return value


def _optional(value: object) -> date | None:
    return value if isinstance(value, date) else None
