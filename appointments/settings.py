"""Appointment types, the look of the flow, locations and drugs: definitions an administrator changes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from sqlalchemy import select

from appointments.stages import LABELS
from data import definitions
from data.errors import BadInput
from data.models import Drug, Location
from data.session import ClinicSession


class AppointmentType(definitions.Document):
    """A kind of visit. ``capacity`` is how many a day and location; ``capacity_by_location`` overrides it by the
    location's name."""

    label: str = Field(min_length=1, max_length=80)
    minutes: int = Field(default=15, ge=5, le=480)
    capacity: int = Field(default=30, ge=0, le=1000)
    capacity_by_location: dict[str, int] = Field(default_factory=dict)
    surgical: bool = True
    starts: str = Field(default="07:30", pattern=r"^\d\d:\d\d$")
    colour: str = Field(default="#0f766e", pattern=r"^#[0-9a-f]{6}$")
    services: list[str] = Field(default_factory=list)
    active: bool = True


class StageLook(definitions.Document):
    """How one stage appears. After ``long_minutes`` a stay there turns amber, after ``very_long_minutes`` red; 0 keeps
    the shipped times."""

    stage: str
    label: str = Field(min_length=1, max_length=30)
    hidden: bool = False
    colour: str = Field(default="", pattern=r"^(#[0-9a-f]{6})?$")
    long_minutes: int = Field(default=0, ge=0, le=1440)
    very_long_minutes: int = Field(default=0, ge=0, le=1440)

    @field_validator("stage")
    @classmethod
    def _known(cls, stage: str) -> str:
        if stage not in LABELS:
            raise ValueError(f"there is no stage {stage}")
        return stage


class FlowLook(definitions.Document):
    """The stages as this clinic names, hides and colors them."""

    stages: list[StageLook] = Field(default_factory=list)

    def label(self, stage: str) -> str:
        """The clinic's word for a stage."""
        return next((look.label for look in self.stages if look.stage == stage), LABELS.get(stage, stage))


class LocationDocument(definitions.Document):
    """A place: opening maps weekday (0 Monday) to [from, to]."""

    name: str = Field(min_length=1, max_length=120)
    zone: str
    address: str = Field(default="", max_length=500)
    phone: str = Field(default="", max_length=40)
    opening: dict[str, list[str]] = Field(default_factory=dict)
    active: bool = True


class LocationNameTaken(BadInput):
    """There is a location called {name} already. Give this one another name."""


class DrugDocument(definitions.Document):
    """A drug in one strength."""

    name: str = Field(min_length=1, max_length=120)
    strength: str = Field(default="", max_length=60)
    unit: Literal["mL", "tablet", "capsule", "dose"] = "mL"
    schedule: Literal["", "II", "III", "IV", "V"] = ""
    route: str = Field(default="", max_length=20)
    stage: str = Field(default="", max_length=20)
    needs_witness: bool = False
    active: bool = True


def _check_look(_: ClinicSession, __: str, entered: FlowLook) -> None:
    """What is saved from now on; stages that were saved before stay readable."""
    seen: set[str] = set()
    for look in entered.stages:
        if look.label.casefold() in seen:
            raise BadInput(problem=f"Two stages are called {look.label}. Give each a name of its own.")
        seen.add(look.label.casefold())
        if look.very_long_minutes and look.very_long_minutes < look.long_minutes:
            raise BadInput(
                problem=f"{look.label} turns red before it turns amber. Make the second time the longer one."
            )


def _project_location(session: ClinicSession, slug: str, document: LocationDocument) -> None:
    same_name = session.scalars(select(Location).where(Location.name == document.name)).first()
    row = session.scalars(select(Location).where(Location.code == slug)).one_or_none()
    if row is None and same_name is not None and not same_name.code:
        row = same_name
    if same_name is not None and same_name is not row:
        raise LocationNameTaken(name=document.name)
    if row is None:
        row = Location(name=document.name)
        session.add(row)
    elif row.name != document.name:
        _rename_capacities(session, row.name, document.name)
    row.code, row.name = slug, document.name
    row.zone, row.address, row.phone = document.zone, document.address, document.phone
    row.opening, row.active = document.opening, document.active


def _rename_capacities(session: ClinicSession, before: str, after: str) -> None:
    """Appointment types name locations where their capacity differs; the names follow."""
    for slug, kind in definitions.load_all(session, APPOINTMENT_TYPE).items():
        if before in kind.capacity_by_location:
            counts = {after if name == before else name: count for name, count in kind.capacity_by_location.items()}
            changed = kind.model_copy(update={"capacity_by_location": counts})
            definitions.save(session, APPOINTMENT_TYPE, slug, changed, by_user_id=None, comment=f"{before} is {after}")


def _project_drug(session: ClinicSession, slug: str, document: DrugDocument) -> None:
    row = session.scalars(select(Drug).where(Drug.code == slug)).one_or_none()
    if row is None:
        row = Drug(code=slug)
        session.add(row)
    for field, value in document.model_dump().items():
        setattr(row, field, value)


APPOINTMENT_TYPE = definitions.register("appointment-type", "Appointment type", AppointmentType)
FLOW_LOOK = definitions.register("flow-stages", "Flow stages", FlowLook, _check_look)
LOCATION = definitions.register("location", "Location", LocationDocument, _project_location)
DRUG = definitions.register("drug", "Drug", DrugDocument, _project_drug)

DEFAULT_TYPES = {
    "surgery": AppointmentType(label="Surgery", minutes=15, capacity=32),
    "vaccine": AppointmentType(label="Vaccine clinic", minutes=10, capacity=20, surgical=False, colour="#4f5fb8"),
    "recheck": AppointmentType(label="Recheck", minutes=10, capacity=8, surgical=False, colour="#c2710c"),
}
HUMAN_TYPES = {
    "visit": AppointmentType(label="Visit", minutes=15, capacity=60, surgical=False),
    "follow-up": AppointmentType(label="Follow-up", minutes=15, capacity=30, surgical=False, colour="#4f5fb8"),
}
DEFAULT_DRUGS = {
    "ketamine-100": DrugDocument(
        name="Ketamine", strength="100 mg/mL", schedule="III", route="IM", stage="induced", needs_witness=True
    ),
    "butorphanol-10": DrugDocument(
        name="Butorphanol", strength="10 mg/mL", schedule="IV", route="IM", stage="premedicated", needs_witness=True
    ),
    "midazolam-5": DrugDocument(
        name="Midazolam", strength="5 mg/mL", schedule="IV", route="IM", stage="premedicated", needs_witness=True
    ),
    "buprenorphine-03": DrugDocument(
        name="Buprenorphine", strength="0.3 mg/mL", schedule="III", route="SC", stage="recovering", needs_witness=True
    ),
    "dexmedetomidine-05": DrugDocument(name="Dexmedetomidine", strength="0.5 mg/mL", route="IM", stage="premedicated"),
    "meloxicam-5": DrugDocument(name="Meloxicam", strength="5 mg/mL", route="SC", stage="recovering"),
}


HUMAN_LABELS = {"examined": "With the clinician", "ready": "Ready to leave", "declined": "Left before being seen"}
HUMAN_HIDES = ("premedicated", "induced", "in_surgery", "recovering", "held_overnight")
"""Stages of an operation under anesthesia: a clinic that operates shows them again under Settings > Flow stages."""


def default_look(kind: str) -> FlowLook:
    """The stages as a clinic of this kind starts with them."""
    labels = LABELS if kind == "veterinary" else LABELS | HUMAN_LABELS
    hides = () if kind == "veterinary" else HUMAN_HIDES
    shown = [(stage, label) for stage, label in labels.items() if stage != "unknown"]
    return FlowLook(stages=[StageLook(stage=stage, label=label, hidden=stage in hides) for stage, label in shown])


def create_defaults(session: ClinicSession, kind: str, zone: str) -> None:
    """What a new clinic of this kind starts with."""
    types = DEFAULT_TYPES if kind == "veterinary" else HUMAN_TYPES
    for slug, appointment_type in types.items():
        definitions.save(session, APPOINTMENT_TYPE, slug, appointment_type, by_user_id=None)
    definitions.save(session, FLOW_LOOK, "flow", default_look(kind), by_user_id=None)
    week = {str(day): ["07:30", "17:00"] for day in range(5)}
    main = LocationDocument(name="Main", zone=zone, opening=week)
    definitions.save(session, LOCATION, "main", main, by_user_id=None)
    if kind == "veterinary":
        for slug, drug in DEFAULT_DRUGS.items():
            definitions.save(session, DRUG, slug, drug, by_user_id=None)
