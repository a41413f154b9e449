"""Who gets the mails: asked for on the page, confirmed by a link in a mail, left by one click.

Whether an address is known is never told to whoever types it: the answer is always the same.
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from watcher.settings import ADDRESS
from watcher.store import allowed, fact, new_id

CONFIRM_WITHIN = 86_400.0
FROM_ONE_PLACE = 5
"""How often an hour one address of the network may ask."""
FROM_EVERYWHERE = 300
TO_ONE_ADDRESS = 3
"""Confirmation mails to one address a day."""
MOST = 20_000


class BadAddress(ValueError):
    """What was typed is no e-mail address."""


class TooOften(Exception):
    """Somebody asks too often."""


@dataclass(frozen=True)
class Subscriber:
    """An address that was asked for: pending or confirmed."""

    id: str
    email: str
    state: str


def clean(email: str) -> str:
    """An address as it is kept. Raises BadAddress."""
    email = email.strip()
    if len(email) > 254 or not ADDRESS.fullmatch(email) or ".." in email:
        raise BadAddress(email[:80])
    if "=?" in email:  # an encoded word: mail programs, and our own, would read another address in it
        raise BadAddress(email[:80])
    name, _, host = email.rpartition("@")
    return f"{name}@{host.lower()}"


def address_hash(email: str) -> str:
    """SHA-256 of an address, trimmed and in lower case: what the app asks about."""
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()


def ask(db: sqlite3.Connection, email: str, place: str, now: float) -> None:
    """Send a link to an address, unless it gets the mails already. Raises BadAddress, TooOften."""
    if not allowed(db, "subscribe", place, now, FROM_ONE_PLACE, 3600):
        raise TooOften()
    email = clean(email)
    if not allowed(db, "subscribe", "everywhere", now, FROM_EVERYWHERE, 3600):
        raise TooOften()
    digest = address_hash(email)
    row = db.execute("SELECT * FROM subscriber WHERE hash = ?", (digest,)).fetchone()
    if row is not None and row["state"] == "confirmed":
        return
    if not allowed(db, "confirm", digest, now, TO_ONE_ADDRESS, 86_400):
        return
    if row is None and db.execute("SELECT count(*) FROM subscriber").fetchone()[0] >= MOST:
        return
    number, nonce = _id_of(db, digest), new_id()
    db.execute(
        "INSERT INTO subscriber VALUES (?, ?, ?, 'pending', ?, ?, NULL) ON CONFLICT (hash) DO UPDATE SET "
        "nonce = excluded.nonce, asked_at = excluded.asked_at",
        (number, email, digest, nonce, now),
    )
    db.execute("DELETE FROM mail WHERE subscriber = ? AND purpose = 'confirm' AND state = 'waiting'", (number,))
    db.execute(
        "INSERT INTO mail (id, key, subscriber, recipient, purpose, state, due_at, made_at) "
        "VALUES (?, ?, ?, ?, 'confirm', 'waiting', ?, ?)",
        (new_id(), f"confirm:{nonce}", number, email, now, now),
    )


def confirm_token(db: sqlite3.Connection, number: str, now: float) -> str:
    """What the link in the confirmation mail carries."""
    row = db.execute("SELECT nonce FROM subscriber WHERE id = ?", (number,)).fetchone()
    until = int(now + CONFIRM_WITHIN)
    return f"{number}.{until}.{_signed(db, 'confirm', number, row['nonce'] if row else '', str(until))}"


def waiting_for(db: sqlite3.Connection, token: str, now: float) -> Subscriber | None:
    """Whom a confirmation link confirms; None where it is not ours, too old, used up or replaced by a later one."""
    number, _, rest = token.partition(".")
    until, _, signature = rest.partition(".")
    row = db.execute("SELECT * FROM subscriber WHERE id = ?", (number,)).fetchone()
    nonce = row["nonce"] if row else ""
    right = hmac.compare_digest(_signed(db, "confirm", number, nonce, until).encode(), signature.encode())
    if row is None or not right or not until.isdigit() or not now <= int(until) <= now + 2 * CONFIRM_WITHIN:
        return None
    return Subscriber(number, row["email"], row["state"])


def confirm(db: sqlite3.Connection, token: str, now: float) -> Subscriber | None:
    """Confirm by a link; None as in ``waiting_for``. A second click changes nothing."""
    there = waiting_for(db, token, now)
    if there is not None:
        db.execute(
            "UPDATE subscriber SET state = 'confirmed', confirmed_at = ? WHERE id = ? AND state = 'pending'",
            (now, there.id),
        )
    return there


def leave_token(db: sqlite3.Connection, number: str) -> str:
    """What the unsubscribe link carries; it works for as long as this store lives."""
    return f"{number}.{_signed(db, 'leave', number)}"


def leaver(db: sqlite3.Connection, token: str) -> str | None:
    """Whose unsubscribe link this is; None where it is not ours. Somebody who left before may leave again."""
    number, _, signature = token.partition(".")
    right = hmac.compare_digest(_signed(db, "leave", number).encode(), signature.encode())
    return number if right else None


def leave(db: sqlite3.Connection, token: str) -> bool:
    """Forget an address and what is still on its way to it."""
    number = leaver(db, token)
    if number is None:
        return False
    db.execute("DELETE FROM mail WHERE subscriber = ?", (number,))
    db.execute("DELETE FROM subscriber WHERE id = ?", (number,))
    return True


def which_are_confirmed(db: sqlite3.Connection, hashes: Collection[str]) -> list[str]:
    """Those of the hashes whose address gets the mails."""
    known = {row["hash"] for row in db.execute("SELECT hash FROM subscriber WHERE state = 'confirmed'")}
    return sorted(known.intersection(hashes))


def count(db: sqlite3.Connection) -> int:
    """How many addresses get the mails."""
    return int(db.execute("SELECT count(*) FROM subscriber WHERE state = 'confirmed'").fetchone()[0])


def forget_unconfirmed(db: sqlite3.Connection, now: float) -> None:
    """Forget addresses whose owner never confirmed."""
    late = now - 2 * CONFIRM_WITHIN
    db.execute(
        "DELETE FROM mail WHERE subscriber IN (SELECT id FROM subscriber WHERE state = 'pending' AND asked_at < ?)",
        (late,),
    )
    db.execute("DELETE FROM subscriber WHERE state = 'pending' AND asked_at < ?", (late,))


def _id_of(db: sqlite3.Connection, digest: str) -> str:
    """The same for an address each time, so that every unsubscribe link it ever got still works."""
    return _signed(db, "subscriber", digest)[:24]


def _signed(db: sqlite3.Connection, *what: str) -> str:
    return hmac.new(bytes.fromhex(fact(db, "sign")), "|".join(what).encode(), hashlib.sha256).hexdigest()
