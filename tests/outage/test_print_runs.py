"""What was printed is counted and listed; paper that is gone is printed again with other serials, once."""

import io
import zipfile
from dataclasses import replace
from datetime import timedelta

import pypdf
import pytest
from sqlalchemy import select

from data.errors import NotPermitted
from data.models import Appointment, FormSheet
from data.session import read, write
from data.types import clock
from forms.print import Head
from outage.guide import guide_pdf
from outage.kit import electronic_kit
from outage.pack import make_pack
from outage.print_runs import (
    BadSerials,
    blank_stock,
    in_words,
    past_prints,
    print_again,
    serials_of,
    sheets_of_day,
    throw_away,
)
from outage.printing import NothingToPrint, print_blank, print_for_appointment, print_for_roster
from records.checks import Missing
from security import audit
from security.profile import ClinicProfile
from tests.flow.conftest import Day


def states(clinic) -> dict[int, tuple[str, str]]:
    with read(clinic.id) as session:
        return {row.serial: (row.state, row.reason) for row in session.scalars(select(FormSheet))}


def test_sheets_printed_again_get_new_serials_once_and_the_old_ones_are_waited_for_no_more(clinic, visits):
    day, found = visits
    sam = clinic.actor("sam")
    print_for_roster(["travel-sheet", "roster"], day, by=sam)
    (batch,) = past_prints(by=sam)
    assert (batch.what, batch.day, batch.who, batch.sheets, batch.unused) == ("roster", day, "Sam Stone", 3, 3)
    runs = {run.form: run for run in batch.runs}
    assert (runs["travel-sheet"].serials, runs["roster"].serials) == ("1 to 2", "3")
    with write(clinic.id) as session:
        session.get_one(Appointment, (clinic.id, found[0])).stage = "cancelled"
        audit.append(session, clinic.operator, "appointment.cancelled", "appointment", found[0])
    with pytest.raises(Missing):
        print_again([run.id for run in batch.runs], " ", by=sam)
    ids = [run.id for run in batch.runs]
    again = print_again(ids, "paper jam", by=sam, key="k")
    assert again.serials == [4, 5]
    assert print_again(ids, "paper jam", by=sam, key="k").serials == [4, 5]
    assert [page["appointment"] for page in again.pages] == [found[1], found[1], None]
    kept = states(clinic)
    assert {kept[serial] for serial in (1, 2, 3)} == {("spoiled", "Printed again: paper jam")}
    assert kept[4] == kept[5] == ("printed", "")
    newest, oldest = past_prints(by=sam)
    assert (newest.what, newest.sheets, oldest.unused) == ("again", 2, 0)
    with pytest.raises(NothingToPrint):
        print_again(ids, "paper jam", by=sam)


def test_only_the_serials_that_are_gone_are_given_up(clinic):
    sam = clinic.actor("sam")
    print_blank("walk-in", 12, by=sam)
    (batch,) = past_prints(by=sam)
    run = batch.runs[0].id
    assert print_again([run], "torn", only=serials_of("2 to 3"), by=sam).serials == [13, 14]
    assert throw_away([run], "wet", only=serials_of("9-10, 12"), by=sam, key="w") == 3
    assert throw_away([run], "wet", only=serials_of("9-10, 12"), by=sam, key="w") == 3
    stock = {one.form: one for one in blank_stock(by=sam)}["walk-in"]
    assert (stock.left, stock.serials, stock.low) == (9, "1, 4 to 8, 11, 13 to 14", True)
    with pytest.raises(NothingToPrint):
        throw_away([run], "wet", only=[9], by=sam)
    for typed in ("twelve", "5-2", "1-99999999", "3 to"):
        with pytest.raises(BadSerials):
            serials_of(typed)
    assert serials_of(" ") == frozenset()
    assert in_words([]) == "" and in_words(range(1, 30, 2)) == "between 1 and 29"


def test_who_was_booked_later_is_printed_alone(clinic, visits):
    day, found = visits
    sam = clinic.actor("sam")
    print_for_appointment(["consent", "travel-sheet"], found[0], by=sam)
    sheets = sheets_of_day(day, ["consent", "travel-sheet"], by=sam)
    assert (sheets.booked, sheets.have) == (2, {"consent": 1, "travel-sheet": 1})
    late = print_for_roster(["consent", "travel-sheet"], day, missing_only=True, by=sam, key="late")
    assert {page["appointment"] for page in late.pages} == {found[1]} and late.serials == [3, 4]
    again = print_for_roster(["consent", "travel-sheet"], day, missing_only=True, by=sam, key="late")
    assert again.serials == [3, 4]
    with pytest.raises(NothingToPrint):
        print_for_roster(["consent"], day, missing_only=True, by=sam)


def test_a_pack_asked_for_twice_is_one_pack_in_one_list_and_one_file(clinic, visits):
    day, _ = visits
    sam = clinic.actor("sam")
    said: list[float] = []
    first = make_pack(day, by=sam, stock={"walk-in": 3}, slips=0, told=lambda share, _: said.append(share), key="p")
    twice = make_pack(day, by=sam, stock={"walk-in": 3}, slips=0, key="p")
    assert [one.serials for one in first.files] == [one.serials for one in twice.files]
    assert len(states(clinic)) == first.sheets == 1 + 4 + 3 and said == sorted(said)
    (batch,) = past_prints(by=sam)
    assert (batch.what, batch.sheets) == ("pack", first.sheets)
    assert len(pypdf.PdfReader(io.BytesIO(first.as_pdf())).pages) == first.pages
    with zipfile.ZipFile(io.BytesIO(first.as_zip())) as archive:
        assert archive.namelist() == [one.name for one in first.files]
    guide = pypdf.PdfReader(io.BytesIO(first.files[0].content)).pages
    assert len(guide) == 1 and "Card processor" in guide[0].extract_text()


def test_a_pack_printed_again_holds_what_is_new_and_a_new_roster_in_place_of_the_old(clinic, visits):
    day, _ = visits
    sam = clinic.actor("sam")
    make_pack(day, by=sam, stock={}, slips=0)
    print_for_roster(["roster"], day, by=sam)
    Day(clinic).visit("Late", stage="booked")
    again = make_pack(day, by=sam, stock={}, slips=0, missing_only=True, key="p")
    assert make_pack(day, by=sam, stock={}, slips=0, missing_only=True, key="p").sheets == again.sheets == 3
    reasons = [reason for state, reason in states(clinic).values() if state == "spoiled"]
    assert reasons == ["A newer one was printed."] * 2


def test_the_electronic_roster_shows_the_day_and_runs_no_formula(clinic, visits):
    day, found = visits
    with write(clinic.id) as session:
        row = session.get_one(Appointment, (clinic.id, found[0]))
        row.notes = "=HYPERLINK(1) <b>"
        audit.append(session, clinic.operator, "appointment.changed", "appointment", found[0])
    files = {one.name.rpartition(".")[2]: one.content.decode() for one in electronic_kit(day, by=clinic.actor("sam"))}
    kit = electronic_kit(day, by=clinic.actor("sam"))
    assert [one.name for one in kit] == [f"roster-{day}.csv", f"drugs-{day}.csv", f"roster-{day}.html"]
    csv, page = kit[0].content.decode("utf-8-sig"), files["html"]
    assert "Luna" in csv and "Gone" not in csv and "'=HYPERLINK" in csv
    assert "&lt;b&gt;" in page and "<b>" not in page and "Luna" in page
    nobody = electronic_kit(clock.today("America/New_York") + timedelta(days=900), by=clinic.actor("sam"))
    assert "Nobody is booked" in nobody[2].content.decode()


def test_no_number_to_call_is_cut_off_the_guide():
    number = "Millbrook Animal Emergency and Referral Hospital, (845) 555-0190"
    settings = ClinicProfile(outage_phones=[f"Emergency hospital: {number}"], outage_paper="x " * 80)
    (page,) = pypdf.PdfReader(io.BytesIO(guide_pdf(Head("Harbor"), settings, "now"))).pages
    assert "(845) 555-0190" in page.extract_text()


def test_prints_are_for_those_who_may_print(clinic, visits):
    day, _ = visits
    nobody = replace(clinic.actor("sam"), within=frozenset())
    for ask in (
        lambda: past_prints(by=nobody), lambda: blank_stock(by=nobody), lambda: electronic_kit(day, by=nobody),
        lambda: throw_away(["x"], "gone", by=nobody), lambda: print_again(["x"], "gone", by=nobody),
    ):  # fmt: skip
        with pytest.raises(NotPermitted):
            ask()
