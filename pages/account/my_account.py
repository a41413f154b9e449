"""My account: password, PIN, second factor, and where I am signed in."""

from __future__ import annotations

import streamlit as st

from data.errors import BadInput
from outage import status_page
from pages.components import account_actions, frame, show
from security import own_access, second_factor
from security.own_access import OwnAccess

ENROLMENT = "_own_enrolment"


def main() -> None:
    """The page."""
    by = frame.actor()
    own = own_access.own_access(by=by)
    frame.head("My account", f"{frame.person().name}, signing in as {own.username}")
    left, right = st.columns(2, gap="large")
    with left:
        password()
        pin(own)
    with right:
        factor(own)
        sessions()
        outside()


def password() -> None:
    """Change it; every other device is signed out."""
    with st.form("own_password", clear_on_submit=True):
        st.markdown("### Password")
        current = st.text_input("Current password", type="password", key="own_now", autocomplete="current-password")
        new = st.text_input("New password", type="password", key="own_new", autocomplete="new-password",
                            help="At least 12 characters; a few words in a row are easy to keep in mind.")  # fmt: skip
        again = st.text_input("New password again", type="password", key="own_again", autocomplete="new-password")
        sent = st.form_submit_button("Change password")
    if sent:
        with frame.refusals():
            if new != again:
                raise BadInput(problem="The two new passwords differ. Type them again.")
            ended = own_access.change_password(current, new, by=frame.actor(), key=frame.form_key("own_password"))
            frame.new_form_key("own_password")
            others = f" {ended} other {'device was' if ended == 1 else 'devices were'} signed out." if ended else ""
            st.success(f"Your password is changed.{others}")


def pin(own: OwnAccess) -> None:
    """Six digits for shared stations."""
    if own.role_demands_one:
        return
    with st.form("own_pin", clear_on_submit=True):
        st.markdown("### PIN for shared stations")
        st.caption("Six digits that switch to you at a shared computer. They work nowhere else.")
        digits = st.text_input("New PIN", type="password", key="own_pin_digits", max_chars=6, autocomplete="off")
        current = st.text_input("Current password", type="password", key="own_pin_now", autocomplete="current-password")
        sent = st.form_submit_button("Change PIN" if own.has_pin else "Set PIN")
    if sent:
        with frame.refusals():
            own_access.set_pin(current, digits, by=frame.actor(), key=frame.form_key("own_pin"))
            account_actions.done("Your PIN is set.", "own_pin")
    if own.has_pin and st.button("Remove PIN", key="own_pin_remove", type="tertiary"):
        with frame.refusals():
            own_access.remove_pin(by=frame.actor(), key=frame.form_key("own_pin_remove"))
            account_actions.done("Your PIN is removed.", "own_pin_remove")


def factor(own: OwnAccess) -> None:
    """Codes from an authenticator app."""
    with st.container(border=True):
        st.markdown("### Second factor")
        st.caption("On: a code from your phone is asked for at sign-in." if own.has_second_factor else
                   "Off: your password alone signs you in.")  # fmt: skip
        if ENROLMENT not in st.session_state:
            label = "Set up a new phone" if own.has_second_factor else "Set up a second factor"
            if st.button(label, key="own_factor_begin", icon=":material/qr_code_2:"):
                st.session_state[ENROLMENT] = second_factor.begin(own.username)
                st.rerun()
        else:
            enrol()
        if own.has_second_factor and not own.role_demands_one:
            turn_off()


def enrol() -> None:
    """The picture, then a first code."""
    enrolment = st.session_state[ENROLMENT]
    st.markdown("Scan this with your authenticator app, then enter the code it shows.")
    st.html(f'<div class="qr"><img alt="QR code of the secret" src="{second_factor.picture(enrolment.address)}"></div>')
    with st.expander("Type it in instead"):
        st.code(" ".join(enrolment.secret[at : at + 4] for at in range(0, len(enrolment.secret), 4)), language=None)
    with st.form("own_factor", border=False):
        code = st.text_input("Code", key="own_code", max_chars=10, autocomplete="one-time-code")
        current = st.text_input("Current password", type="password", key="own_factor_now",
                                autocomplete="current-password")  # fmt: skip
        sent = st.form_submit_button("Turn on")
    if sent:
        with frame.refusals():
            key = frame.form_key("own_factor")
            own_access.set_second_factor(enrolment, code, current, by=frame.actor(), key=key)
            del st.session_state[ENROLMENT]
            account_actions.done("From now on a code is asked for at sign-in.", "own_factor")


def outside() -> None:
    """Where to look while this app does not answer."""
    address = status_page.link(by=frame.actor())
    if address:
        st.markdown("### When Ballast does not answer")
        st.caption("The status page stands elsewhere and says what is known. Subscribe there while all is well.")
        st.link_button("Open the status page", address, icon=":material/open_in_new:")


def turn_off() -> None:
    """Where the role allows."""
    with st.popover("Turn off"):
        current = st.text_input("Current password", type="password", key="own_off_now", live="200ms")
        if st.button("Turn the second factor off", key="own_off"):
            with frame.refusals():
                own_access.remove_second_factor(current, by=frame.actor(), key=frame.form_key("own_off"))
                account_actions.done("Your password alone signs you in again.", "own_off")


def sessions() -> None:
    """Own sign-ins, and the way to end them."""
    st.markdown("### Where you are signed in")
    for row in own_access.own_sessions(by=frame.actor()):
        with st.container(border=True, key=f"own-session-{row.id}"):
            line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
            with line.container(gap=None, width="content"):
                here = " (this one)" if row.here else ""
                st.markdown(f"**{show.plain(account_actions.device(row.device))}**{here}")
                since, last = show.moment(row.began_at), show.clock_time(row.last_input_at)
                st.caption(show.plain(f"{row.address} · since {since} · last input {last}"))
            if not row.here and line.button("Sign out", key=f"own-out-{row.id}"):
                with frame.refusals():
                    own_access.end_own_session(row.id, by=frame.actor(), key=frame.form_key(f"own-out-{row.id}"))
                    account_actions.done("That device is signed out.", f"own-out-{row.id}")


main()
