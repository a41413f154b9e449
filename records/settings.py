"""Species with their breeds, and custom fields: definitions an administrator changes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data import definitions
from data.session import ClinicSession


class Species(definitions.Document):
    """A species and the breeds offered for it."""

    label: str = Field(min_length=1, max_length=60)
    breeds: list[str] = Field(default_factory=list)
    icon: str = Field(default="", max_length=4)


class CustomField(definitions.Document):
    """A field of the clinic's own on clients, patients or appointments."""

    entity: Literal["client", "patient", "appointment"]
    label: str = Field(min_length=1, max_length=80)
    kind: Literal["text", "number", "date", "choice", "check"] = "text"
    choices: list[str] = Field(default_factory=list)
    reveals_health: bool = False


SPECIES = definitions.register("species", "Species", Species)
CUSTOM_FIELD = definitions.register("custom-field", "Custom field", CustomField)

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
    if kind != "veterinary":
        return
    for slug, label, breeds in (("cat", "Cat", _CATS), ("dog", "Dog", _DOGS), ("rabbit", "Rabbit", _RABBITS)):
        definitions.save(session, SPECIES, slug, Species(label=label, breeds=breeds), by_user_id=None)
