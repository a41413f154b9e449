"""What can be done with a subscription besides reading its log."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.components import frame, shelf
from reports import schedules
from reports.schedules import Subscription


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
