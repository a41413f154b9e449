"""The roster on paper holds the same rows, on the clinic's paper, quickly."""

import io
import time

from pypdf import PdfReader

from appointments import booking as rules
from appointments.roster_print import print_roster
from data.models import AuditLog
from data.session import read
from records.settings import CustomField
from security import settings
from tests.appointments.conftest import next_monday


def test_a_roster_prints_everyone_but_the_cancelled_and_is_audited(desk):
    sam = desk.clinic.actor("sam")
    desk.book(desk.patient("Bella", "Reyes"), caution="Bites")
    field = {"entity": "appointment", "label": "Trap number", "kind": "text", "on_roster": True}
    settings.save_definition("custom-field", "trap", CustomField(**field), expected=0, by=desk.clinic.actor("adam"))
    desk.book(desk.patient("Milo", "Kern"), answers={"trap": "T-17"})
    gone = desk.book(desk.patient("Rex", "Zimmer"))
    rules.cancel(gone, "ill", version=desk.row(gone).version, by=sam)
    pages = PdfReader(io.BytesIO(print_roster(next_monday(), by=sam))).pages
    text = "\n".join(page.extract_text() for page in pages)
    told = ("Bella", "Reyes", "Bites", "2 appointments", "T-17", "by Sam Stone", "page 1 of 1")
    assert all(part in text for part in told)
    assert "Zimmer" not in text
    with read(desk.clinic.id) as session:
        assert [row.action for row in session.query(AuditLog) if row.action == "roster.printed"] == ["roster.printed"]


def test_sixty_rows_print_within_half_a_second(sqlite_desk):
    desk, by = sqlite_desk, sqlite_desk.clinic.operator
    desk.type("surgery", capacity=80)
    for _ in range(60):
        desk.book(by=by, services=["rabies"])
    print_roster(next_monday(), by=by)
    began = time.process_time()
    print_roster(next_monday(), by=by)
    assert time.process_time() - began < 0.5
