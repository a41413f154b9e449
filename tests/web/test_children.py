"""The worker's keeper: started again when it dies, ended with the app, never started before there is a clinic."""

import sys
import time

import pytest

from web.children import Child


def eventually(what, patience=10.0):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home.json").write_text("{}")
    return tmp_path


def test_a_child_that_dies_is_started_again(home):
    child = Child([sys.executable, "-c", "raise SystemExit(3)"], home, first_pause=0.05)
    child.start()
    assert eventually(lambda: child.starts >= 3)
    child.stop()
    starts = child.starts
    time.sleep(0.3)
    assert child.starts == starts


def test_a_child_ends_with_the_app(home):
    child = Child([sys.executable, "-c", "import time; time.sleep(60)"], home)
    child.start()
    assert eventually(lambda: child.process is not None)
    child.stop()
    assert child.process.poll() is not None
    assert child.starts == 1


def test_no_child_is_started_before_there_is_a_home(tmp_path):
    child = Child([sys.executable, "-c", "pass"], tmp_path)
    child.start()
    time.sleep(0.3)
    assert child.starts == 0
    child.stop()
