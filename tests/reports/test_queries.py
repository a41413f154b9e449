"""A question in SQL is kept, run, pinned, copied and brought back like any report, with the rights of its reader."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import select

from cli import run as ballast
from data.errors import EditedMeanwhile, NotFound, NotPermitted
from data.models import AuditLog
from data.session import read
from reports import dashboards, export, saved, sql, tiles
from reports.dashboards import Tile
from reports.queries import QUERY, SavedQuery, asks_days
from reports.run import run, run_spec
from reports.shelf import OnlyTheirs
from reports.sql import RoleReadsLess
from tests.reports import small_clinic
from tests.reports.test_shelf import spec
from tests.reports.test_sql import with_role

BY_MONTH = (
    "SELECT date_trunc('month', day) AS month, sum(net_cents) AS revenue_cents FROM invoice_line, period "
    "WHERE day BETWEEN first_day AND last_day AND category IS DISTINCT FROM 'Zimmermann' GROUP BY 1 ORDER BY 1"
)


def query(text="SELECT 1 AS n", **more):
    return SavedQuery.model_validate({"title": "By hand", "text": text} | more)


@pytest.fixture
def small(sqlite_clinic):
    """What is asked in SQL is asked of the mart, whichever database fills it."""
    made = small_clinic.Small(sqlite_clinic)
    someone = made.client("Zimmermann", owner_type="public")
    visit = made.invoice(someone, "2024-03-04")
    made.line(visit, "2024-03-04", 12_345)
    made.line(visit, "2024-04-05", 655)
    return made


def test_it_stands_in_the_library_with_folder_readers_versions_and_a_copy(clinic):
    adam, olive, mona = (clinic.actor(name) for name in ("adam", "olive", "mona"))
    name = saved.save_query(query(purpose="One?", folder=" Desk "), by=adam, key="k")
    assert saved.save_query(query(), by=adam, key="k") == name == "by-hand"
    card = {one.name: one for one in saved.cards(by=mona)}[name]
    assert (card.folder, card.about, card.owner, card.in_sql) == ("Desk", "One?", "Adam Abbott", True)
    assert "Desk" in saved.folders(by=mona)

    saved.save_query(query("SELECT 2 AS n", folder="Desk"), name=name, version=1, comment="two", by=olive)
    with pytest.raises(EditedMeanwhile):
        saved.save_query(query("SELECT 3 AS n"), name=name, version=1, by=adam)
    with pytest.raises(OnlyTheirs):
        saved.save_query(query("SELECT 3 AS n", shared=False), name=name, version=2, by=olive)
    assert [one.saved.text for one in saved.versions(name, by=mona)] == ["SELECT 2 AS n", "SELECT 1 AS n"]
    assert "SELECT 2 AS n" in saved.versions(name, by=mona)[0].changes
    assert "The query was rewritten" in saved.version_words(name, by=mona)[2]
    saved.roll_back(name, 1, version=2, by=adam)
    assert run(name, by=mona).rows == [(1,)]

    copy = saved.copy_report(name, "Mine", folder="Elsewhere", by=olive)
    assert saved.card(copy, by=olive).spec.sql == "SELECT 1 AS n" and saved.card(copy, by=olive).mine
    with pytest.raises(NotFound):
        run(copy, by=adam)
    saved.place_report(name, title="Renamed", folder="", shared=True, version=3, by=adam)
    assert saved.card(name, by=mona).spec.title == "Renamed"
    saved.remove_report(name, by=adam)
    assert name in {one.name for one in saved.removed_reports(by=olive)} and saved.removed_reports(by=mona) == []
    saved.restore_report(name, by=olive)
    assert run(name, by=mona).rows == [(1,)]
    assert saved.save_report(spec(title="By hand"), by=adam) == "by-hand-2", "a name opens one thing"


def test_who_may_not_write_sql_runs_it_as_it_was_saved_and_nothing_else(clinic):
    adam, mona = clinic.actor("adam"), clinic.actor("mona")
    name = saved.save_query(query(), by=adam)
    standing = saved.card(name, by=mona).spec
    assert run_spec(name, standing, {}, by=mona).rows == [(1,)]
    with pytest.raises(NotPermitted):
        run_spec(name, standing.model_copy(update={"sql": "SELECT 2"}), {}, by=mona)
    with pytest.raises(NotPermitted):
        run_spec("sql", standing, {}, by=mona)
    for change in (
        lambda: saved.save_query(query("SELECT 2"), name=name, by=mona),
        lambda: saved.copy_report(name, "Mine", by=mona),
        lambda: saved.place_report(name, title="x", folder="", shared=True, version=1, by=mona),
        lambda: saved.roll_back(name, 1, by=mona),
        lambda: saved.remove_report(name, by=mona),
    ):
        with pytest.raises(NotPermitted):
            change()
    hidden = saved.save_query(query(shared=False), by=adam)
    for attempt in (lambda: run(hidden, by=mona), lambda: saved.card(hidden, by=mona)):
        with pytest.raises(NotFound):
            attempt()


@pytest.mark.slow
def test_days_are_chosen_above_it_and_every_form_says_what_was_asked(small, tmp_path):
    adam = small.clinic.actor("adam")
    chart = {"kind": "bar", "x": "month", "y": "revenue_cents"}
    name = saved.save_query(query(BY_MONTH, purpose="What came in?", chart=chart), by=adam)
    march = {"from": "2024-03-01", "to": "2024-03-31"}
    assert run(name, march, by=adam).rows == [(date(2024, 3, 1), 12_345)]
    assert len(run(name, {}, by=adam).rows) == 2
    told = export.document(run(name, march, by=adam, form="json"))
    assert told["params"] == {"from": "2024-03-01", "to": "2024-03-31"} and "SELECT date_trunc" in told["definition"]
    assert [column["type"] for column in told["columns"]] == ["day", "money"]
    for form, sign in (("xlsx", b"PK"), ("pdf", b"%PDF"), ("parquet", b"PAR1"), ("csv", b"month,revenue_cents")):
        assert export.render(run(name, march, by=adam, form=form), form).startswith(sign)
    with read(small.clinic.id) as session:
        rows = session.scalars(select(AuditLog).where(AuditLog.action == "report.exported")).all()
    detail = json.loads(rows[-1].detail)
    assert rows[-1].entity_id == name and detail["parameters"] == {"from": "2024-03-01", "to": "2024-03-31"}
    assert detail["tables"] == ["invoice_line", "period"] and detail["form"] == "csv"
    assert not any("Zimmermann" in row.detail for row in rows)


@pytest.mark.slow
def test_a_reader_without_money_is_told_so_and_one_of_own_rows_gets_those(small):
    adam = small.clinic.actor("adam")
    name = saved.save_query(query(BY_MONTH), by=adam)
    lines = saved.save_query(query("SELECT * FROM invoice_line", title="Lines"), by=adam)
    drawn = saved.save_query(query("SELECT count(*) AS n FROM drug_log", title="Drawn"), by=adam)
    visits = saved.save_query(query("SELECT count(*) AS n FROM appointment", title="Visits"), by=adam)
    own = small.client("Own")
    small.visit("2024-03-06", client_id=own, provider_id=small.user("clara"))
    small.visit("2024-03-06")
    poor = with_role(small.clinic, "clara", permissions=["reports.view", "reports.others"])
    with pytest.raises(RoleReadsLess, match=r"By hand reads .*, which your role"):
        run(name, by=poor)
    assert "net_cents" not in [column.name for column in run(lines, by=poor).columns]
    with pytest.raises(RoleReadsLess, match="drug log"):
        run(drawn, by=poor)
    assert run(visits, by=poor).rows == [(2,)], "nobody is given what another person's rights found"
    alone = with_role(small.clinic, "clara", permissions=["reports.view"])
    assert run(visits, by=alone).rows == [(1,)] and run(visits, by=adam).rows == [(2,)]
    with pytest.raises(NotPermitted):
        run(visits, by=alone, form="csv")


@pytest.mark.slow
def test_no_file_is_made_of_a_part_of_an_answer(sqlite_clinic, monkeypatch):
    adam = sqlite_clinic.actor("adam")
    name = saved.save_query(query("SELECT * FROM (VALUES (1), (2), (3)) v(n) ORDER BY n"), by=adam)
    monkeypatch.setattr(sql, "SCREEN_ROWS", 2)
    monkeypatch.setattr(sql, "FILE_ROWS", 2)
    shown = run(name, by=adam)
    assert shown.rows == [(1,), (2,)] and shown.cut and "only the first 2 rows" in shown.facts
    assert run(name, by=adam, form="command").cut
    with pytest.raises(sql.LongerThanAFile, match="By hand answers more than 2 rows"):
        run(name, by=adam, form="csv")


def test_an_answer_on_screen_is_kept_until_the_clinic_changes(small, monkeypatch):
    adam, mona = small.clinic.actor("adam"), small.clinic.actor("mona")
    name = saved.save_query(query("SELECT count(*) AS n FROM client"), by=adam)
    first = run(name, by=adam).rows[0][0]
    asked = []
    monkeypatch.setattr(sql.sandbox, "answer", lambda *args, **more: asked.append(args) or 1 / 0)
    assert run(name, by=adam).rows == [(first,)] and not asked
    monkeypatch.undo()
    small.client("Another")
    assert run(name, by=mona).rows == [(first + 1,)]


@pytest.mark.slow
def test_it_is_pinned_as_chart_table_and_number_and_takes_the_dashboards_days(small):
    adam = small.clinic.actor("adam")
    by_month = saved.save_query(query(BY_MONTH), by=adam)
    one = saved.save_query(query("SELECT 7 AS other, count(*) AS lines FROM invoice_line", title="Lines"), by=adam)
    assert tiles.numbers(one, by=adam) == {"other": "Other", "lines": "Lines"}
    board = dashboards.pin(by_month, Tile(id="new", report=by_month, show="table"), title="Board", by=adam)
    dashboards.pin(one, Tile(id="new", report=one, show="number", number="lines"), name=board, by=adam)
    dashboards.pin(by_month, Tile(id="new", report=by_month, show="number"), name=board, by=adam)
    shown = dashboards.board(board, by=adam).dashboard
    days = date(2024, 4, 1), date(2024, 4, 30)
    table, number, many = (tiles.answer(tile, shown, days, {}, by=adam) for tile in shown.tiles)
    assert table.result.rows == [(date(2024, 4, 1), 655)]
    assert number.result.rows == [(2,)] and [column.name for column in number.result.columns] == ["lines"]
    assert many.result.rows == [(655,)]
    wide = tiles.answer(shown.tiles[2], shown, (date(2024, 1, 1), date(2024, 12, 31)), {}, by=adam)
    assert wide.result is None and "answers 2 rows" in wide.problem
    assert "Rows" not in tiles.filter_fields(shown, by=adam)
    saved.remove_report(one, by=adam)
    assert tiles.answer(shown.tiles[1], shown, days, {}, by=adam).problem == tiles.GONE


def test_the_command_reads_it_too(clinic, tmp_path):
    saved.save_query(query(), by=clinic.actor("adam"))
    out = tmp_path / "out.csv"
    assert ballast(["report", "run", "by-hand", "--as", "mona", "-o", str(out)]) == 0
    assert out.read_text().split() == ["n", "1"]


@pytest.mark.parametrize(("text", "asks"), [
    (BY_MONTH, True), ("SELECT 1 AS period", False), ("SELECT period.last_day FROM period", True),
    ("SELECT last_day(day) FROM visit -- per period", False), ("SELECT 'first_day of the period' /* x */", True),
])  # fmt: skip
def test_a_query_asks_for_days_where_it_reads_them(text, asks):
    assert asks_days(text) is asks


def test_a_broken_document_is_refused_in_a_sentence(clinic):
    with pytest.raises(Exception, match="title: must not be empty"):
        QUERY.parse({"title": " ", "text": "SELECT 1"})
