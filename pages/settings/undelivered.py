"""Messages that may not have arrived and those that were refused: what is known of each, decided upon one or many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import streamlit as st

from campaigns import undelivered as rules
from campaigns.undelivered import PAGE, Doubt, Filters
from pages.components import frame, show
from pages.components.campaign_words import MESSAGES

BY = {"email": "E-mail", "sms": "Text message", "letter": "Letter"}
STATES = {"": "All", "uncertain": "May not have arrived", "failed": "Refused"}
CHOSEN = "undelivered_table"


def main() -> None:
    """The page."""
    by = frame.actor()
    st.page_link("settings/index.py", label="Settings", icon=":material/arrow_back:")
    frame.head("Undelivered messages", "The mail server's answer is all that is known. Whoever decides stands in the "
               "audit log.")  # fmt: skip
    filters = chosen()
    place = int(st.session_state.get("undelivered_page", 0))
    found = rules.doubts(filters, page=place, by=by)
    if place and not found.rows:
        st.session_state["undelivered_page"] = 0
        st.rerun()
    if not found.rows:
        whole = filters == Filters()
        st.success("Every message arrived, as far as anybody said." if whole else "None with these filters.",
                   icon=":material/mark_email_read:")  # fmt: skip
        return
    st.caption(f"{found.counts.get('uncertain', 0):,} may not have arrived, {found.counts.get('failed', 0):,} refused.")
    ids = table(found.rows)
    decide([row for row in found.rows if row.id in ids])
    turn(found.total, place)


def chosen() -> Filters:
    """The filters; the day is the one a message was last tried on."""
    offered = rules.choices(by=frame.actor())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state = st.selectbox("State", list(STATES), format_func=STATES.get, key="undelivered_state", width=210)
        kind = st.selectbox("About", ["", *offered.kinds], key="undelivered_kind", width=210,
                            format_func=lambda one: rules.kind_words(one) if one else "Everything")  # fmt: skip
        run = st.selectbox("Campaign", ["", *offered.runs], key="undelivered_run", width=280,
                           format_func=lambda one: offered.runs.get(one, "All"))  # fmt: skip
        day: date | None = st.selectbox("Day", [None, *offered.days], key="undelivered_day", width=170,
                                        format_func=lambda one: show.day(one) if one else "All")  # fmt: skip
    filters = Filters(state or "", run or "", kind or "", day)
    if st.session_state.get("_undelivered_asked") != filters:
        st.session_state["_undelivered_asked"] = filters
        st.session_state["undelivered_page"] = 0
    return filters


def table(rows: list[Doubt]) -> set[str]:
    """The rows to choose from; gives the ids of those chosen."""
    event = st.dataframe(
        {
            "State": [MESSAGES[row.state] for row in rows],
            "About": [row.campaign or rules.kind_words(row.kind) for row in rows],
            "To": [" · ".join(filter(None, (row.client, row.address))) for row in rows],
            "By": [BY.get(row.channel, row.channel) for row in rows],
            "Tried": [show.moment(row.at) for row in rows],
            "What was answered": [row.said or "no answer came" for row in rows],
            "Tries": [row.attempts for row in rows],
            "Decided before": [
                f"{row.decided}, {show.moment(row.decided_at)}" if row.decided else "" for row in rows
            ],
        },
        hide_index=True, width="stretch", on_select="rerun", selection_mode="multi-row",
        key=f"{CHOSEN}_{st.session_state.get('_undelivered_turn', 0)}",
    )  # fmt: skip
    return {rows[place].id for place in event.selection.rows if place < len(rows)}


def decide(rows: list[Doubt]) -> None:
    """What is made of those chosen."""
    doubted = [row.id for row in rows if row.state == "uncertain"]
    refused = [row.id for row in rows if row.state == "failed"]
    if not rows:
        st.caption("Choose one or several by the boxes on the left.")
    with st.container(horizontal=True):
        one("Send again", "undelivered_again", "forward_to_inbox", [*doubted, *refused], rules.send_again,
            "It goes out once more under the same Message-ID, where nothing speaks against it by now.")  # fmt: skip
        one("Take as arrived", "undelivered_sent", "mark_email_read", doubted, rules.take_as_sent,
            "You found out that it did arrive.")  # fmt: skip
        one("Let go", "undelivered_let_go", "cancel", refused, rules.let_go,
            "It was refused, and nobody needs to look at it again.")  # fmt: skip


def one(label: str, key: str, icon: str, ids: list[str], rule: Callable[..., int], about: str) -> None:
    """One way to decide."""
    words = f"{label} ({len(ids)})" if ids else label
    if st.button(words, key=key, icon=f":material/{icon}:", disabled=not ids, help=about):
        with frame.refusals():
            count = rule(ids, by=frame.actor(), key=frame.form_key(key))
            frame.new_form_key(key)
            st.session_state["_undelivered_turn"] = st.session_state.get("_undelivered_turn", 0) + 1
            st.toast(f"{label}: {show.count(count, 'message')}.", icon=":material/check:")
            st.rerun()


def turn(total: int, place: int) -> None:
    """To the other pages."""
    last = max(0, -(-total // PAGE) - 1)
    if not last:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, to, key in (("Newer", place - 1, "undelivered_newer"), ("Older", place + 1, "undelivered_older")):
            if st.button(label, key=key, disabled=not 0 <= to <= last):
                st.session_state["undelivered_page"] = to
                st.rerun()
        st.caption(f"Page {place + 1} of {last + 1}")


main()
