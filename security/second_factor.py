"""The second factor: six digits from an authenticator app (TOTP, RFC 6238), each code good for once.

The secret lies encrypted under the home's token key. A code of the step before or after is accepted, as clocks differ.
"""

from __future__ import annotations

import hmac
import unicodedata
from dataclasses import dataclass

import pyotp
from sqlalchemy import select

from data.engine import database
from data.errors import BadInput, SessionEnded
from data.models import User
from data.sealed import seal, unseal
from data.session import ClinicSession, write
from data.types import clock
from security import audit
from security.actor import Actor
from security.rules import act

STEP = 30
ISSUER = "Ballast"


class WrongCode(BadInput):
    """That code does not fit. Enter the six digits that your authenticator app shows now; each works once. If they
    are refused again, check that the phone sets its clock by itself."""


@dataclass(frozen=True)
class Enrolment:
    """A secret that was made and not yet proven: ``address`` is what the QR code says, ``secret`` what one types."""

    secret: str
    address: str


def begin(username: str) -> Enrolment:
    """A new secret for a person. Nothing is kept until ``confirm`` has seen a code of it."""
    secret = pyotp.random_base32()
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER))


def matching_step(secret: str, code: str, *, after: int) -> int | None:
    """The time step a code belongs to: now or one beside it, and later than the last one used; None for any other."""
    digits = "".join(str(unicodedata.decimal(character)) for character in code if character.isdecimal())
    now = int(clock.now().timestamp()) // STEP
    totp = pyotp.TOTP(secret)
    for step in (now, now - 1, now + 1):
        if step > after and hmac.compare_digest(totp.at(step * STEP), digits):
            return step
    return None


def confirm_at_sign_in(clinic_id: str, user_id: str, enrolment: Enrolment, code: str) -> bool:
    """Keep the secret of a person who is just signing in, once a code of it was right."""
    step = matching_step(enrolment.secret, code, after=0)
    if step is None:
        return False
    with write(clinic_id) as session:
        user = session.get_one(User, (clinic_id, user_id))
        if user.totp_secret is not None or user.status != "active":
            return False
        _keep(session, user, enrolment, step, Actor(clinic_id, "web", user_id=user_id))
    return True


def confirm(enrolment: Enrolment, code: str, *, by: Actor, key: str | None = None) -> None:
    """Keep one's own new secret; an earlier one stops working. Raises WrongCode."""
    step = matching_step(enrolment.secret, code, after=0)
    if step is None:
        raise WrongCode
    with act(by, None, key=key) as work:
        if work.repeated:
            return
        user = work.session.scalars(select(User).where(User.id == by.user_id)).one_or_none()
        if user is None:
            raise SessionEnded
        user.totp_secret, user.totp_last_step = sealed(enrolment.secret), step
        work.audit("user.second_factor_set", "user", user.id)


def _keep(session: ClinicSession, user: User, enrolment: Enrolment, step: int, by: Actor) -> None:
    user.totp_secret, user.totp_last_step = sealed(enrolment.secret), step
    session.flush()
    audit.append(session, by, "user.second_factor_set", "user", user.id)


def sealed(secret: str) -> bytes:
    """A secret as it is kept."""
    return seal(secret.encode(), database().home.key("token"))


def opened(kept: bytes) -> str:
    """A kept secret in the clear; raises BlobDamaged."""
    return unseal(kept, database().home.key("token"), "second factor").decode()


def picture(address: str) -> str:
    """The QR code of an address as a data URI for an image, black on white in either theme."""
    import segno

    return str(segno.make(address, error="m").png_data_uri(scale=5, border=3, dark="#000", light="#fff"))
