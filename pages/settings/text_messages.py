"""Text messages: the account they go through, a test, and how STOP and START come in."""

from __future__ import annotations

import streamlit as st

from campaigns import text_account, text_replies
from campaigns.text_account import TextAccount
from pages.components import frame
from pages.components.account_actions import site


def main() -> None:
    """The page."""
    found = text_account.text_account(by=frame.actor())
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    frame.head("Text messages", f"Sent through Twilio by {found.sender}" if found else
               "No account is set: campaigns cannot send text messages.")  # fmt: skip
    account(found)
    if found:
        test()
        replies()


def account(found: TextAccount | None) -> None:
    """What signs us in: only written."""
    turn = st.session_state.setdefault("sms_turn", 0)
    with st.container(border=True):
        st.markdown("## Account")
        if found:
            st.caption(frame.plain(f"Account {found.account} is set. The token is not shown again."))
        else:
            st.caption("Open an account at Twilio, buy a number, and copy what its console shows. Twilio charges for "
                       "each part of a message; its price list tells what.")  # fmt: skip
        sid = st.text_input("Account SID", key=f"sms_account_{turn}", max_chars=40, autocomplete="off",
                            placeholder="stays as it is" if found else "AC…")  # fmt: skip
        token = st.text_input("Auth token", type="password", key=f"sms_token_{turn}", max_chars=200, live="200ms",
                              autocomplete="new-password", placeholder="stays as it is" if found else "")  # fmt: skip
        sender = st.text_input(
            "Sender", value=found.sender if found else "", key=f"sms_sender_{turn}", max_chars=40, autocomplete="off",
            placeholder="+1 555 010 4477", help="A number of the account, or the SID of a messaging service (MG…).",
        )  # fmt: skip
        with st.container(horizontal=True):
            if st.button("Save account", type="primary", key="sms_save"):
                with frame.refusals():
                    text_account.save_account(sid, token, sender, by=frame.actor(), key=frame.form_key("sms"))
                    done("Saved.")
            if found and st.button("Forget account", key="sms_forget", type="tertiary",
                                   help="No text message goes out any more."):  # fmt: skip
                with frame.refusals():
                    text_account.forget_account(by=frame.actor(), key=frame.form_key("sms"))
                    done("The account is forgotten.")


def done(words: str) -> None:
    """After a write: empty fields, and the page anew."""
    frame.new_form_key("sms")
    st.session_state["sms_turn"] += 1
    st.toast(words, icon=":material/check:")
    st.rerun()


def test() -> None:
    """One message now."""
    with st.container(border=True):
        st.markdown("## Test")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            number = st.text_input(
                "To", key="sms_test_to", placeholder="+1 555 010 4477", width=260, autocomplete="tel"
            )
            sent = st.button("Send test message", key="sms_test", icon=":material/send:")
        if sent:
            with frame.refusals(), st.spinner("Asking Twilio"):
                try:
                    told = text_account.send_test(number, by=frame.actor(), key=frame.form_key("sms_test"))
                finally:
                    frame.new_form_key("sms_test")
                st.success(told, icon=":material/check_circle:")


def replies() -> None:
    """How replies come in."""
    with st.container(border=True):
        st.markdown("## Replies")
        st.markdown(
            "Whoever answers **STOP** gets no more text messages of any kind, at once; **START** takes that back. "
            "Twilio answers **HELP** itself, in the words set there. Other replies are not read."
        )
        st.markdown(
            "**Address for replies**",
            help="Enter it at Twilio for the number or the messaging service, under 'A message comes in'.",
        )
        st.code(f"{site()}/texts/{frame.clinic().slug}", language=None, wrap_lines=True)
        st.caption("Where Twilio cannot call this address, replies are asked for every ten minutes.")
        if st.button("Ask for replies now", key="sms_ask"):
            with frame.refusals(), st.spinner("Asking Twilio"):
                found = text_replies.ask(by=frame.actor())
                new = found.stopped + found.started + found.helped
                st.success(f"{found.stopped} STOP, {found.started} START, {found.helped} HELP." if new else
                           "No new STOP or START.", icon=":material/check_circle:")  # fmt: skip


main()
