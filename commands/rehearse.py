"""``ballast rehearse``: practise an outage in a scratch copy, as far as a machine can."""

from __future__ import annotations

import time

import click

from commands.context import common, operator, tell
from outage.rehearsal import rehearse as rules
from outage.rehearsal.held import held_against
from outage.scanning import read_scan
from security.actor import Actor
from security.clinics import clinic_of


@click.command()
@click.option("--visits", default=rules.VISITS, show_default=True, type=click.IntRange(8, 60), help="Booked that day.")
@click.option("--seed", default=1, show_default=True, help="Another seed makes another day.")
@common
def rehearse(visits: int, seed: int) -> int:
    """Practise an outage: print a day's pack, fill it in, spoil and shuffle it, scan it back.

    It happens in a practice clinic of its own in this home, with made-up people; no real record is touched. What is
    left to do is done in the browser, on the page Practise an outage. Ends with 1 when a page was put to a wrong sheet.
    """
    began = time.monotonic()
    by = operator()
    rules.begin(by=by, visits=visits, seed=seed)
    opened = rules.open_practice(by=by)
    assert opened is not None and opened.practice_clinic_id is not None
    practice = Actor.operator(opened.practice_clinic_id)
    for step, say in ((rules.print_pack, "Printing the pack …"), (rules.fill, "Writing on the paper …")):
        click.echo(say, err=True)
        step(by=practice)
    click.echo("Scanning it back …", err=True)
    lines = read_scan(rules.hand_in(by=practice), by=practice)
    held = held_against(lines, rules.truth_of(by=practice))
    now = rules.progress(by=practice)
    assert now is not None
    document = {
        "clinic": clinic_of(practice.clinic_id).slug, "day": now.day.isoformat(), "visits": now.visits,
        "sheets": now.printed, **held.document(), "remains": {"to_review": now.review, "to_enter": now.to_enter},
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip
    words = [
        f"{held.pages} pages of {now.visits} visits were scanned back in {document['seconds']:.0f} s:",
        f"  {document['attached']} found their place, {document['duplicate']} were there before, "
        f"{document['destroyed']} was a card slip and is destroyed, {held.misfiled} went to a wrong sheet.",
        f"Left to do: {now.review} pages to review, {now.to_enter} visits and logs to enter, then close the outage.",
        "Start 'ballast serve', sign in, and open Practise an outage.",
    ]
    tell(document, "\n".join(words))
    return 1 if held.misfiled else 0
