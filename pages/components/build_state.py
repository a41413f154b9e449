"""The report being built: its choices, kept as a draft while they change, and the small widgets that change them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from data.errors import Refusal
from pages.components import frame
from pages.components.draft_form import Draft
from reports import building, offers, saved
from reports.model import Column, Model, UnknownWord
from reports.saved import Card
from reports.spec import ReportSpec
from reports.told import path_words

FIRST = "appointment"


class Built:
    """One report in the builder. ``choices`` changes in place; ``name`` is the saved report that is being changed,
    ``number`` the version it was begun from."""

    def __init__(self, name: str, copied: str, by: str = "") -> None:
        self.model: Model = offers.model_for(frame.actor())
        self.may = frame.may()
        self.name = name or None
        self.card = saved.card(name or copied, by=frame.actor()) if name or copied else None
        place = f"report:{name}" if name else f"report-copy:{copied}" if copied else "report:"
        self._from = f"_built_from:{place}"
        self._stands = self.card.number if self.card and name else None
        self.number: int | None = st.session_state.setdefault(self._from, self._stands)
        self.draft = Draft(place, version=self.number)
        self._slot = self.draft.key(f"_built:{place}")
        if self._slot not in st.session_state:
            st.session_state[self._slot] = self.draft.over(self._stored(by))
        self.choices: building.Choices = st.session_state[self._slot]
        self._offers: list[offers.Offer] | None = None

    def _stored(self, by: str) -> building.Choices:
        if self.card is not None:
            named = {one.label: one.name for one in self.card.spec.breakdowns}
            return building.choices_of(self.card.spec, named.get(by, by))
        known = offers.entities(self.model, self.may)
        return building.begin(self.model, FIRST if FIRST in known else next(iter(known)))

    def spec(self, title: str = "New report") -> ReportSpec:
        """What the choices come to. Raises NotComplete."""
        return building.spec_of(self.choices, self.model, title)

    def keep(self) -> None:
        """Keep the choices as a draft; where a newer version stands by now, they come on top of that."""
        self.draft.keep(copy.deepcopy(self.choices))
        if self.number != self._stands:
            self._let_go()
            self.draft.begin_anew()
            st.rerun()

    def forget(self) -> None:
        """After the save."""
        self._let_go()
        self.draft.forget()

    def _let_go(self) -> None:
        st.session_state.pop(self._slot, None)
        st.session_state.pop(self._from, None)

    def key(self, *parts: str) -> str:
        """The key of a widget."""
        return ":".join(("build", self._slot, *parts))

    @property
    def entity(self) -> str:
        """What is counted over."""
        return str(self.choices["entity"])

    @property
    def offers(self) -> list[offers.Offer]:
        """The fields that may be chosen."""
        if self._offers is None:
            self._offers = offers.fields(self.model, self.entity, self.may)
        return self._offers

    def column(self, path: str) -> Column | None:
        """The field at the end of a path; None where there is none (any more)."""
        try:
            return self.model.resolve(self.entity, path)[2]
        except UnknownWord:
            return None

    values: Callable[[str, str], Sequence[Any]] | None = None
    """Finds the values that exist in a field of an entity; none where the builder's own way is meant."""

    def words(self, path: str) -> str:
        """A field in words."""
        try:
            return path_words(self.model, self.entity, path)
        except UnknownWord:
            return f"{path.replace('.', ' > ')} (no longer there)"

    def among(self, found: list[offers.Offer], path: str) -> dict[str, str]:
        """Fields as options; the one chosen stays among them, whatever became of it."""
        options = {one.path: one.words for one in found}
        return options if not path or path in options else {path: self.words(path), **options}


def pick(label: str, options: Mapping[Any, str], value: Any, key: str, **more: Any) -> Any:
    """A choice of one. Where nothing is chosen yet, it waits to be. It is told each time, as in ``typed``."""
    if not value and value not in options:
        value, more = None, {"placeholder": "Choose a field"} | more
    elif value not in options:
        value = next(iter(options), None)
    held = st.session_state.get(key, value)
    if held is not None and held not in options:
        del st.session_state[key]
        held = value
    index = None if held is None else list(options).index(held)
    return st.selectbox(
        label, list(options), index=index, format_func=lambda one: options.get(one, str(one)), key=key, **more
    )


def typed(widget: Callable[..., Any], label: str, value: Any, key: str, **more: Any) -> Any:
    """Any other entry, beginning with what is chosen. It is told each time, for an entry in a closed popover is drawn
    by the browser only when that opens."""
    begun = {"default" if "options" in more else "value": st.session_state.get(key, value)}
    return widget(label, key=key, **begun, **more)


def remove(words: str, lines: list[Any], line: Any, key: str) -> None:
    """The small cross behind a line."""

    def gone() -> None:
        if line in lines:
            lines.remove(line)

    st.button(f"Remove {words}", icon=":material/close:", key=f"icononly-{key}", type="tertiary", on_click=gone)


def add(words: str, lines: list[Any], made: Callable[[], Any], key: str) -> None:
    """The quiet button beneath lines that adds one."""
    st.button(words, icon=":material/add:", key=key, type="tertiary", on_click=lambda: lines.append(made()))


def sentence(failure: Refusal) -> None:
    """What stands in place of a result that cannot be worked out as chosen."""
    with st.container(key="report_empty", horizontal_alignment="center"):
        st.markdown(f":material/info: {frame.plain(failure.message)}")


def change(card: Card) -> None:
    """The way from a report to where it is changed, for those who may: a saved one, or a copy of one the product comes
    with."""
    if ("reports.sql" if card.in_sql else "reports.build") not in frame.may():
        return
    script, query = "reporting/builder.py", {"name" if card.saved else "copy": card.name}
    if card.in_sql:
        script, query = "reporting/sql.py", {"query": card.name}
    elif "by" in st.query_params:
        query["by"] = st.query_params["by"]
    with st.container(key="open_builder", width="content"):
        st.page_link(
            script, label="Change" if card.saved else "Copy and change", icon=":material/edit:", query_params=query,
            width="content",
        )  # fmt: skip
