from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.pricing import Running, TaxRate, amounts_of, gross_of, half_up, price_of, subsidy_of, tax_in

cents = st.integers(0, 10_000_000)
rates = st.builds(TaxRate, st.sampled_from(["sales", "gst"]), st.integers(0, 1_000_000), st.booleans())
GST = TaxRate("gst", 100_000, included=True)
SALES = TaxRate("sales", 82_500)
BANDS = [
    {"species": "dog", "from_grams": 0, "to_grams": 11_340, "price_cents": 14_500},
    {"species": "dog", "from_grams": 11_340, "to_grams": 22_680, "price_cents": 17_500},
    {"species": "dog", "from_grams": 22_680, "to_grams": 0, "price_cents": 21_500},
]


def test_a_weight_on_the_edge_of_a_band_pays_the_upper_price():
    assert [price_of(9_900, BANDS, species="dog", weight_grams=g) for g in (0, 11_339, 11_340, 22_680, 90_000)] == [
        14_500, 14_500, 17_500, 21_500, 21_500,
    ]  # fmt: skip
    assert price_of(9_900, BANDS, species="cat", weight_grams=4_000) == 9_900
    assert price_of(9_900, BANDS, species="Dog", weight_grams=None) == 9_900


def test_gst_is_one_eleventh_of_an_inclusive_price():
    assert tax_in(11_000, GST) == 1_000
    assert tax_in(9_999, GST) == 909
    assert amounts_of(9_500, GST).owed_cents == 9_500


def test_halves_round_up_and_away_from_zero():
    assert [half_up(n, 10) for n in (4, 5, 15, 25, -5, -15, -4)] == [0, 1, 2, 3, -1, -2, 0]
    assert gross_of(2_500, 333) == 833


@given(cents, rates)
def test_included_tax_never_changes_what_is_owed_and_added_tax_never_changes_net(base, rate):
    amounts = amounts_of(base, rate)
    if rate.included:
        assert amounts.owed_cents == base
    else:
        assert amounts.net_cents == base
    exact = Fraction(base * rate.rate_millionths, 1_000_000 + (rate.rate_millionths if rate.included else 0))
    assert abs(amounts.tax_cents - exact) <= Fraction(1, 2)


@given(cents, rates)
def test_a_reversal_is_the_mirror_of_its_line(base, rate):
    line, back = amounts_of(base, rate), amounts_of(-base, rate)
    assert (line.net_cents, line.tax_cents) == (-back.net_cents, -back.tax_cents)


@given(st.lists(st.integers(-500_000, 500_000), min_size=1, max_size=30), rates)
def test_line_taxes_sum_to_the_invoices_tax_when_it_is_rounded_once(bases, rate):
    so_far, lines = Running(), []
    for base in bases:
        line = amounts_of(base, rate, "invoice", so_far)
        lines.append(line)
        so_far = Running(so_far.base_cents + base, so_far.tax_cents + line.tax_cents)
    assert sum(line.tax_cents for line in lines) == tax_in(sum(bases), rate)
    owed = sum(line.owed_cents for line in lines)
    assert owed == sum(bases) + (0 if rate.included else tax_in(sum(bases), rate))


def test_the_two_rounding_rules_differ_where_they_should():
    three = [333, 333, 333]
    by_line = sum(amounts_of(base, SALES).tax_cents for base in three)
    assert (by_line, tax_in(sum(three), SALES)) == (81, 82)


@given(cents, cents)
def test_a_subsidy_never_makes_a_line_negative(left, discount):
    assert 0 <= subsidy_of(left, discount) <= left
