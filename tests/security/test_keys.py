"""The root key on paper: it comes back exactly, a slip is found in its line, a foreign sheet is refused."""

import hashlib
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from data.engine import Database, KeyDoesNotFit
from data.home import Home, KeyMissing
from opening.start import NotEmpty, NotHere, first_run
from security import keys
from security.clinics import NewClinic
from security.passwords import WeakPassword


def typed(key):
    return "\n".join(f"{number} {' '.join(line)}" for number, line in enumerate(keys.to_words(key), 1))


@given(st.binary(min_size=32, max_size=32))
def test_a_key_typed_from_its_sheet_comes_back(key):
    assert keys.read_sheet(typed(key).upper()) == key


@given(st.binary(min_size=32, max_size=32), st.integers(0, 7), st.integers(0, 4), st.sampled_from(keys.SHEET_WORDS))
def test_one_wrong_word_is_found_in_its_line(key, line, column, word):
    lines = keys.to_words(key)
    if lines[line][column] == word:
        return
    lines[line][column] = word
    try:
        found = keys.from_words(" ".join(" ".join(words) for words in lines))
    except keys.BadSheet as refusal:
        assert f"line {line + 1} " in refusal.message
    else:  # the check of one line is eight bits; the home's own check then refuses the key
        assert found != key


def test_the_words_of_the_sheet_never_change():
    assert len(set(keys.SHEET_WORDS)) == 256
    assert hashlib.sha256(" ".join(keys.SHEET_WORDS).encode()).hexdigest()[:16] == "54ad65e901e4ac7f"


def test_a_lost_key_file_is_written_again_from_the_sheet(sqlite_clinic):
    home = sqlite_clinic.home
    sheet, code, path = typed(home.root_key), keys.in_code(home), home.key_file
    key = home.root_key
    with pytest.raises(keys.KeyThere):
        keys.recover(sheet, home)
    path.unlink()
    with pytest.raises(keys.WrongKey):
        keys.recover(typed(os.urandom(32)), home)
    assert not path.exists()
    with pytest.raises(KeyMissing):
        _ = Home(home.path).root_key
    assert keys.recover(sheet, home) == path
    assert Home(home.path).root_key == key
    path.unlink()
    keys.recover(code, home)
    assert keys.status(Home(home.path)).good


def test_the_key_of_another_home_is_told_apart_from_a_broken_database(sqlite_clinic, tmp_path, monkeypatch):
    other = Home(tmp_path / "other")
    monkeypatch.setenv("BALLAST_KEY_FILE", str(tmp_path / "other-key"))
    other.create()
    wrong = Database(Home(sqlite_clinic.home.path))
    with pytest.raises(KeyDoesNotFit, match="it belongs to another home"), wrong.reader.connect():
        pass
    wrong.close()


def test_the_sheet_is_one_page_with_all_its_words(sqlite_clinic):
    reader = PdfReader(io.BytesIO(keys.sheet(sqlite_clinic.home, ["Harbor & Co"])))
    text = reader.pages[0].extract_text()
    assert len(reader.pages) == 1
    for line in keys.to_words(sqlite_clinic.home.root_key):
        for word in line:
            assert word in text
    assert "Printed" in text
    assert str(sqlite_clinic.home.key_file)[:60] in text


def test_a_readable_key_file_is_reported(sqlite_clinic):
    sqlite_clinic.home.key_file.chmod(0o644)
    assert not keys.status(sqlite_clinic.home).good


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("BALLAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BALLAST_KEY_FILE", str(tmp_path / "outside.key"))
    monkeypatch.delenv("BALLAST_DATABASE_URL", raising=False)
    yield tmp_path
    from data.engine import use

    use(None)


def test_a_first_run_makes_a_clinic_its_owner_and_the_sheet(empty):
    new = NewClinic("paws", "Paws", "Europe/Berlin", "EUR", "veterinary")
    done = first_run(new, username="olga", password="stone-lamp-river-9", owner="Olga Owner")
    assert done.key_file == empty / "outside.key"
    assert done.sheet.startswith(b"%PDF")
    with pytest.raises(NotEmpty):
        first_run(new, username="olga2", password="stone-lamp-river-9", owner="Olga Owner")


def test_a_refused_first_run_leaves_nothing_behind(empty):
    new = NewClinic("paws", "Paws")
    with pytest.raises(WeakPassword):
        first_run(new, username="olga", password="short", owner="Olga")
    with pytest.raises(NotHere):
        first_run(new, username="olga", password="stone-lamp-river-9", owner="Olga", address="192.168.1.9")
    assert list(empty.iterdir()) == []
