"""The laid-out table: every number stands where it belongs, totals both ways, and leads to its own rows."""

import itertools

import pytest

from reports.drill import drill
from reports.fields import model_of
from reports.grid import grid
from reports.laid_out import lay_out
from reports.run import run_spec
from reports.spec import ReportSpec
from reports.values import wording_of
from security.rules import look
from tests.reports.small_clinic import Small

BY = [{"field": "day", "grain": "month"}, {"field": "surgeon"}]


def asked(**more):
    return ReportSpec.model_validate({
        "title": "T", "entity": "surgery", "period": "day", "preset": "all_time", "measures": ["surgeries"],
        "breakdowns": [{"name": "x", "label": "X", "by": BY}], "subtotals": True,
    } | more)  # fmt: skip


@pytest.fixture
def done(sqlite_clinic):
    small = Small(sqlite_clinic)
    vets = [small.user("clara"), small.user("mona")]
    kinds = ["cat", "dog", "dog"]
    for number, (month, vet, kind) in enumerate(itertools.product(("01", "02"), (0, 1), range(3))):
        if number % 4 != 3:
            small.surgery(f"2024-{month}-{10 + number}T15:00", 20, vets[vet],
                          patient_id=small.patient(species=kinds[kind]))  # fmt: skip
    return sqlite_clinic


@pytest.mark.parametrize("across", [None, {"field": "patient.species", "name": "species"}])
def test_each_number_is_the_count_of_the_rows_it_leads_to(done, across):
    by = done.actor("olive")
    spec = asked(across=across)
    result = run_spec("t", spec, {}, by=by)
    laid = grid(spec, result)
    with look(by, "reports.view") as session:
        model = model_of(session)
    seen = 0
    for line, one in enumerate(laid.lines):
        for column, value in enumerate(one.values):
            at, number = laid.at(line, column)
            behind = run_spec("t", drill(spec, model, at, number), {}, by=by)
            assert len(behind.rows) == (value or 0), (one, at)
            seen += 1
    assert seen >= 7
    kinds = [one.kind for one in laid.lines]
    assert kinds.count("subtotal") == 2 and kinds[-1] == "total"
    assert [one.kind for one in laid.lines if one.key[:1] == laid.lines[0].key[:1]][-1] == "subtotal"
    whole = laid.lines[-1].values
    assert whole[-1] == 9
    if across:
        assert whole[-1] == sum(whole[:-1]) and laid.over[-1].total


def test_lines_that_share_a_group_stand_together_whatever_the_order(done):
    spec = asked(sort=["-surgeries"])
    laid = grid(spec, run_spec("t", spec, {}, by=done.actor("olive")))
    months = [one.key[0] for one in laid.lines if one.kind == "row"]
    assert len(list(itertools.groupby(months))) == len(set(months))


@pytest.mark.parametrize("subtotals", [False, True])
@pytest.mark.parametrize("across", [None, {"field": "patient.species", "name": "species"}])
def test_only_the_first_lines_are_shown_in_order_of_their_totals_on_screen_and_paper(done, across, subtotals):
    by = [{"field": "day", "grain": "day", "name": "day"}, {"field": "surgeon"}]
    whole = asked(across=across, subtotals=subtotals, sort=["-surgeries"], breakdowns=[
        {"name": "x", "label": "X", "by": by if subtotals else by[1:]}
    ])  # fmt: skip
    few = whole.model_copy(update={"limit": 3 if subtotals else 1})
    every, first = (run_spec("t", spec, {}, by=done.actor("olive")) for spec in (whole, few))
    shown = [line.key for line in grid(whole, every).lines if line.kind == "row"]
    kept = [line.key for line in grid(few, first).lines if line.kind == "row"]
    assert set(kept) == set(shown[: few.limit]) if not subtotals else len(kept) == few.limit
    assert len({row[: len(whole.breakdowns[0].by)] for row in first.rows}) == few.limit
    assert first.total == every.total
    wording = wording_of(first.clinic)
    for result in (every, first):
        spec = few if result is first else whole
        paper = [line.cells[: len(whole.breakdowns[0].by)] for line in lay_out(result, wording).lines if not line.label]
        assert set(paper) == {line.key for line in grid(spec, result).lines if line.kind == "row"}
        if not subtotals:
            assert paper == [line.key for line in grid(spec, result).lines if line.kind == "row"]
