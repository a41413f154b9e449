"""What can be done with a subscription besides reading its log, and how one gets there from a report or dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.components import frame, shelf
from reports import schedules
from reports.periods import PERIODS
from reports.schedules import Subscription


def item(**query: str) -> None:
    """The line of a report's or dashboard's menu that begins a subscription to it."""
    if "reports.schedule" in frame.may() and shelf.item("Subscribe", "schedule_send", "subscribe"):
        st.switch_page("reporting/subscribe.py", query_params={name: value for name, value in query.items() if value})


def of_report(name: str, params: Mapping[str, Any]) -> None:
    """The same with what a report is shown with just now."""
    presets = {label: preset for preset, label in PERIODS.items()}
    period = presets.get(str(st.session_state.get("period", "")), "")
    item(report=name, group=str(params.get("by") or ""), days=period)  # the report's own names are bound to its choices


def menu(card: Subscription) -> None:
    """Pause, versions, remove."""
    with st.popover("More", icon=":material/more_horiz:", key="subscription_menu"):
        if card.schedule.paused:
            if shelf.item("Resume", "play_arrow", "resume_subscription"):
                _switch(card, schedules.resume, "It goes out again.")
        elif shelf.item("Pause", "pause", "pause_subscription"):
            _switch(card, schedules.pause, "It rests until you resume it.")
        if shelf.item("Versions", "history", "subscription_versions"):
            st.switch_page("reporting/versions.py", query_params={"subscription": card.name})
        if shelf.item("Remove", "delete", "remove_subscription"):
            remove(card)


def _switch(card: Subscription, rule: Any, words: str) -> None:
    with frame.refusals():
        key = f"switch_{card.name}_{card.number}"
        rule(card.name, by=frame.actor(), key=frame.form_key(key))
        frame.new_form_key(key)
        st.toast(words, icon=":material/check:")
        st.rerun()


@st.dialog("Remove this subscription")
def remove(card: Subscription) -> None:
    """Asks once more."""
    st.markdown(
        f"**{frame.plain(card.schedule.title)}** goes out no longer. Its log and its versions are kept: it can be put "
        "back from the end of the list."
    )
    with frame.refusals(), st.container(horizontal=True):
        if st.button("Remove the subscription", type="primary", key="remove_subscription_yes"):
            key = f"remove_subscription_{card.name}_{card.number}"
            schedules.remove_schedule(card.name, by=frame.actor(), key=frame.form_key(key))
            frame.new_form_key(key)
            st.switch_page("reporting/subscriptions.py")
        if st.button("Keep it", key="remove_subscription_no"):
            st.rerun()
