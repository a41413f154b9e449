"""What is shown in an entry field comes back as exactly what was stored."""

from hypothesis import given
from hypothesis import strategies as st

from data.amounts import from_cents, from_grams, from_millionths, to_cents, to_grams, to_millionths


@given(st.integers(-(10**12), 10**12))
def test_cents_survive_an_entry_field(cents):
    assert to_cents(from_cents(cents)) == cents


@given(st.integers(0, 1_000_000))
def test_rates_survive_an_entry_field(rate):
    assert to_millionths(from_millionths(rate)) == rate


@given(st.integers(0, 10**7), st.booleans())
def test_weights_survive_an_entry_field(grams, pounds):
    assert to_grams(from_grams(grams, pounds=pounds), pounds=pounds) == grams


def test_amounts_that_binary_fractions_break():
    assert [to_cents(value) for value in (95.1, 4.35, 1.005, "0.29", 1.15)] == [9510, 435, 101, 29, 115]
