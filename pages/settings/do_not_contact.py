"""Do not contact: addresses that are written to no more, which are kept as hashes, and the mailbox bounces come to."""

from __future__ import annotations

import streamlit as st

from campaigns import suppressions
from campaigns.consents import REASONS, SCOPES
from campaigns.suppressions import Stop, Stops
from pages.components import bounce_mailbox, frame, show
from pages.components.draft_form import DraftForm
from records.reach import CHANNELS

HINTS = {
    "email": "name@example.org", "sms": "(555) 010-4477", "letter": "1 Main Street, Springfield, IL 62701",
}  # fmt: skip


def main() -> None:
    """The page."""
    by = frame.actor()
    found = suppressions.suppressions(by=by)
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    action = frame.head("Do not contact", facts(found))
    with action:
        add()
    look_up()
    newest(found)
    bounce_mailbox.draw()


def facts(found: Stops) -> str:
    """How many, and why."""
    if not found.total:
        return "No address is stopped. Whoever unsubscribes stands here at once."
    sums: dict[str, int] = {}
    for (_, reason), count in found.counts.items():
        sums[reason] = sums.get(reason, 0) + count
    parts = [f"{count:,} {SHORT[reason]}" for reason, count in sorted(sums.items(), key=lambda one: -one[1])]
    return f"{found.total:,} stopped: {', '.join(parts)}. Addresses are kept so that nobody can read them."


SHORT = {"unsubscribed": "unsubscribed", "complained": "complained", "bounced": "bounced", "by_hand": "by hand"}


@st.fragment
def add() -> None:
    """Stop an address that somebody told the clinic."""
    with st.popover("Stop an address", icon=":material/block:"):
        form = DraftForm("suppress", {"channel": "email", "address": "", "scope": "marketing"})
        form.line()
        st.selectbox("Channel", list(CHANNELS), format_func=CHANNELS.get, key=form.key("channel"))
        st.text_input("Address", key=form.key("address"), live=form.live, max_chars=1_000, autocomplete="off",
                      placeholder=HINTS[form["channel"] or "email"])  # fmt: skip
        st.selectbox("Stop", list(SCOPES), format_func=SCOPES.get, key=form.key("scope"))
        form.keep()
        st.caption("The address itself is not kept: look it up to see whether it is stopped.")
        if st.button("Stop the address", key="suppress_save", type="primary"):
            with form.saving():
                suppressions.add_by_hand(
                    str(form["channel"]), form["address"] or "", str(form["scope"]), by=frame.actor(),
                    key=frame.form_key("suppress"),
                )  # fmt: skip
                frame.new_form_key("suppress")
                form.forget()
                st.rerun()


@st.fragment
def look_up() -> None:
    """Whether an address is stopped."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        channel = st.selectbox("Channel", list(CHANNELS), format_func=CHANNELS.get, key="look_channel", width=170)
        address = st.text_input("Look an address up", key="look_address", autocomplete="off", width=400, max_chars=999,
                                placeholder=HINTS[channel or "email"])  # fmt: skip
        asked = st.button("Look up", key="look_go", icon=":material/search:")
    if not (asked or address):
        return
    with frame.refusals():
        found = suppressions.look_up(channel or "email", address or "", by=frame.actor())
        if not found:
            st.success("This address is not stopped.", icon=":material/check:")
        for one in found:
            with st.container(horizontal=True, vertical_alignment="center", border=True):
                st.text(f"{SCOPES[one.scope]}: {REASONS[one.reason]}, since {show.day(one.since.date())}")
                lift(one, "found")


def newest(found: Stops) -> None:
    """The latest of them."""
    if not found.newest:
        return
    st.subheader("Newest", anchor=False)
    for one in found.newest[:20]:
        left, right = st.columns([7, 3], vertical_alignment="center")
        left.text(sentence(one))
        with right:
            lift(one, "listed")
    rest = found.total - min(20, len(found.newest))
    if rest:
        st.caption(f"{rest:,} older ones are found by looking their address up.")


def sentence(one: Stop) -> str:
    """One line of the list."""
    after = f" (after {one.campaign})" if one.campaign else ""
    return f"{show.moment(one.since)} · {CHANNELS[one.channel]} · {SCOPES[one.scope]}: {REASONS[one.reason]}{after}"


@st.fragment
def lift(one: Stop, place: str) -> None:
    """Write to it again, with the reason."""
    with st.popover("Write to it again", key=f"lift_{place}_{one.id}"):
        if one.reason in ("unsubscribed", "complained"):
            st.caption("They asked for this themselves. Lift it only where they ask you to write again.")
        reason = st.text_input("Why", key=f"why_{place}_{one.id}", max_chars=200, autocomplete="off",
                               placeholder="Called on Monday: the mailbox works again")  # fmt: skip
        if st.button("Lift it", key=f"lift_go_{place}_{one.id}", type="primary"):
            with frame.refusals():
                suppressions.lift_one(one.id, reason or "", by=frame.actor(), key=frame.form_key(f"lift:{one.id}"))
                frame.new_form_key(f"lift:{one.id}")
                st.rerun()


main()
