"""How ready the clinic is for an outage: the next day with visits, its sheets, the blank stock, the last practice."""

from datetime import timedelta

from data.models import Rehearsal
from data.session import write
from data.types import clock
from outage.print_runs import blank_stock
from outage.printing import print_for_roster, print_stock
from outage.readiness import readiness
from security import audit
from tests.flow.conftest import Day


def test_readiness_tells_the_next_pack_low_stock_and_the_last_practice(clinic):
    sam, today = clinic.actor("sam"), clock.today("America/Chicago")
    found = readiness(today, by=sam)
    assert (found.day, found.visits, found.printed, found.practised) == (None, 0, 0, None)
    assert "Walk-in registration" in found.low and "Daily roster" not in found.low
    day = Day(clinic)
    day.visit("Luna", stage="booked")
    day.visit("Gone", stage="cancelled")
    before = today - timedelta(days=1)
    print_for_roster(["consent"], today, by=sam)
    found = readiness(before, by=sam)
    assert (found.day, found.visits, found.printed) == (today, 1, 0)
    wanted = next(one.wanted for one in blank_stock(by=sam) if one.form == "walk-in")
    print_for_roster(["travel-sheet"], today, by=sam)
    print_stock({"walk-in": wanted}, by=sam)
    with write(clinic.id) as session:
        session.add(Rehearsal(day=today, began_at=clock.now(), finished_at=clock.now()))
        session.flush()
        audit.append(session, clinic.operator, "test.practised", "rehearsal", "")
    found = readiness(before, by=sam)
    assert found.printed == 1 and "Walk-in registration" not in found.low and found.practised is not None
