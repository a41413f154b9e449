"""Two people at once, another clinic, and after the closing: what is done is done once, by who may."""

import threading

import pytest
from sqlalchemy import select

from data.errors import NotFound, NotPermitted, Refusal, SessionEnded
from data.models import Appointment, BackEntry, CardSlip, Client, DrugLogEntry, FormSheet, InvoiceLine, Patient, Payment
from data.session import read, write
from outage import board, entry, outages, page_answers, review, sheets, slips
from outage.printing import print_blank, print_for_roster
from security import audit, sessions
from security.actor import Actor
from security.clinics import NewClinic, create_clinic
from tests.outage.paper_day import PaperDay
from tests.outage.test_entry import TRAVEL, WALK_IN, Paper, blank, evening

__all__ = ["evening"]


@pytest.fixture
def paper(evening):
    return Paper(evening)


def at_once(*calls):
    """Run calls at the same moment; what each answered or was refused with."""
    ready, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place, call):
        ready.wait()
        try:
            answers[place] = call()
        except Refusal as refusal:
            answers[place] = refusal

    threads = [threading.Thread(target=run, args=one) for one in enumerate(calls)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    return answers


def refused(answers):
    return [type(one).__name__ for one in answers if isinstance(one, Exception)]


def test_what_two_people_do_at_once_is_done_once(paper):
    sam, clara = paper.sam, paper.clara
    values = {paper.travel: TRAVEL}
    both = at_once(*(lambda by=by: entry.enter(paper.visit, values, by=by) for by in (sam, clara, sam)))
    assert refused(both) == ["AlreadyEntered"] * 2, both
    assert (paper.holds("B7"), len(paper.rows(InvoiceLine)), len(paper.rows(BackEntry))) == (9_800, 3, 1)
    sheet = blank(paper, "walk-in")
    one_click = lambda: entry.enter_walk_in(sheet, WALK_IN, by=sam, key="w")  # noqa: E731
    first, second, third = at_once(one_click, one_click, lambda: entry.enter_walk_in(sheet, WALK_IN, by=clara))
    assert len({str(one) for one in (first, second, third) if isinstance(one, str)}) == 1
    assert len(paper.rows(Client)) == len(paper.rows(Patient)) == 2
    run = lambda: print_for_roster(["consent"], paper.day.today, by=sam, key="p").serials  # noqa: E731
    first, second = at_once(run, run)
    assert first == second
    (serial,) = print_blank("card-slip", 1, by=sam).serials
    mona = paper.clinic.actor("mona")
    outage = outages.declare("all", paper.at("06:00"), paper.at("20:00"), by=mona)
    paid = slips.NewSlip(serial, 1, 100, paper.at("12:00"), "4242", "visa", "A1", appointment_id=paper.visit)
    answers = at_once(*(lambda by=by: slips.key_slip(paid, by=by) for by in (sam, clara)))
    assert refused(answers) == ["SlipUsed"] and len(paper.rows(Payment)) == 1
    row = paper.rows(CardSlip)[0]
    gone = at_once(*(lambda by=by: slips.destroy_slips([row.id], by=by) for by in (sam, clara)))
    assert refused(gone) == ["NothingToDestroy"]
    left = [(one.entity, one.entity_id) for one in board.board(outage, by=mona).open_rows("money")]
    board.waive_rows(outage, left, "Later", by=mona)
    closed = at_once(
        lambda: board.close(outage, "money", by=mona),
        lambda: board.close(outage, "money", by=paper.clinic.actor("adam")),
        lambda: slips.take_back(row.id, "Wrong", by=sam),
    )
    assert len(refused(closed)) == 2, closed


def test_another_clinics_ids_mean_nothing_and_an_ended_session_does_nothing(paper):
    sheet, walk_in = paper.travel, blank(paper, "walk-in")
    outage = outages.declare("all", paper.at("06:00"), by=paper.clinic.actor("mona"))
    other = create_clinic(NewClinic("other", "Other"))
    them = Actor.operator(other)
    for attempt in (
        lambda: entry.enter(paper.visit, {sheet: TRAVEL}, by=them),
        lambda: entry.enter_walk_in(walk_in, WALK_IN, by=them),
        lambda: entry.enter_bottle(sheet, {}, by=them),
        lambda: entry.no_show(paper.visit, by=them),
        lambda: entry.verify(sheet, by=them),
        lambda: entry.reopen(sheet, "Why", by=them),
        lambda: entry.begin(sheet, by=them),
        lambda: entry.open_entry(paper.visit, by=them),
        lambda: entry.to_enter(by=them, outage_id=outage),
        lambda: board.board(outage, by=them),
        lambda: board.waive(outage, "form_sheet", sheet, "Why", by=them),
        lambda: board.undo_waiver(sheet, by=them),
        lambda: board.close(outage, "clinical", by=them),
        lambda: board.papers(outage, by=them),
        lambda: outages.change_times(outage, None, None, version=1, by=them),
        lambda: sheets.bind(walk_in, paper.visit, by=them),
        lambda: sheets.spoil(sheet, "Torn", by=them),
        lambda: sheets.pages_of(paper.visit, by=them),
        lambda: review.settle(sheet, page_answers.PutAside("blank"), by=them),
        lambda: review.reopen(sheet, by=them),
        lambda: slips.take_back(sheet, "Why", by=them),
        lambda: slips.apply_slip(sheet, paper.visit, by=them),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert not slips.slips(outage, by=them) and not slips.visits_like("1", by=them)
    with pytest.raises(NotPermitted):
        outages.declare("cards", paper.at("07:00"), by=paper.sam)
    sessions.end(paper.clinic.id, paper.sam.session_id, "revoked", by=paper.clinic.actor("adam"))
    with pytest.raises(SessionEnded):
        entry.enter(paper.visit, {sheet: TRAVEL}, by=paper.sam)
    assert not paper.rows(BackEntry) and not paper.rows(DrugLogEntry, source="paper")


def test_a_walk_in_of_somebody_known_is_held_to_the_same_rules(paper):
    sheet = blank(paper, "walk-in")
    visit = paper.rows(Appointment, id=paper.visit)[0]
    stranger = paper.rows(Appointment, id=paper.day.visit("Rex", stage="booked"))[0]
    with pytest.raises(Refusal):
        known = {"_client": visit.client_id, "_patient": stranger.patient_id}
        entry.enter_walk_in(sheet, WALK_IN | known, by=paper.sam)
    with pytest.raises(Refusal):
        entry.enter_walk_in(sheet, WALK_IN | {"_client": "nobody"}, by=paper.sam)
    with write(paper.clinic.id) as session:
        session.get_one(Client, (paper.clinic.id, visit.client_id)).restricted = True
        session.flush()
        audit.append(session, paper.clinic.operator, "test.made", "client", "")
    with pytest.raises(Refusal):
        entry.enter_walk_in(sheet, WALK_IN | {"_client": visit.client_id}, by=paper.clara)
    with read(paper.clinic.id) as session:
        assert session.get_one(FormSheet, (paper.clinic.id, sheet)).state == "used"


def test_what_the_signed_report_tells_is_not_opened_again(clinic):
    day = PaperDay(clinic)
    bottle = day.bottle("B1")
    visit = day.done("Luna", drugs=[(bottle, "B1", 450)])
    board.close(day.id, "clinical", by=clinic.operator)
    with read(clinic.id) as session:
        sheet = session.scalars(select(FormSheet).where(FormSheet.form == "travel-sheet")).one()
    with pytest.raises(outages.PartClosed):
        entry.reopen(sheet.id, "Wrong dose", by=clinic.actor("clara"))
    assert visit


@pytest.mark.parametrize("written", ["0.45 mL", "0,45", ".45mL"])
def test_a_quantity_written_with_its_unit_counts_on_the_board_as_in_the_log(sqlite_clinic, written):
    day = PaperDay(sqlite_clinic)
    bottle, visit = day.bottle("B1"), day.visit("Luna", stage="checked_out", stage_after=1)
    day.log(bottle, 450, visit)
    typed = {"drugs.1.bottle": "B1", "drugs.1.drawn": written}
    day.sheet("travel-sheet", visit, scanned=[1, 2], typed=typed, verified="clara")
    found = board.board(day.id, by=sqlite_clinic.operator)
    assert [term.value for term in found.identities[1].lines[0]] == [450, 450]
    assert not [row.missing for row in found.rows if row.drugs.is_open]
