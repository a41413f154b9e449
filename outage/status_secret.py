"""The secret that this installation and the watcher of its status page share: drawn here, shown once, kept sealed."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import select

from data.engine import database
from data.models import ClinicSecret
from data.sealed import seal, unseal
from data.session import ClinicSession
from data.types import clock
from security.actor import Actor
from security.rules import act, look

NAME = "status_page"


def draw_secret(*, by: Actor, key: str | None = None) -> str:
    """A new secret, to be copied into the watcher's configuration; the one before no longer counts. It is shown here
    and never again. Raises NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        row = _row(work.session)
        if work.repeated:
            return opened(row.body) if row is not None else ""
        secret = secrets.token_urlsafe(32)
        if row is None:
            row = ClinicSecret(name=NAME, body=b"")
            work.session.add(row)
        row.body, row.entered_at = seal(secret.encode(), database().home.key("credential")), clock.now()
        work.audit("status_page.secret_drawn", "status page")
        work.result = True
    return secret


def secret_since(*, by: Actor) -> datetime | None:
    """When the secret was drawn; None where there is none. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        row = _row(session)
        return row.entered_at if row is not None else None


def secret_of(session: ClinicSession) -> str:
    """For the watcher's client only: the secret, empty where there is none."""
    row = _row(session)
    return opened(row.body) if row is not None else ""


def opened(body: bytes) -> str:
    """A sealed secret in the clear. Raises BlobDamaged."""
    return unseal(body, database().home.key("credential"), "the secret of the status page").decode()


def _row(session: ClinicSession) -> ClinicSecret | None:
    return session.scalars(select(ClinicSecret).where(ClinicSecret.name == NAME)).one_or_none()
