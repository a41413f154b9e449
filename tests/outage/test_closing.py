"""A part closes only when nothing of it is missing, with a report that shows whether it was changed."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pikepdf
import pypdf
import pytest
from sqlalchemy import select

import cli
from data.errors import NotPermitted
from data.models import AuditLog, BackupRun, Document, FormSheet, Outage
from data.session import read, write
from data.types import clock
from forms.signed_report import attachment
from outage import closing_report
from outage.board import (
    ChangedMeanwhile,
    PartUnknown,
    StillLasts,
    StillMissing,
    board,
    close,
    papers,
    waive,
)
from outage.closing_report import KIND, NoReport, verify_report
from outage.disposal import years_after
from outage.late import NothingLate, late_paper, sign_addendum
from outage.outages import PartClosed, outage
from records.documents import open_document
from security import audit
from tests.outage.paper_day import PaperDay


def told(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def tampered(pdf: bytes, change) -> bytes:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        change(document)
        out = io.BytesIO()
        document.save(out)
    return out.getvalue()


def test_each_part_closes_apart_with_a_signed_report_and_only_when_nothing_is_missing(clinic):
    day = PaperDay(clinic)
    mona, sam = clinic.actor("mona"), clinic.actor("sam")
    b1 = day.bottle("B1")
    visit = day.done("Luna", drugs=[(b1, "B1", 450)])
    lost = day.sheet("travel-sheet", visit)
    slips = day.sheet("card-slip")
    day.slip(slips, 1, 5000)
    with pytest.raises(NotPermitted):
        close(day.id, "clinical", by=sam)
    with pytest.raises(StillMissing, match="1 row is still open: Visit 1: ") as refused:
        close(day.id, "clinical", by=mona)
    assert refused.value.lines[0].startswith("Visit 1: ") and refused.value.exit_code == 1
    with pytest.raises(StillMissing, match="not on a ticket yet"):
        close(day.id, "money", by=mona)
    with pytest.raises(PartUnknown):
        close(day.id, "billing", by=mona)
    waive(day.id, "form_sheet", lost, "Blown out of the van", by=mona)
    report = close(day.id, "clinical", by=mona, key="twice")
    assert close(day.id, "clinical", by=mona, key="twice") == report
    with pytest.raises(PartClosed):
        close(day.id, "clinical", by=mona)
    row = outage(day.id, by=sam)
    assert row.clinical_report_id == report and row.clinical_closed_by == "Mona Marsh" and not row.is_closed
    opened = open_document(report, by=sam)
    text = told(opened.content)
    for words in ("Blown out of the van", "Did not come back", "Mona Marsh",
                  "1 rostered − 0 no-shows + 0 walk-ins = 1 back-entered",
                  "0.45 mL drawn on forms = 0.45 mL taken out of bottles", "Keep it until a backup"):  # fmt: skip
        assert words in text, words
    assert "Luna" not in text and "Ada" not in text
    found = verify_report(opened.content, by=sam)
    assert found.is_genuine and (found.part, found.closed_by) == ("clinical", "Mona Marsh")
    waive(day.id, "card_slip", slips, "Cashed by the sister clinic", by=mona)
    assert close(day.id, "money", by=mona) != report
    assert outage(day.id, by=sam).is_closed
    with read(clinic.id) as session:
        assert audit.verify(session).bad_seq is None
        closings = session.scalars(select(AuditLog).where(AuditLog.action == "outage.closed")).all()
        assert [json.loads(one.detail)["part"] for one in closings] == ["clinical", "money"]
        assert session.get_one(Document, (clinic.id, report)).sha256 == json.loads(closings[0].detail)["sha256"]


def test_a_report_that_was_changed_is_found_out(clinic):
    day = PaperDay(clinic)
    day.done("Luna")
    mona = clinic.actor("mona")
    pdf = open_document(close(day.id, "clinical", by=mona), by=mona).content

    name = attachment(KIND)

    def other_data(document, told=None, signature=None):
        signed = json.loads(document.attachments[name].get_file().read_bytes())
        signed["content"] |= told or {"closed_by": "Somebody else"}
        signed["signature"] = signature or signed["signature"]
        document.attachments[name] = pikepdf.AttachedFileSpec(document, json.dumps(signed).encode(), filename=name)

    def other_page(document):
        document.pages[0].Rotate = 180

    found = verify_report(tampered(pdf, other_data), by=mona)
    assert not found.is_genuine and "changed after it was signed" in found.words
    for told in ({"audit": "gone"}, {"audit": {"seq": 10**30, "hash": "x"}}, {"outage": "\0"}):
        wild = tampered(pdf, partial(other_data, told=told, signature="é"))
        assert "changed after it was signed" in verify_report(wild, by=mona).words
    found = verify_report(tampered(pdf, other_page), by=mona)
    assert not found.is_genuine and "pages are not" in found.words
    for junk in (b"", b"%PDF-1.4 broken", tampered(pdf, lambda document: document.attachments.pop(name))):
        with pytest.raises(NoReport):
            verify_report(junk, by=mona)


def test_what_changes_while_the_report_is_made_keeps_the_part_open(clinic, monkeypatch):
    day = PaperDay(clinic)
    visit = day.done("Luna")
    real = closing_report.report_pdf
    meanwhile = [lambda: day.sheet("travel-sheet", visit), lambda: day.bottle("B9")]

    def slow(*arguments):
        meanwhile.pop()()
        return real(*arguments)

    monkeypatch.setattr("outage.board.report_pdf", slow)
    assert close(day.id, "clinical", by=clinic.actor("mona"))  # a bottle received meanwhile is no row of this outage
    monkeypatch.setattr("outage.board.report_pdf", slow)
    with write(clinic.id) as session:
        session.get_one(Outage, (clinic.id, day.id)).clinical_closed_at = None
        audit.append(session, clinic.operator, "test.reopened", "outage", day.id)
    with pytest.raises(ChangedMeanwhile):
        close(day.id, "clinical", by=clinic.actor("mona"))
    assert outage(day.id, by=clinic.operator).clinical_closed_at is None


def test_an_outage_that_lasts_is_not_closed(clinic):
    day = PaperDay(clinic, lasts=None)
    with pytest.raises(StillLasts):
        close(day.id, "clinical", by=clinic.actor("mona"))


def test_closing_binds_the_blank_stock_that_came_back(clinic):
    day = PaperDay(clinic)
    visit = day.done("Stray", walk_in=True)
    blank = day.sheet("walk-in", visit, purpose="blank", scanned=[1], typed={})
    close(day.id, "clinical", by=clinic.operator)
    with read(clinic.id) as session:
        assert session.get_one(FormSheet, (clinic.id, blank)).outage_id == day.id


def test_no_paper_is_said_to_go_too_early(clinic):
    day = PaperDay(clinic)
    sam = clinic.actor("sam")
    b1 = day.bottle("B1")
    day.done("Luna", drugs=[(b1, "B1", 450)])
    day.sheet("drug-log", bottle=b1, scanned=[1], typed={"uses.1.drawn": "0.45"}, verified="clara")
    slips = day.sheet("card-slip")
    day.slip(slips, 1, 100, destroyed=False)

    def now() -> dict[str, bool]:
        return {one.what.split(",")[0]: one.may_go for one in papers(day.id, by=clinic.operator)}

    assert now() == {"Consents": False, "Drug log sheets": False, "Card slips": True}
    close(day.id, "clinical", by=clinic.operator)
    assert not now()["Consents"]

    def backup(kind: str, ago: timedelta, name: str = "b.ballast") -> None:
        with write(clinic.id) as session:
            at = clock.now() - ago
            session.add(BackupRun(kind=kind, place="/x", file_name=name, state="good", began_at=at, ended_at=at))
            audit.append(session, clinic.operator, "backup.made", "backup", name)

    backup("full", timedelta(days=1), "old")
    backup("drill", timedelta(0), "old")
    backup("full", -timedelta(seconds=1))
    assert not now()["Consents"]
    backup("drill", -timedelta(seconds=2))
    assert now() == {"Consents": True, "Drug log sheets": False, "Card slips": True}
    clock.set(clock.now() + timedelta(days=729))
    assert not now()["Drug log sheets"]
    clock.set(clock.now() + timedelta(days=3))
    assert now()["Drug log sheets"]
    clock.set(None)
    assert papers(day.id, by=sam)
    assert years_after(date(2024, 2, 29), 3) == date(2027, 3, 1)


def test_the_command_opens_tells_closes_and_verifies(sqlite_clinic, tmp_path, capsys):
    def run(*arguments: str) -> tuple[int, dict, str]:
        code = cli.run(["outage", *arguments, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else {}, said.err

    began = (clock.now() - timedelta(hours=5)).replace(microsecond=0)
    code, document, _ = run("open", "--from", began.isoformat(), "--scope", "all", "--reason", "The network is down")
    assert code == 0 and document["lasts"] and datetime.fromisoformat(document["from"]) == began
    assert run("open", "--from", began.isoformat(), "--scope", "cards")[0] == 2
    assert run("open", "--from", "yesterday", "--scope", "cards")[0] == 2
    code, document, _ = run("end")
    assert code == 0 and not document["lasts"] and document["to"]
    code, document, _ = run("status")
    assert code == 0 and document["missing"] == {"clinical": [], "money": []}
    assert document["identities"][0]["lines"][0]["sides"] == [0, 0, 0]
    day = PaperDay.__new__(PaperDay)
    day.clinic, day.id, day.began, day.runs = sqlite_clinic, document["outage"], began.astimezone(UTC), {}
    day.editions = {"travel-sheet": 1}
    visit = day.visit("Luna")
    code, document, err = run("close", "-o", str(tmp_path / "reports"))
    assert code == 1 and document["reports"] == {} and "No sheet belongs to it" in err
    waive(day.id, "appointment", visit, "Came another day", by=sqlite_clinic.operator)
    waive(day.id, "ticket", visit, "Came another day", by=sqlite_clinic.operator)
    code, document, _ = run("close", "-o", str(tmp_path / "reports"))
    assert code == 0 and set(document["reports"]) == {"clinical", "money"} and len(document["files"]) == 2
    assert run("verify", document["files"][0])[1]["genuine"]
    assert run("status")[1] == {"outage": None} and run("close")[0] == 2
    with read(sqlite_clinic.id) as session:
        assert session.get_one(Outage, (sqlite_clinic.id, day.id)).money_closed_at is not None
    assert board(day.id, by=sqlite_clinic.operator).let_go("money")


def test_paper_that_comes_after_the_closing_is_known_and_an_addendum_is_signed_over_it(clinic):
    day = PaperDay(clinic)
    mona, sam = clinic.actor("mona"), clinic.actor("sam")
    visit = day.done("Luna")
    lost = day.sheet("travel-sheet", visit)
    waive(day.id, "form_sheet", lost, "Blown out of the van", by=mona)
    report = close(day.id, "clinical", by=mona)
    with pytest.raises(NothingLate):
        sign_addendum(day.id, by=mona)
    day.sheet("travel-sheet", visit, scanned=[1, 2], typed={})
    late = late_paper(day.id, by=sam)
    assert [(one.visit, one.pages, one.entered_by) for one in late.untold] == [(1, 2, "Sam Stone")]
    with pytest.raises(NotPermitted):
        sign_addendum(day.id, by=sam)
    added = sign_addendum(day.id, by=mona, key="twice")
    assert sign_addendum(day.id, by=mona, key="twice") == added
    opened = open_document(added, by=sam).content
    assert verify_report(opened, by=sam).is_genuine
    assert "Addendum to the outage report" in told(opened) and "Luna" not in told(opened)
    late = late_paper(day.id, by=sam)
    assert not late.untold and [one.document_id for one in late.addenda] == [added]
    assert outage(day.id, by=sam).clinical_report_id == report, "the report itself stays as it was signed"
    with pytest.raises(NothingLate):
        sign_addendum(day.id, by=mona)
