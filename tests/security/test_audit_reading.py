"""Reading the audit log: filters, the reading is audited itself, the export is safe in a spreadsheet."""

import csv
import io

import pytest

from data.errors import NotPermitted
from data.session import write
from data.types import clock
from security import audit, users
from security.audit_reading import PAGE, Filters, export_audit, read_audit, verify_audit


def test_reading_is_audited_once_in_five_minutes(clinic):
    adam = clinic.actor("adam")
    for _ in range(3):
        read_audit(Filters(), by=adam)
    read_audit(Filters(action="user."), by=adam)
    rows = read_audit(Filters(action="audit.read"), by=adam).rows
    assert [row.detail for row in rows] == [{"filters": ["action"]}, {"filters": []}]
    with pytest.raises(NotPermitted):
        read_audit(Filters(), by=clinic.actor("mona"))


def test_filters_narrow_by_person_action_day_and_text(clinic):
    adam = clinic.actor("adam")
    users.disable(clinic.users["sam"], by=adam)
    assert {row.actor for row in read_audit(Filters(actor="adam"), by=adam).rows} == {"adam"}
    found = read_audit(Filters(entity="user", entity_id=clinic.users["sam"]), by=adam).rows
    assert [row.action for row in found] == ["user.disabled"]
    assert read_audit(Filters(text="DISABLED"), by=adam).total == 1
    today = clock.today("America/New_York")
    assert read_audit(Filters(first_day=today, last_day=today, action="user.disabled"), by=adam).total == 1
    assert read_audit(Filters(last_day=today.replace(year=2020)), by=adam).total == 0
    assert read_audit(Filters(text="100%"), by=adam).total == 0


def test_pages_cover_every_row_once(clinic):
    with write(clinic.id) as session:
        for number in range(120):
            audit.append(session, clinic.operator, "test.row", "row", str(number))
    adam = clinic.actor("adam")
    wanted = Filters(action="test.row")
    pages = [read_audit(wanted, by=adam, page=number).rows for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [PAGE, PAGE, 20]
    assert [row.entity_id for page in pages for row in page] == [str(number) for number in range(119, -1, -1)]


def test_the_export_carries_hashes_and_no_formula(clinic):
    with write(clinic.id) as session:
        audit.append(session, clinic.operator, "test.row", "row", "=cmd()")
    adam = clinic.actor("adam")
    rows = list(csv.DictReader(io.StringIO(export_audit(Filters(action="test.row"), by=adam))))
    assert rows[0]["entity_id"] == "'=cmd()" and len(rows[0]["hash"]) == 64
    assert verify_audit(by=adam).bad_seq is None
