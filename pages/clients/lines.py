"""Clients and patients as lines of a list and as short texts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from data.wording import Wording
from pages.components import show
from pages.components.rows import Row
from records.patients import SEXES
from records.search import Found
from records.settings import Species


def line(found: Found) -> Row:
    """A client as one line."""
    badges = (("Restricted",) if found.restricted else ()) + ((found.caution,) if found.caution else ())
    more = f" and {len(found.patients) - 4} more" if len(found.patients) > 4 else ""
    return Row(
        found.id, found.name, ", ".join(found.patients[:4]) + more, show.phone(found.phone), str(found.number), badges
    )


def patient_lines(patients: Iterable[Any], species: dict[str, Species]) -> list[Row]:
    """The patients of a client as lines."""
    words, today = show.wording(), show.today()
    return [_patient_line(patient, species, words, today) for patient in patients]


def _patient_line(patient: Any, species: dict[str, Species], words: Wording, today: date) -> Row:
    badges = (("Died",) if patient.died_on else ()) + ((patient.caution,) if patient.caution else ())
    estimated = patient.born_estimated
    age = "" if patient.died_on else words.age(patient.born_on, today, estimated=estimated, missing="")
    return Row(patient.id, patient.name, kind(patient, species), patient.microchip, age, badges)


def kind(patient: Any, species: dict[str, Species]) -> str:
    """Species, breed and sex in words."""
    label = species[patient.species].label if patient.species in species else patient.species
    return " · ".join(part for part in (label, patient.breed, sex(patient)) if part)


def sex(patient: Any) -> str:
    """The sex, with whether the patient is spayed or neutered."""
    word = SEXES[patient.sex] if patient.sex in ("female", "male") else ""
    if patient.altered is None or not patient.species:
        return word
    done = {"female": "spayed", "male": "neutered"}.get(patient.sex, "altered")
    return f"{word}, {done}" if patient.altered and word else done if patient.altered else f"{word}, intact".strip(", ")
