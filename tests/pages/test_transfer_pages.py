"""The import and export pages: from an uploaded file to records and back, and the password before an export."""

from collections import Counter

import pytest

from data.models import Appointment, Client
from data.session import read, write
from opening.start import furnish
from records.imports import import_file, list_imports
from security import sessions
from security.actor import Actor
from security.clinics import NewClinic, add_user, create_clinic
from tests.conftest import PASSWORD, ROOT
from tests.screen import opened, start

CLIENTS = b"Client ID,First name,Surname,E-mail\nC1,Ana,Lopez,ana@example.org\nC2,<b>Bo</b>,Chen,\n"


def uploaded(clinic, content, name="clients.csv"):
    at = opened(clinic, "adam", "settings/imports.py")
    at.file_uploader(key="upload-0").upload(name, content, "text/csv").run()
    assert not at.exception, at.exception
    return at


def names(clinic):
    with read(clinic.id) as session:
        return sorted(row.last_name for row in session.query(Client))


def test_an_uploaded_file_is_guessed_checked_imported_and_can_be_taken_back(sqlite_clinic):
    at = uploaded(sqlite_clinic, CLIENTS)
    assert any("clients, 2 rows" in caption.value for caption in at.caption)
    at.button(key="check").click().run()
    assert any("2 of 2 rows would be added" in note.value for note in at.success)
    assert names(sqlite_clinic) == []
    at.button(key="import").click().run()
    assert not at.exception, at.exception
    assert names(sqlite_clinic) == ["Chen", "Lopez"]
    run = list_imports(by=sqlite_clinic.operator)[0]
    at.button(key=f"undo-{run.id}").click().run()
    assert at.button(key="undo-yes").label == "Take it back"
    assert any("2 rows" in text.value for text in at.markdown)


def test_a_column_matched_by_hand_counts_and_errors_name_their_row(sqlite_clinic):
    at = uploaded(sqlite_clinic, b"Client ID,Called\nC1,Lopez\nC2,\n")
    at.selectbox(key="kind").set_value("clients").run()
    place = next(box.key for box in at.selectbox if box.key.startswith("from-last_name-"))
    at.selectbox(key=place).set_value("Called").run()
    at.button(key="import").click().run()
    assert "clients.csv, row 3, column Called" in at.code[0].value
    assert names(sqlite_clinic) == []


def test_a_wrong_encoding_is_put_right_on_the_page(sqlite_clinic):
    at = uploaded(sqlite_clinic, "First name,Surname\nJosé,Peña\n".encode("windows-1252"))
    assert "row 2" in at.error[0].value
    at.selectbox(key="encoding").set_value("windows-1252").run()
    assert not at.error
    at.button(key="import").click().run()
    assert names(sqlite_clinic) == ["Peña"]


@pytest.mark.slow
def test_a_ready_matching_with_joined_columns_and_words_is_offered_and_works(sqlite_clinic):
    new = NewClinic("human", "Human", kind="human")
    clinic_id = create_clinic(new)
    furnish(clinic_id, new)
    adam = add_user("adela", "administrator", PASSWORD, by=Actor.operator(clinic_id))
    samples = ROOT / "tests" / "samples" / "medscheduler"
    import_file(samples / "patients.csv", "patients", by=Actor.operator(clinic_id))
    with write(clinic_id) as session:
        token = sessions.open_session(session, adam)
    at = start(token)
    at.switch_page("settings/imports.py")
    at.run()
    content = b"".join((samples / "appointments.csv").read_bytes().splitlines(keepends=True)[:40])
    at.file_uploader(key="upload-0").upload("appointments.csv", content, "text/csv").run()
    assert not at.exception, at.exception
    starts = next(box for box in at.selectbox if box.key.startswith("from-starts_at-"))
    assert starts.value == "appointment_date + appointment_time"
    at.button(key="import").click().run()
    assert not at.exception, at.exception
    expected = Counter(line.split(b",")[6] for line in content.splitlines()[1:])
    with read(clinic_id) as session:
        found = Counter(row.stage for row in session.query(Appointment))
    assert found == {
        "checked_out": expected[b"attended"], "no_show": expected[b"did not attend"],
        "cancelled": expected[b"cancelled"], "unknown": expected[b"unknown"],
    }  # fmt: skip


def test_staff_see_neither_page(sqlite_clinic):
    at = start(sqlite_clinic.token("sam"))
    for page in ("settings/imports.py", "settings/export.py"):
        with pytest.raises(ValueError, match="Could not find"):
            at.switch_page(page)


def test_an_export_needs_the_password(sqlite_clinic):
    at = opened(sqlite_clinic, "olive", "settings/export.py")
    at.text_input(key="password").set_value("wrong wrong wrong")
    next(b for b in at.button if b.label == "Prepare the export").click().run()
    assert any("not your password" in error.value for error in at.error)
    at.text_input(key="password").set_value(PASSWORD)
    next(b for b in at.button if b.label == "Prepare the export").click().run()
    assert not at.exception, at.exception
    assert any("export is ready" in note.value for note in at.success)
