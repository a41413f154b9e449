"""``ballast campaign launch`` makes the launch of a day that the worker would make, and no other."""

from campaigns import runs, shelf
from campaigns.settings import CAMPAIGN, When
from data.types import clock
from tests.campaigns.reach import furnished
from tests.commands.test_users_command import ballast


def test_a_campaign_that_goes_out_by_itself_is_launched_for_one_day_once(sqlite_clinic, monkeypatch, capsys):
    monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:9")
    by, day = sqlite_clinic.operator, clock.today("America/New_York").isoformat()
    when = {"kind": "recurring", "active": True}
    with furnished(sqlite_clinic, monkeypatch, [("Amy", "amy@example.org")], when=when):
        code, found, _ = ballast(capsys, "campaign", "launch", "news", "--day", day)
        assert (code, found["day"], found["messages"]) == (0, day, 1)
        assert ballast(capsys, "campaign", "launch", "news")[1]["run"] == found["run"]
        assert ballast(capsys, "campaign", "launch", "news", "--again")[0] == 2
        assert ballast(capsys, "campaign", "launch", "news", "--day", "2020-01-01")[0] == 2
        assert len(runs.runs_of("news", by=by)) == 1
        once = shelf.one(CAMPAIGN, "news", by=by).document.model_copy(update={"when": When()})
        shelf.keep(CAMPAIGN, once, slug="news", by=by)
        assert ballast(capsys, "campaign", "launch", "news", "--day", day)[0] == 2
        assert ballast(capsys, "campaign", "launch", "news")[0] == 0
    assert len(runs.runs_of("news", by=by)) == 2
