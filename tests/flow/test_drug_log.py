"""The drug log: the invariants of 21 CFR 1304 practice, corrections that erase nothing, balances that always add up."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from appointments import drug_log, moves
from appointments import drug_register as register
from appointments.drug_log import NewBottle, Use
from appointments.quantities import BadQuantity, thousandths, words
from appointments.times import instant_of
from appointments.today import day_at_a_glance
from data.errors import NotFound, NotPermitted
from data.models import Drug, DrugLogEntry
from data.session import read, write
from data.types import clock, new_id


def drug_id(clinic, code="ketamine-100"):
    with read(clinic.id) as session:
        return session.scalars(select(Drug.id).where(Drug.code == code)).one()


def bottle(clinic, *, code="ketamine-100", size=10_000, opened=True, number=None):
    clara = clinic.actor("clara")
    new = NewBottle(
        drug_id(clinic, code), number or new_id()[-12:], size, clock.today("America/New_York") - timedelta(days=3)
    )
    found = drug_log.receive(new, by=clara)
    if opened:
        drug_log.open_bottle(found, by=clara)
    return found


@contextmanager
def clock_at(instant):
    clock.set(instant)
    try:
        yield
    finally:
        clock.set(None)


def lines(clinic, bottle_id):
    return register.register(bottle_id, by=clinic.operator)[1]


def held(clinic, bottle_id):
    return register.register(bottle_id, by=clinic.operator)[0].balance


def test_a_dose_lowers_the_balance_and_names_patient_route_and_people(clinic, clinic_day):
    found, visit, sam = bottle(clinic), clinic_day.visit(), clinic.actor("sam")
    use = Use(found, given=250, wasted=50, drawn=300, appointment_id=visit, route="IM", stage="induced",
              witness_id=clinic.users["clara"])  # fmt: skip
    drug_log.log_use(use, by=sam)
    received, used = lines(clinic, found)
    assert (received.kind, received.balance) == ("received", 10_000)
    assert (used.patient, used.owner, used.drawn, used.given, used.wasted, used.balance, used.by, used.witness) == (
        "Biscuit", "Ada Marsh", 300, 250, 50, 9_700, "SS", "CC",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "failure", "sentence"),
    [
        ({"given": 0, "wasted": 0}, drug_log.NotPositive, "must be more than zero"),
        ({"given": -5}, drug_log.NotPositive, "must be more than zero"),
        ({"drawn": 400}, drug_log.DoesNotAddUp, "Drawn must be given plus wasted"),
        ({"appointment_id": None}, drug_log.PatientMissing, "for which visit"),
        ({"wasted": 50}, drug_log.WitnessMissing, "Waste of Ketamine needs a witness"),
    ],
)
def test_what_a_line_must_hold(sqlite_clinic, sqlite_day, change, failure, sentence):
    found, visit = bottle(sqlite_clinic), sqlite_day.visit()
    fields = {"given": 250, "appointment_id": visit} | change
    with pytest.raises(failure, match=sentence):
        drug_log.log_use(Use(found, **fields), by=sqlite_clinic.actor("sam"))
    assert len(lines(sqlite_clinic, found)) == 1


def test_the_witness_is_somebody_else_and_a_colleague(clinic, clinic_day):
    found, visit = bottle(clinic), clinic_day.visit()
    with pytest.raises(drug_log.WitnessIsPerformer):
        drug_log.log_use(Use(found, 100, 50, appointment_id=visit, witness_id=clinic.users["sam"]),
                         by=clinic.actor("sam"))  # fmt: skip
    drug_log.log_use(
        Use(found, 100, 50, appointment_id=visit, witness_id=clinic.users["sam"], source="paper",
            performed_by=clinic.users["clara"]),
        by=clinic.actor("sam"),
    )  # fmt: skip
    assert (lines(clinic, found)[-1].by, lines(clinic, found)[-1].witness) == ("CC", "SS")


def test_paper_without_a_witness_is_taken_as_written_and_flagged(clinic, clinic_day):
    found, visit = bottle(clinic), clinic_day.visit()
    drug_log.log_use(Use(found, 100, 50, appointment_id=visit, source="paper"), by=clinic.actor("sam"))
    assert lines(clinic, found)[-1].flags == ("No witness",)
    (row,) = register.reconciliation(clinic_day.today, by=clinic.operator)
    assert "1 without witness" in row.flags


def test_a_drug_without_the_need_is_wasted_without_a_witness(sqlite_clinic, sqlite_day):
    found = bottle(sqlite_clinic, code="meloxicam-5")
    drug_log.log_use(Use(found, wasted=50), by=sqlite_clinic.actor("sam"))
    assert held(sqlite_clinic, found) == 9_950


def test_a_negative_balance_is_flagged_and_never_blocked(clinic, clinic_day):
    found, visit = bottle(clinic, size=200), clinic_day.visit()
    drug_log.log_use(Use(found, 250, appointment_id=visit), by=clinic.actor("sam"))
    head, rows = register.register(found, by=clinic.operator)
    assert (head.balance, head.flags, rows[-1].flags) == (-50, ("Negative balance",), ("Negative balance",))
    clara = clinic.actor("clara")
    with pytest.raises(drug_log.ReasonMissing):
        drug_log.close_bottle(found, by=clara)
    drug_log.close_bottle(found, by=clara, reason="overfill", witness_id=clinic.users["sam"])
    head, rows = register.register(found, by=clinic.operator)
    assert (head.balance, head.state, rows[-1].kind, rows[-1].delta) == (0, "closed", "adjusted", 50)


def test_the_lines_of_a_visit_say_nothing_about_balances_that_the_whole_bottle_would_not(clinic, clinic_day):
    visit, sam = clinic_day.visit(), clinic.actor("sam")
    for code in ("ketamine-100", "dexmedetomidine-05"):
        waste = Use(bottle(clinic, code=code), given=250, wasted=50, appointment_id=visit, source="paper")
        drug_log.log_use(waste, by=sam)
    flags = {found.drug: line.flags for found, line in register.of_visit(visit, by=sam)}
    assert flags == {"Ketamine": ("No witness",), "Dexmedetomidine": ()}


def test_closed_unopened_and_future_lines_are_refused_live(clinic, clinic_day):
    found, visit, sam = bottle(clinic, opened=False), clinic_day.visit(), clinic.actor("sam")
    with pytest.raises(drug_log.BottleNotOpen, match="not opened yet"):
        drug_log.log_use(Use(found, 100, appointment_id=visit), by=sam)
    drug_log.open_bottle(found, by=clinic.actor("clara"))
    with pytest.raises(moves.InTheFuture, match="lies in the future"):
        drug_log.log_use(Use(found, 100, appointment_id=visit, event_at=clock.now() + timedelta(hours=1)), by=sam)
    drug_log.close_bottle(found, by=clinic.actor("clara"), reason="broken", witness_id=clinic.users["sam"])
    with pytest.raises(drug_log.BottleNotOpen, match="is closed"):
        drug_log.log_use(Use(found, 100, appointment_id=visit), by=sam)
    with pytest.raises(drug_log.NumberTaken):
        number = register.register(found, by=sam)[0].number
        drug_log.receive(NewBottle(drug_id(clinic), number.upper(), 5, clinic_day.today), by=clinic.actor("clara"))


def test_balances_run_by_when_it_happened_not_by_when_it_was_written_down(clinic, clinic_day):
    found, visit, sam = bottle(clinic), clinic_day.visit(), clinic.actor("sam")
    drug_log.log_use(Use(found, 300, appointment_id=visit), by=sam)
    earlier = clock.now() - timedelta(hours=1)
    drug_log.log_use(Use(found, 200, appointment_id=visit, event_at=earlier, source="paper"), by=sam)
    assert [(line.given, line.balance) for line in lines(clinic, found)] == [(0, 10_000), (200, 9_800), (300, 9_500)]


def test_a_correction_strikes_the_line_through_and_adds_the_right_one(clinic, clinic_day):
    found, visit, sam, clara = bottle(clinic), clinic_day.visit(), clinic.actor("sam"), clinic.actor("clara")
    wrong = drug_log.log_use(Use(found, 2_500, appointment_id=visit), by=sam)
    with pytest.raises(NotPermitted):
        drug_log.correct(wrong, "decimal point", by=sam)
    with pytest.raises(drug_log.ReasonMissing):
        drug_log.correct(wrong, " ", by=clara)
    drug_log.correct(wrong, "decimal point", by=clara, instead=Use(found, 250, appointment_id=visit))
    rows = lines(clinic, found)
    assert [(line.kind, line.delta, line.balance) for line in rows] == [
        ("received", 10_000, 10_000), ("use", -2_500, None), ("reversal", 2_500, None), ("use", -250, 9_750),
    ]  # fmt: skip
    assert rows[1].reversed_by == "Taken out by Clara Chen: decimal point"
    with pytest.raises(drug_log.AlreadyReversed):
        drug_log.correct(wrong, "again", by=clara)
    with pytest.raises(drug_log.NotReversible):
        drug_log.correct(rows[2].id, "undo", by=clara)


def test_a_refused_replacement_takes_nothing_out(clinic, clinic_day):
    found, visit, clara = bottle(clinic), clinic_day.visit(), clinic.actor("clara")
    wrong = drug_log.log_use(Use(found, 100, appointment_id=visit), by=clara)
    with pytest.raises(drug_log.PatientMissing):
        drug_log.correct(wrong, "wrong dose", by=clara, instead=Use(found, 120))
    assert [line.stands for line in lines(clinic, found)] == [True, True]


def test_counts_compare_with_the_log_and_a_difference_needs_a_reason(clinic, clinic_day):
    found, sam, clara = bottle(clinic), clinic.actor("sam"), clinic.users["clara"]
    with pytest.raises(drug_log.WitnessMissing, match="The count of Ketamine"):
        drug_log.count(found, clinic_day.today, "AM", 10_000, by=sam)
    with pytest.raises(drug_log.ReasonMissing):
        drug_log.count(found, clinic_day.today, "AM", 9_980, by=sam, witness_id=clara)
    assert drug_log.count(found, clinic_day.today, "AM", 10_000, by=sam, witness_id=clara) == 0
    (row,) = register.reconciliation(clinic_day.today, by=sam)
    assert (row.am, row.am_expected, row.pm, "No AM count" in row.flags) == (10_000, 10_000, None, False)
    assert drug_log.count(found, clinic_day.today, "PM", 9_980, by=sam, witness_id=clara, reason="meniscus") == -20
    (row,) = register.reconciliation(clinic_day.today, by=sam)
    assert (row.flags, row.reasons) == (("PM −0.02 mL",), ("meniscus",))


def test_only_what_was_open_and_held_something_needs_a_count(clinic, clinic_day):
    sam, clara = clinic.actor("sam"), clinic.users["clara"]
    first = bottle(clinic)
    drug_log.count(first, clinic_day.today, "AM", 10_000, by=sam, witness_id=clara)
    later, gone = bottle(clinic), bottle(clinic)
    drug_log.close_bottle(gone, by=clinic.actor("clara"), reason="broken", witness_id=clinic.users["mona"])

    day, names = clinic_day.today, {row.id: f"{row.drug} {row.number}" for row in register.bottles(by=sam)}

    def told(now):
        with clock_at(now):
            rows = register.reconciliation(day, by=clinic.operator)
            return {row.bottle.id: row.flags for row in rows}, day_at_a_glance(day, by=clinic.operator).counts_missing

    noon, due = instant_of(day, time(12), "America/New_York"), {first: ("No PM count",), later: ("No PM count",)}
    assert told(noon) == ({first: (), later: (), gone: ()}, []), "in the morning the PM count is not late"
    assert told(noon + timedelta(hours=2)) == (due | {gone: ()}, sorted(names.values()))
    assert told(noon + timedelta(days=2))[0] == due | {gone: ()}, "a past day stays short of its count"
    assert [row.id for row in register.bottles(by=sam, closed=True)] == [gone]


def test_the_day_adds_up_opening_plus_received_minus_given_minus_wasted_plus_adjusted(clinic, clinic_day):
    found, visit, sam, clara = bottle(clinic), clinic_day.visit(), clinic.actor("sam"), clinic.actor("clara")
    witness = clinic.users["mona"]
    drug_log.log_use(Use(found, 300, 20, appointment_id=visit, witness_id=witness), by=sam)
    wrong = drug_log.adjust(found, -100, "spill", witness, by=clara)
    drug_log.adjust(found, -60, "spill", witness, by=clara)
    drug_log.dispose(found, 500, "reverse distributor", witness, by=clara)
    drug_log.correct(wrong, "counted twice", by=clara)
    (row,) = register.reconciliation(clinic_day.today, by=sam)
    assert (row.opening, row.received, row.given, row.wasted, row.adjusted, row.closing) == (
        10_000, 0, 300, 20, -560, 9_120,
    )  # fmt: skip
    assert row.opening + row.received - row.given - row.wasted + row.adjusted == row.closing == held(clinic, found)


def test_two_stations_draw_from_one_bottle_at_once_and_no_line_is_lost(clinic, clinic_day):
    found, visit = bottle(clinic, size=100_000), clinic_day.visit()
    stations = [clinic.actor("sam"), clinic.actor("clara")]

    def draw(n):
        drug_log.log_use(Use(found, 100 + n, appointment_id=visit), by=stations[n % 2], key=f"draw-{n // 2}-{n % 2}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(draw, range(24)))
    rows = lines(clinic, found)
    assert len(rows) == 25
    assert rows[-1].balance == held(clinic, found) == 100_000 - sum(100 + n for n in range(24))


def test_a_double_click_logs_once(clinic, clinic_day):
    found, visit, sam = bottle(clinic), clinic_day.visit(), clinic.actor("sam")
    use = Use(found, 100, appointment_id=visit)
    with ThreadPoolExecutor(4) as pool:
        results = set(pool.map(lambda _: drug_log.log_use(use, by=sam, key="one"), range(4)))
    assert len(results) == 1 and held(clinic, found) == 9_900


def test_lines_cannot_be_rewritten(clinic, clinic_day):
    found = bottle(clinic)
    with pytest.raises(Exception, match="append only"), write(clinic.id) as session:
        session.execute(update(DrugLogEntry).where(DrugLogEntry.bottle_id == found).values(delta=1))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.integers(0, 900), st.integers(0, 90), st.integers(0, 600)),
        st.tuples(st.just("adjust"), st.integers(-300, 300), st.just(0), st.integers(0, 600)),
        st.tuples(st.just("dispose"), st.integers(0, 400), st.just(0), st.just(0)),
        st.tuples(st.just("reverse"), st.integers(0, 30), st.just(0), st.just(0)),
    ),
    max_size=14,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_any_sequence_keeps_the_balance_equal_to_the_sum_and_the_running_balance_consistent(clinic, clinic_day, plan):
    from data.errors import Refusal

    found, visit, by = bottle(clinic, size=5_000), clinic_day.visit(), clinic.operator
    witness, now = clinic.users["mona"], clock.now()
    made, truth = [], {}
    for kind, amount, waste, minutes in plan:
        at = now - timedelta(minutes=minutes)
        try:
            if kind == "use":
                use = Use(found, amount, waste, appointment_id=visit, witness_id=witness, event_at=at)
                line, effect = drug_log.log_use(use, by=by), -(amount + waste)
            elif kind == "adjust":
                line, effect = drug_log.adjust(found, amount, "spill", witness, by=by, event_at=at), amount
            elif kind == "dispose":
                line, effect = drug_log.dispose(found, amount, "burnt", witness, by=by), -amount
            elif made:
                target = made[amount % len(made)]
                drug_log.correct(target, "wrong", by=by)
                truth.pop(target)
                continue
            else:
                continue
        except Refusal:
            continue
        made.append(line)
        truth[line] = effect
    rows = lines(clinic, found)
    with read(clinic.id) as session:
        total = session.scalar(select(func.sum(DrugLogEntry.delta)).where(DrugLogEntry.bottle_id == found))
    assert held(clinic, found) == total == 5_000 + sum(truth.values())
    running = 0
    for row in rows:
        if row.stands:
            running += row.delta
            assert row.balance == running
    assert running == total
    assert [row.event_at for row in rows] == sorted(row.event_at for row in rows)


@given(st.integers(-1_000_000, 1_000_000))
def test_quantities_survive_being_written_and_read(quantity):
    assert thousandths(words(quantity).replace("−", "-").replace(",", ""), signed=True) == quantity


@pytest.mark.parametrize("text", ["", "abc", "0.0001", "-1", "nan", "inf", "1e12"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(BadQuantity):
        thousandths(text)


def test_tomorrow_cannot_be_counted_today_and_nobody_invents_who_drew(clinic, clinic_day):
    found, sam, tomorrow = bottle(clinic), clinic.actor("sam"), clock.today("America/New_York") + timedelta(days=1)
    with pytest.raises(moves.InTheFuture):
        drug_log.count(found, tomorrow, "AM", 10_000, witness_id=clinic.users["clara"], by=sam)
    use = Use(found, given=100, wasted=50, appointment_id=clinic_day.visit(), witness_id=clinic.users["sam"])
    with pytest.raises(drug_log.WitnessIsPerformer):
        drug_log.log_use(use, by=sam)
    with pytest.raises(NotFound, match="who could have drawn it"):
        drug_log.log_use(replace(use, performed_by=new_id()), by=sam)
    assert held(clinic, found) == 10_000
