"""What a client wants to get, and by which way: the portal's page of preferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from billing.portal.door import Visitor
from campaigns import suppressions
from campaigns.consents import lift, standing
from campaigns.leaving import OWN
from campaigns.links import address_hash
from data.session import ClinicSession
from records import consents
from records.consents import PURPOSES, Answer
from records.family import current
from records.reach import CHANNELS
from security.clinic_secrets import links_key
from security.rules import together

ASKED = ("marketing", "reminders", "phi")
BY_DEFAULT = {"marketing": False, "reminders": True, "phi": False}
"""What holds where a client was never asked."""


@dataclass(frozen=True)
class Choice:
    """One box: whether messages of this purpose come by this channel."""

    name: str
    label: str
    on: bool


@dataclass(frozen=True)
class Question:
    """What is asked, and a box for each channel."""

    words: str
    choices: list[Choice]


def shown(visitor: Visitor) -> list[Question]:
    """The questions as they stand for this client; an address that unsubscribed by a link gets no news."""
    found = consents.consents_of(visitor.client_id, by=visitor.actor)
    asked = consents.wordings(by=visitor.actor)
    left = {
        (stop.channel, purpose)
        for stop in suppressions.stops_of(visitor.client_id, by=visitor.actor)
        for purpose in ("marketing", "reminders")
        if stop.scope in (purpose, "everything")
    }
    return [
        Question(
            asked["any", purpose],
            [
                Choice(f"{purpose}.{channel}", label, _on(found, channel, purpose) and (channel, purpose) not in left)
                for channel, label in CHANNELS.items()
            ],
        )
        for purpose in ASKED
    ]


def _on(found: consents.Consents, channel: str, purpose: str) -> bool:
    said = found.standing(channel, purpose)
    return BY_DEFAULT[purpose] if said is None else said.given


def choose(visitor: Visitor, boxes: dict[str, Any]) -> None:
    """Keep what the client chose: each answer that changed. News by e-mail that are wanted again are let through to the
    address that this very client signed in with; other addresses are the clinic's to let through."""
    before = {choice.name: choice.on for question in shown(visitor) for choice in question.choices}
    changed = [name for name, on in before.items() if on != (name in boxes)]
    told = [(name, name in boxes) for name in changed]
    answers = [Answer(name.split(".")[1], name.split(".")[0], given) for name, given in told]
    if not answers:
        return
    with together(visitor.actor, "clients.edit") as work:
        consents.record_consents(visitor.client_id, answers, "portal", by=visitor.actor)
        scopes = [one.purpose for one in answers if one.given and one.channel == "email" and one.purpose in PURPOSES]
        lifted = _let_through(work.session, visitor, [one for one in scopes if one != "phi"])
        work.audit("portal.preferences", "client", visitor.client_id, answers=len(answers), lifted=lifted)


def _let_through(session: ClinicSession, visitor: Visitor, scopes: list[str]) -> int:
    client = current(session, visitor.client_id)
    if client is None or not client.email or not scopes:
        return 0
    hashed = address_hash(links_key(session), "email", client.email)
    return lift(session, hashed, "email", scopes=scopes, reasons=OWN) if standing(session, hashed, "email") else 0
