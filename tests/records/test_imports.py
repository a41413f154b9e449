"""Imports: all or nothing, every bad cell named, undone as a whole, under a permission and with one audit row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, inspect, select, text

import opening.importing  # noqa: F401 - makes the kinds known
from data.errors import NotPermitted
from data.models import (
    Appointment,
    AuditLog,
    Base,
    Client,
    ImportRun,
    Invoice,
    Location,
    Patient,
    Payment,
    PaymentAllocation,
)
from data.session import read, write
from data.types import clock
from records import imports
from records.imports import (
    AlreadyImported,
    AlreadyUndone,
    ColumnMissing,
    ImportDepends,
    ImportRefused,
    import_file,
    list_imports,
    undo_import,
)
from records.mapping import ImportMapping, Source
from records.reading import BadHeading, FileEmpty, FileTooLarge, NotATable, WrongEncoding, read_table
from records.values import Unreadable, to_cents, to_date
from security import audit
from security.clinics import clinic_of

CLIENTS = b"Client ID,First name,Surname,E-mail,Phone\nC1,Ana,Lopez,ana@example.org,212 555 0101\nC2,Bo,Chen,,\n"
PETS = b"Pet ID,Owner ID,Name,Species,Sex,DOB,Weight lb,Chip\nP1,C1,Rex,Dog,M,2020-02-03,22,985112345678903\n"
VISITS = b"Appointment ID,Patient ID,Start,Status\nA1,P1,2024-05-06 08:00,attended\nA2,P1,2024-06-06 08:00,no show\n"
PAYMENTS = (
    b"reference,taken_at,amount,currency,kind,tender,channel,last4,brand,authorization,invoice,client,location,zone\n"
    b"R1,2024-05-06T10:00:00-04:00,125.00,USD,sale,card,terminal,4242,Visa,A1B2,,C1,Annex,America/Chicago\n"
    b"R2,2024-05-07T10:00:00-04:00,25.00,USD,refund,card,slip,4242,Visa,A1B3,,C1,Annex,\n"
)


def count(clinic, model):
    with read(clinic.id) as session:
        return session.scalar(select(func.count()).select_from(model))


def bring(clinic, kind, content, **more):
    return import_file(content, kind, by=clinic.operator, name=f"{kind}.csv", **more)


def problems(clinic, kind, content, **more):
    """The lines of a refused import, after making sure that it left nothing."""
    before = [count(clinic, model) for model in (Client, Patient, Appointment, Payment, ImportRun, AuditLog)]
    with pytest.raises(ImportRefused) as caught:
        bring(clinic, kind, content, **more)
    assert [count(clinic, model) for model in (Client, Patient, Appointment, Payment, ImportRun, AuditLog)] == before
    return caught.value.lines


def test_a_day_of_files_becomes_records_by_guessed_columns(clinic):
    for kind, content in (("clients", CLIENTS), ("patients", PETS), ("appointments", VISITS), ("payments", PAYMENTS)):
        bring(clinic, kind, content)
    with read(clinic.id) as session:
        ana = session.scalars(select(Client).where(Client.reference == "C1")).one()
        assert (ana.first_name, ana.last_name, ana.email) == ("Ana", "Lopez", "ana@example.org")
        assert "lopez" in ana.search
        assert "rex" in ana.search
        rex = session.scalars(select(Patient)).one()
        assert (rex.client_id, rex.species, rex.sex, rex.weight_grams) == (ana.id, "dog", "male", 9979)
        assert rex.born_on.isoformat() == "2020-02-03"
        stages = session.execute(select(Appointment.reference, Appointment.stage).order_by(Appointment.reference)).all()
        assert [tuple(row) for row in stages] == [("A1", "checked_out"), ("A2", "no_show")]
        money = session.execute(
            select(Payment.reference, Payment.amount_cents, Payment.client_id).order_by("reference")
        )
        assert [tuple(row) for row in money] == [("R1", 12500, ana.id), ("R2", -2500, ana.id)]
        annex = session.scalars(select(Location).where(Location.name == "Annex")).one()
        assert annex.zone == "America/Chicago"
        numbers = session.scalars(select(Client.number).order_by(Client.number)).all()
        assert numbers == [1, 2]
        assert audit.verify(session).bad_seq is None


def test_a_day_and_its_time_in_two_columns_are_found_together(clinic):
    bring(clinic, "clients", CLIENTS)
    bring(clinic, "patients", PETS)
    visits = b"Visit ID;Pet ID;Date;Appt time;Status\nV1;P1;13/05/2024;8:15 am;Completed\n"
    bring(clinic, "appointments", visits)
    with read(clinic.id) as session:
        row = session.scalars(select(Appointment)).one()
    assert (row.starts_at.isoformat(), row.stage) == ("2024-05-13T12:15:00+00:00", "checked_out")


def test_a_file_of_patients_beside_their_clients_is_taken_for_patients(sqlite_clinic):
    clinic = clinic_of(sqlite_clinic.id)
    for heading, kind in (
        (b"Client,Patient,Species,Sex,Birth date", "patients"),
        (b"Date,Time,Client,Patient,Type,Status", "appointments"),
        (b"Client,Phone,E-mail", "clients"),
    ):
        table = read_table(heading + b"\n1,2,3,4,5,6\n"[: 2 * heading.count(b",") + 2] + b"\n", "f.csv")
        assert imports.kind_of(table, clinic) == kind, heading


def test_an_import_writes_one_audit_row_with_counts_and_hash_and_no_values(clinic):
    report = bring(clinic, "clients", CLIENTS)
    with read(clinic.id) as session:
        row = session.scalars(select(AuditLog).where(AuditLog.action == "import.done")).one()
    assert report.sha256 in row.detail
    assert '"added":2' in row.detail
    assert "Lopez" not in row.detail


def test_only_those_permitted_import(clinic):
    with pytest.raises(NotPermitted):
        import_file(CLIENTS, "clients", by=clinic.actor("sam"), name="c.csv")
    assert import_file(CLIENTS, "clients", by=clinic.actor("adam"), name="c.csv").added == 2


def test_a_dry_run_checks_and_writes_nothing(clinic):
    report = bring(clinic, "clients", CLIENTS, dry_run=True)
    assert (report.added, report.run_id) == (2, None)
    assert count(clinic, Client) == count(clinic, ImportRun) == 0


def test_a_double_click_imports_once(clinic):
    first = bring(clinic, "clients", CLIENTS, key="form-1")
    assert bring(clinic, "clients", CLIENTS, key="form-1").run_id == first.run_id
    assert count(clinic, Client) == 2


def test_two_clicks_at_the_same_moment_import_once(clinic):
    content = b"First name,Last name\nAna,Lopez\nBo,Chen\n"
    others = []

    def other_click(_share):
        if not others:
            others.append(None)
            others[0] = bring(clinic, "clients", content, key="form-1")

    first = bring(clinic, "clients", content, key="form-1", progress=other_click)
    assert first.run_id == others[0].run_id
    assert count(clinic, Client) == 2
    assert count(clinic, ImportRun) == 1


def test_equal_rows_are_skipped_and_differing_ones_refused(clinic):
    bring(clinic, "clients", CLIENTS)
    again = bring(clinic, "clients", CLIENTS + b"C3,Cy,Dean,,\n")
    assert (again.added, again.skipped) == (1, 2)
    assert problems(clinic, "clients", CLIENTS.replace(b"Bo", b"Bob")) == [
        "clients.csv, row 3, column Client ID: 'C2' is already here with another first name. Change it on its page, "
        "or take the row out of the file."
    ]
    bring(clinic, "payments", PAYMENTS)
    assert bring(clinic, "payments", PAYMENTS).skipped == 2
    assert "another amount cents" in problems(clinic, "payments", PAYMENTS.replace(b"125.00", b"125.01"))[0]


def test_a_file_without_references_is_not_taken_twice(clinic):
    content = b"First name,Last name\nAna,Lopez\n"
    bring(clinic, "clients", content)
    with pytest.raises(AlreadyImported):
        bring(clinic, "clients", content)


def test_undo_hides_everything_and_the_file_can_come_again(clinic):
    for kind, content in (("clients", CLIENTS), ("patients", PETS), ("appointments", VISITS)):
        bring(clinic, kind, content)
    runs = {run.kind: run.id for run in list_imports(by=clinic.operator)}
    with pytest.raises(ImportDepends, match="2 appointments, 1 patient came later"):
        undo_import(runs["clients"], by=clinic.operator)
    with pytest.raises(ImportDepends, match="2 appointments"):
        undo_import(runs["patients"], by=clinic.operator)
    assert undo_import(runs["appointments"], by=clinic.operator) == 4
    undo_import(runs["patients"], by=clinic.operator)
    undo_import(runs["clients"], by=clinic.operator)
    assert count(clinic, Client) == count(clinic, Appointment) == 0
    with pytest.raises(AlreadyUndone):
        undo_import(runs["clients"], by=clinic.operator)
    for kind, content in (("clients", CLIENTS), ("patients", PETS), ("appointments", VISITS)):
        assert bring(clinic, kind, content).skipped == 0
    assert count(clinic, Appointment) == 2


def test_undo_is_refused_when_somebody_worked_on_a_row(clinic):
    run = bring(clinic, "clients", CLIENTS).run_id
    with write(clinic.id) as session:
        session.scalars(select(Client).where(Client.reference == "C1")).one().phone = "1"
    with pytest.raises(ImportDepends, match="1 change to clients"):
        undo_import(run, by=clinic.operator)


def test_services_and_locations_of_an_import_come_and_go_with_it(clinic):
    content = b"code,name,price\nlaser,Laser therapy,45.00\n"
    run = bring(clinic, "services", content)
    assert run.added == 1
    undo_import(run.run_id, by=clinic.operator)
    assert bring(clinic, "services", content).added == 1
    run = bring(clinic, "payments", PAYMENTS.replace(b",C1,", b",,"))
    undo_import(run.run_id, by=clinic.operator)
    with read(clinic.id) as session:
        assert session.scalars(select(Location.name)).all() == ["Main"]
    bring(clinic, "payments", PAYMENTS.replace(b",C1,", b",,"))
    with read(clinic.id) as session:
        assert sorted(session.scalars(select(Location.name))) == ["Annex", "Main"]


def test_a_failure_between_two_chunks_leaves_nothing_to_be_seen(clinic, monkeypatch):
    monkeypatch.setattr(imports, "CHUNK", 1)
    calls = []

    def fail_at_second(fraction):
        calls.append(fraction)
        if len(calls) == 2:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        bring(clinic, "clients", CLIENTS, progress=fail_at_second)
    assert count(clinic, Client) == count(clinic, ImportRun) == 0
    assert bring(clinic, "clients", CLIENTS).added == 2


def test_invoices_and_the_payments_that_pay_them(clinic):
    bring(clinic, "clients", CLIENTS)
    invoices = (
        b"invoice,date,client id,description,quantity,unit price,amount,tax\n"
        b"I1,2024-05-06,C1,Spay,1,145.00,145.00,0\nI1,2024-05-06,C1,Tablets,2,8.00,16.00,1.12\nI2,2024-05-07,C2,Exam,,,30,\n"
    )
    assert bring(clinic, "invoices", invoices).added == 3
    assert bring(clinic, "invoices", invoices).skipped == 3
    bring(clinic, "payments", PAYMENTS.replace(b"A1B2,,", b"A1B2,I1,").replace(b"A1B3,,", b"A1B3,I1,"))
    with read(clinic.id) as session:
        assert count(clinic, Invoice) == 2
        paid = session.scalars(select(PaymentAllocation.amount_cents).order_by(PaymentAllocation.amount_cents)).all()
    assert paid == [-2500, 12500]
    assert "other charges" in problems(clinic, "invoices", invoices.replace(b"Exam,,,30", b"Exam,,,31"))[0]


# ---- bad input: one clear sentence that names the place


def test_a_wrong_encoding_names_the_row_and_what_to_do(clinic):
    content = "first name,last name\nAna,Lopez\nJosé,Peña\n".encode("windows-1252")
    with pytest.raises(WrongEncoding, match=r"c\.csv, row 3: the text is not UTF-8.*windows-1252"):
        import_file(content, "clients", by=clinic.operator, name="c.csv")
    import_file(content, "clients", by=clinic.operator, name="c.csv", encoding="windows-1252")
    with read(clinic.id) as session:
        assert "Peña" in session.scalars(select(Client.last_name)).all()


def test_utf_16_and_semicolons_of_a_spreadsheet_are_read(clinic):
    content = "sep\nfirst name;last name\nJosé;Peña\n".replace("sep\n", "").encode("utf-16")
    assert bring(clinic, "clients", content).added == 1


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", FileEmpty, "is empty"),
        (b"first name,last name\n", FileEmpty, "is empty"),
        (b"name,name\na,b\n", BadHeading, "'name' appears 2 times"),
        (b"first name,,last name\na,b,c\n", BadHeading, "column 2 has no name"),
        (b"PK\x03\x04rest", NotATable, "Excel workbook"),
        (b"first name\nAna\n", ColumnMissing, "no column for Last name or Full name"),
        (b"a,b\n\0,1\n", NotATable, "binary"),
    ],
)
def test_files_that_are_no_tables_get_a_sentence(sqlite_clinic, content, error, words):
    with pytest.raises(error, match=words):
        bring(sqlite_clinic, "clients", content)
    assert count(sqlite_clinic, Client) == 0


def test_a_missing_column_is_named_with_those_there_are(clinic):
    with pytest.raises(ColumnMissing, match=r"no column for Name, which is needed. Its columns are: Owner ID, Species"):
        bring(clinic, "patients", b"Owner ID,Species\nC1,Dog\n")
    mapping = ImportMapping(kind="clients", fields={"last_name": Source(column="Family")})
    with pytest.raises(ColumnMissing, match="'Family'"):
        bring(clinic, "clients", CLIENTS, mapping=mapping)


def test_a_two_gigabyte_file_is_refused_before_it_is_read(sqlite_clinic, tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(FileTooLarge, match=r"huge\.csv has 2,048 MB"):
        import_file(path, "clients", by=sqlite_clinic.operator)


def test_impossible_days_and_births_and_animals_without_a_client(clinic):
    bring(clinic, "clients", CLIENTS)
    content = (
        b"pet id,owner id,name,species,dob\nP1,C1,Rex,dog,31/02/2020\nP2,,Tom,cat,01/05/2021\n"
        b"P3,C9,Kit,cat,02/05/2021\nP4,C1,Bun,rabbit,03/05/2999\nP4,C1,,rabbit,\n"
    )
    assert problems(clinic, "patients", content) == [
        "patients.csv, row 2, column dob: '31/02/2020' is not a day of the calendar.",
        "patients.csv, row 3, column owner id: it is empty, and an animal needs a client.",
        "patients.csv, row 4, column owner id: there is no client with the reference or number 'C9'.",
        "patients.csv, row 5, column dob: the birth date 2999-05-03 lies in the future.",
        "patients.csv, row 6, column name: it is empty, and every row needs it.",
        "patients.csv, row 6, column pet id: 'P4' already stands in row 5.",
    ]


def test_the_hour_daylight_saving_skips_is_refused_and_the_doubled_one_explained(clinic):
    bring(clinic, "clients", CLIENTS)
    bring(clinic, "patients", PETS)
    skipped = b"patient id,start\nP1,2024-03-10 02:30\n"
    assert problems(clinic, "appointments", skipped) == [
        "appointments.csv, row 2, column start: 2024-03-10 02:30 does not exist in America/New_York: the clocks went "
        "forward over it. Write 03:30, or add the offset."
    ]
    report = bring(clinic, "appointments", b"patient id,start\nP1,2024-11-03 01:30\n")
    assert report.notices == [
        "row 2: 2024-11-03 01:30 came twice in America/New_York, as the clocks went back: the earlier one, in "
        "daylight saving time, was taken"
    ]
    with read(clinic.id) as session:
        assert session.scalars(select(Appointment.starts_at)).one().isoformat() == "2024-11-03T05:30:00+00:00"


def test_at_most_twenty_lines_are_shown_with_the_total(sqlite_clinic):
    content = b"last name,e-mail\n" + b"".join(b"N%d,broken\n" % i for i in range(57))
    lines = problems(sqlite_clinic, "clients", content)
    assert len(lines) == 20
    assert lines[-1] == "clients.csv: 57 problems in all; nothing was imported."


def test_card_numbers_stay_out_and_microchips_come_in(clinic):
    lines = problems(clinic, "payments", PAYMENTS.replace(b",4242,Visa,A1B2", b",4111111111111111,Visa,A1B2"))
    assert "payment card number" in lines[0]
    bring(clinic, "clients", CLIENTS)
    assert bring(clinic, "patients", PETS).added == 1


def test_rows_that_are_too_long_are_named(sqlite_clinic):
    assert problems(sqlite_clinic, "clients", b"first name,last name\nAna,Lopez,more\n") == [
        "clients.csv, row 2, column 3: the row has 3 cells, the heading 2."
    ]


def test_money_cannot_come_from_the_future(sqlite_clinic):
    later = f"{clock.now().year + 1}-01-01T00:00:00Z".encode()
    lines = problems(sqlite_clinic, "payments", PAYMENTS.replace(b"2024-05-06T10:00:00-04:00", later))
    assert "lies in the future" in lines[0]


@given(st.integers(-(10**11), 10**11))
def test_any_amount_is_read_to_the_cent(cents):
    sign = "-" if cents < 0 else ""
    whole, part = divmod(abs(cents), 100)
    assert to_cents(f"{sign}{whole}.{part:02}") == cents
    assert to_cents(f"{sign}{whole:,}.{part:02}") == cents
    assert to_cents(f"$ {sign}{whole:,}.{part:02}") == cents


@given(st.dates(min_value=__import__("datetime").date(1000, 1, 1)))
def test_any_day_is_read_in_every_order(day):
    assert to_date(day.isoformat()) == day
    assert to_date(day.strftime("%d/%m/") + f"{day.year:04}", "dmy") == day
    assert to_date(day.strftime("%m/%d/") + f"{day.year:04}", "mdy") == day


@given(st.text(max_size=20))
def test_no_text_makes_reading_a_cell_fail_in_any_other_way(text):
    for read_value in (to_date, to_cents):
        try:
            read_value(text)
        except Unreadable as failure:
            assert str(failure)


def test_what_an_import_brought_is_found_by_an_index_in_every_table_on_either_database(clinic):
    """Undoing looks for the rows of one run in every table; without an index it would read the whole clinic."""
    found = inspect(clinic.database.engine)
    tables = [table for table in Base.metadata.sorted_tables if "import_id" in table.c and "clinic_id" in table.c]
    assert len(tables) > 20
    for table in tables:
        columns = [index["column_names"] for index in found.get_indexes(table.name)]
        assert ["clinic_id", "import_id"] in columns, table.name
    with clinic.database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            plan = connection.execute(
                text("EXPLAIN QUERY PLAN UPDATE client SET deleted_at = NULL WHERE clinic_id = 'a' AND import_id = 'b'")
            ).all()
            assert "ix_client_import" in str(plan)
