"""A question too large for its answer's place is stopped in a sentence, and nothing else waits for it."""

import time

import pytest

from data import mart
from data.mart import Mart, MartTooSmall
from reports import reading
from reports.reading import TakesTooLong, TooManyRows, watched
from reports.run import run_spec
from reports.spec import ReportSpec
from tests.reports.small_clinic import Small

LISTING = {
    "title": "Charges", "entity": "invoice_line", "columns": [{"field": "day"}, {"field": "net"}], "sort": ["-net"],
}  # fmt: skip
ENDLESS = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"


@pytest.fixture
def charges(clinic):
    small = Small(clinic)
    invoice = small.invoice(small.client(), "2024-05-01")
    for cents in range(100, 600, 100):
        small.line(invoice, "2024-05-01", cents)
    return clinic


def run(clinic, form="screen", **changes):
    return run_spec("charges", ReportSpec.model_validate(LISTING | changes), {}, by=clinic.actor("adam"), form=form)


def test_a_screen_shows_the_first_rows_and_says_so(charges, monkeypatch):
    monkeypatch.setattr(reading, "SCREEN_ROWS", 3)
    result = run(charges)
    assert [row[1] for row in result.rows] == [500, 400, 300]
    assert result.cut
    assert "only the first 3 rows" in result.facts


@pytest.mark.parametrize("limit", [4, 2])
def test_the_limit_of_the_report_holds_before_that_of_the_screen(charges, monkeypatch, limit):
    monkeypatch.setattr(reading, "SCREEN_ROWS", 3)
    result = run(charges, limit=limit)
    assert [row[1] for row in result.rows] == [500, 400, 300][:limit]
    assert result.cut == (limit > 3)


def test_the_total_of_groups_is_whole_where_the_screen_shows_only_some(charges, monkeypatch):
    monkeypatch.setattr(reading, "SCREEN_ROWS", 3)
    by = {"name": "x", "label": "x", "by": [{"field": "net"}]}
    result = run(charges, columns=[], sort=["-revenue"], measures=["revenue"], breakdowns=[by])
    assert len(result.rows) == 2
    assert result.total[-1] == 1500
    assert result.cut


def test_a_file_that_would_not_hold_every_row_is_refused(charges, monkeypatch):
    monkeypatch.setattr(reading, "FILE_ROWS", 4)
    with pytest.raises(TooManyRows, match="more than 4 rows"):
        run(charges, "xlsx")
    monkeypatch.setattr(reading, "FILE_ROWS", 5)
    assert len(run(charges, "xlsx").rows) == 5


def test_a_question_that_runs_away_is_stopped_and_the_others_go_on(charges):
    run(charges)
    with mart.reading(charges.id) as cursor, mart.reading(charges.id) as other:
        began = time.monotonic()
        with pytest.raises(TakesTooLong, match="shorter period"), watched(cursor, 0.2):
            cursor.execute(ENDLESS).fetchall()
        assert time.monotonic() - began < 20
        assert other.execute("SELECT count(*) FROM invoice_line").fetchone() == (5,)
        cursor.execute("ROLLBACK; BEGIN TRANSACTION READ ONLY")


def test_records_that_do_not_fit_say_what_to_set(charges):
    small = Mart(charges.database, memory_limit="1MB")
    with pytest.raises(MartTooSmall, match="BALLAST_MART_MEMORY"):
        small.refresh(charges.id)
    small.close()
