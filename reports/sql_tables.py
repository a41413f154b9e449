"""The tables that are open to SQL: the entities of the report model, less what names or describes somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data import mart
from data.session import ClinicSession
from reports.compile import Reader, ResultColumn
from reports.fields import model_of
from reports.model import Column, Model
from reports.queries import DAYS
from reports.spec import ReportSpec, Shown
from security.actor import Actor

_DESCRIBES_SOMEBODY = {
    "appointment": {"caution", "number", "serial"},
    "client": {"number", "city", "postal_code"},
    "patient": {"caution", "born_on"},
    "drug_log": {"reason"},
    "invoice": {"number"},
    "bill": {"number"},
    "audit": {"person"},
}
"""What is not told in SQL beside the fields that name somebody: free text, numbers on papers, places and birthdays."""
_DAYS = tuple(
    ResultColumn(name, "day", label)
    for name, label in (("first_day", "First day"), ("last_day", "Last day"), ("today", "Today"))
)


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


def reader_of(by: Actor, may: frozenset[str]) -> Reader:
    """What they may see of reports, less all that names somebody, whoever asks."""
    return Reader.of(by, may - {"clients.view"})


def model_for(session: ClinicSession) -> Model:
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


def relations_of(model: Model, reader: Reader) -> dict[str, Relation]:
    """What a reader may ask, by name: what one builds reports on first, the chosen days last."""
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
    found[DAYS] = Relation(DAYS, "Period", "the days chosen above the result, in one row", _DAYS)
    return found


def listing(model: Model, table: str, columns: Sequence[str]) -> ReportSpec:
    """One table as the list that a person could have built."""
    entity = model.entity(table)
    names = {_column_name(field, column): field for field, column in entity.fields.items()}
    return ReportSpec(
        title=table, entity=table, columns=[Shown(field=names[one], name=one) for one in columns], total=False
    )  # fmt: skip


def _column_name(field: str, column: Column) -> str:
    return f"{field}_cents" if column.money else field


def _spelled(key: str) -> str:
    return "Id" if key == "id" else f"Id of {key.removesuffix('_id').replace('_', ' ')}"
