"""The rows of the recovery board: each visit, sheet, bottle, slip, payment and stray page with what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from appointments.quantities import words as quantity
from appointments.stages import BEFORE_ARRIVAL, LABELS
from outage.account import (
    SLIPS_A_SHEET,
    Account,
    BottleFacts,
    PaymentFacts,
    SheetFacts,
    SlipFacts,
    VisitFacts,
    WaiverFacts,
)
from records.search import beside

COLUMNS = {"entered": "Entered", "pages": "Pages", "drugs": "Drugs", "verified": "Verified", "money": "Money",
           "settled": "Settled"}  # fmt: skip
KINDS = {
    "appointment": "Visits", "form_sheet": "Sheets", "bottle": "Bottles", "page": "Stray pages",
    "card_slip": "Card slips", "ticket": "Tickets", "payment": "Payments",
}  # fmt: skip
TROUBLES = {
    "missing_in_settlement": "is missing in the settlement", "not_settled": "was declined or voided at the processor",
    "duplicate_payment": "looks as if it was written down twice", "to_accept": "has a likely match to be accepted",
    "chargeback": "was charged back",
}  # fmt: skip
"""What reconciliation found, after the words "Payment 1042"."""
STAYED_AWAY = ("no_show", "cancelled")


@dataclass(frozen=True)
class Cell:
    """One column of a row: ``state`` ok, waiting, problem or none (nothing to do there); ``words`` say what."""

    state: str = "none"
    words: str = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody has to do something."""
        return self.state in ("waiting", "problem")


NONE = Cell()


@dataclass(frozen=True)
class BoardRow:
    """A row of the board. ``entity`` and ``entity_id`` are what is waived; ``part`` says with which part it closes."""

    entity: str
    entity_id: str
    part: str
    title: str
    detail: str
    entered: Cell = NONE
    pages: Cell = NONE
    drugs: Cell = NONE
    verified: Cell = NONE
    money: Cell = NONE
    settled: Cell = NONE
    since: date | None = None
    """The first day of the money behind a row of slips."""
    waiver: WaiverFacts | None = None
    appointment_id: str | None = None
    serials: tuple[int, ...] = ()
    inside: bool = False
    """A sheet of a visit on the board: closing asks for the visit, which asks for its sheets."""
    is_covered: bool = False
    """Whether the visit it belongs to was let go."""
    copies: tuple[tuple[str, str], ...] = ()
    """Drug lines that stand on an earlier sheet of the visit as well, to the minute: sheet and line. Counting each once
    makes the sums equal."""
    notes: tuple[str, ...] = ()
    """Exceptions that stop nobody, such as waste without a witness."""
    unused_of: str = ""
    """The print of a sheet that is no visit's and of which nothing came back."""

    @property
    def id(self) -> str:
        """One text for the row."""
        return f"{self.entity}:{self.entity_id}"

    @property
    def is_open(self) -> bool:
        """Whether it is neither settled nor let go."""
        return self.waiver is None and not self.is_covered and any(cell.is_open for _, cell in self.cells())

    @property
    def missing(self) -> str:
        """What is missing, in words."""
        return "; ".join(cell.words for _, cell in self.cells() if cell.is_open)

    def cells(self) -> Iterator[tuple[str, Cell]]:
        """Every column with its cell."""
        yield from ((name, getattr(self, name)) for name in COLUMNS)


class Judge:
    """Says of every row of an account what is settled and what is missing."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.of_visit: dict[str, list[SheetFacts]] = defaultdict(list)
        for sheet in account.sheets.values():
            if sheet.appointment_id:
                self.of_visit[sheet.appointment_id].append(sheet)

    @cached_property
    def rows(self) -> list[BoardRow]:
        """Every row: visits each with its sheets, the other sheets, bottles, stray pages, then the money."""
        found: list[BoardRow] = []
        for visit in self.account.visits.values():
            found.append(self.visit_row(visit))
            found += [self.sheet_row(sheet) for sheet in self.of_visit[visit.id]]
        rest = [one for one in self.account.sheets.values() if one.appointment_id not in self.account.visits]
        found += [self.sheet_row(sheet) for sheet in rest if not sheet.about.slip]
        found += [self.bottle_row(bottle) for bottle in self.account.bottles.values()]
        found += self.page_rows()
        if self.account.outage.scope == "all":
            found += [self.ticket_row(visit) for visit in self.account.visits.values()]
        found += [self.slip_row(sheet) for sheet in self.account.sheets.values() if sheet.about.slip]
        found += self.payment_rows()
        return found

    def lives(self, sheet: SheetFacts) -> bool:
        """Whether a sheet has to be accounted for: neither spoiled nor let go."""
        return sheet.state not in ("spoiled", "waived") and not self.account.waived("form_sheet", sheet.id)

    def stayed_away(self, visit: VisitFacts) -> bool:
        """Whether nobody came, and no paper says otherwise."""
        return visit.stage in STAYED_AWAY and not any(sheet.has_come for sheet in self.of_visit[visit.id])

    def visit_row(self, visit: VisitFacts) -> BoardRow:
        """A visit with what its sheets want."""
        sheets = self.of_visit[visit.id]
        away = self.stayed_away(visit)
        drugs = NONE if away else self._drugs(visit)
        copies = self.copies(visit) if drugs.is_open else ()
        if copies:
            drugs = Cell("problem", f"{drugs.words}: the same line stands on two sheets")
        return BoardRow(
            "appointment", visit.id, "clinical", _title(visit), _who(visit),
            entered=Cell("ok", LABELS[visit.stage]) if away else self._entered(visit),
            pages=NONE if away else _pages(sheet for sheet in sheets if self.lives(sheet)),
            drugs=drugs,
            verified=NONE if away else _verified(sheet for sheet in sheets if self.lives(sheet)),
            waiver=self.account.waived("appointment", visit.id), appointment_id=visit.id,
            serials=tuple(sheet.serial for sheet in sheets), copies=copies,
            notes=tuple(text for sheet in sheets if sheet.entry for text in sheet.entry.exceptions),
        )  # fmt: skip

    def _entered(self, visit: VisitFacts) -> Cell:
        sheets = self.of_visit[visit.id]
        living = [sheet for sheet in sheets if self.lives(sheet)]
        if visit.stage in STAYED_AWAY:
            used = next(sheet for sheet in sheets if sheet.has_come)
            return Cell("problem", f"{LABELS[visit.stage]}, but sheet {used.serial} was used")
        done = [sheet for sheet in living if sheet.state == "entered"]
        if living and len(done) == len(living):
            return Cell("ok", f"By {_names(sheet.entry.keyed_by for sheet in done if sheet.entry)}")
        if not sheets:
            return Cell("problem", "No sheet belongs to it: bind its blank stock")
        if not living:
            return Cell("ok", "Its sheets were let go")
        if not any(sheet.has_come for sheet in living):
            if visit.stage in BEFORE_ARRIVAL:
                return Cell("problem", "Did not come, or its paper is missing")
            return Cell("problem", "Its paper did not come back")
        if done or any(sheet.entry for sheet in living):
            return Cell("waiting", f"Begun: {len(done)} of {len(living)} sheets entered")
        return Cell("waiting", "To be entered")

    def _drugs(self, visit: VisitFacts) -> Cell:
        """Drawn by the sheets of the visit against what the drug log took out of each bottle for it."""
        written, unclear = self.drawn_on(self.of_visit[visit.id])
        logged: dict[str, int] = defaultdict(int)
        for line in self.account.lines:
            if line.appointment_id == visit.id:
                logged[line.bottle_id] += line.taken
        if unclear:
            return Cell("problem", f"A drug line names no bottle we know: {unclear[0] or 'none written'}")
        if not any(self.lives(sheet) and sheet.entry for sheet in self.of_visit[visit.id]):
            return NONE  # nothing of it is keyed: what is logged for it so far came from the bottle's own sheet
        for bottle_id in {*written, *logged}:
            on_sheet, in_log = written.get(bottle_id, 0), logged.get(bottle_id, 0)
            if on_sheet != in_log and not self._excused(visit):
                return Cell("problem", f"{self._bottle(bottle_id)}: sheet {self._amount(bottle_id, on_sheet)}, "
                                       f"drug log {self._amount(bottle_id, in_log)}")  # fmt: skip
        return Cell("ok", f"{len(written)} {'bottle' if len(written) == 1 else 'bottles'}") if written else NONE

    def copies(self, visit: VisitFacts) -> tuple[tuple[str, str], ...]:
        """The drug lines of later sheets that stand on an earlier sheet of the visit, to the minute, where counting
        them once is what the drug log took out."""
        seen: set[tuple[str, int, str]] = set()
        found: list[tuple[str, str]] = []
        once: dict[str, int] = defaultdict(int)
        for sheet in sorted(self.of_visit[visit.id], key=lambda one: one.serial):
            mine = sheet.entry.drugs if sheet.entry and sheet.entry.state != "draft" else ()
            lines = [(self.account.named.get(line.bottle.casefold(), ""), line) for line in mine]
            for bottle, line in lines:
                if line.at and line.drawn is not None and (bottle, line.drawn, line.at) in seen:
                    found.append((sheet.id, line.place))
                else:
                    once[bottle] += line.drawn or 0
            seen |= {(bottle, line.drawn, line.at) for bottle, line in lines if line.drawn is not None}
        logged: dict[str, int] = defaultdict(int)
        for taken in self.account.lines:
            if taken.appointment_id == visit.id:
                logged[taken.bottle_id] += taken.taken
        return tuple(found) if found and dict(once) == dict(logged) else ()

    def _excused(self, visit: VisitFacts) -> bool:
        """A sheet on which the drugs may have stood is gone, and somebody said so."""
        return any(sheet.about.lines and not self.lives(sheet) for sheet in self.of_visit[visit.id])

    def drawn_on(self, sheets: Iterable[SheetFacts]) -> tuple[dict[str, int], list[str]]:
        """What was keyed as drawn, by bottle, and the numbers of bottles (or none) that nobody can place."""
        drawn: dict[str, int] = defaultdict(int)
        unclear = []
        for sheet in sheets:
            for line in sheet.entry.drugs if sheet.entry and sheet.entry.state != "draft" else ():
                bottle = (
                    sheet.bottle_id
                    if sheet.about.subject == "bottle"
                    else self.account.named.get(line.bottle.casefold())
                )
                if bottle is None or line.drawn is None:
                    unclear.append(line.bottle)
                else:
                    drawn[bottle] += line.drawn
        return dict(drawn), unclear

    def sheet_row(self, sheet: SheetFacts) -> BoardRow:
        """One printed serial."""
        visit = self.account.visits.get(sheet.appointment_id or "")
        waiver = self.account.waived("form_sheet", sheet.id)
        away = visit is not None and self.stayed_away(visit)
        lives = self.lives(sheet)
        entered, pages, verified = NONE, NONE, NONE
        if sheet.state == "spoiled":
            entered = Cell("ok", f"Spoiled: {sheet.reason}" if sheet.reason else "Spoiled")
        elif not lives and waiver is None:
            entered = NONE
        elif away:
            entered = Cell("ok", "Not needed: nobody came")
        elif sheet.is_gap and not sheet.has_come:
            pages = Cell("problem", "Sheets before and after it were used: where is this one?")
        elif sheet.about.subject == "day" and not sheet.has_come:
            pages = Cell("none", "For reading")
        else:
            pages, verified = _pages([sheet]), _verified([sheet])
            if sheet.about.subject != "day":
                entered = self._sheet_entered(sheet)
        return BoardRow(
            "form_sheet", sheet.id, "clinical", f"Sheet {sheet.serial}",
            f"{sheet.about.title} · {_title(visit).lower()}" if visit else f"{sheet.about.title}{self._whose(sheet)}",
            entered=entered, pages=pages, verified=verified, waiver=waiver, appointment_id=sheet.appointment_id,
            serials=(sheet.serial,), inside=visit is not None, notes=sheet.entry.exceptions if sheet.entry else (),
            is_covered=visit is not None and self.account.waived("appointment", visit.id) is not None,
            unused_of="" if visit or sheet.has_come else sheet.run,
        )  # fmt: skip

    def _whose(self, sheet: SheetFacts) -> str:
        bottle = self.account.bottles.get(sheet.bottle_id or "")
        return f" · bottle {bottle.number}" if bottle else ""

    @staticmethod
    def _sheet_entered(sheet: SheetFacts) -> Cell:
        if sheet.state == "entered":
            return Cell("ok", f"By {sheet.entry.keyed_by}" if sheet.entry else "Entered")
        if sheet.entry:
            return Cell("waiting", "Begun")
        if sheet.has_come and sheet.appointment_id is None and sheet.about.subject != "bottle":
            return Cell("problem", "Whose is it? Enter it, or bind it to a visit")
        return Cell("waiting", "To be entered") if sheet.has_come else Cell("problem", "Did not come back")

    def bottle_row(self, bottle: BottleFacts) -> BoardRow:
        """A bottle: what paper says was drawn against what the drug log took out."""
        travel, own, taken = self.sums(bottle.id)
        unit = bottle.unit
        if own is not None and own != taken:
            cell = Cell("problem", f"Drug log sheet {quantity(own, unit)}, taken out {quantity(taken, unit)}")
        elif own is None and travel != taken:
            cell = Cell("problem", f"Travel sheets {quantity(travel, unit)}, taken out {quantity(taken, unit)}")
        else:
            cell = Cell("ok", f"{quantity(taken, unit)} drawn and taken out")
        return BoardRow(
            "bottle", bottle.id, "clinical", f"Bottle {bottle.number}", bottle.drug, drugs=cell,
            waiver=self.account.waived("bottle", bottle.id),
        )  # fmt: skip

    def sums(self, bottle_id: str) -> tuple[int, int | None, int]:
        """In thousandths: drawn by the visits' sheets, drawn by the bottle's own sheets (None where none was keyed),
        and taken out of the bottle by the drug log."""
        travel, own, log = self._sums
        return travel.get(bottle_id, 0), own.get(bottle_id), log.get(bottle_id, 0)

    @cached_property
    def _sums(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        sheets = self.account.sheets.values()
        travel, _ = self.drawn_on(one for one in sheets if one.about.subject != "bottle")
        bottles = [one for one in sheets if one.bottle_id and one.entry and one.entry.state != "draft"]
        own = {str(one.bottle_id): 0 for one in bottles} | self.drawn_on(bottles)[0]
        log: dict[str, int] = defaultdict(int)
        for line in self.account.lines:
            log[line.bottle_id] += line.taken
        return travel, own, dict(log)

    def page_rows(self) -> list[BoardRow]:
        """Scanned pages that belong to no sheet yet."""
        return [
            BoardRow(
                "page", page.id, "clinical", f"Page {page.number} of {page.source}", "Scanned, not placed",
                pages=Cell("waiting", "Not one of our forms: attach it or say that it is not ours"
                           if page.state == "foreign" else "Waits in review"),
                waiver=self.account.waived("page", page.id),
            )
            for page in self.account.pages
        ]  # fmt: skip

    def ticket_row(self, visit: VisitFacts) -> BoardRow:
        """The money of a visit."""
        return BoardRow(
            "ticket", visit.id, "money", _title(visit), _who(visit), money=self._ticket(visit),
            waiver=self.account.waived("ticket", visit.id), appointment_id=visit.id,
        )  # fmt: skip

    def _ticket(self, visit: VisitFacts) -> Cell:
        stands = visit.standing
        if self.stayed_away(visit):
            return NONE
        if stands is None:
            return Cell("waiting", "No ticket yet")
        if not stands.is_live:
            return Cell("ok", f"Ticket is {stands.document}")
        if stands.balance:
            return Cell("waiting", f"{self._money(stands.balance)} still open")
        if stands.document == "draft":
            return Cell("waiting", "The ticket is not completed")
        return Cell("ok", f"{self._money(stands.paid)} paid" if stands.paid else "Nothing to pay")

    def slip_row(self, sheet: SheetFacts) -> BoardRow:
        """A sheet of four card slips."""
        keyed = [part for part in sheet.parts.values() if not part.reason]
        last = max(sheet.parts, default=SLIPS_A_SHEET if sheet.is_gap else 0)
        unkeyed = [str(part) for part in range(1, last + 1) if part not in sheet.parts]
        loose = [part for part in keyed if self._unpaid(part.payment_id)]
        asked = [part for part in loose if part.asked]
        uncharged = [part for part in loose if not part.charged and not part.asked]
        left = [str(part.part) for part in sheet.parts.values() if not part.destroyed]
        waiver = self.account.waived("card_slip", sheet.id)
        if not self.lives(sheet) and waiver is None:
            cell = Cell("ok", f"{sheet.state.capitalize()}: {sheet.reason}" if sheet.reason else sheet.state)
        elif sheet.is_gap and not sheet.parts:
            cell = Cell("problem", "Slips before and after it were used: where is this sheet?")
        elif unkeyed:
            cell = Cell("problem", f"Slip {', '.join(unkeyed)} not keyed, a later one was")
        elif uncharged:
            cell = Cell("waiting", f"{self._sum(uncharged)} not charged yet")
        elif asked:
            cell = Cell("waiting", f"{self._sum(asked)} asked for by payment request")
        elif loose:
            cell = Cell("waiting", f"{self._sum(loose)} not on a ticket yet")
        elif left:
            cell = Cell("waiting", f"Keyed; destroy slip {', '.join(left)}")
        else:
            cell = Cell("ok", f"{self._money(sum(part.amount_cents for part in keyed))}, destroyed")
        return BoardRow(
            "card_slip", sheet.id, "money", f"Slips {sheet.serial}",
            f"{len(keyed)} keyed" + (f", {len(sheet.parts) - len(keyed)} spoiled" if len(keyed) < len(sheet.parts) else
                                     ""),
            money=cell, settled=self._settled(keyed), since=self._since(keyed), waiver=waiver, serials=(sheet.serial,),
        )  # fmt: skip

    def _sum(self, parts: Iterable[SlipFacts]) -> str:
        return self._money(sum(part.amount_cents for part in parts))

    def _settled(self, parts: Iterable[SlipFacts]) -> Cell:
        """How far the money of slips came at the processor."""
        paid = [self.account.payments.get(part.payment_id or "") for part in parts]
        found = [one for one in paid if one is not None and not one.voided]
        if not found:
            return NONE
        wrong = [one for one in found if one.open_cents and one.settled.trouble]
        if wrong:
            more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            return Cell("problem", f"Payment {wrong[0].reference} {self._trouble(wrong[0])}{more}")
        waiting = sum(one.open_cents for one in found)
        if waiting:
            return Cell("waiting", f"{self._money(waiting)} not settled yet")
        written_off = sum(one.settled.written_off_cents for one in found)
        told = f"{self._money(sum(one.settled_cents for one in found))} settled"
        return Cell("ok", f"{told}, {self._money(written_off)} written off" if written_off else told)

    def _since(self, parts: Iterable[SlipFacts]) -> date | None:
        paid = [self.account.payments.get(part.payment_id or "") for part in parts]
        return min((one.day for one in paid if one is not None), default=None)

    def _trouble(self, payment: PaymentFacts) -> str:
        if payment.settled.trouble in TROUBLES:
            return TROUBLES[payment.settled.trouble]
        if payment.settled_cents:
            return f"was settled for {self._money(payment.settled_cents)}, not {self._money(payment.net_cents)}"
        return "does not agree with the settlement"

    def _unpaid(self, payment_id: str | None) -> bool:
        payment = self.account.payments.get(payment_id or "")
        return payment is None or payment.voided

    def payment_rows(self) -> list[BoardRow]:
        """Payments by slip that no keyed slip stands behind."""
        behind = {
            part.payment_id
            for sheet in self.account.sheets.values()
            for part in sheet.parts.values()
            if part.payment_id
        }
        return [
            BoardRow(
                "payment", payment.id, "money", f"Payment {payment.reference}", self._money(payment.amount_cents),
                money=Cell("problem", "Taken by slip, but no slip was keyed for it"),
                waiver=self.account.waived("payment", payment.id),
            )
            for payment in self.account.payments.values()
            if payment.id not in behind and not payment.voided
        ]  # fmt: skip

    def _money(self, cents: int) -> str:
        return self.account.words.money(cents) if self.account.shows_money else "an amount"

    def _bottle(self, bottle_id: str) -> str:
        bottle = self.account.bottles.get(bottle_id)
        return f"Bottle {bottle.number}" if bottle else "A bottle"

    def _amount(self, bottle_id: str, thousandths: int) -> str:
        bottle = self.account.bottles.get(bottle_id)
        return quantity(thousandths, bottle.unit if bottle else "")


def _pages(sheets: Iterable[SheetFacts]) -> Cell:
    there, wanted = 0, 0
    missing: list[str] = []
    review: list[str] = []
    for sheet in sheets:
        wanted += sheet.pages
        there += len(sheet.attached)
        if not sheet.attached and not sheet.review:
            missing.append(f"{sheet.about.title.lower()} {sheet.serial}")
        else:
            missing += _named(f"{sheet.about.title.lower()} {sheet.serial}", sheet.missing)
        review += _named(f"sheet {sheet.serial}", sheet.review)
    if not wanted:
        return NONE
    if missing:
        return Cell("problem", f"Not scanned: {'; '.join(missing)}")
    if review:
        return Cell("waiting", f"In review: {'; '.join(review)}")
    return Cell("ok", f"{there} of {wanted}")


def _named(sheet: str, pages: Iterable[int]) -> list[str]:
    numbers = [str(page) for page in sorted(pages)]
    return [f"{sheet}, page{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"] if numbers else []


def _verified(sheets: Iterable[SheetFacts]) -> Cell:
    """A second person reads the drug lines against the paper."""
    entries = [one.entry for one in sheets if one.entry and one.entry.drugs and one.entry.state != "draft"]
    if not entries:
        return NONE
    if any(entry.state != "verified" for entry in entries):
        return Cell("waiting", "A second person has to check the drug lines")
    return Cell("ok", f"By {_names(entry.verified_by for entry in entries)}")


def _names(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "Operator"


def _title(visit: VisitFacts | None) -> str:
    return f"Visit {visit.number}" if visit else ""


def _who(visit: VisitFacts) -> str:
    if visit.hidden:
        return visit.animal
    walked = " · walk-in" if visit.walk_in else ""
    owner = beside(visit.animal, visit.owner)
    return " · ".join(part for part in (visit.animal, owner) if part) + walked
