"""Questions in SQL, for those who may: one SELECT over tables that hold nothing about who a client or patient is.

The tables are the entities of the report model, so that a person's rows, money and the clinic's own fields are bound
here as in every other report: each is compiled as a list that the person could have built, less what names or describes
somebody. The query itself runs in a child process (reports/sandbox.py).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from time import perf_counter
from typing import IO, Any

from data import definitions, mart
from data.errors import BadInput, NotPermitted
from data.kept import kept
from data.session import ClinicSession
from data.types import clock
from reports import sandbox
from reports.audited import SCREENS, note, permission_for
from reports.compile import Reader, compile_spec
from reports.model import Model
from reports.queries import DAYS, QUERY, Written, written
from reports.result import Result
from reports.spec import Chart
from reports.sql_columns import drawn_along, typed_columns
from reports.sql_tables import Relation, listing, model_for, reader_of, relations_of
from security.actor import Actor
from security.clinics import clinic_of
from security.permissions import PERMISSIONS
from security.rules import authorize, look

SCREEN_ROWS, FILE_ROWS = 2_000, 100_000
NAME = "sql"
KEPT_FOR = timedelta(minutes=30)


class RoleReadsLess(NotPermitted):
    """{title} reads {what}, which your role does not open. Ask an administrator to change your role."""


class LongerThanAFile(BadInput):
    """{title} answers more than {most} rows, more than a file of it holds. Ask for fewer, such as one for each day."""


@dataclass(frozen=True)
class Queried:
    """A result, whether rows were cut off, and the tables that were read."""

    result: Result
    cut: bool
    read: tuple[str, ...]


def relations(*, by: Actor) -> list[Relation]:
    """The tables this person may ask, those of the report builder first. Raises NotPermitted."""
    with look(by, "reports.sql") as session:
        model, reader = model_for(session), reader_of(by, authorize(session, by, "reports.sql"))
    return list(relations_of(model, reader).values())


def run_sql(
    text: str, *, by: Actor, form: str = "screen", title: str = "SQL query", name: str = NAME,
    chart: Chart | None = None, days: tuple[date | None, date | None] = (None, None),
) -> Queried:  # fmt: skip
    """Run one SELECT that is not kept. Raises what ``ask`` raises."""
    spec = written(title, text, chart=chart)
    chosen = dict(zip(("from", "to"), days, strict=True)) if spec.period else {}
    return ask(name, spec, chosen, by=by, form=form)


def ask(name: str, spec: Written, chosen: Mapping[str, Any], *, by: Actor, form: str = "screen") -> Queried:
    """Run a question in SQL: at most SCREEN_ROWS rows of it, or FILE_ROWS where ``form`` is no screen. No file is made
    of a part.

    One that is kept under ``name`` and shown to the person needs no right to ask in SQL, and reads with the rights of
    the person. ``chosen`` holds the days ``from`` and ``to``, None for an open end. Raises NotPermitted, RoleReadsLess
    and the failures of reports/sandbox.py.
    """
    with look(by, "reports.view") as session:
        may = authorize(session, by, permission_for(form))
        stands = _stands(session, name, spec, by)
        if not stands:
            may = authorize(session, by, "reports.sql")
        model, reader, change = model_for(session), reader_of(by, may), session.seen_change()
    clinic, began = clinic_of(by.clinic_id), perf_counter()
    question = _Question(spec.sql, model, reader, relations_of(model, reader), dict(chosen), clock.today(clinic.zone))
    try:
        if stands and form in SCREENS:
            answer = _looked_up(question, by, change)
        else:
            answer = question.put(by, SCREEN_ROWS if form in SCREENS else FILE_ROWS, fresh=form not in SCREENS)
    except (sandbox.TableNotOpen, sandbox.QueryFailed):
        closed = question.beyond() if stands else ""
        if closed:
            raise RoleReadsLess(title=spec.title, what=closed) from None
        raise
    if answer.cut and form not in SCREENS | {"command"}:
        raise LongerThanAFile(title=spec.title, most=f"{FILE_ROWS:,}")
    columns, rows = typed_columns(answer.table)
    asked = {"sql": without_values(spec.sql), "tables": answer.read} | ({"parameters": dict(chosen)} if chosen else {})
    note(name, asked, len(rows), form, by)
    meaning = " ".join(filter(None, (spec.purpose, f"Asked in SQL: {' '.join(spec.sql.split())}")))
    columns, seconds = drawn_along(columns, spec.chart), perf_counter() - began
    result = Result(
        name, spec.title, dict(chosen), meaning, columns, rows, None, (), clinic, seconds, spec=spec, cut=answer.cut
    )
    return Queried(result, answer.cut, answer.read)


@dataclass(frozen=True)
class _Question:
    """A text, with what the person who asks may read."""

    text: str
    model: Model
    reader: Reader
    open_: dict[str, Relation]
    chosen: dict[str, Any]
    today: date

    def put(self, by: Actor, rows: int, *, fresh: bool) -> sandbox.Answer:
        """Run it on copies of what it reads."""
        with mart.reading(by.clinic_id, max_age=0 if fresh else mart.REFRESH_SECONDS) as cursor:

            def pour(table: str, columns: Sequence[str], file: IO[bytes]) -> None:
                import pyarrow as pa

                if table == DAYS:
                    batches = iter(self._days(columns).to_batches())
                    schema = self._days(columns).schema
                else:
                    known = {"today": self.today, "opening_before": date(1, 1, 1)}
                    asked = listing(self.model, table, columns)
                    query = compile_spec(asked, known, self.reader, self.model, ordered=False)
                    batches = cursor.sql(query.sql, params=query.values).to_arrow_reader(50_000)
                    schema = batches.schema
                with pa.ipc.new_stream(file, schema) as writer:
                    for batch in batches:
                        writer.write_batch(batch)

            names = {one.name: one.column_names for one in self.open_.values()}
            return sandbox.answer(self.text, names, pour, rows=rows)

    def _days(self, columns: Sequence[str]) -> Any:
        import pyarrow as pa

        days = {
            "first_day": self.chosen.get("from") or date(1, 1, 1), "last_day": self.chosen.get("to") or date.max,
            "today": self.today,
        }  # fmt: skip
        return pa.table({name: pa.array([days[name]], pa.date32()) for name in columns})

    def key(self) -> tuple[Hashable, ...]:
        """All that decides the answer, besides the clinic's content."""
        open_ = tuple((name, tuple(one.column_names)) for name, one in self.open_.items())
        return self.text, open_, self.reader.only_own, repr(sorted(self.chosen.items())), self.today

    def beyond(self) -> str:
        """What the text names that the person may not read, in words; empty where that is not why it failed."""
        named = set(re.findall(r"[a-z_]+", without_values(self.text).lower()))
        everything = relations_of(self.model, Reader(frozenset(PERMISSIONS) - {"clients.view"}))
        tables = [one.label.lower() for name, one in everything.items() if name in named and name not in self.open_]
        if tables:
            return " and ".join(tables)
        hidden = {
            column.label.lower()
            for name in named & self.open_.keys()
            for column in everything[name].columns
            if column.name in named - set(self.open_[name].column_names)
        }
        return " and ".join(sorted(hidden))


def _looked_up(question: _Question, by: Actor, change: int | None) -> sandbox.Answer:
    """The answer for a screen, kept until the clinic's content moves on. One that reads what changes without that, such
    as the audit log, is never kept."""

    def keep(answer: sandbox.Answer) -> bool:
        return not any(question.model.entity(name).permission for name in answer.read if name != DAYS)

    def put() -> sandbox.Answer:
        return question.put(by, SCREEN_ROWS, fresh=True)

    return kept(by.clinic_id, change, ("sql rows", *question.key()), put, KEPT_FOR, keep)


def _stands(session: ClinicSession, name: str, spec: Written, by: Actor) -> bool:
    """Whether this very question is kept under the name, for this person to read."""
    saved = definitions.load_all(session, QUERY).get(name)
    return saved is not None and saved.shown_to(by) and saved.text == spec.sql


def without_values(text: str) -> str:
    """A query without its texts, long numbers and remarks, which may name somebody."""
    text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    text = re.sub(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", "'…'", text, flags=re.DOTALL)
    return " ".join(re.sub(r"\d{4,}", "…", text).split())[:2_000]
