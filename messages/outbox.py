"""Putting a mail on its way, in the transaction of what it tells about.

A message exists once by its dedupe key. Its text is encrypted: it may hold a link that signs somebody in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from data.engine import database
from data.models import OutboxMessage
from data.sealed import seal, unseal
from data.session import ClinicSession
from data.types import clock, new_id


@dataclass(frozen=True)
class Content:
    """What a mail says."""

    text: str
    html: str = ""


def queue(
    session: ClinicSession,
    *,
    purpose: str,
    dedupe_key: str,
    recipient: str,
    subject: str,
    text: str,
    html: str = "",
    due_at: datetime | None = None,
) -> str:
    """Add a mail to the outbox; returns its id. The same dedupe key again changes nothing and returns the first id.

    ``purpose`` is what consent is judged by: invitation, alert, receipt, vault, campaign … Subjects never hold
    anything protected.
    """
    known = session.scalars(select(OutboxMessage.id).where(OutboxMessage.dedupe_key == dedupe_key)).one_or_none()
    if known:
        return known
    row = OutboxMessage(
        id=new_id(),
        channel="email",
        purpose=purpose,
        dedupe_key=dedupe_key,
        recipient=recipient,
        subject=" ".join(subject.split()),
        body=seal(json.dumps({"text": text, "html": html}).encode(), database().home.key("token")),
        due_at=due_at or clock.now(),
    )
    row.message_id = f"<{row.id}@ballast.invalid>"
    session.add(row)
    return row.id


def content_of(row: OutboxMessage) -> Content:
    """The decrypted text of a message."""
    return Content(**json.loads(unseal(row.body, database().home.key("token"), row.id)))
