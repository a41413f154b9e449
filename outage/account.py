"""What belongs to an outage: its visits, sheets, pages, drug lines and money, read once in a dozen queries."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from appointments.quantities import BadQuantity, thousandths
from data.models import (
    Appointment,
    BackEntry,
    Bottle,
    CardSlip,
    Client,
    Clinic,
    Document,
    DocumentPage,
    Drug,
    DrugLogEntry,
    FlowEvent,
    FormSheet,
    Invoice,
    Outage,
    Patient,
    Payment,
    PrintRun,
    ScanFile,
    User,
    Waiver,
)
from data.session import ClinicSession
from data.types import clock
from data.wording import Wording
from forms.definition import Form
from forms.editions import editions_of
from outage.outages import OutageRow, days_of, outage_for, rows_of
from records.access import NAME, Closed
from records.standing import Standing, standings
from security.actor import Actor

FINAL = ("checked_out", "declined", "died", "cancelled", "no_show")
SLIPS_A_SHEET = 4
EMPTY = ("", "-")
"""What is typed where the paper was left empty."""


@dataclass(frozen=True)
class FormFacts:
    """What the board must know of a form: whom it is for, and where in it drug lines are written."""

    title: str
    subject: str
    slip: bool
    lines: str = ""
    """The key of its grid of drug lines."""
    bottle: str = ""
    drawn: str = ""
    given: str = ""
    wasted: str = ""


@dataclass(frozen=True)
class DrugLine:
    """A drug line as it was keyed from a sheet; ``drawn`` in thousandths, None where it cannot be read."""

    bottle: str
    """The bottle's number as written; empty on a bottle's own sheet."""
    drawn: int | None


@dataclass(frozen=True)
class Entry:
    """What was keyed from a sheet."""

    state: str
    keyed_by: str
    verified_by: str
    drugs: tuple[DrugLine, ...]
    exceptions: tuple[str, ...] = ()
    """What was odd and stopped nobody, such as waste without a witness."""


@dataclass
class SheetFacts:
    """One printed sheet. ``attached`` and ``review`` are page numbers; ``has_come`` says that anything of it came
    back."""

    id: str
    serial: int
    form: str
    about: FormFacts
    pages: int
    appointment_id: str | None
    bottle_id: str | None
    state: str
    reason: str
    purpose: str
    run: str
    attached: set[int] = field(default_factory=set)
    review: dict[int, str] = field(default_factory=dict)
    entry: Entry | None = None
    parts: dict[int, SlipFacts] = field(default_factory=dict)
    is_gap: bool = False
    """Blank stock that lies between sheets that were used."""

    @property
    def has_come(self) -> bool:
        """Whether any of it was scanned or keyed."""
        return bool(self.attached or self.review or self.state in ("used", "entered") or self.entry or self.parts)

    @property
    def missing(self) -> list[int]:
        """The pages that were not scanned."""
        return [page for page in range(1, self.pages + 1) if page not in self.attached and page not in self.review]


@dataclass(frozen=True)
class SlipFacts:
    """A card slip that was keyed."""

    id: str
    part: int
    amount_cents: int
    payment_id: str | None
    reason: str
    destroyed: bool
    appointment_id: str | None


@dataclass(frozen=True)
class VisitFacts:
    """A visit of the outage. ``hidden`` where its record is closed to the reader."""

    id: str
    number: int
    animal: str
    owner: str
    day: date
    starts_at: datetime
    stage: str
    walk_in: bool
    hidden: bool
    invoice_id: str | None
    standing: Standing | None


@dataclass(frozen=True)
class Line:
    """A line of the drug log that counts; ``taken`` is what it took out of the bottle, in thousandths."""

    id: str
    bottle_id: str
    appointment_id: str | None
    taken: int


@dataclass(frozen=True)
class BottleFacts:
    """A bottle that paper of the outage names or that was drawn from."""

    id: str
    number: str
    drug: str
    unit: str


@dataclass(frozen=True)
class PaymentFacts:
    """A payment by slip. ``net_cents`` is nothing once it was voided."""

    id: str
    reference: str
    net_cents: int
    amount_cents: int
    voided: bool


@dataclass(frozen=True)
class PageFacts:
    """A scanned page that nobody could place yet."""

    id: str
    source: str
    number: int
    state: str
    reason: str


@dataclass(frozen=True)
class WaiverFacts:
    """What somebody let go."""

    id: str
    entity: str
    entity_id: str
    reason: str
    who: str
    at: datetime


@dataclass
class Account:
    """Everything the recovery board shows, before it is judged."""

    outage: OutageRow
    words: Wording
    shows_money: bool
    visits: dict[str, VisitFacts] = field(default_factory=dict)
    sheets: dict[str, SheetFacts] = field(default_factory=dict)
    bottles: dict[str, BottleFacts] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    """The bottle that a number on paper means, by the number in small letters."""
    lines: list[Line] = field(default_factory=list)
    payments: dict[str, PaymentFacts] = field(default_factory=dict)
    pages: list[PageFacts] = field(default_factory=list)
    waivers: dict[tuple[str, str], WaiverFacts] = field(default_factory=dict)
    scans_waiting: int = 0

    def waived(self, entity: str, entity_id: str) -> WaiverFacts | None:
        """Who let a row go."""
        return self.waivers.get((entity, entity_id))


def read_account(session: ClinicSession, outage_id: str, by: Actor) -> Account:
    """Read what belongs to an outage, within a rule. Raises NotFound."""
    stored = outage_for(session, outage_id)
    clinic = session.get_one(Clinic, session.clinic_id)
    may = session.info.get("may")
    account = Account(
        rows_of(session, stored.id)[0], Wording.of(clinic),
        by.is_trusted or (may is not None and "billing.view" in may),
    )  # fmt: skip
    _read_sheets(session, account, stored)
    if stored.scope == "all":
        _read_visits(session, account, stored, by)
        _drop_unneeded(account)
        _read_pages(session, account)
        _read_entries(session, account)
        _read_loose_pages(session, account, stored)
        _read_drugs(session, account, stored)
    _read_slips(session, account, stored)
    for waiver, name in session.execute(
        select(Waiver, User.name)
        .outerjoin(User, (User.clinic_id == Waiver.clinic_id) & (User.id == Waiver.by_user_id))
        .where(Waiver.outage_id == stored.id)
        .order_by(Waiver.id)
    ):
        account.waivers[waiver.entity, waiver.entity_id] = WaiverFacts(
            waiver.id, waiver.entity, waiver.entity_id, waiver.reason, name or "Operator", waiver.entered_at
        )
    return account


_SHEET = (
    FormSheet.id, FormSheet.serial, FormSheet.form, FormSheet.edition, FormSheet.pages, FormSheet.appointment_id,
    FormSheet.bottle_id, FormSheet.state, FormSheet.reason, PrintRun.purpose, PrintRun.id,
)  # fmt: skip


def _sheets(*conditions: ColumnElement[bool]) -> Any:
    return (
        select(*_SHEET)
        .join(PrintRun, (PrintRun.clinic_id == FormSheet.clinic_id) & (PrintRun.id == FormSheet.print_run_id))
        .where(*conditions)
        .order_by(FormSheet.serial)
    )


def _read_sheets(session: ClinicSession, account: Account, stored: Outage) -> None:
    slips = FormSheet.id.in_(select(CardSlip.form_sheet_id).where(CardSlip.outage_id == stored.id))
    wanted: list[ColumnElement[bool]] = [slips]
    if stored.scope == "all":
        wanted += [FormSheet.outage_id == stored.id, FormSheet.id.in_(_used_unbound(session, account, stored))]
    found = list(session.execute(_sheets(or_(*wanted))))
    spans: dict[str, list[int]] = defaultdict(list)
    for row in found:
        if row.purpose == "blank":
            spans[row[10]].append(row.serial)
    between = [
        and_(FormSheet.print_run_id == run, FormSheet.serial > min(serials), FormSheet.serial < max(serials))
        for run, serials in spans.items()
        if len(serials) > 1
    ]
    gaps = []
    if between:
        known = {row.id for row in found}
        free = (FormSheet.state.in_(("printed", "spoiled", "waived")), FormSheet.outage_id.is_(None))
        gaps = [row for row in session.execute(_sheets(or_(*between), *free)) if row.id not in known]
    about = forms_of(session, {row.edition for row in [*found, *gaps]})
    for is_gap, rows in ((False, found), (True, gaps)):
        for row in rows:
            account.sheets[row.id] = SheetFacts(
                row.id, row.serial, row.form, about.get(row.edition, FormFacts(row.form, "appointment", False)),
                row.pages, row.appointment_id, row.bottle_id, row.state, row.reason, row.purpose, row[10],
                is_gap=is_gap,
            )  # fmt: skip


def _used_unbound(session: ClinicSession, account: Account, stored: Outage) -> Select[Any]:
    """Blank stock and other sheets that came back while this outage is the newest and open, though nothing bound
    them to it."""
    first, last = days_of(stored.began_at, stored.ended_at, account.words.zone)
    later = session.scalars(
        select(Outage.began_at)
        .where(Outage.scope == "all", Outage.began_at > stored.began_at)
        .order_by(Outage.began_at)
    ).first()
    scanned = [DocumentPage.form_sheet_id == FormSheet.id, DocumentPage.entered_at >= stored.began_at]
    keyed = [BackEntry.form_sheet_id == FormSheet.id, BackEntry.entered_at >= stored.began_at]
    if later is not None:
        scanned.append(DocumentPage.entered_at < later)
        keyed.append(BackEntry.entered_at < later)
    statement = (
        select(FormSheet.id)
        .outerjoin(
            Appointment, (Appointment.clinic_id == FormSheet.clinic_id) & (Appointment.id == FormSheet.appointment_id)
        )
        .where(
            FormSheet.outage_id.is_(None), FormSheet.state.in_(("used", "entered")),
            or_(Appointment.id.is_(None), Appointment.day.between(first, last)),
            or_(
                exists().where(DocumentPage.clinic_id == FormSheet.clinic_id, *scanned),
                exists().where(BackEntry.clinic_id == FormSheet.clinic_id, *keyed),
            ),
        )
    )  # fmt: skip
    return statement if stored.clinical_closed_at is None else statement.where(FormSheet.id.is_(None))


def forms_of(session: ClinicSession, numbers: set[int]) -> dict[int, FormFacts]:
    """What the board must know of the forms behind these editions, within a rule."""
    return {number: form_facts(edition.body) for number, edition in editions_of(session, numbers).items()}


def form_facts(form: Form) -> FormFacts:
    """What the board must know of a form."""
    for grid in form.fields():
        if grid.type == "grid" and grid.target == "drug_log":
            of = {cell.target: cell.key for cell in grid.cells if cell.target}
            return FormFacts(
                form.title, form.subject, form.slip, grid.key, of.get("drug_log.bottle", ""),
                of.get("drug_log.drawn", ""), of.get("drug_log.given", ""), of.get("drug_log.wasted", ""),
            )  # fmt: skip
    return FormFacts(form.title, form.subject, form.slip)


def _read_visits(session: ClinicSession, account: Account, stored: Outage, by: Actor) -> None:
    first, last = days_of(stored.began_at, stored.ended_at, account.words.zone)
    used = {sheet.appointment_id for sheet in account.sheets.values() if sheet.appointment_id and sheet.has_come}
    on_paper = exists().where(
        FlowEvent.clinic_id == Appointment.clinic_id, FlowEvent.appointment_id == Appointment.id,
        FlowEvent.source == "paper",
    )  # fmt: skip
    in_time = and_(
        Appointment.day.between(first, last),
        Appointment.starts_at < (stored.ended_at or clock.now()),
        Appointment.stage.not_in(("cancelled", "requested", "unknown")),
        or_(Appointment.stage.not_in(FINAL), Appointment.stage_at >= stored.began_at, on_paper),
    )
    statement = (
        select(
            Appointment.id, Appointment.number, Patient.name, Client.id, Client.first_name, Client.last_name,
            Client.restricted, Appointment.day, Appointment.starts_at, Appointment.stage, Appointment.walk_in,
        )
        .join(Client, (Client.clinic_id == Appointment.clinic_id) & (Client.id == Appointment.client_id))
        .join(Patient, (Patient.clinic_id == Appointment.clinic_id) & (Patient.id == Appointment.patient_id))
    )  # fmt: skip
    rows = {
        row[0]: row for mine in (in_time, Appointment.id.in_(used)) for row in session.execute(statement.where(mine))
    }
    found = sorted(rows.values(), key=lambda row: (row.day, row.starts_at, row.number))
    bills = select(Invoice.number, Invoice.appointment_id, Invoice.id).where(Invoice.appointment_id.in_(list(rows)))
    invoices: dict[str | None, str] = {
        appointment_id: invoice_id for _, appointment_id, invoice_id in sorted(session.execute(bills).tuples())
    }
    stands = standings(session, invoices.values()) if invoices else {}
    closed = Closed(session, by)
    for row in found:
        hidden = closed.hides(row[3], row.restricted)
        owner = f"{row.last_name}, {row.first_name}" if row.first_name else row.last_name
        invoice = invoices.get(row[0])
        account.visits[row[0]] = VisitFacts(
            row[0], row.number, NAME if hidden else row.name, "" if hidden else owner, row.day, row.starts_at,
            row.stage, row.walk_in, hidden, invoice, stands.get(invoice or ""),
        )  # fmt: skip


def _drop_unneeded(account: Account) -> None:
    """Sheets printed for visits that lie outside of the outage's time, and that never came back, are no part of it."""
    for sheet in list(account.sheets.values()):
        elsewhere = sheet.appointment_id is not None and sheet.appointment_id not in account.visits
        if elsewhere and not sheet.has_come:
            del account.sheets[sheet.id]


def _read_pages(session: ClinicSession, account: Account) -> None:
    statement = select(
        DocumentPage.form_sheet_id, DocumentPage.page, DocumentPage.state, DocumentPage.reason
    ).where(
        DocumentPage.form_sheet_id.in_(list(account.sheets)), DocumentPage.superseded_by_id.is_(None),
        DocumentPage.state.in_(("attached", "review")),
    )  # fmt: skip
    for sheet_id, page, state, reason in session.execute(statement):
        sheet = account.sheets[str(sheet_id)]
        if state == "attached":
            sheet.attached.add(int(page or 0))
        else:
            sheet.review[int(page or 0)] = reason
    for sheet in account.sheets.values():
        for page in sheet.attached:
            sheet.review.pop(page, None)


def _read_entries(session: ClinicSession, account: Account) -> None:
    names: dict[str, str] = dict(session.execute(select(User.id, User.name)).tuples().all())
    statement = select(
        BackEntry.form_sheet_id, BackEntry.state, BackEntry.keyed_by_id, BackEntry.verified_by_id, BackEntry.typed
    ).where(BackEntry.form_sheet_id.in_(list(account.sheets)))
    for sheet_id, state, keyed, verified, typed in session.execute(statement):
        sheet = account.sheets[sheet_id]
        sheet.entry = Entry(
            state, names.get(keyed or "", "Operator"), names.get(verified or "", "Operator"),
            tuple(drug_lines(sheet.about, typed)), _exceptions(typed),
        )  # fmt: skip


def _exceptions(typed: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(one[-1]) for one in typed.get("_exceptions") or ())


def drug_lines(about: FormFacts, typed: dict[str, Any]) -> Iterable[DrugLine]:
    """The drug lines among what was keyed from a sheet, by the line's place."""
    if not about.lines:
        return
    rows: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, value in typed.items():
        parts = key.split(".")
        if len(parts) == 3 and parts[0] == about.lines and str(value if value is not None else "").strip() not in EMPTY:
            rows[parts[1]][parts[2]] = value
    for place in sorted(rows, key=lambda text: (len(text), text)):
        row = rows[place]
        written = [row[key] for key in (about.drawn, about.given, about.wasted) if row.get(key) is not None]
        if written:
            yield DrugLine(str(row.get(about.bottle, "")).strip(), _drawn(about, row))


def _drawn(about: FormFacts, row: dict[str, Any]) -> int | None:
    """What was drawn; where only given and wasted are written, their sum."""
    try:
        if row.get(about.drawn) is not None:
            return thousandths(_bare(row[about.drawn]))
        return sum(thousandths(_bare(row[key])) for key in (about.given, about.wasted) if row.get(key) is not None)
    except BadQuantity:
        return None


def _bare(written: Any) -> str:
    """A number without the unit that somebody typed behind it."""
    return re.sub(r"\s*[^\W\d]+$", "", str(written).strip())


def _read_loose_pages(session: ClinicSession, account: Account, stored: Outage) -> None:
    """Pages that came since the outage began and belong to no sheet yet; nobody settled them."""
    if stored.clinical_closed_at is not None:
        return
    statement = (
        select(DocumentPage.id, Document.title, DocumentPage.index, DocumentPage.state, DocumentPage.reason)
        .join(Document, (Document.clinic_id == DocumentPage.clinic_id) & (Document.id == DocumentPage.document_id))
        .where(
            DocumentPage.form_sheet_id.is_(None), DocumentPage.superseded_by_id.is_(None),
            DocumentPage.settled_at.is_(None), DocumentPage.entered_at >= stored.began_at,
            DocumentPage.appointment_id.is_(None), DocumentPage.state.in_(("review", "foreign")),
        )
        .order_by(DocumentPage.id)
    )  # fmt: skip
    account.pages = [PageFacts(row[0], row[1], row[2] + 1, row[3], row[4]) for row in session.execute(statement)]
    account.scans_waiting = len(session.scalars(select(ScanFile.id).where(ScanFile.state == "waiting")).all())


def _read_drugs(session: ClinicSession, account: Account, stored: Outage) -> None:
    ended = stored.ended_at or clock.now()
    sheets = account.sheets.values()
    keyed = DrugLogEntry.form_sheet_id.in_(list(account.sheets))
    visits = set(account.visits) | {sheet.appointment_id for sheet in sheets if sheet.appointment_id}
    bottles = {sheet.bottle_id for sheet in sheets if sheet.bottle_id}
    columns = (DrugLogEntry.id, DrugLogEntry.bottle_id, DrugLogEntry.appointment_id, DrugLogEntry.delta)
    reads = (  # each by an index; joined by "or" they would read the whole log
        DrugLogEntry.bottle_id.in_(select(Bottle.id)) & DrugLogEntry.event_at.between(stored.began_at, ended),
        (DrugLogEntry.source == "paper") & DrugLogEntry.appointment_id.in_(list(account.visits)),
        DrugLogEntry.appointment_id.in_(visits) & keyed,
        DrugLogEntry.bottle_id.in_(bottles) & keyed,
    )
    lines = {
        row.id: row
        for mine in reads
        for row in session.execute(select(*columns).where(DrugLogEntry.kind == "use", mine))
    }
    found = [lines[one] for one in sorted(lines)]
    undone = select(DrugLogEntry.reverses_id).where(DrugLogEntry.reverses_id.in_([row.id for row in found]))
    reversed_ids = set(session.scalars(undone)) if found else set()
    account.lines = [Line(row[0], row[1], row[2], -row[3]) for row in found if row[0] not in reversed_ids]
    entries = [sheet.entry for sheet in account.sheets.values() if sheet.entry]
    written = {line.bottle.casefold() for entry in entries for line in entry.drugs if line.bottle}
    ids = {line.bottle_id for line in account.lines} | bottles
    statement = select(Bottle.id, Bottle.number, Drug.name, Drug.strength, Drug.unit).join(
        Drug, (Drug.clinic_id == Bottle.clinic_id) & (Drug.id == Bottle.drug_id)
    )
    stock = list(session.execute(statement))
    account.named = meant(written, {row[1]: row[0] for row in stock})
    ids |= set(account.named.values())
    for bottle_id, number, name, strength, unit in stock:
        if bottle_id in ids:
            account.bottles[bottle_id] = BottleFacts(bottle_id, number, f"{name} {strength}".strip(), unit)


def meant(written: Iterable[str], stock: Mapping[str, str]) -> dict[str, str]:
    """Which bottle each number on paper means: the one that has it, else the only one that differs by a leading B, #,
    dash or zeros."""
    known = {number.casefold(): bottle for number, bottle in stock.items()}
    alike: dict[str, list[str]] = defaultdict(list)
    for number, bottle in known.items():
        alike[number.lstrip("b0-#")].append(bottle)
    found = {}
    for number in written:
        near = alike.get(number.lstrip("b0-#")) or []
        if number in known:
            found[number] = known[number]
        elif len(near) == 1 and number.lstrip("b0-#"):
            found[number] = near[0]
    return found


def _read_slips(session: ClinicSession, account: Account, stored: Outage) -> None:
    paid: set[str] = set()
    for slip in session.scalars(select(CardSlip).where(CardSlip.outage_id == stored.id).order_by(CardSlip.part)):
        sheet = account.sheets.get(slip.form_sheet_id)
        if sheet is not None:
            sheet.parts[slip.part] = SlipFacts(
                slip.id, slip.part, slip.amount_cents, slip.payment_id, slip.reason, slip.destroyed_at is not None,
                slip.appointment_id,
            )  # fmt: skip
        if slip.payment_id:
            paid.add(slip.payment_id)
    first, last = days_of(stored.began_at, stored.ended_at, account.words.zone)
    in_time = (
        Payment.day.between(first - timedelta(days=1), last + timedelta(days=1))  # days of places in other zones
        & (Payment.channel == "slip")
        & Payment.event_at.between(stored.began_at, stored.ended_at or clock.now())
        & (Payment.source == "paper")
    )
    elsewhere = select(CardSlip.payment_id).where(CardSlip.payment_id.is_not(None), CardSlip.outage_id != stored.id)
    columns = (Payment.id, Payment.reference, Payment.amount_cents)
    taken = {
        row.id: row
        for mine in (Payment.id.in_(paid), in_time & Payment.id.not_in(elsewhere))
        for row in session.execute(select(*columns).where(Payment.kind == "sale", mine))
    }
    found = [taken[one] for one in sorted(taken)]
    voids = select(Payment.reverses_id).where(
        Payment.kind == "void", Payment.reverses_id.in_([row.id for row in found])
    )  # fmt: skip
    voided = set(session.scalars(voids)) if found else set()
    for payment_id, reference, cents in found:
        is_void = payment_id in voided
        account.payments[payment_id] = PaymentFacts(payment_id, reference, 0 if is_void else cents, cents, is_void)
