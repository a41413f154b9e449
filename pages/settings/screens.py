"""Displays and stations: screens that belong to the clinic, each enrolled by a one-time code."""

from __future__ import annotations

import streamlit as st

from pages.components import account_actions, frame, show
from security import devices

CODE = "_device_code"
ABOUT = {
    "display": "A wall board shows patient flow, read-only, for as long as you let it.",
    "station": "At a shared station people switch by their own PIN; each sets it under My account.",
}

st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
by = frame.actor()
found = devices.list_devices(by=by)
frame.head("Displays and stations", f"{len(found)} enrolled" if found else "None enrolled yet")
left, right = st.columns([1, 1.2], gap="large")
with left, st.container(border=True):
    st.markdown("### Add a screen")
    kind = st.radio("What it is", list(devices.KINDS), format_func=devices.KINDS.__getitem__, key="device_kind")
    st.caption(ABOUT[kind])
    name = st.text_input("Name", key="device_name", max_chars=80, placeholder="Recovery room")
    shows = "number"
    if kind == "display":
        shows = st.selectbox("What it may show of a patient", list(devices.SHOWS), key="device_shows",
                             format_func=devices.SHOWS.__getitem__)  # fmt: skip
    if st.button("Make a code", key="device_make", type="primary"):
        with frame.refusals():
            st.session_state[CODE] = devices.make_code(kind, name, shows, by=by, key=frame.form_key("device"))
            frame.new_form_key("device")
    if CODE in st.session_state:
        st.container(key="screen_code").markdown(f"## {st.session_state[CODE]}")
        st.markdown(
            "On that screen open the address of this clinic, choose **Set up this screen** below the sign-in and type "
            "the code. It works once, within 15 minutes."
        )
with right:
    if not found:
        st.info("A wall board in the recovery room shows who is where, without anybody signing in.")
    for row in found:
        with st.container(border=True, key=f"device-{row.id}"):
            line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
            with line.container(gap=None, width="content"):
                st.markdown(f"**{show.plain(row.name)}** · {devices.KINDS[row.kind]}")
                what = f" · shows {devices.SHOWS[row.shows].lower()}" if row.kind == "display" else ""
                st.caption(show.plain(f"Since {show.moment(row.enrolled_at)} · {row.address}{what}"))
            if line.button("Take away", key=f"device-out-{row.id}", help=f"Sign {show.plain(row.name)} out for good"):
                with frame.refusals():
                    devices.revoke(row.id, by=by, key=frame.form_key(f"device-{row.id}"))
                    account_actions.done(f"{row.name} is taken away.", f"device-{row.id}")
