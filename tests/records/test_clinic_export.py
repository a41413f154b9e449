"""An export comes back as the same clinic, row for row, on either database; damage and taken names are refused."""

import csv
import json
import shutil
import zipfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, select, text

import opening.importing  # noqa: F401 - makes the kinds known
from data import definitions
from data.blobs import BlobStore
from data.engine import Database, use
from data.errors import NotPermitted, SessionEnded
from data.home import Home
from data.models import Base, Client, Document, DocumentPage, OutboxMessage, User
from data.schema import upgrade
from data.sealed import seal, unseal
from data.session import read, write
from data.types import UTCDateTime, clock
from forms.editions import identify, plates
from forms.token import CodeRefused
from messages import outbox
from records.cells import FORMULA, protect, reader, recover, writer
from records.clinic_export import FolderInside, FolderInUse, export_clinic, export_zip, tables
from records.clinic_import import ClinicAlreadyHere, ExportDamaged, ExportTooLarge, NamesTaken, NoExport, import_clinic
from records.imports import import_file
from reports.schedules import SCHEDULE, Schedule, save_schedule
from security import audit, devices, invitations, sessions
from security.clinics import NewClinic, add_user, create_clinic
from security.sign_in import check_password
from tests.conftest import PASSWORD

CLIENTS = "Client ID,First name,Last name,Caution\nC1,Ana,Löpez,=HYPERLINK(1)\nC2,'Bo,-Chen,@home\n".encode()
CONTENT = b"%PDF-1.7 scan"


@pytest.fixture
def full(clinic):
    """A clinic with a bit of everything that is hard to carry."""
    import_file(CLIENTS, "clients", by=clinic.operator, name="clients.csv")
    name = BlobStore(clinic.home).put(CONTENT)
    with write(clinic.id) as session:
        document = Document(
            title="Consent", media_type="application/pdf", size=len(CONTENT), blob=name, sha256="0" * 64
        )
        session.add(document)
        session.flush()
        session.add(DocumentPage(document_id=document.id, index=0, state="review", fields={"weight": 4.5, "ü": None}))
        sam = session.get_one(User, (clinic.id, clinic.users["sam"]))
        sam.totp_secret = seal(b"JBSWY3DPEHPK3PXP", clinic.home.key("token"))
        sam.pin_hash = "$argon2id$pin"
        session.flush()
        audit.append(session, clinic.operator, "test.prepared")
    return clinic


def rows(clinic_id, connection):
    """Every row of every table as it is stored, without what depends on the home."""
    found = {}
    for table in tables():
        owner = table.c.id if table.name == "clinic" else table.c.clinic_id
        kept = [column for column in table.columns if column.name not in ("blob", "totp_secret", "pin_hash")]
        statement = select(*kept).where(owner == clinic_id).order_by(*table.primary_key)
        found[table.name] = [tuple(row) for row in connection.execute(statement)]
    return found


def stored(clinic):
    with clinic.database.reader.connect() as connection:
        return rows(clinic.id, connection)


@pytest.fixture(scope="module")
def _empty(tmp_path_factory):
    """An installation without a clinic, and its key: copied, as making its tables takes half a second."""
    root = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BALLAST_KEY_FILE", str(root / "root.key"))
        patch.delenv("BALLAST_DATABASE_URL", raising=False)
        home = Home(root / "home")
        home.create()
        database = Database(home)
        upgrade(database)
        database.close()
    return root


@pytest.fixture
def elsewhere(tmp_path, monkeypatch, _empty):
    """Opens another, empty installation; ``key`` keeps the old root key, ``url`` puts it on PostgreSQL."""
    opened = []

    def open_another(clinic, *, same_key=False, url=None):
        home = tmp_path / f"other{len(opened)}"
        if not same_key:
            key = tmp_path / f"other{len(opened)}.key"
            monkeypatch.setenv("BALLAST_KEY_FILE", str(key))
        monkeypatch.setenv("BALLAST_HOME", str(home))
        if url:
            monkeypatch.setenv("BALLAST_DATABASE_URL", url)
        else:
            monkeypatch.delenv("BALLAST_DATABASE_URL", raising=False)
        is_copied = not (same_key or url or opened)
        if is_copied:
            shutil.copytree(_empty / "home", home)
            shutil.copy(_empty / "root.key", key)
        else:
            Home(home).create()
        database = Database(Home(home))
        if not is_copied:
            upgrade(database)
        use(database)
        opened.append(database)
        return database

    yield open_another
    for database in opened:
        database.close()


def test_an_export_comes_back_row_for_row_with_documents_and_audit(full, elsewhere, tmp_path):
    export_clinic(tmp_path / "out", by=full.operator)
    before = stored(full)
    database = elsewhere(full)
    imported = import_clinic(tmp_path / "out")
    with database.reader.connect() as connection:
        after = rows(full.id, connection)
    for name, expected in before.items():
        assert after[name] == expected, name
    assert sum(imported.tables.values()) == sum(map(len, before.values()))
    with read(full.id) as session:
        assert audit.verify(session).bad_seq is None
        document = session.scalars(select(Document)).one()
        assert BlobStore(database.home).get(document.blob) == CONTENT
        sam = session.scalars(select(User).where(User.username == "sam")).one()
        assert (sam.totp_secret, sam.pin_hash) == (None, "")
    assert "PIN" in imported.remarks[0]
    assert check_password("olive", PASSWORD) is not None


def test_with_the_same_root_key_the_secrets_come_too_and_a_second_export_is_the_same_file_for_file(
    full, elsewhere, tmp_path
):
    export_clinic(tmp_path / "out", by=full.operator)
    database = elsewhere(full, same_key=True)
    assert import_clinic(tmp_path / "out").remarks == []
    with read(full.id) as session:
        sam = session.scalars(select(User).where(User.username == "sam")).one()
    assert unseal(sam.totp_secret, database.home.key("token")) == b"JBSWY3DPEHPK3PXP"
    assert sam.pin_hash == "$argon2id$pin"
    export_clinic(tmp_path / "again", by=full.operator)
    grown = {"audit_log.csv", "chain_head.csv"}  # the second export is itself in the log
    for path in (tmp_path / "out").glob("*.csv"):
        if path.name not in grown:
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    lines = (tmp_path / "out" / "audit_log.csv").read_text().splitlines()
    assert (tmp_path / "again" / "audit_log.csv").read_text().splitlines()[: len(lines)] == lines


def test_from_one_database_to_the_other(full, elsewhere, tmp_path, postgres_server):
    from tests.conftest import _admin, _on

    export_clinic(tmp_path / "out", by=full.operator)
    before = stored(full)
    url = None
    if full.database.is_sqlite:
        _admin(postgres_server, "CREATE DATABASE ballast_other")
        url = _on(postgres_server, "ballast_other")
    database = elsewhere(full, url=url)
    assert database.is_sqlite != full.database.is_sqlite
    try:
        import_clinic(tmp_path / "out")
        with database.reader.connect() as connection:
            assert rows(full.id, connection) == before
    finally:
        database.engine.dispose()
        if url:
            _admin(postgres_server, "DROP DATABASE ballast_other WITH (FORCE)")


def test_no_cell_of_an_export_is_run_by_a_spreadsheet(full, tmp_path):
    export_clinic(tmp_path / "out", by=full.operator)
    numbers = {column.name for table in tables() for column in table.columns if "INT" in str(column.type)}
    for path in (tmp_path / "out").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for name, cell in row.items():
                    assert name in numbers or cell[:1] not in tuple(FORMULA), (path.name, name)


def test_it_comes_in_beside_other_clinics_and_only_once(full, elsewhere, tmp_path):
    export_clinic(tmp_path / "out", by=full.operator)
    with pytest.raises(ClinicAlreadyHere):
        import_clinic(tmp_path / "out")
    elsewhere(full)
    other = create_clinic(NewClinic("other", "Other"))
    import_clinic(tmp_path / "out")
    with read(other) as session:
        assert session.scalars(select(Client)).all() == []


def test_taken_names_are_refused_with_a_sentence(full, elsewhere, tmp_path):
    from security.actor import Actor

    export_clinic(tmp_path / "out", by=full.operator)
    elsewhere(full)
    other = create_clinic(NewClinic("other", "Other"))
    add_user("sam", "staff", PASSWORD, by=Actor.operator(other))
    with pytest.raises(NamesTaken, match="user name sam"):
        import_clinic(tmp_path / "out")
    elsewhere(full)
    create_clinic(NewClinic("harbor", "Another"))
    with pytest.raises(NamesTaken, match="short name harbor"):
        import_clinic(tmp_path / "out")


@pytest.fixture
def exported(sqlite_clinic, tmp_path):
    import_file(CLIENTS, "clients", by=sqlite_clinic.operator, name="clients.csv")
    export_clinic(tmp_path / "out", by=sqlite_clinic.operator)
    return tmp_path / "out"


def rewrite(folder: Path, name: str, change) -> None:
    """Change a file and its hash in the manifest, as somebody with intent would."""
    import hashlib

    content = change((folder / name).read_text("utf-8"))
    (folder / name).write_text(content, "utf-8", newline="")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["tables"][name.removesuffix(".csv")]["sha256"] = hashlib.sha256(content.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def test_damage_is_found_before_anything_is_written(exported, sqlite_clinic, elsewhere):
    database = elsewhere(sqlite_clinic)
    (exported / "client.csv").write_bytes((exported / "client.csv").read_bytes().replace(b"Ana", b"Eva"))
    with pytest.raises(ExportDamaged, match=r"client\.csv was changed after the export"):
        import_clinic(exported)
    rewrite(exported, "client.csv", lambda content: content)
    rewrite(exported, "audit_log.csv", lambda content: content.replace("clinic.created", "clinic.removed"))
    with pytest.raises(ExportDamaged, match="row 1 was altered"):
        import_clinic(exported)
    (exported / "drug.csv").unlink()
    with pytest.raises(ExportDamaged, match=r"drug\.csv is missing"):
        import_clinic(exported)
    with database.reader.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM clinic")).scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM app_user")).scalar() == 0


def test_a_failure_in_the_middle_leaves_nothing(exported, sqlite_clinic, elsewhere):
    database = elsewhere(sqlite_clinic)

    def broken(content):
        head, _, rest = content.partition("\n")
        return head + "\n" + rest.replace("cat,", "'cat,", 1).replace("true", "maybe")

    rewrite(exported, "drug.csv", broken)
    with pytest.raises(ExportDamaged, match=r"drug\.csv: row 2 cannot be read"):
        import_clinic(exported)
    with database.reader.connect() as connection:
        for table in tables():
            assert connection.execute(text(f"SELECT count(*) FROM {table.name}")).scalar() == 0, table.name


def test_a_folder_that_is_no_export_is_named(tmp_path):
    with pytest.raises(NoExport, match=r"manifest\.json"):
        import_clinic(tmp_path)


def test_export_goes_nowhere_it_should_not(sqlite_clinic, tmp_path):
    with pytest.raises(NotPermitted):
        export_clinic(tmp_path / "out", by=sqlite_clinic.actor("mona"))
    with pytest.raises(FolderInside):
        export_clinic(sqlite_clinic.home.path / "out", by=sqlite_clinic.operator)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(FolderInUse):
        export_clinic(tmp_path / "mine", by=sqlite_clinic.operator)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "dear"
    for _ in range(2):
        export_clinic(tmp_path / "out", by=sqlite_clinic.operator)
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "out").rglob("*"))
    with read(sqlite_clinic.id) as session:
        from data.models import AuditLog

        done = session.scalars(select(AuditLog.action)).all()
    assert done.count("clinic.exported") == 2


def test_the_zip_of_the_page_asks_for_the_password_and_comes_back(sqlite_clinic, elsewhere, tmp_path):
    from security.confirm import WrongPassword

    olive = sqlite_clinic.actor("olive")
    with pytest.raises(WrongPassword):
        export_zip(password="not it at all", by=olive)
    path = tmp_path / "clinic.zip"
    path.write_bytes(export_zip(password=PASSWORD, by=olive))
    assert zipfile.is_zipfile(path)
    assert list((sqlite_clinic.home.path / "staging").iterdir()) == []
    before = stored(sqlite_clinic)
    database = elsewhere(sqlite_clinic)
    import_clinic(path)
    with database.reader.connect() as connection:
        after = rows(sqlite_clinic.id, connection)
    assert len(after.pop("user_session")) == len(before.pop("user_session")), "they came over, and are ended"
    assert after == before
    shutil.rmtree(tmp_path / "other0")


def test_a_file_that_swells_or_fills_the_disk_is_refused_before_it_is_unpacked(
    exported, sqlite_clinic, elsewhere, tmp_path, monkeypatch
):
    def packed(name, **bigger):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(exported.rglob("*")):
                if file.is_file() and file.name not in bigger:
                    archive.write(file, file.relative_to(exported).as_posix())
            for inside, size in bigger.items():
                with archive.open(inside, "w", force_zip64=True) as out:
                    for _ in range(size >> 20):
                        out.write(b" " * (1 << 20))
        return path

    elsewhere(sqlite_clinic)
    began = perf_counter()
    with pytest.raises(ExportTooLarge, match=r"bomb\.zip was not read: client\.csv would unpack from .* to 300\.0 MB"):
        import_clinic(packed("bomb.zip", **{"client.csv": 300 << 20}))
    with pytest.raises(ExportTooLarge, match=r"manifest\.json would unpack"):
        import_clinic(packed("bomb2.zip", **{"manifest.json": 64 << 20}))
    monkeypatch.setattr("records.clinic_import.LARGEST_DOCUMENT", 1)
    monkeypatch.setattr("records.clinic_import.LARGEST_TABLE", 100)
    with pytest.raises(ExportTooLarge, match=r"audit_log\.csv has .*, at most"):
        import_clinic(exported)
    monkeypatch.setattr("records.clinic_import.LARGEST_TABLE", 1 << 30)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=1000))
    with pytest.raises(ExportTooLarge, match="are free on this disk"):
        import_clinic(exported)
    assert perf_counter() - began < 30


@given(st.text())
def test_any_text_comes_back_and_is_never_a_formula(value):
    cell = protect(value)
    assert recover(cell) == value
    assert cell
    assert cell[0] not in FORMULA


@given(st.datetimes(timezones=st.just(__import__("datetime").UTC)))
def test_any_instant_comes_back(value):
    column = Column("at", UTCDateTime())
    assert reader(column)(writer(column)(value)) == value


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSONS)
def test_any_document_comes_back(value):
    column = Base.metadata.tables["definition"].c.body
    cell = writer(column)(value)
    assert reader(column)(cell) == value
    assert cell[0] not in FORMULA


def test_nobody_is_signed_in_and_no_link_works_after_an_import(full, elsewhere, tmp_path):
    token = full.token("sam")
    ticket = sessions.mint_ticket(full.id, full.users["sam"])
    link = invitations.reset_password(full.users["sam"], by=full.actor("adam"))
    code = devices.make_code("station", "Front desk", by=full.operator)
    export_clinic(tmp_path / "out", by=full.operator)
    elsewhere(full, same_key=True)
    remarks = import_clinic(tmp_path / "out").remarks
    assert any("sign in again" in remark for remark in remarks)
    with pytest.raises(SessionEnded):
        sessions.resume(token, touch=False)
    assert not sessions.token_is_live(token)
    assert sessions.redeem_ticket(ticket) is None
    assert devices.enrol(code) is None
    with pytest.raises(invitations.LinkSpent):
        invitations.open_link(link.path.removeprefix("/?reset="))
    assert check_password("sam", PASSWORD) is not None
    with read(full.id) as session:
        assert audit.verify(session).bad_seq is None


def test_mail_that_waited_is_not_sent_a_second_time_from_the_new_installation(full, elsewhere, tmp_path):
    later = clock.now() + timedelta(days=3)
    with write(full.id) as session:
        for name, purpose, due in (("old", "alert", None), ("link", "invitation", later), ("later", "reminder", later)):
            outbox.queue(session, purpose=purpose, dedupe_key=name, recipient=f"{name}@example.org", subject="Hello",
                         text="x", due_at=due)  # fmt: skip
        session.flush()
        audit.append(session, full.operator, "test.prepared")
    export_clinic(tmp_path / "out", by=full.operator)
    elsewhere(full, same_key=True)
    import_clinic(tmp_path / "out")
    with read(full.id) as session:
        rows = session.execute(select(OutboxMessage.dedupe_key, OutboxMessage.state)).all()
        assert {row.dedupe_key: row.state for row in rows} == {"old": "failed", "link": "failed", "later": "pending"}


def test_a_subscription_rests_in_the_new_installation_until_somebody_resumes_it(full, elsewhere, tmp_path):
    made = Schedule(title="Week", report="cash-received", people=[full.users["adam"]], run_as=full.users["adam"])
    with write(full.id) as session:
        session.get_one(User, (full.id, full.users["adam"])).email = "adam@example.org"
        session.flush()
        audit.append(session, full.operator, "test.prepared")
    name = save_schedule(made, by=full.actor("adam"))
    export_clinic(tmp_path / "out", by=full.operator)
    elsewhere(full, same_key=True)
    assert any("Subscriptions rest" in remark for remark in import_clinic(tmp_path / "out").remarks)
    with read(full.id) as session:
        kept = definitions.load(session, SCHEDULE, name)
        assert kept.paused and "Resume it" in kept.stopped


def test_a_broken_archive_gets_a_sentence(sqlite_clinic, tmp_path):
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", "{" + " " * 500 + "}")
    content = bytearray(whole.read_bytes())
    content[45] ^= 0xFF
    (tmp_path / "torn.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr("manifest.json", json.dumps({"format": 1, "tables": [], "clinic": {"id": "x"},
                                                      "head": {"audit_seq": 0}, "documents": []}))  # fmt: skip
    for name in ("torn.zip", "odd.zip"):
        with pytest.raises(ExportDamaged):
            import_clinic(tmp_path / name)


@pytest.mark.parametrize("same_key", [True, False])
def test_paper_printed_before_is_read_in_the_new_installation_that_has_the_root_key(
    sqlite_clinic, elsewhere, tmp_path, same_key
):
    plate, edition = plates(["walk-in"], by=sqlite_clinic.actor("sam"))["walk-in"]
    code = plate.code(1, 1, 7)
    export_clinic(tmp_path / "out", by=sqlite_clinic.operator)
    elsewhere(sqlite_clinic, same_key=same_key)
    imported = import_clinic(tmp_path / "out")
    with read(sqlite_clinic.id) as session:
        if same_key:
            assert identify(session, code)[0].serial == 7
        else:
            assert "paper" in " ".join(imported.remarks)
            with pytest.raises(CodeRefused):
                identify(session, code)
    newer, other = plates(["walk-in"], by=sqlite_clinic.operator)["walk-in"]
    assert (other.number == edition.number) is same_key
    with read(sqlite_clinic.id) as session:
        assert identify(session, newer.code(1, 1, 8))[0].serial == 8
