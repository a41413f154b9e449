"""Values as people of the clinic write them."""

from datetime import UTC, date, datetime, time

from hypothesis import given
from hypothesis import strategies as st

from data.wording import Wording

US = Wording("en_US", "USD", "America/New_York")
DE = Wording("de_DE", "EUR", "Europe/Berlin")


def test_money_days_and_times_follow_the_locale():
    assert (US.money(123_450), US.money(-5)) == ("$1,234.50", "-$0.05")
    assert DE.money(123_450).replace("\xa0", " ") == "1.234,50 €"
    assert (US.day(date(2026, 11, 22)), DE.day(date(2026, 11, 22))) == ("Nov 22, 2026", "22.11.2026")
    assert US.clock_time(datetime(2026, 11, 22, 12, 30, tzinfo=UTC)).replace("\xa0", " ") == "7:30 AM"
    assert DE.clock_time(time(7, 30)) == "07:30"


def test_phone_numbers_of_the_country_are_written_alike_and_others_as_they_were_typed():
    for typed in ("2125550101", "212.555.0101", "+1 212-555-0101", "1 (212) 555 0101", "212/555/0101"):
        assert US.phone(typed) == "(212) 555-0101"
    assert US.phone("212 555 0101 ext. 12") == "(212) 555-0101 x12"
    for typed in ("", "555-0101", "+44 20 7946 0958", "112 555 0101", "2125550101 2125550102", "call Ann"):
        assert US.phone(typed) == typed
    assert DE.phone("2125550101") == "2125550101"


def test_what_is_missing_is_said_in_words():
    on = date(2026, 11, 22)
    assert (US.age(None, on), US.weight(None), US.day(None)) == ("age unknown", "not weighed", "no date")


def test_ages_are_said_in_the_unit_people_use():
    on = date(2026, 11, 22)
    assert [
        US.age(born, on).replace("\xa0", " ") for born in (date(2026, 9, 20), date(2026, 3, 1), date(2020, 11, 23))
    ] == [
        "9 wks",
        "8 mo",
        "5 yrs",
    ]
    assert US.age(date(2020, 1, 1), on, estimated=True) == "~6\xa0yrs"


def test_an_unknown_locale_is_no_reason_to_fail():
    assert Wording("xx_YY", "USD").money(100) == "$1.00"


@given(st.integers(-(10**12), 10**12))
def test_no_cent_is_lost_in_writing(cents):
    digits = "".join(letter for letter in US.money(cents) if letter.isdigit())
    assert int(digits) == abs(cents)
