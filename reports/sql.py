"""Questions in SQL, for those who may: one SELECT over tables that hold nothing about who a client or patient is.

The tables are the entities of the report model, so that a person's rows, money and the clinic's own fields are bound
here as in every other report: each is compiled as a list that the person could have built, less what names or describes
somebody. The query itself runs in a child process (reports/sandbox.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import IO, Any

from pydantic import Field
from sqlalchemy import select

from data import definitions, mart
from data.definitions import Document
from data.errors import BadInput, NotFound
from data.models import User
from data.session import ClinicSession
from data.types import clock
from reports import sandbox
from reports.compile import Reader, ResultColumn, compile_spec
from reports.fields import model_of
from reports.model import Column, FieldType, Model
from reports.run import Result
from reports.spec import ReportSpec, Shown
from security.actor import Actor
from security.clinics import clinic_of
from security.rules import act, authorize, look

SCREEN_ROWS, FILE_ROWS = 2_000, 100_000
NAME = "sql"
_DESCRIBES_SOMEBODY = {
    "appointment": {"caution", "number"},
    "client": {"number", "city", "postal_code"},
    "patient": {"caution", "born_on"},
    "drug_log": {"reason"},
    "invoice": {"number"},
    "audit": {"person"},
}
"""What is not told in SQL beside the fields that name somebody: free text, numbers on papers, places and birthdays."""
_CENTS = re.compile(r"_cents\W?$")


class QueryNotYours(BadInput):
    """{title} belongs to {owner}. Save a copy of your own instead."""


@dataclass(frozen=True)
class Relation:
    """One table open to SQL. Amounts are whole cents and their columns end in ``_cents``."""

    name: str
    label: str
    row: str
    columns: tuple[ResultColumn, ...]

    @property
    def column_names(self) -> list[str]:
        """The names to write in a query."""
        return [column.name for column in self.columns]


@dataclass(frozen=True)
class Queried:
    """A result, whether rows were cut off, and the tables that were read."""

    result: Result
    cut: bool
    read: tuple[str, ...]


def relations(*, by: Actor) -> list[Relation]:
    """The tables this person may ask, those of the report builder first. Raises NotPermitted."""
    with look(by, "reports.sql") as session:
        model, reader = _model(session), _reader(session, by)
    return list(_relations(model, reader).values())


def run_sql(text: str, *, by: Actor, form: str = "screen", title: str = "SQL query", name: str = NAME) -> Queried:
    """Run one SELECT, at most SCREEN_ROWS rows of it, or FILE_ROWS where ``form`` is a file, which needs the right to
    export. Raises NotPermitted and the failures of reports/sandbox.py."""
    with look(by, "reports.sql") as session:
        if form != "screen":
            authorize(session, by, "reports.export")
        model, reader = _model(session), _reader(session, by)
    open_ = _relations(model, reader)
    with mart.reading(by.clinic_id, max_age=mart.REFRESH_SECONDS if form == "screen" else 0) as cursor:

        def pour(table: str, columns: Sequence[str], file: IO[bytes]) -> None:
            import pyarrow as pa

            query = compile_spec(_listing(model, table, columns), _days(by), reader, model, ordered=False)
            reader_ = cursor.sql(query.sql, params=query.values).to_arrow_reader(50_000)
            with pa.ipc.new_stream(file, reader_.schema) as writer:
                for batch in reader_:
                    writer.write_batch(batch)

        answer = sandbox.answer(
            text, {one.name: one.column_names for one in open_.values()}, pour,
            rows=SCREEN_ROWS if form == "screen" else FILE_ROWS,
        )  # fmt: skip
    columns, rows = _told(answer.table)
    with act(by, "reports.sql") as work:
        work.session.quiet = True
        action = "report.viewed" if form == "screen" else "report.exported"
        work.audit(action, "report", name, sql=without_values(text), tables=answer.read, rows=len(rows), form=form)
    meaning = f"Asked in SQL: {' '.join(text.split())}"
    result = Result(
        name, title, {}, meaning, columns, rows, None, (), clinic_of(by.clinic_id), answer.seconds
    )  # fmt: skip
    return Queried(result, answer.cut, answer.read)


def without_values(text: str) -> str:
    """A query without its texts, long numbers and remarks, which may name somebody."""
    text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    text = re.sub(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", "'…'", text, flags=re.DOTALL)
    return " ".join(re.sub(r"\d{4,}", "…", text).split())[:2_000]


def _reader(session: ClinicSession, by: Actor) -> Reader:
    """What they may see of reports, less all that names somebody, whoever asks."""
    may = authorize(session, by, "reports.sql")
    return Reader.of(by, may - {"clients.view"})


def _days(by: Actor) -> dict[str, Any]:
    return {"today": clock.today(clinic_of(by.clinic_id).zone), "opening_before": date(1, 1, 1)}


def _model(session: ClinicSession) -> Model:
    """The report model with the ids that join its rows, and without what describes somebody."""
    known = {fact.name: set(fact.sources) | {name for name, _, _ in fact.derived} for fact in mart.FACTS}
    entities = {}
    for name, entity in model_of(session).entities.items():
        keys = [join.on for join in entity.joins.values() if join.key == "id"]
        if "id" in known.get(entity.table, ()):
            keys.insert(0, "id")
        fields = {key: Column(label=_spelled(key), type="id") for key in keys if key not in entity.fields}
        hidden = _DESCRIBES_SOMEBODY.get(name, set())
        fields |= {field: column for field, column in entity.fields.items() if field not in hidden}
        entities[name] = entity.model_copy(update={"fields": fields})
    return Model(entities)


def _relations(model: Model, reader: Reader) -> dict[str, Relation]:
    found = {}
    for name, entity in sorted(model.entities.items(), key=lambda one: (not one[1].offered, one[0])):
        if not entity.fields or (entity.permission and entity.permission not in reader.may):
            continue
        if reader.only_own is not None and not entity.own:
            continue
        columns = tuple(
            ResultColumn(_column_name(field, column), column.type, column.label)
            for field, column in entity.fields.items()
            if not column.phi and (not column.money or "reports.money" in reader.may)
        )
        if columns:
            found[name] = Relation(name, entity.label, entity.row, columns)
    return found


def _listing(model: Model, table: str, columns: Sequence[str]) -> ReportSpec:
    entity = model.entity(table)
    names = {_column_name(field, column): field for field, column in entity.fields.items()}
    return ReportSpec(
        title=table, entity=table, columns=[Shown(field=names[one], name=one) for one in columns], total=False
    )  # fmt: skip


def _column_name(field: str, column: Column) -> str:
    return f"{field}_cents" if column.money else field


def _spelled(key: str) -> str:
    return "Id" if key == "id" else f"Id of {key.removesuffix('_id').replace('_', ' ')}"


def _told(table: Any) -> tuple[tuple[ResultColumn, ...], list[tuple[Any, ...]]]:
    """An Arrow table as typed columns and rows."""
    columns, values = [], []
    for field, held in zip(table.schema, table.columns, strict=True):
        cells = held.to_pylist()
        type_, spell = _type(field, cells)
        number = type_ in ("whole", "number", "money")
        columns.append(ResultColumn(field.name, type_, _label(field.name, type_), is_measure=number))
        values.append([None if cell is None else spell(cell) for cell in cells])
    return tuple(columns), list(zip(*values, strict=True)) if values else []


def _type(field: Any, cells: list[Any]) -> tuple[FieldType, Any]:
    import pyarrow as pa

    kind = field.type
    if pa.types.is_boolean(kind):
        return "yes_no", bool
    if pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0):
        return ("money" if _CENTS.search(field.name) else "whole"), int
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return "number", _finite
    if pa.types.is_date(kind):
        return "day", _same
    if pa.types.is_timestamp(kind):
        if all(cell is None or cell.timetz() in (time(0), time(0, tzinfo=UTC)) for cell in cells):
            return "day", datetime.date
        return "instant", _naive
    return "text", str


def _finite(value: float | Decimal) -> float | None:
    number = float(value)
    return number if abs(number) < float("inf") else None


def _same(value: Any) -> Any:
    return value


def _naive(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _label(name: str, type_: FieldType) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return name
    return (name.removesuffix("_cents") if type_ == "money" else name).replace("_", " ").capitalize()


class SavedQuery(Document):
    """A question in SQL that somebody keeps. ``owner`` is the id of the person; ``shared`` shows it to everybody who
    may ask in SQL."""

    title: str = Field(min_length=1, max_length=80)
    text: str = Field(min_length=1, max_length=20_000)
    folder: str = Field(default="", max_length=60)
    owner: str = ""
    shared: bool = True


QUERY = definitions.register("report-query", "SQL query", SavedQuery, has_own_rules=True)


@dataclass(frozen=True)
class QueryCard:
    """One kept query, who wrote it, and the version that stands."""

    name: str
    saved: SavedQuery
    owner: str
    number: int


def queries(*, by: Actor) -> list[QueryCard]:
    """The kept queries this person sees, by title. Raises NotPermitted."""
    with look(by, "reports.sql") as session:
        found = [
            QueryCard(name, saved, _name_of(session, saved.owner), definitions.number_of(session, QUERY, name))
            for name, saved in definitions.load_all(session, QUERY).items()
            if _seen(saved, by)
        ]
    return sorted(found, key=lambda one: one.saved.title.lower())


def query(name: str, *, by: Actor) -> QueryCard:
    """One kept query; raises NotPermitted, NotFound."""
    for card in queries(by=by):
        if card.name == name:
            return card
    raise NotFound(what="SQL query called", name=name)


def save_query(
    title: str, text: str, *, name: str | None = None, folder: str = "", shared: bool = True,
    version: int | None = None, comment: str = "", by: Actor, key: str | None = None,
) -> str:  # fmt: skip
    """Keep a query, as a new version of ``name`` or as a new one; returns the name.

    Raises NotPermitted, NotFound, QueryNotYours, EditedMeanwhile, BadDefinition.
    """
    with act(by, "reports.sql", key=key) as work:
        if work.repeated:
            return str(work.result)
        session, owner = work.session, by.user_id or ""
        standing = definitions.load_all(session, QUERY)
        if name is None:
            name = _free_name(set(definitions.all_slugs(session, QUERY)), title)
        else:
            owner = _changeable(session, standing.get(name), name, by).owner
        body = {"title": title, "text": text.strip(), "folder": folder.strip(), "owner": owner, "shared": shared}
        number = definitions.save(
            session, QUERY, name, QUERY.parse(body, "The query"), by_user_id=by.user_id, comment=comment.strip(),
            expected=version,
        )  # fmt: skip
        work.audit("report.saved", "report", name, version=number, over="sql", shared=shared)
        work.result = name
    return name


def remove_query(name: str, *, by: Actor, key: str | None = None) -> None:
    """Take a kept query away; its versions stay. Raises NotPermitted, NotFound, QueryNotYours."""
    with act(by, "reports.sql", key=key) as work:
        if work.repeated:
            return
        _changeable(work.session, definitions.load_all(work.session, QUERY).get(name), name, by)
        definitions.remove(work.session, QUERY, name)
        work.audit("report.removed", "report", name)


def query_versions(name: str, *, by: Actor) -> list[tuple[int, datetime, str, str, str]]:
    """Every version, newest first: number, moment, who, comment, text. Raises NotPermitted, NotFound."""
    query(name, by=by)
    with look(by, "reports.sql") as session:
        return [
            (row.number, row.at, _name_of(session, row.by_user_id or ""), row.comment, str(row.body["text"]))
            for row in definitions.history(session, QUERY, name)
        ]


def _changeable(session: ClinicSession, saved: SavedQuery | None, name: str, by: Actor) -> SavedQuery:
    if saved is None or not _seen(saved, by):
        raise NotFound(what="SQL query called", name=name)
    if saved.owner and saved.owner != by.user_id and not by.is_trusted:
        raise QueryNotYours(title=saved.title, owner=_name_of(session, saved.owner))
    return saved


def _seen(saved: SavedQuery, by: Actor) -> bool:
    return saved.shared or by.is_trusted or saved.owner == by.user_id


def _name_of(session: ClinicSession, user_id: str) -> str:
    if not user_id:
        return ""
    return session.scalar(select(User.name).where(User.id == user_id)) or ""


def _free_name(taken: set[str], title: str) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:50] or "query"
    names = (base, *(f"{base}-{count}" for count in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
