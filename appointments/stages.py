"""The stages of the patient flow, and which may follow which."""

from __future__ import annotations

FLOW = (
    "requested", "booked", "confirmed", "checked_in", "examined", "premedicated", "induced", "in_surgery",
    "recovering", "ready", "checked_out",
)  # fmt: skip
EXITS = ("cancelled", "no_show", "declined", "held_overnight", "died")
OTHER = ("unknown",)
"""Only imports bring it: a status the source could not tell."""

LABELS = {
    "requested": "Requested", "booked": "Booked", "confirmed": "Confirmed", "checked_in": "Checked in",
    "examined": "Examined", "premedicated": "Pre-medicated", "induced": "Induced", "in_surgery": "In surgery",
    "recovering": "Recovering", "ready": "Ready", "checked_out": "Checked out", "cancelled": "Canceled",
    "no_show": "No-show", "declined": "Declined", "held_overnight": "Held overnight", "died": "Died",
    "unknown": "Unknown",
}  # fmt: skip

BEFORE_ARRIVAL = ("requested", "booked", "confirmed")
ON_SITE = ("checked_in", "examined", "premedicated", "induced", "in_surgery", "recovering", "ready", "held_overnight")
ATTENDED = (*ON_SITE, "checked_out", "declined", "died")
"""Stages that count as arrived."""

LONG = {
    "checked_in": (60, 120), "examined": (30, 60), "premedicated": (20, 40), "induced": (10, 20),
    "in_surgery": (45, 75), "recovering": (60, 120), "ready": (120, 240),
}  # fmt: skip
"""Minutes after which a stay in a stage is long, and very long, where the clinic sets nothing."""

COUNTS_FOR_CAPACITY = (*BEFORE_ARRIVAL, *ON_SITE, "checked_out", "declined", "died")


def next_stage(stage: str, *, surgical: bool) -> str | None:
    """The stage that usually follows; a visit without anaesthesia goes from examined to ready."""
    if stage == "held_overnight":
        return "ready"
    if stage not in FLOW or stage == FLOW[-1]:
        return None
    if stage == "examined" and not surgical:
        return "ready"
    if stage in BEFORE_ARRIVAL:
        return "checked_in"
    return FLOW[FLOW.index(stage) + 1]


def may_follow(stage: str, target: str) -> bool:
    """Whether a move is possible at all.

    Forward along the flow, skipping allowed; cancelled and no-show only before arrival and reversible; the other
    exits only from on-site stages.
    """
    if target == stage:
        return False
    if stage in ("cancelled", "no_show"):
        return target in (*BEFORE_ARRIVAL, "checked_in")
    if target in ("cancelled", "no_show"):
        return stage in BEFORE_ARRIVAL
    if target in ("declined", "held_overnight", "died"):
        return stage in ON_SITE
    if stage == "held_overnight":
        return target in ON_SITE or target == "checked_out"
    if stage in FLOW and target in FLOW:
        return FLOW.index(target) > FLOW.index(stage)
    return stage == "unknown"
