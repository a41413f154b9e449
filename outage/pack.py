"""The evening's pack: everything a clinic needs to work a day on paper, as files to print."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from data.models import Clinic, User
from data.types import clock
from data.wording import Wording
from forms.print import (
    BOLD,
    GREY,
    INK,
    MARGIN,
    PAPERS,
    REGULAR,
    Column,
    Head,
    draw_head,
    numbered_canvas,
    table_pdf,
    wrap,
)
from outage.printing import NothingToPrint, Printed, print_for_roster, print_stock
from security.actor import Actor
from security.profile import ClinicProfile, profile
from security.rules import look

STOCK = {"walk-in": 10, "travel-sheet": 10, "consent": 10}
SLIPS = 10
"""Sheets of four slips."""

STEPS = (
    ("Say so", "Call out that the clinic works on paper from now on. Write down the time: {line}"),
    (
        "Hand out the pack",
        "Roster to the desk. Each patient's sheets go on the cage and travel with the patient. One drug log for each "
        "open bottle lies beside the bottle.",
    ),
    ("Count the open bottles", "Two people count, write the count at opening on each drug log and sign."),
    (
        "Walk-ins",
        "Fill in a walk-in registration, take a blank consent and travel sheet, and write the same name on all three. "
        "The serial printed on the travel sheet is the visit's number until you are back.",
    ),
    (
        "Write the time of everything",
        "The clock on the wall counts, not when you find time to write. Dark pen. One cross in a box. A box filled "
        "completely is canceled.",
    ),
    (
        "Drugs",
        "Every draw, dose and waste goes on the bottle's drug log at once, with initials; waste with a witness. Never "
        "erase: one line through it, initials, date.",
    ),
    (
        "Cards",
        "Use the terminal by itself. On the card slip only total, last four digits and authorization code. Never the "
        "whole card number.",
    ),
    ("Money", "Cash and checks in an envelope by visit. Give no change of price that is not on the price list."),
    (
        "At the end",
        "Count the bottles again. Write the time it came back: {line} Keep all paper together, slips apart.",
    ),
    (
        "Afterwards",
        "Scan the sheets in any order, never the slips. Enter, check, and close the outage on the recovery page. "
        "Destroy nothing before it says so.",
    ),
)


@dataclass(frozen=True)
class PackFile:
    """One file of the pack. ``sheets`` is how many printed sets it holds."""

    name: str
    content: bytes
    sheets: int = 0
    serials: tuple[int, ...] = ()


@dataclass(frozen=True)
class Pack:
    """The files for a day."""

    day: date
    files: list[PackFile]

    def document(self) -> dict[str, object]:
        """The list of the pack: what is in it, with hashes and serials."""
        return {
            "day": self.day.isoformat(),
            "files": [
                {
                    "name": one.name, "size": len(one.content), "sheets": one.sheets,
                    "sha256": hashlib.sha256(one.content).hexdigest(),
                    "serials": [one.serials[0], one.serials[-1]] if one.serials else [],
                }
                for one in self.files
            ],
        }  # fmt: skip


def make_pack(day: date, *, by: Actor) -> Pack:
    """Print the pack of a day: guide, roster, sheets of every visit, a drug log for every open bottle, blank stock,
    card slips, phone list. What there is nothing of is left out. Raises NotReadableYet, NotPermitted."""
    with look(by, "outage.print") as session:
        clinic = session.get_one(Clinic, session.clinic_id)
        settings = profile(session)
        words = Wording(clinic.locale, clinic.currency, clinic.zone)
        head = Head(clinic.name, tuple(part for part in (settings.address.replace("\n", ", "), settings.phone) if part))
        people = [
            [user.name, user.role.replace("-", " ").capitalize(), words.phone(user.phone)]
            for user in session.scalars(select(User).where(User.status == "active").order_by(User.name))
        ]
    printed = f"Printed {words.moment(clock.now())} for {words.day(day, style='heading')}"
    files = [PackFile("0-when-it-is-down.pdf", guide_pdf(head, settings.paper, printed))]
    prints: tuple[tuple[str, Callable[[], Printed]], ...] = (
        ("1-roster.pdf", lambda: print_for_roster(["roster"], day, by=by)),
        ("2-sheets.pdf", lambda: print_for_roster(["consent", "travel-sheet"], day, by=by)),
        ("3-drug-logs.pdf", lambda: print_for_roster(["drug-log"], day, by=by)),
        ("4-blank-stock.pdf", lambda: print_stock(STOCK, by=by)),
        ("5-card-slips.pdf", lambda: print_stock({"card-slip": SLIPS}, by=by)),
    )
    for name, make in prints:
        try:
            done = make()
        except NothingToPrint:
            continue
        files.append(PackFile(name, done.pdf, done.sheets, tuple(done.serials)))
    files.append(PackFile("6-phone-list.pdf", _phones(people, settings, head, words, printed)))
    return Pack(day, files)


def guide_pdf(head: Head, paper: str, printed: str) -> bytes:
    """One page to hang on the wall: what to do when it is down."""
    file = io.BytesIO()
    page = PAPERS[paper]
    canvas = numbered_canvas(file, page, printed, title="When it is down", author=head.name)
    y = draw_head(canvas, page, head, "When it is down", "Work from the top. Nothing here needs a computer.") - 14
    width = page[0] - 2 * MARGIN - 34
    for number, (title, text) in enumerate(STEPS, 1):
        canvas.setFillGray(INK)
        canvas.setFont(BOLD, 17)
        canvas.drawRightString(MARGIN + 22, y - 14, str(number))
        canvas.setFont(BOLD, 12)
        canvas.drawString(MARGIN + 34, y - 10, title)
        canvas.setFillGray(0.25)
        canvas.setFont(REGULAR, 10.5)
        y -= 25
        for line in wrap(text.replace("{line}", "_" * 22), 10.5, width, 4):
            canvas.drawString(MARGIN + 34, y, line)
            y -= 13.6
        y -= 9
    canvas.setFillGray(GREY)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _phones(people: list[list[str]], settings: ClinicProfile, head: Head, words: Wording, printed: str) -> bytes:
    rows = list(people)
    for label, text in (("Support", settings.support_contact), ("The clinic", words.phone(settings.phone))):
        if text:
            rows.append([label, "", text])
    rows += [[label, "", ""] for label in ("Card processor", "Internet", "Emergency hospital", "Landlord, power")]
    columns = (Column("Who", bold=True, width=1), Column("Role", width=1), Column("Phone", width=1))
    return table_pdf("Phone list", "Write in what is missing.", columns, rows, clinic=head, paper=settings.paper,
                     footer=printed, size=10.5, landscape=False)  # fmt: skip
