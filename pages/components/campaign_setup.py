"""A campaign being set up: whom, what, how fast, when, and what counts as success."""

from __future__ import annotations

from datetime import time
from typing import Any

import streamlit as st
from pydantic import ValidationError

from appointments.stages import LABELS
from campaigns import shelf
from campaigns.settings import (
    CAMPAIGN,
    CHANNELS,
    PURPOSE_HELP,
    PURPOSES,
    SEGMENT,
    TEMPLATE,
    Campaign,
    Channel,
    Template,
)
from campaigns.shelf import Kept
from data.definitions import said
from data.errors import BadInput
from pages.components import frame, show
from pages.components.draft_form import DraftForm
from reports.when import DAYS

EVERY = {"day": "Every day", "week": "Every week", "month": "Every month"}
KINDS = {"once": "When I launch it", "recurring": "Every day, week or month", "stage": "Some days after a visit"}
GOALS = {"booked": "a visit is booked", "kept": "a visit is kept"}
ONE_PER = {"client": "One message about all of them", "patient": "About the first of them only"}
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
        "one_per": one.get("one_per", "client"), "two_texts": bool(one.get("b_templates")),
    }  # fmt: skip
    for channel in CHANNELS:
        fields[f"a_{channel}"] = one.get("templates", {}).get(channel, NONE)
        fields[f"b_{channel}"] = one.get("b_templates", {}).get(channel, NONE)
    return fields


def bring(form: DraftForm, segment: str, template: str) -> None:
    """Somebody came from a segment or a template to write with it: put it into the form, beside what is there."""
    by = frame.actor()
    if segment in {one.slug for one in shelf.every(SEGMENT, by=by)}:
        st.session_state[form.key("segment")] = segment
    for one in shelf.every(TEMPLATE, by=by):
        channel = one.document.channel
        if one.slug == template:
            others = [other for other in form["channels"] or [] if other != channel and form[f"a_{other}"]]
            st.session_state[form.key("channels")] = [*others, channel]
            st.session_state[form.key(f"a_{channel}")] = template


def draw(form: DraftForm) -> None:
    """The fields, in the order in which one thinks of them."""
    by = frame.actor()
    st.text_input("Name", key=form.key("label"), live=form.live, max_chars=80, placeholder="Such as: Cats due in May")
    st.segmented_control("Kind", list(PURPOSES), format_func=PURPOSES.get, key=form.key("purpose"), required=True)
    st.caption(PURPOSE_HELP[form["purpose"] or "marketing"])
    _part("Whom")
    _whom(form, {one.slug: one.document.label for one in shelf.every(SEGMENT, by=by)})
    _part("What, and by which way")
    _what(form, shelf.every(TEMPLATE, by=by))
    _part("When")
    _when(form)
    _part("What it is to bring")
    _goal(form)
    with st.expander("Not at night, not too often, not too fast", key="campaign_pace"):
        _pace(form)
    form.keep()


def _part(words: str) -> None:
    st.markdown(f"##### {words}")


def _whom(form: DraftForm, segments: dict[str, str]) -> None:
    form.among("segment", [NONE, *segments])
    if not segments:
        st.info("There is no segment yet: it says whom to write to. Make one; what you have written here is kept.")
    else:
        st.selectbox("Whom to write to", [NONE, *segments], key=form.key("segment"),
                     format_func=lambda slug: segments.get(slug, "Choose a segment"))  # fmt: skip
    with st.container(horizontal=True, gap="medium"):
        if form["segment"]:
            st.page_link("campaigns/segment.py", label="Open this segment", icon=":material/group_work:",
                         query_params={"name": form["segment"]}, width="content")  # fmt: skip
        st.page_link("campaigns/segments.py", label="Make a new segment", icon=":material/add:", width="content",
                     query_params={"new": "1"})  # fmt: skip
    st.radio(
        "Who has several patients in it", list(ONE_PER), format_func=ONE_PER.get, key=form.key("one_per"),
        horizontal=True,
    )  # fmt: skip


def _what(form: DraftForm, templates: list[Kept[Template]]) -> None:
    st.multiselect("Sent by", list(CHANNELS), key=form.key("channels"), format_func=CHANNELS.get,
                   placeholder="Choose a way")  # fmt: skip
    channels: list[Channel] = form["channels"] or []
    if len(channels) > 1:
        ways = ", then ".join(CHANNELS[one].lower() for one in channels)
        st.caption(f"Each client gets one message: by the first of these that reaches them ({ways}).")
    for channel in channels:
        own = {one.slug: one.document.label for one in templates if one.document.channel == channel}
        with st.container(horizontal=True, gap="small"):
            for letter in "ab" if form["two_texts"] else "a":
                _template(form, channel, letter, own)
        if not own:
            st.caption(f"There is no template for {CHANNELS[channel].lower()} yet.")
    st.page_link("campaigns/templates.py", label="Write a new template", icon=":material/add:", width="content",
                 query_params={"new": "1"})  # fmt: skip
    st.toggle("Try a second text on some of them", key=form.key("two_texts"))
    if form["two_texts"]:
        st.slider("How many of 100 get the second text", 1, 99, key=form.key("b_share"))
        st.caption(
            "Who gets which is drawn by lot, and stays so from launch to launch. The outcome says which text brought "
            "more, or that there are too few to tell: with a few hundred messages only a large difference shows."
        )  # fmt: skip


def _template(form: DraftForm, channel: Channel, letter: str, own: dict[str, str]) -> None:
    words = CHANNELS[channel] + ((", first text" if letter == "a" else ", second text") if form["two_texts"] else "")
    none = "Choose a template" if letter == "a" else "The same"
    form.among(f"{letter}_{channel}", [NONE, *own])
    st.selectbox(words, [NONE, *own], key=form.key(f"{letter}_{channel}"),
                 format_func=lambda slug: own.get(slug, none))  # fmt: skip


def _goal(form: DraftForm) -> None:
    with st.container(horizontal=True, gap="small"):
        st.selectbox("It worked where", list(GOALS), format_func=GOALS.get, key=form.key("goal_what"))
        st.number_input("within days of the launch", 1, 365, key=form.key("goal_days"))
    st.slider("How many of 100 get nothing, to compare with", 0, 50, key=form.key("hold_out_percent"))
    if form["hold_out_percent"]:
        st.caption(
            "They are drawn by lot before anybody is written to. The outcome sets the others against them: it tells "
            "how many visits the messages brought, or that there are too few to tell."
        )  # fmt: skip
    else:
        st.caption(
            "With 0 everybody is written to; how many would have come anyway is not known then. Hold out 10 or more of "
            "100 in a group of some hundred people to find out."
        )  # fmt: skip


def first_steps(form: DraftForm) -> None:
    """Beside a new campaign: what it still needs."""
    channels = form["channels"] or []
    steps = [
        ("A name", bool((form["label"] or "").strip())),
        ("Whom to write to: a segment", bool(form["segment"])),
        ("What to say: a template for each way", bool(channels) and all(form[f"a_{one}"] for one in channels)),
    ]
    with st.container(border=True):
        st.markdown("**What it needs**")
        for words, done in steps:
            st.markdown(f":green[:material/check_circle:] {words}" if done else f":material/circle: {words}")
        st.caption(
            "Everything else may stay as it is. Nothing goes out when you save it: you see the message as clients get "
            "it, how many it reaches and who is left out and why, and launch it after that."
        )  # fmt: skip


def _when(form: DraftForm) -> None:
    st.selectbox("When it goes out", list(KINDS), format_func=KINDS.get, key=form.key("kind"))
    kind = form["kind"]
    if kind == "once":
        st.caption("You launch it on its page, as often as you like.")
        return
    with st.container(horizontal=True, gap="small"):
        if kind == "recurring":
            st.selectbox("How often", list(EVERY), format_func=EVERY.get, key=form.key("every"))
            if form["every"] == "week":
                st.selectbox("On", range(7), format_func=lambda day: DAYS[day], key=form.key("weekday"))
            if form["every"] == "month":
                st.number_input("On day", 1, 31, key=form.key("day"), help="The last one where a month is shorter")
        else:
            st.selectbox("When a visit is", list(LABELS), format_func=LABELS.get, key=form.key("stage"))
            st.number_input("Days later", 0, 90, key=form.key("after_days"))
        st.time_input("At", key=form.key("at"), format=show.time_format())
    if kind == "recurring":
        st.caption("Each time whoever the segment finds gets it, but nobody a second time before they were here again.")
    else:
        st.caption("Each day those of the segment get it whose visit reached this so many days before.")
    st.toggle("Let it go out by itself", key=form.key("active"))
    if not form["active"]:
        st.caption(
            "While this is off nothing goes out. Save it, look at the message and the checks, then switch it on."
        )


def _pace(form: DraftForm) -> None:
    st.toggle("Nobody gets a message at night", key=form.key("quiet"))
    if form["quiet"]:
        with st.container(horizontal=True, gap="small"):
            st.time_input("Nothing from", key=form.key("quiet_begin"), format=show.time_format())
            st.time_input("until", key=form.key("quiet_end"), format=show.time_format())
        st.caption("By the clock where the client lives. What falls into these hours goes out when they are over.")
    if (form["purpose"] or "marketing") == "marketing":
        st.number_input(
            "Days in which nobody gets news twice (0 = no matter)", 0, 365, key=form.key("frequency_cap_days")
        )
        st.caption(
            "Who got news from any campaign within so many days is left out. Reminders and notices are not counted."
        )
    st.number_input("At most so many messages a minute (0 = as fast as it goes)", 0, 100_000,
                    key=form.key("throttle_per_minute"))  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        st.number_input("And at most so many (0 = any)", 0, 1_000_000, key=form.key("window_messages"))
        st.number_input("in any so many minutes", 1, 1440, key=form.key("window_minutes"))
    st.caption(
        "So that not everybody calls at once, or because your mail service takes no more: 200 in any 60 minutes, say."
    )


def document_of(form: DraftForm) -> Campaign:
    """What the fields come to. Raises Incomplete."""
    if not form["segment"]:
        raise Incomplete(what="Choose whom to write to: a segment.")
    chosen = {
        letter: {channel: form[f"{letter}_{channel}"] for channel in form["channels"] if form[f"{letter}_{channel}"]}
        for letter in "ab"
    }
    if not form["two_texts"]:
        chosen["b"] = {}
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
