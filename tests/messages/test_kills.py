"""The sender is killed again and again while a campaign goes out: nobody is missed, nobody gets it twice.

The whole of it (15 kills in 6,000 messages) is ``benchmarks.campaigns``.
"""

import pytest

from benchmarks import campaigns as bench
from data.engine import database, use

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place for a home of its own; what the benchmark sets is taken back."""
    for name in (
        "BALLAST_HOME", "BALLAST_KEY_FILE", "BALLAST_SMTP_URL", "BALLAST_MAIL_FROM", "BALLAST_PUBLIC_URL",
        "BALLAST_RELAY_LOG",
    ):  # fmt: skip
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(bench.launch, "members", None)
    yield tmp_path
    database().close()
    use(None)
    bench.clock.set(None)


def test_with_the_relays_log_nothing_is_lost_doubled_or_in_doubt(folder):
    told = bench.kills(folder, 600, 4, True)
    assert told["kills"] == 4
    assert (told["lost"], told["doubled"], told["sent_but_unknown"], told["uncertain"]) == (0, 0, 0, 0), told
    assert told["states"] == {"sent": 600}


def test_without_it_no_more_than_a_group_for_each_kill_is_in_doubt_and_all_are_listed(folder):
    told = bench.kills(folder, 400, 3, False)
    assert (told["lost"], told["doubled"], told["sent_but_unknown"]) == (0, 0, 0), told
    assert told["most_uncertain_per_kill"] <= bench.delivery.GROUP
    assert told["states"]["sent"] + told["uncertain"] == 400


def test_two_workers_that_are_killed_together_double_nobody(folder):
    told = bench.kills(folder, 400, 2, True, workers=2)
    assert (told["lost"], told["doubled"], told["uncertain"]) == (0, 0, 0), told


def test_on_postgresql(folder, postgres_server, monkeypatch):
    from tests.conftest import _admin, _on

    _admin(postgres_server, "CREATE DATABASE ballast_kills")
    monkeypatch.setenv("BALLAST_DATABASE_URL", _on(postgres_server, "ballast_kills"))
    told = bench.kills(folder, 400, 2, True, workers=2)
    assert (told["lost"], told["doubled"], told["uncertain"]) == (0, 0, 0), told
