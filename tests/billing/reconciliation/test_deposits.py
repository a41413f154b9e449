"""Batches meet the lines of a bank statement to the cent, or not at all."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.reconciliation.deposits import Batch, Line, Terms, match_deposits

MONDAY = date(2026, 3, 2)
MX = {"mx": Terms(bank_text="MTOT DEP")}


def day(number):
    return MONDAY + timedelta(days=number)


def batch(name, on, gross, fee=0, **more):
    return Batch(name, "mx", day(on), gross, fee, **more)


def line(name, on, cents, text="BANKCARD 8076 MTOT DEP 260302"):
    return Line(name, day(on), cents, text)


def told(found):
    return [(one.line, one.batches, one.gross_cents, one.fee_cents, one.amount_cents) for one in found]


def test_a_deposit_net_of_fees_and_a_whole_one():
    batches, lines = [batch("A", 0, 100_000, 2_650)], [line("L", 2, 97_350)]
    assert told(match_deposits(batches, lines, MX)) == [("L", ("A",), 100_000, 2_650, 97_350)]
    monthly = {"mx": Terms(fees="monthly", bank_text="MTOT DEP")}
    assert not match_deposits(batches, lines, monthly)
    assert told(match_deposits(batches, [line("L", 2, 100_000)], monthly)) == [("L", ("A",), 100_000, 0, 100_000)]


def test_what_the_processor_states_counts_before_what_is_worked_out():
    stated = batch("A", 0, 100_000, 2_650, net_cents=97_000)
    assert told(match_deposits([stated], [line("L", 2, 97_000)], MX)) == [("L", ("A",), 100_000, 3_000, 97_000)]


def test_a_cent_too_little_is_no_deposit():
    assert not match_deposits([batch("A", 0, 100_000)], [line("L", 2, 99_999)], MX)


def test_a_weekend_arrives_as_one_deposit():
    batches = [batch("Fri", 4, 50_000), batch("Sat", 5, 30_000), batch("Sun", 6, 20_000), batch("Mon", 7, 40_000)]
    found = match_deposits(batches, [line("L1", 8, 100_000), line("L2", 9, 40_000)], MX)
    assert [(one.line, one.batches) for one in found] == [("L1", ("Fri", "Sat", "Sun")), ("L2", ("Mon",))]


def test_a_brand_that_is_paid_apart_never_mixes():
    terms = {"mx": Terms(bank_text="MTOT DEP", brands_apart=("amex",))}
    batches = [batch("V1", 0, 50_000), batch("A1", 0, 20_000, brand="AX"), batch("V2", 1, 60_000),
               batch("A2", 1, 10_000, brand="American Express")]  # fmt: skip
    lines = [line("L1", 3, 110_000), line("L2", 3, 30_000)]
    found = match_deposits(batches, lines, terms)
    assert {(one.line, one.batches) for one in found} == {("L1", ("V1", "V2")), ("L2", ("A1", "A2"))}
    assert not match_deposits(batches, [line("L", 3, 70_000)], terms)


def test_a_negative_batch_takes_money_and_an_empty_one_needs_none():
    batches = [batch("A", 0, -4_000, 0), batch("B", 1, 5_000, 5_000)]
    found = match_deposits(batches, [line("L", 2, -4_000)], MX)
    assert {(one.line, one.batches) for one in found} == {("L", ("A",)), (None, ("B",))}


def test_of_two_equal_deposits_each_takes_its_own():
    batches = [batch("A", 0, 50_000), batch("B", 1, 50_000)]
    lines = [line("L2", 3, 50_000), line("L1", 2, 50_000)]
    assert {(one.line, one.batches) for one in match_deposits(batches, lines, MX)} == {("L1", ("A",)), ("L2", ("B",))}
    late = match_deposits([batch("A", 0, 50_000), batch("B", 3, 50_000)], [line("L", 7, 50_000)], MX)
    assert [(one.line, one.batches) for one in late] == [("L", ("B",))]


def test_only_lines_that_name_the_processor_and_came_in_time():
    one = [batch("A", 10, 50_000)]
    assert not match_deposits(one, [line("L", 12, 50_000, "TRANSFER FROM SAVINGS")], MX)
    assert not match_deposits(one, [line("L", 9, 50_000), line("M", 25, 50_000)], MX)
    unnamed = {"mx": Terms(bank_text="MTOT DEP"), "stripe": Terms()}
    payout = [Batch("S", "stripe", day(10), 50_000)]
    both = match_deposits([*one, *payout], [line("L", 12, 50_000), line("M", 12, 50_000, "PAYOUT")], unnamed)
    assert {(found.line, found.batches) for found in both} == {("L", ("A",)), ("M", ("S",))}


def test_the_fees_of_a_month_are_one_debit():
    terms = {"mx": Terms(fees="monthly", bank_text="MTOT")}
    batches = [batch("A", 0, 100_000, 2_600), batch("B", 1, 50_000, 1_300)]
    lines = [line("L1", 2, 100_000), line("L2", 3, 50_000), Line("F", date(2026, 4, 2), -3_900, "MTOT DISC")]
    found = match_deposits(batches, lines, terms)
    fees = [one for one in found if one.kind == "monthly_fees"]
    assert [(one.line, one.month, one.amount_cents) for one in fees] == [("F", date(2026, 3, 1), -3_900)]
    assert len(found) == 3


amounts = st.integers(-300, 3_000).map(lambda value: value * 100)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), amounts, st.integers(0, 90), st.sampled_from(["", "AX"])), max_size=14),
    st.lists(st.tuples(st.integers(0, 24), amounts), max_size=8),
    st.integers(1, 4),
    st.sampled_from(["daily", "monthly"]),
    st.randoms(use_true_random=False),
)
def test_each_found_deposit_is_true_to_the_cent_and_nothing_is_used_twice(drawn, loose, run, fees, shuffle):
    terms = {"mx": Terms(fees=fees, bank_text="MTOT DEP", brands_apart=("AMEX",))}
    batches = [batch(f"B{at}", *one[:3], brand=one[3]) for at, one in enumerate(sorted(drawn))]
    lines = [line(f"L{at}", *one) for at, one in enumerate(loose)]
    for at in range(0, len(batches), run):
        part = batches[at : at + run]
        owed = sum(one.owed(terms["mx"]) for one in part)
        lines.append(Line(f"M{at}", part[-1].settled_on + timedelta(days=2), owed, "MTOT DEP"))
    found = match_deposits(batches, lines, terms)
    amount = {one.id: one.amount_cents for one in lines}
    owed = {one.id: one.owed(terms["mx"]) for one in batches}
    for one in found:
        assert one.gross_cents - one.fee_cents == one.amount_cents == (amount[one.line] if one.line else 0)
        if one.kind == "deposit":
            assert sum(owed[name] for name in one.batches) == one.amount_cents
    used = [name for one in found for name in one.batches]
    assert len(used) == len(set(used))
    taken = [one.line for one in found if one.line]
    assert len(taken) == len(set(taken))
    shuffle.shuffle(batches)
    shuffle.shuffle(lines)
    assert match_deposits(batches, lines, terms) == found


def test_each_location_may_have_its_own_deposit_of_a_weekend():
    batches = [batch(f"{place}{number}", 4 + number, cents + number, location=place)
               for place, cents in (("north", 50_000), ("south", 70_000)) for number in range(3)]  # fmt: skip
    found = match_deposits(batches, [line("S", 7, 210_003), line("N", 7, 150_003)], MX)
    assert {(one.line, one.batches) for one in found} == {
        ("N", ("north0", "north1", "north2")),
        ("S", ("south0", "south1", "south2")),
    }
    merged = match_deposits(batches, [line("All", 7, 360_006)], MX)
    assert [(one.line, set(one.batches)) for one in merged] == [("All", {one.id for one in batches})]


def test_a_processor_nobody_described_may_deposit_net_or_whole():
    batches = [batch("A", 0, 100_000, 2_650), batch("B", 1, 80_000, 2_000)]
    found = match_deposits(batches, [line("L1", 2, 97_350), line("L2", 3, 80_000)], {})
    assert told(found) == [("L1", ("A",), 100_000, 2_650, 97_350), ("L2", ("B",), 80_000, 0, 80_000)]
