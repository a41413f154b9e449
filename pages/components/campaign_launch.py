"""Launching a campaign by hand, whole or for one day, and what is said where it did not go out by itself."""

from __future__ import annotations

from datetime import date, datetime

import streamlit as st

from campaigns import launch, recurring
from campaigns.recurring import Failure
from campaigns.runs import Run
from campaigns.settings import Campaign
from campaigns.shelf import Kept
from data.types import clock
from messages.pace import first_outside
from pages.components import campaign_check, frame, show


def button(slug: str, kept: Kept[Campaign], launches: list[Run]) -> None:
    """The primary action of the page, where there is something to launch."""
    if kept.document.when.kind == "once":
        if not any(one.is_open for one in launches) and st.button(
            "Launch again" if launches else "Launch",
            type="secondary" if launches else "primary",
            icon=":material/send:",
            key="launch_open",
        ):
            _ask(slug, kept, None, clock.now())
        return
    today = show.today()
    done = any(one.day == today and one.state != "failed" for one in launches)
    if not done and st.button("Launch for today", icon=":material/send:", key="launch_open"):
        _ask(slug, kept, today, clock.now())


def failed(one: Failure) -> None:
    """A launch of its own that did not come about: why, and what to do."""
    again = f" It is tried again by itself at {show.clock_time(one.again)}." if one.again else ""
    with st.container(key="campaign_failed", gap="small"):
        st.error(
            f"**It did not go out on {frame.plain(show.day(one.day))}.** {frame.plain(one.why)}{frame.plain(again)} "
            "Mend that, then launch it for that day: nobody has got anything yet.", icon=":material/error:",
        )  # fmt: skip
        if st.button(f"Launch for {show.day(one.day)}", icon=":material/send:", key="launch_failed_day"):
            _go(one.slug, one.day)


@st.dialog("Launch it?")
def _ask(slug: str, kept: Kept[Campaign], day: date | None, opened: datetime) -> None:
    """``opened`` stays what it was while the question stands there: what is written after it was not agreed to."""
    label, number, hours = kept.document.label, kept.number, kept.document.quiet_hours
    with frame.refusals():
        looked = campaign_check.current(slug, number).wait(campaign_check.PATIENCE)
        if looked is None:
            st.caption("Everybody is being looked at first …")
            _wait(slug, number)
            return
        if not looked.is_ready:
            campaign_check.checks(looked)
            return
        people = looked.counts.get("pending", 0)
        left = looked.counts.get("excluded", 0)
        held = f"{looked.counts['held_out']:,} are held out to compare with. " if looked.counts.get("held_out") else ""
        st.markdown(f"**{frame.plain(label)}** goes to **{show.count(people, 'person', 'people')}**"
                    f"{' for ' + frame.plain(show.day(day)) if day else ''}. {held}"
                    f"{f'{left:,} are left out. ' if left else ''}"
                    "It can be paused and stopped, but what is out is out.")  # fmt: skip
        if hours and (begins := first_outside(hours.begin, hours.end, frame.clinic().zone, clock.now())) > clock.now():
            st.caption(
                f":material/bedtime: It is quiet hours now: the first messages go out at {show.clock_time(begins)}."
            )
        words = f"Launch to {show.count(people, 'person', 'people')}"
        if st.button(words, type="primary", icon=":material/send:", key="launch_go"):
            _go(slug, day, min(opened, looked.at))


@st.fragment(run_every=1)
def _wait(slug: str, number: int) -> None:
    if not campaign_check.current(slug, number).is_at_work:
        st.rerun()
    st.caption(":material/hourglass_top: Counting …")


def _go(slug: str, day: date | None, seen_at: datetime | None = None) -> None:
    with frame.refusals():
        if day is None:
            launch.launch(slug, key=frame.form_key(f"launch-{slug}"), by=frame.actor(), seen_at=seen_at)
            frame.new_form_key(f"launch-{slug}")
        else:
            recurring.launch_day(slug, day, by=frame.actor(), seen_at=seen_at)
        for launched in (True, False):
            st.session_state.pop(f"view_{slug}_{launched}", None)
        st.switch_page("campaigns/campaign.py", query_params={"name": slug})
