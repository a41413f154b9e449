"""Who may read what stands on a client: access levels of notes and documents, restricted clients, broken glass.

Restricting a client closes the records of its patients too. Every rule that opens one record asks ``client_for`` or
``visit_for``; every rule that lists several asks ``Closed`` which of them to name.
"""

from __future__ import annotations

from sqlalchemy import select

from data.errors import NotFound, NotPermitted
from data.models import Appointment, BreakGlass, Client
from data.session import ClinicSession
from data.types import clock
from records.family import current, family
from security.actor import Actor
from security.break_glass import active, still_may

LEVELS = {
    "everyone": "Everyone",
    "clinicians": "Clinicians",
    "administrators": "Administrators",
    "author": "Only me",
}
"""Access level to the word on screen, in the order offered."""

NAME = "Restricted record"
"""What a list calls a client, and each of its patients, whose record is closed to the reader."""

_NEEDS = {"clinicians": "notes.clinicians", "administrators": "notes.administrators"}


class RestrictedRecord(NotPermitted):
    """This client's record is restricted. Only an administrator can open it, in an emergency, with a written reason
    that the owner is told about."""

    @property
    def client_id(self) -> str:
        """Whose record it is, for the way in."""
        return str(self.facts["client_id"])


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
        raise RestrictedRecord(client_id=client.id)
    return client


def visit_for(session: ClinicSession, appointment: Appointment, by: Actor) -> Appointment:
    """The appointment, where its client's record is open to this person; raises RestrictedRecord."""
    client_for(session, appointment.client_id, by)
    return appointment


class Closed:
    """Which restricted records are closed to a person, within one transaction of a rule that lists several."""

    def __init__(self, session: ClinicSession, by: Actor) -> None:
        self._session, self._by = session, by
        self._opened: frozenset[str] | None = None

    def hides(self, client_id: str, restricted: bool) -> bool:
        """Whether the list must call this client ``NAME`` and leave out everything else about it and its patients."""
        if not restricted or self._by.is_trusted:
            return False
        if self._opened is None:
            self._opened = self._find_opened()
        return client_id not in self._opened

    def _find_opened(self) -> frozenset[str]:
        if self._by.user_id is None or not still_may(self._session, self._by):
            return frozenset()
        standing = (BreakGlass.user_id == self._by.user_id, BreakGlass.until > clock.now())
        ids = set(self._session.scalars(select(BreakGlass.client_id).where(*standing)))
        merged = select(Client.merged_into_id).where(Client.id.in_(ids), Client.merged_into_id.is_not(None))
        return frozenset(ids | {str(stays) for stays in self._session.scalars(merged)})
