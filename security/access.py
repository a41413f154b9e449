"""What a person may do right now, for building menus. The rules check again."""

from __future__ import annotations

from data.session import read
from security.actor import Actor
from security.rules import authorize


def allowed_now(by: Actor) -> frozenset[str]:
    """The permissions of the actor as the rows stand; raises SessionEnded."""
    with read(by.clinic_id) as session:
        return authorize(session, by, None)
