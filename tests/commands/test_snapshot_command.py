"""``ballast snapshot``: computers added, listed and taken away; a stick refused for a weak passphrase."""

import io

from outage import snapshot_devices
from tests.commands.test_users_command import ballast


def test_a_computer_is_added_listed_and_taken_away(sqlite_clinic, capsys):
    code, told, _ = ballast(capsys, "snapshot", "add", "Front desk")
    assert (code, told["path"]) == (0, "/snapshot/")
    token = snapshot_devices.enrol(told["code"])[0]
    snapshot_devices.note_stored(snapshot_devices.holder(token))
    [row] = ballast(capsys, "snapshot", "list")[1]["computers"]
    assert (row["name"], row["state"]) == ("Front desk", "fresh")
    ballast(capsys, "snapshot", "add", "Twice")
    ballast(capsys, "snapshot", "add", "Twice")
    assert ballast(capsys, "snapshot", "revoke", "Twice")[0] == 2, "which of the two is not guessed"
    assert ballast(capsys, "snapshot", "revoke", "Nobody")[0] == 2
    assert ballast(capsys, "snapshot", "revoke", "Front desk")[1] == {"revoked": row["id"]}
    assert ballast(capsys, "snapshot", "add", "  ")[0] == 2


def test_a_weak_passphrase_is_refused_before_anything_is_written(sqlite_clinic, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    code, _, said = ballast(capsys, "snapshot", "write", str(tmp_path / "stick"), "--passphrase-stdin")
    assert code == 2 and "14 characters" in said and not (tmp_path / "stick").exists()
