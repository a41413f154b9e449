"""The segment being changed: its tests as the report builder draws them, kept as a draft while they change."""

from __future__ import annotations

import copy
from typing import Any

import streamlit as st

from campaigns import segments, shelf
from campaigns.settings import SEGMENT, Segment
from pages.components import frame
from pages.components.build_state import Built
from pages.components.draft_form import Draft
from reports import building, offers


class Picked(Built):
    """One segment in the builder. ``slug`` is the saved one that is being changed, ``number`` the version it was begun
    from; ``begin`` is what a new one begins with."""

    def __init__(self, slug: str, begin: Segment) -> None:
        self.model = segments.model_for(frame.actor())
        self.may = frame.may()
        self.name = slug or None
        kept = shelf.one(SEGMENT, slug, by=frame.actor()) if slug else None
        self.stored = kept.document if kept else begin
        place = f"segment:{slug}" if slug else f"segment-new:{begin.label}"
        self._from = f"_built_from:{place}"
        self._stands = kept.number if kept else None
        self.number = st.session_state.setdefault(self._from, self._stands)
        self.draft = Draft(place, version=self.number)
        self._slot = self.draft.key(f"_built:{place}")
        if self._slot not in st.session_state:
            st.session_state[self._slot] = self.draft.over(_choices(self.stored))
        self.choices: building.Choices = st.session_state[self._slot]
        self._offers: list[offers.Offer] | None = None

    def segment(self) -> Segment:
        """What the choices come to. Raises NotComplete."""
        label = self.choices["label"].strip() or "New segment"
        return Segment(
            label=label, description=self.choices["description"].strip(), entity=self.choices["entity"],
            filters=building.filters_of(self.choices["filters"]),
        )  # fmt: skip

    def values(self, entity: str, field: str) -> tuple[Any, ...]:  # type: ignore[override]
        """The values that exist in a field, kept for a minute."""
        return _values(entity, field)

    def keep(self) -> None:
        """Keep the choices as a draft; where a newer version stands by now, they come on top of that."""
        self.draft.keep(copy.deepcopy(self.choices))
        if self.number != self._stands:
            self._let_go()
            self.draft.begin_anew()
            st.rerun()


def _choices(segment: Segment) -> building.Choices:
    return {
        "label": segment.label, "description": segment.description, "entity": segment.entity,
        "filters": building.blocks_of(segment.filters), "asks": {},
    }  # fmt: skip


@frame.kept_for(60)
def _values(entity: str, field: str) -> tuple[Any, ...]:
    return tuple(segments.values_of(entity, field, by=frame.actor()))
