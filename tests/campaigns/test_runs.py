"""How campaigns stand, who got them, and of everybody else why not; by page and by command."""

import json

import pytest
from sqlalchemy import select

from campaigns import launch, runs, shelf
from campaigns.settings import CAMPAIGN
from data.errors import NotPermitted
from data.models import AuditLog, Client, MailEvent, OutboxMessage
from data.session import read, write
from data.types import clock
from records.access import NAME
from security.actor import Actor
from tests.campaigns.launched import launched
from tests.campaigns.reach import furnished
from tests.commands.test_users_command import ballast

PEOPLE = (
    [("sent", "a", "")] * 60 + [("pending", "a", "")] * 3 + [("held_out", "hold", "")] * 4
    + [("excluded", "", "unsubscribed")] * 2 + [("excluded", "", "no e-mail address")] + [("failed", "a", "550 no")]
)  # fmt: skip


def test_a_launch_tells_how_far_it_is_and_its_log_names_nobody_closed(clinic):
    run_id, ids = launched(clinic, PEOPLE, state="paused")
    with write(clinic.id) as session:
        session.get_one(Client, (clinic.id, ids[0])).restricted = True
        row = session.scalars(select(OutboxMessage).where(OutboxMessage.client_id == ids[1])).one()
        session.add(MailEvent(outbox_id=row.id, kind="hard_bounce", external_id="x", event_at=clock.now()))
    by = clinic.actor("adam")
    one = runs.run(run_id, by=by)
    assert one.counts == {"sent": 60, "pending": 3, "held_out": 4, "excluded": 3, "failed": 1}
    assert (one.audience, one.meant, one.reached, one.left, one.is_open) == (71, 64, 60, 3, True)
    assert one.share_done == pytest.approx(61 / 64) and one.channels == {"email": 64}
    assert one.came_back == {"hard_bounce": 1}
    assert runs.why_left_out(run_id, by=by) == {"unsubscribed": 2, "550 no": 1, "no e-mail address": 1}
    first, second = (runs.deliveries(run_id, page=page, by=by) for page in (0, 1))
    assert (first.total, len(first.lines), len(second.lines)) == (71, 50, 21)
    assert (first.lines[0].name, first.lines[0].client_id, first.lines[0].number) == (NAME, "", 0)
    assert first.lines[1].name == "Kim1 Vane" and first.lines[1].came_back == "hard_bounce"
    out = runs.deliveries(run_id, state="excluded", by=by)
    assert out.total == 3 and {line.reason for line in out.lines} == {"unsubscribed", "no e-mail address"}
    with read(clinic.id) as session:
        looks = session.scalars(select(AuditLog).where(AuditLog.action == "campaign.log_looked_at")).all()
    assert len(looks) == 1
    with pytest.raises(NotPermitted):
        runs.lines(by=clinic.actor("sam"))


def test_a_campaign_is_taken_from_a_file_looked_over_launched_paused_and_told(
    sqlite_clinic, monkeypatch, tmp_path, capsys
):
    clinic = sqlite_clinic

    def cli(*words):
        code, document, said = ballast(capsys, "campaign", *map(str, words))
        assert code == 0, said
        return document

    file = tmp_path / "spring.json"
    campaign = {"label": "Spring", "segment": "cats", "templates": {"email": "spring"}, "quiet_hours": None}
    template = {"label": "Spring", "subject": "Hi", "body": "Hi"}
    file.write_text(json.dumps(
        {"segments": {"cats": {"label": "Cats"}}, "templates": {"spring": template}, "campaigns": {"spring": campaign}}
    ))  # fmt: skip
    assert cli("import", file)["saved"]["campaigns"] == ["spring"]
    file.write_text(json.dumps({"segments": {"dogs": {"label": "Dogs"}}, "campaigns": {"other": {"label": "x"}}}))
    assert ballast(capsys, "campaign", "import", str(file))[0] == 2
    assert [one.slug for one in shelf.every(CAMPAIGN, by=Actor.operator(clinic.id))] == ["spring"]
    assert ballast(capsys, "campaign", "status", "spring")[0] == 2
    with furnished(clinic, monkeypatch, [("Amy", "amy@example.org"), ("Bea", "")]):
        monkeypatch.setenv("BALLAST_SMTP_URL", "smtp://127.0.0.1:9")
        seen = cli("preview", "spring")
        assert seen["ready"] and seen["counts"] == {"pending": 1, "excluded": 1}
        assert seen["left_out"] == {"no e-mail address": 1}
        told = cli("launch", "spring")
        assert (told["state"], told["messages"], told["audience"]) == ("running", 1, 2)
        assert cli("launch", "spring")["run"] == told["run"]
        assert cli("pause", "spring", "--reason", "the phone is down")["state"] == "paused"
        status = cli("status", "spring")
        assert status["reason"] == "the phone is down" and status["outcome"]["reached"]["people"] == 0
        assert cli("resume", "spring")["state"] == "running"
        listed = {one["name"]: one["state"] for one in cli("list")["campaigns"]}
        assert listed == {"spring": "running", "news": None}
        launch.stop(told["run"], "enough", by=Actor.operator(clinic.id))
        assert cli("list")["campaigns"][1]["run"]["counts"] == {"excluded": 1, "suppressed": 1}
