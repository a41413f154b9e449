"""The sidebar around the menu: clinic on top, search, the person and the way out at the bottom."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.components import frame, show
from security import sessions
from security.sessions import Person

LEAVE = "<script>location.replace('/auth/out')</script>"


def draw(who: Person, may: frozenset[str]) -> None:
    """Draw it for this run. The container keyed ``find`` stands above the menu, for search."""
    with st.sidebar:
        with st.container(key="brand"):
            name = escape(frame.clinic().name)
            st.html(f'<div class="brand"><img src="/icons/mark.svg" alt=""><span>{name}</span></div>')
        with st.container(key="who"):
            _person(who)
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.page_link("account/my_account.py", label="My account")
                if "staff.view" in may:
                    st.page_link("staff/people.py", label="Staff")
                if st.button("Sign out", key="sign_out", type="tertiary"):
                    leave(who)


def _person(who: Person) -> None:
    initials = escape(show.initials(who.name))
    role = escape(who.role.replace("-", " ").replace("_", " ").capitalize())
    words = f"<b>{escape(who.name)}</b><small>{role}</small>"
    st.html(f'<div class="who"><i aria-hidden="true">{initials}</i><div>{words}</div></div>')


def leave(who: Person) -> None:
    """Sign out here and now; the browser forgets its cookie on the way."""
    sessions.end(who.actor.clinic_id, str(who.actor.session_id), "signed out")
    st.html(LEAVE, unsafe_allow_javascript=True)
    st.stop()
