"""What a clinic says about a card processor; what signs it in there is kept apart (``credentials``)."""

from __future__ import annotations

from datetime import time
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from data import definitions
from data.session import ClinicSession

TYPES = {
    "stripe": "Stripe",
    "authorize_net": "Authorize.net",
    "elavon": "Elavon Converge",
    "mx": "MX Merchant",
    "terminal": "Stand-alone terminal",
}
"""Types of processors by the word they are kept as."""
ProcessorType = Literal["stripe", "authorize_net", "elavon", "mx", "terminal"]
CREDENTIALS: dict[str, dict[str, str]] = {
    "stripe": {"secret_key": "Secret key", "webhook_secret": "Signing secret of the webhook"},
    "authorize_net": {
        "login_id": "API login ID", "transaction_key": "Transaction key", "signature_key": "Signature key",
    },
    "elavon": {"merchant_id": "Account ID", "user_id": "User ID of the API", "pin": "Terminal PIN"},
    "mx": {"consumer_key": "API key", "consumer_secret": "API secret"},
    "terminal": {},
}  # fmt: skip
"""By type, what signs us in there and how people call it."""
NEEDED = {
    "stripe": ("secret_key",), "authorize_net": ("login_id", "transaction_key"),
    "elavon": ("merchant_id", "user_id", "pin"), "mx": ("consumer_key", "consumer_secret"), "terminal": (),
}  # fmt: skip
"""Without these it cannot be asked anything."""
ONLINE = ("stripe", "authorize_net", "elavon", "mx")
"""Types with a pay page of their own."""
TERMINALS = {
    "stripe": "https://dashboard.stripe.com/payments",
    "authorize_net": "https://account.authorize.net",
    "elavon": "https://www.convergepay.com",
    "mx": "https://mxmerchant.com",
    "terminal": "",
}
"""Where slips are keyed, unless the clinic says otherwise."""


class Processor(definitions.Document):
    """A merchant account at a processor. Rates are those of the contract: 2.9 % is 29000 millionths."""

    label: str = Field(min_length=1, max_length=80)
    type: ProcessorType
    merchant_id: str = Field(default="", max_length=40)
    locations: list[str] = Field(default_factory=list)
    """Names of locations that use it online; empty means all that have none of their own."""
    zone: str = ""
    """Of its business day; empty means the clinic's."""
    cut_off: str = ""
    """``20:00``: what is charged later counts on the next day. Empty means midnight."""
    fees: Literal["daily", "monthly"] = "daily"
    """Taken out of each deposit, or billed once a month."""
    rate_millionths: int = Field(default=0, ge=0, le=200_000)
    per_item_cents: int = Field(default=0, ge=0, le=1_000)
    deposit_days: int = Field(default=2, ge=0, le=14)
    """Business days until a batch is in the bank."""
    bank_text: str = Field(default="", max_length=80)
    """Words that name it in the bank's line."""
    brands_apart: list[str] = Field(default_factory=list)
    """Brands that arrive in a deposit of their own."""
    active: bool = True
    takes_online: bool = False
    virtual_terminal_url: str = Field(default="", max_length=300)
    test: bool = False
    """Asks the processor's sandbox: no money moves."""

    @field_validator("zone")
    @classmethod
    def _zone(cls, text: str) -> str:
        if text:
            try:
                ZoneInfo(text)
            except (KeyError, ValueError, OSError):
                raise ValueError("is not a time zone") from None
        return text

    @field_validator("cut_off")
    @classmethod
    def _time(cls, text: str) -> str:
        if text:
            try:
                return f"{time.fromisoformat(text):%H:%M}"
            except ValueError:
                raise ValueError("must be a time such as 20:00") from None
        return text

    @field_validator("virtual_terminal_url")
    @classmethod
    def _address(cls, text: str) -> str:
        if text and (urlsplit(text).scheme != "https" or not urlsplit(text).hostname):
            raise ValueError("must begin with https://")
        return text

    @property
    def terminal_address(self) -> str:
        """Where a slip is keyed."""
        return self.virtual_terminal_url or TERMINALS[self.type]


PROCESSOR = definitions.register("processor", "Processor", Processor)


def processors(session: ClinicSession) -> dict[str, Processor]:
    """The clinic's processors by slug."""
    return definitions.load_all(session, PROCESSOR)


def names_of(session: ClinicSession) -> dict[str, str]:
    """What people call each processor, by its slug; one that is not set up goes by the name of its type."""
    return TYPES | {slug: found.label for slug, found in processors(session).items()}


def online_for(session: ClinicSession, location: str | None) -> str | None:
    """The slug of the processor on whose page a payment at a location (by name) is made; None where there is none.

    One that names the location comes first, then one that names none.
    """
    fitting = [
        (location not in found.locations, slug)
        for slug, found in processors(session).items()
        if found.active and found.takes_online and found.type in ONLINE
        and (not found.locations or (location or "") in found.locations)
    ]  # fmt: skip
    return min(fitting)[1] if fitting else None
