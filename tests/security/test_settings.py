"""Settings: one way to change them, checked, versioned, two editors kept apart, and a file form."""

import pytest

import billing.settings  # noqa: F401 - registers its kinds
from data.card_numbers import CardNumberTyped
from data.definitions import BadDefinition
from data.errors import BadInput, NotFound, NotPermitted
from data.models import AuditLog, Service
from data.session import read
from security import settings


def entry(clinic, kind, slug):
    return next(found for found in settings.entries(kind, by=clinic.actor("adam")) if found.slug == slug)


def test_a_saved_price_reaches_the_price_list_with_version_and_audit(clinic):
    adam = clinic.actor("adam")
    spay = entry(clinic, "service", "cat-spay")
    number = settings.save_definition(
        "service", "cat-spay", spay.body | {"price_cents": 9_900}, expected=spay.number, by=adam, key="k"
    )
    assert number == 2
    again = settings.save_definition(
        "service", "cat-spay", spay.body | {"price_cents": 9_900}, expected=spay.number, by=adam, key="k"
    )
    assert again == 2
    with read(clinic.id) as session:
        assert session.query(Service).filter_by(code="cat-spay").one().price_cents == 9_900
        assert session.query(AuditLog).filter_by(action="setting.saved").count() == 1
    settings.roll_back_definition("service", "cat-spay", 1, expected=2, by=adam)
    with read(clinic.id) as session:
        assert session.query(Service).filter_by(code="cat-spay").one().price_cents == 9_500


def test_the_second_editor_learns_who_changed_what_and_nothing_is_saved(clinic):
    spay = entry(clinic, "service", "cat-spay")
    settings.save_definition(
        "service", "cat-spay", spay.body | {"price_cents": 1}, expected=spay.number, by=clinic.actor("adam")
    )
    with pytest.raises(settings.SettingEdited, match=r"Adam Abbott changed this service .*\(price\)"):
        settings.save_definition(
            "service", "cat-spay", spay.body | {"name": "Spay"}, expected=spay.number, by=clinic.actor("olive")
        )
    assert entry(clinic, "service", "cat-spay").body["name"] == spay.body["name"]


def test_a_setting_keeps_no_card_number_and_no_book(clinic):
    adam = clinic.actor("adam")
    spay = entry(clinic, "service", "cat-spay")
    with pytest.raises(CardNumberTyped, match="Service, name"):
        changed = spay.body | {"name": "Spay 4111 1111 1111 1111"}
        settings.save_definition("service", "cat-spay", changed, expected=spay.number, by=adam)
    species = {"label": "Cat", "breeds": [f"breed number {number}" for number in range(30_000)]}
    with pytest.raises(BadDefinition, match="characters, at most"):
        settings.save_definition("species", "cat-2", species, expected=0, by=adam)
    for text in ("x = " + "[" * 5_000, "#" * 1_000_000):
        with pytest.raises(BadDefinition):
            settings.import_setting(text, by=adam)
    assert entry(clinic, "service", "cat-spay") == spay


def test_several_are_saved_together_or_not_at_all(clinic):
    adam = clinic.actor("adam")
    rows = {found.slug: found for found in settings.entries("service", by=adam)}
    good = rows["rabies"].body | {"price_cents": 2_000}
    bad = rows["microchip"].body | {"price_cents": -1}
    with pytest.raises(BadDefinition, match="microchip: price_cents"):
        settings.save_all("service", {"rabies": (good, 1), "microchip": (bad, 1)}, by=adam)
    assert entry(clinic, "service", "rabies").number == 1


def test_staff_change_no_setting_and_roles_have_their_own_rules(clinic):
    with pytest.raises(NotPermitted):
        settings.entries("service", by=clinic.actor("sam"))
    with pytest.raises(NotFound):
        settings.entries("role", by=clinic.actor("olive"))


def test_a_setting_goes_out_as_a_file_and_comes_back(clinic):
    adam = clinic.actor("adam")
    text = settings.export_setting("service", "dog-spay", by=adam)
    dog = entry(clinic, "service", "dog-spay")
    settings.save_definition("service", "dog-spay", dog.body | {"prices": []}, expected=1, by=adam)
    assert settings.import_setting(text, by=adam) == "dog-spay"
    assert entry(clinic, "service", "dog-spay").body == dog.body
    with pytest.raises(BadInput):
        settings.import_setting("name = 'x'", by=adam)
    with pytest.raises(BadDefinition):
        settings.import_setting("not a file at all", by=adam)


def test_a_new_one_does_not_overwrite_an_old_one(clinic):
    with pytest.raises(BadInput, match="already"):
        settings.save_definition(
            "service", "cat-spay", entry(clinic, "service", "rabies").body, expected=0, by=clinic.actor("adam")
        )


@pytest.mark.parametrize("kind", ["role", "report", "dashboard", "report-query", "first-steps"])
def test_what_has_rules_of_its_own_is_not_read_nor_changed_as_a_plain_setting(clinic, kind):
    import reports.dashboards
    import reports.saved
    import reports.sql  # noqa: F401 - they register their kinds

    adam = clinic.actor("adam")
    with pytest.raises(NotFound):
        settings.entries(kind, by=adam)
    with pytest.raises(NotFound):
        settings.save_definition(kind, "x", {}, expected=0, by=adam)
