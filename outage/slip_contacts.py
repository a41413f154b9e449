"""The phone and the e-mail on a card slip, kept on the record of a client who had none."""

from __future__ import annotations

from data.errors import Refusal
from data.models import CardSlip, Client
from data.session import ClinicSession
from outage.slips import name_of, slip_row
from records.access import client_for
from records.checks import clean
from records.search import refresh
from security.actor import Actor
from security.rules import Work, act


class NothingNew(Refusal):
    """The record of slip {name} has a phone and an e-mail already, or the slip has none. Change the client's record
    where the one on the slip is the right one."""


def keep_contact(slip_id: str, *, by: Actor, key: str | None = None) -> list[str]:
    """Write the phone and the e-mail of a slip on the record of its client, where that has none; returns what was
    written. What stands on a record stays. Raises NothingNew, PartClosed, NotFound, RestrictedRecord, NotPermitted."""
    with act(by, "clients.edit", key=key) as work:
        if work.repeated:
            return list(work.result)
        row = slip_row(work.session, slip_id)
        client = _client(work.session, row, by)
        if client is None or not (lacking := _lacking(client, row)):
            raise NothingNew(name=name_of(work.session, row))
        work.result = _write(work, client, row, lacking)
        return lacking


def keep_address(row: CardSlip, *, by: Actor) -> None:
    """The e-mail of a slip alone, where its client is asked to pay and has none: that is where the request goes, and
    what the client signs in with. Nothing to do where the client has one, or the slip none. Raises RestrictedRecord,
    NotPermitted."""
    with act(by, "clients.edit") as work:
        client = _client(work.session, row, by)
        if client is not None and "email" in _lacking(client, row):
            _write(work, client, row, ["email"])


def lacks_address(session: ClinicSession, row: CardSlip, by: Actor) -> bool:
    """Whether ``keep_address`` has something to do."""
    client = _client(session, row, by)
    return client is not None and "email" in _lacking(client, row)


def _client(session: ClinicSession, row: CardSlip, by: Actor) -> Client | None:
    return client_for(session, row.client_id, by) if row.client_id else None


def _lacking(client: Client, row: CardSlip) -> list[str]:
    return [name for name in ("phone", "email") if getattr(row, name) and not clean(getattr(client, name))]


def _write(work: Work, client: Client, row: CardSlip, fields: list[str]) -> list[str]:
    for name in fields:
        setattr(client, name, getattr(row, name))
    refresh(work.session, client)
    work.audit("client.changed", "client", client.id, fields=fields, slip=row.id)
    return fields
