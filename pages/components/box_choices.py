"""The doubtful fields of a scanned page: what stands in each enlarged beside the answers, decided by number keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from outage.doubts import Doubt
from pages.components.page_view import address
from pages.components.scripts import script

ASSETS = Path(__file__).parent / "assets"
WHY = {
    "unclear": "Between marked and empty", "canceled": "Filled out: canceled?", "stained": "A stain or fold lies on it",
    "unseen": "Not visible on the scan", "several": "More than one is marked", "incomplete": "A digit is missing",
    "range": "Outside what is likely",
}  # fmt: skip
KINDS = {"check": "check", "single": "single", "multi": "multi"}
_boxes = st.components.v2.component(
    "ballast_box_choices",
    html='<div class="boxes"></div>',
    css=(ASSETS / "box_choices.css").read_text(encoding="utf-8"),
    js=script("box_choices.js"),
)


def ask(page_id: str, doubts: Sequence[Doubt], pictures: Mapping[str, bytes], *, again: int) -> dict[str, Any] | None:
    """Draw them; returns the answers by field once all are given. ``again`` counts refusals, so that they can be
    handed over once more."""
    fields = [_field(doubt, pictures.get(doubt.key)) for doubt in doubts]
    send = "Save the answer" if len(fields) == 1 else f"Save {len(fields)} answers"
    data = {"id": page_id, "fields": fields, "send": send, "again": again}
    told = _boxes(key="box_choices", data=data, on_settled_change=lambda: None).settled
    if not isinstance(told, dict) or told.get("page") != page_id or not isinstance(told.get("values"), dict):
        return None
    kinds = {doubt.key: doubt.kind for doubt in doubts}
    return {key: _value(kinds.get(key, ""), value) for key, value in told["values"].items()}


def _field(doubt: Doubt, picture: bytes | None) -> dict[str, Any]:
    return {
        "key": doubt.key, "label": doubt.label, "why": WHY.get(doubt.why, "Needs a look"),
        "kind": KINDS.get(doubt.kind, "number"), "unit": doubt.unit, "hint": "As written",
        "options": [{"value": value, "label": label} for value, label in doubt.options],
        "picture": address(picture) if picture else "",
    }  # fmt: skip


def _value(kind: str, value: Any) -> Any:
    return {"yes": True, "no": False}.get(str(value)) if kind == "check" else value
