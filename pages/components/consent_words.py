"""What a client allowed, as people say it."""

from __future__ import annotations

from pages.components import show
from records.consents import EVERY, ORIGINS, PURPOSES, Consents, Said
from records.reach import CHANNELS


def purposes(*, human: bool) -> dict[str, str]:
    """What is asked, as a person calls it."""
    return PURPOSES | ({"phi": "Treatment by name"} if human else {})


def channels(*, every: bool = True) -> dict[str, str]:
    """The channels to choose from."""
    return ({EVERY: "Every way"} if every else {}) | CHANNELS


def summary(found: Consents, purpose: str) -> str:
    """One line for each answer: by which channels yes, by which no. Those not asked for go without saying."""
    said: dict[str, list[str]] = {"Yes": [], "No": [], "Not asked": []}
    for channel, label in CHANNELS.items():
        last = found.standing(channel, purpose)
        said["Not asked" if last is None else "Yes" if last.given else "No"].append(label)
    whole = next((word for word, names in said.items() if len(names) == len(CHANNELS)), "")
    if whole:
        return whole
    return "\n".join(f"{word}: {', '.join(names)}" for word, names in said.items() if names and word != "Not asked")


def how(said: Said) -> str:
    """Where an answer comes from and who took it down."""
    origin = ORIGINS.get(said.origin, said.origin)
    paper = "" if said.source != "paper" or said.origin == "form" else ", from paper"
    return f"{origin[:1].upper()}{origin[1:]}{paper}" + (f", {said.who}" if said.who else "")


def when(said: Said) -> str:
    """The day of an answer."""
    return show.moment(said.at)
