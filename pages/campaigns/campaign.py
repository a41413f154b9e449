"""One campaign: set up, looked over with the message as clients get it, launched, watched, and what it brought."""

from __future__ import annotations

import streamlit as st

from campaigns import recurring, runs, shelf
from campaigns.settings import CAMPAIGN, Campaign
from campaigns.shelf import Kept
from pages.components import (
    campaign_check,
    campaign_launch,
    campaign_preview,
    campaign_run,
    campaign_setup,
    campaign_shelf,
    campaign_words,
    frame,
    show,
    to_top,
)
from pages.components.draft_form import DraftForm

LAUNCHED = {"progress": "Progress", "outcome": "Outcome", "log": "Delivery log"}
ALWAYS = {"setup": "Set up", "check": "Message and checks"}


def main() -> None:
    """The page, of ``?name=`` a saved one or of a new one; ``?view=`` begins with one of its views."""
    with st.container(key="report_back"):
        st.page_link("campaigns/campaigns.py", label="All campaigns", icon=":material/arrow_back:")
    slug, by = st.query_params.get("name", ""), frame.actor()
    kept = shelf.one(CAMPAIGN, slug, by=by) if slug else None
    if kept is None:
        frame.head("New campaign", "Whom to write to, what, by which way, and when")
        _setup("", None, None)
        return
    launches = runs.runs_of(slug, by=by)
    with frame.head(kept.document.label, campaign_words.when(kept.document.when)):
        campaign_shelf.menu(CAMPAIGN, slug, kept.document.label)
        campaign_launch.button(slug, kept, launches)
    for one in recurring.failures(slug, by=by):
        campaign_launch.failed(one)
    view = _view(slug, launched=bool(launches))
    if view == "setup":
        _setup(slug, kept.document, kept.number)
    elif view == "check":
        _check(slug, kept)
    else:
        _launched(slug, view, launches)


def _view(slug: str, *, launched: bool) -> str:
    views = (LAUNCHED | ALWAYS) if launched else ALWAYS
    wanted = st.query_params.get("view", "")
    first = wanted if wanted in views else next(iter(views))
    return st.segmented_control(
        "View", list(views), format_func=views.get, default=first, key=f"view_{slug}_{launched}", required=True,
        label_visibility="collapsed",
    ) or first  # fmt: skip


def _setup(slug: str, document: Campaign | None, number: int | None) -> None:
    form = DraftForm(f"campaign:{slug}", campaign_setup.begin(document), version=number)
    if number is None:
        campaign_setup.bring(form, st.query_params.pop("segment", ""), st.query_params.pop("template", ""))
    form.line()
    left, right = st.columns([6, 5], gap="large")
    with left:
        campaign_setup.draw(form)
        if st.button("Save campaign", type="primary", icon=":material/save:", key="save_campaign"):
            with form.saving():
                saved = campaign_setup.save(form, slug, number)
                st.toast("Saved.", icon=":material/check:")
                to_top.ask()
                st.session_state.pop(f"view_{saved}_False", None)
                st.switch_page("campaigns/campaign.py", query_params={"name": saved, "view": "check"})
    with right:
        if number is None:
            campaign_setup.first_steps(form)
            return
        if form.begun:
            st.caption("What follows is of the campaign as it is saved.")
        with st.container(border=True):
            campaign_check.audience(slug, number)


def _check(slug: str, kept: Kept[Campaign]) -> None:
    left, right = st.columns([4, 8], gap="large")
    with left, st.container(border=True):
        looked = campaign_check.audience(slug, kept.number)
    with right:
        campaign_preview.draw(slug, kept.document, looked)
    to_top.draw()


def _launched(slug: str, view: str, launches: list[runs.Run]) -> None:
    one = _chosen(launches)
    if view == "outcome":
        together = len(launches) > 1 and st.toggle("All launches together", key="outcome_all")
        campaign_run.outcome(slug, None if together else one)
    elif view == "log":
        campaign_run.log(one)
    else:
        campaign_run.progress(one)
        campaign_check.left_out(runs.why_left_out(one.id, by=frame.actor()))


def _chosen(launches: list[runs.Run]) -> runs.Run:
    if len(launches) == 1:
        return launches[0]
    by_id = {one.id: one for one in launches}
    names = {one.id: f"{show.day(one.day)}: {campaign_words.STATES[one.state].lower()}" for one in launches}
    chosen = st.selectbox("Launch of", list(by_id), format_func=names.__getitem__, key="launch_chosen", width=320)
    return by_id.get(chosen or "", launches[0])


main()
