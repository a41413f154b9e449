"""Who of a segment gets a message, by which channel and which text, and why the others get none.

Worked out whole before anything is written or sent: one message for each address, however many clients or patients
stand behind it, and the values of every text resolved.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from campaigns.braces import UnresolvedField
from campaigns.consents import BY, known_links_key, may_name_phi, may_send
from campaigns.links import address_hash
from campaigns.merging import Recipient
from campaigns.settings import Campaign, Template
from campaigns.texts import Text, ready, values_for
from campaigns.zones import zone_of
from data.models import Client, OutboxMessage
from data.session import ClinicSession
from data.types import clock
from messages.mime import Unsendable, check_address
from records.consents import chunks
from records.reach import address_of

_PLACEHOLDER = bytes(32)
"""Hashes addresses where nothing is kept: before the clinic's own key was drawn."""
_REACHED = ("pending", "claimed", "sending", "deferred", "sent", "uncertain")
"""States of a message that counts towards how often somebody is written to."""


@dataclass(frozen=True)
class Place:
    """One client's place in a run. ``reason`` says why they get nothing; ``numbers`` are for messages to staff."""

    client_id: str
    number: int
    patient_ids: tuple[str, ...] = ()
    channel: str = "email"
    address: str = ""
    address_hash: str | None = None
    state: str = "excluded"
    variant: str = ""
    reason: str = ""
    zone: str = ""
    name: str = ""
    names_phi: bool = False
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Missing:
    """A merge field that cannot be filled in for some."""

    field: str
    clients: tuple[int, ...]
    """Their numbers."""

    def __str__(self) -> str:
        shown = ", ".join(str(number) for number in self.clients[:5])
        more = len(self.clients) - 5
        whom = f"client {shown}" if len(self.clients) == 1 else f"clients {shown}"
        words = f'{{{{ {self.field} or "…" }}}}'
        return (
            f"'{self.field}' is empty for {whom}{f' and {more:,} more' if more > 0 else ''}. Write words for that case "
            f"into the template, such as {words}, or leave these people out of the segment"
        )


@dataclass(frozen=True)
class Plan:
    """A whole audience."""

    places: list[Place]
    missing: list[Missing]

    @property
    def counts(self) -> Counter[str]:
        """How many in each state."""
        return Counter(place.state for place in self.places)

    @property
    def channels(self) -> Counter[str]:
        """How many get a message by each channel."""
        return Counter(place.channel for place in self.places if place.state == "pending")


@dataclass(frozen=True)
class Compiled:
    """The texts of a run, by variant and channel."""

    by_variant: Mapping[str, Mapping[str, Text]]

    def of(self, variant: str, channel: str) -> Text:
        """The text of one variant by one channel; A's where B has none of its own."""
        return self.by_variant.get(variant, {}).get(channel) or self.by_variant["a"][channel]

    def by(self, channel: str) -> list[Text]:
        """Every text that goes out by a channel."""
        return [texts[channel] for texts in self.by_variant.values() if channel in texts]

    @property
    def fields(self) -> frozenset[str]:
        """Every field that any of them names."""
        return frozenset().union(*(one.fields for texts in self.by_variant.values() for one in texts.values()))


def compile_texts(session: ClinicSession, campaign: Campaign, templates: Mapping[str, Template]) -> Compiled:
    """Compile the texts of a campaign once. Raises what is wrong with one."""
    found: dict[str, dict[str, Text]] = {"a": {}, "b": {}}
    for variant, slugs in (("a", campaign.templates), ("b", campaign.b_templates)):
        for channel, slug in slugs.items():
            if channel in campaign.channels:
                found[variant][channel] = ready(session, templates[slug], campaign.purpose)
    return Compiled({variant: texts for variant, texts in found.items() if texts})


def plan(
    session: ClinicSession, name: str, campaign: Campaign, compiled: Compiled, members: Sequence[Any], *, zone: str,
    run_id: str = "",
) -> Plan:  # fmt: skip
    """Everybody's place. ``name`` is the campaign's slug: who is held out stays so from one launch to the next."""
    places = _reached(session, campaign, compiled, _by_client(members), zone)
    places = _capped(session, campaign, places, run_id)
    places = _once_per_address(places)
    places = [_dealt(place, name, campaign) if not place.reason else place for place in places]
    return _resolved(session, compiled, places)


def share_of(*parts: str) -> int:
    """A number from 0 to 99 for somebody, the same each time and spread evenly."""
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:8], "big") % 100


def _by_client(members: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for member in members:
        patients = found.setdefault(member.client_id, [])
        if member.patient_id and member.patient_id not in patients:
            patients.append(member.patient_id)
    return {client: tuple(patients) for client, patients in found.items()}


def _reached(
    session: ClinicSession, campaign: Campaign, compiled: Compiled, members: Mapping[str, tuple[str, ...]], zone: str
) -> list[Place]:
    """By which channel each is reached: the first, in the campaign's order, that nothing speaks against."""
    key = known_links_key(session) or _PLACEHOLDER
    allowed = {channel: may_send(session, members, channel, campaign.purpose) for channel in campaign.channels}
    named = {
        channel: may_name_phi(session, members, channel)
        for channel in campaign.channels
        if any(one.names_phi for one in compiled.by(channel))
    }
    places = []
    for row in _clients(session, members):
        patients = members[row.id] if campaign.one_per == "client" else members[row.id][:1]
        base = Place(
            row.id, row.number, patients, campaign.channels[0], name=f"{row.first_name} {row.last_name}".strip(),
            zone=zone_of(row.region or "", zone),
        )  # fmt: skip
        whys: list[tuple[str, str]] = []
        for channel in campaign.channels:
            address = address_of(channel, row)
            why = allowed[channel][row.id] or _malformed(channel, address)
            if not why:
                hashed = address_hash(key, channel, address)
                base = replace(
                    base, channel=channel, address=address, address_hash=hashed, state="pending",
                    names_phi=row.id in named.get(channel, ()),
                )  # fmt: skip
                whys = []
                break
            whys.append((channel, why))
        if whys:
            base = replace(base, reason=_words(whys))
        places.append(base)
    return places


def _clients(session: ClinicSession, ids: Mapping[str, Any]) -> list[Any]:
    columns = (
        Client.id, Client.number, Client.first_name, Client.last_name, Client.email, Client.phone, Client.address,
        Client.city, Client.region, Client.postal_code,
    )  # fmt: skip
    found: list[Any] = []
    for some in chunks(ids):
        found += session.execute(select(*columns).where(Client.id.in_(some))).all()
    return sorted(found, key=lambda row: row.number)


def _malformed(channel: str, address: str) -> str:
    if channel == "email":
        try:
            check_address(address)
        except Unsendable:
            return "the e-mail address is not written like one"
    if channel == "sms" and not 7 <= sum(letter.isdigit() for letter in address) <= 15:
        return "the phone number is not written like one"
    return ""


def _words(whys: list[tuple[str, str]]) -> str:
    distinct = list(dict.fromkeys(why for _, why in whys))
    if len(distinct) == 1:
        return distinct[0]
    return "; ".join(f"{BY[channel]}: {why}" for channel, why in whys)


def recently_reached(
    session: ClinicSession, client_ids: Sequence[str], days: int, but_run: str, *, sent_only: bool = False
) -> set[str]:
    """The clients who got a marketing message of another run within so many days, or are about to."""
    if not days:
        return set()
    since = clock.now() - timedelta(days=days)
    states = ("sending", "sent", "uncertain") if sent_only else _REACHED
    found: set[str] = set()
    for some in chunks(client_ids):
        query = select(OutboxMessage.client_id).distinct().where(
            OutboxMessage.client_id.in_(some), OutboxMessage.run_id.is_not(None), OutboxMessage.purpose == "marketing",
            OutboxMessage.state.in_(states), func.coalesce(OutboxMessage.sent_at, OutboxMessage.due_at) > since,
            *([OutboxMessage.run_id != but_run] if but_run else []),
        )  # fmt: skip
        found |= {client for client in session.scalars(query) if client}
    return found


def _capped(session: ClinicSession, campaign: Campaign, places: list[Place], run_id: str) -> list[Place]:
    if campaign.purpose != "marketing":
        return places
    days = campaign.frequency_cap_days
    reached = recently_reached(session, [place.client_id for place in places if not place.reason], days, run_id)
    why = f"got another message within {days} day{'s' if days > 1 else ''}"
    return [
        replace(place, reason=why, state="excluded", address_hash=None) if place.client_id in reached else place
        for place in places
    ]


def _once_per_address(places: list[Place]) -> list[Place]:
    """Of several clients with one address the one with the lowest number gets the message."""
    seen: set[tuple[str, str | None]] = set()
    found = []
    for place in places:
        if not place.reason:
            address = (place.channel, place.address_hash)
            if address in seen:
                why = "shares the address with another client who gets it"
                place = replace(place, reason=why, state="excluded", address_hash=None)
            seen.add(address)
        found.append(place)
    return found


def _dealt(place: Place, name: str, campaign: Campaign) -> Place:
    if share_of(name, place.client_id, "hold") < campaign.hold_out_percent:
        return replace(place, state="held_out", variant="hold")
    has_b = place.channel in campaign.b_templates
    is_b = has_b and share_of(name, place.client_id, "text") < campaign.b_share
    return replace(place, variant="b" if is_b else "a")


def _resolved(session: ClinicSession, compiled: Compiled, places: list[Place]) -> Plan:
    """Every text rendered once, so that nothing is found missing when half of them are out."""
    going = [place for place in places if place.state == "pending"]
    about = [Recipient(place.client_id, place.patient_ids) for place in going]
    values = values_for(session, about, compiled.fields) if going else {}
    missing: dict[str, list[int]] = {}
    filled = {}
    for place in going:
        own = values.get(place.client_id, {})
        try:
            compiled.of(place.variant, place.channel).write(own, names_phi=place.names_phi)
        except UnresolvedField as unresolved:
            missing.setdefault(unresolved.field, []).append(place.number)
        own = {name: own[name] for name in compiled.of(place.variant, place.channel).fields if name in own}
        filled[place.client_id] = replace(place, values=own)
    return Plan(
        [filled.get(place.client_id, place) if place.state == "pending" else place for place in places],
        [Missing(name, tuple(numbers)) for name, numbers in missing.items()],
    )
