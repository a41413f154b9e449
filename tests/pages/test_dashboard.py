"""Dashboards as people use them: begin one, pin to it, arrange it, narrow it, hang it on the wall."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from data.models import UserSession
from data.session import read
from data.types import clock
from reports import dashboards, saved
from reports.dashboards import Dashboard, Tile
from tests.pages.test_library import press
from tests.reports import small_clinic
from tests.screen import opened, told

ROSTER = {"id": "t1", "report": "no-show-rate", "title": "On <b>the</b> roster", "show": "number", "number": "all_rows",
          "width": 1, "height": 1}  # fmt: skip
TABLE = {"id": "t2", "report": "no-show-rate", "show": "table", "preset": "all_time"}
GONE = {"id": "t3", "report": "never"}


@pytest.fixture
def small(sqlite_clinic):
    small = small_clinic.Small(sqlite_clinic)
    today = clock.today("America/New_York").isoformat()
    for species, stage in (("cat", "no_show"), ("cat", "checked_out"), ("dog", "checked_out")):
        small.visit(today, stage, patient_id=small.patient(species=species))
    return small


@pytest.fixture
def board(small):
    one = Dashboard.model_validate({"title": "Clinic day", "preset": "this_month", "tiles": [ROSTER, TABLE, GONE],
                                    "filters": [{"field": "patient.species", "label": "Species"}]})  # fmt: skip
    return dashboards.save_dashboard(one, by=small.clinic.actor("adam"))


def tables(page):
    return "".join(block.proto.body for block in page.get("html") if "report-table" in block.proto.body)


def test_a_dashboard_is_narrowed_all_at_once_and_every_tile_leads_to_its_report(small, board):
    page = opened(small.clinic, "mona", "reporting/dashboard.py", name=board)
    assert [metric.value for metric in page.metric] == ["3"] and "This report was removed" in told(page)
    links = [link.proto.label.replace("\\", "") for link in page.main.get("page_link")]
    assert links == ["All reports", "On <b>the</b> roster", "No-show rate"]
    assert not [button for button in page.button if button.key in ("change_board", "remove_board")]
    page.multiselect(key="board_filter_0").set_value(["dog"]).run()
    assert not page.exception and [metric.value for metric in page.metric] == ["1"]
    assert "100.0%" not in tables(page)
    page.selectbox(key="board_period").set_value("Last year").run()
    assert [metric.value for metric in page.metric] == ["0"]


def test_the_library_shows_dashboards_and_brings_removed_ones_back(small, board):
    page = opened(small.clinic, "adam", "reporting/dashboard.py", name=board)
    press(page, "remove_board", "remove_board_yes")
    page = opened(small.clinic, "adam", "reporting/library.py")
    assert "Clinic day" not in [link.proto.label.strip("*") for link in page.main.get("page_link")]
    page.button(key=f"restore_board_{board}").click().run()
    assert "Clinic day" in [link.proto.label.strip("*") for link in page.main.get("page_link")]
    press(page, "new_board", "board_make", board_title="Mine")
    assert [one.dashboard.title for one in dashboards.boards(by=small.clinic.actor("adam"))] == ["Clinic day", "Mine"]


def test_a_report_is_pinned_from_its_page_as_it_is_shown_there(small, board):
    page = opened(small.clinic, "adam", "reporting/report.py", name="no-show-rate", by="Month")
    press(page, "pin_report", "pin_save", pin_show="number")
    placed = dashboards.board(board, by=small.clinic.actor("adam")).dashboard.tiles[-1]
    assert (placed.report, placed.show, placed.params) == ("no-show-rate", "number", {"by": "month"})
    assert placed.number in {one.name for one in saved.card("no-show-rate", by=small.clinic.actor("adam")).spec.numbers}


def test_a_dashboard_is_arranged_without_code(small, board):
    page = opened(small.clinic, "adam", "reporting/dashboard.py", name=board, change="1")
    page.button(key="icononly-away-t3").click().run()
    page.button(key="icononly-later-t1").click().run()
    page.selectbox(key="width_t2").set_value(4).run()
    page.text_input(key="title_t2").set_value("Who came").run()
    page.selectbox(key="add_report").set_value("surgeries").run()
    page.button(key="add_tile").click().run()
    page.selectbox(key="show_t3").set_value("number").run()
    page.text_input(key="edit_title").set_value("The day").run()
    assert not page.exception and not page.error
    standing = dashboards.board(board, by=small.clinic.actor("adam"))
    assert standing.number == 1, "nothing changes before it is saved"
    page.button(key="board_save").click().run()
    assert not page.exception and not page.error
    made = dashboards.board(board, by=small.clinic.actor("adam")).dashboard
    assert made.title == "The day"
    assert [(tile.id, tile.report, tile.title, tile.width, tile.show) for tile in made.tiles] == [
        ("t2", "no-show-rate", "Who came", 4, "table"), ("t1", "no-show-rate", "On <b>the</b> roster", 1, "number"),
        ("t3", "surgeries", "", 2, "number"),
    ]  # fmt: skip
    page = opened(small.clinic, "adam", "reporting/versions.py", board=board)
    words = told(page).replace("\\", "")
    assert all(one in words for one in ("Removed: Never", "Added: Surgeries", "Changed: Who came"))
    page.button(key="back-1-2").click().run()
    assert dashboards.board(board, by=small.clinic.actor("adam")).dashboard.title == "Clinic day"


def test_somebody_elses_newer_version_is_not_overwritten(small, board):
    page = opened(small.clinic, "adam", "reporting/dashboard.py", name=board, change="1")
    dashboards.pin("tax", Tile(id="x", report="x"), name=board, by=small.clinic.actor("olive"))
    page.text_input(key="edit_title").set_value("Mine").run()
    page.button(key="board_save").click().run()
    assert "while you had it open" in page.error[0].value
    assert dashboards.board(board, by=small.clinic.actor("adam")).dashboard.title == "Clinic day"


def test_the_full_screen_hides_the_menu_and_signs_out_like_any_idle_screen(small, board):
    page = opened(small.clinic, "mona", "reporting/dashboard.py", name=board, full="1")
    assert any("stSidebar" in block.proto.body and "display: none" in block.proto.body for block in page.get("html"))
    assert [metric.value for metric in page.metric] == ["3"] and "as of" in told(page)
    clock.set(clock.now() + timedelta(minutes=31))
    page.run()
    assert not page.metric and not [button for button in page.button if button.key == "board_calm"]
    with read(small.clinic.id) as session:
        theirs = UserSession.user_id == small.clinic.users["mona"]
        assert session.scalars(select(UserSession.revoked_at).where(theirs)).all()[-1] is not None


def test_an_empty_dashboard_teaches_its_first_step(small):
    adam = small.clinic.actor("adam")
    name = dashboards.save_dashboard(Dashboard(title="New"), by=adam)
    page = opened(small.clinic, "adam", "reporting/dashboard.py", name=name)
    page.button(key="board_start").click().run()
    assert not page.exception and page.title[0].value == "Change New"
    assert (
        "There is no dashboard called"
        in opened(small.clinic, "adam", "reporting/dashboard.py", name="x").error[0].value
    )
