"""What each clinical stage records: check-in, exam, surgery, recovery, discharge, and the monitoring grid.

Each stage has one record per visit, edited with a version: two people on one record never overwrite each other
unseen. Weights are grams, temperatures hundredths of a degree Celsius. ``event_at`` is when it happened, apart from
when it was entered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import select

from appointments import moves
from appointments.settings import APPOINTMENT_TYPE
from appointments.stages import next_stage
from data import definitions
from data.card_numbers import refuse_card_numbers
from data.errors import BadInput, EditedMeanwhile, NotFound
from data.models import (
    Appointment,
    CheckIn,
    Client,
    Discharge,
    Exam,
    Observation,
    Patient,
    Recovery,
    Service,
    Surgery,
    User,
)
from data.session import ClinicSession
from data.types import clock, is_id
from records.access import visit_for
from security.actor import Actor
from security.rules import Work, act, look
from security.viewing import note_view


class CautionTooLong(BadInput):
    """This caution has {length} characters; 300 fit. Shorten it, and keep the rest in the notes."""


class OutOfRange(BadInput):
    """{what} of {value} cannot be right: it lies between {low} and {high}. Check the number and its unit."""


class EndsBeforeItBegins(BadInput):
    """The {what} cannot be before the start. Check both times."""


class NotANumber(BadInput):
    """'{text}' is not a number for the {what}. Write digits only, or leave it empty."""


class ProcedureMissing(BadInput):
    """Say which procedure was done."""


WEIGHT = (20, 400_000)
TEMPERATURE = (2_000, 4_500)
PULSE = (10, 400)
RESPIRATION = (1, 250)

FINDINGS = (
    "cryptorchid", "umbilical hernia", "inguinal hernia", "heart murmur", "flea burden", "ear mites", "dental disease",
    "upper respiratory signs", "dehydrated", "skin disease",
)  # fmt: skip
COMPLICATIONS = (
    "bleeding", "apnea", "bradycardia", "hypothermia", "regurgitation", "slow to wake", "dehiscence", "arrest",
)  # fmt: skip
REPRODUCTIVE = ("normal", "in heat", "pregnant", "lactating", "pyometra", "unknown")
HEALTH = ("normal", "see findings", "high risk")
PROCEDURES = ("spay", "neuter", "cryptorchid neuter", "hernia repair", "dental", "wound repair", "other")


@dataclass(frozen=True)
class CheckInEntry:
    """Arrival. ``consent`` is signed, missing or refused."""

    model: ClassVar[Any] = CheckIn
    what: ClassVar[str] = "check-in"
    identity_confirmed: bool = False
    consent: str = "missing"
    services_confirmed: bool = False
    fasted: bool | None = None
    dropped_off_by: str = ""
    notes: str = ""

    def check(self) -> None:
        """Raise BadInput."""
        if self.consent not in ("signed", "missing", "refused"):
            raise BadInput(problem="Consent is signed, missing or refused.")


@dataclass(frozen=True)
class ExamEntry:
    """The exam. Weight in grams, temperature in hundredths of a degree Celsius, body condition 1 to 9."""

    model: ClassVar[Any] = Exam
    what: ClassVar[str] = "exam"
    weight_grams: int | None = None
    weight_estimated: bool = False
    temperature_hundredths: int | None = None
    pulse: int | None = None
    respiration: int | None = None
    sex_found: str = ""
    already_altered: bool = False
    reproductive: str = ""
    body_condition: int | None = None
    health: str = "normal"
    abnormalities: list[str] = field(default_factory=list)
    approved: bool | None = None
    notes: str = ""

    def check(self) -> None:
        """Raise OutOfRange."""
        if self.weight_grams is not None:
            low, high = WEIGHT
            if not low <= self.weight_grams <= high:
                shown = f"{self.weight_grams / 1000:g} kg"
                raise OutOfRange(what="A weight", value=shown, low=f"{low / 1000:g} kg", high=f"{high / 1000:g} kg")
        check_vitals(self.temperature_hundredths, self.pulse, self.respiration)
        _range("A body condition", self.body_condition, 1, 9)


@dataclass(frozen=True)
class SurgeryEntry:
    """The surgery performed; ``ended_at`` may come later."""

    model: ClassVar[Any] = Surgery
    what: ClassVar[str] = "surgery record"
    procedure: str
    surgeon_id: str | None = None
    ended_at: datetime | None = None
    findings: str = ""
    suture: str = ""
    tattoo: bool = False
    ear_tip: bool = False
    complications: list[str] = field(default_factory=list)
    notes: str = ""

    def check(self) -> None:
        """Raise ProcedureMissing."""
        if not self.procedure.strip():
            raise ProcedureMissing()


@dataclass(frozen=True)
class RecoveryEntry:
    """Waking up. Pain 0 to 10."""

    model: ClassVar[Any] = Recovery
    what: ClassVar[str] = "recovery record"
    extubated_at: datetime | None = None
    temperature_hundredths: int | None = None
    pain: int | None = None
    complications: list[str] = field(default_factory=list)
    take_home: str = ""
    notes: str = ""

    def check(self) -> None:
        """Raise OutOfRange."""
        check_vitals(self.temperature_hundredths, None, None)
        _range("A pain score", self.pain, 0, 10)


@dataclass(frozen=True)
class DischargeEntry:
    """Going home."""

    model: ClassVar[Any] = Discharge
    what: ClassVar[str] = "discharge record"
    released_to: str = ""
    aftercare_given: bool = False
    notes: str = ""

    def check(self) -> None:
        """Nothing can be wrong."""


Entry = CheckInEntry | ExamEntry | SurgeryEntry | RecoveryEntry | DischargeEntry


def record_stage(
    appointment_id: str,
    entry: Entry,
    *,
    version: int | None,
    by: Actor,
    event_at: datetime | None = None,
    source: str = "live",
    key: str | None = None,
) -> int:
    """Save a stage's record; returns its new version. ``version`` is the one the person saw, None for a new record.

    The exam also brings weight and sex of the patient up to date, a spay or neuter that it is altered. Raises
    EditedMeanwhile, OutOfRange, EndsBeforeItBegins, ProcedureMissing, InTheFuture, NotFound, RestrictedRecord.
    """
    entry.check()
    with act(by, "flow.record", key=key) as work:
        if work.repeated:
            return int(work.result)
        session = work.session
        appointment = visit_for(session, moves.appointment_for_change(session, appointment_id), by)
        mine = select(entry.model).where(entry.model.appointment_id == appointment_id)
        row = session.scalars(mine, execution_options={"include_deleted": True}).one_or_none()
        if (row.version if row is not None and row.deleted_at is None else None) != version:
            raise EditedMeanwhile(who=_who(session, row), what=entry.what)
        row, changed = _save(work, appointment, row, entry, event_at, source)
        _tell(work, appointment_id, entry, changed, source)
        work.result = row.version
        return int(row.version)


def records_of(session: ClinicSession, appointment_id: str) -> dict[type[Any], Any]:
    """The records of every stage of a visit by their model, None where there never was one, within a rule; those that
    were taken back are among them."""
    models = (CheckIn, Exam, Surgery, Recovery, Discharge)
    statement = select(Appointment.id, *models)
    for model in models:
        mine = (model.clinic_id == Appointment.clinic_id) & (model.appointment_id == Appointment.id)
        statement = statement.outerjoin(model, mine)
    statement = statement.where(Appointment.id == appointment_id).execution_options(include_deleted=True)
    return dict(zip(models, session.execute(statement).one()[1:], strict=True))


def record_paper(
    appointment_id: str, entries: Sequence[tuple[Entry, datetime]], there: Mapping[type[Any], Any], *, by: Actor
) -> None:
    """Save what paper says of several stages, each at its time, over the records that are ``there``. Raises OutOfRange,
    EndsBeforeItBegins, ProcedureMissing, InTheFuture, NotFound, RestrictedRecord."""
    for entry, _ in entries:
        entry.check()
    with act(by, "flow.record") as work:
        appointment = visit_for(work.session, moves.appointment_for_change(work.session, appointment_id), by)
        saved = [_save(work, appointment, there[entry.model], entry, at, "paper")[1] for entry, at in entries]
        for (entry, _), changed in zip(entries, saved, strict=True):
            _tell(work, appointment_id, entry, changed, "paper")


def _save(
    work: Work, appointment: Appointment, row: Any, entry: Entry, event_at: datetime | None, source: str
) -> tuple[Any, list[str]]:
    """The record of one stage, new or changed, and the names of what changed."""
    at = _when(event_at)
    for name, what in (("ended_at", "end of the surgery"), ("extubated_at", "extubation")):
        later = getattr(entry, name, None)
        if later is not None:
            _when(later)
            if name == "ended_at" and later < at:
                raise EndsBeforeItBegins(what=what)
    values = asdict(entry)
    if row is None:
        row = entry.model(appointment_id=appointment.id, **values)
        changed = [name for name, value in values.items() if value]
        work.session.add(row)
    else:
        changed = [name for name, value in values.items() if getattr(row, name) != value]
        for name in changed:
            setattr(row, name, values[name])
    row.deleted_at = None
    row.event_at, row.source, row.by_user_id = at, source, work.by.user_id
    return row, changed + _carry_to_patient(work.session, appointment, entry)


def _tell(work: Work, appointment_id: str, entry: Entry, changed: Sequence[str], source: str) -> None:
    what = entry.what.replace(" ", "_").replace("-", "_")
    work.audit(f"{what}.saved", "appointment", appointment_id, fields=list(changed), source=source)


@dataclass(frozen=True)
class Reading:
    """One line of the monitoring grid. Temperature in hundredths of a degree Celsius."""

    stage: str
    temperature_hundredths: int | None = None
    heart_rate: int | None = None
    respiration: int | None = None
    mucous_membranes: str = ""
    pain: int | None = None
    text: str = ""


def observe(
    appointment_id: str, reading: Reading, *, by: Actor, event_at: datetime | None = None, source: str = "live",
    key: str | None = None,
) -> str:  # fmt: skip
    """Add a line to the monitoring grid; returns its id. Raises OutOfRange, BadInput, InTheFuture, NotFound."""
    check_vitals(reading.temperature_hundredths, reading.heart_rate, reading.respiration)
    _range("A pain score", reading.pain, 0, 10)
    if not any(value not in (None, "") for name, value in asdict(reading).items() if name != "stage"):
        raise BadInput(problem="Enter at least one reading.")
    with act(by, "flow.record", key=key) as work:
        if work.repeated:
            return str(work.result)
        visit_for(work.session, moves.appointment_for_change(work.session, appointment_id), by)
        line = Observation(
            appointment_id=appointment_id, event_at=_when(event_at), source=source, by_user_id=by.user_id,
            **asdict(reading),
        )  # fmt: skip
        work.session.add(line)
        work.session.flush()
        work.audit("observation.added", "appointment", appointment_id, stage=reading.stage, source=source)
        work.result = line.id
        return line.id


def set_caution(appointment_id: str, caution: str, *, version: int, by: Actor, key: str | None = None) -> None:
    """Change what to mind about this visit. Raises EditedMeanwhile, CautionTooLong, CardNumberTyped, NotFound,
    RestrictedRecord."""
    caution = caution.strip()
    refuse_card_numbers({"The caution": caution})
    if len(caution) > 300:
        raise CautionTooLong(length=len(caution))
    with act(by, "flow.record", key=key) as work:
        if work.repeated:
            return
        row = visit_for(work.session, moves.appointment_for_change(work.session, appointment_id), by)
        if row.version != version:
            raise EditedMeanwhile(who="Somebody else", what="visit")
        row.caution = caution
        work.audit("appointment.caution", "appointment", appointment_id)


@dataclass(frozen=True)
class Visit:
    """Everything of one visit that the clinical record shows. Stage records are the rows, None where not written."""

    id: str
    version: int
    number: int
    day: date
    starts_at: datetime
    stage: str
    stage_at: datetime
    surgical: bool
    next_stage: str | None
    patient_id: str
    patient: str
    species: str
    breed: str
    colour: str
    sex: str
    born_on: date | None
    born_estimated: bool
    weight_grams: int | None
    microchip: str
    client_id: str
    client: str
    phone: str
    caution: str
    """Of this visit alone."""
    cautions: tuple[str, ...]
    services: tuple[str, ...]
    notes: str
    provider_id: str | None
    check_in: CheckIn | None
    exam: Exam | None
    surgery: Surgery | None
    recovery: Recovery | None
    discharge: Discharge | None
    observations: tuple[Observation, ...]
    people: dict[str, str]
    """Names by id, for who wrote what."""


def visit(appointment_id: str, *, by: Actor) -> Visit:
    """The clinical record of one visit. Reading it is audited. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "flow.view") as session:
        here = (
            select(Appointment, Patient, Client)
            .join(Patient, Patient.id == Appointment.patient_id)
            .join(Client, Client.id == Appointment.client_id)
            .where(Appointment.id == appointment_id)
        )
        row = session.execute(here).one_or_none() if is_id(appointment_id) else None
        if row is None:
            raise NotFound(what="visit", name="with this address")
        visit_for(session, row[0], by)
        found = _visit(session, *row)
    note_view(by, "appointment", appointment_id)
    return found


def _visit(session: ClinicSession, appointment: Appointment, patient: Patient, client: Client) -> Visit:
    stages: dict[str, Any] = {
        name: session.scalars(select(model).where(model.appointment_id == appointment.id)).one_or_none()
        for name, model in (
            ("check_in", CheckIn), ("exam", Exam), ("surgery", Surgery), ("recovery", Recovery),
            ("discharge", Discharge),
        )
    }  # fmt: skip
    readings = session.scalars(
        select(Observation)
        .where(Observation.appointment_id == appointment.id)
        .order_by(Observation.event_at, Observation.id)
    ).all()
    names = dict(session.execute(select(Service.code, Service.name)).all())
    kind = definitions.load_all(session, APPOINTMENT_TYPE).get(appointment.type)
    surgical = kind.surgical if kind else True
    people = dict(session.execute(select(User.id, User.name).order_by(User.name)).all())
    cautions = [text for text in (appointment.caution, patient.caution, client.caution) if text]
    return Visit(
        id=appointment.id,
        version=appointment.version,
        number=appointment.number,
        day=appointment.day,
        starts_at=appointment.starts_at,
        stage=appointment.stage,
        stage_at=appointment.stage_at,
        surgical=surgical,
        next_stage=next_stage(appointment.stage, surgical=surgical),
        patient_id=patient.id,
        patient=patient.name,
        species=patient.species,
        breed=patient.breed,
        colour=patient.colour,
        sex=patient.sex,
        born_on=patient.born_on,
        born_estimated=patient.born_estimated,
        weight_grams=patient.weight_grams,
        microchip=patient.microchip,
        client_id=client.id,
        client=f"{client.first_name} {client.last_name}".strip(),
        phone=client.phone,
        caution=appointment.caution,
        cautions=tuple(dict.fromkeys(cautions)),
        services=tuple(names.get(code, code) for code in appointment.services or ()),
        notes=appointment.notes,
        provider_id=appointment.provider_id,
        observations=tuple(readings),
        people=people,
        **stages,
    )


def entry_of(row: Any, kind: type[Any]) -> dict[str, Any]:
    """The values of a stage's record, or those a new one starts with."""
    names = [item.name for item in fields(kind)]
    if row is not None:
        return {name: getattr(row, name) for name in names}
    blank = kind(procedure="") if kind is SurgeryEntry else kind()
    return {name: getattr(blank, name) for name in names}


def check_vitals(temperature_hundredths: int | None, pulse: int | None, respiration: int | None) -> None:
    """Refuse what no living patient has; raises OutOfRange."""
    if temperature_hundredths is not None and not TEMPERATURE[0] <= temperature_hundredths <= TEMPERATURE[1]:
        raise OutOfRange(
            what="A temperature", value=both_scales(temperature_hundredths), low=both_scales(TEMPERATURE[0]),
            high=both_scales(TEMPERATURE[1]),
        )  # fmt: skip
    _range("A pulse", pulse, *PULSE)
    _range("A respiration", respiration, *RESPIRATION)


def fahrenheit(hundredths: int) -> float:
    """Hundredths of a degree Celsius as degrees Fahrenheit, one decimal."""
    return round(hundredths / 100 * 9 / 5 + 32, 1)


def hundredths_celsius(value: float, *, scale: str) -> int:
    """Degrees of a scale, ``C`` or ``F``, as hundredths of a degree Celsius: a tenth of either scale comes back
    as it was typed."""
    celsius = value if scale == "C" else (value - 32) * 5 / 9
    return round(celsius * 100)


def number(text: str, what: str) -> float | None:
    """What a person typed as a number, None where nothing stands; raises NotANumber."""
    typed = text.strip().replace(",", ".")
    if not typed:
        return None
    try:
        value = float(typed)
    except ValueError:
        raise NotANumber(text=text, what=what) from None
    if not math.isfinite(value):
        raise NotANumber(text=text, what=what)
    return value


def doubtful_weight(text: str, last_grams: int | None) -> bool:
    """Whether kilograms as typed are less than half or more than twice the last weight: often pounds, or a slip."""
    try:
        kilograms = number(text, "weight")
    except NotANumber:
        return False
    return bool(last_grams and kilograms and not last_grams / 2 <= kilograms * 1000 <= last_grams * 2)


def whole(text: str, what: str) -> int | None:
    """The same for a whole number."""
    value = number(text, what)
    if value is None:
        return None
    if value != int(value):
        raise NotANumber(text=text, what=what)
    return int(value)


def both_scales(hundredths: int) -> str:
    """``38.6 °C (101.5 °F)``."""
    return f"{hundredths / 100:.1f} °C ({fahrenheit(hundredths):.1f} °F)"


def _range(what: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise OutOfRange(what=what, value=value, low=low, high=high)


def _carry_to_patient(session: ClinicSession, appointment: Appointment, entry: Entry) -> list[str]:
    patient = session.held(Patient, appointment.patient_id)
    assert patient is not None
    wanted: dict[str, object] = {}
    if isinstance(entry, ExamEntry):
        if entry.weight_grams is not None:
            wanted["weight_grams"] = entry.weight_grams
        if entry.sex_found in ("female", "male"):
            wanted["sex"] = entry.sex_found
        if entry.already_altered:
            wanted["altered"] = True
    elif (
        isinstance(entry, SurgeryEntry)
        and entry.ended_at
        and ("spay" in entry.procedure or "neuter" in entry.procedure)
    ):
        wanted["altered"] = True
    changed = [name for name, value in wanted.items() if getattr(patient, name) != value]
    for name in changed:
        setattr(patient, name, wanted[name])
    return [f"patient.{name}" for name in changed]


def _who(session: ClinicSession, row: Any) -> str:
    if row is None or row.by_user_id is None:
        return "Somebody else"
    return session.scalar(select(User.name).where(User.id == row.by_user_id)) or "Somebody else"


def _when(at: datetime | None) -> datetime:
    now = clock.now()
    if at is not None and at > now + moves.CLOCK_SLACK:
        raise moves.InTheFuture()
    return at or now


def readings(appointment_id: str, *, by: Actor) -> list[Observation]:
    """The monitoring grid of a visit, oldest first. Raises RestrictedRecord, NotPermitted."""
    with look(by, "flow.view") as session:
        visit = session.get(Appointment, (session.clinic_id, appointment_id)) if is_id(appointment_id) else None
        if visit is None:
            return []
        visit_for(session, visit, by)
        statement = select(Observation).where(Observation.appointment_id == appointment_id)
        return list(session.scalars(statement.order_by(Observation.event_at, Observation.id)))
