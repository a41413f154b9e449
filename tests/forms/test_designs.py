"""Designing a form: each step gives a new one, and what is wrong is told at its field in words."""

import copy
from collections import OrderedDict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadInput, EditedMeanwhile, NotFound
from forms import designs, editing, gate
from forms.definition import FACTS, Form
from forms.designs import Desk
from forms.editing import At
from forms.editions import check, publish
from forms.layout import lay_out
from forms.preview import FACT_WORDS, LINE_WORDS, show_page
from forms.settings import shipped
from forms.targets import TARGETS, BadTarget, check_targets
from outage import facts

TRAVEL = shipped()["travel-sheet"].model_dump(mode="json")
DESK = Desk("letter", "mdy", "Harbor", TARGETS, {name: words for name, (words, _) in FACT_WORDS.items()}, {})


def keys(body):
    return [field["key"] for section in body["sections"] for field in section["fields"]]


@pytest.mark.parametrize("kind", sorted(editing.KINDS))
def test_a_new_field_of_every_kind_is_right_from_the_start(kind):
    body, at = editing.added_field(designs.blank_form("Any"), kind, At(1, 0))
    assert editing.piece(body, at)["type"] == kind and at == At(1, 1)
    assert designs.problems(body, DESK) == []
    named = editing.named(body)
    assert not any(key.startswith(editing.FRESH) for key in keys(named)) and len(set(keys(named))) == len(keys(named))


@pytest.mark.parametrize("kind", sorted(editing.KINDS))
def test_a_field_of_any_kind_becomes_one_of_any_other_and_stays_right(kind):
    for other in editing.KINDS:
        body, at = editing.added_field(designs.blank_form("Any"), kind, At(1, 0))
        field = editing.piece(body, at) | {"target": "exam.notes" if kind == "text" else ""}
        new = editing.converted(body, field, other)
        assert (new["type"], new["key"]) == (other, field["key"])
        changed = editing.replaced(body, at, new)
        assert designs.problems(changed, DESK) == [], (kind, other)
        Form.model_validate(changed)
    for cell in editing.CELLS:
        for other in editing.CELLS:
            body, at = editing.added_field(designs.blank_form("Any"), "grid", At(1, 0))
            one = editing.converted_cell(editing.converted_cell(editing.piece(body, at._replace(cell=1)), cell), other)
            assert designs.problems(editing.replaced(body, at._replace(cell=1), one), DESK) == [], (cell, other)


@st.composite
def steps(draw):
    kinds = ("field", "section", "cell", "copy", "remove", "up", "down", "move")
    return [(draw(st.sampled_from(kinds)), draw(st.integers(0, 400)), draw(st.integers(0, 400))) for _ in range(12)]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(steps())
def test_any_row_of_steps_leaves_a_form_whose_fields_all_have_keys_of_their_own(row):
    body = copy.deepcopy(TRAVEL)
    for what, one, other in row:
        places = [At(s) for s in range(len(body["sections"]))]
        places += [At(p.section, f) for p in places for f in range(len(body["sections"][p.section]["fields"]))]
        places += [
            At(p.section, p.field, c) for p in places if p.field >= 0
            for c in range(len(editing.piece(body, p).get("cells") or []))
        ]  # fmt: skip
        at, to = places[one % len(places)], places[other % len(places)]
        before = copy.deepcopy(body)
        if what == "field":
            new, landed = editing.added_field(body, sorted(editing.KINDS)[other % 13], at)
        elif what == "section":
            new, landed = editing.added_section(body, at)
        elif what == "cell" and at.field >= 0 and editing.piece(body, At(at.section, at.field))["type"] == "grid":
            new, landed = editing.added_cell(body, at)
        elif what == "copy":
            new, landed = editing.copied(body, at)
        elif what == "remove":
            new, landed = editing.removed(body, at)
        elif what in ("up", "down"):
            new, landed = editing.stepped(body, at, -1 if what == "up" else 1)
            assert editing.piece(new, landed) == editing.piece(body, at)
        elif what == "move" and (at.field >= 0) == (to.field >= 0) and (at.cell >= 0) == (to.cell >= 0):
            new, landed = editing.moved(body, at, to)
            assert editing.piece(new, landed) == editing.piece(body, at)
        else:
            continue
        assert body == before, "a step changes nothing of the form before it"
        assert editing.holds(new, landed)
        if new["sections"] and len(keys(new)) <= 150 and all(len(one["fields"]) <= 60 for one in new["sections"]):
            body = new
    Form.model_validate(editing.named(body))


def test_answers_keep_their_codes_while_their_words_or_their_place_stay():
    sex = {"options": [{"value": "female", "label": "Female"}, {"value": "male", "label": "Male"}]}
    target = TARGETS["exam.sex_found"]
    assert [one["value"] for one in editing.with_answers(sex, ["Male", "Female"], target)] == ["male", "female"]
    assert [one["value"] for one in editing.with_answers(sex, ["Girl", "Male"], None)] == ["female", "male"]
    assert [one["value"] for one in editing.with_answers({}, ["Umbilical hernia"], TARGETS["exam.abnormalities"])] == [
        "umbilical_hernia"
    ]
    assert [one["value"] for one in editing.with_answers({}, ["5 mg", "5 mg"], None)] == ["b5_mg", "b5_mg_2"]


def test_what_is_wrong_is_told_at_its_field_in_words():
    body = editing.changed(TRAVEL, At(1, 0), {"least": 9.0, "most": 2.0})
    body = editing.changed(body, At(1, 7), {"options": [{"value": "a", "label": "A"}]})
    found = designs.problems(body, DESK)
    assert [(one.at, one.sentence) for one in found] == [
        (At(1, 0), "Weight: the least is more than the most."),
        (At(1, 7), "Sex found: a choice needs at least two answers."),
    ]
    landing = editing.changed(TRAVEL, At(1, 1), {"unit": ""})
    assert designs.problems(landing, DESK)[0].at == At(1, 1)
    bottle = TRAVEL | {"subject": "bottle"}
    assert "“Patient: name” cannot be printed on a form for one bottle" in designs.problems(bottle, DESK)[0].sentence
    tall = editing.changed(TRAVEL, At(2, 0), {"lines": 40})
    assert "does not fit on a page" in designs.problems(tall, DESK)[0].sentence


def test_no_form_asks_for_a_card_number_or_has_one_in_its_words():
    asks = editing.changed(
        TRAVEL, At(1, 2), {"type": "digits", "label": "Card", "digits": 16, "target": "", "width": 12}
    )
    (found,) = designs.problems(asks, DESK)
    assert found.at == At(1, 2) and "at most 15 digits" in found.sentence
    with pytest.raises(BadTarget):
        check_targets(Form.model_validate(asks), {})
    chip = editing.changed(
        TRAVEL, At(1, 2), {"type": "digits", "label": "Chip", "digits": 15, "target": "", "width": 12}
    )
    assert not designs.problems(chip, DESK)
    card = "4111 1111 1111 1111"
    told = editing.changed(TRAVEL, At(1, 1), {"help": f"as {card}"}) | {"title": card}
    found = designs.problems(told, DESK)
    assert [one.at for one in found] == [None, At(1, 1)] and not any(card in one.sentence for one in found)


def test_a_sample_says_something_of_every_fact_that_can_be_printed():
    assert all(words and said for words, said in [*FACT_WORDS.values(), *LINE_WORDS.values()])
    assert {f"{record}.{name}" for record, names in FACTS.items() for name in names} == set(FACT_WORDS)
    source = Path(facts.__file__).read_text()
    assert all(f'"{name}"' in source for name in [*LINE_WORDS, *FACT_WORDS])


@pytest.mark.parametrize("paper", ["letter", "a4"])
def test_the_preview_is_the_page_and_says_where_each_field_stands(paper):
    shown = show_page(shipped()["consent"].model_dump_json(), 2, paper, "mdy", "Harbor", sample=True)
    assert (shown.page, shown.pages) == (2, 2) and shown.picture.startswith(b"\x89PNG")
    inside = {place.key for place in shown.places}
    assert {"terms_who", "signature"} <= inside and "owner" not in inside and shown.fields["owner"] == 1
    for zone in shown.zones:
        place = next(one for one in shown.places if one.key == zone.key)
        assert place.x - 1 <= zone.x and zone.x + zone.w <= place.x + place.w + 1
        assert place.y - 1 <= zone.y and zone.y + zone.h <= place.y + place.h + 1
    form = shipped()["travel-sheet"]
    assert {place.key for place in lay_out(form, paper).places} == {field.key for field in form.fields()}


def test_a_form_is_published_changed_brought_back_and_archived(clinic):
    adam = clinic.actor("adam")
    assert {card.slug for card in designs.forms(by=adam)} == set(shipped())
    slug = designs.new_slug("Travel sheet", by=adam)
    assert slug == "travel-sheet-2"
    body = editing.named(TRAVEL)
    told = check(slug, body, by=adam)
    assert (told.version, told.pages, told.paper) == (0, 2, "letter") and told.boxes > 80 and told.furthest <= 0.3
    assert publish(slug, body, expected=0, by=adam, key="first").version == 1
    assert publish(slug, body, expected=0, by=adam, key="first").version == 1
    shorter, _ = editing.removed(body, At(1, 3))
    assert publish(slug, shorter, expected=1, by=adam, comment="No pulse").version == 2
    with pytest.raises(EditedMeanwhile):
        publish(slug, body, expected=1, by=adam)
    history = designs.form_history(slug, by=adam)
    assert [one.number for one in history] == [2, 1]
    assert designs.told_changes(history[1].body, history[0].body) == ["took out “Pulse”"]
    assert designs.roll_back_form(slug, 1, expected=2, by=adam).version == 3
    assert designs.design(slug, by=adam).body == body
    with pytest.raises(NotFound):
        designs.roll_back_form(slug, 9, expected=3, by=adam)
    designs.archive_form(slug, by=adam)
    designs.archive_form("consent", by=adam)
    shelf = {card.slug: card for card in designs.forms(by=adam)}
    assert shelf[slug].archived and shelf["consent"].archived and not shelf["walk-in"].archived
    assert (shelf[slug].version, shelf[slug].who, shelf[slug].papers) == (3, "Adam Abbott", ("letter",))
    designs.bring_back_form(slug, by=adam)
    assert designs.design(slug, by=adam).number == 3


def test_a_form_goes_out_as_a_file_and_comes_in_again(clinic):
    adam = clinic.actor("adam")
    text = designs.export_form("walk-in", by=adam)
    slug, body = designs.read_form(text, by=adam)
    assert slug == "walk-in" and body == shipped()["walk-in"].model_dump(mode="json")
    with pytest.raises(BadInput, match="Weight: the least is more than the most"):
        bad = designs.export_form("travel-sheet", by=adam).replace("least = 0.2", "least = 900.0")
        designs.read_form(bad, by=adam)
    with pytest.raises(BadInput):
        designs.read_form("kind = 'role'\nslug = 'x'\n[role]\n", by=adam)
    with pytest.raises(BadInput):
        designs.read_form("not toml [", by=adam)
    odd = text.replace('slug = "walk-in"', 'slug = "../etc"')
    with pytest.raises(BadInput, match="may hold only"):
        publish(*designs.read_form(odd, by=adam), expected=0, by=adam)


def test_the_gate_reads_the_same_print_once_and_looks_again_at_what_it_refused(monkeypatch):
    looked = []

    def look(form, title, layout, body):
        looked.append(title)
        if title == "Torn":
            raise gate.NotReadableYet(page=1, problem="its code is not read at both corners.")
        return gate.Readable(1, 4, 0.1)

    monkeypatch.setattr(gate, "_looked_at", look)
    monkeypatch.setattr(gate, "_readable", OrderedDict())
    letter, a4 = (lay_out(shipped()["travel-sheet"], paper) for paper in ("letter", "a4"))
    for title, layout in (("Sheet", letter), ("Sheet", letter), ("Sheet", a4), ("Other", letter)):
        assert gate.check_readable("travel-sheet", title, layout).boxes == 4
    for _ in range(2):
        with pytest.raises(gate.NotReadableYet):
            gate.check_readable("travel-sheet", "Torn", letter)
    assert looked == ["Sheet", "Sheet", "Other", "Torn", "Torn"]
