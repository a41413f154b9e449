"""Forms are printed for a roster, for one visit or as blank stock, each sheet with its serial, and read back."""

import io
import json
from datetime import timedelta

import pypdf
import pytest
from sqlalchemy import func, select

from data.errors import EditedMeanwhile, NotPermitted
from data.models import Appointment, AuditLog, FormEdition, FormSheet, PageKey, PrintRun
from data.session import read, write
from data.types import clock
from forms import editions
from forms.editions import identify, plates, publish
from forms.settings import shipped
from forms.token import CodeRefused
from outage.pack import make_pack
from outage.print_runs import blank_stock
from outage.printing import (
    ChangedSince,
    NothingToPrint,
    TooManySheets,
    print_blank,
    print_for_appointment,
    print_for_roster,
)  # fmt: skip
from security import audit


def text_of(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def test_a_roster_gets_its_forms_in_order_each_with_a_serial_that_names_the_visit(clinic, visits):
    sam = clinic.actor("sam")
    day, visits = visits
    printed = print_for_roster(["consent", "travel-sheet"], day, by=sam)
    assert printed.sheets == 2 * len(visits) and len(printed.pages) == 4 * len(visits)
    with read(clinic.id) as session:
        sheets = {sheet.serial: sheet for sheet in session.scalars(select(FormSheet))}
        runs = {run.form: run.count for run in session.scalars(select(PrintRun))}
        assert runs == {"consent": len(visits), "travel-sheet": len(visits)}
        texts = text_of(printed.pdf)
        for page, text in zip(printed.pages, texts, strict=True):
            sheet = sheets[page["serial"]]
            assert (sheet.form, sheet.appointment_id) == (page["form"], page["appointment"])
            typed = "".join(next(line for line in text.splitlines() if len(line.replace(" ", "")) == 25).split())
            code, edition = identify(session, typed)
            assert (code.serial, code.page, code.of) == (page["serial"], page["page"], page["of"])
            assert (edition.form, edition.number) == (sheet.form, sheet.edition)
            assert [zone._asdict() for zone in edition.page(code.page)[1]] == page["zones"]
        rows = session.scalars(select(AuditLog).where(AuditLog.action == "forms.printed")).all()
        assert len(rows) == 1 and "Luna" not in json.dumps(rows[0].detail)
    assert any("Luna" in text for text in texts)


def test_a_double_click_prints_the_same_serials_once_more_and_writes_no_second_run(clinic, visits):
    sam = clinic.actor("sam")
    first = print_for_appointment("travel-sheet", visits[1][0], by=sam, key="k1")
    again = print_for_appointment("travel-sheet", visits[1][0], by=sam, key="k1")
    assert first.serials == again.serials and first.runs == again.runs
    with read(clinic.id) as session:
        assert session.scalar(select(func.count()).select_from(FormSheet)) == 1


def test_blank_stock_is_counted_and_warns_when_it_runs_low(clinic):
    sam = clinic.actor("sam")
    printed = print_blank("walk-in", 30, by=sam)
    assert len(set(printed.serials)) == 30 and len(printed.pages) == 30
    print_blank("card-slip", 5, by=sam)
    stock = {one.form: one for one in blank_stock(by=sam)}
    assert (stock["walk-in"].left, stock["walk-in"].low) == (30, False)
    assert (stock["card-slip"].left, stock["card-slip"].low) == (5, True)
    assert stock["consent"].low
    with pytest.raises(NothingToPrint):
        print_blank("walk-in", 0, by=sam)
    with pytest.raises(TooManySheets):
        print_blank("walk-in", 501, by=sam)
    with pytest.raises(NothingToPrint):
        print_for_roster(["consent"], clock.today("America/New_York") + timedelta(days=900), by=sam)


def test_old_paper_stays_readable_after_a_new_version_and_another_installation_key(clinic, visits):
    sam, adam = clinic.actor("sam"), clinic.actor("adam")
    plate, edition = plates(["consent"], by=sam)["consent"]
    old = plate.code(1, 2, 77)
    changed = shipped()["consent"].model_copy(update={"title": "Consent to surgery"})
    done = publish("consent", changed, expected=edition.version, by=adam, key="a double click")
    assert publish("consent", changed, expected=edition.version, by=adam, key="a double click") == done
    assert done.version == edition.version + 1 and done.furthest <= 0.3
    with pytest.raises(EditedMeanwhile):
        publish("consent", shipped()["consent"], expected=edition.version, by=adam)
    newer = plates(["consent"], by=sam)["consent"]
    assert newer[1].version == done.version and newer[1].number != edition.number
    with write(clinic.id) as session:
        under = clinic.home.key("token")
        assert editions.reseal(session, under, b"n" * 32) == editions.reseal(session, b"n" * 32, under) == 1
        audit.append(session, clinic.operator, "keys.changed", "page_key", "")
    with read(clinic.id) as session:
        code, found = identify(session, old)
        assert (code.serial, found.version, found.body.title) == (77, edition.version, "Surgery consent")
        for wrong in (old[:-1] + ("A" if old[-1] != "A" else "B"), "0ZZZ" + old[4:], "NOSCAN" + old[6:]):
            with pytest.raises(CodeRefused):
                identify(session, wrong)
        assert session.scalar(select(func.count()).select_from(PageKey)) == 1
        assert session.scalar(select(func.count()).select_from(FormEdition)) == 2


def test_whoever_may_not_change_settings_cannot_publish(clinic):
    with pytest.raises(NotPermitted):
        publish("consent", shipped()["consent"], expected=0, by=clinic.actor("sam"))


def test_the_codes_of_another_installation_are_refused(sqlite_clinic):
    plate, _ = plates(["walk-in"], by=sqlite_clinic.actor("sam"))["walk-in"]
    text = plate.code(1, 1, 5)
    with write(sqlite_clinic.id) as session:
        row = session.scalars(select(PageKey)).one()
        row.sealed = editions.seal_page_key(b"another key of thirty-two bytes!", sqlite_clinic.home.key("token"))
        audit.append(session, sqlite_clinic.operator, "keys.changed", "page_key", "")
    with read(sqlite_clinic.id) as session, pytest.raises(CodeRefused):
        identify(session, text)


def test_the_pack_of_a_day_holds_everything_for_working_on_paper(clinic, visits):
    day, found = visits
    made = make_pack(day, by=clinic.actor("sam"))
    names = [one.name for one in made.files]
    assert names == [
        "0-when-it-is-down.pdf", "1-roster.pdf", "2-sheets.pdf", "4-blank-stock.pdf", "5-card-slips.pdf",
        "6-phone-list.pdf",
    ]  # fmt: skip
    texts = {one.name: text_of(one.content) for one in made.files}
    assert len(texts["0-when-it-is-down.pdf"]) == 1
    assert "Luna" in texts["1-roster.pdf"][0] and "Gone" not in texts["1-roster.pdf"][0]
    assert len(texts["2-sheets.pdf"]) == 4 * len(found)
    assert "Sam Stone" in texts["6-phone-list.pdf"][0]
    serials = [serial for one in made.files for serial in one.serials]
    assert serials == list(range(1, len(serials) + 1))


def test_a_print_asked_for_again_after_the_roster_changed_never_puts_a_serial_on_another_visit(clinic, visits):
    day, found = visits
    sam = clinic.actor("sam")
    print_for_roster(["consent"], day, by=sam, key="k")
    assert print_for_roster(["consent"], day, by=sam, key="k").serials == [1, 2]
    with write(clinic.id) as session:
        session.get_one(Appointment, (clinic.id, found[0])).stage = "cancelled"
        audit.append(session, clinic.operator, "appointment.cancelled", "appointment", found[0])
    with pytest.raises(ChangedSince):
        print_for_roster(["consent"], day, by=sam, key="k")
    assert print_for_roster(["consent"], day, by=sam).serials == [3]
