"""Patients: animals, or people. Adding, changing, moving to another client, death."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm.attributes import flag_modified

from data import definitions
from data.errors import BadInput, EditedMeanwhile, NotFound
from data.models import Client, Patient
from data.session import ClinicSession
from records import clients, custom
from records.access import Closed, client_for
from records.checks import check_chip, check_life, check_texts, clean, clinic_in, plain_chip, require, today_in
from records.family import is_id
from records.search import full_name, refresh
from records.settings import SPECIES, Species
from security.actor import Actor
from security.rules import act, look
from security.viewing import note_view

SEXES = {"female": "Female", "male": "Male", "unknown": "Unknown"}


class PatientNeedsClient(BadInput):
    """An animal needs a client, who answers for it. Choose or add the client first."""


class SpeciesNeeded(BadInput):
    """The species is missing. Choose it from the list; an administrator can add one under Settings."""


class BadWeight(BadInput):
    """A weight of {value} cannot be right. Write it in {unit}, or leave it empty."""


class ChipTaken(BadInput):
    """The microchip {chip} already belongs to {patient} of client {number}. Open that record: move the patient to this
    client, or merge the two clients."""


@dataclass(frozen=True)
class PatientForm:
    """What a person enters about a patient. Weight in whole grams. Human clinics use name, birth date and sex."""

    name: str
    species: str = ""
    breed: str = ""
    colour: str = ""
    sex: str = "unknown"
    altered: bool | None = None
    born_on: date | None = None
    born_estimated: bool = False
    weight_grams: int | None = None
    microchip: str = ""
    caution: str = ""

    def cleaned(self) -> PatientForm:
        """Checked and without outer blanks. Raises Missing, TooLong, CardNumberTyped, BadChip, BadWeight, BadInput."""
        texts: dict[str, Any] = {name: clean(text) for name, text in asdict(self).items() if isinstance(text, str)}
        form = replace(self, **texts | {"microchip": plain_chip(self.microchip)})
        require("The patient's name", form.name)
        check_texts(
            {
                "The patient's name": (form.name, 120), "The species": (form.species, 60),
                "The breed": (form.breed, 120), "The color": (form.colour, 80), "The caution": (form.caution, 300),
            }
        )  # fmt: skip
        check_chip(form.microchip)
        if form.sex not in SEXES:
            raise BadInput(problem=f"The sex is female, male or unknown, not '{form.sex}'.")
        if form.weight_grams is not None and not 1 <= form.weight_grams <= 1_500_000:
            raise BadWeight(value=f"{form.weight_grams / 1000:g} kg", unit="kilograms or pounds")
        return form


def add(
    client_id: str | None,
    form: PatientForm,
    *,
    is_client: bool = False,
    answers: Mapping[str, object] | None = None,
    by: Actor,
    key: str | None = None,
) -> str:
    """Add a patient to a client; returns the id. ``is_client``: a person who is their own client.

    Raises PatientNeedsClient, SpeciesNeeded, ChipTaken, BornInFuture, NotFound, NotPermitted and what the form's check
    raises.
    """
    with act(by, "clients.edit", key=key) as work:
        if work.repeated:
            return str(work.result)
        patient = insert(work.session, client_id, form, is_client=is_client, by=by)
        custom.save_form(work.session, "patient", patient.id, answers, new=True)
        work.audit("patient.added", "patient", patient.id, client=patient.client_id)
        work.result = patient.id
        return patient.id


def add_person(
    client: clients.ClientForm,
    person: PatientForm,
    *,
    answers: Mapping[str, object] | None = None,
    by: Actor,
    key: str | None = None,
) -> tuple[str, str]:
    """In a clinic for people: a patient who is their own client, both in one step; returns (client id, patient id).

    The name is the client's. Raises what ``clients.add`` and ``add`` raise.
    """
    with act(by, "clients.edit", key=key) as work:
        if work.repeated:
            return work.result[0], work.result[1]
        row = clients.insert(work.session, client)
        named = replace(person, name=full_name(row)[:120])
        patient = insert(work.session, row.id, named, is_client=True, by=by)
        custom.save_form(work.session, "client", row.id, answers, new=True)
        custom.save_form(work.session, "patient", patient.id, answers, new=True)
        work.audit("client.added", "client", row.id, number=row.number, patient=patient.id)
        work.result = [row.id, patient.id]
        return row.id, patient.id


def insert(
    session: ClinicSession, client_id: str | None, form: PatientForm, *, is_client: bool = False, by: Actor
) -> Patient:
    """The row itself, inside the transaction of a rule. Raises what ``add`` raises."""
    if not client_id:
        raise PatientNeedsClient()
    client = client_for(session, client_id, by)
    form = form.cleaned()
    _check(session, form, None, by)
    patient = Patient(**asdict(form), client_id=client.id, is_client=is_client)
    session.add(patient)
    session.flush()
    refresh(session, client)
    return patient


def change(
    patient_id: str,
    form: PatientForm,
    *,
    version: int,
    answers: Mapping[str, object] | None = None,
    by: Actor,
    key: str | None = None,
) -> None:
    """Change a patient the person saw at ``version``. Raises EditedMeanwhile, NotFound and what ``add`` raises."""
    with act(by, "clients.edit", key=key) as work:
        if work.repeated:
            return
        session = work.session
        patient, client = patient_for(session, patient_id, by)
        _unchanged_since(patient, version)
        form = form.cleaned()
        if patient.is_client:
            form = replace(form, name=patient.name)
        _check(session, form, patient, by)
        changed = [name for name, value in asdict(form).items() if getattr(patient, name) != value]
        for name in changed:
            setattr(patient, name, getattr(form, name))
        changed += custom.save_form(session, "patient", patient.id, answers)
        if changed:
            flag_modified(patient, "caution")  # a second editor notices, although only answers changed
            refresh(session, client)
            work.audit("patient.changed", "patient", patient.id, fields=changed)


def record_death(patient_id: str, died_on: date | None, *, version: int, by: Actor, key: str | None = None) -> None:
    """Write down the day a patient died; None takes a mistaken entry back.

    Raises DiedInFuture, DiedBeforeBirth, EditedMeanwhile, NotFound, NotPermitted.
    """
    with act(by, "clients.edit", key=key) as work:
        if work.repeated:
            return
        patient, _ = patient_for(work.session, patient_id, by)
        _unchanged_since(patient, version)
        check_life(patient.born_on, died_on, today_in(work.session))
        patient.died_on = died_on
        work.audit("patient.died" if died_on else "patient.death_withdrawn", "patient", patient.id)


def move(patient_id: str, to_client_id: str, *, version: int, by: Actor, key: str | None = None) -> None:
    """A patient goes to another client (adopted, sold, returned). What happened before stays with the old one.

    Raises EditedMeanwhile, NotFound, BadInput, RestrictedRecord, NotPermitted.
    """
    with act(by, "clients.edit", key=key) as work:
        if work.repeated:
            return
        session = work.session
        patient, old = patient_for(session, patient_id, by)
        _unchanged_since(patient, version)
        new = client_for(session, to_client_id, by)
        if patient.is_client:
            raise BadInput(
                problem=f"{patient.name} is their own client and cannot be moved. Merge the clients instead."
            )
        if new.id == old.id:
            raise BadInput(problem=f"{patient.name} already belongs to this client.")
        patient.client_id = new.id
        session.flush()
        refresh(session, old)
        refresh(session, new)
        work.audit("patient.moved", "patient", patient.id, source=old.id, target=new.id)


@dataclass(frozen=True)
class OpenedPatient:
    """A patient with its client and the custom fields."""

    patient: Patient
    client: Client
    answers: dict[str, custom.Answer]

    @property
    def client_name(self) -> str:
        """First and last name of the client."""
        return full_name(self.client)


def open_patient(patient_id: str, *, by: Actor) -> OpenedPatient:
    """A patient and whose it is. The reading is audited. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "clients.view") as session:
        patient, client = patient_for(session, patient_id, by)
        opened = OpenedPatient(patient, client, custom.values(session, "patient", patient.id))
    note_view(by, "patient", patient.id)
    return opened


def species(*, by: Actor) -> dict[str, Species]:
    """The species of this clinic with their breeds, by slug."""
    with look(by, "clients.view") as session:
        return definitions.load_all(session, SPECIES)


def patient_for(session: ClinicSession, patient_id: str, by: Actor) -> tuple[Patient, Client]:
    """A patient with its client; raises NotFound, RestrictedRecord."""
    patient = None
    if is_id(patient_id):
        patient = session.held(Patient, patient_id)
    if patient is None:
        raise NotFound(what="patient", name="with this address")
    return patient, client_for(session, patient.client_id, by)


def _check(session: ClinicSession, form: PatientForm, present: Patient | None, by: Actor) -> None:
    human = clinic_in(session).kind == "human"
    if not human and not form.species:
        raise SpeciesNeeded()
    check_life(form.born_on, present.died_on if present else None, today_in(session), years=130 if human else 100)
    if not form.microchip or (present and present.microchip == form.microchip):
        return
    statement = select(Patient.name, Client.number, Client.id, Client.restricted).join(
        Client, (Client.clinic_id == Patient.clinic_id) & (Client.id == Patient.client_id)
    )
    taken = session.execute(statement.where(Patient.microchip == form.microchip)).first()
    if taken is not None:
        hidden = Closed(session, by).hides(taken.id, taken.restricted)
        raise ChipTaken(chip=form.microchip, patient="a patient" if hidden else taken.name, number=taken.number)


def _unchanged_since(patient: Patient, version: int) -> None:
    if patient.version != version:
        raise EditedMeanwhile(who="Somebody else", what="patient")
