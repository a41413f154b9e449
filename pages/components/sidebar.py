"""The sidebar around the menu: clinic name on top, the person and the way out at the bottom."""

from __future__ import annotations

import streamlit as st

from pages.components import frame
from security import sessions
from security.sessions import Person

LEAVE = "<script>location.replace('/auth/out')</script>"


def draw(who: Person, may: frozenset[str]) -> None:  # noqa: ARG001
    """Draw it for this run."""
    clinic = frame.clinic()
    with st.sidebar:
        st.markdown(f"**{clinic.name}**")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{who.name} · {who.role}")
            if st.button("Sign out", icon=":material/logout:", key="sign_out", type="tertiary"):
                sessions.end(who.actor.clinic_id, str(who.actor.session_id), "signed out")
                st.html(LEAVE, unsafe_allow_javascript=True)
                st.stop()
