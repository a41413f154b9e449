"""What a person typed cannot be lost: it is kept as one encrypted draft while they type, and is there again after a
refresh, a sign-out or a look at another page, with a line that says since when.

``Kept`` is the mechanism. A form whose fields are widgets of their own uses ``DraftForm``:

    form = DraftForm("client:new", {"first_name": "", "born_on": None})
    form.line()                 # "Kept from 10:42 · Discard", where something came back
    st.text_input("First name", key=form.key("first_name"), live=form.live)
    form.keep()                 # after the last field of the run
    … form["first_name"] …      # the current values
    form.forget()               # after the save

A form drawn from a document (settings, tables) uses ``Draft`` with the whole document as its value:

    draft = Draft("setting:location-main", version=3)
    draft.line()
    entered = draw(draft.over(stored), key=draft.key("fields"))
    draft.keep(entered)

Draw either inside a fragment or a dialog, so that typing reruns the form and not the page, and never inside
``st.form``, which tells the server nothing before it is sent.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from data.errors import EditedMeanwhile
from pages.components import frame, show
from security import drafts

_DRAWN, _PAGE, _VISITS = "_draft_drawn", "_draft_page", "_page_visits"


def turn_page(path: str) -> None:
    """Told by the app which page is drawn: the forms of the page before are no longer on screen."""
    if st.session_state.get(_PAGE) != path:
        st.session_state[_PAGE] = path
        st.session_state.pop(_DRAWN, None)
        st.session_state[_VISITS] = visits() + 1


def visits() -> int:
    """How many pages were opened in this browser window so far: with the next one, what was read before is old."""
    return int(st.session_state.get(_VISITS, 0))


UNDRAWN = 3.0
"""Seconds in which a browser may still send what it showed before."""


class Kept:
    """What was typed at one place and is kept.

    ``version`` is the version of the record being edited: the draft outlives a newer one, and ``line`` says so.
    """

    live = "600ms"

    def __init__(self, place: str, *, version: int | None = None) -> None:
        self.place = place
        self.newer = False
        """Whether the record was changed while this form stood open: what was pressed just now was meant for the
        version before."""
        held = st.session_state.get(self._slot)
        if held is not None and version is not None and held["version"] != version:
            self.newer = bool(held["body"])
            self._begin_anew()
            held = None
        if held is None:
            held = self._load(version)
            st.session_state[self._slot] = held
        self._held: dict[str, Any] = held

    def _load(self, version: int | None) -> dict[str, Any]:
        kept = drafts.kept(self.place, by=frame.actor())
        body = kept.body if kept else None
        typed_at = version
        if isinstance(body, dict) and set(body) == {"version", "typed"}:
            typed_at, body = body["version"], body["typed"]
        return {
            "body": body, "start": body, "at": kept.at if kept else None,
            "version": version, "typed_at": typed_at,
        }  # fmt: skip

    def _begin_anew(self) -> None:
        """The record was changed by somebody: load the draft again over it."""

    @property
    def _slot(self) -> str:
        return f"_form_{self.place}"

    @property
    def born(self) -> str:
        """What tells this beginning of the form from the one before it was saved or discarded."""
        return str(self._held.setdefault("born", uuid.uuid4().hex))

    @property
    def restored(self) -> bool:
        """Whether the form began with something typed before it was opened."""
        return self._held["at"] is not None

    @property
    def begun(self) -> bool:
        """Whether the form holds something typed and not saved."""
        return bool(self._held["body"])

    @property
    def open(self) -> bool:
        """Whether it was neither saved nor discarded in this run."""
        return self._slot in st.session_state

    @property
    def rebased(self) -> bool:
        """Whether somebody else changed the record after this was typed."""
        return self.begun and self._held["typed_at"] != self._held["version"]

    def _store(self, value: Any) -> None:
        if value == self._held["body"] or (not value and not self._held["body"]):
            return
        body = value
        if value and self._held["version"] is not None:
            body = {"version": self._held["typed_at"], "typed": value}
        with frame.refusals():
            drafts.save(self.place, body, by=frame.actor())
            self._held["body"] = value

    def forget(self) -> None:
        """Discard the draft; the next drawing begins anew."""
        drafts.discard(self.place, by=frame.actor())
        st.session_state.pop(self._slot, None)
        st.session_state.pop(f"_faster_{self.place}", None)

    def line(self, *, discard: bool = True) -> None:
        """Where something typed earlier came back: one quiet line with the way to let it go."""
        if self.rebased:
            who = st.session_state.get(f"_faster_{self.place}", "Somebody")
            st.warning(
                f"{frame.plain(who)} saved a newer version while you had this open. What you typed is kept on top of "
                "it: look it over, then save.", icon=":material/sync_problem:",
            )  # fmt: skip
        if not self.restored:
            return
        at = self._held["at"]
        same_day = at.astimezone(ZoneInfo(frame.clinic().zone)).date() == show.today()
        words = f"Kept from {show.clock_time(at) if same_day else show.moment(at)}"
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"kept-{self.place}"):
            st.caption(words, width="content")
            if discard:
                st.button("Discard", key=f"let-go-{self.place}", type="tertiary", on_click=self.forget)

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """Around the rule that saves: where somebody was faster, the form comes again with what was typed on top of
        the newer version. Other refusals are shown as they are."""
        with frame.refusals():
            try:
                yield
            except EditedMeanwhile as failure:
                if not self.begun:
                    raise
                st.session_state[f"_faster_{self.place}"] = str(failure.facts["who"])
                st.rerun()


class Draft(Kept):
    """A document with named fields, such as one a settings form is drawn from; its values are what JSON can hold.

    Only the fields that were changed are kept, so that they come back on top of whatever is stored by then. A page
    draws one such form at a time: Streamlit lets go of widgets that are not drawn, so a form that comes after another
    one, or after another page, begins with the draft as it is kept by then.
    """

    def __init__(self, place: str, *, version: int | None = None) -> None:
        if st.session_state.get(_DRAWN) != place:
            st.session_state.pop(f"_form_{place}", None)
            st.session_state[_DRAWN] = place
        super().__init__(place, version=version)

    def begin_anew(self) -> None:
        """Draw the form again with other widgets, from what is stored and kept by now: those on screen hold the version
        before, and would put all of it back."""
        st.session_state.pop(self._slot, None)
        st.session_state[self._turns] = st.session_state.get(self._turns, 0) + 1

    def key(self, name: str) -> str:
        """The key of a widget; another one after ``forget`` or ``begin_anew``, so that the widget begins anew."""
        turn = st.session_state.get(self._turns, 0)
        return f"{name}-{turn}" if turn else name

    @property
    def _turns(self) -> str:
        return f"_turn_{self.place}"

    def over(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """What to begin with: what is stored, and on top of it the draft as it was when this form was opened."""
        return dict(stored) | (self._held["start"] or {})

    def keep(self, entered: Mapping[str, Any], **about: Any) -> bool:
        """Keep the fields that differ from what the form began with, and what they are about; says whether any do."""
        first = self._held.setdefault("first", dict(entered))
        earlier = self._held["start"] or {}
        changed = {name: value for name, value in entered.items() if name in earlier or value != first.get(name)}
        self._store(about | changed if changed else changed)
        return self.begun

    def forget(self) -> None:
        """Discard the draft; the next drawing begins with what is stored."""
        super().forget()
        self.begin_anew()


class DraftForm(Kept, Mapping[str, Any]):
    """The fields of a form at one place. Values are text, numbers, yes/no, days, times, lists or None.

    ``prefix`` gives the widgets plain keys; ``over`` are beginnings that win over the draft.
    """

    def __init__(
        self, place: str, defaults: Mapping[str, Any], *, prefix: str = "", version: int | None = None,
        over: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self._prefix = prefix or f"{place}:"
        self._names = tuple(defaults)
        super().__init__(place, version=version)
        if "begin" not in self._held:
            draft = self._held["body"] if isinstance(self._held["body"], dict) else {}
            self._held["body"] = {name: value for name, value in draft.items() if name not in (over or {})}
            self._held["begin"] = dict(defaults) | dict(over or {})
        self.start: dict[str, Any] = self._held["begin"]
        draft = self._held["body"]
        for name in self._names:
            if self.key(name) not in st.session_state:
                st.session_state[self.key(name)] = _read(draft[name]) if name in draft else self.start.get(name)

    def _begin_anew(self) -> None:
        for name in self._names:
            st.session_state.pop(self.key(name), None)

    def key(self, name: str) -> str:
        """The key of a field's widget."""
        return self._prefix + name

    def __getitem__(self, name: str) -> Any:
        return st.session_state.get(self.key(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def follow(self, name: str, beginning: Any) -> None:
        """A field that begins with what others say: it follows them until somebody changes it.

        What the browser sends before it has drawn the new beginning still holds the one before: nobody typed that.
        """
        old = self.start.get(name)
        passed = self._held.setdefault("passed", {})
        if old != beginning:
            self.start[name] = beginning
            passed[name] = old, monotonic()
        before, since = passed.get(name, (None, 0.0))
        is_late = self[name] == before and monotonic() - since < UNDRAWN
        if is_late and name not in self._held["body"]:
            st.session_state[self.key(name)] = beginning

    def among(self, name: str, options: Iterable[Any]) -> None:
        """A field that holds one of these, or some of them: what is no longer offered is left out."""
        offered, value = list(options), self[name]
        if isinstance(value, list):
            st.session_state[self.key(name)] = [one for one in value if one in offered]
        elif value not in offered:
            start = self.start.get(name)
            st.session_state[self.key(name)] = start if start in offered else next(iter(offered), None)

    def keep(self) -> None:
        """Keep what differs from the start as the draft."""
        self._store({name: _write(self[name]) for name in self._names if self[name] != self.start.get(name)})

    def forget(self) -> None:
        """Discard the draft; the next drawing starts anew."""
        super().forget()
        self._begin_anew()


def reopen(place: str, prefix: str) -> None:
    """A dialog opens anew: its fields begin with the draft, if there is one, and not with what was left on screen."""
    st.session_state.pop(f"_form_{place}", None)
    for key in [key for key in st.session_state if str(key).startswith(prefix)]:
        del st.session_state[key]


def _write(value: Any) -> Any:
    if isinstance(value, datetime):
        raise TypeError("a form holds days and times, no moments")
    if isinstance(value, date):
        return {"day": value.isoformat()}
    return {"time": value.isoformat()} if isinstance(value, time) else value


def _read(value: Any) -> Any:
    if isinstance(value, dict) and "time" in value:
        return time.fromisoformat(value["time"])
    return date.fromisoformat(value["day"]) if isinstance(value, dict) else value
