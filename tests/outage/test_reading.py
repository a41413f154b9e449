"""What waits is read in the background, by one reader at a time; a folder that a scanner fills empties itself."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from data.models import DocumentPage, ScanFile
from data.session import read, write
from data.types import clock
from outage import lease, reading, scanning, watched
from outage.printing import print_blank
from outage.review import waiting
from outage.scanning import BeingRead, read_scan, receive
from security.actor import Actor
from tests.outage.test_scanning import drawn, tiff
from worker import Worker


@pytest.fixture
def stack(clinic):
    """Three walk-in sheets."""
    return tiff(drawn(print_blank("walk-in", 3, by=clinic.operator).pdf))


def files(clinic):
    with read(clinic.id) as session:
        return list(session.scalars(select(ScanFile).order_by(ScanFile.id)))


def test_one_reader_at_a_time_and_a_dead_one_is_known_to_be_gone(clinic, stack):
    sam = clinic.actor("sam")
    scan_id = receive("a.tif", stack, by=sam)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for reader, until, free in (
        (lease.mark(), clock.now() + lease.LASTS, False), ("elsewhere:1:2:x", clock.now() + lease.LASTS, False),
        ("elsewhere:1:2:x", clock.now() - timedelta(seconds=1), True), ("", None, True),
        (lease.mark().replace(f":{os.getpid()}:", f":{gone.pid}:"), clock.now() + lease.LASTS, True),
    ):  # fmt: skip
        with write(clinic.id) as session:
            row = session.get_one(ScanFile, (clinic.id, scan_id))
            row.reader, row.reading_until = reader, until
        assert (reading.readable(clinic.id) == [scan_id]) is free
        assert reading.scans(by=sam)[0].state == ("waiting" if free else "reading")
        if not free:
            with pytest.raises(BeingRead):
                read_scan(scan_id, by=sam)
    assert reading.read_waiting(clinic.id) == 1
    (row,) = reading.scans(by=sam)
    assert (row.state, row.pages, row.pages_read, row.attached, row.to_review) == ("read", 3, 3, 3, 0)
    assert row.who == "Sam Stone"


def test_what_fails_without_a_word_is_tried_again_later_and_what_is_lost_is_said(clinic, stack, monkeypatch):
    sam = clinic.actor("sam")
    first, second = receive("a.tif", stack, by=sam), receive("b.tif", stack + b"x", by=sam)
    next(path for path in (clinic.home.path / "scans").iterdir() if path.name == files(clinic)[1].staged).unlink()

    def fail(*_args):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(scanning, "_filed", fail)
        assert reading.read_waiting(clinic.id) == 2
    assert reading.readable(clinic.id) == []
    refused, kept = reading.scans(by=sam)
    assert refused.id == second and "Scan the paper again" in refused.sentence and kept.state == "reading"
    with write(clinic.id) as session:
        session.get_one(ScanFile, (clinic.id, first)).reading_until = clock.now()
    reading.begin(clinic.id)
    reading.settle_down(clinic.id)
    assert {row.state for row in reading.scans(by=sam)} == {"read", "refused"}


def test_a_worker_reads_what_the_folder_holds_and_leaves_only_what_was_refused(
    clinic, stack, tmp_path, monkeypatch
):  # fmt: skip
    tmp_path = tmp_path / "scanner"
    tmp_path.mkdir()
    monkeypatch.setenv(watched.VARIABLE, str(tmp_path))
    monkeypatch.setattr(watched, "STILL", 0.0)
    (tmp_path / "a.tif").write_bytes(stack)
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 400)
    (tmp_path / "notes.txt").write_text("not a scan")
    (tmp_path / "half.pdf").write_bytes(b"")
    (tmp_path / "link.pdf").symlink_to("/etc/hostname")
    worker = Worker()
    worker.round()
    assert not files(clinic), "a file that is being written is left alone"
    worker.round()
    assert [(row.name, row.state) for row in files(clinic)] == [("a.tif", "read"), ("phone.heic", "refused")]
    worker.round()
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"notes.txt", "half.pdf", "link.pdf", "refused/phone.heic", "refused/phone.heic.txt"}
    assert "most compatible" in (tmp_path / "refused" / "phone.heic.txt").read_text()
    (tmp_path / "harbor" / "again.tif").write_bytes(stack)
    worker.round()
    worker.round()
    assert reading.scans(by=clinic.operator)[0].sentence.startswith("This very file was scanned before")
    with read(clinic.id) as session:
        assert len(session.scalars(select(DocumentPage)).all()) == 3 and not waiting(by=clinic.operator)


def test_a_file_is_taken_once_though_the_worker_ends_between_taking_and_marking(clinic, stack, tmp_path, monkeypatch):
    tmp_path = tmp_path / "scanner"
    tmp_path.mkdir()
    monkeypatch.setenv(watched.VARIABLE, str(tmp_path))
    monkeypatch.setattr(watched, "STILL", 0.0)
    file = tmp_path / "a.tif"
    file.write_bytes(stack)
    receive("a.tif", stack, by=Actor.worker(clinic.id))  # and here it ended
    folder = watched.Watched()
    for _ in range(3):
        folder.look(clinic.id, "harbor", alone=True)
    assert len(files(clinic)) == 1
    reading.read_waiting(clinic.id)
    folder.look(clinic.id, "harbor", alone=True)
    assert [path.name for path in tmp_path.iterdir()] == ["harbor"]


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_stack_leaves_it_to_the_next(sqlite_clinic, tmp_path):
    clinic = sqlite_clinic
    pdf = print_blank("walk-in", 40, by=clinic.operator).pdf
    receive("stack.pdf", pdf, by=clinic.actor("sam"))
    first = subprocess.Popen([sys.executable, "-m", "worker"], stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 60
    while not files(clinic)[0].pages_read and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert files(clinic)[0].state == "waiting" and files(clinic)[0].pages == 40
    assert reading.read_waiting(clinic.id) == 1, "its lease ended with it"
    with read(clinic.id) as session:
        pages = session.scalars(select(DocumentPage).order_by(DocumentPage.index)).all()
    assert [page.index for page in pages] == list(range(40)) and {page.state for page in pages} == {"attached"}


def test_who_takes_a_file_in_to_read_it_at_once_is_not_overtaken(clinic, stack, monkeypatch):
    sam = clinic.actor("sam")
    kept = scanning.receive

    def receive_then_look(*args, **named):
        scan_id = kept(*args, **named)
        assert reading.readable(clinic.id) == [], "the worker leaves it alone"
        return scan_id

    monkeypatch.setattr(scanning, "receive", receive_then_look)
    assert len(scanning.scan_file("a.tif", stack, by=sam)) == 3


def test_a_scan_that_somebody_has_read_in_the_meantime_answers_as_it_stands(clinic, stack, monkeypatch):
    sam = clinic.actor("sam")
    scan_id = receive("a.tif", stack, by=sam)
    held = scanning._held

    def overtaken(*args):
        monkeypatch.setattr(scanning, "_held", held)
        reading.read_waiting(clinic.id)
        return held(*args)

    monkeypatch.setattr(scanning, "_held", overtaken)
    assert [line.state for line in read_scan(scan_id, by=sam)] == ["attached"] * 3
    assert [row.state for row in files(clinic)] == ["read"]
