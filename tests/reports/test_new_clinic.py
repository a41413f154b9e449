"""Before there is a single record, every question can be asked: DuckDB 2.0.0 fails on some expressions over tables
without a row."""

from __future__ import annotations

import pytest

from reports import model
from reports.run import run_spec
from reports.spec import ReportSpec


@pytest.mark.parametrize("entity", sorted(name for name, one in model.built_in().entities.items() if one.offered))
def test_either_of_two_tests_holds_for_no_row(sqlite_clinic, entity):
    by = sqlite_clinic.actor("olive")
    known = model.built_in().entity(entity)
    paths = [name for name, field in known.fields.items() if field.type in ("text", "choice")]
    for link, join in known.joins.items():
        fields = model.built_in().entity(join.entity).fields
        paths += [f"{link}.{name}" for name, field in fields.items() if field.type in ("text", "choice")]
    tests = [{"field": path, "op": op, "value": "x"} for path in paths for op in ("is", "contains")]
    spec = ReportSpec.model_validate({
        "title": "None", "entity": entity, "measures": [{"name": "n", "agg": "count"}], "filters": [{"any": tests}],
        "breakdowns": [{"name": "b", "label": "B", "by": [{"field": paths[0]}]}],
    })  # fmt: skip
    assert run_spec("none", spec, {}, by=by).rows == []
