"""The roster as a table of its own: one component, so that sixty rows draw at once and a row opens with one click."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import streamlit as st

from appointments.roster import CONSENTS, RosterRow
from appointments.stages import BEFORE_ARRIVAL, ON_SITE
from data.wording import Wording
from pages.components.scripts import script

ASSETS = Path(__file__).parent / "assets"
_TABLE = st.components.v2.component(
    "ballast_roster",
    html='<div class="roster"></div>\n',
    css=(ASSETS / "roster.css").read_text(encoding="utf-8"),
    js=script("roster.js"),
)
HEADS = (
    ("Time", ""), ("No.", "right"), ("Owner", ""), ("Patient", ""), ("Services", ""), ("Caution and notes", ""),
    ("Consent", ""), ("Owed", "right"), ("Arrived", ""),
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What the person asked for: open, check_in."""

    kind: str
    id: str


def draw(
    rows: list[RosterRow], *, words: Wording, today: date, may_check_in: bool, empty: str, label: str, key: str
) -> Wish | None:
    """Draw the table; returns what was asked for in this run, if anything."""
    result = _TABLE(
        key=key,
        data={
            "rows": [_row(row, words, today) for row in rows],
            "heads": [(words.owner if head == "Owner" else head, side) for head, side in HEADS],
            "may": may_check_in,
            "empty": empty,
            "label": label,
        },
        on_act_change=lambda: None,
    )
    sent = result.act
    if not isinstance(sent, dict):
        return None
    return Wish(str(sent.get("kind", "")), str(sent.get("id", ""))[:40])


def details(row: RosterRow, words: Wording) -> str:
    """Species, sex, age and weight as one text; what is not known is left out."""
    age = words.age(row.born_on, row.day, estimated=row.born_estimated, missing="")
    weight = words.weight(row.weight_grams, missing="")
    return " · ".join(part for part in (row.species, row.details[1], age, weight) if part)


def _row(row: RosterRow, words: Wording, today: date) -> dict[str, Any]:
    expected = row.stage in BEFORE_ARRIVAL
    out = row.stage in ("cancelled", "no_show")
    return {
        "id": row.id,
        "group": "here" if row.stage in ON_SITE else "out" if out else "",
        "colour": row.colour,
        "time": words.clock_time(row.starts_at, zone=row.zone),
        "walkIn": "walk-in" if row.walk_in else "",
        "number": str(row.number),
        "owner": row.owner,
        "phone": " · ".join(part for part in (words.phone(row.phone), _kind(row.owner_type)) if part),
        "animal": row.animal,
        "details": details(row, words),
        "services": ", ".join(row.services) or row.type_label,
        "funding": row.funding,
        "caution": row.caution,
        "notes": row.cancel_reason if out else " · ".join(part for part in (row.notes, row.own) if part),
        "consent": CONSENTS[row.consent],
        "consentBad": row.consent == "refused" or (row.consent == "missing" and row.stage in ON_SITE),
        "owed": words.money(row.owed_cents) if row.owed_cents else "",
        "deposit": f"{words.money(row.deposit_cents)} deposit" if row.deposit_cents else "",
        "stage": row.stage_label,
        "stageNote": "confirmed" if row.stage == "confirmed" else "",
        "arrived": words.clock_time(row.arrived_at, zone=row.zone, missing=""),
        "canCheckIn": expected and row.day == today,
    }


def _kind(owner_type: str) -> str:
    return "" if owner_type == "public" else owner_type
