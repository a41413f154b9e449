"""Settings > Text messages: the account they go through, written and never shown again, and one message to try it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from data.errors import BadInput, EnvironmentFailure, Refusal
from data.session import ClinicSession, read
from messages import delivery, sms
from messages.phone import dialled
from messages.sms import Account
from security.actor import Actor
from security.clinic_secrets import keep_secret, secret
from security.profile import profile
from security.rules import act, look

WORDS = "This is a test of the text messages of {clinic}. Nobody needs to answer it."


class BadTextAccount(BadInput):
    """{problem}"""


class NoTextAccount(BadInput):
    """No account for text messages is set. Enter it first."""


class TextNotTaken(EnvironmentFailure):
    """The text message service did not take the message: {problem}"""


class SendingPaused(Refusal):
    """Sending is paused since a backup was restored: nothing goes out. See docs/backups.md."""


@dataclass(frozen=True)
class TextAccount:
    """What is set: the account's SID in part, and who messages come from. The token is never told."""

    account: str
    sender: str


def text_account(*, by: Actor) -> TextAccount | None:
    """The account that is set, masked; None where there is none. Raises NotPermitted."""
    with look(by, "settings.edit") as session:
        found = sms.account_of(session)
        return TextAccount(masked(found.account), found.sender) if found else None


def save_account(account: str, token: str, sender: str, *, by: Actor, key: str | None = None) -> None:
    """Keep the account; an empty SID or token leaves what is there, as long as both belong together.

    Raises BadTextAccount, NotPermitted.
    """
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        account, token, before = account.strip(), token.strip(), sms.account_of(work.session)
        if before is not None and account in ("", before.account):
            account, token = before.account, token or before.token
        _check(account, token)
        told = {"account": account, "token": token, "sender": _sender(sender)}
        keep_secret(work.session, sms.SECRET, json.dumps(told))
        work.audit("sms.account_set", "clinic", by.clinic_id, names=["account", "sender", "token"])
        work.result = True


def forget_account(*, by: Actor, key: str | None = None) -> None:
    """Throw the account away: no text message goes out any more. Raises NotPermitted."""
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return
        if sms.account_of(work.session) is not None:
            keep_secret(work.session, sms.SECRET, "")
            work.audit("sms.account_forgotten", "clinic", by.clinic_id)
        work.result = True


def send_test(number: str, *, by: Actor, key: str | None = None) -> str:
    """Send one text message now; what the service answered, in words. A second click sends none.

    Raises BadTextAccount, NoTextAccount, SendingPaused, TextNotTaken, NotPermitted.
    """
    whole = dialled(number)
    with act(by, "settings.edit", key=key) as work:
        if work.repeated:
            return str(work.result)
        if not whole:
            raise BadTextAccount(problem="Enter a mobile number with its country code, such as +1 555 010 4477.")
        account, name = _ready(work.session)
        work.audit("sms.tested", "clinic", by.clinic_id)
        work.result = "The message was asked for by the first click."
    told = sms.send_one(account, whole, WORDS.format(clinic=name))
    if not told.is_sent:
        raise TextNotTaken(problem=told.text.rstrip(".") + ".")
    return "The service took the message. It says no more than that: look at the phone."


def masked(account: str) -> str:
    """As much of a SID as tells it from others."""
    return f"{account[:4]}…{account[-4:]}" if len(account) > 12 else f"{account[:2]}…"


def account_in(clinic_id: str) -> Account | None:
    """The account of a clinic, for what comes in."""
    with read(clinic_id) as session:
        return sms.account_of(session)


def _ready(session: ClinicSession) -> tuple[Account, str]:
    account = sms.account_of(session)
    if account is None:
        raise NoTextAccount()
    if delivery.is_paused():
        raise SendingPaused()
    return account, profile(session).legal_name or "the clinic"


def _check(account: str, token: str) -> None:
    if not re.fullmatch(r"AC[0-9a-fA-F]{32}", account):
        raise BadTextAccount(problem="The account SID has AC and 32 letters and digits. Copy it from the console.")
    if not re.fullmatch(r"[!-~]{16,200}", token):
        raise BadTextAccount(problem="Enter the auth token of this account, as the console shows it.")


def _sender(typed: str) -> str:
    typed = typed.strip()
    if re.fullmatch(r"MG[0-9a-fA-F]{32}", typed):
        return typed
    if re.fullmatch(r"\d{5,6}", typed):
        return typed
    whole = dialled(typed)
    if not whole:
        raise BadTextAccount(
            problem="The sender is a phone number with its country code, or the SID of a messaging service (MG…)."
        )
    return whole


sms.READ_SECRET[:] = [secret]
