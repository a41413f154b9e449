"""Staff profiles: everybody with an account, as colleagues see them; own contact by each, the rest under staff.edit."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from data.blobs import BlobStore
from data.engine import database
from data.errors import BadInput, EditedMeanwhile, NotFound
from data.models import Document, User
from data.pictures import jpeg_size, png_size
from data.session import ClinicSession
from security.actor import Actor
from security.reach import check_reach, find_user
from security.rules import act, look
from security.users import role_labels

SIGNATURE_LIMIT = 1 << 20
SIGNATURE_POINTS = 8_000_000
"""Bytes of a signature's image."""
_IMAGES = {b"\x89PNG\r\n\x1a\n": ("image/png", png_size), b"\xff\xd8\xff": ("image/jpeg", jpeg_size)}


@dataclass(frozen=True)
class StaffRow:
    """One staff profile. ``working_days`` are weekdays, 0 = Monday."""

    id: str
    username: str
    name: str
    initials: str
    role: str
    role_label: str
    status: str
    email: str
    phone: str
    licence: str
    dea_number: str
    working_days: tuple[int, ...]
    colour: str
    has_signature: bool
    last_sign_in_at: datetime | None
    version: int


@dataclass(frozen=True)
class Profile:
    """What ``edit_profile`` changes."""

    name: str
    initials: str = ""
    email: str = ""
    phone: str = ""
    licence: str = ""
    dea_number: str = ""
    working_days: Sequence[int] = ()
    colour: str = ""


def list_staff(*, by: Actor, disabled: bool = False) -> list[StaffRow]:
    """The staff by name; ``disabled`` adds those who left."""
    with look(by, "staff.view") as session:
        labels = role_labels(session)
        statement = select(User).order_by(func.lower(User.name))
        if not disabled:
            statement = statement.where(User.status != "disabled")
        return [_row(user, labels) for user in session.scalars(statement)]


def staff_profile(user_id: str, *, by: Actor) -> StaffRow:
    """One profile; raises NotFound."""
    with look(by, "staff.view") as session:
        return _row(find_user(session, user_id), role_labels(session))


def edit_contact(email: str, phone: str, *, expected: int, by: Actor, key: str | None = None) -> None:
    """Change one's own e-mail address and phone. Raises BadInput, EditedMeanwhile."""
    with act(by, None, key=key) as work:
        if work.repeated:
            return
        if by.user_id is None:
            raise NotFound(what="staff profile", name="of this screen")
        user = find_user(work.session, by.user_id)
        _change(work.session, user, {"email": _email(email), "phone": phone.strip()[:40]}, expected)
        work.audit("staff.contact", "user", user.id)


def edit_profile(user_id: str, profile: Profile, *, expected: int, by: Actor, key: str | None = None) -> None:
    """Change anybody's profile. The e-mail address takes the person's links and an owner's alerts, so only who holds
    their rights may change it. Raises BadInput naming the field, EditedMeanwhile, NotFound, BeyondYourRights."""
    values = _checked(profile)
    with act(by, "staff.edit", key=key) as work:
        if work.repeated:
            return
        user = find_user(work.session, user_id)
        if values["email"] != user.email:
            check_reach(work.session, by, user.role, "change their e-mail address")
        changed = _change(work.session, user, values, expected)
        if changed:
            work.audit("staff.profile", "user", user.id, fields=changed)


def set_signature(user_id: str, image: bytes | None, *, by: Actor, key: str | None = None) -> None:
    """Keep the image of a signature (PNG or JPEG, at most 1 MB), encrypted; ``None`` takes it away.

    One's own, or anybody's with ``staff.edit``. Raises BadInput, NotPermitted, NotFound.
    """
    media = _image_type(image) if image is not None else ""
    blob = BlobStore(database().home).put(image) if image is not None else ""
    with act(by, None if user_id == by.user_id else "staff.edit", key=key) as work:
        if work.repeated:
            return
        user = find_user(work.session, user_id)
        if image is None:
            user.signature_document_id = None
        else:
            document = Document(
                title=f"Signature of {user.username}", kind="signature", media_type=media, size=len(image), blob=blob,
                sha256=hashlib.sha256(image).hexdigest(), by_user_id=by.user_id,
            )  # fmt: skip
            work.session.add(document)
            work.session.flush()
            user.signature_document_id = document.id
        work.audit("staff.signature", "user", user.id, removed=image is None)


def signature(user_id: str, *, by: Actor) -> bytes | None:
    """The image of a person's signature, if there is one. Raises NotFound, BlobMissing, BlobDamaged."""
    with look(by, "staff.view") as session:
        user = find_user(session, user_id)
        if user.signature_document_id is None:
            return None
        blob = session.scalar(select(Document.blob).where(Document.id == user.signature_document_id))
    return BlobStore(database().home).get(blob) if blob else None


def dea_number_is_valid(number: str) -> bool:
    """Two letters and seven digits, of which the last is a check digit: (d1+d3+d5) + 2(d2+d4+d6) ends in it."""
    if not re.fullmatch(r"[A-Z][A-Z9]\d{7}", number):
        return False
    digits = [int(digit) for digit in number[2:]]
    return (digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])) % 10 == digits[6]


def _checked(profile: Profile) -> dict[str, object]:
    name, dea = profile.name.strip(), profile.dea_number.replace(" ", "").upper()
    if not name:
        raise BadInput(problem="A profile needs a name.")
    if dea and not dea_number_is_valid(dea):
        raise BadInput(
            problem=f"'{dea}' is not a DEA number: two letters and seven digits, the last of them a check digit."
        )
    if profile.colour and not re.fullmatch(r"#[0-9a-fA-F]{6}", profile.colour):
        raise BadInput(problem="The color is written like #0f766e.")
    if any(day not in range(7) for day in profile.working_days):
        raise BadInput(problem="Working days are Monday to Sunday.")
    initials = profile.initials.strip() or "".join(part[0] for part in name.split())
    return {
        "name": name[:120], "initials": initials[:6].upper(), "email": _email(profile.email),
        "phone": profile.phone.strip()[:40], "licence": profile.licence.strip()[:60], "dea_number": dea,
        "working_days": sorted(set(profile.working_days)), "colour": profile.colour.lower(),
    }  # fmt: skip


def _change(session: ClinicSession, user: User, values: dict[str, object], expected: int) -> list[str]:
    if user.version != expected:
        raise EditedMeanwhile(who="Somebody else", what="profile")
    changed = [name for name, value in values.items() if getattr(user, name) != value]
    for name in changed:
        setattr(user, name, values[name])
    session.flush()
    return changed


def _email(address: str) -> str:
    address = address.strip()
    if address and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise BadInput(problem=f"'{address}' is not an e-mail address. Write it like name@example.org.")
    return address[:254]


def _image_type(image: bytes) -> str:
    if len(image) > SIGNATURE_LIMIT:
        raise BadInput(problem="The signature's image is larger than 1 MB. Scan it smaller.")
    for start, (media, size) in _IMAGES.items():
        if image.startswith(start):
            _check_size(image, size)
            return media
    raise BadInput(problem="The signature must be a PNG or JPEG image.")


def _check_size(image: bytes, size: Callable[[bytes], tuple[int, int]]) -> None:
    """A small file may unpack to a picture that fills the memory of whoever looks at the profile."""
    try:
        width, height = size(image)
    except (struct.error, IndexError, ValueError):
        raise BadInput(problem="The signature's image is damaged. Save it again as PNG or JPEG.") from None
    if not 0 < width * height <= SIGNATURE_POINTS:
        raise BadInput(problem=f"The signature's image has {width} x {height} points. Scan it smaller.")


def _row(user: User, labels: dict[str, str]) -> StaffRow:
    return StaffRow(
        user.id, user.username, user.name, user.initials, user.role, labels.get(user.role, user.role), user.status,
        user.email, user.phone, user.licence, user.dea_number, tuple(user.working_days or ()), user.colour,
        user.signature_document_id is not None, user.last_sign_in_at, user.version,
    )  # fmt: skip
