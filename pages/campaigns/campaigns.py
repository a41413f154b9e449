"""Campaigns: what is written to many clients, each with how its last launch stands."""

from __future__ import annotations

import streamlit as st

from campaigns import recurring, runs, shelf
from campaigns.recurring import Failure
from campaigns.runs import Line
from campaigns.settings import CAMPAIGN, CHANNELS, PURPOSES, SEGMENT, TEMPLATE
from pages.components import campaign_shelf, campaign_words, frame, show


def main() -> None:
    """The page."""
    found = runs.lines(by=frame.actor())
    with frame.head("Campaigns", _facts(found)):
        if st.button("New campaign", type="primary", icon=":material/add:", key="new_campaign"):
            st.switch_page("campaigns/campaign.py")
    if not found:
        _first_steps()
    failed = {one.slug: one for one in recurring.failures(by=frame.actor())}
    for one in found:
        _line(one, failed.get(one.slug))
    campaign_shelf.taken_out(CAMPAIGN)


def _first_steps() -> None:
    """What a first campaign takes, in its order, with what is there already."""
    by = frame.actor()
    st.markdown("A campaign writes to everybody a segment finds, once or by itself: by e-mail, text message or letter.")
    steps = (
        ("Choose whom to write to", "Segments", "campaigns/segments.py", bool(shelf.every(SEGMENT, by=by))),
        ("Write what they get", "Templates", "campaigns/templates.py", bool(shelf.every(TEMPLATE, by=by))),
        ("Put both together, look at the message and the checks, and launch it", "New campaign",
         "campaigns/campaign.py", False),
    )  # fmt: skip
    for number, (words, label, script, done) in enumerate(steps, 1):
        with st.container(border=True, horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            mark = ":green[:material/check_circle:]" if done else f"**{number}.**"
            st.markdown(f"{mark} {words}", width="content")
            st.page_link(script, label=label, icon=":material/arrow_forward:", width="content")


def _facts(found: list[Line]) -> str:
    if not found:
        return "Messages to many, sent once to each address"
    going = sum(bool(one.run and one.run.state == "running") for one in found)
    rest = sum(bool(one.run and one.run.state == "paused") for one in found)
    told = [show.count(len(found), "campaign")]
    told += [f"{going} going out"] if going else []
    told += [f"{rest} paused"] if rest else []
    return ", ".join(told)


def _line(one: Line, failed: Failure | None) -> None:
    with st.container(border=True, gap="xxsmall", key=f"campaign-{one.slug}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.page_link(
                "campaigns/campaign.py", label=f"**{frame.plain(one.document.label)}**", width="content",
                query_params={"name": one.slug},
            )  # fmt: skip
            state = one.run.state if one.run else "never"
            st.badge(campaign_words.STATES[state], color=campaign_words.TONES[state])  # type: ignore[arg-type]
        channels = ", ".join(CHANNELS[channel] for channel in one.document.channels)
        when = campaign_words.when(one.document.when)
        st.caption(frame.plain(f"{PURPOSES[one.document.purpose]} · {channels} · {when}"))
        if one.run:
            st.caption(frame.plain(_run(one)))
        if failed:
            told = f"It did not go out on {show.day(failed.day)}. {failed.why}"
            st.caption(f":red[:material/error: {frame.plain(told)}]")


def _run(one: Line) -> str:
    run = one.run
    assert run is not None
    told = f"{show.day(run.day)}: {run.reached:,} of {run.meant:,} written to"
    if run.counts.get("held_out"):
        told += f", {run.counts['held_out']:,} held out to compare"
    return told + (f" · {run.reason}" if run.reason else "")


main()
