"""Snapshot computers: those that keep an encrypted copy of the day, how fresh each copy is, and a code for another."""

from __future__ import annotations

import streamlit as st

from data.types import clock
from outage import snapshot_devices
from outage.snapshot_devices import STATES, SnapshotComputer
from pages.components import account_actions, frame, show

CODE = "_snapshot_code"
TONES = {"waiting": "gray", "fresh": "green", "stale": "orange"}


def main() -> None:
    """The page."""
    by = frame.actor()
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    found = snapshot_devices.computers(by=by)
    frame.head("Snapshot computers", _facts(found))
    stale = [one.name for one in found if one.state == "stale"]
    if stale:
        names = show.plain(", ".join(stale))
        st.warning(f"No fresh copy for more than a day: {names}. Open the snapshot there while Ballast works.",
                   icon=":material/update_disabled:")  # fmt: skip
    left, right = st.columns([1, 1.3], gap="large")
    with left, st.container(border=True):
        _add()
    with right:
        if not found:
            st.info("Begin with the computer at the front desk: when Ballast or the network is down, it opens the "
                    "roster, the drug log, phone numbers and blank forms.")  # fmt: skip
        for one in found:
            _computer(one)


def _facts(found: list[SnapshotComputer]) -> str:
    enrolled = [one for one in found if one.state != "waiting"]
    if not enrolled:
        return "No computer keeps a copy yet."
    fresh = sum(one.state == "fresh" for one in enrolled)
    return f"{fresh} of {len(enrolled)} with a copy of the last 24 hours"


def _add() -> None:
    """A code for another computer."""
    st.markdown("### Add a computer")
    name = st.text_input("Name of the computer", key="snapshot_name", max_chars=80, placeholder="Front desk")
    if st.button("Make a code", key="snapshot_make", type="primary"):
        with frame.refusals():
            code = snapshot_devices.add_computer(name, by=frame.actor(), key=frame.form_key("snapshot"))
            st.session_state[CODE] = code
            frame.new_form_key("snapshot")
            st.rerun()
    if CODE in st.session_state:
        st.container(key="snapshot_code").markdown(f"## {st.session_state[CODE]}")
        st.markdown("On that computer open this address, type the code and choose a passphrase. The code works once, "
                    "within an hour.")  # fmt: skip
        st.code(f"{account_actions.site()}/snapshot/", language=None)
    st.caption("The copy is encrypted in that browser under its own passphrase, which never comes here. Records that "
               "are restricted are not in it.")  # fmt: skip


def _computer(one: SnapshotComputer) -> None:
    with st.container(border=True, key=f"snapshot-{one.id}"):
        line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
        with line.container(gap=None, width="content"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{show.plain(one.name)}**", width="content")
                st.badge(STATES[one.state], color=TONES[one.state])  # type: ignore[arg-type]
            st.caption(show.plain(_about(one)))
        if line.button("Take away", key=f"snapshot-out-{one.id}"):
            _take_away(one)


@st.dialog("Take the computer away")
def _take_away(one: SnapshotComputer) -> None:
    st.markdown(f"**{show.plain(one.name)}** gets nothing more, and erases its copy when it next asks. To have it "
                "back, it is set up anew with another code.")  # fmt: skip
    if st.button("Take the computer away", type="primary", key="snapshot_away", width="stretch"):
        with frame.refusals():
            key = frame.form_key(f"snapshot-{one.id}")
            snapshot_devices.revoke_computer(one.id, by=frame.actor(), key=key)
            account_actions.done(f"{one.name} is taken off the list.", f"snapshot-{one.id}")


def _about(one: SnapshotComputer) -> str:
    if one.code_ran_out:
        return "Its code was not used in time. Take it away and make another one."
    if one.state == "waiting":
        return f"Its code works until {show.clock_time(one.code_until)}"
    if one.refreshed_at is None:
        return f"Set up {show.moment(one.enrolled_at)}, and has not stored a copy yet"
    minutes = int((clock.now() - one.refreshed_at).total_seconds() // 60)
    if minutes < 1:
        return "Last copy just now"
    age = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"
    return f"Last copy {age} ago, {show.moment(one.refreshed_at)}"


main()
