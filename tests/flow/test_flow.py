"""The patient flow: moves, conflicts, undoing, exits; nothing is lost when stations act at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from appointments import flow, moves
from data.errors import NotFound, NotPermitted
from data.models import AuditLog, CheckIn, FlowEvent
from data.session import read, write
from data.types import clock


def events(clinic, appointment_id):
    with read(clinic.id) as session:
        statement = select(FlowEvent).where(FlowEvent.appointment_id == appointment_id).order_by(FlowEvent.id)
        return list(session.scalars(statement))


def test_a_move_adds_one_event_one_audit_row_and_moves_the_card(clinic, clinic_day):
    visit = clinic_day.visit()
    sam = clinic.actor("sam")
    flow.advance(visit, "checked_in", "examined", by=sam)
    (card,) = flow.board(clinic_day.today, by=sam)
    assert (card.stage, card.next_stage, card.patient, card.client) == ("examined", "premedicated", "Biscuit", "Marsh")
    assert [(e.from_stage, e.to_stage, e.source) for e in events(clinic, visit)] == [("checked_in", "examined", "live")]
    with read(clinic.id) as session:
        last = session.scalars(select(AuditLog).order_by(AuditLog.seq.desc())).first()
        assert (last.action, last.entity_id) == ("flow.moved", visit)


def test_a_move_from_a_stage_the_patient_has_left_says_who_moved_it_and_where_to(clinic, clinic_day):
    visit = clinic_day.visit()
    flow.advance(visit, "checked_in", "examined", by=clinic.actor("clara"))
    with pytest.raises(moves.MovedMeanwhile, match="Clara Chen already moved this patient to examined"):
        flow.advance(visit, "checked_in", "declined", by=clinic.actor("sam"), reason="fever")
    assert len(events(clinic, visit)) == 1


def test_twenty_stations_move_one_patient_and_exactly_one_wins(clinic, clinic_day):
    visit = clinic_day.visit()
    sam = clinic.actor("sam")

    def station(_):
        try:
            flow.advance(visit, "checked_in", "examined", by=sam)
            return "moved"
        except moves.MovedMeanwhile:
            return "late"

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(station, range(20)))
    assert sorted(outcomes) == ["late"] * 19 + ["moved"]
    assert len(events(clinic, visit)) == 1


def test_twenty_stations_move_twenty_patients_and_none_is_lost(clinic, clinic_day):
    visits = [clinic_day.visit(patient=f"Cat {n}") for n in range(20)]
    sam = clinic.actor("sam")

    def station(visit):
        for before, after in (("checked_in", "examined"), ("examined", "premedicated"), ("premedicated", "induced")):
            flow.advance(visit, before, after, by=sam)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(station, visits))
    assert {card.stage for card in flow.board(clinic_day.today, by=sam)} == {"induced"}
    assert all(len(events(clinic, visit)) == 3 for visit in visits)


def test_a_double_click_at_the_same_instant_moves_once_and_both_hear_the_same_answer(clinic, clinic_day):
    visit = clinic_day.visit()
    sam = clinic.actor("sam")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: flow.advance(visit, "checked_in", "examined", by=sam, key="k1"), range(8)))
    assert len(set(results)) == 1
    assert len(events(clinic, visit)) == 1


def test_undo_returns_the_patient_by_a_compensating_event_and_erases_nothing(clinic, clinic_day):
    visit = clinic_day.visit()
    sam = clinic.actor("sam")
    for before, after in (("checked_in", "examined"), ("examined", "premedicated")):
        flow.advance(visit, before, after, by=sam)
    assert flow.take_back(visit, "premedicated", by=sam) == "examined"
    assert flow.take_back(visit, "examined", by=sam) == "checked_in"
    with pytest.raises(moves.NothingToUndo):
        flow.take_back(visit, "checked_in", by=sam)
    flow.advance(visit, "checked_in", "examined", by=sam)
    lines = flow.timeline(visit, by=sam)
    assert [(line.to_stage, line.undoes, line.undone) for line in lines] == [
        ("examined", False, True),
        ("premedicated", False, True),
        ("examined", True, False),
        ("checked_in", True, False),
        ("examined", False, False),
    ]


def test_dragging_back_undoes_every_move_to_a_stage_the_patient_was_at_and_no_other(clinic, clinic_day):
    visit = clinic_day.visit(stage="booked")
    sam = clinic.actor("sam")
    for before, after in (("booked", "checked_in"), ("checked_in", "premedicated"), ("premedicated", "in_surgery")):
        flow.advance(visit, before, after, by=sam)
    with pytest.raises(flow.NeverThere, match="never examined"):
        flow.take_back(visit, "in_surgery", ("examined",), by=sam)
    with pytest.raises(moves.MovedMeanwhile):
        flow.take_back(visit, "premedicated", ("checked_in",), by=sam)
    assert flow.take_back(visit, "in_surgery", ("checked_in",), by=sam) == "checked_in"
    assert clinic_day.stage_of(visit) == "checked_in"


def test_exits_need_a_reason_and_are_undone_like_any_move(clinic, clinic_day):
    visit = clinic_day.visit(stage="examined")
    sam = clinic.actor("sam")
    with pytest.raises(flow.ReasonMissing, match="Say why Biscuit is declined"):
        flow.leave(visit, "examined", "declined", " ", by=sam)
    flow.leave(visit, "examined", "declined", "upper respiratory infection", by=sam)
    assert clinic_day.stage_of(visit) == "declined"
    assert flow.take_back(visit, "declined", by=sam) == "examined"


def test_a_time_in_the_future_is_refused_with_a_sentence(clinic, clinic_day):
    visit = clinic_day.visit()
    with pytest.raises(moves.InTheFuture, match="lies in the future"):
        flow.advance(
            visit, "checked_in", "examined", by=clinic.actor("sam"), event_at=clock.now() + timedelta(minutes=9)
        )
    assert clinic_day.stage_of(visit) == "checked_in"


def test_impossible_moves_are_refused(clinic, clinic_day):
    visit = clinic_day.visit(stage="in_surgery")
    with pytest.raises(moves.NotPossible, match="Undo the last move first"):
        flow.advance(visit, "in_surgery", "examined", by=clinic.actor("sam"))
    with pytest.raises(NotFound):
        flow.advance("0190a000-0000-7000-8000-000000000000", "booked", "checked_in", by=clinic.actor("sam"))


def test_who_may_not_move_patients_is_refused(clinic, clinic_day):
    from data import definitions
    from security.roles import ROLE, Role

    with write(clinic.id) as session:
        definitions.save(session, ROLE, "staff", Role(label="Staff", permissions=["flow.view"]), by_user_id=None)
    visit = clinic_day.visit()
    with pytest.raises(NotPermitted, match="move patients through the stages"):
        flow.advance(visit, "checked_in", "examined", by=clinic.actor("sam"))
    assert len(flow.board(clinic_day.today, by=clinic.actor("sam"))) == 1


def test_the_board_shows_the_day_carried_over_patients_and_flags(clinic, clinic_day):
    sam = clinic.actor("sam")
    yesterday = clinic_day.today - timedelta(days=1)
    signed = clinic_day.visit(patient="Ada", caution="bites")
    clinic_day.visit(patient="Bo", stage="booked")
    clinic_day.visit(patient="Cleo", stage="held_overnight", day=yesterday)
    clinic_day.visit(patient="Dot", stage="checked_out", day=yesterday)
    with write(clinic.id) as session:
        session.add(CheckIn(appointment_id=signed, event_at=clock.now(), consent="signed"))
        session.flush()
    cards = {card.patient: card for card in flow.board(clinic_day.today, by=sam)}
    assert set(cards) == {"Ada", "Bo", "Cleo"}
    assert (cards["Ada"].consent_missing, cards["Ada"].caution, cards["Ada"].elapsed_minutes) == (False, "bites", 10)
    assert cards["Cleo"].consent_missing and not cards["Bo"].consent_missing
    assert {card.patient for card in flow.board(yesterday, by=sam)} == {"Cleo", "Dot"}


def test_flow_events_cannot_be_rewritten(clinic, clinic_day):
    visit = clinic_day.visit()
    flow.advance(visit, "checked_in", "examined", by=clinic.actor("sam"))
    with pytest.raises(Exception, match="append only"), write(clinic.id) as session:
        session.execute(update(FlowEvent).values(to_stage="ready"))
