"""Reached by an invitation or a reset link: the person chooses a password."""

from __future__ import annotations

import streamlit as st

from data.errors import BadInput
from pages.components import frame
from pages.sign_in import door
from security import invitations


def main() -> None:
    """The link's person, the password twice, then the way to sign in."""
    secret = st.query_params.get("invite") or st.query_params.get("reset") or ""
    with door.card():
        if st.session_state.get("_accepted"):
            door.head("Your password is set", "Sign in with it to begin.")
            to_sign_in("Sign in", primary=True)
            return
        try:
            found = invitations.open_link(secret)
        except invitations.LinkSpent as spent:
            door.head("Ballast", "")
            st.error(spent.message, icon=":material/error:")
            to_sign_in("Go to the sign-in page")
            return
        invited = found.purpose == "invite"
        door.head(found.clinic, "You are invited: choose your password." if invited else "Choose a new password.")
        st.text(f"Hello {found.name}. You sign in as {found.username}.")
        choose(secret)


def to_sign_in(label: str, *, primary: bool = False) -> None:
    """On to signing in, in this very tab: the link is spent."""
    if st.button(label, type="primary" if primary else "secondary", width="stretch", key="to-sign-in"):
        st.session_state.pop("_accepted", None)
        st.query_params.clear()
        st.rerun()


def choose(secret: str) -> None:
    """The form."""
    with st.form("choose", enter_to_submit=True):
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
