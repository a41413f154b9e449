"""Replies to text messages: STOP and START count at once, told by Twilio's signed call or found by asking.

STOP ends every text message to that number: Twilio and the carriers let nothing more through by themselves, and the law
takes it as no to all of them. It comes by START alone, which gives back what STOP or a complaint took, and neither a
bounce nor what the clinic has set. A reply counts once by its SID. Of other replies nothing is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sqlalchemy import func, select

from campaigns.consents import lift, standing, suppress
from campaigns.leaving import OWN
from campaigns.links import address_hash
from campaigns.returns import clinic_with
from campaigns.text_account import account_in
from data.models import MailEvent, OutboxMessage
from data.session import ClinicSession
from data.types import clock
from messages import sms
from messages.phone import dialled
from security.actor import Actor
from security.clinic_secrets import links_key
from security.rules import act, look

STOP = {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"}
START = {"start", "unstop"}
HELP = {"help", "info"}
BACK = timedelta(days=2)
"""How far back replies are asked for; what counted before counts no second time."""
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")


@dataclass(frozen=True)
class Reply:
    """What somebody answered: stop, start or help."""

    sid: str
    number: str
    what: str
    at: datetime


@dataclass(frozen=True)
class Counted:
    """What became of replies: new ones by what they ask for, and those that had counted before."""

    stopped: int = 0
    started: int = 0
    helped: int = 0
    known: int = 0


def meaning(body: str, told: str = "") -> str:
    """What a reply asks for; empty for any other text. ``told`` is what the service itself made of it."""
    if told.lower() in ("stop", "start", "help"):
        return told.lower()
    words = re.findall(r"[a-z]+", body.lower()[:200])
    together = "".join(words)
    if together in STOP or words[:1] in (["stop"], ["unsubscribe"]) or words[:2] == ["opt", "out"]:
        return "stop"
    if together in START:
        return "start"
    return "help" if together in HELP else ""


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """How Twilio signs a call: HMAC-SHA1 over the address and every parameter, by name, under the auth token."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def receive(slug: str, urls: Collection[str], form: Mapping[str, str], signed: str) -> Counted | None:
    """Take in a reply that Twilio tells of; None for what it did not sign with this clinic's token for this address.

    ``urls`` are the addresses under which this installation is known; one of them is what was signed.
    """
    clinic_id = clinic_with(slug)
    account = account_in(clinic_id) if clinic_id else None
    if clinic_id is None or account is None or not signed.isascii():
        return None
    made = [signature(account.token, url, form) for url in urls]
    good = [hmac.compare_digest(one, signed) for one in made]
    if not any(good) or form.get("AccountSid") != account.account:
        return None
    found = _reply(form.get("MessageSid", ""), form.get("From", ""), form.get("Body", ""), form.get("OptOutType", ""))
    return take_in([found] if found else [], by=Actor.worker(clinic_id))


def ask(*, by: Actor) -> Counted:
    """Ask Twilio for the replies of the last two days, where it cannot call this installation. Nothing where no
    account is set. Raises NotPermitted, sms.NotAnswered."""
    with look(by, "campaigns.use"):
        pass
    account = account_in(by.clinic_id)
    if account is None:
        return Counted()
    found = [
        _reply(one.get("sid", ""), one.get("from", ""), one.get("body", ""), "", _instant(one.get("date_sent", "")))
        for one in sms.incoming(account, (clock.now() - BACK).date())
    ]
    return take_in([one for one in found if one], by=by)


def take_in(replies: Iterable[Reply], *, by: Actor) -> Counted:
    """Count each reply once, in the order they were given. Raises NotPermitted."""
    some = sorted(replies, key=lambda one: one.at)
    with look(by, "campaigns.use"):
        if not some:
            return Counted()
    counts = {"stop": 0, "start": 0, "help": 0, "known": 0}
    with act(by, "campaigns.use") as work:
        work.session.head()  # a call and an answer to our question may tell of the same at once
        key = links_key(work.session)
        for one in some:
            if _is_known(work.session, one.sid):
                counts["known"] += 1
                continue
            counts[one.what] += 1
            hashed = address_hash(key, "sms", one.number)
            lifted, later = 0, _is_later(work.session, hashed, one.at)
            message = _message(work.session, hashed)
            if one.what == "stop" and not later:
                suppress(work.session, hashed, "sms", "everything", "unsubscribed", message.run_id if message else None)
            if one.what == "start" and not later:
                lifted = lift(work.session, hashed, "sms", reasons=OWN)
            work.session.add(MailEvent(
                outbox_id=message.id if message else None, address_hash=hashed, kind=_KINDS[one.what],
                external_id=f"text:{one.sid}", event_at=one.at, detail=f"answered {one.what.upper()}",
            ))  # fmt: skip
            left = len(standing(work.session, hashed, "sms"))
            work.audit(_DONE[one.what], "address", hashed[:12], channel="sms", lifted=lifted, standing=left)
    return Counted(counts["stop"], counts["start"], counts["help"], counts["known"])


_KINDS = {"stop": "unsubscribed", "start": "came_back", "help": "asked_help"}
_DONE = {"stop": "address.left", "start": "address.came_back", "help": "address.asked_for_help"}


def _reply(sid: str, number: str, body: str, told: str, at: datetime | None = None) -> Reply | None:
    what = meaning(body, told)
    if not what or not _SID.fullmatch(sid) or not dialled(number):
        return None
    return Reply(sid, number, what, at or clock.now())


def _instant(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except (TypeError, ValueError):
        return None


def _is_known(session: ClinicSession, sid: str) -> bool:
    session.flush()
    return session.scalar(select(MailEvent.id).where(MailEvent.external_id == f"text:{sid}")) is not None


def _is_later(session: ClinicSession, hashed: str, at: datetime) -> bool:
    """Whether this number asked for something after that already."""
    last = session.scalar(
        select(func.max(MailEvent.event_at)).where(
            MailEvent.address_hash == hashed, MailEvent.external_id.startswith("text:"),
            MailEvent.kind.in_((_KINDS["stop"], _KINDS["start"])),
        )
    )  # fmt: skip
    return last is not None and last > at


def _message(session: ClinicSession, hashed: str) -> OutboxMessage | None:
    """The last text message that went to this number, for the delivery log and the campaign's outcome."""
    return session.scalars(
        select(OutboxMessage)
        .where(
            OutboxMessage.address_hash == hashed, OutboxMessage.channel == "sms",
            OutboxMessage.state.in_(("sent", "uncertain")),
        )
        .order_by(OutboxMessage.sent_at.desc())
        .limit(1)
    ).first()  # fmt: skip
