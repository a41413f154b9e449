"""What the app tells the watcher of the status page, and what it asks it. The watcher is a real one, on loopback."""

import json
import threading
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from data.errors import BadInput, NotPermitted
from data.models import AuditLog, BackupRun, ClinicSecret, Heartbeat, OutboxMessage, VaultAddress
from data.session import read, write
from data.types import clock
from outage import status_page, status_secret, wellbeing
from outage.settings import StatusPage
from security import settings
from tests.conftest import free_port
from tests.watcher.bench import UP, Turned
from tests.watcher.bench import config as watcher_config
from watcher import server, subscribers
from watcher.probes import judge
from watcher.settings import Limits
from watcher.store import Store
from watcher.watch import Watch


def set_page(clinic, url, **more):
    found = settings.entries("status-page", by=clinic.operator)
    body = StatusPage(url=url, **more)
    settings.save_definition(
        "status-page", "status", body, expected=found[0].number if found else 0, by=clinic.operator
    )


def test_the_detail_needs_the_secret_and_tells_ages_days_and_states(clinic):
    clock.set(datetime.fromisoformat("2026-11-10T00:20:00-05:00"))
    secret = status_secret.draw_secret(by=clinic.actor("adam"))
    assert wellbeing.detail(secret[:-1] + "x") is None and wellbeing.detail("") is None
    told = wellbeing.detail(secret)
    assert (told["worker"], told["backup"]) == ({"age": None}, {"age": None})
    [one] = told["clinics"]
    assert one["vault"] == {"state": "off", "day": None}
    assert one["today"] == "2026-11-10" and one["began"] == "2026-11-10T05:00:00+00:00"
    assert len(one["name"]) == 8 and "harbor" not in json.dumps(told).lower() and clinic.id not in json.dumps(told)
    with write(clinic.id) as session:
        session.add(Heartbeat(part="worker", seen_at=clock.now() - timedelta(seconds=30)))
        ago = clock.now() - timedelta(hours=5)
        session.add(BackupRun(kind="full", place="/x", state="good", began_at=ago, ended_at=ago))
        session.add(BackupRun(kind="full", place="/x", state="failed", began_at=clock.now(), ended_at=clock.now()))
        session.add(VaultAddress(email="it@example.org", confirmed_at=clock.now()))
    told = wellbeing.detail(secret)
    assert (told["worker"], told["backup"]) == ({"age": 30}, {"age": 5 * 3600})
    found = judge(200, {"app": "ok", "database": "ok"} | told, Limits())
    assert (found["worker"].state, found["backup"].state) == ("up", "up")
    assert (found["vault"].state, found["vault"].words) == ("down", "Today's had not gone out by 00:15")


@pytest.mark.parametrize(
    ("mails", "state", "day"),
    [
        ({"2026-11-10": ["sent", "sent"]}, "sent", "2026-11-10"),
        ({"2026-11-10": ["sent", "pending"], "2026-11-09": ["sent"]}, "waiting", "2026-11-09"),
        ({"2026-11-10": ["sent", "failed"]}, "failed", None),
        ({"2026-11-08": ["sent"], "2026-11-09": ["failed"]}, "missing", "2026-11-08"),
    ],
)
def test_the_state_of_the_vault_is_read_from_its_mails(sqlite_clinic, mails, state, day):
    clock.set(datetime.fromisoformat("2026-11-10T00:20:00-05:00"))
    with write(sqlite_clinic.id) as session:
        session.add(VaultAddress(email="it@example.org", confirmed_at=clock.now()))
        for of, states in mails.items():
            for number, one in enumerate(states):
                session.add(OutboxMessage(channel="email", purpose="vault", dedupe_key=f"vault:{of}:{number}",
                                          recipient="it@example.org", body=b"", state=one))  # fmt: skip
    with read(sqlite_clinic.id) as session:
        found = wellbeing.vault_state(session, clock.today("America/New_York"))
    assert found == {"state": state, "day": day}


def test_a_secret_is_drawn_by_an_administrator_kept_sealed_and_replaced(clinic):
    with pytest.raises(NotPermitted):
        status_secret.draw_secret(by=clinic.actor("sam"))
    adam = clinic.actor("adam")
    assert status_secret.secret_since(by=adam) is None
    first = status_secret.draw_secret(by=adam, key="k")
    assert status_secret.draw_secret(by=adam, key="k") == first
    second = status_secret.draw_secret(by=adam, key="l")
    assert first != second and wellbeing.detail(first) is None and wellbeing.detail(second) is not None
    assert status_secret.secret_since(by=adam) is not None
    with read(clinic.id) as session:
        [row] = session.scalars(select(ClinicSecret).where(ClinicSecret.name == "status_page"))
        assert second.encode() not in row.body
        details = [audit.detail for audit in session.scalars(select(AuditLog)).all()]
    assert second not in json.dumps(details, default=str)


@pytest.mark.parametrize(
    "url", ["http://status.example.org", "javascript:alert(1)", "https://a:b@x.example", "https://x.example/?a=b",
            'https://x.example/"onclick=', "ftp://x", "https://", "//x.example", "https://[x"],
)  # fmt: skip
def test_people_are_led_to_safe_addresses_only(sqlite_clinic, url):
    with pytest.raises(BadInput):
        set_page(sqlite_clinic, url)
    assert status_page.link(by=sqlite_clinic.operator) == ""


@pytest.fixture
def kept(sqlite_clinic, tmp_path):
    """A clinic whose status page a real watcher keeps."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    set_page(sqlite_clinic, url)
    secret = status_secret.draw_secret(by=sqlite_clinic.operator)
    config = watcher_config(tmp_path, port=port)
    from dataclasses import replace

    config = replace(config, app=replace(config.app, secret=secret))
    turned = Turned()
    turned.wall = clock.now().timestamp()
    store = Store(config.store)
    watch = Watch(config, store, turned, look=lambda _: UP)
    watch.round()
    serving = server.Server(config, store, turned, threading.Event())
    threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield sqlite_clinic, store, turned
    serving.shutdown()
    serving.server_close()


def test_the_app_learns_who_subscribed_posts_once_and_reads_the_page(kept):
    clinic, store, turned = kept
    by = clinic.actor("adam")
    with store.write() as db:
        subscribers.ask(db, "ann@example.org", "x", turned.now())
        [row] = db.execute("SELECT id FROM subscriber").fetchall()
        subscribers.confirm(db, subscribers.confirm_token(db, row["id"], turned.now()), turned.now())
    assert status_page.subscribed(["Ann@Example.org", "bob@example.org"], by=by) == {
        "Ann@Example.org": True, "bob@example.org": False
    }  # fmt: skip
    assert "1 address gets its mails" in status_page.try_connection(by=by)
    first = status_page.post_incident("Closed on Friday", "Back on Monday.", by=by, key="memo:1")
    assert status_page.post_incident("Closed on Friday", "Back on Monday.", by=by, key="memo:1") == first
    with read(clinic.id) as session:
        assert len(session.scalars(select(AuditLog).where(AuditLog.action == "status_page.posted")).all()) == 1
    with pytest.raises(status_page.WatcherRefused, match="over already"):
        status_page.post_incident("x", "y", by=by, key="memo:2", until=clock.now() - timedelta(days=1))
    with pytest.raises(NotPermitted):
        status_page.post_incident("x", "y", by=clinic.actor("sam"), key="memo:3")
    told = status_page.summary(by=by)
    assert (told.state, told.is_old, [one.title for one in told.open]) == ("up", False, ["Closed on Friday"])
    assert told.parts["App"] == "up"
    assert status_page.link_for_anybody() == status_page.link(by=by)
    status_secret.draw_secret(by=by)  # the watcher has the old one
    with pytest.raises(status_page.WatcherRefused, match="does not know our secret"):
        status_page.try_connection(by=by)
    assert status_page.subscribed(["ann@example.org"], by=by) is None


def test_a_watcher_that_is_away_is_said_so_and_holds_nothing_up(sqlite_clinic):
    by = sqlite_clinic.operator
    assert status_page.summary(by=by) is None and status_page.subscribed(["a@example.org"], by=by) is None
    with pytest.raises(status_page.NoStatusPage):
        status_page.post_incident("x", "y", by=by, key="k")
    set_page(sqlite_clinic, f"http://127.0.0.1:{free_port()}")
    status_secret.draw_secret(by=by)
    assert status_page.summary(by=by) is None and status_page.subscribed(["a@example.org"], by=by) is None
    with pytest.raises(status_page.WatcherSilent):
        status_page.post_incident("x", "y", by=by, key="k")
    set_page(sqlite_clinic, "https://status.example.org", checks_subscribers=False)
    assert status_page.subscribed(["a@example.org"], by=by) is None


def test_the_detail_of_the_served_app_is_for_who_has_the_secret(served):
    with served.clinic() as clinic:
        secret = status_secret.draw_secret(by=clinic.operator)
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Basic {secret}"},
                    {"Authorization": "Bearer " + "x" * 43}, {"Authorization": "Bearer " + "é" * 30}):  # fmt: skip
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = httpx.get(f"{served.url}/health/detail", headers=encoded)
        assert answer.status_code == 401 and "worker" not in answer.text
    answer = httpx.get(f"{served.url}/health/detail", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200 and answer.json()["database"] == "ok" and len(answer.json()["clinics"]) == 1
    assert httpx.get(f"{served.url}/healthz").json() == {"app": "ok", "database": "ok"}
