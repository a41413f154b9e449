"""The Vault: who gets the roster every night, the password of the file, sending it now, and how the nights went."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from outage import vault
from outage import vault_addresses as rules
from outage.vault_addresses import Address
from pages.components import frame, show

DRAWN, SENT = "_vault_drawn", "_vault_sent"
MARKS = {"sent": "✓", "returned": "✗", "waiting": "…", "failed": "✗", "missed": "✗", "uncertain": "?", "withdrawn": "–"}
WORDS = {"sent": "Sent", "returned": "Came back", "waiting": "Waiting", "failed": "Failed", "missed": "Not sent",
         "uncertain": "Not known", "withdrawn": "Withdrawn"}  # fmt: skip


def main() -> None:
    """The page."""
    by = frame.actor()
    found, since = rules.addresses(by=by), rules.password_since(by=by)
    confirmed = [one for one in found if one.confirmed_at]
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    action = frame.head("The Vault", "At midnight the day's roster goes out as a file that opens without Ballast.")
    ready = bool(confirmed and since)
    help_text = None if ready else "It needs a password and a confirmed address."
    if action.button("Send today's now", icon=":material/send:", key="vault_send", disabled=not ready, help=help_text,
                     type="primary" if ready else "secondary"):  # fmt: skip
        send()
    if st.session_state.get(SENT):
        st.success(st.session_state.pop(SENT), icon=":material/check_circle:")
    if not ready:
        missing = " and ".join(
            text for text, there in (("a password", since), ("a confirmed address", confirmed)) if not there
        )  # fmt: skip
        st.warning(f"Nothing is sent yet. The Vault needs {missing}.", icon=":material/warning:")
    left, right = st.columns([1.3, 1], gap="large")
    with left:
        addresses(found)
    with right:
        password(since)
    nights()


def send() -> None:
    """A copy at once."""
    with frame.refusals(), st.spinner("Making the file"):
        sent = vault.send_now(by=frame.actor(), key=frame.form_key("vault_send"))
        frame.new_form_key("vault_send")
        visits = show.count(sent.visits, "visit") if sent.visits else "nobody booked"
        st.session_state[SENT] = (
            f"Today's roster ({visits}) is on its way to {show.count(sent.mails, 'address', 'addresses')}. "
            "Open it there with the password."
        )
        st.rerun()


def addresses(found: list[Address]) -> None:
    """Who gets it, and another one."""
    with st.container(border=True):
        st.markdown("### Addresses")
        for one in found:
            address(one)
        with st.container(horizontal=True, vertical_alignment="bottom", key="vault_add_row"):
            email = st.text_input("Another address" if found else "Address", key="vault_email", max_chars=254,
                                  placeholder="name@example.org")  # fmt: skip
            if st.button("Add address", key="vault_add", icon=":material/add:"):
                with frame.refusals():
                    rules.add_address(email, by=frame.actor(), key=frame.form_key("vault_add"))
                    frame.new_form_key("vault_add")
                    st.session_state.pop("vault_email", None)
                    st.rerun()
        st.caption("A code is mailed to it. Choose a mailbox that also opens on a phone, without the clinic's network.")


def address(one: Address) -> None:
    """One of them, with what is to be done about it."""
    with st.container(key=f"vault-{one.id}", gap="small"):
        line = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
        with line.container(horizontal=True, vertical_alignment="center", width="content"):
            st.text(one.email, width="content")
            if one.confirmed_at:
                st.badge("Confirmed", icon=":material/check_circle:", color="green")
            else:
                st.badge("Waits for its code", icon=":material/schedule:", color="orange")
        about = f"{frame.plain(one.email)} no longer gets the roster"
        if line.button("Remove", key=f"vault-out-{one.id}", type="tertiary", icon=":material/close:", help=about):
            with frame.refusals():
                rules.remove_address(one.id, by=frame.actor(), key=frame.form_key(f"vault-out-{one.id}"))
                st.rerun()
        if one.confirmed_at is None:
            code(one)


def code(one: Address) -> None:
    """Entering the code that came to it."""
    row = st.container(horizontal=True, vertical_alignment="bottom")
    typed = row.text_input("Code from the mail", key=f"vault-code-{one.id}", max_chars=12, placeholder="123 456")
    if row.button("Confirm address", key=f"vault-confirm-{one.id}", type="primary"):
        with frame.refusals():
            rules.confirm_address(one.id, typed, by=frame.actor())
            st.rerun()
    if row.button("Mail a new code", key=f"vault-again-{one.id}", type="tertiary"):
        with frame.refusals():
            key = f"vault-again-{one.id}"
            rules.mail_code(one.id, by=frame.actor(), key=frame.form_key(key))
            frame.new_form_key(key)
            st.toast("A new code is on its way.", icon=":material/mail:")


def password(since: datetime | None) -> None:
    """What opens the file."""
    with st.container(border=True):
        st.markdown("### Password of the file")
        drawn = st.session_state.get(DRAWN)
        if drawn:
            st.code(drawn, language=None)
            st.caption("It is not shown here again. Print the outage card: it stands on it.")
        elif since:
            st.caption(f"Set {show.moment(since)}. It stands on the outage card and is not shown here. Mails that went "
                       "out before a change keep the password they had.")  # fmt: skip
        else:
            st.caption("Whoever has the mail and this password has the roster, so it is written nowhere but on the "
                       "outage card.")  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Draw a new one" if since else "Draw one", key="vault_draw", icon=":material/key:",
                         type="secondary" if since else "primary"):  # fmt: skip
                keep(rules.drawn_password())
            with st.popover("Choose your own"), st.form("vault_own", border=False):
                own = st.text_input("Password", type="password", key="vault_own_text", max_chars=rules.LONGEST)
                st.caption(f"At least {rules.SHORTEST} letters, digits and signs that every keyboard has.")
                if st.form_submit_button("Set password"):
                    keep(own, shown=False)
        st.page_link("paper/readiness.py", label="Print the outage card", icon=":material/print:")


def keep(password: str, *, shown: bool = True) -> None:
    """Set it."""
    with frame.refusals():
        rules.set_password(password, by=frame.actor(), key=frame.form_key("vault_password"))
        frame.new_form_key("vault_password")
        st.session_state[DRAWN] = password if shown else None
        st.toast("The password is set.", icon=":material/check:")
        st.rerun()


def nights() -> None:
    """How the last two weeks went."""
    st.markdown("### The last nights")
    found = vault.nights(by=frame.actor())
    if not found:
        st.caption("Nothing was sent so far. The first one goes at the midnight after an address is confirmed.")
        return
    rows = [
        {
            "Roster of": show.day(mail.day, style="weekday"), "How it went": f"{MARKS[mail.state]} {word(mail)}",
            "To": mail.email, "Went out": show.moment(mail.at) if mail.at and mail.state == "sent" else show.NONE,
            "Why": mail.reason,
        }
        for mail in found
    ]  # fmt: skip
    if not any(row["Why"] for row in rows):
        rows = [{name: text for name, text in row.items() if name != "Why"} for row in rows]
    st.dataframe(rows, hide_index=True, key="vault_nights", height="content" if len(rows) <= 16 else 600)


def word(mail: vault.Mail) -> str:
    """How it went."""
    asked = ", asked for" if mail.asked else ""
    return ("Sent late" if mail.late else WORDS[mail.state]) + asked


main()
