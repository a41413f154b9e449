"""Dashboards: what is pinned stays, tiles never show what their reports would not, and a screen that refreshes by
itself is nobody's input."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from data import definitions
from data.errors import BadInput, EditedMeanwhile, NotFound, NotPermitted, SessionEnded
from data.models import AuditLog, User, UserSession
from data.session import read, write
from data.types import clock
from reports import dashboards, run, saved, tiles
from reports.dashboards import Dashboard, FullDashboard, Narrowing, Tile
from reports.shelf import OnlyTheirs
from reports.spec import ReportSpec
from reports.tiles import CLOSED, GONE
from security.roles import ROLE, Role
from tests.reports import small_clinic

YEAR = (date(2024, 1, 1), date(2024, 12, 31))


def board(*placed, **more):
    made = [Tile(id=f"t{count}", **one) for count, one in enumerate(placed, 1)]
    return Dashboard.model_validate({"title": "Day"} | more | {"tiles": [one.model_dump() for one in made]})


def answers(one, actor, days=YEAR, chosen=None, **more):
    return [tiles.answer(tile, one, days, chosen or {}, by=actor, **more) for tile in one.tiles]


@pytest.fixture
def small(sqlite_clinic):
    return small_clinic.Small(sqlite_clinic)


@pytest.fixture
def visits(small):
    """Four visits of 2024 and two of 2023: half of those of 2024 did not come."""
    cat, dog = small.patient(species="cat"), small.patient(species="dog")
    for day, stage, patient in (
        ("2023-05-02", "no_show", cat), ("2023-05-03", "checked_out", dog),
        ("2024-05-02", "no_show", cat), ("2024-05-03", "no_show", dog), ("2024-05-04", "checked_out", cat),
        ("2024-05-05", "checked_out", cat),
    ):  # fmt: skip
        small.visit(day, stage, patient_id=patient)
    return small


def test_a_dashboard_is_kept_like_a_report(clinic):
    adam, olive, mona = (clinic.actor(name) for name in ("adam", "olive", "mona"))
    name = dashboards.save_dashboard(board({"report": "tax"}, shared=False, folder="Owner"), by=adam, key="one")
    assert dashboards.save_dashboard(board(), by=adam, key="one") == name, "a double click saves one"
    assert [one.name for one in dashboards.boards(by=adam)] == [name] and dashboards.boards(by=olive) == []
    with pytest.raises(NotFound):
        dashboards.board(name, by=olive)
    with pytest.raises(NotPermitted):
        dashboards.save_dashboard(board(), by=mona)

    wider = board({"report": "tax", "width": 4}, {"report": "surgeries"}, folder="Owner")
    dashboards.save_dashboard(wider, name=name, version=1, by=adam)
    with pytest.raises(EditedMeanwhile):
        dashboards.save_dashboard(board(), name=name, version=1, by=olive)
    with pytest.raises(OnlyTheirs):
        dashboards.save_dashboard(board(shared=False), name=name, version=2, by=olive)
    found = dashboards.dashboard_versions(name, by=olive)
    assert [one.number for one in found] == [2, 1]
    told = dashboards.told_changes(found[1].saved, found[0].saved)
    assert told == ["Added: Surgeries", "Changed: Tax", "Readers changed"]
    dashboards.roll_back_dashboard(name, 1, version=2, by=olive)
    one = dashboards.board(name, by=olive)
    assert len(one.dashboard.tiles) == 1 and one.dashboard.shared and one.owner == "Adam Abbott"

    copy = dashboards.copy_dashboard(name, "", by=olive)
    assert dashboards.board(copy, by=olive).mine
    dashboards.remove_dashboard(name, by=olive)
    assert [one.name for one in dashboards.removed_dashboards(by=adam)] == [name]
    dashboards.restore_dashboard(name, by=adam)
    assert dashboards.board(name, by=olive).number == 4


def test_pinning_adds_a_tile_and_a_full_dashboard_takes_no_more(clinic):
    adam = clinic.actor("adam")
    name = dashboards.pin("tax", Tile(id="x", report="x", width=1), title="Money", by=adam, key="p")
    assert dashboards.pin("tax", Tile(id="x", report="x"), title="Money", by=adam, key="p") == name
    dashboards.pin("surgeries", Tile(id="x", report="x", show="table"), name=name, by=adam)
    placed = dashboards.board(name, by=adam).dashboard.tiles
    assert [(tile.id, tile.report, tile.show, tile.width) for tile in placed] == [
        ("t1", "tax", "chart", 1), ("t2", "surgeries", "table", 2),
    ]  # fmt: skip
    with pytest.raises(NotFound):
        dashboards.pin("nothing", Tile(id="x", report="x"), name=name, by=adam)
    full = dashboards.save_dashboard(board(*({"report": "tax"} for _ in range(dashboards.MOST_TILES))), by=adam)
    with pytest.raises(FullDashboard):
        dashboards.pin("tax", Tile(id="x", report="x"), name=full, by=adam)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"title": ""}, "empty"),
        ({"preset": "soon"}, "no period called"),
        ({"tiles": [{"id": "t", "report": ""}]}, "empty"),
        ({"tiles": [{"id": "t", "report": "tax"}] * 2}, "same id"),
        ({"tiles": [{"id": "t", "report": "x", "width": 9}]}, "4"),
    ],
)  # fmt: skip
def test_a_dashboard_that_cannot_be_drawn_is_refused_in_words(wrong, words):
    with pytest.raises(BadInput, match=words):
        dashboards.DASHBOARD.parse(board().model_dump() | wrong, "Day")


def test_tiles_show_what_their_reports_show(visits):
    adam = visits.clinic.actor("adam")
    one = board({"report": "no-show-rate"}, {"report": "no-show-rate", "preset": "all_time"})
    mine, own = answers(one, adam)
    whole = run.run("no-show-rate", {"from": "2024-01-01", "to": "2024-12-31"}, by=adam)
    assert (mine.result.rows, mine.result.total) == (whole.rows, whole.total)
    assert own.result.total == run.run("no-show-rate", {}, by=adam).total != whole.total


def test_a_big_number_stands_beside_the_year_before(visits):
    adam = visits.clinic.actor("adam")
    one = board({"report": "no-show-rate", "show": "number", "number": "no_shows"},
                {"report": "no-show-rate", "show": "number", "number": "rate_of_arrivals"})  # fmt: skip
    count, rate = answers(one, adam)
    assert count.result.rows == [(2, 1, 1.0)], "two against one: one more, twice as many"
    assert rate.result.rows[0][:2] == (0.5, 0.0)
    (open_end,) = answers(board({"report": "no-show-rate", "show": "number"}), adam, (None, None))
    assert len(open_end.result.columns) == 1


def test_a_filter_narrows_the_tiles_that_know_it_and_says_which_do_not(visits):
    adam = visits.clinic.actor("adam")
    one = board({"report": "no-show-rate", "show": "number", "number": "all_rows"}, {"report": "cash-received"},
                filters=[{"field": "patient.species", "label": "Species"}])  # fmt: skip
    assert set(tiles.choices(one, "patient.species", by=adam)) == {"cat", "dog"}
    assert "patient.species" in tiles.filter_fields(one, by=adam)
    narrowed, other = answers(one, adam, chosen={"patient.species": ["dog"]})
    assert narrowed.result.rows[0][0] == 1 and narrowed.untouched == ()
    assert other.untouched == ("Species",)
    everything, _ = answers(one, adam, chosen={"patient.species": []})
    assert everything.result.rows[0][0] == 4


def test_a_tile_that_is_gone_closed_or_broken_says_so_in_its_place(visits):
    clinic = visits.clinic
    adam, olive = clinic.actor("adam"), clinic.actor("olive")
    hidden = saved.copy_report("surgeries", "Mine", by=adam)
    broken = saved.save_report(
        ReportSpec(title="Broken", entity="surgery", measures=["surgeries"],
                   filters=[{"field": "patient.hat", "op": "empty"}]), by=adam,
    )  # fmt: skip
    one = board(
        {"report": "never"}, {"report": hidden}, {"report": broken}, {"report": "no-show-rate"}, {"report": "tax"}
    )
    never, theirs, fault, works, _ = answers(one, olive)
    assert (never.problem, theirs.problem) == (GONE, GONE)
    assert "hat" in fault.problem and fault.result is None
    assert works.result is not None and not works.problem
    with write(clinic.id) as session:
        definitions.save(session, ROLE, "reader", Role(label="Reader", permissions=["reports.view"]), by_user_id=None)
        session.query(User).filter_by(username="clara").one().role = "reader"
    assert answers(one, clinic.actor("clara"))[-1].problem == CLOSED
    with pytest.raises(NotPermitted):
        answers(one, clinic.actor("sam"))


def test_who_sees_no_money_sees_none_on_a_dashboard_that_somebody_else_just_looked_at(visits):
    clinic = visits.clinic
    one = board({"report": "grants", "show": "table"}, {"report": "no-show-rate"})
    answers(one, clinic.actor("adam"))
    with write(clinic.id) as session:
        role = Role(label="Reader", permissions=["reports.view"])  # and not reports.others
        definitions.save(session, ROLE, "reader", role, by_user_id=None)
        session.query(User).filter_by(username="clara").one().role = "reader"
    grants, own = answers(one, clinic.actor("clara"))
    assert grants.result is None and grants.problem
    assert own.result.rows == [], "only visits of her own, and there are none"


def test_what_is_kept_follows_the_next_change(visits, monkeypatch):
    adam, asked = visits.clinic.actor("adam"), []
    real = run.read
    monkeypatch.setattr(run, "read", lambda *told: asked.append(1) or real(*told))
    monkeypatch.setattr("data.mart.REFRESH_SECONDS", 0)
    one = board({"report": "no-show-rate", "show": "number", "number": "all_rows"})
    before, again = answers(one, adam)[0], answers(one, adam, timed=True)[0]
    assert before.result.rows == again.result.rows and len(asked) == 1
    visits.visit("2024-06-01", "no_show")
    assert answers(one, adam)[0].result.rows[0][0] == before.result.rows[0][0] + 1


def test_a_refresh_is_no_input_and_leaves_no_row(visits):
    clinic = visits.clinic
    adam = clinic.actor("adam")
    one = board({"report": "no-show-rate"}, {"report": "surgeries"},
                filters=[{"field": "patient.species", "label": "Species"}])  # fmt: skip

    def state():
        with read(clinic.id) as session:
            rows = session.scalar(select(func.count()).select_from(AuditLog))
            return rows, session.scalar(select(UserSession.last_input_at).where(UserSession.id == adam.session_id))

    start = clock.now()
    before = state()
    for minute in range(1, 29):
        clock.set(start + timedelta(minutes=minute))
        assert all(one.result is not None for one in answers(one, adam, timed=True))
        tiles.choices(one, "patient.species", by=adam)
    assert state() == before, "28 minutes of refreshing are no input"
    clock.set(start + timedelta(minutes=31))
    with pytest.raises(SessionEnded):
        answers(one, adam, timed=True)
    clock.set(start + timedelta(minutes=1))
    answers(one, adam)
    assert state()[0] == before[0] + 2, "a look that a person takes is written down"


def test_numbers_are_offered_by_their_words(sqlite_clinic):
    offered = tiles.numbers("no-show-rate", by=sqlite_clinic.actor("mona"))
    assert offered["rate_of_arrivals"] == "No-show rate" and offered["cancelled"] == "Canceled"
    assert tiles.numbers("roster", by=sqlite_clinic.actor("mona")) == {}


def test_filters_find_their_field_from_other_rows():
    from reports import model

    known = model.built_in()
    for entity, expected in (("surgery", "patient.species"), ("patient", "species"), ("payment", None)):
        assert tiles.path_in(entity, known, "patient.species") == expected
    assert tiles.path_in("invoice_line", known, "client.owner_type") == "invoice.client.owner_type"
    assert Narrowing(field="patient.species", label="Species").label == "Species"


def test_a_filter_that_is_offered_tests_the_same_thing_in_every_row():
    from reports import model

    known = model.built_in()
    offered = {path for name, one in known.entities.items() if one.offered for path in tiles._choosable(name, known)}
    assert {"patient.species", "location.name", "stage"} <= offered
    for path in offered - {"stage", "campaign"}:  # of the visit, also when a drug was given; a launch and its messages
        owners = set()
        for name, one in known.entities.items():
            place = tiles.path_in(name, known, path) if one.offered else None
            if place:
                owners.add(known.resolve(name, place)[1])
        assert len(owners) == 1, (path, owners)
