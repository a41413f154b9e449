"""The service "client billing": whether it is on, who may create and send invoices, and where clients find theirs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field
from sqlalchemy import select

from billing.processors.settings import processors
from data import definitions
from data.errors import BadInput, NotPermitted, Refusal
from data.models import Clinic, User
from data.session import ClinicSession
from security.actor import Actor
from security.permissions import PERMISSIONS
from security.rules import authorize, look


class ServiceOff(Refusal):
    """Client billing is switched off. An administrator switches it on under Settings, Client billing."""


class NoPortalAddress(Refusal):
    """Nobody has said yet under which address clients reach this installation. An administrator enters it under
    Settings, Client billing."""


class ClientBilling(definitions.Document):
    """Settings > Client billing."""

    enabled: bool = False
    providers: list[Annotated[str, Field(max_length=60)]] = Field(default_factory=list, max_length=500)
    """Usernames of those who may create and send invoices besides the roles that may."""
    due_days: int = Field(default=14, ge=0, le=365)
    """Days until an invoice is due."""
    address: str = Field(default="", max_length=200)
    """https://host of this installation as clients reach it; empty: as the browser of whoever sends knows it."""
    words: str = Field(default="", max_length=300)
    """What clients read below their invoices: whom to call, when."""


def _check(session: ClinicSession, _: str, entered: ClientBilling) -> None:
    """What is saved from now on. Raises BadInput."""
    if entered.address and not is_site(entered.address):
        raise BadInput(
            problem="The address must begin with https:// and hold nothing after the host, like https://clinic.org."
        )
    known = set(session.scalars(select(User.username).where(User.status != "disabled")))
    for username in entered.providers:
        if username not in known:
            raise BadInput(problem=f"There is nobody called {username} here. Take them off the list.")


SERVICE = definitions.register("client-billing", "Client billing", ClientBilling, _check)
ONLY = "service"
"""The slug of the one document of this kind."""


def client_billing(session: ClinicSession) -> ClientBilling:
    """The service as it is set; switched off where nobody set it."""
    return definitions.load_all(session, SERVICE).get(ONLY) or ClientBilling()


def check_on(session: ClinicSession) -> ClientBilling:
    """The service. Raises ServiceOff."""
    service = client_billing(session)
    if not service.enabled:
        raise ServiceOff()
    return service


@dataclass(frozen=True)
class About:
    """What an administrator sees beside the setting."""

    people: dict[str, str]
    """Username to name of everybody who may be assigned."""
    address: str
    """Of the portal, as it goes into mails; empty where it is not known."""
    processors: list[str]
    """Names of those that take payments online."""


def about_service(site: str = "", *, by: Actor) -> About:
    """Who can be assigned, where clients find the portal, and through whom they pay. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        users = select(User.username, User.name).where(User.status != "disabled").order_by(User.name)
        try:
            address = portal_address(session, site)
        except NoPortalAddress:
            address = ""
        online = [one.label for one in processors(session).values() if one.active and one.takes_online]
        return About(dict(session.execute(users).tuples().all()), address, online)


def is_on(*, by: Actor) -> bool:
    """Whether the service is on, so that payments can be asked for. Raises NotPermitted."""
    with look(by, "billing.view") as session:
        return client_billing(session).enabled


def may_bill(session: ClinicSession, by: Actor) -> bool:
    """Whether this person may create and send invoices: by role, or as one assigned to the service."""
    try:
        authorize(session, by, "billing.invoice")
    except NotPermitted:
        assigned = client_billing(session).providers
        username = session.scalar(select(User.username).where(User.id == by.user_id)) if by.user_id else None
        return username in assigned and (by.within is None or "billing.invoice" in by.within)
    return True


def check_may_bill(session: ClinicSession, by: Actor) -> None:
    """Raise NotPermitted for whoever may not create and send invoices."""
    if not may_bill(session, by):
        raise NotPermitted(action=PERMISSIONS["billing.invoice"].action)


def is_site(text: str) -> bool:
    """Whether a text is the address of a host over TLS, or of this machine, and nothing besides."""
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    here = host in ("localhost", "127.0.0.1", "::1")
    plain = re.fullmatch(r"[\w.-]+|[0-9a-f:]+", host, re.ASCII) and not parts.username and parts.path in ("", "/")
    return bool(plain and not parts.query and not parts.fragment and parts.scheme in ("https", "http")[: 1 + here])


def public_address(session: ClinicSession, site: str = "") -> str:
    """Under which address clients reach this installation: ``https://host``.

    The address in the setting counts; without one ``site``, the installation as the browser of whoever sends knows
    it; without either ``BALLAST_PUBLIC_URL``, or the first host name this installation answers to. Raises
    NoPortalAddress.
    """
    named = [name.strip() for name in os.environ.get("BALLAST_HOSTS", "").split(",") if name.strip()]
    told = os.environ.get("BALLAST_PUBLIC_URL", "") or (f"https://{named[0]}" if named else "")
    base = client_billing(session).address or site or told
    if not is_site(base):
        raise NoPortalAddress()
    return base.rstrip("/")


def portal_address(session: ClinicSession, site: str = "") -> str:
    """Where the clients of this clinic sign in: ``https://host/portal/slug``. Raises NoPortalAddress."""
    slug = session.scalar(select(Clinic.slug).where(Clinic.id == session.clinic_id))
    return f"{public_address(session, site)}/portal/{slug}"
