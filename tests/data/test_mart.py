"""The mart holds what the system of record holds, at one moment, within two seconds."""

from datetime import UTC, date, datetime

import duckdb
import pytest

from data import mart
from data.models import (
    Appointment,
    Bottle,
    Client,
    Drug,
    DrugLogEntry,
    FlowEvent,
    Invoice,
    Location,
    Patient,
    Surgery,
)
from data.session import write
from data.types import clock, new_id
from tests.reports.small_clinic import Small


def place(clinic, starts_at, *, stage="booked", location=None, notes="", day=None):
    with write(clinic.id) as session:
        where = location or session.query(Location).filter_by(name="Main").one().id
        client = Client(number=int(new_id()[-6:], 16), last_name='O"Hara, Ann\nLee', phone="")
        session.add(client)
        session.flush()
        patient = Patient(client_id=client.id, name="Rex", species="dog", sex="male")
        session.add(patient)
        session.flush()
        row = Appointment(
            number=client.number, client_id=client.id, patient_id=patient.id, location_id=where, type="surgery",
            starts_at=starts_at, day=day or starts_at.date(), stage=stage, stage_at=starts_at, notes=notes,
            services=["dog-neuter", "rabies"],
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def ask(clinic, sql):
    with mart.reading(clinic.id, max_age=0) as cursor:
        return cursor.execute(sql).fetchall()


def test_rows_arrive_with_quotes_lines_nulls_and_local_time(clinic):
    place(clinic, datetime(2024, 3, 10, 4, 30, tzinfo=UTC), notes='say "yes",\nthen go', day=date(2024, 3, 9))
    rows = ask(
        clinic, "SELECT notes, caution, provider_id, service_list, local_at, local_day, hour, weekday FROM appointment"
    )
    local = datetime(2024, 3, 9, 23, 30)
    assert rows == [('say "yes",\nthen go', "", None, "dog-neuter, rabies", local, local.date(), 23, 6)]
    assert ask(clinic, "SELECT name FROM client") == [('O"Hara, Ann\nLee',)]


def test_daylight_saving_is_counted_in_the_zone_of_the_location(clinic):
    with write(clinic.id) as session:
        west = Location(name="West", zone="America/Los_Angeles")
        session.add(west)
        session.flush()
        west_id = west.id
    before, after = datetime(2024, 3, 10, 6, 59, tzinfo=UTC), datetime(2024, 3, 10, 7, 1, tzinfo=UTC)
    for instant in (before, after):
        place(clinic, instant)
        place(clinic, instant, location=west_id)
    rows = ask(clinic, "SELECT local_at FROM appointment ORDER BY 1")
    assert [str(r[0]) for r in rows] == [
        "2024-03-09 22:59:00", "2024-03-09 23:01:00", "2024-03-10 01:59:00", "2024-03-10 03:01:00",
    ]  # fmt: skip


def test_changes_and_tombstones_follow(clinic):
    instant = datetime(2024, 5, 1, 12, tzinfo=UTC)
    ids = [place(clinic, instant) for _ in range(3)]
    assert ask(clinic, "SELECT count(*) FROM appointment") == [(3,)]
    with write(clinic.id) as session:
        session.get(Appointment, (clinic.id, ids[0])).stage = "no_show"
        session.get(Appointment, (clinic.id, ids[1])).deleted_at = instant
    assert ask(clinic, "SELECT stage, count(*) FROM appointment GROUP BY 1 ORDER BY 1") == [
        ("booked", 1),
        ("no_show", 1),
    ]
    assert mart.mart().verify(clinic.id) == {}


def test_a_location_that_moves_to_another_zone_changes_every_hour(clinic):
    place(clinic, datetime(2024, 5, 1, 12, tzinfo=UTC))
    assert ask(clinic, "SELECT hour FROM appointment") == [(8,)]
    with write(clinic.id) as session:
        session.query(Location).filter_by(name="Main").one().zone = "Europe/Berlin"
    assert ask(clinic, "SELECT hour FROM appointment") == [(14,)]


def test_what_hangs_on_a_visit_or_a_bottle_moves_with_it_to_another_place(clinic):
    """The same rows as after a first load: hours and days in the new place's zone, the patient of the visit."""
    at = datetime(2024, 5, 1, 6, tzinfo=UTC)
    visit, other, untouched = place(clinic, at), place(clinic, at), place(clinic, at)
    with write(clinic.id) as session:
        west, drug = Location(name="West", zone="America/Los_Angeles"), Drug(code="ket", name="Ketamine", unit="ml")
        session.add_all([west, drug])
        session.flush()
        bottle = Bottle(drug_id=drug.id, number="1", size=10_000, received_on=date(2024, 4, 1))
        session.add(bottle)
        session.flush()
        bottle_id, west_id = bottle.id, west.id
        for one in (visit, untouched):
            session.add_all([
                FlowEvent(appointment_id=one, from_stage="", to_stage="booked", event_at=at),
                Surgery(appointment_id=one, procedure="spay", event_at=at, ended_at=at),
            ])  # fmt: skip
        session.add(DrugLogEntry(bottle_id=bottle_id, kind="use", delta=-100, event_at=at))
    hours = "SELECT hour FROM flow_event UNION ALL SELECT hour FROM surgery UNION ALL SELECT hour FROM drug_log_entry"
    assert ask(clinic, hours) == [(2,)] * 5
    with write(clinic.id) as session:
        row = session.get(Appointment, (clinic.id, visit))
        row.location_id, row.patient_id = west_id, session.get(Appointment, (clinic.id, other)).patient_id
        session.get(Bottle, (clinic.id, bottle_id)).location_id = west_id
    assert sorted(ask(clinic, hours)) == [(2,), (2,), (23,), (23,), (23,)]
    same_as_a_first_load(clinic)
    for removed in (clock.now(), None):  # what hangs on a row that was removed, or put back, follows too
        with write(clinic.id) as session:
            for model, one in ((Appointment, visit), (Bottle, bottle_id)):
                row = session.get(model, (clinic.id, one), execution_options={"include_deleted": True})
                row.deleted_at = removed
        same_as_a_first_load(clinic)
    assert sorted(ask(clinic, hours)) == [(2,), (2,), (23,), (23,), (23,)]


def same_as_a_first_load(clinic):
    """Every table as it would be if nothing had been loaded before."""
    assert mart.mart().verify(clinic.id) == {}
    fresh = mart.Mart(mart.mart().source, use_snapshots=False)
    for fact in mart.FACTS:
        whole = f"SELECT * FROM {fact.name} ORDER BY id"
        with fresh.reading(clinic.id) as cursor:
            assert ask(clinic, whole) == cursor.execute(whole).fetchall(), fact.name
    fresh.close()


def test_lines_follow_what_becomes_of_their_invoice_and_of_what_they_take_back(clinic):
    """Client, draft and void come from the invoice, which changes while its lines do not."""
    small = Small(clinic)
    first, second = small.client(), small.client()
    ticket = small.invoice(first, "2024-05-01")
    small.event(ticket, "drafted", "2024-05-01")
    line = small.line(ticket, "2024-05-01", 10_000)
    standing = "SELECT client_id::VARCHAR, draft, voided, charge_day FROM invoice_line ORDER BY day"
    drafted = (str(first), True, False, date(2024, 5, 1))
    assert ask(clinic, standing) == [drafted]
    same_as_a_first_load(clinic)

    small.event(ticket, "opened", "2024-05-01")
    small.line(ticket, "2024-05-09", 10_000, sign=-1, reverses_id=line)
    open_ = (str(first), False, False, date(2024, 5, 1))
    assert ask(clinic, standing) == [open_, open_]
    same_as_a_first_load(clinic)

    with write(clinic.id) as session:
        session.get(Invoice, (clinic.id, ticket)).client_id = second
    small.event(ticket, "voided", "2024-05-10")
    void = (str(second), False, True, date(2024, 5, 1))
    assert ask(clinic, standing) == [void, void]
    same_as_a_first_load(clinic)


def test_a_reversal_counts_as_what_it_takes_back_wherever_its_bottle_goes(clinic):
    with write(clinic.id) as session:
        west = Location(name="West", zone="America/Los_Angeles")
        drugs = [Drug(code=code, name=code, strength="100 mg/ml", unit="ml") for code in ("ket", "dex")]
        session.add_all([west, *drugs])
        session.flush()
        bottle = Bottle(drug_id=drugs[0].id, number="1", size=10_000, received_on=date(2024, 4, 1))
        session.add(bottle)
        session.flush()
        at = datetime(2024, 5, 1, 6, tzinfo=UTC)
        use = DrugLogEntry(bottle_id=bottle.id, kind="use", delta=-100, event_at=at)
        session.add(use)
        session.flush()
        bottle_id, use_id, west_id, dex_id = bottle.id, use.id, west.id, drugs[1].id
    kinds = "SELECT kind, effective_kind, d.full_name FROM drug_log_entry JOIN drug d ON d.id = drug_id ORDER BY delta"
    assert ask(clinic, kinds) == [("use", "use", "ket 100 mg/ml")]
    with write(clinic.id) as session:
        session.add(DrugLogEntry(bottle_id=bottle_id, kind="reversal", delta=100, event_at=at, reverses_id=use_id))
    assert ask(clinic, kinds) == [("use", "use", "ket 100 mg/ml"), ("reversal", "use", "ket 100 mg/ml")]
    with write(clinic.id) as session:
        moved = session.get(Bottle, (clinic.id, bottle_id))
        moved.location_id, moved.drug_id = west_id, dex_id
    assert ask(clinic, kinds) == [("use", "use", "dex 100 mg/ml"), ("reversal", "use", "dex 100 mg/ml")]
    same_as_a_first_load(clinic)


def test_a_reader_keeps_its_moment_while_rows_arrive(sqlite_clinic):
    instant = datetime(2024, 5, 1, 12, tzinfo=UTC)
    place(sqlite_clinic, instant)
    with mart.reading(sqlite_clinic.id, max_age=0) as cursor:
        assert cursor.execute("SELECT count(*) FROM appointment").fetchall() == [(1,)]
        place(sqlite_clinic, instant)
        mart.mart().refresh(sqlite_clinic.id)
        assert cursor.execute("SELECT count(*) FROM appointment").fetchall() == [(1,)]
    assert ask(sqlite_clinic, "SELECT count(*) FROM appointment") == [(2,)]


def test_another_clinic_is_out_of_reach(sqlite_clinic):
    from security.clinics import NewClinic, create_clinic

    place(sqlite_clinic, datetime(2024, 5, 1, 12, tzinfo=UTC))
    other = create_clinic(NewClinic("other", "Other"))
    with mart.reading(other, max_age=0) as cursor:
        assert cursor.execute("SELECT count(*) FROM appointment").fetchall() == [(0,)]


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM read_csv('/etc/passwd')", "SET threads = 1", "DELETE FROM appointment", "INSTALL sqlite"]
)
def test_a_reader_can_neither_reach_files_nor_settings_nor_write(sqlite_clinic, sql):
    with pytest.raises(duckdb.Error), mart.reading(sqlite_clinic.id) as cursor:
        cursor.execute(sql)


def test_a_copy_that_lost_a_row_is_refused(sqlite_clinic, monkeypatch):
    place(sqlite_clinic, datetime(2024, 5, 1, 12, tzinfo=UTC))
    real = mart._stage

    class Liar:
        def __init__(self, cursor):
            self.cursor = cursor

        def __getattr__(self, name):
            return getattr(self.cursor, name)

        def execute(self, sql, *args):
            return self.cursor.execute(sql.replace("FROM arrived", "FROM arrived LIMIT 0"), *args)

    monkeypatch.setattr(mart, "_stage", lambda cursor, fact, chunk: real(Liar(cursor), fact, chunk))
    with pytest.raises(mart.MartFault, match="did not arrive whole"):
        ask(sqlite_clinic, "SELECT 1")


def test_twenty_readers_see_whole_moments_while_rows_arrive(clinic):
    """Each write adds a client and a visit in one transaction; no reader ever counts one without the other."""
    import threading

    instant = datetime(2024, 5, 1, 12, tzinfo=UTC)
    place(clinic, instant)
    stop, wrong, reads = threading.Event(), [], []

    def reader():
        while not stop.is_set():
            with mart.reading(clinic.id, max_age=0.05) as cursor:
                clients = cursor.execute("SELECT count(*) FROM client").fetchall()
                visits = cursor.execute("SELECT count(*), count(DISTINCT client_id) FROM appointment").fetchall()
            reads.append(visits)
            if clients[0][0] != visits[0][0] or visits[0][0] != visits[0][1]:
                wrong.append((clients, visits))

    threads = [threading.Thread(target=reader) for _ in range(20)]
    for thread in threads:
        thread.start()
    for _ in range(12):
        place(clinic, instant)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(reads) >= 20
    assert ask(clinic, "SELECT count(*) FROM appointment") == [(13,)]
    assert mart.mart().verify(clinic.id) == {}
