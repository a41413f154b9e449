"""The administrators' pages: each opens for whom it is meant, and what is entered there arrives."""

import pytest
from sqlalchemy import select

from appointments import flow
from data.models import Definition, User
from data.session import read, write
from security import drafts, invitations, role_matrix, settings, sign_in, users
from security.roles import Role
from tests.screen import opened, start

PAGES = ("settings/index.py", "settings/editor.py", "settings/forms.py", "settings/form_designer.py",
         "settings/price_list.py", "settings/flow_stages.py", "settings/status_page.py",
         "settings/users.py", "settings/roles.py", "settings/sessions.py", "settings/audit.py",
         "settings/reviews.py", "staff/people.py", "staff/profile.py")  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_for_an_administrator(sqlite_clinic, page):
    at = opened(sqlite_clinic, "adam", page)
    assert at.title and not at.error


@pytest.mark.parametrize("kind", ["clinic-profile", "location", "appointment-type", "species", "drug", "custom-field",
                                  "service", "package", "discount", "tax", "tax-rules", "fund"])  # fmt: skip
def test_the_common_editor_draws_every_kind_and_saving_it_unchanged_changes_nothing(sqlite_clinic, kind):
    by = sqlite_clinic.actor("adam")
    before = settings.entries(kind, by=by)
    at = opened(sqlite_clinic, "adam", "settings/editor.py", kind=kind)
    assert not at.error
    save = next((button for button in at.button if button.label.startswith("Save ")), None)
    if before and save is not None:
        save.click().run()
        assert not at.exception and not at.error
        assert settings.entries(kind, by=by) == before


def test_the_price_list_says_what_is_not_saved_yet_with_both_prices(sqlite_clinic):
    """A grid takes what is typed into it fast by halves; the slip must show before it is saved."""
    by = sqlite_clinic.actor("adam")
    drafts.save("setting:price-list", {"nail-trim": {"price_cents": 350}, "rabies": {"tax_code": "sales"}}, by=by)
    at = opened(sqlite_clinic, "adam", "settings/price_list.py")
    (line,) = [caption.value for caption in at.caption if caption.value.startswith("Not saved yet")]
    assert line.replace("\\", "") == "Not saved yet: Nail trim, $10.00 becomes $3.50; Rabies vaccine, tax"


def test_a_changed_setting_is_saved_and_shows_in_its_history(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/editor.py", kind="appointment-type", entry="surgery")
    at.number_input(key="appointment-type-surgery-1-capacity").set_value(28)
    at.text_input(key="appointment-type-surgery-1-why").set_value("One vet fewer")
    next(button for button in at.button if button.label == "Save appointment type").click().run()
    by = sqlite_clinic.actor("adam")
    surgery = next(entry for entry in settings.entries("appointment-type", by=by) if entry.slug == "surgery")
    assert surgery.body["capacity"] == 28
    assert "One vet fewer" in settings.setting_history("appointment-type", "surgery", by=by)[0].comment


def test_the_second_of_two_editors_is_told_and_overwrites_nothing(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/editor.py", kind="appointment-type", entry="surgery")
    olive = sqlite_clinic.actor("olive")
    surgery = next(entry for entry in settings.entries("appointment-type", by=olive) if entry.slug == "surgery")
    body = surgery.body | {"minutes": 20}
    settings.save_definition("appointment-type", "surgery", body, expected=1, by=olive)
    at.number_input(key="appointment-type-surgery-1-capacity").set_value(5)
    next(button for button in at.button if button.label == "Save appointment type").click().run()
    assert any("Olive Owens changed this appointment type" in error.value for error in at.error)
    now = next(entry for entry in settings.entries("appointment-type", by=olive) if entry.slug == "surgery")
    assert (now.body["minutes"], now.body["capacity"]) == (20, 32)


def test_an_invitation_on_screen_leads_to_a_sign_in(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/users.py")
    at.button(key="invite").click().run()
    at.button(key="invite-send").click().run()
    assert at.error[0].value == "Enter the person's name."
    at.text_input(key="invite-name").set_value("Nina Nash")
    at.text_input(key="invite-username").set_value("nina")
    next(button for button in at.button if button.label == "Create the invitation").click().run()
    assert not at.exception and not at.error
    link = at.code[0].value
    guest = start(invite=link.partition("invite=")[2])
    guest.text_input(key="new-password").set_value("amber-walnut-harbor-58")
    guest.text_input(key="new-password-again").set_value("amber-walnut-harbor-58")
    next(button for button in guest.button if button.label == "Set the password").click().run()
    assert not guest.exception and not guest.error
    assert sign_in.check_password("nina", "amber-walnut-harbor-58").role == "staff"
    guest.button(key="to-sign-in").click().run()
    assert "invite" not in guest.query_params, "the way on leads to signing in, in the same tab"


def test_a_person_is_promoted_and_disabled_on_screen(sqlite_clinic):
    sam = sqlite_clinic.users["sam"]
    at = opened(sqlite_clinic, "adam", "settings/users.py", user=sam)
    at.selectbox(key=f"role-{sam}-staff").set_value("administrator").run()
    at.button(key="set-role").click().run()
    assert not at.error
    at.button(key="disable").click().run()
    with read(sqlite_clinic.id) as session:
        row = session.get_one(User, (sqlite_clinic.id, sam))
        assert (row.role, row.status) == ("administrator", "disabled")


def test_an_administrator_sees_no_way_to_change_the_owner(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/users.py", user=sqlite_clinic.users["olive"])
    assert "set-role" not in {button.key for button in at.button}
    at.button(key="disable").click().run()
    assert any("ask an owner" in error.value.casefold() for error in at.error)


def test_a_role_is_changed_on_screen(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/roles.py")
    at.button_group(key="role").set_value("staff").run()
    at.checkbox(key="staff-1-reports.view").check().run()
    at.button(key="save-role").click().run()
    assert not at.exception and not at.error
    staff = next(row for row in role_matrix.list_roles(by=sqlite_clinic.actor("adam")) if row.slug == "staff")
    assert "reports.view" in staff.permissions


def test_a_setting_that_does_not_hold_is_refused_in_words(sqlite_clinic):
    at = opened(sqlite_clinic, "adam", "settings/editor.py", kind="appointment-type", entry="new")
    at.button(key="save-appointment-type-new").click().run()
    assert [error.value for error in at.error] == ["Name: must not be empty."]

    for field, typed, said in (
        ("email", "nonsense", "is not an e-mail address"), ("community_link", "javascript:alert(1)", "https://"),
        ("off_site_backup", "backups", "whole path"),
    ):  # fmt: skip
        at = opened(sqlite_clinic, "adam", "settings/editor.py", kind="clinic-profile")
        number = next(one.key for one in at.text_input if one.key and one.key.endswith(f"-{field}"))
        at.text_input(key=number).set_value(typed).run()
        at.button(key="save-clinic-profile-clinic").click().run()
        assert said in at.error[-1].value, field
        drafts.discard("setting:clinic-profile-clinic", by=sqlite_clinic.actor("adam"))

    at = opened(sqlite_clinic, "adam", "settings/flow_stages.py")
    at.text_input(key="label-examined-1").set_value("checked in").run()
    at.button(key="save").click().run()
    assert [error.value for error in at.error] == ["Two stages are called checked in. Give each a name of its own."]
    at.text_input(key="label-examined-1").set_value("Exam done").run()
    at.number_input(key="amber-ready-1").set_value(300).run()
    at.button(key="save").click().run()
    assert [error.value for error in at.error] == [
        "Ready turns red before it turns amber. Make the second time the longer one."
    ]
    at.number_input(key="red-ready-1").set_value(400).run()
    at.button(key="save").click().run()
    assert not at.error and not at.exception
    assert any("Examined is called Exam done; Ready turns amber" in caption.value for caption in at.caption)
    columns = {column.stage: column for column in flow.columns(by=sqlite_clinic.actor("sam"))}
    assert (columns["ready"].long, columns["ready"].very_long) == (300, 400)
    assert (columns["recovering"].long, columns["examined"].label) == (60, "Exam done")
    with write(sqlite_clinic.id) as session:  # as an older version may have left it
        kept = session.scalars(select(Definition).where(Definition.kind == "flow-stages")).one()
        kept.body = {"stages": [{**look, "label": "Ward"} for look in kept.body["stages"]]}
    assert {one.label for one in flow.columns(by=sqlite_clinic.actor("sam"))} == {"Ward"}, "what stands stays readable"
    opened(sqlite_clinic, "adam", "settings/flow_stages.py")


def test_words_people_typed_are_shown_and_never_run(sqlite_clinic):
    adam = sqlite_clinic.actor("adam")
    payload = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) :red[y]"
    invitations.invite("xss", "staff", name=payload, by=adam)
    role_matrix.save_roles({"staff": (Role(label=payload[:60], permissions=["staff.view"]), 1)}, by=adam)
    for page in ("settings/users.py", "staff/people.py", "settings/roles.py"):
        at = opened(sqlite_clinic, "adam", page)
        for shown in [*at.markdown, *at.caption]:
            assert "<img" not in shown.value.replace("\\<", "") and "](javascript" not in shown.value, shown.value


def test_staff_see_no_settings_and_edit_their_own_contact(sqlite_clinic):
    at = opened(sqlite_clinic, "sam", "staff/profile.py")
    at.text_input(key=f"contact:{sqlite_clinic.users['sam']}:phone").set_value("555 0100").run()
    next(button for button in at.button if button.label == "Save your contact details").click().run()
    with read(sqlite_clinic.id) as session:
        assert session.get_one(User, (sqlite_clinic.id, sqlite_clinic.users["sam"])).phone == "555 0100"


def test_everyone_is_signed_out_on_screen(sqlite_clinic):
    sqlite_clinic.actor("sam")
    at = opened(sqlite_clinic, "adam", "settings/sessions.py")
    at.button(key="everyone").click().run()
    assert not at.error
    held = users.list_sessions(by=sqlite_clinic.actor("olive"))
    assert {row.name for row in held} == {"Adam Abbott", "Olive Owens"}
