"""Reached by an invitation or a reset link: the person chooses a password."""

from __future__ import annotations

import streamlit as st

from data.errors import BadInput
from pages.components import frame
from security import invitations


def main() -> None:
    """The link's person, the password twice, then the way to sign in."""
    secret = st.query_params.get("invite") or st.query_params.get("reset") or ""
    _, middle, _ = st.columns([1, 1.4, 1])
    with middle:
        st.title("Ballast", anchor=False)
        if st.session_state.get("_accepted"):
            st.success("Your password is set.", icon=":material/check:")
            st.link_button("Sign in", "/", type="primary")
            return
        with frame.refusals():
            found = invitations.open_link(secret)
            word = "You are invited to" if found.purpose == "invite" else "A new password for"
            st.markdown(f"### {word} {frame.plain(found.clinic)}")
            st.text(f"Hello {found.name}. You will sign in as {found.username}.")
            choose(secret)


def choose(secret: str) -> None:
    """The form."""
    with st.form("choose"):
        password = st.text_input(
            "New password",
            type="password",
            key="new-password",
            autocomplete="new-password",
            help="At least 12 characters; a few words in a row are easy to keep in mind.",
        )
        again = st.text_input("The same again", type="password", key="new-password-again", autocomplete="new-password")
        sent = st.form_submit_button("Set the password", type="primary")
    if sent:
        with frame.refusals():
            if password != again:
                raise BadInput(problem="The two passwords differ. Type them again.")
            invitations.accept(secret, password)
            st.session_state["_accepted"] = True
            st.rerun()


main()
