"""What a report is: a question put to one entity. The built-in ones are TOML files in ``definitions/``; the builder
saves the same document. A spec never holds SQL."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data.definitions import Document
from reports.model import Aggregate, AllOf, AnyOf, Condition, Filter
from reports.periods import label_of

FOLDER = Path(__file__).parent / "definitions"
Grain = Literal["", "day", "week", "month", "quarter", "year"]
NAME = r"^([a-z][a-z0-9_]{0,59})?$"
"""What a column may be called; empty where it is named after its field."""
GROUPS = ("Clinic days", "Money", "Medicine", "Follow-up")


class By(Document):
    """One thing to group by. ``name`` is the column's name in the result."""

    field: str
    grain: Grain = ""
    name: str = Field(default="", pattern=NAME)
    label: str = Field(default="", max_length=80)

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
    name: str = Field(default="", pattern=NAME)
    label: str = Field(default="", max_length=80)
    hidden: bool = False

    @property
    def column(self) -> str:
        """The column's name in the result."""
        return self.name or self.field.replace(".", "_")


Show = Literal["value", "running", "share", "before", "change", "change_percent"]


class Counted(Document):
    """One number of a report: a measure of the entity, an aggregate over a field, or the ratio of two other numbers
    of the report (``num`` / ``den``), and what of it is shown.

    ``show``: the value itself; ``running`` adds up along the report's days; ``share`` of the whole; ``before`` the
    value in the period compared with, ``change`` the difference to it, ``change_percent`` that in percent of it.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")
    label: str = Field(default="", max_length=80)
    measure: str = ""
    agg: Aggregate | None = None
    of: str = ""
    num: str = ""
    den: str = ""
    percent: bool = True
    """Whether a ratio of like numbers is told in percent."""
    where: list[Condition] = Field(default_factory=list)
    show: Show = "value"

    @model_validator(mode="after")
    def _one_kind(self) -> Counted:
        if sum((bool(self.measure), bool(self.agg), bool(self.num and self.den))) != 1:
            raise ValueError("a number is a measure, an aggregate over a field, or a ratio of two numbers")
        if self.agg and self.agg != "count" and not self.of:
            raise ValueError("choose the field that this adds up")
        return self


class Ask(Document):
    """A question put to whoever runs the report; its answer goes where a test names it as ``parameter``."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    label: str = Field(min_length=1, max_length=80)
    field: str
    default: str | int | float | bool | list[str] | list[int] | None = None


class Chart(Document):
    """How the result is drawn: ``x`` and ``y`` are columns, ``series`` splits the bars or lines."""

    kind: Literal["none", "bar", "stacked", "line", "ranked", "pie", "heatmap", "number", "funnel"] = "none"
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
    asks: list[Ask] = Field(default_factory=list)
    filters: list[Filter] = Field(default_factory=list)
    breakdowns: list[Breakdown] = Field(default_factory=list)
    across: By | None = None
    """What the columns of a pivot are."""
    measures: list[str | Counted] = Field(default_factory=list)
    compare: Literal["", "year_before", "period_before"] = ""
    subtotals: bool = False
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
        label_of(self.preset)
        names = [counted.name for counted in self.numbers]
        if len(set(names)) < len(names):
            raise ValueError(f"two numbers are called {next(name for name in names if names.count(name) > 1)}")
        for counted in self.numbers:
            for part in (counted.num, counted.den):
                if part and part not in names:
                    raise ValueError(f"{counted.label or counted.name} divides by way of {part}, which is not shown")
            if counted.show in ("before", "change", "change_percent") and not (self.compare and self.period):
                raise ValueError("choose the period to compare with")
        return self

    @property
    def numbers(self) -> list[Counted]:
        """Its numbers, a measure named by itself too."""
        return [Counted(name=one, measure=one) if isinstance(one, str) else one for one in self.measures]

    @property
    def tests(self) -> list[Condition]:
        """Every test of its rows and of the rows of its numbers, one by one."""
        parts = [part for one in self.filters for part in (one.any if isinstance(one, AnyOf) else [one])]
        tests = [one for part in parts for one in (part.all if isinstance(part, AllOf) else [part])]
        return tests + [test for counted in self.numbers for test in counted.where]

    @property
    def parameters(self) -> list[str]:
        """The names of what a person may choose."""
        names = ["from", "to"] if self.period else []
        names += [name for name in self.takes if name not in names]
        names += [ask.name for ask in self.asks]
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
