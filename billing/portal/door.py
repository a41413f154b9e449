"""Clients sign in to the portal by a code that is mailed to the address the clinic has of them.

Whoever asks gets the same answer whether the clinic, the address or the service exists or not. Codes and sessions are
rows that hold keyed hashes alone. A session is tied to the address it was opened with: once the clinic changes or
removes it, restricts the record or switches the service off, the session is over with the next click.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select, update

from billing.client_billing import client_billing
from data.engine import database
from data.models import Client, Clinic, OutboxMessage, PortalCode, PortalSession
from data.session import ClinicSession, everywhere, read, write
from data.types import clock
from messages import delivery
from messages.outbox import content_of, queue
from records.access import client_for
from records.family import current, family
from security import audit
from security.actor import Actor
from security.profile import profile
from security.rules import act, look
from security.sessions import fingerprint
from security.sign_in import is_loopback

CODE_LIFE = timedelta(minutes=10)
DIGITS = 8
TRIES = 5
"""Wrong codes after which the codes of an address are void."""
CODES = ((3, timedelta(minutes=15)), (8, timedelta(hours=6)))
"""So many codes go to one address in such a time; further ones are silently not sent."""
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
TOUCH_EVERY = timedelta(seconds=30)
PURPOSE = "portal-code"


@dataclass(frozen=True)
class Visitor:
    """A client who is signed in to the portal of a clinic."""

    clinic_id: str
    session_id: str
    client_id: str
    number: int
    address_hash: str

    @property
    def actor(self) -> Actor:
        """On whose behalf rules act, once it is sure that what they touch belongs to this client."""
        return Actor.portal(self.clinic_id, f"client {self.number}")


@dataclass(frozen=True)
class Relative:
    """One of several clients with the same address."""

    client_id: str
    name: str


def ask_code(slug: str, address: str) -> None:
    """Mail a code to this address where it is that of a client; nothing tells whether it was."""
    clinic_id = clinic_with(slug)
    address = address.strip().lower()
    if clinic_id is None or not address:
        return
    with read(clinic_id) as session:
        if not client_billing(session).enabled or not _clients(session, address):
            return
    hashed = address_hash(clinic_id, address)
    with write(clinic_id) as session:
        session.head()
        clients = _clients(session, address)
        if not clients or not _may_send(session, hashed):
            return
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
        rows = [
            PortalCode(
                client_id=client.id, address_hash=hashed, code_hash=_code_hash(hashed, code),
                expires_at=clock.now() + CODE_LIFE,
            )
            for client in clients
        ]  # fmt: skip
        session.add_all(rows)
        session.flush()
        clinic = session.get_one(Clinic, clinic_id).name
        queue(
            session, purpose=PURPOSE, dedupe_key=f"{PURPOSE}-{rows[0].id}", recipient=clients[0].email.strip(),
            subject="Your sign-in code",
            text=f"Hello,\n\nYour code for {clinic} is\n\n    {code[:4]} {code[4:]}\n\nIt works once, for "
            f"{int(CODE_LIFE.total_seconds() // 60)} minutes, on the page where you asked for it. Nobody from the "
            "clinic will ever ask you for it. If you did not want to sign in, delete this mail.\n",
            reply_to=profile(session).email,
        )  # fmt: skip
        for client in clients:
            audit.append(session, Actor.portal(clinic_id, f"client {client.number}"), "portal.code_sent", "client",
                         client.id)  # fmt: skip


def enter(slug: str, address: str, code: str) -> tuple[str, list[Relative]] | None:
    """Sign in with a code: the session's token, and all clients with this address, the first of whom is signed in.

    None for a code that is wrong, used, too old or was tried too often, and for an address or clinic that is unknown.
    """
    clinic_id = clinic_with(slug)
    digits = "".join(char for char in code if char.isascii() and char.isdigit())
    if clinic_id is None or not is_on(clinic_id):
        return None
    hashed = address_hash(clinic_id, address)
    guess = _code_hash(hashed, digits)
    with write(clinic_id, quiet=True) as session:
        session.head()
        rows = session.scalars(
            select(PortalCode).where(
                PortalCode.address_hash == hashed, PortalCode.used_at.is_(None),
                PortalCode.expires_at > clock.now(), PortalCode.attempts < TRIES,
            )
        ).all()  # fmt: skip
        right = [row for row in rows if hmac.compare_digest(row.code_hash, guess)]
        if not right:
            for row in rows:
                row.attempts += 1
                if row.attempts == TRIES:
                    session.flush()
                    audit.append(session, Actor.portal(clinic_id, "portal"), "portal.code_void", "client",
                                 row.client_id)  # fmt: skip
            return None
        for row in rows:
            row.used_at = clock.now()
        clients = _clients(session, address)
        if not clients:
            return None
        token = _open(session, clients[0], hashed)
        return token, [_relative(client) for client in clients]


def resume(slug: str, token: str) -> Visitor | None:
    """Whose session this is, if it still stands; being asked counts as input."""
    clinic_id = clinic_with(slug)
    _, _, hashed = token.partition(".")
    if clinic_id is None or not hashed:
        return None
    now = clock.now()
    with read(clinic_id) as session:
        row = session.scalars(select(PortalSession).where(PortalSession.token_hash == fingerprint(token))).one_or_none()
        if row is None or row.revoked_at is not None or row.expires_at <= now or row.last_seen_at + IDLE <= now:
            return None
        client = current(session, row.client_id)
        if client is None or client.restricted or not client_billing(session).enabled:
            return None
        if not hmac.compare_digest(address_hash(clinic_id, client.email), hashed):
            return None
        visitor = Visitor(clinic_id, row.id, client.id, client.number, hashed)
    if now - row.last_seen_at > TOUCH_EVERY:
        with write(clinic_id, quiet=True) as session:
            session.execute(
                update(PortalSession.__table__)  # type: ignore[arg-type]
                .where(PortalSession.clinic_id == clinic_id, PortalSession.id == row.id)
                .values(last_seen_at=now)
            )
    return visitor


def relatives(visitor: Visitor) -> list[Relative]:
    """All clients with the address of this one, by number."""
    with read(visitor.clinic_id) as session:
        client = current(session, visitor.client_id)
        return [_relative(one) for one in _clients(session, client.email)] if client else []


def change_to(visitor: Visitor, client_id: str) -> str | None:
    """Go on as another client with the same address: the token of a new session; None for anybody else's id."""
    with write(visitor.clinic_id, quiet=True) as session:
        session.head()
        client = current(session, visitor.client_id)
        found = [one for one in _clients(session, client.email) if one.id == client_id] if client else []
        if not found:
            return None
        _end(session, [visitor.session_id])
        return _open(session, found[0], visitor.address_hash)


def leave(visitor: Visitor) -> None:
    """Sign out."""
    with write(visitor.clinic_id, quiet=True) as session:
        session.head()
        _end(session, [visitor.session_id])
        session.flush()
        audit.append(session, visitor.actor, "portal.signed_out", "client", visitor.client_id)


def portal_sessions(client_id: str, *, by: Actor) -> int:
    """In how many browsers a client is signed in to the portal. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "clients.view") as session:
        client = client_for(session, client_id, by)
        return len(_standing(session, family(session, client.id)))


def end_portal_sessions(client_id: str, *, by: Actor, key: str | None = None) -> int:
    """Sign a client out of the portal everywhere, and void codes under way; returns how many sessions ended. Raises
    NotFound, RestrictedRecord, NotPermitted."""
    with act(by, "clients.edit", key=key) as work:
        if work.repeated:
            return int(work.result)
        session = work.session
        client = client_for(session, client_id, by)
        ids = family(session, client.id)
        found = _standing(session, ids)
        _end(session, found)
        for code in session.scalars(
            select(PortalCode).where(PortalCode.client_id.in_(ids), PortalCode.used_at.is_(None))
        ):
            code.used_at = clock.now()
        work.audit("portal.sessions_ended", "client", client.id, sessions=len(found))
        work.result = len(found)
        return len(found)


def demo_code(slug: str, address: str, network_address: str) -> str:
    """The newest code of an address, for trying a sample clinic out on its own machine where no mail goes out; nothing
    anywhere else."""
    clinic_id = clinic_with(slug)
    if clinic_id is None or delivery.mail_server() or not is_loopback(network_address):
        return ""
    with read(clinic_id) as session:
        if not session.get_one(Clinic, clinic_id).is_demo:
            return ""
        mails = select(OutboxMessage).where(
            OutboxMessage.purpose == PURPOSE, func.lower(OutboxMessage.recipient) == address.strip().lower(),
            OutboxMessage.entered_at > clock.now() - CODE_LIFE,
        )  # fmt: skip
        newest = session.scalars(mails.order_by(OutboxMessage.entered_at.desc(), OutboxMessage.id.desc())).first()
        found = re.search(r"\d{4} \d{4}", content_of(newest).text) if newest else None
        return found[0] if found else ""


def clinic_with(slug: str) -> str | None:
    """The id of the clinic with this short name, if there is one."""
    if "\0" in slug:  # PostgreSQL takes none
        return None
    with everywhere() as session:
        return session.scalar(select(Clinic.id).where(Clinic.slug == slug, Clinic.closed_at.is_(None)))


def is_on(clinic_id: str) -> bool:
    """Whether the clinic has switched client billing on."""
    with read(clinic_id) as session:
        return client_billing(session).enabled


def address_hash(clinic_id: str, address: str) -> str:
    """What is kept of an address: keyed, so that nobody without the key can try addresses out."""
    text = f"portal-address:{clinic_id}:{address.strip().lower()}"
    return hmac.new(database().home.key("token"), text.encode(), hashlib.sha256).hexdigest()


def _code_hash(hashed: str, code: str) -> str:
    return hmac.new(database().home.key("token"), f"portal-code:{hashed}:{code}".encode(), hashlib.sha256).hexdigest()


def _clients(session: ClinicSession, address: str) -> list[Client]:
    """The clients with this address whose records are open, by number."""
    wanted = address.strip().lower()
    if not wanted or "\0" in wanted:
        return []
    statement = select(Client).where(
        func.lower(func.trim(Client.email)) == wanted, Client.merged_into_id.is_(None), Client.restricted.is_(False)
    )
    return list(session.scalars(statement.order_by(Client.number)))


def _may_send(session: ClinicSession, hashed: str) -> bool:
    for most, span in CODES:
        sent = select(func.count(func.distinct(PortalCode.code_hash))).where(
            PortalCode.address_hash == hashed, PortalCode.entered_at > clock.now() - span
        )
        if (session.scalar(sent) or 0) >= most:
            return False
    return True


def _open(session: ClinicSession, client: Client, hashed: str) -> str:
    token = f"{secrets.token_urlsafe(32)}.{hashed}"
    now = clock.now()
    session.add(
        PortalSession(
            client_id=client.id, token_hash=fingerprint(token), expires_at=now + ABSOLUTE, last_seen_at=now
        )
    )  # fmt: skip
    session.flush()
    by = Actor.portal(session.clinic_id, f"client {client.number}")
    audit.append(session, by, "portal.signed_in", "client", client.id)
    return token


def _standing(session: ClinicSession, ids: list[str]) -> list[str]:
    now = clock.now()
    return list(
        session.scalars(
            select(PortalSession.id).where(
                PortalSession.client_id.in_(ids), PortalSession.revoked_at.is_(None), PortalSession.expires_at > now,
                PortalSession.last_seen_at > now - IDLE,
            )
        )
    )  # fmt: skip


def _end(session: ClinicSession, ids: list[str]) -> None:
    for row in session.scalars(select(PortalSession).where(PortalSession.id.in_(ids))):
        row.revoked_at = clock.now()


def _relative(client: Client) -> Relative:
    return Relative(client.id, f"{client.first_name} {client.last_name}".strip())


def own_ids(session: ClinicSession, visitor: Visitor) -> list[str]:
    """The ids under which rows of this client may stand."""
    return family(session, visitor.client_id)


def _still_good(_: ClinicSession, row: OutboxMessage) -> str:
    """A code that reaches nobody in time is of no use."""
    return "the code ran out before it could be sent" if row.entered_at + CODE_LIFE < clock.now() else ""


delivery.JUDGES[PURPOSE] = _still_good
