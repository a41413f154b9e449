"""What rounds of looking come to: debounced states, incidents that open and close by themselves, measured uptime."""

import html
import json
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.watcher.bench import SILENCE, UP, Played
from watcher import incidents, probes, uptime
from watcher.settings import Limits
from watcher.uptime import Uptime

ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def played(tmp_path):
    return Played(tmp_path)


def states(played):
    return {row["name"]: row["state"] for row in played.rows("SELECT * FROM part")}


def test_two_failures_are_no_incident_and_the_third_opens_one_from_the_first(played):
    played.look(2)
    first = played.clock.now()
    played.found = SILENCE
    played.look(2)
    assert states(played)["app"] == "up" and not played.rows("SELECT * FROM incident")
    assert "looking again" in played.page()
    played.look()
    [incident] = played.rows("SELECT * FROM incident")
    assert (incident["part"], incident["state"], incident["opened_at"]) == ("app", "investigating", first)
    assert states(played) == dict.fromkeys(UP, "unknown") | {"app": "down"}  # of the rest nothing is known
    assert json.loads(played.page("status.json"))["state"] == "down"
    assert [row["recipient"] for row in played.rows("SELECT * FROM mail")] == ["it@example.org"]


def test_one_good_look_between_failures_starts_the_count_again(played):
    for _ in range(4):
        played.found = SILENCE
        played.look(2)
        played.found = UP
        played.look()
    assert not played.rows("SELECT * FROM incident")


def test_an_incident_closes_by_itself_after_two_good_looks_and_says_how_long(played):
    played.look()
    played.found = SILENCE
    played.look(10)
    played.found = UP
    played.look()
    assert played.rows("SELECT state FROM incident") == [{"state": "investigating"}]
    played.look()
    [incident] = played.rows("SELECT * FROM incident")
    assert incident["state"] == "resolved"
    last = played.rows("SELECT body FROM incident_update ORDER BY at DESC")[0]["body"]
    assert "took 5 min" in last
    assert played.page("feed.atom").count("<entry>") == 2


def test_what_flaps_reopens_one_incident_and_needs_longer_to_be_believed(played):
    played.look()
    for turn in range(3):
        played.found = SILENCE
        played.look(3)
        played.found = UP
        played.look(2 * 2**turn)
        assert played.rows("SELECT state FROM incident") == [{"state": "resolved"}], turn
    assert played.rows("SELECT reopened FROM incident") == [{"reopened": 2}]


def test_an_incident_that_a_person_took_over_is_closed_by_a_person(played):
    played.look()
    played.found = SILENCE
    played.look(3)
    number = played.rows("SELECT id FROM incident")[0]["id"]
    with played.store.write() as db:
        incidents.update_incident(db, played.config, played.clock.now(), number, "The line is cut.", by="adam",
                                  state="identified")  # fmt: skip
    played.found = UP
    played.look(4)
    [row] = played.rows("SELECT * FROM incident")
    assert (row["state"], row["resolved_at"]) == ("monitoring", None)
    assert "Our checks pass again" in played.page()


def test_a_notice_ends_by_itself_when_its_time_comes(played):
    until = played.clock.now() + 3600
    with played.store.write() as db:
        incidents.open_incident(db, played.config, played.clock.now(), "Closed on Friday", "See you.", by="x",
                                kind="notice", until=until)  # fmt: skip
    played.look()
    assert json.loads(played.page("status.json"))["open"] and '"state": "up"' in played.page("status.json")
    played.clock.pass_(3600)
    played.look()
    assert not json.loads(played.page("status.json"))["open"]


# uptime


def months(played, part="app"):
    with played.store.read() as db:
        return dict(uptime.months(db, part, played.clock.now(), ZONE))


def measured(played, part="app"):
    return sum(months(played, part).values(), Uptime(0, 0, 0))


def test_seconds_down_run_from_the_failed_look_to_the_next_good_one_even_without_an_incident(played):
    played.look(10)
    played.found = SILENCE
    played.look()
    played.found = UP
    played.look(10)
    found = measured(played)
    assert (round(found.up), round(found.down)) == (19 * 30, 30)
    assert played.rows("SELECT * FROM incident") == []
    assert round(measured(played, "database").up) == 19 * 30  # what nobody could tell is not up


def test_time_without_a_watcher_is_neither_up_nor_down(played):
    played.look(3)
    played.clock.pass_(7200)
    played.look(3)
    found = measured(played)
    assert (round(found.up), round(found.down)) == (4 * 30, 0)
    assert found.unknown == pytest.approx(7200 + 30 + 30, abs=1)
    assert "not measured" in played.page()
    assert "100\u202f% of 2 min measured" in played.page(), "and a share is of what was measured, not of sixty days"


def test_a_restart_measures_nothing_for_the_time_between(played):
    played.look(3)
    played.watch._last = None
    played.look(3)
    assert round(measured(played).up) == 4 * 30


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 86_400.0 * 40, -86_400.0 * 40])
def test_a_clock_that_is_set_changes_no_measured_second(played, jump):
    played.look(6)
    played.found = SILENCE
    played.look(2)
    played.found = UP
    played.clock.set(jump)
    played.look(6)
    rows = played.rows("SELECT sum(up) AS up, sum(down) AS down FROM measured WHERE part = 'app'")
    booked = 13 * 30
    assert rows[0]["up"] + rows[0]["down"] <= booked + 0.01
    if jump > -86_400:
        assert rows[0]["down"] == pytest.approx(60)
    found = measured(played)
    assert found.up >= 0 and found.down >= 0 and found.unknown >= 0
    assert found.total >= found.up + found.down - 0.01
    assert played.rows("SELECT count(*) AS n FROM incident") == [{"n": 0}]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-11-02", 24)])
def test_days_of_23_and_25_hours_are_measured_whole(tmp_path, day, hours):
    played = Played(tmp_path, f"{day}T00:00:00", interval=1800.0)
    played.clock.wall = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=ZONE).timestamp()
    played.look(hours * 2 + 1)
    with played.store.read() as db:
        found = dict(uptime.days(db, "app", played.clock.now(), ZONE, 3))
    one = found[datetime.fromisoformat(day).date()]
    assert (one.total, one.up, one.unknown) == (hours * 3600, hours * 3600, 0)


def test_a_month_is_split_at_local_midnight(tmp_path):
    played = Played(tmp_path, "2026-10-31T23:59:30-04:00", interval=60.0)
    played.look(3)
    found = {f"{first:%Y-%m}": one.up for first, one in months(played).items() if one.up}
    assert found == {"2026-10": 30.0, "2026-11": 90.0}


def test_a_share_is_cut_off_and_never_rounded_up_to_perfect():
    assert Uptime(2_592_000, 2_591_999, 1).share == 99.999
    assert Uptime(10**9, 10**9 - 1, 1).share == 99.999
    assert Uptime(10, 10, 0).share == 100
    assert Uptime(10, 0, 0).share is None
    assert round(Uptime(30 * 86_400, 0, 0).allowed(99.99), 1) == 259.2


def test_twelve_months_stand_on_the_page_against_the_goal(played):
    with played.store.write() as db:
        uptime.note_first(db, played.clock.now() - 400 * 86_400, ZONE)
        db.execute("INSERT INTO measured VALUES ('app', '2026-09-03', 86100, 300)")
    played.look()
    drawn = played.page()
    assert "Sep 2026" in drawn and "300\u00a0s" in drawn and "of 259\u00a0s" in drawn and "Twelve months" in drawn
    told = json.loads(played.page("status.json"))["parts"][0]["months"]
    assert len(told) == 12
    september = next(one for one in told if one["month"] == "2026-09")
    assert (september["seconds_down"], september["seconds_not_measured"]) == (300, 30 * 86_400 - 86_400)


# judging an answer


def detail(**but):
    clinic = {"name": "ab12", "today": "2026-11-10", "began": "2026-11-10T05:00:00+00:00",
              "vault": {"state": "sent", "day": "2026-11-10"}}  # fmt: skip
    return {"app": "ok", "database": "ok", "at": "2026-11-10T12:00:00+00:00", "worker": {"age": 5},
            "backup": {"age": 3600}, "clinics": [clinic]} | but  # fmt: skip


def vault(at, state, day):
    clinic = {"name": "ab12", "today": "2026-11-10", "began": "2026-11-10T05:00:00+00:00",
              "vault": {"state": state, "day": day}}  # fmt: skip
    return probes.judge(200, detail(at=at, clinics=[clinic]), Limits())["vault"]


def test_a_vault_that_has_not_gone_out_at_a_quarter_past_midnight_is_an_alarm():
    assert vault("2026-11-10T05:14:59+00:00", "missing", "2026-11-09").state == "up"
    late = vault("2026-11-10T05:15:00+00:00", "missing", "2026-11-09")
    assert (late.state, late.words) == ("down", "Today's had not gone out by 00:15")
    assert vault("2026-11-10T05:15:00+00:00", "failed", "2026-11-09").state == "down"
    assert vault("2026-11-10T05:15:00+00:00", "waiting", "2026-11-09").state == "down"
    assert vault("2026-11-10T05:15:00+00:00", "sent", "2026-11-10").state == "up"
    assert vault("2026-11-10T05:01:00+00:00", "missing", "2026-11-07").state == "down"  # still yesterday's alarm
    assert vault("2026-11-10T05:20:00+00:00", "off", None).state == "unknown"


def test_a_worker_a_backup_or_a_database_that_fails_is_named():
    assert {part: one.state for part, one in probes.judge(200, detail(), Limits()).items()} == dict.fromkeys(
        probes.PARTS, "up"
    )
    found = probes.judge(200, detail(worker={"age": 999}, backup={"age": 27 * 3600}), Limits())
    assert (found["worker"].state, found["backup"].state, found["app"].state) == ("down", "down", "up")
    assert found["backup"].words == "The last good one is 27 hours old"
    down = probes.judge(503, {"app": "ok", "database": "down"}, Limits())
    assert (down["app"].state, down["database"].state, down["worker"].state) == ("up", "down", "unknown")


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, None), (200, []), (200, {"app": "no"}), (500, {"app": "ok"}), (200, "ok"), (302, None), (421, None)],
)
def test_what_is_no_answer_of_ballast_is_a_dead_app(status, body):
    assert probes.judge(status, body, Limits())["app"].state == "down"


def test_nonsense_in_an_answer_makes_that_part_unknown_and_nothing_else():
    odd = detail(worker={"age": "x"}, backup=None, clinics=[{"vault": 3}], at=[])
    found = probes.judge(200, odd, Limits())
    assert {part: one.state for part, one in found.items()} == {
        "app": "up", "database": "up", "worker": "unknown", "backup": "unknown", "vault": "unknown"
    }  # fmt: skip


def test_while_its_own_network_is_down_a_watcher_accuses_nobody(tmp_path):
    from dataclasses import replace

    played = Played(tmp_path)
    config = replace(played.config, app=replace(played.config.app, control=("127.0.0.1:9", "127.0.0.1:1")))
    found = probes.look(config)
    assert {one.state for one in found.values()} == {"unknown"}
    assert found["app"].words == "This machine's own network is down"


# the files


def test_each_file_is_whole_whoever_reads_it_and_nothing_half_written_stays(played, monkeypatch):
    played.look()
    before = played.page()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        played.watch.round()
    monkeypatch.undo()
    assert played.page() == before
    assert sorted(one.name for one in Path(played.config.page).iterdir()) == ["feed.atom", "index.html", "status.json"]
    played.look()
    assert played.page() != before


def test_an_incident_draws_no_markup_anywhere(played):
    nasty = '<script>alert("x")</script><img src=x onerror=alert(1)>&amp;]]>'
    with played.store.write() as db:
        incidents.open_incident(db, played.config, played.clock.now(), nasty, nasty + "\r\nX-Injected: yes\x00\x1b",
                                by="x")  # fmt: skip
    played.look()
    drawn = played.page()
    assert "<script>alert" not in drawn and "<img" not in drawn and "&lt;script&gt;alert(&quot;x&quot;)" in drawn
    from xml.etree import ElementTree

    atom = {"a": "http://www.w3.org/2005/Atom"}
    feed = ElementTree.fromstring(played.page("feed.atom"))
    assert feed.find("a:entry/a:title", atom).text == f"{nasty} (looking into it)"
    assert feed.find("a:entry/a:content", atom).text == f"{nasty}\nX-Injected: yes"
    assert feed.find("a:id", atom).text.startswith("urn:uuid:")
    for entry in feed.findall("a:entry", atom):
        assert entry.find("a:id", atom).text and entry.find("a:updated", atom).text.endswith("Z")
    assert json.loads(played.page("status.json"))["open"][0]["title"] == nasty


def test_the_page_asks_nothing_of_anybody_else(played):
    played.look()
    drawn = html.unescape(played.page())
    assert "default-src 'none'" in drawn and "unsafe-inline" not in drawn and " style=" not in drawn
    for address in re.findall(r'(?:src|href|action)="([^"]+)"', drawn):
        assert address.startswith(("data:", "feed.atom", "status.json", "http://127.0.0.1:8650/")), address
