"""Letters of a run come as one PDF that fits window envelopes, with labels, and each counts as sent once."""

from datetime import date

import pypdfium2
import pytest

from campaigns import launch, letters, sending
from data.errors import NotPermitted
from data.models import Client, Patient
from data.session import read, write
from data.types import new_id
from security import audit
from security.actor import Actor
from tests.campaigns.reach import Member, by_state, furnished, rows

TEXTS = {"channels": ["letter"], "templates": {"letter": "hello-letter"}, "purpose": "reminder"}
PEOPLE = [(name, "") for name in ("Amy", "Bea", "Cal")]


def texts_of(pdf):
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_bounded() for page in document]


def test_letters_are_made_once_and_nobody_who_is_gone_gets_one(clinic, monkeypatch):
    by = Actor.operator(clinic.id)
    body = "Dear {{ client_name }},\n\nit is **time** for {{ patient_names }}.\n\n- bring the card\n- come early"
    with furnished(clinic, monkeypatch, PEOPLE, body=body, subject="News", **TEXTS) as ids:
        pets = [new_id() for _ in ids]
        with write(clinic.id) as session:
            session.bulk(
                Patient, [{"id": pet, "client_id": one, "name": "Rex"} for pet, one in zip(pets, ids, strict=True)]
            )
            audit.append(session, by, "sample.made", "clinic", "", {})
        monkeypatch.setattr(launch, "members", lambda *_, **__: [*map(Member, ids, pets)])
        run_id = launch.launch("news", key="k", by=by)
        with write(clinic.id) as session:
            session.get_one(Patient, (clinic.id, pets[1])).died_on = date(2026, 1, 1)
            session.get_one(Client, (clinic.id, ids[2])).address = "99 Oak St"
            audit.append(session, by, "sample.changed", "clinic", "", {})
        document = letters.make_letters(run_id, by=by)
        assert by_state(clinic) == {"sent": 1, "suppressed": 2}
        files = letters.files_of(run_id, by=by)
        assert [name for name, _ in files] == ["News: letters", "News: labels"] and files[0][1] == document
        [page] = texts_of(letters.open_file(run_id, document, by=by))
        for words in ("Amy Vane", "0 Elm St", "Troy, NY 12180", "Dear Amy Vane", "time for Rex", "bring the card"):
            assert words in page
        assert "Amy Vane" in texts_of(letters.open_file(run_id, files[1][1], by=by))[0]
        with pytest.raises(letters.NoLetters):
            letters.make_letters(run_id, by=by)
        sending.tend(clinic.id)
        with read(clinic.id) as session:
            assert session.get_one(launch.CampaignRun, (clinic.id, run_id)).state == "finished"


def test_the_address_stands_in_the_window(sqlite_clinic):
    from campaigns import letter_press

    letter = {"address": ["Amy Vane", "1 Elm St", "Troy, NY 12180"], "blocks": [["p", "Hello"]], "day": "May 1, 2026"}
    for paper, window in (("letter", (0.875, 2.06, 4.5, 1.12)), ("a4", (20 / 25.4, 45 / 25.4, 85 / 25.4, 45 / 25.4))):
        pdf, _ = letter_press.press({"name": "C", "place": "P"}, [letter], paper)
        page = pypdfium2.PdfDocument(pdf)[0]
        left, top, width, height = (inch * 72 for inch in window)
        inside = page.get_textpage().get_text_bounded(
            left, page.get_height() - top - height, left + width, page.get_height() - top
        )
        assert [line.strip() for line in inside.split("\n") if line.strip()] == letter["address"], paper


def test_a_letter_that_is_longer_than_a_page_goes_on_and_a_crash_after_the_file_doubles_none(
    sqlite_clinic, monkeypatch
):
    by = Actor.operator(sqlite_clinic.id)
    body = "Dear {{ client_name }},\n\n" + "\n\n".join("Words for everybody. " * 30 for _ in range(12))
    told = []
    with furnished(sqlite_clinic, monkeypatch, PEOPLE, body=body, **TEXTS):
        run_id = launch.launch("news", key="k", by=by)
        real = letters._settle_printed
        calls = []

        def dies(*args):
            calls.append(args)
            if len(calls) == 2:
                raise KeyboardInterrupt
            real(*args)

        monkeypatch.setattr(letters, "_settle_printed", dies)
        with pytest.raises(KeyboardInterrupt):
            letters.make_letters(run_id, by=by, progress=lambda done, of: told.append((done, of)))
        monkeypatch.setattr(letters, "_settle_printed", real)
        assert by_state(sqlite_clinic) == {"pending": 3}
        with pytest.raises(letters.NoLetters):
            letters.make_letters(run_id, by=by)
        assert by_state(sqlite_clinic) == {"sent": 3} and {row.reply for row in rows(sqlite_clinic)} == {"printed"}
        [(_, document), _] = letters.files_of(run_id, by=by)
        pages = texts_of(letters.open_file(run_id, document, by=by))
        assert len(pages) == 9 and sum("Dear" in page for page in pages) == 3


def test_letters_drawn_twice_at_once_or_for_a_stopped_run_make_one_file_or_none(sqlite_clinic, monkeypatch):
    """A second worker drew the same letters again, and both files would be posted."""
    clinic, by = sqlite_clinic, Actor.operator(sqlite_clinic.id)
    real, meanwhile = letters._pressed, []

    def pressed(*args):
        if meanwhile:
            meanwhile.pop()()
        return real(*args)

    monkeypatch.setattr(letters, "_pressed", pressed)
    with furnished(clinic, monkeypatch, PEOPLE, **TEXTS):
        run_id = launch.launch("news", key="k", by=by)
        meanwhile.append(lambda: letters.make_letters(run_id, by=by))
        with pytest.raises(letters.NoLetters):
            letters.make_letters(run_id, by=by)
        assert len(letters.files_of(run_id, by=by)) == 2 and by_state(clinic) == {"sent": 3}
        other = launch.launch("news", key="another", by=by)
        meanwhile.append(lambda: launch.stop(other, "never mind", by=by))
        with pytest.raises(letters.NoLetters):
            letters.make_letters(other, by=by)
        assert letters.files_of(other, by=by) == []


def test_the_shelf_says_what_was_made_by_whom_and_gives_the_same_file_each_time(clinic, monkeypatch):
    by = clinic.actor("adam")
    with furnished(clinic, monkeypatch, PEOPLE, body="Dear {{ client_name }}", **TEXTS):
        run_id = launch.launch("news", key="k", by=Actor.operator(clinic.id))
        before = letters.shelf(by=by)
        assert before.made == [] and before.waiting == {run_id: ("News", len(PEOPLE))}
        document = letters.make_letters(run_id, by=by)
        after = letters.shelf(by=by)
        [made] = after.made
        assert (made.run_id, made.letters, made.count, made.by) == (run_id, document, len(PEOPLE), "Adam Abbott")
        assert made.labels and after.waiting == {}
        first = letters.open_file(run_id, document, by=by)
        with pytest.raises(letters.NoLetters):
            letters.make_letters(run_id, by=by)
        assert letters.open_file(run_id, document, by=by) == first and len(letters.shelf(by=by).made) == 1
        with pytest.raises(NotPermitted):
            letters.shelf(by=clinic.actor("sam"))
