"""Mail: which server is set and from where, and one mail to try it."""

from __future__ import annotations

import streamlit as st

from campaigns import mail_account
from pages.components import frame


def main() -> None:
    """The page."""
    found = mail_account.mail_server(by=frame.actor())
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    frame.head("Mail", "One mail server sends for all of Ballast. It is set where Ballast is started.")
    if found.paused:
        st.warning("Sending is paused since a backup was restored. Remove the file sending-paused from its "
                   "folder to let mail go.", icon=":material/pause_circle:")  # fmt: skip
    if not found.host:
        st.info("No mail server is set. Whoever runs Ballast sets BALLAST_SMTP_URL, such as "
                "smtp://user:password@mail.example.org:587, and starts it again.", icon=":material/info:")  # fmt: skip
        return
    with st.container(border=True):
        st.markdown("## Server")
        rows = {
            "Server": f"{found.host}, port {found.port}", "Kept private by": found.kept,
            "Signs in as": found.user or "nobody: it lets this machine send", "Mails come from": found.sender,
            "Its log": "read, so that nothing stays in doubt" if found.relay_log else "not read",
        }  # fmt: skip
        for name, value in rows.items():
            with st.container(horizontal=True, gap="small"):
                st.markdown(f"**{name}**", width="content")
                st.text(value, width="content")
        st.caption("From BALLAST_SMTP_URL, BALLAST_MAIL_FROM and BALLAST_RELAY_LOG of the machine. The password is "
                   "not shown.")  # fmt: skip
    with st.container(border=True):
        st.markdown("## Test")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            address = st.text_input("To", key="mail_test_to", placeholder="name@example.org", width=340, max_chars=254,
                                    autocomplete="email")  # fmt: skip
            sent = st.button("Send test mail", key="mail_test", icon=":material/send:")
        if sent:
            with frame.refusals(), st.spinner("Talking to the mail server"):
                try:
                    told = mail_account.send_test(address, by=frame.actor(), key=frame.form_key("mail_test"))
                finally:
                    frame.new_form_key("mail_test")
                st.success(told, icon=":material/check_circle:")


main()
