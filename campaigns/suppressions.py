"""The page Do not contact: addresses that are written to no more, kept as hashes, and the way back with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from campaigns.consents import REASONS, SCOPES, known_links_key, standing, suppress
from campaigns.links import address_hash
from data.errors import BadInput, NotFound
from data.models import CampaignRun, Suppression
from data.session import ClinicSession
from data.types import clock, is_id
from records.access import client_for
from records.checks import check_email, check_phone
from records.reach import CHANNELS, address_of
from security.actor import Actor
from security.clinic_secrets import links_key
from security.rules import act, look

SHOWN = 200


class NoReason(BadInput):
    """Say why this address may be written to again: it stands in the audit log."""


@dataclass(frozen=True)
class Stop:
    """An address that is not used, or no more for some things. ``campaign`` is whose message it came back on."""

    id: str
    channel: str
    scope: str
    reason: str
    since: datetime
    campaign: str = ""


@dataclass(frozen=True)
class Stops:
    """How many there are of each channel and reason, and the newest of them."""

    counts: dict[tuple[str, str], int]
    newest: list[Stop]

    @property
    def total(self) -> int:
        """All that stand."""
        return sum(self.counts.values())


def suppressions(*, by: Actor) -> Stops:
    """What stands now. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        counts = session.execute(
            select(Suppression.channel, Suppression.reason, func.count(Suppression.id))
            .where(Suppression.lifted_at.is_(None))
            .group_by(Suppression.channel, Suppression.reason)
        )
        by_reason = {(channel, reason): count for channel, reason, count in counts}
        newest = select(Suppression).where(Suppression.lifted_at.is_(None)).order_by(Suppression.id.desc())
        return Stops(by_reason, _stops(session, session.scalars(newest.limit(SHOWN)).all()))


def look_up(channel: str, address: str, *, by: Actor) -> list[Stop]:
    """What stands against one address. Raises BadInput, BadEmail, BadPhone, NotPermitted."""
    _check(channel, address)
    with look(by, "settings.edit") as session:
        key = known_links_key(session)
        return _stops(session, standing(session, address_hash(key, channel, address), channel)) if key else []


def stops_of(client_id: str, *, by: Actor) -> list[Stop]:
    """What stands against the addresses a client has now. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "clients.view") as session:
        client, key = client_for(session, client_id, by), known_links_key(session)
        addresses = {channel: address_of(channel, client) for channel in CHANNELS if key}
        return [
            stop
            for channel, address in addresses.items() if address
            for stop in _stops(session, standing(session, address_hash(key, channel, address), channel))
        ]  # fmt: skip


def add_by_hand(channel: str, address: str, scope: str, *, by: Actor, key: str | None = None) -> str:
    """Write to an address no more; only its hash is kept. Raises BadInput, BadEmail, BadPhone, NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return str(work.result)
        _check(channel, address)
        if scope not in SCOPES:
            raise BadInput(problem=f"There is no such choice as {scope}.")
        hashed = address_hash(links_key(work.session), channel, address)
        work.result = suppress(work.session, hashed, channel, scope, "by_hand")
        work.audit("suppression.added", "suppression", work.result, channel=channel, scope=scope)
        return str(work.result)


def lift_one(suppression_id: str, reason: str, *, by: Actor, key: str | None = None) -> None:
    """Let an address be written to again. Raises NoReason, NotFound, NotPermitted."""
    reason = " ".join(reason.split())[:200]
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        if not reason:
            raise NoReason()
        row = work.session.get(Suppression, (by.clinic_id, suppression_id)) if is_id(suppression_id) else None
        if row is None or row.lifted_at is not None:
            raise NotFound(what="address", name="that is not written to any more")
        row.lifted_at = clock.now()
        work.audit("suppression.lifted", "suppression", row.id, channel=row.channel, scope=row.scope, reason=reason)


def _check(channel: str, address: str) -> None:
    if channel not in CHANNELS or not address.strip() or len(address) > 1_000 or "\0" in address:
        raise BadInput(problem="Enter the address.")
    if channel == "email":
        check_email(address.strip())
    if channel == "sms":
        check_phone(address.strip())


def _stops(session: ClinicSession, rows: Sequence[Suppression]) -> list[Stop]:
    found = rows
    runs = {row.run_id for row in found if row.run_id}
    named = select(CampaignRun.id, CampaignRun.name).where(CampaignRun.id.in_(runs))
    names = dict(session.execute(named).tuples().all()) if runs else {}
    return [
        Stop(row.id, row.channel, row.scope, row.reason, row.entered_at, names.get(row.run_id or "", ""))
        for row in found
    ]


def words_of(stop: Stop) -> str:
    """Why, for a person."""
    return REASONS.get(stop.reason, stop.reason)
