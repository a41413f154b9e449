import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.amounts import BadAmount, BadQuantity, cents_of, decimal_text, discount_of, thousandths_of


@pytest.mark.parametrize(("text", "cents"), [("12.50", 1250), ("$1,234.5", 123_450), (" 0.07 ", 7), ("100", 10_000)])
def test_typed_money_becomes_cents(text, cents):
    assert cents_of(text) == cents


def test_the_clinics_locale_decides_what_a_comma_means():
    assert cents_of("1.234,50", locale="de_DE") == 123_450
    with pytest.raises(BadAmount):
        cents_of("1.234,50")


@pytest.mark.parametrize("text", ["", "abc", "12.345", "-5", "1e9", "99999999999999999999", "1,2,3.4.5", "."])
def test_what_is_no_amount_is_refused_in_a_sentence(text):
    with pytest.raises(BadAmount, match="Write it like"):
        cents_of(text)


@given(st.integers(0, 10_000_000_000))
def test_cents_survive_being_shown_and_typed_again(cents):
    assert cents_of(decimal_text(cents)) == cents


def test_quantities_are_thousandths():
    assert [thousandths_of(text) for text in ("1", "2.5", "0.001")] == [1000, 2500, 1]
    for text in ("0", "-1", "many"):
        with pytest.raises(BadQuantity):
            thousandths_of(text)


def test_a_discount_is_an_amount_or_a_share_of_the_charge_rounded_half_up():
    told = {"": 0, "5.00": 500, "10%": 1_545, "12.5 %": 1_931, "100%": 15_450, "0%": 0}
    assert {text: discount_of(text, 15_450) for text in told} == told
    assert discount_of("12,5%", 15_450, locale="de_DE") == 1_931
    assert discount_of("50%", 5) == 3
    for text in ("101%", "-5%", "%", "ten%"):
        with pytest.raises(BadAmount):
            discount_of(text, 15_450)
