"""What the builder offers and what its choices come to."""

import json
from datetime import date

import pytest

from data.errors import NotPermitted
from reports import building, offers
from reports.compile import Reader, compile_spec
from reports.model import built_in as model
from reports.spec import ReportSpec, built_in
from security.permissions import PERMISSIONS

ALL = frozenset(PERMISSIONS)
PARAMS = {name: date(2024, 2, 1) for name in ("today", "from", "to", "as_of", "date", "opening_before")}


def sql(spec, may=ALL):
    query = compile_spec(spec, PARAMS, Reader(may), model())
    return query.sql, query.values, query.columns


@pytest.mark.parametrize("name", sorted(built_in()))
def test_a_report_taken_apart_and_put_together_asks_the_same(name):
    spec = built_in()[name]
    kept = json.loads(json.dumps(building.choices_of(spec)))
    assert sql(building.spec_of(kept, model())) == sql(spec)


def test_questions_brackets_and_shown_forms_survive_the_builder():
    spec = ReportSpec.model_validate({
        "title": "All of it", "entity": "surgery", "period": "day", "compare": "year_before",
        "asks": [{"name": "species", "label": "Species", "field": "patient.species", "default": ["cat"]}],
        "filters": [
            {"field": "patient.species", "op": "in", "parameter": "species"},
            {"any": [{"field": "minutes", "op": "after", "value": 20},
                     {"all": [{"field": "hour", "op": "is", "value": 9},
                              {"field": "weekday", "op": "is", "value": 1}]}]},
        ],
        "breakdowns": [{"name": "a", "label": "A", "by": [{"field": "day", "grain": "month"}, {"field": "surgeon"}]}],
        "across": {"field": "patient.species", "name": "species"},
        "measures": [
            "surgeries", {"name": "change", "measure": "surgeries", "show": "change"},
            {"name": "cats", "agg": "count", "where": [{"field": "patient.species", "op": "is", "value": "cat"}]},
            {"name": "share_of_cats", "num": "cats", "den": "surgeries"},
        ],
        "subtotals": True, "sort": ["-surgeries"], "limit": 7, "chart": {"kind": "stacked", "y": "cats"},
    })  # fmt: skip
    kept = json.loads(json.dumps(building.choices_of(spec)))
    assert len(kept["numbers"]) == 3, "surgeries and their change are one line"
    made = building.spec_of(kept, model())
    assert [by.column for by in made.breakdowns[0].by] == ["month", "surgeon"]
    assert made.model_dump(exclude={"breakdowns"}) == spec.model_dump(exclude={"breakdowns"})


def test_every_offered_field_of_every_entity_groups_and_counts():
    for entity in offers.entities(model(), ALL):
        found = offers.fields(model(), entity, ALL)
        assert len({one.words for one in found}) == len(found), "two fields are told in the same words"
        for one in found:
            choices = building.begin(model(), entity)
            if one.column.type in offers.GROUPED:
                choices["groups"] = [building.group(one.path)]
            choices["numbers"] += [
                building.number(agg=agg, of=one.path) for agg in ("sum", "median", "count_distinct", "min")
                if one in offers.aggregated(found, agg)
            ]  # fmt: skip
            assert sql(building.spec_of(choices, model()))


def test_what_a_role_does_not_see_is_not_offered():
    few = frozenset(("reports.view", "reports.build"))
    paths = {one.path for one in offers.fields(model(), "bill", few)}
    assert "client.name" not in paths and "total" not in paths and "number" in paths
    assert "billed" not in offers.measures(model(), "bill", few)
    assert "drug_log" not in offers.entities(model(), few)


@pytest.mark.parametrize("spec", [
    {"filters": [{"field": "client.name", "op": "contains", "value": "Lee"}], "measures": ["invoices"]},
    {"filters": [{"any": [{"field": "total", "op": "after", "value": 100_000}]}], "measures": ["invoices"]},
    {"measures": [{"name": "n", "agg": "min", "of": "client.name"}]},
    {"measures": [{"name": "n", "agg": "count", "where": [{"field": "client.name", "op": "is", "value": "Lee"}]}]},
])  # fmt: skip
def test_nobody_learns_by_asking_what_they_may_not_see(spec):
    whole = ReportSpec.model_validate({"title": "Asked", "entity": "bill"} | spec)
    assert sql(whole)
    with pytest.raises(NotPermitted):
        sql(whole, frozenset(("reports.view", "reports.build")))


def test_names_of_columns_stay_and_never_meet():
    choices = building.begin(model(), "invoice_line")
    choices["groups"] = [
        building.group("provider.name"),
        building.group("patient.name"),
        building.group("day", "month"),
    ]
    choices["numbers"] = [building.number(measure="revenue"), building.number(measure="revenue")]
    spec = building.spec_of(choices, model())
    names = [by.column for by in spec.breakdowns[0].by] + [one.name for one in spec.numbers]
    assert len(set(names)) == len(names)
    choices["numbers"].pop(0)
    assert building.spec_of(choices, model()).numbers[0].name == names[-1]


def test_what_is_missing_is_said_in_words():
    choices = building.begin(model(), "appointment")
    choices["groups"].append(building.group(""))
    choices["filters"].append({"id": "x", "any": [building.test("", "in")]})
    made = building.spec_of(choices, model())
    assert len(made.breakdowns[0].by) == 1 and not made.filters, "what is not chosen yet waits"
    choices["numbers"] = [building.number(agg="sum")]
    with pytest.raises(building.NotComplete, match="Choose the field for the sum"):
        building.spec_of(choices, model())
    choices["numbers"] = []
    with pytest.raises(building.NotComplete, match="at least one number"):
        building.spec_of(choices, model())
