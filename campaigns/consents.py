"""Who may be written to, about what, and by which channel: consent, addresses that must not be used, deaths.

A suppression names an address by its hash and no client, so that it outlives an erasure and any import. What comes by
an unsubscription or a complaint stops marketing and nothing else; an address that does not exist stops everything by
that channel until an administrator lifts it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import func, select

from campaigns.links import address_hash
from data.models import Client, Patient, Suppression
from data.session import ClinicSession
from data.types import clock
from records.consents import chunks, standing_answers
from records.reach import address_of
from security.clinic_secrets import LINKS, secret

BY = {"email": "e-mail", "sms": "text message", "letter": "letter"}
SCOPES = {
    "marketing": "News and offers", "reminders": "Reminders and notices", "everything": "Everything",
}  # fmt: skip
"""What a suppression stops, and how a person reads it."""
REASONS = {
    "unsubscribed": "unsubscribed", "complained": "reported a message as unwanted",
    "bounced": "the address takes no messages", "by_hand": "asked not to be written to",
}  # fmt: skip
_STOPPED_BY = {
    "marketing": ("marketing", "everything"), "reminder": ("reminders", "everything"),
    "notice": ("reminders", "everything"),
}  # fmt: skip
"""By purpose, the scopes that stop it; anything else (invoices, receipts) is stopped by ``everything`` alone."""
_COLUMNS = (
    Client.id, Client.merged_into_id, Client.restricted, Client.email, Client.phone, Client.address, Client.city,
    Client.region, Client.postal_code,
)  # fmt: skip


def may_send(
    session: ClinicSession, client_ids: Collection[str], channel: str, purpose: str,
    hashes: Mapping[str, str] | None = None,
) -> dict[str, str]:  # fmt: skip
    """For each client why nothing may be sent, in words for the delivery log; an empty text where it may.

    ``purpose`` is marketing, reminder or notice. ``hashes`` are the hashes of the addresses that would be used, by
    client; without them those of the addresses on record.
    """
    found = dict.fromkeys(client_ids, "no such client any more")
    where: dict[str, str] = {}
    key = known_links_key(session)
    for ids in chunks(client_ids):
        for row in session.execute(select(*_COLUMNS).where(Client.id.in_(ids))):
            found[row.id] = _left_out(row, channel)
            address = address_of(channel, row)
            if address and key:
                where[row.id] = address_hash(key, channel, address)
    where |= {client_id: hashed for client_id, hashed in (hashes or {}).items() if hashed}
    _name(found, dict.fromkeys(_bereaved(session, found), "no living patient"))
    stopped = suppressed(session, where.values(), channel, purpose)
    _name(found, {client_id: REASONS[stopped[hashed]] for client_id, hashed in where.items() if hashed in stopped})
    _name(found, _not_allowed(session, [one for one, why in found.items() if not why], channel, purpose))
    return found


def may_name_phi(session: ClinicSession, client_ids: Collection[str], channel: str) -> set[str]:
    """The clients who permitted that messages by this channel name the patient and the service."""
    return {one for one, given in standing_answers(session, client_ids, channel, "phi").items() if given}


def deceased(session: ClinicSession, patient_ids: Collection[str]) -> set[str]:
    """Those of the patients who have died."""
    return {
        one
        for ids in chunks(patient_ids)
        for one in session.scalars(select(Patient.id).where(Patient.id.in_(ids), Patient.died_on.is_not(None)))
    }


def suppressed(session: ClinicSession, hashes: Collection[str], channel: str, purpose: str) -> dict[str, str]:
    """Which addresses must not be used for this purpose, and the reason as it is kept (a key of ``REASONS``)."""
    found: dict[str, str] = {}
    for some in chunks(hashes):
        rows = session.execute(
            select(Suppression.address_hash, Suppression.reason)
            .where(
                Suppression.address_hash.in_(some), Suppression.channel == channel, Suppression.lifted_at.is_(None),
                Suppression.scope.in_(_STOPPED_BY.get(purpose, ("everything",))),
            )
            .order_by(Suppression.id.desc())
        )  # fmt: skip
        found |= dict(rows.tuples().all())
    return found


def suppress(
    session: ClinicSession, address_hash: str, channel: str, scope: str, reason: str, run_id: str | None = None
) -> str:
    """Write to an address no more; returns the suppression's id. One that stands already stays as it is. The rule that
    calls this audits it."""
    session.head()  # two at the same moment take turns
    session.flush()
    standing = session.scalars(
        _standing(address_hash, channel).where(Suppression.scope == scope, Suppression.reason == reason)
    ).first()
    if standing is None:
        standing = Suppression(
            address_hash=address_hash, channel=channel, scope=scope, reason=reason, run_id=run_id
        )  # fmt: skip
        session.add(standing)
        session.flush()
    return standing.id


def lift(
    session: ClinicSession, address_hash: str, channel: str, *, scopes: Collection[str] = tuple(SCOPES),
    reasons: Collection[str] = tuple(REASONS),
) -> int:  # fmt: skip
    """Let an address be written to again, as far as these scopes and reasons go; returns how many were lifted. The rule
    that calls this audits it."""
    rows = session.scalars(
        _standing(address_hash, channel).where(Suppression.scope.in_(scopes), Suppression.reason.in_(reasons))
    ).all()
    for row in rows:
        row.lifted_at = clock.now()
    return len(rows)


def standing(session: ClinicSession, address_hash: str, channel: str) -> list[Suppression]:
    """What is suppressed for one address now, the oldest first."""
    return list(session.scalars(_standing(address_hash, channel)))


def known_links_key(session: ClinicSession) -> bytes:
    """The key of this clinic's address hashes, read only; empty where nothing was ever hashed."""
    return bytes.fromhex(secret(session, LINKS))


def _standing(address_hash: str, channel: str) -> Any:
    return (
        select(Suppression)
        .where(
            Suppression.address_hash == address_hash, Suppression.channel == channel, Suppression.lifted_at.is_(None)
        )
        .order_by(Suppression.id)
    )  # fmt: skip


def _left_out(row: Any, channel: str) -> str:
    """Why a client gets nothing whatever they allowed. Of a restricted one nothing more is told."""
    if row.merged_into_id:
        return "merged into another client"
    if row.restricted:
        return "left out by the clinic"
    return "" if address_of(channel, row) else _NOWHERE[channel]


_NOWHERE = {"email": "no e-mail address", "sms": "no phone number", "letter": "no postal address"}


def _bereaved(session: ClinicSession, client_ids: Collection[str]) -> list[str]:
    """The clients all of whose patients have died."""
    found: list[str] = []
    for ids in chunks(client_ids):
        counts = session.execute(
            select(Patient.client_id, func.count(Patient.id), func.count(Patient.died_on))
            .where(Patient.client_id.in_(ids))
            .group_by(Patient.client_id)
        )
        found += [client_id for client_id, every, died in counts if every == died]
    return found


def _not_allowed(session: ClinicSession, ids: Collection[str], channel: str, purpose: str) -> dict[str, str]:
    by = BY[channel]
    if purpose != "marketing":
        answers = standing_answers(session, ids, channel, "reminders")
        return {one: f"refused reminders by {by}" for one, given in answers.items() if not given}
    answers = standing_answers(session, ids, channel, "marketing")
    never, no = f"no consent to marketing by {by}", f"refused marketing by {by}"
    return {one: (no if one in answers else never) for one in ids if not answers.get(one)}


def _name(found: dict[str, str], reasons: Mapping[str, str]) -> None:
    """The first reason counts."""
    for client_id, why in reasons.items():
        if client_id in found and not found[client_id]:
            found[client_id] = why
