"""A clinic with people to write to."""

import contextlib

from sqlalchemy import select

from benchmarks.campaign_data import Member, furnish
from campaigns import launch, sending
from data.models import OutboxMessage
from data.session import read
from security.clinics import clinic_of


@contextlib.contextmanager
def furnished(clinic, monkeypatch, people, **campaign):
    """A campaign to ``people``, (first name, address) each; gives their ids."""
    monkeypatch.setenv("BALLAST_PUBLIC_URL", "https://clinic.example.org")
    monkeypatch.setenv("BALLAST_MAIL_FROM", "hello@clinic.example.org")
    ids = furnish(clinic.id, people, **campaign)
    monkeypatch.setattr(launch, "members", lambda *_, **__: [Member(one) for one in ids])
    sending._known.clear()
    yield ids


def zone(clinic):
    return clinic_of(clinic.id).zone


def rows(clinic):
    """The rows of all runs."""
    with read(clinic.id) as session:
        return list(session.scalars(select(OutboxMessage).where(OutboxMessage.run_id.is_not(None))))


def by_state(clinic):
    found = {}
    for row in rows(clinic):
        found[row.state] = found.get(row.state, 0) + 1
    return found
