"""Who may read what stands on a client: access levels of notes and documents, restricted clients, broken glass."""

from __future__ import annotations

from data.errors import NotFound, NotPermitted
from data.models import Client
from data.session import ClinicSession
from records.family import current, family
from security.actor import Actor
from security.break_glass import active

LEVELS = {
    "everyone": "Everyone",
    "clinicians": "Clinicians",
    "administrators": "Administrators",
    "author": "Only me",
}
"""Access level to the word on screen, in the order offered."""

_NEEDS = {"clinicians": "notes.clinicians", "administrators": "notes.administrators"}


class RestrictedRecord(NotPermitted):
    """This client's record is restricted. Only an administrator can open it, in an emergency, with a written reason
    that the owner is told about."""


def may_read(access: str, author_id: str | None, *, by: Actor, may: frozenset[str], glass: bool) -> bool:
    """Whether the actor may read something of this access level.

    Authors read what they wrote. Nobody else reads what is for its author only, whatever their role, unless the
    glass is broken for this client.
    """
    if access == "everyone" or by.is_trusted or glass:
        return True
    if by.user_id is not None and author_id == by.user_id:
        return True
    return _NEEDS.get(access, "") in may


def glass_broken(session: ClinicSession, by: Actor, client_id: str) -> bool:
    """Whether this person has emergency access to this client now."""
    return any(active(session, by, one) is not None for one in family(session, client_id))


def client_for(session: ClinicSession, client_id: str, by: Actor) -> Client:
    """The client behind an id, following a merge; raises NotFound, RestrictedRecord."""
    client = current(session, client_id)
    if client is None:
        raise NotFound(what="client", name="with this address")
    if client.restricted and not by.is_trusted and not glass_broken(session, by, client.id):
        raise RestrictedRecord()
    return client
