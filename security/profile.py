"""The clinic's profile: what heads every print and mail, and how sign-in behaves."""

from __future__ import annotations

from pydantic import Field

from data import definitions
from data.session import ClinicSession


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


PROFILE = definitions.register("clinic-profile", "Clinic profile", ClinicProfile)


def profile(session: ClinicSession) -> ClinicProfile:
    """The current profile; an empty one where none was saved."""
    return definitions.load_all(session, PROFILE).get("clinic") or ClinicProfile()
