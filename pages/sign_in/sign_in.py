"""Signing in: name and password in streamlit-authenticator's form, checked by our own rules, then the second factor."""

from __future__ import annotations

import json
import time
from html import escape
from urllib.parse import quote

import streamlit as st

from outage import status_page
from pages.sign_in import door, form, station
from security import devices, second_factor, sessions, sign_in

WRONG = "That name and password do not fit together, or the account is locked. Try again, or ask an administrator."
WRONG_CODE = second_factor.WrongCode().message
PENDING, ENROLMENT = "_door", "_enrolment"
PENDING_LASTS = 300


def draw() -> None:
    """Whatever comes next for this browser."""
    with door.card():
        pending = _pending()
        if pending is None:
            _first_step()
        elif pending.must_enrol:
            _enrol(pending)
        else:
            _code(pending)


def _first_step() -> None:
    people = devices.tiles(station.token()) if station.token() else None
    if people is None or st.session_state.get(station.WITH_PASSWORD):
        _password()
        if people is not None and st.button("Back to the names", key="station_back", type="tertiary"):
            st.session_state.pop(station.WITH_PASSWORD)
            st.rerun()
        return
    ticket = station.draw(people, _browser())
    if ticket:
        _go(ticket)
    if st.button("Sign in with a password", key="station_password", type="tertiary"):
        st.session_state[station.WITH_PASSWORD] = True
        st.rerun()


def _password() -> None:
    door.head("Ballast", "Sign in to your clinic")
    if st.query_params.get("again"):
        st.warning("That sign-in took too long or was used before. Please sign in again.")
    if st.query_params.get("over"):
        st.info("You were signed out, as nothing was typed or clicked for a while. Sign in to go on.")
    checked: list[sign_in.Checked] = []

    def check(username: str, password: str) -> bool:
        found = sign_in.check_password(username, password, address=_address())
        if found is not None:
            checked.append(found)
        return found is not None

    answer = form.ask(check)
    if checked:
        _proceed(checked[0])
    elif answer is False:
        st.error(WRONG)
    _demo()
    station.offer_setup()
    st.html('<p class="door-foot">Forgotten your password? An administrator of your clinic can set a new one.</p>')
    address = status_page.link_for_anybody()
    if address:
        page = f'<a href="{escape(address)}" rel="noreferrer">Look at the status page.</a>'
        st.html(f'<p class="door-foot">Something does not work? {page}</p>')


def _demo() -> None:
    people = sign_in.demo_people(_address())
    if not people:
        return
    with st.container(key="demo_people"):
        st.caption("Sample clinic: look at it as")
        with st.container(key="demo_roles"):
            for user_id, name, role in people:
                if st.button(role.capitalize(), key=f"demo_{role}", help=f"Sign in as {name}"):
                    found = sign_in.demo_sign_in(user_id, _address())
                    if found:
                        _hand_over(found)


def _code(person: sign_in.Checked) -> None:
    door.head("One more step", f"Signing in as {person.name}")
    with st.form("code_form"):
        code = st.text_input("Code", key="totp_code", max_chars=10, autocomplete="one-time-code",
                             help="The six digits that your authenticator app shows now.")  # fmt: skip
        sent = st.form_submit_button("Check code")
    if sent:
        if sign_in.check_code(person, code, address=_address()):
            _hand_over(person)
        else:
            st.error(WRONG_CODE)
    _back()


def _enrol(person: sign_in.Checked) -> None:
    door.head("Set up your second factor", "Your role asks for a code from your phone at every sign-in.")
    enrolment = st.session_state.setdefault(ENROLMENT, second_factor.begin(person.username))
    st.markdown("1. Open an authenticator app on your phone and scan this picture.")
    st.html(f'<div class="qr"><img alt="QR code of the secret" src="{second_factor.picture(enrolment.address)}"></div>')
    with st.expander("Type it in instead"):
        st.code(" ".join(enrolment.secret[at : at + 4] for at in range(0, len(enrolment.secret), 4)), language=None)
    with st.form("code_form"):
        code = st.text_input("2. Enter the code it shows", key="totp_first", max_chars=10, autocomplete="one-time-code")
        sent = st.form_submit_button("Finish")
    if sent:
        if second_factor.confirm_at_sign_in(person.clinic_id, person.user_id, enrolment, code):
            _hand_over(person)
        else:
            st.error(WRONG_CODE)
    _back()


def _back() -> None:
    if st.button("Sign in as somebody else", key="door_back", type="tertiary"):
        _forget()
        st.rerun()


def _proceed(person: sign_in.Checked) -> None:
    if person.needs_code or person.must_enrol:
        st.session_state[PENDING] = (person, time.monotonic())
        st.rerun()
    _hand_over(person)


def _pending() -> sign_in.Checked | None:
    person, since = st.session_state.get(PENDING, (None, 0.0))
    if person is not None and time.monotonic() - since > PENDING_LASTS:
        _forget()
        return None
    return person


def _forget() -> None:
    st.session_state.pop(PENDING, None)
    st.session_state.pop(ENROLMENT, None)


def _address() -> str:
    return st.context.ip_address or "127.0.0.1"


def _browser() -> str:
    return st.context.cookies.get("__Host-ballast_browser") or st.context.cookies.get("ballast_browser") or ""


def _hand_over(person: sign_in.Checked) -> None:
    _forget()
    _go(sessions.mint_ticket(person.clinic_id, person.user_id, browser=_browser()))


def _go(ticket: str) -> None:
    target = json.dumps(f"/auth/finish?t={ticket}&next={quote(st.query_params.get('next', '/'))}")
    target = target.replace("<", "\\u003c")
    st.html(f"<script>location.replace({target})</script>", unsafe_allow_javascript=True)
    st.stop()


draw()
