"""The report builder as a page: what it opens with, what it keeps, what it saves, what it says when it cannot."""

import copy
import re

import pytest
from sqlalchemy import select

from data.models import Definition
from data.session import write
from reports import saved
from reports.spec import ReportSpec
from security import drafts
from tests.reports import small_clinic
from tests.screen import opened, told


@pytest.fixture
def small(sqlite_clinic):
    return small_clinic.Small(sqlite_clinic)


def widget(found, label):
    return next(one for one in found if one.label == label)


def build(small, **query):
    page = opened(small.clinic, "olive", "reporting/builder.py", **query)
    assert not page.error
    return page


def test_what_is_built_is_seen_and_kept(small):
    small.visit("2024-03-04", "no_show")
    small.visit("2024-03-05", "checked_out")
    page = build(small)
    widget(page.selectbox, "Opens with").select("all_time").run()
    widget(page.selectbox, "Number").select("m:no_shows").run()
    assert re.search(r'<td class="s">Mar 2024</td><td class="n"[^>]*>1</td>', told(page))
    assert drafts.load("report:", by=small.clinic.actor("olive"))["numbers"][0]["measure"] == "no_shows"

    again = build(small)
    assert widget(again.selectbox, "Number").value == "m:no_shows", "nothing chosen is lost by a sign-out"
    widget(again.button, "Save report").click().run()
    assert widget(again.text_input, "Title").value == ""


def test_a_saved_report_with_a_field_that_is_gone_stays_changeable(small):
    small.visit("2024-03-04", "no_show")
    page = build(small)
    by = small.clinic.actor("olive")
    spec = saved.card("no-show-rate", by=by).spec.model_copy(update={"title": "Mine", "preset": "all_time"})
    name = saved.save_report(spec, by=by)
    with write(small.clinic.id) as session:
        row = session.scalars(select(Definition).where(Definition.slug == name)).one()
        body = copy.deepcopy(row.body)
        body["spec"]["breakdowns"] = [{"name": "x", "label": "X", "by": [{"field": "own_gone"}]}]
        row.body = body
    page = build(small, name=name)
    assert "no field called own\\_gone" in told(page) or "no field called own_gone" in told(page)
    widget(page.selectbox, "Field").select("weekday").run()
    assert "Monday" in told(page)


def test_questions_of_a_report_are_asked_above_it(small):
    for kind, minutes in (("cat", 10), ("cat", 40), ("dog", 40)):
        small.surgery("2024-03-04T15:00", minutes, patient_id=small.patient(species=kind))
    spec = ReportSpec.model_validate({
        "title": "Asked", "entity": "surgery", "measures": ["surgeries"],
        "breakdowns": [{"name": "k", "label": "K", "by": [{"field": "patient.species"}]}],
        "asks": [{"name": "kind", "label": "Species", "field": "patient.species", "default": ["cat"]},
                 {"name": "least", "label": "Minutes", "field": "minutes"}],
        "filters": [{"field": "patient.species", "op": "in", "parameter": "kind"},
                    {"field": "minutes", "op": "from", "parameter": "least"}],
    })  # fmt: skip
    name = saved.save_report(spec, by=small.clinic.actor("olive"))
    page = opened(small.clinic, "mona", "reporting/report.py", name=name)

    def counts():
        return re.findall(r'<td class="s">(\w+)</td><td class="n"[^>]*>(\d+)</td>', told(page))

    assert counts() == [("Cat", "2")]
    widget(page.number_input, "Minutes, from").set_value(20.0).run()
    assert counts() == [("Cat", "1")]
    widget(page.multiselect, "Species").set_value([]).run()
    assert counts() == [("Cat", "1"), ("Dog", "1"), ("Total", "2")][: len(counts())] and len(counts()) >= 2


def test_who_may_not_build_does_not_reach_it(small):
    opened(small.clinic, "olive", "reporting/builder.py")
    at = opened(small.clinic, "mona", "reporting/builder.py")
    assert [title.value for title in at.title] == ["This page is not open to you"]


def test_lines_are_ordered_by_several_keys(small):
    for kind in ("cat", "cat", "dog", "dog", "rabbit"):
        small.surgery("2024-03-04T15:00", 10, patient_id=small.patient(species=kind))
    spec = ReportSpec.model_validate({
        "title": "Ordered", "entity": "surgery", "measures": ["surgeries"], "preset": "all_time", "period": "day",
        "breakdowns": [{"name": "k", "label": "K", "by": [{"field": "patient.species", "name": "kind"}]}],
        "sort": ["-surgeries"],
    })  # fmt: skip
    name = saved.save_report(spec, by=small.clinic.actor("olive"))
    page = build(small, name=name)

    def kinds():
        return re.findall(r'<td class="s">(Cat|Dog|Rabbit)</td>', told(page))

    assert kinds() == ["Cat", "Dog", "Rabbit"]
    assert widget(page.selectbox, "Order by").value == "-surgeries"
    widget(page.selectbox, "Then by").select("-kind").run()
    assert kinds() == ["Dog", "Cat", "Rabbit"]
    kept = drafts.kept(f"report:{name}", by=small.clinic.actor("olive")).body["typed"]
    assert kept["sort"] == ["-surgeries", "-kind"]
    box = widget(page.selectbox, "Then by")
    assert box.proto.default == box.index != 0, "a popover that opens again shows what is chosen"
    widget(page.selectbox, "Order by").select("").run()
    assert kinds() == ["Cat", "Dog", "Rabbit"] and "Then by" not in [one.label for one in page.selectbox]


def test_two_windows_on_one_report_never_overwrite_each_other(small):
    by = small.clinic.actor("olive")
    spec = {"title": "Shared", "entity": "surgery", "measures": ["surgeries"], "period": "day"}
    name = saved.save_report(ReportSpec.model_validate(spec), by=by)
    first, second = build(small, name=name), build(small, name=name)
    widget(first.selectbox, "Opens with").select("this_year").run()
    saved.save_report(
        ReportSpec.model_validate(spec | {"preset": "last_year", "limit": 7}), name=name, version=1, by=by
    )
    widget(second.button, "Save report").click().run()
    assert saved.card(name, by=by).number == 2 and saved.card(name, by=by).spec.preset == "last_year"
    first.run()
    assert "saved a newer version" in told(first)
    assert widget(first.selectbox, "Opens with").value == "this_year", "what was chosen stays on top of it"
    widget(first.button, "Save report").click().run()
    widget(first.button, "Save report").click()
    next(one for one in first.button if str(one.key).endswith(":go")).click().run()
    made = saved.card(name, by=by)
    assert (made.number, made.spec.preset, made.spec.limit) == (3, "this_year", 7), "nobody's change is lost"
