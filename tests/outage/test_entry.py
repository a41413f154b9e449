"""What stands on paper becomes the records of the visit: at its time, once, all or nothing."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from appointments import drug_log, flow
from appointments.drug_log import NewBottle, balance
from data.models import (
    Appointment,
    BackEntry,
    CheckIn,
    Client,
    Consent,
    Discharge,
    Drug,
    DrugCount,
    DrugLogEntry,
    Exam,
    FlowEvent,
    FormSheet,
    InvoiceLine,
    Observation,
    Patient,
    Recovery,
    Service,
    Surgery,
)
from data.session import read, write
from data.types import clock
from outage import entry
from outage.outages import declare
from outage.printing import print_blank, print_for_appointment, print_for_roster
from outage.sheets import bind
from outage.typed import NotReadable
from security import audit
from tests.flow.conftest import Day

ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def evening(clinic):
    """Today at nine in the evening of the clinic, so that everything on paper has happened."""
    at = datetime.now(ZONE).replace(hour=21, minute=0, second=0, microsecond=0)
    clock.set(at)
    return clinic


class Paper:
    """A visit of today with printed sheets and bottles, as it is on paper."""

    def __init__(self, clinic, **visit):
        self.clinic, self.day = clinic, Day(clinic)
        self.sam, self.clara = clinic.actor("sam"), clinic.actor("clara")
        self.visit = self.day.visit("Luna", **({"stage": "booked", "species": "cat", "services": ["cat-spay"]} | visit))
        with write(clinic.id) as session:
            row = session.get_one(Appointment, (clinic.id, self.visit))
            row.starts_at = self.at("08:00")
        self.bottles = {
            number: self.bottle(number, code)
            for number, code in (("B12", "ketamine-100"), ("B7", "butorphanol-10"), ("B31", "meloxicam-5"))
        }
        self.travel, self.consent = self.print("travel-sheet"), self.print("consent")

    def at(self, text):
        return datetime.combine(self.day.today, datetime.strptime(text, "%H:%M").time(), ZONE)

    def bottle(self, number, code):
        with read(self.clinic.id) as session:
            drug = session.scalars(select(Drug.id).where(Drug.code == code)).one()
        new = NewBottle(drug, number, 10_000, self.day.today - timedelta(days=3))
        bottle = drug_log.receive(new, by=self.clara)
        drug_log.open_bottle(bottle, by=self.clara, event_at=self.at("07:00"))
        return bottle

    def print(self, form, visit=None):
        (serial,) = print_for_appointment(form, visit or self.visit, by=self.sam).serials
        with read(self.clinic.id) as session:
            return session.scalars(select(FormSheet.id).where(FormSheet.serial == serial)).one()

    def rows(self, model, **where):
        with read(self.clinic.id) as session:
            return list(session.scalars(select(model).filter_by(**where)))

    def one(self, model):
        (row,) = self.rows(model, appointment_id=self.visit)
        return row

    def holds(self, number):
        with read(self.clinic.id) as session:
            return balance(session, self.bottles[number])


TRAVEL = {
    "weight": "3.4", "temperature": "101.5", "exam_at": "915", "pulse": "180", "respiration": "28",
    "sex_found": "female", "reproductive": "in_heat", "body_condition": "b5", "abnormalities": ["umbilical_hernia"],
    "approved": "yes", "examiner": "CC", "exam_notes": "Bright",
    "drugs.1.bottle": "b7", "drugs.1.drawn": "0.2", "drugs.1.given": "0.2", "drugs.1.time": "930", "drugs.1.by": "CC",
    "drugs.2.bottle": "B12", "drugs.2.drawn": "0.30", "drugs.2.given": "0.25", "drugs.2.time": "9:45",
    "drugs.2.by": "cc", "drugs.2.witness": "SS",
    "drugs.3.bottle": "B31", "drugs.3.given": "0.1", "drugs.3.time": "1030", "drugs.3.by": "CC",
    "procedure": "spay", "surgeon": "Chen", "surgery_start": "1000", "surgery_end": "10:20", "suture": "3-0 PDS",
    "marks": ["tattoo"], "surgery_notes": "Routine",
    "extubated_at": "1025", "first_temperature": "98.6", "pain": "2",
    "observations.1.time": "1035", "observations.1.temperature": "99", "observations.1.heart_rate": "160",
    "observations.2.note": "Awake", "observations.2.time": "11",
    "services_done": ["surgery", "rabies", "e-collar"], "vaccines.1.product": "Rabies", "vaccines.1.lot": "R55",
    "chip": "985112004567890", "take_home": "Meloxicam", "outcome": "checked_out", "released_at": "215",
    "aftercare_given": True, "released_to": "Ada Marsh", "vet_signature": True,
}  # fmt: skip
CONSENT = {
    "eating": "yes", "fasted": "yes", "resuscitate": "yes", "understood": True, "signature": True, "signed_at": "745",
    "signed_on": "-",
}  # fmt: skip


@pytest.fixture
def paper(evening):
    return Paper(evening)


def test_a_visit_is_written_from_its_paper_at_the_time_it_happened(paper):
    values = {paper.travel: TRAVEL, paper.consent: CONSENT}
    done = entry.enter(paper.visit, values, by=paper.sam, key="first")
    assert entry.enter(paper.visit, values, by=paper.sam, key="first") == done, "a double click answers alike"
    assert done.stage == "checked_out"
    exam, surgery, recovery = paper.one(Exam), paper.one(Surgery), paper.one(Recovery)
    assert (exam.weight_grams, exam.temperature_hundredths, exam.pulse, exam.body_condition) == (3400, 3861, 180, 5)
    assert (exam.reproductive, exam.abnormalities, exam.approved) == ("in heat", ["umbilical hernia"], True)
    assert (exam.event_at, exam.source, exam.by_user_id) == (paper.at("09:15"), "paper", paper.sam.user_id)
    assert (surgery.procedure, surgery.surgeon_id, surgery.tattoo) == ("spay", paper.clinic.users["clara"], True)
    assert (surgery.event_at, surgery.ended_at) == (paper.at("10:00"), paper.at("10:20"))
    assert (recovery.extubated_at, recovery.temperature_hundredths, recovery.pain) == (paper.at("10:25"), 3700, 2)
    check_in, discharge = paper.one(CheckIn), paper.one(Discharge)
    assert (check_in.consent, check_in.fasted, check_in.event_at) == ("signed", True, paper.at("07:45"))
    assert "If the heart stops: Resuscitate" in check_in.notes
    assert (discharge.released_to, discharge.aftercare_given) == ("Ada Marsh", True)
    assert discharge.event_at == paper.at("14:15") and "Rabies, lot R55" in discharge.notes
    readings = sorted(paper.rows(Observation), key=lambda row: row.event_at)
    assert [(row.event_at, row.temperature_hundredths, row.text) for row in readings] == [
        (paper.at("10:35"), 3722, ""), (paper.at("11:00"), None, "Awake")
    ]  # fmt: skip
    (patient,) = paper.rows(Patient)
    assert (patient.microchip, patient.weight_grams, patient.altered) == ("985112004567890", 3400, True)
    moments = sorted(paper.rows(FlowEvent), key=lambda row: (row.entered_at, row.id))
    assert [(row.to_stage, row.event_at, row.source) for row in moments] == [
        ("checked_in", paper.at("07:45"), "paper"), ("examined", paper.at("09:15"), "paper"),
        ("premedicated", paper.at("09:30"), "paper"), ("induced", paper.at("09:45"), "paper"),
        ("in_surgery", paper.at("10:00"), "paper"), ("recovering", paper.at("10:25"), "paper"),
        ("checked_out", paper.at("14:15"), "paper"),
    ]  # fmt: skip
    assert {row.form_sheet_id for row in moments} == {paper.travel}
    (card,) = [card for card in flow.board(paper.day.today, by=paper.sam) if card.id == paper.visit]
    assert (card.stage, card.since) == ("checked_out", paper.at("14:15"))


def test_drug_lines_go_into_the_bottles_they_name_and_a_missing_witness_blocks_nothing(paper):
    values = TRAVEL | {"drugs.1.drawn": "0.25"}  # 0.05 wasted, nobody watched
    done = entry.enter(paper.visit, {paper.travel: values}, by=paper.sam)
    assert (paper.holds("B7"), paper.holds("B12"), paper.holds("B31")) == (9_750, 9_700, 9_900)
    lines = {row.bottle_id: row for row in paper.rows(DrugLogEntry, appointment_id=paper.visit)}
    ketamine = lines[paper.bottles["B12"]]
    assert (ketamine.given, ketamine.wasted, ketamine.witness_id) == (250, 50, paper.clinic.users["sam"])
    assert (ketamine.by_user_id, ketamine.event_at) == (paper.clinic.users["clara"], paper.at("09:45"))
    assert (ketamine.form_sheet_id, ketamine.source, ketamine.stage) == (paper.travel, "paper", "induced")
    assert "Butorphanol: waste without a witness." in [one.sentence for one in done.exceptions]
    with read(paper.clinic.id) as session:
        assert balance(session, paper.bottles["B12"], paper.at("09:44")) == 10_000, "at the time it happened"


def test_services_are_charged_once_at_the_prices_of_that_day(paper):
    with write(paper.clinic.id) as session:
        rabies = session.scalars(select(Service).where(Service.code == "rabies")).one()
        codes = {row.id: row.code for row in session.scalars(select(Service))}
        price = rabies.price_cents
    entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam)
    lines = paper.rows(InvoiceLine)
    assert sorted(codes[line.service_id] for line in lines) == ["cat-spay", "e-collar", "rabies"]
    assert next(line for line in lines if codes[line.service_id] == "rabies").unit_price_cents == price
    assert {(line.event_at, line.source) for line in lines} == {(paper.at("14:15"), "paper")}


def test_everything_that_cannot_be_read_is_told_at_once_and_nothing_is_written(paper):
    wrong = TRAVEL | {
        "weight": "340", "exam_at": "2575", "sex_found": "", "examiner": "ZZ", "drugs.2.bottle": "B21",
        "drugs.3.given": "0.2", "drugs.3.drawn": "0.1", "released_at": "22:30",
    }  # fmt: skip
    with pytest.raises(NotReadable) as refused:
        entry.enter(paper.visit, {paper.travel: wrong, paper.consent: {}}, by=paper.sam, key="k")
    told = {one.key: one.sentence for one in refused.value.problems}
    assert told.keys() == {
        "weight", "exam_at", "examiner", "drugs.2.bottle", "drugs.3.given", "released_at", "resuscitate"
    }  # fmt: skip
    assert "0.2 to 120" in told["weight"] and "Known: AA, CC, MM, OO, SS" in told["examiner"]
    assert "Did you mean" in told["drugs.2.bottle"] and "B12 (Ketamine)" in told["drugs.2.bottle"]
    assert "has not come yet" in told["released_at"]
    assert not paper.rows(Exam) and not paper.rows(FlowEvent) and not paper.rows(BackEntry)
    assert paper.holds("B12") == 10_000
    entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam, key="k")


def test_what_was_recorded_live_stays_where_the_paper_says_nothing(paper):
    """The outage came in the middle of the morning: the patient was checked in and examined at the screen."""
    from appointments import clinical

    clinical.record_stage(
        paper.visit, clinical.ExamEntry(weight_grams=3300, notes="Seen live", reproductive="normal"), version=None,
        by=paper.clara, event_at=paper.at("08:30"),
    )  # fmt: skip
    flow.advance(paper.visit, "booked", "examined", by=paper.sam, event_at=paper.at("08:30"))
    entry.enter(paper.visit, {paper.travel: {
        "weight": "3.4", "approved": "yes", "outcome": "held_overnight", "procedure": "-", "exam_at": "900",
    }}, by=paper.sam)  # fmt: skip
    exam = paper.one(Exam)
    assert (exam.weight_grams, exam.notes, exam.reproductive) == (3400, "Seen live", "normal")
    assert sorted(row.to_stage for row in paper.rows(FlowEvent)) == ["examined", "held_overnight"]
    assert paper.rows(InvoiceLine) == []


@pytest.mark.parametrize("outcome", ["declined", "died"])
def test_a_patient_who_did_not_go_home(paper, outcome):
    told = {"weight": "3.4", "approved": "yes", "procedure": "spay", "surgery_notes": "Arrest", "outcome": "died",
            "services_done": ["surgery"], "released_at": "11"}  # fmt: skip
    if outcome == "declined":
        told = {"weight": "3.4", "approved": "no", "exam_notes": "Fever", "procedure": "-", "outcome": "-"}
    done = entry.enter(paper.visit, {paper.travel: told}, by=paper.sam)
    assert done.stage == outcome
    (patient,) = paper.rows(Patient)
    assert patient.died_on == (paper.day.today if outcome == "died" else None)
    (last,) = paper.rows(FlowEvent, to_stage=outcome)
    assert last.reason == ("Fever" if outcome == "declined" else "As written on the sheet")
    assert len(paper.rows(InvoiceLine)) == (1 if outcome == "died" else 0)


def test_who_did_not_come_is_a_no_show_and_its_sheets_wait_for_nobody(paper):
    entry.no_show(paper.visit, by=paper.sam, key="n")
    entry.no_show(paper.visit, by=paper.sam, key="n")
    assert paper.day.stage_of(paper.visit) == "no_show"
    assert {(row.state, row.reason) for row in paper.rows(FormSheet)} == {("waived", "no-show")}
    assert [row.source for row in paper.rows(FlowEvent)] == ["paper"]


def test_a_sheet_is_entered_once_verified_by_a_second_person_and_set_right_by_reversing_lines(paper):
    entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam)
    with pytest.raises(entry.AlreadyEntered):
        entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.clara)
    with pytest.raises(entry.OwnKeying):
        entry.verify(paper.travel, by=paper.sam)
    with pytest.raises(entry.NotEntered):
        entry.verify(paper.consent, by=paper.clara)
    entry.verify(paper.travel, by=paper.clara)
    (row,) = paper.rows(BackEntry)
    assert (row.state, row.keyed_by_id, row.verified_by_id) == ("verified", paper.sam.user_id, paper.clara.user_id)
    assert row.typed["drugs.2.drawn"] == "0.30"
    with pytest.raises(entry.ReasonMissing):
        entry.reopen(paper.travel, " ", by=paper.clara)
    entry.reopen(paper.travel, "Ketamine was 0.35", by=paper.clara)
    right = TRAVEL | {"drugs.2.drawn": "0.35", "drugs.2.given": "0.30", "exam_notes": "", "drugs.3.bottle": "",
                      "drugs.3.given": "", "drugs.3.time": "", "drugs.3.by": ""}  # fmt: skip
    entry.enter(paper.visit, {paper.travel: right}, by=paper.clara)
    assert (paper.holds("B7"), paper.holds("B12"), paper.holds("B31")) == (9_800, 9_650, 10_000)
    kinds = sorted(row.kind for row in paper.rows(DrugLogEntry, appointment_id=paper.visit))
    assert kinds == ["reversal", "reversal", "use", "use", "use", "use"]
    assert paper.one(Exam).notes == "" and len(paper.rows(Observation)) == 2 and len(paper.rows(InvoiceLine)) == 3
    (row,) = paper.rows(BackEntry)
    assert (row.state, row.keyed_by_id) == ("entered", paper.clara.user_id)


WALK_IN = {
    "first_name": "Rosa", "last_name": "Diaz", "phone": "212 555 0144", "city": "Harbor",
    "owner_type": "feral_caretaker", "may_contact": ["email"], "may_send_news": ["letter"], "may_name": "yes",
    "animal": "Tom", "species": "cat", "sex": "male", "altered": "no", "age_years": "2",
    "temper": ["bites"], "services": ["neuter", "rabies"], "arrived_at": "820", "signature": True,
}  # fmt: skip


def blank(paper, form):
    (serial,) = print_blank(form, 1, by=paper.sam).serials
    with write(paper.clinic.id) as session:
        sheet = session.scalars(select(FormSheet).where(FormSheet.serial == serial)).one()
        sheet.state = "used"
        return sheet.id


def test_a_walk_in_becomes_client_patient_and_appointment_on_the_spot(paper):
    sheet, travel = blank(paper, "walk-in"), blank(paper, "travel-sheet")
    screen = entry.open_entry(sheet, by=paper.sam)
    assert (screen.kind, screen.title, screen.day) == ("walk_in", "Walk-in", paper.day.today)
    visit = entry.enter_walk_in(sheet, WALK_IN, by=paper.sam, key="w")
    assert entry.enter_walk_in(sheet, WALK_IN, by=paper.sam, key="w") == visit
    (appointment,) = paper.rows(Appointment, id=visit)
    assert (appointment.walk_in, appointment.stage, appointment.services) == (
        True,
        "checked_in",
        ["cat-neuter", "rabies"],
    )
    assert appointment.starts_at == paper.at("08:20") and appointment.type == "surgery"
    (client,) = paper.rows(Client, id=appointment.client_id)
    (tom,) = paper.rows(Patient, id=appointment.patient_id)
    assert (client.last_name, client.owner_type, client.phone_digits) == ("Diaz", "caretaker", "2125550144")
    assert (tom.name, tom.species, tom.sex, tom.caution) == ("Tom", "cat", "male", "Bites")
    assert tom.born_estimated and paper.day.today.year - tom.born_on.year in (2, 3)
    assert sorted((row.purpose, row.channel, row.given, row.source, row.wording) for row in paper.rows(Consent)) == [
        ("marketing", "letter", True, "paper", "You may send me news and offers by: Letter"),
        ("phi", "any", True, "paper", "Your messages may name my animal and the visit or service: Yes"),
        ("reminders", "email", True, "paper", "You may send me reminders by: E-mail"),
    ]
    with pytest.raises(entry.AlreadyEntered):
        entry.enter_walk_in(sheet, WALK_IN, by=paper.sam)

    bind(travel, visit, by=paper.sam)
    assert entry.enter(visit, {travel: TRAVEL | {"procedure": "neuter", "sex_found": "male"}}, by=paper.sam).stage == (
        "checked_out"
    )

    again = blank(paper, "walk-in")
    told = {"first_name": "Rosa", "last_name": "Diaz", "phone": "2125550144"}
    (known,) = entry.may_be(told, by=paper.sam)
    assert (known.id, known.patients) == (client.id, ((tom.id, "Tom"),))
    other = entry.enter_walk_in(again, WALK_IN | {"animal": "Tim", "_client": client.id}, by=paper.sam)
    assert paper.rows(Appointment, id=other)[0].client_id == client.id
    third = blank(paper, "walk-in")
    with pytest.raises(NotReadable) as refused:
        entry.enter_walk_in(third, {"phone": "12"}, by=paper.sam)
    assert {one.key for one in refused.value.problems} >= {"last_name", "animal"}
    assert len(paper.rows(Client)) == 2


def test_the_log_of_a_bottle_never_doubles_what_the_travel_sheets_brought(paper):
    with write(paper.clinic.id) as session:
        number = session.get_one(Appointment, (paper.clinic.id, paper.visit)).number
    runs = print_for_roster(["drug-log"], paper.day.today, by=paper.sam).serials
    sheets = {row.bottle_id: row.id for row in paper.rows(FormSheet) if row.serial in runs}
    ketamine, butorphanol = sheets[paper.bottles["B12"]], sheets[paper.bottles["B7"]]
    entry.enter(paper.visit, {paper.travel: TRAVEL}, by=paper.sam)
    log = {
        "count_am": "10", "uses.1.time": "9:50", "uses.1.visit": str(number), "uses.1.drawn": "0.3",
        "uses.1.given": "0.25", "uses.1.wasted": "0.05", "uses.1.by": "CC",
        "uses.2.time": "11:30", "uses.2.wasted": "0.1", "uses.2.by": "CC", "uses.2.witness": "SS", "count_pm": "9.5",
        "pm_by": "CC MM",
    }  # fmt: skip
    done = entry.enter_bottle(ketamine, log, by=paper.sam, key="b")
    assert entry.enter_bottle(ketamine, log, by=paper.sam, key="b") == done
    assert (done.written, done.there) == (1, 1)
    assert paper.holds("B12") == 9_600
    assert [one.sentence for one in done.exceptions] == ["PM count of B12 differs by −0.10 mL."]
    counts = sorted((row.session, row.counted, row.expected, row.witness_id) for row in paper.rows(DrugCount))
    assert counts == [("AM", 10_000, 10_000, None), ("PM", 9_500, 9_600, paper.clinic.users["mona"])]

    wrong = {"uses.1.time": "9:30", "uses.1.visit": str(number), "uses.1.drawn": "0.25", "uses.1.by": "CC"}
    done = entry.enter_bottle(butorphanol, wrong, by=paper.sam)
    assert (done.written, done.there, paper.holds("B7")) == (0, 1, 9_800)
    assert "0.25 here, 0.20 in the log already" in done.exceptions[0].sentence
    with read(paper.clinic.id) as session:  # of a walk-in people wrote the number of the sheet
        serial = session.get_one(FormSheet, (paper.clinic.id, paper.travel)).serial
    meloxicam = {"uses.1.time": "10:30", "uses.1.visit": str(serial), "uses.1.drawn": "0.1", "uses.1.by": "CC"}
    assert entry.enter_bottle(sheets[paper.bottles["B31"]], meloxicam, by=paper.sam).there == 1
    entry.reopen(sheets[paper.bottles["B31"]], "Another look", by=paper.sam)
    with pytest.raises(NotReadable, match="there is no visit 4711"):
        entry.enter_bottle(sheets[paper.bottles["B31"]], wrong | {"uses.1.visit": "4711"}, by=paper.sam)


def test_the_queue_tells_what_is_left_and_the_screen_shows_fields_as_on_paper(paper):
    late = paper.day.visit("Rex", stage="booked")
    outage = declare("all", paper.at("06:00"), by=paper.clinic.actor("mona"))
    with write(paper.clinic.id) as session:
        session.get_one(Appointment, (paper.clinic.id, late)).starts_at = paper.at("09:00")
        session.get_one(FormSheet, (paper.clinic.id, paper.travel)).state = "used"

    def queue():
        return {one.title: one for one in entry.to_enter(outage_id=outage, by=paper.sam)}

    assert {name: one.state for name, one in queue().items()} == {"Luna": "waiting", "Rex": "printed"}
    assert [one.title for one in entry.to_enter(by=paper.sam)] == ["Luna"], "without an outage what was scanned"
    screen = entry.open_entry(paper.visit, by=paper.sam)
    travel = next(sheet for sheet in screen.sheets if sheet.form == "travel-sheet")
    keys = [one.key for one in travel.fields]
    assert keys.index("weight") < keys.index("drugs") < keys.index("procedure") < keys.index("outcome")
    drugs = next(one for one in travel.fields if one.key == "drugs")
    assert drugs.lines == 7 and [cell.key for cell in drugs.cells][:3] == ["drug", "bottle", "drawn"]
    assert screen.people["CC"] == "Clara Chen" and screen.bottles["B12"] == "Ketamine 100 mg/mL"
    assert screen.may_miss and travel.missing == (1, 2)

    entry.begin(paper.travel, by=paper.sam)
    entry.begin(paper.travel, by=paper.sam)
    assert (queue()["Luna"].state, queue()["Luna"].sheets[0].keyed_by) == ("begun", "Sam Stone")
    entry.enter(paper.visit, {paper.travel: TRAVEL, paper.consent: CONSENT}, by=paper.sam)
    entry.no_show(late, by=paper.sam)
    assert {name: (one.state, one.to_verify) for name, one in queue().items()} == {
        "Luna": ("entered", True), "Rex": ("away", False)
    }  # fmt: skip
    entry.verify(paper.travel, by=paper.clara)
    assert not queue()["Luna"].to_verify


def test_the_price_is_that_of_the_day_of_the_visit(evening):
    from billing.checkout import charge_visit
    from billing.settings import SERVICE
    from data import definitions

    day = Day(evening)
    first = day.today
    before = day.visit("Old", day=first)
    clock.set(datetime.now(ZONE).replace(hour=21) + timedelta(days=1))
    with write(evening.id) as session:
        old = definitions.load(session, SERVICE, "rabies")
        dear = old.model_copy(update={"price_cents": old.price_cents + 700, "tax_code": "sales"})
        definitions.save(session, SERVICE, "rabies", dear, by_user_id=None)
        audit.append(session, evening.operator, "settings.saved", "definition", "rabies")
    today = day.visit("New", day=day.today)
    sam = evening.actor("sam")
    for visit in (before, today):
        charge_visit(visit, ["rabies", "rabies"], by=sam, source="paper")
        charge_visit(visit, ["rabies"], by=sam, source="paper")
    with read(evening.id) as session:
        lines = session.scalars(select(InvoiceLine).order_by(InvoiceLine.day)).all()
        assert [(line.day, line.unit_price_cents, bool(line.tax_cents)) for line in lines] == [
            (first, old.price_cents, False), (first + timedelta(days=1), old.price_cents + 700, True)
        ]  # fmt: skip


def test_papers_may_be_entered_in_any_order_and_nothing_is_doubled(paper):
    """The bottle's log first: the travel sheet then finds its two equal doses there, and writes the third."""
    with write(paper.clinic.id) as session:
        number = session.get_one(Appointment, (paper.clinic.id, paper.visit)).number
    serials = print_for_roster(["drug-log"], paper.day.today, by=paper.sam).serials
    sheets = {row.bottle_id: row.id for row in paper.rows(FormSheet) if row.serial in serials}
    log = {}
    for line, at in ((1, "9:45"), (2, "10:05")):
        log |= {f"uses.{line}.time": at, f"uses.{line}.visit": str(number), f"uses.{line}.drawn": "0.2",
                f"uses.{line}.by": "CC"}  # fmt: skip
    assert entry.enter_bottle(sheets[paper.bottles["B12"]], log, by=paper.sam).written == 2
    travel = {key: value for key, value in TRAVEL.items() if not key.startswith("drugs.")}
    for line, at in ((1, "9:46"), (2, "10:05"), (3, "11:30")):
        travel |= {f"drugs.{line}.bottle": "B12", f"drugs.{line}.drawn": "0.2", f"drugs.{line}.time": at,
                   f"drugs.{line}.by": "CC"}  # fmt: skip
    entry.enter(paper.visit, {paper.travel: travel}, by=paper.sam)
    assert paper.holds("B12") == 9_400
    assert len(paper.rows(DrugLogEntry, appointment_id=paper.visit)) == 3
