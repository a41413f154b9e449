"""What came back counts: bounces and complaints, from the mailbox or told by a mail service, stop an address."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from campaigns.consents import REASONS, known_links_key, suppress, suppressed
from campaigns.links import CODES, address_hash
from campaigns.notices import Notice
from campaigns.settings import MAILBOX, ONLY_MAILBOX, Mailbox
from data import definitions
from data.errors import BadInput
from data.models import Clinic, MailEvent, OutboxMessage, Suppression
from data.session import ClinicSession, everywhere, read
from data.types import clock, is_id
from messages import delivery
from messages.outbox import CAME_BACK
from security.actor import Actor
from security.clinic_secrets import keep_secret, links_key, secret
from security.rules import act, look

HOOK = "bounces"
"""The secret in the address that a mail service posts to."""
KINDS = ("hard_bounce", "soft_bounce", "complaint", "delivered")
SOFT_WITHIN = timedelta(days=120)
MOST = 500
"""Events in one call of a mail service."""


class NotUnderstood(BadInput):
    """This is no list of events: {problem}."""


@dataclass(frozen=True)
class Taken:
    """What became of notices: ``known`` were counted before, ``unknown`` name no message of this clinic."""

    new: int = 0
    known: int = 0
    unknown: int = 0
    stopped: int = 0


def take_in(notices: Sequence[tuple[str, Notice]], *, by: Actor) -> Taken:
    """Count each notice once, by the id it came under, and stop addresses that are gone or whose owner complained."""
    new = known = unknown = stopped = 0
    with act(by, "campaigns.use") as work:
        session = work.session
        limit = mailbox_in(session).soft_bounces
        for external_id, notice in notices:
            row = session.get(OutboxMessage, (by.clinic_id, notice.message)) if is_id(notice.message) else None
            if row is None or row.deleted_at is not None or notice.kind not in KINDS:
                unknown += 1
            elif _is_known(session, external_id):
                known += 1
            else:
                new += 1
                stopped += _count(session, row, external_id, notice, limit)
        if new:
            work.audit("mail.came_back", "outbox", "", new=new, stopped=stopped)
    return Taken(new, known, unknown, stopped)


def _is_known(session: ClinicSession, external_id: str) -> bool:
    session.flush()
    return session.scalar(select(MailEvent.id).where(MailEvent.external_id == external_id[:200])) is not None


def _count(session: ClinicSession, row: OutboxMessage, external_id: str, notice: Notice, limit: int) -> bool:
    """Keep one notice; whether an address was stopped by it."""
    if row.channel not in CODES:
        hashed = ""
    else:
        hashed = row.address_hash or address_hash(links_key(session), row.channel, row.recipient)
    detail = "".join(char if char.isprintable() else " " for char in notice.detail)[:120]
    session.add(
        MailEvent(
            outbox_id=row.id, address_hash=hashed, kind=notice.kind, external_id=external_id[:200], detail=detail,
            event_at=clock.now(),
        )
    )  # fmt: skip
    if row.state == "uncertain":  # whatever came back, it had gone out
        row.state, row.sent_at = "sent", row.sent_at or clock.now()
    if notice.kind != "delivered":
        row.reply = f"{SAID[notice.kind]} {detail}".strip()[:500]
    session.flush()
    if not hashed:
        return False
    if notice.kind == "complaint":
        suppress(session, hashed, row.channel, "marketing", "complained", row.run_id)
        return True
    if notice.kind == "hard_bounce" or (
        notice.kind == "soft_bounce" and _soft_in_a_row(session, hashed, row.channel) >= limit
    ):
        suppress(session, hashed, row.channel, "everything", "bounced", row.run_id)
        return True
    return False


SAID = {
    "hard_bounce": f"{CAME_BACK}: there is no such address", "soft_bounce": f"{CAME_BACK} for now",
    "complaint": "reported as unwanted",
}  # fmt: skip


def _soft_in_a_row(session: ClinicSession, hashed: str, channel: str) -> int:
    """Messages that came back for now, since one arrived or somebody said that the address works again."""
    since = [clock.now() - SOFT_WITHIN]
    since += [
        at
        for at in (
            session.scalar(
                select(func.max(MailEvent.event_at)).where(
                    MailEvent.address_hash == hashed, MailEvent.kind == "delivered"
                )
            ),
            session.scalar(
                select(func.max(Suppression.lifted_at)).where(
                    Suppression.address_hash == hashed, Suppression.channel == channel
                )
            ),
        )
        if at is not None
    ]
    counted = select(func.count(func.distinct(MailEvent.outbox_id))).where(
        MailEvent.address_hash == hashed, MailEvent.kind == "soft_bounce", MailEvent.event_at > max(since)
    )
    return session.scalar(counted) or 0


def _still_reached(session: ClinicSession, row: OutboxMessage) -> str:
    """Why a mail about an invoice goes out no more: its address is stopped altogether. Alerts to the clinic's own
    people go in any case."""
    key = known_links_key(session)
    if not key or not row.dedupe_key.startswith(TO_CLIENTS):
        return ""
    hashed = address_hash(key, row.channel, row.recipient)
    why = suppressed(session, [hashed], row.channel, "invoice").get(hashed, "")
    return REASONS.get(why, why)


TO_CLIENTS = ("invoice-", "request-")
delivery.JUDGES["alert"] = _still_reached


# --- told by a mail service --------------------------------------------------------------------------------------


def receive(slug: str, token: str, body: bytes) -> Taken | None:
    """Take what a mail service tells by its webhook; None for another address than the clinic's own.

    ``{"events": [{"id": "…", "kind": "hard_bounce", "message": "…", "detail": "550 5.1.1"}]}``. Raises NotUnderstood.
    """
    clinic_id = clinic_with(slug)
    if clinic_id is None:
        return None
    with read(clinic_id) as session:
        known = secret(session, HOOK)
    if not known or not hmac.compare_digest(known.encode(), token.encode("utf-8", "replace")):
        return None
    return take_in(_events(body), by=Actor.worker(clinic_id))


def _events(body: bytes) -> list[tuple[str, Notice]]:
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood(problem="it is not JSON") from None
    events = told.get("events", [told]) if isinstance(told, dict) else told
    if not isinstance(events, list) or len(events) > MOST:
        raise NotUnderstood(problem=f"send a list of at most {MOST} events")
    found = []
    for number, one in enumerate(events, 1):
        if not isinstance(one, dict) or not all(isinstance(one.get(name), str) for name in ("id", "kind", "message")):
            raise NotUnderstood(problem=f"event {number} needs the texts id, kind and message")
        external_id, kind = one["id"].strip(), one["kind"]
        if not external_id or len(external_id) > 150 or not external_id.isprintable():
            raise NotUnderstood(problem=f"the id of event {number} must have 1 to 150 printable characters")
        if kind not in KINDS:
            raise NotUnderstood(problem=f"the kind of event {number} must be one of {', '.join(KINDS)}")
        message = one["message"].strip().strip("<>").partition("@")[0].lower()
        found.append((f"hook:{external_id}", Notice(kind, message, str(one.get("detail") or "")[:300])))
    return found


def draw_hook(*, by: Actor, key: str | None = None) -> str:
    """A new secret for the webhook's address, shown once; the one before no longer counts. Raises NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return secret(work.session, HOOK)
        drawn = secrets.token_urlsafe(32)
        keep_secret(work.session, HOOK, drawn)
        work.audit("mail.hook_drawn", "clinic", by.clinic_id)
        work.result = True
        return drawn


def has_hook(*, by: Actor) -> bool:
    """Whether a mail service may tell. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        return bool(secret(session, HOOK))


def clinic_with(slug: str) -> str | None:
    """The id of the clinic that an address names; None for none that is open."""
    if "\0" in slug or len(slug) > 60:
        return None
    with everywhere() as session:
        return session.scalar(select(Clinic.id).where(Clinic.slug == slug, Clinic.closed_at.is_(None)))


def mailbox_in(session: ClinicSession) -> Mailbox:
    """The mailbox that bounces come to, as it is set."""
    return definitions.load_all(session, MAILBOX).get(ONLY_MAILBOX) or Mailbox()
