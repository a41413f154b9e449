"""Where bounces and complaints come from: a mailbox that is read every ten minutes, or a mail service that tells."""

from __future__ import annotations

import streamlit as st

from campaigns import mailbox, returns
from campaigns.settings import MAILBOX
from pages.components import frame
from pages.components.account_actions import site
from pages.components.draft_form import DraftForm

PLACE = "mailbox"


@st.fragment
def draw() -> None:
    """The mailbox, and the address for a mail service."""
    by = frame.actor()
    kept, number, has_password = mailbox.mailbox(by=by)
    with st.expander("Mailbox for bounces: " + (f"{kept.user} is read every 10 minutes" if kept.active else "off")):
        st.caption("Use a mailbox of its own, and send from its address: mail servers return there what they cannot "
                   "deliver. What is read is marked as read and stays.")  # fmt: skip
        form = DraftForm(PLACE, kept.model_dump() | {"password": ""}, version=number)
        form.line()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("IMAP server", key=form.key("host"), live=form.live, placeholder="imap.example.org")
            st.number_input("Port", 1, 65_535, key=form.key("port"), width=110)
            st.text_input("Folder", key=form.key("folder"), live=form.live, width=140)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("User", key=form.key("user"), live=form.live, autocomplete="off")
            password = st.text_input("Password", type="password", key="mailbox_password", autocomplete="new-password",
                                     live="200ms",
                                     placeholder="Kept; type to change it" if has_password else "")  # fmt: skip
        st.number_input("Passing bounces until an address counts as gone", 2, 20, key=form.key("soft_bounces"),
                        width=330)  # fmt: skip
        st.toggle("Read this mailbox", key=form.key("active"))
        form.keep()
        with st.container(horizontal=True):
            if st.button("Save mailbox", key="mailbox_save", type="primary") and not form.newer:
                with form.saving():
                    names = type(kept).model_fields
                    entered = MAILBOX.parse({name: form[name] for name in names})
                    mailbox.save_mailbox(entered, password or "", expected=number, by=by, key=frame.form_key(PLACE))
                    frame.new_form_key(PLACE)
                    form.forget()
                    st.session_state.pop("mailbox_password", None)
                    st.rerun()
            if kept.active and st.button("Read it now", key="mailbox_read"):
                with frame.refusals(), st.spinner("Reading the mailbox"):
                    st.success(told(mailbox.read_mailbox(by=by)))
    with st.expander("Address for a mail service: " + ("set" if returns.has_hook(by=by) else "none")):
        hook()


def hook() -> None:
    """The webhook's address, shown once."""
    st.caption("A mail service that can call an address tells at once. docs/campaigns.md says what it sends.")
    if st.button("Draw a new address", key="hook_draw"):
        with frame.refusals():
            drawn = returns.draw_hook(by=frame.actor(), key=frame.form_key("hook"))
            frame.new_form_key("hook")
            st.code(f"{site()}/bounces/{frame.clinic().slug}/{drawn}", language=None)
            st.caption("Copy it now: it is not shown again, and the one before no longer counts.")


def told(taken: returns.Taken) -> str:
    """What came of reading the mailbox."""
    if not taken.new:
        return "Nothing new came back."
    return f"{taken.new} came back, {taken.stopped} addresses are stopped."
