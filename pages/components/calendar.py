"""The calendar of appointments: one components-v2 component for a day or a week.

Python hands it days, loads and short entries; it hands back one wish: open an appointment, book at a time, show a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

import streamlit as st

from appointments.capacity import Load
from appointments.days import Choices, Entry, Week
from appointments.stages import BEFORE_ARRIVAL, ON_SITE
from appointments.times import local_of
from data.types import clock
from data.wording import Wording
from pages.components.scripts import script

ASSETS = Path(__file__).parent / "assets"
_CALENDAR = st.components.v2.component(
    "ballast_calendar",
    html='<div class="calendar"></div>\n',
    css=(ASSETS / "calendar.css").read_text(encoding="utf-8"),
    js=script("calendar.js"),
)
MARKS = {"confirmed": "✓", "checked_out": "⌂"}
"""Confirmed, and gone home: told apart by shape as well as by colour."""
GREY = "#8a94a3"


@dataclass(frozen=True)
class Wish:
    """What the person asked for. ``kind`` is open, book or day."""

    kind: str
    id: str = ""
    day: date | None = None
    time: time | None = None


def draw(
    week: Week, offered: Choices, *, mode: str, chosen: date, words: Wording, today: date, may_book: bool, key: str
) -> Wish | None:
    """Draw the days; returns what was asked for in this run, if anything.

    ``mode`` is day or week; ``chosen`` the day that a phone shows of a week.
    """
    entries = [_entry(entry, offered, words) for entry in week.entries]
    result = _CALENDAR(
        key=key,
        data={
            "mode": mode,
            "chosen": chosen.isoformat(),
            "may": may_book,
            "days": [_day(day, week, offered, words, today) for day in week.days],
            "entries": entries,
            "hours": _hours(week, offered, entries, words, today) if mode == "day" else [],
        },
        on_act_change=lambda: None,
    )
    return _read(result.act) if result.act else None


def _read(sent: Any) -> Wish | None:
    if not isinstance(sent, dict):
        return None
    try:
        return Wish(
            kind=str(sent.get("kind", "")),
            id=str(sent.get("id") or "")[:40],
            day=date.fromisoformat(sent["day"]) if sent.get("day") else None,
            time=time.fromisoformat(sent["time"]) if sent.get("time") else None,
        )
    except ValueError:
        return None


def _group(stage: str) -> str:
    if stage in BEFORE_ARRIVAL or stage == "unknown":
        return "due"
    if stage in ON_SITE:
        return "here"
    return "out" if stage in ("cancelled", "no_show") else "gone"


def _entry(entry: Entry, offered: Choices, words: Wording) -> dict[str, Any]:
    local = local_of(entry.starts_at, entry.zone)
    kind = offered.types.get(entry.type)
    label = kind.label if kind else entry.type
    clock_time = words.clock_time(local.time())
    many = len(offered.locations) > 1 and entry.location_id in offered.locations
    place = f" · {offered.locations[entry.location_id].name}" if many else ""
    return {
        "id": entry.id,
        "day": entry.day.isoformat(),
        "slot": time(local.hour, 30 * (local.minute // 30)).isoformat("minutes"),
        "time": clock_time,
        "short": clock_time.replace("\u00a0AM", "").replace("\u00a0PM", ""),
        "animal": entry.animal,
        "owner": entry.owner,
        "surname": entry.owner.split(",")[0],
        "type": label,
        "sub": f"{label}{place}" + (" · walk-in" if entry.walk_in else ""),
        "colour": kind.colour if kind else GREY,
        "label": offered.stages.label(entry.stage),
        "group": _group(entry.stage),
        "mark": MARKS.get(entry.stage, ""),
        "caution": entry.caution,
    }


def _day(day: date, week: Week, offered: Choices, words: Wording, today: date) -> dict[str, Any]:
    mine = [load for (at, _, _), load in week.loads.items() if at == day]
    shown = [load for load in mine if load.taken or (load.open and load.capacity)]
    count = sum(load.taken for load in mine)
    return {
        "iso": day.isoformat(),
        "number": str(day.day),
        "weekday": words.day(day, style="weekday_name"),
        "long": words.day(day, style="heading"),
        "today": day == today,
        "open": day in week.open,
        "count": "1 appointment" if count == 1 else f"{count} appointments",
        "loads": [_load(load, offered, many=len({one.location_id for one in mine}) > 1) for load in shown],
    }


def _load(load: Load, offered: Choices, *, many: bool) -> dict[str, Any]:
    kind = offered.types.get(load.type)
    label = kind.label if kind else load.type
    if many and load.location_id in offered.locations:
        label = f"{label}, {offered.locations[load.location_id].name}"
    return {
        "label": label,
        "taken": load.taken,
        "capacity": load.capacity,
        "colour": kind.colour if kind else GREY,
    }


def _hours(
    week: Week, offered: Choices, entries: list[dict[str, Any]], words: Wording, today: date
) -> list[dict[str, Any]]:
    """Half hours from the earliest opening or appointment to the latest."""
    day = week.days[0]
    slots = {entry["slot"] for entry in entries}
    zone = words.zone
    for place in offered.locations.values():
        zone = place.zone
        hours = place.opening.get(str(day.weekday()))
        if hours:
            begin, end = (time.fromisoformat(text) for text in hours[:2])
            last = end.hour * 60 + end.minute
            for minutes in range((begin.hour * 60 + begin.minute) // 30 * 30, last, 30):
                slots.add(time(minutes // 60, minutes % 60).isoformat("minutes"))
    now = local_of(clock.now(), zone)
    current = time(now.hour, 30 * (now.minute // 30)).isoformat("minutes") if day == today else ""
    return [
        {"slot": slot, "label": words.clock_time(time.fromisoformat(slot)), "now": slot == current}
        for slot in sorted(slots)
    ]
