"""What people build stays theirs, finds its folder, keeps every version and comes back when it was removed."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from data import definitions
from data.definitions import BadDefinition
from data.errors import EditedMeanwhile, NotFound, NotPermitted
from data.models import AuditLog, User
from data.session import read, write
from reports import model, saved, tiles
from reports.changes import in_words
from reports.dashboards import Dashboard, Tile
from reports.saved import SavedReport
from reports.shelf import NotYourReport, OnlyTheirs
from reports.spec import ReportSpec, built_in
from security.roles import ROLE, Role

MONTH = {"field": "day", "grain": "month"}
CATS = {"field": "patient.species", "op": "is", "value": "cat"}


def spec(**more):
    shape = {"title": "Surgeries by month", "entity": "surgery", "period": "day", "measures": ["surgeries"],
             "breakdowns": [{"name": "month", "label": "Month", "by": [MONTH]}]}  # fmt: skip
    return ReportSpec.model_validate(shape | more)


def shown(actor):
    return {card.name: card for card in saved.cards(by=actor)}


def test_a_report_moves_between_folders_and_people_and_comes_back_when_removed(clinic):
    adam, olive = clinic.actor("adam"), clinic.actor("olive")
    name = saved.save_report(spec(), folder=" Surgery ", shared=False, by=adam, key="one")
    assert shown(adam)[name].folder == "Surgery" and shown(adam)[name].mine
    assert name not in shown(olive), "it is adam's alone"

    saved.place_report(name, title="Operations", folder="Owner", shared=True, version=1, by=adam, key="two")
    card = shown(olive)[name]
    assert (card.spec.title, card.folder, card.owner, card.mine) == ("Operations", "Owner", "Adam Abbott", False)
    with pytest.raises(EditedMeanwhile):
        saved.place_report(name, title="Late", folder="", shared=True, version=1, by=olive)
    with pytest.raises(OnlyTheirs, match="Adam Abbott"):
        saved.place_report(name, title="Operations", folder="", shared=False, version=2, by=olive)
    with pytest.raises(BadDefinition, match="empty"):
        saved.place_report(name, title="  ", folder="", shared=True, version=2, by=olive)
    assert saved.folders(by=olive) == ["Owner"]

    saved.remove_report(name, by=olive, key="three")
    assert name not in shown(adam)
    assert [one.title for one in saved.removed_reports(by=adam)] == ["Operations"]
    saved.restore_report(name, by=adam, key="four")
    saved.restore_report(name, by=adam, key="four")
    assert shown(olive)[name].folder == "Owner" and saved.card(name, by=adam).number == 3
    with pytest.raises(NotFound):
        saved.restore_report(name, by=adam)
    with read(clinic.id) as session:
        done = session.scalars(select(AuditLog.action).where(AuditLog.entity_id == name).order_by(AuditLog.seq)).all()
    assert done == ["report.saved", "report.saved", "report.removed", "report.saved"]


def test_a_copy_of_what_ballast_ships_is_ones_own(clinic):
    adam, mona = clinic.actor("adam"), clinic.actor("mona")
    name = saved.copy_report("tax", "", by=adam, key="copy")
    assert saved.copy_report("tax", "", by=adam, key="copy") == name, "a double click makes one"
    card = saved.card(name, by=adam)
    assert card.spec.title == f"Copy of {built_in()['tax'].title}" and card.mine and not card.saved.shared
    assert card.spec.model_copy(update={"title": built_in()["tax"].title}) == built_in()["tax"]
    with pytest.raises(NotPermitted):
        saved.copy_report("tax", "Mine", by=mona)
    for change in (
        lambda: saved.remove_report("tax", by=adam),
        lambda: saved.roll_back("tax", 1, by=adam),
        lambda: saved.place_report("tax", title="Mine", folder="", shared=True, version=0, by=adam),
    ):
        with pytest.raises(NotYourReport):
            change()


def test_what_needs_money_is_not_offered_to_who_may_not_see_it(clinic):
    name = saved.copy_report("tax", "Tax for the owner", shared=True, by=clinic.actor("adam"))
    with write(clinic.id) as session:
        definitions.save(session, ROLE, "reader", Role(label="Reader", permissions=["reports.view"]), by_user_id=None)
        session.query(User).filter_by(username="clara").one().role = "reader"
    offered = shown(clinic.actor("clara"))
    assert name not in offered and "tax" not in offered and "surgeries" in offered


def test_who_may_not_see_clients_reads_no_name_in_a_report_of_somebody_else(sqlite_clinic):
    clinic = sqlite_clinic
    named = {"field": "patient.client.name", "op": "is", "value": "Vera Vane"}
    asked = {"asks": [{"name": "who", "label": "Who", "field": "patient.client.name", "default": "Vera Vane"}],
             "filters": [{"field": "patient.client.name", "op": "is", "parameter": "who"}]}  # fmt: skip
    counted = [{"name": "hers", "measure": "surgeries", "where": [named]}]
    adam, before = clinic.actor("adam"), spec(title="Once of Vera", filters=[named])
    names = [saved.save_report(spec(title=title, **more), by=adam) for title, more in (
        ("Of one", {"filters": [named]}), ("Of any", {"filters": [{"any": [CATS, {"all": [named]}]}]}),
        ("Counted", {"measures": counted}), ("Asked", asked))]  # fmt: skip
    once = saved.save_report(before, by=adam)
    saved.save_report(spec(title="Of all"), name=once, by=adam)
    with write(clinic.id) as session:
        role = Role(label="Reader", permissions=["reports.view", "reports.others", "reports.build"])
        definitions.save(session, ROLE, "reader", role, by_user_id=None)
        session.query(User).filter_by(username="clara").one().role = "reader"
    clara = clinic.actor("clara")
    assert "Vera" in repr(saved.cards(by=adam))
    assert "Vera" not in repr(saved.cards(by=clara)) and once in shown(clara)
    for name in names:
        for look in (saved.card, saved.versions, saved.version_words):
            with pytest.raises(NotPermitted, match="see clients"):
                look(name, by=clara)
    with pytest.raises(NotPermitted, match="see clients"):
        saved.version_words(once, by=clara)
    one = Dashboard(title="All", tiles=[Tile(id="t1", report=names[0])])
    assert tiles.answer(one.tiles[0], one, None, {}, by=clara).problem == tiles.CLOSED


def test_an_old_version_comes_back_where_the_report_is_now(clinic):
    adam, olive = clinic.actor("adam"), clinic.actor("olive")
    name = saved.save_report(spec(), folder="A", shared=True, by=adam)
    saved.save_report(spec(filters=[CATS]), name=name, folder="B", version=1, comment="cats", by=olive)
    assert saved.version_words(name, by=adam) == {
        1: [],
        2: ["Folder: B instead of A", "Only where: Patient > Species is cat"],
    }
    with pytest.raises(EditedMeanwhile):
        saved.roll_back(name, 1, version=1, by=adam)
    with pytest.raises(NotFound):
        saved.roll_back(name, 7, version=2, by=adam)
    saved.roll_back(name, 1, version=2, by=olive, key="back")
    card = saved.card(name, by=adam)
    assert (card.number, card.spec.filters, card.folder, card.owner) == (3, [], "B", "Adam Abbott")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"title": "Operations"}, "Title: Operations instead of Surgeries by month"),
        ({"preset": "last_month"}, "Period at first: Last month instead of Last 12 months"),
        ({"compare": "year_before"}, "Compared with: the year before instead of nothing"),
        ({"filters": [CATS]}, "Only where: Patient > Species is cat"),
        ({"filters": [{"field": "patient.hat", "op": "empty"}]}, "Only where: patient.hat"),
        ({"measures": ["surgeries", "complicated"]}, "Shows: With complications"),
        ({"measures": ["complicated"]}, "No longer shows: Surgeries"),
        ({"breakdowns": [{"name": "s", "label": "S", "by": [MONTH, {"field": "surgeon"}]}]},
         "Broken down by: Month, Surgeon"),
        ({"chart": {"kind": "line", "y": "surgeries"}}, "Drawn as: lines instead of no chart"),
        ({"across": {"field": "patient.species"}}, "Across: Patient > species instead of nothing"),
        ({"limit": 10}, "Rows at most: 10 instead of all"),
        ({"subtotals": True}, "Subtotals: shown instead of not shown"),
        ({"empty": "Nothing here."}, "Something small was changed"),
    ],
)  # fmt: skip
def test_each_change_is_told_in_a_sentence(change, sentence):
    before, after = SavedReport(spec=spec()), SavedReport(spec=spec(**change))
    assert sentence in in_words(before, after, model.built_in())
    assert in_words(before, before, model.built_in()) == []
