"""A form of many fields that cannot be lost: each field sends as it is typed into, and the whole is kept as one draft.

    form = DraftForm("client:new", {"first_name": "", "born_on": None})
    st.text_input("First name", key=form.key("first_name"), live=form.live)
    form.keep()                 # after the last field of the run
    … form["first_name"] …      # the current values
    form.forget()               # after the save

Draw it inside a fragment, so that typing reruns the form and not the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import streamlit as st

from pages.components import frame
from security import drafts


class DraftForm(Mapping[str, Any]):
    """The values of a form at one place. Values are text, numbers, yes/no, days or None."""

    live = "600ms"

    def __init__(self, place: str, defaults: Mapping[str, Any]) -> None:
        self.place = place
        self._names = tuple(defaults)
        self._held = st.session_state.get(self._slot)
        if self._held is None:
            kept = drafts.load(place, by=frame.actor())
            draft = kept if isinstance(kept, dict) else {}
            self._held = {"draft": draft, "start": dict(defaults), "earlier": bool(draft)}
            st.session_state[self._slot] = self._held
        self.start: dict[str, Any] = self._held["start"]
        for name in self._names:
            if self.key(name) not in st.session_state:
                draft = self._held["draft"]
                st.session_state[self.key(name)] = _read(draft[name]) if name in draft else self.start.get(name)

    @property
    def _slot(self) -> str:
        return f"_form_{self.place}"

    def key(self, name: str) -> str:
        """The key of a field's widget."""
        return f"{self.place}:{name}"

    def __getitem__(self, name: str) -> Any:
        return st.session_state.get(self.key(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def restored(self) -> bool:
        """Whether the form holds something typed before this page was opened."""
        return bool(self._held["earlier"])

    @property
    def begun(self) -> bool:
        """Whether the form holds something typed and not saved."""
        return bool(self._held["draft"])

    def keep(self) -> None:
        """Keep what differs from the start as the draft."""
        changed = {name: _write(self[name]) for name in self._names if self[name] != self.start.get(name)}
        if changed != self._held["draft"]:
            drafts.save(self.place, changed, by=frame.actor())
            self._held["draft"] = changed

    def forget(self) -> None:
        """Discard the draft; the next drawing starts anew."""
        drafts.discard(self.place, by=frame.actor())
        st.session_state.pop(self._slot, None)
        for name in self._names:
            st.session_state.pop(self.key(name), None)


def _write(value: Any) -> Any:
    return {"day": value.isoformat()} if isinstance(value, date) else value


def _read(value: Any) -> Any:
    return date.fromisoformat(value["day"]) if isinstance(value, dict) else value
