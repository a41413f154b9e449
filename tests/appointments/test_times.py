"""Times as people type them."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.times import NotATime, read_time
from data.wording import Wording


@pytest.mark.parametrize(
    "typed, meant",
    [("8", time(8)), ("830", time(8, 30)), ("8:30", time(8, 30)), ("8.30 pm", time(20, 30)), ("14:15", time(14, 15)),
     ("12 am", time(0)), ("12:05 PM", time(12, 5)), ("0700", time(7)), (" 7:30\u202fAM ", time(7, 30))],
)  # fmt: skip
def test_what_people_type_is_understood(typed, meant):
    assert read_time(typed) == meant


@pytest.mark.parametrize("typed", ["", "noon", "25:00", "8:75", "13 pm", "8:3", "-1", "8:30 tomorrow"])
def test_what_is_no_time_is_told(typed):
    with pytest.raises(NotATime):
        read_time(typed)


@given(st.times(), st.sampled_from(["en_US", "de_DE", "en_AU"]))
def test_what_the_product_shows_can_be_typed_back(at, locale):
    assert read_time(Wording(locale).clock_time(at)) == time(at.hour, at.minute)
