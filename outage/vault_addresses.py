"""Who gets the Vault: addresses confirmed by a code that was mailed to them, and the password of the file."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from data.engine import database
from data.errors import BadInput, NotFound
from data.models import Clinic, ClinicSecret, OutboxMessage, VaultAddress
from data.session import ClinicSession
from data.types import clock, is_id, new_id
from messages import delivery
from messages.outbox import queue
from security.actor import Actor
from security.clinic_secrets import keep_secret, secret
from security.rules import Work, act, look

VAULT = "vault"
"""The name of the secret."""
CODE_MAIL = "vault-code"
CODE_LIFE = timedelta(minutes=30)
DIGITS = 6
TRIES = 5
"""Wrong codes after which a code is void."""
CODES = ((3, timedelta(minutes=15)), (8, timedelta(hours=6)))
"""So many codes go to one address in such a time."""
OF_CLINIC = 30, timedelta(hours=6)
"""So many codes a clinic sends in such a time, whatever the addresses."""
MOST = 12
SHORTEST, LONGEST = 12, 64
EASY = "abcdefghjkmnpqrstuvwxyz23456789"
"""What can be read off paper without taking one letter for another."""


class NoAddress(BadInput):
    """'{text}' is not an e-mail address. Write it like name@example.org."""


class AddressThere(BadInput):
    """{address} is on the list already."""


class TooManyAddresses(BadInput):
    """The Vault goes to at most {most} addresses. Remove one that nobody reads any more."""


class TooManyCodes(BadInput):
    """Several codes were mailed just now. Look into the mailbox, the spam folder too, or try again in {minutes}
    minutes."""


class WrongCode(BadInput):
    """That is not the code that was mailed to {address}. {rest}"""


class CodeOver(BadInput):
    """The code for {address} can no longer be used: it is older than {minutes} minutes, or was tried too often. Have a
    new one mailed."""


class BadVaultPassword(BadInput):
    """The password of the Vault needs {shortest} to {longest} letters, digits and signs as they are on every keyboard,
    without a blank at either end: {problem}"""


@dataclass(frozen=True)
class Address:
    """An address of the Vault. ``confirmed_at`` is empty until its code was entered; ``code_until`` until when the
    code that was mailed last can be."""

    id: str
    email: str
    confirmed_at: datetime | None
    code_until: datetime | None


def addresses(*, by: Actor) -> list[Address]:
    """Every address, in the order in which they were added. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        return [_told(row) for row in _rows(session)]


def add_address(email: str, *, by: Actor, key: str | None = None) -> str:
    """Add an address and mail it its code; returns its id.

    Raises NoAddress, AddressThere, TooManyAddresses, TooManyCodes, NotPermitted.
    """
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return str(work.result)
        email = email.strip()
        if not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+", email) or len(email) > 254:
            raise NoAddress(text=email[:80])
        standing = _rows(work.session)
        if any(row.email.lower() == email.lower() for row in standing):
            raise AddressThere(address=email)
        if len(standing) >= MOST:
            raise TooManyAddresses(most=MOST)
        row = VaultAddress(email=email, by_user_id=by.user_id)
        work.session.add(row)
        work.session.flush()
        _mail_code(work.session, row)
        work.audit("vault.address_added", "vault_address", row.id)
        work.result = row.id
        return row.id


def mail_code(address_id: str, *, by: Actor, key: str | None = None) -> None:
    """Mail another code; the one before no longer counts. Raises TooManyCodes, NotFound, NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        row = _one(work.session, address_id)
        if row.confirmed_at is None:
            _mail_code(work.session, row)
            work.audit("vault.code_mailed", "vault_address", row.id)


def confirm_address(address_id: str, code: str, *, by: Actor) -> None:
    """Enter the code that came to an address; it gets the Vault from now on. A confirmed one stays as it is.

    Raises WrongCode, CodeOver, NotFound, NotPermitted.
    """
    refused: BadInput | None = None
    with act(by, "settings.edit") as work:
        row = _one(work.session, address_id)
        if row.confirmed_at is not None:
            return
        digits = "".join(char for char in code if char.isascii() and char.isdigit())
        if row.code_until is None or row.code_until <= clock.now() or row.tries >= TRIES:
            raise CodeOver(address=row.email, minutes=int(CODE_LIFE.total_seconds() // 60))
        if hmac.compare_digest(row.code_hash, _code_hash(row.id, digits)):
            _confirmed(work, row, "code")
        else:
            row.tries += 1
            left = TRIES - row.tries
            rest = (
                f"It can be tried {left} more {'time' if left == 1 else 'times'}." if left else "Have a new one sent."
            )
            refused = WrongCode(address=row.email, rest=rest)
            work.audit("vault.code_refused", "vault_address", row.id, tries=row.tries)
    if refused is not None:
        raise refused


def vouch_for(address_id: str, *, by: Actor) -> None:
    """Confirm an address without its code: for the operator at the machine alone, who knows whose it is.

    Raises BadInput, NotFound, NotPermitted.
    """
    if by.source != "command":
        raise BadInput(problem="An address is confirmed by the code that was mailed to it.")
    with act(by, "settings.edit") as work:
        row = _one(work.session, address_id)
        if row.confirmed_at is None:
            _confirmed(work, row, "operator")


def remove_address(address_id: str, *, by: Actor, key: str | None = None) -> None:
    """Take an address off the list; what waits for it is not sent any more. Raises NotFound, NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        row = _one(work.session, address_id)
        row.deleted_at = clock.now()
        work.audit("vault.address_removed", "vault_address", row.id)


def drawn_password() -> str:
    """A good password that can be read off paper: four groups of four."""
    return "-".join("".join(secrets.choice(EASY) for _ in range(4)) for _ in range(4))


def set_password(password: str, *, by: Actor, key: str | None = None) -> None:
    """Set what opens the mailed files from now on; files of earlier nights keep the password they had.

    Raises BadVaultPassword, NotPermitted.
    """
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        _check_password(password)
        keep_secret(work.session, VAULT, password)
        work.session.flush()
        row = work.session.scalars(select(ClinicSecret).where(ClinicSecret.name == VAULT)).one()
        row.entered_at = clock.now()
        work.audit("vault.password_set", "vault")


def _check_password(password: str) -> None:
    problem = ""
    if not SHORTEST <= len(password) <= LONGEST:
        problem = f"this one has {len(password)}."
    elif not all(" " <= char <= "~" for char in password) or password != password.strip():
        problem = "letters with marks, and signs of other scripts, are hard to type on another machine."
    elif len(set(password)) < 5:
        problem = "this one is too plain."
    if problem:
        raise BadVaultPassword(shortest=SHORTEST, longest=LONGEST, problem=problem)


def password_since(*, by: Actor) -> datetime | None:
    """When the password was set; None where there is none. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        return since(session)


def since(session: ClinicSession) -> datetime | None:
    """``password_since`` within a rule."""
    row = session.scalars(select(ClinicSecret).where(ClinicSecret.name == VAULT)).one_or_none()
    return row.entered_at if row is not None else None


def password(session: ClinicSession) -> str:
    """Within a rule that makes the file, or prints the card: the password, empty where none is set."""
    return secret(session, VAULT)


def confirmed(session: ClinicSession) -> list[VaultAddress]:
    """Within a rule: the rows of the addresses that get the Vault."""
    return [row for row in _rows(session) if row.confirmed_at is not None]


def unconfirmed(session: ClinicSession) -> list[str]:
    """Within a rule: the addresses whose code was not entered yet."""
    return [row.email for row in _rows(session) if row.confirmed_at is None]


def _rows(session: ClinicSession) -> list[VaultAddress]:
    return list(session.scalars(select(VaultAddress).order_by(VaultAddress.id)))


def _one(session: ClinicSession, address_id: str) -> VaultAddress:
    row = session.get(VaultAddress, (session.clinic_id, address_id)) if is_id(address_id) else None
    if row is None or row.deleted_at is not None:
        raise NotFound(what="address of the Vault", name=address_id)
    return row


def _told(row: VaultAddress) -> Address:
    return Address(row.id, row.email, row.confirmed_at, row.code_until)


def _confirmed(work: Work, row: VaultAddress, how: str) -> None:
    row.confirmed_at, row.code_hash, row.code_until = clock.now(), "", None
    work.audit("vault.address_confirmed", "vault_address", row.id, by=how)


def _mail_code(session: ClinicSession, row: VaultAddress) -> None:
    now = clock.now()
    mails = select(func.count()).where(OutboxMessage.purpose == CODE_MAIL)
    limits = [(most, span, [func.lower(OutboxMessage.recipient) == row.email.lower()]) for most, span in CODES]
    for most, span, which in [*limits, (*OF_CLINIC, [])]:
        if (session.scalar(mails.where(OutboxMessage.entered_at > now - span, *which)) or 0) >= most:
            raise TooManyCodes(minutes=int(span.total_seconds() // 60))
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    row.code_hash, row.code_until, row.tries = _code_hash(row.id, code), now + CODE_LIFE, 0
    clinic = session.get_one(Clinic, session.clinic_id).name
    half = DIGITS // 2
    queue(
        session, purpose=CODE_MAIL, dedupe_key=f"{CODE_MAIL}:{row.id}:{new_id()}", recipient=row.email,
        subject="Your code for the Vault",
        text=f"Hello,\n\n{clinic} wants to send its daily roster to this address every night, as a file that only "
        f"its password opens. The code that confirms the address is\n\n    {code[:half]} {code[half:]}\n\nEnter it "
        f"under Settings > The Vault within {int(CODE_LIFE.total_seconds() // 60)} minutes. If you know nothing of "
        "this, delete this mail: nothing else will come.\n",
    )  # fmt: skip


def _code_hash(address_id: str, code: str) -> str:
    key = database().home.key("token")
    return hmac.new(key, f"{CODE_MAIL}:{address_id}:{code}".encode(), hashlib.sha256).hexdigest()


def _still_good(_: ClinicSession, row: OutboxMessage) -> str:
    """A code that reaches nobody in time is of no use."""
    return "the code ran out before it could be sent" if row.entered_at + CODE_LIFE < clock.now() else ""


delivery.JUDGES[CODE_MAIL] = _still_good
