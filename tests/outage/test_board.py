"""The recovery board: every row says what is missing, the identities count what is there, and only a name and a reason
lets a row go."""

import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from data.card_numbers import CardNumberTyped
from data.errors import NotFound, NotPermitted
from data.models import Appointment, AuditLog, Client, FormSheet, Outage, Waiver
from data.session import read, write
from data.types import clock, new_id
from outage.account_taken import meant
from outage.board import NotMissing, NotOnBoard, ReasonMissing, board, undo_waiver, waive, waive_rows
from outage.copies import NotTwice, count_once
from outage.identities import sides
from outage.outages import PartClosed
from security import audit
from tests.outage.paper_day import PaperDay


def rows_of(found, entity):
    return [row for row in found.rows if row.entity == entity]


def test_a_day_that_wants_nothing_is_all_settled_and_equal(clinic):
    day = PaperDay(clinic)
    b1 = day.bottle("B1")
    for name in ("Luna", "Rex"):
        day.done(name, drugs=[(b1, "B1", 450)])
    day.done("Stray", walk_in=True, drugs=[(b1, "b1", 200)])
    gone = day.visit("Gone", stage="no_show")
    day.sheet("consent", gone)
    day.sheet("drug-log", bottle=b1, scanned=[1], typed={"uses.1.drawn": "1.10"}, verified="clara")
    slips = day.sheet("card-slip")
    invoice = day.ticket(day.done("Paid", cents=0), 9000)
    day.slip(slips, 1, 9000, invoice)
    day.settle()
    found = board(day.id, by=clinic.actor("sam"))
    assert [row for row in found.rows if row.is_open] == []
    assert [sides(line) for one in found.identities for line in one.lines] == [[4, 4, 4], [1100, 1100], [9000] * 3]
    assert all(one.is_equal for one in found.identities)


def test_each_thing_that_is_missing_is_said_in_words_on_its_row(clinic):
    day = PaperDay(clinic)
    b1 = day.bottle("B1")
    lost = day.visit("Lost")
    day.sheet("travel-sheet", lost)
    half = day.visit("Half", stage="checked_in")
    day.sheet("travel-sheet", half, scanned=[1])
    torn = day.visit("Torn", stage="checked_in")
    day.sheet("travel-sheet", torn, scanned=[1], review=[2])
    draft = day.visit("Draft", stage="checked_in")
    day.sheet("travel-sheet", draft, scanned=[1, 2], typed={}, entry="draft")
    wrong = day.visit("Wrong", stage="checked_out")
    day.sheet(
        "travel-sheet",
        wrong,
        scanned=[1, 2],
        typed={
            "drugs.1.bottle": "B1",
            "drugs.1.drawn": "0,45",
            "drugs.2.drawn": "-",
            "_exceptions": [["x", "No witness."]],
        },
    )
    day.log(b1, 400, wrong)
    day.ticket(wrong, 8500, 3000)
    nobody = day.visit("Nobody", stage="checked_in")
    came = day.visit("Came", stage="no_show")
    day.sheet("travel-sheet", came, scanned=[1, 2])
    blank = [day.sheet("walk-in", scanned=[1] if at != 1 else None) for at in range(3)]
    found = board(day.id, by=clinic.actor("sam"))
    told = {row.appointment_id: row for row in rows_of(found, "appointment")}
    assert told[lost].entered.words == "Did not come, or its paper is missing" and told[lost].pages.state == "problem"
    assert told[half].pages.words.endswith("page 2") and told[half].entered.words == "To be entered"
    assert told[torn].pages.state == "waiting" and told[torn].pages.words.startswith("In review")
    assert told[draft].entered.words == "Begun: 0 of 1 sheets entered"
    assert told[wrong].drugs.words == "Bottle B1: sheet 0.45 mL, drug log 0.40 mL"
    assert told[wrong].verified.state == "waiting" and told[wrong].notes == ("No witness.",)
    assert "No sheet belongs to it" in told[nobody].entered.words
    assert told[came].entered.words.startswith("No-show, but sheet")
    sheets = {row.entity_id: row for row in rows_of(found, "form_sheet")}
    assert "whose is it" in sheets[blank[0]].entered.words.lower()
    assert "where is this one" in sheets[blank[1]].pages.words
    (bottle,) = rows_of(found, "bottle")
    assert bottle.drugs.words == "Travel sheets 0.45 mL, taken out 0.40 mL"
    tickets = {row.appointment_id: row.money for row in rows_of(found, "ticket")}
    assert tickets[wrong].words == "$55.00 still open" and tickets[half].words == "No ticket yet"
    visits, drugs, slips = found.identities
    assert not visits.is_equal and visits.note == "2 scanned sheets belong to nobody yet."
    assert not drugs.is_equal and slips.is_equal
    missing = found.missing("clinical")
    assert {row.appointment_id for row in missing if row.entity == "appointment"} == {
        lost, half, torn, draft, wrong, nobody, came,
    }  # fmt: skip


def test_what_ended_before_or_began_after_is_no_part_of_the_outage(clinic):
    day = PaperDay(clinic, lasts=2)
    before = day.visit("Before", stage="checked_out", starts=-0.2, stage_after=-0.1)
    after = day.visit("After", starts=3)
    for visit in (before, after):
        day.sheet("travel-sheet", visit)
    inside = day.visit("Inside", starts=-0.2, stage="recovering")
    day.sheet("travel-sheet", inside)
    early = day.visit("Early", starts=3, stage="checked_in")
    day.sheet("travel-sheet", early, scanned=[1, 2])
    found = board(day.id, by=clinic.actor("sam"))
    assert {row.appointment_id for row in rows_of(found, "appointment")} == {inside, early}
    assert {row.appointment_id for row in rows_of(found, "form_sheet")} == {inside, early}


def test_a_corrected_line_counts_once_and_a_bottles_own_sheet_is_held_against_the_log(clinic):
    day = PaperDay(clinic)
    b1, b2 = day.bottle("B1"), day.bottle("B2")
    visit = day.visit("Luna", stage="checked_out")
    wrong = day.log(b1, 500, visit)
    day.log(b1, -500, visit, reverses=wrong, source="live")
    day.log(b1, 450, visit, source="live")
    day.sheet("travel-sheet", visit, scanned=[1, 2], typed={"drugs.1.bottle": "B1", "drugs.1.given": 0.45},
              verified="clara")  # fmt: skip
    day.sheet("drug-log", bottle=b2, scanned=[1], typed={"uses.1.drawn": "0.30", "uses.2.drawn": "0.1"})
    day.log(b2, 300)
    found = board(day.id, by=clinic.actor("sam"))
    told = {row.title: row.drugs for row in rows_of(found, "bottle")}
    assert told["Bottle B1"].state == "ok"
    assert meant(["0012", "b9", "x"], {"B0012": "one", "B9": "two", "09": "three"}) == {"0012": "one", "b9": "two"}
    assert told["Bottle B2"].words == "Drug log sheet 0.40 mL, taken out 0.30 mL"
    assert rows_of(found, "appointment")[0].drugs.state == "ok"


def test_a_row_is_let_go_by_name_with_a_reason_and_taken_back(clinic):
    day = PaperDay(clinic)
    mona, sam = clinic.actor("mona"), clinic.actor("sam")
    visit = day.done("Luna")
    lost = day.sheet("travel-sheet", visit)
    for reason, refusal in (("  ", ReasonMissing), ("4111 1111 1111 1111", CardNumberTyped)):
        with pytest.raises(refusal):
            waive(day.id, "form_sheet", lost, reason, by=mona)
    with pytest.raises(NotPermitted):
        waive(day.id, "form_sheet", lost, "Lost", by=sam)
    with pytest.raises(NotOnBoard):
        waive(day.id, "form_sheet", new_id(), "Lost", by=mona)
    with pytest.raises(NotFound):
        waive(new_id(), "form_sheet", lost, "Lost", by=mona)
    with pytest.raises(NotMissing):
        waive(day.id, "ticket", visit, "Pays later", by=mona)
    one = waive(day.id, "form_sheet", lost, "Blown out of the van", by=mona, key="twice")
    assert waive(day.id, "form_sheet", lost, "Blown out of the van", by=mona, key="twice") == one
    found = board(day.id, by=sam)
    assert found.missing("clinical") == [] and found.identities[0].is_equal
    (row,) = found.let_go("clinical")
    assert (row.waiver.who, row.waiver.reason) == ("Mona Marsh", "Blown out of the van")
    with read(clinic.id) as session:
        sheet = session.get_one(FormSheet, (clinic.id, lost))
        assert (sheet.state, sheet.reason) == ("waived", "Blown out of the van")
        told = session.scalars(select(AuditLog).where(AuditLog.action == "outage.waived")).one()
        assert told.actor == "mona" and "Blown out" in told.detail
    undo_waiver(one, by=mona)
    assert [row.appointment_id for row in board(day.id, by=sam).missing("clinical")] == [visit]
    with read(clinic.id) as session:
        assert session.get_one(FormSheet, (clinic.id, lost)).state == "printed"
    with pytest.raises(NotFound):
        undo_waiver(one, by=mona)
    two = waive(day.id, "form_sheet", lost, "Gone for good", by=clinic.operator)
    with write(clinic.id) as session:
        session.get_one(Outage, (clinic.id, day.id)).clinical_closed_at = clock.now()
        audit.append(session, clinic.operator, "outage.closed", "outage", day.id)
    with pytest.raises(PartClosed):
        undo_waiver(two, by=mona)


def test_many_rows_are_let_go_at_once_for_one_reason_or_none(clinic):
    day = PaperDay(clinic)
    mona = clinic.actor("mona")
    visits = [day.visit(name, stage="checked_out") for name in ("Luna", "Rex")]
    for visit in visits:
        day.sheet("travel-sheet", visit)
    with pytest.raises(NotOnBoard):
        waive_rows(day.id, [("appointment", visits[0]), ("bottle", new_id())], "In the app", by=mona)
    assert len(board(day.id, by=mona).missing("clinical")) == 2
    waive_rows(day.id, [("appointment", one) for one in visits], "Finished in the app", by=mona)
    found = board(day.id, by=mona)
    assert found.missing("clinical") == [] and found.open_rows("clinical") == []
    assert [sides(line) for line in found.identities[0].lines] == [[2, 2, 2]]
    with read(clinic.id) as session:
        assert len(session.scalars(select(Waiver)).all()) == 2


def test_a_restricted_record_is_not_named_and_money_only_told_to_whom_it_is_open(clinic):
    day = PaperDay(clinic)
    visit = day.visit("Luna", stage="checked_out")
    day.ticket(visit, 8500)
    with write(clinic.id) as session:
        client = session.get_one(Appointment, (clinic.id, visit)).client_id
        session.get_one(Client, (clinic.id, client)).restricted = True
        audit.append(session, clinic.operator, "client.restricted", "client", client)
    found = board(day.id, by=clinic.actor("sam"))
    assert not any("Luna" in row.detail or "Chen" in row.detail for row in found.rows)
    assert any("Luna" in row.detail for row in board(day.id, by=clinic.operator).rows)


def one_of(label: str) -> str:
    return label.replace("shows", "show").replace("ins", "in").replace("sets", "set")


FATES = st.sampled_from(["done", "no_show", "unscanned", "unkeyed", "draft", "lost", "walk_in", "let_go"])


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fates=st.lists(FATES, max_size=7),
    draws=st.lists(st.tuples(st.integers(1, 2000), st.integers(-3, 3)), max_size=4),
    slips=st.lists(st.tuples(st.integers(1, 50_000), st.booleans()), max_size=4),
)
def test_each_number_of_the_identities_is_what_an_independent_count_gives(clinic, fates, draws, slips):
    days = getattr(clinic, "days_used", 0) + 2
    clinic.days_used = days
    day = PaperDay(clinic, days_ago=days)
    for fate in fates:
        visit = day.visit(fate, walk_in=fate == "walk_in", stage="no_show" if fate == "no_show" else "booked")
        come = fate not in ("no_show", "unscanned", "lost", "let_go")
        keyed = {} if fate in ("done", "walk_in", "unscanned", "draft") else None
        day.sheet("travel-sheet", visit, scanned=[1, 2] if come else None, typed=keyed,
                  entry="draft" if fate == "draft" else "entered")  # fmt: skip
        if fate == "let_go":
            waive(day.id, "appointment", visit, "Finished in the app", by=clinic.operator)
    bottle = day.bottle(f"H{days}")
    drawing = day.done("Drawn", cents=0) if draws else None
    for amount, off in draws:
        day.log(bottle, max(1, amount + off), drawing)
    if draws:
        typed = {f"drugs.{n}.{key}": value for n, (amount, _) in enumerate(draws, 1)
                 for key, value in (("bottle", f"h{days}"), ("drawn", str(amount / 1000)))}  # fmt: skip
        day.sheet("travel-sheet", drawing, scanned=[1, 2], typed=typed)
    payer = day.done("Payer", cents=0)
    invoice = day.ticket(payer, 10_000_000)
    sheet = day.sheet("card-slip")
    for part, (cents, is_paid) in enumerate(slips, 1):
        day.slip(sheet, part, cents, invoice if is_paid else None)
    extra = 1 + bool(draws)
    visits, drugs, money = board(day.id, by=clinic.operator).identities
    of = {fate: fates.count(fate) for fate in ("no_show", "walk_in", "let_go", "done", "unscanned", "unkeyed", "draft")}
    assert [(term.sign, one_of(term.label), term.value) for term in visits.lines[0] if term.label != "let go"] == [
        ("", "rostered", len(fates) + extra - of["walk_in"]), ("−", "no-show", of["no_show"]),
        ("+", "walk-in", of["walk_in"]), ("=", "back-entered", of["done"] + of["walk_in"] + of["unscanned"] + extra),
        ("=", "form set scanned", of["done"] + of["walk_in"] + of["unkeyed"] + of["draft"] + extra),
    ]  # fmt: skip
    assert [term.value for term in visits.lines[0] if term.label == "let go"] == [of["let_go"]] * 2 * bool(of["let_go"])
    assert all(len(set(term.rows)) == term.value for term in visits.lines[0])
    drawn, taken = sum(amount for amount, _ in draws), sum(max(1, amount + off) for amount, off in draws)
    assert [term.value for term in drugs.lines[0]] == [drawn, taken] and drugs.is_equal == (drawn == taken)
    total, paid = sum(cents for cents, _ in slips), sum(cents for cents, is_paid in slips if is_paid)
    timing = [("+", "not settled yet", paid)] * bool(paid)
    assert [(term.sign, term.label, term.value) for term in money.lines[0]] == [
        ("", "on card slips", total), ("=", "in payments", paid), ("=", "settled", 0), *timing
    ]  # fmt: skip


@pytest.mark.slow
def test_sixty_visits_take_less_than_a_tenth_of_a_second(sqlite_clinic):
    day = PaperDay(sqlite_clinic)
    b1 = day.bottle("B1")
    for number in range(60):
        day.done(f"Pet{number}", drugs=[(b1, "B1", 450)])
    by = sqlite_clinic.actor("sam")
    board(day.id, by=by)
    took = []
    for _ in range(5):
        began = time.process_time()
        found = board(day.id, by=by)
        took.append(time.process_time() - began)
    assert len(found.rows) == 60 * 4 + 1 and found.identities[0].is_equal
    assert min(took) < 0.1, took


def test_cards_only_shows_slips_alone(clinic):
    day = PaperDay(clinic)
    day.visit("Luna")
    with write(clinic.id) as session:
        session.get_one(Outage, (clinic.id, day.id)).scope = "cards"
        audit.append(session, clinic.operator, "outage.timed", "outage", day.id)
    sheet = day.sheet("card-slip")
    day.slip(sheet, 1, 500, destroyed=False)
    day.slip(sheet, 3, 700)
    found = board(day.id, by=clinic.actor("sam"))
    assert [row.entity for row in found.rows] == ["card_slip"]
    assert found.rows[0].money.words == "Slip 2 not keyed, a later one was"
    assert [one.key for one in found.identities] == ["slips"] and not found.identities[0].is_equal
    assert clock.now() - day.began > timedelta(hours=4)


def test_a_line_copied_onto_a_second_sheet_of_a_visit_is_named_and_counts_once_when_somebody_says_so(clinic):
    day = PaperDay(clinic)
    mona = clinic.actor("mona")
    b1 = day.bottle("B1")
    visit = day.done("Luna", drugs=[(b1, "B1", 450)])
    typed = {"drugs.1.bottle": "b1", "drugs.1.drawn": "0.45", "drugs.1.time": "0945"}
    first, second = (
        day.sheet("travel-sheet", visit, scanned=[1, 2], typed=typed | more, verified="clara")
        for more in ({}, {"drugs.1.time": "9:45"})
    )
    day.log(b1, 450, visit, sheet=first)
    (row,) = [row for row in board(day.id, by=mona).rows if row.entity == "appointment"]
    assert row.copies == ((second, "1"),) and "stands on two sheets" in row.missing
    with pytest.raises(NotPermitted):
        count_once(day.id, visit, by=clinic.actor("sam"))
    count_once(day.id, visit, by=mona, key="once")
    count_once(day.id, visit, by=mona, key="once")
    found = board(day.id, by=mona)
    (row,) = [row for row in found.rows if row.entity == "appointment"]
    assert not row.is_open and next(one for one in found.identities if one.key == "drugs").is_equal
    with pytest.raises(NotTwice):
        count_once(day.id, visit, by=mona)
