"""What administrators may do to people's access, and where it ends."""

import datetime as dt

import pytest

from data import definitions
from data.errors import BadInput, NotPermitted, SessionEnded
from data.models import AuditLog, Clinic, OutboxMessage, User
from data.session import read, write
from data.types import clock
from messages.outbox import content_of
from security import account, audit, devices, invitations, passwords, sessions, sign_in, users
from security.clinics import NameTaken, add_user
from security.confirm import WrongPassword
from security.passwords import WeakPassword
from security.permissions import DEFAULT_ROLES
from security.reach import BeyondYourRights, LastOwner, NotYourself
from security.roles import ROLE, Role
from security.rules import look
from tests.conftest import PASSWORD

NEW = "amber-walnut-harbor-58"


def row(clinic, name):
    with read(clinic.id) as session:
        return session.get_one(User, (clinic.id, clinic.users[name]))


def actions(clinic):
    with read(clinic.id) as session:
        return [entry.action for entry in session.query(AuditLog).order_by(AuditLog.seq)]


def test_an_invited_person_chooses_a_password_and_can_sign_in(clinic):
    adam = clinic.actor("adam")
    link = invitations.invite("Nina", "staff", name="Nina Nash", email="nina@example.org", by=adam, key="form")
    secret = link.path.removeprefix("/?invite=")
    assert sign_in.check_password("nina", "") is None
    assert invitations.open_link(secret).name == "Nina Nash"
    with pytest.raises(WeakPassword):
        invitations.accept(secret, "short")
    invitations.accept(secret, NEW)
    assert sign_in.check_password("nina", NEW).role == "staff"
    with pytest.raises(invitations.LinkSpent):
        invitations.accept(secret, NEW)
    assert "user.invited" in actions(clinic) and "user.accepted" in actions(clinic)


def test_a_double_click_on_invite_gives_one_person_and_the_same_link(clinic):
    adam = clinic.actor("adam")
    first = invitations.invite("nina", "staff", name="Nina", by=adam, key="form")
    assert invitations.invite("nina", "staff", name="Nina", by=adam, key="form") == first
    with pytest.raises(NameTaken):
        invitations.invite("nina", "staff", name="Nina", by=adam, key="another form")


def test_an_invitation_ends_after_seven_days_and_a_newer_one_replaces_it(clinic):
    adam = clinic.actor("adam")
    first = invitations.invite("nina", "staff", name="Nina", by=adam)
    second = invitations.invite_again(first.user_id, by=adam)
    with pytest.raises(invitations.LinkSpent):
        invitations.open_link(first.path.partition("=")[2])
    invitations.open_link(second.path.partition("=")[2])
    clock.set(clock.now() + dt.timedelta(days=7, seconds=1))
    with pytest.raises(invitations.LinkSpent):
        invitations.open_link(second.path.partition("=")[2])


def test_a_reset_link_sets_the_password_releases_the_lock_and_signs_out(clinic):
    sam = clinic.actor("sam")
    with write(clinic.id) as session:
        session.get_one(User, (clinic.id, clinic.users["sam"])).locked_at = clock.now()
    link = invitations.reset_password(clinic.users["sam"], by=clinic.actor("adam"))
    assert sign_in.check_password("sam", PASSWORD) is None
    invitations.accept(link.path.partition("=")[2], NEW)
    assert sign_in.check_password("sam", NEW) is not None
    with pytest.raises(SessionEnded), look(sam, None):
        pass


def test_a_disabled_person_is_out_at_once_and_comes_back_when_enabled(clinic):
    sam, adam = clinic.actor("sam"), clinic.actor("adam")
    users.disable(clinic.users["sam"], by=adam)
    with pytest.raises(SessionEnded), look(sam, None):
        pass
    assert sign_in.check_password("sam", PASSWORD) is None
    users.enable(clinic.users["sam"], by=adam)
    assert sign_in.check_password("sam", PASSWORD) is not None


def test_a_promoted_administrator_has_the_rights_with_the_next_click(clinic):
    sam = clinic.actor("sam")
    with pytest.raises(NotPermitted):
        users.list_users(by=sam)
    users.set_role(clinic.users["sam"], "administrator", by=clinic.actor("adam"))
    assert {person.username for person in users.list_users(by=sam)} >= {"sam", "olive"}
    users.set_role(clinic.users["sam"], "staff", by=clinic.actor("adam"))
    with pytest.raises(NotPermitted):
        users.list_users(by=sam)


@pytest.mark.parametrize("rule", [
    lambda target, by: users.disable(target, by=by),
    lambda target, by: users.set_role(target, "staff", by=by),
    lambda target, by: invitations.reset_password(target, by=by),
    lambda target, by: users.forget_second_factor(target, by=by),
])  # fmt: skip
def test_an_administrator_cannot_take_the_owners_account(sqlite_clinic, rule):
    with write(sqlite_clinic.id) as session:
        session.get_one(User, (sqlite_clinic.id, sqlite_clinic.users["olive"])).totp_secret = b"secret"
    with pytest.raises(BeyondYourRights):
        rule(sqlite_clinic.users["olive"], sqlite_clinic.actor("adam"))


def test_nobody_raises_anybody_above_their_own_rights(clinic):
    adam = clinic.actor("adam")
    for attempt in (
        lambda: users.set_role(clinic.users["sam"], "owner", by=adam),
        lambda: invitations.invite("nina", "owner", name="Nina", by=adam),
        lambda: add_user("nina", "owner", NEW, by=adam),
    ):
        with pytest.raises(BeyondYourRights, match="close the account"):
            attempt()
    assert "owner" not in users.roles_to_give(by=adam)
    users.set_role(clinic.users["sam"], "owner", by=clinic.actor("olive"))


def test_the_last_owner_stays(clinic):
    with pytest.raises(LastOwner):
        users.disable(clinic.users["olive"], by=clinic.operator)
    with pytest.raises(LastOwner):
        users.set_role(clinic.users["olive"], "staff", by=clinic.operator)
    with pytest.raises(NotYourself):
        users.disable(clinic.users["adam"], by=clinic.actor("adam"))


def test_lockout_is_released_by_somebody_else_only(clinic):
    adam = clinic.actor("adam")
    for name in ("sam", "adam"):
        with write(clinic.id) as session:
            user = session.get_one(User, (clinic.id, clinic.users[name]))
            user.locked_at, user.failures = clock.now(), 10
    assert sign_in.check_password("sam", PASSWORD) is None
    users.release(clinic.users["sam"], by=adam)
    assert sign_in.check_password("sam", PASSWORD) is not None
    with pytest.raises(NotYourself):
        users.release(clinic.users["adam"], by=adam)


def test_signing_out_one_a_person_and_everyone(clinic):
    adam, sam, other, mona = (clinic.actor(name) for name in ("adam", "sam", "sam", "mona"))
    users.sign_out_session(sam.session_id, by=adam)
    with pytest.raises(SessionEnded), look(sam, None):
        pass
    assert users.sign_out_user(clinic.users["sam"], by=adam) == 1
    with pytest.raises(SessionEnded), look(other, None):
        pass
    assert users.sign_out_everyone(by=adam) == 1
    with pytest.raises(SessionEnded), look(mona, None):
        pass
    assert [held.name for held in users.list_sessions(by=adam)] == ["Adam Abbott"]


def warden(clinic, *more):
    """Somebody who may sign people out and little else."""
    with write(clinic.id) as session:
        role = Role(label="Warden", permissions=["security.users", *more])
        definitions.save(session, ROLE, "warden", role, by_user_id=None)
        session.get_one(User, (clinic.id, clinic.users["mona"])).role = "warden"
        session.flush()
        audit.append(session, clinic.operator, "test.prepared")
    return clinic.actor("mona")


def test_signing_out_reaches_as_far_as_ones_own_rights(clinic):
    """An administrator has the owner's access, so may sign an owner out; a lesser role may not."""
    olive, adam, mona = clinic.actor("olive"), clinic.actor("adam"), warden(clinic)
    for attempt in (
        lambda: users.sign_out_user(clinic.users["olive"], by=mona),
        lambda: users.sign_out_session(adam.session_id, by=mona),
        lambda: users.release(clinic.users["clara"], by=mona),
    ):
        if attempt.__code__.co_names[1] == "release":
            with write(clinic.id) as session:
                session.get_one(User, (clinic.id, clinic.users["clara"])).failures = 3
        with pytest.raises(BeyondYourRights):
            attempt()
    assert users.sign_out_everyone(by=mona) == 0
    for person in (olive, adam):
        with look(person, None):
            pass
    assert users.sign_out_user(clinic.users["olive"], by=adam) == 1
    with pytest.raises(SessionEnded), look(olive, None):
        pass


def test_everyone_is_everyone_within_reach_and_says_who_stays(clinic):
    olive, sam = clinic.actor("olive"), clinic.actor("sam")
    mona = warden(clinic, *DEFAULT_ROLES["staff"][2])
    assert users.sign_out_everyone(by=mona) == 1
    with pytest.raises(SessionEnded), look(sam, None):
        pass
    with look(olive, None):
        pass
    assert users.sign_out_everyone(by=clinic.actor("adam")) == 2


def test_a_reset_voids_the_pin_and_the_sign_in_that_was_under_way(clinic):
    adam = clinic.actor("adam")
    with write(clinic.id) as session:
        sam = session.get_one(User, (clinic.id, clinic.users["sam"]))
        sam.pin_hash, sam.pin_failures = passwords.hash_secret("274918"), 5
    half_way = sessions.mint_ticket(clinic.id, clinic.users["sam"])
    held = clinic.actor("sam")
    secret = invitations.reset_password(clinic.users["sam"], by=adam).path.removeprefix("/?reset=")
    invitations.accept(secret, NEW)
    assert (row(clinic, "sam").pin_hash, row(clinic, "sam").pin_failures) == ("", 0)
    assert sessions.redeem_ticket(half_way) is None
    with pytest.raises(SessionEnded), look(held, None):
        pass


def _close(clinic):
    with write(clinic.id) as session:
        session.get_one(Clinic, clinic.id).closed_at = clock.now()


SPENT = {
    "used": lambda clinic, secret: invitations.accept(secret, PASSWORD),
    "expired": lambda clinic, secret: clock.set(clock.now() + dt.timedelta(hours=24, seconds=1)),
    "replaced": lambda clinic, secret: invitations.reset_password(clinic.users["sam"], by=clinic.actor("adam")),
    "disabled": lambda clinic, secret: users.disable(clinic.users["sam"], by=clinic.actor("adam")),
    "enabled again": lambda clinic, secret: [
        rule(clinic.users["sam"], by=clinic.actor("adam")) for rule in (users.disable, users.enable)
    ],
    "promoted": lambda clinic, secret: users.set_role(clinic.users["sam"], "administrator", by=clinic.actor("olive")),
    "owner now": lambda clinic, secret: account.transfer_account(
        clinic.users["sam"], PASSWORD, by=clinic.actor("olive")
    ),
    "closed": lambda clinic, secret: _close(clinic),
    "invented": lambda clinic, secret: "0" * 40,
    "of a sign-in": lambda clinic, secret: sessions.mint_ticket(clinic.id, clinic.users["sam"]),
}


@pytest.mark.parametrize("how", SPENT)
def test_a_link_that_is_spent_says_one_sentence_and_changes_nothing(sqlite_clinic, how):
    link = invitations.reset_password(sqlite_clinic.users["sam"], by=sqlite_clinic.actor("adam"), key="form")
    secret = link.path.removeprefix("/?reset=")
    assert invitations.open_link(secret).username == "sam"
    other = SPENT[how](sqlite_clinic, secret)
    secret = other if isinstance(other, str) else secret
    before, log = row(sqlite_clinic, "sam"), actions(sqlite_clinic)
    said = set()
    for _ in range(2):
        for attempt in (lambda: invitations.open_link(secret), lambda: invitations.accept(secret, NEW)):
            with pytest.raises(invitations.LinkSpent) as refused:
                attempt()
            said.add(refused.value.message)
    assert len(said) == 1 and "sam" not in said.pop().lower()
    after = row(sqlite_clinic, "sam")
    assert (after.password_hash, after.status, after.version) == (before.password_hash, before.status, before.version)
    assert actions(sqlite_clinic) == log


def test_the_same_click_after_the_link_was_used_gives_the_same_spent_link(clinic):
    adam = clinic.actor("adam")
    first = invitations.invite("nina", "staff", name="Nina", by=adam, key="form")
    invitations.accept(first.path.removeprefix("/?invite="), NEW)
    assert invitations.invite("nina", "staff", name="Nina", by=adam, key="form") == first
    link = invitations.reset_password(clinic.users["sam"], by=adam, key="other")
    invitations.accept(link.path.removeprefix("/?reset="), NEW)
    assert invitations.reset_password(clinic.users["sam"], by=adam, key="other") == link


def test_handing_over_the_account_asks_for_the_password_and_is_the_owners_own(clinic):
    olive = clinic.actor("olive")
    with pytest.raises(NotPermitted):
        account.transfer_account(clinic.users["adam"], PASSWORD, by=clinic.actor("adam"))
    with pytest.raises(WrongPassword):
        account.transfer_account(clinic.users["adam"], "wrong", by=olive)
    account.transfer_account(clinic.users["adam"], PASSWORD, by=olive)
    assert (row(clinic, "adam").role, row(clinic, "olive").role) == ("owner", "administrator")


def test_closing_the_account_ends_every_session_and_every_sign_in(clinic):
    olive, sam = clinic.actor("olive"), clinic.actor("sam")
    with pytest.raises(NotPermitted):
        account.close_account("Harbor Spay & Neuter", PASSWORD, by=clinic.actor("adam"))
    with pytest.raises(BadInput):
        account.close_account("Another", PASSWORD, by=olive)
    code = devices.make_code("display", "Recovery", by=olive)
    account.close_account("Harbor Spay & Neuter", PASSWORD, by=olive)
    assert devices.enrol(code) is None, "a screen was let into a closed clinic"
    with read(clinic.id) as session:
        assert session.get_one(Clinic, clinic.id).closed_at is not None
    with pytest.raises(SessionEnded), look(sam, None):
        pass
    assert sign_in.check_password("olive", PASSWORD) is None


def test_an_invitation_is_mailed_where_the_addresses_are_known(clinic):
    adam = clinic.actor("adam")
    link = invitations.invite(
        "nina", "staff", name="Nina", email="nina@example.org", site="https://clinic.example", by=adam, key="form"
    )
    with read(clinic.id) as session:
        mail = session.query(OutboxMessage).one()
        assert mail.recipient == "nina@example.org"
        assert f"https://clinic.example{link.path}" in content_of(mail).text
        assert link.path.partition("=")[2].encode() not in mail.body
