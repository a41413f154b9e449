"""From a spec to one SELECT with bound parameters, narrowed to what the person may see.

The permission is part of the compiled query, so that screen, command, file and mail cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data.errors import NotPermitted
from reports import model
from reports.model import Condition, FieldType, Measure
from reports.spec import By, ReportSpec

_GRAINS = {"week", "month", "quarter", "year"}
_OPERATORS = {"is": "=", "from": ">=", "to": "<=", "after": ">", "before": "<"}


@dataclass(frozen=True)
class ResultColumn:
    """One column of a result: its stable name, type, the words over it, and what the number means."""

    name: str
    type: FieldType
    label: str
    definition: str = ""
    is_measure: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class Query:
    """A compiled report. ``has_total``: each row starts with 1 for the total row and 0 for the others."""

    sql: str
    values: dict[str, Any]
    columns: tuple[ResultColumn, ...]
    has_total: bool
    left_out: tuple[str, ...] = ()


@dataclass
class _Build:
    spec: ReportSpec
    params: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    joins: dict[tuple[str, ...], str] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def alias(self, steps: tuple[str, ...]) -> str:
        """The alias of the row at the end of a path of joins, each of which finds at most one row."""
        if not steps:
            return "t"
        alias = "_".join(("t", *steps))
        if steps not in self.joins:
            here = self.alias(steps[:-1])
            owner = model.resolve_entity(self.spec.entity, steps[:-1])
            join = model.entity(owner).joins[steps[-1]]
            extra = f" AND {join.where.replace('@', alias)}" if join.where else ""
            source = _source(join.entity)
            self.joins[steps] = f'LEFT JOIN {source} {alias} ON {alias}."{join.key}" = {here}."{join.on}"{extra}'
        return alias

    def column(self, path: str, grain: str = "") -> tuple[str, model.Column]:
        """The SQL of a field, and the field."""
        steps, _, found = model.resolve(self.spec.entity, path)
        if found.sql:
            sql = re.sub(r"@(\w*)\.", lambda m: self.alias((*steps, m[1]) if m[1] else steps) + ".", found.sql)
        else:
            sql = f'{self.alias(steps)}."{path.split(".")[-1]}"'
        return (f"date_trunc('{grain}', {sql})::DATE" if grain in _GRAINS else sql), found

    def condition(self, test: Condition) -> str:
        """The SQL of a test; empty when its parameter was left open."""
        sql, _ = self.column(test.field)
        if test.op == "empty":
            return f"({sql} IS NULL OR {sql}::VARCHAR = '')"
        if test.op == "not_empty":
            return f"({sql} IS NOT NULL AND {sql}::VARCHAR <> '')"
        value = self.params.get(test.parameter) if test.parameter else test.value
        if value is None:
            return ""
        if test.op in ("in", "not_in"):
            listed = ", ".join(self.bind(item) for item in (value if isinstance(value, list) else [value])) or "NULL"
            return f"({sql} IN ({listed}))" if test.op == "in" else f"({sql} IS NULL OR {sql} NOT IN ({listed}))"
        if test.op == "contains":
            return f"contains(lower({sql}), lower({self.bind(str(value))}))"
        if test.op == "is_not":
            return f"({sql} IS DISTINCT FROM {self.bind(value)})"
        return f"({sql} {_OPERATORS[test.op]} {self.bind(value)})"

    def measure(self, measure: Measure) -> str:
        """The SQL of a measure: an aggregate over the entity's own rows, or a ratio of two."""
        if measure.num:
            top = self.measure(model.measure(self.spec.entity, measure.num))
            bottom = self.measure(model.measure(self.spec.entity, measure.den))
            return f"({top})::DOUBLE / nullif({bottom}, 0)" + (" * 10000" if measure.type == "per_10000" else "")
        tests = [sql for test in measure.where if (sql := self.condition(test))]
        only = f" FILTER (WHERE {' AND '.join(tests)})" if tests else ""
        if measure.agg == "count":
            return f"count(*){only}"
        own = measure.of.replace("@", "t") if "@" in measure.of else f't."{measure.of}"'
        if measure.agg == "count_distinct":
            return f"count(DISTINCT {own}){only}"
        if measure.agg == "sum":
            total = f"coalesce(sum({own}){only}, 0)"
            return f"{total} / {measure.scale}.0" if measure.scale != 1 else f"{total}::BIGINT"
        return f"{measure.agg}({own}){only}"


def compile_spec(spec: ReportSpec, params: Mapping[str, Any], may: frozenset[str]) -> Query:
    """The SELECT of a spec for somebody who may do what ``may`` says.

    Raises NotPermitted when nothing of it is left for them, UnknownWord for a field or measure that is not there.
    """
    build = _Build(spec, params)
    return _counting(build, may) if spec.measures else _listing(build, may)


def _counting(build: _Build, may: frozenset[str]) -> Query:
    spec = build.spec
    groups = spec.breakdown(build.params.get("by")).by
    columns, selected, keys = [], [], []
    for by in groups:
        sql, column = build.column(by.field, by.grain)
        _check_phi(column, may)
        keys.append(sql)
        selected.append(f'{sql} AS "{by.column}"')
        columns.append(ResultColumn(by.column, _type(by, column), by.label or _label(by, column)))
    left_out = []
    for name in spec.measures:
        measure = model.measure(spec.entity, name)
        if _is_money(spec.entity, measure) and "reports.money" not in may:
            left_out.append(measure.label)
            continue
        selected.append(f'{build.measure(measure)} AS "{name}"')
        columns.append(ResultColumn(name, measure.type, measure.label, measure.definition, is_measure=True))
    if len(columns) == len(groups):
        raise NotPermitted(action="see money in reports")
    total = spec.total and bool(keys)
    head = f'grouping({keys[0]}) AS "_total", ' if total else ""
    where = _where(build)
    grouped = f"GROUP BY GROUPING SETS (({', '.join(keys)}), ())" if total else "GROUP BY ALL" if keys else ""
    kept = [f'"{name}" <> 0' for name in spec.leave_out_zero if any(one.name == name for one in columns)]
    having = "HAVING " + " OR ".join(kept + [f"grouping({keys[0]}) = 1"] * total) if kept and keys else ""
    order = (['"_total" DESC'] if total else []) + _order(spec, columns)
    limit = f"LIMIT {spec.limit + int(total)}" if spec.limit else ""
    sql = _joined(
        f"SELECT {head}{', '.join(selected)}", f"FROM {_source(spec.entity)} t", *build.joins.values(), where, grouped,
        having, f"ORDER BY {', '.join(order)}" if order else "", limit,
    )  # fmt: skip
    return _finished(build, sql, columns, total, left_out)


def _listing(build: _Build, may: frozenset[str]) -> Query:
    spec = build.spec
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
    order, where = _order(spec, columns), _where(build)
    sql = _joined(
        f"SELECT {', '.join(selected)}", f"FROM {_source(spec.entity)} t", *build.joins.values(), where,
        f"ORDER BY {', '.join(order)}" if order else "", f"LIMIT {spec.limit}" if spec.limit else "",
    )  # fmt: skip
    return _finished(build, sql, columns, False, left_out)


def _where(build: _Build) -> str:
    spec = build.spec
    tests = list(spec.filters)
    if spec.period:
        tests.append(Condition(field=spec.period, op="from", parameter="from"))
        tests.append(Condition(field=spec.period, op="to", parameter="to"))
    found = [sql for test in tests if (sql := build.condition(test))]
    return f"WHERE {' AND '.join(found)}" if found else ""


def _finished(build: _Build, sql: str, columns: list[ResultColumn], total: bool, left_out: list[str]) -> Query:
    values = dict(build.values)
    for name in set(re.findall(r"\$(from|to|as_of|date|today)\b", sql)):
        values[name] = build.params.get(name)
    return Query(sql, values, tuple(columns), total, tuple(left_out))


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _order(spec: ReportSpec, columns: list[ResultColumn]) -> list[str]:
    names = {column.name for column in columns}
    keys = [(key.lstrip("-"), key.startswith("-")) for key in spec.sort if key.lstrip("-") in names]
    keys += [(c.name, False) for c in columns if not c.is_measure and c.name not in {name for name, _ in keys}]
    return [f'"{name}" {"DESC" if down else "ASC"} NULLS LAST' for name, down in keys]


def _source(entity_name: str) -> str:
    entity = model.entity(entity_name)
    return entity.table or f"({entity.source.strip()})"


def _type(by: By, column: model.Column) -> FieldType:
    return by.grain if by.grain in _GRAINS else column.type  # type: ignore[return-value]


def _label(by: By, column: model.Column) -> str:
    return by.grain.capitalize() if by.grain in _GRAINS else column.label


def _check_phi(column: model.Column, may: frozenset[str]) -> None:
    if column.phi and "clients.view" not in may:
        raise NotPermitted(action="see clients in reports")
    if column.money and "reports.money" not in may:
        raise NotPermitted(action="see money in reports")


def _is_money(entity_name: str, measure: Measure) -> bool:
    if measure.num:
        parts = (model.measure(entity_name, measure.num), model.measure(entity_name, measure.den))
        return any(_is_money(entity_name, part) for part in parts)
    return measure.type == "money"
