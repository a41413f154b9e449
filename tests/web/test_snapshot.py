"""The offline snapshot in a real browser: set up, refreshed, the server killed, opened; taken away; on a stick."""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys

import httpx
import pypdf
import pytest
from sqlalchemy import select

from data.models import AuditLog
from data.session import read
from outage import snapshot_devices
from tests.conftest import ROOT, Home, Served, start_app
from tests.flow.conftest import Day

CANARY = "Quillofernwick"
MARKUP = f'{CANARY}<img src=x onerror="window.hacked=1">'
WORDS = "river lantern maple otter"
MARK = {"X-Ballast-Snapshot": "1"}
FLAGS = ["--no-sandbox", "--disable-gpu"]


@pytest.fixture(scope="module")
def app(tmp_path_factory, _template):
    """An app of its own, that a test may kill, with a patient whose name attacks whoever shows it."""
    root = tmp_path_factory.mktemp("snapshot")
    shutil.copytree(_template[0], root / "home")
    shutil.copy(_template[1], root / "root.key")
    url, process = start_app(root / "home", root / "root.key", root / "log")
    served = Served(url, _template[2], _template[3], Home(root / "home"), root / "root.key", process, root / "log")
    with served.clinic() as clinic:
        day = Day(clinic)
        day.visit(MARKUP, client='=HYPERLINK("http://x/";"y")')
        day.visit("Łukasz Ōé", client="Žižka")
    yield served
    process.kill()
    process.wait(10)


def new_code(app, name="Front desk"):
    with app.clinic() as clinic:
        return snapshot_devices.add_computer(name, by=clinic.operator)


def enrolled(app, name="Front desk"):
    """A client that is a set-up computer."""
    client = httpx.Client(base_url=app.url, follow_redirects=False, headers=MARK)
    assert client.post("/snapshot/enrol", json={"code": new_code(app, name)}).status_code == 200
    return client


def revoke(app, name):
    with app.clinic() as clinic:
        one = next(one for one in snapshot_devices.computers(by=clinic.operator) if one.name == name)
        snapshot_devices.revoke_computer(one.id, by=clinic.operator)


def test_the_page_is_the_same_for_all_and_nothing_of_it_is_kept_or_framed(app):
    with httpx.Client(base_url=app.url, follow_redirects=False) as stranger:
        assert stranger.get("/snapshot").headers["location"] == "/snapshot/"
        for name in ("", "viewer.js", "store.js", "pdf.js", "words.js", "worker.js", "viewer.css", "font.ttf",
                     "manifest.webmanifest", "mark.svg"):  # fmt: skip
            answer = stranger.get(f"/snapshot/{name}")
            assert answer.status_code == 200 and "Harbor" not in answer.text, name
            assert answer.headers["cache-control"] == "no-store" and answer.headers["x-frame-options"] == "DENY"
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
            assert "require-trusted-types-for 'script'" in policy
        page = stranger.get("/snapshot/").text
        assert not re.search(r"(src|href)=\"(?!/snapshot/)", page) and "<script>" not in page
        assert re.search(r'VERSION = "[0-9a-f]{16}"', stranger.get("/snapshot/worker.js").text)
        for name in ("../outage/snapshot.py", "%2e%2e/cli.py", "x.js", "store.js/x"):
            assert stranger.get(f"/snapshot/{name}").status_code in (303, 400, 401, 404), name


def test_the_snapshot_goes_to_the_holder_of_the_cookie_and_the_cookie_opens_nothing_else(app):
    with httpx.Client(base_url=app.url, follow_redirects=False) as stranger:
        for way, path in (("GET", "data"), ("GET", "forms"), ("POST", "stored"), ("POST", "leave")):
            assert stranger.request(way, f"/snapshot/{path}", headers=MARK).status_code == 401
        assert stranger.post("/snapshot/enrol", json={"code": "AAAA-AAAA"}, headers=MARK).status_code == 400
        for body in (b"", b"[]", b"{}", b"\xff", b'{"code": null}', b"x" * 3000):
            assert stranger.post("/snapshot/enrol", content=body, headers=MARK).status_code in (400, 413)
        answer = stranger.post("/snapshot/enrol", json={"code": new_code(app, "Flags")}, headers=MARK)
        flags = answer.headers["set-cookie"].lower()
        assert "httponly" in flags and "samesite=strict" in flags and "path=/snapshot" in flags
    with contextlib.closing(enrolled(app, "Second")) as computer:
        found = computer.get("/snapshot/data")
        assert (
            CANARY in json.loads(found.json()["text"])["patients"][0]["name"]
            and found.headers["cache-control"] == "no-store"
        )
        same = computer.get("/snapshot/data", params={"known": found.json()["digest"]}).json()
        assert "text" not in same and same["digest"] == found.json()["digest"]
        for headers in (
            {"Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert computer.get("/snapshot/data", headers=headers).status_code == 403
        bare = {name: value for name, value in computer.cookies.items()}
        assert httpx.get(f"{app.url}/snapshot/data", cookies=bare).status_code == 403
        token = computer.cookies["ballast_snapshot"]
        for path in ("/roster", "/documents/x", "/account/x", "/media/x"):
            answer = httpx.get(f"{app.url}{path}", cookies={"ballast_snapshot": token, "ballast_session": token})
            assert answer.status_code in (303, 401) and CANARY not in answer.text, path
        revoke(app, "Second")
        gone = computer.get("/snapshot/data")
        assert gone.status_code == 410 and CANARY not in gone.text


def window(chromium, folder):
    return chromium.browser_type.launch_persistent_context(
        folder, executable_path=shutil.which("chromium"), headless=True, args=FLAGS, accept_downloads=True,
        viewport={"width": 1280, "height": 900},
    )  # fmt: skip


def set_up(context, url, code, words=WORDS, page=None):
    page = page or context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(f"{url}/snapshot")
    page.fill("#code", code.lower())
    page.fill("#passphrase", words)
    page.fill("#again", words)
    page.click("button.primary")
    return page


def unlock(page, words=WORDS):
    page.fill("#passphrase", words)
    page.click("button.primary")


def download(page, selector):
    with page.expect_download() as waiting:
        page.click(selector)
    return waiting.value.path().read_bytes()


@pytest.mark.browser
def test_it_opens_with_the_server_dead_and_keeps_nothing_in_the_clear(app, _chromium, tmp_path):
    profile = tmp_path / "profile"
    context = window(_chromium, profile)
    page = set_up(context, app.url, new_code(app), "short words")
    page.get_by_text("Use at least 14 characters").wait_for()
    page.fill("#passphrase", WORDS)
    page.fill("#again", WORDS)
    page.click("button.primary")
    page.locator("#shown").wait_for(timeout=60_000)
    page.get_by_text(CANARY).first.wait_for()
    page.get_by_text("just now").wait_for()
    assert page.evaluate("document.querySelector('img, iframe') === null && window.hacked === undefined")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    with app.clinic() as clinic:
        states = {one.name: one.state for one in snapshot_devices.computers(by=clinic.operator)}
        assert states["Front desk"] == "fresh"
    # locked, and refreshed with nobody there
    page.click("#lock")
    page.locator("#passphrase").wait_for()
    assert CANARY not in page.content()
    with app.clinic() as clinic:
        Day(clinic).visit("Latecomer")
    before = page.evaluate("Store.get('about').then(one => one.digest)")
    assert page.evaluate("Store.refresh()") == "new"
    assert page.evaluate("Store.get('about').then(one => one.digest)") != before
    unlock(page, "wrong wrong wrong words")
    page.get_by_text("This passphrase is wrong.").wait_for(timeout=30_000)
    assert CANARY not in page.content()
    page.close()

    app.process.kill()
    app.process.wait(10)
    page = context.new_page()
    page.goto(f"{app.url}/snapshot/")
    page.get_by_text("The snapshot is locked").wait_for()
    unlock(page)
    page.get_by_text("Latecomer").first.wait_for(timeout=30_000)
    page.get_by_text("No connection to Ballast").wait_for(timeout=30_000)
    printed = pypdf.PdfReader(io.BytesIO(download(page, "#pdf")))
    words = printed.pages[0].extract_text()
    assert "Latecomer" in words and "Łukasz Ōé" in words and "Žižka" in words and "from the snapshot" in words
    rows = list(csv.reader(io.StringIO(download(page, "#csv").decode("utf-8-sig"))))
    assert len(rows) == 4 and any(one.startswith("'=HYPERLINK") for row in rows for one in row)
    assert not any(one.startswith(("=", "+", "@")) for row in rows for one in row)
    page.click("#tab-drugs")
    page.get_by_text("Nothing given yet.").first.wait_for()
    page.fill("#find", "latecomer")
    assert page.locator("section.card:visible").count() == 1
    page.click("#tab-forms")
    blank = pypdf.PdfReader(io.BytesIO(download(page, ".forms li button >> nth=0")))
    assert len(blank.pages) >= 1
    assert page.evaluate("navigator.serviceWorker.controller.scriptURL").endswith("/snapshot/worker.js")
    context.close()

    kept = [one for one in profile.rglob("*") if one.is_file()]
    stored = [one for one in kept if "IndexedDB" in str(one)]
    assert any(
        "Front desk".encode("utf-16-le") in one.read_bytes() or b"Front desk" in one.read_bytes() for one in stored
    )
    for canary in (CANARY, "Latecomer", "HYPERLINK", WORDS):
        for form in (canary.encode(), canary.encode("utf-16-le")):
            leaks = [str(one.relative_to(profile)) for one in kept if form in one.read_bytes()]
            assert not leaks, (canary, leaks)


@pytest.mark.slow
@pytest.mark.browser
def test_a_computer_that_was_taken_away_erases_its_copy_when_it_next_asks(served, _chromium, tmp_path):
    context = window(_chromium, tmp_path / "profile")
    page = set_up(context, served.url, new_code(served, "Stolen laptop"))
    page.locator("#shown").wait_for(timeout=60_000)
    revoke(served, "Stolen laptop")
    page.click("#refresh")
    page.get_by_text("was taken off the list, and its copy is erased").wait_for()
    assert page.evaluate("Store.get('data').then(one => one === undefined)")
    assert page.evaluate("Store.get('keys').then(one => one === undefined)")
    page.reload()
    page.locator("#code").wait_for()
    assert page.problems == []
    context.close()


@pytest.mark.slow
@pytest.mark.browser
def test_the_worker_refreshes_a_locked_copy_in_the_background(served, _chromium, tmp_path):
    context = window(_chromium, tmp_path / "profile")
    page = set_up(context, served.url, new_code(served, "Background"))
    page.locator("#shown").wait_for(timeout=60_000)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.close()
    with served.clinic() as clinic:
        Day(clinic).visit("Nightowl")
    page = context.new_page()
    page.goto(f"{served.url}/healthz")  # no page of the snapshot is open
    session, found = context.new_cdp_session(page), []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda told: found.extend(told["registrations"]))
    session.send("ServiceWorker.enable")
    for _ in range(50):
        if found:
            break
        page.wait_for_timeout(100)
    one = next(one for one in found if one["scopeURL"].endswith("/snapshot/"))
    asked = {"origin": served.url, "registrationId": one["registrationId"], "tag": "snapshot"}
    session.send("ServiceWorker.dispatchPeriodicSyncEvent", asked)
    with served.clinic() as clinic:
        for _ in range(100):
            rows = audits(clinic, "Background")
            if len(rows) == 2:
                break
            page.wait_for_timeout(100)
    assert len(rows) == 2, "the second reading was the worker's"
    context.set_offline(True)
    page.goto(f"{served.url}/snapshot/")
    unlock(page)
    page.get_by_text("Nightowl").first.wait_for(timeout=30_000)
    context.close()


def audits(clinic, name):
    """How often a computer was given the snapshot."""
    with read(clinic.id) as session:
        given = select(AuditLog.id).where(AuditLog.action == "snapshot.read", AuditLog.actor == f"snapshot on {name}")
        return session.scalars(given).all()


@pytest.mark.slow
@pytest.mark.browser
def test_it_locks_itself_and_tells_how_old_it_is(served, _chromium, tmp_path):
    context = window(_chromium, tmp_path / "profile")
    page = context.new_page()
    page.clock.install()
    page = set_up(context, served.url, new_code(served, "Idle"), page=page)
    page.locator("#shown").wait_for(timeout=60_000)
    context.set_offline(True)
    page.clock.fast_forward("11:00")
    page.get_by_text("Locked after ten minutes").wait_for()
    assert page.locator("#shown").count() == 0
    for minutes, level in (("21:00", "amber"), ("04:00:00", "red")):
        page.clock.fast_forward(minutes)
        page.locator(f".asof.{level}").wait_for()
    page.get_by_text("4 hours old").wait_for()
    context.close()


@pytest.mark.slow
@pytest.mark.browser
def test_a_forgotten_passphrase_means_starting_over_with_a_new_code(served, _chromium, tmp_path):
    context = window(_chromium, tmp_path / "profile")
    page = set_up(context, served.url, new_code(served, "Forgetful"))
    page.locator("#shown").wait_for(timeout=60_000)
    page.click("#lock")
    page.get_by_text("Forgotten?").click()
    page.get_by_text("Erase this copy and start over").click()
    page.locator("#code").wait_for()
    with served.clinic() as clinic:
        assert "Forgetful" not in {one.name for one in snapshot_devices.computers(by=clinic.operator)}
    context.close()


@pytest.mark.slow
@pytest.mark.browser
def test_a_stick_opens_from_its_folder_with_the_passphrase_alone(sqlite_clinic, _chromium, tmp_path):
    Day(sqlite_clinic).visit(f"{CANARY}</script><script>window.hacked=1</script>")
    folder = tmp_path / "stick"
    command = [sys.executable, "cli.py", "snapshot", "write", str(folder), "--passphrase-stdin", "--json"]
    environment = os.environ | {"BALLAST_HOME": str(sqlite_clinic.home.path)}
    (folder).mkdir()
    (folder / "roster-2020-01-01.pdf").write_bytes(b"old")
    done = subprocess.run(command, cwd=ROOT, env=environment, input=f"{WORDS}\n".encode(), capture_output=True)
    assert done.returncode == 0, done.stderr
    names = {one["name"] for one in json.loads(done.stdout)["files"]}
    assert {one.name for one in folder.iterdir()} == names and len(names) == 3 and "index.html" in names
    for one in folder.iterdir():
        assert CANARY.encode() not in one.read_bytes() and one.stat().st_mode & 0o077 == 0
    locked = pypdf.PdfReader(folder / sorted(names - {"index.html"})[0])
    assert locked.decrypt("another") == 0 and locked.decrypt(WORDS)
    assert CANARY in locked.pages[0].extract_text()
    context = _chromium.new_context(accept_downloads=True)
    page, asked = context.new_page(), []
    page.on(
        "request", lambda request: asked.append(request.url) if not request.url.startswith(("file:", "blob:")) else None
    )
    page.goto(f"file://{folder}/index.html")
    unlock(page, "wrong wrong wrong words")
    page.get_by_text("This passphrase is wrong.").wait_for(timeout=30_000)
    unlock(page)
    page.get_by_text(CANARY).first.wait_for(timeout=30_000)
    assert CANARY in pypdf.PdfReader(io.BytesIO(download(page, "#pdf"))).pages[0].extract_text()
    assert page.evaluate("window.hacked === undefined") and asked == []
    context.close()


def test_a_weak_passphrase_writes_no_stick(sqlite_clinic, tmp_path):
    from data.errors import BadInput
    from outage.snapshot_stick import check_passphrase

    for weak in ("short", "aaaaaaaaaaaaaaaaaaaa", "password 123456 clinic", "x" * 201):
        with pytest.raises(BadInput):
            check_passphrase(weak)
    check_passphrase(WORDS)
