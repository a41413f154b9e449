"""Who is signed in now, on what, since when, and the way to sign them out."""

import streamlit as st

from pages.components import account_actions, frame, show
from security import users

by = frame.actor()
st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
found = users.list_sessions(by=by)
people = len({row.user_id for row in found if row.user_id})
facts = f"{people} {'person' if people == 1 else 'people'} on {len(found)} {'device' if len(found) == 1 else 'devices'}"
action = frame.head("Signed in now", facts)
with action.popover("Sign everyone out", icon=":material/logout:"):
    st.caption("Everybody but you has to sign in again. What they typed is kept as a draft.")
    if st.button("Sign everyone out now", key="everyone", type="primary"):
        with frame.refusals():
            count = users.sign_out_everyone(by=by, key=frame.form_key("everyone"))
            account_actions.done(f"{count} signed out.", "everyone")
for row in found:
    with st.container(border=True, key=f"session-{row.id}"):
        line = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
        with line.container(gap=None, width="content"):
            mine = " (this one)" if row.id == by.session_id else ""
            st.markdown(f"**{show.plain(row.name)}**{mine}")
            kind = {"station": " · shared station", "display": " · wall board"}.get(row.kind, "")
            st.caption(show.plain(f"{row.role_label}{kind} · {account_actions.device(row.device)} · {row.address}"))
            st.caption(
                show.plain(f"Since {show.moment(row.began_at)} · last input {show.clock_time(row.last_input_at)}")
            )
        if row.id != by.session_id:
            name = f"out-{row.id}"
            if line.button("Sign out", key=name, help=f"Sign {show.plain(row.name)} out of this device"):
                with frame.refusals():
                    users.sign_out_session(row.id, by=by, key=frame.form_key(name))
                    account_actions.done(f"{row.name} was signed out.", name)
