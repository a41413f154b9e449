"""What the form designer holds while somebody works: the form as it stands, the chosen piece, and the steps back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import streamlit as st

from forms import designs, editing
from forms.designs import Design, Desk, Problem
from forms.editing import At, Body
from pages.components import frame
from pages.components.draft_form import Draft
from security import drafts

STEPS = 60
FORM = "form"
"""The name of the form itself among the pieces."""


def place_of_draft(slug: str) -> str:
    """Where the draft of a form is kept."""
    return f"form:{slug}"


def begin(slug: str, body: Body) -> None:
    """Put a body on the desk as a draft that nobody published yet, so that it is there after a reload."""
    number = designs.design(slug, by=frame.actor()).number
    drafts.save(place_of_draft(slug), {"version": number, "typed": body}, by=frame.actor())
    st.session_state.pop(f"_form_{place_of_draft(slug)}", None)
    st.session_state.pop(f"_design_{slug}", None)


class Work:
    """One form on the desk. Pieces are named by what stays theirs: ``f:key``, ``c:key.column``, ``s:2``, ``form``."""

    def __init__(self, design: Design, desk: Desk) -> None:
        self.design, self.desk, self.slug = design, desk, design.slug
        self.draft = Draft(place_of_draft(design.slug), version=design.number)
        held = st.session_state.get(self._slot)
        if held is None or held["born"] != self.draft.born:
            body = self.draft.over(design.body)
            held = {"born": self.draft.born, "body": body, "chosen": FORM, "turn": 0, "past": [], "future": [],
                    "last": None, "heard": {}}  # fmt: skip
            st.session_state[self._slot] = held
        self._held: dict[str, Any] = held

    @property
    def _slot(self) -> str:
        return f"_design_{self.slug}"

    @property
    def body(self) -> Body:
        """The form as it stands."""
        return dict(self._held["body"])

    @property
    def chosen(self) -> str:
        """The name of the chosen piece; the form itself when that is gone."""
        name = str(self._held["chosen"])
        return name if name == FORM or self.at(name) is not None else FORM

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._held["past"])

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return bool(self._held["future"])

    @property
    def as_json(self) -> str:
        """The body as text, for pictures that are kept."""
        return json.dumps(self.body, sort_keys=True)

    def problems(self) -> list[Problem]:
        """What keeps it from being published."""
        body, desk = self._held["body"], self.desk
        read_for, found = self._held.get("problems", ((None, None), []))
        if read_for[0] is not body or read_for[1] is not desk:  # a step makes another body, a change another desk
            found = designs.problems(self.body, desk)
            self._held["problems"] = (body, desk), found
        return list(found)

    def at(self, name: str) -> At | None:
        """Where a piece stands now."""
        kind, _, rest = name.partition(":")
        if kind == "s" and rest.isdigit():
            return At(int(rest)) if int(rest) < len(self.body["sections"]) else None
        if kind == "c":
            key, _, cell = rest.partition(".")
            found = editing.place_of(self.body, f"{key}.1.{cell}")
            return found if found is not None and found.cell >= 0 else None
        return editing.place_of(self.body, rest) if kind == "f" else None

    def name(self, at: At) -> str:
        """What the piece at a place is called."""
        if at.field < 0:
            return f"s:{at.section}"
        field = editing.piece(self.body, At(at.section, at.field))
        if at.cell < 0:
            return f"f:{field['key']}"
        return f"c:{field['key']}.{field['cells'][at.cell]['key']}"

    def choose(self, name: str) -> None:
        """Look at another piece."""
        self._held["chosen"], self._held["last"] = name, None

    def key(self, name: str) -> str:
        """The key of a widget for a property of the chosen piece; another one after a step back."""
        return f"design-{self.slug}-{self.chosen}-{self._held['turn']}-{name}".replace("__", "~")

    def step(self, body: Body, at: At | None = None, *, tag: str | None = None) -> None:
        """Take a step: the form before it can come back. Steps with the same ``tag`` (typing) are one."""
        if body == self.body:
            return
        if tag is None or tag != self._held["last"]:
            self._held["past"] = [*self._held["past"], (self._held["body"], self._held["chosen"])][-STEPS:]
        self._held.update(body=body, future=[], last=tag)
        if at is not None:
            self._held["chosen"] = self.name(at)

    def put(self, name: str, prop: str, value: Any) -> None:
        """Give a property of a piece another value, as typed."""
        if name == FORM:
            self.step({**self.body, prop: value}, tag=f"{name}-{prop}")
            return
        at = self.at(name)
        if at is not None:
            self.step(editing.changed(self.body, at, {prop: value}), tag=f"{name}-{prop}")

    def again(self) -> None:
        """Draw the panel from the form as it stands: something else than its widgets changed it."""
        self._held["turn"] += 1

    def undo(self) -> None:
        """Take the last step back."""
        self._swap("past", "future")

    def redo(self) -> None:
        """Do again what was taken back."""
        self._swap("future", "past")

    def _swap(self, one: str, other: str) -> None:
        if not self._held[one]:
            return
        body, chosen = self._held[one][-1]
        self._held[other] = [*self._held[other], (self._held["body"], self._held["chosen"])]
        self._held.update({one: self._held[one][:-1], "body": body, "chosen": chosen, "last": None})
        self.again()

    def hear(self, key: str, wishes: Any, answer: Callable[[dict[str, Any]], None]) -> int:
        """Carry out the wishes of a component that were not heard yet, in their order; returns the last one's number.
        Numbers rise by one in a browser page and begin anew with it: ``born`` tells the pages apart."""
        heard = self._held["heard"].setdefault(key, {"born": "", "n": 0})
        for wish in wishes if isinstance(wishes, list) else ():
            if not isinstance(wish, dict) or not isinstance(wish.get("n"), int):
                continue
            if wish.get("born") != heard["born"]:
                heard.update(born=str(wish.get("born"))[:40], n=0)
            if wish["n"] > heard["n"]:
                heard["n"] = wish["n"]
                answer(wish)
        return int(heard["n"])

    def keep(self) -> None:
        """Keep the form as a draft."""
        self.draft.keep(self.body)

    def forget(self) -> None:
        """After it was published or given up: begin with what is stored."""
        self.draft.forget()
        st.session_state.pop(self._slot, None)
