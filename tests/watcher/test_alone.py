"""The watcher runs where nothing of Ballast is: a copy of its folder, and Python without a single package."""

import json
import os
import subprocess
import sys

import pytest

from tests.watcher.bench import CONFIG, ROOT

SYSTEM = os.environ.get("WATCHER_PYTHON", sys.executable)


@pytest.fixture
def bare(tmp_path):
    import shutil

    shutil.copytree(ROOT / "watcher", tmp_path / "watcher", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "w.toml").write_text(CONFIG.format(app="http://127.0.0.1:9", port=8650, smtp="smtp://127.0.0.1:9"))

    def run(*arguments):
        return subprocess.run(
            [SYSTEM, "-I", "-S", "-c", "import sys; sys.path.insert(0, '.'); sys.argv[0] = 'watcher'\n"
             "from watcher.__main__ import main; sys.exit(main())", *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return tmp_path, run


def test_one_look_on_bare_python_writes_page_json_and_feed(bare):
    folder, run = bare
    done = run("--once", "--config", "w.toml")
    assert done.returncode == 0, done.stderr
    assert {one.name for one in (folder / "site").iterdir()} == {"index.html", "status.json", "feed.atom"}
    told = json.loads((folder / "site" / "status.json").read_text())
    assert [part["key"] for part in told["parts"]] == ["app", "database", "worker", "backup", "vault"]


def test_incidents_are_posted_from_the_command_line_with_the_app_dead(bare):
    folder, run = bare
    opened = run("incident", "open", "Card terminals", "--text", "Use slips.", "--config", "w.toml", "--key", "k",
                 "--json")  # fmt: skip
    number = json.loads(opened.stdout)["id"]
    again = run("incident", "open", "Card terminals", "--text", "Use slips.", "--config", "w.toml", "--key", "k",
                "--json")  # fmt: skip
    assert json.loads(again.stdout)["id"] == number
    assert "Use slips." in (folder / "site" / "index.html").read_text()
    assert run("incident", "resolve", number[:6], "--config", "w.toml").returncode == 0
    refused = run("incident", "resolve", number[:6], "--config", "w.toml")
    assert refused.returncode == 2 and "over already" in refused.stderr
    assert run("incident", "list", "--config", "w.toml").stdout.strip() == "None."
    feed = (folder / "site" / "feed.atom").read_text()
    assert feed.count("<entry>") == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('title = "a\\nb"', "title must be one line"),
        ("wrong = 1", "wrong is not known here"),
        ('zone = "Mars/Base"', "no time zone"),
        ("[limits]\ninterval = 0.1", "interval must be at least 1"),
        ('[limits]\nfail_after = "three"', "limits.fail_after must be a whole number"),
        ('[app]\nurl = "http://clinic.example.org"', "must be a web address that begins with https"),
        ('[app]\nurl = "https://a.example"\nsecret = "short"', "at least 20 plain characters"),
        ('[mail]\nurl = "smtp://mail.example.org"', "mail.sender"),
        ('[mail]\nalarm = ["no address"]', "is not an e-mail address"),
        ("= nonsense", "it is not TOML"),
    ],
)
def test_a_mistake_in_the_configuration_is_a_sentence_with_its_place(bare, line, said):
    folder, run = bare
    head = "" if line.startswith("= ") else 'url = "https://status.example.org"\n'
    tail = "" if "[app]" in line else '\n[app]\nurl = "https://clinic.example.org"\n'
    (folder / "w.toml").write_text(head + line + tail)
    done = run("check", "--config", "w.toml")
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr and "w.toml" in done.stderr


def test_a_second_watcher_on_the_same_store_is_refused(tmp_path):
    from watcher.store import AlreadyRunning, Store

    first, second = Store(tmp_path / "s"), Store(tmp_path / "s")
    with first.alone(), pytest.raises(AlreadyRunning), second.alone():
        pass
    with second.alone():
        pass


def test_a_damaged_store_is_put_aside_and_watching_goes_on(tmp_path):
    from watcher.store import Store

    Store(tmp_path / "s")
    (tmp_path / "s").write_bytes(b"not a database" * 500)
    for tail in ("-wal", "-shm"):
        (tmp_path / f"s{tail}").unlink(missing_ok=True)
    store = Store(tmp_path / "s")
    assert store.put_aside is not None and store.put_aside.read_bytes().startswith(b"not a database")
    assert store.fact("sign")


def test_a_secret_that_others_may_read_is_refused(bare):
    folder, run = bare
    (folder / "secret").write_text("x" * 30)
    (folder / "secret").chmod(0o644)
    (folder / "w.toml").write_text(
        'url = "https://s.example"\n[app]\nurl = "https://a.example"\nsecret_file = "secret"\n'
    )
    assert "chmod 600" in run("check", "--config", "w.toml").stderr
