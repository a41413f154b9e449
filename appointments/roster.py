"""The roster: everything one day's list shows, in a dozen small queries whatever its length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, select

from appointments.early_ticket import paid_ahead
from appointments.settings import APPOINTMENT_TYPE, FLOW_LOOK, FlowLook
from appointments.stages import ATTENDED, BEFORE_ARRIVAL, ON_SITE
from data import definitions
from data.errors import NotFound
from data.models import (
    Appointment,
    CheckIn,
    Client,
    Consent,
    FlowEvent,
    FormSheet,
    Fund,
    FundEntry,
    Invoice,
    InvoiceEvent,
    Location,
    Patient,
    Payment,
    PaymentAllocation,
    Service,
    User,
)
from data.session import ClinicSession
from data.types import is_id
from records import custom
from records.access import NAME, Closed, client_for
from records.family import family
from records.settings import SPECIES
from records.standing import standings
from security.actor import Actor
from security.rules import look, remembered
from security.viewing import note_view

CONSENTS = {"": "", "signed": "Signed", "on_file": "On file", "missing": "Missing", "refused": "Refused"}


@dataclass(frozen=True)
class Filters:
    """Which part of a day; an empty value leaves everything in. ``stages`` are slugs."""

    location_id: str = ""
    type: str = ""
    provider_id: str = ""
    owner_type: str = ""
    stages: Collection[str] = ()


@dataclass(frozen=True)
class RosterRow:
    """One appointment as the roster shows it. Times are instants (``zone`` is the location's); money is cents.

    ``owed_cents`` is what the client still owes on all invoices, ``deposit_cents`` what they paid ahead.
    """

    id: str
    version: int
    number: int
    serial: int | None
    day: date
    starts_at: datetime
    zone: str
    minutes: int
    type: str
    type_label: str
    colour: str
    surgical: bool
    location_id: str
    location: str
    provider_id: str | None
    provider: str
    client_id: str
    client_number: int
    owner: str
    surname: str
    phone: str
    owner_type: str
    restricted: bool
    """Whether the record is closed to the reader, who sees only its place on the day."""
    patient_id: str
    animal: str
    species: str
    breed: str
    sex: str
    altered: bool | None
    born_on: date | None
    born_estimated: bool
    weight_grams: int | None
    service_codes: list[str]
    services: list[str]
    caution: str
    """Of the visit, the patient and the client together."""
    own_caution: str
    """Of the visit alone."""
    consent: str
    """signed, on_file (given before), missing, refused; nothing where the record is closed to the reader."""
    deposit_cents: int
    owed_cents: int
    funding_code: str
    funding: str
    promised_cents: int
    """What the grant holds for this visit, on the visit or on the lines of its ticket."""
    stage: str
    stage_label: str
    stage_at: datetime
    arrived_at: datetime | None
    walk_in: bool
    notes: str
    cancel_reason: str
    own: str = ""
    """Answers to the clinic's own fields that stand on the roster, in words."""

    @property
    def details(self) -> tuple[str, str]:
        """Species and sex as people say them."""
        return self.species, "" if self.restricted else sex_words(self.sex, self.altered)


@dataclass(frozen=True)
class Facts:
    """The line of facts over a roster."""

    count: int = 0
    arrived: int = 0
    waiting: int = 0
    no_shows: int = 0
    cancelled: int = 0
    walk_ins: int = 0


@dataclass(frozen=True)
class HistoryLine:
    """One event of an appointment, oldest first."""

    event_at: datetime
    entered_at: datetime
    from_stage: str
    to_stage: str
    label: str
    who: str
    reason: str
    source: str
    reverts: bool


@dataclass(frozen=True)
class Opened:
    """One appointment with its history."""

    row: RosterRow
    history: list[HistoryLine] = field(default_factory=list)
    paid_ahead_cents: int = 0
    """Deposits that stand on this visit's own ticket."""
    answers: dict[str, custom.Answer] = field(default_factory=dict)


def roster(day: date, *, by: Actor, filters: Filters | None = None) -> list[RosterRow]:
    """One day's appointments by time, then surname. The reading is audited. Raises NotPermitted."""
    rows = day_rows(day, by=by, filters=filters)
    note_view(by, "roster", day.isoformat())
    return list(rows)


@remembered("appointments.view")
def day_rows(day: date, *, by: Actor, filters: Filters | None = None) -> list[RosterRow]:
    """The rows of ``roster``, which is the rule to ask: it also records who looked."""
    with look(by, "appointments.view") as session:
        return rows_where(session, Appointment.day == day, filters=filters, by=by)


def open_appointment(appointment_id: str, *, by: Actor) -> Opened:
    """One appointment and what happened to it; of a restricted record only its place on the day. The reading is
    audited. Raises NotFound, NotPermitted."""
    with look(by, "appointments.view") as session:
        rows = rows_where(session, Appointment.id == appointment_id, by=by) if is_id(appointment_id) else []
        if not rows:
            raise NotFound(what="appointment", name="with this address")
        opened = Opened(rows[0])
        if not rows[0].restricted:
            opened = Opened(
                rows[0], _history(session, appointment_id), paid_ahead(session, appointment_id),
                custom.values(session, "appointment", appointment_id),
            )  # fmt: skip
    note_view(by, "appointment", appointment_id)
    return opened


def appointments_of(client_id: str, *, by: Actor, limit: int = 200) -> list[RosterRow]:
    """A client's appointments, the latest first. Raises NotFound, RestrictedRecord, NotPermitted."""
    with look(by, "appointments.view") as session:
        ids = family(session, client_for(session, client_id, by).id)
        newest = select(Appointment.id).where(Appointment.client_id.in_(ids)).order_by(Appointment.starts_at.desc())
        chosen = session.scalars(newest.limit(limit)).all()
        rows = rows_where(session, Appointment.id.in_(chosen), by=by)
        return sorted(rows, key=lambda row: row.starts_at, reverse=True)


def facts(rows: Iterable[RosterRow]) -> Facts:
    """How many there are, arrived, wait on site, and did not come."""
    rows = list(rows)
    return Facts(
        count=sum(row.stage not in ("cancelled",) for row in rows),
        arrived=sum(row.stage in ATTENDED for row in rows),
        waiting=sum(row.stage in ("checked_in", "examined") for row in rows),
        no_shows=sum(row.stage == "no_show" for row in rows),
        cancelled=sum(row.stage == "cancelled" for row in rows),
        walk_ins=sum(row.walk_in for row in rows),
    )


def sex_words(sex: str, altered: bool | None) -> str:
    """``female, spayed``, ``male``, ``sex unknown``."""
    if sex not in ("female", "male"):
        return "sex unknown"
    if altered:
        return f"{sex}, {'spayed' if sex == 'female' else 'neutered'}"
    return sex


def rows_where(
    session: ClinicSession, *conditions: ColumnElement[bool], filters: Filters | None = None, by: Actor
) -> list[RosterRow]:
    """The rows of any selection of appointments, by time, then surname. Of a record that is closed to the actor a row
    tells time, place, type, stage, number and species, and nothing else."""
    wanted = filters or Filters()
    statement = (
        select(Appointment, Client, Patient, Location)
        .join(Client, (Client.clinic_id == Appointment.clinic_id) & (Client.id == Appointment.client_id))
        .join(Patient, (Patient.clinic_id == Appointment.clinic_id) & (Patient.id == Appointment.patient_id))
        .join(Location, (Location.clinic_id == Appointment.clinic_id) & (Location.id == Appointment.location_id))
        .where(*conditions, *_narrowed(wanted))
        .order_by(Appointment.starts_at, Client.last_name, Client.first_name, Appointment.number)
    )
    found = session.execute(statement).all()
    if not found:
        return []
    closed = Closed(session, by)
    rows = []
    for row in _Draft(session, found).rows():
        if not row.restricted:
            rows.append(row)
        elif not closed.hides(row.client_id, True):
            rows.append(replace(row, restricted=False))
        elif not wanted.owner_type:
            rows.append(_veiled(row))
    return rows


def _veiled(row: RosterRow) -> RosterRow:
    return replace(
        row, owner=NAME, surname=NAME, phone="", owner_type="", animal=NAME, breed="", sex="unknown",
        altered=None, born_on=None, born_estimated=False, weight_grams=None, service_codes=[], services=[], caution="",
        own_caution="", consent="", deposit_cents=0, owed_cents=0, funding_code="", funding="", notes="",
        cancel_reason="", own="",
    )  # fmt: skip


def _narrowed(wanted: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.location_id:
        conditions.append(Appointment.location_id == wanted.location_id)
    if wanted.type:
        conditions.append(Appointment.type == wanted.type)
    if wanted.provider_id:
        conditions.append(Appointment.provider_id == wanted.provider_id)
    if wanted.owner_type:
        conditions.append(Client.owner_type == wanted.owner_type)
    if wanted.stages:
        conditions.append(Appointment.stage.in_(wanted.stages))
    return conditions


class _Draft:
    """The lookups behind one list of rows."""

    def __init__(self, session: ClinicSession, found: Any) -> None:
        self.session, self.found = session, found
        self.ids = [appointment.id for appointment, *_ in found]
        self.client_ids = sorted({client.id for _, client, *_ in found})
        self.kinds = definitions.load_all(session, APPOINTMENT_TYPE)
        self.look = definitions.load_all(session, FLOW_LOOK).get("flow") or FlowLook()
        self.species = {slug: kind.label for slug, kind in definitions.load_all(session, SPECIES).items()}
        self.services = self._pairs(select(Service.code, Service.name))
        self.funds = self._pairs(select(Fund.code, Fund.name))
        self.people = self._pairs(select(User.id, User.name))
        self.serials = self._pairs(
            select(FormSheet.appointment_id, func.min(FormSheet.serial))
            .where(FormSheet.appointment_id.in_(self.ids), FormSheet.state != "spoiled")
            .group_by(FormSheet.appointment_id)
        )
        self.check_ins = self._pairs(
            select(CheckIn.appointment_id, CheckIn.consent).where(CheckIn.appointment_id.in_(self.ids))
        )
        self.arrivals = self._arrivals()
        self.consents = self._pairs(
            select(Consent.client_id, Consent.given)
            .where(Consent.client_id.in_(self.client_ids), Consent.purpose == "treatment")
            .order_by(Consent.event_at, Consent.id)
        )
        self.own = custom.on_roster(session, [(visit.id, patient.id, client.id) for visit, client, patient, _ in found])
        self.owed = owed_by(session, self.client_ids)
        self.deposits = deposits_of(session, self.client_ids)
        sign = case((FundEntry.kind == "pending", 1), (FundEntry.kind == "released", -1), else_=0)
        self.promised = self._pairs(
            select(FundEntry.appointment_id, func.sum(sign * FundEntry.amount_cents))
            .where(FundEntry.appointment_id.in_([one.id for one, *_ in found if one.funding]))
            .group_by(FundEntry.appointment_id)
        )

    def rows(self) -> list[RosterRow]:
        return [self._row(*parts) for parts in self.found]

    def _pairs(self, statement: Any) -> dict[Any, Any]:
        return {key: value for key, value in self.session.execute(statement)}

    def _arrivals(self) -> dict[str, datetime]:
        statement = (
            select(FlowEvent.appointment_id, func.max(FlowEvent.event_at))
            .where(
                FlowEvent.appointment_id.in_(self.ids),
                FlowEvent.to_stage == "checked_in",
                FlowEvent.reverts_id.is_(None),
            )
            .group_by(FlowEvent.appointment_id)
        )
        return self._pairs(statement)

    def _consent(self, appointment: Appointment, client: Client) -> str:
        seen = self.check_ins.get(appointment.id)
        if seen in ("signed", "refused"):
            return str(seen)
        given = self.consents.get(client.id)
        return "missing" if given is None else "on_file" if given else "refused"

    def _row(self, appointment: Appointment, client: Client, patient: Patient, location: Location) -> RosterRow:
        kind = self.kinds.get(appointment.type)
        caution = dict.fromkeys(text for text in (appointment.caution, patient.caution, client.caution) if text)
        return RosterRow(
            id=appointment.id,
            version=appointment.version,
            number=appointment.number,
            serial=self.serials.get(appointment.id),
            day=appointment.day,
            starts_at=appointment.starts_at,
            zone=location.zone,
            minutes=appointment.minutes,
            type=appointment.type,
            type_label=kind.label if kind else appointment.type,
            colour=kind.colour if kind else "#8a94a3",
            surgical=kind.surgical if kind else False,
            location_id=location.id,
            location=location.name,
            provider_id=appointment.provider_id,
            provider=self.people.get(appointment.provider_id, ""),
            client_id=client.id,
            client_number=client.number,
            owner=f"{client.last_name}, {client.first_name}" if client.first_name else client.last_name,
            surname=client.last_name,
            phone=client.phone,
            owner_type=client.owner_type,
            restricted=client.restricted,
            patient_id=patient.id,
            animal=patient.name,
            species=self.species.get(patient.species, patient.species),
            breed=patient.breed,
            sex=patient.sex,
            altered=patient.altered,
            born_on=patient.born_on,
            born_estimated=patient.born_estimated,
            weight_grams=patient.weight_grams,
            service_codes=list(appointment.services),
            services=[self.services.get(code, code) for code in appointment.services],
            caution=" · ".join(caution),
            own_caution=appointment.caution,
            consent=self._consent(appointment, client),
            deposit_cents=self.deposits.get(client.id, 0),
            owed_cents=self.owed.get(client.id, 0),
            funding_code=appointment.funding,
            funding=self.funds.get(appointment.funding, appointment.funding),
            promised_cents=self.promised.get(appointment.id, 0),
            stage=appointment.stage,
            stage_label=self.look.label(appointment.stage),
            stage_at=appointment.stage_at,
            arrived_at=self.arrivals.get(appointment.id) if appointment.stage in ATTENDED else None,
            walk_in=appointment.walk_in,
            notes=appointment.notes,
            cancel_reason=appointment.cancel_reason,
            own=self.own.get(appointment.id, ""),
        )


def owed_by(session: ClinicSession, client_ids: Collection[str]) -> dict[str, int]:
    """What each client still owes in cents; a ticket still in the making is not owed yet."""
    statement = select(Invoice.id, Invoice.client_id).where(Invoice.client_id.in_(client_ids))
    clients: dict[str, str] = dict(session.execute(statement).tuples().all())
    owed: defaultdict[str, int] = defaultdict(int)
    if clients:
        for invoice_id, stands in standings(session, clients).items():
            owed[clients[invoice_id]] += stands.owed
    return {client_id: cents for client_id, cents in owed.items() if cents}


def deposits_of(session: ClinicSession, client_ids: Collection[str]) -> dict[str, int]:
    """What each client paid that no invoice has used yet, in cents: not allocated, or a deposit on a draft."""
    credit: defaultdict[str, int] = defaultdict(int)
    stays = _who_stays(session, client_ids)  # payments stay with the client they were taken from
    ended = exists().where(
        InvoiceEvent.invoice_id == PaymentAllocation.invoice_id,
        InvoiceEvent.kind.in_(("opened", "forgiven", "voided")),
    )
    received = select(Payment.id, Payment.client_id, Payment.amount_cents).where(Payment.client_id.in_(stays))
    payer: dict[str, str] = {}
    for payment_id, client_id, cents in session.execute(received):
        payer[payment_id] = stays[str(client_id)]
        credit[payer[payment_id]] += int(cents)
    used = select(PaymentAllocation.payment_id, PaymentAllocation.amount_cents).where(
        PaymentAllocation.payment_id.in_(payer), PaymentAllocation.deposit.is_(False) | ended
    )
    for payment_id, cents in session.execute(used):
        credit[payer[payment_id]] -= int(cents)
    return {client_id: cents for client_id, cents in credit.items() if cents > 0}


def _who_stays(session: ClinicSession, client_ids: Collection[str]) -> dict[str, str]:
    """Clients and those merged into them, each with the one that stayed."""
    merged = select(Client.id, Client.merged_into_id).where(Client.merged_into_id.in_(client_ids))
    return {one: one for one in client_ids} | {one: str(stays) for one, stays in session.execute(merged)}


def _history(session: ClinicSession, appointment_id: str) -> list[HistoryLine]:
    flow = definitions.load_all(session, FLOW_LOOK).get("flow") or FlowLook()
    statement = (
        select(FlowEvent, User.name)
        .outerjoin(User, (User.clinic_id == FlowEvent.clinic_id) & (User.id == FlowEvent.by_user_id))
        .where(FlowEvent.appointment_id == appointment_id)
        .order_by(FlowEvent.entered_at, FlowEvent.id)
    )
    return [
        HistoryLine(
            event.event_at,
            event.entered_at,
            event.from_stage,
            event.to_stage,
            flow.label(event.to_stage),
            name or "",
            event.reason,
            event.source,
            event.reverts_id is not None,
        )
        for event, name in session.execute(statement)
    ]


STAGE_GROUPS = {
    "Expected": BEFORE_ARRIVAL,
    "Here now": ON_SITE,
    "Gone home": ("checked_out", "declined", "died"),
    "No-show": ("no_show",),
    "Canceled": ("cancelled",),
}
"""The groups of stages a roster is filtered by."""
