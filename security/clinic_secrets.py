"""What a clinic keeps secret: encrypted under the credential key, written and never shown again."""

from __future__ import annotations

import secrets

from sqlalchemy import select

from data.engine import database
from data.models import ClinicSecret
from data.sealed import seal, unseal
from data.session import ClinicSession

LINKS = "links"
"""Signs links and hashes addresses. It is drawn once and never changed: what it signed must stay good for years."""


def secret(session: ClinicSession, name: str) -> str:
    """The secret of this name; empty where none is set."""
    row = _row(session, name)
    return "" if row is None else unseal(row.body, database().home.key("credential"), f"secret {name}").decode()


def is_set(session: ClinicSession, name: str) -> bool:
    """Whether a secret of this name is kept."""
    return bool(secret(session, name))


def keep_secret(session: ClinicSession, name: str, text: str) -> None:
    """Keep a secret in the place of the one before; an empty text forgets it. The rule that calls this audits it."""
    body = seal(text.encode(), database().home.key("credential"))
    row = _row(session, name)
    if row is None:
        session.add(ClinicSecret(name=name, body=body))
    else:
        row.body = body


def links_key(session: ClinicSession) -> bytes:
    """The 32 bytes that sign this clinic's links and hash its addresses; drawn within a writing session at the first
    use."""
    known = secret(session, LINKS)
    if not known:
        known = secrets.token_hex(32)
        keep_secret(session, LINKS, known)
        session.flush()
    return bytes.fromhex(known)


def _row(session: ClinicSession, name: str) -> ClinicSecret | None:
    return session.scalars(select(ClinicSecret).where(ClinicSecret.name == name)).one_or_none()
