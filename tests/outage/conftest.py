"""Visits of a day that is going to be on paper."""

import pytest

from security import settings
from tests.flow.conftest import Day


@pytest.fixture
def visits(clinic):
    """Three visits of today: two booked, and one whose record tells more; a canceled one is left out everywhere."""
    day = Day(clinic)
    found = [day.visit("Luna", stage="booked", client="Chen"), day.visit("Rex", stage="booked", caution="Bites")]
    day.visit("Gone", stage="cancelled")
    return day.today, found


@pytest.fixture
def visits_of():
    """A clinic with another paper and one visit of today: ``visits_of(clinic, "a4")``, then ``visits_of.visit``."""

    class Of:
        visit = ""

        def __call__(self, clinic, paper):
            adam = clinic.actor("adam")
            settings.save_definition("clinic-profile", "clinic", {"paper": paper}, expected=0, by=adam)
            self.visit = Day(clinic).visit("Luna", stage="booked", client="Chen")

    return Of()
