"""The answer of one tile of a dashboard: its report, run like any other, narrowed by what the dashboard asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from data.errors import BadInput, NotFound, NotPermitted, Refusal, SessionEnded
from data.types import clock
from data.wording import NONE
from reports import saved
from reports.compile import ResultColumn
from reports.dashboards import Dashboard, Narrowing, Tile
from reports.fields import model_of
from reports.model import Condition, Entity, FieldType, Model
from reports.periods import Days, days_of
from reports.queries import Written
from reports.result import Result
from reports.run import asked_by, run_spec
from reports.spec import Breakdown, By, Counted, ReportSpec
from reports.told import path_words
from reports.values import wording_of, words
from security.actor import Actor
from security.clinics import clinic_of
from security.rules import look

MOST_CHOICES = 60
"""Values that a filter offers; somebody who needs more builds a report."""
GONE = "This report was removed, or is not shared with you."
CLOSED = "Your role does not open this report."
_FEW = ("choice", "text", "yes_no")
"""Types of fields that people choose values of."""
_NO_CHOICE = frozenset((
    "number", "code", "initials", "caution", "postal_code", "services", "draft", "voided", "merged", "microchip",
    "licence", "kind", "source", "state", "processor", "automatic",
))  # fmt: skip
"""Fields whose values are nearly as many as their rows, of no use for choosing, or of another sense in other rows."""


class ManyRows(BadInput):
    """{title} answers {rows} rows. A big number is of a question that answers one; show this one as a table."""


@dataclass(frozen=True)
class Answer:
    """What stands in a tile: a result, or the sentence why there is none. ``untouched`` are the filters that its rows
    know nothing of; ``before`` the same number of the year before, for one that is told big."""

    tile: Tile
    title: str
    spec: ReportSpec | None = None
    result: Result | None = None
    problem: str = ""
    untouched: tuple[str, ...] = ()
    params: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Big:
    """A number told big: its column, the number in words, how it moved against the year before (empty where that is
    not known), the move itself, and the number as it is."""

    column: ResultColumn
    value: str
    moved: str = ""
    change: float | None = None
    number: Any = None


def big(result: Result) -> Big | None:
    """The first number of a result, told big; None for a list of rows."""
    numbers = [one for one in result.columns if one.is_measure]
    if not numbers:
        return None
    values = result.total or (result.rows[0] if len(result.rows) == 1 else None)
    told = {column.name: (column, values[place]) for place, column in enumerate(result.columns)} if values else {}
    first, wording = numbers[0], wording_of(result.clinic)
    if not told:
        return Big(first, "0" if first.type == "whole" else NONE)
    value = words(*told[first.name], wording)
    if first.type == "ratio":
        change = told.get("change_to_before", (first, None))[1]
        moved = "" if change is None else f"{change * 100:+.1f} points"
    else:
        column, change = told.get("percent_to_before", (first, None))
        moved = "" if change is None else ("+" if change > 0 else "") + words(column, change, wording)
    return Big(first, value, "no change" if change == 0 else moved, change, told[first.name][1])


def answer(
    tile: Tile, board: Dashboard, days: Days | None, chosen: Mapping[str, Sequence[str]], *, by: Actor,
    timed: bool = False, form: str = "screen",
) -> Answer:  # fmt: skip
    """Fill one tile. ``days`` are those of the whole dashboard, None where each report keeps its own; ``chosen`` are
    the values of its filters by field. ``timed`` says that nobody asked: a screen that refreshes by itself. ``form`` is
    where it goes, as in run.py.

    A report that is gone, closed or broken is told in its place. Raises SessionEnded, and NotPermitted for people
    without reports.
    """
    with look(by, "reports.view") as session:
        model = model_of(session)
    try:
        card = saved.card(tile.report, by=by)
    except NotFound:
        return Answer(tile, tile.title or "A report", problem=GONE)
    except NotPermitted:
        return Answer(tile, tile.title or "A report", problem=CLOSED)
    title = tile.title or card.spec.title
    try:
        spec, untouched = narrowed(card.spec, model, board.filters, chosen)
        params = _params(tile, spec, days, clock.today(clinic_of(by.clinic_id).zone))
        if tile.show == "number" and not isinstance(spec, Written):
            spec = one_number(spec, tile, params)
            params.pop("by", None)
        result = run_spec(tile.report, spec, params, by=by, form="refresh" if timed else form)
        if tile.show == "number" and isinstance(spec, Written):
            result = _only(result, tile.number or spec.chart.y)
    except SessionEnded:
        raise
    except NotPermitted:
        return Answer(tile, title, card.spec, problem=CLOSED)
    except Refusal as refusal:
        return Answer(tile, title, card.spec, problem=refusal.message)
    return Answer(tile, title, spec, result, untouched=tuple(untouched), params=params)


def narrowed(
    spec: ReportSpec, model: Model, filters: Sequence[Narrowing], chosen: Mapping[str, Sequence[str]]
) -> tuple[ReportSpec, list[str]]:
    """The report with the dashboard's filters among its tests, and the labels of those that do not fit its rows."""
    tests, untouched = [], []
    for one in filters:
        values = list(chosen.get(one.field) or ())
        if not values:
            continue
        path = path_in(spec.entity, model, one.field)
        if path is None:
            untouched.append(one.label)
        else:
            tests.append(Condition(field=path, op="in", value=_typed(values, model.resolve(spec.entity, path)[2].type)))
    return (spec.model_copy(update={"filters": [*spec.filters, *tests]}) if tests else spec), untouched


def narrowings(entity: str, model: Model, fields: Iterable[str]) -> list[Narrowing]:
    """Those of the fields that the rows of an entity can be narrowed by: none that is protected, unknown or secret."""
    found = []
    for field in fields:
        path = path_in(entity, model, field)
        if path is None:
            continue
        column = model.resolve(entity, path)[2]
        if column.type in _FEW and not column.phi:
            found.append(Narrowing(field=field, label=path_words(model, entity, path).split(" > ")[-1]))
    return found


def path_in(entity: str, model: Model, path: str) -> str | None:
    """Where the rows of an entity have a field that is named from the rows of another: there, one link further, or in
    the row itself."""
    head, _, rest = path.partition(".")
    candidates = [path, *([rest] if rest and head == entity else [])]
    if entity in model.entities:
        candidates += [f"{link}.{path}" for link in model.entity(entity).joins]
    for candidate in candidates:
        try:
            model.resolve(entity, candidate)
        except BadInput:
            continue
        return candidate
    return None


def filter_fields(board: Dashboard, *, by: Actor) -> dict[str, str]:
    """What the tiles of a dashboard could be narrowed by: paths with their words, those first that most tiles know.

    Raises NotPermitted.
    """
    with look(by, "reports.view") as session:
        model, found = model_of(session), {}
        specs = [one.spec for tile in board.tiles if (one := _card(session, tile.report, by))]
    counts: dict[str, int] = {}
    for entity in {spec.entity for spec in specs if spec.entity in model.entities}:
        for path in _choosable(entity, model):
            if path not in found:
                found[path] = path_words(model, entity, path)
    for path in found:
        counts[path] = sum(path_in(spec.entity, model, path) is not None for spec in specs)
    return {path: found[path] for path in sorted(found, key=lambda path: (-counts[path], found[path]))}


def numbers(report: str, *, by: Actor) -> dict[str, str]:
    """The numbers of a report that can be told big, by name with their words. Raises NotFound, NotPermitted."""
    with look(by, "reports.view") as session:
        spec, model = saved.find(session, report, by).spec, model_of(session)
    if isinstance(spec, Written):
        return _columns(report, spec, by)
    known = model.entities[spec.entity].measures if spec.entity in model.entities else {}
    return {
        one.name: one.label or (known[one.measure].label if one.measure in known else one.name.replace("_", " "))
        for one in spec.numbers
        if one.show == "value"
    }


def number_types(report: str, *, by: Actor) -> dict[str, FieldType]:
    """The types of a built report's numbers, by name. Raises NotFound, NotPermitted; a broken report has none."""
    spec = saved.card(report, by=by).spec
    if isinstance(spec, Written):
        return {}
    first, last = days_of("last_month", clock.today(clinic_of(by.clinic_id).zone))
    days = {"from": first, "to": last} if "from" in spec.parameters else {}
    try:
        columns = asked_by(report, spec, days, by=by, form="choices").query.columns
    except BadInput:
        return {}
    return {column.name: column.type for column in columns if column.is_measure}


def choices(board: Dashboard, field: str, *, by: Actor) -> list[str]:
    """The values a filter offers, the most frequent first, as machines write them. Raises NotPermitted."""
    with look(by, "reports.view") as session:
        model = model_of(session)
        specs = [one.spec for tile in board.tiles if (one := _card(session, tile.report, by))]
    for spec in specs:
        path = path_in(spec.entity, model, field)
        if path is None:
            continue
        counted = Counted(name="rows", agg="count")
        asked = ReportSpec(
            title="Choices", entity=spec.entity, permission=spec.permission, total=False, sort=["-rows"],
            breakdowns=[Breakdown(name="by", label="By", by=[By(field=path, name="choice")])], measures=[counted],
            limit=MOST_CHOICES,
        )  # fmt: skip
        try:
            result = run_spec("choices", asked, {}, by=by, form="choices")
        except SessionEnded:
            raise
        except Refusal:
            continue
        values = [row[result.index("choice")] for row in result.rows]
        return [str(value).lower() if isinstance(value, bool) else str(value) for value in values if value is not None]
    return []


def one_number(spec: ReportSpec, tile: Tile, params: Mapping[str, Any]) -> ReportSpec:
    """The report's total of one number, and how it moved against the year before where the period has two ends.

    Of a ratio the difference is told, of everything else the share it changed by.
    """
    numbers = {counted.name: counted for counted in spec.numbers if counted.show == "value"}
    if not numbers:
        return spec
    counted = numbers.get(tile.number) or numbers.get(spec.chart.y) or next(iter(numbers.values()))
    needed = [numbers[part] for part in (counted.num, counted.den) if part in numbers]
    measures = [counted, *needed]
    compare = ""
    if spec.period and params.get("from") and params.get("to") and not (counted.num and counted.den):
        compare = "year_before"
        measures += [
            counted.model_copy(update={"name": "change_to_before", "show": "change"}),
            counted.model_copy(update={"name": "percent_to_before", "show": "change_percent"}),
        ]
    body = spec.model_dump() | {
        "breakdowns": [], "across": None, "measures": [one.model_dump() for one in measures], "compare": compare,
        "sort": [], "limit": 0, "subtotals": False, "leave_out_zero": [], "total": False,
    }  # fmt: skip
    return ReportSpec.model_validate(body)


def _columns(report: str, spec: Written, by: Actor) -> dict[str, str]:
    """The numbers that a question in SQL answers now; none where it cannot be asked."""
    days = days_of(spec.preset, clock.today(clinic_of(by.clinic_id).zone))
    try:
        params = dict(zip(("from", "to"), days, strict=True)) if spec.period else {}
        result = run_spec(report, spec, params, by=by, form="choices")
    except SessionEnded:
        raise
    except Refusal:
        return {}
    return {one.name: one.label for one in result.columns if one.is_measure}


def _only(result: Result, number: str) -> Result:
    """One number of an answer in one row, told big. Raises ManyRows."""
    if len(result.rows) > 1:
        raise ManyRows(title=result.title, rows=len(result.rows))
    places = [place for place, one in enumerate(result.columns) if one.is_measure]
    place = next((at for at in places if result.columns[at].name == number), places[0] if places else None)
    if place is None:
        return replace(result, columns=(), rows=[])
    return replace(result, columns=(result.columns[place],), rows=[(row[place],) for row in result.rows])


def _card(session: Any, name: str, by: Actor) -> saved.Card | None:
    try:
        return saved.find(session, name, by)
    except (NotFound, NotPermitted):
        return None


def _params(tile: Tile, spec: ReportSpec, days: Days | None, today: date) -> dict[str, Any]:
    known = spec.parameters
    params: dict[str, Any] = {name: value for name, value in tile.params.items() if name in known}
    if "from" in known:
        own = days_of(tile.preset, today) if tile.preset else None
        params["from"], params["to"] = own or days or days_of(spec.preset, today)
    return params


def _choosable(entity: str, model: Model) -> list[str]:
    here = model.entity(entity)
    paths = _few(here)
    for link, join in here.joins.items():
        paths += [f"{link}.{name}" for name in _few(model.entity(join.entity))]
    return paths


def _few(entity: Entity) -> list[str]:
    fields = entity.fields.items()
    return [name for name, one in fields if one.type in _FEW and not one.phi and name not in _NO_CHOICE]


def _typed(values: list[str], type_: str) -> Any:
    return [value == "true" for value in values] if type_ == "yes_no" else values
