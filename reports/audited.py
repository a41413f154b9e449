"""Who asked for which report: one row in the audit log for each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.model import Model
from reports.spec import ReportSpec
from security import looks
from security.actor import Actor
from security.rules import act

UNASKED = frozenset(("refresh", "choices"))
"""Looks that nobody asked for just now: a screen that refreshes by itself, whose opening was recorded, and the values
that a filter offers. They leave no audit row, and so never count as input by the person."""
SCREENS = UNASKED | {"screen"}


def permission_for(form: str) -> str:
    """What a person needs to get a result in this form."""
    return "reports.view" if form in SCREENS else "reports.export"


def note(name: str, detail: Mapping[str, Any], rows: int, form: str, by: Actor) -> None:
    """Write down a run. ``detail`` says what was asked; looking at the same screen again within five minutes is one
    look."""
    if form in UNASKED:
        return
    if form == "screen" and not looks.is_new(by, "report", name, repr(sorted(detail.items(), key=str))):
        return
    with act(by, permission_for(form)) as work:
        work.session.quiet = True
        action = "report.viewed" if form == "screen" else "report.exported"
        work.audit(action, "report", name, **detail, rows=rows, form=form)


def without_persons(spec: ReportSpec, model: Model, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen, an answer that may name somebody left out."""
    told = dict(chosen)
    for ask in spec.asks:
        if told.get(ask.name) is not None and model.resolve(spec.entity, ask.field)[2].phi:
            told[ask.name] = "…"
    return told


def shape_of(spec: ReportSpec, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What a report that is not kept asks: over what, which numbers or columns, by which fields, tested on which."""
    groups = [*spec.breakdown(chosen.get("by")).by, *([spec.across] if spec.across else [])] if spec.measures else []
    told = {
        "over": spec.entity, "numbers": [one.measure or one.agg or f"{one.num}/{one.den}" for one in spec.numbers],
        "columns": [one.field for one in spec.columns], "where": sorted({one.field for one in spec.tests}),
        "by": [f"{one.field} {one.grain}".strip() for one in groups], "compare": spec.compare,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}
