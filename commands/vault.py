"""``ballast vault``: who gets the roster every night, its password, and sending it now."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

import click

from commands.context import common, operator, tell
from data.errors import BadInput, EnvironmentFailure
from messages import delivery
from outage import vault as nightly
from outage import vault_addresses as rules
from security.actor import Actor


class NoMailServer(EnvironmentFailure):
    """It waits in the outbox: {why}"""


@click.group()
def vault() -> None:
    """The roster by mail, every night at midnight, encrypted."""


@vault.command("add")
@click.argument("address")
@click.option("--vouched", is_flag=True, help="Confirm it without the code: you know whose it is.")
@common
def vault_add(address: str, vouched: bool) -> None:
    """Add an address; it gets a code, which `vault confirm` or the page takes."""
    by = operator()
    number = rules.add_address(address, by=by)
    if vouched:
        rules.vouch_for(number, by=by)
    _deliver(by)
    words = f"{address} gets the Vault." if vouched else (
        f"A code is on its way to {address}. Confirm it: ballast vault confirm {address} CODE"
    )  # fmt: skip
    tell({"id": number, "address": address, "confirmed": vouched}, words)


@vault.command("confirm")
@click.argument("address")
@click.argument("code")
@common
def vault_confirm(address: str, code: str) -> None:
    """Enter the code that came to an address."""
    by = operator()
    rules.confirm_address(_id_of(address, by), code, by=by)
    tell({"address": address, "confirmed": True}, f"{address} gets the Vault.")


@vault.command("remove")
@click.argument("address")
@common
def vault_remove(address: str) -> None:
    """Take an address off the list."""
    by = operator()
    rules.remove_address(_id_of(address, by), by=by)
    tell({"removed": address}, f"{address} no longer gets the Vault.")


@vault.command("list")
@common
def vault_list() -> None:
    """The addresses, whether the password is set, and how the last nights went."""
    by = operator()
    found, set_at = rules.addresses(by=by), rules.password_since(by=by)
    mails = [_mail(mail) for mail in nightly.nights(by=by)]
    document = {
        "addresses": [
            {"id": one.id, "address": one.email, "confirmed": one.confirmed_at is not None} for one in found
        ],
        "password_set": set_at is not None, "mails": mails,
    }  # fmt: skip
    lines = [f"{one.email:<40} {'confirmed' if one.confirmed_at else 'waits for its code'}" for one in found]
    lines.append("The password is set." if set_at else "No password is set: nothing is sent.")
    lines += [f"{mail['day']}  {mail['to']:<40} {mail['state']} {mail['reason']}".rstrip() for mail in mails]
    tell(document, "\n".join(lines))


@vault.command("password")
@click.option("--password-stdin", is_flag=True, help="Read it from standard input; without it one is drawn.")
@common
def vault_password(password_stdin: bool) -> None:
    """Set the password of the mailed file; a drawn one is printed once."""
    by = operator()
    given = click.get_text_stream("stdin").readline().rstrip("\r\n") if password_stdin else rules.drawn_password()
    rules.set_password(given, by=by)
    drawn = None if password_stdin else given
    tell({"password": drawn}, "The password is set." if drawn is None else f"The password is {drawn}")


@vault.command("send")
@click.option("--date", "day", metavar="YYYY-MM-DD", help="Whose roster; today's without it.")
@click.option("--again", is_flag=True, help="Another copy, also to those who had it.")
@common
def vault_send(day: str | None, again: bool) -> None:
    """Send a day's roster now to every confirmed address that did not get it yet."""
    by = operator()
    wanted = _day(day)
    sent = nightly.send_now(wanted, by=by, key=os.urandom(8).hex()) if again else nightly.send_night(wanted, by=by)
    _deliver(by)
    mails = [_mail(mail) for mail in nightly.nights(by=by) if mail.day == sent.day]
    document = {
        "day": sent.day.isoformat(), "queued": sent.mails, "had_it_before": sent.before, "visits": sent.visits,
        "mails": mails,
    }  # fmt: skip
    if sent.mails and not delivery.mail_server():
        raise NoMailServer(why="no mail server is set. Set BALLAST_SMTP_URL.")
    if sent.mails and delivery.is_paused():
        raise NoMailServer(why="sending rests, as after a restore. Remove the file sending-paused from the home.")
    words = [f"{mail['to']:<40} {mail['state']} {mail['reason']}".rstrip() for mail in mails]
    if not sent.mails:
        words.append("Everybody had it before; --again sends another copy.")
    tell(document, "\n".join(words))


def _deliver(by: Actor) -> None:
    delivery.deliver(by.clinic_id, f"vault-{os.getpid()}")


def _id_of(address: str, by: Actor) -> str:
    for one in rules.addresses(by=by):
        if one.email.lower() == address.strip().lower():
            return one.id
    raise BadInput(problem=f"{address} is no address of the Vault. `ballast vault list` shows them.")


def _day(text: str | None) -> date | None:
    if text is None or text == "today":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(problem=f"'{text}' is not a day. Write it like 2026-11-22.") from None


def _mail(mail: nightly.Mail) -> dict[str, Any]:
    return {
        "day": mail.day.isoformat(), "to": mail.email, "state": mail.state,
        "at": mail.at.isoformat() if mail.at else None, "late": mail.late, "asked": mail.asked, "reason": mail.reason,
    }  # fmt: skip
