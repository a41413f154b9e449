"""``ballast user``, ``role`` and ``audit``: the same rules as on screen, JSON and exit codes."""

import json

import pytest

from cli import run


def ballast(capsys, *arguments):
    code = run([*arguments, "--json"])
    out = capsys.readouterr()
    return code, json.loads(out.out) if out.out.strip() else {}, out.err


def test_people_are_listed_moved_disabled_and_reset(sqlite_clinic, capsys):
    code, found, _ = ballast(capsys, "user", "list")
    assert code == 0 and {row["username"] for row in found["users"]} == {"olive", "adam", "mona", "clara", "sam"}
    assert ballast(capsys, "user", "set-role", "sam", "clinician")[0] == 0
    assert ballast(capsys, "user", "disable", "sam")[0] == 0
    assert ballast(capsys, "user", "enable", "sam")[0] == 0
    code, link, _ = ballast(capsys, "user", "reset", "sam")
    assert code == 0 and link["path"].startswith("/?reset=")


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("user", "disable", "olive"), 2, "only owner"),
    (("user", "disable", "nobody"), 2, "no user nobody"),
    (("user", "set-role", "sam", "king"), 2, "no role king"),
    (("role", "show", "king"), 2, "no role king"),
])  # fmt: skip
def test_a_refusal_is_one_sentence_and_an_exit_code(sqlite_clinic, capsys, arguments, code, words):
    got, _, err = ballast(capsys, *arguments)
    assert got == code and words in err and err.count("\n") == 1


def test_a_role_goes_out_and_comes_back(sqlite_clinic, capsys, tmp_path):
    file = tmp_path / "staff.toml"
    assert ballast(capsys, "role", "export", "staff", "-o", str(file))[0] == 0
    file.write_text(file.read_text().replace('"staff.view",', '"staff.view", "reports.view",'))
    assert ballast(capsys, "role", "import", str(file))[0] == 0
    assert "reports.view" in ballast(capsys, "role", "show", "staff")[1]["permissions"]
    file.write_text(file.read_text().replace("staff.view", "account.close"))
    assert ballast(capsys, "role", "import", str(file))[0] == 3


def test_the_audit_log_is_verified_and_a_changed_row_named(sqlite_clinic, capsys, tmp_path):
    code, found, _ = ballast(capsys, "audit", "verify")
    assert code == 0 and found["good"]
    assert ballast(capsys, "audit", "export", "-o", str(tmp_path / "log.csv"))[0] == 0
    assert (tmp_path / "log.csv").read_text().startswith("seq,at,")
    with sqlite_clinic.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_log_no_update")
        connection.exec_driver_sql("UPDATE audit_log SET actor='nobody' WHERE seq=2")
    code, found, err = ballast(capsys, "audit", "verify")
    assert code == 1 and found["bad_row"] == 2 and "row 2 was altered" in err
