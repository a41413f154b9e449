"""What is the owner's own: handing the account over, and closing it. Both ask for the password again."""

from __future__ import annotations

from sqlalchemy import select

from data.errors import BadInput
from data.models import Clinic, Ticket, User, UserSession
from data.types import clock
from security.actor import Actor
from security.confirm import confirm_password
from security.reach import OWNER, find_user
from security.rules import act, look
from security.sessions import void_tickets


def transfer_account(to_user_id: str, password: str, *, by: Actor, key: str | None = None) -> None:
    """Make another active person the owner; the giver becomes an administrator.

    Raises NotPermitted, WrongPassword, NotFound, BadInput.
    """
    with look(by, "account.transfer"):
        pass
    confirm_password(by, password)
    with act(by, "account.transfer", key=key) as work:
        if work.repeated:
            return
        heir = find_user(work.session, to_user_id)
        if heir.id == by.user_id or heir.role == OWNER:
            raise BadInput(problem=f"{heir.name} is an owner already. Choose somebody else.")
        if heir.status != "active":
            raise BadInput(problem=f"{heir.name} cannot sign in at present. Choose somebody who can.")
        heir.role = OWNER
        void_tickets(work.session, heir.id)
        if by.user_id is not None:
            find_user(work.session, by.user_id).role = "administrator"
        work.audit("account.transferred", "user", heir.id, from_user=by.user_id)


def close_account(confirmation: str, password: str, *, by: Actor, key: str | None = None) -> None:
    """Close the clinic: everybody is signed out and nobody can sign in. The data stay until they are erased by hand.

    ``confirmation`` is the clinic's name, typed. Raises NotPermitted, WrongPassword, BadInput.
    """
    with look(by, "account.close") as session:
        clinic = session.get_one(Clinic, by.clinic_id)
    if confirmation.strip() != clinic.name:
        raise BadInput(problem=f"Type the clinic's name, {clinic.name}, to close it.")
    confirm_password(by, password)
    with act(by, "account.close", key=key) as work:
        row = work.session.get_one(Clinic, by.clinic_id)
        if work.repeated or row.closed_at is not None:
            return
        row.closed_at = clock.now()
        for user in work.session.scalars(select(User).where(User.status != "disabled")):
            user.status = "disabled"
        for held in work.session.scalars(select(UserSession).where(UserSession.revoked_at.is_(None))):
            held.revoked_at, held.revoked_reason = clock.now(), "account closed"
        for ticket in work.session.scalars(select(Ticket).where(Ticket.used_at.is_(None))):
            ticket.used_at = clock.now()  # codes of screens and links too: nothing opens a closed clinic
        work.audit("account.closed", "clinic", by.clinic_id)
