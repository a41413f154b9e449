"""What a settings page shows of processors, and the try whether one answers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from billing.processors.credentials import CredentialsSet, credentials_set, notice_token
from billing.processors.known import adapter_for
from billing.processors.settings import ONLINE, PROCESSOR, Processor, online_for
from data import definitions
from data.models import Clinic, Location
from security.actor import Actor
from security.rules import act, look


@dataclass(frozen=True)
class Listed:
    """One processor: its settings, the version on screen, which credentials are set, where messages reach us."""

    slug: str
    number: int
    document: Processor
    credentials: CredentialsSet
    notices: str
    """The path of the address for its messages; empty for a terminal."""

    @property
    def state(self) -> str:
        """In two or three words."""
        if not self.document.active:
            return "off"
        if self.document.type in ONLINE and self.credentials.missing:
            return "credentials missing"
        if self.document.test:
            return "test account"
        return "takes payments online" if self.document.takes_online else "in use"


def processors_listed(*, by: Actor) -> list[Listed]:
    """The clinic's processors by name. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        clinic = session.get_one(Clinic, session.clinic_id).slug
        numbers = definitions.numbers(session, PROCESSOR)
        found = definitions.load_all(session, PROCESSOR)
        token = {slug: notice_token(session.clinic_id, slug) for slug in found}
    rows = []
    for slug, document in sorted(found.items(), key=lambda one: one[1].label.casefold()):
        path = ""
        if document.type in ONLINE:
            path = f"/hooks/{clinic}/{slug}" + (f"?t={token[slug]}" if document.type in ("elavon", "mx") else "")
        rows.append(Listed(slug, numbers[slug], document, credentials_set(slug, by=by), path))
    return rows


def online_by_location(*, by: Actor) -> dict[str, str]:
    """Location to the name of the processor on whose page a payment there is made; empty where there is none. Raises
    NotPermitted."""
    with look(by, "settings.edit") as session:
        known = definitions.load_all(session, PROCESSOR)
        places = session.scalars(select(Location.name).where(Location.active).order_by(Location.name))
        return {place: known[slug].label if (slug := online_for(session, place)) else "" for place in places}


def try_connection(slug: str, *, by: Actor) -> str:
    """Ask a processor for something harmless; a sentence about how we are signed in.

    Raises ProcessorUnready, ProcessorSilent, ProcessorRefused, NotFound, NotPermitted.
    """
    with act(by, "settings.edit") as work:
        adapter = adapter_for(work.session, slug)
        work.audit("processor.tried", "processor", slug)
    return adapter.test()
