"""From a spec to one SELECT with bound parameters, narrowed to what the person may see.

The permission is part of the compiled query, so that screen, command, file and mail cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from data.errors import BadInput, NotPermitted
from reports import model as models
from reports import periods
from reports.model import AllOf, AnyOf, Condition, FieldType, Measure, Model
from reports.spec import By, Counted, ReportSpec
from security.actor import Actor
from security.permissions import PERMISSIONS

_GRAINS = {"week", "month", "quarter", "year"}
_OPERATORS = {"is": "=", "from": ">=", "to": "<=", "after": ">", "before": "<"}
_MIDDLE = ("avg", "median")
_AMOUNTS = ("money", "whole", "number", "minutes")
_DIVIDED = (*_AMOUNTS, "ratio", "per_10000")
_WHOLE, _DAYS = ("whole", "hour", "weekday"), ("day", "instant")
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class CannotAddUp(BadInput):
    """{label} cannot be worked out with {how}: {why}."""


class NotOfItsKind(BadInput):
    """{label} cannot be compared with '{value}'. Write what it holds: a number, yes or no, or a day such as
    2026-03-31."""


class NotADay(BadInput):
    """{label} is not a day, so there is no {grain} of it. Group by it as it is, or by another field."""


class NothingBefore(BadInput):
    """There is nothing to compare with: choose a period with a first and a last day."""


@dataclass(frozen=True)
class ResultColumn:
    """One column of a result: its stable name, type, the words over it, and what the number means."""

    name: str
    type: FieldType
    label: str
    definition: str = ""
    is_measure: bool = False
    hidden: bool = False
    digits: int = 3
    """Of a number, at most so many decimals on screen and paper: an average of days is not exact to three."""


@dataclass(frozen=True)
class Query:
    """A compiled report. With ``has_levels`` each row starts with a number whose bits say, from the last of its
    ``groups`` to the first, which of them the row adds up: 0 for a plain row, all of them for the total."""

    sql: str
    values: dict[str, Any]
    columns: tuple[ResultColumn, ...]
    has_levels: bool
    groups: int = 0
    left_out: tuple[str, ...] = ()
    order: str = ""
    """The last line of ``sql`` where it is an order and nothing limits the rows."""

    def first(self, rows: int) -> str:
        """The same, read no further than so many rows."""
        limited = self.sql.rsplit("\n", 1)[-1].startswith("LIMIT ")
        return f"SELECT * FROM (\n{self.sql}\n) LIMIT {rows:d}" if limited else f"{self.sql}\nLIMIT {rows:d}"  # noqa: S608


@dataclass(frozen=True)
class Reader:
    """Who asks: what they may do, and their id where they see only rows of their own."""

    may: frozenset[str]
    only_own: str | None = None

    @classmethod
    def of(cls, by: Actor, may: frozenset[str]) -> Reader:
        """Somebody who may do this."""
        return cls(may, None if by.is_trusted or "reports.others" in may else by.own or by.user_id)


@dataclass(frozen=True)
class _Number:
    """One number on its way: its SQL over the entity's rows, and how it is told."""

    counted: Counted
    sql: str
    type: FieldType
    label: str
    definition: str
    additive: bool
    money: bool
    digits: int = 3


@dataclass
class _Build:
    spec: ReportSpec
    params: Mapping[str, Any]
    model: Model
    values: dict[str, Any] = field(default_factory=dict)
    joins: dict[tuple[str, ...], str] = field(default_factory=dict)
    shift: str = ""
    """How far days are moved to stand beside those they are compared with, as SQL."""

    def bind(self, value: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    @property
    def copies(self) -> Mapping[str, str]:
        """What the entity's own rows hold of those they lead to."""
        return self.model.entity(self.spec.entity).copies

    def alias(self, steps: tuple[str, ...]) -> str:
        """The alias of the row at the end of a path of joins, each of which finds at most one row."""
        if not steps:
            return "t"
        alias = "_".join(("t", *steps))
        if steps not in self.joins:
            owner = self.model.resolve_entity(self.spec.entity, steps[:-1])
            join = self.model.entity(owner).joins[steps[-1]]
            copy = self.copies.get(".".join(steps))
            held = f't."{copy}"' if copy else f'{self.alias(steps[:-1])}."{join.on}"'
            extra = f" AND {join.where.replace('@', alias)}" if join.where else ""
            source = self.source(join.entity)
            self.joins[steps] = f'LEFT JOIN {source} {alias} ON {alias}."{join.key}" = {held}{extra}'
        return alias

    def source(self, entity_name: str) -> str:
        entity = self.model.entity(entity_name)
        return entity.table or f"({entity.source.strip()})"

    def of_row(self, sql: str, steps: tuple[str, ...] = ()) -> str:
        """SQL of the model with ``@.`` and ``@join.`` turned into aliases."""
        return re.sub(r"@(\w*)\.", lambda m: self.alias((*steps, m[1]) if m[1] else steps) + ".", sql)

    def column(self, path: str) -> tuple[str, models.Column]:
        """The SQL of a field, and the field."""
        steps, _, found = self.model.resolve(self.spec.entity, path)
        if path in self.copies:
            return f't."{self.copies[path]}"', found
        if found.sql:
            return self.of_row(found.sql, steps), found
        return f'{self.alias(steps)}."{path.split(".")[-1]}"', found

    def key(self, by: By) -> tuple[str, models.Column]:
        """The SQL of something grouped by."""
        sql, found = self.column(by.field)
        if by.grain in _GRAINS and found.type not in _DAYS:
            raise NotADay(label=found.label, grain=by.grain)
        if self.shift and by.field == self.spec.period:
            sql = f"({sql} + {self.shift})::DATE"
        return (_begin(by.grain, sql, found) if by.grain in _GRAINS else sql), found

    def test(self, one: Condition | AllOf | AnyOf) -> str:
        """The SQL of tests; empty when every one of them was left open."""
        if isinstance(one, Condition):
            return self.condition(one)
        parts = [sql for part in (one.all if isinstance(one, AllOf) else one.any) if (sql := self.test(part))]
        return f"({(' AND ' if isinstance(one, AllOf) else ' OR ').join(parts)})" if parts else ""

    def condition(self, test: Condition) -> str:
        """The SQL of a test; empty when its parameter was left open."""
        sql, found = self.column(test.field)
        if test.op == "empty":
            return f"({sql} IS NULL OR {sql}::VARCHAR = '')"
        if test.op == "not_empty":
            return f"({sql} IS NOT NULL AND {sql}::VARCHAR <> '')"
        value = self.params.get(test.parameter) if test.parameter else test.value
        if test.op != "within":
            value = _value(found, value)
        if value is None or value == []:
            return f"({sql} IS NULL)" if test.op == "is" and not test.parameter else ""
        if test.op == "within":
            if found.type not in _DAYS:
                raise NotOfItsKind(label=found.label, value=value)
            first, last = periods.days_of(str(value), self.params["today"])
            ends = [f"{sql} {op} {self.bind(day)}" for op, day in ((">=", first), ("<=", last)) if day]
            return f"({' AND '.join(ends)})" if ends else ""
        if test.op in ("in", "not_in") or isinstance(value, list):
            listed = ", ".join(self.bind(item) for item in (value if isinstance(value, list) else [value]))
            return f"({sql} IN ({listed}))" if test.op != "not_in" else f"({sql} IS NULL OR {sql} NOT IN ({listed}))"
        if test.op == "contains":
            return f"contains(lower({sql}::VARCHAR), lower({self.bind(str(value))}))"
        if test.op == "is_not":
            return f"({sql} IS DISTINCT FROM {self.bind(value)})"
        return f"({sql} {_OPERATORS[test.op]} {self.bind(value)})"

    def only(self, where: list[Condition]) -> str:
        tests = [sql for test in where if (sql := self.condition(test))]
        return f" FILTER (WHERE {' AND '.join(tests)})" if tests else ""

    def measure(self, measure: Measure, extra: list[Condition]) -> str:
        """The SQL of a measure: an aggregate over the entity's own rows, or a ratio of two."""
        if measure.num:
            top = self.measure(self.model.measure(self.spec.entity, measure.num), extra)
            bottom = self.measure(self.model.measure(self.spec.entity, measure.den), extra)
            return f"({top})::DOUBLE / nullif({bottom}, 0)" + (" * 10000" if measure.type == "per_10000" else "")
        only = self.only([*measure.where, *extra])
        if measure.agg == "count":
            return f"count(*){only}"
        own = measure.of.replace("@", "t") if "@" in measure.of else f't."{measure.of}"'
        if measure.agg == "count_distinct":
            return f"count(DISTINCT {own}){only}"
        if measure.agg == "sum":
            total = f"coalesce(sum({own}){only}, 0)"
            return f"{total} / {measure.scale}.0" if measure.scale != 1 else f"{total}::BIGINT"
        return f"{measure.agg}({own}){only}"

    def number(self, counted: Counted, of: Mapping[str, _Number]) -> _Number:
        """One number of the report. ``of`` are those before it, for ratios. Raises CannotAddUp, UnknownWord."""
        if counted.measure:
            measure = self.model.measure(self.spec.entity, counted.measure)
            return _Number(
                counted, self.measure(measure, counted.where), measure.type, counted.label or measure.label,
                measure.definition, adds_up(measure), self._is_money(measure), 1 if measure.agg in _MIDDLE else 3,
            )  # fmt: skip
        if counted.agg:
            return self._aggregate(counted)
        top, bottom = of[counted.num], of[counted.den]
        for part in (top, bottom):
            if part.type not in _DIVIDED:
                raise CannotAddUp(label=part.label, how="a ratio", why="it is not an amount")
        same: FieldType = "ratio" if counted.percent else "number"
        type_: FieldType = same if top.type == bottom.type else "money" if top.type == "money" else "number"
        ratio = f"({top.sql})::DOUBLE / nullif({bottom.sql}, 0)"
        return _Number(
            counted, f"round({ratio})::BIGINT" if type_ == "money" else ratio, type_,
            counted.label or f"{top.label} / {bottom.label}", f"{top.label} divided by {bottom.label}.", False,
            top.money or bottom.money,
        )  # fmt: skip

    def _aggregate(self, counted: Counted) -> _Number:
        agg, only = counted.agg, self.only(counted.where)
        if agg == "count":
            return _Number(counted, f"count(*){only}", "whole", counted.label or "Number", "", True, False)
        sql, found = self.column(counted.of)
        how = HOW[str(agg)]
        label = counted.label or f"{how.capitalize()} of {found.label[:1].lower()}{found.label[1:]}"
        definition = f"The {how} of {found.label} over {self.model.entity(self.spec.entity).label.lower()}."
        if agg in ("sum", "avg", "median"):
            if found.type not in _AMOUNTS:
                raise CannotAddUp(label=found.label, how=how, why="it is not an amount")
            if "." in counted.of:
                raise CannotAddUp(
                    label=found.label, how=how, why="several rows share it, so it would count more than once"
                )
        type_ = _type_of(str(agg), found.type)
        made = {
            "count_distinct": f"count(DISTINCT {sql}){only}",
            "sum": f"coalesce(sum({sql}){only}, 0)" + ("::BIGINT" if found.type in ("money", "whole") else ""),
        }.get(str(agg), f"{agg}({sql}){only}")
        if type_ == "money" and agg in ("avg", "median"):
            made = f"round({made})::BIGINT"
        return _Number(counted, made, type_, label, definition, agg == "sum", found.money)

    def _is_money(self, measure: Measure) -> bool:
        if measure.num:
            parts = (self.model.measure(self.spec.entity, name) for name in (measure.num, measure.den))
            return any(self._is_money(part) for part in parts)
        return measure.type == "money"


HOW = {"sum": "sum", "avg": "average", "median": "median", "min": "smallest", "max": "largest",
       "count_distinct": "number of different", "count": "number"}  # fmt: skip


def compile_spec(
    spec: ReportSpec, params: Mapping[str, Any], reader: Reader, model: Model | None = None, *, ordered: bool = True
) -> Query:
    """The SELECT of a spec for somebody who may do what ``reader`` says. ``params`` holds ``today`` besides what the
    spec asks for. A list that is read on by another query need not be ``ordered``.

    Raises NotPermitted when nothing of it is left for them, UnknownWord for a field or measure that is not there,
    CannotAddUp, NothingBefore, UnknownPeriod.
    """
    build = _Build(spec, params, model or models.built_in())
    wanted = build.model.entity(spec.entity).permission
    if wanted and wanted not in reader.may:
        raise NotPermitted(action=PERMISSIONS[wanted].action)
    _check_asked(build, reader.may)
    return _counting(build, reader) if spec.measures else _listing(build, reader, ordered)


def _check_asked(build: _Build, may: frozenset[str]) -> None:
    """Nobody finds out by a test, or by the smallest of them, what they may not see."""
    spec = build.spec
    for test in spec.tests:
        _check_seen(build.column(test.field)[1], may)
    for counted in spec.numbers:
        if counted.of and "clients.view" not in may and build.column(counted.of)[1].phi:
            raise NotPermitted(action="see clients in reports")


def names_somebody(spec: ReportSpec, model: Model) -> bool:
    """Whether its tests and questions hold what only those read who see clients: a name, a phone, a text of the
    clinic's own. What a field held that is gone may be that too."""
    held = {test.field for test in spec.tests if test.value is not None}
    for path in held | {ask.field for ask in spec.asks if ask.default is not None}:
        try:
            if model.resolve(spec.entity, path)[2].phi:
                return True
        except models.UnknownWord:
            return True
    return False


def _counting(build: _Build, reader: Reader) -> Query:
    spec = build.spec
    rows = spec.breakdown(build.params.get("by")).by
    groups = [*rows, *([spec.across] if spec.across else [])]
    columns = []
    for by in groups:
        _, found = build.key(by)
        _check_seen(found, reader.may)
        columns.append(ResultColumn(by.column, _type(by, found), by.label or _label(by, found)))
    numbers, left_out = _numbers(build, reader.may)
    columns += [_column(number) for number in numbers]
    sets = _sets(spec, len(rows), len(groups), any(number.counted.show == "share" for number in numbers))
    sql = _aggregated(build, groups, numbers, sets, reader)
    if any(number.counted.show != "value" for number in numbers) or spec.compare:
        sql = _shown(build, groups, numbers, sets, sql, reader)
    order = (['"_level" DESC'] if sets else []) + _order(spec, columns)
    limit = f"LIMIT {spec.limit + len(sets) - 1 if sets else spec.limit}" if spec.limit and len(sets) <= 2 else ""
    sql = _joined(sql, f"ORDER BY {', '.join(order)}" if order else "", limit)
    return _finished(build, sql, columns, bool(sets), len(groups), left_out)


def _numbers(build: _Build, may: frozenset[str]) -> tuple[list[_Number], list[str]]:
    """The numbers this person sees, those a ratio needs before it, and the words of those they do not see."""
    made = _made(build)
    seen, left_out = [], []
    for counted in build.spec.numbers:
        number = made[counted.name]
        if counted.show in ("running", "share") and not number.additive:
            how = "a running total" if counted.show == "running" else "a share of the whole"
            raise CannotAddUp(label=number.label, how=how, why="its parts do not add up to the whole")
        if counted.show in ("change", "change_percent") and number.type not in _DIVIDED:
            raise CannotAddUp(label=number.label, how="a difference", why="it is not an amount")
        if number.money and "reports.money" not in may:
            left_out.append(number.label)
        else:
            seen.append(number)
    if not seen:
        raise NotPermitted(action="see money in reports")
    return seen, left_out


def _made(build: _Build) -> dict[str, _Number]:
    """Every number by its name; what a ratio divides comes before it."""
    known, made = {counted.name: counted for counted in build.spec.numbers}, dict[str, _Number]()

    def make(name: str, above: frozenset[str]) -> None:
        counted = known[name]
        if name in above:
            raise CannotAddUp(label=counted.label or name, how="a ratio", why="it is divided by itself")
        for part in filter(None, (counted.num, counted.den)):
            make(part, above | {name})
        made[name] = build.number(counted, made)

    for name in known:
        if name not in made:
            make(name, frozenset())
    return made


def _sets(spec: ReportSpec, rows: int, groups: int, needs_total: bool) -> list[list[int]]:
    """Which groups are kept on each kind of line, the plain one first; empty where nothing is grouped or added up."""
    if not groups or not (spec.total or spec.subtotals or spec.across or needs_total):
        return []
    heads = [list(range(count)) for count in range(rows - 1, 0, -1)] if spec.subtotals else []
    heads = [list(range(rows)), *heads, []] if rows else [[]]
    if not spec.across:
        return heads
    return [[*head, rows] for head in heads] + heads


def _aggregated(build: _Build, groups: list[By], numbers: list[_Number], sets: list[list[int]], reader: Reader) -> str:
    """The rows of the entity added up. ``numbers`` were made for ``build``."""
    keys = [build.key(by)[0] for by in groups]
    selected = [f'{key} AS "{by.column}"' for key, by in zip(keys, groups, strict=True)]
    selected += [f'{number.sql} AS "{number.counted.name}"' for number in numbers]
    head = f'grouping({", ".join(keys)}) AS "_level", ' if sets else ""
    where = _where(build, reader)
    told = ", ".join(f"({', '.join(keys[place] for place in one)})" for one in sets)
    grouped = f"GROUP BY GROUPING SETS ({told})" if sets else "GROUP BY ALL" if keys else ""
    leave_out = [
        f'"{number.counted.name}" <> 0' for number in numbers if number.counted.name in build.spec.leave_out_zero
    ]
    kept = leave_out + ([f"grouping({keys[0]}) = 1"] if sets else [])
    having = f"HAVING {' OR '.join(kept)}" if leave_out and keys else ""
    return _joined(
        f"SELECT {head}{', '.join(selected)}", f"FROM {build.source(build.spec.entity)} t", *build.joins.values(),
        where, grouped, having,
    )  # fmt: skip


def _shown(
    build: _Build, groups: list[By], numbers: list[_Number], sets: list[list[int]], sql: str, reader: Reader
) -> str:
    """Around the sums: running totals, shares, and the same sums of another period beside them."""
    spec = build.spec
    keys = [*(["_level"] if sets else []), *(by.column for by in groups)]
    names = [number.counted.name for number in numbers]
    withs = [f"now AS (\n{sql}\n)"]
    if spec.compare:
        withs.append(f"earlier AS (\n{_before(build, groups, numbers, sets, reader)}\n)")
        on = " AND ".join(f'now."{key}" IS NOT DISTINCT FROM earlier."{key}"' for key in keys) or "true"
        both = [f'coalesce(now."{key}", earlier."{key}") AS "{key}"' for key in keys]
        both += [f'now."{name}" AS "{name}", earlier."{name}" AS "{name} before"' for name in names]
        joined = _joined(f"SELECT {', '.join(both)}", f"FROM now FULL JOIN earlier ON {on}")
        withs.append(f"together AS (\n{joined}\n)")
    first = next((by.field for by in groups if by.grain or by.field == spec.period), "")
    time = [by.column for by in groups if by.field == first]
    side = "together" if spec.compare else "now"
    picked = [f'"{key}"' for key in keys]
    picked += [f'{_told(number, spec, keys, time, len(groups) if sets else 0)} AS "{number.counted.name}"'
               for number in numbers]  # fmt: skip
    words = ", ".join(picked)
    withs.append(f"told AS (\n{_joined(f'SELECT {words}', f'FROM {side}')}\n)")
    return _joined(f"WITH {', '.join(withs)}", "SELECT * FROM told")


def _told(number: _Number, spec: ReportSpec, keys: list[str], time: list[str], levels: int) -> str:
    """What is shown of a number, over the sums now and before. ``time`` are the groups that follow the days, such as
    year and month; ``levels``: how many groups a total row adds up."""
    name, show = number.counted.name, number.counted.show
    fill = number.additive and bool(spec.compare)
    now, then = (f'coalesce("{one}", 0)' if fill else f'"{one}"' for one in (name, f"{name} before"))
    if show == "running":
        if not time:
            raise CannotAddUp(label=number.label, how="a running total", why="the report is not by day or month")
        apart, along = (", ".join(f'"{key}"' for key in keys if (key in time) == told) for told in (False, True))
        made = f"sum({now}) OVER ({f'PARTITION BY {apart} ' if apart else ''}ORDER BY {along})"
        return made + ("::BIGINT" if number.type in ("money", "whole") else "")
    if show == "share":
        whole = f'sum({now}) FILTER (WHERE "_level" = {(1 << levels) - 1}) OVER ()' if levels else f"sum({now}) OVER ()"
        return f"({now})::DOUBLE / nullif({whole}, 0)"
    return {
        "value": now, "before": then, "change": f"{now} - {then}",
        "change_percent": f"({now} - {then})::DOUBLE / nullif(abs({then}), 0)",
    }[show]  # fmt: skip


def _before(build: _Build, groups: list[By], numbers: list[_Number], sets: list[list[int]], reader: Reader) -> str:
    """The same sums of the period compared with, its days moved to stand beside those of the period."""
    spec = build.spec
    first, last = build.params.get("from"), build.params.get("to")
    if first is None or last is None:
        raise NothingBefore()
    earlier, shift = _earlier(spec, groups, first, last)
    params = {**build.params, "from": earlier[0], "to": earlier[1], "opening_before": earlier[0]}
    then = replace(build, params=params, joins={}, shift=shift)
    made = _made(then)
    return _aggregated(then, groups, [made[number.counted.name] for number in numbers], sets, reader)


def _earlier(spec: ReportSpec, groups: list[By], first: date, last: date) -> tuple[periods.Days, str]:
    try:
        return _days_before(spec, groups, first, last)
    except (ValueError, OverflowError):  # before the first day that a calendar has
        raise NothingBefore() from None


def _days_before(spec: ReportSpec, groups: list[By], first: date, last: date) -> tuple[periods.Days, str]:
    if spec.compare == "year_before":
        if any(by.grain == "week" for by in groups):
            away = timedelta(weeks=52)
            return (first - away, last - away), "INTERVAL 364 DAY"
        return periods.year_before(first, last), "INTERVAL 1 YEAR"
    start, end, months = periods.period_before(first, last)
    return (start, end), f"INTERVAL {months} MONTH" if months else f"INTERVAL {(first - start).days} DAY"


def _listing(build: _Build, reader: Reader, ordered: bool) -> Query:
    spec, may = build.spec, reader.may
    columns, selected, left_out = [], [], []
    for shown in spec.columns:
        sql, column = build.column(shown.field)
        if (column.phi and "clients.view" not in may) or (column.money and "reports.money" not in may):
            left_out.append(shown.label or column.label)
            continue
        selected.append(f'{sql} AS "{shown.column}"')
        columns.append(ResultColumn(shown.column, column.type, shown.label or column.label, hidden=shown.hidden))
    if not columns:
        raise NotPermitted(action="see what this report shows")
    keys, where = _order(spec, columns) if ordered else [], _where(build, reader)
    order = f"ORDER BY {', '.join(keys)}" if keys else ""
    sql = _joined(
        f"SELECT {', '.join(selected)}", f"FROM {build.source(spec.entity)} t", *build.joins.values(), where,
        order, f"LIMIT {spec.limit}" if spec.limit else "",
    )  # fmt: skip
    return replace(_finished(build, sql, columns, False, 0, left_out), order="" if spec.limit else order)


def _where(build: _Build, reader: Reader) -> str:
    spec = build.spec
    tests = [*build.model.entity(spec.entity).where, *spec.filters]
    if spec.period:
        tests.append(Condition(field=spec.period, op="from", parameter="from"))
        tests.append(Condition(field=spec.period, op="to", parameter="to"))
    found = [sql for test in tests if (sql := build.test(test))]
    if reader.only_own is not None:
        entity = build.model.entity(spec.entity)
        if not entity.own:
            raise NotPermitted(action=f"see {entity.label.lower()} of others in reports")
        found.append(f"({build.of_row(entity.own)})")
        build.values["me"] = reader.only_own
    return f"WHERE {' AND '.join(found)}" if found else ""


def _finished(
    build: _Build, sql: str, columns: list[ResultColumn], has_levels: bool, groups: int, left_out: list[str]
) -> Query:
    values = dict(build.values)
    for name in set(re.findall(r"\$(from|to|as_of|date|today)\b", sql)):
        values[name] = build.params.get(name)
    return Query(sql, values, tuple(columns), has_levels, groups, tuple(left_out))


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _order(spec: ReportSpec, columns: list[ResultColumn]) -> list[str]:
    names = {column.name for column in columns}
    keys = [(key.lstrip("-"), key.startswith("-")) for key in spec.sort if key.lstrip("-") in names]
    keys += [(c.name, False) for c in columns if not c.is_measure and c.name not in {name for name, _ in keys}]
    return [f'"{name}" {"DESC" if down else "ASC"} NULLS LAST' for name, down in keys]


def _column(number: _Number) -> ResultColumn:
    show = number.counted.show
    words, meaning = SHOWN[show]
    label = number.counted.label or (words.format(number.label) if words else number.label)
    type_: FieldType = "ratio" if show in ("share", "change_percent") else number.type
    return ResultColumn(
        number.counted.name, type_, label, " ".join(part for part in (meaning, number.definition) if part), True,
        digits=number.digits,
    )  # fmt: skip


SHOWN: dict[str, tuple[str, str]] = {
    "value": ("", ""),
    "running": ("{}, running total", "Added up from the first line on."),
    "share": ("{}, share", "In percent of the whole."),
    "before": ("{}, before", "In the period compared with."),
    "change": ("{}, change", "The difference to the period compared with."),
    "change_percent": ("{}, change in %", "The difference in percent of the period compared with."),
}


def _value(column: models.Column, value: Any) -> Any:
    """A value as the field has it: a day may be told as ``2026-03-31``. Raises NotOfItsKind."""
    if isinstance(value, list):
        return [_value(column, one) for one in value]
    try:
        return None if value is None else _fitting(column.type, value)
    except (ValueError, KeyError, OverflowError):
        raise NotOfItsKind(label=column.label, value=value) from None


def _fitting(type_: FieldType, value: Any) -> Any:
    """Raises ValueError, KeyError or OverflowError for what is not of the type."""
    if type_ == "yes_no":
        return _YES_NO[str(value).lower()]
    if type_ == "day":
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    if type_ == "instant":
        return value if isinstance(value, date) else datetime.fromisoformat(str(value))
    if type_ in _WHOLE or type_ in _DIVIDED:
        if isinstance(value, bool | date):
            raise ValueError(type_)
        number = int(value) if type_ in _WHOLE and isinstance(value, str) else float(value)
        if not abs(number) < 2**63:
            raise OverflowError(type_)
        return value if isinstance(value, int | float) else number
    if type_ == "id":
        return str(UUID(str(value)))
    return str(value)


def adds_up(measure: Measure) -> bool:
    """Whether the sum over parts is the number of the whole."""
    return measure.agg in ("count", "sum") or (measure.agg == "count_distinct" and measure.of == "id")


def _type(by: By, column: models.Column) -> FieldType:
    return by.grain if by.grain in _GRAINS else column.type  # type: ignore[return-value]


def _type_of(agg: str, type_: FieldType) -> FieldType:
    if agg == "count_distinct":
        return "whole"
    return "number" if agg in ("avg", "median") and type_ == "whole" else type_


def _begin(grain: str, sql: str, column: models.Column) -> str:
    """SQL of the first day of the week, month, quarter or year. Stepping back from a day takes DuckDB less than half
    the time of cutting it off."""
    step = {"week": "isodow", "month": "day", "year": "dayofyear"}.get(grain)
    if column.type == "day" and step:
        return f"({sql} - ({step}({sql}) - 1)::INTEGER)"
    return f"date_trunc('{grain}', {sql})::DATE"


def _label(by: By, column: models.Column) -> str:
    return by.grain.capitalize() if by.grain in _GRAINS else column.label


def _check_seen(column: models.Column, may: frozenset[str]) -> None:
    if column.phi and "clients.view" not in may:
        raise NotPermitted(action="see clients in reports")
    if column.money and "reports.money" not in may:
        raise NotPermitted(action="see money in reports")
