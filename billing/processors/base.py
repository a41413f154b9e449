"""What every processor is asked, and its answers in our words: whole cents, UTC, no card data but last4 and brand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from data.errors import BadInput, EnvironmentFailure, Refusal


class ProcessorSilent(EnvironmentFailure):
    """{label} did not answer in time. Nothing is lost or charged twice: it is asked again under the same number in the
    next minutes, and what came of it appears here."""


class ProcessorRefused(Refusal):
    """{label} refused: {answer}"""


class ProcessorUnready(BadInput):
    """{label} cannot be asked yet: {problem}"""


class Forged(Exception):
    """A message that does not carry the processor's signature, or one too old to be believed."""


@dataclass(frozen=True)
class Ask:
    """A pay page to be made. ``key`` is ours, the same when asked again; ``reference`` says nothing about anybody."""

    key: str
    reference: str
    amount_cents: int
    currency: str
    expires_at: datetime
    return_url: str
    cancel_url: str
    notice_url: str = ""
    """Where the processor may tell us, for those that are told with each page."""


@dataclass(frozen=True)
class Hosted:
    """A pay page at the processor. Where it must be posted to, ``fields`` are what is posted."""

    external_id: str
    url: str
    expires_at: datetime
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Placed:
    """A pay page that was asked for: what it is found by again."""

    key: str
    reference: str
    external_id: str
    transaction: str
    amount_cents: int
    currency: str
    placed_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Sale:
    """What became of a pay page or a charge: open, paid, declined, expired, voided or unknown."""

    state: str
    transaction: str = ""
    amount_cents: int = 0
    currency: str = ""
    at: datetime | None = None
    last4: str = ""
    brand: str = ""
    authorization: str = ""
    tender: str = "card"
    is_settled: bool = False


@dataclass(frozen=True)
class Back:
    """Money to be given back. ``is_whole`` where nothing of the sale was given back before and all of it goes."""

    key: str
    transaction: str
    amount_cents: int
    currency: str
    is_whole: bool
    last4: str = ""
    asked_at: datetime | None = None


@dataclass(frozen=True)
class Returned:
    """What became of it: done, declined, or later (only after the sale has settled). ``kind`` refund or void."""

    state: str
    external_id: str = ""
    kind: str = "refund"
    at: datetime | None = None
    answer: str = ""


@dataclass(frozen=True)
class Notice:
    """A message of a processor, checked: ``about`` checkout, refund, dispute or other, and what it is about."""

    event_id: str
    kind: str
    about: str
    happened_at: datetime
    reference: str = ""
    external_id: str = ""
    transaction: str = ""


@dataclass(frozen=True)
class Charge:
    """A charge found at the processor, for whoever keyed a slip and looks for its authorization."""

    transaction: str
    amount_cents: int
    at: datetime
    last4: str
    brand: str
    authorization: str
    status: str


class Processor(Protocol):
    """One merchant account. Raises ProcessorSilent where it is not known what came of a call, ProcessorRefused where it
    is known that nothing came of it."""

    label: str

    def checkout(self, ask: Ask) -> Hosted:
        """Make a pay page. Asked again with the same key it makes no second charge possible."""
        ...

    def expire(self, placed: Placed) -> Sale:
        """Close a pay page, as far as the processor can; what is known of it afterwards. ``open`` means that it lapses
        by itself at its time."""
        ...

    def state_of(self, placed: Placed) -> Sale:
        """What became of a pay page."""
        ...

    def refund(self, back: Back) -> Returned:
        """Give money back; never asked twice for the same unless ``refund_found`` says there is none."""
        ...

    def refund_found(self, back: Back) -> Returned | None:
        """A refund that was asked for and of which no answer came, if it was carried out."""
        ...

    def charges(self, first: date, last: date) -> list[Charge]:
        """Charges of some days, both included."""
        ...

    def settlements(self, first: date, last: date, known: frozenset[str] = frozenset()) -> list[tuple[str, Any]]:
        """Answers about what was settled on some days, (name, document), as ``billing.settlement`` reads them.

        ``known`` are references that need not be fetched again."""
        ...

    def parse_webhook(self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> Notice | None:
        """A message that came in; None for a kind that says nothing to us. Raises Forged."""
        ...

    def test(self) -> str:
        """Ask for something harmless; a sentence about whom we are signed in as."""
        ...
