"""``ballast subscription`` tells what the page tells."""

from datetime import UTC, datetime

from data.types import clock
from reports.schedules import Schedule, save_schedule
from reports.when import When
from tests.commands.test_users_command import ballast
from worker import Worker


def test_subscriptions_are_listed_with_their_log_and_rest(sqlite_clinic, capsys, monkeypatch):
    monkeypatch.delenv("BALLAST_SMTP_URL", raising=False)
    clock.set(datetime(2026, 5, 4, 10, 59, tzinfo=UTC))
    one = Schedule(title="Missed", report="no-show-rate", when=When(every="day"), addresses=["books@example.com"])
    name = save_schedule(one, by=sqlite_clinic.actor("adam"))
    code, found, _ = ballast(capsys, "subscription", "list")
    [row] = found["subscriptions"]
    assert code == 0 and row["next"] == "2026-05-04T11:00:00+00:00" and row["when"] == "Every day at 7:00 AM"
    assert (row["run_as"], row["readers"], row["last"]) == ("Adam Abbott", ["books@example.com"], None)
    clock.set(datetime(2026, 5, 4, 11, 1, tzinfo=UTC))
    Worker().round()
    [run] = ballast(capsys, "subscription", "log", name)[1]["runs"]
    assert run["state"] == "failed" and "No mail server" in run["reason"]
    assert ballast(capsys, "subscription", "pause", name)[0] == 0
    assert ballast(capsys, "subscription", "list")[1]["subscriptions"][0]["next"] is None
    assert ballast(capsys, "subscription", "resume", name)[0] == 0
    assert ballast(capsys, "subscription", "log", "nothing")[0] == 2
