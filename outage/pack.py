"""The evening's pack: everything a clinic needs to work a day on paper, as files to print."""

from __future__ import annotations

import hashlib
import io
import uuid
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from data.models import Clinic, User
from data.types import clock, new_id
from data.wording import Wording
from forms.print import Head, within
from forms.settings import all_forms
from outage.guide import Colleague, guide_pdf, phone_list_pdf
from outage.printing import DEADLINE_SECONDS, Asked, NothingToPrint, Printed, print_for_roster, print_stock
from security.actor import Actor
from security.profile import profile
from security.rules import look

VISIT = ("consent", "travel-sheet")
"""The sheets of every visit."""
STOCK = {"walk-in": 10, "travel-sheet": 10, "consent": 10, "drug-log": 2}
SLIPS = 10
"""Sheets of four slips."""


@dataclass(frozen=True)
class PackFile:
    """One file of the pack. ``sheets`` is how many printed sets it holds."""

    name: str
    content: bytes
    sheets: int = 0
    serials: tuple[int, ...] = ()
    pages: int = 0


@dataclass(frozen=True)
class Pack:
    """The files for a day, in the order in which they are handed out."""

    day: date
    files: list[PackFile]

    @property
    def sheets(self) -> int:
        """How many sheets with a serial."""
        return sum(one.sheets for one in self.files)

    @property
    def pages(self) -> int:
        """How many pages of paper."""
        return sum(one.pages for one in self.files)

    def document(self) -> dict[str, object]:
        """The list of the pack: what is in it, with hashes and serials."""
        return {
            "day": self.day.isoformat(),
            "files": [
                {
                    "name": one.name, "size": len(one.content), "sheets": one.sheets, "pages": one.pages,
                    "sha256": hashlib.sha256(one.content).hexdigest(),
                    "serials": [one.serials[0], one.serials[-1]] if one.serials else [],
                }
                for one in self.files
            ],
        }  # fmt: skip

    def as_pdf(self) -> bytes:
        """All of it as one PDF, to be printed at once. Raises PrintTookTooLong."""
        return within(DEADLINE_SECONDS, _joined, [one.content for one in self.files if one.name.endswith(".pdf")])

    def as_zip(self) -> bytes:
        """Its files in one archive."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for one in self.files:
                archive.writestr(one.name, one.content)
        return file.getvalue()


Told = Callable[[float, str], None]
"""Told how far the pack is, from 0 to 1, and what is printed next."""


def make_pack(
    day: date, *, by: Actor, location_id: str = "", forms: Sequence[str] = VISIT,
    stock: Mapping[str, int] | None = None, slips: int = SLIPS, missing_only: bool = False, told: Told | None = None,
    key: str | None = None,
) -> Pack:  # fmt: skip
    """Print the pack of a day: guide, roster, sheets of every visit, a drug log for every open bottle, blank stock,
    card slips, phone list. What there is nothing of is left out, and so is a form that is no longer in use.

    ``forms`` are the sheets of every visit, ``stock`` says how many blank sheets of each form, ``slips`` how many
    sheets of card slips; ``missing_only`` leaves out visits and bottles whose sheets for this day were printed before.
    Asked for again with the same ``key`` it has the same serials. Raises NotReadableYet, ChangedSince, TooManySheets,
    NotPermitted.
    """
    with look(by, "outage.print") as session:
        used = all_forms(session)
        clinic = session.get_one(Clinic, session.clinic_id)
        settings = profile(session)
        words = Wording.of(clinic)
        head = Head.of(clinic.name, settings.address, settings.phone)
        people = [
            Colleague(user.name, user.role.replace("-", " ").capitalize(), words.phone(user.phone))
            for user in session.scalars(select(User).where(User.status == "active").order_by(User.name))
        ]
    printed = f"Printed {words.moment(clock.now())} for {words.day(day, style='heading')}"
    blank = {form: count for form, count in (STOCK if stock is None else stock).items() if count > 0 and form in used}
    asked = Asked("pack", batch=_batch(key))

    def roster(*ours: str) -> Callable[[str | None], Printed]:
        return lambda key: print_for_roster(
            ours, day, by=by, location_id=location_id, missing_only=missing_only, asked=asked, key=key
        )

    def spare(counts: Mapping[str, int]) -> Callable[[str | None], Printed]:
        return lambda key: print_stock(counts, by=by, asked=asked, key=key)

    prints: list[tuple[str, str, Callable[[str | None], Printed]]] = []
    for name, what, wanted in (
        ("1-roster.pdf", "the roster", ("roster",)),
        ("2-sheets.pdf", "the sheets of every visit", forms),
        ("3-drug-logs.pdf", "the drug logs", ("drug-log",)),
    ):
        if ours := [form for form in wanted if form in used]:
            prints.append((name, what, roster(*ours)))
    if blank:
        prints.append(("4-blank-stock.pdf", "blank stock", spare(blank)))
    if slips > 0 and "card-slip" in used:
        prints.append(("5-card-slips.pdf", "card slips", spare({"card-slip": slips})))
    say = told or (lambda *_: None)
    say(0.02, "the guide")
    files = [PackFile("0-when-it-is-down.pdf", guide_pdf(head, settings, printed), pages=1)]
    for place, (name, what, make) in enumerate(prints):
        say(0.05 + 0.85 * place / len(prints), what)
        try:
            done = make(f"{key}:{place}" if key else None)
        except NothingToPrint:
            continue
        files.append(PackFile(name, done.pdf, done.sheets, tuple(done.serials), len(done.pages)))
    say(0.92, "the phone list")
    files.append(PackFile("6-phone-list.pdf", phone_list_pdf(people, settings, head, words, printed), pages=1))
    return Pack(day, files)


def _batch(key: str | None) -> str:
    """What the runs of one pack have in common, the same for a second click."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, key)) if key else new_id()


def _joined(files: list[bytes]) -> bytes:
    import pikepdf

    out = io.BytesIO()
    with pikepdf.new() as whole:
        for content in files:
            with pikepdf.open(io.BytesIO(content)) as one:
                whole.pages.extend(one.pages)
        whole.save(out)
    return out.getvalue()
