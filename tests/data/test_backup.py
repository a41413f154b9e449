"""A backup is unreadable to strangers, proves itself, and brings the same clinic back."""

import shutil

import pytest
from sqlalchemy import select

from data import backup
from data.blobs import BlobStore
from data.engine import Database, use
from data.home import Home
from data.models import Location
from data.session import read
from security import audit, backups, sessions
from security.rules import act


@pytest.fixture
def made(clinic):
    with act(clinic.operator, "settings.edit") as work:
        work.session.add(Location(name="Canary Street", zone="UTC"))
        work.audit("location.added", "location", "x")
    BlobStore(clinic.home).put(b"scan of a consent form" * 1000)
    return backups.make_backup(by=clinic.operator)


def test_the_file_gives_nothing_away(made):
    content = made.file.read_bytes()
    assert b"Canary Street" not in content
    assert b"consent form" not in content


def test_a_good_backup_passes_its_check(clinic, made):
    assert backups.check_backup(made.file, by=clinic.operator)["location"] == 2


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_a_flipped_bit_is_found(clinic, made, place):
    content = bytearray(made.file.read_bytes())
    content[int(len(content) * place)] ^= 1
    made.file.write_bytes(content)
    with pytest.raises(backup.BackupDamaged):
        backup.verify(clinic.home, made.file)


def test_a_cut_file_is_found(clinic, made):
    content = made.file.read_bytes()
    made.file.write_bytes(content[: len(content) // 2])
    with pytest.raises(backup.BackupDamaged):
        backup.verify(clinic.home, made.file)


def test_something_else_is_not_a_backup(clinic, tmp_path):
    other = tmp_path / "letter.txt"
    other.write_text("Dear clinic")
    with pytest.raises(backup.NotABackup):
        backup.verify(clinic.home, other)
    for number, content in enumerate(("[]", "torn", "")):
        (clinic.home.backups / f"{number}{backup.SUFFIX}").write_text(content)
    assert backups.kept_files(by=clinic.operator) == []


def test_a_restore_brings_the_clinic_back_with_sessions_void_and_sending_paused(sqlite_clinic, tmp_path):
    sqlite_clinic.actor("sam")
    half_way = sessions.mint_ticket(sqlite_clinic.id, sqlite_clinic.users["sam"])
    with act(sqlite_clinic.operator, "settings.edit") as work:
        work.session.add(Location(name="Annex", zone="UTC"))
        work.audit("location.added", "location", "x")
    name = BlobStore(sqlite_clinic.home).put(b"scan")
    made = backups.make_backup(by=sqlite_clinic.operator)
    shutil.copy(made.file, tmp_path / "kept")
    home = Home(tmp_path / "new")
    backup.restore(tmp_path / "kept", home)
    restored = Database(home)
    use(restored)
    assert sessions.end_all_after_restore() == 1
    assert sessions.redeem_ticket(half_way) is None, "a sign-in or link from before the restore came back to life"
    with read(sqlite_clinic.id) as session:
        assert sorted(session.scalars(select(Location.name))) == ["Annex", "Main"]
        assert audit.verify(session).bad_seq is None
    assert BlobStore(home).get(name) == b"scan"
    assert (home.path / "sending-paused").exists()
    restored.close()


def test_a_backup_of_another_installation_is_named_as_such_and_leaves_nothing(sqlite_clinic, tmp_path, monkeypatch):
    made = backups.make_backup(by=sqlite_clinic.operator)
    monkeypatch.setenv("BALLAST_KEY_FILE", str(tmp_path / "other.key"))
    other = Home(tmp_path / "other")
    other.create()
    with pytest.raises(backup.ForeignBackup, match="another installation"):
        backup.verify(other, made.file)
    with pytest.raises(backup.KeyDoesNotOpen, match="installation that made it"):
        backup.restore(made.file, Home(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_restore_never_overwrites_a_clinic(sqlite_clinic):
    made = backups.make_backup(by=sqlite_clinic.operator)
    with pytest.raises(backup.HomeInUse):
        backup.restore(made.file, sqlite_clinic.home)


def test_a_damaged_backup_leaves_the_new_home_empty(sqlite_clinic, tmp_path):
    made = backups.make_backup(by=sqlite_clinic.operator)
    content = bytearray(made.file.read_bytes())
    content[-1000] ^= 1
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(backup.BackupDamaged):
        backup.restore(tmp_path / "bad", Home(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_the_off_site_copy_is_made_and_its_absence_is_said(sqlite_clinic, tmp_path):
    from data import definitions
    from data.session import write
    from security.profile import PROFILE, ClinicProfile

    assert any("this computer only" in problem for problem in backups.state(by=sqlite_clinic.operator).problems)
    (tmp_path / "away").mkdir()
    with write(sqlite_clinic.id) as session:
        document = ClinicProfile(off_site_backup=str(tmp_path / "away"))
        definitions.save(session, PROFILE, "clinic", document, by_user_id=None)
    backups.make_backup(by=sqlite_clinic.operator)
    assert len(list((tmp_path / "away").iterdir())) == 1
    assert backups.state(by=sqlite_clinic.operator).problems == []
    (tmp_path / "away").rename(tmp_path / "unplugged")
    assert ["is not there" in problem for problem in backups.state(by=sqlite_clinic.operator).problems] == [True]


def test_a_postgres_backup_comes_back_into_another_database(postgres_clinic, postgres_server, tmp_path, monkeypatch):
    from tests.conftest import _admin, _on

    with act(postgres_clinic.operator, "settings.edit") as work:
        work.session.add(Location(name="Annex", zone="UTC"))
        work.audit("location.added", "location", "x")
    made = backups.make_backup(by=postgres_clinic.operator)
    _admin(postgres_server, "CREATE DATABASE ballast_restored")
    monkeypatch.setenv("BALLAST_DATABASE_URL", _on(postgres_server, "ballast_restored"))
    home = Home(tmp_path / "new")
    backup.restore(made.file, home)
    restored = Database(home)
    use(restored)
    with read(postgres_clinic.id) as session:
        assert sorted(session.scalars(select(Location.name))) == ["Annex", "Main"]
        assert audit.verify(session).bad_seq is None
    restored.close()
