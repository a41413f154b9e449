"""The real thing: app and worker running, a watcher on bare Python beside them, then worker, database and app go one
after the other, and page, feed and mails go on."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

import pytest

from data.engine import Database, use
from data.home import Home
from outage import status_secret
from security.actor import Actor
from tests import inbox
from tests.conftest import ROOT, free_port, start_app
from tests.watcher.bench import CONFIG, SECRET

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def eventually(what, patience=60.0):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            found = what()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come to that")


def fetched(url, body=None):
    data = None if body is None else urllib.parse.urlencode(body).encode()
    with urllib.request.urlopen(url, data, timeout=10) as answer:
        return answer.read().decode()


@pytest.fixture
def installation(tmp_path, _template, monkeypatch):
    """A served app with its worker, each its own process, and a function that starts them."""
    home, key_file, log = tmp_path / "home", tmp_path / "root.key", tmp_path / "log"
    shutil.copytree(_template[0], home)
    shutil.copy(_template[1], key_file)
    monkeypatch.setenv("BALLAST_HOME", str(home))
    monkeypatch.setenv("BALLAST_KEY_FILE", str(key_file))
    monkeypatch.delenv("BALLAST_DATABASE_URL", raising=False)
    database = Database(Home(home))
    use(database)
    secret = status_secret.draw_secret(by=Actor.operator(_template[2]))
    database.close()
    use(None)
    port, running = free_port(), []

    def app():
        url, process = start_app(home, key_file, log, port=port)
        running.append(process)
        return url, process

    def worker():
        with log.open("ab") as out:
            process = subprocess.Popen([sys.executable, "-m", "worker"], cwd=ROOT, stdout=out, stderr=out)
        running.append(process)
        return process

    yield home, secret, app, worker
    for process in running:
        process.kill()
        process.wait(10)


@pytest.mark.slow
def test_page_feed_and_mails_go_on_while_worker_database_and_app_are_gone(installation, tmp_path):
    home, secret, start, start_worker = installation
    url, app = start()
    worker = start_worker()
    bare, port = tmp_path / "elsewhere", free_port()
    bare.mkdir()
    shutil.copytree(ROOT / "watcher", bare / "watcher")
    site = f"http://127.0.0.1:{port}"
    with inbox.serving() as (box, smtp):
        text = CONFIG.format(app=url, port=port, smtp=smtp).replace(SECRET, secret)
        text = text.replace("interval = 1", "interval = 1\nfail_after = 2\nworker_seconds = 30\nbackup_hours = 100000")
        (bare / "w.toml").write_text(text)
        command = [sys.executable, "-S", "-m", "watcher", "--config", "w.toml"]
        environment = {"PATH": os.environ["PATH"]}
        watcher = subprocess.Popen(command, cwd=bare, env=environment, stderr=(bare / "log").open("ab"))
        try:
            follow(box, site, bare, home, app, worker, start, start_worker)
            watcher.send_signal(signal.SIGTERM)
            assert watcher.wait(30) == 0
        finally:
            watcher.kill()
            watcher.wait(10)


def follow(box, site, bare, home, app, worker, start, start_worker):
    def status():
        return json.loads(fetched(f"{site}/status.json"))

    def parts():
        return {part["key"]: part["state"] for part in status()["parts"]}

    def mails():
        return [str(mail["subject"]).split(": ", 1)[1] for mail in box.to("ann@example.org")]

    eventually(lambda: parts()["worker"] == "up" and parts()["database"] == "up")
    fetched(f"{site}/subscribe", {"email": "ann@example.org"})
    [mail] = eventually(lambda: box.to("ann@example.org"))
    token = re.search(r"/confirm\?t=(\S+)", mail.get_body(("plain",)).get_content())[1]
    fetched(f"{site}/confirm", {"t": token})

    worker.kill()
    worker.wait(10)
    eventually(lambda: "Background work stands still (looking into it)" in mails(), 90)
    assert parts()["app"] == "up"
    worker = start_worker()
    eventually(lambda: "Background work stands still (over)" in mails(), 60)

    moved = home / "moved"
    moved.mkdir()
    [database] = [file for file in home.iterdir() if file.name.endswith((".db", ".sqlite3", ".sqlite"))]
    database.rename(moved / database.name)
    eventually(lambda: "Records cannot be read (looking into it)" in mails())
    (moved / database.name).rename(database)
    eventually(lambda: "Records cannot be read (over)" in mails())

    app.send_signal(signal.SIGKILL)
    app.wait(10)
    worker.kill()
    worker.wait(10)
    eventually(lambda: "The app does not answer (looking into it)" in mails())
    drawn = fetched(f"{site}/")
    assert "The app is down" in drawn and "Go on with paper" in drawn
    number = next(one["id"] for one in status()["open"] if one["part"] == "app")
    posted = subprocess.run(
        [sys.executable, "-S", "-m", "watcher", "incident", "update", number, "--text", "The line is cut.", "--state",
         "identified", "--config", "w.toml"], cwd=bare, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert posted.returncode == 0, posted.stderr
    eventually(lambda: "The app does not answer (cause found)" in mails())
    before = status()["checked_at"]
    eventually(lambda: status()["checked_at"] > before)
    start()
    start_worker()
    eventually(lambda: "The app does not answer (watching it)" in mails(), 90)
    feed = ElementTree.fromstring(fetched(f"{site}/feed.atom"))
    titles = [entry.find("a:title", ATOM).text for entry in feed.findall("a:entry", ATOM)]
    assert "The app does not answer (watching it)" in titles and len(titles) >= 7
    ids = [mail["message-id"] for mail in box.to("ann@example.org")]
    assert len(ids) == len(set(ids)), "somebody got a mail twice"
    down = next(part for part in status()["parts"] if part["key"] == "app")["months"][0]["seconds_down"]
    assert down >= 1
    assert not list(Path(bare / "site").glob(".*"))
