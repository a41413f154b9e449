"""What a campaign brought is told against those held out, with an interval that keeps its promise."""

from datetime import timedelta
from random import Random
from statistics import fmean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import outcomes
from campaigns.outcomes import Group, difference_of_means, difference_of_shares, student, wilson
from data.types import clock
from security.actor import Actor
from tests.campaigns.launched import book, charge, launched

PEOPLE = st.integers(1, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def group(hits, people, sums=()):
    return Group(people, hits, sum(sums), sum(one * one for one in sums))


def test_shares_are_compared_as_newcombe_printed_them():
    told = difference_of_shares(group(56, 70), group(48, 80))  # Newcombe 1998, table II, row a, method 10
    assert (round(told.value, 4), round(told.low, 4), round(told.high, 4)) == (0.2, 0.0524, 0.3339)
    assert told.tells and not told.few
    none = difference_of_shares(group(0, 10), group(0, 20))  # row g: 0/10 against 0/20
    assert (round(none.low, 4), round(none.high, 4)) == (-0.1611, 0.2775) and none.few and not none.tells
    assert [round(end, 4) for end in wilson(81, 263)] == [0.2553, 0.3662]


def test_sums_are_compared_after_welch():
    first, second = [2750, 2100, 1900, 2360, 2090, 1790, 2320, 2190, 1980, 2100], [1720, 2250, 2330, 1820, 2040]
    told = difference_of_means(group(0, 10, first), group(0, 5, second))
    one, two = variance(first) / 10, variance(second) / 5
    freedom = (one + two) ** 2 / (one**2 / 9 + two**2 / 4)
    assert 8 < freedom < 9 and student(8) == pytest.approx(2.306, abs=0.001)
    half = student(freedom) * (one + two) ** 0.5
    assert told.value == pytest.approx(fmean(first) - fmean(second)) and told.few
    assert (told.low, told.high) == pytest.approx((told.value - half, told.value + half))
    for freedom, printed in ((3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (1e9, 1.960)):
        assert student(freedom) == pytest.approx(printed, abs=0.011 if freedom == 3 else 0.002)


@given(PEOPLE, PEOPLE)
def test_an_interval_holds_its_estimate_and_turns_over_with_the_groups(first, second):
    (a, n), (b, m) = first, second
    told, back = difference_of_shares(group(a, n), group(b, m)), difference_of_shares(group(b, m), group(a, n))
    assert -1 <= told.low <= told.value <= told.high <= 1
    assert (back.value, back.low, back.high) == pytest.approx((-told.value, -told.high, -told.low))
    if a * m == b * n:
        assert not told.tells
    low, high = wilson(a, n)
    assert 0 <= low <= a / n <= high <= 1


@given(st.lists(st.integers(-(10**7), 10**9), min_size=2, max_size=80), st.integers(-(10**6), 10**6))
def test_a_sum_moved_by_the_same_for_all_moves_the_estimate_alone(sums, more):
    other = [0, 500, 9_000, 20_000]
    plain = difference_of_means(group(0, len(sums), sums), group(0, 4, other))
    moved = difference_of_means(group(0, len(sums), [one + more for one in sums]), group(0, 4, other))
    assert moved.value - plain.value == pytest.approx(more, abs=1e-3, rel=1e-6)
    assert moved.high - moved.low == pytest.approx(plain.high - plain.low, rel=1e-6, abs=1e-3)


def test_the_interval_holds_the_truth_in_95_of_100_cases():
    rng, held = Random(5), 0
    for _ in range(1_000):
        a = sum(rng.random() < 0.16 for _ in range(180))
        b = sum(rng.random() < 0.10 for _ in range(60))
        told = difference_of_shares(group(a, 180), group(b, 60))
        held += told.low <= 0.06 <= told.high
    assert 925 <= held <= 980


def test_bookings_and_invoices_are_counted_in_the_days_that_count(clinic):
    clock.set(clock.now())
    now, by = clock.now(), Actor.operator(clinic.id)
    began = now - timedelta(days=40)
    people = [("sent", "a", "")] * 3 + [("sent", "b", ""), ("uncertain", "b", "")] + [("held_out", "hold", "")] * 2
    people += [("excluded", "", "unsubscribed"), ("failed", "a", "550")]
    run_id, ids = launched(clinic, people, began=began, goal={"what": "booked", "days": 30})
    book(clinic, ids[0], began + timedelta(days=1))
    book(clinic, ids[0], began + timedelta(days=2))  # one person counts once
    book(clinic, ids[1], began + timedelta(days=30))  # too late by a moment
    book(clinic, ids[2], began - timedelta(hours=1))  # before it began
    book(clinic, ids[3], began)
    book(clinic, ids[5], began + timedelta(days=29), stage="checked_out")
    book(clinic, ids[7], began + timedelta(days=3))  # was left out
    kept = charge(clinic, ids[0], began + timedelta(days=5), 10_000)
    gone = charge(clinic, ids[0], began + timedelta(days=5), 4_000)
    charge(clinic, ids[0], began + timedelta(days=35), -4_000, reverses=gone)  # taken back later, and yet taken off
    older = charge(clinic, ids[1], began - timedelta(days=9), 7_000)
    charge(clinic, ids[1], began + timedelta(days=2), -7_000, reverses=older)  # of a line that is not counted
    charge(clinic, ids[5], began + timedelta(days=5), 2_500)
    assert kept
    told = outcomes.of_run(run_id, by=by)
    assert (told.reached, told.held) == (Group(5, 2, 10_000, 10_000**2), Group(2, 1, 2_500, 2_500**2))
    assert (told.a.people, told.a.hits, told.b.people, told.b.hits) == (3, 1, 2, 1)
    assert told.is_over and told.booked.few and not told.booked.tells and told.booked.value == pytest.approx(-0.1)
    assert told.revenue.value == pytest.approx(750) and told.texts_booked.value == pytest.approx(1 / 2 - 1 / 3)

    attended, ids = launched(clinic, people, slug="kept", began=began, goal={"what": "kept", "days": 30})
    book(clinic, ids[0], began + timedelta(days=1))
    book(clinic, ids[1], began + timedelta(days=1), stage="checked_out")
    assert outcomes.of_run(attended, by=by).reached.hits == 1
    launched(clinic, [("sent", "a", "")] * 4, began=now - timedelta(days=3))
    both = outcomes.of_campaign("news", by=by)
    assert (both.runs, both.reached.people, both.is_over) == (2, 9, False)
