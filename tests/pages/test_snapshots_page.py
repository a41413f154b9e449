"""Settings > Snapshot computers, as an administrator drives it."""

from datetime import UTC, datetime, timedelta

import pytest

from data.types import clock
from outage import snapshot_devices
from tests.screen import opened, told


def test_an_administrator_adds_a_computer_sees_it_grow_old_and_takes_it_away(sqlite_clinic):
    start = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    clock.set(start)
    at = opened(sqlite_clinic, "adam", "settings/snapshots.py")
    assert "Begin with the computer at the front desk" in told(at)
    at.text_input(key="snapshot_name").input("Front *desk* <b>")
    at.button(key="snapshot_make").click().run()
    code = at.session_state["_snapshot_code"]
    assert code in told(at) and "Its code works until" in told(at)
    one = snapshot_devices.holder(snapshot_devices.enrol(code)[0])
    snapshot_devices.note_stored(one)
    clock.set(start + timedelta(minutes=12))
    at.run()
    assert "Last copy 12 min ago" in told(at) and "1 of 1 with a copy of the last 24 hours" in told(at)
    clock.set(start + timedelta(hours=25))
    at = opened(sqlite_clinic, "adam", "settings/snapshots.py")
    assert "No fresh copy for more than a day" in at.warning[0].value
    at.button(key=f"snapshot-out-{one.id}").click().run()
    assert len(snapshot_devices.computers(by=sqlite_clinic.operator)) == 1, "it asks first"
    at.button(key=f"snapshot-out-{one.id}").click()  # the bench draws a dialog only in the run that opens it
    at.button(key="snapshot_away").click().run()
    assert snapshot_devices.computers(by=sqlite_clinic.operator) == []


def test_staff_do_not_reach_the_snapshot_computers(sqlite_clinic):
    from tests.screen import start

    at = start(sqlite_clinic.token("sam"))
    with pytest.raises(ValueError, match="snapshots"):
        at.switch_page("settings/snapshots.py")
