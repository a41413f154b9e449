"""The library of reports: folders, search, copies, versions and what was removed, as people click them."""

from __future__ import annotations

import pytest

from reports import saved
from reports.spec import ReportSpec
from tests.screen import opened, told


def spec(title, **more):
    return ReportSpec.model_validate({"title": title, "entity": "surgery", "period": "day",
                                      "measures": ["surgeries"]} | more)  # fmt: skip


def labels(page):
    return [link.proto.label.replace("\\", "").strip("*") for link in page.main.get("page_link")]


def press(page, opens, does, **entered):
    """Open a dialog, fill it in and press its button; the bench runs whole pages, so the opening click is repeated."""
    page.button(key=opens).click().run()
    for key, value in entered.items():
        next(
            one for one in (*page.text_input, *page.selectbox, *page.toggle, *page.segmented_control) if one.key == key
        ).set_value(value)
    page.button(key=opens).click()
    page.button(key=does).click().run()
    assert not page.exception and not page.error


@pytest.fixture
def built(sqlite_clinic):
    adam = sqlite_clinic.actor("adam")
    saved.save_report(spec("Cats of the month", purpose="How many cats?"), folder="Owner's desk", by=adam)
    saved.save_report(spec("A try <b>of mine</b>"), shared=False, by=adam)
    return sqlite_clinic


def test_people_find_their_reports_by_folder_word_and_person(built):
    page = opened(built, "adam", "reporting/library.py")
    assert [head.value for head in page.subheader][:3] == ["Owner's desk", "Without a folder", "Clinic days"]
    page.text_input(key="find_report").set_value("cats").run()
    assert labels(page)[-1] == "Cats of the month" and len([one for one in labels(page) if "Cats" in one]) == 1
    page.text_input(key="find_report").set_value("zzz").run()
    assert "No report has these words" in told(page)
    page.text_input(key="find_report").set_value("").run()
    page.segmented_control(key="whose").set_value("Mine").run()
    assert labels(page)[-2:] == ["Cats of the month", "A try <b>of mine</b>"]
    assert "only you see it" in told(page)
    page = opened(built, "olive", "reporting/library.py")
    assert "Cats of the month" in labels(page) and "A try <b>of mine</b>" not in labels(page)


def test_who_only_runs_reports_is_offered_nothing_to_change(built):
    page = opened(built, "mona", "reporting/library.py")
    assert not [button for button in page.button if button.key == "new_report"]
    page = opened(built, "mona", "reporting/report.py", name="cats-of-the-month")
    assert not {"pin_report", "copy_report", "remove_report"} & {button.key for button in page.button}


def test_a_report_is_copied_moved_removed_and_put_back(built):
    page = opened(built, "adam", "reporting/report.py", name="tax")
    assert not {"copy_report", "place_report", "remove_report"} & {b.key for b in page.button}, (
        "Copy and change is enough"
    )
    assert "Copy and change" in labels(page)
    saved.copy_report("tax", "Our tax", by=built.actor("adam"))
    page = opened(built, "adam", "reporting/report.py", name="our-tax")
    press(page, "copy_report", "copy_save", copy_title="My tax")
    page = opened(built, "adam", "reporting/report.py", name="my-tax")
    assert page.title[0].value == "My tax"
    press(page, "place_report", "place_save", place_folder="Owner's desk", place_shared=True)
    assert saved.card("my-tax", by=built.actor("olive")).folder == "Owner's desk"
    page = opened(built, "adam", "reporting/report.py", name="my-tax")
    press(page, "remove_report", "remove_yes")
    page = opened(built, "adam", "reporting/library.py")
    assert "My tax" not in labels(page)
    page.button(key="restore_my-tax").click().run()
    assert "My tax" in labels(page)


def test_versions_say_what_they_changed_and_come_back(built):
    adam = built.actor("adam")
    cats = {"field": "patient.species", "op": "is", "value": "cat"}
    saved.save_report(spec("Cats of the month", filters=[cats]), name="cats-of-the-month", folder="Owner's desk",
                      version=1, comment="really only cats", by=adam)  # fmt: skip
    page = opened(built, "olive", "reporting/versions.py", name="cats-of-the-month")
    words = told(page).replace("\\", "")
    assert "Only where: Patient > Species is cat" in words and "really only cats" in words
    page.button(key="back-1-2").click().run()
    assert not page.exception
    assert saved.card("cats-of-the-month", by=adam).spec.filters == []
    page = opened(built, "mona", "reporting/versions.py", name="cats-of-the-month")
    assert not [button for button in page.button if str(button.key).startswith("back-")]
    page = opened(built, "mona", "reporting/versions.py", name="a-try-b-of-mine-b")
    assert "There is no report called" in page.error[0].value
