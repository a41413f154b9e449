"""Species with their breeds, and custom fields: definitions an administrator changes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from data import definitions
from data.session import ClinicSession
from records import consents


class Species(definitions.Document):
    """A species and the breeds offered for it."""

    label: str = Field(min_length=1, max_length=60)
    breeds: list[str] = Field(default_factory=list)
    icon: str = Field(default="", max_length=4)


class CustomField(definitions.Document):
    """A field of the clinic's own on clients, patients or appointments. Its slug is the key that forms
    (``patient.custom.housing``) and reports know it by; switched off it is no longer asked, and its answers stay."""

    entity: Literal["client", "patient", "appointment"]
    label: str = Field(min_length=1, max_length=80)
    kind: Literal["text", "number", "date", "choice", "check"] = "text"
    help: str = Field(default="", max_length=120)
    choices: list[Annotated[str, Field(max_length=80)]] = Field(default_factory=list, max_length=100)
    order: int = Field(default=0, ge=0, le=999)
    required: bool = False
    when_new: bool = True
    on_roster: bool = False
    find_by: bool = False
    reveals_health: bool = False
    active: bool = True


SPECIES = definitions.register("species", "Species", Species)


def _check(session: ClinicSession, slug: str, field: CustomField) -> None:
    """What is saved from now on; a field that was saved before stays readable."""
    from records.custom import check_field

    check_field(session, slug, field)


CUSTOM_FIELD = definitions.register("custom-field", "Custom field", CustomField, _check)

_CATS = [
    "Domestic Shorthair",
    "Domestic Mediumhair",
    "Domestic Longhair",
    "Siamese",
    "Persian",
    "Maine Coon",
    "Ragdoll",
]
_DOGS = [
    "Mixed", "Labrador Retriever", "Pit Bull Terrier", "Chihuahua", "German Shepherd", "Beagle", "Dachshund", "Boxer",
    "Poodle", "Australian Shepherd", "Rottweiler", "Siberian Husky", "Yorkshire Terrier",
]  # fmt: skip
_RABBITS = ["Mixed", "Holland Lop", "Rex", "Lionhead", "New Zealand"]


def create_defaults(session: ClinicSession, kind: str) -> None:
    """What a new clinic of this kind starts with."""
    consents.create_defaults(session, kind)
    if kind != "veterinary":
        return
    for slug, label, breeds in (("cat", "Cat", _CATS), ("dog", "Dog", _DOGS), ("rabbit", "Rabbit", _RABBITS)):
        definitions.save(session, SPECIES, slug, Species(label=label, breeds=breeds), by_user_id=None)
