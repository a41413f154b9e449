"""What was just printed, ready to be taken: one card above the page until it is put away.

The key of a print stays the same until its file is taken, so that a second click never makes a second set of serials.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import streamlit as st

from outage.print_runs import in_words
from outage.printing import Printed
from pages.components import frame

_SLOT, _KEY = "_print_ready", "print"
PDF, ZIP = "application/pdf", "application/zip"


@dataclass(frozen=True)
class Ready:
    """A finished print: what it is, and its files as (label, name, bytes, type), the first one leading."""

    title: str
    facts: str
    files: tuple[tuple[str, str, bytes, str], ...]
    taken: bool = False


def key(*asked: object) -> str:
    """The idempotency key of what is asked for: another one once a file was taken or the print was put away."""
    return f"{frame.form_key(_KEY)}:{hashlib.sha256(repr(asked).encode()).hexdigest()[:16]}"


def anew() -> None:
    """Whatever is asked for next is another print."""
    frame.new_form_key(_KEY)


def offer(title: str, facts: str, *files: tuple[str, str, bytes, str]) -> None:
    """Keep a print for the card, and draw the page again with it."""
    st.session_state[_SLOT] = Ready(title, facts, files)
    st.rerun()


def offer_sheets(title: str, printed: Printed, name: str) -> None:
    """The same for sheets of forms."""
    facts = f"{counted(printed.sheets, 'sheet')}, {counted(len(printed.pages), 'page')}"
    label = f"Download {counted(len(printed.pages), 'page')} as PDF"
    offer(title, f"{facts}, serials {in_words(printed.serials)}.", (label, name, printed.pdf, PDF))


def counted(number: int, word: str) -> str:
    """``1 sheet``, ``12 sheets``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def draw() -> None:
    """The card, where something is ready."""
    ready: Ready | None = st.session_state.get(_SLOT)
    if ready is None:
        return
    with st.container(border=True, key="print_ready"):
        st.markdown(f":material/task: **{frame.plain(ready.title)}**")
        st.caption(frame.plain(ready.facts) + (" Print at actual size, 100 %, on one side." if not ready.taken else ""))
        with st.container(horizontal=True, vertical_alignment="center"):
            for place, (label, name, content, media) in enumerate(ready.files):
                st.download_button(
                    label, content, name, media, key=f"print_file_{place}", on_click=_taken,
                    icon=":material/download:", type="secondary" if place or ready.taken else "primary",
                )  # fmt: skip
            st.button("Put away", key="print_done", type="tertiary", on_click=_put_away)
        if not ready.taken:
            st.caption("The file is not kept here. Should it get lost, print the sheets again under Past prints.")


def _taken() -> None:
    ready: Ready | None = st.session_state.get(_SLOT)
    if ready is not None:
        st.session_state[_SLOT] = Ready(ready.title, ready.facts, ready.files, taken=True)
    anew()


def _put_away() -> None:
    st.session_state.pop(_SLOT, None)
    anew()
