"""Behind each mark of a chart stand as many rows as it draws."""

from __future__ import annotations

import pytest

from pages.components import chart_kinds, charts, report_view
from reports import model
from reports.drill import counting, drill
from reports.run import run_spec
from reports.spec import ReportSpec
from tests.reports import small_clinic

STAGES = ("no_show", "no_show", "checked_in", "declined", "checked_out", "checked_out", "died", "booked")


@pytest.fixture
def small(sqlite_clinic):
    small = small_clinic.Small(sqlite_clinic)
    for number, stage in enumerate(STAGES):
        patient = small.patient(species="cat" if number % 3 else "dog")
        small.visit(f"2024-03-0{1 + number % 4}", stage, patient_id=patient)
    return small


def asked(small, kind, *fields):
    spec = ReportSpec.model_validate({
        "title": "Marks", "entity": "appointment", "measures": [{"name": "n", "agg": "count"}],
        "breakdowns": [{"name": "b", "label": "B", "by": [{"field": field} for field in fields]}],
        "chart": {"kind": kind, "y": "n"},
    })  # fmt: skip
    return spec, run_spec("marks", spec, {}, by=small.clinic.actor("adam"))


def rows_behind(small, spec, at):
    listing = drill(spec, model.built_in(), at, "n")
    by = small.clinic.actor("adam")
    found = run_spec("marks", listing, {}, by=by)
    assert run_spec("marks", counting(listing), {}, by=by).rows in ([(len(found.rows),)], [])
    return len(found.rows)


def test_slices_and_the_grey_rest(small, monkeypatch):
    monkeypatch.setattr(chart_kinds, "SLICES", 2)
    spec, result = asked(small, "pie", "stage")
    drawn = chart_kinds.pie(spec, result).data[0]
    assert drawn.labels[-1] == charts.OTHER and len(drawn.values) == 3
    for mark, value in enumerate(drawn.values):
        assert rows_behind(small, spec, chart_kinds.behind(spec, result, [mark])) == value


def test_cells_of_a_heat_map(small):
    spec, result = asked(small, "heatmap", "weekday", "patient.species")
    drawn = chart_kinds.heat(spec, result).data[0]
    for line, cells in enumerate(drawn.z):
        for place, value in enumerate(cells):
            found = rows_behind(small, spec, chart_kinds.behind(spec, result, [line, place]))
            assert found == (value or 0)
    assert chart_kinds.behind(spec, result, [99, 0]) == {}


@pytest.mark.slow
def test_stages_of_the_funnel_hold_all_that_came_so_far(small):
    spec, result = asked(small, "funnel", "stage")
    drawn = chart_kinds.funnel(spec, result).data[0]
    assert max(drawn.x) == 7 and min(drawn.x) == 2
    for mark, value in enumerate(drawn.x):
        assert rows_behind(small, spec, chart_kinds.behind(spec, result, [mark])) == value


def test_bars_and_all_others(small):
    spec, result = asked(small, "stacked", "weekday", "stage")
    for trace in charts.figure(spec, result).data:
        for value, (_, places) in zip(trace.y, trace.customdata, strict=True):
            if places:
                at = report_view._at(result, [int(place) for place in places.split()])
                assert rows_behind(small, spec, at) == value


def test_paper_draws_the_same_funnel_as_the_screen_and_the_flow_knows_its_stages(small):
    from appointments.stages import ATTENDED, FLOW, LABELS
    from reports import funnel
    from reports.paper import chart_of

    spec, result = asked(small, "funnel", "stage")
    paper, screen = chart_of(result), chart_kinds.funnel(spec, result).data[0]
    assert list(paper.labels) == list(screen.y) and list(paper.series[0][1]) == list(screen.x)
    assert FLOW[FLOW.index("checked_in") :] == funnel.PASSED and set(ATTENDED) == funnel.ATTENDED
    assert [funnel.called(stage) for stage in funnel.PASSED] == [LABELS[stage] for stage in funnel.PASSED]
