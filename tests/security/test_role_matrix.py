"""Roles on screen: nobody gives more than they hold, the owner stays whole, every version can come back."""

import pytest

from data.definitions import BadDefinition
from data.errors import NotPermitted
from security import role_matrix, users
from security.reach import BeyondYourRights
from security.roles import Role
from security.settings import SettingEdited


def role_of(clinic, slug, by="adam"):
    return next(row for row in role_matrix.list_roles(by=clinic.actor(by)) if row.slug == slug)


def changed(row, *, add=(), drop=()):
    names = sorted((row.permissions | set(add)) - set(drop))
    return Role(label=row.label, second_factor=row.second_factor, permissions=names), row.number


def test_a_changed_role_holds_with_the_next_click_and_can_be_rolled_back(clinic):
    sam, adam = clinic.actor("sam"), clinic.actor("adam")
    staff = role_of(clinic, "staff")
    role_matrix.save_roles({"staff": changed(staff, add=["security.users"])}, by=adam)
    assert users.list_users(by=sam)
    history = role_matrix.role_history("staff", by=adam)
    assert [(version.number, version.who) for version in history] == [(2, "Adam Abbott"), (1, "Ballast")]
    assert role_matrix.roll_back_role("staff", 1, expected=2, by=adam) == 3
    with pytest.raises(NotPermitted):
        users.list_users(by=sam)


def test_the_owners_role_keeps_every_permission(clinic):
    owner = role_of(clinic, "owner")
    with pytest.raises(role_matrix.OwnerIsWhole):
        role_matrix.save_roles({"owner": changed(owner, drop=["notes.write"])}, by=clinic.actor("olive"))


def test_no_other_role_gets_what_is_the_owners_own(clinic):
    admin = role_of(clinic, "administrator")
    for name in ("adam", "olive"):
        with pytest.raises(role_matrix.OwnersOwn, match="hand the account"):
            role_matrix.save_roles({"administrator": changed(admin, add=["account.transfer"])}, by=clinic.actor(name))


def test_nobody_gives_or_takes_a_permission_they_lack(clinic):
    manager, staff = role_of(clinic, "manager"), role_of(clinic, "staff")
    role_matrix.save_roles({"manager": changed(manager, add=["security.roles"])}, by=clinic.actor("adam"))
    mona = clinic.actor("mona")
    with pytest.raises(BeyondYourRights):
        role_matrix.save_roles({"staff": changed(staff, add=["settings.edit"])}, by=mona)
    role_matrix.save_roles({"staff": changed(staff, add=["clients.merge"])}, by=mona)


def test_two_administrators_on_one_role_the_second_learns_what_changed(clinic):
    staff = role_of(clinic, "staff")
    role_matrix.save_roles({"staff": changed(staff, add=["reports.view"])}, by=clinic.actor("adam"))
    with pytest.raises(SettingEdited, match=r"Adam Abbott changed this role .*permissions"):
        role_matrix.save_roles({"staff": changed(staff, drop=["notes.write"])}, by=clinic.actor("olive"))
    assert "notes.write" in role_of(clinic, "staff").permissions


def test_several_roles_are_saved_together_or_not_at_all(clinic):
    staff, owner = role_of(clinic, "staff"), role_of(clinic, "owner")
    both = {"staff": changed(staff, add=["reports.view"]), "owner": changed(owner, drop=["notes.write"])}
    with pytest.raises(role_matrix.OwnerIsWhole):
        role_matrix.save_roles(both, by=clinic.actor("olive"))
    assert "reports.view" not in role_of(clinic, "staff").permissions


def test_a_custom_role_is_copied_renamed_and_removed_only_when_unused(clinic):
    adam = clinic.actor("adam")
    slug = role_matrix.copy_role("administrator", "Deputy", by=adam)
    number = role_matrix.rename_role(slug, "Second in charge", expected=1, by=adam)
    users.set_role(clinic.users["sam"], slug, by=adam)
    with pytest.raises(role_matrix.RoleInUse, match="1 person has"):
        role_matrix.remove_role(slug, expected=number, by=adam)
    users.set_role(clinic.users["sam"], "staff", by=adam)
    role_matrix.remove_role(slug, expected=number, by=adam)
    assert slug not in {row.slug for row in role_matrix.list_roles(by=adam)}
    with pytest.raises(role_matrix.ShippedRole):
        role_matrix.remove_role("staff", expected=1, by=adam)


def test_a_role_goes_out_as_a_file_and_comes_back_the_same(clinic):
    adam = clinic.actor("adam")
    text = role_matrix.export_role("clinician", by=adam)
    before = role_of(clinic, "clinician")
    role_matrix.save_roles({"clinician": changed(before, drop=["notes.write"])}, by=adam)
    role_matrix.import_role(text, by=adam)
    assert role_of(clinic, "clinician").permissions == before.permissions
    with pytest.raises(BadDefinition, match="no permission called"):
        role_matrix.import_role(text.replace("notes.write", "notes.everything"), by=adam)
    with pytest.raises(role_matrix.OwnersOwn):
        role_matrix.import_role(text.replace("notes.write", "account.close"), by=adam)


def test_nobody_weakens_the_sign_in_of_a_role_above_their_own(clinic):
    owner = role_of(clinic, "owner")
    weaker = Role(label=owner.label, second_factor=False, permissions=sorted(owner.permissions))
    with pytest.raises(BeyondYourRights):
        role_matrix.save_roles({"owner": (weaker, owner.number)}, by=clinic.actor("adam"))
    assert role_of(clinic, "owner").second_factor
    role_matrix.save_roles({"owner": (weaker, owner.number)}, by=clinic.actor("olive"))
    assert not role_of(clinic, "owner").second_factor
