"""Entering the password again, before a step that a borrowed session must not take."""

from __future__ import annotations

from data.errors import NotPermitted, Refusal
from data.models import User
from data.session import read
from security import sign_in
from security.actor import Actor


class WrongPassword(Refusal):
    """That is not your password. Enter it again; ten wrong ones in a row lock the account."""

    exit_code = 3


def confirm_password(by: Actor, password: str) -> None:
    """Make sure that the signed-in person is the one at the keyboard; the operator is not asked.

    Called before the transaction, as hashing takes its time. Wrong ones count towards the lockout.
    Raises WrongPassword, NotPermitted.
    """
    if by.is_trusted:
        return
    with read(by.clinic_id) as session:
        user = session.get(User, (by.clinic_id, by.user_id)) if by.user_id else None
    if user is None:
        raise NotPermitted(action="do this from a shared screen")
    if sign_in.check_password(user.username, password) is None:
        raise WrongPassword()
