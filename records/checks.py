"""What the fields of clients and patients must keep to, each with the sentence for when they do not."""

from __future__ import annotations

import re
from datetime import date

from data.card_numbers import refuse_card_numbers
from data.errors import BadInput
from data.models import Clinic
from data.session import ClinicSession
from data.types import clock
from records.folding import phone_digits

_EMAIL = re.compile(r"[^@\s,;<>\"()\x00-\x1f]+@[^@\s,;<>\"()\x00-\x1f]+\.[^@\s.,;<>\"()\x00-\x1f]{2,}")
_PHONE = re.compile(r"\+?[\d\s().\-/\u2010-\u2013]+(\s*(x|ext\.?)\s*\d{1,6})?", re.IGNORECASE)
_CHIP = re.compile(r"[0-9A-Z]{9,15}")


class Missing(BadInput):
    """{field} is empty. Fill it in, then save again."""


class TooLong(BadInput):
    """{field} has {length} characters; at most {most} fit. Shorten it, then save again."""


class BadEmail(BadInput):
    """'{value}' is not an e-mail address. Write it like name@example.org, or leave it empty."""


class BadPhone(BadInput):
    """'{value}' is not a phone number. Write 7 to 15 digits, such as 212 555 0101, or leave it empty."""


class BornInFuture(BadInput):
    """The birth date {value} lies in the future. Check the day and the year."""


class BornTooLongAgo(BadInput):
    """The birth date {value} is more than {years} years ago. Check the year."""


class BadChip(BadInput):
    """'{value}' is not a microchip number. Write the 9 to 15 digits or letters without spaces, or leave it empty."""


class DiedBeforeBirth(BadInput):
    """The day of death {died} lies before the birth date {born}. Check both."""


class DiedInFuture(BadInput):
    """The day of death {value} lies in the future. Check the day and the year."""


def clean(value: str) -> str:
    """Without control characters and outer blanks; line breaks and tabs stay."""
    return "".join(char for char in value if char in "\n\t" or (ord(char) >= 32 and ord(char) != 127)).strip()


def check_texts(fields: dict[str, tuple[str, int]]) -> None:
    """Each text (by its label: text, longest length) fits and holds no card number. Raises TooLong, CardNumberTyped."""
    for label, (text, most) in fields.items():
        if len(text) > most:
            raise TooLong(field=label, length=len(text), most=most)
    refuse_card_numbers({label: text for label, (text, _) in fields.items()})


def require(label: str, value: str) -> None:
    """Raise Missing for an empty value."""
    if not value.strip():
        raise Missing(field=label)


def check_email(value: str) -> None:
    """Empty or an address; raises BadEmail."""
    if value and (len(value) > 254 or not _EMAIL.fullmatch(value)):
        raise BadEmail(value=value)


def check_phone(value: str) -> None:
    """Empty or a phone number; raises BadPhone."""
    if value and not (_PHONE.fullmatch(value) and 7 <= len(phone_digits(re.split("[xX]|ext", value)[0])) <= 15):
        raise BadPhone(value=value)


def check_chip(value: str) -> None:
    """Empty or a microchip number; raises BadChip."""
    if value and not _CHIP.fullmatch(value):
        raise BadChip(value=value)


def plain_chip(value: str) -> str:
    """A microchip number as it is kept: capitals, no blanks, dots or dashes."""
    return re.sub(r"[\s.\-]", "", value).upper()


def check_life(born: date | None, died: date | None, today: date, *, years: int = 130) -> None:
    """Birth and death lie in the past and in order. Raises BornInFuture, BornTooLongAgo, DiedInFuture,
    DiedBeforeBirth."""
    if born and born > today:
        raise BornInFuture(value=born.isoformat())
    if born and born.year < today.year - years:
        raise BornTooLongAgo(value=born.isoformat(), years=years)
    if died and died > today:
        raise DiedInFuture(value=died.isoformat())
    if born and died and died < born:
        raise DiedBeforeBirth(born=born.isoformat(), died=died.isoformat())


def clinic_in(session: ClinicSession) -> Clinic:
    """The clinic of this transaction."""
    clinic = session.held(Clinic, session.clinic_id)
    assert clinic is not None
    return clinic


def today_in(session: ClinicSession) -> date:
    """The clinic's calendar day."""
    return clock.today(clinic_in(session).zone)
