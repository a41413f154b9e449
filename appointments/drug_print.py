"""A bottle's log as the page an inspector reads."""

from __future__ import annotations

from dataclasses import replace

from appointments.drug_register import KINDS, LogLine, register
from appointments.quantities import words
from data.models import Clinic
from data.wording import Wording
from forms.print import Column, Head, table_pdf, within
from security.actor import Actor
from security.clinics import clinic_of
from security.profile import profile
from security.rules import look

COLUMNS = (
    Column("Date and time", lines=2), Column("What", width=1.2), Column("No."), Column("Patient", width=0.8),
    Column("Owner and address", width=1.7, lines=3), Column("Drawn", "right"), Column("Given", "right"),
    Column("Wasted", "right"), Column("Balance", "right"), Column("Reason", width=1.2, lines=3), Column("By"),
    Column("Witness"),
)  # fmt: skip
NOTE = (
    "Lines stand in the order of when they happened. A line that was wrong is marked STRUCK and stays; it does not "
    "count. Quantities in the unit of the drug."
)


def sheet(bottle_id: str, *, wording: Wording, by: Actor) -> bytes:
    """The register of one bottle as a PDF. Raises NotFound, PrintTookTooLong."""
    bottle, lines = register(bottle_id, by=by)
    clinic: Clinic = clinic_of(by.clinic_id)
    with look(by, "drugs.view") as session:
        about = profile(session)
    head = Head.of(clinic.name, about.address, about.phone)
    facts = " · ".join(
        filter(
            None,
            (
                f"Schedule {bottle.schedule}" if bottle.schedule else "",
                f"Size {words(bottle.size, bottle.unit)}",
                f"Lot {bottle.lot}" if bottle.lot else "",
                f"Expires {wording.day(bottle.expires_on)}" if bottle.expires_on else "",
                f"Received {wording.day(bottle.received_on)} from {bottle.supplier or 'unknown'}",
                f"Opened {wording.moment(bottle.opened_at)}" if bottle.opened_at else "Not opened",
                f"Closed {wording.moment(bottle.closed_at)}" if bottle.closed_at else "",
                f"Balance {words(bottle.balance, bottle.unit)}",
            ),
        )
    )
    whose = replace(COLUMNS[4], label=f"{wording.owner} and address")
    rows = [_row(line, wording) for line in lines if line.kind != "reversal"]
    return within(
        20, table_pdf, f"Drug log: {bottle.title}", facts, (*COLUMNS[:4], whose, *COLUMNS[5:]), rows, clinic=head,
        paper=about.paper, landscape=True, definition=NOTE, empty="No line yet.",
    )  # fmt: skip


def _row(line: LogLine, wording: Wording) -> list[str]:
    what = KINDS.get(line.kind, line.kind)
    if line.kind == "use":
        what = ("Given" if line.given else "Wasted") + (f" {line.route}" if line.route else "")
    notes = [line.reason, line.reversed_by, *line.flags]
    return [
        wording.moment(line.event_at),
        f"STRUCK: {what}" if line.reversed_by else what,
        str(line.number or ""),
        " ".join(filter(None, (line.patient, f"({line.species})" if line.species else ""))),
        ", ".join(filter(None, (line.owner, line.address.replace("\n", ", ")))),
        words(line.drawn) if line.drawn else "",
        words(line.given) if line.given else "",
        words(line.wasted) if line.wasted else "",
        words(line.balance) if line.balance is not None else f"({words(line.delta, sign=True)})",
        "; ".join(note for note in notes if note),
        line.by,
        line.witness,
    ]
