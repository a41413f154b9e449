"""What the tests of the watcher share: a clock to turn, an app to play, a watcher on both."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from watcher import settings
from watcher.probes import SILENT, Finding
from watcher.store import Store
from watcher.watch import Watch

ROOT = Path(__file__).parent.parent.parent
SECRET = "shared-secret-of-the-tests"
TOKEN = "token-of-the-tests-to-post"
CONFIG = """
title = "Harbor Spay & Neuter"
url = "http://127.0.0.1:{port}"
zone = "America/New_York"
imprint = "12 Pier Road, Portland ME"
[app]
url = "{app}"
secret = "shared-secret-of-the-tests"
timeout = 2
[limits]
interval = 1
[mail]
url = "{smtp}"
sender = "status@status.example.org"
alarm = ["it@example.org"]
[server]
port = {port}
token = "token-of-the-tests-to-post"
"""


def config(
    folder: Path, app: str = "http://127.0.0.1:9", port: int = 8650, smtp: str = "", **limits
) -> settings.Config:
    """A checked configuration with its files in a folder."""
    file = folder / "w.toml"
    file.write_text(CONFIG.format(app=app, port=port, smtp=smtp or "smtp://127.0.0.1:9"))
    read = settings.load(file)
    return replace(read, limits=replace(read.limits, **limits))


class Turned:
    """A clock that stands until it is turned; ``set`` is what somebody does to the wall clock alone."""

    def __init__(self, at: str = "2026-11-10T12:00:00-05:00") -> None:
        self.wall, self.ticks = datetime.fromisoformat(at).timestamp(), 1000.0

    def now(self) -> float:
        return self.wall

    def steady(self) -> float:
        return self.ticks

    def pass_(self, seconds: float) -> None:
        """Time goes by."""
        self.wall, self.ticks = self.wall + seconds, self.ticks + seconds

    def set(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.wall += seconds

    def wait(self, stopping, seconds):
        self.pass_(seconds)
        return stopping.is_set()


UP = {
    "app": Finding("up", "Answers"), "database": Finding("up", "Can be read and written"),
    "worker": Finding("up", "Runs"), "backup": Finding("up", "The last good one is 9 hours old"),
    "vault": Finding("up", "Today's went out"),
}  # fmt: skip
SILENCE = dict.fromkeys(UP, Finding("unknown", SILENT)) | {"app": Finding("down", "Does not answer", "refused")}


class Played:
    """A watch on an app that is as ``found`` says."""

    def __init__(self, folder: Path, at: str = "2026-11-10T12:00:00-05:00", interval: float = 30.0, **limits) -> None:
        self.config = config(folder, interval=interval, **limits)
        self.clock, self.store, self.found = Turned(at), Store(self.config.store), dict(UP)
        self.watch = Watch(self.config, self.store, self.clock, look=lambda _: self.found)

    def look(self, times: int = 1, every: float | None = None) -> None:
        """So many rounds, the usual time apart."""
        for _ in range(times):
            self.watch.round()
            self.clock.pass_(self.config.limits.interval if every is None else every)

    def rows(self, query: str, *values):
        """Rows of the store."""
        with self.store.read() as db:
            return [dict(row) for row in db.execute(query, values)]

    def page(self, name: str = "index.html") -> str:
        """What stands in a file of the page."""
        return (Path(self.config.page) / name).read_text()
