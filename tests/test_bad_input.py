"""The list of bad input that a clinic will bring: each gets one sentence that names the place, nothing is half
written, and nothing that was typed is lost. Through the command and through the page, as people meet it."""

import os
import re
import resource
import subprocess
import sys
from datetime import date, time
from time import monotonic

import pytest
from sqlalchemy import func, select

import opening.importing  # noqa: F401 - makes the kinds known
from appointments.times import comes_twice
from cli import run
from data.models import Appointment, Client, Idempotency, ImportRun, Patient, UserSession
from data.session import read
from records import reading
from records.reading import BadHeading, read_table
from security import drafts, sessions
from tests.appointments.conftest import Desk
from tests.conftest import ROOT
from tests.screen import opened, told

FILES = {
    "a wrong encoding": (
        "clients", "Last name,First name\nLopez,Ana\nPeña,José\n".encode("windows-1252"),
        r"{file}, row 3: the text is not UTF-8\. Save it as 'CSV UTF-8' .* windows-1252",
    ),
    "an encoding cut in the middle": (
        "clients", b"\xff\xfeL\x00a", r"{file}, row 1: the text is not UTF-16",
    ),
    "a missing column": (
        "clients", b"First name,Phone\nAna,555 0101\n",
        r"{file} has no column for Last name or Full name, which is needed\. Its columns are: First name, Phone",
    ),
    "animals without a column of clients": (
        "patients", b"Name,Species\nRex,dog\n", r"{file} has no column for Client, which is needed",
    ),
    "a date like 31/02": (
        "patients", b"Name,Species,Birth date,Client ID\nRex,dog,31/02/2020,C1\n",
        r"{file}, row 2, column Birth date: '31/02/2020' is not a day of the calendar",
    ),
    "an animal without a client": (
        "patients", b"Name,Species,Client ID\nRex,dog,\n", r"{file}, row 2, column Client ID: .*client",
    ),
    "an animal whose client is not here": (
        "patients", b"Name,Species,Client ID\nRex,dog,C77\n", r"{file}, row 2, column Client ID: .*C77",
    ),
    "a birth date in the future": (
        "patients", b"Name,Species,Birth date,Client ID\nRex,dog,2999-05-03,C1\n",
        r"{file}, row 2, column Birth date: the birth date 2999-05-03 lies in the future",
    ),
    "the hour that daylight saving skips": (
        "appointments", b"Patient ID,Start\nP1,2024-03-10 02:30\n",
        r"{file}, row 2, column Start: 2024-03-10 02:30 does not exist in America/New_York.* Write 03:30",
    ),
    "a card number": (
        "clients", b"Last name,Caution\nLopez,4111 1111 1111 1111\n", r"{file}, row 2, column Caution: .*card number",
    ),
    "a spreadsheet": ("clients", b"PK\x03\x04rest", r"{file} is an Excel workbook, not a text table"),
    "nothing": ("clients", b"", r"{file} is empty"),
    "a row with too many cells": (
        "clients", b"Last name,First name\nLopez,Ana\nChen,Bo,lost\n", r"{file}, row 3, column 3: the row has 3 cells",
    ),
}  # fmt: skip


@pytest.fixture
def ground(sqlite_clinic, tmp_path):
    """A clinic with one client and one patient that files may name."""
    for kind, text in (("clients", "Client ID,Last name\nC1,Lopez\n"),
                       ("patients", "Patient ID,Client ID,Name,Species\nP1,C1,Ada,dog\n")):  # fmt: skip
        path = tmp_path / f"{kind}-first.csv"
        path.write_text(text)
        assert run(["import", kind, str(path), "--json"]) == 0
    return sqlite_clinic


def stored(clinic):
    """What is in the clinic, hidden rows too."""
    with read(clinic.id, include_deleted=True) as session:
        return [session.scalar(select(func.count()).select_from(model))
                for model in (Client, Patient, Appointment, ImportRun, Idempotency)]  # fmt: skip


def test_every_bad_file_is_refused_by_the_command_in_one_line_and_writes_nothing(ground, capsys, tmp_path):
    before = stored(ground)
    for name, (kind, content, sentence) in FILES.items():
        path = tmp_path / "bad.csv"
        path.write_bytes(content)
        capsys.readouterr()
        code = run(["import", kind, str(path), "--json"])
        told_of = capsys.readouterr()
        assert (code, told_of.out) == (2, ""), name
        assert re.search(sentence.format(file=r"bad\.csv"), told_of.err), (name, told_of.err)
        assert told_of.err.count("\n") == 1 and "Traceback" not in told_of.err, (name, told_of.err)
        assert stored(ground) == before, name


def test_every_bad_file_is_refused_by_the_page_in_the_same_words_and_writes_nothing(ground):
    before = stored(ground)
    for name, (kind, content, sentence) in FILES.items():
        at = opened(ground, "adam", "settings/imports.py")
        at.file_uploader(key="upload-0").upload("bad.csv", content, "text/csv").run()
        box = next((box for box in at.selectbox if box.key == "kind"), None)
        if box is not None and not at.error:
            box.set_value(kind).run()
        button = next((button for button in at.button if button.key == "import"), None)
        if button is not None and not at.error:
            button.click().run()
        assert not at.exception, (name, at.exception)
        words = told(at) + " ".join(code.value for code in at.code)
        assert re.search(sentence.format(file=r"bad\.csv"), words), (name, words[-900:])
        assert stored(ground) == before, name


def test_a_file_of_two_gigabytes_is_refused_at_once_in_little_memory(sqlite_clinic, tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    command = [sys.executable, str(ROOT / "cli.py"), "import", "clients", str(path)]

    def bounded():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, preexec_fn=bounded, cwd=ROOT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "huge.csv has 2,048 MB and an import takes at most 100 MB. Split it" in done.stderr
    assert stored(sqlite_clinic)[:4] == [0, 0, 0, 0]


def test_a_small_file_that_would_fill_the_memory_is_refused_while_it_is_read(monkeypatch):
    monkeypatch.setattr(reading, "ROW_LIMIT", 1_000)
    monkeypatch.setattr(reading, "CELL_LIMIT", 5_000)
    with pytest.raises(BadHeading, match=r"lines\.csv, row 1000: an import takes at most 1,000 rows"):
        read_table(b"name\n" + b"a\n" * 100_000, "lines.csv")
    with pytest.raises(BadHeading, match=r"commas\.csv, row 1: an import takes at most 1,000 columns"):
        read_table(b"name" + b"," * 100_000 + b"\nx\n", "commas.csv")
    with pytest.raises(BadHeading, match=r"cells\.csv, row \d+: .* 5,000 cells"):
        read_table(b"a,b,c,d,e,f,g,h,i\n" + b"1,2,3,4,5,6,7,8,9\n" * 900, "cells.csv")


def test_the_hour_the_clocks_skip_cannot_be_booked_and_the_doubled_one_is_explained(sqlite_clinic):
    desk = Desk(sqlite_clinic)
    client_id, _ = desk.patient()
    sam, place = sqlite_clinic.actor("sam"), f"book:{client_id}"

    def typed(day, at):
        drafts.save(place, {"day": {"day": day}, "time": at, "notes": "Very early"}, by=sam)
        return opened(sqlite_clinic, "sam", "appointments/calendar.py", book=client_id)

    at = typed("2027-03-14", "2:30")
    at.button(key="book_save").click().run()
    assert "There is no 2:30" in at.error[0].value and "clocks go forward" in at.error[0].value
    assert at.text_input(key="book_notes").value == "Very early"
    assert drafts.load(place, by=sam)["notes"] == "Very early"
    at = typed("2027-11-07", "1:30")
    assert "comes twice that night" in told(at)
    assert stored(sqlite_clinic)[2] == 0
    zone = "America/New_York"
    assert comes_twice(date(2027, 11, 7), time(1, 30), zone)
    assert not comes_twice(date(2027, 11, 7), time(2, 0), zone)
    assert not comes_twice(date(2027, 3, 14), time(2, 30), zone)


def test_an_animal_without_a_client_and_one_born_tomorrow_are_refused_on_the_page(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", "clients/new_patient.py")
    assert "A patient belongs to a client" in told(at)
    client_id, _ = Desk(sqlite_clinic).patient()
    at = opened(sqlite_clinic, "sam", "clients/new_patient.py", client=client_id)
    place = f"patient:new:{client_id}"
    at.text_input(key=f"{place}:name").set_value("Rex").run()
    at.date_input(key=f"{place}:born_on").set_value(date(2199, 1, 1)).run()
    box = at.selectbox(key=f"{place}:species")
    box.set_value(next(slug for slug in box.options if slug != "Choose")).run()
    before = stored(sqlite_clinic)
    at.button(key="save_patient").click().run()
    assert not at.exception and "future" in at.error[0].value, told(at)
    assert at.text_input(key=f"{place}:name").value == "Rex"
    assert stored(sqlite_clinic) == before


@pytest.mark.slow
@pytest.mark.browser
def test_a_tab_whose_session_ended_leads_to_the_sign_in_and_the_typed_words_wait(browser, served):
    page = browser("clara", "/new-client")
    page.get_by_label("Last name").press_sequentially("Zebulon", delay=20)

    def wait_for(found):
        ends = monotonic() + 20
        while not found():
            assert monotonic() < ends
            page.wait_for_timeout(200)

    with served.clinic() as clinic:
        clara = clinic.actor("clara")
        wait_for(lambda: (drafts.load("client:new", by=clara) or {}).get("last_name") == "Zebulon")
        with read(clinic.id) as session:
            user = UserSession.user_id == clinic.users["clara"]
            live = session.scalars(select(UserSession.id).where(user, UserSession.revoked_at.is_(None))).all()
        for one in live:
            sessions.end(clinic.id, one, "revoked")
        page.get_by_label("First name").fill("Too late")
        page.get_by_role("textbox", name="Password").wait_for()
        assert page.get_by_text("error").count() == 0

    again = browser("clara", "/new-client")
    from playwright.sync_api import expect

    expect(again.get_by_label("Last name")).to_have_value("Zebulon")
    again.get_by_role("button", name="Discard").click()
    again.get_by_placeholder("Name, phone, microchip or number").wait_for()
