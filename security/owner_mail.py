"""Mail to the owners of a clinic about what they have to know. Nobody but an owner receives it or can switch it off."""

from __future__ import annotations

from sqlalchemy import select

from data.models import User
from data.session import ClinicSession
from messages.outbox import queue
from security.reach import OWNER


def alert_owners(session: ClinicSession, about: str, subject: str, text: str) -> None:
    """Queue a mail to each active owner who has an address, in the transaction of what it tells about.

    ``about`` is what it is about, so that the same thing is told once. Name people by their account and records by
    number, never by name: mail is not private.
    """
    owners = select(User).where(User.role == OWNER, User.status == "active", User.email != "")
    for owner in session.scalars(owners):
        queue(
            session, purpose="alert", dedupe_key=f"{about}-{owner.id}", recipient=owner.email, subject=subject,
            text=text,
        )  # fmt: skip
