"""What every page shares: who is signed in, the page head, the way errors are shown, form keys."""

from __future__ import annotations

import contextlib
import functools
import time
import uuid
from collections.abc import Callable, Hashable, Iterator
from datetime import timedelta
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from data.errors import Refusal, SessionEnded
from data.kept import kept
from data.models import Clinic
from security import sessions
from security.actor import Actor
from security.clinics import clinic_of

T = TypeVar("T")
_PERSON = "_person"
SEND = "mod+enter"
"""The keys that send the form one is typing into; the button shows them."""


def sign_in_state(*, touch: bool) -> sessions.Person | None:
    """The person behind this browser's cookie, or None. Called once per run by navigation.py."""
    token = st.user.get("session")
    if not token:
        return None
    try:
        who = sessions.resume(str(token), touch=touch)
    except SessionEnded:
        return None
    st.session_state[_PERSON] = who
    return who


def person() -> sessions.Person:
    """The signed-in person of this run."""
    return st.session_state[_PERSON]  # type: ignore[no-any-return]


def actor() -> Actor:
    """The actor to hand to rules."""
    return person().actor


def may() -> frozenset[str]:
    """What the person's role opened when this run began, for building pages. The rules check again."""
    return person().may


def kept_for(seconds: float) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Keep what a page reads for a while, for each person and for as long as their rights stand. For numbers that may
    be that old; what is answered is shared between runs, so nobody may change it."""

    def decorate(ask: Callable[..., T]) -> Callable[..., T]:
        @functools.wraps(ask)
        def answer(*args: Hashable) -> T:
            who = person()
            what = (ask.__code__.co_filename, ask.__qualname__, who.actor.user_id, who.may, *args)
            return kept(who.actor.clinic_id, 0, what, lambda: ask(*args), timedelta(seconds=seconds))

        return answer

    return decorate


_clinics: dict[str, tuple[float, Clinic]] = {}
CLINIC_LASTS = 5.0
"""Seconds. A plain dictionary, because a page asks hundreds of times and ``st.cache_data`` copies each time."""


def clinic() -> Clinic:
    """The clinic of the signed-in person: name, kind, zone, currency, locale."""
    clinic_id, now = actor().clinic_id, time.monotonic()
    read_at, found = _clinics.get(clinic_id, (0.0, None))
    if found is None or now - read_at > CLINIC_LASTS:
        found = clinic_of(clinic_id)
        _clinics[clinic_id] = now, found
    return found


def head(title: str, facts: str = "") -> DeltaGenerator:
    """The page's title with one line of facts beneath; returns the place at the right for its primary action."""
    row = st.container(key="page_head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
    with row:
        with st.container(key="page_title", width="content"):
            st.title(plain(title), anchor=False)
            if facts:
                st.caption(plain(facts))
        return st.container(horizontal=True, width="content", vertical_alignment="center")


def plain(text: str) -> str:
    """Text a person typed, safe inside Streamlit markdown: no formatting, links, HTML, icons or formulas."""
    return "".join("\\" + letter if letter in _MARKS else letter for letter in text.replace("\n", " "))


_MARKS = set("\\`*_{}[]<>()#+-.!|~$:&")


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Show a rule's refusal as its sentence; what the person typed stays where it is."""
    try:
        yield
    except SessionEnded:
        st.rerun()
    except Refusal as refusal:
        st.error(said(refusal.message), icon=":material/error:")


def said(sentence: str) -> str:
    """A refusal's sentence for Streamlit markdown: what somebody's name or title brought into it draws no picture,
    link or formula."""
    return "".join("\\" + letter if letter in _DRAWS else letter for letter in sentence)


_DRAWS = set("[]<`$")


def form_key(name: str) -> str:
    """The idempotency key of a form: the same until ``new_form_key``, so that a double click writes once."""
    slot = f"_key_{name}"
    if slot not in st.session_state:
        st.session_state[slot] = str(uuid.uuid4())
    return str(st.session_state[slot])


def new_form_key(name: str) -> None:
    """After a save: the next one is another write."""
    st.session_state.pop(f"_key_{name}", None)
