"""``ballast import`` and ``export``: JSON, one line an error with file, row and column, exit codes."""

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cli import run
from data.engine import use
from data.models import Client
from data.session import read
from records.imports import in_order

SAMPLES = Path(__file__).parent.parent / "samples"


def ballast(capsys, *arguments):
    code = run([*arguments, "--json"])
    out = capsys.readouterr()
    return code, json.loads(out.out) if out.out.strip() else {}, out.err


def clients(clinic):
    with read(clinic.id) as session:
        return session.scalar(select(func.count(Client.id)))


def test_a_file_is_checked_imported_and_skipped_when_it_comes_again(sqlite_clinic, capsys, tmp_path):
    path = tmp_path / "clients.csv"
    path.write_text("id,first name,last name\n1,Ana,Lopez\n2,Bo,Chen\n")
    code, dry, _ = ballast(capsys, "import", "clients", str(path), "--dry-run")
    assert (code, dry["added"], dry["import"], clients(sqlite_clinic)) == (0, 2, None, 0)
    code, done, _ = ballast(capsys, "import", "clients", str(path))
    assert (code, done["added"], clients(sqlite_clinic)) == (0, 2, 2)
    code, again, _ = ballast(capsys, "import", "clients", str(path))
    assert (code, again["added"], again["skipped"]) == (0, 0, 2)


def test_bad_cells_are_one_line_each_at_most_twenty_and_exit_two(sqlite_clinic, capsys, tmp_path):
    path = tmp_path / "clients.csv"
    path.write_text("last name,e-mail\nLopez,ana@example.org\nChen,nowhere\n")
    code, _, err = ballast(capsys, "import", "clients", str(path))
    assert code == 2
    assert err == "ballast: clients.csv, row 3, column e-mail: 'nowhere' is not an e-mail address.\n"
    path.write_text("last name,e-mail\n" + "Chen,nowhere\n" * 99)
    code, _, err = ballast(capsys, "import", "clients", str(path))
    assert (code, err.count("\n"), clients(sqlite_clinic)) == (2, 20, 0)
    assert "99 problems in all" in err


def test_a_mapping_file_says_which_column_is_which(sqlite_clinic, capsys, tmp_path):
    (tmp_path / "old.csv").write_text("Nr;Wer\n7;Ana Lopez\n")
    body = {"kind": "clients", "fields": {"reference": {"column": "Nr"}, "name": {"column": "Wer"}}}
    (tmp_path / "map.json").write_text(json.dumps(body))
    (tmp_path / "map.toml").write_text(
        'kind = "clients"\n[fields.reference]\ncolumn = "Nr"\n[fields.name]\ncolumn = "Wer"\n'
    )
    file = str(tmp_path / "old.csv")
    assert ballast(capsys, "import", "clients", file, "--mapping", str(tmp_path / "map.json"))[1]["added"] == 1
    assert ballast(capsys, "import", "clients", file, "--mapping", str(tmp_path / "map.toml"))[1]["skipped"] == 1
    (tmp_path / "map.toml").write_text('kind = "clients"\n[fields.reference]\ncolum = "Nr"\n')
    code, _, err = ballast(capsys, "import", "clients", file, "--mapping", str(tmp_path / "map.toml"))
    assert code == 2
    assert "colum" in err


@pytest.mark.parametrize(("arguments", "words"), [
    (("import", "unicorns", "x.csv"), "'unicorns' cannot be imported"),
    (("import", "clients", "/nowhere/x.csv"), "There is no file /nowhere/x.csv"),
    (("import", "clients", "/nowhere/x.csv", "--mapping", "nothing"), "There is no mapping nothing"),
    (("import", "clinic", "/nowhere/x"), "There is no export /nowhere/x"),
    (("import", "synthea", "/nowhere"), "is a veterinary clinic"),
])  # fmt: skip
def test_bad_usage_is_one_sentence(sqlite_clinic, capsys, arguments, words):
    code, _, err = ballast(capsys, *arguments)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1


def test_a_clinic_goes_out_and_comes_into_a_home_that_does_not_exist_yet(sqlite_clinic, capsys, tmp_path, monkeypatch):
    code, out, _ = ballast(capsys, "export", str(tmp_path / "out"))
    assert code == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {name: entry["rows"] for name, entry in manifest["tables"].items()} == out["tables"]
    monkeypatch.setenv("BALLAST_HOME", str(tmp_path / "fresh"))
    monkeypatch.setenv("BALLAST_KEY_FILE", str(tmp_path / "fresh.key"))
    code, found, _ = ballast(capsys, "import", "clinic", str(tmp_path / "out"))
    assert (code, found["clinic"], found["tables"]) == (0, "harbor", out["tables"])
    assert ballast(capsys, "user", "list")[0] == 0
    code, _, err = ballast(capsys, "import", "clinic", str(tmp_path / "out"))
    assert (code, "already in this installation" in err) == (2, True)
    use(sqlite_clinic.database)


@pytest.mark.slow
def test_imported_clinics_give_the_numbers_of_their_files_in_the_reports(sqlite_clinic, capsys):
    for slug in ("medscheduler", "synthea"):
        assert ballast(capsys, "--clinic", slug, "init", "--no-input", "--kind", "human", "--name", slug)[0] == 0
        assert ballast(capsys, "--clinic", slug, "import", slug, str(SAMPLES / slug))[0] == 0
    period = ("--param", "from=1960-01-01", "--param", "to=2025-12-31")
    code, found, _ = ballast(capsys, "--clinic", "medscheduler", "report", "run", "no-show-rate", *period)
    names = [column["name"] for column in found["columns"]]
    sums = {name: sum(row[names.index(name)] for row in found["rows"]) for name in ("no_shows", "attended", "all_rows")}
    assert (code, sums) == (0, {"no_shows": 598, "attended": 7924, "all_rows": 10437})
    code, found, _ = ballast(capsys, "--clinic", "synthea", "report", "run", "cash-received", *period)
    names = [column["name"] for column in found["columns"]]
    rows = {
        row[names.index("tender")]: (row[names.index("payments")], row[names.index("net")]) for row in found["rows"]
    }
    assert (code, rows) == (
        0,
        {"cash": (405, 30814414), "check": (407, 45664832), "card": (402, 29469791), "copay": (445, 2854000),
         "echeck": (184, 1547358)},
    )  # fmt: skip
    use(sqlite_clinic.database)


def test_the_manual_lists_every_column_of_every_kind():
    text = (Path(__file__).parent.parent.parent / "docs" / "imports.md").read_text("utf-8")
    for importer in in_order():
        section = text.split(f"### `{importer.kind}`", 1)[1].split("###", 1)[0]
        for field in importer.fields:
            assert f"| `{field.name}` |" in section, (importer.kind, field.name)


def test_an_error_that_nobody_foresaw_is_one_line_too(sqlite_clinic, capsys, tmp_path, monkeypatch):
    def fail(*_args, **_more):
        raise RuntimeError("canary-heron")

    monkeypatch.delenv("BALLAST_DEBUG", raising=False)
    monkeypatch.setattr("commands.transfer.import_file", fail)
    code, _, err = ballast(capsys, "import", "clients", str(tmp_path / "clients.csv"))
    assert (code, err.count("\n")) == (4, 1)
    assert "RuntimeError" in err and "canary" not in err
