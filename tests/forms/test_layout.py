"""A form is laid out once: every box lies on its page, apart from its neighbours and clear of what the reader needs."""

import json

import cv2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.definition import Form
from forms.field_setting import DoesNotFit
from forms.furniture import BOX, MARKERS, MM, code_corners, marker_corners
from forms.layout import TooManyPages, lay_out, lay_out_slip
from forms.placed import zones_of
from forms.settings import shipped

FORMS = {slug: form for slug, form in shipped().items() if not form.slip}
OF_PEOPLE = {f"{slug} of people": form for slug, form in shipped("human").items() if form not in shipped().values()}


def check_page(page):
    width, height = page.size
    furniture = [
        (min(x for x, _ in corners), min(y for _, y in corners), max(x for x, _ in corners), max(y for _, y in corners))
        for corners in marker_corners(page.size) + code_corners(page.size)
    ]
    boxes = []
    for zone in page.zones:
        assert zone.x >= 10 and zone.x + zone.w <= width - 10 and zone.y >= 0 and zone.y + zone.h <= height
        for left, top, right, bottom in furniture:
            apart = (
                zone.x > right + 2 * MM or zone.x + zone.w < left - 2 * MM
                or zone.y > bottom + 2 * MM or zone.y + zone.h < top - 2 * MM
            )  # fmt: skip
            assert apart, (zone, (left, top, right, bottom))
        if zone.type in ("check", "single", "multi", "bubble_digits"):
            assert zone.w == zone.h == BOX >= 4 * MM
            boxes.append(zone)
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            gap = max(abs(one.x - other.x), abs(one.y - other.y)) - BOX
            assert gap >= 3 * MM - 0.1, (one, other)
    assert len({(zone.key, zone.option) for zone in page.zones}) == len(page.zones)


@pytest.mark.parametrize("paper", ["letter", "a4"])
@pytest.mark.parametrize("slug", sorted(FORMS | OF_PEOPLE))
def test_shipped_forms_keep_their_boxes_apart_and_clear_of_the_markers(slug, paper):
    form = (FORMS | OF_PEOPLE)[slug]
    layout = lay_out(form, paper)
    for page in layout.pages:
        check_page(page)
    keys = {zone.key.split(".")[0] for page in layout.pages for zone in page.zones}
    assert keys == {one.key for one in form.fields() if one.type != "prose"}


@pytest.mark.parametrize("paper", ["letter", "a4"])
def test_a_consent_and_a_travel_sheet_take_two_pages_each(paper):
    for forms in (shipped(), shipped("human")):
        assert [len(lay_out(forms[slug], paper).pages) for slug in ("consent", "travel-sheet")] == [2, 2]
        assert [len(lay_out(forms[slug], paper).pages) for slug in ("drug-log", "roster", "walk-in")] == [1, 1, 1]
    assert len(lay_out_slip(shipped()["card-slip"], paper).pages) == 1


def test_the_markers_are_those_the_reader_looks_for():
    book = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    for number, rows in enumerate(MARKERS):
        picture = cv2.aruco.generateImageMarker(book, number, 6)
        assert ["".join("1" if value < 128 else "0" for value in row) for row in picture] == list(rows)


LABELS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=60)


@st.composite
def cells(draw, place):
    kind = draw(st.sampled_from("text digits time initials check single".split()))
    one = {"key": f"c{place}", "label": "C" + draw(LABELS)[:39], "type": kind, "width": draw(st.floats(0.5, 10))}
    if kind == "digits":
        one |= {"digits": draw(st.integers(2, 8)), "decimals": draw(st.integers(0, 1))}
    if kind == "single":
        one["options"] = [{"value": f"o{n}", "label": "O" * n} for n in range(1, draw(st.integers(3, 5)))]
    return one


@st.composite
def forms(draw):
    sections, number = [], 0
    for _ in range(draw(st.integers(1, 4))):
        fields = []
        for _ in range(draw(st.integers(1, 8))):
            number += 1
            kind = draw(
                st.sampled_from(
                    "check single multi digits bubble_digits text date time initials signature grid prose".split()
                )
            )
            one = {"key": f"f{number}", "type": kind, "label": "L" + draw(LABELS), "width": draw(st.integers(1, 12))}
            if kind in ("single", "multi"):
                count = draw(st.integers(2, 7))
                one["options"] = [{"value": f"o{n}", "label": "O" + draw(LABELS)[:40]} for n in range(count)]
                one["per_line"] = draw(st.integers(0, 8))
            if kind in ("digits", "bubble_digits"):
                digits = draw(st.integers(1, 8 if kind == "bubble_digits" else 16))
                one |= {"digits": digits, "decimals": min(draw(st.integers(0, 3)), digits - 1)}
                one["unit"] = draw(st.sampled_from(["", "kg", "$", "/min per day"]))
            if kind == "prose":
                one["text"] = "T" + draw(LABELS) * 5
            if kind == "grid":
                one |= {
                    "lines": draw(st.integers(1, 12)),
                    "cells": [draw(cells(place)) for place in range(draw(st.integers(1, 9)))],
                    "width": draw(st.integers(4, 12)),
                }
            fields.append(one)
        sections.append({"title": draw(st.sampled_from(["", "Part"])), "fields": fields})
    return Form.model_validate({"title": "Any", "subject": "nothing", "sections": sections})


@settings(max_examples=80, deadline=None)
@given(forms(), st.sampled_from(["letter", "a4"]))
def test_whatever_an_administrator_designs_either_fits_or_is_refused_in_words(form, paper):
    try:
        layout = lay_out(form, paper)
    except (DoesNotFit, TooManyPages):
        return
    for page in layout.pages:
        check_page(page)
    kept = json.loads(json.dumps(layout.document()))
    assert [zones for _, zones in zones_of(kept)] == [page.zones for page in layout.pages]
    assert layout.sha256() == lay_out(form, paper).sha256()
