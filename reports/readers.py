"""Who gets which part of a mailed report: no more than they may see themselves, nor than the person it runs as.

Each reader gets the file compiled for the rights both have; readers with the same rights share one. Addresses outside
of the clinic never get what names a client or patient, nor amounts unless whoever set it up allows that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.errors import NotFound, NotPermitted, Refusal
from data.models import User
from data.session import ClinicSession
from data.types import clock
from reports import dashboards, parcels, saved, shelf
from reports.run import asked_by
from reports.schedules import Schedule
from security.actor import Actor
from security.clinics import clinic_of
from security.roles import permissions_of
from security.rules import look

NEVER_OUTSIDE = frozenset(("clients.view", "security.audit"))
RUNS = frozenset(("reports.view", "reports.export"))
GONE = "left the clinic, or cannot sign in at present"
NO_ADDRESS = "has no e-mail address any more"
OWN_ROWS = "sees only rows of their own, and so does the person it runs as"


@dataclass(frozen=True)
class Reader:
    """Somebody it goes to: ``who`` is the id of a person, or an address."""

    who: str
    address: str


@dataclass(frozen=True)
class Circle:
    """Readers with the same rights, and the actor their file is made for. ``sees_all``: they may see whatever the
    person sees in whose name it runs."""

    actor: Actor
    readers: tuple[Reader, ...]
    sees_all: bool = False


@dataclass(frozen=True)
class LeftOut:
    """Somebody who gets nothing, and why."""

    who: str
    why: str


def circles(
    session: ClinicSession, one: Schedule, runner: User, *, only: str | None = None
) -> tuple[list[Circle], list[LeftOut]]:
    """The readers by what they may see. ``only`` is the id of a person who wants it for themselves alone."""
    may = permissions_of(session, runner.role)
    sorted_: dict[tuple[frozenset[str], str], list[Reader]] = {}
    left_out: list[LeftOut] = []
    for person in [only] if only else one.people:
        user = session.get(User, (session.clinic_id, person))
        if user is None or user.deleted_at is not None or user.status != "active":
            left_out.append(LeftOut(person, GONE))
        elif not user.email:
            left_out.append(LeftOut(person, NO_ADDRESS))
        elif (rights := _shared(may, permissions_of(session, user.role), runner, user)) is None:
            left_out.append(LeftOut(person, OWN_ROWS))
        else:
            sorted_.setdefault(rights, []).append(Reader(person, user.email))
    if not only and one.addresses:
        outside = may - NEVER_OUTSIDE - (frozenset() if one.amounts_outside else {"reports.money"})
        inside = {reader.address.lower() for readers in sorted_.values() for reader in readers}
        readers = [Reader(address, address) for address in one.addresses if address.lower() not in inside]
        sorted_.setdefault((outside, runner.id), []).extend(readers)
    found = [
        Circle(
            Actor.job_of(session.clinic_id, runner.id, within=rights, own=own),
            _each_once(readers),
            (rights, own) == (may, runner.id),
        )
        for (rights, own), readers in sorted_.items()
        if readers
    ]
    return found, left_out


def _shared(may: frozenset[str], theirs: frozenset[str], runner: User, user: User) -> tuple[frozenset[str], str] | None:
    """The rights both have, and whose rows are the reader's own; None where the two share no row.

    Somebody who runs no reports is sent this one: of its rows they get what the sender chose, of its columns what their
    role sees.
    """
    if user.id == runner.id:
        return may, runner.id
    if "reports.view" not in theirs:
        return may & (theirs | RUNS | {"reports.others"}), runner.id
    if "reports.others" in theirs:
        return may & (theirs | RUNS), runner.id
    if "reports.others" not in may:
        return None
    return may & (theirs | RUNS), user.id


def _each_once(readers: Sequence[Reader]) -> tuple[Reader, ...]:
    return tuple({reader.address.lower(): reader for reader in reversed(readers)}.values())[::-1]


@dataclass(frozen=True)
class Gets:
    """Some readers by name, the columns they get it without, and why they get nothing, where that is so."""

    names: tuple[str, ...]
    without: tuple[str, ...] = ()
    why_not: str = ""


def closed(refusal: Refusal) -> str:
    """What a role may not do, in words that complete a sentence."""
    if isinstance(refusal, NotPermitted):
        return str(refusal.facts.get("action") or f"read {refusal.facts.get('what', 'it')}")
    return "see it"


def preview(one: Schedule, *, by: Actor) -> list[Gets]:
    """Who would get what of a subscription, as everybody's rights are now. Raises NotPermitted, NotFound."""
    with look(by, "reports.schedule") as session:
        runner = session.get(User, (session.clinic_id, one.run_as)) if one.run_as else None
        if runner is None:
            return []
        found, left_out = circles(session, one, runner)

        def name(who: str) -> str:
            return who if "@" in who else shelf.name_of(session, who)

        told = [Gets((name(one_.who),), why_not=one_.why) for one_ in left_out]
        names = [(circle, tuple(name(reader.who) for reader in circle.readers)) for circle in found]
    for circle, readers in names:
        try:
            told.append(Gets(readers, _lacks(one, circle.actor)))
        except (NotPermitted, NotFound) as refusal:
            told.append(Gets(readers, why_not=f"may not {closed(refusal)}"))
    return told


def _lacks(one: Schedule, actor: Actor) -> tuple[str, ...]:
    if one.dashboard:
        dashboards.board(one.dashboard, by=actor)
        within = actor.within or frozenset()
        named = [] if "clients.view" in within else ["names of clients and patients"]
        return (*named, *([] if "reports.money" in within else ["amounts"]))
    card = saved.card(one.report, by=actor)
    if card.in_sql:
        return ()
    params = parcels.chosen(one, card.spec, clock.today(clinic_of(actor.clinic_id).zone))
    return asked_by(one.report, card.spec, params, by=actor, form="mail").query.left_out
