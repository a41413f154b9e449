"""Memos: what stands for me; for those who post, a new one, who has read which, and the way back."""

from __future__ import annotations

import streamlit as st

from data.errors import Refusal
from outage import memo_notice, status_page
from pages.components import frame, show
from pages.components.draft_form import DraftForm
from pages.components.draft_text import draft_text, forget
from pages.components.memo_card import body
from security import memos
from security.memos import Posted

EDITED, WARNED = "_memo_edited", "_memo_problem"
STATES = {"standing": ("green", "Stands"), "withdrawn": ("gray", "Withdrawn"), "over": ("gray", "Over")}


def main() -> None:
    """The page."""
    posts = "settings.edit" in frame.may()
    frame.head("Memos", "They stand on the home page until everybody they are for has read them.")
    if problem := st.session_state.pop(WARNED, None):
        st.warning(frame.said(problem), icon=":material/warning:")
    if not posts:
        mine()
        return
    found = memos.posted(by=frame.actor())
    left, right = st.columns([1, 1.15], gap="large")
    with left:
        write({one.notice.id: one for one in found})
    with right:
        st.markdown("### Posted")
        if not found:
            st.info("Nothing was posted yet. Write what everybody has to know before the day begins.")
        for one in found:
            posted(one)


def mine() -> None:
    """What stands for me, read or not."""
    found = memos.for_me(by=frame.actor(), unread_only=False)
    if not found:
        st.info("No memo stands at present.")
    for one in found:
        with st.container(border=True, key=f"memo-mine-{one.id}"):
            body(one)
            if one.read_at:
                st.caption(f"You read it {show.moment(one.read_at)}.")
            elif st.button("I have read it", key=f"memo-read-{one.id}", type="primary"):
                with frame.refusals():
                    memos.acknowledge(one.id, by=frame.actor())
                    st.rerun()


@st.fragment
def write(known: dict[str, Posted]) -> None:
    """A new memo, or one in the place of another."""
    old = known.get(st.session_state.get(EDITED, ""))
    place = f"memo:{old.notice.id if old else 'new'}"
    start = {"title": "", "roles": [], "expires_on": None, "public": False}
    if old:
        start |= {"title": old.notice.title, "roles": list(old.roles), "expires_on": old.notice.expires_on}
    form = DraftForm(place, start)
    names = memos.role_labels(by=frame.actor())
    form.among("roles", names)
    with st.container(border=True):
        st.markdown("### In its place" if old else "### New memo")
        form.line()
        st.text_input("Title", key=form.key("title"), max_chars=memos.TITLE_MOST, live=form.live)
        text = draft_text("Text", f"{place}:text", longest=memos.BODY_MOST, start=old.notice.body if old else "",
                          submit="memo_post")  # fmt: skip
        st.multiselect("For", list(names), key=form.key("roles"), format_func=names.__getitem__,
                       placeholder="Everybody")  # fmt: skip
        st.date_input("Last day it stands", key=form.key("expires_on"), min_value=show.today(),
                      help="Leave it empty to let it stand until you withdraw it.",
                      format=show.date_format())  # fmt: skip
        if status_page.link(by=frame.actor()):
            st.checkbox("Copy it to the status page", key=form.key("public"),
                        help="Anybody can read it there: name no client and no patient.")  # fmt: skip
        form.keep()
        with st.container(horizontal=True):
            if st.button("Post memo", key="memo_post", type="primary", icon=":material/campaign:"):
                post(form, place, text, old)
            if old and st.button("Leave it as it is", key="memo_leave", type="tertiary"):
                form.forget()
                forget(f"{place}:text")
                st.session_state.pop(EDITED, None)
                st.rerun()
        if old:
            st.caption("The one that stands is withdrawn, and everybody reads the new one.")


def post(form: DraftForm, place: str, text: str, old: Posted | None) -> None:
    """Post what the form holds."""
    with frame.refusals():
        by = frame.actor()
        number = memos.post(
            str(form["title"] or ""), text, roles=form["roles"] or (), expires_on=form["expires_on"],
            instead_of=old.notice.id if old else "", by=by, key=frame.form_key(place),
        )  # fmt: skip
        frame.new_form_key(place)
        if old:
            take_back()
        if form["public"]:
            copy(number)
        form.forget()
        forget(f"{place}:text")
        st.session_state.pop(EDITED, None)
        st.rerun()


def copy(number: str) -> None:
    """Put it on the status page too; that it was not reached is said, the memo stands all the same."""
    try:
        memo_notice.copy_to_status_page(number, by=frame.actor())
    except Refusal as refusal:
        st.session_state[WARNED] = f"The memo stands here, but not on the status page. {refusal.message}"


def take_back() -> None:
    """Withdraw copies on the status page with their memos; what is not reached now is tried again by the worker."""
    try:
        memo_notice.take_back_copies(by=frame.actor())
    except Refusal as refusal:
        st.session_state[WARNED] = (
            f"The memo is withdrawn here; its copy on the status page follows by itself. {refusal.message}"
        )


def posted(one: Posted) -> None:
    """One with its readers."""
    tone, word = STATES[one.state]
    notice = one.notice
    with st.container(border=True, key=f"memo-{notice.id}"):
        body(notice)
        count = len(one.read)
        of = count + len(one.unread)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(word, color=tone)  # type: ignore[arg-type]
            for_whom = f"for {', '.join(one.roles)}" if one.roles else "for everybody"
            facts = [f"{count} of {of} have read it", for_whom]
            facts += [f"on the status page since {show.moment(one.on_status_page_at)}"] if one.on_status_page_at else []
            st.caption(frame.plain(" · ".join(facts)), width="content")
        with st.expander("Who has read it"):
            for name, at in one.read:
                st.markdown(frame.plain(f"{name}, {show.moment(at)}"))
            if one.unread:
                st.caption(frame.plain(f"Not yet: {', '.join(one.unread)}"))
            elif not one.read:
                st.caption("It is for nobody else.")
        if one.state == "standing":
            ways(one)


def ways(one: Posted) -> None:
    """What can be done about one that stands."""
    number = one.notice.id
    with st.container(horizontal=True):
        if st.button("Write a new one in its place", key=f"memo-edit-{number}"):
            st.session_state[EDITED] = number
            st.rerun()
        if st.button("Withdraw memo", key=f"memo-out-{number}"):
            with frame.refusals():
                memos.withdraw(number, by=frame.actor(), key=frame.form_key(f"memo-out-{number}"))
                take_back()
                st.rerun()
        if not one.on_status_page_at and status_page.link(by=frame.actor()):
            with st.popover("Copy to the status page"):
                st.caption("Anybody can read it there. It names no client and no patient?")
                if st.button("Copy it", key=f"memo-copy-{number}"):
                    copy(number)
                    st.rerun()


main()
