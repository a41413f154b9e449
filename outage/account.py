"""What belongs to an outage, as plain facts: its visits, sheets, pages, drug lines and money."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from data.wording import Wording
from outage.outages import OutageRow
from records.standing import Standing

SLIPS_A_SHEET = 4


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
    at: str = ""


@dataclass(frozen=True)
class DrugLine:
    """A drug line as it was keyed from a sheet; ``drawn`` in thousandths, None where it cannot be read."""

    bottle: str
    """The bottle's number as written; empty on a bottle's own sheet."""
    drawn: int | None
    place: str = ""
    """Its line on the sheet."""
    at: str = ""
    """The digits of the time written beside it."""


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
    charged: bool = True
    """Whether there is an authorization; without one nobody took the money yet."""
    asked: bool = False
    """Whether a payment request for it is open."""


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
class SettledFacts:
    """What came of a payment at the processor, in cents: settled by the end of its own day, in a later batch, written
    off by name. ``trouble`` is the kind of what speaks against the rest; without it the rest is not settled yet."""

    same_day_cents: int = 0
    later_cents: int = 0
    written_off_cents: int = 0
    trouble: str = ""


@dataclass(frozen=True)
class PaymentFacts:
    """A payment for a slip. ``net_cents`` is nothing once it was voided."""

    id: str
    reference: str
    net_cents: int
    amount_cents: int
    voided: bool
    day: date
    settled: SettledFacts = SettledFacts()

    @property
    def settled_cents(self) -> int:
        """What was settled, whenever."""
        return self.settled.same_day_cents + self.settled.later_cents

    @property
    def open_cents(self) -> int:
        """What is neither settled nor written off."""
        return self.net_cents - self.settled_cents - self.settled.written_off_cents


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
