"""The funnel of the patient flow: how many came so far, on screen and on paper alike.

Everybody at a later stage has passed the earlier ones; who left on the way counts as far as they came.
"""

from __future__ import annotations

from collections.abc import Mapping

from reports.values import choice

PASSED = ("checked_in", "examined", "premedicated", "induced", "in_surgery", "recovering", "ready", "checked_out")
ON_THE_WAY = {"held_overnight": "ready", "declined": "examined", "died": "in_surgery"}
"""How far those came who left the flow on the way."""
ATTENDED = frozenset((*PASSED, *ON_THE_WAY))
DUE = "due"
"""The first bar: everybody who was due to arrive."""
BARS = (DUE, *PASSED)


def passed(counts: Mapping[str, float]) -> dict[str, float]:
    """The count at each bar, from those at each stage."""
    return {bar: sum(counts.get(stage) or 0 for stage in came_to(place)) for place, bar in enumerate(BARS)}


def came_to(place: int) -> set[str]:
    """The stages of those who came as far as a bar."""
    if not place:
        return {"no_show", *ATTENDED}
    far = set(PASSED[place - 1 :])
    return far | {left for left, stage in ON_THE_WAY.items() if stage in far}


def called(bar: str) -> str:
    """The words beside a bar."""
    return "Due to arrive" if bar == DUE else choice(bar)
