"""Running a report: parameters, permission, one query, one audit row."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from data import mart
from data.errors import BadInput, NotPermitted
from data.kept import kept
from data.models import Clinic
from data.session import ClinicSession
from data.types import clock
from reports import saved, sql, told
from reports.audited import SCREENS, note, permission_for, shape_of, without_persons
from reports.compile import Query, Reader, compile_spec
from reports.fields import model_of
from reports.model import Condition
from reports.queries import Written
from reports.reading import read
from reports.result import Result
from reports.spec import ReportSpec
from security.actor import Actor
from security.clinics import clinic_of
from security.permissions import PERMISSIONS
from security.rules import authorize, look

KEPT_ROWS = 2_000
KEPT_FOR = timedelta(minutes=30)


class UnknownParameter(BadInput):
    """The report {report} has no parameter called {name}. It takes: {known}."""


class BadDay(BadInput):
    """The parameter {name} must be a day such as 2024-03-31, not {value}."""


class BackwardPeriod(BadInput):
    """The period ends ({to}) before it begins ({from_}). Swap the two days."""


class UnknownBreakdown(BadInput):
    """The report {report} cannot be broken down by {value}. Choose one of: {known}."""


def run(
    name: str,
    params: Mapping[str, Any] | None = None,
    *,
    by: Actor,
    form: str = "screen",
) -> Result:
    """Run a report. Days are inclusive and in the clinic's zone; an open end means everything recorded.

    ``form`` is where it goes: screen, command, or a file format, which needs the right to export. Raises NotFound,
    UnknownParameter, BadDay, BackwardPeriod, NotPermitted, TakesTooLong, NotEnoughMemory, TooManyRows.
    """
    spec = saved.card(name, by=by).spec
    return run_spec(name, spec, params, by=by, form=form)


def run_spec(
    name: str, spec: ReportSpec, params: Mapping[str, Any] | None, *, by: Actor, form: str = "screen"
) -> Result:
    """The same for a spec that is not in the library, such as an unsaved one. One in SQL that is not kept under this
    name needs the right to ask in SQL, and raises what sql.ask raises."""
    if isinstance(spec, Written):
        chosen = parameters(name, spec, params or {}, clinic_of(by.clinic_id).zone)
        return sql.ask(name, spec, chosen, by=by, form=form).result
    asked = asked_by(name, spec, params, by=by, form=form)
    query = asked.query
    began = time.perf_counter()
    if form in SCREENS:
        rows, cut = _looked_up(query, by.clinic_id, asked.change)
    else:
        with mart.reading(by.clinic_id, max_age=0) as cursor:
            rows, cut = read(cursor, query, form)
    seconds = time.perf_counter() - began
    rows, total, subtotals = _sorted_out(rows, query)
    if spec.limit and subtotals:
        rows = _first_lines(spec, rows, subtotals, query.groups - bool(spec.across))
    audit_run(name, asked, len(rows), form, by)
    return Result(
        name, spec.title, asked.chosen, asked.definition, query.columns, rows, total, query.left_out, asked.clinic,
        seconds, subtotals, query.groups, spec, asked.filters, cut,
    )  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A report that a person may run, compiled for them: what will be read, and its words."""

    query: Query
    chosen: dict[str, Any]
    definition: str
    filters: tuple[str, ...]
    clinic: Clinic
    told: Mapping[str, Any]
    """What the audit log keeps of the question."""
    change: int | None = None
    """The change of the clinic's content that an answer may be kept under."""


def asked_by(name: str, spec: ReportSpec, params: Mapping[str, Any] | None, *, by: Actor, form: str) -> Asked:
    """Check what the person may and compile it for them. Raises what run_spec raises."""
    with look(by, "reports.view") as session:
        reader = Reader.of(by, _allowed(session, by, spec, permission_for(form)))
        model, stands = model_of(session), saved.stands(session, name, spec, by)
        # looks change no content, so what is asked about looks themselves is never kept
        change = None if model.entity(spec.entity).permission else session.seen_change()
    clinic = clinic_of(by.clinic_id)
    chosen = parameters(name, spec, params or {}, clinic.zone)
    query = compile_spec(spec, _bound(chosen, clinic.zone), reader, model)
    filters = tuple(
        told.test(one, spec, model, chosen)
        for one in spec.filters
        if not (isinstance(one, Condition) and one.parameter and chosen.get(one.parameter) is None)
    )
    kept_words = {} if stands else shape_of(spec, chosen)
    return Asked(
        query, chosen, told.definition(spec, model), filters, clinic,
        {"parameters": without_persons(spec, model, chosen)} | kept_words, change,
    )  # fmt: skip


def _sorted_out(
    rows: list[tuple[Any, ...]], query: Query
) -> tuple[list[tuple[Any, ...]], tuple[Any, ...] | None, dict[int, list[tuple[Any, ...]]]]:
    """Plain rows, the total, and the lines between by what they add up. One row alone needs no total."""
    if not query.has_levels:
        empty = not any(c for c in query.columns if not c.is_measure) and rows and not any(rows[0])
        return ([] if empty else rows), None, {}
    levels: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        levels.setdefault(row[0], []).append(row[1:])
    plain = levels.pop(0, [])
    totals = levels.pop((1 << query.groups) - 1, [])
    return plain, (totals[0] if totals and plain else None), levels


def _first_lines(
    spec: ReportSpec, rows: list[tuple[Any, ...]], subtotals: Mapping[int, list[tuple[Any, ...]]], heads: int
) -> list[tuple[Any, ...]]:
    """The rows of as many lines as the report shows; one that is spread across stands where its own total does."""
    lines = dict.fromkeys(row[:heads] for row in (subtotals.get(1, rows) if spec.across else rows))
    shown = set(list(lines)[: spec.limit])
    return [row for row in rows if row[:heads] in shown]


def _looked_up(query: Query, clinic_id: str, change: int | None) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows for a screen, kept until the clinic's content moves on from ``change``: the query names all that the
    person may see and chose, so that equal queries have equal answers."""

    def ask() -> tuple[list[tuple[Any, ...]], bool]:
        with mart.reading(clinic_id, max_age=0 if change is not None else mart.REFRESH_SECONDS) as cursor:
            return read(cursor, query, "screen")  # what is kept must be no older than the change it is kept under

    key = ("report rows", query.sql, repr(sorted(query.values.items())))
    rows, cut = kept(clinic_id, change, key, ask, KEPT_FOR, keep=lambda answer: len(answer[0]) <= KEPT_ROWS)
    return list(rows), cut


def parameters(
    name: str, spec: ReportSpec, given: Mapping[str, Any], zone: str
) -> dict[str, Any]:  # fmt: skip
    """What a report will be run with: days as dates, open ends as None, the rest filled in."""
    known, asks = spec.parameters, {ask.name: ask for ask in spec.asks}
    for key in given:
        if key not in known:
            raise UnknownParameter(report=name, name=key, known=", ".join(known) or "none")
    chosen: dict[str, Any] = {}
    for key in known:
        value = given.get(key)
        if key == "by":
            names = [choice.name for choice in spec.breakdowns]
            if value and value not in names:
                raise UnknownBreakdown(report=name, value=value, known=", ".join(names))
            chosen[key] = value or names[0]
        elif key in asks:
            chosen[key] = asks[key].default if key not in given else value
        else:
            chosen[key] = _day(key, value)
    today = clock.today(zone)
    for key in ("as_of", "date"):
        if key in chosen and chosen[key] is None:
            chosen[key] = today
    if chosen.get("from") and chosen.get("to") and chosen["from"] > chosen["to"]:
        raise BackwardPeriod(from_=chosen["from"], to=chosen["to"])
    return chosen


def _day(name: str, value: str | date | None) -> date | None:
    if value is None or value == "":
        return None
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        raise BadDay(name=name, value=value) from None


def _bound(chosen: Mapping[str, Any], zone: str) -> dict[str, Any]:
    return {**chosen, "opening_before": chosen.get("from") or date(1, 1, 1), "today": clock.today(zone)}


def _allowed(session: ClinicSession, by: Actor, spec: ReportSpec, permission: str) -> frozenset[str]:
    may = authorize(session, by, permission)
    if spec.permission and spec.permission not in may:
        raise NotPermitted(action=PERMISSIONS[spec.permission].action)
    return may


def audit_run(name: str, asked: Asked, rows: int, form: str, by: Actor) -> None:
    """One row for each run."""
    note(name, asked.told, rows, form, by)
