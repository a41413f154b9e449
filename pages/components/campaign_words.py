"""What the states of campaigns and their messages are called, and when a campaign goes out."""

from __future__ import annotations

from datetime import time

from appointments.stages import LABELS
from campaigns.settings import When
from pages.components import show
from reports.when import DAYS, ordinal

STATES = {
    "never": "Not launched", "preparing": "Being prepared", "waiting": "Waits for its hour", "running": "Going out",
    "paused": "Paused", "finished": "Finished", "stopped": "Stopped", "failed": "Not launched",
}  # fmt: skip
TONES = {
    "never": "gray", "preparing": "blue", "waiting": "blue", "running": "green", "paused": "orange",
    "finished": "gray", "stopped": "red", "failed": "red",
}  # fmt: skip
MESSAGES = {
    "sent": "Sent", "pending": "Waits", "deferred": "Tried again later", "claimed": "On its way",
    "sending": "On its way", "failed": "Refused", "uncertain": "Not known whether it arrived",
    "suppressed": "Held back", "excluded": "Left out", "held_out": "Held out to compare",
}  # fmt: skip
CAME_BACK = {"hard_bounce": "the address is gone", "complaint": "complained", "unsubscribed": "unsubscribed"}


def when(rule: When) -> str:
    """When a campaign goes out, in words."""
    if rule.kind == "once":
        return "Launched by hand"
    at = show.clock_time(time.fromisoformat(rule.at))
    if rule.kind == "stage":
        days = "on the same day" if not rule.after_days else f"{show.count(rule.after_days, 'day')} later"
        told = f"After '{LABELS.get(rule.stage, rule.stage)}', {days} at {at}"
    elif rule.every == "week":
        told = f"Every {DAYS[rule.weekday]} at {at}"
    elif rule.every == "month":
        last = rule.day > 28
        told = f"On the {ordinal(rule.day)} of each month{' or its last day' if last else ''} at {at}"
    else:
        told = f"Every day at {at}"
    return told if rule.active else f"{told} (off)"
