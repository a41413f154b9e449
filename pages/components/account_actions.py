"""What an administrator can do to one person's access, each with its own button and sentence."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import streamlit as st

from pages.components import frame, show
from security import account, invitations, users
from security.users import UserRow


def draw(row: UserRow) -> None:
    """Role, password, second factor, sessions, access; one's own are in other hands."""
    by = frame.actor()
    if row.id == by.user_id:
        st.info("This is you. Another administrator changes your role or access.", icon=":material/info:")
        sessions(row)
        return
    left, right = st.columns(2)
    with left:
        role(row)
        password(row)
    with right:
        access(row)
        sessions(row)
    if "account.transfer" in frame.may() and row.status == "active" and row.role != "owner":
        hand_over(row)


def done(words: str, name: str) -> None:
    """After a change: say so and draw the page anew."""
    frame.new_form_key(name)
    st.toast(words, icon=":material/check:")
    st.rerun()


def role(row: UserRow) -> None:
    """Promote or demote."""
    with st.container(border=True):
        st.markdown("### Role")
        offered = users.roles_to_give(by=frame.actor())
        if row.role not in offered:
            st.caption(f"{show.plain(row.role_label)} may do more than you, so only an owner can change this role.")
            return
        chosen = st.selectbox(
            "Role", list(offered), index=list(offered).index(row.role), format_func=offered.__getitem__,
            key=f"role-{row.id}-{row.role}", label_visibility="collapsed",
        )  # fmt: skip
        st.caption("Holds with the person's next click.")
        if st.button("Change the role", key="set-role", disabled=chosen == row.role):
            with frame.refusals():
                key = frame.form_key("set-role")
                users.set_role(row.id, chosen, expected=row.role, by=frame.actor(), key=key)
                done(f"{row.name} is {offered[chosen]} now.", "set-role")


def password(row: UserRow) -> None:
    """A one-time link for the password; a forgotten second factor."""
    with st.container(border=True):
        st.markdown("### Password and second factor")
        if row.status == "invited":
            button("Make a new invitation link", "again", lambda key: link(row, invitations.invite_again, key), "")
        elif row.status != "disabled":
            st.caption("The person chooses a new password by a link that works once, for 24 hours.")
            button("Make a reset link", "reset", lambda key: link(row, invitations.reset_password, key), "")
        if row.has_second_factor:
            st.caption("Lost phone: the person sets up a new code at the next sign-in.")
            button("Forget the second factor", "totp",
                   lambda key: users.forget_second_factor(row.id, by=frame.actor(), key=key),
                   "The second factor was forgotten.")  # fmt: skip


def access(row: UserRow) -> None:
    """Release a lock, disable, enable."""
    with st.container(border=True):
        st.markdown("### Access")
        by = frame.actor()
        if row.status == "locked":
            st.caption("Locked after ten wrong passwords in a row.")
            button("Release the lock", "release", lambda key: users.release(row.id, by=by, key=key), "Released.")
        if row.status == "disabled":
            st.caption("Cannot sign in. Everything this person recorded stays.")
            button(
                "Enable", "enable", lambda key: users.enable(row.id, by=by, key=key), f"{row.name} can sign in again."
            )
        else:
            st.caption("Disabling signs the person out at once. Everything they recorded stays.")
            button("Disable", "disable", lambda key: users.disable(row.id, by=by, key=key), f"{row.name} is disabled.")


def sessions(row: UserRow) -> None:
    """Where the person is signed in."""
    with st.container(border=True):
        st.markdown("### Signed in")
        held = [found for found in users.list_sessions(by=frame.actor()) if found.user_id == row.id]
        if not held:
            st.caption("Not signed in anywhere.")
            return
        for found in held:
            st.caption(show.plain(f"{device(found.device)} · last input {show.moment(found.last_input_at)}"))
        if row.id != frame.actor().user_id:
            button("Sign out everywhere", "sign-out",
                   lambda key: users.sign_out_user(row.id, by=frame.actor(), key=key), "Signed out.")  # fmt: skip


def hand_over(row: UserRow) -> None:
    """The owner's own: make this person the owner."""
    with st.expander("Hand the account over to this person", icon=":material/key:"), st.form("hand-over", border=False):
        st.caption(f"{show.plain(row.name)} becomes the owner and you an administrator. Only they can undo it.")
        again = st.text_input("Your password", type="password", key="hand-over-password")
        if st.form_submit_button("Hand the account over"):
            with frame.refusals():
                account.transfer_account(row.id, again, by=frame.actor(), key=frame.form_key("hand-over"))
                done(f"{row.name} owns the account now.", "hand-over")


def button(label: str, name: str, rule: Callable[[str], object], words: str) -> None:
    """One action under its own idempotency key."""
    if st.button(label, key=name):
        with frame.refusals():
            rule(frame.form_key(name))
            done(words or "The link is ready to hand over.", name)


def link(row: UserRow, rule: Callable[..., invitations.Link], key: str) -> None:
    """Make a link and keep it for one showing."""
    st.session_state["_link"] = (row.name, rule(row.id, site=site(), by=frame.actor(), key=key))


def site() -> str:
    """The address of this installation as the browser knows it, without a path."""
    parts = urlsplit(st.context.url or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def device(agent: str) -> str:
    """A browser's own description, shortened to what people recognise."""
    system = next((word for mark, word in (
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac"),
        ("CrOS", "Chromebook"), ("Linux", "Linux")) if mark in agent), "")  # fmt: skip
    browser = next(
        (
            word
            for mark, word in (("Edg/", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
            if mark in agent
        ),
        "",
    )
    return " on ".join(part for part in (browser, system) if part) or "Unknown device"
