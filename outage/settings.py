"""How long paper is kept, and where the status page stands: definitions an administrator changes."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from pydantic import Field

from data import definitions
from data.errors import BadInput
from data.session import ClinicSession


class PaperRules(definitions.Document):
    """Settings > Paper. Federal rules want two years for drug records; a state may want more."""

    drug_log_years: int = Field(default=2, ge=2, le=25)


PAPER = definitions.register("paper-rules", "Paper", PaperRules)


def paper_rules(session: ClinicSession) -> PaperRules:
    """The current rules; the shipped ones where none were saved."""
    return definitions.load_all(session, PAPER).get("paper") or PaperRules()


class StatusPage(definitions.Document):
    """Settings > Status page. The page is kept by the watcher, a process of its own on another machine."""

    url: str = Field(default="", max_length=300)
    """Where people read it. Empty: there is none, and nothing leads there."""
    service: str = Field(default="", max_length=300)
    """Where the watcher itself answers, if the page lies on another host."""
    checks_subscribers: bool = True
    """Whether the watcher is asked which people of the staff get its mails."""

    def asked_at(self) -> str:
        """The address of the watcher itself."""
        return (self.service or self.url).rstrip("/")


def _check_status_page(_: ClinicSession, __: str, entered: StatusPage) -> None:
    for place, name in ((entered.url, "the status page"), (entered.service, "the watcher")):
        if place and not is_safe_address(place):
            raise BadInput(problem=f"The address of {name} must begin with https:// and hold no ?, # or password.")
    if entered.service and not entered.url:
        raise BadInput(problem="Enter the address of the page too: that is where people are led.")


def is_safe_address(address: str) -> bool:
    """Whether we may go there, and lead people there: https, or plain http to this very machine."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = bool(host) and not (parts.query or parts.fragment or parts.username or parts.password)
    if not plain or not address.isprintable() or not address.isascii() or any(mark in address for mark in " \"'<>\\"):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


STATUS_PAGE = definitions.register("status-page", "Status page", StatusPage, _check_status_page)


def status_page(session: ClinicSession) -> StatusPage:
    """Where the clinic's status page stands; empty where none was set."""
    return definitions.load_all(session, STATUS_PAGE).get("status") or StatusPage()


CARD_WAYS = {
    "slips": "Card slips", "terminal": "A terminal that works by itself", "links": "Payment requests afterwards",
    "imprinter": "An imprinter", "second": "A second processor or a phone app", "none": "Cash and checks alone",
}  # fmt: skip


class OutagePlan(definitions.Document):
    """Settings > Cards in an outage: what is done where cards cannot be taken as usual."""

    slips: bool = False
    terminal: bool = False
    links: bool = False
    imprinter: bool = False
    second: bool = False
    none: bool = False
    where: str = Field(default="", max_length=160)

    @property
    def ways(self) -> list[str]:
        """The ways that were chosen, in words."""
        return [words for name, words in CARD_WAYS.items() if getattr(self, name)]


PLAN = definitions.register("outage-readiness", "Cards in an outage", OutagePlan)


def outage_plan(session: ClinicSession) -> OutagePlan:
    """How cards are taken in an outage; nothing is chosen where none was saved."""
    return definitions.load_all(session, PLAN).get("outage") or OutagePlan()
