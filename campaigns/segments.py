"""Whom a campaign is for: the tests of a report builder, asked of clients, patients or services, as they stand now.

A segment holds no list: it is worked out each time, in one query over the mart, with the rights of whoever asks.
Restricted and merged records, patients that have died and clients all of whose patients have died are never in it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from campaigns.settings import CAMPAIGN, SEGMENT, Segment
from data import definitions, mart
from data.errors import BadInput
from data.kept import kept
from data.models import Definition
from data.session import ClinicSession
from data.types import clock
from reports import told
from reports.compile import Query, Reader, compile_spec
from reports.fields import OWN, model_of
from reports.model import AllOf, AnyOf, Condition, Filter, Model, UnknownWord
from reports.offers import values_for
from reports.reading import read, watched
from reports.result import Result
from reports.spec import ReportSpec, Shown
from security import looks
from security.actor import Actor
from security.clinics import clinic_of
from security.rules import act, authorize, look

ENTITIES = {
    "client": "Clients", "patient": "Patients", "service_had": "Services they had", "due": "Services they are due for",
}  # fmt: skip
"""What a segment may be about, in the order offered."""
SAMPLE = 12
_PATHS = {
    "client": ("id", ""), "patient": ("client.id", "id"), "service_had": ("client.id", "patient.id"),
    "due": ("client.id", "patient.id"),
}  # fmt: skip
"""By entity, the ways to the id of the client and of the patient."""
_NEVER: dict[str, list[Condition]] = {
    "client": [
        Condition(field="restricted", op="is", value=False), Condition(field="bereaved", op="is", value=False)
    ],
    "patient": [
        Condition(field="died_on", op="empty"), Condition(field="client.restricted", op="is", value=False),
        Condition(field="client.merged", op="is", value=False),
    ],
}  # fmt: skip
_NEVER["service_had"] = _NEVER["due"] = [
    Condition(field="patient.died_on", op="empty"), *_NEVER["patient"][1:]
]  # fmt: skip
_SHOWN: dict[str, list[str]] = {
    "client": ["number", "name", "city", "last_attended", "next_booked"],
    "patient": ["client.name", "name", "species", "last_attended", "next_booked"],
    "service_had": ["client.name", "patient.name", "patient.species", "had", "last_day"],
    "due": ["client.name", "patient.name", "patient.species", "service", "due_on"],
}


class FieldGone(BadInput):
    """The segment {label} asks about '{field}', a field that is no longer there. Open the segment and take that test
    out, or switch the field on again."""


class AsksEachTime(BadInput):
    """The segment {label} holds a test that waits for an answer. A campaign asks nobody: write the answer into it."""


@dataclass(frozen=True)
class Member:
    """Somebody to write to, and about which patient; a segment of clients names no patient."""

    client_id: str
    patient_id: str | None


@dataclass(frozen=True)
class Count:
    """How many a segment finds. ``email``, ``phone`` and ``address`` are the clients who have one."""

    clients: int
    patients: int
    email: int
    phone: int
    address: int


@dataclass(frozen=True)
class Line:
    """A segment in the list: what it asks in words, and the labels of the campaigns that use it."""

    slug: str
    segment: Segment
    words: tuple[str, ...]
    campaigns: tuple[str, ...]


def members(segment: Segment, *, by: Actor) -> list[Member]:
    """Everybody a segment finds at this moment, each client and patient once, in a fixed order.

    Raises NotPermitted, FieldGone, AsksEachTime and what reports raise: NotOfItsKind, TakesTooLong, NotEnoughMemory.
    """
    query = _compiled(segment, by)
    patient = _patient(segment)
    sql = f"SELECT DISTINCT client::VARCHAR, {patient}::VARCHAR FROM (\n{query.sql}\n) ORDER BY 1, 2"  # noqa: S608
    with mart.reading(by.clinic_id, max_age=0) as cursor, watched(cursor):
        rows = cursor.execute(sql, query.values).fetchall()
    return [Member(client, patient) for client, patient in rows]


def count(segment: Segment, *, by: Actor) -> Count:
    """How many a segment finds; the same answer until something in the clinic changes. Raises what members raises."""
    query, change = _compiled(segment, by), _change(by)

    def ask() -> Count:
        found = f"""
            SELECT client, count(DISTINCT {_patient(segment)}) AS patients FROM (
            {query.sql}
            ) GROUP BY client
        """  # noqa: S608
        sql = f"""
            SELECT count(*), coalesce(sum(f.patients), 0),
                   count(*) FILTER (c.has_email), count(*) FILTER (c.has_phone), count(*) FILTER (c.has_address)
            FROM ({found}) f JOIN client c ON c.id = f.client
        """  # noqa: S608
        with mart.reading(by.clinic_id, max_age=0) as cursor, watched(cursor):
            row = cursor.execute(sql, query.values).fetchone()
        assert row is not None
        return Count(*(int(value) for value in row))

    return kept(by.clinic_id, change, ("segment", query.sql, repr(sorted(query.values.items()))), ask)


def sample(segment: Segment, *, by: Actor, name: str = "", most: int = SAMPLE) -> Result:
    """Some of those a segment finds, with what tells them apart; names only for who may see clients, and that look is
    written down. ``name`` is the segment's slug where it is saved. Raises what members raises."""
    query = _compiled(segment, by, sampled=True)
    sql = f"{query.sql}\nORDER BY hash({_row(segment.entity)}.id) LIMIT {most:d}"
    began = time.perf_counter()
    with mart.reading(by.clinic_id) as cursor:
        rows, _ = read(cursor, _Limited(sql, query.values, query.columns, query.has_levels), "screen")
    _note(segment, name, len(rows), by)
    clinic = clinic_of(by.clinic_id)
    seconds = time.perf_counter() - began
    return Result(name or "segment", segment.label, {}, "", query.columns, rows, None, query.left_out, clinic, seconds)


@dataclass(frozen=True)
class _Limited(Query):
    """A query that says itself how many rows it wants."""

    def first(self, rows: int) -> str:  # noqa: ARG002
        """All of them."""
        return self.sql


def lines(*, by: Actor) -> list[Line]:
    """Every segment with its words and its campaigns, by label. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        model = model_of(session)
        users: dict[str, list[str]] = {}
        for campaign in definitions.load_all(session, CAMPAIGN).values():
            users.setdefault(campaign.segment, []).append(campaign.label)
        found = [
            Line(slug, one, tuple(_words(session, one, model)), tuple(sorted(users.get(slug, ()))))
            for slug, one in definitions.load_all(session, SEGMENT).items()
        ]
    return sorted(found, key=lambda one: one.segment.label.casefold())


def words(segment: Segment, *, by: Actor) -> list[str]:
    """What a segment asks, each test in words. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        return _words(session, segment, model_of(session))


def model_for(by: Actor) -> Model:
    """The fields that tests may ask about. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        return model_of(session)


def values_of(entity: str, path: str, *, by: Actor) -> list[object]:
    """The values that exist in a field, the most frequent first; none of protected ones. Raises NotPermitted."""
    with look(by, "campaigns.use") as session:
        reader, model = Reader.of(by, authorize(session, by, "campaigns.use")), model_of(session)
    return values_for(reader, model, entity, path, by.clinic_id)


def _compiled(segment: Segment, by: Actor, *, sampled: bool = False) -> Query:
    """The query of those a segment finds: ``client`` and ``patient``, or what a sample shows of them."""
    with look(by, "campaigns.use") as session:
        reader, model = Reader.of(by, authorize(session, by, "campaigns.use")), model_of(session)
        for path in _asked_of(segment):
            try:
                model.resolve(segment.entity, path)
            except UnknownWord:
                raise FieldGone(label=segment.label, field=_gone(session, path)) from None
    spec = _spec(segment, sampled=sampled)
    if any(test.parameter for test in spec.tests):
        raise AsksEachTime(label=segment.label)
    today = clock.today(clinic_of(by.clinic_id).zone)
    return compile_spec(spec, _today(today), reader, model, ordered=False)


def _today(today: date) -> dict[str, Any]:
    return {"today": today, "as_of": today, "date": today}


def _spec(segment: Segment, *, sampled: bool = False) -> ReportSpec:
    client, patient = _PATHS[segment.entity]
    if not sampled:
        columns = [Shown(field=client, name="client")]
        columns += [Shown(field=patient, name="patient")] if patient else []
    else:
        columns = [Shown(field=path) for path in _sampled(segment)]
    return ReportSpec(
        title=segment.label, entity=segment.entity, filters=[*_NEVER[segment.entity], *segment.filters],
        columns=columns, total=False,
    )  # fmt: skip


def _sampled(segment: Segment) -> list[str]:
    """What a sample shows: what tells people apart, and what was asked of them where the answers differ."""
    same = {
        one.field for one in segment.filters
        if isinstance(one, Condition) and (one.op in ("empty", "is") or one.field.endswith("category"))
    }  # fmt: skip
    shown = _SHOWN[segment.entity]
    return [*shown, *(path for path in _asked_of(segment) if path not in same and path not in shown)][:7]


def _patient(segment: Segment) -> str:
    """SQL of the patient's id in what ``_compiled`` gives."""
    return "patient" if _PATHS[segment.entity][1] else "NULL"


def _row(entity: str) -> str:
    """The alias of the row that orders a sample: of one client, all lines stand together."""
    return "t" if entity == "client" else "t_client"


def _asked_of(segment: Segment) -> list[str]:
    """The fields that the segment's own tests name, each once."""
    found: list[str] = []
    for one in segment.filters:
        for part in one.any if isinstance(one, AnyOf) else [one]:
            found += [test.field for test in (part.all if isinstance(part, AllOf) else [part])]
    return list(dict.fromkeys(found))


def _words(session: ClinicSession, segment: Segment, model: Model) -> list[str]:
    spec = _spec(segment)
    return [_told(session, one, spec, model) for one in segment.filters]


def _told(session: ClinicSession, one: Filter, spec: ReportSpec, model: Model) -> str:
    try:
        return told.test(one, spec, model)
    except UnknownWord as unknown:
        return f"'{_gone(session, str(unknown.facts['name']))}' (a field that is no longer there)"


def _gone(session: ClinicSession, path: str) -> str:
    """What a field that is gone was called."""
    last = path.split(".")[-1]
    if last.startswith(OWN):
        rows = session.execute(
            select(Definition.slug, Definition.body).where(Definition.kind == "custom-field"),
            execution_options={"include_deleted": True},
        )
        for slug, body in rows:
            if OWN + slug.replace("-", "_") == last:
                return str(body.get("label") or slug)
    return last.removeprefix(OWN).replace("_", " ")


def _change(by: Actor) -> int | None:
    with look(by, "campaigns.use") as session:
        return session.seen_change()


def _note(segment: Segment, name: str, rows: int, by: Actor) -> None:
    """Write down that somebody looked at the people of a segment; again within five minutes is one look."""
    shape = repr((segment.entity, _asked_of(segment)))
    if not looks.is_new(by, "segment", name, shape):
        return
    with act(by, "campaigns.use") as work:
        work.session.quiet = True
        work.audit("segment.looked_at", "segment", name, over=segment.entity, where=_asked_of(segment), rows=rows)
