"""``ballast subscription``: what goes out by mail, how it went, and letting one rest."""

from __future__ import annotations

from typing import Any

import click

from commands.context import chosen_clinic, common, operator, tell
from data.models import Clinic
from reports import deliveries, schedules
from reports.deliveries import Run
from reports.schedules import Subscription
from reports.values import wording_of
from reports.when import told
from security.actor import Actor


@click.group()
def subscription() -> None:
    """Reports and dashboards that go out by mail."""


@subscription.command("list")
@common
def subscription_list() -> None:
    """Each with its rhythm, its next run and how the last one ended."""
    clinic = chosen_clinic()
    by = Actor.operator(clinic.id)
    found, standings = schedules.subscriptions(by=by), deliveries.standings(by=by)
    rows = [_row(one, standings[one.name], clinic) for one in found]
    words = "\n".join(f"{row['name']:<28} {row['when']:<44} {row['next'] or 'paused'}" for row in rows)
    tell({"subscriptions": rows}, words or "Nothing goes out by itself.")


@subscription.command("log")
@click.argument("name")
@common
def subscription_log(name: str) -> None:
    """The runs of one, newest first: how each ended, for whom, and why not."""
    runs = [_run(run) for run in deliveries.log(name, by=operator())]
    tell({"subscription": name, "runs": runs}, "\n".join(
        " ".join(filter(None, (run["due"], run["told"], run["reason"]))) for run in runs
    ) or "It has not gone out yet.")  # fmt: skip


@subscription.command("pause")
@click.argument("name")
@common
def subscription_pause(name: str) -> None:
    """Let one rest."""
    schedules.pause(name, by=operator())
    tell({"paused": name}, f"{name} rests until it is resumed.")


@subscription.command("resume")
@click.argument("name")
@common
def subscription_resume(name: str) -> None:
    """Let one go out again, from its next run on."""
    schedules.resume(name, by=operator())
    tell({"resumed": name}, f"{name} goes out again.")


def _row(one: Subscription, standing: deliveries.Standing, clinic: Clinic) -> dict[str, Any]:
    schedule = one.schedule
    return {
        "name": one.name, "title": schedule.title, "report": schedule.report, "dashboard": schedule.dashboard,
        "when": told(schedule.when, wording_of(clinic)).replace("\xa0", " "), "format": schedule.format,
        "run_as": one.run_as, "readers": list(one.readers), "paused": schedule.paused, "stopped": schedule.stopped,
        "next": standing.next_at.isoformat() if standing.next_at else None,
        "last": _run(standing.last) if standing.last else None,
    }  # fmt: skip


def _run(run: Run) -> dict[str, Any]:
    return {
        "due": run.due_at.isoformat(), "asked_for": run.asked, "state": run.state, "told": run.told,
        "attempts": run.attempts, "rows": run.rows, "reason": run.reason,
        "mails": [{"to": mail.to, "state": mail.state, "reply": mail.reply} for mail in run.mails],
        "left_out": [{"who": who, "why": why} for who, why in run.left_out],
    }  # fmt: skip
