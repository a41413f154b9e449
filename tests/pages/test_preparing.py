"""A page opened before the report data is there shows the rest of itself, and says how far the data is."""

import threading
from datetime import UTC, datetime

import pytest

from data import mart
from pages.components import preparing
from tests.data.test_mart import place
from tests.screen import opened, start, told


@pytest.fixture
def held(sqlite_clinic, monkeypatch):
    """A load that waits in the middle until it is let go."""
    place(sqlite_clinic, datetime(2024, 5, 1, 12, tzinfo=UTC))
    go, real = threading.Event(), mart._stage

    def wait(cursor, fact, chunk):
        if fact.name == "appointment":
            go.wait(20)
        real(cursor, fact, chunk)

    monkeypatch.setattr(mart, "_stage", wait)
    monkeypatch.setattr(preparing, "QUIET", 0.05)
    yield go
    go.set()


def test_the_home_of_the_owner_stands_before_the_report_data_does(sqlite_clinic, held, monkeypatch):
    said, real = [], preparing.st.empty

    class Watched:
        def __init__(self):
            self.place = real()

        def progress(self, share, text):
            said.append((share, text, sorted(order)))
            held.set()
            self.place.progress(share, text=text)

        def empty(self):
            self.place.empty()

    order = set()
    from pages.home import day, queues

    for module in (day, queues):
        drawn = module.draw
        monkeypatch.setattr(module, "draw", lambda may, d=drawn, m=module.__name__: (d(may), order.add(m)))
    monkeypatch.setattr(preparing.st, "empty", Watched)
    at = opened(sqlite_clinic, "olive", "home/home.py")
    assert not at.exception
    assert said, "nothing was said while the data was on its way"
    share, text, before = said[0]
    assert 0 <= share < 1
    assert "Report data is being prepared" in text
    assert before == ["pages.home.day", "pages.home.queues"]
    assert mart.mart().progress(sqlite_clinic.id) == 1.0


def test_a_report_says_how_far_its_data_is_and_then_stands(sqlite_clinic, held, monkeypatch):
    said, real = [], preparing.st.empty

    def watched():
        place = real()
        show = place.progress

        def progress(share, text):
            said.append(text)
            held.set()
            return show(share, text=text)

        monkeypatch.setattr(place, "progress", progress)
        return place

    monkeypatch.setattr(preparing.st, "empty", watched)
    held.set()
    at = start(sqlite_clinic.token("olive"))
    held.clear()
    said.clear()
    monkeypatch.setattr(mart, "_current", None)  # as after a restart
    at.switch_page("reporting/report.py")
    at.query_params["name"] = "no-show-rate"
    at.run()
    assert not at.exception
    assert "being prepared" in said[0]
    assert "No appointments lie between" in told(at)
