"""A campaign being set up: whom, what, how fast, when, and what counts as success."""

from __future__ import annotations

from datetime import time
from typing import Any

import streamlit as st
from pydantic import ValidationError

from appointments.stages import LABELS
from campaigns import shelf
from campaigns.settings import CAMPAIGN, CHANNELS, PURPOSE_HELP, PURPOSES, SEGMENT, TEMPLATE, Campaign
from data.definitions import said
from data.errors import BadInput
from pages.components import frame, show
from pages.components.draft_form import DraftForm
from reports.when import DAYS

EVERY = {"day": "Every day", "week": "Every week", "month": "Every month"}
KINDS = {"once": "Once, by hand", "recurring": "Again and again", "stage": "After a stage of the visit"}
GOALS = {"booked": "A visit is booked", "kept": "A visit is kept"}
NONE = ""


class Incomplete(BadInput):
    """{what}"""


def begin(document: Campaign | None) -> dict[str, Any]:
    """The fields of the form for a campaign, or for a new one."""
    one = document.model_dump() if document else {}
    quiet = one.get("quiet_hours", {"begin": "20:00", "end": "08:00"})
    window, goal, when = one.get("window") or {}, one.get("goal") or {}, one.get("when") or {}
    fields: dict[str, Any] = {
        "label": one.get("label", ""), "purpose": one.get("purpose", "marketing"), "segment": one.get("segment", NONE),
        "channels": list(one.get("channels", ["email"])), "b_share": one.get("b_share", 50),
        "hold_out_percent": one.get("hold_out_percent", 0), "quiet": quiet is not None,
        "quiet_begin": time.fromisoformat((quiet or {}).get("begin", "20:00")),
        "quiet_end": time.fromisoformat((quiet or {}).get("end", "08:00")),
        "throttle_per_minute": one.get("throttle_per_minute", 0), "window_messages": window.get("messages", 0),
        "window_minutes": window.get("minutes", 60), "frequency_cap_days": one.get("frequency_cap_days", 7),
        "goal_what": goal.get("what", "booked"), "goal_days": goal.get("days", 30), "kind": when.get("kind", "once"),
        "every": when.get("every", "day"), "weekday": when.get("weekday", 0), "day": when.get("day", 1),
        "at": time.fromisoformat(when.get("at", "09:00")), "stage": when.get("stage") or "checked_out",
        "after_days": when.get("after_days", 1), "active": when.get("active", False),
        "one_per": one.get("one_per", "client"),
    }  # fmt: skip
    for channel in CHANNELS:
        fields[f"a_{channel}"] = one.get("templates", {}).get(channel, NONE)
        fields[f"b_{channel}"] = one.get("b_templates", {}).get(channel, NONE)
    return fields


def draw(form: DraftForm) -> None:
    """The fields."""
    by = frame.actor()
    segments = {one.slug: one.document.label for one in shelf.every(SEGMENT, by=by)}
    templates = shelf.every(TEMPLATE, by=by)
    st.text_input("Name", key=form.key("label"), live=form.live, max_chars=80)
    st.selectbox("Kind", list(PURPOSES), format_func=PURPOSES.get, key=form.key("purpose"))
    st.caption(PURPOSE_HELP[form["purpose"] or "marketing"])
    form.among("segment", [NONE, *segments])
    st.selectbox("Whom to write to", [NONE, *segments], key=form.key("segment"),
                 format_func=lambda slug: segments.get(slug, "Choose a segment"))  # fmt: skip
    st.multiselect("Sent by, the first that reaches somebody", list(CHANNELS), key=form.key("channels"),
                   format_func=CHANNELS.get)  # fmt: skip
    for channel in form["channels"] or []:
        own = {one.slug: one.document.label for one in templates if one.document.channel == channel}
        with st.container(horizontal=True, gap="small"):
            for letter, words in (("a", CHANNELS[channel]), ("b", "Second text to try")):
                form.among(f"{letter}_{channel}", [NONE, *own])
                none = "Choose a template" if letter == "a" else "None"
                st.selectbox(words, [NONE, *own], key=form.key(f"{letter}_{channel}"),
                             format_func=lambda slug, own=own, none=none: own.get(slug, none))  # fmt: skip
    if any(form[f"b_{channel}"] for channel in form["channels"] or []):
        st.slider("Percent who get the second text", 1, 99, key=form.key("b_share"))
    st.slider("Percent held out to compare with", 0, 50, key=form.key("hold_out_percent"),
              help="They get nothing, so that you see who would have come anyway. 0 holds out nobody.")  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        st.selectbox("Success is", list(GOALS), format_func=GOALS.get, key=form.key("goal_what"))
        st.number_input("Within days", 1, 365, key=form.key("goal_days"))
    _when(form)
    with st.expander("How fast, and how often", key="campaign_pace"):
        _pace(form)
    form.keep()


def first_steps() -> None:
    """Beside a new campaign: what is still to be done, with the ways there."""
    st.info("Save it to see the message as clients get it, how many it reaches, who is left out and why.")


def _when(form: DraftForm) -> None:
    st.selectbox("When", list(KINDS), format_func=KINDS.get, key=form.key("kind"))
    kind = form["kind"]
    if kind == "once":
        return
    with st.container(horizontal=True, gap="small"):
        if kind == "recurring":
            st.selectbox("How often", list(EVERY), format_func=EVERY.get, key=form.key("every"))
            if form["every"] == "week":
                st.selectbox("On", range(7), format_func=lambda day: DAYS[day], key=form.key("weekday"))
            if form["every"] == "month":
                st.number_input("On day", 1, 31, key=form.key("day"), help="The last one where a month is shorter")
        else:
            st.selectbox("Stage", list(LABELS), format_func=LABELS.get, key=form.key("stage"))
            st.number_input("Days later", 0, 90, key=form.key("after_days"))
        st.time_input("At", key=form.key("at"), format=show.time_format())
    st.toggle("It goes out by itself", key=form.key("active"))


def _pace(form: DraftForm) -> None:
    st.toggle("Quiet hours, in the zone of whoever gets it", key=form.key("quiet"))
    if form["quiet"]:
        with st.container(horizontal=True, gap="small"):
            st.time_input("Nothing from", key=form.key("quiet_begin"), format=show.time_format())
            st.time_input("until", key=form.key("quiet_end"), format=show.time_format())
    st.number_input("At most a minute (0 = as fast as it goes)", 0, 100_000, key=form.key("throttle_per_minute"))
    with st.container(horizontal=True, gap="small"):
        st.number_input("At most messages (0 = any)", 0, 1_000_000, key=form.key("window_messages"))
        st.number_input("in minutes", 1, 1440, key=form.key("window_minutes"))
    st.number_input("Nobody who got other news within days (0 = no matter)", 0, 365,
                    key=form.key("frequency_cap_days"))  # fmt: skip


def document_of(form: DraftForm) -> Campaign:
    """What the fields come to. Raises Incomplete."""
    if not form["segment"]:
        raise Incomplete(what="Choose whom to write to. A new segment is made under Segments.")
    chosen = {
        letter: {channel: form[f"{letter}_{channel}"] for channel in form["channels"] if form[f"{letter}_{channel}"]}
        for letter in "ab"
    }
    quiet = {name: _clock(form[f"quiet_{name}"]) for name in ("begin", "end")} if form["quiet"] else None
    when = {name: form[name] for name in ("kind", "every", "weekday", "day", "after_days", "active")}
    when |= {"at": _clock(form["at"]), "stage": form["stage"] if form["kind"] == "stage" else ""}
    when["active"] = bool(form["active"]) and form["kind"] != "once"
    same = ("label", "purpose", "segment", "channels", "b_share", "hold_out_percent", "throttle_per_minute",
            "frequency_cap_days", "one_per")  # fmt: skip
    body = {name: form[name] for name in same} | {
        "templates": chosen["a"], "b_templates": chosen["b"], "quiet_hours": quiet, "when": when,
        "window": {"messages": form["window_messages"], "minutes": form["window_minutes"]},
        "goal": {"what": form["goal_what"], "days": form["goal_days"]},
    }  # fmt: skip
    try:
        return Campaign.model_validate(body)
    except ValidationError as failure:
        place = _PLACES.get(str(failure.errors()[0]["loc"][:1]), "")
        words = said(failure.errors()[0])
        raise Incomplete(what=f"{place}{words[:1].upper()}{words[1:]}.") from None


_PLACES = {"('label',)": "Name: ", "('channels',)": "Sent by: "}


def _clock(value: time | None) -> str:
    return (value or time(9)).strftime("%H:%M")


def save(form: DraftForm, slug: str, number: int | None) -> str:
    """Save it; returns its short name. Raises Incomplete, EditedMeanwhile."""
    name = f"save-{form.place}"
    saved = shelf.keep(
        CAMPAIGN, document_of(form), slug=slug or None, expected=number, by=frame.actor(), key=frame.form_key(name)
    )
    frame.new_form_key(name)
    form.forget()
    return saved
