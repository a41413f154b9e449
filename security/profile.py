"""The clinic's profile: what heads every print and mail, and how sign-in behaves."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated

from pydantic import Field

from data import definitions
from data.errors import BadInput
from data.models import Clinic
from data.session import ClinicSession
from data.wording import Wording


class ClinicProfile(definitions.Document):
    """Settings > Clinic."""

    legal_name: str = Field(default="", max_length=200)
    address: str = Field(default="", max_length=500)
    phone: str = Field(default="", max_length=40)
    email: str = Field(default="", max_length=254)
    website: str = Field(default="", max_length=200)
    tax_number: str = Field(default="", max_length=40)
    support_contact: str = Field(default="", max_length=200)
    community_link: str = Field(default="", max_length=300)
    security_officer: str = Field(default="", max_length=120)
    idle_minutes: int = Field(default=30, ge=1, le=30)
    paper: str = Field(default="letter", pattern="^(letter|a4)$")
    off_site_backup: str = Field(default="", max_length=300)
    outage_lead: str = Field(default="", max_length=120)
    outage_paper: str = Field(default="", max_length=160)
    outage_phones: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=8)


def _check(_: ClinicSession, __: str, entered: ClinicProfile) -> None:
    """What is saved from now on; a profile that was saved before stays readable."""
    if entered.email and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", entered.email):
        raise BadInput(problem=f"'{entered.email}' is not an e-mail address. Write it like name@example.org.")
    if entered.community_link and not re.match(r"https?://\S+$", entered.community_link):
        raise BadInput(problem="The community link must be a web address that begins with https://.")
    if entered.off_site_backup and not PurePath(entered.off_site_backup).is_absolute():
        raise BadInput(problem="Write the off-site place as a whole path, such as /mnt/backup.")


PROFILE = definitions.register("clinic-profile", "Clinic profile", ClinicProfile, _check)


def profile(session: ClinicSession) -> ClinicProfile:
    """The current profile; an empty one where none was saved."""
    return definitions.load_all(session, PROFILE).get("clinic") or ClinicProfile()


def wording(session: ClinicSession) -> Wording:
    """How this clinic writes days, times and money, within a rule."""
    return Wording.of(session.get_one(Clinic, session.clinic_id))
