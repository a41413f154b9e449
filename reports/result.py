"""What a report answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from data.models import Clinic
from reports.compile import ResultColumn
from reports.spec import ReportSpec
from reports.values import wording_of


@dataclass(frozen=True)
class Result:
    """What a report answered. ``rows`` are tuples in the order of ``columns``; ``total`` is exact, from the rows."""

    name: str
    title: str
    params: dict[str, Any]
    definition: str
    columns: tuple[ResultColumn, ...]
    rows: list[tuple[Any, ...]]
    total: tuple[Any, ...] | None
    left_out: tuple[str, ...]
    clinic: Clinic
    seconds: float
    subtotals: dict[int, list[tuple[Any, ...]]] = field(default_factory=dict)
    """Lines that add up others, by which of the groups they add up: the bits of reports.compile.Query."""
    groups: int = 0
    spec: ReportSpec | None = None
    filters: tuple[str, ...] = ()
    """The tests that the rows had to pass, in words, with what was chosen in them."""
    cut: bool = False
    """Whether there were more rows than one answer holds."""

    def index(self, column: str) -> int:
        """Where a column stands."""
        return [c.name for c in self.columns].index(column)

    @property
    def facts(self) -> str:
        """The choices as a line of words, printed on every export."""
        wording = wording_of(self.clinic)
        days = {name: wording.day(value) for name, value in self.params.items() if isinstance(value, date)}
        start, end = days.get("from"), days.get("to")
        words = []
        if "from" in self.params:
            words.append(
                f"{start} to {end}" if start and end else f"from {start}" if start else f"until {end}" if end
                else "all time"
            )  # fmt: skip
        if "as_of" in days:
            words.append(f"as of {days['as_of']}")
        if "date" in days:
            words.append(days["date"])
        if self.params.get("by") and self.params["by"] != "none":
            words.append(f"by {self.params['by'].replace('-', ', ')}")
        if self.cut:
            words.append(f"only the first {wording.number(len(self.rows))} rows")
        return " · ".join(words)
