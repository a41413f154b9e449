"""The clinic's bank accounts by a name of its own. A number is never kept: a keyed fingerprint knows it again."""

from __future__ import annotations

import hashlib
import hmac
import re

from pydantic import Field as Rule

from billing.settlement.rows import Account
from data import definitions
from data.card_numbers import refuse_card_numbers
from data.engine import database
from data.errors import BadInput
from data.session import ClinicSession


class BankAccountDocument(definitions.Document):
    """An account statements come of. ``fingerprints`` know its number, or the table it comes in, again."""

    name: str = Rule(min_length=1, max_length=60)
    ending: str = Rule(default="", max_length=4)
    """The last four signs of its number."""
    fingerprints: list[str] = Rule(default_factory=list)


BANK_ACCOUNT = definitions.register("bank-account", "Bank account", BankAccountDocument, has_own_rules=True)


class AccountTaken(BadInput):
    """The name '{name}' belongs to another account of yours (ending {ending}). Give this one a name of its own."""


def fingerprint(number: str) -> str:
    """By which an account's number is known again and cannot be read; empty where there is none."""
    bare = "".join(sign for sign in number.upper() if sign.isalnum())
    if not bare:
        return ""
    return hmac.new(database().home.key("index"), f"account {bare}".encode(), hashlib.sha256).hexdigest()[:32]


def slug_of(name: str) -> str:
    """The slug of an account's name."""
    return "-".join(re.sub(r"[^\w]+", " ", name.lower()).split())[:80] or "account"


def name_of(session: ClinicSession, account: Account, wanted: str) -> str:
    """What an account is called: the name given now, the one it has had, or one made of its ending.

    Raises AccountTaken, CardNumberTyped.
    """
    refuse_card_numbers({"The account's name": wanted})
    known = definitions.load_all(session, BANK_ACCOUNT)
    mark = fingerprint(account.number)
    had = next((one.name for one in known.values() if mark and mark in one.fingerprints), "")
    if not wanted:
        return had or (f"Account ending {account.ending}" if account.ending else "Bank account")
    wanted = wanted.strip()[:60]
    if had:
        return had if had.lower() == wanted.lower() else _taken(had, wanted)
    same = known.get(slug_of(wanted))
    if same is None:
        return wanted
    if mark and same.fingerprints and mark not in same.fingerprints:
        raise AccountTaken(name=same.name, ending=same.ending or "unknown")
    return same.name


def _taken(had: str, wanted: str) -> str:
    raise BadInput(
        problem=f"This statement is of the account '{had}', not of '{wanted}'. Leave the name out, or take the imports "
        f"of '{had}' back first."
    )


def remember(session: ClinicSession, account: Account, name: str, run_id: str, by_user_id: str | None) -> None:
    """Keep an account's name for the next statement."""
    known = definitions.load_all(session, BANK_ACCOUNT).get(slug_of(name))
    mark = fingerprint(account.number)
    document = BankAccountDocument(
        name=known.name if known else name, ending=account.ending or (known.ending if known else ""),
        fingerprints=sorted({*(known.fingerprints if known else ()), *((mark,) if mark else ())}),
    )  # fmt: skip
    definitions.save(session, BANK_ACCOUNT, slug_of(name), document, by_user_id=by_user_id, comment=f"import {run_id}")
