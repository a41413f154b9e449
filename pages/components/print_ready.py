"""What was just printed, ready to be taken: one card above the page until it is put away.

The key of a print stays the same until its file is taken, so that a second click never makes a second set of serials.
What was asked for is kept as a draft of this person until then: after a reload or another sign-in the same print is
offered again, with the serials it had.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from data.errors import Refusal
from outage.print_runs import in_words
from outage.printing import ChangedSince, Printed
from pages.components import frame, show
from security import drafts

_SLOT, _KEY, _LEFT, _PLACE = "_print_ready", "print", "_print_left", "print"
PDF, ZIP = "application/pdf", "application/zip"


@dataclass(frozen=True)
class Ready:
    """A finished print: what it is, and its files as (label, name, bytes, type), the first one leading."""

    title: str
    facts: str
    files: tuple[tuple[str, str, bytes, str], ...]
    taken: bool = False


@contextlib.contextmanager
def asked(what: str, title: str, **details: Any) -> Iterator[str]:
    """Around a print: gives its idempotency key, another one once a file was taken or the print was put away.

    ``what`` and ``details`` (anything JSON can hold) name the way that prints it, ``title`` says what it is.
    """
    by, key = frame.actor(), frame.form_key(_KEY)
    drafts.save(_PLACE, {"key": key, "what": what, "title": title, "details": details}, by=by)
    try:
        yield f"{key}:{hashlib.sha256(repr((what, sorted(details.items()))).encode()).hexdigest()[:16]}"
    except Refusal as refusal:
        drafts.discard(_PLACE, by=by)
        if isinstance(refusal, ChangedSince):
            anew()
        raise
    st.session_state[_LEFT] = None


def anew() -> None:
    """Whatever is asked for next is another print."""
    frame.new_form_key(_KEY)
    st.session_state[_LEFT] = None
    drafts.discard(_PLACE, by=frame.actor())


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


def draw(ways: Mapping[str, Callable[..., None]]) -> None:
    """The card, where something is ready, or was asked for and never taken. ``ways`` print it again, by name."""
    ready: Ready | None = st.session_state.get(_SLOT)
    if ready is None:
        _left_over(ways)
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


def _left_over(ways: Mapping[str, Callable[..., None]]) -> None:
    """A print of before the page was loaded whose file was not taken."""
    if _LEFT not in st.session_state:
        found = drafts.kept(_PLACE, by=frame.actor())
        st.session_state[_LEFT] = found
        if found is not None:
            st.session_state[f"_key_{_KEY}"] = found.body["key"]
    left: drafts.Kept | None = st.session_state[_LEFT]
    if left is None or left.body.get("what") not in ways:
        return
    with st.container(border=True, key="print_ready"):
        st.markdown(f":material/task: **{frame.plain(left.body['title'])}**")
        st.caption(
            frame.plain(f"Asked for {show.moment(left.at)}; its file was not taken. It can be had again as it was.")
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            again = st.button("Get its file", key="print_left_again", type="primary", icon=":material/print:")
            st.button("Put away", key="print_done", type="tertiary", on_click=_put_away)
        if again:
            with frame.refusals():
                ways[left.body["what"]](**left.body["details"])


def _taken() -> None:
    ready: Ready | None = st.session_state.get(_SLOT)
    if ready is not None:
        st.session_state[_SLOT] = Ready(ready.title, ready.facts, ready.files, taken=True)
    anew()


def _put_away() -> None:
    st.session_state.pop(_SLOT, None)
    anew()
