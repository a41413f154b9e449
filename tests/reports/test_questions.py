"""Whatever somebody builds: its sums are those of the rows behind them, for everybody who may see them."""

from __future__ import annotations

import random
from datetime import date
from fractions import Fraction

import pytest

from data import definitions, mart
from data.errors import BadInput, EditedMeanwhile, NotFound, NotPermitted
from data.models import CustomValue, User
from data.session import write
from data.types import clock
from records.settings import CUSTOM_FIELD, CustomField
from reports import model, saved
from reports.compile import CannotAddUp, NotADay, NothingBefore, NotOfItsKind
from reports.drill import drill
from reports.fields import model_of
from reports.model import UnknownWord
from reports.periods import UnknownPeriod, days_of, period_before
from reports.reading import DoesNotFit, watched
from reports.run import BadDay, run, run_spec
from reports.spec import ReportSpec
from security import sessions
from security.roles import ROLE, Role
from tests.reports import small_clinic

MONTH, CAT = {"field": "day", "grain": "month"}, {"field": "patient.species", "op": "is", "value": "cat"}


def spec(entity="surgery", *, by=(), **more):
    shape = {"title": "Question", "entity": entity, "period": model.built_in().entity(entity).day}
    if "columns" not in more:
        shape["breakdowns"] = [{"name": "by", "label": "By", "by": list(by)}]
    return ReportSpec.model_validate(shape | more)


@pytest.fixture
def small(sqlite_clinic):
    return small_clinic.Small(sqlite_clinic)


@pytest.fixture
def busy(small):
    """Forty surgeries over fourteen months and some money, drawn by lot but always the same."""
    lot = random.Random(7)
    vets = [small.user("clara"), small.user("olive")]
    client = small.client()
    animals = [small.patient(client, species=lot.choice(["cat", "dog"]), sex=lot.choice(["male", "female"]))
               for _ in range(12)]  # fmt: skip
    for _ in range(40):
        month = lot.randrange(14)
        day = f"{2023 + month // 12}-{month % 12 + 1:02d}-{lot.randrange(1, 29):02d}"
        small.surgery(f"{day}T15:00", lot.randrange(5, 60), lot.choice(vets), patient_id=lot.choice(animals),
                      client_id=client)  # fmt: skip
        invoice = small.invoice(client, day)
        small.event(invoice, "opened", day)
        small.line(invoice, day, lot.randrange(1, 20_000), service=lot.choice(["cat-spay", "rabies"]))
    return small


def ask(small, question, by=None, **params):
    params = {name.rstrip("_"): value for name, value in params.items()}
    return run_spec("question", question, params, by=by or small.clinic.operator, form="command")


def cells(result, *names):
    return [tuple(row[result.index(name)] for name in names) for row in result.rows]


def test_subtotals_and_totals_count_what_is_different_once(busy):
    question = spec(
        by=[MONTH, {"field": "surgeon"}], subtotals=True,
        measures=["surgeries", {"name": "animals", "agg": "count_distinct", "of": "patient.name"}],
    )  # fmt: skip
    result = ask(busy, question)
    months = {row[0]: row for row in result.subtotals[1]}
    assert sum(row[result.index("surgeries")] for row in months.values()) == result.total[2] == 40
    assert result.total[result.index("animals")] == 1, "they all have the same name: one, and not one for each line"
    for first, row in months.items():
        parts = [line for line in result.rows if line[0] == first]
        assert row[2] == sum(line[2] for line in parts)


def test_a_pivot_adds_up_along_both_sides(busy):
    question = spec("invoice_line", by=[MONTH], across={"field": "service"}, measures=["revenue"])
    result = ask(busy, question)
    by_month, by_service = result.subtotals[1], result.subtotals[2]
    assert sum(row[2] for row in by_month) == sum(row[2] for row in by_service) == result.total[2]
    for month in by_month:
        assert month[2] == sum(row[2] for row in result.rows if row[0] == month[0])


def test_running_totals_shares_and_ratios_are_worked_out_from_the_sums(busy):
    question = spec(
        "invoice_line", by=[MONTH],
        measures=["revenue", "lines", {"name": "running", "measure": "revenue", "show": "running"},
                  {"name": "share", "measure": "revenue", "show": "share"},
                  {"name": "each", "num": "revenue", "den": "lines"}],
    )  # fmt: skip
    result = ask(busy, question)
    so_far, whole = 0, result.total[result.index("revenue")]
    for revenue, lines, running, share, each in cells(result, "revenue", "lines", "running", "share", "each"):
        so_far += revenue
        assert running == so_far
        assert share == pytest.approx(float(Fraction(revenue, whole)))
        assert each == pytest.approx(revenue / lines, abs=0.51)
    assert result.total[result.index("share")] == 1
    assert result.columns[result.index("each")].type == "money"


def test_what_runs_along_years_and_months_runs_on(busy):
    measures = ["revenue", {"name": "running", "measure": "revenue", "show": "running"}]
    plain = ask(busy, spec("invoice_line", by=[MONTH], measures=measures))
    question = spec("invoice_line", by=[MONTH | {"grain": "year"}, MONTH], measures=measures, subtotals=True)
    result = ask(busy, question)
    assert cells(result, "running") == cells(plain, "running")
    of_year = [max(row[-1] for row in result.rows if row[0].year == year) for year in (2023, 2024)]
    assert [row[-1] for row in sorted(result.subtotals[1])] == of_year


@pytest.mark.parametrize("compare", ["year_before", "period_before"])
def test_what_is_compared_with_is_the_same_report_of_those_days(busy, compare):
    numbers = ["revenue", {"name": "before", "measure": "revenue", "show": "before"},
               {"name": "change", "measure": "revenue", "show": "change"},
               {"name": "percent", "measure": "revenue", "show": "change_percent"}]  # fmt: skip
    question = spec("invoice_line", by=[{"field": "service"}], measures=numbers, compare=compare)
    result = ask(busy, question, from_="2024-01-01", to="2024-02-29")
    earlier = ("2023-01-01", "2023-02-28") if compare == "year_before" else ("2023-11-01", "2023-12-31")
    plain = ask(busy, spec("invoice_line", by=[{"field": "service"}], measures=["revenue"]),
                from_=earlier[0], to=earlier[1])  # fmt: skip
    now = ask(busy, spec("invoice_line", by=[{"field": "service"}], measures=["revenue"]),
              from_="2024-01-01", to="2024-02-29")  # fmt: skip
    then, here = dict(plain.rows), dict(now.rows)
    assert {row[0] for row in result.rows} == then.keys() | here.keys()
    for service, revenue, before, change, percent in result.rows:
        assert (revenue, before) == (here.get(service, 0), then.get(service, 0))
        assert change == revenue - before
        assert percent is None if not before else percent == pytest.approx((revenue - before) / before)


def test_a_month_stands_beside_the_same_month_of_the_year_before(busy):
    numbers = ["surgeries", {"name": "before", "measure": "surgeries", "show": "before"}]
    result = ask(busy, spec(by=[MONTH], measures=numbers, compare="year_before"), from_="2024-01-01", to="2024-12-31")
    before = dict(ask(busy, spec(by=[MONTH], measures=["surgeries"]), from_="2023-01-01", to="2023-12-31").rows)
    assert {row[0].replace(year=2023): row[2] for row in result.rows if row[2]} == before


def test_any_of_is_the_union_and_all_of_the_intersection(busy):
    male = {"field": "patient.sex", "op": "is", "value": "male"}

    def count(*filters):
        return ask(busy, spec(measures=["surgeries"], filters=list(filters))).rows[0][0]

    both = count(CAT, male)
    assert count({"any": [CAT, male]}) == count(CAT) + count(male) - both
    assert count({"any": [{"all": [CAT, male]}, {"field": "patient.species", "op": "is", "value": "emu"}]}) == both


@pytest.mark.slow
def test_the_rows_behind_every_count_are_as_many_as_it_says(busy):
    model_ = model.built_in()
    for entity, numbers, by in (
        ("surgery", ("surgeries", "complicated"), [{"field": "day", "grain": "week"}, {"field": "patient.sex"}]),
        ("surgery", ("surgeries",), [{"field": "day", "grain": "quarter"}, {"field": "surgeon"}]),
        ("invoice_line", ("lines",), [{"field": "day", "grain": "year"}, {"field": "service"}]),
        ("appointment", ("all_rows", "attended", "no_shows"), [{"field": "weekday"}, {"field": "type.label"}]),
    ):
        question = spec(entity, by=by, measures=list(numbers), filters=[] if entity != "surgery" else [CAT])
        result = ask(busy, question)
        assert result.rows
        for row in result.rows:
            at = {column.name: value for column, value in zip(result.columns, row, strict=True)}
            here = {name: at[name] for name in at if name not in numbers}
            for number in numbers:
                behind = ask(busy, drill(question, model_, here, number))
                assert len(behind.rows) == at[number], (entity, here, number)
        assert len(ask(busy, drill(question, model_, {}, numbers[0])).rows) == result.total[len(by)]


def test_answers_to_questions_go_where_the_tests_name_them(busy):
    asks = [{"name": "kind", "label": "Species", "field": "patient.species", "default": ["cat"]}]
    tests = [{"field": "patient.species", "op": "in", "parameter": "kind"}]
    question = spec(measures=["surgeries"], asks=asks, filters=tests)
    cats = ask(busy, spec(measures=["surgeries"], filters=[CAT])).rows
    assert ask(busy, question).rows == cats != ask(busy, question, kind=["cat", "dog"]).rows
    assert ask(busy, question, kind=None).rows == [(40,)], "left open, it asks nothing"


@pytest.mark.parametrize(
    ("wrong", "why", "words"),
    [
        ({"measures": [{"name": "x", "agg": "sum", "of": "patient.weight"}]}, CannotAddUp, "count more than once"),
        ({"measures": [{"name": "x", "agg": "avg", "of": "procedure"}]}, CannotAddUp, "not an amount"),
        ({"measures": [{"name": "x", "measure": "median_minutes", "show": "share"}]}, CannotAddUp, "do not add up"),
        ({"measures": [{"name": "x", "measure": "surgeries", "show": "running"}]}, CannotAddUp, "by day or month"),
        ({"measures": ["hats"]}, UnknownWord, "no measure called hats in Surgeries"),
        ({"measures": ["surgeries"], "filters": [{"field": "patient.hat", "op": "empty"}]}, UnknownWord, "hat"),
        ({"measures": ["surgeries"], "filters": [{"field": "day", "op": "within", "value": "soon"}]}, UnknownPeriod,
         "soon"),
        ({"measures": ["surgeries"], "filters": [{"field": "day", "op": "from", "value": "31/02"}]}, NotOfItsKind,
         "31/02"),
        ({"measures": [{"name": "x", "measure": "surgeries", "show": "before"}], "compare": "year_before"},
         NothingBefore, "first and a last day"),
        ({"by": [{"field": "procedure", "grain": "month"}], "measures": ["surgeries"]}, NotADay, "no month of it"),
        ({"measures": ["surgeries"], "filters": [{"field": "procedure", "op": "within", "value": "today"}]},
         NotOfItsKind, "today"),
        ({"measures": ["surgeries"], "filters": [{"field": "has_complication", "op": "is", "value": "maybe"}]},
         NotOfItsKind, "maybe"),
        ({"measures": ["surgeries"], "filters": [{"field": "day", "op": "is", "value": 7}]}, NotOfItsKind, "'7'"),
        ({"measures": ["surgeries"], "filters": [{"field": "minutes", "op": "from", "value": "nan"}]}, NotOfItsKind,
         "nan"),
        ({"measures": ["surgeries"], "filters": [{"field": "hour", "op": "is", "value": 10**40}]}, NotOfItsKind, "000"),
        ({"entity": "invoice_line", "measures": ["lines"], "filters": [{"field": "net", "op": "to", "value": "lots"}]},
         NotOfItsKind, "lots"),
        ({"measures": ["surgeries", {"name": "x", "num": "surgeries", "den": "x"}]}, CannotAddUp, "divided by itself"),
        ({"measures": ["surgeries", {"name": "x", "num": "y", "den": "surgeries"},
                       {"name": "y", "agg": "min", "of": "procedure"}]}, CannotAddUp, "not an amount"),
    ],
)  # fmt: skip
def test_what_would_be_wrong_is_refused_with_its_reason(small, wrong, why, words):
    with pytest.raises(why, match=words) as refusal:
        ask(small, spec(**wrong))
    assert isinstance(refusal.value, BadInput)


def test_a_period_with_nothing_before_it_and_a_day_that_is_none_are_told_so(small):
    question = spec(measures=[{"name": "x", "measure": "surgeries", "show": "change"}], compare="year_before")
    for compare in ("year_before", "period_before"):
        with pytest.raises(NothingBefore):
            ask(small, question.model_copy(update={"compare": compare}), from_="0001-01-01", to="2024-05-01")
    with pytest.raises(BadDay, match="not 7"):
        ask(small, question, from_=7)


def test_what_the_engine_cannot_add_up_is_told_without_the_values_it_met(small):
    small.patient(name="Vera Vane")
    reading_ = pytest.raises(DoesNotFit, match="Choose that part anew")
    with mart.reading(small.clinic.id) as cursor, reading_ as refusal, watched(cursor):
        cursor.execute("SELECT name::BIGINT FROM patient").fetchall()
    assert "Vera" not in refusal.value.message


def test_a_field_of_the_clinics_own_that_changed_its_kind_is_a_sentence(small):
    small.patient()
    question = spec("patient", by=[{"field": "own_seen_on", "grain": "month"}], measures=["patients"])

    def turned(kind):
        with write(small.clinic.id) as session:
            field = CustomField(entity="patient", label="Seen", kind=kind)
            definitions.save(session, CUSTOM_FIELD, "seen-on", field, by_user_id=None)

    turned("date")
    assert ask(small, question).rows == [(None, 1)]
    turned("check")
    with pytest.raises(NotADay, match="Seen is not a day"):
        ask(small, question)


def test_a_ratio_of_ratios_is_worked_out_whatever_their_order(small):
    for minutes in (10, 30):
        small.surgery("2024-01-05T15:00", minutes)
    ratio = [{"name": "a", "num": "b", "den": "surgeries"}, {"name": "b", "num": "minutes", "den": "surgeries"}]
    minutes = {"name": "minutes", "agg": "sum", "of": "minutes"}
    assert ask(small, spec(measures=[*ratio, minutes, "surgeries"])).rows == [(10.0, 20.0, 40.0, 2)]


def test_a_whole_february_stands_beside_a_whole_one(small):
    for day in ("2024-02-28", "2024-02-29", "2025-02-28", "2025-02-28", "2025-02-28"):
        small.surgery(f"{day}T15:00", 20)
    both = [{"name": show, "measure": "surgeries", "show": show} for show in ("value", "before")]
    question = spec(by=[MONTH], measures=both, compare="year_before")
    for first, before in (("2025-01-01", 2), ("2025-02-01", 2), ("2025-02-28", 1)):
        assert ask(small, question, from_=first, to="2025-02-28").rows == [(date(2025, 2, 1), 3, before)]


def test_a_division_by_nothing_is_no_number_and_no_fault(small):
    result = ask(small, spec("invoice_line", measures=["revenue", "lines", {"name": "x", "num": "revenue",
                                                                            "den": "lines"}]))  # fmt: skip
    assert result.rows == [] or result.rows[0][2] is None


def reader(clinic, **role):
    with write(clinic.id) as session:
        definitions.save(session, ROLE, "reader", Role(label="Reader", **role), by_user_id=None)
        session.query(User).filter_by(username="clara").one().role = "reader"
        session.flush()
        token = sessions.open_session(session, clinic.users["clara"])
    return sessions.resume(token, touch=False).actor


def test_who_sees_only_their_own_rows_sees_no_others_anywhere(busy):
    clara = reader(busy.clinic, permissions=["reports.view", "reports.export", "reports.money"])
    question = spec(by=[{"field": "surgeon"}], measures=["surgeries"])
    everybody, own = ask(busy, question), ask(busy, question, clara)
    assert [row[0] for row in own.rows] == ["Clara Chen"] and own.rows[0] in everybody.rows
    behind = ask(busy, drill(question, model.built_in(), {}, "surgeries"), clara)
    assert len(behind.rows) == own.rows[0][1]
    assert run("surgeries-by-vet", by=clara).rows == [row for row in run("surgeries-by-vet", by=busy.clinic.operator)
                                                      .rows if "Clara Chen" in row]  # fmt: skip
    with pytest.raises(NotPermitted, match="payments of others"):
        ask(busy, spec("payment", measures=["net"]), clara)


def test_a_field_of_the_clinics_own_can_be_asked_about_at_once(small):
    cat, dog = small.patient(name="Tom"), small.patient(name="Rex")
    with write(small.clinic.id) as session:
        field = CustomField(entity="patient", label="Coat", kind="choice", choices=["long", "short"])
        definitions.save(session, CUSTOM_FIELD, "coat-length", field, by_user_id=None)
        secret = CustomField(entity="patient", label="Found at", kind="text")
        definitions.save(session, CUSTOM_FIELD, "found-at", secret, by_user_id=None)
        session.add(CustomValue(entity="patient", entity_id=cat, field="coat-length", value="long"))
        session.add(CustomValue(entity="patient", entity_id=dog, field="found-at", value="12 Main St"))
    result = ask(small, spec("patient", by=[{"field": "own_coat_length"}], measures=["patients"]))
    assert sorted(result.rows, key=str) == [("long", 1), (None, 1)]
    assert result.columns[0].label == "Coat"
    with write(small.clinic.id) as session:
        assert model_of(session).entity("patient").fields["own_found_at"].phi, "text may name somebody"
    clara = reader(small.clinic, permissions=["reports.view", "reports.others", "reports.export"])
    listed = ask(small, spec("patient", columns=[{"field": "own_found_at"}, {"field": "species"}]), clara)
    assert listed.left_out == ("Found at",)


def test_a_saved_report_has_versions_and_no_save_is_lost(sqlite_clinic):
    adam, olive = sqlite_clinic.actor("adam"), sqlite_clinic.actor("olive")
    first = spec(by=[MONTH], measures=["surgeries"])
    name = saved.save_report(first, folder="Surgery", by=adam, key="k")
    assert saved.save_report(first, folder="Surgery", by=adam, key="k") == name, "a double click saves one"
    again = saved.save_report(first, by=adam)
    assert again != name, "another report of the same title has a name of its own"
    second = first.model_copy(update={"filters": [model.Condition(field="patient.species", op="is", value="cat")]})
    saved.save_report(second, name=name, folder="Surgery", version=1, comment="cats only", by=olive)
    with pytest.raises(EditedMeanwhile):
        saved.save_report(first, name=name, folder="Surgery", version=1, by=adam)
    history = saved.versions(name, by=olive)
    assert (history[0].number, history[0].who, history[0].comment) == (2, "Olive Owens", "cats only")
    assert 'value = "cat"' in history[0].changes
    saved.roll_back(name, 1, by=olive)
    assert saved.card(name, by=adam).spec.filters == [] and saved.card(name, by=adam).number == 3
    assert run(name, by=adam).name == name
    saved.remove_report(name, by=adam)
    with pytest.raises(NotFound):
        run(name, by=adam)


def test_ones_own_report_is_seen_by_nobody_else_and_the_built_in_ones_stay_as_they_are(sqlite_clinic):
    adam, olive, sam = (sqlite_clinic.actor(name) for name in ("adam", "olive", "sam"))
    name = saved.save_report(spec(measures=["surgeries"]), shared=False, by=adam)
    assert name in {card.name for card in saved.cards(by=adam)} - {card.name for card in saved.cards(by=olive)}
    for attempt in (saved.card, saved.remove_report, saved.versions, run):
        with pytest.raises(NotFound):
            attempt(name, by=olive)
    with pytest.raises(NotFound):
        saved.save_report(spec(measures=["surgeries"]), name=name, by=olive)
    with pytest.raises(BadInput, match="copy"):
        saved.save_report(spec(measures=["surgeries"]), name="tax", by=adam)
    with pytest.raises(NotPermitted):
        saved.save_report(spec(measures=["surgeries"]), by=sam)


def test_periods_are_those_of_the_calendar():
    today = date(2024, 2, 29)
    assert days_of("last_month", today) == (date(2024, 1, 1), date(2024, 1, 31))
    assert days_of("last_14_days", today) == (date(2024, 2, 16), today)
    assert days_of("next_2_months", date(2024, 11, 30)) == (date(2024, 11, 30), date(2025, 1, 31))
    assert days_of("last_quarter", date(2024, 2, 1)) == (date(2023, 10, 1), date(2023, 12, 31))
    assert period_before(date(2024, 3, 1), date(2024, 3, 31)) == (date(2024, 2, 1), date(2024, 2, 29), 1)
    assert period_before(date(2024, 3, 1), date(2024, 3, 30)) == (date(2024, 2, 1), date(2024, 2, 29), 1)
    assert period_before(date(2024, 3, 5), date(2024, 3, 7)) == (date(2024, 3, 2), date(2024, 3, 4), 0)


def test_the_day_of_a_relative_period_is_the_clinics(small):
    small.visit("2024-03-09", "checked_out", starts="17:00")
    clock.set(small_clinic.at("2024-03-10T03:30"))  # still the ninth in New York
    today = [{"field": "day", "op": "within", "value": "today"}]
    assert ask(small, spec("appointment", measures=["all_rows"], filters=today)).rows == [(1,)]
    assert ask(small, spec("appointment", measures=["all_rows"],
                           filters=[{"field": "day", "op": "within", "value": "tomorrow"}])).rows == []  # fmt: skip


def test_the_audit_log_answers_who_did_what_and_only_to_whom_it_is_open(sqlite_clinic):
    adam, mona = sqlite_clinic.actor("adam"), sqlite_clinic.actor("mona")
    name = saved.save_report(spec(measures=["surgeries"]), by=adam)
    run(name, by=adam)
    question = spec("audit", by=[{"field": "person"}, {"field": "action"}], measures=["lines"])
    told = ask(small_clinic.Small(sqlite_clinic), question, adam).rows
    assert ("Adam Abbott", "report.saved", 1) in told and ("Adam Abbott", "report.viewed", 1) in told
    with pytest.raises(NotPermitted, match="audit"):
        run_spec("question", question, {}, by=mona)
