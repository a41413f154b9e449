"""What a version of a report changed, in sentences for people who do not read files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from data.errors import BadInput
from reports.model import Filter, Model
from reports.periods import label_of
from reports.spec import By, Counted, ReportSpec
from reports.told import path_words, test

if TYPE_CHECKING:
    from reports.queries import SavedQuery
    from reports.saved import SavedReport

COMPARED = {"": "nothing", "year_before": "the year before", "period_before": "the period before"}
CHARTS = {
    "none": "no chart", "bar": "bars", "stacked": "stacked bars", "line": "lines", "ranked": "ranked bars",
    "pie": "a pie", "heatmap": "a heat map", "number": "one big number", "funnel": "a funnel",
}  # fmt: skip
SHOWN = {
    "value": "", "running": " (running)", "share": " (share)", "before": " (before)", "change": " (change)",
    "change_percent": " (change in percent)",
}  # fmt: skip


def in_words(before: SavedReport | SavedQuery, after: SavedReport | SavedQuery, model: Model) -> list[str]:
    """One sentence for each thing that differs; empty when nothing does."""
    old, new = before.spec, after.spec
    told = [
        _turned("Title", old.title, new.title),
        _turned("Folder", before.folder or "none", after.folder or "none"),
        _turned("Seen by", _readers(before), _readers(after)),
        _rewritten(old, new),
        _turned("Asks about", _entity(old, model), _entity(new, model)),
        _turned("Period at first", label_of(old.preset), label_of(new.preset)),
        _turned("Compared with", COMPARED[old.compare], COMPARED[new.compare]),
        *_listed("Only where", "No longer only where", _tests(old, model), _tests(new, model)),
        *_listed("Shows", "No longer shows", _numbers(old, model), _numbers(new, model)),
        *_listed("Broken down by", "No longer broken down by", _groups(old, model), _groups(new, model)),
        *_listed("Asks for", "No longer asks for", [a.label for a in old.asks], [a.label for a in new.asks]),
        _turned("Across", _across(old, model), _across(new, model)),
        _turned("Drawn as", CHARTS[old.chart.kind], CHARTS[new.chart.kind]),
        _turned("Sorted by", ", ".join(old.sort) or "nothing", ", ".join(new.sort) or "nothing"),
        _turned("Rows at most", str(old.limit or "all"), str(new.limit or "all")),
        _turned("Subtotals", _yes(old.subtotals), _yes(new.subtotals)),
        _turned("Total", _yes(old.total), _yes(new.total)),
        "Its words were changed" if (old.purpose, old.definition) != (new.purpose, new.definition) else "",
    ]  # fmt: skip
    found = [sentence for sentence in told if sentence]
    return found or (["Something small was changed"] if before != after else [])


def _rewritten(old: ReportSpec, new: ReportSpec) -> str:
    return "The query was rewritten" if getattr(old, "sql", "") != getattr(new, "sql", "") else ""


def _turned(what: str, old: str, new: str) -> str:
    return f"{what}: {new} instead of {old}" if old != new else ""


def _listed(now: str, no_longer: str, old: list[str], new: list[str]) -> list[str]:
    if sorted(old) == sorted(new):
        return ["The order was changed"] if old != new else []
    more, gone = [one for one in new if one not in old], [one for one in old if one not in new]
    return [f"{words}: {', '.join(found)}" for words, found in ((now, more), (no_longer, gone)) if found]


def _readers(saved: SavedReport | SavedQuery) -> str:
    return "everybody who runs reports" if saved.shared else "only the person who built it"


def _yes(on: bool) -> str:
    return "shown" if on else "not shown"


def _entity(spec: ReportSpec, model: Model) -> str:
    return _said(lambda: model.entity(spec.entity).label, spec.entity)


def _tests(spec: ReportSpec, model: Model) -> list[str]:
    return [_test(one, spec, model) for one in spec.filters]


def _test(one: Filter, spec: ReportSpec, model: Model) -> str:
    return _said(lambda: test(one, spec, model), getattr(one, "field", "one of several"))


def _numbers(spec: ReportSpec, model: Model) -> list[str]:
    columns = [shown.label or _path(model, spec, shown.field) for shown in spec.columns]
    return columns + [_number(counted, spec, model) for counted in spec.numbers]


def _number(counted: Counted, spec: ReportSpec, model: Model) -> str:
    words = counted.label
    if not words and counted.measure:
        words = _said(lambda: model.measure(spec.entity, counted.measure).label, counted.measure)
    return (words or counted.name.replace("_", " ").capitalize()) + SHOWN[counted.show]


def _groups(spec: ReportSpec, model: Model) -> list[str]:
    return [_by_words(choice.by, spec, model) or choice.label for choice in spec.breakdowns]


def _across(spec: ReportSpec, model: Model) -> str:
    return _by_words([spec.across], spec, model) if spec.across else "nothing"


def _by_words(parts: Iterable[By], spec: ReportSpec, model: Model) -> str:
    return ", ".join(
        by.label or (by.grain if by.grain else _path(model, spec, by.field)).capitalize() for by in parts
    )  # fmt: skip


def _path(model: Model, spec: ReportSpec, path: str) -> str:
    return _said(lambda: path_words(model, spec.entity, path), path)


def _said(words: Callable[[], str], otherwise: str) -> str:
    """The words, or the bare name of what is not there any more."""
    try:
        return words()
    except BadInput:
        return otherwise
