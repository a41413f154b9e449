"""Subscriptions: a report or dashboard that goes out by mail in a rhythm, with the rights of one named person.

A schedule is a definition like a report: it has versions, an owner, and can be put back. What the worker does with it
is in mailing.py; who gets which part of it in readers.py.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator
from sqlalchemy import select

from data import definitions
from data.definitions import Document
from data.engine import database
from data.errors import BadInput, EnvironmentFailure, NotFound, NotPermitted
from data.models import User
from data.sealed import BlobDamaged, seal, unseal
from data.session import ClinicSession
from data.types import clock, is_id
from reports import dashboards, saved, shelf
from reports.periods import label_of
from reports.run import parameters
from reports.shelf import Kept, Removed
from reports.spec import ReportSpec
from reports.when import When
from security.actor import Actor
from security.clinics import clinic_of
from security.permissions import PERMISSIONS
from security.reach import check_access, has_access
from security.roles import permissions_of
from security.rules import Work, act, look

Format = Literal["csv", "xlsx", "pdf"]
FORMATS: dict[str, str] = {"pdf": "PDF", "xlsx": "Excel", "csv": "CSV"}
MOST_READERS = 30
SHORTEST_PASSWORD = 8
NEEDED = ("reports.view", "reports.export")
"""What somebody must be allowed for a subscription to run in their name."""
Value = str | int | float | bool | list[str] | None


class Only(Document):
    """What must hold for a mail to go out. ``value`` is in the measure's own unit: whole cents, a fraction, a count."""

    rule: Literal["always", "data", "over", "under"] = "always"
    number: str = ""
    value: float = 0


class Schedule(Kept):
    """What goes out, when, in whose name, to whom, and in which form.

    ``people`` are ids of users; ``addresses`` stand outside of the clinic and never get what names somebody.
    ``amounts_outside`` lets amounts go to them. ``password`` is sealed. ``since`` is the instant after which its runs
    count. ``stopped`` is the sentence why it stopped by itself.
    """

    title: str = Field(min_length=1, max_length=80)
    report: str = Field(default="", max_length=80)
    dashboard: str = Field(default="", max_length=80)
    params: dict[str, Value] = Field(default_factory=dict)
    preset: str = ""
    when: When = Field(default_factory=When)
    run_as: str = ""
    people: list[str] = Field(default_factory=list, max_length=MOST_READERS)
    addresses: list[str] = Field(default_factory=list, max_length=MOST_READERS)
    amounts_outside: bool = False
    only: Only = Field(default_factory=Only)
    format: Format = "pdf"
    password: str = ""
    subject: str = Field(default="", max_length=150)
    message: str = Field(default="", max_length=2_000)
    paused: bool = False
    stopped: str = ""
    since: datetime | None = None

    @model_validator(mode="after")
    def _sound(self) -> Schedule:
        if bool(self.report) == bool(self.dashboard):
            raise ValueError("a subscription is to one report or to one dashboard")
        if self.preset:
            label_of(self.preset)
        return self

    @property
    def called(self) -> str:
        """Its title."""
        return self.title


SCHEDULE = definitions.register("schedule", "Subscription", Schedule, has_own_rules=True)
Version = shelf.Version[Schedule]


class NobodyToSendTo(BadInput):
    """Choose somebody to send it to: a person of the clinic, or an address."""


class NoAddress(BadInput):
    """{name} has no e-mail address. Enter it in their staff profile first, or send it to an address."""


class NotAnAddress(BadInput):
    """'{address}' is not an e-mail address. Write it like name@example.org."""


class CannotRunAs(BadInput):
    """The role of {name} may not {action}, so a subscription cannot run in their name."""


class NotInService(BadInput):
    """{name} cannot sign in at present, so a subscription cannot {what}."""


class NoCsvOfDashboard(BadInput):
    """A dashboard goes out as PDF or Excel; CSV holds one table alone."""


class NoSuchNumber(BadInput):
    """{title} has no number called '{number}' to compare with. Choose another one, or send it always."""


class PasswordTooShort(BadInput):
    """The password of the PDF needs at least {shortest} characters, as it is all that protects the file on its way."""


class PasswordOfAnotherHome(EnvironmentFailure):
    """The password of this PDF was set in another installation and cannot be read here. Enter it again."""


@dataclass(frozen=True)
class Subscription:
    """One subscription with its place: the names behind its ids, and the version that stands."""

    name: str
    schedule: Schedule
    about: str
    """The title of its report or dashboard; empty where that is gone."""
    owner: str
    run_as: str
    readers: tuple[str, ...]
    number: int = 0
    mine: bool = False


def subscriptions(*, by: Actor) -> list[Subscription]:
    """All of the clinic, by title. Raises NotPermitted."""
    with look(by, "reports.schedule") as session:
        found = [_told(session, name, one, by) for name, one in definitions.load_all(session, SCHEDULE).items()]
    return sorted(found, key=lambda one: one.schedule.title.lower())


def subscription(name: str, *, by: Actor) -> Subscription:
    """One by name; raises NotFound, NotPermitted."""
    with look(by, "reports.schedule") as session:
        one = shelf.find(session, SCHEDULE, name, by)
        return _told(session, name, one, by, definitions.number_of(session, SCHEDULE, name))


def save_schedule(
    schedule: Schedule, *, name: str | None = None, password: str | None = None, version: int | None = None,
    comment: str = "", by: Actor, key: str | None = None,
) -> str:  # fmt: skip
    """Keep a subscription, as a new version of ``name`` or as a new one; returns its name.

    ``password`` is that of the PDF: None leaves it as it is, an empty one takes it away. ``version`` is the one the
    person was looking at. Raises NotPermitted, BeyondYourRights where it would run with more rights than one's own,
    NotFound, CannotRunAs, NobodyToSendTo, NoAddress, NotAnAddress, NoSuchNumber, EditedMeanwhile, BadDefinition.
    """
    with act(by, "reports.schedule", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        body = SCHEDULE.parse(schedule.model_dump(), schedule.title or "The subscription")
        standing = shelf.find(session, SCHEDULE, name, by) if name is not None else None
        moved = standing is None or (standing.when, standing.paused) != (body.when, body.paused)
        body = body.model_copy(
            update={
                "run_as": body.run_as or by.user_id or "", "addresses": _addresses(body.addresses),
                "people": list(dict.fromkeys(body.people)), "stopped": body.stopped if body.paused else "",
                "password": _sealed(password, standing, body.format), "shared": True, "folder": "",
                "since": clock.now() if moved or standing is None else standing.since,
            }
        )  # fmt: skip
        _check(session, body, by)
        name, number = shelf.keep(work, SCHEDULE, body, name, version=version, comment=comment)
        work.audit(
            "schedule.saved", "schedule", name, version=number, report=body.report or body.dashboard,
            run_as=body.run_as, people=len(body.people), addresses=len(body.addresses), format=body.format,
            amounts_outside=body.amounts_outside, protected=bool(body.password),
        )  # fmt: skip
        work.result = name
    return name


def pause(name: str, *, by: Actor, key: str | None = None) -> None:
    """Let a subscription rest. Raises NotPermitted, NotFound."""
    with act(by, "reports.schedule", key=key) as work:
        if not work.repeated:
            one = shelf.find(work.session, SCHEDULE, name, by)
            _keep(work, name, one, "paused", paused=True)


def resume(name: str, *, by: Actor, key: str | None = None) -> None:
    """Let it go out again from its next run on; what fell into the pause stays out.

    Raises NotPermitted, NotFound and what ``save_schedule`` raises.
    """
    with act(by, "reports.schedule", key=key) as work:
        if not work.repeated:
            one = shelf.find(work.session, SCHEDULE, name, by)
            _check(work.session, one, by)
            _keep(work, name, one, "resumed", paused=False, stopped="", since=clock.now())


def remove_schedule(name: str, *, by: Actor, key: str | None = None) -> None:
    """Take a subscription away; its versions and its log stay. Raises NotPermitted, NotFound."""
    with act(by, "reports.schedule", key=key) as work:
        if work.repeated:
            return
        shelf.find(work.session, SCHEDULE, name, by)
        definitions.remove(work.session, SCHEDULE, name)
        work.audit("schedule.removed", "schedule", name)


def removed_schedules(*, by: Actor) -> list[Removed]:
    """Those that were taken away, the latest first. Raises NotPermitted."""
    with look(by, "reports.schedule") as session:
        return shelf.removed(session, SCHEDULE, by)


def restore_schedule(name: str, *, by: Actor, key: str | None = None) -> None:
    """Put back one that was taken away; it goes out from its next run on. Raises what ``resume`` raises."""
    with act(by, "reports.schedule", key=key) as work:
        if work.repeated:
            return
        if name not in {one.name for one in shelf.removed(work.session, SCHEDULE, by)}:
            raise NotFound(what="removed subscription called", name=name)
        one = shelf.versions(work.session, SCHEDULE, name)[0].saved
        _check(work.session, one, by)
        _keep(work, name, one, "put back", since=clock.now())


def schedule_versions(name: str, *, by: Actor) -> list[Version]:
    """Every version, newest first, without the lines of the file form, which hold a sealed password and ids.

    Raises NotFound, NotPermitted.
    """
    with look(by, "reports.schedule") as session:
        shelf.find(session, SCHEDULE, name, by)
        return [replace(version, changes="") for version in shelf.versions(session, SCHEDULE, name)]


def roll_back_schedule(
    name: str, number: int, *, version: int | None = None, by: Actor, key: str | None = None
) -> None:  # fmt: skip
    """Make an old version the newest; it goes out, or rests, as it does now. Raises what ``save_schedule`` raises."""
    with act(by, "reports.schedule", key=key) as work:
        if work.repeated:
            return
        session = work.session
        standing = shelf.find(session, SCHEDULE, name, by)
        old = next((one.saved for one in shelf.versions(session, SCHEDULE, name) if one.number == number), None)
        if old is None:
            raise NotFound(what=f"version {number} of", name=name)
        _check(session, old, by)
        kept = {"paused": standing.paused, "stopped": standing.stopped, "owner": standing.owner, "since": clock.now()}
        made = definitions.save(
            session, SCHEDULE, name, old.model_copy(update=kept), by_user_id=by.user_id,
            comment=f"back to version {number}", expected=version,
        )  # fmt: skip
        work.audit("schedule.saved", "schedule", name, version=made, back_to=number)


@dataclass(frozen=True)
class Person:
    """Somebody of the clinic: whether mail reaches them, and whether one may have a subscription run in their name."""

    id: str
    name: str
    reachable: bool
    can_run: bool


def people(*, by: Actor) -> list[Person]:
    """Whom a subscription can go to, and as whom it can run, by name. Raises NotPermitted."""
    with look(by, "reports.schedule") as session:
        found = session.scalars(select(User).where(User.status == "active").order_by(User.name))
        return [
            Person(
                user.id, user.name, bool(user.email),
                permissions_of(session, user.role).issuperset(NEEDED)
                and (user.id == by.user_id or has_access(session, by, user.role)),
            )
            for user in found
        ]  # fmt: skip


def password_of(schedule: Schedule) -> str:
    """The password of the PDF; empty for none. Raises PasswordOfAnotherHome."""
    if not schedule.password:
        return ""
    try:
        return unseal(base64.b64decode(schedule.password), database().home.key("token")).decode()
    except BlobDamaged:
        raise PasswordOfAnotherHome() from None


def stop(session: ClinicSession, name: str, why: str) -> None:
    """The schedule cannot go on: it rests until somebody changes it. For the worker, inside a transaction."""
    one = definitions.load(session, SCHEDULE, name)
    body = one.model_copy(update={"paused": True, "stopped": why})
    definitions.save(session, SCHEDULE, name, body, by_user_id=None, comment="stopped by itself")


def told_changes(before: Schedule, after: Schedule) -> list[str]:
    """What one version changed against another, in sentences."""
    told = [f"Title: {after.title} instead of {before.title}"] if before.title != after.title else []
    for what, was, now in (
        ("What goes out", (before.report, before.dashboard), (after.report, after.dashboard)),
        ("What is chosen in it", (before.params, before.preset), (after.params, after.preset)),
        ("When it goes out", before.when, after.when),
        ("In whose name it runs", before.run_as, after.run_as),
        ("Who gets it", (before.people, before.addresses), (after.people, after.addresses)),
        ("Whether amounts go outside", before.amounts_outside, after.amounts_outside),
        ("The condition", before.only, after.only),
        ("The format", before.format, after.format),
        ("The password", before.password, after.password),
        ("The words of the mail", (before.subject, before.message), (after.subject, after.message)),
    ):
        if was != now:
            told.append(f"{what} changed")
    if before.paused != after.paused:
        told.append(after.stopped or ("Paused" if after.paused else "Goes out again"))
    return told


def _keep(work: Work, name: str, one: Schedule, comment: str, **changes: Any) -> None:
    body = one.model_copy(update=changes)
    number = definitions.save(work.session, SCHEDULE, name, body, by_user_id=work.by.user_id, comment=comment)
    work.audit("schedule.saved", "schedule", name, version=number, what=comment)


def _addresses(typed: list[str]) -> list[str]:
    found: dict[str, str] = {}
    for address in filter(None, (one.strip() for one in typed)):
        if not re.fullmatch(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]+\.[^@\s,;<>\"]+", address) or len(address) > 254:
            raise NotAnAddress(address=address)
        found.setdefault(address.lower(), address)
    return list(found.values())


def _sealed(password: str | None, standing: Schedule | None, form: str) -> str:
    if form != "pdf":
        return ""
    if password is None:
        return standing.password if standing else ""
    if not password:
        return ""
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordTooShort(shortest=SHORTEST_PASSWORD)
    return base64.b64encode(seal(password.encode(), database().home.key("token"))).decode()


def _check(session: ClinicSession, one: Schedule, by: Actor) -> None:
    """What must hold whenever a subscription is set going."""
    runner = _user(session, one.run_as)
    if runner.id != by.user_id:
        check_access(session, by, runner.role, f"have a subscription run in the name of {runner.name}")
    may = permissions_of(session, runner.role)
    for needed in NEEDED:
        if needed not in may:
            raise CannotRunAs(name=runner.name, action=PERMISSIONS[needed].action)
    if runner.status != "active":
        raise NotInService(name=runner.name, what="run in their name")
    if not one.people and not one.addresses:
        raise NobodyToSendTo()
    for person in one.people:
        user = _user(session, person)
        if user.status != "active":
            raise NotInService(name=user.name, what="go to them")
        if not user.email:
            raise NoAddress(name=user.name)
    if one.dashboard:
        _check_board(session, one, Actor.job_of(by.clinic_id, runner.id))
    else:
        _check_report(session, one, Actor.job_of(by.clinic_id, runner.id), runner, may)


def _check_board(session: ClinicSession, one: Schedule, reader: Actor) -> None:
    shelf.find(session, dashboards.DASHBOARD, one.dashboard, reader)
    if one.format == "csv":
        raise NoCsvOfDashboard()
    if one.only.rule in ("over", "under"):
        raise NoSuchNumber(title="A dashboard", number=one.only.number or "none")


def _check_report(session: ClinicSession, one: Schedule, reader: Actor, runner: User, may: frozenset[str]) -> None:
    spec = saved.find(session, one.report, reader).spec
    if spec.permission and spec.permission not in may:
        raise CannotRunAs(name=runner.name, action=PERMISSIONS[spec.permission].action)
    parameters(one.report, spec, asked(one, spec.parameters), clinic_of(reader.clinic_id).zone)
    if one.only.rule in ("over", "under") and one.only.number not in numbers(spec):
        raise NoSuchNumber(title=spec.title, number=one.only.number)


def asked(one: Schedule, known: list[str]) -> Mapping[str, Any]:
    """The answers to the report's own questions, without its days."""
    days = ("from", "to", "as_of", "date")
    return {name: value for name, value in one.params.items() if name not in days or name not in known}


def numbers(spec: ReportSpec) -> list[str]:
    """The numbers of a report that a limit can be set for; those of a list are its rows."""
    return [one.name for one in spec.numbers if one.show == "value"] or ["rows"]


def _user(session: ClinicSession, user_id: str) -> User:
    user = session.get(User, (session.clinic_id, user_id)) if is_id(user_id) else None
    if user is None or user.deleted_at is not None:
        raise NotFound(what="person", name=user_id or "without a name")
    return user


def _told(session: ClinicSession, name: str, one: Schedule, by: Actor, number: int = 0) -> Subscription:
    people = [shelf.name_of(session, person) or "Somebody who is gone" for person in one.people]
    return Subscription(
        name, one, _title(session, one, by), shelf.name_of(session, one.owner), shelf.name_of(session, one.run_as),
        (*people, *one.addresses), number, bool(by.user_id) and one.owner == by.user_id,
    )  # fmt: skip


def _title(session: ClinicSession, one: Schedule, by: Actor) -> str:
    try:
        if one.dashboard:
            return shelf.find(session, dashboards.DASHBOARD, one.dashboard, by).title
        return saved.find(session, one.report, by).spec.title
    except (NotFound, NotPermitted):
        return ""
