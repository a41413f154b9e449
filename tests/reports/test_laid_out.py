"""What is taken out keeps its pivot, subtotals, filters and chart, and a long list is written without waiting."""

import io
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import mart
from data.models import Clinic
from reports import export
from reports.compile import ResultColumn
from reports.laid_out import lay_out
from reports.paper import LONGEST, TooLongForPaper, chart_of, to_pdf
from reports.result import Result
from reports.run import run_spec
from reports.spec import ReportSpec
from reports.streamed import _quoted, write_csv
from reports.values import wording_of
from tests.reports import small_clinic


@pytest.fixture
def busy(sqlite_clinic):
    small = small_clinic.Small(sqlite_clinic)
    dogs, cats = small.client("Dogs"), small.client("Cats")
    for name, (owner, species, sex) in {
        "a": (dogs, "dog", "male"), "b": (dogs, "dog", "female"), "c": (cats, "cat", "female"),
        "d": (cats, "cat", "female"),
    }.items():  # fmt: skip
        patient = small.patient(owner, species, sex, name)
        for day in ("2024-03-04", "2024-04-01") if name != "d" else ("2024-04-02",):
            small.surgery(f"{day}T12:00", 30, patient_id=patient, client_id=owner)
    return small


def asked(busy, **spec):
    return run_spec("x", ReportSpec.model_validate({"title": "X", "entity": "surgery"} | spec), {},
                    by=busy.clinic.operator, form="xlsx")  # fmt: skip


BY_MONTH = {"name": "none", "label": "x", "by": [{"field": "day", "grain": "month"}, {"field": "patient.species"}]}


def sheets(content):
    """Cells of each sheet of a workbook by place, read without the library that wrote it."""
    import re
    import zipfile

    found = {}
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        for number in (1, 2):
            text = book.read(f"xl/worksheets/sheet{number}.xml").decode()
            cells = re.findall(
                r'<c r="([A-Z]+\d+)"[^>]*?(?:/>|>(?:<v>([^<]*)</v>|<is><t[^>]*>([^<]*)</t></is>)</c>)', text
            )
            found[number] = {place: value or said for place, value, said in cells}
            found[f"frozen {number}"] = 'state="frozen"' in text
    return found


def test_a_pivot_keeps_its_columns_subtotals_and_total(busy):
    result = asked(busy, breakdowns=[BY_MONTH], across={"field": "patient.sex"}, measures=["surgeries"], subtotals=True)
    laid = lay_out(result, wording_of(result.clinic))
    assert [column.label for column in laid.columns] == ["Month", "Species", "Female", "Male", "Total"]
    march, april = date(2024, 3, 1), date(2024, 4, 1)
    assert [(line.label, *line.cells) for line in laid.lines] == [
        ("", march, "cat", 1, None, 1), ("", march, "dog", 1, 1, 2), ("Subtotal", march, None, 2, 1, 3),
        ("", april, "cat", 2, None, 2), ("", april, "dog", 1, 1, 2), ("Subtotal", april, None, 3, 1, 4),
        ("Total", None, None, 5, 2, 7),
    ]  # fmt: skip
    printed = export.table(result)
    assert printed.rows[2] == ["Mar 2024", "Subtotal", "2", "1", "3"] and printed.strong == {2, 5}
    assert printed.total == ["Total", "", "5", "2", "7"]
    book = sheets(export.to_xlsx(result))
    assert [book[1][f"{letter}4"] for letter in "BCDE"] == ["Subtotal", "2", "1", "3"]
    assert [book[1][f"{letter}8"] for letter in "ACDE"] == ["Total", "5", "2", "7"]
    assert book["frozen 1"]


def test_several_numbers_of_a_pivot_stand_beneath_what_they_belong_to(busy):
    numbers = ["surgeries", {"name": "longest", "label": "Longest", "agg": "max", "of": "minutes"}]
    month = {"name": "none", "label": "x", "by": [{"field": "day", "grain": "month"}]}
    result = asked(busy, breakdowns=[month], across={"field": "patient.species"}, measures=numbers)
    laid = lay_out(result, wording_of(result.clinic))
    assert laid.above == ("", "Cat", "Cat", "Dog", "Dog", "Total", "Total")
    assert [line.cells for line in laid.lines] == [
        (date(2024, 3, 1), 1, 30.0, 2, 30.0, 3, 30.0), (date(2024, 4, 1), 2, 30.0, 2, 30.0, 4, 30.0),
        (None, 3, 30.0, 4, 30.0, 7, 30.0),
    ]  # fmt: skip
    assert sheets(export.to_xlsx(result))[1]["B1"] == "Cat"


def test_filters_stand_on_every_file_that_holds_words(busy):
    from pypdf import PdfReader

    only_cats = [{"field": "patient.species", "op": "is", "value": "cat"}]
    result = asked(busy, filters=only_cats, breakdowns=[BY_MONTH], measures=["surgeries"],
                   chart={"kind": "bar", "title": "By month", "x": "month", "y": "surgeries"})  # fmt: skip
    assert result.filters == ("Patient > Species is cat",)
    assert "Patient &gt; Species is cat" in sheets(export.to_xlsx(result))[2].values()
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(to_pdf(result))).pages)
    for words in ("only where Patient > Species is cat", "Harbor Spay & Neuter", "page 1 of 1", "By month", "Mar 2024"):
        assert words in text, words


def test_charts_on_paper_hold_the_numbers_of_the_table(busy):
    chart = {"kind": "stacked", "title": "t", "x": "month", "series": "species", "y": "surgeries"}
    result = asked(busy, breakdowns=[BY_MONTH], measures=["surgeries"], chart=chart)
    drawn = chart_of(result)
    assert list(drawn.labels) == ["Mar 2024", "Apr 2024"]
    assert {name: list(values) for name, values in drawn.series} == {"Dog": [2, 2], "Cat": [1, 2]}
    for kind in ("bar", "line", "ranked", "pie", "heatmap", "none"):
        one = asked(busy, breakdowns=[BY_MONTH], measures=["surgeries"], chart=chart | {"kind": kind})
        assert to_pdf(one).startswith(b"%PDF")
        if kind in ("ranked", "pie"):
            assert [list(values) for _, values in chart_of(one).series] == [[4, 3]]
        if kind == "heatmap":
            assert {name: list(values) for name, values in chart_of(one).series} == {
                "Mar 2024": [1, 2],
                "Apr 2024": [2, 2],
            }
            assert list(chart_of(one).labels) == ["Cat", "Dog"]
        if kind == "none":
            assert chart_of(one) is None
    wide = asked(busy, breakdowns=[BY_MONTH], measures=["surgeries"], chart=chart | {"kind": "heatmap"})
    many = [(day, f"kind {count}", 1) for count in range(40) for day in (date(2024, 3, 1), date(2024, 4, 1))]
    assert chart_of(replace(wide, rows=many)) is None, "what no page holds is left to the table"


def test_paper_says_when_a_list_is_too_long_for_it(sqlite_clinic):
    from security.clinics import clinic_of

    columns = (ResultColumn("name", "text", "Name"),)
    rows = [(str(n),) for n in range(LONGEST + 1)]
    result = Result("r", "Long", {}, "", columns, rows, None, (), clinic_of(sqlite_clinic.id), 0.0)
    with pytest.raises(TooLongForPaper, match="5,001 lines"):
        to_pdf(result)


LISTS = {
    "surgery": ["day", "weekday", "hour", "procedure", "minutes", "has_complication", "patient.name"],
    "client": ["name", "owner_type", "first_visit", "visits"],
    "appointment": ["day", "time", "stage", "walk_in", "lead_days", "notes"],
    "patient": ["name"],
}


@pytest.mark.parametrize("entity", LISTS)
def test_a_streamed_list_is_the_same_file(busy, entity):
    busy.client('=HYPERLINK("x")\n, "y"')
    busy.patient(name="")
    spec = ReportSpec(title="x", entity=entity, columns=[{"field": field} for field in LISTS[entity]])
    file = io.BytesIO()
    rows = write_csv("x", spec, {}, file, by=busy.clinic.operator)
    result = run_spec("x", spec, {}, by=busy.clinic.operator, form="csv")
    assert rows == len(result.rows) > 3
    assert file.getvalue().decode() == export.to_csv(result).decode()


@pytest.fixture(scope="module")
def duck():
    import duckdb

    return duckdb.connect()


CLINIC = Clinic(slug="x", name="X", kind="veterinary", zone="UTC", currency="USD", locale="en_US")


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
       st.sampled_from(["", "=", " +", "\t", "\u2003@", "\x85-", '"', ","]),
       st.integers(-(10**15), 10**15), st.floats(-1e9, 1e9), st.integers(1, 7), st.datetimes())  # fmt: skip
def test_the_engine_spells_each_cell_as_python_does(duck, text, front, cents, number, weekday, moment):
    columns = tuple(
        ResultColumn(type_, type_, type_) for type_ in ("text", "money", "number", "weekday", "instant", "quarter")
    )
    row = (
        front + text,
        cents,
        number,
        weekday,
        moment.replace(year=max(moment.year, 1600)),
        moment.date().replace(year=2024, day=1),
    )
    told = export.to_csv(Result("r", "R", {}, "", columns, [row], None, (), CLINIC, 0.0)).decode()
    line = " || ',' || ".join(_quoted(column) for column in columns)
    types = ("VARCHAR", "BIGINT", "DOUBLE", "INTEGER", "TIMESTAMP", "DATE")
    source = ", ".join(f'?::{type_} AS "{column.name}"' for type_, column in zip(types, columns, strict=True))
    ((made,),) = duck.execute(f"SELECT {line} FROM (SELECT {source})", list(row)).fetchall()
    assert made == told.split("\r\n", 1)[1].removesuffix("\r\n")


def test_the_streamed_file_needs_the_right_to_export_and_is_audited(busy):
    import json

    from sqlalchemy import select

    from data.errors import NotPermitted
    from data.models import AuditLog
    from data.session import read

    spec = ReportSpec(title="x", entity="patient", columns=[{"field": "species"}])
    with pytest.raises(NotPermitted):
        write_csv("x", spec, {}, io.BytesIO(), by=busy.clinic.actor("sam"))
    write_csv("x", spec, {}, io.BytesIO(), by=busy.clinic.actor("mona"))
    with read(busy.clinic.id) as session:
        row = session.scalars(select(AuditLog).where(AuditLog.action == "report.exported")).one()
    assert json.loads(row.detail)["rows"] == 4 and json.loads(row.detail)["form"] == "csv"
    assert mart.mart().verify(busy.clinic.id) == {}
