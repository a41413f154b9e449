"""From a day on paper to one shuffled stack of scanned pages, with the truth beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from sqlalchemy import select

from data.models import FormSheet
from forms.definition import Form
from forms.editions import Edition, edition_of
from outage.pack import PackFile
from outage.rehearsal.drawing import BACK, LETTER, Leaf, draw
from outage.rehearsal.story import Filled, Story
from security.actor import Actor
from security.rules import look

USUAL = (
    "skewed", "skewed", "rotated", "upside_down", "upside_down", "shifted", "noise", "jpeg", "fold", "stain", "one_bit",
    "low_contrast", "speckle", "corner_gone", "phone", "gray_background", "printed_94", "staple_holes",
)  # fmt: skip
SHARE = 0.3
"""Of the pages that something happens to."""


@dataclass(frozen=True)
class StackPage:
    """One page of the stack as it really is; a serial of 0 is no sheet of ours."""

    serial: int
    form: str
    page: int
    mishap: str


@dataclass(frozen=True)
class Stack:
    """The scanned stack as one PDF, and what its pages are."""

    pdf: bytes
    pages: list[StackPage]
    story: Story


def make_stack(files: Sequence[PackFile], story: Story, *, by: Actor, seed: int = 1, only: int = 0) -> Stack:
    """Fill in the printed sheets of a pack as the story says, spoil some, and shuffle them into one stack.

    ``only`` takes so many pages of it at most. Raises NotDrawn, NotPermitted.
    """
    rng = Random(seed)  # noqa: S311 - made-up data
    places = {}
    with look(by, "outage.print") as session:
        wanted = [serial for one in files for serial in one.serials]
        statement = select(FormSheet.serial, FormSheet.pages, FormSheet.edition).where(FormSheet.serial.in_(wanted))
        known = {serial: (pages, edition) for serial, pages, edition in session.execute(statement)}
        editions = {number: edition_of(session, number) for number in {edition for _, edition in known.values()}}
    for number, file in enumerate(files):
        at = 0
        for serial in file.serials:
            pages, edition = known[serial]
            places[serial] = (number, at, pages, editions[edition])
            at += pages
    leaves: list[tuple[StackPage, Leaf]] = []
    for serial, sheet in story.filled.items():
        if serial != story.lost:
            for page in range(1, places[serial][2] + 1):
                leaves.append(_leaf(sheet, page, places[serial], story, rng))
    again = [one for one in leaves if one[0].serial == story.scanned_twice]
    leaves += [(page, leaf) for page, leaf in again]
    if story.slip:
        number, at, _, _ = places[story.slip]
        leaves.append((StackPage(story.slip, "card-slip", 1, ""), Leaf(number, at)))
    leaves.append((StackPage(0, "letter", 1, ""), Leaf(LETTER, 0)))
    leaves += [(StackPage(0, "back", 1, ""), Leaf(BACK, 0)) for _ in range(2)]
    rng.shuffle(leaves)
    leaves = leaves[:only] if only else leaves
    pdf = draw([one.content for one in files], [leaf for _, leaf in leaves], seed=seed)
    return Stack(pdf, [page for page, _ in leaves], story)


def _leaf(
    sheet: Filled, page: int, place: tuple[int, int, int, Edition], story: Story, rng: Random
) -> tuple[StackPage, Leaf]:
    number, at, _, edition = place
    mishap = rng.choice(USUAL) if rng.random() < SHARE else ""
    if sheet.canceled or sheet.twice:
        mishap = ""
    if sheet.serial == story.torn and page == 1:
        mishap = "torn"
    zones = [zone._asdict() for zone in edition.page(page)[1]]
    leaf = Leaf(number, at + page - 1, zones, sheet.on(page), shapes(edition.body), sheet.canceled, sheet.twice, mishap)
    return StackPage(sheet.serial, sheet.form, page, mishap), leaf


def shapes(form: Form) -> dict[str, dict[str, int]]:
    """How the numbers of a form are shaped, by key."""
    found = {}
    for one in form.fields():
        if one.type in ("digits", "bubble_digits"):
            found[one.key] = {"digits": one.digits, "decimals": one.decimals}
        for cell in one.cells:
            if cell.type == "digits":
                for line in range(1, one.lines + 1):
                    found[f"{one.key}.{line}.{cell.key}"] = {"digits": cell.digits, "decimals": cell.decimals}
    return found
