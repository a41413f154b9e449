"""One campaign: set up, looked over, launched, watched while it goes out, and what it brought."""

from __future__ import annotations

import streamlit as st

from campaigns import launch, runs, shelf
from campaigns.settings import CAMPAIGN, CHANNELS, Campaign
from data.errors import Refusal
from pages.components import campaign_run, campaign_setup, campaign_words, frame, show
from pages.components.draft_form import DraftForm

VIEWS = {"progress": "Progress", "outcome": "Outcome", "log": "Delivery log", "setup": "Set up"}


def main() -> None:
    """The page, of ``?name=`` a saved one or of a new one."""
    with st.container(key="report_back"):
        st.page_link("campaigns/campaigns.py", label="All campaigns", icon=":material/arrow_back:")
    slug, by = st.query_params.get("name", ""), frame.actor()
    kept = shelf.one(CAMPAIGN, slug, by=by) if slug else None
    launches = runs.runs_of(slug, by=by) if slug else []
    facts = campaign_words.when(kept.document.when) if kept else "Whom, what, by which way, and when"
    action = frame.head(kept.document.label if kept else "New campaign", facts)
    if kept and kept.document.when.kind == "once" and not any(one.is_open for one in launches):
        with action:
            if st.button("Launch", type="primary", icon=":material/send:", key="launch_open"):
                _launch(slug, kept.document.label, kept.number)
    view = "setup"
    if launches:
        view = st.segmented_control(
            "View", list(VIEWS), format_func=VIEWS.get, default="progress", key=f"view_{slug}",
            label_visibility="collapsed",
        ) or "progress"  # fmt: skip
    if view == "setup":
        _setup(slug, kept.document if kept else None, kept.number if kept else None)
        return
    one = _chosen(launches)
    if view == "outcome":
        together = len(launches) > 1 and st.toggle("All launches together", key="outcome_all")
        campaign_run.outcome(slug, None if together else one)
    elif view == "log":
        campaign_run.log(one)
    else:
        campaign_run.progress(one)
        _left_out(runs.why_left_out(one.id, by=by))


def _chosen(launches: list[runs.Run]) -> runs.Run:
    if len(launches) == 1:
        return launches[0]
    by_id = {one.id: one for one in launches}
    names = {one.id: f"{show.day(one.day)}: {campaign_words.STATES[one.state].lower()}" for one in launches}
    chosen = st.selectbox("Launch of", list(by_id), format_func=names.__getitem__, key="launch_chosen", width=320)
    return by_id.get(chosen or "", launches[0])


def _setup(slug: str, document: Campaign | None, number: int | None) -> None:
    form = DraftForm(f"campaign:{slug}", campaign_setup.begin(document), version=number)
    form.line()
    left, right = st.columns([6, 5], gap="large")
    with left:
        campaign_setup.draw(form)
        if st.button("Save campaign", type="primary", icon=":material/save:", key="save_campaign"):
            with form.saving():
                saved = campaign_setup.save(form, slug, number)
                st.toast("Saved.", icon=":material/check:")
                st.switch_page("campaigns/campaign.py", query_params={"name": saved})
    with right:
        if not slug or number is None:
            st.info("Save it to see how many it reaches, who is left out and why, and what stands against a launch.")
            return
        if form.begun:
            st.caption("What follows is of the campaign as it is saved.")
        with st.container(border=True):
            _audience(slug, number)


def _audience(slug: str, number: int) -> None:
    st.markdown("**Who would get it now**")
    try:
        problems, counts, channels, reasons = _looked_over(slug, number)
    except Refusal as refusal:
        st.error(frame.said(refusal.message), icon=":material/error:")
        return
    with st.container(horizontal=True, gap="medium"):
        st.metric("Get it", show.number(counts.get("pending", 0)), width="content")
        st.metric("Held out", show.number(counts.get("held_out", 0)), width="content")
        st.metric("Left out", show.number(counts.get("excluded", 0)), width="content")
    if channels:
        st.caption(", ".join(f"{count:,} by {CHANNELS[channel].lower()}" for channel, count in channels))  # type: ignore[index]
    for blocks, text in problems:
        (st.error if blocks else st.warning)(
            frame.plain(text), icon=":material/block:" if blocks else ":material/info:"
        )
    if not any(blocks for blocks, _ in problems):
        st.success("Nothing stands against a launch.", icon=":material/check:")
    _left_out(reasons)


@frame.kept_for(10)
def _looked_over(
    slug: str, number: int  # noqa: ARG001 - a newer version is another answer
) -> tuple[list[tuple[bool, str]], dict[str, int], list[tuple[str, int]], dict[str, int]]:  # fmt: skip
    problems, plan = launch.preview(slug, by=frame.actor())
    reasons: dict[str, int] = {}
    for place in plan.places if plan else []:
        if place.reason:
            reasons[place.reason] = reasons.get(place.reason, 0) + 1
    counts, channels = (dict(plan.counts), plan.channels.most_common()) if plan else ({}, [])
    told = [(one.blocks, one.text) for one in problems]
    return told, counts, channels, dict(sorted(reasons.items(), key=lambda one: -one[1]))


def _left_out(reasons: dict[str, int]) -> None:
    if not reasons:
        return
    with st.expander(f"Who gets nothing, and why ({sum(reasons.values()):,})", key="left_out"):
        for reason, count in list(reasons.items())[:20]:
            st.text(f"{count:,}  {reason}")


@st.dialog("Launch it?")
def _launch(slug: str, label: str, number: int) -> None:
    with frame.refusals():
        problems, counts, _, _ = _looked_over(slug, number)
        blocking = [text for blocks, text in problems if blocks]
        people = counts.get("pending", 0)
        if blocking:
            for text in blocking:
                st.error(frame.plain(text), icon=":material/block:")
            return
        st.markdown(f"**{frame.plain(label)}** goes to **{show.count(people, 'person', 'people')}**. "
                    f"{counts.get('held_out', 0):,} are held out, {counts.get('excluded', 0):,} left out. "
                    "It can be paused and stopped, but what is out is out.")  # fmt: skip
        words = f"Launch to {show.count(people, 'person', 'people')}"
        if st.button(words, type="primary", icon=":material/send:", key="launch_go"):
            launch.launch(slug, key=frame.form_key(f"launch-{slug}"), by=frame.actor())
            frame.new_form_key(f"launch-{slug}")
            st.rerun()


main()
