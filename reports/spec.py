"""What a report is: a question put to one entity. The built-in ones are TOML files in ``definitions/``; the builder
saves the same document. A spec never holds SQL."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data.definitions import Document
from data.errors import NotFound
from reports.model import Condition

FOLDER = Path(__file__).parent / "definitions"
Grain = Literal["", "day", "week", "month", "quarter", "year"]
GROUPS = ("Clinic days", "Money", "Medicine", "Follow-up")


class By(Document):
    """One thing to group by. ``name`` is the column's name in the result."""

    field: str
    grain: Grain = ""
    name: str = ""
    label: str = ""

    @property
    def column(self) -> str:
        """The column's name in the result."""
        return self.name or self.grain or self.field.split(".")[-1]


class Breakdown(Document):
    """A choice of what to group by, offered as the parameter ``by``."""

    name: str
    label: str
    by: list[By] = Field(default_factory=list)


class Shown(Document):
    """One column of a list report. A hidden one goes to files and orders the rows, and is not read on screen."""

    field: str
    name: str = ""
    label: str = ""
    hidden: bool = False

    @property
    def column(self) -> str:
        """The column's name in the result."""
        return self.name or self.field.replace(".", "_")


class Chart(Document):
    """How the result is drawn: ``x`` and ``y`` are columns, ``series`` splits the bars or lines."""

    kind: Literal["none", "bar", "stacked", "line", "ranked"] = "none"
    title: str = ""
    x: str = ""
    y: str = ""
    series: str = ""


class ReportSpec(Document):
    """A question. ``period`` names the day that ``from`` and ``to`` limit; ``takes`` lists further parameters;
    a row whose ``leave_out_zero`` measures are all zero is left out."""

    title: str = Field(min_length=1, max_length=80)
    group: str = "Clinic days"
    purpose: str = ""
    definition: str = ""
    entity: str
    permission: str = ""
    period: str = ""
    takes: list[Literal["from", "to", "as_of", "date"]] = Field(default_factory=list)
    preset: str = "last_12_months"
    filters: list[Condition] = Field(default_factory=list)
    breakdowns: list[Breakdown] = Field(default_factory=list)
    measures: list[str] = Field(default_factory=list)
    columns: list[Shown] = Field(default_factory=list)
    leave_out_zero: list[str] = Field(default_factory=list)
    sort: list[str] = Field(default_factory=list)
    limit: int = Field(default=0, ge=0, le=1_000_000)
    total: bool = True
    chart: Chart = Field(default_factory=Chart)
    empty: str = "There is nothing to show for this choice."

    @model_validator(mode="after")
    def _one_shape(self) -> ReportSpec:
        if bool(self.measures) == bool(self.columns):
            raise ValueError("a report either counts (measures) or lists (columns)")
        if self.measures and not self.breakdowns:
            self.breakdowns = [Breakdown(name="none", label="In all")]
        return self

    @property
    def parameters(self) -> list[str]:
        """The names of what a person may choose."""
        names = ["from", "to"] if self.period else []
        names += [name for name in self.takes if name not in names]
        return names + (["by"] if len(self.breakdowns) > 1 else [])

    def breakdown(self, name: str | None) -> Breakdown:
        """The chosen breakdown, or the first."""
        for choice in self.breakdowns:
            if choice.name == name:
                return choice
        return self.breakdowns[0]


@cache
def built_in() -> dict[str, ReportSpec]:
    """The reports the product comes with, by name."""
    return {path.stem: ReportSpec.model_validate(tomllib.loads(path.read_text())) for path in FOLDER.glob("*.toml")}


def find(name: str) -> ReportSpec:
    """One report; raises NotFound."""
    if name not in built_in():
        raise NotFound(what="report called", name=name)
    return built_in()[name]
