"""The letters and labels of campaigns: made when, by whom, how many, to be printed as often as needed."""

from __future__ import annotations

import streamlit as st

from campaigns import letters
from campaigns.letters import Made, Shelf
from pages.components import frame, show

PICKED = "letters_picked"


def main() -> None:
    """The page."""
    found = letters.shelf(by=frame.actor())
    frame.head("Letters", facts(found))
    for run_id, (name, count) in found.waiting.items():
        waits(run_id, name, count)
    if not found.made:
        st.info(
            "No letters were made yet. A campaign that writes by letter makes a file of letters and one of labels "
            "when it is launched.", icon=":material/mark_as_unread:",
        )  # fmt: skip
    for one in found.made:
        file(one)


def facts(found: Shelf) -> str:
    """How many there are."""
    count = sum(one.count for one in found.made)
    return (
        f"{show.count(len(found.made), 'print')}, {show.count(count, 'letter')}" if found.made else "Nothing to print"
    )


def waits(run_id: str, name: str, count: int) -> None:
    """Letters that the worker makes by itself soon, or somebody at once."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{frame.plain(name)}**: {show.count(count, 'letter waits', 'letters wait')} to be made.",
                    width="content")  # fmt: skip
        if st.button("Make letters now", key=f"letters_make_{run_id}", type="primary"):
            with frame.refusals(), st.spinner(f"Making {show.count(count, 'letter')}"):
                letters.make_letters(run_id, by=frame.actor())
                st.rerun()


def file(one: Made) -> None:
    """One print: what it is, and its two files."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(width="content", gap="small"):
            st.markdown(f"**{frame.plain(one.name)}**, {frame.plain(show.day(one.day))}")
            parts = (show.count(one.count, "letter") if one.count else "", f"made {show.moment(one.at)}",
                     f"by {one.by}" if one.by else "by itself")  # fmt: skip
            st.caption(frame.plain(" · ".join(filter(None, parts))))
        with st.container(horizontal=True, width="content"):
            offer(one, one.letters, "letters")
            if one.labels:
                offer(one, one.labels, "labels")


def offer(one: Made, document: str, what: str) -> None:
    """Fetch a file, which is written down, then hand it over: the same one each time."""
    if st.session_state.get(PICKED) != document:
        if st.button(f"Open {what}", key=f"{what}_{one.letters}", icon=":material/picture_as_pdf:"):
            st.session_state[PICKED] = document
            st.rerun()
        return
    with frame.refusals():
        content = letters.open_file(one.run_id, document, by=frame.actor())
        st.download_button(
            f"Save {what}", content, f"{one.campaign}-{one.day.isoformat()}-{what}.pdf", "application/pdf",
            key=f"save_{what}_{one.letters}", type="primary", icon=":material/download:",
        )  # fmt: skip


main()
