"""Dashboards as people use them: begin one, pin to it, arrange it, narrow it, hang it on the wall."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from data.models import UserSession
from data.session import read
from data.types import clock
from pages.components import board_tiles
from reports import dashboards, saved, tiles
from reports.dashboards import Dashboard, Narrowing, Tile
from reports.spec import ReportSpec
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
    by = small.clinic.actor("adam")
    page = opened(small.clinic, "adam", "reporting/dashboard.py", name=board, change="1")
    dashboards.pin("tax", Tile(id="x", report="x"), name=board, by=small.clinic.actor("olive"))
    page.text_input(key="edit_title").set_value("Mine").run()
    assert "saved a newer version while you had this open" in told(page)
    assert dashboards.board(board, by=by).dashboard.title == "Clinic day"
    assert page.text_input(key="edit_title-1").value == "Mine"
    page.button(key="board_save").click().run()
    standing = dashboards.board(board, by=by).dashboard
    assert standing.title == "Mine" and len(standing.tiles) == 4, "both changes are there"


def test_what_was_changed_survives_a_refresh_until_it_is_saved_or_thrown_away(small, board):
    adam = small.clinic.actor("adam")
    page = opened(small.clinic, "adam", "reporting/dashboard.py", name=board, change="1")
    page.button(key="icononly-away-t3").click().run()
    page.selectbox(key="width_t2").set_value(4).run()
    page = opened(small.clinic, "adam", "reporting/dashboard.py", name=board, change="1")
    assert "Kept from" in told(page) and page.selectbox(key="width_t2").value == 4
    assert not [box for box in page.selectbox if box.key == "width_t3"]
    next(button for button in page.button if button.label == "Discard").click().run()
    assert page.selectbox(key="width_t2-1").value == 2 and page.selectbox(key="width_t3-1").value
    page.selectbox(key="width_t2-1").set_value(3).run()
    page.button(key="board_leave").click().run()
    page = opened(small.clinic, "adam", "reporting/dashboard.py", name=board, change="1")
    assert "Kept from" not in told(page) and page.selectbox(key="width_t2").value == 2
    assert dashboards.board(board, by=adam).number == 1


def test_days_of_ones_own_hold_for_all_tiles_and_stand_in_the_address(small, board):
    today = clock.today("America/New_York")
    page = opened(small.clinic, "mona", "reporting/dashboard.py", name=board, board_period="Choose days",
                  board_from="2024-03-01", board_to="2024-03-31")  # fmt: skip
    assert [metric.value for metric in page.metric] == ["0"]
    page.date_input(key="board_to").set_value(today).run()
    assert [metric.value for metric in page.metric] == ["3"]
    page.date_input(key="board_from").set_value(today + timedelta(days=1)).run()
    assert "The period ends" in page.error[0].value


def test_a_tile_leads_to_the_very_numbers_it_shows(small):
    spec = ReportSpec.model_validate({
        "title": "Visits", "entity": "appointment", "period": "day", "preset": "all_time", "measures": ["all_rows"],
        "breakdowns": [{"name": "kind", "label": "Species", "by": [{"field": "patient.species", "name": "species"}]},
                       {"name": "stage", "label": "Stage", "by": [{"field": "stage"}]}],
        "asks": [{"name": "stages", "label": "Stage", "field": "stage"}],
        "filters": [{"field": "stage", "op": "in", "parameter": "stages"}],
    })  # fmt: skip
    adam, today = small.clinic.actor("adam"), clock.today("America/New_York")
    name = saved.save_report(spec, by=adam)
    tile = Tile(id="t1", report=name, show="table", params={"by": "stage", "stages": ["checked_out", "no_show"]})
    one = Dashboard(title="One", tiles=[tile], filters=[Narrowing(field="patient.species", label="Species")])
    for days, period in (((today, today), "Choose days"), ((None, None), "All time")):
        chosen = {"patient.species": ["cat"]}
        shown = tiles.answer(tile, one, days, chosen, by=adam)
        link = board_tiles.address(shown, period, chosen)
        page = opened(small.clinic, "mona", "reporting/report.py", **link)
        assert not page.error and "Species: Cat" in told(page).replace("\\", "")
        assert re.findall(r'<td class="s">([^<]+)</td><td class="n"[^>]*>(\d+)</td>', tables(page)) == [
            ("Checked out", "1"), ("No-show", "1"), ("Total", "2"),
        ]  # fmt: skip
        assert page.multiselect[0].value == ["checked_out", "no_show"]
    page.button(key="report_everything").click().run()
    assert ">2</td>" in tables(page) and "only" not in page.query_params


def test_answers_stand_in_the_address_but_nothing_that_names_somebody(small):
    spec = ReportSpec.model_validate({
        "title": "Asked", "entity": "appointment", "measures": ["all_rows"],
        "breakdowns": [{"name": "kind", "label": "Species", "by": [{"field": "patient.species", "name": "species"}]}],
        "asks": [{"name": "kind", "label": "Species", "field": "patient.species", "default": ["cat"]},
                 {"name": "who", "label": "Client", "field": "client.name"}],
        "filters": [{"field": "patient.species", "op": "in", "parameter": "kind"},
                    {"field": "client.name", "op": "contains", "parameter": "who"}],
    })  # fmt: skip
    name = saved.save_report(spec, by=small.clinic.actor("adam"))
    page = opened(small.clinic, "mona", "reporting/report.py", name=name, ask_kind="dog")
    assert "Dog" in tables(page) and "Cat" not in tables(page)
    page.multiselect[0].set_value(["cat", "dog"]).run()
    assert page.query_params["ask_kind"] == ["cat", "dog"] and "Cat" in tables(page)
    page.multiselect[0].set_value([]).run()
    assert page.query_params["ask_kind"] == "", "whoever opens the address gets the same answer: everything"
    page.multiselect[0].set_value(["cat"]).run()
    page.text_input[0].set_value("Zimmermann").run()
    assert "ask_kind" not in page.query_params, "what the report offers by itself needs no place in it"
    assert "Zimmermann" not in str(dict(page.query_params))
    page = opened(small.clinic, "mona", "reporting/report.py", name=name, only="client.name:Zimmermann")
    assert "Zimmermann" not in told(page), "an address narrows by nothing that is protected"


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


def test_a_screen_on_the_wall_keeps_what_was_chosen_in_its_address(small, board):
    page = opened(small.clinic, "mona", "reporting/dashboard.py", name=board)
    page.multiselect(key="board_filter_0").set_value(["dog"]).run()
    page.button(key="board_full").click().run()
    assert [metric.value for metric in page.metric] == ["1"] and "This month · Dog" in told(page).replace("\\", "")
    assert page.query_params["full"] == "This month" and page.query_params["only"] == "patient.species:dog"
    again = opened(small.clinic, "mona", "reporting/dashboard.py", name=board, full="Choose days", first="2024-01-01",
                   last="2024-12-31", only="patient.species:dog")  # fmt: skip
    assert [metric.value for metric in again.metric] == ["0"] and "Jan 1, 2024 to Dec 31, 2024" in told(again)
    page.button(key="board_calm").click().run()
    assert page.multiselect(key="board_filter_0").value == ["dog"] and "full" not in page.query_params
    assert [metric.value for metric in page.metric] == ["1"]


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
