"""A subscription runs when its words say, in the clinic's zone, over daylight saving and short months."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data.wording import Wording
from reports.when import LAST, When, instant_of, next_runs, runs_between, told

NEW_YORK = "America/New_York"
ZONES = (NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo", "Asia/Kolkata", "UTC")
WHENS = st.builds(
    When,
    every=st.sampled_from(("day", "weekday", "week", "month", "quarter")),
    days=st.lists(st.integers(0, 6), min_size=1, max_size=7),
    day=st.sampled_from((1, LAST)),
    at=st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59)),
)


def local(runs, zone=NEW_YORK):
    return [f"{run.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M}" for run in runs]


@pytest.mark.parametrize(
    ("when", "words", "first"),
    [
        ({"every": "day"}, "Every day at 7:00 AM", "Thu 2026-01-29 07:00"),
        ({"every": "weekday", "at": "18:30"}, "Every weekday at 6:30 PM", "Wed 2026-01-28 18:30"),
        ({"every": "week", "days": [3, 0]}, "Every Monday and Thursday at 7:00 AM", "Thu 2026-01-29 07:00"),
        ({"every": "week", "days": [0, 2, 4]}, "Every Monday, Wednesday and Friday at 7:00 AM", "Fri 2026-01-30 07:00"),
        ({"every": "month"}, "On the 1st of each month at 7:00 AM", "Sun 2026-02-01 07:00"),
        ({"every": "month", "day": LAST}, "On the last day of each month at 7:00 AM", "Sat 2026-01-31 07:00"),
        (
            {"every": "month", "day": 30},
            "On the 30th of each month, or on the last day where there is none, at 7:00 AM", "Fri 2026-01-30 07:00",
        ),
        ({"every": "quarter"}, "On the first day of each quarter at 7:00 AM", "Wed 2026-04-01 07:00"),
        ({"every": "quarter", "day": LAST}, "On the last day of each quarter at 7:00 AM", "Tue 2026-03-31 07:00"),
    ],
)  # fmt: skip
def test_a_rhythm_is_told_in_words_and_comes_on_its_days(when, words, first):
    one, after = When(**when), datetime(2026, 1, 28, 12, tzinfo=UTC)
    assert told(one, Wording(zone=NEW_YORK)).replace("\xa0", " ") == words
    assert local(next_runs(one, NEW_YORK, after, 1)) == [first]


def test_a_day_that_a_month_lacks_is_its_last():
    runs = next_runs(When(every="month", day=31), NEW_YORK, datetime(2026, 1, 31, 13, tzinfo=UTC), 3)
    assert local(runs) == ["Sat 2026-02-28 07:00", "Tue 2026-03-31 07:00", "Thu 2026-04-30 07:00"]


def test_a_skipped_hour_runs_at_the_first_instant_after_it_and_a_doubled_one_once():
    daily = When(every="day", at="02:30")
    spring = next_runs(daily, NEW_YORK, datetime(2026, 3, 7, 12, tzinfo=UTC), 2)
    assert local(spring) == ["Sun 2026-03-08 03:00", "Mon 2026-03-09 02:30"]
    autumn = next_runs(When(every="day", at="01:30"), NEW_YORK, datetime(2026, 10, 31, 12, tzinfo=UTC), 2)
    assert autumn[0] == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert local(autumn) == ["Sun 2026-11-01 01:30", "Mon 2026-11-02 01:30"]


def test_a_day_that_a_zone_left_out_runs_as_the_next_begins():
    runs = next_runs(When(every="day"), "Pacific/Apia", datetime(2011, 12, 29, 20, tzinfo=UTC), 2)
    assert local(runs, "Pacific/Apia") == ["Sat 2011-12-31 00:00", "Sat 2011-12-31 07:00"]


@given(WHENS, st.sampled_from(ZONES), st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1)))
def test_runs_follow_each_other_and_show_their_time_on_the_wall(when, zone, after):
    after = after.replace(tzinfo=UTC)
    runs = next_runs(when, zone, after, 4)
    assert [after, *runs] == sorted({after, *runs})
    for run in runs:
        shown = run.astimezone(ZoneInfo(zone))
        if f"{shown:%H:%M}" == when.at:
            assert when.falls_on(shown.date()) and shown.fold == 0
        else:  # the first instant after what the clocks skipped
            before = (run - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
            assert before.utcoffset() < shown.utcoffset()
            assert before.replace(tzinfo=None) < datetime.combine(before.date(), time.fromisoformat(when.at)) or (
                before.date() < shown.date()
            )
    assert runs_between(when, zone, after, runs[-1]) == runs
    assert runs_between(when, zone, runs[0], runs[1]) == [runs[1]]


@given(st.dates(date(2005, 1, 1), date(2035, 1, 1)), st.times(), st.sampled_from(ZONES))
def test_every_time_on_the_wall_has_one_instant(day, at, zone):
    at = at.replace(second=0, microsecond=0, fold=0)
    instant, wall = instant_of(day, at, ZoneInfo(zone)), datetime.combine(day, at)
    shown = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert shown == wall or (shown > wall and instant_of(day, at, ZoneInfo(zone)) == instant)


@pytest.mark.parametrize(
    "when",
    [{"every": "week", "days": []}, {"every": "week", "days": [7]}, {"every": "day", "at": "24:00"}, {"at": "7:00"},
     {"every": "quarter", "day": 2}, {"every": "month", "day": 32}, {"every": "hour"}],
)  # fmt: skip
def test_a_rhythm_that_makes_no_sense_is_refused(when):
    with pytest.raises(ValidationError):
        When(**when)
