"""Text messages, through Twilio's HTTP API: one request for each, marked one by one, as nothing tells afterwards which
of them was taken over.

``ClinicSecret`` "sms" holds the account as JSON: ``account``, ``token``, and ``sender``, a phone number or the SID of
a messaging service.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from data.errors import EnvironmentFailure
from data.session import ClinicSession, read
from data.tls import trusted
from messages.delivery import OutboxRow, Round, content_for, is_paused
from messages.mime import Unsendable
from messages.phone import dialled
from messages.wire import Told

API = "https://api.twilio.com"
TIMEOUT = httpx.Timeout(20.0, connect=8.0)
LONGEST = 1600
"""Characters that Twilio takes in one message."""
PAGES = 10
"""Pages of replies that are read at once."""
SECRET = "sms"  # noqa: S105 - a name


class NotAnswered(EnvironmentFailure):
    """The text message service could not be asked for replies: {problem}. Check the account under Settings > Text
    messages."""


@dataclass(frozen=True)
class Account:
    """What signs the clinic in."""

    account: str
    token: str
    sender: str


READ_SECRET: list[Any] = []
"""How a clinic's secret of a name is read; ``security``, which lies above, says it."""


def account_of(session: ClinicSession) -> Account | None:
    """The clinic's account; None where none is set up."""
    text = READ_SECRET[0](session, SECRET) if READ_SECRET else ""
    if not text:
        return None
    told = json.loads(text)
    return Account(told["account"], told["token"], told["sender"])


def is_set_up(session: ClinicSession) -> bool:
    """Whether this clinic can send text messages."""
    return account_of(session) is not None


def deliver(clinic_id: str, owner: str, *, limit: int = 20, seconds: float = 5.0) -> dict[str, int]:
    """Send the text messages that are due for one clinic; returns how many ended in which state."""
    if is_paused():
        return {}
    with read(clinic_id) as session:
        account = account_of(session)
    return TextRound(clinic_id, owner, limit, account).run(seconds) if account else {}


class TextRound(Round):
    """Text messages, one by one."""

    channel = "sms"
    group = 1

    def __init__(self, clinic_id: str, owner: str, limit: int, account: Account) -> None:
        super().__init__(clinic_id, owner, limit)
        self.account = account
        self.client = _client(account)

    def close(self) -> None:
        self.client.close()

    def compose(self, row: OutboxRow) -> dict[str, str]:
        text = content_for(self.clinic_id, row).text.strip()
        if not text or len(text) > LONGEST:
            raise Unsendable(f"a text message has 1 to {LONGEST:,} characters, this one {len(text):,}")
        return _form(self.account, number_of(row.recipient), text)

    def send(self, parcels: Sequence[tuple[OutboxRow, Any]]) -> list[tuple[OutboxRow, Told]]:
        return [(row, self._post(form)) for row, form in parcels]

    def _post(self, form: dict[str, str]) -> Told:
        return _posted(self.client, self.account, form)


def send_one(account: Account, number: str, text: str) -> Told:
    """Send one text message beside the outbox, to try an account; what the service said. ``number`` is as dialled."""
    with _client(account) as client:
        return _posted(client, account, _form(account, number, text))


def knows(account: Account) -> bool:
    """Whether the service answers and lets this account in. No message goes out for it."""
    try:
        with _client(account) as client:
            return client.get(f"/2010-04-01/Accounts/{account.account}.json").status_code == 200
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def incoming(account: Account, since: date) -> list[dict[str, str]]:
    """What people wrote to the clinic's numbers since a day (UTC): ``sid``, ``from``, ``body``, ``date_sent``. Raises
    NotAnswered."""
    found: list[dict[str, str]] = []
    about: dict[str, str] | None = {"DateSent>": since.isoformat(), "PageSize": "500"}
    if about and not account.sender.startswith("MG"):
        about["To"] = account.sender
    where: str | None = f"/2010-04-01/Accounts/{account.account}/Messages.json"
    with _client(account) as client:
        for _ in range(PAGES):
            try:
                answer = client.get(where or "", params=about)
                told = answer.json() if answer.status_code == 200 else None
            except (httpx.HTTPError, httpx.InvalidURL, ValueError):
                raise NotAnswered(problem="it did not answer") from None
            if not isinstance(told, dict) or not isinstance(told.get("messages"), list):
                raise NotAnswered(problem=_words(answer))
            some = [one for one in told["messages"] if isinstance(one, dict) and one.get("direction") == "inbound"]
            found += [{name: str(one.get(name) or "") for name in ("sid", "from", "body", "date_sent")} for one in some]
            where, about = told.get("next_page_uri"), None  # it holds its own query
            if not isinstance(where, str) or not where.startswith("/2010-04-01/"):
                break
    return found


def _client(account: Account) -> httpx.Client:
    return httpx.Client(
        base_url=os.environ.get("BALLAST_SMS_AT", "") or API, auth=(account.account, account.token),
        timeout=TIMEOUT, follow_redirects=False, verify=trusted(),
    )  # fmt: skip


def _form(account: Account, number: str, text: str) -> dict[str, str]:
    whom = "MessagingServiceSid" if account.sender.startswith("MG") else "From"
    return {"To": number, whom: account.sender, "Body": text}


def _posted(client: httpx.Client, account: Account, form: dict[str, str]) -> Told:
    try:
        answer = client.post(f"/2010-04-01/Accounts/{account.account}/Messages.json", data=form)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        return Told(0, "the text message service cannot be reached", "connection")
    except httpx.HTTPError:
        return Told(0, "the text message service did not answer in time", "connection", may_have_arrived=True)
    return _told(answer)


def number_of(typed: str) -> str:
    """A phone number as the API takes it. Raises Unsendable."""
    whole = dialled(typed)
    if not whole:
        raise Unsendable("the phone number has no country code, or is not one")
    return whole


def _told(answer: httpx.Response) -> Told:
    """The answer in the codes of mail: 429 and troubles of theirs pass, a number that is none does not."""
    status = answer.status_code
    words = _words(answer)
    if status in (200, 201):
        return Told(250, words)
    if status in (502, 504):  # something in between answered: it may have been taken
        return Told(0, f"the text message service did not answer: {words}", "connection", may_have_arrived=True)
    if status == 429 or status >= 500:
        return Told(450, f"the text message service is busy: {words}")
    if status in (401, 403):
        return Told(530, f"the text message service does not let us in: {words}", "sender")
    return Told(550, words, "recipient")


def _words(answer: httpx.Response) -> str:
    try:
        told = answer.json()
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):  # of something in between that is not the service
        return f"HTTP {answer.status_code}"
    code = told.get("code") or ""
    return f"{code} {told.get('message') or told.get('sid') or ''}".strip()[:300]
