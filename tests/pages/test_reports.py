"""The report pages: what a role opens, the same numbers as the command, files, empty states."""

import json
import re

import pytest
from sqlalchemy import select

from cli import run as ballast
from data import definitions
from data.models import AuditLog, User
from data.session import read, write
from reports.saved import save_report
from reports.spec import ReportSpec, built_in
from security.roles import ROLE, Role
from tests.reports import small_clinic
from tests.screen import opened


@pytest.fixture
def small(sqlite_clinic):
    return small_clinic.Small(sqlite_clinic)


def tables(at):
    found = "".join(block.proto.body for block in at.get("html") if "report-table" in block.proto.body)
    return re.sub(r' data-cell="[^>]*"(?=>)', "", found)


def test_the_library_offers_what_the_role_may_run(sqlite_clinic):
    page = opened(sqlite_clinic, "mona", "reporting/library.py")
    labels = {link.proto.label for link in page.get("page_link")}
    assert {f"**{spec.title}**" for spec in built_in().values()} <= {label.replace("\\", "") for label in labels}


def test_page_and_command_show_the_same_numbers(small, capsys):
    for stage in ("no_show", "checked_out", "checked_out"):
        small.visit("2024-03-04", stage)
    small.visit("2024-03-05", "no_show")
    page = opened(small.clinic, "mona", "reporting/report.py", name="no-show-rate", period="All time")
    assert [(metric.label, metric.value) for metric in page.metric] == [
        ("No-shows", "2"), ("Attended", "2"), ("Canceled", "0"), ("All appointments", "4"),
        ("No-show rate", "50.0%"), ("Share of all", "50.0%"),
    ]  # fmt: skip
    assert '<td class="s">Monday</td><td class="n">1</td><td class="n">2</td>' in tables(page)
    capsys.readouterr()
    assert ballast(["report", "run", "no-show-rate", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names = [column["name"] for column in told["columns"]]
    assert dict(zip(names, told["total"], strict=True)) | {"weekday": None} == {
        "weekday": None, "no_shows": 2, "attended": 2, "cancelled": 0, "all_rows": 4,
        "rate_of_arrivals": 0.5, "rate_of_all": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(built_in()))
def test_every_report_opens_on_an_empty_clinic_and_says_what_to_do(sqlite_clinic, name):
    page = opened(sqlite_clinic, "olive", "reporting/report.py", name=name)
    assert not page.error
    assert any("search_off" in text.value for text in page.markdown)


def test_an_unknown_report_is_one_sentence(sqlite_clinic):
    page = opened(sqlite_clinic, "mona", "reporting/report.py", name="nothing")
    assert page.error[0].value.startswith("There is no report called nothing")


def test_names_with_markup_are_shown_as_they_are(small):
    client = small.client("<script>alert(1)</script>")
    invoice = small.invoice(client, "2024-01-01")
    small.line(invoice, "2024-01-01", 1_000)
    page = opened(small.clinic, "olive", "reporting/report.py", name="ar-ageing")
    assert "<script>" not in tables(page)
    assert "&lt;script&gt;alert(1)" in tables(page)


def test_a_number_called_like_a_link_is_told_as_it_is_called(small):
    small.visit("2024-03-04", "no_show")
    label = "[Visits](https://example.org) in $ and $"
    number = {"name": "n", "label": label, "agg": "count"}
    for kind in ("none", "number"):
        asked = {"title": f"As {kind}", "entity": "appointment", "measures": [number],
                 "chart": {"kind": kind, "y": "n"}}  # fmt: skip
        name = save_report(ReportSpec.model_validate(asked), by=small.clinic.actor("adam"))
        page = opened(small.clinic, "olive", "reporting/report.py", name=name)
        assert page.metric[0].label == label.replace("[", "\\[").replace("]", "\\]").replace("$", "\\$")


def test_looking_twice_is_one_audit_row(small):
    small.visit("2024-03-04", "no_show")
    page = opened(small.clinic, "mona", "reporting/report.py", name="no-show-rate", period="All time")
    page.run()
    with read(small.clinic.id) as session:
        looks = select(AuditLog.detail).where(AuditLog.action == "report.viewed", AuditLog.entity_id == "no-show-rate")
        rows = session.scalars(looks).all()
    assert len(rows) == 1
    assert json.loads(rows[0])["rows"] == 1


def test_a_chart_is_of_the_rows_of_whoever_looks(small):
    with write(small.clinic.id) as session:
        definitions.save(session, ROLE, "vet", Role(label="Vet", permissions=["reports.view"]), by_user_id=None)
        for username in ("clara", "sam"):
            session.query(User).filter_by(username=username).one().role = "vet"
    for username, month in (("clara", "01"), ("clara", "02"), ("sam", "03"), ("sam", "04")):
        small.surgery(f"2024-{month}-05T15:00", 20, small.user(username))

    chosen = {"name": "surgeries", "period": "All time", "by": "Month and species"}
    clara, sam = (opened(small.clinic, name, "reporting/report.py", **chosen) for name in ("clara", "sam"))
    for page, month in ((clara, "Jan"), (sam, "Mar"), (clara, "Jan"), (sam, "Mar")):
        page.run()
        assert month in page.get("plotly_chart")[0].proto.spec


def test_staff_do_not_reach_reports(sqlite_clinic):
    from data.errors import NotPermitted
    from reports.run import run
    from reports.saved import cards

    sam = sqlite_clinic.actor("sam")
    with pytest.raises(NotPermitted):
        cards(by=sam)
    with pytest.raises(NotPermitted):
        run("no-show-rate", by=sam)
