"""An empty installation: the first clinic is made here, by somebody sitting at this machine."""

from __future__ import annotations

import base64

import streamlit as st

from data.errors import BadInput
from opening.start import FirstClinic, first_run
from pages.components import frame
from pages.sign_in import door
from security.clinics import LOCALES, NewClinic

DONE = "_first_clinic"
ZONES = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
    "America/Anchorage", "Pacific/Honolulu", "America/Toronto", "America/Vancouver", "Europe/London", "Europe/Dublin",
    "Europe/Berlin", "Australia/Sydney", "Pacific/Auckland", "UTC",
)  # fmt: skip
KINDS = {"veterinary": "Veterinary: clients bring patients", "human": "Human: patients come for themselves"}


def main() -> None:
    """The form, then the sheet."""
    with door.card(wide=True):
        done = st.session_state.get(DONE)
        if done is None:
            ask()
        else:
            hand_out(done)


def ask() -> None:
    """Everything an empty clinic needs."""
    door.head("Welcome to Ballast", "No clinic has been set up on this machine yet. It takes two minutes.")
    with st.form("first_run"):
        st.markdown("### Your clinic")
        name = st.text_input("Name of the clinic", key="clinic_name", max_chars=200)
        kind = st.radio("Kind", list(KINDS), format_func=KINDS.__getitem__, key="clinic_kind", horizontal=True)
        left, right = st.columns(2)
        zones = _zones()
        zone = left.selectbox("Time zone", zones, key="clinic_zone", help="Type to find another.")
        currency = right.selectbox("Currency", list(LOCALES), key="clinic_currency")
        st.markdown("### Your own account")
        st.caption("You are the owner: you reach everything, and invite the others later.")
        left, right = st.columns(2)
        owner = left.text_input("Your name", key="owner_name", max_chars=120)
        username = right.text_input("Username", key="owner_username", max_chars=60, autocomplete="username")
        password = left.text_input("Password", type="password", key="owner_password", autocomplete="new-password",
                                   help="At least 12 characters; a few words are easy to keep in mind.")  # fmt: skip
        again = right.text_input("Password again", type="password", key="owner_again", autocomplete="new-password")
        sent = st.form_submit_button("Set up the clinic", type="primary")
    if not sent:
        return
    with frame.refusals():
        if not name.strip():
            raise BadInput(problem="Enter the name of the clinic. It stands on every print.")
        if not owner.strip() or not username.strip():
            raise BadInput(problem="Your name and a username are needed for the owner's account.")
        if password != again:
            raise BadInput(problem="The two passwords differ. Type them again.")
        slug = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")[:40] or "clinic"
        new = NewClinic(slug, name, zone, currency, kind, locale=LOCALES[currency])
        address = st.context.ip_address or "127.0.0.1"
        with st.spinner("Making the clinic and its key"):
            st.session_state[DONE] = first_run(
                new, username=username, password=password, owner=owner.strip(), address=address
            )
        st.rerun()


def _zones() -> list[str]:
    from zoneinfo import available_timezones

    likely = list(ZONES)
    if (here := st.context.timezone) in available_timezones():
        likely = [here, *(zone for zone in likely if zone != here)]
    return likely + sorted(zone for zone in available_timezones() if "/" in zone and zone not in likely)


def hand_out(done: FirstClinic) -> None:
    """The one printable sheet, and what to keep where."""
    door.head("Your clinic is ready", "One thing before you sign in: the recovery sheet.")
    with st.container(border=True):
        st.markdown(
            "Everything you enter is kept encrypted. The key is a file on this machine; the **recovery sheet** is the "
            "same key on paper. If the machine dies, a backup and this sheet bring the clinic back. Without key file "
            "and sheet nobody can read the data."
        )
        st.html(_download(done.sheet), unsafe_allow_javascript=True)
        st.markdown(
            "- Print it twice: one copy under lock in the clinic, one at the owner's in another building.\n"
            "- Then delete the downloaded file. Never mail or photograph it.\n"
            "- The key file stays here; keep it out of shared folders and backups:"
        )
        st.code(str(done.key_file), language=None)
        st.caption("Should you need the sheet again, on this machine: ballast keys sheet")
    printed = st.checkbox("I have printed the recovery sheet", key="sheet_printed")
    if st.button("Go to sign-in", type="primary", key="first_run_over", disabled=not printed):
        st.session_state.clear()
        st.rerun()


def _download(sheet: bytes) -> str:
    """A link made in the browser: files of strangers are not served, and the sheet shall lie on no server."""
    content = base64.b64encode(sheet).decode()
    return f"""<a id="recovery-sheet" class="as-button" download="ballast-recovery-sheet.pdf" href="#">Save the
    recovery sheet (PDF)</a><script>(() => {{
      const bytes = Uint8Array.from(atob("{content}"), (c) => c.charCodeAt(0));
      const link = document.getElementById("recovery-sheet");
      link.href = URL.createObjectURL(new Blob([bytes], {{type: "application/pdf"}}));
    }})()</script>"""


main()
