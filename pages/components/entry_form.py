"""The screen of back entry: one components-v2 component with the queue, the fields and the scanned paper beside them.

Python hands it one visit at a time under a stamp; it hands back ``draft`` a moment after each change, and ``act``, what
the person decided. The pictures of the pages come by the route for scanned pages, never through here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from outage.entry import Entry, Waiting
from outage.entry_screen import EntryField, EntrySheet, Seen
from pages.components import show
from pages.components.scripts import script

ASSETS = Path(__file__).parent / "assets"
_FORM = st.components.v2.component(
    "ballast_back_entry",
    html='<div class="entry"></div>\n',
    css=(ASSETS / "entry_form.css").read_text(encoding="utf-8"),
    js=script("entry_form.js"),
)
EMPTY = (
    "Nothing waits to be keyed. Scan the paper of the outage first: each sheet then appears here with its boxes read, "
    "and whoever was booked and has no sheet can be marked as a no-show."
)
AWAY = {"no_show": "No-show", "cancelled": "Canceled"}
Values = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Act:
    """What the person decided. ``kind``: open, save, no_show, verify, reopen, bind."""

    id: str
    kind: str
    entry: str
    values: Values
    typed: Values
    """Everything on the screen, also what is not saved yet."""
    sheet: str = ""
    reason: str = ""
    number: str = ""


@dataclass(frozen=True)
class Said:
    """What became of it. ``problems`` are sheet, field key and sentence."""

    id: str
    ok: bool
    message: str
    problems: Sequence[tuple[str, str, str]] = ()


def prepared(entry: Entry | None, queue: Sequence[Waiting], draft: Any) -> dict[str, Any]:
    """What the component is given for a visit; made once and drawn again while somebody types."""
    return {
        "stamp": uuid.uuid4().hex, "empty": EMPTY, "queue": [_row(one) for one in queue],
        "entry": _entry(entry) | {"near": _near(entry, queue)} if entry is not None else None,
        "values": starting(entry, draft) if entry is not None else {}, "answer": None, "matches": [],
    }  # fmt: skip


def starting(entry: Entry, draft: Any) -> Values:
    """What each sheet starts with: what was typed before, else what the machine read and needs nobody's word."""
    kept = draft.get("values") if isinstance(draft, dict) else None
    kept = kept if isinstance(kept, dict) else {}
    found: Values = {}
    for sheet in entry.sheets:
        if mode(sheet) != "key":
            continue
        mine = kept.get(sheet.id)
        if isinstance(mine, dict):
            found[sheet.id] = mine
        elif sheet.typed:
            found[sheet.id] = dict(sheet.typed)
        else:
            found[sheet.id] = {one.key: one.filled for one in sheet.fields if one.filled not in (None, "", [], False)}
    return found


def mode(sheet: EntrySheet) -> str:
    """Whether a sheet is to be keyed, or done."""
    return "done" if sheet.entry in ("entered", "verified") else "key"


def draw(
    data: dict[str, Any], *, on_draft: Callable[[str, Values], None], on_act: Callable[[Act], None],
    key: str = "back_entry",
) -> None:  # fmt: skip
    """Draw the screen. ``on_draft`` gets the stamp and what is typed, ``on_act`` what was decided, each before the
    page runs again."""

    def draft() -> None:
        sent = (st.session_state.get(key) or {}).get("draft")
        if isinstance(sent, dict) and isinstance(sent.get("values"), dict):
            on_draft(str(sent.get("stamp", "")), _values(sent["values"]))

    def act() -> None:
        sent = (st.session_state.get(key) or {}).get("act")
        if isinstance(sent, dict) and isinstance(sent.get("id"), str):
            on_act(_act(sent))

    _FORM(key=key, data=data, on_draft_change=draft, on_act_change=act)


def _act(sent: Mapping[str, Any]) -> Act:
    """A decision as the browser sent it, held to its shape."""
    values, typed = _values(sent.get("values")), _values(sent.get("all"))
    told = {name: str(sent.get(name) or "")[:200] for name in ("sheet", "reason", "number")}
    return Act(
        sent["id"][:60], str(sent.get("kind"))[:20], str(sent.get("entry") or "")[:40], values, typed or values, **told
    )


def _values(sent: Any) -> Values:
    found: Values = {}
    for sheet, mine in sent.items() if isinstance(sent, dict) else ():
        if isinstance(mine, dict):
            kept = {str(name)[:90]: value for name, value in mine.items() if isinstance(value, str | bool | list)}
            found[str(sheet)[:40]] = kept
    return found


def _row(one: Waiting) -> dict[str, Any]:
    return {
        "id": one.id, "title": one.title, "detail": one.detail, "state": one.state, "verify": one.to_verify,
        "odd": one.exceptions, "word": AWAY.get(one.stage, "") if one.state == "away" else "",
    }  # fmt: skip


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id, "kind": entry.kind, "title": entry.title, "detail": entry.detail,
        "day": entry.day.isoformat(), "dayText": show.day(entry.day, style="weekday"), "mayMiss": entry.may_miss,
        "people": entry.people, "bottles": entry.bottles, "opens": list(entry.opens), "places": entry.places,
        "sheets": [_sheet(sheet) for sheet in entry.sheets],
    }  # fmt: skip


def _near(entry: Entry, queue: Sequence[Waiting]) -> list[list[str]]:
    """The visits a sheet that is nobody's may belong to: those that have no such sheet, by number and name."""
    if entry.kind != "unbound":
        return []
    form = entry.sheets[0].form
    free = [one for one in queue if one.kind == "visit" and form not in {sheet.form for sheet in one.sheets}]
    return [[str(one.number), one.title] for one in free[:12]]


def _sheet(sheet: EntrySheet) -> dict[str, Any]:
    labels = {one.key: one.label for one in sheet.fields}
    missing = ", ".join(str(number) for number in sheet.missing)
    note = f"Page {missing} is missing" if sheet.pages and missing else "" if sheet.pages else "Not scanned"
    by = f"Keyed by {sheet.keyed_by or 'the operator'}"
    if sheet.verified_by:
        by += f", drug lines verified by {sheet.verified_by}"
    elif sheet.drugs and sheet.entry == "entered" and sheet.keyed_by_me:
        by += ". A second person verifies the drug lines"
    odd = [sentence for _, sentence in sheet.exceptions]
    told = {key for key, _ in sheet.exceptions}
    odd += [f"{labels.get(key, key)}: typed otherwise than read." for key in sheet.corrected if key not in told]
    return {
        "id": sheet.id, "title": sheet.title, "serial": str(sheet.serial), "mode": mode(sheet), "note": note,
        "pages": [[number, page] for number, page in sheet.pages], "missing": list(sheet.missing),
        "fields": [_field(one) for one in sheet.fields], "typed": sheet.typed if mode(sheet) == "done" else {},
        "by": f"{by}.", "odd": odd,
        "verify": sheet.drugs and sheet.entry == "entered" and not sheet.keyed_by_me,
    }  # fmt: skip


def _field(one: EntryField) -> dict[str, Any]:
    told: dict[str, Any] = {
        "key": one.key, "kind": one.kind, "label": one.label, "section": one.section,
        "options": [list(option) for option in one.options], "unit": one.unit, "least": one.least, "most": one.most,
        "critical": one.critical, "target": one.target, "machine": one.machine, "state": one.state,
        "seen": _seen(one.seen), "width": one.width,
    }  # fmt: skip
    if one.kind == "grid" or one.target.startswith("drug_count."):
        told["drugs"] = one.target == "drug_log" or one.target.startswith("drug_count.")
    if one.kind == "grid":
        told |= {"lines": one.lines, "cells": [_field(cell) for cell in one.cells]}
        told["spots"] = [[key, _seen(seen)] for key, seen in one.spots]
    return told


def _seen(seen: Seen | None) -> dict[str, Any] | None:
    return {"page": seen.page, "x": seen.x, "y": seen.y, "w": seen.w, "h": seen.h} if seen is not None else None
