"""Visits of a day that is going to be on paper."""

import pytest

from tests.flow.conftest import Day


@pytest.fixture
def visits(clinic):
    """Three visits of today: two booked, and one whose record tells more; a canceled one is left out everywhere."""
    day = Day(clinic)
    found = [day.visit("Luna", stage="booked", client="Chen"), day.visit("Rex", stage="booked", caution="Bites")]
    day.visit("Gone", stage="cancelled")
    return day.today, found
