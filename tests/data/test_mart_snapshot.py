"""A start from the snapshot gives what a load from the records gives, or is passed over."""

import json
import threading
from datetime import UTC, datetime

import pytest

from data import mart, mart_snapshot
from data.mart import FACTS, Mart, RecordsTooOld
from data.models import Appointment, Location
from data.session import write
from security import audit
from tests.data.test_mart import place
from tests.reports.small_clinic import Small

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SECRET = "Quincampoix"


def content(loaded, clinic):
    """Every table as it stands, and where the clinic's mart says that it stands."""
    with loaded.reading(clinic.id) as cursor:
        names = [fact.name for fact in FACTS]
        tables = {name: cursor.execute(f"SELECT * FROM {name} ORDER BY id").fetchall() for name in names}
        return tables | {"mark": cursor.execute("SELECT * FROM mart_mark").fetchall()}


def fill(clinic):
    small = Small(clinic)
    client = small.client(name=SECRET, first_name="Zoë", phone="555-0143")
    small.surgery("2024-03-10T06:59", 42, client_id=client)
    invoice = small.invoice(client, "2024-05-01")
    small.line(invoice, "2024-05-01", 12_000)
    return [place(clinic, NOON, notes='say "yes",\nthen go') for _ in range(3)]


def opened(clinic, **options):
    loaded = Mart(clinic.database, **options)
    return loaded, loaded.refresh(clinic.id)


def test_a_start_from_the_snapshot_equals_a_fresh_load_table_by_table(clinic):
    """Also after changes, tombstones and a moved zone that came after the snapshot."""
    ids = fill(clinic)
    first, rows = opened(clinic)
    assert rows > 10
    assert first.keep(clinic.id) > 0
    warm, moved = opened(clinic)
    assert moved == 0
    assert content(warm, clinic) == content(first, clinic)

    with write(clinic.id) as session:
        session.get(Appointment, (clinic.id, ids[0])).stage = "no_show"
        session.get(Appointment, (clinic.id, ids[1])).deleted_at = NOON
    place(clinic, NOON)
    warm, moved = opened(clinic)
    assert 0 < moved < 10
    fresh, _ = opened(clinic, use_snapshots=False)
    assert content(warm, clinic) == content(fresh, clinic)
    assert ids[1] not in {str(row[0]) for row in content(warm, clinic)["appointment"]}
    assert warm.verify(clinic.id) == {}

    with write(clinic.id) as session:
        session.query(Location).filter_by(name="Main").one().zone = "Europe/Berlin"
    warm, _ = opened(clinic)
    fresh, _ = opened(clinic, use_snapshots=False)
    assert content(warm, clinic) == content(fresh, clinic)


def damage(path, clinic, monkeypatch):
    sealed = bytearray(path.read_bytes())
    sealed[len(sealed) // 2] ^= 1
    path.write_bytes(sealed)


def cut(path, clinic, monkeypatch):
    path.write_bytes(path.read_bytes()[:-1])


def nothing(path, clinic, monkeypatch):
    path.write_bytes(b"")


def older_form(path, clinic, monkeypatch):
    monkeypatch.setattr(mart, "_LOCAL", {**mart._LOCAL, "hour": "UTINYINT"})


def other_schema(path, clinic, monkeypatch):
    monkeypatch.setattr("data.schema.current_revision", lambda database: "0000")


def other_clinic(path, clinic, monkeypatch):
    from security.clinics import NewClinic, create_clinic

    other = Mart(clinic.database)
    other_id = create_clinic(NewClinic("other", "Other"))
    other.keep(other_id)
    mart_snapshot.path(clinic.home, other_id).replace(path)


def other_home(path, clinic, monkeypatch):
    from data.sealed import seal, unseal

    path.write_bytes(seal(unseal(path.read_bytes(), clinic.home.key("mart")), b"k" * 32))


def other_history(path, clinic, monkeypatch):
    """As after the restore of an older backup, on which the clinic then went on."""
    from data.sealed import seal, unseal

    head, rest = unseal(path.read_bytes(), clinic.home.key("mart")).split(b"\n", 1)
    told = json.loads(head)
    assert told["mark"]["audit_seq"] > 0
    told["mark"]["audit_hash"] = "0" * 64
    path.write_bytes(seal(json.dumps(told).encode() + b"\n" + rest, clinic.home.key("mart")))


def lost_row(path, clinic, monkeypatch):
    from data.sealed import seal, unseal

    head, rest = unseal(path.read_bytes(), clinic.home.key("mart")).split(b"\n", 1)
    told = json.loads(head)
    told["sums"]["appointment"][0] += 1
    path.write_bytes(seal(json.dumps(told).encode() + b"\n" + rest, clinic.home.key("mart")))


@pytest.mark.parametrize(
    "harm",
    [damage, cut, nothing, older_form, other_schema, other_clinic, other_home, other_history, lost_row],
    ids=lambda harm: harm.__name__,
)
def test_a_snapshot_that_does_not_fit_is_passed_over(sqlite_clinic, monkeypatch, caplog, harm):
    place(sqlite_clinic, NOON)
    with write(sqlite_clinic.id) as session:
        audit.append(session, sqlite_clinic.operator, "test.filled")
    first, rows = opened(sqlite_clinic)
    first.keep(sqlite_clinic.id)
    harm(mart_snapshot.path(sqlite_clinic.home, sqlite_clinic.id), sqlite_clinic, monkeypatch)
    again, moved = opened(sqlite_clinic)
    assert moved == rows
    assert "the report snapshot is passed over" in caplog.text
    assert again.verify(sqlite_clinic.id) == {}


def test_nothing_of_a_patient_is_readable_on_the_disk(sqlite_clinic, monkeypatch):
    """Neither in the finished file nor in what lies beside it while it is written."""
    fill(sqlite_clinic)
    folder = sqlite_clinic.home.path / "mart"
    seen = []
    real = mart_snapshot._encoded

    def watched(cursor, table):
        for part in real(cursor, table):
            seen.extend(file.read_bytes() for file in folder.iterdir())
            yield part

    monkeypatch.setattr(mart_snapshot, "_encoded", watched)
    first, _ = opened(sqlite_clinic)
    first.keep(sqlite_clinic.id)
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    for held in (*seen, file.read_bytes()):
        assert SECRET.encode() not in held
        assert b"ARROW" not in held
        assert b"appointment" not in held
    assert SECRET in str(content(first, sqlite_clinic)["client"])


def test_records_of_an_older_form_are_told_in_a_sentence_not_read_as_text(clinic):
    with clinic.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE payment RENAME COLUMN deposit_cents TO advance")
    with pytest.raises(RecordsTooOld, match="payment has no deposit_cents"):
        opened(clinic)


def test_other_threads_go_on_while_the_mart_loads(sqlite_clinic, monkeypatch):
    """SQLite joins the rows with the interpreter free: a thread beside it is never held up for a whole table."""
    place(sqlite_clinic, NOON)
    loaded, told, go = Mart(sqlite_clinic.database), [], threading.Event()
    real = mart._stage

    def held(cursor, fact, chunk):
        assert go.wait(20)
        told.append(loaded.progress(sqlite_clinic.id))
        real(cursor, fact, chunk)

    monkeypatch.setattr(mart, "_stage", held)
    load = loaded.prepare(sqlite_clinic.id)
    assert load.is_alive() and not told, "who asks is answered while nothing is loaded yet"
    assert loaded.prepare(sqlite_clinic.id) is load
    go.set()
    load.join(20)
    assert told == sorted(told)
    assert told[-1] > told[0]
    assert loaded.prepare(sqlite_clinic.id) is None
    assert loaded.progress(sqlite_clinic.id) == 1.0


def test_the_worker_keeps_the_report_data_every_night(sqlite_clinic):
    import worker
    from security.clinics import clinic_of

    place(sqlite_clinic, NOON)
    done = worker.keep_report_data(clinic_of(sqlite_clinic.id), None)
    assert done["rows"] > 0
    assert done["size"] == mart_snapshot.path(sqlite_clinic.home, sqlite_clinic.id).stat().st_size
    assert "snapshot" in worker.RECURRING
    assert opened(sqlite_clinic)[1] == 0
