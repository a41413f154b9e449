"""At a shared station: who works here, and a PIN to switch to oneself. A screen is made one by a code."""

from __future__ import annotations

import json
from urllib.parse import quote

import streamlit as st

from pages.components.frame import plain
from pages.sign_in import door
from security import devices

CHOSEN, WITH_PASSWORD = "_tile", "_with_password"


def token() -> str:
    """The cookie that makes this browser a station."""
    return st.context.cookies.get("__Host-ballast_station") or st.context.cookies.get("ballast_station") or ""


def draw(people: list[devices.Tile], browser: str) -> str | None:
    """The tiles, then the PIN; returns a ticket for whoever gave the right one."""
    chosen = next((tile for tile in people if tile.user_id == st.session_state.get(CHOSEN)), None)
    if chosen is None:
        door.head("Who is here?", "Choose your name")
        with st.container(key="station_tiles"):
            for tile in people:
                if st.button(plain(tile.name), key=f"tile_{tile.user_id}", icon=":material/person:"):
                    st.session_state[CHOSEN] = tile.user_id
                    st.rerun()
        if not people:
            st.info("Nobody has a PIN yet. Sign in with your password and set one under My account.")
        return None
    door.head(chosen.name, "Enter your PIN")
    with st.form("pin_form", clear_on_submit=True):
        pin = st.text_input("PIN", type="password", key="station_pin", max_chars=6, autocomplete="off")
        sent = st.form_submit_button("Continue")
    if sent:
        ticket = devices.switch(token(), chosen.user_id, pin, browser=browser)
        if ticket:
            st.session_state.pop(CHOSEN)
            return ticket
        if devices.pin_is_spent(chosen.user_id, token()):
            st.error("That PIN was tried too often. Sign in with your password; then the PIN works again.")
        else:
            st.error("That PIN does not fit. Try again.")
    if st.button("Somebody else", key="tile_back", type="tertiary"):
        st.session_state.pop(CHOSEN)
        st.rerun()
    return None


def offer_setup() -> None:
    """The way to make this browser a wall board or station."""
    if st.query_params.get("device"):
        st.error("That code is wrong, was used before or is older than 15 minutes. Ask for another one.")
    with st.expander("Set up this screen"):
        with st.form("device_form", border=False):
            code = st.text_input("Code", key="device_code", max_chars=12, placeholder="ABCD-EFGH",
                                 help="An administrator makes it under Settings, Displays and stations.")  # fmt: skip
            sent = st.form_submit_button("Use this code")
        if sent and code.strip():
            target = json.dumps(f"/auth/device?code={quote(code.strip(), safe='')}").replace("<", "\\u003c")
            st.html(f"<script>location.replace({target})</script>", unsafe_allow_javascript=True)
