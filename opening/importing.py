"""Whole folders of files as a clinic: the order of the files, and one way back if a later one fails.

Importing this module makes every importer known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import appointments.importers
import billing.importers
import records.importers
from data.errors import BadInput
from records.imports import Progress, Report, import_file, undo_import
from records.mapping import shipped
from security.actor import Actor
from security.clinics import clinic_of


class WrongKindOfClinic(BadInput):
    """The files of {folder} hold human patients, and {clinic} is a veterinary clinic. Make a clinic for them first:
    ballast --clinic NAME init --kind human"""


@dataclass(frozen=True)
class Step:
    """One file of a folder and the ready mapping that reads it."""

    file: str
    mapping: str


REGISTERED = (records.importers, appointments.importers, billing.importers)
"""The modules whose import makes the kinds known."""

FOLDERS: dict[str, tuple[Step, ...]] = {
    "medscheduler": (
        Step("patients.csv", "medscheduler-patients"),
        Step("appointments.csv", "medscheduler-appointments"),
    ),
    "synthea": (
        Step("providers.csv", "synthea-providers"),
        Step("patients.csv", "synthea-patients"),
        Step("encounters.csv", "synthea-encounters"),
        Step("claims_transactions.csv", "synthea-charges"),
        Step("claims_transactions.csv", "synthea-payments"),
    ),
}


def import_folder(name: str, folder: Path, *, by: Actor, progress: Progress | None = None) -> list[Report]:
    """Import the files of a known make, all or nothing; returns one report a step.

    Raises WrongKindOfClinic and whatever import_file raises; then the earlier steps are undone.
    """
    clinic = clinic_of(by.clinic_id)
    if clinic.kind != "human":
        raise WrongKindOfClinic(folder=folder, clinic=clinic.name)
    for step in FOLDERS[name]:
        if not (folder / step.file).is_file():
            raise BadInput(problem=f"The folder {folder} has no file {step.file}. It needs {_needed(name)}.")
    done: list[Report] = []
    try:
        for number, step in enumerate(FOLDERS[name]):
            mapping = shipped()[step.mapping]
            done.append(import_file(folder / step.file, mapping.kind, by=by, mapping=mapping))
            if progress:
                progress((number + 1) / len(FOLDERS[name]))
    except BaseException:
        _take_back(done, by)
        raise
    return done


def _take_back(done: list[Report], by: Actor) -> None:
    for report in reversed(done):
        if report.run_id:
            undo_import(report.run_id, by=by)


def _needed(name: str) -> str:
    return ", ".join(dict.fromkeys(step.file for step in FOLDERS[name]))
