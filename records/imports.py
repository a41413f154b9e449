"""Importing files: check every row first, then write in short transactions that nobody sees until the last one.

The rows of a run are written hidden (tombstoned) in chunks, so that no other writer waits long; the last transaction
shows them all at once, with one audit row. A failure before it leaves nothing that anyone can see or that counts.
Undoing a run hides its rows again. Who owns a table registers the importer that fills it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as item
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision
from sqlalchemy import Table as SqlTable
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from data import definitions
from data.card_numbers import holds_card_number
from data.errors import BadInput, NotFound
from data.models import Base, Clinic, Definition, ImportRun, User
from data.session import ClinicSession, write
from data.types import clock, new_id
from records import values
from records.mapping import (
    IMPORT_MAPPING,
    BadMapping,
    Field,
    ImportMapping,
    Source,
    guess_fields,
    guess_kind,
    read_mapping,
    ready_for,
    shipped,
)
from records.reading import DELIMITERS, Table, read_table
from security.actor import Actor
from security.rules import act, authorize, earlier, look

CHUNK = 400
WHEN = ("date", "moment", "day_moment")
SHOWN = 20
DAY_FIRST = ("en_GB", "en_AU", "en_NZ", "en_IE", "de", "fr", "es", "it", "nl", "pt")


class ImportRefused(BadInput):
    """{file}: {cells} to put right; nothing was imported."""

    @property
    def lines(self) -> list[str]:
        """One line for each problem, at most twenty."""
        problems: list[str] = self.facts["problems"]  # type: ignore[assignment]
        if len(problems) <= SHOWN:
            return problems
        return [
            *problems[: SHOWN - 1],
            f"{self.facts['file']}: {len(problems):,} problems in all; nothing was imported.",
        ]


class ColumnMissing(BadInput):
    """{file} has no column for {field}, which is needed. Its columns are: {columns}."""


class UnknownKind(BadInput):
    """'{kind}' cannot be imported. What can: {kinds}."""


class KindUnclear(BadInput):
    """It is not clear what {file} holds. Say which kind of records it is, or give a mapping."""


class AlreadyImported(BadInput):
    """{file} was already imported on {day}, and its rows carry no reference by which they could be told apart. Undo
    that import first if you want to import it again."""


class ImportDepends(BadInput):
    """This import cannot be undone: {what} came later and depend on it. Undo or remove those first."""


class AlreadyUndone(BadInput):
    """This import was already undone."""


class ImportCollided(BadInput):
    """{file} was not imported: while it was being written, somebody else added records with the same numbers or
    references. Import it again."""


@dataclass
class Row:
    """One row of the file, its cells as values; ``number`` is the row in a spreadsheet."""

    number: int
    cells: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field, or the default where the cell is empty or the field not mapped."""
        found = self.cells.get(name)
        return default if found is None else found


@dataclass
class Plan:
    """What an import will write: rows by model, parents before children, and what to do when they are shown."""

    inserts: list[tuple[type[Base], list[dict[str, Any]]]] = item(default_factory=list)
    added: int = 0
    skipped: int = 0
    finish: list[Callable[[ClinicSession, str], None]] = item(default_factory=list)
    """Done in the last transaction, when the rows are shown: settings that belong to them."""
    complete: dict[type[Base], Callable[[dict[str, Any]], None]] = item(default_factory=dict)
    """Done to each row once its number is known."""

    def add(self, model: type[Base], rows: list[dict[str, Any]]) -> None:
        """Rows of one model, if there are any."""
        if rows:
            self.inserts.append((model, rows))


class Ground:
    """What an importer stands on: the clinic as it is now, and a place for problems and remarks."""

    def __init__(self, session: ClinicSession, clinic: Clinic, table: Table, mapping: ImportMapping, by: Actor) -> None:
        self.session, self.clinic, self.table, self.mapping, self.by = session, clinic, table, mapping, by
        self.problems: list[tuple[int, str, str]] = []
        self.notices: list[tuple[int, str]] = []
        self.now = clock.now()
        self._zones: dict[str, ZoneInfo] = {}

    def problem(self, row: Row | int, field: str, sentence: str) -> None:
        """A cell that stands in the way."""
        number = row.number if isinstance(row, Row) else row
        source = self.mapping.fields.get(field)
        column = " + ".join(source.names) if source and source.names else self.label(field)
        self.problems.append((number, column, sentence))

    def label(self, field: str) -> str:
        """A field in words."""
        fields = importer_of(self.mapping.kind).fields
        return next((one.label for one in fields if one.name == field), field)

    def notice(self, row: Row, sentence: str) -> None:
        """Something that was decided for a row and that a person should know."""
        self.notices.append((row.number, sentence))

    def zone(self, name: str = "") -> ZoneInfo:
        """A time zone, the clinic's by default."""
        name = name or self.clinic.zone
        if name not in self._zones:
            self._zones[name] = ZoneInfo(name)
        return self._zones[name]

    def instant(self, row: Row, field: str, zone: str = "") -> datetime | None:
        """The UTC instant of a moment cell in a zone; a skipped hour is a problem, a doubled one a remark."""
        moment = row.get(field)
        if moment is None:
            return None
        try:
            found, remark = values.in_zone(moment, self.zone(zone))
        except values.Unreadable as failure:
            self.problem(row, field, str(failure))
            return None
        if remark:
            self.notice(row, remark)
        return found

    def day(self, instant: datetime, zone: str = "") -> date:
        """The calendar day of an instant."""
        return instant.astimezone(self.zone(zone)).date()

    def sentences(self) -> list[str]:
        """The problems as people read them, in the order of the file."""
        name = self.table.name
        return [f"{name}, row {row}, column {column}: {text}" for row, column, text in sorted(self.problems)]


@dataclass(frozen=True)
class Importer:
    """One kind of records that can be imported: its fields, and how checked rows become a plan."""

    kind: str
    label: str
    fields: tuple[Field, ...]
    plan: Callable[[Ground, list[Row]], Plan]
    about: str = ""
    order: int = 50
    identity: str = "reference"
    """The field by which a row that is here already is known."""
    one_of: tuple[tuple[str, ...], ...] = ()
    """Groups of fields of which a file needs at least one."""
    animals_need: tuple[str, ...] = ()
    """Fields that a veterinary clinic's file needs."""

    def needs(self, clinic_kind: str) -> list[tuple[str, ...]]:
        """Groups of fields of each of which a file needs one."""
        animals = () if clinic_kind == "human" else self.animals_need
        required = [field.name for field in self.fields if field.required]
        return [(name,) for name in (*required, *animals)] + list(self.one_of)


IMPORTERS: dict[str, Importer] = {}
ALIASES: dict[str, str] = {}


def register(importer: Importer, *aliases: str) -> Importer:
    """Make a kind known, under other names too."""
    IMPORTERS[importer.kind] = importer
    ALIASES.update(dict.fromkeys(aliases, importer.kind))
    return importer


def importer_of(kind: str) -> Importer:
    """The importer of a kind; raises UnknownKind."""
    kind = ALIASES.get(kind.lower(), kind.lower())
    if kind not in IMPORTERS:
        raise UnknownKind(kind=kind, kinds=", ".join(i.kind for i in in_order()))
    return IMPORTERS[kind]


def in_order() -> list[Importer]:
    """Every importer, in the order a clinic would use them."""
    return sorted(IMPORTERS.values(), key=lambda importer: importer.order)


@dataclass(frozen=True)
class Report:
    """What an import did, or would do."""

    kind: str
    file: str
    sha256: str
    rows: int
    added: int
    skipped: int
    counts: dict[str, int]
    notices: list[str]
    run_id: str | None = None

    def sentence(self) -> str:
        """In one line."""
        done = "added" if self.run_id else "would be added"
        text = f"{self.file}: {self.added:,} of {self.rows:,} rows {done}"
        return text + (f", {self.skipped:,} were already here" if self.skipped else "")

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "kind": self.kind, "file": self.file, "sha256": self.sha256, "rows": self.rows, "added": self.added,
            "skipped": self.skipped, "counts": self.counts, "notices": self.notices, "import": self.run_id,
        }  # fmt: skip


Progress = Callable[[float], None]


def import_file(
    source: Path | bytes,
    kind: str,
    *,
    by: Actor,
    name: str = "",
    mapping: ImportMapping | None = None,
    encoding: str = "",
    dry_run: bool = False,
    key: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Import a file, or only check it (``dry_run``). All or nothing; returns what came in.

    Raises ImportRefused with every unreadable cell, ColumnMissing, BadMapping, AlreadyImported, the refusals of
    reading, NotPermitted, SessionEnded.
    """
    importer = importer_of(kind)
    with look(by, "data.import") as session:
        repeated = _repeated(session, by, key)
        if repeated is not None:
            return repeated
        clinic = session.get_one(Clinic, by.clinic_id)
    table = read_table(
        source, name, encoding=encoding or (mapping.encoding if mapping else ""),
        delimiter=mapping.delimiter if mapping else "",
    )  # fmt: skip
    mapping = mapping or guess(table, importer, clinic)
    with look(by, "data.import") as session:
        ground = Ground(session, clinic, table, mapping, by)
        rows = parse(ground, importer)
        plan = importer.plan(ground, rows)
        if not ground.problems and importer.identity not in mapping.fields:
            _refuse_repetition(session, importer.kind, table)
    if ground.problems:
        problems = ground.sentences()
        cells = "one cell" if len(problems) == 1 else f"{len(problems):,} cells"
        raise ImportRefused(file=table.name, cells=cells, problems=problems)
    counts = Counter[str]()
    for model, found in plan.inserts:
        counts[model.__tablename__] += len(found)
    report = Report(
        importer.kind, table.name, table.sha256, len(rows), plan.added, plan.skipped, dict(counts),
        [f"row {row}: {text}" for row, text in ground.notices],
    )  # fmt: skip
    if dry_run:
        return report
    run_id = _write(plan, report, mapping, by=by, key=key, progress=progress)
    return Report(**{**report.__dict__, "run_id": run_id})


def _repeated(session: ClinicSession, by: Actor, key: str | None) -> Report | None:
    """What the same form did before, when a person sends it twice."""
    done = earlier(session, by, "data.import", key) if key else None
    run = session.scalars(select(ImportRun).where(ImportRun.id == str(done.result))).one_or_none() if done else None
    if run is None:
        return None
    body: dict[str, Any] = dict(run.counts)
    rows, added, skipped = (int(body.pop(name, 0)) for name in ("rows", "added", "skipped"))
    return Report(run.kind, run.file_name, run.sha256, rows, added, skipped, body, [], run.id)


def _refuse_repetition(session: ClinicSession, kind: str, table: Table) -> None:
    earlier = session.scalars(
        select(ImportRun).where(ImportRun.kind == kind, ImportRun.sha256 == table.sha256, ImportRun.undone_at.is_(None))
    ).first()
    if earlier:
        raise AlreadyImported(file=table.name, day=earlier.entered_at.date().isoformat())


def guess(table: Table, importer: Importer, clinic: Clinic) -> ImportMapping:
    """A mapping for a file: the ready one that fits, else by names and values."""
    ready = ready_for(table.columns, clinic.kind, importer.kind)
    if ready:
        return ready[0][1]
    order = "dmy" if clinic.locale.startswith(DAY_FIRST) else "mdy"
    return ImportMapping(kind=importer.kind, fields=guess_fields(table, importer.fields, prefer_order=order))


def kind_of(table: Table, clinic: Clinic) -> str:
    """The likely kind of records in a file; raises KindUnclear."""
    ready = ready_for(table.columns, clinic.kind)
    if ready:
        return ready[0][1].kind
    kind = guess_kind(table.columns, {i.kind: i.fields for i in in_order()})
    if not kind:
        raise KindUnclear(file=table.name)
    return kind


@dataclass(frozen=True)
class Preview:
    """The first rows as they would come in: by field label, unreadable cells marked, and what is wrong with them."""

    rows: list[dict[str, Any]]
    problems: list[str]
    kinds: dict[str, str]
    """Field label to its kind, so that money and numbers can be written as such."""


def open_table(content: bytes, name: str, *, by: Actor, encoding: str = "") -> tuple[Table, str]:
    """A file somebody uploaded, and the likely kind of what it holds (empty when unclear).

    Raises NotPermitted and the refusals of reading.
    """
    with look(by, "data.import") as session:
        clinic = session.get_one(Clinic, by.clinic_id)
    table = read_table(content, name, encoding=encoding)
    try:
        return table, kind_of(table, clinic)
    except KindUnclear:
        return table, ""


def reading_words(table: Table) -> str:
    """How a file was read, for a person: rows, columns, encoding, what separates the cells."""
    mark = DELIMITERS.get(table.delimiter, table.delimiter)
    return f"{len(table.rows):,} rows, {len(table.columns)} columns, {table.encoding.upper()}, cells apart by {mark}"


def suggest(table: Table, kind: str, *, by: Actor) -> dict[str, ImportMapping]:
    """Mappings that fit a file, by the name people read, the likeliest first: ready ones, the clinic's own, a guess."""
    importer = importer_of(kind)
    with look(by, "data.import") as session:
        clinic = session.get_one(Clinic, by.clinic_id)
        own = definitions.load_all(session, IMPORT_MAPPING)
    columns = set(table.columns)
    found = {
        mapping.label or slug: mapping
        for slug, mapping in own.items()
        if mapping.kind == importer.kind and mapping.used_columns <= columns
    }
    for slug, mapping in ready_for(table.columns, clinic.kind, importer.kind):
        found.setdefault(mapping.label or slug, mapping)
    order = "dmy" if clinic.locale.startswith(DAY_FIRST) else "mdy"
    guessed = guess_fields(table, importer.fields, prefer_order=order)
    found["Guessed from names and values"] = ImportMapping(kind=importer.kind, fields=guessed)
    return found


def preview(table: Table, mapping: ImportMapping, *, by: Actor, count: int = 20) -> Preview:
    """The first rows of a file under a mapping. Nothing is checked against the records yet.

    Raises ColumnMissing, BadMapping.
    """
    importer = importer_of(mapping.kind)
    with look(by, "data.import") as session:
        clinic = session.get_one(Clinic, by.clinic_id)
        ground = Ground(session, clinic, replace(table, rows=table.rows[:count]), mapping, by)
        rows = parse(ground, importer)
    fields = [field for field in importer.fields if field.name in mapping.fields]
    bad = {(row, column) for row, column, _ in ground.problems}
    shown = []
    for row in rows:
        cells: dict[str, Any] = {"Row": row.number}
        for field in fields:
            column = " + ".join(mapping.fields[field.name].names) or field.name
            cells[field.label] = "(unreadable)" if (row.number, column) in bad else row.get(field.name)
        shown.append(cells)
    return Preview(shown, ground.sentences(), {field.label: field.kind for field in fields})


def parse(ground: Ground, importer: Importer) -> list[Row]:
    """Every row of the file with its cells as values; unreadable cells become problems.

    Raises ColumnMissing, BadMapping.
    """
    table, mapping = ground.table, ground.mapping
    _check_mapping(table, mapping, importer, ground.clinic)
    readers = [
        _reader(field, mapping.fields[field.name], table, ground.clinic)
        for field in importer.fields
        if field.name in mapping.fields
    ]
    keep = [(table.columns.index(column), frozenset(words)) for column, words in mapping.only.items()]
    width = len(table.columns)
    found = []
    for number, line in enumerate(table.rows, table.first_row):
        if not any(line) or not any(cell.strip() for cell in line):
            continue
        if len(line) != width:
            if any(cell.strip() for cell in line[width:]):
                ground.problems.append((number, str(width + 1), f"the row has {len(line)} cells, the heading {width}."))
                continue
            line = [*line, *[""] * (width - len(line))]
        if any(line[index].strip() not in words for index, words in keep):
            continue
        row = Row(number, {})
        for name, read in readers:
            try:
                row.cells[name] = read(line)
            except values.Unreadable as failure:
                ground.problem(number, name, str(failure))
        found.append(row)
    return found


def _check_mapping(table: Table, mapping: ImportMapping, importer: Importer, clinic: Clinic) -> None:
    known = {field.name: field for field in importer.fields}
    for name, source in mapping.fields.items():
        if name not in known:
            raise BadMapping(file=table.name, problem=f"{importer.label} have no field '{name}'.")
        for column in source.names:
            if column not in table.columns:
                raise ColumnMissing(
                    file=table.name, field=f"{known[name].label} ('{column}')", columns=", ".join(table.columns)
                )
    for column in mapping.only:
        if column not in table.columns:
            raise ColumnMissing(file=table.name, field=f"choosing rows ('{column}')", columns=", ".join(table.columns))
    for group in importer.needs(clinic.kind):
        if not set(group) & set(mapping.fields):
            labels = " or ".join(known[name].label for name in group)
            raise ColumnMissing(file=table.name, field=labels, columns=", ".join(table.columns))


def _reader(field: Field, source: Source, table: Table, clinic: Clinic) -> tuple[str, Callable[[list[str]], Any]]:
    """A function from a line to the field's value; answers are remembered, as columns repeat themselves."""
    places = [table.columns.index(name) for name in source.names]
    whole = field.kind in WHEN
    digits = get_currency_precision(clinic.currency)
    remembered: dict[str, Any] = {}

    def read(line: list[str]) -> Any:
        if source.value:
            text = source.value
        elif len(places) == 1:
            text = line[places[0]].strip()
        else:
            parts = [line[place].strip() for place in places]
            text = "" if whole and not all(parts) else source.join.join(part for part in parts if part)
        if text in remembered:
            return remembered[text]
        value = _value(field, source, text, digits)
        if len(remembered) < 50_000:
            remembered[text] = value
        return value

    return field.name, read


def _value(field: Field, source: Source, text: str, digits: int) -> Any:
    if text and source.values:
        text = source.values.get(text, source.otherwise or text)
    if not text:
        if field.required:
            raise values.Unreadable("it is empty, and every row needs it.")
        return None
    if field.kind == "text" and len(text) > field.length:
        raise values.Unreadable(f"it has {len(text)} characters, at most {field.length} fit.")
    if field.guarded and holds_card_number(text):
        raise values.Unreadable("it holds a payment card number, which is never stored. Keep the last four digits.")
    if field.kind == "text":
        if "\0" in text:
            raise values.Unreadable("it holds a character that is not text.")
        return text
    if field.kind == "choice":
        return _choice(field, text)
    return _KINDS[field.kind](text, source, digits)


_KINDS: dict[str, Callable[[str, Source, int], Any]] = {
    "date": lambda text, source, _digits: values.to_date(text, source.format or "ymd"),
    "moment": lambda text, source, _digits: values.to_moment(text, source.format or "ymd"),
    "day_moment": lambda text, source, _digits: values.to_moment(text, source.format or "ymd", day_alone=True),
    "money": lambda text, _source, digits: values.to_cents(text, digits),
    "integer": lambda text, _source, _digits: values.to_integer(text),
    "thousandths": lambda text, _source, _digits: values.to_thousandths(text),
    "yes_no": lambda text, _source, _digits: values.to_yes_no(text),
}


def _choice(field: Field, text: str) -> str:
    word = text.strip().lower()
    if word in field.choices:
        return field.choices[word]
    bare = word.replace(" ", "_").replace("-", "_")
    known = dict.fromkeys(field.choices.values())
    if bare in known:
        return bare
    raise values.Unreadable(f"'{text}' is not one of {', '.join(known)}.")


def _write(
    plan: Plan, report: Report, mapping: ImportMapping, *, by: Actor, key: str | None, progress: Progress | None
) -> str:
    run_id = new_id()
    hidden = {"import_id": run_id, "deleted_at": clock.now()}
    total = sum(len(rows) for _, rows in plan.inserts) or 1
    done = 0
    try:
        for model, rows in plan.inserts:
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                with write(by.clinic_id) as session:
                    authorize(session, by, "data.import")
                    _number(session, model, chunk)
                    if model in plan.complete:
                        for row in chunk:
                            plan.complete[model](row)
                    session.bulk(model, [hidden | row for row in chunk])
                done += len(chunk)
                if progress:
                    progress(done / total)
        return _show(plan, report, mapping, run_id, by=by, key=key)
    except IntegrityError as failure:
        raise ImportCollided(file=report.file) from failure


def _show(plan: Plan, report: Report, mapping: ImportMapping, run_id: str, *, by: Actor, key: str | None) -> str:
    """The last transaction: everything appears, with the run and its audit row; returns the run's id. Where the same
    form came first meanwhile, its run stands and this one stays unseen.

    Not in pieces, so that a stop in the middle leaves nothing to see; docs/performance.md says what it costs.
    """
    with act(by, "data.import", key=key) as work:
        if work.repeated:
            return str(work.result)
        session = work.session
        for model in dict.fromkeys(model for model, _ in plan.inserts):
            mark_rows(session, model.__table__, run_id, None)  # type: ignore[arg-type]
        session.add(
            ImportRun(
                id=run_id, kind=report.kind, file_name=report.file[:200], sha256=report.sha256,
                mapping=mapping.model_dump(mode="json"), by_user_id=by.user_id,
                counts={"rows": report.rows, "added": report.added, "skipped": report.skipped, **report.counts},
            )
        )  # fmt: skip
        session.flush()
        for finish in plan.finish:
            finish(session, run_id)
        work.audit(
            "import.done", "import_run", run_id, kind=report.kind, sha256=report.sha256, rows=report.rows,
            added=report.added, skipped=report.skipped, **report.counts,
        )  # fmt: skip
        work.result = run_id
        return run_id


def mark_rows(session: ClinicSession, table: SqlTable, run_id: str, deleted_at: datetime | None) -> int:
    """Show or hide the rows of a run in one table; returns how many."""
    statement = (
        update(table)
        .where(table.c.clinic_id == session.clinic_id, table.c.import_id == run_id)
        .values(deleted_at=deleted_at, change=session.change)
    )
    session.info["flushed"] = True
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def _number(session: ClinicSession, model: type[Base], rows: list[dict[str, Any]]) -> None:
    """The next free numbers, drawn while this transaction holds the clinic's head."""
    if "number" not in model.__table__.columns or not rows or "number" in rows[0]:
        return
    _ = session.change
    table = model.__table__
    highest = session.scalar(select(func.max(table.c.number)).where(table.c.clinic_id == session.clinic_id)) or 0
    for number, row in enumerate(rows, int(highest) + 1):
        row["number"] = number


# ---- what was imported, and undoing it


@dataclass(frozen=True)
class RunRow:
    """One import in the list."""

    id: str
    kind: str
    file: str
    at: datetime
    by: str
    rows: int
    added: int
    skipped: int
    undone_at: datetime | None


def list_imports(*, by: Actor) -> list[RunRow]:
    """Every import of the clinic, newest first."""
    with look(by, "data.import") as session:
        names: dict[str, str] = dict(session.execute(select(User.id, User.name)).tuples().all())
        known = select(ImportRun).where(ImportRun.kind.in_(IMPORTERS))  # settlements have a list of their own
        runs = session.scalars(known.order_by(ImportRun.entered_at.desc(), ImportRun.id.desc()))
        return [
            RunRow(
                run.id, run.kind, run.file_name, run.entered_at, names.get(run.by_user_id or "", "command"),
                _count(run, "rows"), _count(run, "added"), _count(run, "skipped"), run.undone_at,
            )
            for run in runs
        ]  # fmt: skip


def _count(run: ImportRun, name: str) -> int:
    return int(str(run.counts.get(name, 0)))


SOFT = (
    ("appointment", "provider_id", "app_user"), ("surgery", "surgeon_id", "app_user"),
    ("invoice_line", "provider_id", "app_user"), ("invoice_line", "patient_id", "patient"),
    ("custom_value", "entity_id", "client"), ("custom_value", "entity_id", "patient"),
    ("custom_value", "entity_id", "appointment"),
)  # fmt: skip
"""References without a foreign key: (table, column, what it names)."""


def undo_import(run_id: str, *, by: Actor, key: str | None = None) -> int:
    """Hide every row an import brought; returns how many. Raises ImportDepends, AlreadyUndone, NotFound."""
    with act(by, "data.import", key=key) as work:
        if work.repeated:
            return int(work.result)
        session = work.session
        run = session.scalars(select(ImportRun).where(ImportRun.id == run_id)).one_or_none()
        if run is None or run.kind not in IMPORTERS:
            raise NotFound(what="import", name=run_id)
        if run.undone_at is not None:
            raise AlreadyUndone()
        later = _later_work(session, run)
        if later:
            raise ImportDepends(what=", ".join(later))
        now = clock.now()
        hidden = sum(mark_rows(session, table, run_id, now) for table in _tombstoned() if _may_hold(run, table.name))
        run.undone_at = now
        work.audit("import.undone", "import_run", run_id, rows=hidden)
        work.result = hidden
        return hidden


def _tombstoned() -> list[SqlTable]:
    return [
        table
        for table in Base.metadata.sorted_tables
        if "deleted_at" in table.c and "import_id" in table.c and "clinic_id" in table.c
    ]


def _may_hold(run: ImportRun, table: str) -> bool:
    """Whether a run brought rows to a table: those it counted, and settings and promises made along the way."""
    return table in run.counts or table in ("definition", "location", "service", "fund_entry")


def _later_work(session: ClinicSession, run: ImportRun) -> list[str]:
    """What stands on the rows of a run, and which of them were changed since, counted and named."""
    run_id = run.id
    tables = {table.name: table for table in _tombstoned()}
    brought = {
        name: table
        for name, table in tables.items()
        if _may_hold(run, name)
        and session.scalar(
            select(table.c.id).where(table.c.clinic_id == session.clinic_id, table.c.import_id == run_id).limit(1)
        )
    }
    references = [
        (child, element.parent, element.column.table.name)
        for child in tables.values()
        for element in (e for constraint in child.foreign_key_constraints for e in constraint.elements)
        if element.column.name == "id"
    ]
    references += [(tables[child], tables[child].c[column], parent) for child, column, parent in SOFT]
    counts = Counter[str]()
    for child, column, parent in references:
        if parent not in brought:
            continue
        ours = brought[parent]
        rows = select(ours.c.id).where(ours.c.clinic_id == session.clinic_id, ours.c.import_id == run_id)
        counts[child.name] += session.scalar(
            select(func.count())
            .select_from(child)
            .where(
                child.c.clinic_id == session.clinic_id, child.c.deleted_at.is_(None),
                child.c.import_id.is_distinct_from(run_id), column.in_(rows),
            )
        ) or 0  # fmt: skip
    for name, table in brought.items():
        if "version" in table.c and name not in ("definition",):
            changed = session.scalar(
                select(func.count())
                .select_from(table)
                .where(
                    table.c.clinic_id == session.clinic_id, table.c.import_id == run_id, table.c.version > 1,
                    table.c.deleted_at.is_(None),
                )
            )  # fmt: skip
            counts[f"change to {name}"] += changed or 0
    return [_counted(count, name) for name, count in sorted(counts.items()) if count]


SPECIAL = {
    "app_user": "staff profile", "flow_event": "move in the patient flow", "check_in": "check-in",
    "payment_allocation": "payment of an invoice", "drug_log_entry": "drug log line", "form_sheet": "printed form",
    "invoice_line": "charge", "custom_value": "answer in a field of your own",
}  # fmt: skip


def _counted(count: int, name: str) -> str:
    """A count with the word for what is counted: 1 patient, 12 surgeries, 2 changes to clients."""
    if name.startswith("change to "):
        what = _plural(SPECIAL.get(name[10:], name[10:].replace("_", " ")))
        return f"{count:,} {'change' if count == 1 else 'changes'} to {what}"
    word = SPECIAL.get(name, name.replace("_", " "))
    return f"{count:,} {word if count == 1 else _plural(word)}"


def _plural(word: str) -> str:
    head, space, tail = word.partition(" of ")
    if not space:
        head, space, tail = word.partition(" in ")
    return (head[:-1] + "ies" if head.endswith("y") else head + "s") + space + tail


# ---- mappings a clinic keeps


def saved_mappings(*, by: Actor) -> dict[str, ImportMapping]:
    """The clinic's own mappings and the ready ones, by slug; the clinic's own win."""
    with look(by, "data.import") as session:
        return shipped() | definitions.load_all(session, IMPORT_MAPPING)


def save_mapping(slug: str, mapping: ImportMapping, *, by: Actor) -> int:
    """Keep a mapping for the next file of the same make; returns its version number."""
    slug = "-".join(slug.lower().split())[:80]
    if not slug:
        raise BadInput(problem="Give the mapping a name.")
    with act(by, "data.import") as work:
        number = definitions.save(work.session, IMPORT_MAPPING, slug, mapping, by_user_id=by.user_id)
        work.audit("mapping.saved", "import-mapping", slug, kind=mapping.kind, number=number)
        return number


def find_mapping(name: str, *, by: Actor) -> ImportMapping:
    """A mapping by its saved or shipped name, or out of a file. Raises BadInput, BadDefinition."""
    known = saved_mappings(by=by)
    return known.get(name.removeprefix("mapping:")) or read_mapping(Path(name))


# ---- for importers


def same(row: Mapping[str, Any], stored: Any, names: Sequence[str]) -> list[str]:
    """The names of the fields in which a row differs from what is stored."""
    return [name for name in names if row.get(name) != getattr(stored, name)]


def adopt(session: ClinicSession, model: Any, run_id: str, *which: Any) -> None:
    """Let rows that an import made by way of a rule go with it when the import is undone."""
    session.flush()
    table = model.__table__
    session.execute(
        update(table)
        .where(table.c.clinic_id == session.clinic_id, *which)
        .values(import_id=run_id, version=1, change=session.change)
    )


def adopt_definition(session: ClinicSession, kind: str, slug: str, run_id: str) -> None:
    """The same for a definition."""
    adopt(session, Definition, run_id, Definition.kind == kind, Definition.slug == slug)
