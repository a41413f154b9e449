"""What a person typed and has not saved: kept encrypted, one for each person and place, until saved or discarded.

A draft survives a refresh and a sign-out. Typing counts as input, so that nobody is signed out in the middle of a
sentence. Drafts are not audited: they are nobody's record yet.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select

from data.card_numbers import holds_card_number
from data.engine import database
from data.errors import BadInput
from data.models import Draft, UserSession
from data.session import ClinicSession, read, write
from data.types import clock
from security.actor import Actor
from security.rules import authorize

LARGEST = 200_000
TOUCH_EVERY = timedelta(seconds=20)


@dataclass(frozen=True)
class Kept:
    """A draft and when it was last typed into."""

    body: Any
    at: datetime


class DraftTooLong(BadInput):
    """This text is too long to be kept as a draft. Save it, or shorten it."""


def save(place: str, body: Any, *, by: Actor) -> None:
    """Keep a draft (anything JSON can hold) for this person at a place such as ``note:CLIENT``.

    An empty text, list or mapping discards it. Raises SessionEnded, DraftTooLong.
    """
    if not body or by.user_id is None:
        discard(place, by=by)
        return
    if len(json.dumps(body)) > 2 * LARGEST:  # before it is looked through
        raise DraftTooLong()
    content = json.dumps(_without_card_numbers(body), separators=(",", ":")).encode()
    if len(content) > LARGEST:
        raise DraftTooLong()
    sealed = _seal(content, place, by)
    with write(by.clinic_id, quiet=True) as session:
        authorize(session, by, None)
        session.head()  # two tabs take turns
        row = _row(session, place, by)
        if row is None:
            session.add(Draft(user_id=by.user_id, place=place, body=sealed))
        else:
            row.body, row.at = sealed, clock.now()
        _count_as_input(session, by)


def load(place: str, *, by: Actor) -> Any:
    """The draft of this person at a place, or None. Raises SessionEnded."""
    found = kept(place, by=by)
    return found.body if found else None


def kept(place: str, *, by: Actor) -> Kept | None:
    """The draft of this person at a place with the time it was last typed into, or None. Raises SessionEnded."""
    if by.user_id is None:
        return None
    with read(by.clinic_id) as session:
        authorize(session, by, None)
        row = _row(session, place, by)
    body = _unseal(row.body, place, by) if row is not None else None
    return Kept(body, row.at) if row is not None and body is not None else None


def places(*, by: Actor) -> list[str]:
    """Where this person has drafts, the latest first. Raises SessionEnded."""
    with read(by.clinic_id) as session:
        authorize(session, by, None)
        return list(session.scalars(select(Draft.place).where(Draft.user_id == by.user_id).order_by(Draft.at.desc())))


def discard(place: str, *, by: Actor) -> None:
    """Forget a draft; nothing happens when there is none. Raises SessionEnded."""
    if by.user_id is None or load(place, by=by) is None:
        return
    with write(by.clinic_id, quiet=True) as session:
        authorize(session, by, None)
        row = _row(session, place, by)
        if row is not None:
            session.delete(row)


def _without_card_numbers(body: Any) -> Any:
    """The draft with every text empty that holds a card number: not even a draft keeps one."""
    if isinstance(body, str):
        return "" if holds_card_number(body) else body
    if isinstance(body, dict):
        return {name: _without_card_numbers(value) for name, value in body.items()}
    return [_without_card_numbers(value) for value in body] if isinstance(body, list | tuple) else body


def _row(session: ClinicSession, place: str, by: Actor) -> Draft | None:
    statement = select(Draft).where(Draft.user_id == by.user_id, Draft.place == place)
    return session.scalars(statement).one_or_none()


def _count_as_input(session: ClinicSession, by: Actor) -> None:
    row = session.scalars(select(UserSession).where(UserSession.id == by.session_id)).one_or_none()
    if row is not None and clock.now() - row.last_input_at > TOUCH_EVERY:
        row.last_input_at = clock.now()


def _bound_to(place: str, by: Actor) -> bytes:
    return f"{by.clinic_id}|{by.user_id}|{place}".encode()


def _seal(content: bytes, place: str, by: Actor) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(database().home.key("draft")).encrypt(nonce, content, _bound_to(place, by))


def _unseal(sealed: bytes, place: str, by: Actor) -> Any:
    try:
        content = AESGCM(database().home.key("draft")).decrypt(sealed[:12], sealed[12:], _bound_to(place, by))
    except InvalidTag:
        return None  # written under another key: a draft is not worth an error
    return json.loads(content)
