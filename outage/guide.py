"""The two pages of the pack that are no forms: what to do when it is down, and whom to call."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    text_width,
    wrap,
)
from security.profile import ClinicProfile

NOBODY = "Whoever is in charge today"
USUAL = ("Card processor", "Internet", "Power", "Emergency hospital")
"""Who is called in an outage; those the profile does not name get a line to write on."""
MOST_PHONES = 5

STEPS = (
    (
        "Decide and say so",
        "{lead} decides. Call out that the clinic works on paper from now on. Write down the time: {line}",
    ),
    (
        "Hand out the pack",
        "{paper} Roster to the desk. Each patient's sheets go on the cage and travel with the patient. One drug log "
        "for each open bottle lies beside the bottle.",
    ),
    ("Count the open bottles", "Two people count, write the count at opening on each drug log and sign."),
    (
        "Walk-ins",
        "Fill in a walk-in registration, take a blank consent and travel sheet, and write the same name on all three. "
        "The sheet number at the top right of the travel sheet is the visit's number until you are back.",
    ),
    (
        "Write the time of everything",
        "The clock on the wall counts, not when you find time to write. Dark pen, one cross in a box. A box filled "
        "completely is canceled. A spoiled sheet: one line across, take a blank one, keep both.",
    ),
    (
        "Drugs",
        "Every draw, dose and waste goes on the bottle's drug log at once, with initials; waste with a witness. Never "
        "erase: one line through it, initials, date.",
    ),
    (
        "Cards",
        "Use the terminal by itself, with its own line. On the card slip only total, last four digits and "
        "authorization code. If the terminal is down too: cash, check, a payment request later, or the card number on "
        "the slip's tear-off and nowhere else.",
    ),
    (
        "Money",
        "Cash and checks in an envelope by visit, the amount and the visit's number on it. Charge what the price list "
        "says.",
    ),
    (
        "When it is back",
        "Count the bottles again. Write the time it came back: {line} Keep all paper together, card slips apart and "
        "locked away.",
    ),
    (
        "Afterwards",
        "Scan the sheets in any order, never the slips. Enter, check, and close the outage on the recovery board. "
        "Destroy nothing before it says so.",
    ),
)


@dataclass(frozen=True)
class Colleague:
    """Somebody on the phone list."""

    name: str
    role: str
    phone: str


def phones_of(settings: ClinicProfile) -> list[tuple[str, str]]:
    """Whom to call, from the clinic's profile: name and number; the number is empty where it is to be written in."""
    found = [("Support", settings.support_contact)] if settings.support_contact else []
    for line in settings.outage_phones:
        name, _, number = line.partition(":")
        found.append((name.strip(), number.strip()) if number.strip() else ("", line.strip()))
    named = " ".join(name for name, _ in found).casefold()
    return found + [(name, "") for name in USUAL if name.casefold() not in named]


def guide_pdf(head: Head, settings: ClinicProfile, printed: str) -> bytes:
    """One page to hang on the wall: what to do when it is down, in the clinic's own words where its profile has them,
    with its own phone numbers at the foot."""
    file = io.BytesIO()
    page = PAPERS[settings.paper]
    canvas = numbered_canvas(file, page, printed, title="When it is down", author=head.name)
    y = draw_head(canvas, page, head, "When it is down", "Work from the top. Nothing here needs a computer.") - 10
    width = page[0] - 2 * MARGIN - 34
    own = {
        "lead": settings.outage_lead.strip().rstrip(".") or NOBODY,
        "paper": f"The paper lies here: {settings.outage_paper.strip().rstrip('.')}."
        if settings.outage_paper.strip()
        else "",
        "line": "_" * 22,
    }
    for number, (title, text) in enumerate(STEPS, 1):
        canvas.setFillGray(INK)
        canvas.setFont(BOLD, 16)
        canvas.drawRightString(MARGIN + 22, y - 13, str(number))
        canvas.setFont(BOLD, 11.5)
        canvas.drawString(MARGIN + 34, y - 9, title)
        canvas.setFont(REGULAR, 10)
        y -= 22.5
        for line in wrap(text.format(**own).strip(), 10, width, 4):
            canvas.drawString(MARGIN + 34, y, line)
            y -= 12.8
        y -= 5.5
    _phone_box(canvas, page, settings)
    canvas.setFillGray(GREY)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _phone_box(canvas: Any, page: tuple[float, float], settings: ClinicProfile) -> None:
    """The numbers to call, in two columns above the foot."""
    shown = phones_of(settings)[: MOST_PHONES + 1]
    rows = -(-len(shown) // 2)
    height = 24 + 19 * rows
    bottom, width = MARGIN + 2, (page[0] - 2 * MARGIN) / 2
    canvas.setStrokeGray(INK)
    canvas.setLineWidth(0.8)
    canvas.rect(MARGIN, bottom, 2 * width, height)
    canvas.setFillGray(INK)
    canvas.setFont(BOLD, 10)
    canvas.drawString(MARGIN + 10, bottom + height - 15, "Call")
    for place, (name, number) in enumerate(shown):
        left = MARGIN + 10 + (place % 2) * width
        y = bottom + height - 33 - 19 * (place // 2)
        canvas.setFont(REGULAR, 9.5)
        canvas.drawString(left, y, wrap(name, 9.5, 92, 1)[0] if name else "")
        start = left + (98 if name else 0)
        if number:
            room = width - 20 - (start - left)
            size = next((size for size in (10, 9, 8, 7) if text_width(number, size, True) <= room), 6.8)
            lines = wrap(number, size, room, 2, bold=True)
            canvas.setFont(BOLD, size)
            for place_of_line, line in enumerate(lines):
                canvas.drawString(start, y + (3.5 if len(lines) > 1 else 0) - 8 * place_of_line, line)
        else:
            canvas.setLineWidth(0.5)
            canvas.line(start, y - 2, left + width - 24, y - 2)


def phone_list_pdf(
    people: Sequence[Colleague], settings: ClinicProfile, head: Head, words: Wording, printed: str
) -> bytes:
    """Colleagues and everybody else to call, with lines to write on."""
    rows = [[one.name, one.role, one.phone] for one in people]
    rows.append(["The clinic", "", words.phone(settings.phone)])
    rows += [[name or number, "", number if name else ""] for name, number in phones_of(settings)]
    rows += [["", "", ""]] * 3
    columns = (Column("Who", bold=True, width=1), Column("Role", width=1), Column("Phone", width=1.4))
    return table_pdf("Phone list", "Write in what is missing.", columns, rows, clinic=head, paper=settings.paper,
                     footer=printed, size=10.5, landscape=False)  # fmt: skip
