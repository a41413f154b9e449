"""Signing in: name and password in streamlit-authenticator's form, checked by our own rules."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from pages.sign_in import form
from security import sessions, sign_in

WRONG = "That name and password do not fit together, or the account is locked. Try again, or ask an administrator."


def draw() -> None:
    """The form, then the hand-over to the route that sets the cookie."""
    _, middle, _ = st.columns([1, 1.2, 1])
    with middle:
        st.markdown("# Ballast")
        if st.query_params.get("again"):
            st.warning("That sign-in took too long or was used before. Please sign in again.")
        checked: list[sign_in.Checked] = []

        def check(username: str, password: str) -> bool:
            found = sign_in.check_password(username, password, address=_address())
            if found is None:
                return False
            checked.append(found)
            return True

        answer = form.ask(check)
        if checked:
            _hand_over(checked[0])
        elif answer is False:
            st.error(WRONG)


def _address() -> str:
    return st.context.ip_address or ""


def _hand_over(person: sign_in.Checked) -> None:
    browser = st.context.cookies.get("ballast_browser") or st.context.cookies.get("__Host-ballast_browser") or ""
    ticket = sessions.mint_ticket(person.clinic_id, person.user_id, browser=browser)
    target = quote(st.query_params.get("next", "/"))
    st.html(
        f"<script>location.replace('/auth/finish?t={ticket}&next={target}')</script>",
        unsafe_allow_javascript=True,
    )


draw()
