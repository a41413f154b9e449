"""Three years of a spay/neuter clinic, made up by seed: clients, visits, drugs, money.

Everything is drawn from one ``random.Random``; ids too, so that the same seed on the same day gives the same clinic,
row for row. Rows are written in bulk; the rules that people use stay untouched by this shortcut.
"""

from __future__ import annotations

import functools
import math
from bisect import bisect, bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from opening import demo_names as names

Row = dict[str, Any]

SEASON = (0.92, 0.95, 1.02, 1.08, 1.1, 1.08, 1.05, 1.05, 1.02, 1.0, 0.94, 0.8)
"""Visits against the average, January to December: kitten season up, holidays down."""

SURGICAL_PATH = (
    "checked_in",
    "examined",
    "premedicated",
    "induced",
    "in_surgery",
    "recovering",
    "ready",
    "checked_out",
)
SHORT_PATH = ("checked_in", "examined", "ready", "checked_out")
CLOSING = time(16, 40)
"""By then everybody has gone home; the PM count follows."""
LIGHTEST = 900
"""Grams; nothing lighter is anesthetized."""
VITALS = {"cat": (185, 32, 3_850), "dog": (115, 26, 3_860), "rabbit": (215, 46, 3_900)}
"""Pulse, respiration and temperature of the species, the last in hundredths of a degree Celsius."""
MONITORED = timedelta(days=10)
"""How far back the surgeries have their readings: who looks, looks at the last days."""
DEATHS = {"cat": 0.0005, "dog": 0.0001}
"""Of those anesthetized (Levy 2017)."""

ONLINE = "stripe"
"""The processor on whose page payment requests are paid."""
REQUESTED = timedelta(days=40)
"""How far back late payments came by a payment request."""

CHANGING = frozenset({"client", "patient", "appointment", "bottle", "reminder"})
"""The tables whose rows later days still change; what happened stays as it was."""


def grown(species: str, adult_grams: float, months: float) -> float:
    """The weight at an age: nearly all of it at a year, later in large dogs and sooner in rabbits."""
    pace = {"cat": 5.2, "rabbit": 2.6}.get(species, 5.2 + adult_grams / 20_000)
    return float(adult_grams * (1 - math.exp(-((months / pace) ** 1.5))))


def on_the_scale(grams: float) -> int:
    """As scales show it: to ten grams, large animals to a hundred."""
    step = 10 if grams < 5_000 else 100
    return max(LIGHTEST, round(grams / step) * step)


@dataclass
class Setting:
    """What stands before the history: the clinic, its people, its price list and drugs."""

    zone: ZoneInfo
    today: date
    now: datetime
    location_id: str
    staff: list[str]
    vets: list[str]
    vet_speed: dict[str, float]
    services: dict[str, Row]
    """By code: id, name, price_cents, prices, tax_code, procedure, reminder_days."""
    drugs: dict[str, str]
    """Code to id."""
    funds: dict[str, Row]
    tax_millionths: int
    currency: str = "USD"


@dataclass
class History:
    """The rows, by table."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    taken: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, row: Row) -> Row:
        """Keep a row."""
        self.rows[table].append(row)
        return row

    def settled(self) -> dict[str, list[Row]]:
        """The rows since the last call that nothing changes any more."""
        return {name: self._since(name) for name in self.rows if name not in CHANGING}

    def rest(self) -> dict[str, list[Row]]:
        """All rows that ``settled`` has not given yet."""
        return {name: self._since(name) for name in self.rows}

    def _since(self, name: str) -> list[Row]:
        rows = self.rows[name][self.taken.get(name, 0) :]
        self.taken[name] = len(self.rows[name])
        return rows


class Draws(Random):
    """The demo's dice, as fair as made-up data needs. Half the time of making it up goes into drawing."""

    def choice(self, seq: Any) -> Any:
        """One of them, by one fraction: three times as fast."""
        return seq[int(self.random() * len(seq))]

    def weighted(self, seq: Any, weights: tuple[int, ...]) -> Any:
        """One of them, like ``choices``."""
        sums = _sums(weights)
        return seq[bisect(sums, self.random() * sums[-1], 0, len(seq) - 1)]

    def pair(self, seq: list[Any]) -> tuple[Any, Any]:
        """Two of them, like ``sample``."""
        last = len(seq) - 1
        first = self._randbelow(last + 1)  # type: ignore[attr-defined]
        second = self._randbelow(last)  # type: ignore[attr-defined]
        return seq[first], seq[last if second == first else second]


@functools.cache
def _sums(weights: tuple[int, ...]) -> list[float]:
    return list(accumulate(map(float, weights)))


class Maker:
    """Draws the history day by day."""

    def __init__(self, setting: Setting, rng: Draws) -> None:
        self.s = setting
        self.rng = rng
        self.out = History()
        self.clients: list[Row] = []
        self.by_client: dict[str, list[Row]] = defaultdict(list)
        self.appointment_number = 0
        self.invoice_number = 0
        self.payment_number = 0
        self.bottle_number = 0
        self.open_bottles: dict[str, tuple[Row, int]] = {}
        self.adult: dict[str, float] = {}
        """What a patient weighs or will weigh when grown, in grams."""
        self.operated: list[tuple[date, Row, Row]] = []
        self.came_back: set[str] = set()
        self.phones: set[str] = set()
        self.free: dict[str, datetime] = {}
        """When each surgeon has finished with the patient before."""
        self.on_paper: list[Row] = []
        """The visits of the outage's morning."""
        self.paper_bottles: list[Row] = []
        self._instants: dict[tuple[date, time], datetime] = {}
        self.request_number = 0
        self._tick = 0
        self._moment: datetime | None = None
        self._head = ""

    def id(self, at: datetime) -> str:
        """A UUIDv7 of that moment, with the rest from the seed."""
        self._tick = tick = (self._tick + 1) & 0xFFF
        if at is not self._moment:
            self._moment, head = at, f"{int(at.timestamp() * 1000):012x}"
            self._head = f"{head[:8]}-{head[8:]}-7"
        tail = self.rng.getrandbits(60)
        return f"{self._head}{tick:03x}-8{tail >> 48:03x}-{tail & 0xFFFFFFFFFFFF:012x}"

    def at(self, day: date, clock: time, minutes: float = 0) -> datetime:
        """A wall-clock time of the clinic as UTC."""
        found = self._instants.get((day, clock))
        if found is None:
            found = datetime.combine(day, clock, self.s.zone).astimezone(UTC)
            self._instants[day, clock] = found
        return found + timedelta(minutes=round(minutes, 1)) if minutes else found

    # -- people and animals -------------------------------------------------------------------------------------

    def client(self, at: datetime) -> Row:
        """A new client."""
        rng = self.rng
        first, last = rng.choice(names.FIRST), rng.choice(names.LAST)
        town, postal = rng.choice(names.TOWNS)
        digits = ""
        while not digits or digits in self.phones:
            area = rng.weighted(("845", "914", "518", "607", "203"), (40, 20, 16, 12, 12))
            digits = f"{area}555{rng.randrange(10_000):04d}"
        self.phones.add(digits)
        owner_type = rng.weighted(("public", "rescue", "caretaker"), (86, 8, 6))
        row = {
            "id": self.id(at), "number": 0, "first_name": first, "last_name": last,
            "email": f"{first}.{last}".lower() if rng.random() < 0.82 else "",
            "phone": f"({digits[:3]}) {digits[3:6]}-{digits[6:]}", "phone_digits": digits,
            "address": f"{rng.randrange(1, 900)} {rng.choice(names.STREETS)}", "city": town, "region": "NY",
            "postal_code": postal, "owner_type": owner_type, "entered_at": at,
        }  # fmt: skip
        self.out.add("client", row)
        self.clients.append(row)
        self.out.add(
            "consent",
            self.event(at, client_id=row["id"], channel="email", purpose="phi", given=rng.random() < 0.85,
                       wording="You may name my pet and the service in mails to me.", origin="phone"),
        )  # fmt: skip
        if rng.random() < 0.55:
            self.out.add(
                "consent",
                self.event(at, client_id=row["id"], channel="email", purpose="marketing", given=rng.random() < 0.6,
                           wording="Send me news and offers of the clinic.", origin="phone"),
            )  # fmt: skip
        if rng.random() < 0.04:
            clinical = rng.random() < 0.3
            body = rng.choice(names.CLINICAL_NOTES if clinical else names.NOTES)
            access = "clinicians" if clinical else "everyone"
            self.out.add("note", self.event(at, client_id=row["id"], access=access, body=body))
        return row

    def event(self, at: datetime, **columns: Any) -> Row:
        """An append-only row, written when it happened."""
        return {
            "id": self.id(at), "event_at": at, "entered_at": at, "source": "live",
            "by_user_id": self.rng.choice(self.s.staff), **columns,
        }  # fmt: skip

    def patient(self, client: Row, day: date, at: datetime, *, surgical: bool) -> Row:
        """A new patient of a client, as it is on the day of its first visit."""
        rng = self.rng
        kitten_season = 4 <= day.month <= 9
        species = rng.weighted(("cat", "dog", "rabbit"), (64 if kitten_season else 52, 38, 2))
        if client["owner_type"] == "caretaker":
            species = "cat"
        sex = rng.weighted(("female", "male"), (56, 44))
        kinds = names.BREEDS[species]
        breed, _, female, male, coats = rng.weighted(kinds, tuple(kind[1] for kind in kinds))
        spread = 0.4 if (species, breed) == ("dog", "Mixed") else 0.12
        adult = 1_000 * (female if sex == "female" else male) * rng.lognormvariate(0, spread)
        adult = min(max(adult, 1_300), 50_000)
        oldest = 84 if species == "rabbit" else 168
        months = min(oldest, max(2.0, rng.lognormvariate(2.1, 0.8)))
        while grown(species, adult, months) < LIGHTEST:
            months += 0.5
        if species == "cat" and sex == "female" and breed != "Siamese":
            coats = (*coats, *names.QUEENS_ONLY)
        row = {
            "id": self.id(at), "client_id": client["id"], "name": rng.choice(names.PETS), "species": species,
            "breed": breed, "colour": rng.choice(coats), "sex": sex,
            "altered": not surgical and months > 6 and rng.random() < 0.7,
            "born_on": day - timedelta(days=round(months * 30.44)), "born_estimated": rng.random() < 0.6,
            "weight_grams": on_the_scale(grown(species, adult, months) * rng.uniform(0.92, 1.08)),
            "microchip": f"98514{rng.randrange(10**10):010d}" if rng.random() < 0.3 else "",
            "caution": "Bites when cornered" if rng.random() < 0.02 else "", "died_on": None, "entered_at": at,
        }  # fmt: skip
        self.adult[row["id"]] = adult
        self.out.add("patient", row)
        self.by_client[client["id"]].append(row)
        return row

    def visitor(self, day: date, at: datetime, *, surgical: bool) -> tuple[Row, Row]:
        """Who comes: mostly new clients, some with another animal."""
        rng = self.rng
        if self.clients and rng.random() < 0.3:
            known = self.clients[-1 - int(min(len(self.clients) - 1, rng.expovariate(1 / 400)))]
            if known["entered_at"] <= at:
                return known, self.patient(known, day, at, surgical=surgical)
        client = self.client(at)
        return client, self.patient(client, day, at, surgical=surgical)

    def comes_again(self, day: date, after: tuple[int, int]) -> tuple[Row, Row] | None:
        """Somebody operated on so many days ago who has not been back since."""
        first, last = (bisect_left(self.operated, day - timedelta(days=days), key=lambda one: one[0])
                       for days in (after[1], after[0]))  # fmt: skip
        for _ in range(4):
            if last > first:
                _, client, patient = self.operated[self.rng.randrange(first, last)]
                if patient["id"] not in self.came_back:
                    self.came_back.add(patient["id"])
                    return client, patient
        return None

    # -- visits ---------------------------------------------------------------------------------------------------

    def clinic_days(self, first: date, last: date) -> Iterator[date]:
        """Monday to Friday, without the days between the years."""
        day = first
        while day <= last:
            holiday = (day.month, day.day) in ((1, 1), (7, 4), (12, 24), (12, 25), (12, 31))
            if day == self.s.today or (day.weekday() < 5 and not holiday):
                yield day
            day += timedelta(days=1)

    def services_for(self, patient: Row, visit_type: str, day: date) -> list[str]:
        """What is asked for."""
        rng, species = self.rng, patient["species"]
        vaccine = {"cat": "fvrcp", "dog": "dhpp"}.get(species)
        if visit_type == "vaccine":
            return ["rabies", *([vaccine] if vaccine else [])]
        if visit_type == "recheck":
            return []
        wanted = [f"{species}-{'spay' if patient['sex'] == 'female' else 'neuter'}"]
        if species != "rabbit" and rng.random() < 0.66 and (day - patient["born_on"]).days >= 84:
            wanted.append("rabies")
        if vaccine and rng.random() < 0.45:
            wanted.append(vaccine)
        if not patient["microchip"] and rng.random() < 0.25:
            wanted.append("microchip")
        if rng.random() < 0.5:
            wanted.append("pain-meds")
        if species == "dog" and rng.random() < 0.3:
            wanted.append("e-collar")
        return wanted

    def book(self, day: date, slot: int, *, surgical: bool = False, only: str = "") -> tuple[Row, Row, Row]:
        """One appointment on the books."""
        rng = self.rng
        visit_type = only or ("surgery" if surgical else rng.weighted(("surgery", "vaccine", "recheck"), (88, 9, 3)))
        known = None
        if visit_type == "recheck":
            known = self.comes_again(day, (7, 15))
            visit_type = "recheck" if known else "surgery"
        elif visit_type == "vaccine" and rng.random() < 0.4:
            known = self.comes_again(day, (345, 420))
        lead = int(rng.expovariate(1 / 16)) if visit_type != "recheck" else rng.randrange(3, 7)
        walk_in = known is None and rng.random() < 0.04 and day <= self.s.today
        starts = self.at(day, time(7, 30), 5 * (slot % 18)) if visit_type == "surgery" else self.at(
            day, time(13), 10 * (slot % 18)
        )  # fmt: skip
        asked_on = day - timedelta(days=max(1, lead))
        asked_on -= timedelta(days=max(0, asked_on.weekday() - 4))
        booked_at = self.at(asked_on, time(8), rng.uniform(0, 520))
        if walk_in:
            booked_at = starts - timedelta(minutes=rng.randrange(5, 25))
        booked_at = min(booked_at, self.s.now - timedelta(minutes=5))
        client, patient = known or self.visitor(day, booked_at, surgical=visit_type == "surgery")
        weaned = self.at(patient["born_on"] + timedelta(days=30), time(10))
        booked_at = min(max(booked_at, patient["entered_at"], weaned), self.s.now - timedelta(minutes=5))
        if known is None:
            patient["entered_at"] = booked_at
        self.appointment_number += 1
        fund = ""
        if visit_type == "surgery" and rng.random() < (0.5 if client["owner_type"] == "caretaker" else 0.07):
            fund = "feral-fix" if patient["species"] == "cat" else "community-grant"
        row = {
            "id": self.id(booked_at), "number": self.appointment_number, "client_id": client["id"],
            "patient_id": patient["id"], "location_id": self.s.location_id, "type": visit_type, "starts_at": starts,
            "day": day, "minutes": 15 if visit_type == "surgery" else 10, "stage": "booked", "stage_at": booked_at,
            "walk_in": walk_in, "scheduled_on": booked_at.astimezone(self.s.zone).date(),
            "provider_id": self.s.vets[(slot + day.toordinal()) % len(self.s.vets)],
            "services": self.services_for(patient, visit_type, day),
            "funding": fund, "caution": patient["caution"], "entered_at": booked_at,
        }  # fmt: skip
        self.out.add("appointment", row)
        self.promise(row, "pending", booked_at)
        self.move(row, "requested", "booked", booked_at)
        asked = self.at(day - timedelta(days=rng.randrange(1, 5)), time(9), rng.uniform(0, 420))
        if not walk_in and rng.random() < 0.75 and booked_at < asked <= self.s.now:
            self.move(row, "booked", "confirmed", asked)
        return client, patient, row

    def move(self, appointment: Row, origin: str, target: str, at: datetime, **more: Any) -> None:
        """One flow event."""
        self.out.add(
            "flow_event",
            self.event(at, appointment_id=appointment["id"], from_stage=origin, to_stage=target,
                       reason=more.get("reason", "")),
        )  # fmt: skip
        appointment["stage"], appointment["stage_at"] = target, at
        if target in ("cancelled", "no_show", "declined", "checked_out", "died"):
            self.promise(appointment, "released", at)

    def promise(self, appointment: Row, kind: str, at: datetime) -> None:
        """What the chosen grant holds for a visit, or lets go."""
        fund = self.s.funds.get(appointment["funding"])
        if fund:
            self.out.add("fund_entry", {
                "id": self.id(at), "event_at": at, "entered_at": at, "source": "live", "by_user_id": self.s.staff[0],
                "fund_id": fund["id"], "kind": kind, "amount_cents": fund["deduction_cents"],
                "appointment_id": appointment["id"], "invoice_line_id": None,
            })  # fmt: skip

    def past_visit(self, day: date, slot: int, weekday_factor: float) -> None:
        """One appointment of a day that is over."""
        rng = self.rng
        client, patient, row = self.book(day, slot)
        draw = rng.random()
        if not row["walk_in"] and draw < 0.085:
            when = self.at(day - timedelta(days=rng.randrange(1, 4)), time(8), rng.uniform(0, 520))
            when = max(when, row["stage_at"] + timedelta(minutes=10))
            row["cancel_reason"] = rng.choice(("Client asked", "Ill", "Could not catch the cat", "No ride"))
            self.move(row, row["stage"], "cancelled", when, reason=row["cancel_reason"])
        elif not row["walk_in"] and draw < 0.085 + 0.075 * weekday_factor:
            self.move(row, row["stage"], "no_show", self.at(day, time(11), rng.randrange(50)))
        else:
            self.attend(client, patient, row, slot)

    def day_on_paper(self, day: date, visits: int) -> None:
        """A day whose morning was on paper: of its surgeries stands only what was booked; vaccines came after it."""
        self.counts(day, "AM", self.at(day, time(7, 5)))
        self.on_paper = [self.book(day, slot, surgical=True, only="surgery")[2] for slot in range(visits)]
        self.paper_bottles = [
            self.bottle(drug, self.at(day, time(7, 0))) for drug in ("butorphanol-10", "ketamine-100")
        ]
        for slot in range(7):
            client, patient, row = self.book(day, slot, only="vaccine")
            self.attend(client, patient, row, slot)
        self.counts(day, "PM", self.at(day, time(16, 45)))

    def attend(self, client: Row, patient: Row, row: Row, slot: int) -> None:
        """Take a visit of a day that is over through its stages."""
        rng = self.rng
        surgical, vet = row["type"] == "surgery", row["provider_id"]
        path = SURGICAL_PATH if surgical else SHORT_PATH
        if surgical and rng.random() < 0.012:
            path = ("checked_in", "declined")
        elif surgical and rng.random() < DEATHS.get(patient["species"], 0):
            path = (*SURGICAL_PATH[:6], "died")
        gaps = {
            "examined": rng.uniform(15, 60) if surgical else rng.uniform(4, 20),
            "premedicated": rng.uniform(10, 40) + slot * 4, "induced": rng.uniform(12, 22),
            "in_surgery": rng.uniform(6, 14), "recovering": self.surgery_minutes(patient, vet),
            "ready": rng.uniform(45, 110) if surgical else rng.uniform(4, 12), "died": rng.uniform(5, 40),
            "checked_out": rng.uniform(60, 200) if surgical else rng.uniform(3, 15), "declined": rng.uniform(10, 30),
        }  # fmt: skip
        at, moments = row["starts_at"] + timedelta(minutes=rng.gauss(2, 6)), {}
        free = self.free.get(vet, at)
        closing = self.at(row["day"], CLOSING, -rng.uniform(0, 45))
        for stage in path:
            after = at
            at = max(at + timedelta(minutes=gaps.get(stage, 0.0)), row["stage_at"] + timedelta(minutes=2))
            if stage in ("induced", "in_surgery"):
                at = max(at, free - timedelta(minutes=8) if stage == "induced" else free + timedelta(minutes=2))
            if stage == "checked_out":
                at = max(min(at, closing), after + timedelta(minutes=1))
            moments[stage] = at
        if "recovering" in moments:
            self.free[vet] = moments["recovering"]
        self.happen(client, patient, row, moments)

    def attend_today(self, client: Row, patient: Row, row: Row, until: str, opened: datetime) -> None:
        """Take a visit of the day in progress to where it stands now, told backwards from a few minutes ago."""
        rng = self.rng
        path = SURGICAL_PATH if row["type"] == "surgery" else SHORT_PATH
        path = path[: path.index(until) + 1]
        waited = {"in_surgery": 9, "induced": 8, "recovering": 35, "checked_out": 90, "ready": 50}.get(until, 22)
        at = self.s.now - timedelta(minutes=rng.uniform(2, waited))
        told = []
        for stage in reversed(path):
            told.append((stage, max(at, opened, row["stage_at"])))
            at -= timedelta(minutes=rng.uniform(9, 26))
        self.happen(client, patient, row, dict(reversed(told)))

    def happen(self, client: Row, patient: Row, row: Row, moments: dict[str, datetime]) -> None:
        """Write the flow, the records and the bill of a visit."""
        self.weigh(patient, row["day"])
        for stage, at in moments.items():
            self.move(row, row["stage"], stage, at)
        self.records(row, patient, client, moments, row["provider_id"])
        if "died" in moments:
            patient["died_on"] = row["day"]
        if "checked_out" in moments:
            if row["type"] == "surgery":
                self.operated.append((row["day"], client, patient))
            if "microchip" in row["services"]:
                patient["microchip"] = f"98514{self.rng.randrange(10**10):010d}"
            self.bill(client, patient, row, moments["checked_out"])

    def surgery_minutes(self, patient: Row, vet: str) -> float:
        """How long the surgeon takes."""
        base = {("cat", "male"): 4.0, ("cat", "female"): 11.0, ("dog", "male"): 13.0, ("dog", "female"): 24.0}
        typical = base.get((patient["species"], patient["sex"]), 18.0)
        if patient["species"] == "dog":
            typical += patient["weight_grams"] / 4_000
        return max(2.0, self.rng.gauss(typical, typical * 0.22) * self.s.vet_speed[vet])

    def weigh(self, patient: Row, day: date) -> None:
        """Who comes again has grown."""
        if patient["id"] in self.came_back:
            months = (day - patient["born_on"]).days / 30.44
            now = grown(patient["species"], self.adult[patient["id"]], months) * self.rng.uniform(0.96, 1.04)
            patient["weight_grams"] = on_the_scale(max(now, patient["weight_grams"] * 0.97))

    # -- clinical records -----------------------------------------------------------------------------------------

    def stage_row(self, row: Row, at: datetime, **columns: Any) -> Row:
        """A clinical record."""
        return {
            "id": self.id(at), "appointment_id": row["id"], "event_at": at, "source": "live",
            "by_user_id": self.rng.choice(self.s.staff), "entered_at": at, **columns,
        }  # fmt: skip

    def records(self, row: Row, patient: Row, client: Row, moments: dict[str, datetime], vet: str) -> None:
        """What each stage wrote down."""
        if "checked_in" in moments:
            self.record_arrival(row, moments["checked_in"])
        if "examined" in moments:
            self.record_exam(row, patient, moments["examined"])
        if "premedicated" in moments:
            self.draw(row, patient, "butorphanol-10", moments["premedicated"], "premedicated", 0.02)
            self.draw(row, patient, "dexmedetomidine-05", moments["premedicated"], "premedicated", 0.015)
        if "induced" in moments:
            self.draw(row, patient, "ketamine-100", moments["induced"], "induced", 0.05)
        if "in_surgery" in moments:
            self.record_surgery(row, patient, client, moments["in_surgery"], moments.get("recovering"), vet)
        if "induced" in moments and row["day"] >= self.s.today - MONITORED:
            self.monitor(row, patient, moments)
        if "ready" in moments and "recovering" in moments:
            self.record_recovery(row, patient, moments["recovering"])
        if "checked_out" in moments:
            released_to = f"{client['first_name']} {client['last_name']}"
            self.out.add(
                "discharge",
                self.stage_row(row, moments["checked_out"], released_to=released_to, aftercare_given=True),
            )

    def record_arrival(self, row: Row, at: datetime) -> None:
        """Check-in; a few of today's consents are still missing."""
        rng = self.rng
        signed = row["day"] < self.s.today or rng.random() < 0.9
        self.out.add(
            "check_in",
            self.stage_row(row, at, identity_confirmed=True, consent="signed" if signed else "missing",
                           services_confirmed=True, fasted=rng.random() < 0.95),
        )  # fmt: skip

    def record_exam(self, row: Row, patient: Row, at: datetime) -> None:
        """The exam; what it finds adds services."""
        rng = self.rng
        odd = []
        intact = not patient["altered"]
        months = (row["day"] - patient["born_on"]).days / 30.44
        if patient["sex"] == "male" and intact and rng.random() < 0.03:
            odd.append("cryptorchid")
        if months < 12 and rng.random() < 0.02:
            odd.append("umbilical hernia")
        if rng.random() < 0.015:
            odd.append("heart murmur")
        likely = 0.11 if patient["species"] == "cat" else 0.05
        pregnant = patient["sex"] == "female" and intact and months >= 6 and rng.random() < likely
        pulse, breaths, heat = VITALS[patient["species"]]
        pulse += round(max(0, 12_000 - patient["weight_grams"]) / 600) if patient["species"] == "dog" else 0
        self.out.add("exam", self.stage_row(
            row, at, weight_grams=patient["weight_grams"], weight_estimated=rng.random() < 0.05,
            temperature_hundredths=round(rng.gauss(heat, 30)), pulse=round(rng.gauss(pulse, 14)),
            respiration=round(rng.gauss(breaths, 5)), sex_found=patient["sex"], already_altered=not intact,
            reproductive="pregnant" if pregnant else "normal",
            body_condition=min(9, max(2, round(rng.gauss(4.8, 0.9)))),
            health="normal" if not odd else "see findings", abnormalities=odd, approved=True,
        ) | {"by_user_id": row["provider_id"]})  # fmt: skip
        if row["type"] == "surgery":
            more = [code for code, found in (("cryptorchid", "cryptorchid" in odd), ("pregnant", pregnant),
                                             ("hernia", "umbilical hernia" in odd)) if found]  # fmt: skip
            row["services"] = [*row["services"], *more]

    def record_surgery(
        self, row: Row, patient: Row, client: Row, begin: datetime, end: datetime | None, vet: str
    ) -> None:
        """The surgery, ended or going on."""
        rng = self.rng
        trouble = []
        if end is not None:
            patient["altered"] = True
            if rng.random() < 0.018:
                trouble.append(rng.choice(("bleeding", "apnea", "hypothermia", "bradycardia")))
        if patient["sex"] == "female":
            done = "spay"
        else:
            done = "cryptorchid neuter" if "cryptorchid" in row["services"] else "neuter"
        small = patient["weight_grams"] < 8_000
        self.out.add("surgery", self.stage_row(
            row, begin, surgeon_id=vet, procedure=done, ended_at=end,
            suture=rng.choice(("3-0 PDS", "4-0 Monocryl") if small else ("2-0 PDS", "3-0 PDS")), tattoo=True,
            ear_tip=client["owner_type"] == "caretaker", complications=trouble, findings="",
        ) | {"by_user_id": vet})  # fmt: skip

    def monitor(self, row: Row, patient: Row, moments: dict[str, datetime]) -> None:
        """A reading after induction, one every few minutes of surgery, two while waking up. Animals cool down."""
        rng = self.rng
        pulse, breaths, heat = VITALS[patient["species"]]
        begin, end = moments.get("in_surgery"), moments.get("recovering")
        due = [("induced", moments["induced"] + timedelta(minutes=2))]
        if begin is not None:
            every = (begin + timedelta(minutes=1 + 5 * turn) for turn in range(5))
            due += [("in_surgery", at) for at in every if end is None or at < end]
        if end is not None:
            due += [("recovering", end + timedelta(minutes=minutes)) for minutes in (4, 16)]
        last = moments.get("ready") or moments.get("died") or self.s.now
        for turn, (stage, at) in enumerate(one for one in due if one[1] < last):
            awake = stage == "recovering"
            self.out.add("observation", self.event(
                at, appointment_id=row["id"], stage=stage, temperature_hundredths=round(rng.gauss(heat - 18 * turn, 8)),
                heart_rate=round(rng.gauss(pulse * (1.0 if awake else 0.82), 6)),
                respiration=round(rng.gauss(breaths * (0.9 if awake else 0.55), 2)), mucous_membranes="pink",
                pain=rng.choice((0, 0, 1, 1, 2)) if awake else None, text="",
            ))  # fmt: skip

    def record_recovery(self, row: Row, patient: Row, at: datetime) -> None:
        """Waking up, with the last pain relief."""
        rng = self.rng
        self.out.add("recovery", self.stage_row(
            row, at, extubated_at=at + timedelta(minutes=rng.randrange(3, 15)),
            temperature_hundredths=round(rng.gauss(3_720, 60)), pain=rng.weighted((0, 1, 2, 3), (50, 35, 12, 3)),
            complications=["slow to wake"] if rng.random() < 0.008 else [],
            take_home="Meloxicam once a day for 2 days" if "pain-meds" in row["services"] else "",
        ))  # fmt: skip
        self.draw(row, patient, "buprenorphine-03", at, "recovering", 0.03)

    # -- drugs ----------------------------------------------------------------------------------------------------

    def bottle(self, drug: str, at: datetime, *, opened: bool = True) -> Row:
        """Receive the next bottle, and open it at that moment."""
        rng = self.rng
        self.bottle_number += 1
        day = at.astimezone(self.s.zone).date()
        received = at - timedelta(days=rng.randrange(1, 9))
        size = 10_000
        row = {
            "id": self.id(received), "drug_id": self.s.drugs[drug], "number": f"B{self.bottle_number:04d}",
            "lot": f"{rng.choice('ABCDK')}{rng.randrange(1000, 9999)}",
            "expires_on": day + timedelta(days=rng.randrange(200, 700)), "size": size,
            "supplier": "Northeast Veterinary Supply", "supplier_registration": "RN0000000",
            "received_on": received.astimezone(self.s.zone).date(), "location_id": self.s.location_id,
            "opened_at": at if opened else None, "closed_at": None, "entered_at": received,
        }  # fmt: skip
        self.out.add("bottle", row)
        self.out.add("drug_log_entry", self.event(received, bottle_id=row["id"], kind="received", delta=size))
        return row

    def draw(self, row: Row, patient: Row, drug: str, at: datetime, stage: str, per_kg: float) -> None:
        """Draw a dose for a patient from the open bottle, opening the next when it runs out."""
        rng = self.rng
        dose = max(20, round(per_kg * patient["weight_grams"] * rng.uniform(0.9, 1.1) / 10) * 10)
        dose = min(dose, 2_500)
        wasted = 10 * rng.randrange(1, 6) if rng.random() < 0.04 else 0
        bottle, left = self.open_bottles.get(drug) or (self.bottle(drug, at), 10_000)
        if left < dose + wasted:
            if left:
                by, witness = rng.pair(self.s.staff)
                self.out.add("drug_log_entry", self.event(
                    at, bottle_id=bottle["id"], kind="adjusted", delta=-left, reason="Bottle empty, hub loss",
                    witness_id=witness) | {"by_user_id": by})  # fmt: skip
            bottle["closed_at"] = at
            bottle = self.bottle(drug, at)
            left = bottle["size"]
        by, witness = rng.pair(self.s.staff)
        entry = self.event(
            at, bottle_id=bottle["id"], kind="use", delta=-(dose + wasted), drawn=dose + wasted, given=dose,
            wasted=wasted, appointment_id=row["id"], patient_id=patient["id"], stage=stage,
            route="SC" if stage == "recovering" else "IM", witness_id=witness if wasted else None,
        )  # fmt: skip
        entry["by_user_id"] = by
        self.out.add("drug_log_entry", entry)
        self.open_bottles[drug] = (bottle, left - dose - wasted)

    def counts(self, day: date, session: str, at: datetime) -> None:
        """The AM or PM count of the open bottles."""
        for bottle, left in self.open_bottles.values():
            off = self.rng.choice((-20, 10, 20)) if self.rng.random() < 0.015 else 0
            by, witness = self.rng.pair(self.s.staff)
            row = self.event(at, bottle_id=bottle["id"], day=day, session=session, counted=left + off, expected=left,
                             witness_id=witness, reason="Meniscus reading" if off else "")  # fmt: skip
            row["by_user_id"] = by
            self.out.add("drug_count", row)

    # -- money ----------------------------------------------------------------------------------------------------

    def price(self, code: str, patient: Row) -> int:
        """A service's price for this animal."""
        service = self.s.services[code]
        for band in service["prices"]:
            heavy = patient["weight_grams"] >= band["from_grams"]
            light = not band["to_grams"] or patient["weight_grams"] < band["to_grams"]
            if band["species"] in ("", patient["species"]) and heavy and light:
                return int(band["price_cents"])
        return int(service["price_cents"])

    def bill(self, client: Row, patient: Row, row: Row, at: datetime) -> None:
        """Invoice and payment of a visit."""
        rng, day = self.rng, row["day"]
        codes = [code for code in row["services"] if code in self.s.services]
        if not codes:
            return
        self.invoice_number += 1
        invoice = self.out.add("invoice", {
            "id": self.id(at), "number": self.invoice_number, "client_id": client["id"], "appointment_id": row["id"],
            "location_id": self.s.location_id, "issued_on": day, "due_on": day, "currency": self.s.currency,
            "entered_at": at,
        })  # fmt: skip
        owed, fund = 0, self.s.funds.get(row["funding"])
        for index, code in enumerate(codes):
            service, price = self.s.services[code], self.price(code, patient)
            subsidy = min(price, fund["discount_cents"]) if fund and index == 0 else 0
            discount = round(price * 0.1) if client["owner_type"] == "rescue" and not subsidy else 0
            net = price - discount - subsidy
            tax = (net * self.s.tax_millionths + 500_000) // 1_000_000 if service["tax_code"] else 0
            line = self.out.add("invoice_line", self.event(
                at, invoice_id=invoice["id"], day=day, patient_id=patient["id"], service_id=service["id"],
                description=service["name"], quantity=1000, unit_price_cents=price, discount_cents=discount,
                discount_reason="Rescue partner" if discount else "", subsidy_cents=subsidy,
                fund_id=fund["id"] if subsidy and fund else None, net_cents=net, tax_cents=tax,
                tax_code=service["tax_code"], tax_rate_millionths=self.s.tax_millionths if service["tax_code"] else 0,
                tax_included=False, provider_id=row["provider_id"] if service["procedure"] else None,
            ))  # fmt: skip
            if subsidy and fund:
                self.out.add("fund_entry", self.event(
                    at, fund_id=fund["id"], kind="used", amount_cents=fund["deduction_cents"],
                    appointment_id=row["id"], invoice_line_id=line["id"]))  # fmt: skip
            owed += net + tax
        self.out.add("invoice_event", self.event(at, invoice_id=invoice["id"], kind="opened", amount_cents=owed))
        if owed and rng.random() < 0.985:
            later = rng.random() < 0.01
            paid_at = at + timedelta(days=rng.randrange(3, 50)) if later else at
            self.pay(client, invoice, owed, paid_at, is_late=later)

    def pay(self, client: Row, invoice: Row, cents: int, at: datetime, *, is_late: bool = False) -> None:
        """A payment, sometimes in two tenders, seldom refunded in part. Cards pay late by a payment request."""
        if at > self.s.now:
            return
        rng = self.rng
        parts = [cents]
        if cents > 8_000 and rng.random() < 0.02:
            cash = 100 * rng.randrange(20, 50)
            parts = [cash, cents - cash]
        for part in parts:
            tender = "cash" if len(parts) == 2 and part == parts[0] else rng.weighted(
                ("card", "cash", "check"), (67, 26, 7))  # fmt: skip
            asked = tender == "card" and is_late and at > self.s.now - REQUESTED
            payment = self.payment(client, tender, "sale", part, at, asked=asked)
            self.allocate(payment, invoice)
        if rng.random() < 0.004:
            back = self.payment(client, tender, "refund", -min(cents, 1_600), at + timedelta(minutes=30))
            self.allocate(back, invoice)

    def payment(
        self, client: Row, tender: str, kind: str, cents: int, at: datetime, *, asked: bool = False
    ) -> Row:  # fmt: skip
        """One movement of money."""
        rng = self.rng
        self.payment_number += 1
        card = tender == "card"
        return self.out.add("payment", self.event(
            at, reference=f"P-{self.payment_number:06d}", kind=kind, amount_cents=cents, currency=self.s.currency,
            tender=tender, channel="payment_request" if asked else "terminal" if card else "other",
            processor=ONLINE if asked else "", last4=f"{rng.randrange(10_000):04d}" if card else "",
            brand=rng.choice(("Visa", "Mastercard", "Amex", "Discover")) if card else "",
            authorization=f"{rng.randrange(1_000_000):06d}" if card else "",
            check_number=str(rng.randrange(100, 4_000)) if tender == "check" else "", client_id=client["id"],
            location_id=self.s.location_id, day=at.astimezone(self.s.zone).date(),
        ))  # fmt: skip

    def allocate(self, payment: Row, invoice: Row) -> None:
        """Which invoice a payment pays."""
        self.out.add("payment_allocation", self.event(
            payment["event_at"], payment_id=payment["id"], invoice_id=invoice["id"], amount_cents=payment["amount_cents"]
        ))  # fmt: skip
