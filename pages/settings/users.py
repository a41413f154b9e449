"""Users: the list with state and last sign-in; ``?user=ID`` opens one person."""

from __future__ import annotations

import streamlit as st

from data.errors import NotFound
from pages.components import account_actions, frame, show, states
from pages.components.draft_form import DraftForm
from security import invitations, users
from security.users import UserRow


def main() -> None:
    """The list, or one person."""
    everybody = users.list_users(by=frame.actor())
    wanted = st.query_params.get("user")
    if wanted:
        found = next((row for row in everybody if row.id == wanted), None)
        if found is None:
            raise NotFound(what="person", name=wanted)
        one(found)
    else:
        listing(everybody)


def listing(everybody: list[UserRow]) -> None:
    """Everybody in a line each."""
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    active = sum(1 for row in everybody if row.status == "active")
    waiting = sum(1 for row in everybody if row.status == "invited")
    locked = sum(1 for row in everybody if row.status == "locked")
    facts = [f"{active} can sign in"] + [f"{waiting} invited"] * bool(waiting) + [f"{locked} locked out"] * bool(locked)
    action = frame.head("Users", " · ".join(facts))
    if action.button("Invite a person", icon=":material/person_add:", type="primary", key="invite"):
        st.session_state["_inviting"] = True
    if st.session_state.get("_inviting"):
        invite()
    show_link()
    for row in everybody:
        with st.container(border=True, key=f"user-{row.id}"):
            line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
            with line.container(gap=None, width="content"):
                st.markdown(f"**{show.plain(row.name)}**")
                last = (
                    f"last signed in {show.moment(row.last_sign_in_at)}" if row.last_sign_in_at else "never signed in"
                )
                st.caption(show.plain(f"{row.username} · {row.role_label} · {last}"))
            with line.container(horizontal=True, vertical_alignment="center", width="content"):
                states.badge(row.status)
                if row.sessions:
                    st.badge("Signed in", color="green", icon=":material/circle:")
                if st.button("Open", key=f"open-{row.id}", help=f"Open {show.plain(row.name)}"):
                    st.session_state.pop("_link", None)
                    st.query_params["user"] = row.id
                    st.rerun()


@st.fragment
def invite() -> None:
    """The form of an invitation."""
    roles = users.roles_to_give(by=frame.actor())
    start = "staff" if "staff" in roles else next(iter(roles))
    form = DraftForm("invite", {"name": "", "username": "", "email": "", "role": start}, prefix="invite-")
    form.among("role", roles)
    with st.container(border=True, key="invite-form"):
        st.markdown("### Invite a person")
        form.line()
        left, right = st.columns(2)
        left.text_input("Name", max_chars=120, key=form.key("name"), live=form.live)
        right.text_input("Username", max_chars=60, key=form.key("username"), live=form.live,
                         help="What they type to sign in.")  # fmt: skip
        left.text_input("E-mail (optional)", max_chars=254, key=form.key("email"), live=form.live)
        right.selectbox("Role", list(roles), format_func=roles.__getitem__, key=form.key("role"))
        form.keep()
        with st.container(horizontal=True):
            sent = st.button("Create the invitation", type="primary", key="invite-send", shortcut=frame.SEND)
            if st.button("Cancel", type="tertiary", key="invite-cancel"):
                form.forget()
                st.session_state.pop("_inviting")
                st.rerun()
        if sent:
            with frame.refusals():
                send(form)


def send(form: DraftForm) -> None:
    """Invite whom the form describes, and keep the link for one showing."""
    name = str(form["name"]).strip()
    link = invitations.invite(
        form["username"], form["role"], name=name, email=form["email"], site=account_actions.site(), by=frame.actor(),
        key=frame.form_key("invite"),
    )  # fmt: skip
    frame.new_form_key("invite")
    form.forget()
    st.session_state.pop("_inviting")
    st.session_state["_link"] = (name, link)
    st.rerun()


def show_link() -> None:
    """A fresh one-time link, once, to hand over."""
    if "_link" not in st.session_state:
        return
    name, link = st.session_state["_link"]
    with st.container(border=True, key="one-time-link"):
        st.markdown(f"**One-time link for {show.plain(name)}**")
        st.caption(
            f"Hand it over in person or by a message you trust; where an e-mail address is known it is mailed too. "
            f"It works once, until {show.moment(link.expires_at)}, and is not shown again."
        )
        st.code(account_actions.site() + link.path, language=None, wrap_lines=True)
        if st.button("I have handed it over", key="handed-over"):
            st.session_state.pop("_link")
            st.rerun()


def one(row: UserRow) -> None:
    """One person: facts, then what can be done."""
    if st.button("Users", icon=":material/arrow_back:", type="tertiary", key="back"):
        st.session_state.pop("_link", None)
        st.query_params.clear()
        st.rerun()
    action = frame.head(row.name, f"{row.username} · {row.role_label}")
    with action:
        states.badge(row.status)
        st.page_link(
            "staff/profile.py", label="Staff profile", icon=":material/badge:", query_params={"person": row.id}
        )
    show_link()
    account_actions.draw(row)


main()
