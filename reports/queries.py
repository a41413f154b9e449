"""Questions written in SQL, kept like any report: a title, a folder, a circle of readers, versions and a chart.

``Written`` gives such a question the shape of a report, so that whatever runs, draws, pins or sends a report does the
same with it. What it may ask and how it is run is in sql.py.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, model_validator

from data import definitions
from reports.periods import label_of
from reports.shelf import Kept
from reports.spec import Chart, ReportSpec

DAYS = "period"
"""The table with one row that holds the days chosen above the result, ``first_day`` and ``last_day``, and today."""
OPENS_WITH = "last_12_months"
LONGEST = 20_000
_REMARKS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


class Written(ReportSpec):
    """A report whose question is one SELECT; its columns are known when it was run."""

    entity: str = ""
    sql: str
    total: bool = False

    @model_validator(mode="after")
    def _one_shape(self) -> Written:
        label_of(self.preset)
        return self


class SavedQuery(Kept):
    """A question in SQL with its place. ``shared`` shows it to everybody who runs reports: each reads it with their
    own rights."""

    title: str = Field(min_length=1, max_length=80)
    text: str = Field(min_length=1, max_length=LONGEST)
    purpose: str = Field(default="", max_length=200)
    preset: str = OPENS_WITH
    chart: Chart = Field(default_factory=Chart)

    @model_validator(mode="after")
    def _sound(self) -> SavedQuery:
        label_of(self.preset)
        return self

    @property
    def called(self) -> str:
        """Its title."""
        return self.title

    @property
    def spec(self) -> Written:
        """The question as a report."""
        return written(self.title, self.text, purpose=self.purpose, preset=self.preset, chart=self.chart)

    def moved(self, title: str, folder: str, *, shared: bool) -> dict[str, Any]:
        """Its body under another title, in another place."""
        return self.model_dump() | {"title": title, "folder": folder, "shared": shared}


QUERY = definitions.register("report-query", "SQL question", SavedQuery, has_own_rules=True)


def written(
    title: str, text: str, *, purpose: str = "", preset: str = OPENS_WITH, chart: Chart | None = None
) -> Written:
    """A text as a report; it asks for days where the text reads them."""
    return Written(
        title=title, sql=text, purpose=purpose, preset=preset, period=DAYS if asks_days(text) else "",
        chart=chart or Chart(), empty="The query ran and found no rows.",
    )  # fmt: skip


def asks_days(text: str) -> bool:
    """Whether a query reads the days chosen above it."""
    bare = _REMARKS.sub(" ", text).lower()
    return bool(re.search(rf"\b{DAYS}\b", bare) and re.search(r"\b(first|last)_day\b", bare))
