"""Which column of a file is which field: the mapping document, the ready ones, and the guesses for unknown files."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as item
from functools import lru_cache
from pathlib import Path

from pydantic import Field as Rule
from pydantic import model_validator

from data import definitions
from data.errors import BadInput
from records.reading import Table
from records.values import Unreadable, date_order, to_time

SHIPPED = Path(__file__).parent / "mappings"


class Source(definitions.Document):
    """Where a field comes from: a column, several joined, or one value for every row.

    ``values`` translates words of the file; ``otherwise`` is what an untranslated word becomes. ``format`` is the
    order of a date: ymd, dmy or mdy.
    """

    column: str = ""
    columns: list[str] = Rule(default_factory=list)
    join: str = " "
    value: str = ""
    values: dict[str, str] = Rule(default_factory=dict)
    otherwise: str = ""
    format: str = Rule(default="", pattern=r"^(|ymd|dmy|mdy)$")

    model_config = definitions.Document.model_config | {"str_strip_whitespace": False}

    @model_validator(mode="after")
    def _one(self) -> Source:
        if sum(map(bool, (self.column, self.columns, self.value))) != 1:
            raise ValueError("name one of column, columns or value")
        return self

    @property
    def names(self) -> list[str]:
        """The columns it reads."""
        return [self.column] if self.column else self.columns


class ImportMapping(definitions.Document):
    """How a file becomes records. ``only`` keeps the rows whose column holds one of the words."""

    kind: str
    label: str = Rule(default="", max_length=120)
    clinic_kind: str = Rule(default="", pattern=r"^(|human|veterinary)$")
    encoding: str = ""
    delimiter: str = Rule(default="", max_length=1)
    fields: dict[str, Source]
    only: dict[str, list[str]] = Rule(default_factory=dict)

    @property
    def used_columns(self) -> set[str]:
        """Every column it reads."""
        return {name for source in self.fields.values() for name in source.names} | set(self.only)


IMPORT_MAPPING = definitions.register("import-mapping", "Import mapping", ImportMapping)


@dataclass(frozen=True)
class Field:
    """A field an importer takes. ``kind``: text, date, moment, day_moment (a day alone means its
    noon), money, integer, thousandths, yes_no, choice."""

    name: str
    label: str
    kind: str = "text"
    required: bool = False
    length: int = 120
    choices: Mapping[str, str] = item(default_factory=dict)
    """Word of a file to value; the values themselves are always taken."""
    synonyms: tuple[str, ...] = ()
    guarded: bool = True
    """Refuse payment card numbers here; off where long numbers belong (microchips, codes)."""
    help: str = ""


class BadMapping(BadInput):
    """The mapping does not fit {file}: {problem}"""


def fold(text: str) -> str:
    """A column name without case, spaces and marks, so that 'First Name' meets first_name."""
    return re.sub(r"[^a-z0-9]+", "", text.casefold())


@lru_cache(maxsize=1)
def shipped() -> dict[str, ImportMapping]:
    """The ready mappings, by slug."""
    found = {}
    for path in sorted(SHIPPED.glob("*.toml")):
        found[path.stem] = IMPORT_MAPPING.parse(tomllib.loads(path.read_text("utf-8")), path.name)
    return found


def read_mapping(path: Path) -> ImportMapping:
    """A mapping out of a TOML or JSON file. Raises BadInput, BadDefinition."""
    return IMPORT_MAPPING.parse(read_definition(path), path.name)


def read_definition(path: Path) -> dict[str, object]:
    """The body of a mapping out of a TOML or JSON file, unchecked. Raises BadInput, BadDefinition."""
    if not path.is_file():
        raise BadInput(problem=f"There is no mapping {path}. Name a TOML or JSON file, or a saved mapping.")
    text = path.read_text("utf-8", errors="replace")
    if path.suffix.lower() == ".json":
        try:
            body: dict[str, object] = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as failure:
            raise BadInput(problem=f"{path.name}: {failure}") from None
        return body
    return definitions.from_file(text, path.name)


def ready_for(columns: Iterable[str], clinic_kind: str, kind: str = "") -> list[tuple[str, ImportMapping]]:
    """The shipped mappings all of whose columns are in the file, those that use most of them first."""
    present = set(columns)
    fitting = [
        (slug, mapping)
        for slug, mapping in shipped().items()
        if mapping.used_columns <= present and mapping.clinic_kind in ("", clinic_kind) and kind in ("", mapping.kind)
    ]
    return sorted(fitting, key=lambda pair: -len(pair[1].used_columns))


def guess_fields(table: Table, fields: Iterable[Field], *, prefer_order: str = "mdy") -> dict[str, Source]:
    """The likely source of each field, by its name, its synonyms, then the look of the values."""
    taken: set[str] = set()
    guessed: dict[str, Source] = {}
    fields = list(fields)
    by_fold = {fold(column): column for column in reversed(table.columns)}
    for field in fields:
        for name in (field.name, field.label, *field.synonyms):
            column = by_fold.get(fold(name))
            if column and column not in taken:
                taken.add(column)
                found = _source(table, field, column, prefer_order)
                beside = _with_time(table, column, taken) if field.kind == "moment" and field.required else ""
                if beside:
                    taken.add(beside)
                    found = Source(columns=[column, beside], format=found.format)
                guessed[field.name] = found
                break
    for field in fields:
        if field.name in guessed:
            continue
        for column in table.columns:
            if column not in taken and _looks_like(field, table.samples(column, 20)):
                taken.add(column)
                guessed[field.name] = _source(table, field, column, prefer_order)
                break
    return guessed


def _with_time(table: Table, column: str, taken: set[str]) -> str:
    """The column that holds the time of day for a column that holds the day alone."""
    if any(":" in sample for sample in table.samples(column, 5)):
        return ""
    for other in table.columns:
        if other not in taken and "time" in fold(other) and all(map(_is_time, table.samples(other, 5) or ["-"])):
            return other
    return ""


def _is_time(text: str) -> bool:
    try:
        to_time(text)
    except Unreadable:
        return False
    return True


def _source(table: Table, field: Field, column: str, prefer_order: str) -> Source:
    order = ""
    if field.kind in ("date", "moment", "day_moment"):
        order, _ = date_order(table.samples(column, 500), prefer_order)
    return Source(column=column, format=order)


_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[\d ().-]{9,18}")


def _looks_like(field: Field, samples: list[str]) -> bool:
    if not samples:
        return False
    if field.name == "email":
        return all(_EMAIL.fullmatch(sample) for sample in samples)
    if field.name == "phone":
        return all(_PHONE.fullmatch(sample) and any(c in "() +-" for c in sample) for sample in samples)
    if field.name == "microchip":
        return all(re.fullmatch(r"\d{15}", sample) for sample in samples)
    return False


def guess_kind(columns: Iterable[str], importers: Mapping[str, tuple[Field, ...]]) -> str:
    """The kind whose fields the column names meet best; empty when none fits."""
    folded = {fold(column) for column in columns}
    best, best_score = "", 0.0
    for kind, fields in importers.items():
        hits = [f for f in fields if folded & {fold(name) for name in (f.name, f.label, *f.synonyms)}]
        needed = [f for f in fields if f.required]
        have = sum(1 for f in needed if f in hits)
        score = len(hits) + 2 * have - 3 * (len(needed) - have)
        if score > best_score:
            best, best_score = kind, score
    return best
