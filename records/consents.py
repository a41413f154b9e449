"""What clients allow or refuse: by channel and purpose, each answer with its wording, origin and time. The last one
counts, also where an earlier one is entered later from paper.

``phi`` is whether a message may name the patient and the service. A veterinary clinic asks that once for all channels
(``any``); a human clinic asks for each, and an answer for all counts there as a refusal only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field
from sqlalchemy import select

from data import definitions
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput
from data.models import Client, Clinic, Consent, User
from data.session import ClinicSession
from data.types import clock
from records.access import client_for
from records.family import family
from records.reach import CHANNELS
from security.actor import Actor
from security.rules import act, look

EVERY = "any"
"""All channels at once."""
PURPOSES = {"marketing": "News and offers", "reminders": "Reminders", "phi": "Details by name"}
ORIGINS = {
    "check-in": "asked at check-in", "counter": "said at the counter", "phone": "said on the phone",
    "writing": "in writing", "form": "on a form", "portal": "chosen in the portal", "import": "imported",
}  # fmt: skip
"""Where an answer comes from, and how a person reads it."""
SAID_TO_STAFF = ("counter", "phone", "writing")
CHUNK = 5_000


class ConsentWording(definitions.Document):
    """The words a client is asked with. What was asked is kept with each answer, so a change counts from then on."""

    purpose: Literal["marketing", "reminders", "phi"]
    channel: Literal["any", "email", "sms", "letter"] = "any"
    question: str = Field(min_length=10, max_length=600)


WORDING = definitions.register("consent-wording", "Consent wording", ConsentWording)

_PLACE = {"email": "by e-mail", "sms": "by text message", "letter": "by letter", EVERY: ""}
_SHIPPED = {
    "veterinary": {
        "phi": "May we write to you about your pet by name, and name the visit or service it is about?",
        "marketing": "May we send you news and offers of the clinic{by}? You can say no at any time.",
        "reminders": "May we remind you{by} of appointments and of care that is due?",
    },
    "human": {
        "phi": "May we name you and your treatment in messages{by}? Others may be able to read them.",
        "marketing": "May we send you news and offers of the clinic{by}? You can say no at any time.",
        "reminders": "May we remind you{by} of appointments and of care that is due?",
    },
}


@dataclass(frozen=True)
class Answer:
    """What a client said to one question."""

    channel: str
    purpose: str
    given: bool
    wording: str = ""


@dataclass(frozen=True)
class Said:
    """An answer as it is kept: ``at`` when it was given, ``who`` took it down, ``source`` live, paper or import."""

    channel: str
    purpose: str
    given: bool
    wording: str
    origin: str
    at: datetime
    who: str
    source: str


@dataclass(frozen=True)
class Consents:
    """Everything a client has answered, the newest first."""

    history: list[Said]
    strict: bool
    """A human clinic: each channel has to be allowed by itself for ``phi``."""

    def standing(self, channel: str, purpose: str) -> Said | None:
        """The answer that counts; None where the client was never asked."""
        for said in self.history:
            if said.purpose == purpose and _counts(said.channel, said.given, channel, purpose, self.strict):
                return said
        return None

    def asked(self, purpose: str) -> bool:
        """Whether anything was ever answered about a purpose."""
        return any(said.purpose == purpose for said in self.history)


def wordings(*, by: Actor) -> dict[tuple[str, str], str]:
    """The question of each purpose and channel (``any`` among them), in this clinic's words. Raises NotPermitted."""
    with look(by, "clients.view") as session:
        return wordings_in(session)


def wordings_in(session: ClinicSession) -> dict[tuple[str, str], str]:
    """The same within a transaction: what the clinic has written, else what comes with its kind."""
    shipped = _SHIPPED["human" if is_strict(session) else "veterinary"]
    found = {
        (channel, purpose): text.format(by=f" {_PLACE[channel]}" if _PLACE[channel] else "")
        for purpose, text in shipped.items() for channel in (EVERY, *CHANNELS)
    }  # fmt: skip
    own = definitions.load_all(session, WORDING).values()
    for one in own:
        if one.channel == EVERY:
            found |= {(channel, one.purpose): one.question for channel in (EVERY, *CHANNELS)}
    return found | {(one.channel, one.purpose): one.question for one in own if one.channel != EVERY}


def create_defaults(session: ClinicSession, kind: str) -> None:
    """The questions a new clinic of this kind starts with, for all channels at once."""
    for purpose, text in _SHIPPED["human" if kind == "human" else "veterinary"].items():
        words = ConsentWording(purpose=purpose, question=text.format(by=""))
        definitions.save(session, WORDING, purpose, words, by_user_id=None)


def is_strict(session: ClinicSession) -> bool:
    """Whether this is a clinic for people, where each channel is permitted by itself."""
    return session.scalar(select(Clinic.kind).where(Clinic.id == session.clinic_id)) == "human"


def record_consent(
    client_id: str, channel: str, purpose: str, given: bool, wording: str, origin: str, *, by: Actor,
    key: str | None = None,
) -> int:  # fmt: skip
    """Keep one answer of a client; returns 1. Raises what ``record_consents`` raises."""
    return record_consents(client_id, [Answer(channel, purpose, given, wording)], origin, by=by, key=key)


def record_consents(
    client_id: str, answers: Sequence[Answer], origin: str, *, at: datetime | None = None, source: str = "live",
    by: Actor, key: str | None = None,
) -> int:  # fmt: skip
    """Keep what a client answered; returns how many answers. Without words of its own an answer is kept with the
    question as it stands. ``at`` is when it was said, for paper.

    Raises BadInput, NotFound, RestrictedRecord, NotPermitted.
    """
    with act(by, "flow.record" if origin == "check-in" else "clients.edit", key=key) as work:
        if work.repeated:
            return int(work.result)
        _check(answers, origin)
        client = client_for(work.session, client_id, by)
        words = wordings_in(work.session)
        for one in answers:
            work.session.add(
                Consent(
                    client_id=client.id, channel=one.channel, purpose=one.purpose, given=one.given, origin=origin,
                    wording=one.wording or words[one.channel, one.purpose], event_at=at or clock.now(), source=source,
                    by_user_id=by.user_id,
                )
            )  # fmt: skip
        if answers:
            said = sorted(f"{one.purpose} {one.channel} {'yes' if one.given else 'no'}" for one in answers)
            work.audit("consent.recorded", "client", client.id, answers=said, origin=origin)
        work.result = len(answers)
        return len(answers)


def _check(answers: Sequence[Answer], origin: str) -> None:
    if origin not in ORIGINS:
        raise BadInput(
            problem="Say where the client answered: at check-in, at the counter, on the phone or in writing."
        )
    for one in answers:
        if one.channel not in (EVERY, *CHANNELS) or one.purpose not in PURPOSES:
            raise BadInput(problem=f"There is no consent to {one.purpose} by {one.channel}.")
        refuse_card_numbers({"The question": one.wording})


def consents_of(client_id: str, *, by: Actor) -> Consents:
    """What a client allowed and refused, those merged into it included. Raises NotFound, RestrictedRecord,
    NotPermitted."""
    with look(by, "clients.view") as session:
        client = client_for(session, client_id, by)
        rows = session.execute(
            select(Consent, User.name)
            .outerjoin(User, (User.clinic_id == Consent.clinic_id) & (User.id == Consent.by_user_id))
            .where(Consent.client_id.in_(family(session, client.id)), Consent.purpose.in_(PURPOSES))
            .order_by(Consent.event_at.desc(), Consent.id.desc())
        )
        history = [
            Said(row.channel, row.purpose, row.given, row.wording, row.origin, row.event_at, name or "", row.source)
            for row, name in rows
        ]
        return Consents(history, is_strict(session))


def standing_answers(
    session: ClinicSession, client_ids: Collection[str], channel: str, purpose: str
) -> dict[str, bool]:
    """For thousands of clients at once, what each last answered; those never asked are left out."""
    strict = is_strict(session)
    found: dict[str, bool] = {}
    for ids in chunks(client_ids):
        stays = dict(
            session.execute(select(Client.id, Client.merged_into_id).where(Client.merged_into_id.in_(ids)))
            .tuples()
            .all()
        )
        told = session.execute(
            select(Consent.client_id, Consent.channel, Consent.given)
            .where(
                Consent.client_id.in_([*ids, *stays]), Consent.purpose == purpose,
                Consent.channel.in_((channel, EVERY)),
            )
            .order_by(Consent.event_at, Consent.id)
        )  # fmt: skip
        for client_id, by_channel, given in told:
            if _counts(by_channel, given, channel, purpose, strict):
                found[stays.get(client_id) or client_id] = given
    return found


def _counts(said_by: str, given: bool, channel: str, purpose: str, strict: bool) -> bool:
    """Whether an answer for ``said_by`` is one for ``channel``."""
    if said_by == EVERY and channel != EVERY:
        return not (strict and purpose == "phi" and given)
    return said_by == channel


def chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    """Ids in portions that a database takes in one statement."""
    every = list(dict.fromkeys(ids))
    return (every[begin : begin + CHUNK] for begin in range(0, len(every), CHUNK))
