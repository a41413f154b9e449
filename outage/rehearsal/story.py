"""A day on paper, made up by seed: who comes and who does not, what is written on every sheet, and what adds up.

Drugs go into the bottles whose logs were printed, line for line the same on the travel sheet and on the log; every log
is counted out at the end. What is told here is the truth that a rehearsal is held against.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from appointments.drug_register import BottleRow, bottles
from appointments.roster import RosterRow, rows_where
from data.models import Appointment, Clinic, FormSheet, User
from data.session import ClinicSession
from forms.editions import Edition, edition_of, paper_and_order
from outage.printing import STAYS_AWAY
from security.actor import Actor
from security.rules import look

NO_SHOWS, WALK_INS = 3, 2
PER_KG = {"ketamine": 50, "butorphanol": 20, "dexmedetomidine": 15, "buprenorphine": 30}
"""Thousandths of a mL for a kg; 20 for what is not named."""
FEVER = {"cat": 101.4, "dog": 101.2, "rabbit": 102.0, "": 98.4}
"""Degrees Fahrenheit; people have no species."""
PEOPLE = (
    ("Wren", "Falkner", "Pickle", "cat", "female", "3.4"),
    ("Otis", "Brandt", "Domino", "dog", "male", "11.8"),
    ("Ida", "Kessler", "Marble", "cat", "male", "4.1"),
    ("Theo", "Lund", "Biscuit", "dog", "female", "8.6"),
)
"""Who walks in: owner, animal, species, sex, kg."""


@dataclass
class Filled:
    """One sheet and what is written on it, by the keys of its fields (``grid.line.column`` in lines). ``pages`` holds
    what differs by page, on a form that continues."""

    serial: int
    form: str
    appointment_id: str | None = None
    bottle_id: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    pages: dict[int, dict[str, Any]] = field(default_factory=dict)
    canceled: list[tuple[str, str]] = field(default_factory=list)
    twice: list[tuple[str, str]] = field(default_factory=list)

    def on(self, page: int) -> dict[str, Any]:
        """What stands on one page."""
        return self.pages.get(page, self.values)


@dataclass
class WalkIn:
    """Somebody without an appointment, with the blank sheets they were given."""

    owner: str
    animal: str
    serials: dict[str, int]


@dataclass
class Story:
    """What happened that day. Serials name sheets."""

    day: date
    began_at: datetime
    ended_at: datetime
    filled: dict[int, Filled]
    no_shows: list[str]
    walk_ins: list[WalkIn]
    lost: int
    """A travel sheet that nobody finds again."""
    torn: int
    """One whose first page has lost both codes."""
    scanned_twice: int
    slip: int
    """A card slip that got into the stack."""
    drawn: dict[str, int]
    """Thousandths drawn from each bottle, by its number."""


@dataclass
class _Hands:
    """Who writes and signs."""

    vets: list[str]
    initials: list[str]


def tell(
    serials: Collection[int], day: date, began_at: datetime, ended_at: datetime, *, by: Actor, seed: int = 1,
    no_shows: int = NO_SHOWS, walk_ins: int = WALK_INS,
) -> Story:  # fmt: skip
    """Make up the day whose paper has these serials, between two instants. Raises NotPermitted."""
    with look(by, "outage.print") as session:
        rows = rows_where(session, Appointment.day == day, Appointment.stage.not_in(STAYS_AWAY), by=by)
        sheets = session.scalars(
            select(FormSheet).where(FormSheet.serial.in_(set(serials))).order_by(FormSheet.serial)
        ).all()
        for sheet in sheets:
            session.expunge(sheet)
        zone = ZoneInfo(session.get_one(Clinic, session.clinic_id).zone)
        order = paper_and_order(session)[1]
        editions = {one.form: edition_of(session, one.edition) for one in sheets}
        lines = {form: _lines(edition) for form, edition in editions.items()}
        celsius = any(one.unit == "°C" for edition in editions.values() for one in edition.body.fields())
        hands = _hands(session)
    standing = {one.id: one for one in bottles(by=by)}
    return _Telling(rows, sheets, standing, hands, zone, order, lines, celsius, day, began_at, ended_at, seed).story(
        no_shows, walk_ins
    )


def _lines(edition: Edition) -> int:
    """How many repeating lines a page of a form has at most."""
    numbers = [int(zone.key.split(".")[1]) for zone in edition.page(1)[1] if zone.key.count(".") == 2]
    return max(numbers, default=0)


def _hands(session: ClinicSession) -> _Hands:
    people = session.scalars(select(User).where(User.status == "active").order_by(User.name)).all()
    marks = [one.initials for one in people if one.initials]
    vets = [one.name for one in people if one.role == "clinician"] or [people[0].name if people else "Dr. Practice"]
    return _Hands(vets, marks or ["PR"])


class _Telling:
    """The day while it is made up."""

    def __init__(
        self, rows: Sequence[RosterRow], sheets: Sequence[FormSheet], standing: dict[str, BottleRow], hands: _Hands,
        zone: ZoneInfo, order: str, lines: dict[str, int], celsius: bool, day: date, began_at: datetime,
        ended_at: datetime, seed: int,
    ) -> None:  # fmt: skip
        self.rng = Random(seed)  # noqa: S311 - made-up data
        self.rows, self.sheets, self.hands, self.zone = rows, sheets, hands, zone
        self.lines, self.celsius = lines, celsius
        self.order, self.day, self.began_at, self.ended_at = order, day, began_at, ended_at
        self.of_visit = {(one.appointment_id, one.form): one for one in sheets if one.appointment_id}
        self.blank: dict[str, list[FormSheet]] = {}
        self.logs: dict[str, list[FormSheet]] = {}
        for one in sheets:
            if one.bottle_id:
                self.logs.setdefault(one.bottle_id, []).append(one)
            elif one.appointment_id is None:
                self.blank.setdefault(one.form, []).append(one)
        self.bottles = self._one_of_each_drug(standing)
        self.left = {one.id: one.balance * 9 // 10 for one in self.bottles}
        self.uses: dict[str, list[dict[str, Any]]] = {one.id: [] for one in self.bottles}
        self.filled: dict[int, Filled] = {}

    def _one_of_each_drug(self, standing: dict[str, BottleRow]) -> list[BottleRow]:
        drugs: dict[str, BottleRow] = {}
        for bottle_id in self.logs:
            one = standing.get(bottle_id)
            if one is not None and one.balance > 200:
                drugs.setdefault(one.drug, one)
        return sorted(drugs.values(), key=lambda one: one.number)[:4]

    def story(self, missed: int, walking: int) -> Story:
        """Everything in its order: visits, walk-ins, roster, logs."""
        coming = [row for row in self.rows if (row.id, "travel-sheet") in self.of_visit]
        chosen = self.rng.sample(range(2, len(coming)), min(missed, max(0, len(coming) - 5))) if coming else []
        no_shows = [coming[place].id for place in sorted(chosen)]
        there = [row for row in coming if row.id not in no_shows]
        walk_ins = min(walking, len(self.blank.get("walk-in", ())))
        self.minutes = (self.ended_at - self.began_at).total_seconds() / 60
        self.step = max(1.0, (self.minutes - 175) / max(1, len(there) + walk_ins))
        for place, row in enumerate(there):
            self._visit(place, row)
        walked = [self._walk_in(len(there) + number, number) for number in range(walk_ins)]
        self._roster(no_shows)
        self._logs()
        travels = [self.of_visit[row.id, "travel-sheet"].serial for row in there]
        consents = [self.of_visit[row.id, "consent"].serial for row in there if (row.id, "consent") in self.of_visit]
        self._changes_of_mind(consents)
        slips = [one.serial for one in self.blank.get("card-slip", ())]
        return Story(
            self.day, self.began_at, self.ended_at, self.filled, no_shows, walked,
            lost=travels[len(travels) // 2] if len(travels) > 4 else 0,
            torn=travels[len(travels) // 3] if len(travels) > 4 else 0,
            scanned_twice=consents[1] if len(consents) > 1 else 0, slip=slips[0] if slips else 0,
            drawn={one.number: sum(use["drawn"] for use in self.uses[one.id]) for one in self.bottles},
        )  # fmt: skip

    def _clock(self, minutes: float) -> str:
        """So many minutes into the outage, as the clock on the wall shows it."""
        return f"{(self.began_at + timedelta(minutes=round(minutes))).astimezone(self.zone):%H:%M}"

    def _sheet(self, row_id: str | None, form: str, sheet: FormSheet | None = None) -> Filled | None:
        sheet = sheet or self.of_visit.get((row_id or "", form))
        if sheet is None:
            return None
        made = Filled(sheet.serial, form, sheet.appointment_id, sheet.bottle_id)
        self.filled[sheet.serial] = made
        return made

    def _visit(self, place: int, row: RosterRow) -> None:
        consent, travel = self._sheet(row.id, "consent"), self._sheet(row.id, "travel-sheet")
        if consent is not None:
            consent.values = self._consent(_name(row.owner), place)
        if travel is not None:
            kg = f"{max(0.4, (row.weight_grams or (3_500 if row.species else 70_000)) / 1000):.1f}"
            sex = row.sex if row.sex in ("female", "male") else "female"
            done = ["surgery" if row.species else "as_booked"] + (
                ["nail-trim"] if row.species and place % 6 == 4 and "nail-trim" not in row.service_codes else []
            )
            outcome = "held_overnight" if place == 9 else "checked_out"
            species = row.species.lower()
            who = (row.number, row.animal, species, _name(row.owner))
            travel.values = self._travel(place, species, sex, kg, who, row.surgical, done, outcome)

    def _walk_in(self, place: int, number: int) -> WalkIn:
        first, last, animal, species, sex, kg = PEOPLE[number % len(PEOPLE)]
        owner = f"{first} {last}"
        sheets = {form: self.blank[form][number] for form in ("walk-in", "consent", "travel-sheet")}
        written = {"owner": owner, "animal": animal, "species": species.capitalize(), "sex": sex.capitalize()}
        registration = self._sheet(None, "walk-in", sheets["walk-in"])
        consent = self._sheet(None, "consent", sheets["consent"])
        travel = self._sheet(None, "travel-sheet", sheets["travel-sheet"])
        assert registration is not None and consent is not None and travel is not None
        registration.values = {
            "first_name": first, "last_name": last, "phone": f"845555{7100 + number}",
            "address": f"{4 + number} Mill Ln", "city": "Millbrook", "postal_code": "12545", "owner_type": "public",
            "may_contact": ["email"],
            "email": f"{first}.{last}@example.org".lower(), "animal": animal, "breed": "Mixed", "colour": "Black",
            "species": species, "sex": sex, "altered": "no", "age_years": "2",
            "services": ["spay" if sex == "female" else "neuter"],
            "arrived_at": self._clock(self._arrived(place)), "registered_by": self.hands.initials[0],
            "signature": owner, "signed_on": self._date(),
        }  # fmt: skip
        if not any(row.species for row in self.rows):  # people, who come for themselves
            written = {"patient": owner, "contact": owner, "sex": sex.capitalize(), "born": self._date()}
            registration.values |= {"services": ["visit"], "reason": "Cut on the hand", "allergies": "None known"}
            kg, animal, species = "70.0", owner, ""
        consent.values = self._consent(owner, place) | written
        travel_serial = sheets["travel-sheet"].serial
        who = (travel_serial, animal, species, owner)
        travel.values = written | self._travel(
            place, species, sex, kg, who, bool(species), ["surgery" if species else "as_booked"], "checked_out"
        )
        return WalkIn(owner, animal, {form: sheet.serial for form, sheet in sheets.items()})

    def _date(self) -> str:
        parts = {"m": f"{self.day:%m}", "d": f"{self.day:%d}", "y": f"{self.day:%Y}"}
        return "/".join(parts[letter] for letter in self.order)

    def _degrees(self, fahrenheit: float) -> str:
        """As the clinic's paper asks for it."""
        return f"{(fahrenheit - 32) / 1.8 if self.celsius else fahrenheit:.1f}"

    def _consent(self, owner: str, place: int) -> dict[str, Any]:
        rng = self.rng
        return {
            "eating": "yes", "fasted": "yes" if rng.random() < 0.95 else "no", "seen_vet": "no", "on_medicine": "no",
            "reacted": rng.choice(("no", "unknown")), "vaccinated": rng.choice(("yes", "no", "unknown")),
            "photo": "yes", "blood_tests": "no", "resuscitate": "yes" if rng.random() < 0.9 else "no",
            "emergency_limit": "250", "emergency_name": owner, "understood": True, "signature": owner,
            "printed_name": owner.upper(),
            "signed_on": self._date(), "witness": rng.choice(self.hands.initials),
            "witness_initials": rng.choice(self.hands.initials), "signed_at": self._clock(self._arrived(place)),
        }  # fmt: skip

    def _arrived(self, place: int) -> float:
        return min(2.0 + 2 * place, self._surgery_at(place) - 52)

    def _surgery_at(self, place: int) -> float:
        return 60 + place * self.step

    def _travel(
        self, place: int, species: str, sex: str, kg: str, who: tuple[int, str, str, str], surgical: bool,
        done: list[str], outcome: str,
    ) -> dict[str, Any]:  # fmt: skip
        rng = self.rng
        begin = self._surgery_at(place)
        end = begin + rng.randrange(9, 18)
        released = min(self.minutes - 2, end + 75 + rng.randrange(20))
        marks = self.hands.initials
        vet = self.hands.vets[place % len(self.hands.vets)]
        values: dict[str, Any] = {
            "weight": kg, "temperature": self._degrees(FEVER.get(species, 101.3) + rng.uniform(-0.6, 0.6)),
            "exam_at": self._clock(begin - 35), "pulse": str(rng.randrange(100, 190) - (0 if species else 48)),
            "respiration": str(rng.randrange(22, 40) - (0 if species else 10)), "sex_found": sex,
            "reproductive": "normal",
            "body_condition": rng.choice(("b4", "b5", "b6")), "approved": "yes", "examiner": rng.choice(marks),
            "services_done": done, "outcome": outcome, "released_at": self._clock(released),
            "aftercare_given": True, "released_to": who[3], "vet_signature": vet,
            "clinician_signature": vet,
        }  # fmt: skip
        if outcome != "checked_out":
            for key in ("released_at", "aftercare_given", "released_to"):
                del values[key]
            values["outcome_reason"] = "Slow to wake"
        if not surgical:
            return values
        values |= {
            "procedure": "spay" if sex == "female" else "neuter", "surgeon": vet, "surgery_start": self._clock(begin),
            "surgery_end": self._clock(end), "suture": "3-0 PDS", "marks": ["tattoo"],
            "extubated_at": self._clock(end + 5), "first_temperature": self._degrees(rng.uniform(98.6, 100.4)),
            "recovery_by": rng.choice(marks), "pain": str(rng.choice((0, 1, 1, 2))),
            "observations.1.time": self._clock(end + 6),
            "observations.1.temperature": self._degrees(rng.uniform(98.6, 100)),
            "observations.1.heart_rate": str(rng.randrange(90, 160)),
            "observations.1.respiration": str(rng.randrange(16, 30)), "observations.1.membranes": "pink",
            "observations.1.by": rng.choice(marks),
        }  # fmt: skip
        return values | self._drugs(place, begin, end, float(kg), who)

    def _drugs(self, place: int, begin: float, end: float, kg: float, who: tuple[int, str, str, str]) -> dict[str, Any]:
        """A line for each bottle that has enough left, here and on the bottle's log."""
        at = {"premedicated": begin - 22, "induced": begin - 9, "recovering": end + 4}
        lines: dict[str, Any] = {}
        for bottle in self.bottles:
            per_kg = next((dose for name, dose in PER_KG.items() if name in bottle.drug.lower()), 20)
            given = max(20, round(per_kg * kg / 10) * 10)
            wasted = 10 * self.rng.randrange(1, 4) if self.rng.random() < 0.06 else 0
            drawn = given + wasted
            room = self.lines["drug-log"] * len(self.logs[bottle.id])
            if drawn > self.left[bottle.id] or len(self.uses[bottle.id]) >= room:
                continue
            self.left[bottle.id] -= drawn
            by, witness = self._two()
            use: dict[str, Any] = {
                "at": at.get(bottle.stage, begin - 15), "who": who, "drawn": drawn, "given": given, "wasted": wasted,
                "by": by, "witness": witness if wasted and place != 3 else "",
            }  # fmt: skip
            self.uses[bottle.id].append(use)
            number = sum(key.endswith(".drug") for key in lines) + 1
            line = {
                "drug": bottle.drug, "bottle": bottle.number, "drawn": _ml(drawn), "given": _ml(given),
                "route": bottle.route or "IM", "time": self._clock(use["at"]), "by": by, "witness": use["witness"],
            }  # fmt: skip
            lines |= {f"drugs.{number}.{key}": text for key, text in line.items() if text}
        return lines

    def _two(self) -> tuple[str, str]:
        marks = self.hands.initials
        by = self.rng.choice(marks)
        return by, next((mark for mark in self.rng.sample(marks, len(marks)) if mark != by), by)

    def _roster(self, no_shows: Collection[str]) -> None:
        """The desk's list: who arrived and when."""
        sheet = next((one for one in self.blank.get("roster", ())), None)
        if sheet is None:
            return
        made = self._sheet(None, "roster", sheet)
        assert made is not None
        lines = self.lines.get("roster", 16)
        for place, row in enumerate(self.rows):
            page = made.pages.setdefault(place // lines + 1, {})
            line = place % lines + 1
            page[f"visits.{line}.came"] = "no_show" if row.id in no_shows else "arrived"
            if row.id not in no_shows:
                page[f"visits.{line}.at"] = self._clock(self._arrived(place))

    def _logs(self) -> None:
        """Each bottle's log, with its counts; a sheet that was not needed stays blank."""
        for bottle in self.bottles:
            uses = sorted(self.uses[bottle.id], key=lambda use: float(use["at"]))
            balance, lines = bottle.balance, self.lines["drug-log"]
            for number, sheet in enumerate(self.logs[bottle.id]):
                mine = uses[lines * number : lines * (number + 1)]
                if number and not mine:
                    break
                made = self._sheet(None, "drug-log", sheet)
                assert made is not None
                by, witness = self._two()
                if not number:
                    made.values |= {"count_am": _ml(balance), "am_by": f"{by} {witness}"}
                for line, use in enumerate(mine, 1):
                    balance -= use["drawn"]
                    made.values |= _log_line(line, use, balance, self._clock(use["at"]))
                if len(uses) <= lines * (number + 1):
                    made.values |= {"count_pm": _ml(balance), "pm_by": f"{by} {witness}"}

    def _changes_of_mind(self, consents: Sequence[int]) -> None:
        """One box crossed and then canceled, one question with two crosses."""
        if len(consents) > 4:
            self.filled[consents[len(consents) // 2]].canceled.append(("eating", "no"))
            both = self.filled[consents[len(consents) // 3]]
            both.twice += [("seen_vet", "yes"), ("seen_vet", "no")]


def _log_line(line: int, use: dict[str, Any], balance: int, at: str) -> dict[str, Any]:
    number, animal, species, owner = use["who"]
    told = {
        "time": at, "visit": str(number), "patient": f"{animal}, {species}", "owner": owner, "drawn": _ml(use["drawn"]),
        "given": _ml(use["given"]), "wasted": _ml(use["wasted"]) if use["wasted"] else "", "balance": _ml(balance),
        "by": use["by"], "witness": use["witness"],
    }  # fmt: skip
    return {f"uses.{line}.{key}": text for key, text in told.items() if text}


def _name(sorted_name: str) -> str:
    """A name as its owner writes it: Sanders, Susan is Susan Sanders."""
    last, _, first = sorted_name.partition(", ")
    return f"{first} {last}".strip()


def _ml(thousandths: int) -> str:
    return f"{thousandths / 1000:.2f}"
