"""``ballast campaign``: campaigns from a file, looked over, launched, paused, and how they went."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from campaigns import launch, outcomes, recurring, runs, shelf
from campaigns.outcomes import Difference, Group, Outcome
from campaigns.settings import CAMPAIGN, SEGMENT, TEMPLATE
from commands.context import common, operator, tell
from data.definitions import BadDefinition, Kind, from_file
from data.errors import BadInput
from data.types import clock
from security.actor import Actor
from security.clinics import clinic_of
from security.rules import together

PARTS: tuple[tuple[str, Kind[Any]], ...] = (("segments", SEGMENT), ("templates", TEMPLATE), ("campaigns", CAMPAIGN))


@click.group()
def campaign() -> None:
    """Messages to many: e-mail, text messages and letters."""


@campaign.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def campaign_import(file: Path) -> None:
    """Save a campaign from a file, or several with their segments and templates: all of it or nothing.

    The file, TOML or JSON, is one campaign as `ballast schema campaign` describes it, named by its own `slug` or the
    file's name, or holds `segments`, `templates` and `campaigns`, each by their short names.
    """
    by = operator()
    body = _read(file)
    if not {name for name, _ in PARTS} & set(body):
        slug = str(body.pop("slug", "") or file.stem)
        body = {"campaigns": {slug: body}}
    saved: dict[str, list[str]] = {}
    with together(by, "campaigns.use") as work:
        for name, kind in PARTS:
            documents = body.get(name) or {}
            if not isinstance(documents, dict):
                raise BadInput(problem=f"{file}: '{name}' is no table of documents by their short names.")
            for slug, document in documents.items():
                shelf.keep(kind, kind.parse(document, slug), slug=slug, comment="imported", by=by)
                saved.setdefault(name, []).append(slug)
        work.audit("campaign.imported", "clinic", by.clinic_id, **{name: len(slugs) for name, slugs in saved.items()})
    words = "; ".join(f"{name}: {', '.join(slugs)}" for name, slugs in saved.items())
    tell({"saved": saved}, f"Saved {words}." if words else "There was nothing in it.")


@campaign.command("list")
@common
def campaign_list() -> None:
    """Every campaign with how its last launch stands."""
    found = runs.lines(by=operator())
    document = {
        "campaigns": [
            {
                "name": one.slug, "label": one.document.label, "purpose": one.document.purpose,
                "when": one.document.when.kind, "active": one.document.when.active, "launches": one.runs,
                "state": one.run.state if one.run else None, "run": _run(one.run) if one.run else None,
            }
            for one in found
        ]
    }  # fmt: skip
    lines = [f"{one.slug:<32} {one.run.state if one.run else 'never launched':<15} {one.document.label}"
             for one in found]  # fmt: skip
    tell(document, "\n".join(lines) or "There is no campaign yet.")


@campaign.command("preview")
@click.argument("name")
@common
def campaign_preview(name: str) -> int:
    """Who would get it now, who not and why, and what stands against a launch; exit 1 where something does."""
    problems, plan = launch.preview(name, by=operator())
    reasons: dict[str, int] = {}
    for place in plan.places if plan else []:
        if place.reason:
            reasons[place.reason] = reasons.get(place.reason, 0) + 1
    counts, channels = (dict(plan.counts), dict(plan.channels)) if plan else ({}, {})
    document = {
        "name": name, "ready": not any(one.blocks for one in problems),
        "problems": [{"what": one.what, "text": one.text, "blocks": one.blocks} for one in problems],
        "counts": counts, "channels": channels, "left_out": reasons,
    }  # fmt: skip
    lines = [f"{counts.get('pending', 0):,} would get it; {counts.get('held_out', 0):,} are held out."]
    lines += [f"  {count:>6,} {reason}" for reason, count in sorted(reasons.items(), key=lambda one: -one[1])]
    lines += [f"{'Stops it' if one.blocks else 'Look at this'}: {one.text}" for one in problems]
    tell(document, "\n".join(lines))
    return 0 if document["ready"] else 1


@campaign.command("launch")
@click.argument("name")
@click.option("--again", is_flag=True, help="Another launch on the same day.")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="Of a campaign that goes out by itself: the day, of the last week."
)
@common
def campaign_launch(name: str, again: bool, day: datetime | None) -> None:
    """Freeze who gets it and let it go; the worker sends it. A second time on the same day changes nothing.

    A campaign that goes out by itself is launched for one day, today where none is named: once, whether by hand or by
    itself.
    """
    by = operator()
    if day is not None or shelf.one(CAMPAIGN, name, by=by).document.when.kind != "once":
        if again:
            raise BadInput(problem=f"{name} goes out by itself, once for each day: leave --again away.")
        run_id = recurring.launch_day(name, day.date() if day else None, by=by)
        one = runs.run(run_id, by=by)
        tell(_run(one), f"{one.name} is {one.state} for {one.day}: {one.meant:,} messages of {one.audience:,} found.")
        return
    key = os.urandom(8).hex() if again else clock.today(clinic_of(by.clinic_id).zone).isoformat()
    run_id = launch.launch(name, key=f"command:{name}:{key}", by=by)
    one = runs.run(run_id, by=by)
    tell(_run(one), f"{one.name} is {one.state}: {one.meant:,} messages to {one.audience:,} of the segment.")


@campaign.command("pause")
@click.argument("name")
@click.option("--reason", default="", help="Why, in words for others.")
@common
def campaign_pause(name: str, reason: str) -> None:
    """Let nothing more of its last launch go out."""
    by = operator()
    one = _newest(name, by)
    launch.pause(one.id, reason, by=by)
    tell(_run(runs.run(one.id, by=by)), f"{one.name} is paused.")


@campaign.command("resume")
@click.argument("name")
@common
def campaign_resume(name: str) -> None:
    """Let its last launch go on."""
    by = operator()
    one = _newest(name, by)
    launch.resume(one.id, by=by)
    tell(_run(runs.run(one.id, by=by)), f"{one.name} goes on.")


@campaign.command("stop")
@click.argument("name")
@click.option("--reason", required=True, help="Why, in words for others.")
@common
def campaign_stop(name: str, reason: str) -> None:
    """End its last launch for good."""
    by = operator()
    one = _newest(name, by)
    launch.stop(one.id, reason, by=by)
    tell(_run(runs.run(one.id, by=by)), f"{one.name} is stopped.")


@campaign.command("status")
@click.argument("name")
@common
def campaign_status(name: str) -> None:
    """How its last launch stands, who was left out and why, and what it brought."""
    by = operator()
    one = _newest(name, by)
    brought = outcomes.of_run(one.id, by=by)
    left_out = runs.why_left_out(one.id, by=by)
    lines = [f"{one.name}, launched for {one.day.isoformat()}: {one.state}. {one.reason}".rstrip()]
    lines += [f"  {count:>6,} {state.replace('_', ' ')}" for state, count in sorted(one.counts.items())]
    lines += [f"  {count:>6,} left out: {reason}" for reason, count in left_out.items()]
    held = f", {brought.held.hits:,} of {brought.held.people:,} held out" if brought.held.people else ""
    lines.append(f"Booked: {brought.reached.hits:,} of {brought.reached.people:,} reached{held}.")
    tell(_run(one) | {"left_out": left_out, "outcome": _outcome(brought)}, "\n".join(lines))


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(problem=f"{file} is no text. Save it as UTF-8.") from None
    if not text.lstrip().startswith("{"):
        return from_file(text, str(file))
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise BadDefinition(what=str(file), problem=str(failure)) from None
    return dict(body)


def _newest(name: str, by: Actor) -> runs.Run:
    shelf.one(CAMPAIGN, name, by=by)
    found = runs.runs_of(name, by=by, most=1)
    if not found:
        raise BadInput(problem=f"{name} was never launched. Launch it: ballast campaign launch {name}")
    return found[0]


def _run(one: runs.Run) -> dict[str, Any]:
    return {
        "run": one.id, "name": one.campaign, "label": one.name, "day": one.day.isoformat(), "state": one.state,
        "reason": one.reason, "audience": one.audience, "messages": one.meant, "reached": one.reached,
        "left": one.left, "counts": one.counts, "channels": one.channels, "came_back": one.came_back,
        "began_at": one.began_at.isoformat() if one.began_at else None,
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
    }  # fmt: skip


def _outcome(one: Outcome) -> dict[str, Any]:
    def group(of: Group) -> dict[str, int]:
        return {"people": of.people, "booked": of.hits, "revenue_cents": of.cents}

    def difference(of: Difference | None) -> dict[str, Any] | None:
        return asdict(of) | {"tells": of.tells} if of is not None else None

    return {
        "goal": one.goal.model_dump(), "is_over": one.is_over,
        "reached": group(one.reached), "held_out": group(one.held),
        "booked": difference(one.booked), "revenue_cents_per_person": difference(one.revenue),
        "texts": {"a": group(one.a), "b": group(one.b), "booked": difference(one.texts_booked)},
    }  # fmt: skip
