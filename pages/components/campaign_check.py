"""Who would get a campaign now, and what stands against its launch. The reckoning goes on beside the page."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from campaigns.looking import Looked, Looking, looking
from campaigns.settings import CHANNELS
from data.errors import Refusal, SessionEnded
from pages.components import draft_form, frame, show

PATIENCE = 0.3
"""Seconds that a page waits for the first answer: in a small clinic it is there by then."""
_VISIT = "_campaign_looked_on"
HELPS = {
    "address": ("Open the clinic profile", "settings/editor.py", {"kind": "clinic-profile"}, "settings.edit"),
    "unsubscribe": ("Open client billing", "settings/editor.py", {"kind": "client-billing"}, "settings.edit"),
    "sms": ("Open text messages", "settings/text_messages.py", {}, "settings.edit"),
    "audience": ("Open the segments", "campaigns/segments.py", {}, "campaigns.use"),
    "segment": ("Open the segments", "campaigns/segments.py", {}, "campaigns.use"),
    "template": ("Open the templates", "campaigns/templates.py", {}, "campaigns.use"),
    "unresolved": ("Open the templates", "campaigns/templates.py", {}, "campaigns.use"),
}
"""Where what stands against a launch is mended."""


def current(slug: str, number: int, *, anew: bool = False) -> Looking:
    """The look at this version; begun anew on arriving at the page."""
    visit = slug, draft_form.visits()
    arrived = st.session_state.get(_VISIT) != visit
    st.session_state[_VISIT] = visit
    return looking(slug, number, arrived=arrived, anew=anew, by=frame.actor())


def audience(slug: str, number: int) -> Looked | None:
    """The numbers, the checks, and who is left out; what is known so far is returned."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("**Who would get it now**")
        anew = st.button("Count again", icon=":material/refresh:", type="tertiary", key="look_again")
    one = current(slug, number, anew=anew)
    try:
        looked = one.wait(PATIENCE)
    except SessionEnded:
        raise
    except Refusal as refusal:
        st.error(frame.said(refusal.message), icon=":material/error:")
        return None
    if looked is None:
        st.caption("Everybody is being looked at: who is reached, who said no, and each message once.")
    else:
        _numbers(looked)
        checks(looked)
        left_out(looked.left_out)
    if one.is_at_work:
        _follow(slug, number)
    return looked


@st.fragment(run_every=1)
def _follow(slug: str, number: int) -> None:
    """Draw the page again as soon as the answer is there."""
    one = current(slug, number)
    if not one.is_at_work:
        st.session_state["_timed"] = True
        st.rerun()
    st.caption(
        ":material/hourglass_top: Counting …" if one.answer is None else ":material/hourglass_top: Counting again …"
    )


def _numbers(looked: Looked) -> None:
    with st.container(horizontal=True, gap="medium"):
        st.metric("Get it", show.number(looked.counts.get("pending", 0)), width="content")
        if looked.counts.get("held_out"):
            st.metric("Held out", show.number(looked.counts["held_out"]), width="content")
        st.metric("Left out", show.number(looked.counts.get("excluded", 0)), width="content")
    by = ", ".join(f"{count:,} by {CHANNELS[one].lower()}" for one, count in looked.channels.items())  # type: ignore[index]
    st.caption(f"{by + ' · ' if len(looked.channels) > 1 else ''}As of {show.clock_time(looked.at)}")


def checks(looked: Looked) -> None:
    """What stands against a launch, each a sentence."""
    may = frame.may()
    for one in looked.problems:
        if not one.blocks:
            st.caption(f":material/info: {frame.plain(one.text)}")
            continue
        st.error(frame.plain(one.text), icon=":material/block:")
        label, script, query, permission = HELPS.get(one.what, ("", "", {}, ""))
        if label and permission in may:
            st.page_link(script, label=label, icon=":material/arrow_forward:", query_params=query, width="content")
    if looked.is_ready:
        st.success("Nothing stands against a launch.", icon=":material/check:")


def left_out(reasons: Mapping[str, int]) -> None:
    """The reasons, the most frequent first."""
    if not reasons:
        return
    with st.expander(f"Who gets nothing, and why ({sum(reasons.values()):,})", key="left_out"):
        for reason, count in list(reasons.items())[:20]:
            st.text(f"{count:,}  {reason}")
