"""Files say the same as the screen, cannot run as formulas, and leave no more than the role may see."""

import csv
import io
import json
import random
import subprocess
import sys
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from cli import run as ballast
from data.errors import NotPermitted, Refusal
from data.models import AuditLog, Clinic
from data.session import read, write
from reports import export, model, offers, spec
from reports.compile import Reader, ResultColumn, compile_spec
from reports.result import Result
from reports.run import BackwardPeriod, BadDay, UnknownBreakdown, UnknownParameter, run, run_spec
from security import sessions
from security.permissions import PERMISSIONS
from tests.reports import small_clinic

FREE_TEXT = {"notes", "caution", "reason"}
DANGEROUS = "=+-@\t\r\n|%＝＋－＠"


def result_of(text, cents=-123_456):
    columns = (ResultColumn("name", "text", "Name"), ResultColumn("paid", "money", "Paid", is_measure=True))
    clinic = Clinic(slug="x", name="X", kind="veterinary", zone="UTC", currency="USD", locale="en_US")
    return Result("r", "R", {}, "What it means.", columns, [(text, cents)], (None, cents), (), clinic, 0.0)


def cells(content):
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@settings(deadline=None)
@given(st.text(), st.sampled_from([*DANGEROUS, "", " ", "  =", "\u3000＝"]))
def test_no_text_of_a_csv_starts_a_formula(text, front):
    head, line = cells(export.to_csv(result_of(front + text)))
    assert head == ["name", "paid"]
    assert line[0] in (front + text, "'" + front + text)
    assert line[0][:1] not in DANGEROUS or line[0] == ""
    assert line[0].lstrip()[:1] not in DANGEROUS or line[0].lstrip() == ""


def test_the_name_over_a_column_is_no_formula_either():
    asked = result_of("a")
    columns = (replace(asked.columns[0], name="=cmd|' /C calc'!A0"), asked.columns[1])
    assert cells(export.to_csv(replace(asked, columns=columns)))[0] == ["'=cmd|' /C calc'!A0", "paid"]


@settings(deadline=None)
@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_money_is_written_to_the_cent_and_negative_amounts_stay_numbers(cents):
    from decimal import Decimal

    written = cells(export.to_csv(result_of("a", cents)))[1][1]
    assert Decimal(written) * 100 == cents


def test_a_workbook_holds_text_as_text(tmp_path):
    import zipfile

    content = export.to_xlsx(result_of('=HYPERLINK("http://x","y")'))
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "-1234.56" in sheet


def test_parquet_keeps_types():
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(export.to_parquet(result_of("a"))))
    assert table.to_pylist() == [{"name": "a", "paid": -123_456}]
    assert table.schema.metadata[b"definition"] == b"What it means."


@pytest.mark.parametrize("form", sorted(export.FORMATS))
def test_the_command_writes_every_format(sqlite_clinic, tmp_path, form):
    out = tmp_path / f"out.{form}"
    assert ballast(["report", "run", "no-show-rate", "--format", form, "-o", str(out)]) == 0
    content = out.read_bytes()
    assert content.startswith({"pdf": b"%PDF", "xlsx": b"PK", "parquet": b"PAR1", "json": b"{"}.get(form, b""))


def test_every_report_is_written_in_every_format_even_when_empty(sqlite_clinic):
    from reports.paper import to_pdf as as_pdf

    for name in spec.built_in():
        result = run(name, by=sqlite_clinic.operator, form="command")
        told = json.loads(export.to_json(result))
        assert {"report", "params", "definition", "columns", "rows"} <= set(told)
        assert told["rows"] == [], name
        assert all({"name", "type", "label"} <= set(column) for column in told["columns"])
        assert as_pdf(result).startswith(b"%PDF")
        assert export.to_xlsx(result).startswith(b"PK")
        assert export.to_parquet(result).startswith(b"PAR1")


def test_files_and_runs_are_audited_with_who_what_and_how_many(clinic):
    run("no-show-rate", {"from": "2024-01-01"}, by=clinic.actor("mona"), form="csv")
    with read(clinic.id) as session:
        row = session.scalars(select(AuditLog).where(AuditLog.action == "report.exported")).one()
    assert (row.actor, row.entity, row.entity_id) == ("mona", "report", "no-show-rate")
    detail = json.loads(row.detail)
    assert detail["form"] == "csv" and detail["rows"] == 0 and detail["parameters"]["from"] == "2024-01-01"


def role_with(clinic, *permissions):
    from data import definitions
    from data.models import User
    from security.roles import ROLE, Role

    with write(clinic.id) as session:
        definitions.save(session, ROLE, "reader", Role(label="Reader", permissions=list(permissions)), by_user_id=None)
        session.query(User).filter_by(username="sam").one().role = "reader"
        session.flush()
        token = sessions.open_session(session, clinic.users["sam"])
    return sessions.resume(token, touch=False).actor


def test_money_needs_its_own_permission(clinic):
    sam = role_with(clinic, "reports.view", "clients.view")
    with pytest.raises(NotPermitted, match="money"):
        run("revenue-by-service", by=sam)
    assert run("no-show-rate", by=sam).rows == []


def test_free_text_is_for_those_who_see_clients():
    fields = model.built_in().entities
    told = {(name, field) for name, one in fields.items() for field in one.fields if field in FREE_TEXT}
    assert told and all(fields[name].fields[field].phi for name, field in told)


def test_columns_a_role_may_not_see_are_not_even_asked_for():
    mixed = spec.ReportSpec(
        title="x", entity="invoice_line", measures=["lines", "revenue"],
        breakdowns=[{"name": "day", "label": "Day", "by": [{"field": "day"}]}],
    )  # fmt: skip
    query = compile_spec(mixed, {}, Reader(frozenset({"reports.view"})))
    assert "net_cents" not in query.sql
    assert query.left_out == ("Revenue",)
    listing = spec.built_in()["roster"]
    assert "phone" not in compile_spec(listing, {"date": date(2024, 1, 1)}, Reader(frozenset())).sql


SECRET = ("first_name", ".phone", ".notes", ".caution", ".microchip", ".reason", " ELSE t.name END", "_cents")


@pytest.mark.parametrize("entity", sorted(model.built_in().entities))
def test_no_question_reads_a_name_or_an_amount_for_who_may_see_none(entity):
    known, lot, compiled = model.built_in(), random.Random(5), 0
    here, reader = known.entity(entity), Reader(frozenset(PERMISSIONS) - {"clients.view", "reports.money"})
    paths = [one.path for one in offers.fields(known, entity, frozenset(PERMISSIONS))]
    if not paths:
        return  # it only helps others, and shows nothing itself
    paths = [
        path for path in paths if path.split(".")[-1] not in ("is_open", "deposit", "discount_given")
    ]  # yes or no, no amount
    sources = [one.source.strip() for one in known.entities.values() if one.source]
    for _ in range(120):
        if lot.random() < 0.5:
            body = {"columns": [{"field": lot.choice(paths), "name": f"c{count}"} for count in range(4)]}
        else:
            aggregates = [{"name": f"n{count}", "agg": lot.choice(["count_distinct", "sum", "min", "median"]),
                           "of": lot.choice(paths)} for count in range(2)]  # fmt: skip
            named = [{"name": "m", "measure": one} for one in lot.sample([*here.measures], min(1, len(here.measures)))]
            by = [{"field": lot.choice(paths), "name": "g"}]
            body = {"measures": [*aggregates, {"name": "q", "num": "n0", "den": "n1"}, *named],
                    "breakdowns": [{"name": "b", "label": "B", "by": by}]}  # fmt: skip
        if lot.random() < 0.3:
            body["filters"] = [{"any": [{"field": lot.choice(paths), "op": "not_empty"}]}]
        asked = spec.ReportSpec.model_validate({"title": "T", "entity": entity, "sort": ["-n0", "c0"]} | body)
        try:
            query = compile_spec(asked, {"today": date(2024, 1, 1)}, reader)
        except Refusal:
            continue
        told, compiled = query.sql, compiled + 1
        for source in sources:
            told = told.replace(source, "")
        assert not [one for one in SECRET if one in told], (body, told)
    assert bool(compiled) == (here.permission != "reports.money"), "what is about money alone is closed to them"


def test_a_file_needs_the_right_to_export(clinic):
    sam = role_with(clinic, "reports.view")
    run("no-show-rate", by=sam)
    for form in ("csv", "pdf", "command"):
        with pytest.raises(NotPermitted, match="files"):
            run("no-show-rate", by=sam, form=form)


def test_a_restricted_client_is_not_named(clinic):
    from data.models import Client
    from data.types import clock

    now = clock.now()
    with write(clinic.id) as session:
        session.add(Client(number=1, last_name="Secret", phone="555", restricted=True))
    listing = spec.ReportSpec(title="x", entity="client", columns=[{"field": "name"}, {"field": "phone"}])
    assert run_spec("x", listing, {}, by=clinic.operator, form="command").rows == [("Restricted record", "")]
    assert now


@pytest.mark.parametrize(
    ("params", "failure", "words"),
    [
        ({"from": "31/02/2024"}, BadDay, "must be a day such as 2024-03-31, not 31/02/2024"),
        ({"from": "2024-02-31"}, BadDay, "2024-02-31"),
        ({"until": "2024-01-01"}, UnknownParameter, "It takes: from, to, by"),
        ({"from": "2024-02-01", "to": "2024-01-01"}, BackwardPeriod, "before it begins"),
        ({"by": "moon"}, UnknownBreakdown, "Choose one of: weekday, month"),
    ],
)
def test_a_wrong_choice_is_one_sentence(sqlite_clinic, params, failure, words):
    with pytest.raises(failure, match=words):
        run("no-show-rate", params, by=sqlite_clinic.operator, form="command")


def test_the_command_answers_for_a_person_with_their_rights(sqlite_clinic, capsys):
    assert ballast(["report", "run", "no-show-rate", "--as", "sam", "--format", "csv"]) == 3
    assert "may not" in capsys.readouterr().err
    assert ballast(["report", "run", "no-show-rate", "--as", "mona", "--json"]) == 0
    assert ballast(["report", "run", "nothing"]) == 2
    assert ballast(["report", "run", "no-show-rate", "--param", "from"]) == 2


def test_joins_that_could_double_a_sum_are_refused():
    from reports.model import Entity

    with pytest.raises(ValueError, match="count twice"):
        Entity.model_validate(
            {
                "label": "x",
                "row": "x",
                "table": "x",
                "measures": {"m": {"label": "m", "agg": "sum", "of": "other.cents"}},
            }
        )
    with pytest.raises(ValueError, match="should be"):
        Entity.model_validate(
            {"label": "x", "row": "x", "table": "x", "joins": {"l": {"entity": "y", "on": "id", "key": "invoice_id"}}}
        )


def test_reports_load_no_heavy_module_before_they_run():
    code = (
        "import sys, reports.run, reports.export; "
        "print({'pandas', 'plotly', 'streamlit', 'xlsxwriter'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_every_report_and_column_is_documented():
    from pathlib import Path

    from security.permissions import PERMISSIONS

    text = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()
    chosen = {"opening_before": date(1, 1, 1), "date": date(2024, 1, 1), "as_of": date(2024, 1, 1)}
    for name, one in spec.built_in().items():
        assert f"#### `{name}`" in text, name
        section = text.split(f"#### `{name}`")[1].split("####")[0]
        for column in compile_spec(one, chosen, Reader(frozenset(PERMISSIONS))).columns:
            assert f"| `{column.name}` | {column.type} |" in section, (name, column.name)


def test_a_question_that_is_not_kept_is_written_down_without_what_names_somebody(sqlite_clinic):
    asked = spec.ReportSpec.model_validate({
        "title": "Unsaved", "entity": "appointment", "measures": ["all_rows"], "period": "day",
        "breakdowns": [{"name": "m", "label": "M", "by": [{"field": "day", "grain": "month"}]}],
        "asks": [{"name": "who", "label": "Client", "field": "client.name"}],
        "filters": [{"field": "client.name", "op": "contains", "parameter": "who"},
                    {"any": [{"field": "patient.species", "op": "is", "value": "cat"},
                             {"field": "patient.name", "op": "is", "value": "Zorro"}]}],
    })  # fmt: skip
    small = small_clinic.Small(sqlite_clinic)
    small.visit("2024-03-04", "no_show", patient_id=small.patient())
    by = sqlite_clinic.actor("adam")
    run_spec("new report", asked, {"who": "Zimmermann"}, by=by)
    run("no-show-rate", {}, by=by)
    with read(sqlite_clinic.id) as session:
        rows = session.scalars(select(AuditLog).where(AuditLog.action == "report.viewed")).all()
    unsaved, kept = (json.loads(row.detail) for row in rows)
    assert unsaved["over"] == "appointment" and unsaved["numbers"] == ["all_rows"] and unsaved["by"] == ["day month"]
    assert unsaved["where"] == ["client.name", "patient.name", "patient.species"]
    assert unsaved["parameters"]["who"] == "…" and "Zorro" not in rows[0].detail and "Zimmermann" not in rows[0].detail
    assert "over" not in kept, "the name of a kept report says what it asks"
